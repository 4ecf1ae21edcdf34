/* http_client.c - libcurl, through its multi interface for one exchange at a
 * time: curl_multi_poll returns often enough to ask `cancelled`, whereas the
 * easy interface asks about once a second while a peer is silent.
 *
 * libcurl's global state (TLS included) costs megabytes, so it is made at the
 * first exchange and not at the start.
 */
#include "net/http_client.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "net/curl_lib.h"

#define POLL_MS 100
#define MAX_HEADER_S (30 * 86400) /* Retry-After beyond a month is a bug */

struct http_client {
    char *user_agent;
    CURLM *multi; /* NULL before the first exchange */
    CURL *easy;
};

static bool global_ready; /* written once, in global_init */

static void global_init(void)
{
    global_ready = curl_lib.curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

struct http_client *http_client_new(const char *user_agent)
{
    struct http_client *c = mem_alloc(sizeof(*c));

    if (!c)
        return NULL;
    *c = (struct http_client){.user_agent =
                                  mem_strndup(user_agent, strlen(user_agent))};
    if (!c->user_agent) {
        mem_free(c);
        return NULL;
    }
    return c;
}

void http_client_free(struct http_client *c)
{
    if (!c)
        return;
    if (c->easy)
        curl_lib.curl_easy_cleanup(c->easy);
    if (c->multi)
        curl_lib.curl_multi_cleanup(c->multi);
    mem_free(c->user_agent);
    mem_free(c);
}

static enum err_code ready(struct http_client *c, struct err *e)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    enum err_code rc = curl_lib_load(e);

    if (rc != ERR_NONE)
        return rc;
    pthread_once(&once, global_init);
    if (!global_ready)
        return err_set(e, ERR_UNAVAILABLE, "libcurl does not start");
    if (!c->multi)
        c->multi = curl_lib.curl_multi_init();
    if (!c->easy)
        c->easy = curl_lib.curl_easy_init();
    if (!c->multi || !c->easy)
        return err_set(e, ERR_UNAVAILABLE, "out of memory");
    return ERR_NONE;
}

/* ---- one exchange ---- */

static bool is_loopback(const char *url)
{
    struct slice u = slice_of(url);

    return slice_starts(u, "http://127.") ||
           slice_starts(u, "http://localhost") ||
           slice_starts(u, "http://[::1]");
}

struct reading {
    const struct http_fetch *f;
    CURL *easy;
    struct http_answer *out;
    size_t n_given;    /* bytes that went to f->on_body */
    int64_t heard_us;  /* when the peer said something last */
    struct err failed; /* code 0: nothing has, on our side */
};

static bool is_streamed(const struct reading *rd)
{
    long status = 0;

    curl_lib.curl_easy_getinfo(rd->easy, CURLINFO_RESPONSE_CODE, &status);
    return rd->f->on_body && status >= 200 && status <= 299;
}

static enum err_code take_body(struct reading *rd, struct slice piece)
{
    const struct http_fetch *f = rd->f;
    bool fits;

    if (is_streamed(rd)) {
        fits = piece.len <= f->max_body - rd->n_given;
        if (fits) {
            rd->n_given += piece.len;
            return f->on_body(f->ctx, piece, &rd->failed);
        }
    } else {
        buf_add_slice(&rd->out->body, piece);
        fits = buf_ok(&rd->out->body);
    }
    return fits ? ERR_NONE
                : err_set(&rd->failed, ERR_TOO_LARGE,
                          "the answer of '%s' is larger than %zu bytes", f->url,
                          f->max_body);
}

static size_t on_body(char *p, size_t size, size_t n, void *ctx)
{
    struct reading *rd = ctx;
    struct slice piece = {p, size * n};
    enum err_code rc = piece.len > 0 ? take_body(rd, piece) : ERR_NONE;

    rd->heard_us = clock_mono_us();
    return rc == ERR_NONE ? piece.len : 0;
}

