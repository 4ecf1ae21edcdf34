/* http_parse.h - HTTP/1.1 requests out of bytes: strict, incremental, no
 * sockets.
 *
 * Two small machines.  `struct http_parse` takes bytes until a request's head
 * is complete and yields a `struct http_head`; `struct http_body` then turns
 * the bytes that follow into the body, with Content-Length or chunked.  Both
 * take input in pieces of any size, and the pieces never change the outcome.
 *
 * What is refused, though some servers let it pass (RFC 9112 allows or demands
 * each): a bare LF; folded header lines; a space before the colon; a repeated
 * Content-Length, even an equal one; Content-Length together with
 * Transfer-Encoding; any coding but `chunked`; a missing, repeated or malformed
 * Host; control characters and NUL anywhere; non-ASCII in the target; '#' in
 * the target; versions other than 1.0 and 1.1; more than one empty line before
 * a request.
 *
 * Ownership: the head's slices live in the arena given to http_parse_init.
 * Threads: one parser belongs to one thread at a time.
 */
#ifndef NET_HTTP_PARSE_H
#define NET_HTTP_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/slice.h"
#include "net/request.h"

#define HTTP_MAX_LINE 8192       /* request line, without CRLF: then 414 */
#define HTTP_MAX_HEAD 32768      /* request line and headers: then 431 */
#define HTTP_MAX_HEADERS 100     /* then 431 */
#define HTTP_MAX_EXTENSIONS 4096 /* chunk extensions of a body: then 400 */
#define HTTP_MAX_TRAILERS 8192   /* trailer section: then 431 */

enum http_progress {
    HTTP_MORE, /* all input used; give more */
    HTTP_DONE, /* complete; what follows `used` belongs to what comes next */
    HTTP_BAD   /* see fault; the connection cannot go on */
};

/* Why a request was refused. */
struct http_fault {
    int status;      /* 400, 414, 417, 431, 501 or 505 */
    size_t at;       /* bytes from the start of the head, or of the body */
    const char *why; /* constant text, lower case, no full stop */
};

struct http_head {
    enum http_method method;
    struct slice method_text;
    struct slice target; /* as sent */
    struct slice path;   /* raw; "/" where an absolute target has none */
    struct slice query;  /* raw, without '?' */
    struct slice host;   /* of an absolute target, else of Host; may be empty */
    struct http_header *headers;
    size_t n_headers;
    int minor;              /* HTTP/1.<minor>: 0 or 1 */
    int64_t content_length; /* -1: none given */
    bool chunked;
    bool keep_alive;      /* what version and Connection say */
    bool expect_continue; /* the client waits for 100 */
};

struct http_parse {
    struct arena *arena;
    char *text; /* head so far, in the arena */
    size_t len, cap;
    size_t line_len; /* of the line at hand, so far */
    size_t n_lines;
    bool skipped_blank; /* the one empty line before a request was there */
    struct http_fault fault;
};

void http_parse_init(struct http_parse *p, struct arena *a);
/* Has any byte of a request been seen? */
bool http_parse_started(const struct http_parse *p);
/* Take data[0..len).  HTTP_DONE fills *head; *used says how many bytes were
 * taken (all of them with HTTP_MORE). */
enum http_progress http_parse_feed(struct http_parse *p, const char *data,
                                   size_t len, size_t *used,
                                   struct http_head *head);

struct http_body {
    enum {
        BODY_LENGTH,
        BODY_SIZE, /* chunked, from here on */
        BODY_EXTENSION,
        BODY_SIZE_LF,
        BODY_DATA,
        BODY_DATA_CR,
        BODY_DATA_LF,
        BODY_TRAILER,
        BODY_TRAILER_NAME,
        BODY_TRAILER_VALUE,
        BODY_TRAILER_LF,
        BODY_END_LF,
        BODY_FINISHED
    } state;
    uint64_t left;               /* bytes of the body or chunk still to come */
    int n_digits;                /* of the chunk size at hand */
    size_t extensions, trailers; /* bytes of each so far */
    size_t at;
    struct http_fault fault;
};

void http_body_init(struct http_body *b, const struct http_head *head);
/* Take input and give one piece of the body, a slice of `data` (may be empty).
 * Call again with what is left until HTTP_MORE with all used, or HTTP_DONE.
 * Trailers are checked and dropped. */
enum http_progress http_body_feed(struct http_body *b, const char *data,
                                  size_t len, size_t *used,
                                  struct slice *piece);

/* Is `s` a token (RFC 9110, 5.6.2)?  The empty slice is none. */
bool http_is_token(struct slice s);
/* Is `s` host or host:port, as Host and public_url carry it? */
bool http_is_host(struct slice s);
/* "GET"...; HTTP_OTHER: "". */
const char *http_method_name(enum http_method m);
/* Reason phrase of a status. */
const char *http_reason(int status);

#endif
