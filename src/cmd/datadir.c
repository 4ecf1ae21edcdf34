/* datadir.c - see datadir.h.
 *
 * The lock is flock(2) on an open file: the kernel gives it back however the
 * process ends, so a stale lock cannot exist.  The text inside only informs.
 */
#include "cmd/datadir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/crypto.h"
#include "base/json.h"

enum { LOCK_MAX = 1024 };

enum err_code datadir_find(struct datadir *d, const struct config *c,
                           struct err *e)
{
    const char *set = config_str(c, "data_dir");
    const char *xdg = getenv("XDG_DATA_HOME");
    const char *home = getenv("HOME");
    int n;

    d->lock_fd = -1;
    if (*set)
        n = snprintf(d->path, sizeof(d->path), "%s", set);
    else if (xdg && xdg[0] == '/')
        n = snprintf(d->path, sizeof(d->path), "%s/sheaf", xdg);
    else if (home && *home)
        n = snprintf(d->path, sizeof(d->path), "%s/.local/share/sheaf", home);
    else
        return err_field(e, "data_dir",
                         "no HOME to keep data in; say --data-dir DIR");
    /* room for the file names behind it */
    if (n < 0 || (size_t)n >= sizeof(d->path) - 64)
        return err_field(e, "data_dir", "the path is too long");
    return ERR_NONE;
}

enum err_code datadir_file(const struct datadir *d, const char *name, char *out,
                           size_t n, struct err *e)
{
    int len = snprintf(out, n, "%s/%s", d->path, name);

    if (len < 0 || (size_t)len >= n)
        return err_set(e, ERR_INVALID, "path '%s/%s' is too long", d->path,
                       name);
    return ERR_NONE;
}

static enum err_code sys_error(struct err *e, const char *what,
                               const char *path)
{
    int no = errno;
    enum err_code code = ERR_UNAVAILABLE;

    if (no == ENOSPC || no == EDQUOT)
        code = ERR_NO_SPACE;
    else if (no == EACCES || no == EPERM || no == EROFS)
        code = ERR_FORBIDDEN;
    return err_set(e, code, "cannot %s '%s': %s", what, path, strerror(no));
}

/* mkdir -p, each new folder for its owner only. */
static enum err_code make_dirs(const char *path, struct err *e)
{
    char part[4096];
    size_t n = strlen(path);
    struct stat st;

    if (n >= sizeof(part))
        return err_field(e, "data_dir", "the path is too long");
    memcpy(part, path, n + 1);
    for (size_t i = 1; i <= n; i++) {
        if (part[i] != '/' && part[i] != '\0')
            continue;
        part[i] = '\0';
        if (mkdir(part, 0700) != 0 && errno != EEXIST)
            return sys_error(e, "make directory", part);
        part[i] = path[i];
    }
    if (stat(path, &st) != 0)
        return sys_error(e, "open directory", path);
    if (!S_ISDIR(st.st_mode))
        return err_field(e, "data_dir", "'%s' is not a directory", path);
    return ERR_NONE;
}

/* What the lock file says, into text (NUL-terminated). */
static size_t read_lock(int fd, char text[LOCK_MAX])
{
    ssize_t n = pread(fd, text, LOCK_MAX - 1, 0);

    text[n > 0 ? n : 0] = '\0';
    return n > 0 ? (size_t)n : 0;
}

static void parse_lock(const char *text, int64_t *pid, char *url, size_t n)
{
    json_t *o = NULL;
    struct slice u;

    *pid = 0;
    url[0] = '\0';
    if (json_parse(&o, slice_of(text), NULL) != ERR_NONE)
        return;
    *pid = json_get_int(o, "pid", 0);
    u = json_get_slice(o, "url");
    if (u.len > 0 && u.len < n)
        snprintf(url, n, "%.*s", SLICE_ARG(u));
    json_decref(o);
}

enum err_code datadir_lock(struct datadir *d, struct err *e)
{
    char path[4200], text[LOCK_MAX], url[256];
    enum err_code rc;
    int64_t pid;
    int fd;

    if ((rc = make_dirs(d->path, e)) != ERR_NONE ||
        (rc = datadir_file(d, "lock", path, sizeof(path), e)) != ERR_NONE)
        return rc;
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return sys_error(e, "open", path);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        rc = errno == EWOULDBLOCK ? ERR_CONFLICT : ERR_UNAVAILABLE;
        read_lock(fd, text);
        parse_lock(text, &pid, url, sizeof(url));
        close(fd);
        if (rc != ERR_CONFLICT)
            return err_set(e, rc, "cannot lock '%s'", path);
        return err_set(e, rc,
                       "data directory '%s' is in use by another sheaf"
                       " (pid %lld%s%s); stop it, or say another --data-dir",
                       d->path, (long long)pid, *url ? ", " : "", url);
    }
    d->lock_fd = fd;
    /* what a predecessor left there is not true any more */
    if (ftruncate(fd, 0) != 0) {
        datadir_unlock(d);
        return sys_error(e, "write", path);
    }
    return ERR_NONE;
}

