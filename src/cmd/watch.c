/* watch.c - see watch.h. */
#include "cmd/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/file_tree.h"

#define EVENTS                                                                 \
    (IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CREATE |    \
     IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)
#define BUFFER ((size_t)64 << 10)

struct folder {
    int wd;
    char *path;
};

struct watch {
    int fd;
    struct folder *folders;
    size_t n, cap;
    struct err problem; /* of a folder that came while events were read */
    struct inotify_event *buffer; /* BUFFER bytes */
};

enum err_code watch_open(struct watch **out, struct err *e)
{
    struct watch *w = calloc(1, sizeof(*w));

    if (w)
        w->buffer = malloc(BUFFER);
    if (!w || !w->buffer)
        abort();
    w->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (w->fd < 0) {
        err_set(e, ERR_UNAVAILABLE, "cannot watch folders: %s",
                strerror(errno));
        free(w->buffer);
        free(w);
        return ERR_UNAVAILABLE;
    }
    *out = w;
    return ERR_NONE;
}

void watch_close(struct watch *w)
{
    if (!w)
        return;
    close(w->fd);
    for (size_t i = 0; i < w->n; i++)
        free(w->folders[i].path);
    free(w->folders);
    free(w->buffer);
    free(w);
}

size_t watch_count(const struct watch *w)
{
    return w->n;
}

/* ---- which folders ---- */

static struct folder *find(struct watch *w, int wd)
{
    for (size_t i = w->n; i-- > 0;)
        if (w->folders[i].wd == wd)
            return &w->folders[i];
    return NULL;
}

static void keep(struct watch *w, int wd, const char *path)
{
    struct folder *f = find(w, wd); /* there already: it was moved */

    if (!f) {
        if (w->n == w->cap) {
            w->cap = w->cap ? w->cap * 2 : 16;
            w->folders = realloc(w->folders, w->cap * sizeof(*w->folders));
            if (!w->folders)
                abort();
        }
        f = &w->folders[w->n++];
        *f = (struct folder){.wd = wd};
    }
    free(f->path);
    f->path = strdup(path);
    if (!f->path)
        abort();
}

static void forget(struct watch *w, int wd)
{
    struct folder *f = find(w, wd);

    if (!f)
        return;
    free(f->path);
    *f = w->folders[--w->n];
}

/* The kernel goes on watching what was moved away. */
static void forget_below(struct watch *w, const char *path)
{
    size_t n = strlen(path);

    for (size_t i = w->n; i-- > 0;) {
        const char *p = w->folders[i].path;

        if (strncmp(p, path, n) == 0 && (p[n] == '/' || p[n] == '\0')) {
            inotify_rm_watch(w->fd, w->folders[i].wd);
            forget(w, w->folders[i].wd);
        }
    }
}

static void add(void *ctx, const char *path)
{
    struct watch *w = ctx;
    int wd;

    if (w->problem.code != ERR_NONE)
        return;
    wd = inotify_add_watch(w->fd, path, EVENTS);
    if (wd >= 0)
        keep(w, wd, path);
    else if (errno == ENOSPC)
        err_set(&w->problem, ERR_UNAVAILABLE,
                "too many folders to watch (at %s); raise the kernel's "
                "fs.inotify.max_user_watches",
                path);
    else if (errno != ENOENT && errno != ENOTDIR) /* gone again */
        err_set(&w->problem, ERR_NOT_FOUND, "cannot watch %s: %s", path,
                strerror(errno));
}

static void pass_file(void *ctx, const char *path, int64_t size)
{
    (void)ctx;
    (void)path;
    (void)size;
}

/* Whoever looks through the folder afterwards meets it too. */
static void pass_fault(void *ctx, const char *path, const char *why)
{
    (void)ctx;
    (void)path;
    (void)why;
}

static void add_all(struct watch *w, const char *path)
{
    const struct file_tree_visit visit = {
        .file = pass_file, .folder = add, .fault = pass_fault, .ctx = w};

    file_tree_walk(path, &visit);
}

enum err_code watch_folder(struct watch *w, const char *path, struct err *e)
{
    w->problem = (struct err){0};
    add_all(w, path);
    if (w->problem.code != ERR_NONE)
        *e = w->problem;
    return w->problem.code;
}

/* A lease for reading is refused while a file is open for writing (fcntl(2)).
 * Who opens it in the moment that we have one waits for close(), and we are
 * sent a signal: one that is ignored by default, as SIGIO is not.  A file with
 * several names may be written under one that is not watched. */