/* Seconds, or an HTTP date. */
static int64_t retry_after(struct slice v)
{
    uint64_t s;
    int64_t at;

    if (slice_to_u64(v, &s))
        return s < MAX_HEADER_S ? (int64_t)s : MAX_HEADER_S;
    if (!clock_parse_http(v, &at))
        return -1;
    at = (at - clock_now_us() + US_PER_S - 1) / US_PER_S;
    if (at < 0)
        return 0;
    return at < MAX_HEADER_S ? at : MAX_HEADER_S;
}

static size_t on_header(char *p, size_t size, size_t n, void *ctx)
{
    struct reading *rd = ctx;
    struct http_answer *out = rd->out;
    struct slice line = {p, size * n}, name;
    struct slice value = line;

    rd->heard_us = clock_mono_us();
    if (slice_starts(line, "HTTP/")) { /* after 100 Continue: begin anew */
        out->content_type[0] = '\0';
        out->retry_after_s = -1;
        return line.len;
    }
    if (!slice_split(&value, ':', &name))
        return line.len;
    value = slice_trim(value);
    if (slice_is_nocase(name, "Retry-After"))
        out->retry_after_s = retry_after(value);
    if (slice_is_nocase(name, "Content-Type") &&
        value.len < sizeof(out->content_type)) {
        memcpy(out->content_type, value.p, value.len);
        out->content_type[value.len] = '\0';
    }
    return line.len;
}

static enum err_code make_headers(const struct http_fetch *f,
                                  struct curl_slist **out, struct err *e)
{
    /* Not "Expect: 100-continue", which costs a second where it is ignored. */
    struct curl_slist *list = curl_lib.curl_slist_append(NULL, "Expect:"),
                      *longer;
    const char *const *h;

    for (h = f->headers; list && h && *h; h++) {
        longer = curl_lib.curl_slist_append(list, *h);
        if (!longer) {
            curl_lib.curl_slist_free_all(list);
            list = NULL;
        } else {
            list = longer;
        }
    }
    if (!list)
        return err_set(e, ERR_UNAVAILABLE, "out of memory");
    *out = list;
    return ERR_NONE;
}

static void set_options(struct http_client *c, const struct http_fetch *f,
                        struct reading *rd, struct curl_slist *headers)
{
    CURL *h = c->easy;
    bool has_body = f->body.len > 0 || strcmp(f->method, "POST") == 0;

    curl_lib.curl_easy_reset(h);
    curl_lib.curl_easy_setopt(h, CURLOPT_URL, f->url);
    curl_lib.curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
    if (is_loopback(f->url)) /* our own webhook must not go by http_proxy */
        curl_lib.curl_easy_setopt(h, CURLOPT_PROXY, "");
    curl_lib.curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_lib.curl_easy_setopt(h, CURLOPT_FOLLOWLOCATION, 0L);
    curl_lib.curl_easy_setopt(h, CURLOPT_USERAGENT, c->user_agent);
    curl_lib.curl_easy_setopt(h, CURLOPT_HTTPHEADER, headers);
    if (!f->on_body) /* who packs keeps small pieces back */
        curl_lib.curl_easy_setopt(h, CURLOPT_ACCEPT_ENCODING, "gzip, deflate");
    curl_lib.curl_easy_setopt(h, CURLOPT_TIMEOUT_MS, (long)f->timeout_ms);
    curl_lib.curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT_MS,
                              (long)f->connect_timeout_ms);
    curl_lib.curl_easy_setopt(h, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_lib.curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, on_body);
    curl_lib.curl_easy_setopt(h, CURLOPT_WRITEDATA, rd);
    curl_lib.curl_easy_setopt(h, CURLOPT_HEADERFUNCTION, on_header);
    curl_lib.curl_easy_setopt(h, CURLOPT_HEADERDATA, rd);
    if (has_body) {
        curl_lib.curl_easy_setopt(h, CURLOPT_POST, 1L);
        curl_lib.curl_easy_setopt(h, CURLOPT_POSTFIELDS,
                                  f->body.p ? f->body.p : "");
        curl_lib.curl_easy_setopt(h, CURLOPT_POSTFIELDSIZE_LARGE,
                                  (curl_off_t)f->body.len);
    }
    if (strcmp(f->method, "HEAD") == 0)
        curl_lib.curl_easy_setopt(h, CURLOPT_NOBODY, 1L);
    else if (strcmp(f->method, has_body ? "POST" : "GET") != 0)
        curl_lib.curl_easy_setopt(h, CURLOPT_CUSTOMREQUEST, f->method);
}

