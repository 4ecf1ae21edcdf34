/* vector_copy.c - see vector_copy.h.
 *
 * A pass over a set, from the generation that the copy has to the one of now:
 *
 *   1. what changed, a batch at a time: note it (so that it can be removed one
 *      day), look at what the server has of it, send what differs
 *   2. what was noted and is gone here: remove it there, forget the note
 *   3. a repair begins at generation 0, and removes what is not ours
 *   4. the generation is written, here and into the collection's metadata: what
 *      changed since waits for the next pass, and a side that was set back is
 *      noticed, for the two differ
 *
 * Killed anywhere, the pass begins again; what was sent already is found equal,
 * much faster than sending it, so it need not be remembered.  Looking before
 * sending also takes away metadata keys that are gone: an upsert alone leaves
 * them.
 */
#include "processor/vector_copy.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "processor/chroma_find.h"
#include "processor/processor_impl.h"
#include "processor/search.h"
#include "processor/vector_copy_send.h"
#include "store/copies.h"

#define GONE 200        /* documents or papers removed at a time */
#define MAX_WAIT_S 15   /* between two attempts to reach the server */
#define PROBLEM_MAX 400 /* as struct err has it */

struct vector_copy {
    struct store *store;
    struct chroma *chroma;
    struct jobs *jobs; /* NULL: run elsewhere */
    struct job_kind kind;
    pthread_mutex_t lock; /* of what follows */
    int failures;         /* attempts in a row that did not reach it */
    char problem[PROBLEM_MAX];
    bool counted[N_SETS]; /* by this process, since a pass was cut off */
};

/* ---- one pass ---- */

static enum err_code take_chunk(void *ctx, const struct chunk_vector *v,
                                struct err *e)
{
    return v->vector ? copy_send_add(ctx, v->chunk_id, v->vector, e) : ERR_NONE;
}

static enum err_code take_paper(void *ctx, const struct paper_vector *v,
                                struct err *e)
{
    return v->vector ? copy_send_add(ctx, v->id, v->vector, e) : ERR_NONE;
}

static enum err_code send_changed(struct copy_send *w, uint64_t since,
                                  uint64_t *generation, struct err *e)
{
    struct store *s = w->run->store;
    struct model_id m = {{0}};
    bool known;
    enum err_code code = store_vectors_model(s, w->set, &m, &known, e);

    if (code != ERR_NONE)
        return code;
    code = w->set == VECTORS_PAPERS
               ? store_paper_vectors_each(s, &m, since, take_paper, w,
                                          generation, e)
               : store_chunks_each(s, &m, since, take_chunk, w, generation, e);
    return code == ERR_NONE ? copy_send_flush(w, e) : code;
}

static enum err_code remove_gone(struct copy_send *w, struct err *e)
{
    struct arena *a = arena_new((size_t)1 << 20);
    struct copy_gone *gone;
    size_t n = GONE;
    enum err_code code =
        a ? ERR_NONE : err_set(e, ERR_UNAVAILABLE, "out of memory");

    while (code == ERR_NONE && n == GONE) {
        int64_t keys[GONE];

        arena_reset(a);
        code = store_copy_gone(w->run->store, a, w->set, GONE, &gone, &n, e);
        for (size_t i = 0; i < n && code == ERR_NONE; i++) {
            keys[i] = gone[i].note.key;
            code = copy_send_remove(w, &gone[i], e);
        }
        if (code == ERR_NONE)
            code = copy_send_flush_removed(w, e);
        if (code == ERR_NONE && n)
            code = store_copy_forget(w->run->store, w->set, keys, n, e);
    }
    arena_free(a);
    return code;
}

/* The generation as the collection's mark. */
static void write_mark(char out[CHROMA_MAX_ID + 1], uint64_t generation)
{
    snprintf(out, CHROMA_MAX_ID + 1, "%llu", (unsigned long long)generation);
}

