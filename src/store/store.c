/* store.c - the front of the store: opening it, and the public calls about
 * papers, jobs, scrapes and page views (store_front.h).  A new backend is one
 * line in backends[].
 */
#include "store/store.h"

#include <assert.h>
#include <string.h>

#include "store/paper_rules.h"
#include "store/store_front.h"

static const struct store_ops *const backends[] = {
    &store_sqlite_ops,
    &store_postgres_ops,
};
#define N_BACKENDS (sizeof(backends) / sizeof(*backends))

#define OP_NAME(name) #name,
static const char *const op_names[] = {OPS(OP_NAME)};

/* ---- what every call passes through ---- */

/* The calls before the faulty one count it down; exactly one finds it at 1. */
enum err_code front_fault(struct store *s, struct err *e)
{
    if (atomic_load_explicit(&s->fault_in, memory_order_relaxed) <= 0)
        return ERR_NONE;
    if (atomic_fetch_sub(&s->fault_in, 1) != 1)
        return ERR_NONE;
    return err_set(e, (enum err_code)atomic_load(&s->fault_code),
                   "store fault asked for by a test");
}

void front_count(struct store *s, enum op op, int64_t started,
                 enum err_code code)
{
    struct store_op_counter *c = &s->counters[op];
    int64_t took = clock_mono_us() - started;

    atomic_fetch_add_explicit(&c->calls, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&c->us, (uint64_t)took, memory_order_relaxed);
    if (code != ERR_NONE)
        atomic_fetch_add_explicit(&c->errors, 1, memory_order_relaxed);
}

/* ---- store.h ---- */

static const struct store_ops *backend_for(const char *url)
{
    for (size_t i = 0; i < N_BACKENDS; i++)
        for (const char *const *p = backends[i]->schemes; *p; p++)
            if (strncmp(url, *p, strlen(*p)) == 0)
                return backends[i];
    return NULL;
}

enum err_code store_open(struct store **out, const struct store_options *opt,
                         struct err *e)
{
    struct store_options filled = *opt;
    const struct store_ops *ops;
    struct store *s = NULL;
    enum err_code code;

    if (!filled.database_url || !*filled.database_url)
        filled.database_url = "sqlite:";
    if (!filled.data_dir)
        filled.data_dir = ".";
    if (filled.connections <= 0)
        filled.connections = 8;
    if (filled.timeout_ms <= 0)
        filled.timeout_ms = 30000;
    if (filled.idempotency_ttl_us <= 0)
        filled.idempotency_ttl_us = US_PER_DAY;
    ops = backend_for(filled.database_url);
    if (!ops) /* the URL may hold a password: it is not repeated */
        return err_field(e, "database_url",
                         "'database_url' begins with neither 'sqlite:' nor "
                         "'postgresql://'");
    code = ops->open(&s, &filled, e);
    if (code != ERR_NONE)
        return code;
    s->ops = ops;
    *out = s;
    return ERR_NONE;
}

void store_close(struct store *s)
{
    if (s)
        s->ops->close(s);
}

const char *store_name(const struct store *s)
{
    return s->ops->name;
}

enum err_code store_check(struct store *s, struct err *e)
{
    RUN(s, check, s->ops->check(s, e));
}

enum err_code store_describe(struct store *s, struct arena *a, const char **out,
                             struct err *e)
{
    return s->ops->describe(s, a, out, e);
}

void store_watch(struct store *s,
                 void (*watch)(void *ctx, const struct store_news *n),
                 void *ctx)
{
    s->watch = watch;
    s->watch_ctx = ctx;
}

bool front_is_watched(const struct store *s)
{
    return s->watch || atomic_load(&s->shares);
}

void front_tell(struct store *s, const struct store_news *n)
{
    if (s->watch)
        s->watch(s->watch_ctx, n);
    if (atomic_load(&s->shares))
        s->ops->share(s, n);
}

enum err_code store_listen(struct store *s, const struct store_hearing *h,
                           struct err *e)
{
    enum err_code rc = s->ops->listen(s, h, e);

    if (rc == ERR_NONE)
        atomic_store(&s->shares, h->share);
    return rc;
}

void store_listen_end(struct store *s)
{
    if (!s)
        return;
    atomic_store(&s->shares, false);
    s->ops->listen_end(s);
}

bool store_hears(const struct store *s)
{
    return s->ops->hears(s);
}

void store_fault_after(struct store *s, int64_t n, enum err_code code)
{
    atomic_store(&s->fault_code, (int)code);
    atomic_store(&s->fault_in, n);
}

