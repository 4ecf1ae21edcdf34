/* chat_client.c - see chat_client.h.
 *
 * Events are read as the HTML standard says: a line is "field: value" or a
 * comment (": ..."), lines end by \n, \r\n or \r, an empty line ends the event,
 * its data lines are joined by \n.  Beyond it:
 *   - "error: {...}" as a field is what older llama.cpp servers send;
 *   - the last event counts even if its empty line is missing;
 *   - an answer whose first byte is '{' is no stream, but one JSON object.
 * The first delta often has "content": null, and the last chunk, with the token
 * counts, has no choices: neither is an error.
 */
#include "processor/chat_client.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"

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
    jw_kbool(&j, "stream", r->stream);
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

enum err_code chat_status_error(int status, struct slice body, struct err *e)
{
    enum err_code rc = ERR_UNAVAILABLE;
    const char *text = status_text(status, &rc);
    char said[MAX_QUOTED + 1] = "";
    json_t *v = NULL;

    if (body.len <= CHAT_MAX_EVENT && json_parse(&v, body, NULL) == ERR_NONE) {
        quote(said, message_of(v));
        json_decref(v);
    }
    return err_set(e, rc, "the model server %s (status %d%s%s)", text, status,
                   said[0] ? ": " : "", said);
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

static enum err_code parse(json_t **v, struct slice text, struct err *e)
{
    struct err cause = {0};

    if (json_parse(v, text, &cause) == ERR_NONE)
        return ERR_NONE;
    return err_set(e, ERR_UNAVAILABLE, "the model server sent %s",
                   cause.code == ERR_INVALID ? cause.msg : "too much");
}

static enum err_code too_long(struct err *e)
{
    return err_set(e, ERR_TOO_LARGE, "the model's answer is over %d bytes",
                   CHAT_MAX_ANSWER);
}

enum err_code chat_answer_read(struct buf *text, struct chat_result *out,
                               struct slice body, struct err *e)
{
    struct slice content;
    enum err_code rc;
    json_t *v = NULL;

    *out = no_result;
    rc = parse(&v, body, e);
    if (rc)
        return rc;
    rc = read_object(v, "message", &content, out, e);
    if (rc == ERR_NONE && !content.p)
        rc = err_set(e, ERR_UNAVAILABLE, "the model server sent no text");
    if (rc == ERR_NONE) {
        buf_add_slice(text, content);
        if (content.len > CHAT_MAX_ANSWER || !buf_ok(text))
            rc = too_long(e);
    }
    json_decref(v);
    return rc;
}

/* ---- asking, without a stream ---- */

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

static enum err_code exchange(const struct chat_server *s, struct slice body,
                              const char *url, const char *key,
                              struct buf *text, struct chat_result *out,
                              struct err *e)
{
    const char *headers[] = {"Content-Type: application/json",
                             "Accept: application/json", key, NULL};
    struct http_fetch f = {.method = "POST",
                           .url = url,
                           .headers = headers,
                           .body = body,
                           .timeout_ms = s->timeout_ms,
                           .connect_timeout_ms = CONNECT_TIMEOUT_MS,
                           .max_body = 4 * CHAT_MAX_EVENT,
                           .cancelled = s->cancelled,
                           .ctx = s->ctx};
    struct http_answer answer;
    enum err_code rc = http_fetch(s->http, &f, &answer, e);

    if (rc)
        return rc;
    rc = answer.status == 200
             ? chat_answer_read(text, out, buf_slice(&answer.body), e)
             : chat_status_error(answer.status, buf_slice(&answer.body), e);
    http_answer_release(&answer);
    return rc;
}

enum err_code chat_ask(const struct chat_server *s,
                       const struct chat_request *r, struct buf *text,
                       struct chat_result *out, struct err *e)
{
    struct chat_request whole = *r;
    struct buf body, url, key;
    enum err_code rc;

    whole.stream = false;
    buf_init(&body, CHAT_MAX_REQUEST);
    buf_init(&url, 4096);
    buf_init(&key, 4096);
    rc = chat_url_write(&url, slice_of(s->url), e);
    if (rc == ERR_NONE)
        rc = key_header(&key, s->api_key, e);
    if (rc == ERR_NONE)
        rc = chat_request_write(&body, &whole, e);
    if (rc == ERR_NONE)
        rc = exchange(s, buf_slice(&body), url.p, key.len ? key.p : NULL, text,
                      out, e);
    buf_release(&body);
    buf_release(&url);
    buf_release(&key);
    return rc;
}

/* ---- the stream ---- */

struct chat_stream {
    bool (*on_text)(void *ctx, struct slice text);
    void *ctx;
    struct buf line;  /* not ended yet; of a JSON answer: all of it */
    struct buf event; /* data lines so far */
    bool has_data;
    bool started;  /* the first byte has been seen */
    bool is_json;  /* no stream */
    bool after_cr; /* a \n now belongs to the \r before */
    bool done;
    size_t n_bytes, n_text;
    struct chat_result result;
    struct err failure; /* code 0: none */
};

struct chat_stream *
chat_stream_new(bool (*on_text)(void *ctx, struct slice text), void *ctx)
{
    struct chat_stream *s = mem_alloc(sizeof(*s));

    if (!s)
        return NULL;
    *s = (struct chat_stream){
        .on_text = on_text, .ctx = ctx, .result = no_result};
    buf_init(&s->line, CHAT_MAX_EVENT);
    buf_init(&s->event, CHAT_MAX_EVENT);
    return s;
}

void chat_stream_free(struct chat_stream *s)
{
    if (!s)
        return;
    buf_release(&s->line);
    buf_release(&s->event);
    mem_free(s);
}

bool chat_stream_is_done(const struct chat_stream *s)
{
    return s->done;
}

static enum err_code give(struct chat_stream *s, struct slice text,
                          struct err *e)
{
    if (text.len == 0)
        return ERR_NONE;
    if (text.len > CHAT_MAX_ANSWER - s->n_text)
        return too_long(e);
    s->n_text += text.len;
    if (!s->on_text(s->ctx, text))
        return err_set(e, ERR_CANCELLED, "cancelled");
    return ERR_NONE;
}

static enum err_code take_object(struct chat_stream *s, struct slice data,
                                 const char *field, struct err *e)
{
    struct slice text;
    enum err_code rc;
    json_t *v = NULL;

    rc = parse(&v, data, e);
    if (rc)
        return rc;
    rc = read_object(v, field, &text, &s->result, e);
    if (rc == ERR_NONE)
        rc = give(s, text, e);
    json_decref(v);
    return rc;
}

static enum err_code end_event(struct chat_stream *s, struct err *e)
{
    struct slice data = slice_trim(buf_slice(&s->event));
    enum err_code rc = ERR_NONE;

