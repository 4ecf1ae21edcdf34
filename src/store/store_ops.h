/* store_ops.h - what a database backend must supply.
 *
 * Included by the front (store_front.h), the backends and nobody else.  Every
 * slot is required and has the contract of the public function of the same name
 * in store.h, papers.h, jobs.h, scrape.h, documents.h, copies.h, events.h,
 * desk.h, records.h, transfer.h or verify.h; the wrapper in the front has
 * checked the arguments already, so that backends need not:
 *   - texts are valid UTF-8 without NUL (JSON texts are taken as they are);
 *   - limits are 0..STORE_MAX_ROWS, offsets >= 0, outputs are not NULL;
 *   - `e` may be NULL, as everywhere.
 * Slots are called from any thread at the same time.
 */
#ifndef STORE_STORE_OPS_H
#define STORE_STORE_OPS_H

#include <stdatomic.h>

#include "store/copies.h"
#include "store/desk.h"
#include "store/documents.h"
#include "store/events.h"
#include "store/jobs.h"
#include "store/papers.h"
#include "store/records.h"
#include "store/scrape.h"
#include "store/store.h"
#include "store/transfer.h"
#include "store/verify.h"

struct paper_ops {
    enum err_code (*webhook_receive)(struct store *s,
                                     const struct webhook_in *in,
                                     struct webhook_result *out, struct err *e);
    /* ERR_INVALID for an empty search is the backend's: it runs
     * search_parse() itself (search_query.h). */
    enum err_code (*list)(struct store *s, struct arena *a,
                          const struct paper_query *q, struct paper_list *out,
                          struct err *e);
    enum err_code (*get)(struct store *s, struct arena *a, int64_t id,
                         bool with_deleted, struct paper *out, struct err *e);
    enum err_code (*get_many)(struct store *s, struct arena *a,
                              const int64_t *ids, size_t n, struct paper **out,
                              size_t *n_out, struct err *e);
    enum err_code (*each)(struct store *s, const struct paper_query *q,
                          enum err_code (*each)(void *ctx,
                                                const struct paper *p,
                                                struct err *e),
                          void *ctx, struct err *e);
    enum err_code (*similar)(struct store *s, struct arena *a, int64_t id,
                             int k, struct paper_similar **out, size_t *n,
                             struct err *e);
    enum err_code (*delete_paper)(struct store *s, int64_t id, int64_t now_us,
                                  struct err *e);
    enum err_code (*restore)(struct store *s, int64_t id, int64_t now_us,
                             struct err *e);
    enum err_code (*generation)(struct store *s, uint64_t *out, struct err *e);
    enum err_code (*stats)(struct store *s, struct arena *a, int max_days,
                           struct paper_stats *out, struct err *e);
    enum err_code (*scraper_jobs_list)(struct store *s, struct arena *a,
                                       int64_t offset, int limit,
                                       struct scraper_job **out, size_t *n,
                                       int64_t *count, struct err *e);
    enum err_code (*scraper_job_get)(struct store *s, struct arena *a,
                                     int64_t id, struct scraper_job *out,
                                     struct err *e);
};

struct job_ops {
    enum err_code (*create)(struct store *s, struct arena *a,
                            const struct job_new *spec, struct job *out,
                            bool *existing, struct err *e);
    enum err_code (*get)(struct store *s, struct arena *a, struct slice id,
                         struct job *out, struct err *e);
    enum err_code (*file)(struct store *s, struct arena *a, struct slice id,
                          struct slice *out, struct err *e);
    enum err_code (*list)(struct store *s, struct arena *a,
                          const struct job_query *q, struct job **out,
                          size_t *n, int64_t *count, struct err *e);
    enum err_code (*claim)(struct store *s, struct arena *a,
                           const char *const *kinds, const char *owner,
                           int64_t now_us, int64_t lease_us, struct job *out,
                           struct job_lease *lease, int64_t *next_run_at,
                           struct err *e);
    enum err_code (*heartbeat)(struct store *s, const struct job_lease *l,
                               int64_t lease_until, bool *cancel,
                               struct err *e);
    enum err_code (*progress)(struct store *s, const struct job_lease *l,
                              double progress, struct slice checkpoint,
                              struct slice result, int64_t now_us,
                              struct err *e);
    enum err_code (*finish)(struct store *s, const struct job_lease *l,
                            enum job_state state, struct slice result,
                            struct slice error, int64_t now_us, struct err *e);
    enum err_code (*release)(struct store *s, const struct job_lease *l,
                             int64_t run_at, bool count, struct slice error,
                             int64_t now_us, struct err *e);
    enum err_code (*cancel)(struct store *s, struct slice id, int64_t now_us,
                            struct err *e);
    enum err_code (*restart)(struct store *s, struct slice id, int64_t now_us,
                             struct err *e);
    enum err_code (*recover)(struct store *s, int64_t now_us, struct err *e);
    enum err_code (*counts)(struct store *s, int64_t out[JOB_N_STATES],
                            struct err *e);
};

