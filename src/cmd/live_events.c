/* live_events.c - see live_events.h.
 *
 * The thread that made a change reads what became of it and hands the text to
 * the loop, which paces it.  So the loop never waits for the database, and what
 * is told is what GET tells.  Two threads may read the same job one after the
 * other and post in the other order: a job's version is the moment at which its
 * reading began, for whoever began later has seen all that was committed by
 * then.
 */
#include "cmd/live_events.h"

#include <pthread.h>
#include <stddef.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/pool.h"
#include "socketio/paced.h"
#include "store/documents.h"
#include "store/papers.h"

#define PAUSE_MS 200 /* five times a second */
#define NAMED_MAX 10 /* papers that an event names */
#define MAX_EVENT ((size_t)256 << 10)
#define MAX_HEARD 256 /* news of others that wait to be looked at */
#define MAX_READ ((size_t)64 << 20) /* a job's input may be a document */

struct live_events {
    struct store *store;
    const struct jobs_api *jobs_api;
    struct sio *sio;
    struct sio_namespace *ns;
    struct server *server;
    struct pool *readers; /* for news of others; NULL: none were heard */

    pthread_mutex_t lock;
    bool closed; /* the server is about to go */

    /* on the loop */
    struct paced *jobs;
    struct server_timer pause; /* since papers were told last */
    bool paused;               /* it runs */
    int64_t added;             /* papers that were not told yet */
    int named;
    struct buf papers; /* those named: objects with commas between */
    bool stopped;
};

/* ---- to the loop ---- */

/* What a thread hands to the loop; its texts stand behind it. */
struct handed {
    struct server_post post; /* first, so that the two convert */
    struct live_events *le;
    int64_t number; /* version of a job, number of papers */
    int named;
    struct slice key, args;
};

/* Is there anybody to tell?  Other processes may have clients. */
static bool is_heard(struct live_events *le)
{
    struct sio_stats st = {0};

    pthread_mutex_lock(&le->lock);
    if (!le->closed)
        sio_stats(le->sio, &st);
    pthread_mutex_unlock(&le->lock);
    return st.sessions > 0 || st.has_others;
}

static void hand_over(struct live_events *le,
                      void (*run)(struct server_post *post),
                      const struct handed *what)
{
    size_t key = what->key.len, args = what->args.len;
    struct handed *h = mem_alloc(sizeof(*h) + key + args);
    char *at = (char *)(h + 1);

    if (!h)
        return;
    *h = *what;
    h->le = le;
    h->post.run = run;
    if (key)
        memcpy(at, what->key.p, key);
    memcpy(at + key, what->args.p, args);
    h->key = (struct slice){at, key};
    h->args = (struct slice){at + key, args};
    pthread_mutex_lock(&le->lock);
    if (!le->closed) {
        server_post(le->server, &h->post);
        h = NULL;
    }
    pthread_mutex_unlock(&le->lock);
    mem_free(h);
}

/* An event that needs no pacing. */
static void post_event(struct live_events *le, struct slice event,
                       const struct buf *args)
{
    struct sio_message m = {.event = event, .args = buf_slice(args)};
    struct err e = {0};

    pthread_mutex_lock(&le->lock);
    if (!le->closed && buf_ok(args) && sio_post(le->ns, SLICE_NONE, &m, &e))
        log_debug("live", "an event is not told", LOG_S("error", e.msg));
    pthread_mutex_unlock(&le->lock);
}

/* ---- documents ---- */

static void tell_document(struct live_events *le, const struct document *d)
{
    struct buf args;
    struct jw j;

    buf_init(&args, MAX_EVENT);
    jw_init(&j, &args);
    jw_obj(&j);
    jw_kslice(&j, "document_id", d->id);
    jw_kslice(&j, "title", d->title);
    jw_kint(&j, "chunks", d->chunks);
    jw_kslice(&j, "job_id", d->job_id);
    jw_end_obj(&j);
    post_event(le, SLICE("document_ready"), &args);
    buf_release(&args);
}

