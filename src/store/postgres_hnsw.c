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

/* What the graph of 100,000 vectors takes (0.2 GB), twice over: one that has no
 * room in memory is made many times more slowly. */
#define MEMORY "512MB"

_Static_assert(STORE_VECTOR_DIM <= 2000, "more than HNSW takes of a vector");

static const struct {
    const char *index, *table;
    /* Is it there, whole; and are there $1 vectors? */
    const char *look;
} sets[] = {
    [VECTORS_CHUNKS] = {"chunk_vectors_hnsw", "chunk_vectors",
                        "SELECT " PG_HAS_INDEX(
                            "chunk_vectors_hnsw") ","
                                                  " (SELECT n_chunks FROM "
                                                  "vector_sets WHERE id = 0)"
                                                  " >= $1"},
    [VECTORS_PAPERS] = {"paper_vectors_hnsw", "paper_vectors",
                        "SELECT i.has, NOT i.has AND (SELECT count(*) FROM"
                        " (SELECT FROM paper_vectors LIMIT $1) v) >= $1"
                        " FROM (SELECT " PG_HAS_INDEX(
                            "paper_vectors_hnsw") " AS has) i"},
};

bool postgres_may_have_index(const struct postgres *p)
{
    return p->base.finds_vectors && p->vectors.iterates && p->index_from > 0;
}

void postgres_index_open(const struct postgres *p)
{
    if (p->base.finds_vectors && p->index_from > 0 && !p->vectors.iterates)
        log_info("store", "vectors are searched exactly: this pgvector is older"
                          " than 0.8, whose index may find too few");
}

enum err_code postgres_vectors_index_wanted(struct store *s,
                                            enum vector_set set, bool *out,
                                            struct err *e)
{
    struct postgres *p = postgres_of(s);
    struct pg_args args = {0};
    PGresult *r;
    enum err_code code;

    *out = false;
    if (!postgres_may_have_index(p))
        return ERR_NONE;
    pg_arg_i64(&args, p->index_from);
    code = postgres_query(s, &r, sets[set].look, &args, e);
    if (code != ERR_NONE)
        return code;
    *out = !pg_bool(r, 0, 0) && pg_bool(r, 0, 1);
    atomic_store(&p->indexed[set], pg_bool(r, 0, 0));
    postgres_lib.PQclear(r);
    return ERR_NONE;
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
    if (code != ERR_NONE)
        return code;
    if (!pg_bool(r, 0, 0))
        code = err_set(e, ERR_CONFLICT, "another process makes the index");
    postgres_lib.PQclear(r);
    return code;
}

static enum err_code make(struct pg_conn *c, struct making *m, struct err *e)
{
    const char *index = sets[m->set].index;
    char sql[400];
    enum err_code code = lock_out_others(c, index, e);

    if (code == ERR_NONE)
        code =
            pg_script(c,
                      "SET statement_timeout = 0; SET lock_timeout = 0;"
                      "SELECT set_config('maintenance_work_mem', '" MEMORY
                      "', false) WHERE pg_size_bytes(current_setting("
                      "'maintenance_work_mem')) < pg_size_bytes('" MEMORY "')",
                      e);
    snprintf(sql, sizeof(sql), "DROP INDEX CONCURRENTLY IF EXISTS %s", index);
    if (code == ERR_NONE)
        code = pg_long_script(c, sql, go_on, m, e);
    snprintf(sql, sizeof(sql),
             "CREATE INDEX CONCURRENTLY %s ON %s USING hnsw"
             " (vector %s.vector_cosine_ops)",
             index, sets[m->set].table, postgres_of(m->s)->vectors.schema);
    return code == ERR_NONE ? pg_long_script(c, sql, go_on, m, e) : code;
}

enum err_code postgres_vectors_index_make(struct store *s, enum vector_set set,
                                          bool (*each_second)(void *ctx,
                                                              double done),
                                          void *ctx, struct err *e)
{
    struct making m = {s, set, each_second, ctx};
    struct postgres *p = postgres_of(s);
    struct pg_conn *c = NULL;
    int64_t began = clock_mono_us();
    bool wanted;
    enum err_code code = postgres_vectors_index_wanted(s, set, &wanted, e);

    if (code != ERR_NONE || !wanted)
        return code;
    code = pg_open(&c, pg_pool_target(p->pool), e);
    if (code != ERR_NONE)
        return code;
    code = make(c, &m, e);
    pg_close(c);
    if (code != ERR_NONE)
        return code;
    atomic_store(&p->indexed[set], true);
    log_info("store", "an approximate index was made",
             LOG_S("table", sets[set].table),
             LOG_I("ms", (clock_mono_us() - began) / US_PER_MS));
    return ERR_NONE;
}

void postgres_vectors_ways(const struct store *s, uint64_t *exact,
                           uint64_t *approximate)
{
    const struct postgres *p = (const struct postgres *)s;

    *exact = atomic_load(&p->n_exact);
    *approximate = atomic_load(&p->n_approximate);
}