/* On both sides. */
static enum err_code note_done(struct copy_send *w, uint64_t generation,
                               bool repaired, struct err *e)
{
    char *mark = w->collection.mark;
    enum err_code code;

    write_mark(mark, generation);
    code = chroma_mark(w->chroma, &w->how, w->collection.id, mark, e);
    return code == ERR_NONE
               ? store_copy_done(w->run->store, w->set, generation, repaired, e)
               : code;
}

static enum err_code pass(struct copy_send *w, const struct copy_state *st,
                          bool repair, struct err *e)
{
    uint64_t generation = 0;
    int64_t there = 0;
    enum err_code code =
        chroma_count(w->chroma, &w->how, w->collection.id, &there, e);

    if (code != ERR_NONE)
        return code;
    w->look = there > 0;
    code = send_changed(w, repair ? 0 : st->generation, &generation, e);
    if (code == ERR_NONE)
        code = remove_gone(w, e);
    if (code == ERR_NONE && repair)
        code = copy_send_remove_foreign(w, e);
    return code == ERR_NONE ? note_done(w, generation, repair, e) : code;
}

/* Has the server as many as we?  A copy that was set back, or written into, is
 * seen by that.  Asked once a process, and again behind a pass that was cut
 * off: what it was sending may have come when it had been removed already. */
static enum err_code count_again(struct vector_copy *v, struct copy_send *w,
                                 bool *differs, struct err *e)
{
    struct vector_count count;
    struct model_id m = {{0}};
    bool known;
    int64_t there = 0;
    enum err_code code =
        store_vectors_model(w->run->store, w->set, &m, &known, e);

    *differs = false;
    if (code != ERR_NONE || v->counted[w->set])
        return code;
    code = store_vectors_count(w->run->store, w->set, &m, &count, e);
    if (code == ERR_NONE)
        code = chroma_count(w->chroma, &w->how, w->collection.id, &there, e);
    *differs = code == ERR_NONE && there != count.all - w->refused;
    v->counted[w->set] = code == ERR_NONE;
    return code;
}

static void count_anew(struct vector_copy *v)
{
    memset(v->counted, 0, sizeof(v->counted));
}

/* ---- the job ---- */

/* The collection that is there now; another one than before is filled anew. */
static enum err_code open_collection(struct copy_send *w, struct copy_state *st,
                                     struct err *e)
{
    struct store *s = w->run->store;
    enum err_code code =
        chroma_open(w->chroma, &w->how, search_set_names[w->set],
                    STORE_VECTOR_DIM, &w->collection, e);

    if (code == ERR_NONE)
        code = store_copy_state(s, w->set, st, e);
    if (code != ERR_NONE || !st->on ||
        strcmp(st->collection, w->collection.id) == 0)
        return code;
    log_info("processor", "a collection of the Chroma server is filled",
             LOG_S("collection", search_set_names[w->set]),
             LOG_S("id", w->collection.id));
    code = store_copy_adopt(s, w->set, slice_of(w->collection.id), e);
    return code == ERR_NONE ? store_copy_state(s, w->set, st, e) : code;
}

/* Is it to be looked through as a whole?  Also when the two sides do not say
 * the same of how far they are: one of them was set back. */
static bool is_to_be_repaired(const struct copy_send *w,
                              const struct copy_state *st)
{
    char mark[CHROMA_MAX_ID + 1];

    write_mark(mark, st->generation);
    return st->repair || strcmp(mark, w->collection.mark) != 0;
}

static enum err_code bring_up(struct vector_copy *v, struct copy_send *w,
                              struct err *e)
{
    struct copy_state st;
    uint64_t now = 0;
    bool differs = false, repair;
    enum err_code code = open_collection(w, &st, e);

