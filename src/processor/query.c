/* query.c - GET /query: passages by meaning, by words, or by both. */
#include "base/json.h"
#include "processor/extractive.h"
#include "processor/search.h"

/* When to ask again for vectors that are being made. */
#define RETRY_AFTER_S "10"

static enum err_code read_query(struct search *s, struct request *r,
                                struct err *e)
{
    struct slice word = request_str(r, "mode");
    enum err_code code;

    s->text = slice_trim(request_str(r, "q"));
    s->k = (size_t)request_int(r, "k");
    for (int i = 0; search_modes[i]; i++)
        if (slice_is(word, search_modes[i]))
            s->mode = (enum search_mode)i;
    if (s->text.len == 0)
        return err_field(e, "q", "'q' is empty: say what you look for");
    code = search_collections_read(&s->sets, request_str(r, "collection"), e);
    if (code != ERR_NONE)
        return code;
    return request_has(r, "where")
               ? where_parse(&s->where, request_str(r, "where"), e)
               : ERR_NONE;
}

/* ---- the reply ---- */

/* The best sentence, as places in the document: what a viewer marks. */
static void write_highlight(struct jw *j, const struct chunk *c,
                            const struct sentence *s)
{
    jw_key(j, "highlight");
    if (s->start == s->end) {
        jw_null(j);
        return;
    }
    jw_obj(j);
    jw_kslice(j, "text", slice_sub(c->text, s->start, s->end));
    jw_kint(j, "start_char", c->start_char + (int64_t)s->start_char);
    jw_kint(j, "end_char", c->start_char + (int64_t)s->end_char);
    jw_end_obj(j);
}

static void write_result(struct jw *j, const struct search *s, size_t i,
                         const struct sentence *best)
{
    const struct search_rank *rank = &s->ranks[i];

    passage_write(j, &s->chunks[i], s->papers[i]);
    jw_kdouble(j, "distance", rank->distance); /* NAN is null */
    jw_kdouble(j, "similarity", 1 - rank->distance);
    jw_kdouble(j, "score", rank->score);
    write_highlight(j, &s->chunks[i], best);
    jw_end_obj(j);
}

static void write_took(struct jw *j, const struct search *s)
{
    jw_key(j, "took_ms");
    jw_obj(j);
    jw_kdouble(j, "embed", s->embed_ms);
    jw_kdouble(j, "filter", s->filter_ms);
    jw_kdouble(j, "search", s->search_ms);
    jw_kdouble(j, "load", s->load_ms);
    jw_kdouble(j, "total",
               s->embed_ms + s->filter_ms + s->search_ms + s->load_ms);
    jw_end_obj(j);
}

/* The best sentence of each result, by its words: that costs microseconds. */
static enum err_code find_highlights(struct search *s, struct sentence **out,
                                     struct err *e)
{
    struct slice texts[SEARCH_MAX_K];
    enum err_code code;

    for (size_t i = 0; i < s->n; i++)
        texts[i] = s->chunks[i].text;
    *out = arena_calloc(s->arena, s->n + 1, sizeof(**out));
    if (!*out)
        return err_set(e, ERR_UNAVAILABLE, "out of memory");
    code = extractive_highlight(*out, s->text, texts, s->n, NULL, s->arena, e);
    s->load_ms += search_lap(s);
    return code;
}

static enum err_code reply(struct search *s, struct request *r, struct err *e)
{
    struct sentence *best;
    struct jw j;
    enum err_code code = find_highlights(s, &best, e);

    if (code != ERR_NONE)
        return code;
    jw_init(&j, reply_json(r, 200));
    jw_obj(&j);
    jw_kslice(&j, "query", request_str(r, "q"));
    jw_key(&j, "results");
    jw_arr(&j);
    for (size_t i = 0; i < s->n; i++)
        write_result(&j, s, i, &best[i]);
    jw_end_arr(&j);
    jw_kint(&j, "count", (int64_t)s->n);
    jw_kstr(&j, "mode", search_modes[s->mode]);
    jw_kstr(&j, "metric", "cosine");
    if (s->warning)
        jw_kstr(&j, "warning", s->warning);
    write_took(&j, s);
    jw_end_obj(&j);
    return ERR_NONE;
}

static enum err_code get_query(struct request *r, struct err *e)
{
    struct search s = {.p = r->ctx, .arena = r->arena};
    enum err_code code = read_query(&s, r, e);

    if (code == ERR_NONE)
        code = search_run(&s, e);
    if (code == ERR_NONE)
        code = reply(&s, r, e);
    if (s.problem) {
        reply_error(r, 503, NULL, s.problem);
        reply_header(r, "Retry-After", RETRY_AFTER_S);
        code = ERR_NONE;
    }
    search_end(&s);
    return code;
}

static const struct param query_params[] = {
    {"q", IN_QUERY, PARAM_STR, .required = true, .min = 1, .max = 10000,
     .doc = "What to look for.", .example = "how to deploy to kubernetes"},
    {"k", IN_QUERY, PARAM_INT, .min = 1, .max = SEARCH_MAX_K, .dflt = "3",
     .doc = "At most so many results; fewer are normal."},
    {"mode", IN_QUERY, PARAM_ENUM, .choices = search_modes, .dflt = "semantic",
     .doc = "By meaning, by words (BM25), or both (reciprocal rank fusion)."},
    {"where", IN_QUERY, PARAM_STR, .min = 1, .max = 100000,
     .doc = "Only chunks whose metadata match: JSON with Chroma's operators.",
     .example = "{\"author\":\"Vasu\"}"},
    {"collection", IN_QUERY, PARAM_STR, .min = 1, .max = 100,
     .dflt = SEARCH_DOCUMENTS,
     .doc = "Where to look: \"" SEARCH_DOCUMENTS "\", or \"" SEARCH_PAPERS
            "\", in which every stored paper is one passage, title and "
            "abstract."},
    {.name = NULL}};

const struct route processor_query_routes[] = {
    {.method = HTTP_GET,
     .pattern = "/query",
     .handle = get_query,
     .policy = POLICY_READ,
     .params = query_params,
     .tag = "Documents",
     .summary = "Find passages",
     .doc =
         "The search is exact, with a filter too.  `distance` is 1 - cosine; "
         "null for what was found by its words alone.  While everything is "
         "embedded again after a change of the model, semantic answers 503, "
         "and "
         "hybrid by words alone, with a warning and the mode \"keyword\".",
     .schema = "Passages",
     .returns = "{\"query\":\"how to deploy to kubernetes\",\"results\":[{"
                "\"id\":\"doc-8d969eef6ecad3c2_chunk_3\",\"text\":\"...\","
                "\"metadata\":{\"title\":\"Kubernetes Guide\","
                "\"document_id\":\"doc-8d969eef6ecad3c2\","
                "\"job_id\":\"text-1762123331\",\"chunk_index\":3,"
                "\"start_char\":2400,\"end_char\":3400},\"link\":"
                "\"/documents/doc-8d969eef6ecad3c2/text?from=2400&to=3400\","
                "\"distance\":0.35,\"similarity\":0.65,"
                "\"score\":0.65,\"highlight\":null}],\"count\":1,"
                "\"mode\":\"semantic\",\"metric\":\"cosine\","
                "\"took_ms\":{\"embed\":1.2,\"filter\":0.0,\"search\":0.5,"
                "\"load\":0.2,\"total\":1.9}}"},
    {.pattern = NULL}};
