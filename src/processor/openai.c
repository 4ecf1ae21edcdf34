/* openai.c - POST /v1/embeddings and GET /v1/models, as OpenAI's own clients
 * know them; see processor.h and docs/openai.md.
 *
 * Two things differ, both on purpose.  There is one model; OpenAI's names of
 * embedding models are taken as other names for it, so that a program whose
 * base address alone was changed works (the reply says which model it was).
 * And tokens sent under such a name are refused: they are numbers of another
 * vocabulary, and would give vectors of nonsense without a word.
 *
 * A reply of more than PIECE vectors is streamed, so that a call of 10,000
 * needs no more memory than one of a thousand.
 */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "embed/embed.h"
#include "embed/vector_text.h"
#include "processor/openai_input.h"
#include "processor/processor.h"

#define PIECE 1024
/* Calls of so few texts are somebody waiting; the others fill an index. */
#define QUERY_TEXTS 4
/* 10,000 texts of 800 bytes; jansson's tree of a body that is all numbers is
 * twenty times as large as the body. */
#define MAX_BODY (8 << 20)
/* One vector as JSON, with index and names. */
#define ITEM_BYTES (EMBED_DIM * (VECTOR_TEXT + 1) + 100)
/* Of one address that may not write. */
#define CALLS_A_MINUTE 600

/* Release of all-MiniLM-L6-v2: 2021-08-30. */
#define MODEL_CREATED INT64_C(1630281600)

struct answer {
    struct request *r;
    struct embed *embed;
    struct embed_how how;
    struct openai_input input;
    bool base64;
    float *vectors;   /* of one piece */
    uint32_t *counts; /* tokens of one piece */
    uint64_t tokens;  /* so far */
};

/* ---- which model ---- */

static bool is_own_name(struct slice name)
{
    return slice_is_nocase(name, EMBED_MODEL) ||
           slice_is_nocase(name, EMBED_MODEL_OWNER "/" EMBED_MODEL);
}

static bool is_alias(struct slice name)
{
    return slice_is(name, "text-embedding-ada-002") ||
           slice_is(name, "text-embedding-3-small") ||
           slice_is(name, "text-embedding-3-large");
}

static enum err_code no_such_model(struct slice name, struct err *e)
{
    (void)err_field(
        e, "model", "The model '%.*s' does not exist; this server has %s",
        (int)(name.len < 100 ? name.len : 100), name.p, EMBED_MODEL);
    return e->code = ERR_NOT_FOUND;
}

/* ---- POST /v1/embeddings ---- */

static enum err_code check_model(const struct answer *a, struct err *e)
{
    struct slice name = request_str(a->r, "model");

    if (is_own_name(name))
        return ERR_NONE;
    if (!is_alias(name))
        return no_such_model(name, e);
    if (a->input.lists)
        return err_field(e, "input",
                         "these tokens belong to the vocabulary of '%.*s', and "
                         "%s has another: send text (in LangChain: "
                         "check_embedding_ctx_length=False), or tokens of %s "
                         "under its own name",
                         SLICE_ARG(name), EMBED_MODEL, EMBED_MODEL);
    return ERR_NONE;
}

static bool client_gone(void *request)
{
    return request_gone(request);
}

static enum err_code read_call(struct answer *a, struct err *e)
{
    struct request *r = a->r;
    size_t piece;
    enum err_code rc;

