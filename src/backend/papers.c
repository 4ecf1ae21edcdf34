/* papers.c - GET /api/papers/, a paper, its neighbours, its tombstone.
 *
 * The list comes in numbered pages with an exact count, or by cursor: a place
 * in the ordering instead of a number, so that rows that arrive meanwhile
 * neither shift nor repeat what follows, and every page costs the same.
 */
#include "backend/handlers.h"

#include "backend/cursor.h"
#include "backend/paper_json.h"
#include "backend/paper_query.h"
#include "base/clock.h"
#include "net/paging.h"

static void write_papers(struct jw *j, const struct paper_list *list)
{
    jw_arr(j);
    for (size_t i = 0; i < list->n; i++)
        paper_json(j, &list->papers[i]);
    jw_end_arr(j);
    jw_end_obj(j);
}

/* ---- numbered pages ---- */

static enum err_code render_page(struct request *r, struct buf *out,
                                 struct paper_query *q, struct err *e)
{
    struct backend *b = r->ctx;
    struct page page = paging_read(r);
    struct paper_list list;
    enum err_code rc;
    struct jw j;

    q->offset = page.offset;
    q->limit = (int)page.size;
    q->want_count = true;
    rc = store_papers_list(b->store, r->arena, q, &list, e);
    if (rc == ERR_NONE)
        rc = paging_check(&page, list.count, e);
    if (rc)
        return rc;
    jw_init(&j, out);
    paging_open(&j, r, &page, list.count);
    write_papers(&j, &list);
    return ERR_NONE;
}

/* ---- keyset pages ---- */

static struct slice cursor_at(struct request *r, const struct paper_query *q,
                              const struct paper *p, bool backward)
{
    struct cursor c = {q->order, q->ascending, backward,
                       paper_key_of(p, q->order)};

    return cursor_write(r->arena, &c);
}

/* Read the cursor of the request, if it is not the empty one of page 1. */
static enum err_code read_cursor(struct request *r, struct cursor *c,
                                 struct paper_query *q, struct err *e)
{
    struct slice text = request_str(r, "cursor");
    enum err_code rc;

    if (q->order == PAPER_BY_RANK)
        return err_field(e, "cursor",
                         "\"cursor\" cannot go with \"ordering\" by rank");
    if (request_int(r, "page") != 1)
        return err_field(e, "page", "\"page\" cannot go with \"cursor\"");
    if (text.len == 0)
        return ERR_NONE;
    rc = cursor_read(c, r->arena, text, e);
    if (rc)
        return rc;
    if (c->order != q->order || c->ascending != q->ascending)
        return err_field(e, "cursor",
                         "Invalid cursor: it is of another \"ordering\"");
    if (c->backward)
        q->before = &c->key;
    else
        q->after = &c->key;
    return ERR_NONE;
}

/* One row more than asked for tells whether the list goes on. */
static bool cut_extra_row(struct paper_list *list, int size, bool backward)
{
    if (list->n <= (size_t)size)
        return false;
    list->n--;
    if (backward)
        list->papers++;
    return true;
}

static enum err_code render_cursor(struct request *r, struct buf *out,
                                   struct paper_query *q, struct err *e)
{
    struct backend *b = r->ctx;
    struct slice next = SLICE_NONE, previous = SLICE_NONE;
    int size = (int)request_int(r, "page_size");
    struct paper_list list;
    struct cursor c;
    enum err_code rc;
    struct jw j;
    bool goes_on;

    rc = read_cursor(r, &c, q, e);
    if (rc)
        return rc;
    q->limit = size + 1;
    rc = store_papers_list(b->store, r->arena, q, &list, e);
    if (rc)
        return rc;
    goes_on = cut_extra_row(&list, size, q->before);
    /* Behind a page that was reached backward is the place it was reached
     * from; in front of one reached forward likewise. */
    if (list.n > 0 && (goes_on || q->before))
        next = cursor_at(r, q, &list.papers[list.n - 1], false);
    if (list.n > 0 && (q->before ? goes_on : q->after != NULL))
        previous = cursor_at(r, q, &list.papers[0], true);
    jw_init(&j, out);
    paging_open_cursor(&j, r, next, previous);
    write_papers(&j, &list);
    return ERR_NONE;
}

static enum err_code render_list(struct request *r, struct buf *out,
                                 struct err *e)
{
    struct paper_query q;
    enum err_code rc = paper_query_read(r, &q, e);

    if (rc)
        return rc;
    return request_has(r, "cursor") ? render_cursor(r, out, &q, e)
                                    : render_page(r, out, &q, e);
}

enum err_code papers_list(struct request *r, struct err *e)
{
    return reply_cached(r, "application/json", render_list, e);
}

/* ---- one paper ---- */

