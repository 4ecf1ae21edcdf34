/* chroma_client.c - see chroma_client.h.
 *
 * Chroma's index is approximate (HNSW).  What it finds is decided by three
 * numbers that a collection is made with; ours are far above Chroma's own (16,
 * 100, 100), for recall is what its users came for: docs/decisions/0018.
 */
#include "processor/chroma_client.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "embed/vector_text.h"
#include "net/http_client.h"

#define MAX_NEIGHBORS 32
#define EF_CONSTRUCTION 200
#define EF_SEARCH 200

#define CONNECT_TIMEOUT_MS 2000
#define MAX_IDLE 16
#define MAX_TOKEN 4096

struct chroma {
    struct chroma_url url;
    char token_header[MAX_TOKEN + 32], bearer_header[MAX_TOKEN + 32];
    const char *headers[4];
    pthread_mutex_t lock;
    struct http_client *idle[MAX_IDLE]; /* under the lock */
    int n_idle;
};

struct chroma *chroma_new(const struct chroma_url *url, const char *token)
{
    struct chroma *c = calloc(1, sizeof(*c));
    int n = 0;

    if (!c)
        return NULL;
    c->url = *url;
    c->headers[n++] = "Content-Type: application/json";
    if (*token) {
        snprintf(c->token_header, sizeof(c->token_header), "X-Chroma-Token: %s",
                 token);
        snprintf(c->bearer_header, sizeof(c->bearer_header),
                 "Authorization: Bearer %s", token);
        c->headers[n++] = c->token_header;
        c->headers[n++] = c->bearer_header;
    }
    pthread_mutex_init(&c->lock, NULL);
    return c;
}

