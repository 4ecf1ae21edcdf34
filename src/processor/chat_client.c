/* chat_client.c - see chat_client.h.
 *
 * An answer whose first byte is '{' is no stream of events, but one JSON
 * object: some servers know no streams.  The first delta often has "content":
 * null, and the last chunk, with the token counts, has no choices: neither is
 * an error.
 */
#include "processor/chat_client.h"

#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "net/sse.h"

#define MAX_QUOTED 200 /* bytes of a server's message that are passed on */
#define CONNECT_TIMEOUT_MS 5000

/* ---- the request ---- */

enum err_code chat_request_write(struct buf *out, const struct chat_request *r,
                                 struct err *e)
{
    struct jw j;

    jw_init(&j, out);
    jw_obj(&j);
    jw_kstr(&j, "model", r->model);
    jw_key(&j, "messages");
    jw_arr(&j);
    for (size_t i = 0; i < r->n_messages; i++) {
        jw_obj(&j);
        jw_kstr(&j, "role", r->messages[i].role);
        jw_kslice(&j, "content", r->messages[i].content);
        jw_end_obj(&j);
    }
    jw_end_arr(&j);
    if (r->max_tokens > 0)
        jw_kint(&j, "max_tokens", r->max_tokens);
    if (r->temperature >= 0)
        jw_kdouble(&j, "temperature", r->temperature);
    jw_kbool(&j, "stream", true);
    jw_end_obj(&j);
    if (!buf_ok(out) || out->len > CHAT_MAX_REQUEST)
        return err_set(e, ERR_TOO_LARGE,
                       "the question with its sources is too large to send");
    return ERR_NONE;
}

enum err_code chat_url_write(struct buf *out, struct slice url, struct err *e)
{
    bool ok = slice_starts(url, "http://") || slice_starts(url, "https://");

    for (size_t i = 0; i < url.len; i++)
        if ((unsigned char)url.p[i] <= ' ' || url.p[i] == 0x7F ||
            url.p[i] == '?' || url.p[i] == '#')
            ok = false;
    if (!ok)
        return err_set(e, ERR_INVALID,
                       "'%.*s' is not the address of a model server",
                       SLICE_ARG(utf8_cut(url, MAX_QUOTED)));
    while (slice_ends(url, "/"))
        url.len--;
    buf_add_slice(out, url);
    buf_add_str(out, "/chat/completions");
    if (!buf_ok(out))
        return err_set(e, ERR_INVALID,
                       "the model server's address is too long");
    return ERR_NONE;
}

/* ---- what a server says about an error ---- */

/* Its message, short and on one line; "" if there is none. */
static void quote(char out[MAX_QUOTED + 1], struct slice text)
{
    struct slice s = utf8_cut(slice_trim(text), MAX_QUOTED);

    for (size_t i = 0; i < s.len; i++)
        out[i] = (unsigned char)s.p[i] < ' ' || s.p[i] == 0x7F ? ' ' : s.p[i];
    out[s.len] = '\0';
}

/* {"error": {"message": "..."}}, {"error": "..."}, {"message": "..."} */
static struct slice message_of(const json_t *v)
{
    const json_t *error = json_object_get(v, "error");
    struct slice s = json_get_slice(error, "message");

    if (!s.p)
        s = json_get_slice(v, "error");
    if (!s.p)
        s = json_get_slice(v, "message");
    return s.p ? s : json_get_slice(v, "detail");
}

static enum err_code server_error(const json_t *v, struct err *e)
{
    char text[MAX_QUOTED + 1];

    quote(text, message_of(v));
    return err_set(e, ERR_UNAVAILABLE, "the model server failed: %s",
                   text[0] ? text : "it does not say why");
}

static const char *status_text(int status, enum err_code *rc)
{
    switch (status) {
    case 400:
    case 413:
    case 422:
        *rc = ERR_UNPROCESSABLE;
        return "does not accept the question";
    case 401:
    case 403:
        return "refuses the key; look at its setting";
    case 404:
        return "does not know the model or the address; look at their settings";
    case 408:
    case 504:
        *rc = ERR_TIMEOUT;
        return "did not answer in time";
    case 429:
        *rc = ERR_LIMIT;
        return "is busy";
    default:
        return status >= 500 ? "failed" : "does not speak this protocol";
    }
}

enum err_code chat_status_error(int status, int64_t retry_after_s,
                                struct slice body, struct err *e)
{
    enum err_code rc = ERR_UNAVAILABLE;
    const char *text = status_text(status, &rc);
    char said[MAX_QUOTED + 1] = "", wait[64] = "";
    json_t *v = NULL;

