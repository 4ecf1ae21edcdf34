/* upload.c - see upload.h. */
#include "cmd/upload.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/crypto.h"
#include "base/json.h"
#include "base/utf8.h"
#include "processor/extract.h"

#define MAX_REST ((size_t)1 << 20) /* what the form has but the file */
#define READ_STEP ((size_t)256 << 10)
#define BOUNDARY_CHARS 32

struct form {
    struct buf body;
    char boundary[BOUNDARY_CHARS + 1];
};

static void open_part(struct form *f, const char *name)
{
    buf_printf(&f->body, "--%s\r\nContent-Disposition: form-data; name=\"%s\"",
               f->boundary, name);
}

static void add_field(struct form *f, const char *name, const char *value)
{
    if (!value)
        return;
    open_part(f, name);
    buf_printf(&f->body, "\r\n\r\n%s\r\n", value);
}

/* As browsers write it; control characters are nobody's meaning. */
static void add_filename(struct form *f, const char *path)
{
    const char *slash = strrchr(path, '/');

    buf_add_str(&f->body, "; filename=\"");
    for (const char *p = slash ? slash + 1 : path; *p; p++) {
        if (*p == '"')
            buf_add_str(&f->body, "%22");
        else if (*p == '\\')
            buf_add_str(&f->body, "\\\\");
        else if ((unsigned char)*p >= 0x20 && *p != 0x7F)
            buf_add_char(&f->body, *p);
    }
    buf_add_char(&f->body, '"');
}

static enum err_code too_large(struct err *e)
{
    return err_set(e, ERR_TOO_LARGE, "larger than %u MiB; split it",
                   EXTRACT_MAX_BYTES >> 20);
}

static enum err_code read_all(int fd, struct buf *out, struct err *e)
{
    size_t before = out->len;

    for (;;) {
        char *room = buf_room(out, READ_STEP);
        ssize_t n = room ? read(fd, room, READ_STEP) : 0;

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_set(e, ERR_UNAVAILABLE, "%s", strerror(errno));
        buf_grew(out, (size_t)n);
        if (!room || out->len - before > EXTRACT_MAX_BYTES)
            return too_large(e);
        if (n == 0)
            return ERR_NONE;
    }
}

static enum err_code add_file(struct form *f, const char *path, struct err *e)
{
    bool is_input = strcmp(path, "-") == 0;
    int fd = is_input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    enum err_code rc;

    if (fd < 0)
        return err_set(e, ERR_NOT_FOUND, "%s", strerror(errno));
    open_part(f, "file");
    if (!is_input)
        add_filename(f, path);
    buf_add_str(&f->body, "\r\n\r\n");
    rc = read_all(fd, &f->body, e);
    if (!is_input)
        close(fd);
    buf_printf(&f->body, "\r\n--%s--\r\n", f->boundary);
    return rc;
}

static enum err_code send(struct client *c, const struct form *f, json_t **job,
                          struct err *e)
{
    char type[100];
    struct buf reply;
    enum err_code rc;

    snprintf(type, sizeof(type), "multipart/form-data; boundary=%s",
             f->boundary);
    buf_init(&reply, 1 << 20);
    rc = client_send(c, "POST", "/process/file", type, buf_slice(&f->body),
                     &reply, e);
    if (rc == ERR_NONE)
        rc = json_parse(job, buf_slice(&reply), e);
    buf_release(&reply);
    return rc;
}

enum err_code upload_file(struct client *c, const struct upload *u,
                          json_t **job, struct err *e)
{
    struct form f;
    enum err_code rc;

    if (!utf8_valid(slice_of(u->path)))
        return err_field(e, "file", "its name is not UTF-8; rename it");
    crypto_token(f.boundary, BOUNDARY_CHARS);
    buf_init(&f.body, EXTRACT_MAX_BYTES + MAX_REST);
    add_field(&f, "title", u->title);
    add_field(&f, "source", u->source);
    add_field(&f, "metadata", u->metadata);
    rc = buf_ok(&f.body) ? add_file(&f, u->path, e)
                         : err_set(e, ERR_TOO_LARGE,
                                   "its metadata are too "
                                   "long");
    if (rc == ERR_NONE && !buf_ok(&f.body))
        rc = too_large(e);
    if (rc == ERR_NONE)
        rc = send(c, &f, job, e);
    buf_release(&f.body);
    return rc;
}
