/* search.c - the k best, proven.
 *
 * The scan gives an upper bound of each score (scan_query.c says why it is
 * one).  A search goes so:
 *
 *   1. Scan all, keep the `most` vectors with the greatest bounds.  Several
 *      threads may share the parts of the index (crew.h); each keeps its own,
 *      and the greatest of these are put together.
 *   2. Score these exactly, the greatest bound first, until a bound lies below
 *      the k-th best score met: neither this vector, nor those behind it, nor
 *      any that the scan dropped, can be among the k best.  Done, proven.
 *   3. If that never happens, the proof fails: too many vectors are too much
 *      alike.  Scan again, and score every vector whose bound reaches the k-th
 *      best score so far, which is a good one by now and only gets better.
 *
 * Step 3 ends with every vector either scored or proven too bad, so a search is
 * exact on any data.  Nothing grows with the index.  For vectors that are all
 * the same it scores all of them, at the speed of a scan over floats.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "vector/crew.h"
#include "vector/ids.h"
#include "vector/view.h"

/* Queries that go through the vectors together.  A part of them (view.h) stays
 * in the second cache from one query to the next, so that memory is read once
 * for all; more than this no longer matter. */
#define TOGETHER 16

/* `most`, for k.  Measured (bench/vector_lab.c, 100,000 and more, k = 10): some
 * 30 are scored before the proof holds; twice that costs 1 % of a scan. */
#define MOST_FACTOR 4
#define MOST_MORE 60

/* Bytes of codes, over all queries that are scanned together, from which on the
 * crew is called, and the greatest k for which: a thread's candidates are worth
 * their memory as long as they are few.  Measured (bench/vector_lab.c). */
#define CREW_MIN_BYTES (4u << 20)
#define CREW_MAX_K 256

struct candidate {
    float bound;
    uint32_t part, at;
};

/* What one thread keeps of the scan: a heap, the least bound on top. */
struct heap {
    struct candidate *candidates;
    size_t n, most;
    size_t n_wanted; /* vectors that the filter lets through */
    size_t n_blocks; /* scanned */
};

struct search {
    const struct vector_view *view;
    const struct vector_query *query;
    struct vector_effort effort;
    struct scan_query q;
    unsigned n_heaps;
    struct heap heaps[CREW_MAX]; /* a thread's each; the first one in the end
                                    has what all of them found */
    /* A heap, the worst hit on top. */
    struct vector_hit *hits;
    size_t n_hits, k;
};

/* ---- the candidates ---- */

static void sift_candidate(struct candidate *h, size_t n, size_t i)
{
    struct candidate c = h[i];

    for (size_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && h[child + 1].bound < h[child].bound)
            child++;
        if (c.bound <= h[child].bound)
            break;
        h[i] = h[child];
    }
    h[i] = c;
}

static void offer_candidate(struct heap *heap, struct candidate c)
{
    struct candidate *h = heap->candidates;
    size_t i = heap->n;

    if (i == heap->most) {
        if (c.bound > h[0].bound) {
            h[0] = c;
            sift_candidate(h, i, 0);
        }
        return;
    }
    for (heap->n++; i > 0 && c.bound < h[(i - 1) / 2].bound; i = (i - 1) / 2)
        h[i] = h[(i - 1) / 2];
    h[i] = c;
}

static void add_heap(struct heap *to, const struct heap *from)
{
    for (size_t i = 0; i < from->n; i++)
        offer_candidate(to, from->candidates[i]);
    to->n_wanted += from->n_wanted;
    to->n_blocks += from->n_blocks;
}

/* Turn the heap into a list, the greatest bound first. */
static void sort_candidates(struct heap *heap)
{
    struct candidate *h = heap->candidates;

    for (size_t n = heap->n; n > 1; n--) {
        struct candidate least = h[0];

        h[0] = h[n - 1];
        h[n - 1] = least;
        sift_candidate(h, n - 1, 0);
    }
}

/* ---- the hits ---- */

static bool is_worse(const struct vector_hit *a, const struct vector_hit *b)
{
    return a->score != b->score ? a->score < b->score : a->id > b->id;
}

static void sift_hit(struct vector_hit *h, size_t n, size_t i)
{
    struct vector_hit x = h[i];

    for (size_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && is_worse(&h[child + 1], &h[child]))
            child++;
        if (!is_worse(&h[child], &x))
            break;
        h[i] = h[child];
    }
    h[i] = x;
}

static void offer_hit(struct search *s, struct vector_hit x)
{
    struct vector_hit *h = s->hits;
    size_t i = s->n_hits;

    if (i == s->k) {
        if (is_worse(&h[0], &x)) {
            h[0] = x;
            sift_hit(h, i, 0);
        }
        return;
    }
    for (s->n_hits++; i > 0 && is_worse(&x, &h[(i - 1) / 2]); i = (i - 1) / 2)
        h[i] = h[(i - 1) / 2];
    h[i] = x;
}

static void sort_hits(struct search *s)
{
    for (size_t n = s->n_hits; n > 1; n--) {
        struct vector_hit worst = s->hits[0];

        s->hits[0] = s->hits[n - 1];
        s->hits[n - 1] = worst;
        sift_hit(s->hits, n - 1, 0);
    }
}

