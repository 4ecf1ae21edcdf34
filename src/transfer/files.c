/* files.c - see files.h. */
#include "transfer/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crypto.h"
#include "base/fd.h"

#define PIECE (256 << 10)

enum err_code file_error(const char *what, const char *path, struct err *e)
{
    int no = errno;
    enum err_code code = ERR_UNAVAILABLE;

    if (no == ENOSPC || no == EDQUOT || no == EFBIG)
        code = ERR_NO_SPACE;
    else if (no == EACCES || no == EPERM || no == EROFS)
        code = ERR_FORBIDDEN;
    else if (no == ENOENT || no == ENOTDIR)
        code = ERR_NOT_FOUND;
    else if (no == EEXIST || no == ENOTEMPTY)
        code = ERR_CONFLICT;
    return err_set(e, code, "cannot %s '%s': %s", what, path, strerror(no));
}

bool file_is_there(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0;
}

enum err_code file_path(char *out, size_t n, const char *dir, const char *name,
                        struct err *e)
{
    int len = snprintf(out, n, "%s/%s", dir, name);

    if (len < 0 || (size_t)len >= n)
        return err_set(e, ERR_INVALID, "path '%s/%s' is too long", dir, name);
    return ERR_NONE;
}

/* Everything of `in`, hashed, into `out` unless that is -1. */
static enum err_code pass_on(int in, const char *from, int out, const char *to,
                             struct file_sum *sum, struct err *e)
{
    struct crypto_hash *h = crypto_hash_new();
    char *piece = malloc(PIECE);
    enum err_code code = ERR_NONE;
    ssize_t n = 1;

    if (!piece)
        abort();
    sum->bytes = 0;
    while (code == ERR_NONE && n != 0) {
        n = read(in, piece, PIECE);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            code = file_error("read", from, e);
        } else {
            crypto_hash_add(h, piece, (size_t)n);
            sum->bytes += n;
            if (out >= 0 &&
                !fd_write_all(out, (struct slice){piece, (size_t)n}))
                code = file_error("write", to, e);
        }
    }
    crypto_hash_end(h, sum->sha256);
    free(piece);
    return code;
}

enum err_code file_sum(const char *path, struct file_sum *out, struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    enum err_code code;

    if (fd < 0)
        return file_error("read", path, e);
    code = pass_on(fd, path, -1, "", out, e);
    close(fd);
    return code;
}

enum err_code file_copy(const char *from, const char *to, struct file_sum *sum,
                        struct err *e)
{
    struct file_sum mine;
    int in = open(from, O_RDONLY | O_CLOEXEC), out;
    enum err_code code;

    if (in < 0)
        return file_error("read", from, e);
    out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (out < 0) {
        code = file_error("make", to, e);
        close(in);
        return code;
    }
    code = pass_on(in, from, out, to, sum ? sum : &mine, e);
    if (code == ERR_NONE && fsync(out) != 0)
        code = file_error("write", to, e);
    close(out);
    close(in);
    if (code != ERR_NONE)
        unlink(to);
    return code;
}

const char *const file_database_endings[] = {"", "-wal", "-shm", NULL};

void file_remove_database(const char *path)
{
    char name[4400];

    for (const char *const *end = file_database_endings; *end; end++) {
        snprintf(name, sizeof(name), "%s%s", path, *end);
        unlink(name);
    }
}

/* The folder that holds it. */
static enum err_code sync_parent(const char *path, struct err *e)
{
    char parent[4096];
    const char *slash = strrchr(path, '/');
    enum err_code code = ERR_NONE;
    int fd;

    if (!slash)
        snprintf(parent, sizeof(parent), ".");
    else if (slash == path)
        snprintf(parent, sizeof(parent), "/");
    else
        snprintf(parent, sizeof(parent), "%.*s", (int)(slash - path), path);
    fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0)
        code = file_error("write", parent, e);
    if (fd >= 0)
        close(fd);
    return code;
}

enum err_code file_rename_new(const char *from, const char *to, struct err *e)
{
    int rc = renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE);

    if (rc != 0 && errno == EINVAL && !file_is_there(to))
        rc = rename(from, to); /* a file system that does not know it */
    return rc == 0 ? sync_parent(to, e) : file_error("make", to, e);
}