size_t store_op_stats(const struct store *s,
                      struct store_op_stat out[STORE_MAX_OPS])
{
    for (int i = 0; i < N_OPS; i++) {
        const struct store_op_counter *c = &s->counters[i];

        out[i] = (struct store_op_stat){
            .name = op_names[i],
            .calls = atomic_load_explicit(&c->calls, memory_order_relaxed),
            .errors = atomic_load_explicit(&c->errors, memory_order_relaxed),
            .us = atomic_load_explicit(&c->us, memory_order_relaxed),
        };
    }
    return N_OPS;
}

/* ---- papers.h ---- */

enum err_code store_webhook_receive(struct store *s,
                                    const struct webhook_in *in,
                                    struct webhook_result *out, struct err *e)
{
    CHECK(args_webhook(in, e));
    RUN_AND_TELL(s, webhook_receive,
                 s->ops->papers->webhook_receive(s, in, out, e),
                 .papers_added = out->repeated ? 0 : out->created,
                 .papers_at = in->now_us);
}

enum err_code store_papers_list(struct store *s, struct arena *a,
                                const struct paper_query *q,
                                struct paper_list *out, struct err *e)
{
    CHECK(args_paper_query(q, false, e));
    RUN(s, papers_list, s->ops->papers->list(s, a, q, out, e));
}

enum err_code store_paper_get(struct store *s, struct arena *a, int64_t id,
                              bool with_deleted, struct paper *out,
                              struct err *e)
{
    RUN(s, paper_get, s->ops->papers->get(s, a, id, with_deleted, out, e));
}

enum err_code store_papers_get(struct store *s, struct arena *a,
                               const int64_t *ids, size_t n, struct paper **out,
                               size_t *n_out, struct err *e)
{
    CHECK(args_page(0, n > STORE_MAX_ROWS ? -1 : (int64_t)n, e));
    RUN(s, papers_get, s->ops->papers->get_many(s, a, ids, n, out, n_out, e));
}

enum err_code store_papers_each(struct store *s, const struct paper_query *q,
                                enum err_code (*each)(void *ctx,
                                                      const struct paper *p,
                                                      struct err *e),
                                void *ctx, struct err *e)
{
    CHECK(args_paper_query(q, true, e));
    RUN(s, papers_each, s->ops->papers->each(s, q, each, ctx, e));
}

enum err_code store_papers_similar(struct store *s, struct arena *a, int64_t id,
                                   int k, struct paper_similar **out, size_t *n,
                                   struct err *e)
{
    CHECK(args_page(0, k, e));
    RUN(s, papers_similar, s->ops->papers->similar(s, a, id, k, out, n, e));
}

enum err_code store_paper_delete(struct store *s, int64_t id, int64_t now_us,
                                 struct err *e)
{
    RUN(s, paper_delete, s->ops->papers->delete_paper(s, id, now_us, e));
}

enum err_code store_paper_restore(struct store *s, int64_t id, int64_t now_us,
                                  struct err *e)
{
    RUN(s, paper_restore, s->ops->papers->restore(s, id, now_us, e));
}

enum err_code store_papers_generation(struct store *s, uint64_t *out,
                                      struct err *e)
{
    RUN(s, papers_generation, s->ops->papers->generation(s, out, e));
}

enum err_code store_papers_stats(struct store *s, struct arena *a, int max_days,
                                 struct paper_stats *out, struct err *e)
{
    CHECK(args_page(0, max_days, e));
    RUN(s, papers_stats, s->ops->papers->stats(s, a, max_days, out, e));
}

enum err_code store_scraper_jobs_list(struct store *s, struct arena *a,
                                      int64_t offset, int limit,
                                      struct scraper_job **out, size_t *n,
                                      int64_t *count_out, struct err *e)
{
    CHECK(args_page(offset, limit, e));
    RUN(s, scraper_jobs_list,
        s->ops->papers->scraper_jobs_list(s, a, offset, limit, out, n,
                                          count_out, e));
}

enum err_code store_scraper_job_get(struct store *s, struct arena *a,
                                    int64_t id, struct scraper_job *out,
                                    struct err *e)
{
    RUN(s, scraper_job_get, s->ops->papers->scraper_job_get(s, a, id, out, e));
}

/* ---- jobs.h ---- */

enum err_code store_job_create(struct store *s, struct arena *a,
                               const struct job_new *spec, struct job *out,
                               bool *existing, struct err *e)
{
    CHECK(args_job_new(spec, e));
    RUN_AND_TELL(s, job_create,
                 s->ops->jobs->create(s, a, spec, out, existing, e),
                 .jobs = {*existing ? SLICE_NONE : out->id});
}

