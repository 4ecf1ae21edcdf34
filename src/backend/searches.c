/* searches.c - saved searches: a name, filters, and how many papers are new.
 *
 * The filters are the parameters of GET /api/papers/ as an object, and go
 * through the same checks: what can be saved can be asked for.  They are kept
 * as they were sent.
 *
 * New is what matches and came after the search was last looked at.  Most of
 * the time nothing has come at all; otherwise those that came are read once,
 * and each search is counted among them, which asks the database for those
 * papers alone.  If too many came, each search costs a count.  The reply is
 * kept until something changes.
 */
#include <stdio.h>
#include <string.h>

#include "backend/handlers.h"
#include "backend/paper_query.h"
#include "base/clock.h"
#include "base/json.h"

static const struct param filter_params[] = {PAPER_QUERY_PARAMS, {0}};

static enum err_code not_found(enum err_code rc, struct err *e)
{
    return rc == ERR_NOT_FOUND ? err_set(e, rc, "Not found.") : rc;
}

/* ---- what came ---- */

/* Papers by arrival, the newest first. */
struct arrivals {
    size_t n; /* at most QUERY_MAX_IDS, and one more: there are others */
    int64_t ids[QUERY_MAX_IDS + 1];
    int64_t at[QUERY_MAX_IDS + 1];
};

/* Those that came after `since`. */
static enum err_code arrivals_read(struct request *r, int64_t since,
                                   struct arrivals **out, struct err *e)
{
    struct backend *b = r->ctx;
    struct arrivals *a = arena_calloc(r->arena, 1, sizeof(*a));
    struct paper_query q = {.min_relevance = -1,
                            .order = PAPER_BY_CREATED,
                            .created_after = since + 1,
                            .limit = QUERY_MAX_IDS + 1};
    struct paper_list list;
    enum err_code rc = a ? store_papers_list(b->store, r->arena, &q, &list, e)
                         : err_set(e, ERR_TOO_LARGE, "the reply is too large");

    if (rc != ERR_NONE)
        return rc;
    for (; a->n < list.n; a->n++) {
        a->ids[a->n] = list.papers[a->n].id;
        a->at[a->n] = list.papers[a->n].created_at;
    }
    *out = a;
    return ERR_NONE;
}

static size_t arrivals_after(const struct arrivals *a, int64_t at)
{
    size_t n = 0;

    while (n < a->n && a->at[n] > at)
        n++;
    return n;
}

/* ---- how many are new ---- */

/* "category" of the filters is "filters.category" of the request. */
static enum err_code name_field(enum err_code rc, struct err *e)
{
    char field[sizeof(e->field)];

    if (rc != ERR_INVALID || !e)
        return rc;
    snprintf(field, sizeof(field), "filters.%.*s", (int)sizeof(field) - 9,
             e->field);
    memcpy(e->field, field, sizeof(field));
    err_prefix(e, "in \"filters\"");
    return rc;
}

/* Among the arrivals; NULL: whatever came. */
static enum err_code count_new(struct request *r, const json_t *filters,
                               int64_t seen_at, const struct arrivals *a,
                               int64_t *n, struct err *e)
{
    size_t n_ids = a ? arrivals_after(a, seen_at) : 0;
    struct backend *b = r->ctx;
    struct paper_list list;
    struct paper_query q;
    struct request *sub;
    enum err_code rc = request_of_object(r, filter_params, filters, &sub, e);

    if (rc == ERR_NONE)
        rc = paper_query_read(sub, &q, e);
    if (rc != ERR_NONE)
        return rc;
    q.order = PAPER_BY_PUBLISHED; /* no matter */
    q.want_count = true;
    if (n_ids && n_ids <= QUERY_MAX_IDS && !q.ids) {
        q.ids = a->ids;
        q.n_ids = n_ids;
    } else if (q.created_after <= seen_at) {
        q.created_after = seen_at + 1;
    }
    rc = store_papers_list(b->store, r->arena, &q, &list, e);
    if (rc == ERR_NONE)
        *n = list.count;
    return rc;
}

/* Filters that an older version took and this one does not: the search is shown
 * with the reason. */
static enum err_code count_saved(struct request *r,
                                 const struct saved_search *s,
                                 const struct arrivals *a, int64_t *n,
                                 struct err *e)
{
    json_t *filters = NULL;
    enum err_code rc = json_parse(&filters, s->filters, e);

    if (rc == ERR_NONE)
        rc = count_new(r, filters, s->seen_at, a, n, e);
    json_decref(filters);
    return rc;
}

static enum err_code write_search(struct request *r, struct jw *j,
                                  const struct saved_search *s,
                                  const struct arrivals *a, struct err *e)
{
    struct err why = {0};
    int64_t n = 0;
    enum err_code rc = ERR_NONE;

    if (arrivals_after(a, s->seen_at))
        rc = count_saved(r, s, a, &n, &why);
    if (rc != ERR_NONE && rc != ERR_INVALID)
        return err_set(e, rc, "%s", why.msg);
    jw_obj(j);
    jw_kint(j, "id", s->id);
    jw_kslice(j, "name", s->name);
    jw_kraw(j, "filters", s->filters);
    if (rc == ERR_NONE)
        jw_kint(j, "new_count", n);
    else
        jw_knull(j, "new_count");
    jw_ktext(j, "error", slice_of(why.msg));
    jw_ktime(j, "seen_at", s->seen_at);
    jw_ktime(j, "created_at", s->created_at);
    jw_ktime(j, "updated_at", s->updated_at);
    jw_end_obj(j);
    return ERR_NONE;
}