/* The bound that a vector must reach to matter. */
static float threshold(const struct search *s)
{
    return s->n_hits < s->k ? -INFINITY : scan_bound(&s->q, s->hits[0].score);
}

static void score(struct search *s, uint32_t part, uint32_t at)
{
    const struct segment *seg = view_part(s->view, part)->seg;
    struct vector_hit x = {.id = seg->ids[at]};

    x.score = scan_score(&s->q, s->view->kernel,
                         seg->rows + (size_t)at * s->view->dim);
    s->effort.scored++;
    offer_hit(s, x);
}

/* ---- the filter ---- */

/* The lanes of each block that are to be scanned; returns how many blocks have
 * any, and adds the lanes up. */
static size_t wanted(const struct vector_filter *f, const struct part *p,
                     uint16_t want[SEG_BLOCKS], size_t *n_lanes)
{
    size_t n = 0;

    for (uint32_t b = 0; b < p->n_blocks; b++) {
        const int64_t *ids = p->seg->ids + (size_t)b * SCAN_LANES;

        want[b] = p->mask->live[b];
        if (f && f->ids && want[b]) {
            uint16_t in = ids_in_set(f->ids, ids);

            want[b] &= f->exclude ? (uint16_t)~in : in;
        }
        if (f && f->wanted && want[b])
            want[b] &= f->wanted(f->ctx, ids, want[b]);
        n += want[b] != 0;
        *n_lanes += (size_t)__builtin_popcount(want[b]);
    }
    return n;
}

/* ---- the passes ---- */

/* The part as the kernels see it. */
static struct scan_blocks blocks_of(const struct part *p, const uint16_t *want)
{
    return (struct scan_blocks){.codes = p->seg->codes,
                                .scale = p->seg->scale,
                                .norm = p->seg->norm,
                                .residual = p->seg->residual,
                                .want = want,
                                .n = p->n_blocks};
}

/* Strictly more than the least bound that is kept. */
static float entry(const struct heap *h)
{
    return h->n < h->most ? -INFINITY
                          : nextafterf(h->candidates[0].bound, INFINITY);
}

static void collect(const struct search *s, struct heap *heap, uint32_t number)
{
    const struct part *p = view_part(s->view, number);
    const struct scan_kernel *k = s->view->kernel;
    uint16_t want[SEG_BLOCKS];
    struct scan_blocks b;
    struct scan_hit hit;
    size_t at = 0;

    if (p->n_blocks == 0)
        return;
    heap->n_blocks += wanted(s->query->filter, p, want, &heap->n_wanted);
    b = blocks_of(p, want);
    for (; (at = k->next(&s->q, &b, at, entry(heap), &hit)) < b.n; at++)
        for (unsigned left = hit.lanes; left; left &= left - 1) {
            uint32_t lane = (uint32_t)__builtin_ctz(left);

            offer_candidate(
                heap, (struct candidate){hit.bound[lane], number,
                                         (uint32_t)at * SCAN_LANES + lane});
        }
}

/* Score the candidates; true: the hits are proven. */
static bool refine(struct search *s)
{
    struct heap *h = &s->heaps[0];
    bool dropped = h->n_wanted > h->n;

    sort_candidates(h);
    for (size_t i = 0; i < h->n; i++) {
        const struct candidate *c = &h->candidates[i];

        if (c->bound < threshold(s))
            return true;
        score(s, c->part, c->at);
    }
    return !dropped || h->candidates[h->n - 1].bound < threshold(s);
}

/* Step 3, for one part.  `low`: what the first passes have made sure of. */
static void score_all(struct search *s, uint32_t number, float low)
{
    size_t ignored = 0;
    const struct part *p = view_part(s->view, number);
    const struct scan_kernel *k = s->view->kernel;
    uint16_t want[SEG_BLOCKS];
    struct scan_blocks b;
    struct scan_hit hit;
    size_t at = 0;

    if (p->n_blocks == 0)
        return;
    wanted(s->query->filter, p, want, &ignored);
    b = blocks_of(p, want);
    for (; (at = k->next(&s->q, &b, at, fmaxf(low, threshold(s)), &hit)) < b.n;
         at++)
        for (unsigned left = hit.lanes; left; left &= left - 1) {
            uint32_t lane = (uint32_t)__builtin_ctz(left);

            if (hit.bound[lane] >= threshold(s))
                score(s, number, (uint32_t)at * SCAN_LANES + lane);
        }
}

/* Steps 2 and 3. */
static void finish(struct search *s)
{
    uint32_t n = s->view->n_parts;
    float low;

    for (unsigned i = 1; i < s->n_heaps; i++)
        add_heap(&s->heaps[0], &s->heaps[i]);
    s->effort.blocks = s->heaps[0].n_blocks;
    if (!refine(s)) {
        s->effort.widened = true;
        low = threshold(s); /* at least k reach it, so all that matter do */
        s->n_hits = 0;
        for (uint32_t i = 0; i <= n; i++)
            score_all(s, i, low);
    }
    sort_hits(s);
    for (size_t i = 0; i < s->n_hits; i++) {
        struct vector_hit *h = &s->hits[i];

        h->distance = s->q.metric == VECTOR_L2 ? -h->score : 1 - h->score;
        if (s->q.metric != VECTOR_IP && h->distance < 0)
            h->distance = 0; /* rounding */
    }
}

