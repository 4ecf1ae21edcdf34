/* documents.h - store area: documents, their chunks, and vectors.
 *
 * A document is ingested by a job, as a *version*: store_document_begin() keeps
 * its text, store_document_chunks_add() a batch of chunks with their vectors
 * and full text in one commit each, and store_document_finish() makes it
 * visible and takes the version away whose place it takes, in one commit. Until
 * then no reader sees anything of it.  A job that died goes on where it was:
 * begin again with the same content says how many chunks are committed.
 *
 * A document has the id its caller chose ("doc-...") and a number, `key`, which
 * is never used again; a new version has a new key.  A chunk has a number too.
 *
 * Vectors carry the model that made them, by its fingerprint (embed_info).
 *
 * See store.h for errors, ownership and threads.
 */
#ifndef STORE_DOCUMENTS_H
#define STORE_DOCUMENTS_H

#include "store/jobs.h"

#define STORE_VECTOR_DIM 384
/* Limits; more is ERR_TOO_LARGE, ERR_INVALID for the numbers. */
#define STORE_MAX_DOCUMENT ((size_t)64 << 20) /* bytes of text */
#define STORE_MAX_BATCH 1024                  /* chunks or vectors a call */

/* Of a model; vectors of two models cannot be compared. */
struct model_id {
    uint8_t fingerprint[32];
};

/* ---- ingesting ---- */

struct document_new {
    struct slice id;       /* "doc-..."; not empty */
    struct slice title;    /* may be empty */
    struct slice source;   /* where it is from: its path, URL; may be empty */
    struct slice metadata; /* JSON object, kept as it is */
    struct slice text;
    struct slice pages;      /* JSON, kept as it is; empty: no pages */
    uint8_t sha256[32];      /* of the text, or of the file it was in */
    int64_t chars;           /* code points of the text */
    int chunk_size, overlap; /* code points */
    int64_t total_chunks;    /* that will be added */
    int64_t now_us;
};

struct document_begun {
    /* Not empty: a visible document with this sha256, source, title, metadata,
     * chunk_size and overlap is there already; it has this id, and nothing was
     * written. */
    struct slice duplicate_of;
    struct slice replaces; /* id of the visible document whose place it would
                              take now; empty: none */
    int64_t key;           /* of the version; 0 if it is a duplicate */
    int64_t committed;     /* its chunks 0..committed-1 are there already */
};

/* Begin a version, or go on with the one that this job began (if that has
 * another id or content it is removed first).  A job has one version at a time.
 * ERR_CONFLICT: lease lost. */
enum err_code store_document_begin(struct store *s, struct arena *a,
                                   const struct job_lease *l,
                                   const struct document_new *d,
                                   struct document_begun *out, struct err *e)
    CHECKED;

struct chunk_new {
    int64_t index; /* from 0 */
    int64_t start_char, end_char;
    int64_t start_byte, end_byte; /* [start, end) of the document's text, on
                                     code points */
    int64_t page;                 /* first page from 1; 0: none */
    int64_t tokens;
    struct slice metadata; /* JSON object of its own; empty: none */
    uint8_t sha256[32];    /* of its text */
    const float *vector;   /* STORE_VECTOR_DIM */
};

struct chunk_batch {
    int64_t key; /* document_begun */
    struct model_id model;
    const struct chunk_new *chunks; /* of ascending index without gaps */
    size_t n;                       /* 0..STORE_MAX_BATCH */
    double progress;                /* as store_job_progress */
    struct slice checkpoint, result;
    int64_t now_us;
};

/* One commit: chunks, vectors, full text and the job's progress.  Chunks that
 * are there already are left alone, so that a batch can be sent again.
 * ERR_INVALID: a gap before the first new one, an index >= total_chunks, bytes
 * that are no slice of the text.  ERR_CONFLICT: lease lost, or `key` is no
 * version that this job is building. */
enum err_code store_document_chunks_add(struct store *s,
                                        const struct job_lease *l,
                                        const struct chunk_batch *b,
                                        struct err *e) CHECKED;

/* One commit: the version becomes visible; the visible document with the same
 * source (unless empty) or the same id is removed with all it had, created_at
 * is taken over from it; the job ends COMPLETED with `result`.
 * ERR_UNPROCESSABLE: chunks are missing.  ERR_CONFLICT: as above. */
enum err_code store_document_finish(struct store *s, const struct job_lease *l,
                                    int64_t key, struct slice result,
                                    int64_t now_us, struct err *e) CHECKED;

/* Remove the version that a job was building; fine if there is none. */
enum err_code store_document_abandon(struct store *s, struct slice job_id,
                                     struct err *e) CHECKED;
