/* store_front.h - what every public call of the store passes through.
 *
 * The public functions are wrappers: store.c (papers, jobs, scrapes, page
 * views), store_documents.c, store_copies.c, store_desk.c, store_records.c and
 * store_transfer.c.  A wrapper does five things and nothing else: check the
 * arguments (store_args.h), give a test's fault its turn, call the backend's
 * slot, count the call and its time, and tell what it changed (store_watch).
 * Only there is `ops` followed.
 *
 * Included by those files and nobody else.
 */
#ifndef STORE_STORE_FRONT_H
#define STORE_STORE_FRONT_H

#include "base/clock.h"
#include "store/store_args.h"
#include "store/store_ops.h"

/* Every call, as it is named in store_op_stats(). */
/* clang-format off */
#define OPS(X) \
    X(check) X(webhook_receive) X(papers_list) X(paper_get) X(papers_each) \
    X(papers_similar) X(paper_delete) X(paper_restore) X(papers_generation) \
    X(papers_stats) X(scraper_jobs_list) X(scraper_job_get) X(job_create) \
    X(job_get) X(job_file) X(jobs_list) X(job_claim) X(job_heartbeat) X(job_progress) \
    X(job_finish) X(job_release) X(job_cancel) X(job_restart) \
    X(jobs_recover) X(jobs_counts) X(scrape_page) X(scrape_papers) \
    X(scrape_latest) X(scrape_finish) X(delivery_get) X(delivery_attempts) \
    X(deliveries_list) X(delivery_report) X(delivery_replay) X(schedule_put) \
    X(schedule_get) X(schedule_delete) X(schedules_list) X(schedule_fire) \
    X(coverage_put) X(coverage_list) X(limiter_update) X(document_begin) \
    X(document_chunks_add) X(document_finish) X(document_abandon) \
    X(documents_sweep) X(document_get) X(documents_list) X(document_text) \
    X(document_delete) X(document_chunks) X(document_places) X(chunks_get) X(chunks_search) \
    X(vectors_generation) X(vectors_model) X(vectors_model_set) \
    X(vectors_present) X(chunks_each) X(vectors_cached) X(vectors_nearest) \
    X(vectors_index_wanted) X(vectors_index_make) \
    X(vector_get) X(vectors_count) X(present_count) \
    X(chunks_unembedded) X(chunk_vectors_put) X(papers_unembedded) \
    X(paper_vectors_put) X(paper_vectors_each) X(papers_get) \
    X(papers_words) X(embed_job) X(unembedded) X(embed_finish) \
    X(papers_waiting) X(views_add) X(views_totals) \
    X(views_series) X(views_top) X(views_changed) X(page_erase) X(views_roll_up) X(visitor_salt) \
    X(visitors) X(marks_get) X(marks_set) \
    X(search_put) X(search_get) X(search_delete) X(searches_list) \
    X(tenant_create) X(tenant_exists) X(database_create) X(database_get) \
    X(databases_list) X(database_delete) X(collection_create) \
    X(collection_get) X(collection_find) X(collections_list) \
    X(collection_modify) X(collection_delete) X(records_sweep) \
    X(records_reset) X(records_put) X(records_delete) X(records_find) \
    X(records_get) X(records_list) X(records_each) X(records_present) \
    X(export_begin) X(export_count) X(export_each) X(import_begin) \
    X(import_done) X(import_rows) X(import_clear) X(import_finish) \
    X(copies_on) X(copies_off) X(copy_state) X(copy_adopt) X(copies_repair) \
    X(copy_note) X(copy_gone) X(copy_forget) X(copy_done) X(copies_finish) \
    X(copy_find) X(vectors_get) X(verify)
/* clang-format on */

#define OP_ENUM(name) OP_##name,
enum op { OPS(OP_ENUM) N_OPS };
_Static_assert(N_OPS <= STORE_MAX_OPS, "struct store has too few counters");

/* The error that a test wants this call to give, or ERR_NONE. */
enum err_code front_fault(struct store *s, struct err *e) CHECKED;
void front_count(struct store *s, enum op op, int64_t started,
                 enum err_code code);

/* The call between the fault's turn and the clock; code_ is its outcome. Macros
 * because `call` must not be evaluated before the fault had its turn, nor news
 * before the call. */
#define CALL(s, op, call)                                                      \
    int64_t started_ = clock_mono_us();                                        \
    enum err_code code_ = front_fault(s, e);                                   \
    if (code_ == ERR_NONE)                                                     \
        code_ = (call);                                                        \
    front_count(s, OP_##op, started_, code_)

/* Ends a wrapper. */
#define RUN(s, op, call)                                                       \
    do {                                                                       \
        CALL(s, op, call);                                                     \
        return code_;                                                          \
    } while (0)

/* Is there anybody to tell?  And tell them. */
bool front_is_watched(const struct store *s);
void front_tell(struct store *s, const struct store_news *n);

/* The same; what it changed, as members of struct store_news, is told to who
 * watches. */
#define RUN_AND_TELL(s, op, call, ...)                                         \
    do {                                                                       \
        CALL(s, op, call);                                                     \
        if (code_ == ERR_NONE && front_is_watched(s))                          \
            front_tell(s, &(struct store_news){__VA_ARGS__});                  \
        return code_;                                                          \
    } while (0)

/* An argument check: leave the wrapper if it fails. */
#define CHECK(check)                                                           \
    do {                                                                       \
        enum err_code code_ = (check);                                         \
        if (code_ != ERR_NONE)                                                 \
            return code_;                                                      \
    } while (0)

#endif
