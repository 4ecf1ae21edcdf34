/* http_peer.c - libhttp-parser as the differential tests see it; in a file of
 * its own because its header and ours use the same names. */
#include "http_peer.h"

#include <http_parser.h>
#include <stdio.h>
#include <string.h>

static struct http_peer *peer_of(http_parser *p)
{
    return p->data;
}

static int on_url(http_parser *p, const char *s, size_t n)
{
    buf_add(&peer_of(p)->url, s, n);
    return 0;
}

static int on_body(http_parser *p, const char *s, size_t n)
{
    buf_add(&peer_of(p)->body, s, n);
    return 0;
}

static int on_field(http_parser *p, const char *s, size_t n)
{
    struct http_peer *t = peer_of(p);

    if (t->in_trailers)
        return 0;
    if (t->value_open)
        buf_add_char(&t->headers, '\n');
    t->value_open = false;
    buf_add(&t->headers, s, n);
    return 0;
}

static int on_value(http_parser *p, const char *s, size_t n)
{
    struct http_peer *t = peer_of(p);

    if (t->in_trailers)
        return 0;
    if (!t->value_open)
        buf_add_char(&t->headers, ':');
    t->value_open = true;
    /* It keeps the white space at a value's end. */
    while (n > 0 && (s[n - 1] == ' ' || s[n - 1] == '\t'))
        n--;
    buf_add(&t->headers, s, n);
    return 0;
}

static int on_end(http_parser *p)
{
    struct http_peer *t = peer_of(p);

    if (t->value_open)
        buf_add_char(&t->headers, '\n');
    t->value_open = false;
    t->complete = true;
    http_parser_pause(p, 1);
    return 0;
}

/* Trailers come through the same callbacks: stop noting at the head's end. */
static int on_head_end(http_parser *p)
{
    struct http_peer *t = peer_of(p);

    if (t->value_open)
        buf_add_char(&t->headers, '\n');
    t->value_open = false;
    t->in_trailers = true;
    return 0;
}

bool http_peer_parse(const char *p, size_t len, struct http_peer *t)
{
    static const http_parser_settings settings = {
        .on_url = on_url,
        .on_header_field = on_field,
        .on_header_value = on_value,
        .on_headers_complete = on_head_end,
        .on_body = on_body,
        .on_message_complete = on_end,
    };
    http_parser hp;

    memset(t, 0, sizeof(*t));
    buf_init(&t->url, 1 << 20);
    buf_init(&t->body, 1 << 20);
    buf_init(&t->headers, 1 << 20);
    http_parser_init(&hp, HTTP_REQUEST);
    hp.data = t;
    http_parser_execute(&hp, &settings, p, len);
    snprintf(t->method, sizeof(t->method), "%s",
             http_method_str((enum http_method)hp.method));
    t->bad_coding = HTTP_PARSER_ERRNO(&hp) == HPE_INVALID_TRANSFER_ENCODING;
    t->bad_length = HTTP_PARSER_ERRNO(&hp) == HPE_INVALID_CONTENT_LENGTH;
    return t->complete;
}

void http_peer_release(struct http_peer *t)
{
    buf_release(&t->url);
    buf_release(&t->body);
    buf_release(&t->headers);
}