/* The same for all jobs that have ended or are gone; *n is how many. */
enum err_code store_documents_sweep(struct store *s, int64_t *n, struct err *e)
    CHECKED;

/* ---- reading: visible documents only ---- */

struct document {
    int64_t key;
    struct slice id, title, source, metadata, job_id;
    struct slice pages; /* only from store_document_get */
    uint8_t sha256[32];
    int64_t bytes, chars;
    int chunk_size, overlap;
    int64_t chunks;
    int64_t created_at; /* of the first version */
    int64_t updated_at; /* when this one became visible */
};

/* ERR_NOT_FOUND. */
enum err_code store_document_get(struct store *s, struct arena *a,
                                 struct slice id, struct document *out,
                                 struct err *e) CHECKED;
enum document_order {
    DOCUMENT_BY_AGE,   /* by when this version became visible */
    DOCUMENT_BY_TITLE, /* A to Z is as a to z, other letters by code point */
    DOCUMENT_BY_SIZE,
};

struct document_query {
    struct slice source; /* exactly; empty: all */
    struct slice search; /* its words, in their order, anywhere in the title or
                            the source; A is as a; empty: all */
    enum document_order order;
    bool ascending; /* else Z to A, the largest or the newest first */
    int64_t offset;
    int limit;
};

enum err_code store_documents_list(struct store *s, struct arena *a,
                                   const struct document_query *q,
                                   struct document **out, size_t *n,
                                   int64_t *count, struct err *e) CHECKED;
/* Its bytes [from, to) (clamped), byte for byte.  ERR_NOT_FOUND. */
enum err_code store_document_text(struct store *s, struct arena *a,
                                  struct slice id, int64_t from, int64_t to,
                                  struct slice *out, struct err *e) CHECKED;
/* Text, chunks, vectors and full text are gone in one commit.  A version that
 * is being built stays.  ERR_NOT_FOUND. */
enum err_code store_document_delete(struct store *s, struct slice id,
                                    struct err *e) CHECKED;

/* A chunk with what a result shows of its document. */
struct chunk {
    int64_t id, document_key;
    int64_t index, start_char, end_char, start_byte, end_byte, page, tokens;
    struct slice metadata; /* its own */
    struct slice text;     /* the exact slice of the document's text */
    struct slice document_id, title, source, document_metadata, job_id;
};

/* In order of index.  ERR_NOT_FOUND: no such document. */
enum err_code store_document_chunks(struct store *s, struct arena *a,
                                    struct slice id, int64_t offset, int limit,
                                    struct chunk **out, size_t *n,
                                    int64_t *count, struct err *e) CHECKED;
/* Where they are, and nothing of their texts; n < limit: that is all.
 * ERR_NOT_FOUND. */
struct chunk_range {
    int64_t start_char, end_char;
};
enum err_code store_document_places(struct store *s, struct arena *a,
                                    struct slice id, int64_t offset, int limit,
                                    struct chunk_range **out, size_t *n,
                                    struct err *e) CHECKED;
/* By number, in the order asked for; those that are not there (any more) are
 * left out.  n <= STORE_MAX_BATCH. */
enum err_code store_chunks_get(struct store *s, struct arena *a,
                               const int64_t *ids, size_t n, struct chunk **out,
                               size_t *n_out, struct err *e) CHECKED;

/* ---- keyword search ---- */

struct word_match {
    int64_t id;   /* of a chunk, or of a paper */
    double score; /* BM25; higher is better, always > 0 */
};

/* The k chunks that match the words of the text best by BM25 (k1 1.2, b 0.75;
 * the title counts double), best first, then by id.  A chunk with any of the
 * words matches.  Words are folded and stemmed as in the search for papers;
 * stop words and what follows the first 64 words are left out; without any word
 * nothing is found.  `keep` (or NULL: all): may this chunk be found?  Called
 * with a connection in hand, so not to call the store.  The statistics of words
 * are those of all chunks, whatever `keep` says. */
enum err_code store_chunks_search(struct store *s, struct arena *a,
                                  struct slice text, int k,
                                  bool (*keep)(void *ctx, int64_t chunk_id),
                                  void *ctx, struct word_match **out, size_t *n,
                                  struct err *e) CHECKED;
/* The same over title (which counts double) and abstract of the papers that are
 * not deleted. */
enum err_code store_papers_words(struct store *s, struct arena *a,
                                 struct slice text, int k,
                                 bool (*keep)(void *ctx, int64_t paper_id),
                                 void *ctx, struct word_match **out, size_t *n,
                                 struct err *e) CHECKED;

/* ---- vectors: what an index in memory is made from ---- */

enum vector_set { VECTORS_CHUNKS, VECTORS_PAPERS };

/* Changes with every commit that changes what is visible of the set: vectors,
 * and what chunks and papers with vectors say of themselves. */
