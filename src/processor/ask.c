/* ask.c - POST /ask: an answer whose every [n] is a source.
 *
 * The passages are found first; an error until then has its status.  A stream
 * begins with them, so that a reader has something to look at while a model
 * thinks; what fails later is told in the stream.  While there is nothing to
 * tell it is kept awake by comments: proxies cut what is silent.
 */
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "processor/answer.h"
#include "processor/fuse.h"
#include "processor/history.h"
#include "processor/search.h"

/* Candidates for each source wanted: overlapping chunks are left out. */
#define CANDIDATES 4
#define MAX_EVENT (16u << 20)
/* The longest question and 50 turns of some length. */
#define MAX_BODY (1u << 20)

struct asked {
    struct request *r;
    struct search search;
    size_t picked[ANSWER_MAX_SOURCES]; /* of search.chunks; source n is
                                          picked[n-1] */
    size_t n;
    struct answer answer;
    bool streaming;  /* the stream has begun */
    int64_t sent_us; /* when something was sent last */
};

/* ---- the question ---- */

static enum err_code read_question(struct asked *a, struct err *e)
{
    struct request *r = a->r;
    struct prompt_input *in = &a->answer.in;
    struct prompt_turn *turns;
    enum err_code code;

    in->question = slice_trim(request_str(r, "question"));
    if (in->question.len == 0)
        return err_field(e, "question", "'question' is empty");
    code = history_read(request_value(r, "history"), &turns, &in->n_history,
                        r->arena, e);
    if (code != ERR_NONE)
        return code;
    in->history = turns;
    return history_search_text(&a->answer.about, in->question, turns,
                               in->n_history, r->arena, e);
}

static enum err_code read_search(struct asked *a, struct err *e)
{
    struct request *r = a->r;
    const json_t *where = request_value(r, "where");
    size_t k = (size_t)request_int(r, "k") * CANDIDATES;
    enum err_code code = ERR_NONE;

    a->search = (struct search){
        .p = r->ctx,
        .arena = r->arena,
        .sets = 1 << VECTORS_CHUNKS | 1 << VECTORS_PAPERS,
        .mode = SEARCH_HYBRID,
        .k = k < SEARCH_MAX_K ? k : SEARCH_MAX_K,
        .text = a->answer.about,
    };
    if (request_has(r, "collection"))
        code = search_collections_read(&a->search.sets,
                                       request_str(r, "collection"), e);
    if (code != ERR_NONE)
        return code;
    return where ? where_compile(&a->search.where, where, e) : ERR_NONE;
}

/* ---- the sources ---- */

static void pick_sources(struct asked *a)
{
    struct fuse_span spans[SEARCH_MAX_K];
    const struct search *s = &a->search;

    for (size_t i = 0; i < s->n; i++)
        spans[i] = (struct fuse_span){s->chunks[i].document_key,
                                      (size_t)s->chunks[i].start_char,
                                      (size_t)s->chunks[i].end_char};
    a->n = fuse_pick(spans, s->n, (size_t)request_int(a->r, "k"), a->picked);
}

static enum err_code list_sources(struct asked *a, struct err *e)
{
    struct prompt_source *sources =
        arena_calloc(a->r->arena, a->n + 1, sizeof(*sources));

    if (!sources)
        return err_set(e, ERR_UNAVAILABLE, "out of memory");
    for (size_t i = 0; i < a->n; i++) {
        const struct chunk *c = &a->search.chunks[a->picked[i]];

        sources[i] = (struct prompt_source){.title = c->title, .text = c->text};
        if (c->page > 0)
            sources[i].place = slice_of(
                arena_printf(a->r->arena, "page %lld", (long long)c->page));
    }
    a->answer.in.sources = sources;
    a->answer.in.n_sources = a->n;
    return ERR_NONE;
}

static enum err_code find_sources(struct asked *a, struct err *e)
{
    enum err_code code = search_run(&a->search, e);

    if (code != ERR_NONE)
        return code;
    pick_sources(a);
    return list_sources(a, e);
}

/* ---- the reply's parts ---- */

