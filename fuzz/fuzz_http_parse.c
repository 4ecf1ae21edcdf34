/* fuzz_http_parse.c - a request's head and body.  The first byte says where the
 * input is cut: whole and in two pieces the outcome must be the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "net/http_parse.h"

struct outcome {
    enum http_progress end;
    int status;
    size_t at, used, body;
};

static enum http_progress feed(struct http_parse *hp, struct http_body *hb,
                               bool *in_body, struct http_head *head,
                               const char *p, size_t len, struct outcome *o)
{
    enum http_progress end = HTTP_MORE;
    struct slice piece;
    size_t used;

    while (len > 0 && end == HTTP_MORE) {
        if (!*in_body) {
            end = http_parse_feed(hp, p, len, &used, head);
            if (end == HTTP_DONE) {
                *in_body = true;
                http_body_init(hb, head);
                end = hb->state == BODY_FINISHED ? HTTP_DONE : HTTP_MORE;
            }
        } else {
            end = http_body_feed(hb, p, len, &used, &piece);
            o->body += piece.len;
        }
        if (used > len)
            abort();
        p += used;
        len -= used;
        o->used += used;
    }
    return end;
}

static struct outcome parse(const char *p, size_t len, size_t cut)
{
    struct arena *a = arena_new(1 << 20);
    struct outcome o = {.end = HTTP_MORE};
    struct http_head head = {0};
    struct http_parse hp;
    struct http_body hb = {0};
    bool in_body = false;

    if (!a)
        abort();
    http_parse_init(&hp, a);
    o.end = feed(&hp, &hb, &in_body, &head, p, cut, &o);
    if (o.end == HTTP_MORE)
        o.end = feed(&hp, &hb, &in_body, &head, p + cut, len - cut, &o);
    if (o.end == HTTP_BAD) {
        o.status = in_body ? hb.fault.status : hp.fault.status;
        o.at = in_body ? hb.fault.at : hp.fault.at;
        o.used = 0; /* nothing is said about it */
        o.body = 0;
    }
    arena_free(a);
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct outcome whole, cut;

    if (size < 2)
        return 0;
    whole = parse((const char *)data + 1, size - 1, size - 1);
    cut = parse((const char *)data + 1, size - 1,
                (size_t)data[0] * (size - 1) / 255);
    if (whole.end != cut.end || whole.status != cut.status ||
        whole.at != cut.at || whole.used != cut.used || whole.body != cut.body)
        abort();
    return 0;
}