enum err_code store_vectors_generation(struct store *s, enum vector_set set,
                                       uint64_t *out, struct err *e) CHECKED;

/* The model the set's vectors should be of.  *known false: none was set yet. */
enum err_code store_vectors_model(struct store *s, enum vector_set set,
                                  struct model_id *out, bool *known,
                                  struct err *e) CHECKED;
enum err_code store_vectors_model_set(struct store *s, enum vector_set set,
                                      const struct model_id *m, struct err *e)
    CHECKED;

/* What has vectors in the set now: keys of visible documents, or ids of papers;
 * ascending, malloc'ed (free()), never NULL.  Who keeps an index removes the
 * others from it. */
enum err_code store_vectors_present(struct store *s, enum vector_set set,
                                    int64_t **out, size_t *n, struct err *e)
    CHECKED;

/* How many that are.  Quick: no list is made, and nothing of it is read. */
enum err_code store_present_count(struct store *s, enum vector_set set,
                                  int64_t *out, struct err *e) CHECKED;

struct chunk_vector {
    int64_t chunk_id, document_key;
    int64_t index, start_char, end_char, page, tokens;
    struct slice metadata; /* the chunk's own */
    const float *vector;   /* STORE_VECTOR_DIM; aligned for float; NULL: it is
                              of another model, or was not read */
};

/* Every visible chunk whose document changed after the generation `since` (0:
 * all), document by document, with its vector if that is of this model (m ==
 * NULL: no vectors are read); *generation is that of the moment before the
 * first: pass it next time.  In batches, no transaction
 * is open during `each`, which may call the store and returns an error to stop;
 * its argument is valid during the call.  A document that is removed meanwhile
 * may come in part: store_vectors_present() afterwards tells. */
enum err_code
store_chunks_each(struct store *s, const struct model_id *m, uint64_t since,
                  enum err_code (*each)(void *ctx, const struct chunk_vector *v,
                                        struct err *e),
                  void *ctx, uint64_t *generation, struct err *e) CHECKED;

/* Vectors of this model that are stored for these texts: vector i, if found[i],
 * of the text with the hash sha256[i], goes to out + i *
 * STORE_VECTOR_DIM.  It is the chunks themselves that are looked through, those
 * of versions being built too: so a deleted document leaves nothing behind, and
 * there is nothing to clean up. n <= STORE_MAX_BATCH. */
enum err_code store_vectors_cached(struct store *s, const struct model_id *m,
                                   const uint8_t (*sha256)[32], size_t n,
                                   float *out, bool *found, struct err *e)
    CHECKED;

/* ---- vectors: found by the database itself ---- */

/* Does this store answer store_vectors_nearest()?  Then nobody needs an index
 * in memory.  Any thread; does not block. */
bool store_finds_vectors(const struct store *s);

/* Smaller is nearer.  A vector of length zero has the cosine 0 with all. */
enum vector_distance {
    DISTANCE_COSINE, /* 1 - cosine */
    DISTANCE_IP,     /* 1 - inner product */
    DISTANCE_L2      /* square of the Euclidean distance */
};

struct vector_search {
    enum vector_set set;
    struct model_id model;
    const float *vector; /* STORE_VECTOR_DIM */
    enum vector_distance distance;
    int k;
    const int64_t *ids; /* only these chunks or papers; NULL: all */
    size_t n_ids;
};

struct vector_match {
    int64_t id; /* of a visible chunk, or of a paper */
    double distance;
};

/* The vector of a visible chunk or of a paper, into out[STORE_VECTOR_DIM].
 * ERR_NOT_FOUND: it has none of this model. */
enum err_code store_vector_get(struct store *s, enum vector_set set,
                               const struct model_id *m, int64_t id, float *out,
                               struct err *e) CHECKED;

struct vector_count {
    int64_t all;   /* visible chunks, or papers, that have a vector */
    int64_t stale; /* of these, by another model */
};
enum err_code store_vectors_count(struct store *s, enum vector_set set,
                                  const struct model_id *m,
                                  struct vector_count *out, struct err *e)
    CHECKED;

/* The k nearest of this model: nearest first, equal ones by id; fewer only if
 * there are no more.  Exactly, unless the cosine is asked of all (no ids) and
 * the set has an approximate index: then some may be missed.  The database
 * computes in single precision: of two whose distances differ by less than
 * about 1e-6 either may come first. ERR_UNAVAILABLE also when the store does
 * not find vectors. */
enum err_code store_vectors_nearest(struct store *s, struct arena *a,
                                    const struct vector_search *q,
                                    struct vector_match **out, size_t *n,
                                    struct err *e) CHECKED;