enum err_code datadir_publish(struct datadir *d, const char *url, struct err *e)
{
    struct buf b;
    struct jw j;
    enum err_code rc = ERR_NONE;

    buf_init(&b, LOCK_MAX - 1);
    jw_init(&j, &b);
    jw_obj(&j);
    jw_kint(&j, "pid", getpid());
    jw_kstr(&j, "url", url);
    jw_end_obj(&j);
    buf_add_char(&b, '\n');
    if (!buf_ok(&b) || ftruncate(d->lock_fd, 0) != 0 ||
        pwrite(d->lock_fd, b.p, b.len, 0) != (ssize_t)b.len)
        rc = sys_error(e, "write the lock file in", d->path);
    buf_release(&b);
    return rc;
}

void datadir_unlock(struct datadir *d)
{
    if (d->lock_fd < 0)
        return;
    /* The text must go before the lock does: whoever gets it next must not
     * read our address. */
    if (ftruncate(d->lock_fd, 0) != 0)
        errno = 0; /* it only informs; parse_lock's reader tests the lock */
    close(d->lock_fd);
    d->lock_fd = -1;
}

enum err_code datadir_running(const struct datadir *d, char *out, size_t n,
                              struct err *e)
{
    char path[4200], text[LOCK_MAX];
    enum err_code rc;
    int64_t pid;
    int fd;

    out[0] = '\0';
    if ((rc = datadir_file(d, "lock", path, sizeof(path), e)) != ERR_NONE)
        return rc;
    fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? ERR_NONE : sys_error(e, "open", path);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) { /* held: somebody runs */
        read_lock(fd, text);
        parse_lock(text, &pid, out, n);
        if (!*out)
            rc = err_set(e, ERR_UNAVAILABLE,
                         "another sheaf holds '%s' but is not serving yet;"
                         " try again in a moment",
                         d->path);
    }
    close(fd);
    return rc;
}

static enum err_code read_secret(const char *path, char *out, size_t n,
                                 struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got;
    struct slice s;

    if (fd < 0 && errno == ENOENT)
        return err_set(e, ERR_NOT_FOUND, "there is no '%s' yet", path);
    if (fd < 0)
        return sys_error(e, "read", path);
    got = read(fd, out, n);
    close(fd);
    if (got < 0)
        return sys_error(e, "read", path);
    s = slice_trim((struct slice){out, (size_t)got});
    if (s.len == 0 || (size_t)got == n)
        return err_set(e, ERR_INVALID, "'%s' is %s; remove it to get a new one",
                       path, s.len == 0 ? "empty" : "too long");
    memmove(out, s.p, s.len);
    out[s.len] = '\0';
    return ERR_NONE;
}

/* Written under another name, synced and renamed: a crash leaves the whole
 * secret or none. */
static enum err_code write_secret(const char *path, const char *text,
                                  struct err *e)
{
    char tmp[4300];
    size_t n = strlen(text);
    int fd;

    snprintf(tmp, sizeof(tmp), "%s.new", path);
    fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return sys_error(e, "write", tmp);
    if (write(fd, text, n) != (ssize_t)n || fdatasync(fd) != 0) {
        close(fd);
        return sys_error(e, "write", tmp);
    }
    close(fd);
    if (rename(tmp, path) != 0)
        return sys_error(e, "rename to", path);
    return ERR_NONE;
}

enum err_code datadir_secret(const struct datadir *d, const char *name,
                             const char *prefix, bool make, char *out, size_t n,
                             struct err *e)
{
    char path[4200], line[128];
    uint8_t random[32];
    char text[CRYPTO_BASE64_LEN(sizeof(random)) + 1];
    enum err_code rc;
    int len;

    if ((rc = datadir_file(d, name, path, sizeof(path), e)) != ERR_NONE)
        return rc;
    rc = read_secret(path, out, n, e);
    if (rc != ERR_NOT_FOUND || !make)
        return rc;
    /* Standard Webhooks wants standard base64 behind "whsec_"; a token without
     * prefix is URL-safe, to be copied with a double click. */
    crypto_random(random, sizeof(random));
    if (*prefix)
        crypto_base64(text, random, sizeof(random));
    else
        crypto_token(text, 43);
    len = snprintf(line, sizeof(line), "%s%s\n", prefix, text);
    if (len < 0 || (size_t)len >= sizeof(line) || (size_t)len > n)
        return err_set(e, ERR_INTERNAL, "secret '%s' does not fit", name);
    if ((rc = write_secret(path, line, e)) != ERR_NONE)
        return rc;
    memcpy(out, line, (size_t)len - 1);
    out[len - 1] = '\0';
    return ERR_NONE;
}