    if (s->has_data && slice_is(data, "[DONE]"))
        s->done = true;
    else if (s->has_data && data.len > 0)
        rc = take_object(s, data, "delta", e);
    buf_clear(&s->event);
    s->has_data = false;
    return rc;
}

static enum err_code take_error_line(struct slice value, struct err *e)
{
    json_t *v = NULL;
    enum err_code rc;

    if (json_parse(&v, value, NULL) != ERR_NONE)
        v = NULL;
    rc = server_error(v, e);
    json_decref(v);
    return rc;
}

static enum err_code take_line(struct chat_stream *s, struct err *e)
{
    struct slice value = buf_slice(&s->line), name = SLICE_NONE;
    enum err_code rc = ERR_NONE;

    if (value.len == 0)
        return end_event(s, e);
    slice_split(&value, ':', &name);
    if (value.len > 0 && value.p[0] == ' ')
        value = slice_sub(value, 1, value.len);
    if (slice_is(name, "data")) {
        if (s->has_data)
            buf_add_char(&s->event, '\n');
        buf_add_slice(&s->event, value);
        s->has_data = true;
    } else if (slice_is(name, "error")) {
        rc = take_error_line(value, e);
    } /* "event", "id", "retry", a comment: nothing to us */
    buf_clear(&s->line);
    if (rc == ERR_NONE && !buf_ok(&s->event))
        rc = err_set(e, ERR_TOO_LARGE,
                     "the model server sent an event over %d bytes",
                     CHAT_MAX_EVENT);
    return rc;
}

/* Up to the next end of a line, or all there is. */
static enum err_code take_some(struct chat_stream *s, struct slice *rest,
                               struct err *e)
{
    size_t n = 0;

    if (s->after_cr && rest->p[0] == '\n')
        *rest = slice_sub(*rest, 1, rest->len);
    s->after_cr = false;
    while (n < rest->len && rest->p[n] != '\n' && rest->p[n] != '\r')
        n++;
    buf_add(&s->line, rest->p, n);
    if (!buf_ok(&s->line))
        return err_set(e, ERR_TOO_LARGE,
                       "the model server sent a line over %d bytes",
                       CHAT_MAX_EVENT);
    if (n == rest->len) {
        *rest = SLICE_NONE;
        return ERR_NONE;
    }
    s->after_cr = rest->p[n] == '\r';
    *rest = slice_sub(*rest, n + 1, rest->len);
    return take_line(s, e);
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

enum err_code chat_stream_feed(struct chat_stream *s, struct slice bytes,
                               struct err *e)
{
    struct err cause = {0};
    enum err_code rc = ERR_NONE;

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
    skip_start(s, &bytes);
    if (s->is_json) {
        buf_add_slice(&s->line, bytes);
        if (!buf_ok(&s->line))
            rc = too_long(&cause);
        bytes = SLICE_NONE;
    }
    while (bytes.len > 0 && rc == ERR_NONE && !s->done)
        rc = take_some(s, &bytes, &cause);
    return rc ? fail(s, &cause, e) : ERR_NONE;
}

/* Half a chunk at the end says that the answer broke off, and not that it is
 * malformed. */
static bool has_half_event(const struct chat_stream *s)
{
    struct slice data = slice_trim(buf_slice(&s->event));
    json_t *v = NULL;

    if (data.len == 0 || slice_is(data, "[DONE]"))
        return false;
    if (json_parse(&v, data, NULL) != ERR_NONE)
        return true;
    json_decref(v);
    return false;
}

enum err_code chat_stream_end(struct chat_stream *s, struct chat_result *out,
                              struct err *e)
{
    struct err cause = {0};
    enum err_code rc = ERR_NONE;

    if (s->failure.code)
        return fail(s, &s->failure, e);
    if (s->is_json) {
        rc = take_object(s, buf_slice(&s->line), "message", &cause);
        s->done = rc == ERR_NONE;
    } else if (!s->done) { /* the last line ends may be missing */
        if (s->line.len > 0)
            rc = take_line(s, &cause);
        if (rc == ERR_NONE && !s->done && !has_half_event(s))
            rc = end_event(s, &cause);
    }
    if (rc == ERR_NONE && !s->done)
        rc = err_set(&cause, ERR_UNAVAILABLE, "the model's answer broke off");
    if (rc)
        return fail(s, &cause, e);
    *out = s->result;
    return ERR_NONE;
}