/* Does it make approximate indexes, and search by them (store_options.
 * index_from)?  Of several on one database some may, others not.  Any thread;
 * does not block. */
bool store_makes_index(const struct store *s);
/* Has this set grown so large that it is to have one, and has none?  Cheap. */
enum err_code store_vectors_index_wanted(struct store *s, enum vector_set set,
                                         bool *out, struct err *e) CHECKED;
/* Make it, if it is not there; takes minutes, and writes go on meanwhile. About
 * once a second each_second is told how much is done (0 to 1); false ends it:
 * ERR_CANCELLED.  ERR_CONFLICT: another process makes it.  ERR_INVALID: this
 * store makes none. */
enum err_code store_vectors_index_make(struct store *s, enum vector_set set,
                                       bool (*each_second)(void *ctx,
                                                           double done),
                                       void *ctx, struct err *e) CHECKED;
/* How many searches this process has had answered in which way.  Any thread;
 * does not block. */
void store_vectors_ways(const struct store *s, uint64_t *exact,
                        uint64_t *approximate);

/* ---- another model: visible chunks are embedded again ---- */

struct chunk_text {
    int64_t id;
    struct slice text;
};
/* The next ones by id whose vector is of another model. */
enum err_code store_chunks_unembedded(struct store *s, struct arena *a,
                                      const struct model_id *m,
                                      int64_t after_id, int limit,
                                      struct chunk_text **out, size_t *n,
                                      struct err *e) CHECKED;
/* One commit.  vectors: n x STORE_VECTOR_DIM; n <= STORE_MAX_BATCH.  Chunks
 * that are gone are passed over. */
enum err_code store_chunk_vectors_put(struct store *s, const struct model_id *m,
                                      const int64_t *ids, const float *vectors,
                                      size_t n, struct err *e) CHECKED;

/* ---- vectors of papers: of "title\n\nabstract" ---- */

struct paper_text {
    int64_t id;
    struct slice text;  /* "title\n\nabstract" */
    uint8_t sha256[32]; /* of it */
};
/* Up to `limit` papers, none deleted, without a vector or with one of another
 * model, those with the lowest ids first.  A paper whose text changes loses its
 * vector in the same commit, and so does one that is deleted. */
enum err_code store_papers_unembedded(struct store *s, struct arena *a,
                                      const struct model_id *m, int limit,
                                      struct paper_text **out, size_t *n,
                                      struct err *e) CHECKED;

/* Those that have no vector, of any model; as store_vectors_present().  With
 * them they are all papers that are not deleted. */
enum err_code store_papers_waiting(struct store *s, int64_t **out, size_t *n,
                                   struct err *e) CHECKED;

struct paper_vector {
    int64_t id;
    uint8_t sha256[32];  /* of the text it was made from */
    const float *vector; /* STORE_VECTOR_DIM; NULL: it is of another model, or
                            was not read */
};
/* One commit; n <= STORE_MAX_BATCH.  Papers that are gone or have another text
 * by now are passed over: store_papers_unembedded() gives them again. */
enum err_code store_paper_vectors_put(struct store *s, const struct model_id *m,
                                      const struct paper_vector *v, size_t n,
                                      struct err *e) CHECKED;
/* Every paper with a vector that got it, or was changed otherwise, after the
 * generation `since` (0: all); for the rest, m == NULL too, see
 * store_chunks_each(). */
enum err_code store_paper_vectors_each(
    struct store *s, const struct model_id *m, uint64_t since,
    enum err_code (*each)(void *ctx, const struct paper_vector *v,
                          struct err *e),
    void *ctx, uint64_t *generation, struct err *e) CHECKED;

/* ---- the job that embeds what waits ---- */

/* One job for everything, of this kind; papers that arrive, change or are
 * restored make it in the same commit. */
#define EMBED_JOB "embed"
#define EMBED_JOB_MAX_ATTEMPTS 5
/* Make it, unless there is one that waits or runs. */
enum err_code store_embed_job(struct store *s, int64_t now_us, struct err *e)
    CHECKED;

struct unembedded {
    int64_t chunks, papers;
};
/* How many visible chunks and papers have no vector of this model. */
enum err_code store_unembedded(struct store *s, const struct model_id *m,
                               struct unembedded *out, struct err *e) CHECKED;

/* The job ends COMPLETED if nothing waits any more; else *left says what does,
 * and nothing is written.  One commit: a paper that arrives meanwhile either
 * is among those that wait or makes the next job.  ERR_CONFLICT: lease lost. */
enum err_code store_embed_finish(struct store *s, const struct job_lease *l,
                                 const struct model_id *m, struct slice result,
                                 int64_t now_us, struct unembedded *left,
                                 struct err *e) CHECKED;

#endif
