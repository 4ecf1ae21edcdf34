/* fuzz_config.c - any bytes as sheaf.conf, and their words as flags. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/config.h"
#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
    if (!ok)
        abort();
}

/* What is in force is always of the right form. */
static void check_values(const struct config *c)
{
    const struct config_row *rows;
    uint16_t port;
    size_t n, i;

    rows = config_rows(&n);
    for (i = 0; i < n; i++) {
        const char *text = config_text(c, rows[i].key);

        require(utf8_valid(slice_of(text)) && !strpbrk(text, "\r\n"));
        require(!rows[i].secret || strlen(config_shown(c, rows[i].key)) <= 3);
        if (rows[i].type == CONFIG_INT) {
            int64_t v = config_int(c, rows[i].key);

            require(v >= rows[i].min && v <= rows[i].max);
        }
    }
    require(config_listen(c, &port).len > 0);
}

static void read_flags(struct config *c, struct slice s)
{
    static const char *const known[] = {"--json", "--days=", "-h", NULL};
    char *argv[65], *text = malloc(s.len + 1), *rest = text, *word;
    struct err e = {0};
    int argc = 0, before;

    require(text != NULL);
    if (s.len > 0)
        memcpy(text, s.p, s.len);
    text[s.len] = '\0';
    while (argc < 64 && (word = strsep(&rest, "\n ")))
        argv[argc++] = word;
    argv[argc] = NULL;
    before = argc;
    if (config_load_flags(c, &argc, argv, known, &e) == ERR_NONE)
        require(argc <= before && argv[argc] == NULL);
    else
        require(e.msg[0]);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice s = {(const char *)data, size};
    struct config *c = config_new();
    struct err e = {0};

    require(c != NULL);
    if (config_read(c, s, "fuzz", &e))
        require(e.msg[0]);
    read_flags(c, s);
    check_values(c);
    config_free(c);
    return 0;
}
