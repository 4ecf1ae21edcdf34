/* view.c - see view.h.
 *
 * Rows go to their file with pwrite and are read through a mapping: a full disk
 * is then an error of the writer, where a store through the mapping would be
 * SIGBUS.  The file is unlinked as soon as it is open, so nothing is left
 * behind however the process ends.
 */
#include "vector/view.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"

#define ALIGN 64 /* a line of the cache, and of codes */

static enum err_code no_memory(struct err *e)
{
    return err_set(e, ERR_UNAVAILABLE, "vector index: out of memory");
}

/* ---- segments ---- */

static void segment_unref(struct segment *s)
{
    if (!s || atomic_fetch_sub(&s->refs, 1) > 1)
        return;
    if (s->mapped)
        munmap(s->rows, s->row_bytes);
    if (s->fd >= 0)
        close(s->fd);
    mem_free(s);
}

static enum err_code file_failed(int error, const char *dir, struct err *e)
{
    bool full = error == ENOSPC || error == EDQUOT;

    return err_set(e, full ? ERR_NO_SPACE : ERR_UNAVAILABLE,
                   "vector index: cannot write to '%s': %s", dir,
                   strerror(error));
}

static enum err_code map_rows(struct segment *s, const char *dir, struct err *e)
{
    char path[4096];
    void *p;
    int n = snprintf(path, sizeof(path), "%s/vectors-XXXXXX", dir);

    if (n < 0 || (size_t)n >= sizeof(path))
        return err_set(e, ERR_INVALID, "vector index: the path is too long");
    s->fd = mkostemp(path, O_CLOEXEC);
    if (s->fd < 0)
        return file_failed(errno, dir, e);
    unlink(path);
    if (ftruncate(s->fd, (off_t)s->row_bytes) != 0)
        return file_failed(errno, dir, e);
    p = mmap(NULL, s->row_bytes, PROT_READ, MAP_SHARED, s->fd, 0);
    if (p == MAP_FAILED)
        return file_failed(errno, dir, e);
    s->rows = p;
    s->mapped = true;
    /* Rows are read one here, one there; reading ahead would be in vain. */
    madvise(p, s->row_bytes, MADV_RANDOM);
    return ERR_NONE;
}

enum err_code segment_new(struct segment **out, size_t dim, size_t n_blocks,
                          const char *dir, struct err *e)
{
    size_t n = n_blocks * SCAN_LANES, code_bytes = n * dim;
    size_t row_bytes = n * dim * sizeof(float);
    size_t lane_bytes = 3 * sizeof(float) + sizeof(int64_t);
    size_t bytes = sizeof(struct segment) + ALIGN + code_bytes +
                   n * lane_bytes + (dir ? 0 : row_bytes);
    struct segment *s = mem_alloc(bytes);
    enum err_code rc = ERR_NONE;
    char *p;

    if (!s)
        return no_memory(e);
    *s = (struct segment){.n_blocks = n_blocks, .fd = -1};
    atomic_init(&s->refs, 1);
    s->bytes = bytes;
    s->row_bytes = row_bytes;
    p = (char *)(s + 1);
    p += -(uintptr_t)p % ALIGN;
    s->codes = (uint8_t *)p;
    p += code_bytes; /* a multiple of 256 */
    s->ids = (int64_t *)(void *)p;
    p += n * sizeof(int64_t);
    s->scale = (float *)(void *)p;
    s->norm = s->scale + n;
    s->residual = s->norm + n;
    if (dir)
        rc = map_rows(s, dir, e);
    else
        s->rows = s->residual + n;
    if (rc == ERR_NONE)
        *out = s;
    else
        segment_unref(s);
    return rc;
}

/* Copy one block, but for its rows. */
static void copy_block(struct segment *to, size_t at,
                       const struct segment *from, size_t dim)
{
    size_t lane = at * SCAN_LANES;

    memcpy(to->codes + lane * dim, from->codes, SCAN_LANES * dim);
    memcpy(to->ids + lane, from->ids, SCAN_LANES * sizeof(*to->ids));
    memcpy(to->scale + lane, from->scale, SCAN_LANES * sizeof(float));
    memcpy(to->norm + lane, from->norm, SCAN_LANES * sizeof(float));
    memcpy(to->residual + lane, from->residual, SCAN_LANES * sizeof(float));
}

static enum err_code write_rows(struct segment *to, size_t at,
                                const struct segment *from, const char *dir,
                                struct err *e)
{
    size_t n = from->row_bytes, done = 0;

    if (!to->mapped) {
        memcpy((char *)to->rows + at * n, from->rows, n);
        return ERR_NONE;
    }
    assert(to->fd >= 0);
    while (done < n) {
        ssize_t w = pwrite(to->fd, (const char *)from->rows + done, n - done,
                           (off_t)(at * n + done));

        if (w < 0 && errno != EINTR)
            return file_failed(errno, dir, e);
        done += w > 0 ? (size_t)w : 0;
    }
    return ERR_NONE;
}

