/* recorder.c - see recorder.h.
 *
 * Results go back in the order in which they came about, in one list, so that
 * the loop sees totals exactly between the views before and after them.
 */
#include "analytics/recorder.h"

#include <assert.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"

/* The disk is far behind: the sender hears so. */
#define MAX_WAITING 20000
#define TOP_PAGES 10
#define TOTALS_AGAIN_S 1
#define CHANGES_MAX_BYTES ((size_t)4 << 20) /* the longest pages, twice */
#define TOTALS_MAX_BYTES ((size_t)1 << 20)  /* ten pages with titles, easily */

struct list {
    struct recorded *head, **tail;
    int n;
};

/* A question about what has changed, and its answer. */
struct changes {
    int64_t from, after;
    struct arena *arena;
    struct page_change *list;
    size_t n;
    enum err_code code;
};

struct recorder {
    struct recorder_options opt;
    struct server *server; /* NULL until recorder_start */
    pthread_t thread;
    bool joined;

    /* of the thread */
    bool has_salt;
    int64_t salt_day;
    uint8_t salt[VISITOR_SALT];
    int64_t rolled_day; /* on which nothing more was to be rolled up */
    bool has_upkeep;

    pthread_mutex_t lock; /* over what follows */
    pthread_cond_t filled;
    struct list waiting;
    bool wants_totals, stopping;
    bool totals_failed;       /* they are asked for again in a while */
    struct changes *question; /* NULL: nobody asks */
    /* for the loop */
    struct list before, after;  /* views recorded before the totals were read,
                                   and after; without totals: all in before */
    struct arena *totals_arena; /* NULL: none */
    struct view_totals totals;
    struct changes *changes; /* NULL: none */
    struct server_post post;
    bool posted;
};

static void list_init(struct list *l)
{
    *l = (struct list){.tail = &l->head};
}

static void list_add(struct list *l, struct recorded *v)
{
    v->next = NULL;
    *l->tail = v;
    l->tail = &v->next;
    l->n++;
}

static struct recorded *list_take(struct list *l)
{
    struct recorded *v = l->head;

    if (!v)
        return NULL;
    l->head = v->next;
    l->n--;
    if (!l->head)
        l->tail = &l->head;
    return v;
}

/* ---- the thread ---- */

/* A new day has a new salt, and the old one is forgotten with all that was made
 * of it: also when nobody comes.  Without one, views count all the same. */
static void rotate_salt(struct recorder *r)
{
    int64_t today = clock_now_us() / US_PER_DAY;
    struct err err = {0};

    if (r->has_salt && r->salt_day == today)
        return;
    r->salt_day = today;
    if (store_visitor_salt(r->opt.store, today, r->salt, &r->has_salt, &err) !=
        ERR_NONE) {
        r->has_salt = false;
        log_warn("analytics", "no salt for today's visitors",
                 LOG_S("error", err.msg));
    }
}

/* A day's views a turn, when nobody waits.  true: there may be more. */
static bool roll_up(struct recorder *r)
{
    int64_t today = clock_now_us() / US_PER_DAY;
    struct err err = {0};
    bool more = false;

    if (r->opt.retention_days == 0 || r->rolled_day == today)
        return false;
    if (store_views_roll_up(r->opt.store, today - r->opt.retention_days, &more,
                            &err) != ERR_NONE) {
        log_warn("analytics", "old views are not rolled up",
                 LOG_S("error", err.msg));
        return false; /* again in a minute */
    }
    if (!more)
        r->rolled_day = today;
    return more;
}

static void hash_visitor(const struct recorder *r, struct slice who,
                         struct page_view *v)
{
    uint8_t mac[32];

    if (who.len == 0 || !r->has_salt || v->at_us / US_PER_DAY != r->salt_day)
        return;
    crypto_hmac_sha256(
        mac, (struct slice){(const char *)r->salt, sizeof(r->salt)}, who);
    memcpy(v->visitor, mac, VISITOR_HASH);
    v->has_visitor = true;
}

static void commit(struct recorder *r, struct list *batch)
{
    struct page_view *views = mem_need((size_t)batch->n * sizeof(*views));
    struct err err = {0};
    enum err_code code;
    size_t n = 0;

    for (struct recorded *v = batch->head; v; v = v->next) {
        hash_visitor(r, v->who, &v->view);
        views[n++] = v->view;
    }
    code = store_views_add(r->opt.store, views, n, &err);
    n = 0;
    for (struct recorded *v = batch->head; v; v = v->next) {
        v->view.count = views[n++].count;
        v->code = code;
        v->err = err;
    }
    mem_free(views);
}

