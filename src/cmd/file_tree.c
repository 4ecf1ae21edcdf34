/* file_tree.c - see file_tree.h. */
#include "cmd/file_tree.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

bool file_tree_leaves_out(const char *name)
{
    size_t n = strlen(name);

    return n == 0 || name[0] == '.' || name[n - 1] == '~';
}

static enum err_code cannot(const char *path, struct err *e)
{
    return err_set(e, ERR_NOT_FOUND, "%s: %s", path, strerror(errno));
}

enum err_code file_tree_absolute(const char *path, char *out, struct err *e)
{
    char folder[FILE_TREE_MAX_PATH], whole[FILE_TREE_MAX_PATH];
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    struct stat st;

    if (stat(path, &st) != 0)
        return cannot(path, e);
    if (S_ISDIR(st.st_mode))
        return realpath(path, out) ? ERR_NONE : cannot(path, e);
    if ((size_t)(name - path) >= sizeof(folder))
        return err_set(e, ERR_INVALID, "%s: the path is too long", path);
    snprintf(folder, sizeof(folder), "%.*s", (int)(name - path), path);
    if (!realpath(*folder ? folder : ".", whole))
        return cannot(path, e);
    if (snprintf(out, FILE_TREE_MAX_PATH, "%s%s%s", whole,
                 strcmp(whole, "/") == 0 ? "" : "/",
                 name) >= FILE_TREE_MAX_PATH)
        return err_set(e, ERR_INVALID, "%s: the path is too long", path);
    return ERR_NONE;
}

static int is_wanted(const struct dirent *d)
{
    return !file_tree_leaves_out(d->d_name);
}

static void walk(const char *folder, const struct file_tree_visit *v,
                 int depth);

static void visit(const char *path, const struct file_tree_visit *v, int depth)
{
    struct stat st;

    if (lstat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
        walk(path, v, depth);
        return;
    }
    if (stat(path, &st) != 0)
        v->fault(v->ctx, path, strerror(errno));
    else if (S_ISREG(st.st_mode))
        v->file(v->ctx, path, st.st_size);
}

static void walk(const char *folder, const struct file_tree_visit *v, int depth)
{
    struct dirent **names;
    int n;

    if (depth > FILE_TREE_MAX_DEPTH) {
        v->fault(v->ctx, folder, "the folders are too deep");
        return;
    }
    if (v->folder)
        v->folder(v->ctx, folder);
    n = scandir(folder, &names, is_wanted, alphasort);
    if (n < 0) {
        v->fault(v->ctx, folder, strerror(errno));
        return;
    }
    for (int i = 0; i < n; i++) {
        char path[FILE_TREE_MAX_PATH];

        if (snprintf(path, sizeof(path), "%s/%s", folder, names[i]->d_name) <
            (int)sizeof(path))
            visit(path, v, depth + 1);
        else
            v->fault(v->ctx, folder, "a path in it is too long");
        free(names[i]);
    }
    free(names);
}

void file_tree_walk(const char *folder, const struct file_tree_visit *v)
{
    walk(folder, v, 0);
}