/* Some searches that go through the parts together. */
struct sweep {
    const struct vector_view *view;
    struct search *const *searches;
    size_t n;
    atomic_uint next; /* part */
};

static void take_parts(void *ctx, unsigned who)
{
    struct sweep *w = ctx;
    uint32_t part;

    while ((part = atomic_fetch_add(&w->next, 1)) <= w->view->n_parts)
        for (size_t i = 0; i < w->n; i++)
            collect(w->searches[i], &w->searches[i]->heaps[who], part);
}

static void run(struct search *const *s, size_t n, const struct vector_view *v)
{
    struct sweep w = {.view = v, .searches = s, .n = n};

    if (v->n_live == 0)
        return;
    if (s[0]->n_heaps > 1)
        crew_run(v->crew, take_parts, &w);
    else
        take_parts(&w, 0);
    for (size_t i = 0; i < n; i++)
        finish(s[i]);
}

/* How many threads may share the scan for these queries. */
static unsigned threads_for(const struct vector_view *v,
                            const struct vector_query *q, size_t n)
{
    if (v->n_live * v->dim * n < CREW_MIN_BYTES)
        return 1;
    for (size_t i = 0; i < n; i++)
        if (q[i].k > CREW_MAX_K)
            return 1;
    return crew_size(v->crew);
}

static enum err_code check(const struct vector_view *v,
                           const struct vector_query *q, struct err *e)
{
    if (q->k < 1 || q->k > VECTOR_MAX_K)
        return err_field(e, "k", "k is %zu, not between 1 and %d", q->k,
                         VECTOR_MAX_K);
    if ((unsigned)q->metric >= VECTOR_N_METRICS)
        return err_field(e, "metric", "unknown metric %d", (int)q->metric);
    return scan_check(q->vector, v->given_dim, "query", 0, e);
}

static enum err_code search_new(struct search **out,
                                const struct vector_view *v,
                                const struct vector_query *q, unsigned n_heaps,
                                struct vector_hit *hits, struct err *e)
{
    size_t most = q->k * MOST_FACTOR + MOST_MORE;
    enum err_code rc = check(v, q, e);
    struct candidate *room;
    struct search *s;

    if (rc != ERR_NONE)
        return rc;
    if (most > v->n_live)
        most = v->n_live;
    s = mem_alloc(sizeof(*s) + n_heaps * most * sizeof(*room));
    if (!s)
        return err_set(e, ERR_UNAVAILABLE, "vector search: out of memory");
    room = (struct candidate *)(void *)(s + 1);
    s->view = v;
    s->query = q;
    s->effort = (struct vector_effort){0};
    s->n_heaps = n_heaps;
    for (unsigned i = 0; i < n_heaps; i++)
        s->heaps[i] =
            (struct heap){.candidates = room + i * most, .most = most};
    s->hits = hits;
    s->n_hits = 0;
    s->k = q->k;
    scan_query_init(&s->q, v->kernel, q->vector, v->given_dim, q->metric);
    *out = s;
    return ERR_NONE;
}

enum err_code vector_view_search(const struct vector_view *v,
                                 const struct vector_query *q,
                                 struct vector_hit *hits, size_t *n_hits,
                                 struct vector_effort *effort, struct err *e)
{
    struct search *s;
    enum err_code rc = search_new(&s, v, q, threads_for(v, q, 1), hits, e);

    if (rc != ERR_NONE)
        return rc;
    run(&s, 1, v);
    *n_hits = s->n_hits;
    if (effort)
        *effort = s->effort;
    mem_free(s);
    return ERR_NONE;
}

static enum err_code search_together(const struct vector_view *v,
                                     const struct vector_query *q, size_t n,
                                     struct vector_hit *const *hits,
                                     size_t *n_hits, struct err *e)
{
    struct search *s[TOGETHER] = {NULL};
    unsigned n_threads = threads_for(v, q, n);
    enum err_code rc = ERR_NONE;

    for (size_t i = 0; i < n && rc == ERR_NONE; i++)
        rc = search_new(&s[i], v, &q[i], n_threads, hits[i], e);
    if (rc == ERR_NONE)
        run(s, n, v);
    for (size_t i = 0; i < n; i++) {
        if (rc == ERR_NONE)
            n_hits[i] = s[i]->n_hits;
        mem_free(s[i]);
    }
    return rc;
}

enum err_code vector_view_search_many(const struct vector_view *v,
                                      const struct vector_query *q, size_t n,
                                      struct vector_hit *const *hits,
                                      size_t *n_hits, struct err *e)
{
    enum err_code rc = ERR_NONE;

    for (size_t i = 0; i < n && rc == ERR_NONE; i += TOGETHER)
        rc = search_together(v, q + i, n - i < TOGETHER ? n - i : TOGETHER,
                             hits + i, n_hits + i, e);
    return rc;
}