/* NULL: the database did not answer. */
static struct arena *read_totals(struct recorder *r, struct view_totals *out)
{
    struct arena *a = arena_new(TOTALS_MAX_BYTES);
    struct err err = {0};

    if (a &&
        store_views_totals(r->opt.store, a, TOP_PAGES, out, &err) == ERR_NONE)
        return a;
    log_warn("analytics", "no totals for live clients",
             LOG_S("error", a ? err.msg : "out of memory"));
    arena_free(a);
    return NULL;
}

static void read_changes(struct recorder *r, struct changes *c)
{
    struct err err = {0};

    c->arena = arena_new(CHANGES_MAX_BYTES);
    c->code = c->arena ? store_views_changed(r->opt.store, c->arena, c->from,
                                             c->after, RECORDER_CHANGES,
                                             &c->list, &c->n, &err)
                       : err_set(&err, ERR_UNAVAILABLE, "out of memory");
    if (c->code != ERR_NONE)
        log_warn("analytics", "what others counted is not read",
                 LOG_S("error", err.msg));
}

static void free_changes(struct changes *c)
{
    if (c)
        arena_free(c->arena);
    mem_free(c);
}

/* With the lock: give to the loop what is done. */
static void hand_back(struct recorder *r, struct list *batch, struct arena *a,
                      const struct view_totals *totals, struct changes *c)
{
    struct list *to = r->totals_arena ? &r->after : &r->before;
    struct recorded *v;

    while ((v = list_take(batch)))
        list_add(to, v);
    if (a) { /* newer ones take the place of those not fetched yet */
        while ((v = list_take(&r->after)))
            list_add(&r->before, v);
        arena_free(r->totals_arena);
        r->totals_arena = a;
        r->totals = *totals;
    }
    if (c)
        r->changes = c;
    if (!r->posted && (r->before.head || r->totals_arena || r->changes)) {
        r->posted = true;
        server_post(r->server, &r->post);
    }
}

static bool has_work(const struct recorder *r)
{
    return r->waiting.head || r->question || r->stopping ||
           (r->wants_totals && !r->totals_failed);
}

/* With the lock: until there is work, or for a minute, so that the day's end is
 * noticed; less if totals could not be read. */
static void wait_for_work(struct recorder *r)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += r->has_upkeep ? 0 : r->totals_failed ? TOTALS_AGAIN_S : 60;
    while (!has_work(r))
        if (pthread_cond_timedwait(&r->filled, &r->lock, &until) != 0)
            break;
}

static void *record(void *arg)
{
    struct recorder *r = arg;

    pthread_mutex_lock(&r->lock);
    for (;;) {
        struct view_totals totals = {0};
        struct changes *question;
        struct arena *a = NULL;
        struct list batch;
        bool wanted;

        list_init(&batch);
        wait_for_work(r);
        if (!r->waiting.head && r->stopping)
            break;
        while (r->waiting.head && batch.n < VIEW_MAX_BATCH)
            list_add(&batch, list_take(&r->waiting));
        wanted = r->wants_totals && !r->stopping;
        r->wants_totals = r->totals_failed = false;
        question = r->question;
        r->question = NULL;
        pthread_mutex_unlock(&r->lock);
        rotate_salt(r);
        if (batch.n)
            commit(r, &batch);
        r->has_upkeep = batch.n ? r->has_upkeep : roll_up(r);
        if (wanted)
            a = read_totals(r, &totals);
        if (question)
            read_changes(r, question);
        pthread_mutex_lock(&r->lock);
        if (wanted && !a)
            r->wants_totals = r->totals_failed = true;
        hand_back(r, &batch, a, &totals, question);
    }
    pthread_mutex_unlock(&r->lock);
    return NULL;
}

/* ---- the loop ---- */

static void deliver(struct recorder *r, struct list *l)
{
    struct recorded *v;

    while ((v = list_take(l))) {
        r->opt.recorded(r->opt.ctx, v);
        mem_free(v);
    }
}