static void write_sources(struct jw *j, const struct asked *a)
{
    jw_key(j, "sources");
    jw_arr(j);
    for (size_t i = 0; i < a->answer.n_sources; i++) {
        const struct chunk *c = &a->search.chunks[a->picked[i]];

        jw_obj(j);
        jw_kint(j, "n", (int64_t)i + 1);
        jw_kslice(j, "title", c->title);
        jw_kint(j, "chunk_index", c->index);
        passage_write_place(j, c, a->search.papers[a->picked[i]]);
        jw_kslice(j, "text", c->text);
        jw_kdouble(j, "distance",
                   a->search.ranks[a->picked[i]].distance); /* NAN is null */
        jw_end_obj(j);
    }
    jw_end_arr(j);
}

static void write_answer(struct jw *j, const struct asked *a)
{
    jw_kslice(j, "question", request_str(a->r, "question"));
    jw_kslice(j, "answer", a->answer.text);
}

/* What the model's context had no room for. */
static void write_left_out(struct jw *j, const struct prompt *p)
{
    if (p->sources_dropped + p->history_dropped == 0 && !p->last_source_cut)
        return;
    jw_key(j, "left_out");
    jw_obj(j);
    jw_kint(j, "sources", (int64_t)p->sources_dropped);
    jw_kint(j, "turns", (int64_t)p->history_dropped);
    jw_kbool(j, "last_source_cut", p->last_source_cut);
    jw_end_obj(j);
}

static void write_end(struct jw *j, const struct asked *a)
{
    const char *warning =
        a->answer.warning ? a->answer.warning : a->search.warning;

    jw_kslice(j, "model", a->answer.model);
    jw_kbool(j, "grounded", a->answer.grounded);
    jw_kbool(j, "complete", a->answer.whole);
    write_left_out(j, &a->answer.prompt);
    if (warning)
        jw_kstr(j, "warning", warning);
}

/* ---- the whole reply ---- */

static void reply_whole(struct asked *a)
{
    struct jw j;

    jw_init(&j, reply_json(a->r, 200));
    jw_obj(&j);
    write_answer(&j, a);
    write_sources(&j, a);
    write_end(&j, a);
    jw_end_obj(&j);
}

/* ---- the streamed reply ---- */

static enum err_code send(struct asked *a, struct slice bytes, struct err *e)
{
    a->sent_us = clock_mono_us();
    return stream_write(a->r, bytes, e);
}

/* One server-sent event; `fill` writes the members of its data. */
static enum err_code
send_event(struct asked *a, const char *name,
           void (*fill)(struct jw *j, const struct asked *a), struct err *e)
{
    struct buf b;
    struct jw j;
    enum err_code code;

    buf_init(&b, MAX_EVENT);
    buf_printf(&b, "event: %s\ndata: ", name);
    jw_init(&j, &b);
    jw_obj(&j);
    fill(&j, a);
    jw_end_obj(&j);
    buf_add_str(&b, "\n\n");
    code = buf_ok(&b) ? send(a, buf_slice(&b), e)
                      : err_set(e, ERR_INTERNAL, "the answer is too large");
    buf_release(&b);
    return code;
}

static void write_done(struct jw *j, const struct asked *a)
{
    write_answer(j, a);
    write_end(j, a);
}

static void write_failure(struct jw *j, const struct asked *a)
{
    (void)a;
    jw_kstr(j, "error", "no answer could be made");
}

static bool send_token(void *ctx, struct slice text)
{
    struct asked *a = ctx;
    struct jw j;
    struct buf b;
    bool sent;

    buf_init(&b, MAX_EVENT);
    buf_add_str(&b, "event: token\ndata: ");
    jw_init(&j, &b);
    jw_obj(&j);
    jw_kslice(&j, "text", text);
    jw_end_obj(&j);
    buf_add_str(&b, "\n\n");
    sent = buf_ok(&b) && send(a, buf_slice(&b), NULL) == ERR_NONE;
    buf_release(&b);
    return sent;
}

static bool is_gone(void *ctx)
{
    struct asked *a = ctx;
    int64_t ping_us = a->search.p->ping_ms * US_PER_MS;

    if (a->streaming && clock_mono_us() - a->sent_us >= ping_us &&
        send(a, SLICE(": ping\n\n"), NULL) != ERR_NONE)
        return true;
    return request_gone(a->r);
}

static enum err_code reply_streamed(struct asked *a, struct err *e)
{
    enum err_code code;

