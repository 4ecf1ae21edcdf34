/* sqlite_order.c - see sqlite_order.h.
 *
 * A walk goes along the covering index of its ordering and keeps the ids that
 * are in the set.  To start behind a key it is done in two statements, first
 * the ties (same key, by id), then the rest: each is one seek in the index,
 * however many papers share a relevance score.
 *
 * A page far down, or of a set with few papers, would walk long.  Then the
 * whole set is put in order once and kept: with the index if the set is large,
 * by sorting if it is small.  Of very large sets only every stride-th id is
 * kept, and a page is a short walk from there.
 */
#include "store/sqlite_order.h"

#include <stdlib.h>
#include <string.h>

#include "store/paper_rules.h"
#include "store/search_query.h"

/* ---- the orderings ---- */

#define LIVE(index)                                                            \
    "SELECT id FROM papers INDEXED BY " index " WHERE deleted_at = 0"
#define WALKS(index, key, less, dir)                                           \
    {                                                                          \
        LIVE(index)                                                            \
        " ORDER BY " key dir ", id" dir,                                       \
            LIVE(index) " AND " key " = ? AND id " less " ? ORDER BY id" dir,  \
            LIVE(index) " AND " key " " less " ? ORDER BY " key dir            \
                        ", id" dir,                                            \
    }

static const struct {
    const char *down[3], *up[3]; /* by walk.phase */
    const char *key;
} orders[] = {
    [PAPER_BY_PUBLISHED] =
        {
            WALKS("papers_by_published", "published_at", "<", " DESC"),
            WALKS("papers_by_published", "published_at", ">", " ASC"),
            "SELECT published_at FROM papers WHERE id = ?",
        },
    [PAPER_BY_RELEVANCE] =
        {
            WALKS("papers_by_relevance", "relevance_score", "<", " DESC"),
            WALKS("papers_by_relevance", "relevance_score", ">", " ASC"),
            "SELECT relevance_score FROM papers WHERE id = ?",
        },
    [PAPER_BY_TITLE] =
        {
            WALKS("papers_by_title", "title_key", "<", " DESC"),
            WALKS("papers_by_title", "title_key", ">", " ASC"),
            "SELECT title_key FROM papers WHERE id = ?",
        },
    [PAPER_BY_CREATED] =
        {
            WALKS("papers_by_created", "created_at", "<", " DESC"),
            WALKS("papers_by_created", "created_at", ">", " ASC"),
            "SELECT created_at FROM papers WHERE id = ?",
        },
};

/* A key's text as it is stored: lower case. */
static enum err_code stored_title(struct arena *a, struct slice title,
                                  struct slice *out, struct err *e)
{
    struct buf b;

    buf_init(&b, title.len * 2 + 16);
    paper_title_key(&b, title);
    *out = buf_ok(&b) ? arena_slice(a, buf_slice(&b)) : SLICE_NONE;
    buf_release(&b);
    return out->p ? ERR_NONE : arena_full(e);
}

static void bind_key(struct query *q, enum paper_order order,
                     const struct paper_key *k, struct slice title_key)
{
    if (order == PAPER_BY_TITLE)
        q_text(q, title_key);
    else if (order == PAPER_BY_RELEVANCE)
        q_double(q, k->d);
    else
        q_int(q, k->i);
}

/* The key of a stored paper; its text is in arena and stored as it is. */
static enum err_code key_of_id(struct db *c, struct arena *a,
                               enum paper_order order, int64_t id,
                               struct paper_key *k, struct err *e)
{
    struct query q;

    *k = (struct paper_key){.id = id};
    q_start(&q, c, orders[order].key);
    q_int(&q, id);
    if (q_next(&q)) {
        if (order == PAPER_BY_TITLE)
            k->text = q_get_text(&q, a);
        else if (order == PAPER_BY_RELEVANCE)
            k->d = q_get_double(&q);
        else
            k->i = q_get_int(&q);
    }
    return q_end(&q, e);
}

static int compare_keys(const struct paper_key *a, const struct paper_key *b,
                        enum paper_order order)
{
    int by_text = order == PAPER_BY_TITLE ? slice_cmp(a->text, b->text) : 0;

    if (by_text)
        return by_text;
    if (order == PAPER_BY_RELEVANCE && a->d != b->d)
        return a->d < b->d ? -1 : 1;
    if (a->i != b->i)
        return a->i < b->i ? -1 : 1;
    return (a->id > b->id) - (a->id < b->id);
}

/* ---- walks ---- */

