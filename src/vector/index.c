/* index.c - an index: the newest view, the table of ids, and who may write.
 *
 * A write makes a draft of the newest view (view.h), does all that can fail on
 * it, then changes the table, which cannot fail, and publishes the draft by
 * exchanging one pointer.  Readers take that pointer under a lock of their own,
 * held for the few instructions of that, so they wait for no writer.
 *
 * Removing clears bits.  A part of which more than a quarter is dead is emptied
 * after the write: its vectors are appended again and the part is dropped, at
 * most 4,096 of them at a time.  Each such move has been paid for by a third of
 * a removal, so the cost of removing stays constant.  If memory or disk lack
 * for it, the dead stay until the next write; searches are right all the same.
 */
#include "vector/index.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "vector/table.h"
#include "vector/view.h"

/* Fewer dead than this are not worth a move. */
#define COMPACT_MIN 64

struct vector_index {
    pthread_mutex_t write; /* held while writing; guards the table */
    pthread_mutex_t pin;   /* guards `view`, not what it points to */
    struct vector_view *view;
    struct table table;
    size_t dim;
    char *dir; /* NULL: rows stay in memory */
};

static enum err_code no_memory(struct err *e)
{
    return err_set(e, ERR_UNAVAILABLE, "vector index: out of memory");
}

static enum err_code pick_kernel(const struct scan_kernel **out,
                                 const char *name, struct err *e)
{
    *out = scan_kernel_best();
    if (!name || !*name)
        return ERR_NONE;
    *out = scan_kernel_find(name);
    if (!*out)
        return err_field(e, "kernel", "unknown kernel '%.40s'", name);
    if (!(*out)->supported())
        return err_field(e, "kernel", "this CPU cannot run the kernel '%s'",
                         (*out)->name);
    return ERR_NONE;
}

enum err_code vector_index_open(struct vector_index **out,
                                const struct vector_options *opt, struct err *e)
{
    const struct scan_kernel *kernel;
    struct vector_index *ix;
    enum err_code rc = pick_kernel(&kernel, opt->kernel, e);

    if (rc != ERR_NONE)
        return rc;
    if (opt->dim < 1 || opt->dim > VECTOR_MAX_DIM)
        return err_field(e, "dim", "%zu dimensions are not between 1 and %d",
                         opt->dim, VECTOR_MAX_DIM);
    ix = mem_alloc(sizeof(*ix));
    if (!ix)
        return no_memory(e);
    *ix = (struct vector_index){.dim = opt->dim};
    pthread_mutex_init(&ix->write, NULL);
    pthread_mutex_init(&ix->pin, NULL);
    if (opt->dir && !(ix->dir = mem_strndup(opt->dir, strlen(opt->dir))))
        rc = no_memory(e);
    if (rc == ERR_NONE)
        rc = view_new(&ix->view, kernel, opt->crew, opt->dim, e);
    if (rc == ERR_NONE)
        *out = ix;
    else
        vector_index_close(ix);
    return rc;
}

void vector_index_close(struct vector_index *ix)
{
    if (!ix)
        return;
    view_unref(ix->view);
    table_release(&ix->table);
    pthread_mutex_destroy(&ix->write);
    pthread_mutex_destroy(&ix->pin);
    mem_free(ix->dir);
    mem_free(ix);
}

/* ---- views ---- */

struct vector_view *vector_index_pin(struct vector_index *ix)
{
    struct vector_view *v;

    pthread_mutex_lock(&ix->pin);
    v = ix->view;
    atomic_fetch_add(&v->refs, 1);
    pthread_mutex_unlock(&ix->pin);
    return v;
}

void vector_view_release(struct vector_view *v)
{
    view_unref(v);
}

size_t vector_view_count(const struct vector_view *v)
{
    return v->n_live;
}

uint64_t vector_view_generation(const struct vector_view *v)
{
    return v->generation;
}

enum err_code vector_index_get(struct vector_index *ix, int64_t id, float *out,
                               struct err *e)
{
    uint32_t slot;

    pthread_mutex_lock(&ix->write);
    slot = table_find(&ix->table, ix->view, id);
    if (slot != TABLE_NONE)
        memcpy(out, view_row(ix->view, slot), ix->dim * sizeof(*out));
    pthread_mutex_unlock(&ix->write);
    return slot == TABLE_NONE
               ? err_set(e, ERR_NOT_FOUND, "no vector '%lld'", (long long)id)
               : ERR_NONE;
}