void chroma_free(struct chroma *c)
{
    if (!c)
        return;
    while (c->n_idle)
        http_client_free(c->idle[--c->n_idle]);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

const char *chroma_server(const struct chroma *c)
{
    return c->url.server;
}

/* ---- an exchange ---- */

static struct http_client *take_client(struct chroma *c)
{
    struct http_client *http = NULL;

    pthread_mutex_lock(&c->lock);
    if (c->n_idle)
        http = c->idle[--c->n_idle];
    pthread_mutex_unlock(&c->lock);
    return http ? http : http_client_new("sheaf");
}

static void give_client(struct chroma *c, struct http_client *http)
{
    pthread_mutex_lock(&c->lock);
    if (c->n_idle < MAX_IDLE) {
        c->idle[c->n_idle++] = http;
        http = NULL;
    }
    pthread_mutex_unlock(&c->lock);
    http_client_free(http);
}

/* An answer of 2xx, which the caller releases. */
static enum err_code fetch(struct chroma *c, const struct chroma_how *how,
                           const char *method, const char *url,
                           struct slice body, struct http_answer *out,
                           struct err *e)
{
    const struct http_fetch f = {.method = method,
                                 .url = url,
                                 .headers = c->headers,
                                 .body = body,
                                 .timeout_ms = how->timeout_ms,
                                 .connect_timeout_ms = CONNECT_TIMEOUT_MS,
                                 .max_body = CHROMA_MAX_REPLY,
                                 .cancelled = how->cancelled,
                                 .ctx = how->ctx};
    struct http_client *http = take_client(c);
    struct err why = {0};
    enum err_code code;

    if (!http)
        return err_set(e, ERR_UNAVAILABLE, "out of memory");
    code = http_fetch(http, &f, out, &why);
    give_client(c, http);
    if (code == ERR_CANCELLED)
        code = err_set(e, code, "%s", why.msg);
    else if (code != ERR_NONE)
        code = err_set(e, ERR_UNAVAILABLE,
                       "the Chroma server at %s does not answer: %s",
                       c->url.server, why.msg);
    else if (out->status / 100 != 2)
        code = chroma_reply_error(out->status, buf_slice(&out->body), e);
    if (code != ERR_NONE)
        http_answer_release(out);
    return code;
}

/* The same below the collections of the database; id NULL: of all. */
static enum err_code call(struct chroma *c, const struct chroma_how *how,
                          const char *method, const char *id, const char *what,
                          struct slice body, struct http_answer *out,
                          struct err *e)
{
    char url[sizeof(struct chroma_url) + 200];

    snprintf(url, sizeof(url),
             "%s/api/v2/tenants/%s/databases/%s/collections%s%s%s",
             c->url.server, c->url.tenant, c->url.database, id ? "/" : "",
             id ? id : "", what);
    return fetch(c, how, method, url, body, out, e);
}

/* ---- calls ---- */

enum err_code chroma_version(struct chroma *c, const struct chroma_how *how,
                             struct arena *a, const char **out, struct err *e)
{
    char url[sizeof(c->url.server) + 40];
    struct http_answer answer;
    json_t *v = NULL;
    enum err_code code;

    snprintf(url, sizeof(url), "%s/api/v2/version", c->url.server);
    code = fetch(c, how, "GET", url, SLICE_NONE, &answer, e);
    if (code != ERR_NONE)
        return code;
    if (json_parse(&v, buf_slice(&answer.body), NULL) != ERR_NONE ||
        !json_is_string(v))
        code = err_set(e, ERR_UNAVAILABLE, "%s is no Chroma server",
                       c->url.server);
    else if (!(*out = arena_strdup(a, json_string_value(v))))
        code = err_set(e, ERR_UNAVAILABLE, "out of memory");
    json_decref(v);
    http_answer_release(&answer);
    return code;
}

static void write_collection(struct jw *j, const char *name)
{
    jw_obj(j);
    jw_kstr(j, "name", name);
    jw_kbool(j, "get_or_create", true);
    jw_key(j, "configuration");
    jw_obj(j);
    jw_key(j, "hnsw");
    jw_obj(j);
    jw_kstr(j, "space", "cosine");
    jw_kint(j, "max_neighbors", MAX_NEIGHBORS);
    jw_kint(j, "ef_construction", EF_CONSTRUCTION);
    jw_kint(j, "ef_search", EF_SEARCH);
    jw_end_obj(j);
    jw_end_obj(j);
    jw_end_obj(j);
}

enum err_code chroma_open(struct chroma *c, const struct chroma_how *how,
                          const char *name, int64_t dim,
                          struct chroma_collection *out, struct err *e)
{
    struct http_answer answer;
    struct buf body;
    struct jw j;
    enum err_code code;

    buf_init(&body, 4096);
    jw_init(&j, &body);
    write_collection(&j, name);
    code = call(c, how, "POST", NULL, "", buf_slice(&body), &answer, e);
    buf_release(&body);
    if (code != ERR_NONE)
        return code;
    code = chroma_reply_collection(buf_slice(&answer.body), dim, out, e);
    http_answer_release(&answer);
    return code;
}

enum err_code chroma_mark(struct chroma *c, const struct chroma_how *how,
                          const char *id, const char *mark, struct err *e)
{
    struct http_answer answer;
    struct buf body;
    enum err_code code;

    buf_init(&body, 4096);
    buf_printf(&body, "{\"new_metadata\":{\"" CHROMA_MARK "\":\"%s\"}}", mark);
    code = call(c, how, "PUT", id, "", buf_slice(&body), &answer, e);
    buf_release(&body);
    if (code == ERR_NONE)
        http_answer_release(&answer);
    return code;
}

enum err_code chroma_count(struct chroma *c, const struct chroma_how *how,
                           const char *id, int64_t *out, struct err *e)
{
    struct http_answer answer;
    enum err_code code =
        call(c, how, "GET", id, "/count", SLICE_NONE, &answer, e);

    if (code != ERR_NONE)
        return code;
    code = chroma_reply_count(buf_slice(&answer.body), out, e);
    http_answer_release(&answer);
    return code;
}

enum err_code chroma_query(struct chroma *c, const struct chroma_how *how,
                           const char *id, const float *vector, size_t dim,
                           size_t n, struct arena *a, struct chroma_hit **out,
                           size_t *n_out, struct err *e)
{
    struct http_answer answer;
    struct buf body;
    enum err_code code;

    buf_init(&body, 1 << 16);
    buf_add_str(&body, "{\"query_embeddings\":[");
    vector_add_json(&body, vector, dim);
    buf_printf(&body, "],\"n_results\":%zu,\"include\":[\"distances\"]}", n);
    code = call(c, how, "POST", id, "/query", buf_slice(&body), &answer, e);
    buf_release(&body);
    if (code != ERR_NONE)
        return code;
    code = chroma_reply_query(buf_slice(&answer.body), a, out, n_out, e);
    http_answer_release(&answer);
    return code;
}

static enum err_code get_records(struct chroma *c, const struct chroma_how *how,
                                 const char *id, const struct buf *body,
                                 struct chroma_records *out, struct err *e)
{
    struct http_answer answer;
    enum err_code code;

    *out = (struct chroma_records){.n = 0};
    if (!buf_ok(body))
        return err_set(e, ERR_UNAVAILABLE, "out of memory");
    code = call(c, how, "POST", id, "/get", buf_slice(body), &answer, e);
    if (code != ERR_NONE)
        return code;
    code = chroma_reply_records(buf_slice(&answer.body), out, e);
    http_answer_release(&answer);
    return code;
}

/* {"ids": [...] , left open. */
static void write_names(struct jw *j, const struct slice *names, size_t n)
{
    jw_obj(j);
    jw_key(j, "ids");
    jw_arr(j);
    for (size_t i = 0; i < n; i++)
        jw_slice(j, names[i]);
    jw_end_arr(j);
}

enum err_code chroma_get(struct chroma *c, const struct chroma_how *how,
                         const char *id, const struct slice *names, size_t n,
                         struct chroma_records *out, struct err *e)
{
    struct buf body;
    struct jw j;
    enum err_code code;

    buf_init(&body, 1 << 22);
    jw_init(&j, &body);
    write_names(&j, names, n);
    jw_kraw(&j, "include",
            SLICE("[\"embeddings\",\"documents\",\"metadatas\"]"));
    jw_end_obj(&j);
    code = get_records(c, how, id, &body, out, e);
    buf_release(&body);
    return code;
}

enum err_code chroma_list(struct chroma *c, const struct chroma_how *how,
                          const char *id, int64_t offset, int64_t limit,
                          struct chroma_records *out, struct err *e)
{
    struct buf body;
    enum err_code code;

    buf_init(&body, 4096);
    buf_printf(&body, "{\"offset\":%lld,\"limit\":%lld,\"include\":[]}",
               (long long)offset, (long long)limit);
    code = get_records(c, how, id, &body, out, e);
    buf_release(&body);
    return code;
}

static enum err_code send_records(struct chroma *c,
                                  const struct chroma_how *how, const char *id,
                                  const char *what, struct slice body,
                                  struct err *e)
{
    struct http_answer answer;
    enum err_code code = call(c, how, "POST", id, what, body, &answer, e);

    if (code == ERR_NONE)
        http_answer_release(&answer);
    return code;
}

enum err_code chroma_upsert(struct chroma *c, const struct chroma_how *how,
                            const char *id, struct slice body, struct err *e)
{
    return send_records(c, how, id, "/upsert", body, e);
}

enum err_code chroma_delete(struct chroma *c, const struct chroma_how *how,
                            const char *id, const struct slice *names, size_t n,
                            struct err *e)
{
    struct buf body;
    struct jw j;
    enum err_code code;

    buf_init(&body, 1 << 22);
    jw_init(&j, &body);
    write_names(&j, names, n);
    jw_end_obj(&j);
    code = buf_ok(&body)
               ? send_records(c, how, id, "/delete", buf_slice(&body), e)
               : err_set(e, ERR_UNAVAILABLE, "out of memory");
    buf_release(&body);
    return code;
}
