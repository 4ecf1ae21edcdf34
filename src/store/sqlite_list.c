/* sqlite_list.c - pages of papers.
 *
 * A page is found in three steps, all in one snapshot: the set that the filters
 * leave (kept, sqlite_filter.c), the ids of the page (a short walk along the
 * ordering's index, or a kept ordered list: sqlite_order.c), the rows.
 */
#include <string.h>

#include "store/sqlite_order.h"

/* A walk looks at so many index rows (0.1 ms each 1,000) before it is better to
 * put the set in order once. */
#define WALK_ROWS 1000
#define EACH_BATCH 100
#define EACH_BYTES (64u << 20)

struct page {
    struct sqlite_store *s;
    struct db *c;
    struct arena *a;
    const struct paper_query *q;
    struct data_age age;
    int64_t live;
    struct kept *set;
    int64_t *ids; /* the page's, in its order; in arena */
    int64_t n;
    bool more;
};

static enum err_code page_open(struct page *p, struct err *e)
{
    struct query q;
    enum err_code code = filter_needs_text(p->q) ? text_snapshot(p->s, &p->c, e)
                                                 : db_get(p->s, true, &p->c, e);

    if (code != ERR_NONE)
        return code;
    q_start(
        &q, p->c,
        "SELECT papers_generation, marks_generation, live_papers FROM meta");
    if (q_next(&q)) {
        p->age.papers = (uint64_t)q_get_int(&q);
        p->age.marks = (uint64_t)q_get_int(&q);
        p->live = q_get_int(&q);
    }
    code = q_end(&q, e);
    if (code == ERR_NONE)
        code = filter_set(p->s, p->c, p->q, p->age, &p->set, e);
    if (code != ERR_NONE)
        db_put(p->s, p->c);
    return code;
}

static void page_close(struct page *p)
{
    kept_release(p->s, p->set);
    db_put(p->s, p->c);
}

static void reverse(int64_t *ids, int64_t n)
{
    for (int64_t i = 0; i < n / 2; i++) {
        int64_t id = ids[i];

        ids[i] = ids[n - 1 - i];
        ids[n - 1 - i] = id;
    }
}

/* ---- by offset ---- */

/* Numbers first.. of the ordering, whichever its direction. */
static enum err_code from_list(struct page *p, int64_t first, int64_t n,
                               struct err *e)
{
    bool up = p->q->ascending;
    struct kept *list = NULL;
    enum err_code code =
        ordered_list(p->s, p->c, p->a, p->q, p->set, p->age, p->live, &list, e);

    if (code != ERR_NONE)
        return code;
    if (up)
        first = p->set->count - first - n;
    code = ordered_range(p->c, p->a, list, p->set, p->q->order, first, n,
                         p->ids, e);
    if (up)
        reverse(p->ids, n);
    p->n = n;
    kept_release(p->s, list);
    return code;
}

/* Index rows between two papers of the set, if they are spread evenly. */
static int64_t step_rows(const struct page *p)
{
    return p->set->bits ? p->live / (p->set->count + 1) + 1 : 1;
}

static enum err_code by_offset(struct page *p, struct err *e)
{
    const struct paper_query *q = p->q;
    int64_t left = p->set->count - q->offset;
    int64_t want = left < q->limit ? left : q->limit;
    struct walk w;
    enum err_code code;

    if (want <= 0)
        return ERR_NONE;
    if (q->order == PAPER_BY_RANK ||
        (q->offset + want) * step_rows(p) > WALK_ROWS)
        return from_list(p, q->offset, want, e);
    code = walk_init(&w, p->c, p->a, p->set, q->order, q->ascending, NULL,
                     2 * WALK_ROWS, e);
    if (code == ERR_NONE)
        code = walk_collect(&w, q->offset, want, p->ids, &p->n, e);
    /* They were not spread evenly. */
    if (code == ERR_NONE && p->n < want)
        code = from_list(p, q->offset, want, e);
    return code;
}

/* ---- by cursor ---- */

static enum err_code cursor_from_list(struct page *p,
                                      const struct paper_key *key, bool up,
                                      int64_t want, struct err *e)
{
    struct kept *list = NULL;
    int64_t at = 0;
    enum err_code code =
        ordered_list(p->s, p->c, p->a, p->q, p->set, p->age, p->live, &list, e);

    if (code != ERR_NONE)
        return code;
    code = ordered_above(p->c, p->a, list, p->q->order, key, !up, &at, e);
    if (up) { /* the ones above, nearest first */
        p->n = at < want ? at : want;
        at -= p->n;
    } else {
        p->n = p->set->count - at < want ? p->set->count - at : want;
    }
    if (code == ERR_NONE)
        code = ordered_range(p->c, p->a, list, p->set, p->q->order, at, p->n,
                             p->ids, e);
    if (up)
        reverse(p->ids, p->n);
    kept_release(p->s, list);
    return code;
}

