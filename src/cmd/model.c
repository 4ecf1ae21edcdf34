/* model.c - see model.h. */
#include "cmd/model.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* "<folder of the program>/model".  false: the kernel does not tell. */
static bool beside_program(char *out, size_t size)
{
    ssize_t n = readlink("/proc/self/exe", out, size);
    char *slash;

    if (n <= 0 || (size_t)n >= size)
        return false;
    out[n] = '\0';
    slash = strrchr(out, '/');
    if (!slash || (size_t)(slash - out) + sizeof("/model") > size)
        return false;
    memcpy(slash, "/model", sizeof("/model"));
    return true;
}

enum err_code model_dirs_find(struct model_dirs *out, const struct config *c,
                              const struct datadir *d, struct err *e)
{
    const char *set = config_str(c, "model_dir");
    enum err_code rc;
    int n = 0;

    *out = (struct model_dirs){.list = {NULL}};
    if (*set) {
        out->list[0] = set;
        return ERR_NONE;
    }
    if (beside_program(out->text[0], sizeof(out->text[0])))
        out->list[n++] = out->text[0];
    rc = datadir_file(d, "model", out->text[1], sizeof(out->text[1]), e);
    if (rc == ERR_NONE)
        out->list[n] = out->text[1];
    return rc;
}

const char *model_dirs_best(const struct model_dirs *m)
{
    char path[4300];
    int i;

    for (i = 0; m->list[i + 1]; i++) {
        snprintf(path, sizeof(path), "%s/model.safetensors", m->list[i]);
        if (access(path, F_OK) == 0)
            break;
    }
    return m->list[i];
}