static bool is_cancelled(struct reading *rd)
{
    if (!rd->f->cancelled || !rd->f->cancelled(rd->f->ctx))
        return false;
    err_set(&rd->failed, ERR_CANCELLED, "cancelled");
    return true;
}

static bool is_silent(struct reading *rd)
{
    int64_t most = rd->f->silence_timeout_ms;

    if (most <= 0 || clock_mono_us() - rd->heard_us < most * US_PER_MS)
        return false;
    err_set(&rd->failed, ERR_TIMEOUT, "'%s' sent nothing for %lld ms",
            rd->f->url, (long long)most);
    return true;
}

/* Drive the exchange to its end, or until we have a reason to leave it. */
static void perform(struct http_client *c, struct reading *rd, CURLcode *result)
{
    int running = 1, left;
    CURLMsg *msg;

    *result = CURLE_FAILED_INIT;
    while (running) {
        if (is_cancelled(rd) ||
            curl_lib.curl_multi_perform(c->multi, &running) != CURLM_OK)
            return;
        if (running && (is_silent(rd) ||
                        curl_lib.curl_multi_poll(c->multi, NULL, 0, POLL_MS,
                                                 NULL) != CURLM_OK))
            return;
    }
    while ((msg = curl_lib.curl_multi_info_read(c->multi, &left)))
        if (msg->msg == CURLMSG_DONE)
            *result = msg->data.result;
}

static enum err_code failed(const struct http_fetch *f, CURLcode rc,
                            const char *why, struct err *e)
{
    const char *text = why[0] ? why : curl_lib.curl_easy_strerror(rc);

    switch (rc) {
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        return err_set(e, ERR_INVALID, "'%s': %s", f->url, text);
    case CURLE_OPERATION_TIMEDOUT:
        return err_set(e, ERR_TIMEOUT, "'%s': %s", f->url, text);
    default:
        return err_set(e, ERR_UNAVAILABLE, "'%s': %s", f->url, text);
    }
}

enum err_code http_fetch(struct http_client *c, const struct http_fetch *f,
                         struct http_answer *out, struct err *e)
{
    struct reading rd = {.f = f, .out = out, .heard_us = clock_mono_us()};
    struct curl_slist *headers = NULL;
    char why[CURL_ERROR_SIZE] = "";
    int64_t began = clock_mono_us();
    CURLcode result;
    long status = 0;
    enum err_code rc;

    *out = (struct http_answer){.retry_after_s = -1};
    buf_init(&out->body, f->max_body);
    rc = ready(c, e);
    if (!rc)
        rc = make_headers(f, &headers, e);
    if (rc)
        return rc;
    rd.easy = c->easy;
    set_options(c, f, &rd, headers);
    curl_lib.curl_easy_setopt(c->easy, CURLOPT_ERRORBUFFER, why);
    if (curl_lib.curl_multi_add_handle(c->multi, c->easy) != CURLM_OK) {
        curl_lib.curl_slist_free_all(headers);
        return err_set(e, ERR_UNAVAILABLE, "out of memory");
    }
    perform(c, &rd, &result);
    curl_lib.curl_multi_remove_handle(c->multi, c->easy);
    curl_lib.curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_lib.curl_easy_reset(
        c->easy); /* it must not keep pointers to the headers */
    curl_lib.curl_slist_free_all(headers);
    out->status = (int)status;
    out->took_ms = (clock_mono_us() - began) / US_PER_MS;
    if (rd.failed.code) {
        rc = rd.failed.code;
        if (e)
            *e = rd.failed;
    } else if (result != CURLE_OK) {
        rc = failed(f, result, why, e);
    }
    if (rc)
        buf_release(&out->body);
    return rc;
}

void http_answer_release(struct http_answer *a)
{
    buf_release(&a->body);
}
