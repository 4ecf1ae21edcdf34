/* embed_call.c - see embed.h: one call from texts to vectors, and the workers
 * that all calls share. */
#include "embed/embed_impl.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

#define CANCEL_CHECK_NS 50000000L
/* What a text keeps for itself of the 256: [CLS] and [SEP] take two. */
#define MAX_TEXT_TOKENS (EMBED_MAX_TOKENS - 2)

enum err_code embed_no_memory(struct err *e)
{
    return err_set(e, ERR_UNAVAILABLE, "out of memory for embedding");
}

/* ---- the queue; all under the lock ---- */

void embed_queue_init(struct queue *q)
{
    *q = (struct queue){.tail = &q->head};
}

static void queue_add(struct queue *q, struct batch *b)
{
    b->next = NULL;
    *q->tail = b;
    q->tail = &b->next;
}

static struct batch *queue_take(struct queue *q)
{
    struct batch *b = q->head;

    if (!b)
        return NULL;
    q->head = b->next;
    if (!q->head)
        q->tail = &q->head;
    return b;
}

/* Take back what no worker has begun. */
static void queue_withdraw(struct queue *q, const struct call *c)
{
    struct batch **at = &q->head;

    q->tail = &q->head;
    while (*at) {
        struct batch *b = *at;

        if (b->window->call == c) {
            *at = b->next;
            b->window->left--;
        } else {
            q->tail = &b->next;
            at = &b->next;
        }
    }
}

/* How long ingestion has to leave the last free worker alone; 0: not at all.
 * Who asks mostly asks again, and should neither wait for a batch to end nor
 * share its core with one. */
static int64_t kept_us(const struct embed *m)
{
    int64_t left;

    if (m->ingesting + 1 < m->n_workers || m->n_workers == 1 ||
        m->last_query_us == 0)
        return 0;
    left = m->last_query_us + EMBED_QUERY_US - clock_mono_us();
    return left > 0 ? left : 0;
}

static struct batch *next_batch(struct embed *m)
{
    struct batch *b = queue_take(&m->queues[EMBED_QUERY]);

    if (b)
        m->last_query_us = clock_mono_us();
    else if (m->queues[EMBED_INGEST].head && kept_us(m) == 0)
        b = queue_take(&m->queues[EMBED_INGEST]);
    return b;
}

/* Until there may be a batch. */
static void wait_for_work(struct embed *m)
{
    int64_t until = clock_mono_us();
    struct timespec t;

    if (!m->queues[EMBED_INGEST].head) {
        pthread_cond_wait(&m->wake, &m->lock);
        return;
    }
    until += kept_us(m);
    t = (struct timespec){until / US_PER_S, until % US_PER_S * 1000};
    pthread_cond_clockwait(&m->wake, &m->lock, CLOCK_MONOTONIC, &t);
}

/* ---- workers ---- */

/* Run one batch without the lock.  false: no memory for this precision. */
static bool run_batch(struct worker *k, const struct batch *b)
{
    const struct window *w = b->window;
    const struct call *c = w->call;
    enum embed_precision p = encoder_precision(c->encoder);
    const uint16_t *order = w->order + b->span.first;
    size_t total = 0, i;

    if (!k->scratch[p])
        k->scratch[p] = encoder_scratch_new(c->encoder);
    if (!k->scratch[p])
        return false;
    for (i = 0; i < b->span.n; i++) {
        k->lens[i] = w->lens[order[i]];
        memcpy(k->ids + total, w->ids + (size_t)order[i] * EMBED_MAX_TOKENS,
               k->lens[i] * sizeof(k->ids[0]));
        total += k->lens[i];
    }
    encoder_run(c->encoder, k->scratch[p], k->ids, k->lens, b->span.n,
                k->vectors);
    for (i = 0; i < b->span.n; i++)
        memcpy(c->out + (w->first + order[i]) * EMBED_DIM,
               k->vectors + i * EMBED_DIM, EMBED_DIM * sizeof(float));
    return true;
}

