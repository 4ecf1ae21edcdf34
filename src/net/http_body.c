/* http_body.c - the second machine of http_parse.h: bodies.
 *
 * Chunk lines are short and rare, so they are read byte by byte with a state
 * each; data is handed on as slices of the input, never copied here.
 */
#include "net/http_parse.h"

/* 2^40 bytes is beyond every body limit; more digits only serve attacks. */
#define MAX_SIZE_DIGITS 10

void http_body_init(struct http_body *b, const struct http_head *head)
{
    *b = (struct http_body){.state = BODY_LENGTH};
    if (head->chunked)
        b->state = BODY_SIZE;
    else if (head->content_length > 0)
        b->left = (uint64_t)head->content_length;
    else
        b->state = BODY_FINISHED;
}

static enum http_progress refuse(struct http_body *b, int status,
                                 const char *why)
{
    b->fault = (struct http_fault){status, b->at, why};
    return HTTP_BAD;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static enum http_progress size_byte(struct http_body *b, char c)
{
    int digit = hex_digit(c);

    if (digit >= 0) {
        if (++b->n_digits > MAX_SIZE_DIGITS)
            return refuse(b, 400, "the chunk size is too long");
        b->left = b->left * 16 + (unsigned)digit;
        return HTTP_MORE;
    }
    if (b->n_digits == 0 || (c != '\r' && c != ';'))
        return refuse(b, 400, "malformed chunk size");
    b->state = c == '\r' ? BODY_SIZE_LF : BODY_EXTENSION;
    return HTTP_MORE;
}

static enum http_progress extension_byte(struct http_body *b, char c)
{
    unsigned char u = (unsigned char)c;

    if (c == '\r') {
        b->state = BODY_SIZE_LF;
        return HTTP_MORE;
    }
    if ((u < 0x20 && c != '\t') || u == 0x7F)
        return refuse(b, 400, "control character in a chunk extension");
    if (++b->extensions > HTTP_MAX_EXTENSIONS)
        return refuse(b, 400, "the chunk extensions are too long");
    return HTTP_MORE;
}

static enum http_progress trailer_byte(struct http_body *b, char c)
{
    unsigned char u = (unsigned char)c;

    if (++b->trailers > HTTP_MAX_TRAILERS)
        return refuse(b, 431, "the trailers are too large");
    switch (b->state) {
    case BODY_TRAILER: /* at the start of a line */
        if (c == '\r') {
            b->state = BODY_END_LF;
            return HTTP_MORE;
        }
        b->state = BODY_TRAILER_NAME;
        break;
    case BODY_TRAILER_VALUE:
        if (c == '\r')
            b->state = BODY_TRAILER_LF;
        else if ((u < 0x20 && c != '\t') || u == 0x7F)
            return refuse(b, 400, "control character in a trailer");
        return HTTP_MORE;
    default:
        if (c == ':') {
            b->state = BODY_TRAILER_VALUE;
            return HTTP_MORE;
        }
        break;
    }
    if (!http_is_token((struct slice){&c, 1}))
        return refuse(b, 400, "malformed trailer");
    return HTTP_MORE;
}

static enum http_progress expect(struct http_body *b, char c, char wanted,
                                 int next, const char *why)
{
    if (c != wanted)
        return refuse(b, 400, why);
    b->state = next;
    return HTTP_MORE;
}

/* One byte outside of chunk data. */
static enum http_progress framing_byte(struct http_body *b, char c)
{
    switch (b->state) {
    case BODY_SIZE:
        return size_byte(b, c);
    case BODY_EXTENSION:
        return extension_byte(b, c);
    case BODY_SIZE_LF:
        if (c != '\n')
            return refuse(b, 400, "a chunk size must end in CR LF");
        b->state = b->left ? BODY_DATA : BODY_TRAILER;
        return HTTP_MORE;
    case BODY_DATA_CR:
        return expect(b, c, '\r', BODY_DATA_LF, "a chunk must end in CR LF");
    case BODY_DATA_LF:
        b->n_digits = 0;
        return expect(b, c, '\n', BODY_SIZE, "a chunk must end in CR LF");
    case BODY_TRAILER_LF:
        return expect(b, c, '\n', BODY_TRAILER, "a line must end in CR LF");
    case BODY_END_LF:
        return expect(b, c, '\n', BODY_FINISHED, "a line must end in CR LF");
    default:
        return trailer_byte(b, c);
    }
}

enum http_progress http_body_feed(struct http_body *b, const char *data,
                                  size_t len, size_t *used, struct slice *piece)
{
    size_t i = 0, n;

    *piece = SLICE_NONE;
    *used = 0;
    while (b->state != BODY_FINISHED && i < len) {
        if (b->state == BODY_LENGTH || b->state == BODY_DATA) {
            n = len - i < b->left ? len - i : (size_t)b->left;
            *piece = (struct slice){data + i, n};
            b->left -= n;
            b->at += n;
            i += n;
            if (b->left == 0)
                b->state =
                    b->state == BODY_LENGTH ? BODY_FINISHED : BODY_DATA_CR;
            break; /* one piece a call */
        }
        if (framing_byte(b, data[i]) == HTTP_BAD)
            return HTTP_BAD;
        b->at++;
        i++;
    }
    *used = i;
    return b->state == BODY_FINISHED ? HTTP_DONE : HTTP_MORE;
}