struct scrape_ops {
    enum err_code (*page)(struct store *s, const struct job_lease *l,
                          const struct paper *papers, size_t n, double progress,
                          struct slice checkpoint, struct slice result,
                          int64_t now_us, struct err *e);
    enum err_code (*papers)(struct store *s, struct arena *a,
                            struct slice job_id, struct paper **out, size_t *n,
                            struct err *e);
    enum err_code (*latest)(struct store *s, struct arena *a, int limit,
                            struct paper **out, size_t *n, struct err *e);
    enum err_code (*finish)(struct store *s, const struct job_lease *l,
                            enum job_state state, struct slice result,
                            struct slice error,
                            const struct delivery_new *deliveries, size_t n,
                            int64_t now_us, struct err *e);

    enum err_code (*delivery_get)(struct store *s, struct arena *a, int64_t id,
                                  struct delivery *out, struct err *e);
    enum err_code (*delivery_attempts)(struct store *s, struct arena *a,
                                       int64_t id,
                                       struct delivery_attempt **out, size_t *n,
                                       struct err *e);
    enum err_code (*deliveries_list)(struct store *s, struct arena *a,
                                     int status, struct slice job_id,
                                     int64_t offset, int limit,
                                     struct delivery **out, size_t *n,
                                     int64_t *count, struct err *e);
    enum err_code (*delivery_report)(struct store *s, const struct job_lease *l,
                                     const struct delivery_outcome *o,
                                     struct err *e);
    enum err_code (*delivery_replay)(struct store *s, int64_t id,
                                     int64_t now_us, struct err *e);

    enum err_code (*schedule_put)(struct store *s, const struct schedule *sch,
                                  int64_t now_us, int64_t *id, struct err *e);
    enum err_code (*schedule_get)(struct store *s, struct arena *a, int64_t id,
                                  struct schedule *out, struct err *e);
    enum err_code (*schedule_delete)(struct store *s, int64_t id,
                                     struct err *e);
    enum err_code (*schedules_list)(struct store *s, struct arena *a,
                                    int64_t due_by, int64_t offset, int limit,
                                    struct schedule **out, size_t *n,
                                    int64_t *count, struct err *e);
    enum err_code (*schedule_fire)(struct store *s, struct arena *a, int64_t id,
                                   int64_t expected, int64_t next,
                                   const struct job_new *spec, struct job *out,
                                   struct err *e);

    enum err_code (*coverage_put)(struct store *s, struct slice category,
                                  int64_t day, int64_t expected, int64_t now_us,
                                  struct err *e);
    enum err_code (*coverage_list)(struct store *s, struct arena *a,
                                   struct slice category, int64_t offset,
                                   int limit, struct coverage **out, size_t *n,
                                   int64_t *count, struct err *e);

    enum err_code (*limiter_update)(struct store *s, const char *name,
                                    bool (*change)(struct limiter_state *st,
                                                   void *ctx),
                                    void *ctx, struct limiter_state *after,
                                    struct err *e);
};

