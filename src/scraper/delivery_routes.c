/* delivery_routes.c - the outbox for people: what was sent, what came back,
 * send it again. */
#include <string.h>

#include "base/clock.h"
#include "net/paging.h"
#include "scraper/payload.h"
#include "scraper/scraper_impl.h"
#include "scraper/webhook_call.h"
#include "store/scrape.h"

static const char *const status_words[] = {"pending", "delivered", "dead",
                                           NULL};

static void write_number(struct jw *j, const char *key, int64_t n, int64_t none)
{
    if (n == none)
        jw_knull(j, key);
    else
        jw_kint(j, key, n);
}

/* Leaves the object open. */
static void write_delivery(struct jw *j, const struct delivery *d)
{
    jw_obj(j);
    jw_kint(j, "id", d->id);
    jw_kslice(j, "webhook_id", d->webhook_id);
    jw_kslice(j, "job_id", d->job_id);
    jw_kstr(j, "status", status_words[d->status]);
    jw_kint(j, "attempts", d->attempts);
    jw_ktime(j, "next_attempt_at", d->next_attempt_at);
    write_number(j, "last_status", d->last_status, 0);
    jw_ktext(j, "last_error", d->last_error);
    jw_kint(j, "body_bytes", d->body_bytes);
    write_number(j, "papers_created", d->papers_created, -1);
    write_number(j, "papers_updated", d->papers_updated, -1);
    write_number(j, "papers_unchanged", d->papers_unchanged, -1);
    jw_ktime(j, "created_at", d->created_at);
    jw_ktime(j, "updated_at", d->updated_at);
    jw_ktime(j, "delivered_at", d->delivered_at);
}

static void write_attempts(struct jw *j, const struct delivery_attempt *a,
                           size_t n)
{
    jw_key(j, "attempt_list");
    jw_arr(j);
    for (size_t i = 0; i < n; i++) {
        jw_obj(j);
        jw_kint(j, "n", a[i].n);
        jw_ktime(j, "at", a[i].at);
        jw_kint(j, "took_ms", a[i].took_ms);
        write_number(j, "status", a[i].status, 0);
        jw_ktext(j, "error", a[i].error);
        jw_ktext(j, "response", a[i].response);
        jw_end_obj(j);
    }
    jw_end_arr(j);
}

static void write_row(struct jw *j, const void *row)
{
    write_delivery(j, row);
    jw_end_obj(j);
}

static enum err_code list_deliveries(struct request *r, struct err *e)
{
    struct scraper *s = r->ctx;
    struct page page = paging_read(r);
    struct slice word = request_str(r, "status");
    struct delivery *rows;
    size_t n;
    int64_t count;
    int status = -1;
    enum err_code rc;

    for (int i = 0; status_words[i]; i++)
        if (slice_is(word, status_words[i]))
            status = i;
    rc = store_deliveries_list(s->store, r->arena, status,
                               request_str(r, "job_id"), page.offset,
                               (int)page.size, &rows, &n, &count, e);
    return rc == ERR_NONE ? paging_reply(r, &page, count, rows, n,
                                         sizeof(*rows), write_row, e)
                          : rc;
}

static enum err_code reply_delivery(struct request *r, int status, int64_t id,
                                    struct err *e)
{
    struct scraper *s = r->ctx;
    struct delivery d;
    struct delivery_attempt *attempts;
    size_t n;
    struct jw j;
    enum err_code rc = store_delivery_get(s->store, r->arena, id, &d, e);

    if (rc == ERR_NONE)
        rc = store_delivery_attempts(s->store, r->arena, id, &attempts, &n, e);
    if (rc != ERR_NONE)
        return rc;
    jw_init(&j, reply_json(r, status));
    write_delivery(&j, &d);
    write_attempts(&j, attempts, n);
    jw_kraw(&j, "body", d.body);
    jw_end_obj(&j);
    return ERR_NONE;
}

static enum err_code get_delivery(struct request *r, struct err *e)
{
    return reply_delivery(r, 200, request_int(r, "id"), e);
}

static enum err_code replay_delivery(struct request *r, struct err *e)
{
    struct scraper *s = r->ctx;
    int64_t id = request_int(r, "id");
    enum err_code rc = store_delivery_replay(s->store, id, clock_now_us(), e);

    if (rc != ERR_NONE)
        return rc;
    scraper_wake(s);
    return reply_delivery(r, 202, id, e);
}

/* ---- a test ---- */

/* A call as a scrape that found nothing makes it, always as the job "test": the
 * backend keeps one row for all of them. */
static enum err_code build_test(struct payload *p, struct err *e)
{
    int64_t now = clock_now_us();
    struct payload_report nothing = {.job_id = SLICE("test"),
                                     .source = SLICE("test"),
                                     .started_at = now,
                                     .ended_at = now};

    return payload_build(p, &nothing, e);
}

static bool has_left(void *ctx)
{
    return request_gone(ctx);
}

static void write_test(struct jw *j, const struct scraper *s,
                       const struct delivery_new *sent,
                       const struct http_answer *answer, const struct err *why)
{
    char text[WEBHOOK_REPLY_KEPT + 1];

    jw_obj(j);
    jw_kbool(j, "ok", why->code == ERR_NONE);
    jw_kslice(j, "webhook_id", sent->webhook_id);
    jw_kint(j, "took_ms", answer->took_ms);
    write_number(j, "status", answer->status, 0);
    jw_ktext(j, "error", slice_of(why->msg));
    jw_ktext(j, "response",
             answer->status ? webhook_reply(answer, text) : SLICE_NONE);
    jw_kbool(j, "signed", s->webhook_key.len > 0);
    jw_kraw(j, "body", sent->body);
    jw_end_obj(j);
}

