/* files.h - small work with files that must not be half done.
 *
 * Threads: pure functions.
 */
#ifndef TRANSFER_FILES_H
#define TRANSFER_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct file_sum {
    int64_t bytes;
    uint8_t sha256[32];
};

bool file_is_there(const char *path);
/* "<dir>/<name>".  ERR_INVALID: longer than n - 1. */
enum err_code file_path(char *out, size_t n, const char *dir, const char *name,
                        struct err *e) CHECKED;
enum err_code file_sum(const char *path, struct file_sum *out, struct err *e)
    CHECKED;
/* Copy into a new file, of mode 0600, and wait for the disk; *sum (may be NULL)
 * is of what was copied.  A copy that fails is removed.  ERR_CONFLICT: `to` is
 * there. */
enum err_code file_copy(const char *from, const char *to, struct file_sum *sum,
                        struct err *e) CHECKED;
/* Give it its name; ERR_CONFLICT: that is taken.  Afterwards the name is on
 * disk too. */
enum err_code file_rename_new(const char *from, const char *to, struct err *e)
    CHECKED;
/* What SQLite adds to the path of a database for the files it is in; ended by
 * NULL. */
extern const char *const file_database_endings[];
/* Those that are there, of a path as file_path() makes it. */
void file_remove_database(const char *path);
/* What the system said (errno) about what was tried: ERR_NO_SPACE, ... */
enum err_code file_error(const char *what, const char *path, struct err *e);

#endif