struct document_ops {
    enum err_code (*begin)(struct store *s, struct arena *a,
                           const struct job_lease *l,
                           const struct document_new *d,
                           struct document_begun *out, struct err *e);
    /* Whether the chunks fit the document and each other is the backend's to
     * check (document_rules.h). */
    enum err_code (*chunks_add)(struct store *s, const struct job_lease *l,
                                const struct chunk_batch *b, struct err *e);
    enum err_code (*finish)(struct store *s, const struct job_lease *l,
                            int64_t key, struct slice result, int64_t now_us,
                            struct err *e);
    enum err_code (*abandon)(struct store *s, struct slice job_id,
                             struct err *e);
    enum err_code (*sweep)(struct store *s, int64_t *n, struct err *e);
    enum err_code (*delete_document)(struct store *s, struct slice id,
                                     struct err *e);

    enum err_code (*get)(struct store *s, struct arena *a, struct slice id,
                         struct document *out, struct err *e);
    enum err_code (*list)(struct store *s, struct arena *a,
                          const struct document_query *q, struct document **out,
                          size_t *n, int64_t *count, struct err *e);
    enum err_code (*places)(struct store *s, struct arena *a, struct slice id,
                            int64_t offset, int limit, struct chunk_range **out,
                            size_t *n, struct err *e);
    enum err_code (*text)(struct store *s, struct arena *a, struct slice id,
                          int64_t from, int64_t to, struct slice *out,
                          struct err *e);
    enum err_code (*chunks)(struct store *s, struct arena *a, struct slice id,
                            int64_t offset, int limit, struct chunk **out,
                            size_t *n, int64_t *count, struct err *e);
    enum err_code (*chunks_get)(struct store *s, struct arena *a,
                                const int64_t *ids, size_t n,
                                struct chunk **out, size_t *n_out,
                                struct err *e);

    enum err_code (*chunks_search)(struct store *s, struct arena *a,
                                   struct slice text, int k,
                                   bool (*keep)(void *ctx, int64_t chunk_id),
                                   void *ctx, struct word_match **out,
                                   size_t *n, struct err *e);
    enum err_code (*papers_words)(struct store *s, struct arena *a,
                                  struct slice text, int k,
                                  bool (*keep)(void *ctx, int64_t paper_id),
                                  void *ctx, struct word_match **out, size_t *n,
                                  struct err *e);
    enum err_code (*vectors_generation)(struct store *s, enum vector_set set,
                                        uint64_t *out, struct err *e);
    enum err_code (*vectors_model)(struct store *s, enum vector_set set,
                                   struct model_id *out, bool *known,
                                   struct err *e);
    enum err_code (*vectors_model_set)(struct store *s, enum vector_set set,
                                       const struct model_id *m, struct err *e);
    enum err_code (*vectors_present)(struct store *s, enum vector_set set,
                                     int64_t **out, size_t *n, struct err *e);
    enum err_code (*present_count)(struct store *s, enum vector_set set,
                                   int64_t *out, struct err *e);
    enum err_code (*chunks_each)(
        struct store *s, const struct model_id *m, uint64_t since,
        enum err_code (*each)(void *ctx, const struct chunk_vector *v,
                              struct err *e),
        void *ctx, uint64_t *generation, struct err *e);
    enum err_code (*vectors_cached)(struct store *s, const struct model_id *m,
                                    const uint8_t (*sha256)[32], size_t n,
                                    float *out, bool *found, struct err *e);
    enum err_code (*vector_get)(struct store *s, enum vector_set set,
                                const struct model_id *m, int64_t id,
                                float *out, struct err *e);
    enum err_code (*vectors_count)(struct store *s, enum vector_set set,
                                   const struct model_id *m,
                                   struct vector_count *out, struct err *e);
    enum err_code (*vectors_nearest)(struct store *s, struct arena *a,
                                     const struct vector_search *q,
                                     struct vector_match **out, size_t *n,
                                     struct err *e);
    enum err_code (*vectors_index_wanted)(struct store *s, enum vector_set set,
                                          bool *out, struct err *e);
    enum err_code (*vectors_index_make)(struct store *s, enum vector_set set,
                                        bool (*each_second)(void *ctx,
                                                            double done),
                                        void *ctx, struct err *e);
    void (*vectors_ways)(const struct store *s, uint64_t *exact,
                         uint64_t *approximate);
    enum err_code (*chunks_unembedded)(struct store *s, struct arena *a,
                                       const struct model_id *m,
                                       int64_t after_id, int limit,
                                       struct chunk_text **out, size_t *n,
                                       struct err *e);
    enum err_code (*chunk_vectors_put)(struct store *s,
                                       const struct model_id *m,
                                       const int64_t *ids, const float *vectors,
                                       size_t n, struct err *e);
    enum err_code (*papers_unembedded)(struct store *s, struct arena *a,
                                       const struct model_id *m, int limit,
                                       struct paper_text **out, size_t *n,
                                       struct err *e);
    enum err_code (*papers_waiting)(struct store *s, int64_t **out, size_t *n,
                                    struct err *e);
    enum err_code (*paper_vectors_put)(struct store *s,
                                       const struct model_id *m,
                                       const struct paper_vector *v, size_t n,
                                       struct err *e);
    enum err_code (*paper_vectors_each)(
        struct store *s, const struct model_id *m, uint64_t since,
        enum err_code (*each)(void *ctx, const struct paper_vector *v,
                              struct err *e),
        void *ctx, uint64_t *generation, struct err *e);

