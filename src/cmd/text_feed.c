/* text_feed.c - see text_feed.h. */
#include "cmd/text_feed.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"

#define READ_BYTES ((size_t)64 << 10)
#define BLOCK_BYTES ((size_t)64 << 20) /* texts of a block, copied */

struct text_feed {
    const char *const *files;
    size_t next_file;
    bool json;
    const char *name; /* of the file that is read */
    int fd;           /* -1: none */
    bool at_end;      /* of this file */
    uint64_t line;
    struct buf in; /* bytes read; lines up to `used` are taken */
    size_t used;
    struct arena *arena; /* texts of the block */
    struct slice texts[FEED_BLOCK];
    size_t n;
    uint64_t total, done; /* bytes; total 0: not known */
};

static const char *const only_stdin[] = {"-", NULL};

static uint64_t total_size(const char *const *files)
{
    uint64_t total = 0;
    struct stat st;

    for (; *files; files++) {
        if (strcmp(*files, "-") == 0 ? fstat(STDIN_FILENO, &st) != 0
                                     : stat(*files, &st) != 0)
            return 0;
        if (!S_ISREG(st.st_mode))
            return 0;
        total += (uint64_t)st.st_size;
    }
    return total;
}

enum err_code text_feed_open(struct text_feed **out, const char *const *files,
                             bool json, struct err *e)
{
    struct text_feed *f = calloc(1, sizeof(*f));

    if (f)
        f->arena = arena_new(BLOCK_BYTES);
    if (!f || !f->arena) {
        free(f);
        return err_set(e, ERR_UNAVAILABLE, "out of memory");
    }
    f->files = *files ? files : only_stdin;
    f->json = json;
    f->fd = -1;
    f->total = total_size(f->files);
    buf_init(&f->in, FEED_MAX_LINE + READ_BYTES);
    *out = f;
    return ERR_NONE;
}

static void close_file(struct text_feed *f)
{
    if (f->fd > STDIN_FILENO)
        close(f->fd);
    f->fd = -1;
}

void text_feed_close(struct text_feed *f)
{
    if (!f)
        return;
    close_file(f);
    buf_release(&f->in);
    arena_free(f->arena);
    free(f);
}

double text_feed_percent(const struct text_feed *f)
{
    if (f->total == 0)
        return -1;
    return f->done >= f->total ? 100
                               : 100.0 * (double)f->done / (double)f->total;
}

/* ---- lines ---- */

static enum err_code parse_line(struct text_feed *f, struct slice line,
                                struct slice *text, struct err *e)
{
    json_t *v = NULL;
    const json_t *s;
    enum err_code rc = json_parse(&v, line, e);

    if (rc == ERR_NONE) {
        s = json_is_object(v) ? json_object_get(v, "text") : v;
        if (!json_is_string(s))
            rc = err_set(e, ERR_INVALID,
                         "neither a JSON string nor an object with a \"text\"");
        else
            *text =
                arena_slice(f->arena, (struct slice){json_string_value(s),
                                                     json_string_length(s)});
    }
    json_decref(v);
    return rc;
}

static enum err_code add_line(struct text_feed *f, struct slice line,
                              struct err *e)
{
    struct slice *text = &f->texts[f->n];
    enum err_code rc = ERR_NONE;

    f->line++;
    if (line.len > FEED_MAX_LINE)
        rc = err_set(e, ERR_INVALID, "longer than %zu bytes", FEED_MAX_LINE);
    else if (f->json)
        rc = parse_line(f, line, text, e);
    else
        *text = arena_slice(f->arena, slice_ends(line, "\r")
                                          ? slice_sub(line, 0, line.len - 1)
                                          : line);
    if (rc == ERR_NONE && !text->p)
        rc = err_set(e, ERR_UNAVAILABLE, "out of memory");
    if (rc)
        err_prefix(e, "%s, line %llu", f->name, (unsigned long long)f->line);
    else
        f->n++;
    return rc;
}

/* Has the block no room for another line of `len` bytes? */
static bool is_full(const struct text_feed *f, size_t len)
{
    return f->n == FEED_BLOCK ||
           (f->n > 0 && arena_used(f->arena) + len + 32 > BLOCK_BYTES);
}

/* Take whole lines from what was read; at the end of a file also the last one,
 * which may lack its LF. */
static enum err_code take_lines(struct text_feed *f, bool *full, struct err *e)
{
    enum err_code rc = ERR_NONE;

    *full = false;
    while (rc == ERR_NONE && f->used < f->in.len) {
        struct slice rest = slice_sub(buf_slice(&f->in), f->used, f->in.len);
        ptrdiff_t end = slice_find_byte(rest, '\n');

        if (end < 0 && !f->at_end)
            break;
        if (end >= 0)
            rest.len = (size_t)end;
        *full = is_full(f, rest.len);
        if (*full)
            return ERR_NONE;
        rc = add_line(f, rest, e);
        f->used += rest.len + (end >= 0);
    }
    buf_drop(&f->in, f->used);
    f->used = 0;
    return rc;
}

/* ---- bytes ---- */

static enum err_code open_next(struct text_feed *f, struct err *e)
{
    f->name = f->files[f->next_file++];
    f->line = 0;
    f->at_end = false;
    if (strcmp(f->name, "-") == 0) {
        f->name = "standard input";
        f->fd = STDIN_FILENO;
        return ERR_NONE;
    }
    f->fd = open(f->name, O_RDONLY | O_CLOEXEC);
    return f->fd >= 0 ? ERR_NONE
                      : err_set(e, ERR_NOT_FOUND, "cannot open '%s': %s",
                                f->name, strerror(errno));
}

static enum err_code read_some(struct text_feed *f, struct err *e)
{
    char *room = buf_room(&f->in, READ_BYTES);
    ssize_t got;

    if (!room)
        return err_set(e, ERR_INVALID, "%s, line %llu: longer than %zu bytes",
                       f->name, (unsigned long long)f->line + 1, FEED_MAX_LINE);
    do {
        got = read(f->fd, room, READ_BYTES);
    } while (got < 0 && errno == EINTR);
    if (got < 0)
        return err_set(e, ERR_NOT_FOUND, "cannot read '%s': %s", f->name,
                       strerror(errno));
    buf_grew(&f->in, (size_t)got);
    f->done += (uint64_t)got;
    f->at_end = got == 0;
    return ERR_NONE;
}

static bool more_is_ready(const struct text_feed *f)
{
    struct pollfd p = {.fd = f->fd, .events = POLLIN};

    return poll(&p, 1, 0) != 0;
}

enum err_code text_feed_next(struct text_feed *f, const struct slice **texts,
                             size_t *n, struct err *e)
{
    enum err_code rc = ERR_NONE;
    bool full = false;

    arena_reset(f->arena);
    f->n = 0;
    for (;;) {
        if (f->fd < 0 && !f->files[f->next_file])
            break;
        if (f->fd < 0)
            rc = open_next(f, e);
        if (rc == ERR_NONE)
            rc = take_lines(f, &full, e);
        if (rc != ERR_NONE || full)
            break;
        if (f->at_end) {
            close_file(f);
            continue;
        }
        if (f->n > 0 && !more_is_ready(f))
            break;
        rc = read_some(f, e);
        if (rc != ERR_NONE)
            break;
    }
    *texts = f->texts;
    *n = f->n;
    return rc;
}