    if (code == ERR_NONE)
        code = store_vectors_generation(w->run->store, w->set, &now, e);
    if (code != ERR_NONE || !st.on)
        return code;
    repair = is_to_be_repaired(w, &st);
    if (!repair && st.generation == now && v->counted[w->set])
        return ERR_NONE;
    copy_send_expect(w, st.waiting);
    code = pass(w, &st, repair, e);
    if (code == ERR_NONE)
        code = count_again(v, w, &differs, e);
    if (code == ERR_NONE && differs && !repair) {
        log_warn("processor",
                 "the Chroma server has not what it should: all is compared",
                 LOG_S("collection", search_set_names[w->set]));
        code = pass(w, &st, true, e);
    }
    return code;
}

static enum err_code bring_all_up(struct vector_copy *v, struct copy_send *w,
                                  struct err *e)
{
    bool done = false;
    enum err_code code = ERR_NONE;

    while (code == ERR_NONE && !done) {
        for (int i = 0; i < N_SETS && code == ERR_NONE; i++) {
            w->set = (enum vector_set)i;
            code = bring_up(v, w, e);
        }
        if (code == ERR_NONE)
            code = store_copies_finish(w->run->store, w->run->lease,
                                       copy_send_result(w), clock_now_us(),
                                       &done, e);
    }
    return code;
}

/* What it says now, to be told; "" when all is well. */
static void note_problem(struct vector_copy *v, const char *text)
{
    bool news;

    pthread_mutex_lock(&v->lock);
    news = strcmp(v->problem, text) != 0;
    snprintf(v->problem, sizeof(v->problem), "%s", text);
    if (!*text)
        v->failures = 0;
    pthread_mutex_unlock(&v->lock);
    if (news && *text)
        log_warn("processor", "the copy of the vectors waits",
                 LOG_S("why", text));
}

/* It waits as long as it takes: progress, even of nothing, begins the attempts
 * anew. */
static struct job_end wait_for_server(struct vector_copy *v, struct job_run *r)
{
    struct err ignored = {0};
    int64_t seconds = MAX_WAIT_S;

    pthread_mutex_lock(&v->lock);
    if (v->failures < 4)
        seconds = INT64_C(1) << v->failures++;
    pthread_mutex_unlock(&v->lock);
    (void)!store_job_progress(r->store, r->lease, r->job->progress, SLICE_NONE,
                              SLICE_NONE, clock_now_us(), &ignored);
    return (struct job_end){.outcome = JOB_RUN_RETRY,
                            .retry_at = clock_now_us() + seconds * US_PER_S};
}

static struct job_end run(struct job_run *r, struct err *e)
{
    struct vector_copy *v = r->ctx;
    struct copy_send *w;
    enum err_code code = copy_send_new(&w, r, v->chroma, e);

    if (r->job->attempts > 1)
        count_anew(v);
    if (code == ERR_NONE)
        code = bring_all_up(v, w, e);
    if (code != ERR_NONE)
        count_anew(v);
    if (code == ERR_NONE) {
        note_problem(v, "");
        log_info("processor", "the Chroma server is up to date",
                 LOG_SL("job", r->job->id), LOG_I("sent", w->sent),
                 LOG_I("removed", w->removed));
    }
    copy_send_free(w);
    switch (code) {
    case ERR_NONE:
        return (struct job_end){.outcome = JOB_RUN_WRITTEN};
    case ERR_UNAVAILABLE: /* it is away */
    case ERR_INTERNAL:    /* it failed */
    case ERR_NOT_FOUND:   /* the collection, or the database, is */
    case ERR_CONFLICT:    /* the collection is of another kind */
    case ERR_UNPROCESSABLE:
        note_problem(v, e->msg);
        return wait_for_server(v, r);
    default:
        return (struct job_end){.outcome = JOB_RUN_RETRY};
    }
}

enum err_code vector_copy_view(struct store *s, struct arena *a,
                               const struct job *job, struct jw *j,
                               struct err *e)
{
    static const char *const numbers[] = {"total", "compared", "sent",
                                          "removed", "refused"};
    json_t *result = NULL;