    enum err_code (*embed_job)(struct store *s, int64_t now_us, struct err *e);
    enum err_code (*unembedded)(struct store *s, const struct model_id *m,
                                struct unembedded *out, struct err *e);
    enum err_code (*embed_finish)(struct store *s, const struct job_lease *l,
                                  const struct model_id *m, struct slice result,
                                  int64_t now_us, struct unembedded *left,
                                  struct err *e);
};

struct event_ops {
    enum err_code (*add)(struct store *s, struct page_view *views, size_t n,
                         struct err *e);
    enum err_code (*totals)(struct store *s, struct arena *a, int limit,
                            struct view_totals *out, struct err *e);
    enum err_code (*erase)(struct store *s, struct slice page, struct err *e);
    enum err_code (*changed)(struct store *s, struct arena *a, int64_t from,
                             int64_t after, int limit, struct page_change **out,
                             size_t *n, struct err *e);
    enum err_code (*roll_up)(struct store *s, int64_t before_day, bool *more,
                             struct err *e);
    enum err_code (*salt)(struct store *s, int64_t day,
                          uint8_t salt[VISITOR_SALT], bool *found,
                          struct err *e);
    enum err_code (*visitors)(struct store *s, struct arena *a, int limit,
                              int64_t since_us, struct visitor_count **out,
                              size_t *n, int64_t *recent, struct err *e);
    enum err_code (*series)(struct store *s, struct slice page,
                            const int64_t *bounds, size_t n,
                            struct view_count *out, struct err *e);
    enum err_code (*top)(struct store *s, struct arena *a, enum view_group by,
                         int64_t from, int64_t to, int limit,
                         struct page_count **out, size_t *n, struct err *e);
};

struct desk_ops {
    enum err_code (*marks_get)(struct store *s, struct arena *a, int64_t id,
                               struct paper_marks *out, struct err *e);
    enum err_code (*marks_set)(struct store *s, const int64_t *ids, size_t n,
                               const struct marks_change *change, bool *marked,
                               struct err *e);
    enum err_code (*search_put)(struct store *s, const struct saved_search *put,
                                int64_t now_us, int64_t *id, struct err *e);
    enum err_code (*search_get)(struct store *s, struct arena *a, int64_t id,
                                struct saved_search *out, struct err *e);
    enum err_code (*search_delete)(struct store *s, int64_t id, struct err *e);
    enum err_code (*searches_list)(struct store *s, struct arena *a,
                                   struct saved_search **out, size_t *n,
                                   struct err *e);
};