static void document_ready(struct live_events *le, struct arena *a,
                           const struct job *job)
{
    json_t *result = NULL;
    struct document d;
    struct err e = {0};
    enum err_code rc = json_parse(&result, job->result, &e);

    if (rc == ERR_NONE)
        rc = store_document_get(le->store, a,
                                json_get_slice(result, "document_id"), &d, &e);
    if (rc == ERR_NONE)
        tell_document(le, &d);
    else
        log_debug("live", "a document is not told", LOG_SL("job", job->id),
                  LOG_S("error", e.msg));
    json_decref(result);
}

static void document_gone(struct live_events *le, struct slice id)
{
    struct buf args;
    struct jw j;

    buf_init(&args, MAX_EVENT);
    jw_init(&j, &args);
    jw_obj(&j);
    jw_kslice(&j, "document_id", id);
    jw_end_obj(&j);
    post_event(le, SLICE("document_removed"), &args);
    buf_release(&args);
}

/* ---- jobs ---- */

static void run_job(struct server_post *post)
{
    struct handed *h = (struct handed *)post;

    paced_tell(h->le->jobs, h->key, h->number, h->args);
    mem_free(h);
}

static void tell_job(struct live_events *le, struct arena *a, struct slice id,
                     bool ready)
{
    struct handed what = {.key = id, .number = clock_mono_us()};
    struct err e = {0};
    struct job job;
    struct buf args;
    struct jw j;
    enum err_code rc = store_job_get(le->store, a, id, &job, &e);

    buf_init(&args, MAX_EVENT);
    jw_init(&j, &args);
    if (rc == ERR_NONE)
        rc = job_write(le->jobs_api, a, &job, &j, &e);
    if (rc == ERR_NONE && buf_ok(&args)) {
        what.args = buf_slice(&args);
        hand_over(le, run_job, &what);
    } else {
        log_debug("live", "a job is not told", LOG_SL("job", id),
                  LOG_S("error", e.msg));
    }
    buf_release(&args);
    if (rc == ERR_NONE && ready)
        document_ready(le, a, &job);
}

/* ---- papers ---- */

static void tell_papers(struct live_events *le)
{
    struct buf args;
    struct jw j;

    buf_init(&args, MAX_EVENT * 2);
    jw_init(&j, &args);
    jw_obj(&j);
    jw_kint(&j, "count", le->added);
    jw_key(&j, "papers");
    jw_arr(&j);
    if (le->named)
        jw_raw(&j, buf_slice(&le->papers));
    jw_end_arr(&j);
    jw_end_obj(&j);
    if (buf_ok(&args))
        sio_broadcast(le->ns, NULL,
                      &(struct sio_message){.event = SLICE("paper_added"),
                                            .args = buf_slice(&args)});
    buf_release(&args);
    buf_clear(&le->papers);
    le->added = le->named = 0;
    server_timer_set(le->server, &le->pause, PAUSE_MS);
    le->paused = true;
}

static void pause_over(struct server_timer *t)
{
    struct live_events *le =
        (void *)((char *)t - offsetof(struct live_events, pause));

    le->paused = false;
    if (le->added)
        tell_papers(le);
}

/* The first to come are named, until there are enough. */
static void run_papers(struct server_post *post)
{
    struct handed *h = (struct handed *)post;
    struct live_events *le = h->le;

    le->added += h->number;
    if (h->named && le->named + h->named <= NAMED_MAX) {
        if (le->named)
            buf_add_char(&le->papers, ',');
        buf_add_slice(&le->papers, h->args);
        le->named += h->named;
    }
    if (!le->paused && !le->stopped)
        tell_papers(le);
    mem_free(h);
}

static void write_paper(struct jw *j, const struct paper *p)
{
    jw_obj(j);
    jw_kint(j, "id", p->id);
    jw_kslice(j, "title", p->title);
    jw_kslice(j, "url", p->url);
    jw_kslice(j, "category", p->category);
    jw_kdouble(j, "relevance_score", p->relevance_score);
    jw_end_obj(j);
}