/* ---- masks ---- */

static struct mask *mask_new(void)
{
    struct mask *m = mem_alloc(sizeof(*m));

    if (m) {
        memset(m, 0, sizeof(*m));
        atomic_init(&m->refs, 1);
    }
    return m;
}

static void mask_unref(struct mask *m)
{
    if (m && atomic_fetch_sub(&m->refs, 1) == 1)
        mem_free(m);
}

/* ---- views ---- */

static void part_unref(struct part *p)
{
    segment_unref(p->seg);
    mask_unref(p->mask);
}

void view_unref(struct vector_view *v)
{
    if (!v || atomic_fetch_sub(&v->refs, 1) > 1)
        return;
    for (uint32_t i = 0; i < v->n_parts; i++)
        part_unref(&v->parts[i]);
    part_unref(&v->tail);
    mem_free(v);
}

static struct vector_view *view_alloc(uint32_t cap)
{
    struct vector_view *v = mem_alloc(sizeof(*v) + cap * sizeof(v->parts[0]));

    if (!v)
        return NULL;
    memset(v, 0, sizeof(*v) + cap * sizeof(v->parts[0]));
    atomic_init(&v->refs, 1);
    v->cap_parts = cap;
    return v;
}

static enum err_code tail_new(struct vector_view *v, struct err *e)
{
    enum err_code rc = segment_new(&v->tail.seg, v->dim, 1, NULL, e);

    if (rc != ERR_NONE)
        return rc;
    v->tail.mask = mask_new();
    return v->tail.mask ? ERR_NONE : no_memory(e);
}

enum err_code view_new(struct vector_view **out, const struct scan_kernel *k,
                       struct vector_crew *crew, size_t dim, struct err *e)
{
    struct vector_view *v = view_alloc(1);
    enum err_code rc;

    if (!v)
        return no_memory(e);
    v->kernel = k;
    v->crew = crew;
    v->given_dim = dim;
    v->dim = scan_dim(dim);
    v->n_parts = 1;
    rc = tail_new(v, e);
    if (rc == ERR_NONE)
        *out = v;
    else
        view_unref(v);
    return rc;
}

static void copy_tail(struct vector_view *to, const struct vector_view *from)
{
    struct segment *s = to->tail.seg;

    to->n_tail = from->n_tail;
    to->tail.n_blocks = from->tail.n_blocks;
    to->tail.n_dead = from->tail.n_dead;
    if (from->n_tail == 0)
        return;
    copy_block(s, 0, from->tail.seg, from->dim);
    memcpy(s->rows, from->tail.seg->rows, s->row_bytes);
    to->tail.mask->live[0] = from->tail.mask->live[0];
}

enum err_code view_draft(struct vector_view **out, const struct vector_view *v,
                         size_t n_more, struct err *e)
{
    /* One more for the tail, one for a part that is sealed early. */
    uint32_t cap = v->n_parts + (uint32_t)(n_more / SEG_SLOTS) + 2;
    struct vector_view *d = view_alloc(cap);
    enum err_code rc;

    if (!d)
        return no_memory(e);
    d->kernel = v->kernel;
    d->crew = v->crew;
    d->given_dim = v->given_dim;
    d->dim = v->dim;
    d->generation = v->generation + 1;
    d->n_live = v->n_live;
    d->fill = v->fill;
    d->n_parts = v->n_parts;
    for (uint32_t i = 0; i < v->n_parts; i++) {
        d->parts[i] = v->parts[i];
        if (d->parts[i].seg)
            atomic_fetch_add(&d->parts[i].seg->refs, 1);
        if (d->parts[i].mask)
            atomic_fetch_add(&d->parts[i].mask->refs, 1);
    }
    rc = tail_new(d, e);
    if (rc != ERR_NONE) {
        view_unref(d);
        return rc;
    }
    copy_tail(d, v);
    *out = d;
    return ERR_NONE;
}

/* ---- drafts ---- */

/* The place of a slot that the view has: in a part or in the tail. */
static size_t place_of(const struct vector_view *v, uint32_t slot,
                       const struct part **part)
{
    uint32_t p = slot / SEG_SLOTS, at = slot % SEG_SLOTS;

    assert(p < v->n_parts);
    *part = &v->parts[p];
    if (p == v->fill && at / SCAN_LANES == v->parts[p].n_blocks) {
        *part = &v->tail;
        return at % SCAN_LANES;
    }
    return at;
}

int64_t view_id(const struct vector_view *v, uint32_t slot)
{
    const struct part *p;
    size_t at = place_of(v, slot, &p);

    return p->seg->ids[at];
}