struct record_ops {
    enum err_code (*tenant_create)(struct store *s, struct slice name,
                                   struct err *e);
    enum err_code (*tenant_exists)(struct store *s, struct slice name,
                                   bool *exists, struct err *e);
    enum err_code (*database_create)(struct store *s,
                                     const struct record_database *d,
                                     struct err *e);
    enum err_code (*database_get)(struct store *s, struct arena *a,
                                  struct slice tenant, struct slice name,
                                  struct record_database *out, struct err *e);
    enum err_code (*databases_list)(struct store *s, struct arena *a,
                                    struct slice tenant, int64_t offset,
                                    int limit, struct record_database **out,
                                    size_t *n, int64_t *count, struct err *e);
    enum err_code (*database_delete)(struct store *s, struct slice tenant,
                                     struct slice name, struct err *e);
    enum err_code (*collection_create)(struct store *s, struct arena *a,
                                       const struct record_collection *in,
                                       struct record_collection *out,
                                       bool *existing, struct err *e);
    enum err_code (*collection_get)(struct store *s, struct arena *a,
                                    struct slice id,
                                    struct record_collection *out,
                                    struct err *e);
    enum err_code (*collection_find)(struct store *s, struct arena *a,
                                     struct slice tenant, struct slice database,
                                     struct slice name,
                                     struct record_collection *out,
                                     struct err *e);
    enum err_code (*collections_list)(struct store *s, struct arena *a,
                                      struct slice tenant,
                                      struct slice database, int64_t offset,
                                      int limit, struct record_collection **out,
                                      size_t *n, int64_t *count, struct err *e);
    enum err_code (*collection_modify)(struct store *s, int64_t number,
                                       const struct collection_change *change,
                                       struct err *e);
    enum err_code (*collection_delete)(struct store *s, int64_t number,
                                       struct err *e);
    enum err_code (*sweep)(struct store *s, int64_t *n, struct err *e);
    enum err_code (*reset)(struct store *s, struct err *e);
    enum err_code (*put)(struct store *s, int64_t collection,
                         const struct record_batch *b,
                         struct records_state *state, struct err *e);
    enum err_code (*delete_records)(struct store *s, int64_t collection,
                                    const int64_t *numbers, size_t n,
                                    int64_t *deleted, struct err *e);
    enum err_code (*find)(struct store *s, int64_t collection,
                          const struct slice *ids, size_t n, int64_t *out,
                          struct err *e);
    enum err_code (*get)(struct store *s, struct arena *a, int64_t collection,
                         const int64_t *numbers, size_t n, unsigned fields,
                         struct record **out, size_t *n_out, struct err *e);
    enum err_code (*list)(struct store *s, struct arena *a, int64_t collection,
                          int64_t after, int64_t offset, int limit,
                          unsigned fields, struct record **out, size_t *n,
                          struct err *e);
    enum err_code (*each)(
        struct store *s, int64_t collection, uint64_t since, unsigned fields,
        enum err_code (*each)(void *ctx, const struct record *r, struct err *e),
        void *ctx, struct records_state *state, struct err *e);
    enum err_code (*present)(struct store *s, int64_t collection, int64_t **out,
                             size_t *n, struct err *e);
};

struct transfer_ops {
    enum err_code (*export_begin)(struct store *s, bool alone,
                                  struct store_export **out, struct err *e);
    void (*export_end)(struct store_export *x);
    enum err_code (*export_count)(struct store_export *x,
                                  const struct transfer_table *t, int64_t *out,
                                  struct err *e);
    enum err_code (*export_each)(
        struct store_export *x, const struct transfer_table *t,
        enum err_code (*each)(void *ctx, const struct transfer_cell *row,
                              struct err *e),
        void *ctx, struct err *e);
    enum err_code (*export_others)(struct store_export *x, int64_t *out,
                                   struct err *e);
    /* NULL: this database is not a file. */
    enum err_code (*export_file)(struct store *s, const char *path,
                                 struct err *e);
    enum err_code (*import_begin)(struct store *s, struct err *e);
    enum err_code (*import_done)(struct store *s,
                                 const struct transfer_table *t, int64_t *out,
                                 struct err *e);
    enum err_code (*import_rows)(struct store *s,
                                 const struct transfer_table *t, int64_t done,
                                 const struct transfer_cell *cells, size_t n,
                                 struct err *e);
    enum err_code (*import_clear)(struct store *s,
                                  const struct transfer_table *from,
                                  struct err *e);
    enum err_code (*import_finish)(struct store *s, struct err *e);
};