bool watch_is_written(const char *path)
{
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    struct stat st;
    bool is;

    if (fd < 0)
        return false;
    is = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1 &&
         fcntl(fd, F_SETSIG, SIGURG) == 0 &&
         fcntl(fd, F_SETLEASE, F_RDLCK) != 0 && errno == EAGAIN;
    close(fd);
    return is;
}

/* ---- events ---- */

struct delivery {
    struct watch *w;
    void (*each)(void *ctx, enum watch_event event, const char *path);
    void *ctx;
};

static const struct inotify_event *next(const struct inotify_event *ev)
{
    const void *p = (const char *)ev + sizeof(*ev) + ev->len;

    return p;
}

/* Is the same told again further on? */
static bool comes_again(const struct inotify_event *ev,
                        const struct inotify_event *end)
{
    for (const struct inotify_event *o = next(ev); o < end; o = next(o))
        if (o->wd == ev->wd && o->len && strcmp(o->name, ev->name) == 0)
            return true;
    return false;
}

static void deliver_folder(const struct delivery *d, uint32_t mask,
                           const char *path)
{
    if (mask & (IN_CREATE | IN_MOVED_TO)) {
        add_all(d->w, path);
        d->each(d->ctx, WATCH_NEW_FOLDER, path);
    } else if (mask & IN_MOVED_FROM) {
        forget_below(d->w, path);
        d->each(d->ctx, WATCH_GONE_FOLDER, path);
    }
}

/* A second name of a file, which nobody is going to close. */
static bool is_link(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0 && (S_ISLNK(st.st_mode) || st.st_nlink > 1);
}

static void deliver(const struct delivery *d, const struct inotify_event *ev,
                    const struct inotify_event *end)
{
    char path[FILE_TREE_MAX_PATH];
    const struct folder *f = find(d->w, ev->wd);

    if (ev->mask & IN_Q_OVERFLOW) {
        d->each(d->ctx, WATCH_LOST, "");
        return;
    }
    if (ev->mask & IN_IGNORED) {
        forget(d->w, ev->wd);
        return;
    }
    if (f && ev->mask & IN_MOVE_SELF) {
        snprintf(path, sizeof(path), "%s", f->path);
        forget_below(d->w, path);
        return;
    }
    if (!f || !ev->len || file_tree_leaves_out(ev->name) ||
        snprintf(path, sizeof(path), "%s/%s", f->path, ev->name) >=
            (int)sizeof(path))
        return;
    if (ev->mask & IN_ISDIR)
        deliver_folder(d, ev->mask, path);
    else if (comes_again(ev, end))
        return;
    else if (ev->mask & (IN_CLOSE_WRITE | IN_MOVED_TO) ||
             (ev->mask & IN_CREATE && is_link(path)))
        d->each(d->ctx, WATCH_CHANGED, path);
    else if (ev->mask & (IN_DELETE | IN_MOVED_FROM))
        d->each(d->ctx, WATCH_GONE, path);
}

static enum err_code take_events(const struct delivery *d, struct err *e)
{
    struct watch *w = d->w;
    ssize_t n = read(w->fd, w->buffer, BUFFER);
    const struct inotify_event *ev = w->buffer, *end;

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return ERR_NONE;
    if (n < 0)
        return err_set(e, ERR_UNAVAILABLE, "cannot watch folders: %s",
                       strerror(errno));
    end = (const void *)((const char *)ev + n);
    w->problem = (struct err){0};
    for (; ev < end; ev = next(ev))
        deliver(d, ev, end);
    if (w->problem.code != ERR_NONE)
        *e = w->problem;
    return w->problem.code;
}

enum err_code watch_wait(struct watch *w, int stop_fd,
                         void (*each)(void *ctx, enum watch_event event,
                                      const char *path),
                         void *ctx, struct err *e)
{
    const struct delivery d = {w, each, ctx};
    struct pollfd fds[] = {{.fd = stop_fd, .events = POLLIN},
                           {.fd = w->fd, .events = POLLIN}};

    if (w->n == 0)
        return err_set(e, ERR_NOT_FOUND, "the folders to watch are gone");
    if (poll(fds, 2, -1) < 0 && errno != EINTR)
        return err_set(e, ERR_UNAVAILABLE, "cannot wait: %s", strerror(errno));
    if (fds[0].revents)
        return err_set(e, ERR_CANCELLED, "stopped");
    return take_events(&d, e);
}