enum err_code walk_init(struct walk *w, struct db *c, struct arena *a,
                        const struct kept *set, enum paper_order order,
                        bool ascending, const struct paper_key *from,
                        int64_t budget, struct err *e)
{
    *w = (struct walk){
        .c = c,
        .set = set,
        .order = order,
        .ascending = ascending,
        .from = from,
        .phase = from ? WALK_TIES : WALK_ALL,
        .budget = budget,
    };
    if (from && order == PAPER_BY_TITLE)
        return stored_title(a, from->text, &w->title_key, e);
    return ERR_NONE;
}

struct collecting {
    int64_t skip, want, n;
    int64_t *ids;
};

/* One of the walk's statements, until enough is collected. */
static enum err_code walk_phase(struct walk *w, struct collecting *g,
                                struct err *e)
{
    struct query q;

    q_start(&q, w->c,
            w->ascending ? orders[w->order].up[w->phase]
                         : orders[w->order].down[w->phase]);
    if (w->phase != WALK_ALL)
        bind_key(&q, w->order, w->from, w->title_key);
    if (w->phase == WALK_TIES)
        q_int(&q, w->from->id);
    while (g->n < g->want && w->budget-- > 0 && q_next(&q)) {
        int64_t id = q_get_int(&q);

        if (!set_has(w->set, id))
            continue;
        if (g->skip > 0)
            g->skip--;
        else
            g->ids[g->n++] = id;
    }
    return q_end(&q, e);
}

enum err_code walk_collect(struct walk *w, int64_t skip, int64_t want,
                           int64_t *ids, int64_t *n, struct err *e)
{
    struct collecting g = {.skip = skip, .want = want, .ids = ids};
    enum err_code code = ERR_NONE;

    while (w->phase != WALK_OVER && g.n < want && w->budget > 0 &&
           code == ERR_NONE) {
        code = walk_phase(w, &g, e);
        w->phase = w->phase == WALK_TIES ? WALK_REST : WALK_OVER;
    }
    *n = g.n;
    return code;
}

/* ---- ordered lists ---- */

/* Walk the whole index and keep every stride-th id of the set. */
static enum err_code list_by_index(struct db *c, struct arena *a,
                                   const struct kept *set,
                                   enum paper_order order, struct kept *list,
                                   struct err *e)
{
    int64_t at = 0;
    struct query q;

    (void)a;
    q_start(&q, c, orders[order].down[WALK_ALL]);
    while ((size_t)(at / list->stride) < list->n_ids && q_next(&q)) {
        int64_t id = q_get_int(&q);

        if (!set_has(set, id))
            continue;
        if (at % list->stride == 0)
            list->ids[at / list->stride] = id;
        at++;
    }
    return q_end(&q, e);
}

static int sort_down(const void *a, const void *b, void *ctx)
{
    return -compare_keys(a, b, *(const enum paper_order *)ctx);
}

/* Few papers: fetch the key of each and sort. */
static enum err_code list_by_sorting(struct db *c, struct arena *a,
                                     const struct kept *set,
                                     enum paper_order order, struct kept *list,
                                     struct err *e)
{
    struct paper_key *keys = arena_calloc(a, list->n_ids, sizeof(*keys));
    size_t n = 0;
    enum err_code code = ERR_NONE;

    if (!keys)
        return arena_full(e);
    for (size_t w = 0; w < set->n_words && code == ERR_NONE; w++)
        for (uint64_t bits = set->bits[w]; bits && code == ERR_NONE;
             bits &= bits - 1)
            code = key_of_id(c, a, order,
                             (int64_t)(w * 64) + __builtin_ctzll(bits),
                             &keys[n++], e);
    if (code != ERR_NONE)
        return code;
    qsort_r(keys, n, sizeof(*keys), sort_down, &order);
    for (size_t i = 0; i < n; i++)
        list->ids[i] = keys[i].id;
    return ERR_NONE;
}

/* Best first: the full-text rank of the words that were asked for.  A word in
 * the title tells more than one in the abstract. */
static enum err_code list_by_rank(struct db *c, const struct kept *set,
                                  const struct search_query *sq,
                                  struct kept *list, struct err *e)
{
    struct buf b;
    struct query q;
    size_t n = 0;
    enum err_code code;

    buf_init(&b, FTS_MAX_BYTES);
    for (size_t i = 0; i < sq->n; i++) {
        if (sq->terms[i].excluded || sq->terms[i].unspaced)
            continue;
        if (b.len)
            buf_add_str(&b, " AND ");
        fts_term(&b, &sq->terms[i]);
    }
    q_start(&q, c,
            "SELECT rowid FROM papers_fts WHERE papers_fts MATCH ?"
            " ORDER BY bm25(papers_fts, 4.0, 1.0, 2.0), rowid DESC");
    q_text(&q, buf_slice(&b));
    while (n < list->n_ids && q_next(&q)) {
        int64_t id = q_get_int(&q);

        if (set_has(set, id))
            list->ids[n++] = id;
    }
    code = q_end(&q, e);
    buf_release(&b);
    return code;
}

