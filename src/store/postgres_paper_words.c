/* postgres_paper_words.c - papers by their numbers, and by their words.
 *
 * BM25 as in postgres_vectors.c; a paper has its words with weight A (title)
 * and B (abstract), in front of those of its authors, so that ts_rank() of a
 * word counts exactly with either alone.  The length of a paper is the number
 * of its different words, and the average that of the papers found: PostgreSQL
 * keeps no sums of them, and abstracts are of like lengths.
 */
#include "store/postgres_documents.h"
#include "store/postgres_text.h"

enum err_code postgres_papers_get(struct store *s, struct arena *a,
                                  const int64_t *ids, size_t n,
                                  struct paper **out, size_t *n_out,
                                  struct err *e)
{
    return postgres_select_ids(
        s, a,
        &(struct pg_select){.sql = "SELECT " MARKED_COLUMNS
                                   " FROM unnest($1) WITH ORDINALITY o(id, n)"
                                   " JOIN papers p ON p.id = o.id"
                                   " AND p.deleted_at = 0 ORDER BY o.n",
                            .size = sizeof(**out),
                            .read = postgres_read_marked},
        ids, n, out, n_out, e);
}

/* How often a word is there, from ts_rank(). */
#define TIMES(rank)                                                            \
    "(CASE WHEN " rank " > 0 THEN greatest(1, round(1 /"                       \
    " (1.6449340668482264 - " rank " * 1.64493406685) - 0.5)) ELSE 0 END)"

#define SQL_SEARCH                                                             \
    "WITH hits AS MATERIALIZED (SELECT q.n, p.id, p.n_words, p.in_all,"        \
    "   p.in_title FROM unnest($1) WITH ORDINALITY q(word, n)"                 \
    "  CROSS JOIN LATERAL (SELECT p.id, length(p.words)::float8 AS n_words,"   \
    "    ts_rank('{0,0,1,1}', p.words, q.word::tsquery)::float8 AS in_all,"    \
    "    ts_rank('{0,0,0,1}', p.words, q.word::tsquery)::float8 AS in_title"   \
    "   FROM papers p WHERE p.words @@ q.word::tsquery"                        \
    "   AND p.deleted_at = 0 OFFSET 0) p WHERE p.in_all > 0),"                 \
    " rare AS (SELECT n, greatest(1e-6, ln((m.live_papers - count(*) + 0.5)"   \
    "   / (count(*) + 0.5))::float8) AS idf FROM hits, meta m"                 \
    "  GROUP BY n, m.live_papers),"                                            \
    " mean AS (SELECT greatest(1, avg(n_words)) AS words FROM hits)"           \
    " SELECT h.id, sum(idf * 2.2 * tf / (tf + 1.2 * (0.25 + 0.75 * h.n_words"  \
    "   / mean.words))) AS score"                                              \
    " FROM (SELECT id, n, n_words, " TIMES("in_all") " + " TIMES(              \
        "in_title") "   AS tf FROM hits) h JOIN rare USING (n), mean"          \
                    " GROUP BY h.id ORDER BY score DESC, h.id LIMIT $2"

enum err_code postgres_papers_words(struct store *s, struct arena *a,
                                    struct slice text, int k,
                                    bool (*keep)(void *ctx, int64_t paper_id),
                                    void *ctx, struct word_match **out,
                                    size_t *n, struct err *e)
{
    return postgres_word_matches(s, a, SQL_SEARCH, text, k, keep, ctx, out, n,
                                 e);
}