/* Those of the newest papers that came with this very call. */
static void papers_added(struct live_events *le, struct arena *a, int64_t n,
                         int64_t at)
{
    struct paper_query q = {.min_relevance = -1,
                            .order = PAPER_BY_CREATED,
                            .limit = n < NAMED_MAX ? (int)n : NAMED_MAX};
    struct handed what = {.number = n};
    struct paper_list list = {.n = 0};
    struct err e = {0};
    struct buf papers;
    struct jw j;

    if (store_papers_list(le->store, a, &q, &list, &e) != ERR_NONE)
        log_debug("live", "papers are not named", LOG_S("error", e.msg));
    buf_init(&papers, MAX_EVENT);
    for (size_t i = 0; i < list.n; i++) {
        if (list.papers[i].created_at != at)
            continue;
        if (what.named++)
            buf_add_char(&papers, ',');
        jw_init(&j, &papers);
        write_paper(&j, &list.papers[i]);
    }
    if (!buf_ok(&papers)) {
        buf_clear(&papers);
        what.named = 0;
    }
    what.args = buf_slice(&papers);
    hand_over(le, run_papers, &what);
    buf_release(&papers);
}

/* ---- life ---- */

static void news(void *ctx, const struct store_news *n)
{
    struct live_events *le = ctx;
    struct arena *a;

    if (!is_heard(le))
        return;
    a = arena_new(MAX_READ);
    if (!a)
        return;
    for (size_t i = 0; i < 2; i++)
        if (n->jobs[i].len)
            tell_job(le, a, n->jobs[i], n->document_ready && i == 0);
    if (n->document_gone.len)
        document_gone(le, n->document_gone);
    if (n->papers_added)
        papers_added(le, a, n->papers_added, n->papers_at);
    arena_free(a);
}

/* News of others, on their way to the thread that reads; their texts stand
 * behind them. */
struct others_news {
    struct live_events *le;
    struct store_news n;
};

static void others_news(void *arg)
{
    struct others_news *o = arg;

    news(o->le, &o->n);
    mem_free(o);
}

static struct slice moved(struct slice s, char **at)
{
    struct slice there = {*at, s.len};

    if (s.len == 0)
        return SLICE_NONE;
    memcpy(*at, s.p, s.len);
    *at += s.len;
    return there;
}

void live_events_hear(struct live_events *le, const struct store_news *n)
{
    struct others_news *o;
    struct err e = {0};
    char *at;

    if (!is_heard(le))
        return;
    if (!le->readers &&
        pool_new(&le->readers, "news", 1, MAX_HEARD, &e) != ERR_NONE) {
        log_warn("live", "nobody reads the news of others",
                 LOG_S("error", e.msg));
        return;
    }
    o = mem_alloc(sizeof(*o) + n->jobs[0].len + n->jobs[1].len +
                  n->document_gone.len);
    if (!o)
        return;
    at = (char *)(o + 1);
    *o = (struct others_news){le, *n};
    o->n.jobs[0] = moved(n->jobs[0], &at);
    o->n.jobs[1] = moved(n->jobs[1], &at);
    o->n.document_gone = moved(n->document_gone, &at);
    if (!pool_submit(le->readers, others_news, o))
        mem_free(o); /* more than anybody could look at */
}

struct live_events *live_events_new(struct store *store,
                                    const struct jobs_api *jobs,
                                    struct sio *sio)
{
    struct live_events *le = mem_need(sizeof(*le));

    *le = (struct live_events){
        .store = store, .jobs_api = jobs, .sio = sio, .pause.fire = pause_over};
    le->ns = sio_find_namespace(sio, SLICE("/"));
    le->jobs = paced_new(le->ns, "job_progress", PAUSE_MS);
    buf_init(&le->papers, MAX_EVENT);
    pthread_mutex_init(&le->lock, NULL);
    store_watch(store, news, le);
    return le;
}

void live_events_start(struct live_events *le, struct server *s)
{
    le->server = s;
    paced_start(le->jobs, s);
}

void live_events_stop(struct live_events *le)
{
    paced_stop(le->jobs);
    if (le->added)
        tell_papers(le);
    server_timer_cancel(le->server, &le->pause);
    le->stopped = true;
}

bool live_events_close(struct live_events *le, int64_t timeout_ms)
{
    if (!le)
        return true;
    pthread_mutex_lock(&le->lock);
    le->closed = true;
    pthread_mutex_unlock(&le->lock);
    return !le->readers || pool_stop(le->readers, timeout_ms);
}

void live_events_free(struct live_events *le)
{
    if (!le)
        return;
    pool_free(le->readers);
    paced_free(le->jobs);
    buf_release(&le->papers);
    pthread_mutex_destroy(&le->lock);
    mem_free(le);
}