struct copy_ops {
    enum err_code (*on)(struct store *s, struct err *e);
    enum err_code (*off)(struct store *s, struct err *e);
    enum err_code (*state)(struct store *s, enum vector_set set,
                           struct copy_state *out, struct err *e);
    enum err_code (*adopt)(struct store *s, enum vector_set set,
                           struct slice collection, struct err *e);
    enum err_code (*repair)(struct store *s, struct arena *a,
                            struct slice *job_id, struct err *e);
    enum err_code (*note)(struct store *s, enum vector_set set,
                          const struct copy_note *notes, size_t n,
                          struct err *e);
    enum err_code (*gone)(struct store *s, struct arena *a, enum vector_set set,
                          int limit, struct copy_gone **out, size_t *n,
                          struct err *e);
    enum err_code (*forget)(struct store *s, enum vector_set set,
                            const int64_t *keys, size_t n, struct err *e);
    enum err_code (*done)(struct store *s, enum vector_set set,
                          uint64_t generation, bool repaired, struct err *e);
    enum err_code (*finish)(struct store *s, const struct job_lease *l,
                            struct slice result, int64_t now_us, bool *done,
                            struct err *e);
    enum err_code (*find)(struct store *s, enum vector_set set,
                          const struct copy_name *names, size_t n, int64_t *ids,
                          struct err *e);
    enum err_code (*vectors)(struct store *s, enum vector_set set,
                             const struct model_id *m, const int64_t *ids,
                             size_t n, float *out, bool *found, struct err *e);
};

struct verify_ops {
    enum err_code (*verify)(struct store *s, const struct store_verify *v,
                            struct err *e);
};

/* max_attempts of the webhook jobs that the store makes itself (deliveries):
 * how often one may take the process down.  Refused sends do not count, they
 * end with a report. */
#define WEBHOOK_JOB_MAX_ATTEMPTS 5

struct store_ops {
    const char *name;           /* store_name() */
    const char *const *schemes; /* how its URLs begin; NULL-ended */

    /* *opt has its defaults filled in and is valid during the call only.
     * The new struct store is zeroed but for what the backend needs;
     * store.c sets `ops` and the rest of the base, but for what is named
     * there.  On an error *out is left alone. */
    enum err_code (*open)(struct store **out, const struct store_options *opt,
                          struct err *e);
    void (*close)(struct store *s); /* not called with NULL */
    enum err_code (*check)(struct store *s, struct err *e);
    enum err_code (*describe)(struct store *s, struct arena *a,
                              const char **out, struct err *e);

    enum err_code (*listen)(struct store *s, const struct store_hearing *h,
                            struct err *e);
    void (*share)(struct store *s, const struct store_news *n); /* listens */
    void (*listen_end)(struct store *s);
    bool (*hears)(const struct store *s);

    const struct paper_ops *papers;
    const struct job_ops *jobs;
    const struct scrape_ops *scrape;
    const struct document_ops *documents;
    const struct copy_ops *copies;
    const struct event_ops *events;
    const struct desk_ops *desk;
    const struct record_ops *records;
    const struct transfer_ops *transfer;
    const struct verify_ops *verify;
};

/* One line of store_op_stats(), while it grows. */
struct store_op_counter {
    _Atomic uint64_t calls, errors, us;
};

/* First member of every backend's own struct. */
struct store {
    const struct store_ops *ops;
    bool finds_vectors, makes_index; /* set by the backend's open */
    /* filled and used by the front only */
    void (*watch)(void *ctx, const struct store_news *n); /* or NULL */
    void *watch_ctx;
    atomic_bool shares;       /* others are told of it too */
    _Atomic int64_t fault_in; /* calls until the fault; 0: off */
    _Atomic int fault_code;
    struct store_op_counter counters[STORE_MAX_OPS];
};

extern const struct store_ops store_sqlite_ops, store_postgres_ops;

#endif
