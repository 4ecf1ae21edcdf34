/* paging.c - see paging.h.  Django REST framework builds its links by replacing
 * one parameter of the request's own URL, sorting them all and writing them
 * anew with urlencode(); so do we, so that the links are equal to the byte. */
#include "net/paging.h"

#include <stdlib.h>

#include "net/http_uri.h"

#define MAX_PAIRS 64 /* more than any route has parameters */

struct page paging_read(const struct request *r)
{
    struct page p = {.number = request_int(r, "page"),
                     .size = request_int(r, "page_size")};

    p.offset = (p.number - 1) * p.size;
    return p;
}

enum err_code paging_check(const struct page *p, int64_t count, struct err *e)
{
    if (p->number == 1 || p->offset < count)
        return ERR_NONE;
    return err_set(e, ERR_NOT_FOUND, "Invalid page.");
}

static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' ||
           c == '~';
}

/* As Python's quote_plus() writes it. */
static void add_escaped(struct buf *b, struct slice s)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t i;

    for (i = 0; i < s.len; i++) {
        if (is_unreserved(s.p[i])) {
            buf_add_char(b, s.p[i]);
        } else if (s.p[i] == ' ') {
            buf_add_char(b, '+');
        } else {
            buf_add_char(b, '%');
            buf_add_char(b, digits[(unsigned char)s.p[i] >> 4]);
            buf_add_char(b, digits[s.p[i] & 15]);
        }
    }
}

struct pair {
    struct slice name, value;
};

static int by_name(const void *a, const void *b)
{
    return slice_cmp(((const struct pair *)a)->name,
                     ((const struct pair *)b)->name);
}

/* The query's parameters but `skip`, decoded; how many. */
static size_t read_query(const struct request *r, const char *skip,
                         struct pair *pairs)
{
    struct slice rest = r->query, name, value;
    struct err ignored; /* the router has checked them */
    size_t n = 0;

    while (n < MAX_PAIRS && uri_query_next(&rest, &name, &value)) {
        if (uri_query_decode(r->arena, name, &name, &ignored) ||
            uri_query_decode(r->arena, value, &value, &ignored) ||
            slice_is(name, skip))
            continue;
        pairs[n++] = (struct pair){name, value};
    }
    return n;
}

/* The request's URL with parameter `name` set to `value`, or without it where
 * value.p is NULL; parameters sorted by name. */
static void write_link(struct jw *j, const struct request *r, const char *name,
                       struct slice value)
{
    struct pair pairs[MAX_PAIRS + 1];
    size_t i, n = read_query(r, name, pairs);
    struct buf b;

    if (value.p)
        pairs[n++] = (struct pair){slice_of(name), value};
    qsort(pairs, n, sizeof(pairs[0]), by_name);
    buf_init(&b, 65536);
    buf_add_slice(&b, r->base_url);
    buf_add_slice(&b, r->raw_path);
    for (i = 0; i < n; i++) {
        buf_add_char(&b, i ? '&' : '?');
        add_escaped(&b, pairs[i].name);
        buf_add_char(&b, '=');
        add_escaped(&b, pairs[i].value);
    }
    jw_slice(j, buf_slice(&b));
    buf_release(&b);
}

static void write_page_link(struct jw *j, const struct request *r,
                            int64_t number)
{
    struct buf text;

    buf_init(&text, 32);
    buf_add_i64(&text, number);
    write_link(j, r, "page", number > 1 ? buf_slice(&text) : SLICE_NONE);
    buf_release(&text);
}

void paging_open(struct jw *j, const struct request *r, const struct page *p,
                 int64_t count)
{
    jw_obj(j);
    jw_kint(j, "count", count);
    jw_key(j, "next");
    if (p->offset + p->size < count)
        write_page_link(j, r, p->number + 1);
    else
        jw_null(j);
    jw_key(j, "previous");
    if (p->number > 1)
        write_page_link(j, r, p->number - 1);
    else
        jw_null(j);
    jw_key(j, "results");
}

void paging_write(struct jw *j, const struct request *r, const struct page *p,
                  int64_t count, const void *rows, size_t n, size_t size,
                  paging_row *write)
{
    paging_open(j, r, p, count);
    jw_arr(j);
    for (size_t i = 0; i < n; i++)
        write(j, (const char *)rows + i * size);
    jw_end_arr(j);
    jw_end_obj(j);
}

enum err_code paging_reply(struct request *r, const struct page *p,
                           int64_t count, const void *rows, size_t n,
                           size_t size, paging_row *write, struct err *e)
{
    enum err_code rc = paging_check(p, count, e);
    struct jw j;

    if (rc != ERR_NONE)
        return rc;
    jw_init(&j, reply_json(r, 200));
    paging_write(&j, r, p, count, rows, n, size, write);
    return ERR_NONE;
}

static void write_cursor_link(struct jw *j, const struct request *r,
                              const char *key, struct slice cursor)
{
    jw_key(j, key);
    if (cursor.len == 0)
        jw_null(j);
    else
        write_link(j, r, "cursor", cursor);
}

void paging_open_cursor(struct jw *j, const struct request *r,
                        struct slice next_cursor, struct slice previous_cursor)
{
    jw_obj(j);
    jw_knull(j, "count");
    write_cursor_link(j, r, "next", next_cursor);
    write_cursor_link(j, r, "previous", previous_cursor);
    jw_key(j, "results");
}
