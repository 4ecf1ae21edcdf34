/* transfer_tables.c - the one list of what a database holds.
 *
 * A new table is a line here (test_store_transfer.c compares the list with what
 * the migrations made).  Not here is what is made of the rest: full text,
 * paper_tags, live_papers and other counts, vectors' table of their own.
 *
 * The order matters: a table follows those whose rows its own are made with (a
 * chunk's words are those of its document's text).
 */
#include <assert.h>
#include <string.h>

#include "store/transfer_impl.h"

/* clang-format off */
#define I(name) {#name, TRANSFER_INT}
#define B(name) {#name, TRANSFER_BOOL}
#define R(name) {#name, TRANSFER_REAL}
#define T(name) {#name, TRANSFER_TEXT}
#define X(name) {#name, TRANSFER_BYTES}
#define V(name) {#name, TRANSFER_VECTOR}
#define COLUMNS(...)                                                           \
    .columns = (const struct transfer_column[]){__VA_ARGS__},                  \
    .n_columns = sizeof((const struct transfer_column[]){__VA_ARGS__}) /       \
                 sizeof(struct transfer_column)

/* What a paper brings along when it arrives; papers' first columns in the order
 * of struct paper's readers. */
#define ARRIVAL                                                                \
    T(title), T(abstract), T(authors), T(author_list), T(url), T(pdf_url),     \
    T(source), T(source_id), I(version), I(published_at),                      \
    I(source_updated_at), T(arxiv_categories), T(primary_category), T(doi),    \
    T(journal_ref), T(comment), T(category), R(relevance_score), T(relevance), \
    T(tags)

const struct transfer_table transfer_tables[] = {
    {"meta", "id", COLUMNS(I(id), I(generation), I(marks_generation)), .seeded = true},
    {"vector_sets", "id", COLUMNS(I(id), I(generation), X(model)), .seeded = true},
    {"papers", "id", COLUMNS(I(id), ARRIVAL, I(created_at), I(updated_at), I(deleted_at))},
    {"papers_unembedded", "paper_id", COLUMNS(I(paper_id))},
    {"paper_vectors", "paper_id", COLUMNS(I(paper_id), I(model), I(generation), X(sha256),
        V(vector))},
    {"paper_marks", "paper_id", COLUMNS(I(paper_id), B(read), B(starred), B(noted),
        I(marked_at), T(note))},
    {"saved_searches", "id", COLUMNS(I(id), T(name), T(filters), I(seen_at), I(created_at),
        I(updated_at)), .numbers_kept = true},
    {"scraper_jobs", "id", COLUMNS(I(id), T(job_id), T(source), T(status), T(error),
        I(papers_found), I(papers_created), I(papers_updated), I(papers_unchanged),
        I(start_time), I(end_time), I(created_at), I(updated_at))},
    {"webhook_receipts", "webhook_id", COLUMNS(T(webhook_id), X(body_sha256),
        I(papers_created), I(papers_updated), I(papers_unchanged), I(received_at))},
    {"jobs", "seq", COLUMNS(I(seq), T(id), T(kind), I(state), R(progress), I(created_at),
        I(updated_at), I(run_at), I(lease_until), T(owner), I(claims), I(attempts),
        I(max_attempts), B(cancel_requested), I(schedule_id), T(input), T(checkpoint),
        T(result), T(error)), .large = true},
    {"job_files", "job_id", COLUMNS(T(job_id), X(file)), .large = true},
    {"idempotency", "route, key", COLUMNS(T(route), T(key), X(body_sha256), T(job_id),
        I(created_at))},
    {"scrape_results", "seq", COLUMNS(I(seq), T(job_id), I(found_at), ARRIVAL)},
    {"deliveries", "id", COLUMNS(I(id), T(webhook_id), T(job_id), I(status), I(attempts),
        I(next_attempt_at), I(created_at), I(updated_at), I(delivered_at), I(last_status),
        T(last_error), I(body_bytes), I(papers_created), I(papers_updated),
        I(papers_unchanged), T(body)), .large = true},
    {"delivery_attempts", "delivery_id, n", COLUMNS(I(delivery_id), I(n), I(at), I(took_ms),
        I(status), T(error), T(response))},
    {"schedules", "id", COLUMNS(I(id), T(source), T(category), T(query),
        T(arxiv_categories), T(at), T(tz), I(every_s), I(days), I(max_results), B(enabled),
        I(next_run_at), I(last_run_at), I(last_confirmed_at), T(last_job_id), I(created_at),
        I(updated_at)), .numbers_kept = true},
    {"coverage", "category, day", COLUMNS(T(category), I(day), I(expected), I(checked_at))},
    {"limiter", "name", COLUMNS(T(name), I(next_at), I(busy_until), I(open_until),
        I(failures))},
    {"documents", "key", COLUMNS(I(key), B(visible), I(generation), I(created_at),
        I(updated_at), I(bytes), I(chars), I(chunk_size), I(overlap), I(total_chunks),
        X(sha256), T(id), T(source), T(job_id), T(title), T(metadata), T(pages)),
        .numbers_kept = true},
    {"document_texts", "document", COLUMNS(I(document), X(text)), .large = true},
    {"chunks", "id", COLUMNS(I(id), I(document), I(idx), I(model), I(start_char),
        I(end_char), I(start_byte), I(end_byte), I(page), I(tokens), X(sha256), T(metadata),
        V(vector)), .numbers_kept = true},
    {"pages", "id", COLUMNS(I(id), T(page), T(title), I(views), I(bot_views))},
    {"page_views", "minute, page_id, bot, referrer", COLUMNS(I(minute), I(page_id), T(bot),
        T(referrer), I(views))},
    {"visitor_salts", "day", COLUMNS(I(day), X(salt))},
    {"visitors", "day, hash", COLUMNS(I(day), X(hash), I(seen_at))},
    {"visitor_days", "day", COLUMNS(I(day), I(visitors))},
    {"tenants", "name", COLUMNS(T(name)), .given_rows = 1},
    {"databases", "number", COLUMNS(I(number), T(id), T(tenant), T(name)), .given_rows = 1,
        .numbers_kept = true},
    {"collections", "number", COLUMNS(I(number), T(id), I(database), T(name), T(metadata),
        T(configuration), I(dim), I(created_at), I(generation), I(given), I(count)),
        .numbers_kept = true},
    {"collections_gone", "number", COLUMNS(I(number))},
    {"records", "number", COLUMNS(I(number), I(collection), I(generation), T(id), T(uri),
        T(metadata), T(document), X(vector)), .large = true},
    /* no table: the last number that was given, where numbers of what was
     * deleted are not given again */
    {"sequences", "name", COLUMNS(T(name), I(last))},
    {0},
};
/* clang-format on */