static void fetch(struct recorder *r)
{
    struct list before, after;
    struct view_totals totals;
    struct changes *changes;
    struct arena *a;

    list_init(&before);
    list_init(&after);
    pthread_mutex_lock(&r->lock);
    for (struct recorded *v; (v = list_take(&r->before));)
        list_add(&before, v);
    for (struct recorded *v; (v = list_take(&r->after));)
        list_add(&after, v);
    a = r->totals_arena;
    totals = r->totals;
    r->totals_arena = NULL;
    changes = r->changes;
    r->changes = NULL;
    r->posted = false;
    pthread_mutex_unlock(&r->lock);

    deliver(r, &before);
    if (a)
        r->opt.totals(r->opt.ctx, &totals);
    deliver(r, &after);
    arena_free(a);
    if (changes)
        r->opt.changes(r->opt.ctx, changes->code, changes->list, changes->n);
    free_changes(changes);
}

static void run_post(struct server_post *p)
{
    fetch((struct recorder *)(void *)((char *)p -
                                      offsetof(struct recorder, post)));
}

enum err_code recorder_new(struct recorder **out,
                           const struct recorder_options *opt, struct err *e)
{
    struct recorder *r = mem_need(sizeof(*r));

    r->opt = *opt;
    r->post.run = run_post;
    r->has_upkeep = true; /* the start may be on a new day */
    list_init(&r->waiting);
    list_init(&r->before);
    list_init(&r->after);
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->filled, NULL);
    if (!thread_start(&r->thread, "views", record, r)) {
        r->joined = true;
        recorder_free(r);
        return err_set(e, ERR_INTERNAL, "cannot start a thread");
    }
    *out = r;
    return ERR_NONE;
}

void recorder_start(struct recorder *r, struct server *s)
{
    pthread_mutex_lock(&r->lock); /* the thread is at its upkeep already */
    r->server = s;
    pthread_mutex_unlock(&r->lock);
}

/* The texts of `view` behind the struct. */
static struct recorded *copy(const struct page_view *view, struct slice who)
{
    struct slice *texts[5];
    struct recorded *v =
        mem_need(sizeof(*v) + view->page.len + view->title.len +
                 view->referrer.len + view->bot.len + who.len);
    char *p = (char *)(v + 1);

    v->view = *view;
    v->who = who;
    texts[0] = &v->view.page;
    texts[1] = &v->view.title;
    texts[2] = &v->view.referrer;
    texts[3] = &v->view.bot;
    texts[4] = &v->who;
    for (int i = 0; i < 5; i++) {
        if (texts[i]->len)
            memcpy(p, texts[i]->p, texts[i]->len);
        texts[i]->p = p;
        p += texts[i]->len;
    }
    return v;
}

enum err_code recorder_add(struct recorder *r, const struct page_view *view,
                           struct slice who, struct recorded **out,
                           struct err *e)
{
    enum err_code code = ERR_NONE;

    pthread_mutex_lock(&r->lock);
    if (r->stopping) {
        code = err_set(e, ERR_UNAVAILABLE, "the server is stopping");
    } else if (r->waiting.n >= MAX_WAITING) {
        code = err_set(e, ERR_UNAVAILABLE,
                       "too many page views wait for the database");
    } else {
        *out = copy(view, who);
        list_add(&r->waiting, *out);
        pthread_cond_signal(&r->filled);
    }
    pthread_mutex_unlock(&r->lock);
    return code;
}

void recorder_ask_totals(struct recorder *r)
{
    pthread_mutex_lock(&r->lock);
    r->wants_totals = true;
    r->totals_failed = false;
    pthread_cond_signal(&r->filled);
    pthread_mutex_unlock(&r->lock);
}

void recorder_ask_changes(struct recorder *r, int64_t from_minute,
                          int64_t after_id)
{
    struct changes *c = mem_need(sizeof(*c));

    *c = (struct changes){.from = from_minute, .after = after_id};
    pthread_mutex_lock(&r->lock);
    assert(!r->question && !r->changes);
    r->question = c;
    pthread_cond_signal(&r->filled);
    pthread_mutex_unlock(&r->lock);
}

void recorder_stop(struct recorder *r)
{
    if (r->joined)
        return;
    pthread_mutex_lock(&r->lock);
    r->stopping = true;
    pthread_cond_signal(&r->filled);
    pthread_mutex_unlock(&r->lock);
    pthread_join(r->thread, NULL);
    r->joined = true;
    fetch(r);
}

void recorder_free(struct recorder *r)
{
    if (!r)
        return;
    recorder_stop(r);
    free_changes(r->question);
    pthread_cond_destroy(&r->filled);
    pthread_mutex_destroy(&r->lock);
    mem_free(r);
}