static enum err_code by_cursor(struct page *p, struct err *e)
{
    const struct paper_query *q = p->q;
    const struct paper_key *key = q->after ? q->after : q->before;
    bool up = q->ascending == (q->after != NULL);
    int64_t want = q->limit + 1;
    /* A list that keeps every id only serves sets up to its size; beyond, the
     * walk just goes on. */
    bool bounded = p->set->bits && p->set->count <= ORDERED_MAX_IDS;
    struct walk w;
    enum err_code code =
        walk_init(&w, p->c, p->a, p->set, q->order, up, key,
                  bounded ? 4 * WALK_ROWS + want : INT64_MAX, e);

    if (code == ERR_NONE)
        code = walk_collect(&w, 0, want, p->ids, &p->n, e);
    if (code == ERR_NONE && p->n < want && w.budget <= 0)
        code = cursor_from_list(p, key, up, want, e);
    p->more = p->n == want;
    p->n -= p->more;
    if (q->before)
        reverse(p->ids, p->n);
    return code;
}

/* ---- the use cases ---- */

static enum err_code load_rows(struct page *p, struct paper_list *out,
                               struct err *e)
{
    enum err_code code = ERR_NONE;

    out->papers = arena_calloc(p->a, (size_t)p->n + 1, sizeof(*out->papers));
    if (!out->papers)
        return arena_full(e);
    for (int64_t i = 0; i < p->n && code == ERR_NONE; i++)
        code = paper_load(p->c, p->a, p->ids[i], &out->papers[i], e);
    out->n = (size_t)p->n;
    return code;
}

enum err_code sqlite_papers_list(struct store *base, struct arena *a,
                                 const struct paper_query *q,
                                 struct paper_list *out, struct err *e)
{
    struct page p = {.s = sqlite_downcast(base), .a = a, .q = q};
    struct paper_list list = {0};
    enum err_code code;

    p.ids = arena_calloc(a, (size_t)q->limit + 1, sizeof(*p.ids));
    if (!p.ids)
        return arena_full(e);
    code = page_open(&p, e);
    if (code != ERR_NONE)
        return code;
    code = q->after || q->before ? by_cursor(&p, e) : by_offset(&p, e);
    if (code == ERR_NONE)
        code = load_rows(&p, &list, e);
    list.count = q->want_count ? p.set->count : -1;
    list.more = p.more;
    page_close(&p);
    if (code == ERR_NONE)
        *out = list;
    return code;
}

typedef enum err_code each_fn(void *ctx, const struct paper *p, struct err *e);

/* The order of rank has no keys to go on from: the ids are taken at the start;
 * papers that are deleted meanwhile are left out. */
static enum err_code each_by_rank(struct sqlite_store *s,
                                  const struct paper_query *q, struct arena *a,
                                  each_fn *each, void *ctx, struct err *e)
{
    struct page p = {.s = s, .a = a, .q = q};
    struct kept *list = NULL;
    enum err_code code = page_open(&p, e);

    if (code != ERR_NONE)
        return code;
    code = ordered_list(s, p.c, a, q, p.set, p.age, p.live, &list, e);
    page_close(&p);
    for (size_t i = 0; list && i < list->n_ids && code == ERR_NONE; i++) {
        struct paper paper;
        struct db *c;

        arena_reset(a);
        code = db_get(s, false, &c, e);
        if (code != ERR_NONE)
            break;
        code = paper_load(
            c, a, list->ids[q->ascending ? list->n_ids - 1 - i : i], &paper, e);
        db_put(s, c);
        if (code == ERR_NONE && !paper.deleted_at)
            code = each(ctx, &paper, e);
    }
    kept_release(s, list);
    return code;
}

/* The last key's title lives in the arena of the batch before. */
static enum err_code each_by_key(struct store *base,
                                 const struct paper_query *wanted,
                                 struct arena *arenas[2], each_fn *each,
                                 void *ctx, struct err *e)
{
    struct paper_query q = *wanted;
    struct paper_list batch = {0};
    struct paper_key key;
    enum err_code code = ERR_NONE;

    q.limit = EACH_BATCH;
    for (int turn = 0; code == ERR_NONE; turn ^= 1) {
        arena_reset(arenas[turn]);
        code = sqlite_papers_list(base, arenas[turn], &q, &batch, e);
        for (size_t i = 0; code == ERR_NONE && i < batch.n; i++)
            code = each(ctx, &batch.papers[i], e);
        if (code != ERR_NONE || batch.n < EACH_BATCH)
            break;
        key = paper_key_of(&batch.papers[batch.n - 1], q.order);
        q.after = &key;
    }
    return code;
}

enum err_code sqlite_papers_each(struct store *base,
                                 const struct paper_query *wanted,
                                 each_fn *each, void *ctx, struct err *e)
{
    struct paper_query q = *wanted;
    struct arena *arenas[2] = {arena_new(EACH_BYTES), arena_new(EACH_BYTES)};
    enum err_code code;

    q.offset = 0;
    q.after = q.before = NULL;
    q.want_count = false;
    if (!arenas[0] || !arenas[1])
        code = err_set(e, ERR_INTERNAL, "out of memory");
    else if (q.order == PAPER_BY_RANK)
        code = each_by_rank(sqlite_downcast(base), &q, arenas[0], each, ctx, e);
    else
        code = each_by_key(base, &q, arenas, each, ctx, e);
    arena_free(arenas[0]);
    arena_free(arenas[1]);
    return code;
}