void *embed_work(void *arg)
{
    struct worker *k = arg;
    struct embed *m = k->m;
    struct batch *b;

    pthread_mutex_lock(&m->lock);
    for (;;) {
        struct call *c;
        bool good, ingests;

        while (!(b = next_batch(m)) && !m->stopping)
            wait_for_work(m);
        if (!b)
            break;
        c = b->window->call;
        m->queued -= b->span.n;
        c->taken += b->span.n;
        c->running++;
        ingests = c->how->priority == EMBED_INGEST;
        m->ingesting += ingests;
        pthread_mutex_unlock(&m->lock);
        good = run_batch(k, b);
        pthread_mutex_lock(&m->lock);
        m->ingesting -= ingests;
        c->running--;
        b->window->left--;
        m->texts += b->span.n;
        m->tokens += b->span.tokens;
        c->no_memory = c->no_memory || !good;
        /* With the lock held: once it is given back the call may be gone. */
        pthread_cond_signal(&c->progress);
    }
    pthread_mutex_unlock(&m->lock);
    return NULL;
}

/* ---- one call ---- */

static uint16_t tokens_of_text(const struct call *c, size_t i, uint16_t *ids)
{
    size_t n = tokenizer_encode(c->m->tokenizer, c->texts[i], NULL, ids + 1,
                                MAX_TEXT_TOKENS, NULL);

    ids[0] = TOKEN_CLS;
    ids[n + 1] = TOKEN_SEP;
    return (uint16_t)(n + 2);
}

static uint16_t tokens_of_list(const struct call *c, size_t i, uint16_t *ids)
{
    size_t n = c->lists[i].n;

    n = n < MAX_TEXT_TOKENS ? n : MAX_TEXT_TOKENS;
    ids[0] = TOKEN_CLS;
    memcpy(ids + 1, c->lists[i].ids, n * sizeof(ids[0]));
    ids[n + 1] = TOKEN_SEP;
    return (uint16_t)(n + 2);
}

/* Tokenise texts [first, first + n) and hand them to the workers. */
static void post_window(struct call *c, struct window *w, size_t first,
                        size_t n)
{
    struct embed *m = c->m;
    struct pack_span spans[PACK_MAX_TEXTS];
    size_t n_batches, i;

    w->call = c;
    w->first = first;
    w->n = n;
    for (i = 0; i < n; i++) {
        w->lens[i] = c->tokens_of(c, first + i, w->ids + i * EMBED_MAX_TOKENS);
        if (c->n_tokens)
            c->n_tokens[first + i] = w->lens[i];
    }
    n_batches = pack_batch(w->lens, n, m->n_workers, w->order, spans);
    pthread_mutex_lock(&m->lock);
    w->left = n_batches;
    for (i = 0; i < n_batches; i++) {
        w->batches[i].window = w;
        w->batches[i].span = spans[i];
        queue_add(&m->queues[c->how->priority], &w->batches[i]);
    }
    if (n_batches == 1)
        pthread_cond_signal(&m->wake);
    else
        pthread_cond_broadcast(&m->wake);
    pthread_mutex_unlock(&m->lock);
}

/* Under the lock: until progress, or until it is time to ask again. */
static void wait_for_progress(struct call *c)
{
    struct timespec until;

    if (!c->how->cancelled) {
        pthread_cond_wait(&c->progress, &c->m->lock);
        return;
    }
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += CANCEL_CHECK_NS;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    pthread_cond_timedwait(&c->progress, &c->m->lock, &until);
}

static enum err_code ask(struct call *c, struct err *e)
{
    if (!c->how->cancelled || !c->how->cancelled(c->how->ctx))
        return ERR_NONE;
    return err_set(e, ERR_CANCELLED, "embedding was cancelled");
}

/* Wait until a window is done. */
static enum err_code await_window(struct call *c, struct window *w,
                                  struct err *e)
{
    struct embed *m = c->m;
    enum err_code rc = ERR_NONE;

    pthread_mutex_lock(&m->lock);
    while (w->left > 0 && !c->no_memory && rc == ERR_NONE) {
        pthread_mutex_unlock(&m->lock); /* the callback may do what it likes */
        rc = ask(c, e);
        pthread_mutex_lock(&m->lock);
        if (rc == ERR_NONE && w->left > 0 && !c->no_memory)
            wait_for_progress(c);
    }
    if (c->no_memory)
        rc = embed_no_memory(e);
    pthread_mutex_unlock(&m->lock);
    return rc;
}