/* Takes the draft over. */
static void publish(struct vector_index *ix, struct vector_view *draft)
{
    struct vector_view *old;

    /* What is full is not written any more: 1,000,000 vectors would otherwise
     * hold 245 files open. */
    for (uint32_t i = 0; i < draft->n_parts; i++) {
        struct segment *s = draft->parts[i].seg;

        if (i != draft->fill && s && s->fd >= 0) {
            close(s->fd);
            s->fd = -1;
        }
    }
    pthread_mutex_lock(&ix->pin);
    old = ix->view;
    ix->view = draft;
    pthread_mutex_unlock(&ix->pin);
    view_unref(old);
}

/* ---- compaction ---- */

static bool is_sparse(const struct part *p)
{
    return p->seg && p->n_dead >= COMPACT_MIN &&
           p->n_dead * 4 > p->n_blocks * SCAN_LANES;
}

/* Call `f` with the slot of each vector that lives in a part. */
#define FOR_LIVE(v, number, at)                                                \
    for (uint32_t at = 0; at < (v)->parts[number].n_blocks * SCAN_LANES; at++) \
        if ((v)->parts[number].mask->live[at / SCAN_LANES] >>                  \
                at % SCAN_LANES &                                              \
            1)

/* Append what lives in the part again; slots: where it is now. */
static enum err_code move_part(struct vector_view *d, const char *dir,
                               uint32_t number, uint32_t *slots, struct err *e)
{
    enum err_code rc = ERR_NONE;
    size_t n = 0;

    if (number == d->fill)
        rc = view_seal(d, dir, e);
    if (rc != ERR_NONE)
        return rc;
    FOR_LIVE(d, number, at)
    {
        const struct segment *s = d->parts[number].seg;

        rc = view_append(d, dir, s->ids[at], s->rows + at * d->dim, &slots[n++],
                         e);
        if (rc != ERR_NONE)
            return rc;
    }
    return ERR_NONE;
}

static enum err_code compact(struct vector_index *ix, uint32_t number,
                             struct err *e)
{
    uint32_t *slots = mem_alloc(SEG_SLOTS * sizeof(*slots));
    struct vector_view *d = NULL;
    enum err_code rc;
    size_t n = 0;

    if (!slots)
        return no_memory(e);
    rc = view_draft(&d, ix->view, SEG_SLOTS, e);
    if (rc == ERR_NONE)
        rc = move_part(d, ix->dir, number, slots, e);
    if (rc == ERR_NONE) {
        FOR_LIVE(d, number, at)
        {
            table_set(&ix->table, d, d->parts[number].seg->ids[at], slots[n++]);
        }
        d->n_live -= n; /* they were appended, not added */
        view_drop_part(d, number);
        publish(ix, d);
        d = NULL;
    }
    view_unref(d);
    mem_free(slots);
    return rc;
}

static void compact_all(struct vector_index *ix)
{
    struct err e;

    for (uint32_t i = 0; i < ix->view->n_parts; i++)
        if (is_sparse(&ix->view->parts[i]) && compact(ix, i, &e) != ERR_NONE)
            return; /* the next write will try again */
}

/* ---- writing ---- */

static enum err_code append_all(struct vector_index *ix, struct vector_view *d,
                                const int64_t *ids, const float *vectors,
                                size_t n, uint32_t *slots, struct err *e)
{
    float row[VECTOR_MAX_DIM] = {0};
    enum err_code rc = ERR_NONE;

    for (size_t i = 0; i < n && rc == ERR_NONE; i++) {
        memcpy(row, vectors + i * ix->dim, ix->dim * sizeof(row[0]));
        rc = view_append(d, ix->dir, ids[i], row, &slots[i], e);
    }
    return rc;
}

/* So that the lanes which these ids have now can be killed. */
static enum err_code own_masks(struct vector_index *ix, struct vector_view *d,
                               const int64_t *ids, size_t n, struct err *e)
{
    enum err_code rc = ERR_NONE;

    for (size_t i = 0; i < n && rc == ERR_NONE; i++) {
        uint32_t slot = table_find(&ix->table, d, ids[i]);

        if (slot != TABLE_NONE)
            rc = view_own_mask(d, slot, e);
    }
    return rc;
}

static enum err_code put_locked(struct vector_index *ix, const int64_t *ids,
                                const float *vectors, size_t n, uint32_t *slots,
                                struct err *e)
{
    struct vector_view *d = NULL;
    enum err_code rc;