    if (request_has(r, "dimensions") &&
        request_int(r, "dimensions") != EMBED_DIM)
        return err_field(e, "dimensions",
                         "vectors of %s have %d dimensions; they cannot be "
                         "shortened to %lld",
                         EMBED_MODEL, EMBED_DIM,
                         (long long)request_int(r, "dimensions"));
    rc = openai_input_read(&a->input, request_value(r, "input"), r->arena, e);
    if (rc == ERR_NONE)
        rc = check_model(a, e);
    if (rc)
        return rc;
    piece = a->input.n < PIECE ? a->input.n : PIECE;
    a->vectors = arena_alloc(r->arena, piece * EMBED_DIM * sizeof(float));
    a->counts = arena_alloc(r->arena, piece * sizeof(uint32_t));
    if (!a->vectors || !a->counts)
        return err_set(e, ERR_TOO_LARGE, "the request is too large");
    a->base64 = slice_is(request_str(r, "encoding_format"), "base64");
    a->how = (struct embed_how){
        .priority = a->input.n <= QUERY_TEXTS ? EMBED_QUERY : EMBED_INGEST,
        .precision = arena_strndup(r->arena, request_str(r, "precision").p,
                                   request_str(r, "precision").len),
        .cancelled = client_gone,
        .ctx = r,
    };
    return ERR_NONE;
}

static const char *precision_of(const struct answer *a)
{
    struct embed_info info;

    if (a->how.precision && strcmp(a->how.precision, "auto") != 0)
        return a->how.precision;
    embed_info(a->embed, &info);
    return info.precision;
}

static enum err_code embed_piece(struct answer *a, size_t first, size_t n,
                                 struct err *e)
{
    enum err_code rc;
    size_t i;

    if (a->input.texts)
        rc = embed_texts(a->embed, &a->how, a->input.texts + first, n,
                         a->vectors, a->counts, e);
    else
        rc = embed_tokens(a->embed, &a->how, a->input.lists + first, n,
                          a->vectors, a->counts, e);
    for (i = 0; i < n && rc == ERR_NONE; i++)
        a->tokens += a->counts[i];
    return rc;
}

static void write_piece(const struct answer *a, struct buf *out, size_t first,
                        size_t n)
{
    size_t i;

    for (i = 0; i < n; i++) {
        const float *v = a->vectors + i * EMBED_DIM;

        buf_add_str(out,
                    first + i == 0 ? "{\"object\":\"list\",\"data\":[" : ",");
        buf_add_str(out, "{\"object\":\"embedding\",\"index\":");
        buf_add_u64(out, first + i);
        buf_add_str(out, ",\"embedding\":");
        if (a->base64) {
            buf_add_char(out, '"');
            vector_add_base64(out, v, EMBED_DIM);
            buf_add_str(out, "\"}");
        } else {
            vector_add_json(out, v, EMBED_DIM);
            buf_add_char(out, '}');
        }
    }
}

static void write_end(const struct answer *a, struct buf *out)
{
    buf_add_str(out, "],\"model\":\"" EMBED_MODEL "\",\"usage\":{"
                     "\"prompt_tokens\":");
    buf_add_u64(out, a->tokens);
    buf_add_str(out, ",\"total_tokens\":");
    buf_add_u64(out, a->tokens);
    buf_printf(out, "},\"precision\":\"%s\"}", precision_of(a));
}

static enum err_code answer_whole(struct answer *a, struct err *e)
{
    enum err_code rc = embed_piece(a, 0, a->input.n, e);
    struct buf *out;

    if (rc)
        return rc;
    out = reply_json(a->r, 200);
    reply_header(a->r, "X-Sheaf-Precision", precision_of(a));
    write_piece(a, out, 0, a->input.n);
    write_end(a, out);
    return ERR_NONE;
}

/* The first piece is there before the head is sent: what can go wrong mostly
 * goes wrong in it, and can still be told. */
static enum err_code answer_in_pieces(struct answer *a, struct err *e)
{
    struct buf out;
    enum err_code rc = ERR_NONE;
    size_t first, n;