/* Leave nothing of the call with queue or workers. */
static void end_call(struct call *c)
{
    struct embed *m = c->m;

    pthread_mutex_lock(&m->lock);
    queue_withdraw(&m->queues[c->how->priority], c);
    while (c->running > 0)
        pthread_cond_wait(&c->progress, &m->lock);
    m->queued -= c->n - c->taken;
    pthread_mutex_unlock(&m->lock);
}

/* Two windows in turns: one is made while the other is worked on. */
static enum err_code run_windows(struct call *c, struct window *w[2],
                                 size_t per_window, struct err *e)
{
    enum err_code rc = ERR_NONE;
    size_t first, n, turn = 0;

    for (first = 0; first < c->n && rc == ERR_NONE; first += n) {
        n = c->n - first < per_window ? c->n - first : per_window;
        rc = await_window(c, w[turn], e);
        if (rc == ERR_NONE)
            post_window(c, w[turn], first, n);
        turn = !turn;
    }
    if (rc == ERR_NONE)
        rc = await_window(c, w[0], e);
    if (rc == ERR_NONE && w[1] != w[0])
        rc = await_window(c, w[1], e);
    return rc;
}

static struct window *window_new(size_t n)
{
    struct window *w =
        malloc(sizeof(*w) + n * EMBED_MAX_TOKENS * sizeof(w->ids[0]));

    if (w)
        w->left = 0;
    return w;
}

/* A place in the queue for all texts of a call. */
static enum err_code admit(struct embed *m, size_t n, struct err *e)
{
    enum err_code rc = ERR_NONE;

    pthread_mutex_lock(&m->lock);
    if (m->queued > 0 && m->queued + n > m->max_queue)
        rc = err_set(e, ERR_UNAVAILABLE,
                     "%zu texts wait to be embedded already", m->queued);
    else
        m->queued += n;
    pthread_mutex_unlock(&m->lock);
    return rc;
}

static enum err_code run_call(struct call *c, struct err *e)
{
    size_t per_window = c->n < PACK_MAX_TEXTS ? c->n : PACK_MAX_TEXTS;
    struct window *w[2] = {NULL, NULL};
    pthread_condattr_t attr;
    enum err_code rc;

    if (c->n == 0)
        return ERR_NONE;
    w[0] = window_new(per_window);
    w[1] = c->n > per_window ? window_new(per_window) : w[0];
    if (!w[0] || !w[1]) {
        rc = embed_no_memory(e);
        goto out;
    }
    rc = admit(c->m, c->n, e);
    if (rc)
        goto out;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&c->progress, &attr);
    pthread_condattr_destroy(&attr);
    rc = run_windows(c, w, per_window, e);
    end_call(c);
    pthread_cond_destroy(&c->progress);
out:
    if (w[1] != w[0])
        free(w[1]);
    free(w[0]);
    return rc;
}

/* ---- the two kinds of call ---- */

static const struct embed_how a_query = {.priority = EMBED_QUERY};

enum err_code embed_texts(struct embed *m, const struct embed_how *how,
                          const struct slice *texts, size_t n, float *out,
                          uint32_t *n_tokens, struct err *e)
{
    struct call c = {.m = m,
                     .how = how ? how : &a_query,
                     .tokens_of = tokens_of_text,
                     .texts = texts,
                     .n = n,
                     .out = out,
                     .n_tokens = n_tokens};
    enum err_code rc = embed_find_encoder(m, c.how->precision, &c.encoder, e);

    return rc ? rc : run_call(&c, e);
}

enum err_code embed_tokens(struct embed *m, const struct embed_how *how,
                           const struct embed_ids *lists, size_t n, float *out,
                           uint32_t *n_tokens, struct err *e)
{
    struct call c = {.m = m,
                     .how = how ? how : &a_query,
                     .tokens_of = tokens_of_list,
                     .lists = lists,
                     .n = n,
                     .out = out,
                     .n_tokens = n_tokens};
    enum err_code rc;
    size_t i, k;

    for (i = 0; i < n; i++)
        for (k = 0; k < lists[i].n; k++)
            if (lists[i].ids[k] >= EMBED_VOCAB)
                return err_set(e, ERR_INVALID,
                               "token %zu of list %zu is %u; the vocabulary "
                               "ends at %d",
                               k, i, lists[i].ids[k], EMBED_VOCAB - 1);
    rc = embed_find_encoder(m, c.how->precision, &c.encoder, e);
    return rc ? rc : run_call(&c, e);
}
