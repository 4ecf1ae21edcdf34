/* postgres_hnsw.c - pgvector's approximate index, HNSW, of a large collection.
 *
 * Exact search reads every vector; from index_from vectors on a graph answers
 * in milliseconds and misses few (decision 0019 has the numbers).  It is used
 * for searches without a filter, in pgvector's iterative scan: behind vectors
 * that do not count (of versions that are not visible, of another model) it
 * goes on.  With a filter we know the ids, and compare all of them.
 *
 * Made with CREATE INDEX CONCURRENTLY: writes go on.  That cannot be rolled
 * back: who is killed in it, or cancelled, leaves an index that is not valid,
 * which no search uses and the next one who makes it drops.  If only our
 * process is killed the server goes on by itself.  A lock of the session keeps
 * others out meanwhile.
 */
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/postgres_documents.h"

/* Twice what the graph of 100,000 vectors takes (205 MB): without room in
 * memory it took 3.4 times as long to make. */
#define MEMORY "512MB"

_Static_assert(STORE_VECTOR_DIM <= 2000, "more than HNSW takes of a vector");

/* Is it there, whole? */
#define HAS(index)                                                             \
    "SELECT coalesce((SELECT x.indisvalid FROM pg_index x"                     \
    " WHERE x.indexrelid = to_regclass('" index "')), false)"

static const struct {
    const char *index, *table, *has;
    const char *enough; /* are there $1 vectors? */
} sets[] = {
    [VECTORS_CHUNKS] = {"chunk_vectors_hnsw", "chunk_vectors",
                        HAS("chunk_vectors_hnsw"),
                        "SELECT n_chunks >= $1 FROM vector_sets WHERE id = 0"},
    [VECTORS_PAPERS] = {"paper_vectors_hnsw", "paper_vectors",
                        HAS("paper_vectors_hnsw"),
                        "SELECT count(*) >= $1 FROM (SELECT FROM paper_vectors"
                        " LIMIT $1) v"},
};

void postgres_index_open(struct postgres *p)
{
    p->base.makes_index =
        p->base.finds_vectors && p->index_from > 0 && p->vectors.iterates;
    if (p->base.finds_vectors && p->index_from > 0 && !p->vectors.iterates)
        log_info("store", "vectors are searched exactly: this pgvector is older"
                          " than 0.8, whose index may find too few");
}

void postgres_ask_index(struct pg_conn *c, enum vector_set set)
{
    pg_ask(c, sets[set].has, NULL);
}

static bool read_bool(PGresult *r)
{
    bool value = pg_bool(r, 0, 0);

    postgres_lib.PQclear(r);
    return value;
}

static enum err_code has_index(struct store *s, enum vector_set set, bool *out,
                               struct err *e)
{
    PGresult *r;
    enum err_code code = postgres_query(s, &r, sets[set].has, NULL, e);

    if (code == ERR_NONE) {
        *out = read_bool(r);
        atomic_store(&postgres_of(s)->indexed[set], *out);
    }
    return code;
}

enum err_code postgres_vectors_index_wanted(struct store *s,
                                            enum vector_set set, bool *out,
                                            struct err *e)
{
    struct pg_args args = {0};
    PGresult *r;
    bool has = true;
    enum err_code code = ERR_NONE;

    *out = false;
    if (s->makes_index)
        code = has_index(s, set, &has, e);
    if (code != ERR_NONE || has)
        return code;
    pg_arg_i64(&args, postgres_of(s)->index_from);
    code = postgres_query(s, &r, sets[set].enough, &args, e);
    if (code == ERR_NONE)
        *out = read_bool(r);
    return code;
}

/* ---- making it ---- */

struct making {
    struct store *s;
    enum vector_set set;
    bool (*go_on)(void *ctx, double done);
    void *ctx;
};

/* Before the graph is built the server waits for older transactions, after it
 * it looks for what they wrote meanwhile. */
