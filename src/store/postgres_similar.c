/* postgres_similar.c - papers that share rare words with a paper.
 *
 * A word tells the more the fewer papers have it (inverse document frequency).
 * The papers of the 24 rarest words of title and abstract are added up, each
 * word with its weight.  The score is the share of these words' weight that a
 * paper has in common, so it is 1 for a twin.  (As in sqlite_similar.c.)
 *
 * Papers are found word by word through the index, which does not read their
 * words: ranking by ts_rank would read 1.5 kB of each candidate.  The server's
 * statistics name the words that are far too frequent to be counted (twice what
 * is allowed: they are of a sample); without them, as long as the table was
 * never analysed, all are counted, 0.1 us a paper.
 */
#include <math.h>
#include <stdlib.h>

#include "store/postgres.h"

#define RARE_WORDS 24

#define SQL_WORDS                                                              \
    "WITH m AS MATERIALIZED (SELECT live_papers, 100 + live_papers / 250"      \
    "   AS most FROM meta),"                                                   \
    " frequent AS MATERIALIZED (SELECT f.word FROM pg_stats s,"                \
    "   unnest(s.most_common_elems::text::text[], s.most_common_elem_freqs)"   \
    "   AS f(word, share), m WHERE s.schemaname = current_schema()"            \
    "   AND s.tablename = 'papers' AND s.attname = 'words'"                    \
    "   AND f.word IS NOT NULL AND f.share * live_papers > 2 * most),"         \
    " mine AS MATERIALIZED (SELECT l.lexeme AS word"                           \
    "   FROM papers p, unnest(p.words) l WHERE p.id = $1"                      \
    "   AND l.weights && '{A,B}'"                                              \
    "   AND l.lexeme NOT IN (SELECT word FROM frequent)),"                     \
    " counted AS MATERIALIZED (SELECT word, (SELECT count(*) FROM"             \
    "   (SELECT 1 FROM papers o WHERE"                                         \
    "     o.words @@ ('''' || mine.word || '''')::tsquery"                     \
    "     LIMIT m.most + 2) x) - 1 AS n FROM mine, m)"                         \
    " SELECT word, n, live_papers FROM counted, m"                             \
    " WHERE n BETWEEN 1 AND most ORDER BY n, word LIMIT $2"

#define SQL_SIMILAR                                                            \
    "WITH c AS MATERIALIZED (SELECT o.id, sum(w.value) AS score"               \
    "  FROM unnest($2, $3) AS w(word, value)"                                  \
    "  CROSS JOIN LATERAL (SELECT p.id FROM papers p WHERE p.words @@"         \
    "   ('''' || w.word || '''')::tsquery AND p.id <> $1 OFFSET 0) o"          \
    "  GROUP BY o.id ORDER BY score DESC, o.id DESC LIMIT $4)"                 \
    " SELECT c.score, p.* FROM c CROSS JOIN LATERAL (SELECT " MARKED_COLUMNS   \
    "  FROM papers p WHERE p.id = c.id AND p.deleted_at = 0 OFFSET 0) p"       \
    " ORDER BY c.score DESC, p.id DESC"

static void read_similar(struct pg_row *w, void *element)
{
    struct paper_similar *s = element;

    s->score = pg_row_f64(w);
    postgres_read_marked(w, &s->paper);
}

/* The paper's words with their values; *sum is what a twin would score. */
static enum err_code rare_words(struct pg_conn *c, int64_t id,
                                struct buf *words, struct buf *values,
                                double *sum, struct err *e)
{
    struct pg_args a = {0};
    PGresult *r;
    enum err_code code;

    pg_arg_i64(&a, id);
    pg_arg_i64(&a, RARE_WORDS);
    code = pg_query(c, &r, SQL_WORDS, &a, e);
    if (code != ERR_NONE)
        return code;
    *sum = 0;
    for (int i = 0; i < postgres_lib.PQntuples(r); i++) {
        double live = (double)pg_i64(r, i, 2);
        double value = log1p(live / (double)(pg_i64(r, i, 1) + 1));

        pg_array_text(words, pg_slice(r, i, 0));
        pg_array_f64(values, value);
        *sum += value;
    }
    postgres_lib.PQclear(r);
    return ERR_NONE;
}

static enum err_code find(struct pg_conn *c, struct arena *a, int64_t id, int k,
                          struct paper_similar **out, size_t *n, struct err *e)
{
    struct pg_args args = {0};
    struct buf words, values;
    double sum = 0;
    PGresult *r;
    enum err_code code;

    pg_array_init(&words, PG_TEXT);
    pg_array_init(&values, PG_FLOAT8);
    code = rare_words(c, id, &words, &values, &sum, e);
    if (code == ERR_NONE) {
        pg_arg_i64(&args, id);
        pg_arg_array(&args, PG_TEXT_ARRAY, &words);
        pg_arg_array(&args, PG_FLOAT8_ARRAY, &values);
        pg_arg_i64(&args, k);
        code = pg_query(c, &r, SQL_SIMILAR, &args, e);
    }
    if (code == ERR_NONE)
        code = postgres_read_rows(
            r, a,
            &(struct pg_select){.size = sizeof(**out), .read = read_similar},
            out, n, e);
    for (size_t i = 0; code == ERR_NONE && i < *n; i++)
        (*out)[i].score = fmin((*out)[i].score / sum, 1);
    buf_release(&values);
    buf_release(&words);
    return code;
}

enum err_code postgres_papers_similar(struct store *s, struct arena *a,
                                      int64_t id, int k,
                                      struct paper_similar **out, size_t *n,
                                      struct err *e)
{
    struct postgres *p = postgres_of(s);
    struct pg_args args = {0};
    struct pg_conn *c;
    PGresult *r;
    enum err_code code = postgres_take(p, &c, e);

    if (code != ERR_NONE)
        return code;
    pg_arg_i64(&args, id);
    code =
        pg_query(c, &r, "SELECT 1 FROM papers WHERE id = $1 AND deleted_at = 0",
                 &args, e);
    if (code == ERR_NONE) {
        if (postgres_lib.PQntuples(r) == 0)
            code = err_set(e, ERR_NOT_FOUND, "no paper '%lld'", (long long)id);
        postgres_lib.PQclear(r);
    }
    if (code == ERR_NONE)
        code = find(c, a, id, k, out, n, e);
    postgres_give(p, c);
    return code;
}
