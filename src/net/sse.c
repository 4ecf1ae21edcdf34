/* sse.c - see sse.h.  "id" and "retry" are for readers that connect again by
 * themselves, which none of ours does. */
#include "net/sse.h"

#include <string.h>

void sse_init(struct sse *s, size_t max, sse_on_event *on_event, void *ctx)
{
    *s = (struct sse){.on_event = on_event, .ctx = ctx};
    buf_init(&s->line, max);
    buf_init(&s->data, max);
}

void sse_release(struct sse *s)
{
    buf_release(&s->line);
    buf_release(&s->data);
}

static enum err_code end_event(struct sse *s, struct err *e)
{
    struct slice name = {s->name, s->n_name};
    enum err_code rc = ERR_NONE;

    if (s->has_data)
        rc = s->on_event(s->ctx, name, buf_slice(&s->data), e);
    buf_clear(&s->data);
    s->has_data = false;
    s->n_name = 0;
    return rc;
}

static void add_data(struct sse *s, struct slice value)
{
    if (s->has_data)
        buf_add_char(&s->data, '\n');
    buf_add_slice(&s->data, value);
    s->has_data = true;
}

static void set_name(struct sse *s, struct slice value)
{
    s->n_name = value.len < SSE_MAX_NAME ? value.len : SSE_MAX_NAME;
    if (s->n_name > 0)
        memcpy(s->name, value.p, s->n_name);
}

static enum err_code take_line(struct sse *s, struct err *e)
{
    struct slice value = buf_slice(&s->line), field = SLICE_NONE;
    enum err_code rc = ERR_NONE;

    if (value.len == 0)
        return end_event(s, e);
    slice_split(&value, ':', &field);
    if (value.len > 0 && value.p[0] == ' ')
        value = slice_sub(value, 1, value.len);
    if (slice_is(field, "data"))
        add_data(s, value);
    else if (slice_is(field, "event"))
        set_name(s, value);
    else if (slice_is(field, "error"))
        rc = s->on_event(s->ctx, SLICE("error"), value, e);
    buf_clear(&s->line);
    if (rc == ERR_NONE && !buf_ok(&s->data))
        rc = err_set(e, ERR_TOO_LARGE, "an event over %zu bytes was sent",
                     s->data.max);
    return rc;
}

/* Up to the next end of a line, or all there is. */
static enum err_code take_some(struct sse *s, struct slice *rest, struct err *e)
{
    size_t n = 0;

    if (s->after_cr && rest->p[0] == '\n')
        *rest = slice_sub(*rest, 1, rest->len);
    s->after_cr = false;
    while (n < rest->len && rest->p[n] != '\n' && rest->p[n] != '\r')
        n++;
    buf_add(&s->line, rest->p, n);
    if (!buf_ok(&s->line))
        return err_set(e, ERR_TOO_LARGE, "a line over %zu bytes was sent",
                       s->line.max);
    if (n == rest->len) {
        *rest = SLICE_NONE;
        return ERR_NONE;
    }
    s->after_cr = rest->p[n] == '\r';
    *rest = slice_sub(*rest, n + 1, rest->len);
    return take_line(s, e);
}

enum err_code sse_feed(struct sse *s, struct slice bytes, struct err *e)
{
    enum err_code rc = ERR_NONE;

    while (bytes.len > 0 && rc == ERR_NONE)
        rc = take_some(s, &bytes, e);
    return rc;
}

enum err_code sse_end(struct sse *s, struct err *e)
{
    enum err_code rc = s->line.len > 0 ? take_line(s, e) : ERR_NONE;

    return rc == ERR_NONE ? end_event(s, e) : rc;
}
