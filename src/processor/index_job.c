/* index_job.c - see index_job.h. */
#include "processor/index_job.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "processor/processor_impl.h"
#include "processor/search.h"

#define MAX_ATTEMPTS 5
#define ARENA_BYTES (1u << 20)
#define LOOKED_AT 20              /* of the newest jobs */
#define OTHERS_US (10 * US_PER_S) /* until another process has made it */

static const char *const names[N_SETS] = {
    [VECTORS_CHUNKS] = SEARCH_DOCUMENTS, [VECTORS_PAPERS] = SEARCH_PAPERS};

/* ---- running ---- */

static enum err_code read_set(const struct job *job, enum vector_set *out,
                              struct err *e)
{
    json_t *input = NULL;
    unsigned sets = 0;
    enum err_code code = json_parse(&input, job->input, e);

    if (code == ERR_NONE)
        code = search_collections_read(&sets,
                                       json_get_slice(input, "collection"), e);
    json_decref(input);
    *out = sets == 1U << VECTORS_PAPERS ? VECTORS_PAPERS : VECTORS_CHUNKS;
    return code;
}

static bool note_progress(void *ctx, double done)
{
    struct job_run *r = ctx;
    struct err e = {0};

    if (store_job_progress(r->store, r->lease, done * 100, SLICE_NONE,
                           SLICE_NONE, clock_now_us(), &e) != ERR_NONE)
        log_debug("processor", "progress is not noted", LOG_S("error", e.msg));
    return !job_run_cancelled(r);
}

/* A database that is away comes back, and who else makes it gets done.  Of all
 * else another attempt would take as long, and end the same. */
static struct job_end ended(struct job_run *r, enum err_code code)
{
    if (code == ERR_CONFLICT) {
        (void)note_progress(r, r->job->progress / 100); /* no attempt */
        return (struct job_end){.outcome = JOB_RUN_RETRY,
                                .retry_at = clock_now_us() + OTHERS_US};
    }
    return (struct job_end){
        .outcome = code == ERR_UNAVAILABLE ? JOB_RUN_RETRY : JOB_RUN_FAILED};
}

struct job_end index_job_run(struct job_run *r, struct err *e)
{
    enum vector_set set;
    enum err_code code = read_set(r->job, &set, e);

    if (code == ERR_NONE)
        code = store_vectors_index_make(r->store, set, note_progress, r, e);
    return code == ERR_NONE ? (struct job_end){.outcome = JOB_RUN_COMPLETED}
                            : ended(r, code);
}

enum err_code index_job_view(struct store *s, struct arena *a,
                             const struct job *job, struct jw *j, struct err *e)
{
    enum vector_set set;
    enum err_code code = read_set(job, &set, e);

    (void)s;
    (void)a;
    if (code == ERR_NONE)
        jw_kstr(j, "collection", names[set]);
    return code;
}

/* ---- who wants it ---- */

/* Is one under way, or has one failed or been cancelled today? */
static bool holds_off(const struct job *job, enum vector_set set)
{
    struct err ignored = {0};
    enum vector_set other;

    return read_set(job, &other, &ignored) == ERR_NONE && other == set &&
           job->state != JOB_COMPLETED &&
           (job->state == JOB_QUEUED || job->state == JOB_RUNNING ||
            job->updated_at > clock_now_us() - US_PER_DAY);
}

static enum err_code may_queue(struct store *s, struct arena *a,
                               enum vector_set set, bool *out, struct err *e)
{
    static const char *const kinds[] = {INDEX_JOB, NULL};
    const struct job_query q = {.kinds = kinds, .limit = LOOKED_AT};
    struct job *jobs;
    size_t n = 0;
    int64_t count;
    enum err_code code = store_jobs_list(s, a, &q, &jobs, &n, &count, e);

    *out = true;
    for (size_t i = 0; i < n && code == ERR_NONE; i++)
        *out &= !holds_off(&jobs[i], set);
    return code;
}

static enum err_code queue(struct processor *p, struct arena *a,
                           enum vector_set set, struct err *e)
{
    int64_t now = clock_now_us();
    struct job_new spec = {.kind = INDEX_JOB,
                           .id_prefix = INDEX_JOB,
                           .max_attempts = MAX_ATTEMPTS,
                           .run_at = now,
                           .now_us = now};
    bool existing;
    struct job job;
    enum err_code code;

    spec.input =
        slice_of(arena_printf(a, "{\"collection\":\"%s\"}", names[set]));
    code = store_job_create(p->store, a, &spec, &job, &existing, e);
    if (code == ERR_NONE && p->jobs)
        jobs_wake(p->jobs);
    return code;
}

static enum err_code want(struct processor *p, struct arena *a,
                          enum vector_set set, struct err *e)
{
    bool wanted, may = false;
    enum err_code code = store_vectors_index_wanted(p->store, set, &wanted, e);

    if (code != ERR_NONE || !wanted)
        return code;
    code = may_queue(p->store, a, set, &may, e);
    return code == ERR_NONE && may ? queue(p, a, set, e) : code;
}

enum err_code index_job_want(struct processor *p, struct err *e)
{
    struct arena *a = arena_new(ARENA_BYTES);
    enum err_code code =
        a ? ERR_NONE : err_set(e, ERR_UNAVAILABLE, "out of memory");

    for (int i = 0; i < N_SETS && code == ERR_NONE; i++)
        code = want(p, a, (enum vector_set)i, e);
    arena_free(a);
    return code;
}
