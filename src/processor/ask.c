/* ask.c - POST /ask: an answer whose every [n] is a source.
 *
 * Without a language model the answer is made of sentences of the sources
 * (extractive.h): nothing in it can be invented.  So it is when the model
 * fails: an answer with a warning is better than none.
 */
#include "base/json.h"
#include "base/log.h"
#include "processor/extractive.h"
#include "processor/fuse.h"
#include "processor/llm_answer.h"
#include "processor/search.h"

#define MAX_SOURCES 20
/* Candidates for each source wanted: overlapping chunks are left out. */
#define CANDIDATES 4
/* Below it the best sentence says too little about the question.  Chosen by
 * hand on our own documentation; docs/documents.md. */
#define THRESHOLD 0.35F
#define MAX_REPLY (16u << 20)

struct answer {
    struct request *r;
    struct search search;
    size_t picked[MAX_SOURCES]; /* of search.chunks; source n is picked[n-1] */
    size_t n;
    struct llm_answer made;
    const char *warning; /* why it is not the model's; NULL: nothing to say */
};

/* ---- make it ---- */

static enum err_code read_question(struct answer *a, struct err *e)
{
    struct request *r = a->r;
    const json_t *where = request_value(r, "where");
    size_t k = (size_t)request_int(r, "k") * CANDIDATES;

    a->search = (struct search){
        .p = r->ctx,
        .arena = r->arena,
        .mode = SEARCH_HYBRID,
        .k = k < SEARCH_MAX_K ? k : SEARCH_MAX_K,
        .text = slice_trim(request_str(r, "question")),
    };
    if (a->search.text.len == 0)
        return err_field(e, "question", "'question' is empty");
    return where ? where_compile(&a->search.where, where, e) : ERR_NONE;
}

static void pick_sources(struct answer *a)
{
    struct fuse_span spans[SEARCH_MAX_K];
    const struct search *s = &a->search;

    for (size_t i = 0; i < s->n; i++)
        spans[i] = (struct fuse_span){s->chunks[i].document_key,
                                      (size_t)s->chunks[i].start_char,
                                      (size_t)s->chunks[i].end_char};
    a->n = fuse_pick(spans, s->n, (size_t)request_int(a->r, "k"), a->picked);
}

static enum err_code embed_sentences(void *ctx, const struct slice *texts,
                                     size_t n, float *out, struct err *e)
{
    return embed_texts(ctx, NULL, texts, n, out, NULL, e);
}

static enum err_code extract(struct answer *a, struct err *e)
{
    const struct extractive_options opt = {.threshold = THRESHOLD};
    struct extractive_source sources[MAX_SOURCES];
    struct extractive_embedder embedder = {.embed = embed_sentences};
    struct extractive out;
    struct embed *m;
    enum err_code code = processor_embed(a->search.p, &m, e);

    if (code != ERR_NONE)
        return code;
    embedder.ctx = m;
    for (size_t i = 0; i < a->n; i++) {
        const struct chunk *c = &a->search.chunks[a->picked[i]];

        sources[i] = (struct extractive_source){c->text, c->title};
    }
    code = extractive_answer(&out, a->search.text, sources, a->n, &opt,
                             &embedder, a->r->arena, e);
    a->made = (struct llm_answer){out.answer, SLICE("extractive"),
                                  code == ERR_NONE && out.grounded};
    return code;
}

static bool is_gone(void *r)
{
    return request_gone(r);
}

static enum err_code ask_model(struct answer *a, struct err *e)
{
    struct prompt_source sources[MAX_SOURCES];

    for (size_t i = 0; i < a->n; i++) {
        const struct chunk *c = &a->search.chunks[a->picked[i]];

        sources[i] = (struct prompt_source){.title = c->title, .text = c->text};
    }
    return llm_ask(&a->search.p->llm, a->search.text, sources, a->n, is_gone,
                   a->r, a->r->arena, &a->made, e);
}

static enum err_code make_answer(struct answer *a, struct err *e)
{
    struct err why = {0};
    enum err_code code = search_run(&a->search, e);

    if (code != ERR_NONE)
        return code;
    pick_sources(a);
    if (!*a->search.p->llm.url || a->n == 0)
        return extract(a, e);
    code = ask_model(a, &why);
    if (code == ERR_NONE || code == ERR_CANCELLED || code == ERR_INVALID) {
        *e = why;
        return code;
    }
    log_warn("processor", "the language model gave no answer",
             LOG_S("error", why.msg));
    a->warning = arena_printf(a->r->arena,
                              "no answer from the language model: "
                              "%s",
                              why.msg);
    return extract(a, e);
}

/* ---- give it ---- */