    if (body.len <= CHAT_MAX_EVENT && json_parse(&v, body, NULL) == ERR_NONE) {
        quote(said, message_of(v));
        json_decref(v);
    }
    if (retry_after_s >= 0)
        snprintf(wait, sizeof(wait), "; it asks to wait for %lld s",
                 (long long)retry_after_s);
    return err_set(e, rc, "the model server %s (status %d%s%s)%s", text, status,
                   said[0] ? ": " : "", said, wait);
}

/* ---- one JSON object: a chunk of a stream, or a whole answer ---- */

static enum chat_finish finish_of(struct slice reason)
{
    if (!reason.p)
        return CHAT_UNFINISHED;
    if (slice_is(reason, "stop") || slice_is(reason, "eos"))
        return CHAT_STOP;
    if (slice_is(reason, "length"))
        return CHAT_LENGTH;
    return slice_is(reason, "content_filter") ? CHAT_FILTERED : CHAT_OTHER;
}

static void read_result(struct chat_result *out, const json_t *v,
                        const json_t *choice)
{
    const json_t *usage = json_object_get(v, "usage");
    enum chat_finish finish =
        finish_of(json_get_slice(choice, "finish_reason"));
    struct slice model =
        utf8_cut(json_get_slice(v, "model"), sizeof(out->model) - 1);

    if (finish != CHAT_UNFINISHED)
        out->finish = finish;
    if (model.len > 0) {
        memcpy(out->model, model.p, model.len);
        out->model[model.len] = '\0';
    }
    out->prompt_tokens =
        json_get_int(usage, "prompt_tokens", out->prompt_tokens);
    out->completion_tokens =
        json_get_int(usage, "completion_tokens", out->completion_tokens);
}

static const struct chat_result no_result = {.prompt_tokens = -1,
                                             .completion_tokens = -1};

/* The first choice's text in `field` ("delta", "message"), borrowed from v; it
 * may be absent. */
static enum err_code read_object(const json_t *v, const char *field,
                                 struct slice *text, struct chat_result *out,
                                 struct err *e)
{
    const json_t *choices = json_object_get(v, "choices");
    const json_t *choice = json_array_get(choices, 0);
    const json_t *error = json_object_get(v, "error");

    *text = SLICE_NONE;
    if (error && !json_is_null(error))
        return server_error(v, e);
    if (!json_is_array(choices))
        return err_set(e, ERR_UNAVAILABLE,
                       "the model server sent something that is no answer");
    if (json_get_int(choice, "index", 0) != 0)
        return ERR_NONE; /* we asked for one answer */
    *text = json_get_slice(json_object_get(choice, field), "content");
    read_result(out, v, choice);
    return ERR_NONE;
}

/* ---- the stream ---- */

struct chat_stream {
    bool (*on_text)(void *ctx, struct slice text);
    void *ctx;
    struct sse events;
    struct buf object; /* no stream: all of it */
    bool started;      /* the first byte has been seen */
    bool is_json;      /* no stream */
    bool any;          /* an event has come */
    bool ending;       /* what comes now may be half of something */
    bool done;
    size_t n_bytes, n_text;
    struct chat_result result;
    struct err failure; /* code 0: none */
};

static enum err_code on_event(void *ctx, struct slice name, struct slice data,
                              struct err *e);

struct chat_stream *
chat_stream_new(bool (*on_text)(void *ctx, struct slice text), void *ctx)
{
    struct chat_stream *s = mem_alloc(sizeof(*s));

    if (!s)
        return NULL;
    *s = (struct chat_stream){
        .on_text = on_text, .ctx = ctx, .result = no_result};
    sse_init(&s->events, CHAT_MAX_EVENT, on_event, s);
    buf_init(&s->object, CHAT_MAX_EVENT);
    return s;
}

void chat_stream_free(struct chat_stream *s)
{
    if (!s)
        return;
    sse_release(&s->events);
    buf_release(&s->object);
    mem_free(s);
}

bool chat_stream_is_done(const struct chat_stream *s)
{
    return s->done;
}

static enum err_code broke_off(struct err *e)
{
    return err_set(e, ERR_UNAVAILABLE, "the model's answer broke off");
}

static enum err_code give(struct chat_stream *s, struct slice text,
                          struct err *e)
{
    if (text.len == 0)
        return ERR_NONE;
    if (text.len > CHAT_MAX_ANSWER - s->n_text)
        return err_set(e, ERR_TOO_LARGE, "the model's answer is over %d bytes",
                       CHAT_MAX_ANSWER);
    s->n_text += text.len;
    if (!s->on_text(s->ctx, text))
        return err_set(e, ERR_CANCELLED, "cancelled");
    return ERR_NONE;
}