static bool has_ranked_word(const struct search_query *sq)
{
    for (size_t i = 0; i < sq->n; i++)
        if (!sq->terms[i].excluded && !sq->terms[i].unspaced)
            return true;
    return false;
}

static enum err_code make_list(struct db *c, struct arena *a,
                               const struct paper_query *q,
                               const struct kept *set, int64_t live,
                               struct kept *list, struct err *e)
{
    struct search_query sq = {.n = 0};
    enum paper_order order = q->order;
    bool ranked = false;
    enum err_code code = ERR_NONE;

    if (order == PAPER_BY_RANK) {
        code = search_parse(q->search, &sq, e);
        if (code == ERR_NONE && q->prefix)
            search_open_end(&sq, q->search);
        ranked = has_ranked_word(&sq);
        order = PAPER_BY_PUBLISHED; /* without a word to rank by */
    }
    if (code != ERR_NONE)
        return code;
    list->count = set->count;
    list->stride = 1;
    while (!ranked && set->count / list->stride > ORDERED_MAX_IDS)
        list->stride *= 2;
    list->n_ids = (size_t)((set->count + list->stride - 1) / list->stride);
    list->ids = calloc(list->n_ids + 1, sizeof(*list->ids));
    if (!list->ids)
        return err_set(e, ERR_INTERNAL, "out of memory");
    if (ranked)
        return list_by_rank(c, set, &sq, list, e);
    /* A row by id costs some ten steps along an index. */
    if (set->bits && set->count < live / 16)
        return list_by_sorting(c, a, set, order, list, e);
    return list_by_index(c, a, set, order, list, e);
}

enum err_code ordered_list(struct sqlite_store *s, struct db *c,
                           struct arena *a, const struct paper_query *q,
                           const struct kept *set, struct data_age age,
                           int64_t live, struct kept **out, struct err *e)
{
    struct kept *list;
    bool make;
    enum err_code code =
        kept_get(s, q, (char)('0' + (int)q->order), age, &list, &make, e);

    if (code == ERR_NONE && make) {
        code = make_list(c, a, q, set, live, list, e);
        kept_made(s, list, code == ERR_NONE);
    }
    if (code == ERR_NONE)
        *out = list;
    return code;
}

/* Number first - first % stride is kept; from there it is a short walk. */
static enum err_code range_by_walk(struct db *c, struct arena *a,
                                   const struct kept *list,
                                   const struct kept *set,
                                   enum paper_order order, int64_t first,
                                   int64_t n, int64_t *ids, struct err *e)
{
    int64_t skip = first % list->stride, got = 0;
    int64_t anchor = list->ids[first / list->stride];
    struct paper_key key;
    struct walk w;
    enum err_code code = key_of_id(c, a, order, anchor, &key, e);

    if (code == ERR_NONE)
        code = walk_init(&w, c, a, set, order, false, &key, INT64_MAX, e);
    if (code != ERR_NONE)
        return code;
    /* The walk begins behind the anchor. */
    if (skip == 0) {
        *ids++ = anchor;
        n--;
    } else {
        skip--;
    }
    return walk_collect(&w, skip, n, ids, &got, e);
}

enum err_code ordered_range(struct db *c, struct arena *a,
                            const struct kept *list, const struct kept *set,
                            enum paper_order order, int64_t first, int64_t n,
                            int64_t *ids, struct err *e)
{
    if (n > 0 && list->stride > 1)
        return range_by_walk(c, a, list, set, order, first, n, ids, e);
    if (n > 0)
        memcpy(ids, list->ids + first, (size_t)n * sizeof(*ids));
    return ERR_NONE;
}

enum err_code ordered_above(struct db *c, struct arena *a,
                            const struct kept *list, enum paper_order order,
                            const struct paper_key *key, bool or_equal,
                            int64_t *out, struct err *e)
{
    struct paper_key wanted = *key, have;
    int64_t low = 0, high = (int64_t)list->n_ids;
    enum err_code code = ERR_NONE;

    if (order == PAPER_BY_TITLE)
        code = stored_title(a, key->text, &wanted.text, e);
    while (low < high && code == ERR_NONE) {
        int64_t mid = low + (high - low) / 2;
        int cmp;

        code = key_of_id(c, a, order, list->ids[mid], &have, e);
        cmp = compare_keys(&have, &wanted, order);
        if (cmp > 0 || (cmp == 0 && or_equal))
            low = mid + 1;
        else
            high = mid;
    }
    *out = low;
    return code;
}