static void write_sources(struct jw *j, const struct answer *a)
{
    jw_key(j, "sources");
    jw_arr(j);
    for (size_t i = 0; i < a->n; i++) {
        const struct chunk *c = &a->search.chunks[a->picked[i]];

        jw_obj(j);
        jw_kint(j, "n", (int64_t)i + 1);
        jw_kslice(j, "title", c->title);
        jw_kint(j, "chunk_index", c->index);
        chunk_write_place(j, c);
        jw_kslice(j, "text", c->text);
        jw_kdouble(j, "distance",
                   a->search.ranks[a->picked[i]].distance); /* NAN is null */
        jw_end_obj(j);
    }
    jw_end_arr(j);
}

static void write_answer(struct jw *j, const struct answer *a)
{
    jw_kslice(j, "question", request_str(a->r, "question"));
    jw_kslice(j, "answer", a->made.text);
}

static void write_end(struct jw *j, const struct answer *a)
{
    jw_kslice(j, "model", a->made.model);
    jw_kbool(j, "grounded", a->made.grounded);
    if (a->warning)
        jw_kstr(j, "warning", a->warning);
}

static enum err_code reply_whole(struct answer *a, struct err *e)
{
    struct jw j;

    (void)e;
    jw_init(&j, reply_json(a->r, 200));
    jw_obj(&j);
    write_answer(&j, a);
    write_sources(&j, a);
    write_end(&j, a);
    jw_end_obj(&j);
    return ERR_NONE;
}

/* One server-sent event; `fill` writes the members of its data. */
static enum err_code
send_event(struct answer *a, const char *name,
           void (*fill)(struct jw *j, const struct answer *a), struct err *e)
{
    struct buf b;
    struct jw j;
    enum err_code code;

    buf_init(&b, MAX_REPLY);
    buf_printf(&b, "event: %s\ndata: ", name);
    jw_init(&j, &b);
    jw_obj(&j);
    fill(&j, a);
    jw_end_obj(&j);
    buf_add_str(&b, "\n\n");
    code = buf_ok(&b) ? stream_write(a->r, buf_slice(&b), e)
                      : err_set(e, ERR_INTERNAL, "the answer is too large");
    buf_release(&b);
    return code;
}

static void write_token(struct jw *j, const struct answer *a)
{
    jw_kslice(j, "text", a->made.text);
}

static void write_done(struct jw *j, const struct answer *a)
{
    write_answer(j, a);
    write_end(j, a);
}

static enum err_code reply_streamed(struct answer *a, struct err *e)
{
    enum err_code code;

    reply_header(a->r, "Cache-Control", "no-cache");
    reply_header(a->r, "X-Accel-Buffering", "no");
    code = stream_begin(a->r, 200, "text/event-stream", e);
    if (code == ERR_NONE)
        code = send_event(a, "sources", write_sources, e);
    if (code == ERR_NONE)
        code = send_event(a, "token", write_token, e);
    return code == ERR_NONE ? send_event(a, "done", write_done, e) : code;
}

static enum err_code post_ask(struct request *r, struct err *e)
{
    struct answer a = {.r = r};
    enum err_code code = read_question(&a, e);

    if (code == ERR_NONE)
        code = make_answer(&a, e);
    if (code == ERR_NONE)
        code = request_bool(r, "stream") ? reply_streamed(&a, e)
                                         : reply_whole(&a, e);
    search_end(&a.search);
    return code;
}

static const struct param params[] = {
    {"question", IN_BODY, PARAM_STR, .required = true, .min = 1, .max = 10000,
     .doc = "What you want to know.",
     .example = "How do I deploy to Kubernetes?"},
    {"k", IN_BODY, PARAM_INT, .min = 1, .max = MAX_SOURCES, .dflt = "3",
     .doc = "At most so many sources."},
    {"where", IN_BODY, PARAM_JSON,
     .doc = "Only sources whose metadata match, as in GET /query.",
     .example = "{\"author\":\"Vasu\"}"},
    {"stream", IN_BODY, PARAM_BOOL, .dflt = "false",
     .doc = "Server-sent events: sources, token..., done."},
    {.name = NULL}};

const struct route processor_ask_routes[] = {
    {.method = HTTP_POST,
     .pattern = "/ask",
     .handle = post_ask,
     .policy = POLICY_READ,
     .run = ON_STREAM,
     .params = params,
     .tag = "Documents",
     .summary = "Ask a question",
     .doc = "Every [n] in the answer is source n.  With `llm_url` set the "
            "answer is that model's; without, or if it fails, it is made of "
            "sentences of the sources.  Where nothing fits, grounded is false.",
     .returns = "{\"question\":\"How do I deploy to Kubernetes?\","
                "\"answer\":\"Apply the manifest with kubectl apply. [1]\","
                "\"sources\":[{\"n\":1,\"title\":\"Kubernetes Guide\","
                "\"chunk_index\":3,\"document_id\":\"doc-8d969eef6ecad3c2\","
                "\"start_char\":2400,\"end_char\":3400,\"link\":"
                "\"/documents/doc-8d969eef6ecad3c2/text?from=2400&to=3400\","
                "\"text\":\"...\","
                "\"distance\":0.35}],\"model\":\"extractive\","
                "\"grounded\":true}"},
    {.pattern = NULL}};
