/* fuse.c - see fuse.h.
 *
 * fuse_ranks sorts (id, list, rank) once to bring an id's ranks together.  The
 * sum is taken in the order of the lists, so rounding is the same each time.
 */
#include "processor/fuse.h"

#include <stdbool.h>
#include <stdlib.h>

struct entry {
    int64_t id;
    uint32_t list, rank;
};

static int by_id(const void *pa, const void *pb)
{
    const struct entry *a = pa, *b = pb;

    if (a->id != b->id)
        return a->id < b->id ? -1 : 1;
    if (a->list != b->list)
        return a->list < b->list ? -1 : 1;
    return (a->rank > b->rank) - (a->rank < b->rank);
}

struct candidate {
    struct fused f;
    uint32_t best_list;
};

static int by_score(const void *pa, const void *pb)
{
    const struct candidate *a = pa, *b = pb;

    if (a->f.score != b->f.score)
        return a->f.score > b->f.score ? -1 : 1;
    if (a->f.best_rank != b->f.best_rank)
        return a->f.best_rank < b->f.best_rank ? -1 : 1;
    if (a->best_list != b->best_list)
        return a->best_list < b->best_list ? -1 : 1;
    return (a->f.id > b->f.id) - (a->f.id < b->f.id);
}

static enum err_code check(const struct fuse_list *lists, size_t n_lists,
                           size_t *total, struct err *e)
{
    *total = 0;
    if (n_lists > FUSE_MAX_LISTS)
        return err_set(e, ERR_INVALID, "more than %d rankings to fuse",
                       FUSE_MAX_LISTS);
    for (size_t i = 0; i < n_lists; i++) {
        if (lists[i].n > FUSE_MAX_ITEMS - *total)
            return err_set(e, ERR_INVALID, "more than %d items to fuse",
                           FUSE_MAX_ITEMS);
        if (!(lists[i].weight >= 0))
            return err_set(e, ERR_INVALID,
                           "the weight of a ranking is negative");
        *total += lists[i].n;
    }
    return ERR_NONE;
}

static void collect(const struct fuse_list *lists, size_t n_lists,
                    struct entry *out)
{
    for (uint32_t l = 0; l < n_lists; l++)
        for (uint32_t r = 0; r < lists[l].n; r++)
            *out++ = (struct entry){lists[l].ids[r], l, r + 1};
}

/* entries are sorted by id; returns the number of ids. */
static size_t merge(const struct fuse_list *lists, double k,
                    const struct entry *entries, size_t n,
                    struct candidate *out)
{
    size_t n_out = 0;

    for (size_t i = 0; i < n; i++) {
        const struct entry *x = &entries[i];
        double weight = lists[x->list].weight;
        struct candidate *c;

        if (i == 0 || x->id != x[-1].id)
            out[n_out++] =
                (struct candidate){.f = {.id = x->id, .best_rank = UINT32_MAX}};
        else if (x->list == x[-1].list)
            continue; /* again, further down */
        c = &out[n_out - 1];
        c->f.score += (weight > 0 ? weight : 1) / (k + x->rank);
        c->f.lists |= 1u << x->list;
        if (x->rank < c->f.best_rank) {
            c->f.best_rank = x->rank;
            c->best_list = x->list;
        }
    }
    return n_out;
}

enum err_code fuse_ranks(const struct fuse_list *lists, size_t n_lists,
                         double k, size_t max_out, struct arena *a,
                         struct fused **out, size_t *n_out, struct err *e)
{
    struct candidate *candidates;
    struct entry *entries;
    struct fused *best;
    size_t total, n;
    enum err_code rc = check(lists, n_lists, &total, e);

    if (rc)
        return rc;
    entries = arena_calloc(a, total + 1, sizeof(*entries));
    candidates = arena_calloc(a, total + 1, sizeof(*candidates));
    if (!entries || !candidates)
        return err_set(e, ERR_TOO_LARGE, "too many results to fuse");
    collect(lists, n_lists, entries);
    qsort(entries, total, sizeof(*entries), by_id);
    n = merge(lists, k > 0 ? k : FUSE_K, entries, total, candidates);
    qsort(candidates, n, sizeof(*candidates), by_score);
    if (n > max_out)
        n = max_out;
    best = arena_calloc(a, n + 1, sizeof(*best));
    if (!best)
        return err_set(e, ERR_TOO_LARGE, "too many results to fuse");
    for (size_t i = 0; i < n; i++)
        best[i] = candidates[i].f;
    *out = best;
    *n_out = n;
    return ERR_NONE;
}

/* ---- diversity ---- */

static bool overlap(const struct fuse_span *a, const struct fuse_span *b)
{
    return a->document == b->document && a->start < b->end &&
           b->start < a->end && a->start < a->end && b->start < b->end;
}

static size_t count_overlaps(const struct fuse_span *in, size_t i,
                             const size_t *picked, size_t n, size_t *which)
{
    size_t count = 0;

    for (size_t p = 0; p < n; p++) {
        if (picked[p] != i && overlap(&in[i], &in[picked[p]])) {
            *which = picked[p];
            count++;
        }
    }
    return count;
}

size_t fuse_pick(const struct fuse_span *in, size_t n, size_t want,
                 size_t *picked)
{
    size_t n_picked = 0, other = 0, unused;

    for (size_t i = 0; i < n && n_picked < want; i++) {
        size_t overlaps = count_overlaps(in, i, picked, n_picked, &other);

        if (overlaps > 1)
            continue;
        if (overlaps == 1 &&
            count_overlaps(in, other, picked, n_picked, &unused) > 0)
            continue; /* that one has its neighbour already */
        picked[n_picked++] = i;
    }
    return n_picked;
}
