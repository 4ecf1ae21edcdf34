/* metrics.c - see metrics.h. */
#include "cmd/metrics.h"

#include "net/ops.h"
#include "net/redis.h"
#include "socketio/socketio.h"
#include "store/jobs.h"

static void store_calls(struct buf *out, const struct store *s)
{
    struct store_op_stat ops[STORE_MAX_OPS];
    size_t n = store_op_stats(s, ops);

    ops_metric(out, "sheaf_store_calls_total", "counter",
               "Calls of the database, by use case.");
    for (size_t i = 0; i < n; i++)
        ops_sample(out, "sheaf_store_calls_total", "op", slice_of(ops[i].name),
                   (double)ops[i].calls);
    ops_metric(out, "sheaf_store_errors_total", "counter",
               "Calls of the database that failed.");
    for (size_t i = 0; i < n; i++)
        ops_sample(out, "sheaf_store_errors_total", "op", slice_of(ops[i].name),
                   (double)ops[i].errors);
    ops_metric(out, "sheaf_store_seconds_total", "counter",
               "Time spent in calls of the database.");
    for (size_t i = 0; i < n; i++)
        ops_sample(out, "sheaf_store_seconds_total", "op",
                   slice_of(ops[i].name), (double)ops[i].us / 1e6);
}

const char *const job_state_words[JOB_N_STATES] = {
    "queued", "running", "completed", "failed", "cancelled"};

static void jobs_by_state(struct buf *out, struct store *s)
{
    int64_t n[JOB_N_STATES];
    struct err e = {0};

    /* a database that is away is reported by /readyz */
    if (store_jobs_counts(s, n, &e) != ERR_NONE)
        return;
    ops_metric(out, "sheaf_jobs", "gauge", "Jobs by state.");
    for (int i = 0; i < JOB_N_STATES; i++)
        ops_sample(out, "sheaf_jobs", "state", slice_of(job_state_words[i]),
                   (double)n[i]);
}

static void one_metric(struct buf *out, const char *name, const char *type,
                       const char *help, int64_t v)
{
    ops_metric(out, name, type, help);
    ops_sample(out, name, NULL, SLICE_NONE, (double)v);
}

void metrics_store(struct buf *out, void *store)
{
    store_calls(out, store);
    one_metric(out, "sheaf_store_hears", "gauge",
               "1 while commits of other processes are heard of at once.",
               store_hears(store));
    jobs_by_state(out, store);
}

void metrics_live(struct buf *out, void *sio)
{
    struct sio_stats st;

    sio_stats(sio, &st);
    one_metric(out, "sheaf_live_sessions", "gauge", "Live clients.",
               st.sessions);
    one_metric(out, "sheaf_live_sessions_total", "counter",
               "Live clients since the start.", st.sessions_total);
    one_metric(out, "sheaf_live_sent_total", "counter",
               "Messages queued for live clients.", st.sent_total);
    one_metric(out, "sheaf_live_received_total", "counter",
               "Messages from live clients.", st.received_total);
    one_metric(out, "sheaf_live_slow_total", "counter",
               "Live clients cut because they did not read.", st.slow_total);
}

void metrics_redis(struct buf *out, void *redis)
{
    struct redis_stats st;

    redis_stats(redis, &st);
    one_metric(out, "sheaf_redis_up", "gauge",
               "1 while Redis is there, 0 while this process goes on alone.",
               st.up);
    one_metric(out, "sheaf_redis_connects_total", "counter",
               "Times that Redis came, or came back.", st.connects_total);
    one_metric(out, "sheaf_redis_published_total", "counter",
               "Messages for other processes.", st.published_total);
    one_metric(out, "sheaf_redis_heard_total", "counter",
               "Messages heard, from this process and others.", st.heard_total);
    one_metric(out, "sheaf_redis_dropped_total", "counter",
               "Messages that were not published because Redis was away.",
               st.dropped_total);
}