enum err_code store_job_get(struct store *s, struct arena *a, struct slice id,
                            struct job *out, struct err *e)
{
    CHECK(args_text("id", id, e));
    RUN(s, job_get, s->ops->jobs->get(s, a, id, out, e));
}

enum err_code store_job_file(struct store *s, struct arena *a, struct slice id,
                             struct slice *out, struct err *e)
{
    CHECK(args_text("id", id, e));
    RUN(s, job_file, s->ops->jobs->file(s, a, id, out, e));
}

enum err_code store_jobs_list(struct store *s, struct arena *a,
                              const struct job_query *q, struct job **out,
                              size_t *n, int64_t *count_out, struct err *e)
{
    CHECK(args_page(q->offset, q->limit, e));
    RUN(s, jobs_list, s->ops->jobs->list(s, a, q, out, n, count_out, e));
}

enum err_code store_job_claim(struct store *s, struct arena *a,
                              const char *const *kinds, const char *owner,
                              int64_t now_us, int64_t lease_us, struct job *out,
                              struct job_lease *lease, int64_t *next_run_at,
                              struct err *e)
{
    if (strlen(owner) >= sizeof(lease->owner))
        return err_field(e, "owner", "'owner' is longer than %zu bytes",
                         sizeof(lease->owner) - 1);
    RUN_AND_TELL(s, job_claim,
                 s->ops->jobs->claim(s, a, kinds, owner, now_us, lease_us, out,
                                     lease, next_run_at, e),
                 .jobs = {out->id});
}

enum err_code store_job_heartbeat(struct store *s, const struct job_lease *l,
                                  int64_t lease_until, bool *cancel,
                                  struct err *e)
{
    CHECK(args_lease(l, e));
    RUN(s, job_heartbeat,
        s->ops->jobs->heartbeat(s, l, lease_until, cancel, e));
}

enum err_code store_job_progress(struct store *s, const struct job_lease *l,
                                 double progress, struct slice checkpoint,
                                 struct slice result, int64_t now_us,
                                 struct err *e)
{
    CHECK(args_lease(l, e));
    CHECK(args_progress(progress, e));
    CHECK(args_text("checkpoint", checkpoint, e));
    CHECK(args_text("result", result, e));
    RUN_AND_TELL(
        s, job_progress,
        s->ops->jobs->progress(s, l, progress, checkpoint, result, now_us, e),
        .jobs = {slice_of(l->job_id)});
}

enum err_code store_job_finish(struct store *s, const struct job_lease *l,
                               enum job_state state, struct slice result,
                               struct slice error, int64_t now_us,
                               struct err *e)
{
    CHECK(args_lease(l, e));
    CHECK(args_final_state(state, e));
    CHECK(args_text("result", result, e));
    CHECK(args_text("error", error, e));
    RUN_AND_TELL(s, job_finish,
                 s->ops->jobs->finish(s, l, state, result, error, now_us, e),
                 .jobs = {slice_of(l->job_id)});
}

enum err_code store_job_release(struct store *s, const struct job_lease *l,
                                int64_t run_at, bool count_it,
                                struct slice error, int64_t now_us,
                                struct err *e)
{
    CHECK(args_lease(l, e));
    CHECK(args_text("error", error, e));
    RUN_AND_TELL(
        s, job_release,
        s->ops->jobs->release(s, l, run_at, count_it, error, now_us, e),
        .jobs = {slice_of(l->job_id)});
}

enum err_code store_job_cancel(struct store *s, struct slice id, int64_t now_us,
                               struct err *e)
{
    CHECK(args_text("id", id, e));
    RUN_AND_TELL(s, job_cancel, s->ops->jobs->cancel(s, id, now_us, e),
                 .jobs = {id});
}

enum err_code store_job_restart(struct store *s, struct slice id,
                                int64_t now_us, struct err *e)
{
    CHECK(args_text("id", id, e));
    RUN_AND_TELL(s, job_restart, s->ops->jobs->restart(s, id, now_us, e),
                 .jobs = {id});
}

enum err_code store_jobs_recover(struct store *s, int64_t now_us, struct err *e)
{
    RUN(s, jobs_recover, s->ops->jobs->recover(s, now_us, e));
}

enum err_code store_jobs_counts(struct store *s, int64_t out[JOB_N_STATES],
                                struct err *e)
{
    RUN(s, jobs_counts, s->ops->jobs->counts(s, out, e));
}

/* ---- scrape.h ---- */