const float *view_row(const struct vector_view *v, uint32_t slot)
{
    const struct part *p;
    size_t at = place_of(v, slot, &p);

    return p->seg->rows + at * v->dim;
}

static void next_fill(struct vector_view *v)
{
    v->fill = 0;
    while (v->fill < v->n_parts && v->parts[v->fill].seg)
        v->fill++;
    if (v->fill == v->n_parts)
        v->n_parts++;
    assert(v->n_parts <= v->cap_parts);
}

/* The tail becomes a block of its part. */
static enum err_code flush(struct vector_view *v, const char *dir,
                           struct err *e)
{
    struct part *p = &v->parts[v->fill];
    enum err_code rc = ERR_NONE;

    if (!p->mask && !(p->mask = mask_new()))
        return no_memory(e);
    if (!p->seg)
        rc = segment_new(&p->seg, v->dim, SEG_BLOCKS, dir, e);
    if (rc == ERR_NONE)
        rc = write_rows(p->seg, p->n_blocks, v->tail.seg, dir, e);
    if (rc != ERR_NONE)
        return rc;
    copy_block(p->seg, p->n_blocks, v->tail.seg, v->dim);
    p->mask->live[p->n_blocks] = v->tail.mask->live[0];
    p->n_dead += SCAN_LANES - v->n_tail + v->tail.n_dead;
    p->n_blocks++;
    v->n_tail = 0;
    v->tail.n_blocks = 0;
    v->tail.n_dead = 0;
    v->tail.mask->live[0] = 0;
    if (p->n_blocks == SEG_BLOCKS)
        next_fill(v);
    return ERR_NONE;
}

/* So that lanes which are never used hold zero vectors, not chance. */
static void clear_tail(struct segment *s, size_t dim)
{
    memset(s->codes, SCAN_ZERO, SCAN_LANES * dim);
    memset(s->ids, 0, SCAN_LANES * sizeof(*s->ids));
    memset(s->scale, 0, SCAN_LANES * sizeof(float));
    memset(s->norm, 0, SCAN_LANES * sizeof(float));
    memset(s->residual, 0, SCAN_LANES * sizeof(float));
    memset(s->rows, 0, s->row_bytes);
}

enum err_code view_append(struct vector_view *v, const char *dir, int64_t id,
                          const float *row, uint32_t *slot, struct err *e)
{
    struct segment *s = v->tail.seg;
    uint32_t lane = v->n_tail;

    if (lane == 0)
        clear_tail(s, v->dim);
    *slot =
        v->fill * SEG_SLOTS + v->parts[v->fill].n_blocks * SCAN_LANES + lane;
    memcpy(s->rows + lane * v->dim, row, v->dim * sizeof(*row));
    s->ids[lane] = id;
    scan_encode(
        &(struct scan_lane){s->codes, s->scale, s->norm, s->residual, lane},
        row, v->dim);
    v->tail.mask->live[0] |= (uint16_t)(1u << lane);
    v->tail.n_blocks = 1;
    v->n_tail++;
    v->n_live++;
    return v->n_tail == SCAN_LANES ? flush(v, dir, e) : ERR_NONE;
}

enum err_code view_seal(struct vector_view *v, const char *dir, struct err *e)
{
    enum err_code rc = ERR_NONE;
    uint32_t fill = v->fill;

    if (v->n_tail > 0)
        rc = flush(v, dir, e);
    if (rc == ERR_NONE && v->fill == fill)
        next_fill(v);
    return rc;
}

enum err_code view_own_mask(struct vector_view *v, uint32_t slot, struct err *e)
{
    const struct part *p;
    struct part *mine = &v->parts[slot / SEG_SLOTS];
    struct mask *m;

    (void)place_of(v, slot, &p);
    if (p == &v->tail || atomic_load(&mine->mask->refs) == 1)
        return ERR_NONE;
    m = mem_alloc(sizeof(*m));
    if (!m)
        return no_memory(e);
    memcpy(m->live, mine->mask->live, sizeof(m->live));
    atomic_init(&m->refs, 1);
    mask_unref(mine->mask);
    mine->mask = m;
    return ERR_NONE;
}

void view_kill(struct vector_view *v, uint32_t slot)
{
    const struct part *p;
    size_t at = place_of(v, slot, &p);
    struct part *mine = p == &v->tail ? &v->tail : &v->parts[slot / SEG_SLOTS];

    assert(mine->mask->live[at / SCAN_LANES] & 1u << at % SCAN_LANES);
    mine->mask->live[at / SCAN_LANES] &= (uint16_t) ~(1u << at % SCAN_LANES);
    mine->n_dead++;
    v->n_live--;
}

void view_drop_part(struct vector_view *v, uint32_t part)
{
    part_unref(&v->parts[part]);
    v->parts[part] = (struct part){0};
}