/* Nothing is kept and nothing tried again: the answer is for who asked.  It may
 * wait for a worker of this very process, so it is none of them. */
static enum err_code test_delivery(struct request *r, struct err *e)
{
    struct scraper *s = r->ctx;
    struct http_client *client = http_client_new("sheaf");
    struct http_answer answer = {0};
    struct payload p = {0};
    struct err why = {0};
    struct jw j;
    enum err_code rc = build_test(&p, e);

    if (rc == ERR_NONE) {
        struct webhook_call call = {p.items[0].webhook_id, p.items[0].body,
                                    has_left, r};

        if (webhook_call(s, client, &call, &answer, &why) == ERR_NONE)
            (void)webhook_taken(answer.status, &why);
        jw_init(&j, reply_json(r, 200));
        write_test(&j, s, &p.items[0], &answer, &why);
        http_answer_release(&answer);
    }
    payload_release(&p);
    http_client_free(client);
    return rc;
}

static const struct param list_params[] = {
    {"status", IN_QUERY, PARAM_ENUM, .choices = status_words,
     .doc = "Only deliveries in this state; dead: given up."},
    {"job_id", IN_QUERY, PARAM_STR, .min = 1, .max = 80,
     .doc = "Only those of this scrape.", .example = "arxiv-1762123331"},
    PAGING_PARAMS,
    {.name = NULL}};

static const struct param id_params[] = {
    {"id", IN_PATH, PARAM_INT, .required = true, .min = 1, .max = 9e15,
     .doc = "The delivery's id."},
    {.name = NULL}};

#define DELIVERY_MEMBERS                                                       \
    "\"id\":1,\"webhook_id\":\"msg_2mPqYVb0c1XwS5uJq0n4Yt8f\","                \
    "\"job_id\":\"arxiv-1762123331\",\"status\":\"delivered\","                \
    "\"attempts\":1,\"next_attempt_at\":null,\"last_status\":201,"             \
    "\"last_error\":null,\"body_bytes\":81234,\"papers_created\":35,"          \
    "\"papers_updated\":15,\"papers_unchanged\":12,"                           \
    "\"created_at\":\"2025-11-02T22:42:19Z\","                                 \
    "\"updated_at\":\"2025-11-02T22:42:19Z\","                                 \
    "\"delivered_at\":\"2025-11-02T22:42:19Z\""
#define DELIVERY_EXAMPLE                                                       \
    "{" DELIVERY_MEMBERS ",\"attempt_list\":[{\"n\":1,"                        \
    "\"at\":\"2025-11-02T22:42:19Z\",\"took_ms\":12,\"status\":201,"           \
    "\"error\":null,\"response\":\"{...}\"}],\"body\":{}}"

const struct route scraper_delivery_routes[] = {
    {.method = HTTP_GET,
     .pattern = "/api/webhook-deliveries/",
     .handle = list_deliveries,
     .policy = POLICY_ADMIN,
     .envelope = ENVELOPE_DRF,
     .params = list_params,
     .tag = "Webhook deliveries",
     .summary = "List deliveries",
     .doc = "Newest first.",
     .schema = "DeliveryPage",
     .returns = "{\"count\":1,\"next\":null,\"previous\":null,\"results\":["
                "{" DELIVERY_MEMBERS "}]}"},
    {.method = HTTP_GET,
     .pattern = "/api/webhook-deliveries/{id}/",
     .handle = get_delivery,
     .policy = POLICY_ADMIN,
     .envelope = ENVELOPE_DRF,
     .params = id_params,
     .tag = "Webhook deliveries",
     .summary = "A delivery with its body and attempts",
     .schema = "DeliveryDetail",
     .returns = DELIVERY_EXAMPLE},
    {.method = HTTP_POST,
     .pattern = "/api/webhook-deliveries/{id}/replay/",
     .handle = replay_delivery,
     .policy = POLICY_ADMIN,
     .envelope = ENVELOPE_DRF,
     .params = id_params,
     .status = 202,
     .tag = "Webhook deliveries",
     .summary = "Send a delivery again",
     .doc = "With the same webhook-id; a receiver that has it already changes "
            "nothing.  409 while it is still pending.",
     .schema = "DeliveryDetail",
     .returns = DELIVERY_EXAMPLE},
    {.method = HTTP_POST,
     .pattern = "/api/webhook-deliveries/test/",
     .handle = test_delivery,
     .policy = POLICY_ADMIN,
     .run = ON_STREAM,
     .envelope = ENVELOPE_DRF,
     .tag = "Webhook deliveries",
     .summary = "Call the backend, without papers",
     .doc = "As a scrape that found nothing, job \"test\", and tells what came "
            "back. Nothing is kept here and nothing tried again: `ok` is false "
            "where the backend does not answer, or not with 2xx.",
     .schema = "DeliveryTest",
     .returns = "{\"ok\":true,\"webhook_id\":\"msg_2mPqYVb0c1XwS5uJq0n4Yt8f\","
                "\"took_ms\":8,\"status\":201,\"error\":null,\"response\":"
                "\"{...}\",\"signed\":true,\"body\":{\"job_id\":\"test\"}}"},
    {.pattern = NULL}};
