/* file_tree.h - the files below a folder, as `sheaf ingest` sees them.
 *
 * Left out are names that begin with a dot or end with a tilde (hidden files,
 * editors' backups), links to folders, and what is no regular file.
 *
 * Threads: one thread.
 */
#ifndef CMD_FILE_TREE_H
#define CMD_FILE_TREE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define FILE_TREE_MAX_PATH 4096
#define FILE_TREE_MAX_DEPTH 64

bool file_tree_leaves_out(const char *name);

/* The absolute path of a file or folder, of a file without following a link at
 * its end, into out (FILE_TREE_MAX_PATH bytes).  ERR_NOT_FOUND. */
enum err_code file_tree_absolute(const char *path, char *out, struct err *e)
    CHECKED;

struct file_tree_visit {
    void (*file)(void *ctx, const char *path, int64_t size);
    void (*folder)(void *ctx, const char *path); /* before what is in it; NULL:
                                                    nobody wants to know */
    void (*fault)(void *ctx, const char *path, const char *why);
    void *ctx;
};
/* Visit the folder and all that is in it, in the order of names. */
void file_tree_walk(const char *folder, const struct file_tree_visit *v);

#endif
