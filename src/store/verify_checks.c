/* verify_checks.c - what both backends ask of their rows.
 *
 * A new rule between tables is a line here.
 */
#include "store/verify_checks.h"

#include <stdarg.h>
#include <stdio.h>

/* Rows of `t` whose `col` is in none of `from`. */
#define ORPHANS(t, col, one, key, from)                                        \
    "SELECT count(*), min(" one ") FROM " t " WHERE " col                      \
    " NOT IN (SELECT " key " FROM " from ")"

const struct verify_check verify_checks[] = {
    {"documents whose chunks are not all there",
     "SELECT count(*), min(key) FROM documents d WHERE visible"
     " AND total_chunks <> (SELECT count(*) FROM chunks c"
     "  WHERE c.document = d.key)"},
    {"documents with a gap between their chunks",
     "SELECT count(*), min(document) FROM (SELECT document FROM chunks"
     " GROUP BY document HAVING count(*) <> max(idx) + 1) x"},
    {"chunks that belong to no document",
     ORPHANS("chunks", "document", "id", "key", "documents")},
    {"texts that belong to no document",
     ORPHANS("document_texts", "document", "document", "key", "documents")},
    {"chunks that reach beyond their document's text",
     "SELECT count(*), min(c.id) FROM chunks c JOIN documents d"
     " ON d.key = c.document WHERE c.start_byte < 0"
     " OR c.start_byte > c.end_byte OR c.end_byte > d.bytes"},
    {"documents of a later generation than their set",
     "SELECT count(*), min(key) FROM documents WHERE visible AND generation >"
     " (SELECT generation FROM vector_sets WHERE id = 0)"},
    {"vectors of papers that are not there",
     ORPHANS("paper_vectors", "paper_id", "paper_id", "id",
             "papers WHERE deleted_at = 0")},
    {"papers that wait for a vector and are not there",
     ORPHANS("papers_unembedded", "paper_id", "paper_id", "id",
             "papers WHERE deleted_at = 0")},
    {"papers that have no vector and wait for none",
     "SELECT count(*), min(id) FROM papers WHERE deleted_at = 0"
     " AND id NOT IN (SELECT paper_id FROM paper_vectors)"
     " AND id NOT IN (SELECT paper_id FROM papers_unembedded)"},
    {"papers too many or too few in the count of papers",
     "SELECT abs(live_papers - (SELECT count(*) FROM papers"
     " WHERE deleted_at = 0)), NULL FROM meta"},
    {"marks of papers that are not there",
     ORPHANS("paper_marks", "paper_id", "paper_id", "id", "papers")},
    {"files of jobs that are not there, or are completed",
     "SELECT count(*), NULL FROM job_files f WHERE NOT EXISTS"
     " (SELECT 1 FROM jobs j WHERE j.id = f.job_id AND j.state <> 2)"},
    {"attempts of deliveries that are not there",
     ORPHANS("delivery_attempts", "delivery_id", "delivery_id", "id",
             "deliveries")},
    {"views of pages that are not there",
     ORPHANS("page_views", "page_id", "page_id", "id", "pages")},
    {"collections of databases that are not there",
     ORPHANS("collections", "database", "number", "number", "databases")},
    {"records of collections that are not there",
     "SELECT count(*), min(number) FROM records WHERE collection NOT IN"
     " (SELECT number FROM collections)"
     " AND collection NOT IN (SELECT number FROM collections_gone)"},
    {"collections whose number of records is wrong",
     "SELECT count(*), min(number) FROM collections c WHERE count <>"
     " (SELECT count(*) FROM records r WHERE r.collection = c.number)"},
    {"records whose vector has not their collection's length",
     "SELECT count(*), min(r.number) FROM records r JOIN collections c"
     " ON c.number = r.collection WHERE length(r.vector) <> 4 * c.dim"},
    {0},
};

static void tell(void (*to)(void *ctx, const char *text), void *ctx,
                 const char *fmt, va_list ap)
{
    char text[400];

    vsnprintf(text, sizeof(text), fmt, ap);
    to(ctx, text);
}

void verify_found(const struct store_verify *v, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    tell(v->found, v->ctx, fmt, ap);
    va_end(ap);
}

void verify_note(const struct store_verify *v, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    tell(v->note, v->ctx, fmt, ap);
    va_end(ap);
}

void verify_told(const struct store_verify *v, const struct verify_check *check,
                 int64_t n, int64_t one)
{
    if (n && one)
        verify_found(v, "%lld %s (one of them: %lld)", (long long)n,
                     check->what, (long long)one);
    else if (n)
        verify_found(v, "%lld %s", (long long)n, check->what);
}