    (void)s;
    (void)a;
    if (job->result.len && json_parse(&result, job->result, e) != ERR_NONE)
        return ERR_INTERNAL;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
        jw_kint(j, numbers[i], json_get_int(result, numbers[i], 0));
    json_decref(result);
    return ERR_NONE;
}

const struct job_kind *vector_copy_kind(struct vector_copy *v, struct jobs *j)
{
    v->jobs = j;
    v->kind = (struct job_kind){
        .name = COPY_JOB, .run = run, .max_running = 1, .ctx = v};
    return &v->kind;
}

/* ---- life ---- */

enum err_code vector_copy_new(struct vector_copy **out, struct store *s,
                              const char *vectors, const char *token,
                              struct err *e)
{
    struct chroma_url url;
    const char *wrong = chroma_url_parse(&url, slice_of(vectors));
    struct vector_copy *v;

    if (wrong)
        return err_field(e, "vectors", "'vectors' is not right: %s", wrong);
    v = calloc(1, sizeof(*v));
    if (v)
        v->chroma = chroma_new(&url, token);
    if (!v || !v->chroma) {
        free(v);
        return err_set(e, ERR_UNAVAILABLE, "out of memory");
    }
    v->store = s;
    pthread_mutex_init(&v->lock, NULL);
    *out = v;
    return ERR_NONE;
}

void vector_copy_free(struct vector_copy *v)
{
    if (!v)
        return;
    chroma_free(v->chroma);
    pthread_mutex_destroy(&v->lock);
    free(v);
}

/* There is a job. */
static void wake(void *ctx)
{
    struct vector_copy *v = ctx;

    if (v->jobs)
        jobs_wake(v->jobs);
}

struct nearest *vector_copy_finder(struct vector_copy *v, enum vector_set set)
{
    return chroma_find_new(&(struct chroma_find_options){.store = v->store,
                                                         .set = set,
                                                         .chroma = v->chroma,
                                                         .lost = wake,
                                                         .ctx = v});
}

enum err_code vector_copy_start(struct vector_copy *v, struct store *s,
                                struct err *e)
{
    enum err_code code = v ? store_copies_on(s, e) : store_copies_off(s, e);

    if (v)
        wake(v);
    return code;
}

/* Is there a job that has still to bring the copy up?  true also if the
 * database does not say. */
static bool is_under_way(struct store *s)
{
    static const char *const kinds[] = {COPY_JOB, NULL};
    const struct job_query q = {.kinds = kinds,
                                .states = 1 << JOB_QUEUED | 1 << JOB_RUNNING,
                                .limit = 1};
    struct arena *a = arena_new((size_t)1 << 20);
    struct job *jobs;
    int64_t count = 1;
    size_t n;

    if (a && store_jobs_list(s, a, &q, &jobs, &n, &count, NULL) != ERR_NONE)
        count = 1;
    arena_free(a);
    return count > 0;
}

void vector_copy_remark(struct vector_copy *v, struct err *e)
{
    struct copy_state st[N_SETS];
    char problem[PROBLEM_MAX];

    for (int i = 0; i < N_SETS; i++)
        if (store_copy_state(v->store, (enum vector_set)i, &st[i], NULL) !=
            ERR_NONE)
            return; /* there is a probe for that */
    pthread_mutex_lock(&v->lock);
    memcpy(problem, v->problem, sizeof(problem));
    pthread_mutex_unlock(&v->lock);
    if (*problem && !is_under_way(v->store)) {
        note_problem(v, ""); /* another process has done it */
        *problem = '\0';
    }
    if (st[0].waiting || st[1].waiting || *problem)
        err_set(e, ERR_NONE,
                "%lld chunks and %lld papers wait for the Chroma server%s%s",
                (long long)st[VECTORS_CHUNKS].waiting,
                (long long)st[VECTORS_PAPERS].waiting, *problem ? ": " : "",
                problem);
}