    buf_init(&out, PIECE * ITEM_BYTES + 1000);
    for (first = 0; first < a->input.n && rc == ERR_NONE; first += n) {
        n = a->input.n - first < PIECE ? a->input.n - first : PIECE;
        rc = embed_piece(a, first, n, e);
        if (rc == ERR_NONE && first == 0) {
            reply_header(a->r, "X-Sheaf-Precision", precision_of(a));
            rc = stream_begin(a->r, 200, "application/json", e);
        }
        if (rc != ERR_NONE)
            break;
        buf_clear(&out);
        write_piece(a, &out, first, n);
        if (first + n == a->input.n)
            write_end(a, &out);
        rc = buf_ok(&out) ? stream_write(a->r, buf_slice(&out), e)
                          : err_set(e, ERR_UNAVAILABLE, "out of memory");
    }
    buf_release(&out);
    return rc;
}

static enum err_code create_embeddings(struct request *r, struct err *e)
{
    struct answer a = {.r = r};
    struct err why = {0};
    enum err_code rc;

    rc = read_call(&a, e);
    if (rc)
        return rc;
    if (processor_embed(r->ctx, &a.embed, &why) != ERR_NONE) {
        reply_error(r, 503, NULL, why.msg);
        /* OpenAI's clients try a 503 again, but this one needs a person. */
        reply_header(r, "X-Should-Retry", "false");
        return ERR_NONE;
    }
    return a.input.n > PIECE ? answer_in_pieces(&a, e) : answer_whole(&a, e);
}

/* ---- GET /v1/models ---- */

static void write_model(struct jw *j, const char *id)
{
    jw_obj(j);
    jw_kstr(j, "id", id);
    jw_kstr(j, "object", "model");
    jw_kint(j, "created", MODEL_CREATED);
    jw_kstr(j, "owned_by", EMBED_MODEL_OWNER);
    jw_end_obj(j);
}

static enum err_code list_models(struct request *r, struct err *e)
{
    struct jw j;

    (void)e;
    jw_init(&j, reply_json(r, 200));
    jw_obj(&j);
    jw_kstr(&j, "object", "list");
    jw_key(&j, "data");
    jw_arr(&j);
    write_model(&j, EMBED_MODEL);
    jw_end_arr(&j);
    jw_end_obj(&j);
    return ERR_NONE;
}

static enum err_code show_model(struct request *r, struct err *e)
{
    struct slice name = request_str(r, "model");
    struct jw j;

    if (!is_own_name(name))
        return no_such_model(name, e);
    jw_init(&j, reply_json(r, 200));
    write_model(&j, EMBED_MODEL);
    return ERR_NONE;
}

/* The long name comes in two segments. */
static enum err_code show_owned_model(struct request *r, struct err *e)
{
    struct slice owner = request_str(r, "owner");
    struct slice name = request_str(r, "model");
    char both[200];
    struct jw j;

    snprintf(both, sizeof(both), "%.*s/%.*s", SLICE_ARG(owner),
             SLICE_ARG(name));
    if (!is_own_name(slice_of(both)))
        return no_such_model(slice_of(both), e);
    jw_init(&j, reply_json(r, 200));
    write_model(&j, EMBED_MODEL);
    return ERR_NONE;
}

/* ---- the table ---- */

static const char *const formats[] = {"float", "base64", NULL};
static const char *const precisions[] = {"auto", "f32", "bf16", "int8", NULL};

static const struct param embeddings_params[] = {
    {.name = "input",
     .in = IN_BODY,
     .type = PARAM_ANY,
     .required = true,
     .doc = "A text, a list of at most 10,000 texts, a list of token numbers, "
            "or a list of such lists.  Texts must not be empty; each is cut at "
            "256 tokens.",
     .example = "[\"retrieval augmented generation\"]"},
    {.name = "model",
     .in = IN_BODY,
     .type = PARAM_STR,
     .required = true,
     .min = 1,
     .max = 200,
     .doc = "all-MiniLM-L6-v2, with or without sentence-transformers/ in "
            "front.  text-embedding-ada-002, -3-small and -3-large are taken "
            "as other names for it, with texts only.",
     .example = "all-MiniLM-L6-v2"},
    {.name = "encoding_format",
     .in = IN_BODY,
     .type = PARAM_ENUM,
     .choices = formats,
     .dflt = "float",
     .doc = "float: numbers; base64: little-endian float32."},
    {.name = "dimensions",
     .in = IN_BODY,
     .type = PARAM_INT,
     .doc = "Vectors have 384 dimensions; another number is refused."},
    {.name = "user",
     .in = IN_BODY,
     .type = PARAM_STR,
     .doc = "Taken and not looked at."},
    {.name = "precision",
     .in = IN_BODY,
     .type = PARAM_ENUM,
     .choices = precisions,
     .dflt = "auto",
     .doc = "Not in OpenAI's API: number format to compute in; auto is the "
            "server's setting.  The reply names the one used."},
    {0}};

