/* store_args.h - the argument checks of the front (store_front.h).
 *
 * What passes here can be stored by every backend: SQLite would take bytes
 * that are no UTF-8 and texts with NUL, PostgreSQL refuses both; to behave
 * alike the front refuses them.  Each gives ERR_INVALID with the field's name.
 *
 * Threads: pure functions.
 */
#ifndef STORE_STORE_ARGS_H
#define STORE_STORE_ARGS_H

#include "store/copies.h"
#include "store/desk.h"
#include "store/documents.h"
#include "store/events.h"
#include "store/jobs.h"
#include "store/papers.h"
#include "store/records.h"
#include "store/scrape.h"
#include "store/store.h"

enum err_code args_text(const char *field, struct slice s, struct err *e)
    CHECKED;
/* The same, of at most `max` bytes. */
enum err_code args_text_within(const char *field, struct slice s, size_t max,
                               struct err *e) CHECKED;
/* 0 <= offset, 0 <= limit <= STORE_MAX_ROWS */
enum err_code args_page(int64_t offset, int64_t limit, struct err *e) CHECKED;
enum err_code args_papers(const struct paper *papers, size_t n, struct err *e)
    CHECKED;
enum err_code args_webhook(const struct webhook_in *in, struct err *e) CHECKED;
/* The filters, and without `filters_only` the page too. */
enum err_code args_paper_query(const struct paper_query *q, bool filters_only,
                               struct err *e) CHECKED;
enum err_code args_job_new(const struct job_new *spec, struct err *e) CHECKED;
/* A lease whose texts end; progress 0..100. */
enum err_code args_lease(const struct job_lease *l, struct err *e) CHECKED;
enum err_code args_progress(double progress, struct err *e) CHECKED;
/* COMPLETED, FAILED or CANCELLED */
enum err_code args_final_state(enum job_state state, struct err *e) CHECKED;
enum err_code args_deliveries(const struct delivery_new *d, size_t n,
                              struct err *e) CHECKED;
enum err_code args_outcome(const struct delivery_outcome *o, struct err *e)
    CHECKED;
enum err_code args_schedule(const struct schedule *sch, struct err *e) CHECKED;

/* Texts, sizes, numbers; whether chunks fit their document is the backend's to
 * see. */
enum err_code args_document(const struct document_new *d, struct err *e)
    CHECKED;
enum err_code args_chunk_batch(const struct chunk_batch *b, struct err *e)
    CHECKED;
/* At most STORE_MAX_BATCH. */
enum err_code args_batch(size_t n, struct err *e) CHECKED;
enum err_code args_vector_set(enum vector_set set, struct err *e) CHECKED;
/* Every component is a finite number. */
enum err_code args_vector(const float *v, struct err *e) CHECKED;
enum err_code args_vector_search(const struct vector_search *q, struct err *e)
    CHECKED;

/* Texts within their maxima, none without a page, at most VIEW_MAX_BATCH. */
enum err_code args_views(const struct page_view *views, size_t n, struct err *e)
    CHECKED;
/* n + 1 bounds that ascend; n at most STORE_MAX_ROWS. */
enum err_code args_bounds(const int64_t *bounds, size_t n, struct err *e)
    CHECKED;

enum err_code args_search(const struct saved_search *s, struct err *e) CHECKED;
enum err_code args_marks(size_t n, const struct marks_change *change,
                         struct err *e) CHECKED;

/* store_args_records.c: a name or id that is not empty; a UUID; how many. */
enum err_code args_record_name(const char *field, struct slice s, struct err *e)
    CHECKED;
enum err_code args_record_id(struct slice id, struct err *e) CHECKED;
enum err_code args_record_count(size_t n, struct err *e) CHECKED;
enum err_code args_record_collection(const struct record_collection *c,
                                     struct err *e) CHECKED;
enum err_code args_collection_change(const struct collection_change *c,
                                     struct err *e) CHECKED;
enum err_code args_record_batch(const struct record_batch *b, struct err *e)
    CHECKED;

#endif