#define PROGRESS                                                               \
    "SELECT CASE WHEN phase IN ('initializing',"                               \
    "   'waiting for writers before build') THEN 0"                            \
    "  WHEN phase LIKE 'building index%'"                                      \
    "   THEN blocks_done / greatest(blocks_total, 1)::float8"                  \
    "  ELSE 1 END::float8 FROM pg_stat_progress_create_index"                  \
    " WHERE datname = current_database() AND relid = $1::text::regclass"

/* Asked once a second while the server works. */
static bool go_on(void *ctx)
{
    struct making *m = ctx;
    struct pg_args args = {0};
    struct err ignored = {0};
    PGresult *r;
    double done = 0;

    pg_arg_text(&args, slice_of(sets[m->set].table));
    if (postgres_query(m->s, &r, PROGRESS, &args, &ignored) == ERR_NONE) {
        if (postgres_lib.PQntuples(r) > 0)
            done = pg_f64(r, 0, 0);
        postgres_lib.PQclear(r);
    }
    return m->go_on(m->ctx, done < 1 ? done : 1);
}

/* A lock of the session; while it is held nobody else makes or drops one. */
static enum err_code lock_out_others(struct pg_conn *c, const char *index,
                                     struct err *e)
{
    struct pg_args args = {0};
    PGresult *r;
    enum err_code code;

    pg_arg_text(&args, slice_of(index));
    code = pg_query(c, &r,
                    "SELECT pg_try_advisory_lock(1936221542,"
                    " hashtext(current_schema() || '.' || $1))",
                    &args, e);
    if (code == ERR_NONE && !read_bool(r))
        code = err_set(e, ERR_CONFLICT, "another process makes the index");
    return code;
}

static enum err_code set_session(struct pg_conn *c, struct err *e)
{
    return pg_script(
        c,
        POSTGRES_INDEX_MEMORY(
            MEMORY,
            "false") "; SET statement_timeout = 0; SET lock_timeout = 0",
        e);
}

static enum err_code make(struct pg_conn *c, struct making *m, struct err *e)
{
    const char *index = sets[m->set].index;
    int64_t began = clock_mono_us();
    char sql[400];
    enum err_code code = set_session(c, e);

    snprintf(sql, sizeof(sql), "DROP INDEX CONCURRENTLY IF EXISTS %s", index);
    if (code == ERR_NONE)
        code = pg_long_script(c, sql, go_on, m, e);
    snprintf(sql, sizeof(sql),
             "CREATE INDEX CONCURRENTLY %s ON %s USING hnsw"
             " (vector %s.vector_cosine_ops)",
             index, sets[m->set].table, postgres_of(m->s)->vectors.schema);
    if (code == ERR_NONE)
        code = pg_long_script(c, sql, go_on, m, e);
    if (code == ERR_NONE)
        log_info("store", "an approximate index was made",
                 LOG_S("index", index),
                 LOG_I("ms", (clock_mono_us() - began) / US_PER_MS));
    return code;
}

enum err_code postgres_vectors_index_make(struct store *s, enum vector_set set,
                                          bool (*each_second)(void *ctx,
                                                              double done),
                                          void *ctx, struct err *e)
{
    struct making m = {s, set, each_second, ctx};
    struct pg_conn *c = NULL;
    bool has = false;
    enum err_code code;

    if (!s->makes_index)
        return document_no_index(e);
    code = pg_open(&c, pg_pool_target(postgres_of(s)->pool), e);
    if (code != ERR_NONE)
        return code;
    code = lock_out_others(c, sets[set].index, e);
    if (code == ERR_NONE) /* somebody else may just have been done */
        code = has_index(s, set, &has, e);
    if (code == ERR_NONE && !has) {
        code = make(c, &m, e);
        if (code == ERR_NONE)
            code = has_index(s, set, &has, e);
    }
    pg_close(c);
    return code;
}

void postgres_vectors_ways(const struct store *s, uint64_t *exact,
                           uint64_t *approximate)
{
    const struct postgres *p = (const struct postgres *)s;

    *exact = atomic_load(&p->n_exact);
    *approximate = atomic_load(&p->n_approximate);
}
