/* paging.h - Django REST framework's list envelope.
 *
 *     {"count":50,"next":"http://...?page=2","previous":null,"results":[
 *
 * Links are absolute (request base_url + path as sent + query); all other
 * query parameters are kept, sorted by name and escaped as DRF does it, and the
 * link to the first page drops `page`.
 *
 * Threads: pure functions over the request.
 */
#ifndef NET_PAGING_H
#define NET_PAGING_H

#include "base/json.h"
#include "net/request.h"
#include "net/router.h"

#define PAGE_SIZE_DEFAULT 20
#define PAGE_SIZE_MAX 100

/* The two rows that every paged route has in its params. */
#define PAGING_PARAMS                                                          \
    {"page",                                                                   \
     IN_QUERY,                                                                 \
     PARAM_INT,                                                                \
     .min = 1,                                                                 \
     .max = 1e9,                                                               \
     .dflt = "1",                                                              \
     .doc = "Page number, from 1."},                                           \
    {                                                                          \
        "page_size", IN_QUERY, PARAM_INT, .min = 1, .max = PAGE_SIZE_MAX,      \
                                          .dflt = "20", .doc = "Rows a page."  \
    }

struct page {
    int64_t number; /* from 1 */
    int64_t size;
    int64_t offset; /* of its first row */
};

struct page paging_read(const struct request *r);
/* ERR_NOT_FOUND "Invalid page." unless page 1 or a page with rows. */
enum err_code paging_check(const struct page *p, int64_t count, struct err *e)
    CHECKED;
/* Write {"count":..,"next":..,"previous":..,"results": and leave `j` inside
 * the object; the caller writes the array and ends the object. */
void paging_open(struct jw *j, const struct request *r, const struct page *p,
                 int64_t count);
/* A whole page into an empty j: the envelope, and n rows of `size` bytes, each
 * written by `write`. */
typedef void paging_row(struct jw *j, const void *row);
void paging_write(struct jw *j, const struct request *r, const struct page *p,
                  int64_t count, const void *rows, size_t n, size_t size,
                  paging_row *write);
/* The same as the reply to r, after paging_check. */
enum err_code paging_reply(struct request *r, const struct page *p,
                           int64_t count, const void *rows, size_t n,
                           size_t size, paging_row *write, struct err *e)
    CHECKED;
/* As paging_open, for keyset pages: count is null; a link carries `cursor`. An
 * empty slice is null. */
void paging_open_cursor(struct jw *j, const struct request *r,
                        struct slice next_cursor, struct slice previous_cursor);

#endif
