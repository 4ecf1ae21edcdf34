/* vector/index.h - search vectors: exact, filtered, in memory.
 *
 * An index holds vectors of one length, each under an id that the caller gives
 * (a chunk's, a paper's).  It is derived data: the store owns the vectors, and
 * an index is filled from it at the start.
 *
 * A search is exact: it returns the k best by the scores below, computed in
 * double precision from the vectors as they were given; equal scores come in
 * the order of their ids.  A scan over bytes only decides which vectors are
 * scored at all, and carries a proven bound of its error (docs/vector.md).
 *
 *   metric   score (larger is better)     distance
 *   cosine   q.v / (|q| |v|); 0 if either is zero     1 - score
 *   ip       q.v                                      1 - score
 *   l2       -|q - v|^2                               |q - v|^2
 *
 * Memory: about 420 bytes a vector of 384 floats.  The floats themselves lie in
 * unlinked files in `dir`, mapped for reading: 1,536 bytes a vector on disk
 * and, as far as there is room, in the system's page cache.
 *
 * Threads: any number may search, any may write; writers take turns.  A search
 * sees the state of one moment (a view), whole: each call that writes becomes
 * visible at once or not at all, and neither waits for the other.
 */
#ifndef VECTOR_INDEX_H
#define VECTOR_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define VECTOR_MAX_DIM 4096
#define VECTOR_MAX_K 10000
#define VECTOR_MAX_COUNT 1000000000u

/* The length of a vector, unless it is zero, must be between these.  Beyond
 * them products would leave the range of float. */
#define VECTOR_MIN_NORM 1e-18
#define VECTOR_MAX_NORM 1e18

enum vector_metric { VECTOR_COSINE, VECTOR_IP, VECTOR_L2, VECTOR_N_METRICS };

struct vector_index;
struct vector_view; /* an index as it was at one moment */
struct vector_ids;  /* a set of ids */
struct vector_crew; /* threads that help to search */

struct vector_options {
    size_t dim; /* 1..VECTOR_MAX_DIM */
    /* Where the floats lie, on a disk with room for them; NULL: in memory. */
    const char *dir;
    /* "scalar", "avx2", "avx512-vnni", or a kernel of embed/ (the nearest of
     * these is taken); NULL or "": the best that runs here. */
    const char *kernel;
    /* Helps with large searches; it must outlive the index and its views.
     * NULL: each is done by the thread that asks. */
    struct vector_crew *crew;
};

/* Copies the options.  ERR_INVALID: one is out of range, or this CPU cannot run
 * the kernel.  ERR_UNAVAILABLE: out of memory. */
enum err_code vector_index_open(struct vector_index **out,
                                const struct vector_options *opt, struct err *e)
    CHECKED;
/* Takes NULL.  No other call on the index may be under way; views that are
 * still held stay valid. */
void vector_index_close(struct vector_index *ix);

/* ---- writing ---- */

/* Add n vectors (n x dim floats); one whose id is there is replaced.  An id
 * that comes twice: the last one counts.  All or nothing.  ERR_INVALID: a
 * number is not finite or a length is out of range.  ERR_TOO_LARGE: the index
 * would hold more than VECTOR_MAX_COUNT.  ERR_NO_SPACE: the disk is full.
 * ERR_UNAVAILABLE: out of memory, or the file cannot be written. */
enum err_code vector_index_put(struct vector_index *ix, const int64_t *ids,
                               const float *vectors, size_t n, struct err *e)
    CHECKED;

/* Remove n ids; those that are not there are passed over.  n_removed may be
 * NULL.  All or nothing.  ERR_UNAVAILABLE: out of memory. */
enum err_code vector_index_remove(struct vector_index *ix, const int64_t *ids,
                                  size_t n, size_t *n_removed, struct err *e)
    CHECKED;

/* A copy of the vector of this id (dim floats).  ERR_NOT_FOUND.  Waits for who
 * writes. */
enum err_code vector_index_get(struct vector_index *ix, int64_t id, float *out,
                               struct err *e) CHECKED;

/* ---- searching ---- */

/* One thread less than this process may use cores, at most 7.  They wait, and
 * cost nothing, until a search is large enough to be shared; any number of
 * indexes may have the same crew.  ERR_UNAVAILABLE: the system gave no thread
 * or memory. */
enum err_code vector_crew_new(struct vector_crew **out, struct err *e) CHECKED;
void vector_crew_free(struct vector_crew *c); /* takes NULL; nobody searches */

