/* extract_run.c - see extract_run.h.
 *
 * posix_spawn and not fork: a process with an index of some hundred megabytes
 * is not copied, and no code of ours runs between.  It cannot set limits, so
 * prlimit() does, from outside, as soon as there is a process; until then the
 * child has a few microseconds, in which it can load its libraries at most.
 *
 * The end of both pipes is the end of the child, or the end of what we want
 * from it: it is killed then, which does nothing to one that is exiting, and
 * makes sure that waiting for it ends.
 */
#include "processor/extract_run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"

#define MAX_DESCRIPTORS 64
#define ASK_MS 100 /* how long a cancel may go unnoticed */
#define CHUNK 65536

struct child {
    pid_t pid;
    int input;  /* file in memory */
    int out[2]; /* pipes; [0] is ours, -1: closed */
    int said[2];
};

static void close_one(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void close_all(struct child *c)
{
    close_one(&c->input);
    close_one(&c->out[0]);
    close_one(&c->out[1]);
    close_one(&c->said[0]);
    close_one(&c->said[1]);
}

static enum err_code open_all(const struct extraction *j, struct child *c,
                              struct slice input)
{
    c->input = memfd_create("document", MFD_CLOEXEC);
    if (c->input < 0 || !fd_write_all(c->input, input) ||
        lseek(c->input, 0, SEEK_SET) != 0 || pipe2(c->out, O_CLOEXEC) != 0 ||
        pipe2(c->said, O_CLOEXEC) != 0)
        return err_set(j->e, ERR_INTERNAL, "cannot prepare a process: %s",
                       strerror(errno));
    return ERR_NONE;
}

/* ---- start ---- */

static int set_attributes(posix_spawnattr_t *attr)
{
    sigset_t none, all;
    int rc;

    /* our threads block or ignore signals; a program expects the defaults */
    sigemptyset(&none);
    sigfillset(&all);
    rc = posix_spawnattr_setsigmask(attr, &none);
    if (rc == 0)
        rc = posix_spawnattr_setsigdefault(attr, &all);
    if (rc == 0)
        rc = posix_spawnattr_setpgroup(attr, 0);
    if (rc == 0)
        rc = posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGMASK |
                                                POSIX_SPAWN_SETSIGDEF |
                                                POSIX_SPAWN_SETPGROUP);
    return rc;
}

static int set_files(posix_spawn_file_actions_t *files, const struct child *c)
{
    int rc = posix_spawn_file_actions_adddup2(files, c->input, 0);

    if (rc == 0)
        rc = posix_spawn_file_actions_adddup2(files, c->out[1], 1);
    if (rc == 0)
        rc = posix_spawn_file_actions_adddup2(files, c->said[1], 2);
    if (rc == 0)
        rc = posix_spawn_file_actions_addclosefrom_np(files, 3);
    return rc;
}

static int spawn(struct child *c, const char *const argv[])
{
    static char *const env[] = {"PATH=/usr/local/bin:/usr/bin:/bin",
                                "LC_ALL=C.UTF-8", "HOME=/nonexistent", NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    int rc = posix_spawn_file_actions_init(&files);

    if (rc != 0)
        return rc;
    rc = posix_spawnattr_init(&attr);
    if (rc == 0) {
        rc = set_files(&files, c);
        if (rc == 0)
            rc = set_attributes(&attr);
        if (rc == 0)
            rc = posix_spawnp(&c->pid, argv[0], &files, &attr,
                              (char *const *)argv, env);
        posix_spawnattr_destroy(&attr);
    }
    posix_spawn_file_actions_destroy(&files);
    return rc;
}

static bool limit(pid_t pid, const struct run_limits *l)
{
    const struct {
        int what;
        rlim_t value;
    } limits[] = {
        {RLIMIT_CPU, l->cpu_seconds},
        {RLIMIT_AS, l->memory},
        {RLIMIT_FSIZE, 0},
        {RLIMIT_CORE, 0},
        {RLIMIT_NOFILE, MAX_DESCRIPTORS},
    };

    for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
        struct rlimit r = {limits[i].value, limits[i].value};

        /* one that has ended already needs no limit */
        if (prlimit(pid, (enum __rlimit_resource)limits[i].what, &r, NULL) &&
            errno != ESRCH)
            return false;
    }
    return true;
}

/* ---- read ---- */

/* false: the end, or more than is wanted. */
static bool read_out(int fd, struct run_result *r)
{
    char *room;
    ssize_t n;
    size_t left = r->out.max - r->out.len;
    size_t want = left < CHUNK ? left + 1 : CHUNK;
    char byte;

    if (left == 0) { /* is there more? */
        n = read(fd, &byte, 1);
        r->out_full = n > 0;
        return n < 0 && (errno == EINTR || errno == EAGAIN);
    }
    if (want > left)
        want = left;
    room = buf_room(&r->out, want);
    if (!room)
        return false;
    n = read(fd, room, want);
    if (n > 0)
        buf_grew(&r->out, (size_t)n);
    return n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN));
}

static bool read_said(int fd, struct run_result *r)
{
    size_t used = strlen(r->said), left = sizeof(r->said) - 1 - used;
    char text[4096];
    ssize_t n = read(fd, text, sizeof(text));

    if (n > 0) {
        for (ssize_t i = 0; i < n && left > 0; i++, left--)
            r->said[used++] = text[i] ? text[i] : ' ';
        r->said[used] = '\0';
    }
    return n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN));
}

static enum err_code read_all(const struct extraction *j, struct child *c,
                              struct run_result *r)
{
    enum err_code rc = ERR_NONE;

    while (rc == ERR_NONE && (c->out[0] >= 0 || c->said[0] >= 0)) {
        struct pollfd fds[2] = {{.fd = c->out[0], .events = POLLIN},
                                {.fd = c->said[0], .events = POLLIN}};

        if (poll(fds, 2, ASK_MS) > 0) {
            if (fds[0].revents && !read_out(c->out[0], r))
                close_one(&c->out[0]);
            if (fds[1].revents && !read_said(c->said[0], r))
                close_one(&c->said[0]);
        }
        if (r->out_full || !buf_ok(&r->out))
            return ERR_NONE;
        rc = extract_may_go_on(j);
    }
    return rc;
}

static void reap(struct child *c, struct run_result *r)
{
    int status = 0;

    kill(-c->pid, SIGKILL);
    while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
        ;
    r->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    r->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

enum err_code extract_run(const struct extraction *j, const char *const argv[],
                          struct slice input, const struct run_limits *limits,
                          struct run_result *r)
{
    struct child c = {.input = -1, .out = {-1, -1}, .said = {-1, -1}};
    enum err_code rc;
    int fault;

    *r = (struct run_result){.exit_code = -1};
    buf_init(&r->out, limits->out_max);
    rc = open_all(j, &c, input);
    if (rc != ERR_NONE)
        goto out;
    fault = spawn(&c, argv);
    if (fault) {
        rc = err_set(j->e,
                     fault == ENOENT || fault == EACCES ? ERR_NOT_FOUND
                                                        : ERR_INTERNAL,
                     "cannot run '%s': %s", argv[0], strerror(fault));
        goto out;
    }
    close_one(&c.input);
    close_one(&c.out[1]);
    close_one(&c.said[1]);
    if (limit(c.pid, limits))
        rc = read_all(j, &c, r);
    else
        rc = err_set(j->e, ERR_INTERNAL, "cannot limit '%s': %s", argv[0],
                     strerror(errno));
    reap(&c, r);
out:
    close_all(&c);
    return rc;
}