enum err_code store_scrape_page(struct store *s, const struct job_lease *l,
                                const struct paper *papers, size_t n,
                                double progress, struct slice checkpoint,
                                struct slice result, int64_t now_us,
                                struct err *e)
{
    CHECK(args_lease(l, e));
    CHECK(args_progress(progress, e));
    CHECK(args_text("checkpoint", checkpoint, e));
    CHECK(args_text("result", result, e));
    CHECK(args_papers(papers, n, e));
    RUN_AND_TELL(s, scrape_page,
                 s->ops->scrape->page(s, l, papers, n, progress, checkpoint,
                                      result, now_us, e),
                 .jobs = {slice_of(l->job_id)});
}

enum err_code store_scrape_papers(struct store *s, struct arena *a,
                                  struct slice job_id, struct paper **out,
                                  size_t *n, struct err *e)
{
    CHECK(args_text("job_id", job_id, e));
    RUN(s, scrape_papers, s->ops->scrape->papers(s, a, job_id, out, n, e));
}

enum err_code store_scrape_latest(struct store *s, struct arena *a, int limit,
                                  struct paper **out, size_t *n, struct err *e)
{
    CHECK(args_page(0, limit, e));
    RUN(s, scrape_latest, s->ops->scrape->latest(s, a, limit, out, n, e));
}

enum err_code store_scrape_finish(struct store *s, const struct job_lease *l,
                                  enum job_state state, struct slice result,
                                  struct slice error,
                                  const struct delivery_new *deliveries,
                                  size_t n, int64_t now_us, struct err *e)
{
    CHECK(args_lease(l, e));
    CHECK(args_final_state(state, e));
    CHECK(args_text("result", result, e));
    CHECK(args_text("error", error, e));
    CHECK(args_deliveries(deliveries, n, e));
    RUN_AND_TELL(s, scrape_finish,
                 s->ops->scrape->finish(s, l, state, result, error, deliveries,
                                        n, now_us, e),
                 .jobs = {slice_of(l->job_id)});
}

enum err_code store_delivery_get(struct store *s, struct arena *a, int64_t id,
                                 struct delivery *out, struct err *e)
{
    RUN(s, delivery_get, s->ops->scrape->delivery_get(s, a, id, out, e));
}

enum err_code store_delivery_attempts(struct store *s, struct arena *a,
                                      int64_t id, struct delivery_attempt **out,
                                      size_t *n, struct err *e)
{
    RUN(s, delivery_attempts,
        s->ops->scrape->delivery_attempts(s, a, id, out, n, e));
}

enum err_code store_deliveries_list(struct store *s, struct arena *a,
                                    int status, struct slice job_id,
                                    int64_t offset, int limit,
                                    struct delivery **out, size_t *n,
                                    int64_t *count_out, struct err *e)
{
    CHECK(args_page(offset, limit, e));
    CHECK(args_text("job_id", job_id, e));
    RUN(s, deliveries_list,
        s->ops->scrape->deliveries_list(s, a, status, job_id, offset, limit,
                                        out, n, count_out, e));
}

enum err_code store_delivery_report(struct store *s, const struct job_lease *l,
                                    const struct delivery_outcome *o,
                                    struct err *e)
{
    CHECK(args_lease(l, e));
    CHECK(args_outcome(o, e));
    RUN_AND_TELL(s, delivery_report,
                 s->ops->scrape->delivery_report(s, l, o, e),
                 .jobs = {slice_of(l->job_id), o->scrape_id});
}

enum err_code store_delivery_replay(struct store *s, int64_t id, int64_t now_us,
                                    struct err *e)
{
    RUN(s, delivery_replay, s->ops->scrape->delivery_replay(s, id, now_us, e));
}

enum err_code store_schedule_put(struct store *s, const struct schedule *sch,
                                 int64_t now_us, int64_t *id, struct err *e)
{
    CHECK(args_schedule(sch, e));
    RUN(s, schedule_put, s->ops->scrape->schedule_put(s, sch, now_us, id, e));
}

enum err_code store_schedule_get(struct store *s, struct arena *a, int64_t id,
                                 struct schedule *out, struct err *e)
{
    RUN(s, schedule_get, s->ops->scrape->schedule_get(s, a, id, out, e));
}

enum err_code store_schedule_delete(struct store *s, int64_t id, struct err *e)
{
    RUN(s, schedule_delete, s->ops->scrape->schedule_delete(s, id, e));
}

enum err_code store_schedules_list(struct store *s, struct arena *a,
                                   int64_t due_by, int64_t offset, int limit,
                                   struct schedule **out, size_t *n,
                                   int64_t *count_out, struct err *e)
{
    CHECK(args_page(offset, limit, e));
    RUN(s, schedules_list,
        s->ops->scrape->schedules_list(s, a, due_by, offset, limit, out, n,
                                       count_out, e));
}