static const struct param model_params[] = {{.name = "model",
                                             .in = IN_PATH,
                                             .type = PARAM_STR,
                                             .min = 1,
                                             .max = 100,
                                             .example = EMBED_MODEL},
                                            {0}};

static const struct param owned_model_params[] = {
    {.name = "owner",
     .in = IN_PATH,
     .type = PARAM_STR,
     .min = 1,
     .max = 90,
     .example = EMBED_MODEL_OWNER},
    {.name = "model",
     .in = IN_PATH,
     .type = PARAM_STR,
     .min = 1,
     .max = 90,
     .example = EMBED_MODEL},
    {0}};

#define MODEL_EXAMPLE                                                          \
    "{\"id\":\"all-MiniLM-L6-v2\",\"object\":\"model\",\"created\":"           \
    "1630281600,\"owned_by\":\"sentence-transformers\"}"

const struct route processor_openai_routes[] = {
    {.method = HTTP_POST,
     .pattern = "/v1/embeddings",
     .handle = create_embeddings,
     .policy = POLICY_READ,
     .run = ON_STREAM,
     .envelope = ENVELOPE_OPENAI,
     .params = embeddings_params,
     .max_body = MAX_BODY,
     .open_query = true,
     .per_minute = CALLS_A_MINUTE,
     .tag = "OpenAI",
     .summary = "Embed texts",
     .doc = "OpenAI's embeddings API: its clients work with only the base "
            "address changed.  Any API key will do where none is needed.  "
            "Without a model: 503 with the command that fetches it.",
     .schema = "EmbeddingList",
     .returns = "{\"object\":\"list\",\"data\":[{\"object\":\"embedding\","
                "\"index\":0,\"embedding\":[0.0125,-0.0331]}],\"model\":"
                "\"all-MiniLM-L6-v2\",\"usage\":{\"prompt_tokens\":5,"
                "\"total_tokens\":5},\"precision\":\"int8\"}"},
    {.method = HTTP_GET,
     .pattern = "/v1/models",
     .handle = list_models,
     .policy = POLICY_READ,
     .envelope = ENVELOPE_OPENAI,
     .open_query = true,
     .tag = "OpenAI",
     .summary = "List models",
     .schema = "ModelList",
     .returns = "{\"object\":\"list\",\"data\":[" MODEL_EXAMPLE "]}"},
    {.method = HTTP_GET,
     .pattern = "/v1/models/{model}",
     .handle = show_model,
     .policy = POLICY_READ,
     .envelope = ENVELOPE_OPENAI,
     .params = model_params,
     .open_query = true,
     .tag = "OpenAI",
     .summary = "Show a model",
     .schema = "Model",
     .returns = MODEL_EXAMPLE},
    {.method = HTTP_GET,
     .pattern = "/v1/models/{owner}/{model}",
     .handle = show_owned_model,
     .policy = POLICY_READ,
     .envelope = ENVELOPE_OPENAI,
     .params = owned_model_params,
     .open_query = true,
     .tag = "OpenAI",
     .summary = "Show a model by its long name",
     .schema = "Model",
     .returns = MODEL_EXAMPLE},
    {0}};