static enum err_code take_object(struct chat_stream *s, struct slice data,
                                 const char *field, struct err *e)
{
    struct err cause = {0};
    struct slice text;
    enum err_code rc;
    json_t *v = NULL;

    if (json_parse(&v, data, &cause) != ERR_NONE)
        return s->ending
                   ? broke_off(e)
                   : err_set(e, ERR_UNAVAILABLE, "the model server sent %s",
                             cause.code == ERR_INVALID ? cause.msg
                                                       : "too much");
    rc = read_object(v, field, &text, &s->result, e);
    if (rc == ERR_NONE)
        rc = give(s, text, e);
    json_decref(v);
    return rc;
}

static enum err_code take_error(struct slice value, struct err *e)
{
    json_t *v = NULL;
    enum err_code rc;

    if (json_parse(&v, value, NULL) != ERR_NONE)
        v = NULL;
    rc = server_error(v, e);
    json_decref(v);
    return rc;
}

static enum err_code on_event(void *ctx, struct slice name, struct slice data,
                              struct err *e)
{
    struct chat_stream *s = ctx;

    if (s->done)
        return ERR_NONE;
    s->any = true;
    data = slice_trim(data);
    if (slice_is(name, "error"))
        return take_error(data, e);
    if (slice_is(data, "[DONE]")) {
        s->done = true;
        return ERR_NONE;
    }
    return data.len > 0 ? take_object(s, data, "delta", e) : ERR_NONE;
}

/* White space and a byte order mark before everything else. */
static void skip_start(struct chat_stream *s, struct slice *bytes)
{
    while (!s->started && bytes->len > 0) {
        if (!strchr(" \t\r\n\xEF\xBB\xBF", bytes->p[0]) || !bytes->p[0]) {
            s->started = true;
            s->is_json = bytes->p[0] == '{';
            return;
        }
        *bytes = slice_sub(*bytes, 1, bytes->len);
    }
}

static enum err_code fail(struct chat_stream *s, const struct err *cause,
                          struct err *e)
{
    s->failure = *cause;
    if (e)
        *e = *cause;
    return cause->code;
}

static enum err_code take(struct chat_stream *s, struct slice bytes,
                          struct err *e)
{
    enum err_code rc;

    skip_start(s, &bytes);
    if (!s->is_json) {
        rc = sse_feed(&s->events, bytes, e);
        return s->done ? ERR_NONE : rc; /* what follows does not count */
    }
    buf_add_slice(&s->object, bytes);
    if (!buf_ok(&s->object))
        return err_set(e, ERR_TOO_LARGE,
                       "the model server's answer is over %d bytes",
                       CHAT_MAX_EVENT);
    return ERR_NONE;
}

enum err_code chat_stream_feed(struct chat_stream *s, struct slice bytes,
                               struct err *e)
{
    struct err cause = {0};

    if (s->failure.code)
        return fail(s, &s->failure, e);
    if (s->done)
        return ERR_NONE;
    if (bytes.len > CHAT_MAX_BYTES - s->n_bytes) {
        err_set(&cause, ERR_TOO_LARGE,
                "the model server sent more than %d bytes", CHAT_MAX_BYTES);
        return fail(s, &cause, e);
    }
    s->n_bytes += bytes.len;
    return take(s, bytes, &cause) ? fail(s, &cause, e) : ERR_NONE;
}

/* Half a chunk at the end says that the answer broke off, and not that it is
 * malformed. */
static enum err_code end(struct chat_stream *s, struct err *e)
{
    enum err_code rc;

    if (s->is_json) {
        s->done = true;
        return take_object(s, buf_slice(&s->object), "message", e);
    }
    s->ending = true;
    rc = s->done ? ERR_NONE : sse_end(&s->events, e);
    if (rc != ERR_NONE || s->done)
        return rc;
    return s->any ? broke_off(e)
                  : err_set(e, ERR_UNAVAILABLE,
                            "the model server sent something that is no "
                            "answer");
}

enum err_code chat_stream_end(struct chat_stream *s, struct chat_result *out,
                              struct err *e)
{
    struct err cause = {0};
    enum err_code rc;

    if (s->failure.code)
        return fail(s, &s->failure, e);
    rc = end(s, &cause);
    if (rc == ERR_NONE && s->n_text == 0)
        rc = err_set(&cause, ERR_UNAVAILABLE, "the model server sent no text");
    if (rc)
        return fail(s, &cause, e);
    *out = s->result;
    return ERR_NONE;
}