    reply_header(a->r, "Cache-Control", "no-cache");
    code = stream_begin(a->r, 200, "text/event-stream", e);
    if (code != ERR_NONE)
        return code;
    a->streaming = true;
    a->answer.reader.on_text = send_token;
    code = send_event(a, "sources", write_sources, e);
    if (code != ERR_NONE)
        return code;
    code = answer_make(&a->answer, e);
    if (code == ERR_CANCELLED)
        return code;
    if (code == ERR_NONE)
        return send_event(a, "done", write_done, e);
    log_error("processor", "no answer could be made", LOG_S("error", e->msg));
    return send_event(a, "error", write_failure, e);
}

static enum err_code post_ask(struct request *r, struct err *e)
{
    struct asked a = {.r = r};
    enum err_code code = read_question(&a, e);

    if (code == ERR_NONE)
        code = read_search(&a, e);
    if (code == ERR_NONE)
        code = find_sources(&a, e);
    a.answer.p = r->ctx;
    a.answer.arena = r->arena;
    a.answer.reader = (struct llm_reader){.gone = is_gone, .ctx = &a};
    if (code == ERR_NONE)
        code = answer_prepare(&a.answer, e);
    if (code == ERR_NONE && request_bool(r, "stream")) {
        code = reply_streamed(&a, e);
    } else if (code == ERR_NONE) {
        code = answer_make(&a.answer, e);
        if (code == ERR_NONE)
            reply_whole(&a);
    }
    search_end(&a.search);
    return code;
}

static const struct param params[] = {
    {"question", IN_BODY, PARAM_STR, .required = true, .min = 1, .max = 10000,
     .doc = "What you want to know.",
     .example = "How do I deploy to Kubernetes?"},
    {"k", IN_BODY, PARAM_INT, .min = 1, .max = ANSWER_MAX_SOURCES, .dflt = "3",
     .doc = "At most so many sources."},
    {"collection", IN_BODY, PARAM_STR, .min = 1, .max = 100,
     .doc = "Only sources of this collection, as in GET /query; without it, "
            "documents and papers."},
    {"where", IN_BODY, PARAM_JSON,
     .doc = "Only sources whose metadata match, as in GET /query.",
     .example = "{\"author\":\"Vasu\"}"},
    {"history", IN_BODY, PARAM_ANY,
     .doc = "The turns before, oldest first, user and assistant in turn; at "
            "most 50 of 20000 characters.",
     .example = "[{\"role\":\"user\",\"content\":\"What is a Pod?\"},"
                "{\"role\":\"assistant\",\"content\":\"The smallest unit. "
                "[1]\"}]"},
    {"stream", IN_BODY, PARAM_BOOL, .dflt = "false",
     .doc = "Server-sent events: sources, token..., done; or error."},
    {.name = NULL}};

const struct route processor_ask_routes[] = {
    {.method = HTTP_POST,
     .pattern = "/ask",
     .handle = post_ask,
     .policy = POLICY_READ,
     .run = ON_STREAM,
     .params = params,
     .max_body = MAX_BODY,
     .tag = "Documents",
     .summary = "Ask a question",
     .doc = "Every [n] in the answer is source n.  With `llm_url` set the "
            "answer is that model's; without, or if it fails, it is made of "
            "sentences of the sources, and `warning` says why.  Where nothing "
            "fits, grounded is false.  An answer that was cut or broke off is "
            "not `complete`; `left_out` tells what the model's context had no "
            "room for.",
     .schema = "Answer",
     .media = "text/event-stream",
     .returns = "{\"question\":\"How do I deploy to Kubernetes?\","
                "\"answer\":\"Apply the manifest with kubectl apply. [1]\","
                "\"sources\":[{\"n\":1,\"title\":\"Kubernetes Guide\","
                "\"chunk_index\":3,\"document_id\":\"doc-8d969eef6ecad3c2\","
                "\"start_char\":2400,\"end_char\":3400,\"link\":"
                "\"/documents/doc-8d969eef6ecad3c2/text?from=2400&to=3400\","
                "\"text\":\"...\","
                "\"distance\":0.35}],\"model\":\"extractive\","
                "\"grounded\":true,\"complete\":true}"},
    {.pattern = NULL}};
