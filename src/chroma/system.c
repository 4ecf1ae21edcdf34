/* system.c - the server itself: is it there, what can it do, reset. */
#include "base/clock.h"
#include "chroma/chroma_impl.h"

/* What Chroma's server 1.5.9 says; clients tell by it which API it is. */
#define API_VERSION "\"1.0.0\""

void reply_done(struct request *r, int status)
{
    buf_add_str(reply_json(r, status), "{}");
}

static enum err_code heartbeat(struct request *r, struct err *e)
{
    struct buf *out = reply_json(r, 200);

    (void)e;
    buf_add_str(out, "{\"nanosecond heartbeat\":");
    buf_add_i64(out, clock_now_us() * 1000);
    buf_add_char(out, '}');
    reply_momentary(r);
    return ERR_NONE;
}

static enum err_code version(struct request *r, struct err *e)
{
    (void)e;
    buf_add_str(reply_json(r, 200), API_VERSION);
    return ERR_NONE;
}

static enum err_code healthcheck(struct request *r, struct err *e)
{
    (void)e;
    buf_add_str(reply_json(r, 200), "{\"is_executor_ready\":true,"
                                    "\"is_log_client_ready\":true}");
    return ERR_NONE;
}

static enum err_code pre_flight_checks(struct request *r, struct err *e)
{
    (void)e;
    buf_printf(reply_json(r, 200),
               "{\"max_batch_size\":%d,\"supports_base64_encoding\":true}",
               RECORDS_MAX_BATCH);
    return ERR_NONE;
}

static enum err_code identity(struct request *r, struct err *e)
{
    (void)e;
    buf_add_str(reply_json(r, 200),
                "{\"user_id\":\"\",\"tenant\":\"" DEFAULT_TENANT
                "\",\"databases\":[\"" DEFAULT_DATABASE "\"]}");
    return ERR_NONE;
}

static enum err_code reset(struct request *r, struct err *e)
{
    struct chroma_api *c = r->ctx;
    enum err_code code;

    if (!c->reset)
        return err_set(e, ERR_FORBIDDEN,
                       "Reset is disabled by config; chroma_reset allows it");
    code = store_records_reset(c->store, e);
    if (code == ERR_NONE)
        buf_add_str(reply_json(r, 200), "true");
    return code;
}

const struct route chroma_system_routes[] = {
    {.method = HTTP_GET,
     .pattern = "/api/v2",
     .handle = heartbeat,
     .policy = POLICY_READ,
     .run = ON_LOOP,
     .envelope = ENVELOPE_CHROMA,
     .open_query = true,
     .tag = "Chroma",
     .summary = "Is the server there?",
     .schema = "ChromaHeartbeat"},
    {.method = HTTP_GET,
     .pattern = "/api/v2/heartbeat",
     .handle = heartbeat,
     .policy = POLICY_READ,
     .run = ON_LOOP,
     .envelope = ENVELOPE_CHROMA,
     .open_query = true,
     .tag = "Chroma",
     .summary = "Is the server there?",
     .schema = "ChromaHeartbeat"},
    {.method = HTTP_GET,
     .pattern = "/api/v2/version",
     .handle = version,
     .policy = POLICY_READ,
     .run = ON_LOOP,
     .envelope = ENVELOPE_CHROMA,
     .open_query = true,
     .tag = "Chroma",
     .summary = "Version of the API",
     .schema = "ChromaVersion",
     .returns = API_VERSION},
    {.method = HTTP_GET,
     .pattern = "/api/v2/healthcheck",
     .handle = healthcheck,
     .policy = POLICY_READ,
     .run = ON_LOOP,
     .envelope = ENVELOPE_CHROMA,
     .open_query = true,
     .tag = "Chroma",
     .summary = "Is the server well?",
     .schema = "ChromaHealth"},
    {.method = HTTP_GET,
     .pattern = "/api/v2/pre-flight-checks",
     .handle = pre_flight_checks,
     .policy = POLICY_READ,
     .run = ON_LOOP,
     .envelope = ENVELOPE_CHROMA,
     .open_query = true,
     .tag = "Chroma",
     .summary = "What the server takes",
     .schema = "ChromaPreFlight"},
    {.method = HTTP_GET,
     .pattern = "/api/v2/auth/identity",
     .handle = identity,
     .policy = POLICY_READ,
     .run = ON_LOOP,
     .envelope = ENVELOPE_CHROMA,
     .open_query = true,
     .tag = "Chroma",
     .summary = "Who asks",
     .schema = "ChromaIdentity"},
    {.method = HTTP_POST,
     .pattern = "/api/v2/reset",
     .handle = reset,
     .policy = POLICY_WRITE,
     .envelope = ENVELOPE_CHROMA,
     .open_query = true,
     .open_body = true,
     .tag = "Chroma",
     .summary = "Empty everything",
     .doc = "All tenants, databases, collections and records; not our own "
            "collections.  Only where chroma_reset is on, else 403.",
     .schema = "ChromaTrue",
     .returns = "true"},
    {0}};