    if (n > VECTOR_MAX_COUNT - ix->view->n_live)
        return err_set(e, ERR_TOO_LARGE,
                       "the index would hold more than %u vectors",
                       VECTOR_MAX_COUNT);
    rc = table_reserve(&ix->table, ix->view, ix->view->n_live + n, e);
    if (rc == ERR_NONE)
        rc = view_draft(&d, ix->view, n, e);
    if (rc == ERR_NONE)
        rc = append_all(ix, d, ids, vectors, n, slots, e);
    if (rc == ERR_NONE)
        rc = own_masks(ix, d, ids, n, e);
    if (rc != ERR_NONE) {
        view_unref(d);
        return rc;
    }
    for (size_t i = 0; i < n; i++) {
        uint32_t old = table_set(&ix->table, d, ids[i], slots[i]);

        if (old != TABLE_NONE)
            view_kill(d, old);
    }
    publish(ix, d);
    compact_all(ix);
    return ERR_NONE;
}

enum err_code vector_index_put(struct vector_index *ix, const int64_t *ids,
                               const float *vectors, size_t n, struct err *e)
{
    enum err_code rc = ERR_NONE;
    uint32_t *slots;

    for (size_t i = 0; i < n && rc == ERR_NONE; i++)
        rc = scan_check(vectors + i * ix->dim, ix->dim, "vector", i, e);
    if (rc != ERR_NONE || n == 0)
        return rc;
    slots = n <= VECTOR_MAX_COUNT ? mem_alloc(n * sizeof(*slots)) : NULL;
    if (!slots)
        return no_memory(e);
    pthread_mutex_lock(&ix->write);
    rc = put_locked(ix, ids, vectors, n, slots, e);
    pthread_mutex_unlock(&ix->write);
    mem_free(slots);
    return rc;
}

static enum err_code remove_locked(struct vector_index *ix, const int64_t *ids,
                                   size_t n, size_t *n_removed, struct err *e)
{
    struct vector_view *d;
    enum err_code rc = view_draft(&d, ix->view, 0, e);

    if (rc != ERR_NONE)
        return rc;
    rc = own_masks(ix, d, ids, n, e);
    if (rc != ERR_NONE) {
        view_unref(d);
        return rc;
    }
    for (size_t i = 0; i < n; i++) {
        uint32_t old = table_remove(&ix->table, d, ids[i]);

        if (old == TABLE_NONE)
            continue;
        view_kill(d, old);
        ++*n_removed;
    }
    if (*n_removed > 0) {
        publish(ix, d);
        compact_all(ix);
    } else {
        view_unref(d);
    }
    return ERR_NONE;
}

enum err_code vector_index_remove(struct vector_index *ix, const int64_t *ids,
                                  size_t n, size_t *n_removed, struct err *e)
{
    size_t removed = 0;
    enum err_code rc;

    pthread_mutex_lock(&ix->write);
    rc = remove_locked(ix, ids, n, &removed, e);
    pthread_mutex_unlock(&ix->write);
    if (n_removed)
        *n_removed = removed;
    return rc;
}

/* ---- the rest ---- */

enum err_code vector_index_search(struct vector_index *ix,
                                  const struct vector_query *q,
                                  struct vector_hit *hits, size_t *n_hits,
                                  struct err *e)
{
    struct vector_view *v = vector_index_pin(ix);
    enum err_code rc = vector_view_search(v, q, hits, n_hits, NULL, e);

    vector_view_release(v);
    return rc;
}

enum err_code vector_index_search_many(struct vector_index *ix,
                                       const struct vector_query *q, size_t n,
                                       struct vector_hit *const *hits,
                                       size_t *n_hits, struct err *e)
{
    struct vector_view *v = vector_index_pin(ix);
    enum err_code rc = vector_view_search_many(v, q, n, hits, n_hits, e);

    vector_view_release(v);
    return rc;
}

void vector_index_info(struct vector_index *ix, struct vector_info *out)
{
    struct vector_view *v;

    *out = (struct vector_info){.dim = ix->dim};
    /* The table may grow meanwhile; a writer that is long at it is waited for.
     */
    pthread_mutex_lock(&ix->write);
    v = ix->view;
    out->count = v->n_live;
    out->generation = v->generation;
    out->kernel = v->kernel->name;
    out->memory_bytes = sizeof(*ix) + sizeof(*v) +
                        v->cap_parts * sizeof(v->parts[0]) +
                        ix->table.cap * sizeof(ix->table.slots[0]);
    for (uint32_t i = 0; i <= v->n_parts; i++) {
        const struct part *p = view_part(v, i);

        out->dead += p->n_dead;
        out->memory_bytes += p->seg ? p->seg->bytes : 0;
        out->memory_bytes += p->mask ? sizeof(*p->mask) : 0;
        out->file_bytes += p->seg && p->seg->mapped ? p->seg->row_bytes : 0;
    }
    pthread_mutex_unlock(&ix->write);
}