/* Which vectors may be found; all zero: every one. */
struct vector_filter {
    const struct vector_ids *ids; /* only these; NULL: no such limit */
    bool exclude;                 /* all but `ids` */
    /* Asked for each block of up to 16 live vectors that `ids` lets through:
     * returns the wanted ones, bit i for ids[i]; only bits of `live` count, and
     * the ids of others mean nothing.  It may be asked twice for the same block
     * and must then answer the same, and by several threads at the same time.
     * NULL: no such limit. */
    uint16_t (*wanted)(void *ctx, const int64_t ids[16], uint16_t live);
    void *ctx;
};

struct vector_query {
    const float *vector; /* dim floats */
    enum vector_metric metric;
    size_t k;                           /* 1..VECTOR_MAX_K */
    const struct vector_filter *filter; /* may be NULL */
};

struct vector_hit {
    int64_t id;
    double score, distance; /* see the top */
};

/* How a search went; for measurements. */
struct vector_effort {
    size_t blocks; /* of 16, scanned in the first pass */
    size_t scored; /* vectors whose exact score was computed */
    bool widened;  /* the first pass did not prove itself; there was another */
};

/* The state of this moment; give it back with vector_view_release.  It costs
 * nothing to hold but the memory of what is removed meanwhile. */
struct vector_view *vector_index_pin(struct vector_index *ix);
void vector_view_release(struct vector_view *v); /* takes NULL */

size_t vector_view_count(const struct vector_view *v);
/* Grows with every change of the index. */
uint64_t vector_view_generation(const struct vector_view *v);

/* The best first, into hits (room for k); *n_hits is less than k only if there
 * are not k that the filter wants.  effort may be NULL.  ERR_INVALID: a number
 * of the query is not finite, its length is out of range, or k or metric are.
 * ERR_UNAVAILABLE: out of memory. */
enum err_code vector_view_search(const struct vector_view *v,
                                 const struct vector_query *q,
                                 struct vector_hit *hits, size_t *n_hits,
                                 struct vector_effort *effort, struct err *e)
    CHECKED;

/* n queries: what each would find alone, in less time, since the vectors are
 * read from memory once for several.  hits[i] has room for q[i].k; on an error
 * hits and n_hits mean nothing. */
enum err_code vector_view_search_many(const struct vector_view *v,
                                      const struct vector_query *q, size_t n,
                                      struct vector_hit *const *hits,
                                      size_t *n_hits, struct err *e) CHECKED;

/* The same in the state of this moment. */
enum err_code vector_index_search(struct vector_index *ix,
                                  const struct vector_query *q,
                                  struct vector_hit *hits, size_t *n_hits,
                                  struct err *e) CHECKED;
enum err_code vector_index_search_many(struct vector_index *ix,
                                       const struct vector_query *q, size_t n,
                                       struct vector_hit *const *hits,
                                       size_t *n_hits, struct err *e) CHECKED;

struct vector_info {
    size_t dim, count, dead; /* dead: removed, their place not yet reused */
    uint64_t generation;
    size_t memory_bytes; /* of the index as it is now */
    size_t file_bytes;   /* of the floats in `dir` */
    const char *kernel;
};
void vector_index_info(struct vector_index *ix, struct vector_info *out);

/* ---- sets of ids ---- */

/* Copies the ids; any order, repetitions are fine.  A bitmap where the ids lie
 * close together, as row numbers do, else a hash table.  ERR_TOO_LARGE: more
 * than VECTOR_MAX_COUNT.  ERR_UNAVAILABLE: out of memory. */
enum err_code vector_ids_new(struct vector_ids **out, const int64_t *ids,
                             size_t n, struct err *e) CHECKED;
/* The same of a buffer of int64_t.  ERR_UNAVAILABLE also if that has failed. */
enum err_code vector_ids_of(struct vector_ids **out, const struct buf *ids,
                            struct err *e) CHECKED;
void vector_ids_free(struct vector_ids *s); /* takes NULL */
bool vector_ids_has(const struct vector_ids *s, int64_t id);
size_t vector_ids_count(const struct vector_ids *s);
/* All of them, each once, into out (room for vector_ids_count()). */
void vector_ids_list(const struct vector_ids *s, int64_t *out);
size_t vector_ids_bytes(const struct vector_ids *s); /* of memory */

#endif
