/* webhook_out.c - the job "webhook": bring one delivery to the backend.
 *
 * The job's input names a row of the outbox; the row holds the bytes to send.
 * Each attempt and its outcome is one commit (store_delivery_report), which
 * also queues the job for the next attempt or ends it.  A process that dies
 * between the receiver's answer and that commit sends again under the same
 * webhook-id, and the receiver knows it.
 *
 *   2xx               delivered; the reply's counts are kept
 *   410, 400, 413, 422  dead at once: the same bytes will not be liked later
 *   everything else   (3xx too: redirects are not followed) again, by the table
 *                     of waits, +-10 %, and not before Retry-After
 */
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/log.h"
#include "scraper/scraper_impl.h"
#include "scraper/webhook_call.h"
#include "store/scrape.h"

#define RETRY_AFTER_MAX_S 86400

struct sending {
    struct scraper *scraper;
    struct job_run *run;
    struct delivery delivery;
    int tries; /* of this job before: a replay starts the table anew */
    struct http_answer answer;
    struct delivery_outcome outcome;
    char response[WEBHOOK_REPLY_KEPT + 1];
    struct err fault; /* no answer came */
};

static enum err_code load(struct sending *x, struct err *e)
{
    const struct job *job = x->run->job;
    struct delivery_attempt *attempts;
    size_t n = 0;
    int64_t id;
    json_t *o;
    enum err_code rc = json_parse(&o, job->input, e);

    if (rc != ERR_NONE)
        return rc;
    id = json_get_int(o, "delivery_id", 0);
    json_decref(o);
    rc = store_delivery_get(x->run->store, x->run->arena, id, &x->delivery, e);
    if (rc == ERR_NONE)
        rc = store_delivery_attempts(x->run->store, x->run->arena, id,
                                     &attempts, &n, e);
    for (size_t i = 0; i < n && rc == ERR_NONE; i++)
        x->tries += attempts[i].at >= job->created_at;
    return rc;
}

/* ---- what became of it ---- */

static void read_counts(struct sending *x)
{
    struct delivery_outcome *o = &x->outcome;
    struct err e = {0};
    json_t *reply;

    if (json_parse(&reply, buf_slice(&x->answer.body), &e) != ERR_NONE) {
        log_warn("scraper", "the backend's reply is not JSON",
                 LOG_I("delivery", x->delivery.id));
        return;
    }
    o->papers_created = json_get_int(reply, "papers_created", -1);
    o->papers_updated = json_get_int(reply, "papers_updated", -1);
    o->papers_unchanged = json_get_int(reply, "papers_unchanged", -1);
    json_decref(reply);
}

static bool is_final(int status)
{
    return status == 410 || status == 400 || status == 413 || status == 422;
}

/* 0: the table is at its end. */
static int64_t next_try(const struct sending *x)
{
    const struct scraper *s = x->scraper;
    int64_t now = clock_now_us(), at, wish = x->answer.retry_after_s;
    uint32_t random;

    if (x->tries + 1 >= s->n_webhook_waits)
        return 0;
    crypto_random(&random, sizeof(random));
    at = now + s->webhook_waits_ms[x->tries + 1] * (900 + random % 201);
    if (x->answer.status && wish > 0) {
        if (wish > RETRY_AFTER_MAX_S)
            wish = RETRY_AFTER_MAX_S;
        if (now + wish * US_PER_S > at)
            at = now + wish * US_PER_S;
    }
    return at;
}

static void judge(struct sending *x)
{
    struct delivery_outcome *o = &x->outcome;
    int status = x->answer.status;

    o->attempt.status = status;
    if (status)
        o->attempt.response = webhook_reply(&x->answer, x->response);
    if (status && webhook_taken(status, &x->fault) == ERR_NONE) {
        o->status = DELIVERY_DELIVERED;
        read_counts(x);
        return;
    }
    o->attempt.error = slice_of(x->fault.msg);
    if ((status && is_final(status)) || x->fault.code == ERR_CANCELLED)
        o->retry_at = 0;
    else
        o->retry_at = next_try(x);
    o->status = o->retry_at ? DELIVERY_PENDING : DELIVERY_DEAD;
}