/* The store names the paper; to clients it is DRF's sentence. */
static enum err_code not_found(enum err_code rc, struct err *e)
{
    return rc == ERR_NOT_FOUND ? err_set(e, rc, "Not found.") : rc;
}

/* A note is for who wrote it: a library that everybody may read does not show
 * it to everybody. */
static enum err_code reply_paper(struct request *r, struct err *e)
{
    struct backend *b = r->ctx;
    int64_t id = request_int(r, "id");
    struct paper_marks marks;
    struct paper p;
    enum err_code rc;
    struct jw j;

    rc = store_paper_get(b->store, r->arena, id, false, &p, e);
    if (rc == ERR_NONE)
        rc = store_marks_get(b->store, r->arena, id, &marks, e);
    if (rc)
        return not_found(rc, e);
    jw_init(&j, reply_json(r, 200));
    jw_obj(&j);
    paper_json_members(&j, &p);
    jw_ktext(&j, "note", request_may_write(r) ? marks.note : SLICE_NONE);
    jw_ktime(&j, "marked_at", marks.marked_at);
    jw_end_obj(&j);
    return ERR_NONE;
}

enum err_code paper_detail(struct request *r, struct err *e)
{
    return reply_paper(r, e);
}

enum err_code paper_remove(struct request *r, struct err *e)
{
    struct backend *b = r->ctx;
    enum err_code rc;

    rc = store_paper_delete(b->store, request_int(r, "id"), clock_now_us(), e);
    if (rc)
        return not_found(rc, e);
    reply_empty(r, 204);
    return ERR_NONE;
}

enum err_code paper_restore(struct request *r, struct err *e)
{
    struct backend *b = r->ctx;
    enum err_code rc;

    rc = store_paper_restore(b->store, request_int(r, "id"), clock_now_us(), e);
    if (rc)
        return not_found(rc, e);
    backend_papers_stored(b);
    return reply_paper(r, e);
}

/* ---- its neighbours ---- */

/* Papers like a paper, and how they were found. */
struct neighbours {
    struct paper_similar *list;
    size_t n;
    const char *method; /* "vectors", "words" */
};

/* false: it cannot be said by vectors. */
static bool find_by_vectors(struct request *r, struct neighbours *out)
{
    struct backend *b = r->ctx;
    int64_t ids[SIMILAR_MAX_K];
    double scores[SIMILAR_MAX_K];
    struct paper *papers;
    size_t n, found, at = 0;
    struct err ignored = {0};

    if (!b->similar ||
        b->similar(b->ctx, request_int(r, "id"), (int)request_int(r, "k"), ids,
                   scores, &n, &ignored) != ERR_NONE ||
        store_papers_get(b->store, r->arena, ids, n, &papers, &found,
                         &ignored) != ERR_NONE)
        return false;
    out->method = "vectors";
    out->list = arena_calloc(r->arena, found + 1, sizeof(*out->list));
    /* Those that were deleted meanwhile are left out. */
    for (size_t i = 0; out->list && i < n && at < found; i++) {
        if (papers[at].id != ids[i])
            continue;
        out->list[at] = (struct paper_similar){papers[at], scores[i]};
        at++;
    }
    out->n = at;
    return out->list;
}

static enum err_code find_neighbours(struct request *r, struct neighbours *out,
                                     struct err *e)
{
    struct backend *b = r->ctx;

    if (find_by_vectors(r, out))
        return ERR_NONE;
    out->method = "words";
    return not_found(
        store_papers_similar(b->store, r->arena, request_int(r, "id"),
                             (int)request_int(r, "k"), &out->list, &out->n, e),
        e);
}

static void write_neighbours(struct buf *out, const struct neighbours *found)
{
    struct jw j;

    jw_init(&j, out);
    short_list_open(&j, found->n);
    jw_arr(&j);
    for (size_t i = 0; i < found->n; i++) {
        jw_obj(&j);
        paper_json_members(&j, &found->list[i].paper);
        jw_kdouble(&j, "similarity", found->list[i].score);
        jw_end_obj(&j);
    }
    jw_end_arr(&j);
    jw_kstr(&j, "method", found->method);
    jw_end_obj(&j);
}

static enum err_code render_similar(struct request *r, struct buf *out,
                                    struct err *e)
{
    struct neighbours found;
    enum err_code rc = find_neighbours(r, &found, e);

    if (rc == ERR_NONE)
        write_neighbours(out, &found);
    return rc;
}

/* With vectors it is not kept: they come after their papers, and the papers'
 * generation does not tell. */
enum err_code paper_similar(struct request *r, struct err *e)
{
    const struct backend *b = r->ctx;
    struct neighbours found;
    enum err_code rc;

    if (!b->similar)
        return reply_cached(r, "application/json", render_similar, e);
    rc = find_neighbours(r, &found, e);
    if (rc == ERR_NONE)
        write_neighbours(reply_json(r, 200), &found);
    return rc;
}