/* ---- reading ---- */

static enum err_code render_list(struct request *r, struct buf *out,
                                 struct err *e)
{
    struct backend *b = r->ctx;
    struct saved_search *list;
    struct arrivals *a;
    int64_t since = INT64_MAX - 1; /* the longest that one was not looked at */
    size_t n;
    struct jw j;
    enum err_code rc = store_searches_list(b->store, r->arena, &list, &n, e);

    if (rc != ERR_NONE)
        return rc;
    for (size_t i = 0; i < n; i++)
        if (list[i].seen_at < since)
            since = list[i].seen_at;
    rc = arrivals_read(r, since, &a, e);
    if (rc != ERR_NONE)
        return rc;
    jw_init(&j, out);
    short_list_open(&j, n);
    jw_arr(&j);
    for (size_t i = 0; i < n && rc == ERR_NONE; i++)
        rc = write_search(r, &j, &list[i], a, e);
    jw_end_arr(&j);
    jw_end_obj(&j);
    return rc;
}

enum err_code searches_list(struct request *r, struct err *e)
{
    return reply_cached(r, "application/json", render_list, e);
}

static enum err_code reply_search(struct request *r, int status, int64_t id,
                                  struct err *e)
{
    struct backend *b = r->ctx;
    struct saved_search s;
    struct arrivals *a;
    struct jw j;
    enum err_code rc =
        not_found(store_search_get(b->store, r->arena, id, &s, e), e);

    if (rc == ERR_NONE)
        rc = arrivals_read(r, s.seen_at, &a, e);
    if (rc != ERR_NONE)
        return rc;
    jw_init(&j, reply_json(r, status));
    return write_search(r, &j, &s, a, e);
}

enum err_code search_detail(struct request *r, struct err *e)
{
    return reply_search(r, 200, request_int(r, "id"), e);
}

/* ---- writing ---- */

/* What is given, checked by asking for it. */
static enum err_code read_search(struct request *r, struct saved_search *s,
                                 struct err *e)
{
    const json_t *filters = request_value(r, "filters");
    struct buf text;
    struct jw j;
    int64_t n;
    enum err_code rc;

    if (request_has(r, "name"))
        s->name = slice_trim(request_str(r, "name"));
    if (s->name.len == 0)
        return err_field(e, "name", "\"name\" must not be empty");
    if (!filters)
        return ERR_NONE;
    rc = name_field(count_new(r, filters, s->seen_at, NULL, &n, e), e);
    if (rc != ERR_NONE)
        return rc;
    buf_init(&text, REPLY_MAX_BYTES);
    jw_init(&j, &text);
    jw_value(&j, filters);
    s->filters =
        buf_ok(&text) ? arena_slice(r->arena, buf_slice(&text)) : SLICE_NONE;
    buf_release(&text);
    return s->filters.p ? ERR_NONE
                        : err_set(e, ERR_TOO_LARGE, "the request is too large");
}

static enum err_code put_and_reply(struct request *r, int status,
                                   const struct saved_search *s, struct err *e)
{
    struct backend *b = r->ctx;
    int64_t id;
    enum err_code rc =
        not_found(store_search_put(b->store, s, clock_now_us(), &id, e), e);

    return rc == ERR_NONE ? reply_search(r, status, id, e) : rc;
}

enum err_code search_save(struct request *r, struct err *e)
{
    struct saved_search s = {.seen_at = clock_now_us()};
    enum err_code rc = read_search(r, &s, e);

    return rc == ERR_NONE ? put_and_reply(r, 201, &s, e) : rc;
}

static enum err_code load(struct request *r, struct saved_search *s,
                          struct err *e)
{
    struct backend *b = r->ctx;

    return not_found(
        store_search_get(b->store, r->arena, request_int(r, "id"), s, e), e);
}

enum err_code search_change(struct request *r, struct err *e)
{
    struct saved_search s;
    enum err_code rc = load(r, &s, e);

    if (rc == ERR_NONE)
        rc = read_search(r, &s, e);
    return rc == ERR_NONE ? put_and_reply(r, 200, &s, e) : rc;
}

/* Not before what was seen already, and nothing of the future is seen. */
enum err_code search_seen(struct request *r, struct err *e)
{
    struct saved_search s;
    int64_t now = clock_now_us(), at = now;
    enum err_code rc = load(r, &s, e);

    if (rc != ERR_NONE)
        return rc;
    if (request_has(r, "at"))
        at = request_time(r, "at");
    if (at > now)
        return err_field(e, "at", "\"at\" must not lie in the future");
    if (at > s.seen_at)
        s.seen_at = at;
    return put_and_reply(r, 200, &s, e);
}

enum err_code search_delete(struct request *r, struct err *e)
{
    struct backend *b = r->ctx;
    enum err_code rc =
        not_found(store_search_delete(b->store, request_int(r, "id"), e), e);

    if (rc == ERR_NONE)
        reply_empty(r, 204);
    return rc;
}