/* ---- asking ---- */

static enum err_code key_header(struct buf *out, const char *key, struct err *e)
{
    for (const char *p = key; p && *p; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7F)
            return err_set(e, ERR_INVALID,
                           "the model server's key has a control character");
    if (!key || !*key)
        return ERR_NONE;
    buf_printf(out, "Authorization: Bearer %s", key);
    if (!buf_ok(out))
        return err_set(e, ERR_INVALID, "the model server's key is too long");
    return ERR_NONE;
}

struct asking {
    const struct chat_server *s;
    struct chat_stream *stream;
};

static bool is_cancelled(void *ctx)
{
    const struct chat_server *s = ((struct asking *)ctx)->s;

    return s->cancelled && s->cancelled(s->ctx);
}

/* After "[DONE]" nobody waits for the connection's end. */
static enum err_code on_body(void *ctx, struct slice piece, struct err *e)
{
    struct chat_stream *stream = ((struct asking *)ctx)->stream;
    enum err_code rc = chat_stream_feed(stream, piece, e);

    if (rc == ERR_NONE && chat_stream_is_done(stream))
        rc = err_set(e, ERR_CANCELLED, "the answer is whole");
    return rc;
}

/* What has failed, without the server's address. */
static enum err_code away(const struct chat_stream *stream, enum err_code rc,
                          struct err *e)
{
    if (stream->failure.code || (rc != ERR_UNAVAILABLE && rc != ERR_TIMEOUT))
        return rc;
    log_info("processor", "the model server failed",
             LOG_S("error", e ? e->msg : ""));
    if (rc == ERR_TIMEOUT)
        return err_set(e, rc, "the model server did not answer in time");
    if (stream->n_text > 0)
        return broke_off(e);
    return err_set(e, rc, "the model server cannot be reached");
}

static enum err_code exchange(struct asking *x, const struct http_fetch *f,
                              struct chat_result *out, struct err *e)
{
    struct http_answer answer;
    enum err_code rc = http_fetch(x->s->http, f, &answer, e);

    if (chat_stream_is_done(x->stream))
        rc = chat_stream_end(x->stream, out, e);
    else if (rc)
        rc = away(x->stream, rc, e);
    else if (answer.status < 200 || answer.status > 299)
        rc = chat_status_error(answer.status, answer.retry_after_s,
                               buf_slice(&answer.body), e);
    else
        rc = chat_stream_end(x->stream, out, e);
    http_answer_release(&answer);
    return rc;
}

static enum err_code send(const struct chat_server *s, struct slice body,
                          const char *url, const char *key,
                          struct chat_result *out, struct err *e)
{
    const char *headers[] = {"Content-Type: application/json",
                             "Accept: text/event-stream, application/json", key,
                             NULL};
    struct asking x = {.s = s, .stream = chat_stream_new(s->on_text, s->ctx)};
    struct http_fetch f = {.method = "POST",
                           .url = url,
                           .headers = headers,
                           .body = body,
                           .timeout_ms = s->timeout_ms,
                           .connect_timeout_ms = CONNECT_TIMEOUT_MS,
                           .silence_timeout_ms = s->silence_timeout_ms,
                           .max_body = CHAT_MAX_BYTES + 1,
                           .cancelled = is_cancelled,
                           .on_body = on_body,
                           .ctx = &x};
    enum err_code rc;

    if (!x.stream)
        return err_set(e, ERR_UNAVAILABLE, "out of memory");
    rc = exchange(&x, &f, out, e);
    *out = x.stream->result;
    chat_stream_free(x.stream);
    return rc;
}

enum err_code chat_ask(const struct chat_server *s,
                       const struct chat_request *r, struct chat_result *out,
                       struct err *e)
{
    struct buf body, url, key;
    enum err_code rc;

    buf_init(&body, CHAT_MAX_REQUEST);
    buf_init(&url, 4096);
    buf_init(&key, 4096);
    rc = chat_url_write(&url, slice_of(s->url), e);
    if (rc == ERR_NONE)
        rc = key_header(&key, s->api_key, e);
    if (rc == ERR_NONE)
        rc = chat_request_write(&body, r, e);
    if (rc == ERR_NONE)
        rc = send(s, buf_slice(&body), url.p, key.len ? key.p : NULL, out, e);
    buf_release(&body);
    buf_release(&url);
    buf_release(&key);
    return rc;
}