int transfer_table_count(void)
{
    return (int)(sizeof(transfer_tables) / sizeof(*transfer_tables)) - 1;
}

void transfer_columns(struct buf *out, const struct transfer_table *t)
{
    for (int i = 0; i < t->n_columns; i++)
        buf_printf(out, "%s%s", i ? ", " : "", t->columns[i].name);
}

void transfer_select(struct buf *out, const struct transfer_table *t)
{
    buf_add_str(out, "SELECT ");
    transfer_columns(out, t);
    buf_printf(out, " FROM %s ORDER BY %s", t->name, t->order);
}

bool transfer_is(const struct transfer_table *t, const char *name)
{
    return strcmp(t->name, name) == 0;
}

int transfer_column(const struct transfer_table *t, const char *name)
{
    for (int i = 0; i < t->n_columns; i++)
        if (strcmp(t->columns[i].name, name) == 0)
            return i;
    assert(!"no such column");
    return 0;
}

struct paper transfer_paper(const struct transfer_cell *row)
{
    return (struct paper){
        .id = row[0].i,
        .title = row[1].s,
        .abstract = row[2].s,
        .authors = row[3].s,
        .author_list = row[4].s,
        .url = row[5].s,
        .pdf_url = row[6].s,
        .source = row[7].s,
        .source_id = row[8].s,
        .version = row[9].i,
        .published_at = row[10].i,
        .source_updated_at = row[11].i,
        .arxiv_categories = row[12].s,
        .primary_category = row[13].s,
        .doi = row[14].s,
        .journal_ref = row[15].s,
        .comment = row[16].s,
        .category = row[17].s,
        .relevance_score = row[18].d,
        .relevance = row[19].s,
        .tags = row[20].s,
        .created_at = row[21].i,
        .updated_at = row[22].i,
        .deleted_at = row[23].i,
    };
}

/* ---- what both say ---- */

enum err_code transfer_unfinished(struct err *e)
{
    return err_field(e, "database_url",
                     "a move into this database was not finished: run the same "
                     "`sheaf move` again, which goes on with it, or empty it");
}

enum err_code transfer_not_empty(const char *table, struct err *e)
{
    return err_set(e, ERR_CONFLICT,
                   "the target is not empty: its table '%s' has rows; name an "
                   "empty database",
                   table);
}

enum err_code transfer_overtaken(const char *table, struct err *e)
{
    return err_set(e, ERR_CONFLICT,
                   "somebody else is filling the table '%s' of the target",
                   table);
}

enum err_code transfer_too_old(int64_t version, int known, struct err *e)
{
    return err_field(e, "database_url",
                     "the database has schema %lld and this program has %d: "
                     "start `sheaf serve` on it once, which brings it up to "
                     "date",
                     (long long)version, known);
}