static void log_outcome(const struct sending *x)
{
    const struct delivery_outcome *o = &x->outcome;

    if (o->status == DELIVERY_DELIVERED)
        log_info("scraper", "delivered", LOG_SL("job", x->delivery.job_id),
                 LOG_I("created", o->papers_created),
                 LOG_I("updated", o->papers_updated));
    else
        log_warn("scraper",
                 o->status == DELIVERY_DEAD ? "delivery given up"
                                            : "delivery failed",
                 LOG_SL("job", x->delivery.job_id),
                 LOG_SL("error", o->attempt.error));
}

static struct job_end report(struct sending *x, struct err *e)
{
    enum err_code rc =
        store_delivery_report(x->run->store, x->run->lease, &x->outcome, e);

    if (rc == ERR_NONE)
        log_outcome(x);
    if (rc == ERR_NONE || rc == ERR_CONFLICT)
        return (struct job_end){.outcome = JOB_RUN_WRITTEN};
    return (struct job_end){.outcome = JOB_RUN_RETRY};
}

/* Was the exchange cut by a person who cancelled the delivery, and not by the
 * process that stops?  Then it has an end to report. */
static bool is_called_off(struct sending *x)
{
    struct job job;
    struct err e = {0};

    return store_job_get(x->run->store, x->run->arena, x->run->job->id, &job,
                         &e) == ERR_NONE &&
           job.cancel_requested;
}

static struct job_end send_and_report(struct sending *x, struct err *e)
{
    struct http_client *client = http_client_new("sheaf");
    struct webhook_call call = {x->delivery.webhook_id, x->delivery.body,
                                job_run_cancelled, x->run};
    int64_t began = clock_mono_us();
    struct job_end end = {.outcome = JOB_RUN_RETRY};
    enum err_code rc;

    x->outcome = (struct delivery_outcome){.delivery_id = x->delivery.id,
                                           .scrape_id = x->delivery.job_id,
                                           .attempt.at = clock_now_us(),
                                           .papers_created = -1,
                                           .papers_updated = -1,
                                           .papers_unchanged = -1};
    rc = webhook_call(x->scraper, client, &call, &x->answer, &x->fault);
    if (rc == ERR_CANCELLED && !is_called_off(x)) {
        err_set(e, ERR_CANCELLED, "the process stops");
    } else {
        x->outcome.attempt.took_ms = (clock_mono_us() - began) / US_PER_MS;
        x->outcome.now_us = clock_now_us();
        judge(x);
        end = report(x, e);
    }
    if (rc == ERR_NONE)
        http_answer_release(&x->answer);
    http_client_free(client);
    return end;
}

struct job_end webhook_out_run(struct job_run *r, struct err *e)
{
    struct sending x = {.scraper = r->ctx, .run = r};
    enum err_code rc = load(&x, e);

    if (rc == ERR_UNAVAILABLE || rc == ERR_NO_SPACE)
        return (struct job_end){.outcome = JOB_RUN_RETRY};
    if (rc != ERR_NONE)
        return (struct job_end){.outcome = JOB_RUN_FAILED};
    if (x.delivery.status == DELIVERY_DELIVERED)
        return (struct job_end){.outcome = JOB_RUN_COMPLETED};
    return send_and_report(&x, e);
}

/* The attempts of the job itself are used up, because the process died in each
 * or the store was away: the delivery is a dead letter, not one forgotten. */
void webhook_out_failed(struct job_run *r, const struct err *why)
{
    struct sending x = {.scraper = r->ctx, .run = r};
    struct err e = {0};
    enum err_code rc = load(&x, &e);

    if (rc == ERR_NONE) {
        x.outcome = (struct delivery_outcome){
            .delivery_id = x.delivery.id,
            .scrape_id = x.delivery.job_id,
            .attempt = {.at = clock_now_us(), .error = slice_of(why->msg)},
            .status = DELIVERY_DEAD,
            .papers_created = -1,
            .papers_updated = -1,
            .papers_unchanged = -1,
            .now_us = clock_now_us()};
        rc = store_delivery_report(r->store, r->lease, &x.outcome, &e);
    } else {
        rc = store_job_finish(r->store, r->lease, JOB_FAILED, SLICE_NONE,
                              slice_of(why->msg), clock_now_us(), &e);
    }
    if (rc != ERR_NONE)
        log_error("scraper", "cannot end a delivery", LOG_SL("job", r->job->id),
                  LOG_S("error", e.msg));
}