enum err_code store_schedule_fire(struct store *s, struct arena *a, int64_t id,
                                  int64_t expected, int64_t next,
                                  const struct job_new *spec, struct job *out,
                                  struct err *e)
{
    CHECK(args_job_new(spec, e));
    RUN_AND_TELL(
        s, schedule_fire,
        s->ops->scrape->schedule_fire(s, a, id, expected, next, spec, out, e),
        .jobs = {out->id});
}

enum err_code store_coverage_put(struct store *s, struct slice category,
                                 int64_t day, int64_t expected, int64_t now_us,
                                 struct err *e)
{
    CHECK(args_text("category", category, e));
    RUN(s, coverage_put,
        s->ops->scrape->coverage_put(s, category, day, expected, now_us, e));
}

enum err_code store_coverage_list(struct store *s, struct arena *a,
                                  struct slice category, int64_t offset,
                                  int limit, struct coverage **out, size_t *n,
                                  int64_t *count_out, struct err *e)
{
    CHECK(args_page(offset, limit, e));
    CHECK(args_text("category", category, e));
    RUN(s, coverage_list,
        s->ops->scrape->coverage_list(s, a, category, offset, limit, out, n,
                                      count_out, e));
}

enum err_code
store_limiter_update(struct store *s, const char *name,
                     bool (*change)(struct limiter_state *st, void *ctx),
                     void *ctx, struct limiter_state *after, struct err *e)
{
    CHECK(args_text("name", slice_of(name), e));
    RUN(s, limiter_update,
        s->ops->scrape->limiter_update(s, name, change, ctx, after, e));
}

/* ---- events.h ---- */

enum err_code store_views_add(struct store *s, struct page_view *views,
                              size_t n, struct err *e)
{
    CHECK(args_views(views, n, e));
    if (n == 0)
        return ERR_NONE;
    RUN(s, views_add, s->ops->events->add(s, views, n, e));
}

enum err_code store_views_totals(struct store *s, struct arena *a, int limit,
                                 struct view_totals *out, struct err *e)
{
    CHECK(args_page(0, limit, e));
    RUN(s, views_totals, s->ops->events->totals(s, a, limit, out, e));
}

enum err_code store_views_series(struct store *s, struct slice page,
                                 const int64_t *bounds, size_t n,
                                 struct view_count *out, struct err *e)
{
    CHECK(args_text("page", page, e));
    CHECK(args_bounds(bounds, n, e));
    memset(out, 0, n * sizeof(*out));
    if (n == 0)
        return ERR_NONE;
    RUN(s, views_series, s->ops->events->series(s, page, bounds, n, out, e));
}

enum err_code store_views_top(struct store *s, struct arena *a,
                              enum view_group by, int64_t from, int64_t to,
                              int limit, struct page_count **out, size_t *n,
                              struct err *e)
{
    CHECK(args_page(0, limit, e));
    RUN(s, views_top,
        s->ops->events->top(s, a, by, from, to, limit, out, n, e));
}

enum err_code store_views_changed(struct store *s, struct arena *a,
                                  int64_t from, int64_t after, int limit,
                                  struct page_change **out, size_t *n,
                                  struct err *e)
{
    CHECK(args_page(0, limit, e));
    RUN(s, views_changed,
        s->ops->events->changed(s, a, from, after, limit, out, n, e));
}

enum err_code store_visitor_salt(struct store *s, int64_t day,
                                 uint8_t salt[VISITOR_SALT], bool *found,
                                 struct err *e)
{
    RUN(s, visitor_salt, s->ops->events->salt(s, day, salt, found, e));
}

enum err_code store_visitors(struct store *s, struct arena *a, int limit,
                             int64_t since_us, struct visitor_count **out,
                             size_t *n, int64_t *recent, struct err *e)
{
    CHECK(args_page(0, limit, e));
    RUN(s, visitors,
        s->ops->events->visitors(s, a, limit, since_us, out, n, recent, e));
}

enum err_code store_views_roll_up(struct store *s, int64_t before_day,
                                  bool *more, struct err *e)
{
    RUN(s, views_roll_up, s->ops->events->roll_up(s, before_day, more, e));
}

enum err_code store_page_erase(struct store *s, struct slice page,
                               struct err *e)
{
    CHECK(args_text("page", page, e));
    RUN(s, page_erase, s->ops->events->erase(s, page, e));
}
