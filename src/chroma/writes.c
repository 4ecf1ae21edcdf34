/* writes.c - add, upsert, update, delete. */
#include <stdlib.h>

#include "chroma/batch.h"
#include "chroma/chroma_impl.h"

/* 10,000 vectors of 1,024 dimensions in base64, with ids and documents. */
#define MAX_BODY ((size_t)96 << 20)
#define MAX_DELETE_BODY ((size_t)16 << 20)
#define MAX_IDS 100000

static enum err_code put_into(struct request *r, struct source *s,
                              enum records_put how, struct err *e)
{
    struct record_batch batch;
    struct records_state state;
    int dim = s->collection.dim;
    enum err_code code = source_check_write(s, e);

    if (code == ERR_NONE)
        code = batch_read(&batch, r->arena, r->body, how, e);
    if (code != ERR_NONE || batch.n == 0)
        return code;
    code = store_records_put(s->chroma->store, s->collection.number, &batch,
                             &state, e);
    if (code == ERR_UNPROCESSABLE && dim)
        return err_set(e, ERR_INVALID,
                       "Collection expecting embedding with dimension of %d, "
                       "got %d",
                       dim, batch.dim);
    return code;
}

static enum err_code put(struct request *r, enum records_put how, int status,
                         struct err *e)
{
    struct source s = {0};
    enum err_code code = source_open(&s, r, e);

    if (code == ERR_NONE)
        code = put_into(r, &s, how, e);
    source_close(&s);
    if (code == ERR_NONE)
        reply_done(r, status);
    return code;
}

static enum err_code add_records(struct request *r, struct err *e)
{
    return put(r, RECORDS_ADD, 201, e);
}

static enum err_code upsert_records(struct request *r, struct err *e)
{
    return put(r, RECORDS_UPSERT, 200, e);
}

static enum err_code update_records(struct request *r, struct err *e)
{
    return put(r, RECORDS_UPDATE, 200, e);
}

/* ---- delete ---- */

static enum err_code check_delete(const struct request *r, struct err *e)
{
    bool filtered = request_has(r, "where") || request_has(r, "where_document");

    if (request_has(r, "limit") && !filtered)
        return err_set(e, ERR_INVALID,
                       "Validation error: limit, where: limit can only be "
                       "specified when a where clause is provided");
    if (!filtered && request_has(r, "ids") &&
        json_array_size(request_value(r, "ids")) == 0)
        return err_set(e, ERR_INVALID,
                       "Validation error: ids, where: Either ids or where must "
                       "be specified");
    return ERR_NONE;
}

static enum err_code delete_numbers(struct source *s, const int64_t *numbers,
                                    size_t n, int64_t *deleted, struct err *e)
{
    enum err_code code = ERR_NONE;

    for (size_t i = 0; i < n && code == ERR_NONE; i += RECORDS_MAX_BATCH) {
        int64_t part = 0;

        code = store_records_delete(
            s->chroma->store, s->collection.number, numbers + i,
            n - i < RECORDS_MAX_BATCH ? n - i : RECORDS_MAX_BATCH, &part, e);
        *deleted += part;
    }
    return code;
}

static enum err_code delete_from(struct request *r, struct source *s,
                                 int64_t *deleted, struct err *e)
{
    int64_t limit = request_has(r, "limit") ? request_int(r, "limit") : -1;
    struct selection sel = {0};
    int64_t *numbers = NULL;
    size_t n = 0;
    enum err_code code = source_check_write(s, e);

    if (code == ERR_NONE)
        code = check_delete(r, e);
    if (code == ERR_NONE)
        code = selection_read(&sel, r, s, e);
    if (code == ERR_NONE && !sel.all) /* nothing is said: nothing is done */
        code = selection_list(&sel, s, 0, limit, &numbers, &n, e);
    selection_release(&sel);
    if (code == ERR_NONE)
        code = delete_numbers(s, numbers, n, deleted, e);
    free(numbers);
    return code;
}

static enum err_code delete_records(struct request *r, struct err *e)
{
    struct source s = {0};
    int64_t deleted = 0;
    enum err_code code = source_open(&s, r, e);

    if (code == ERR_NONE)
        code = delete_from(r, &s, &deleted, e);
    source_close(&s);
    if (code != ERR_NONE)
        return code;
    buf_printf(reply_json(r, 200), "{\"deleted\":%lld}", (long long)deleted);
    return ERR_NONE;
}

/* ---- the table ---- */

#define PLACE_PARAMS                                                           \
    TENANT_PARAM, DATABASE_PARAM, COLLECTION_PARAM("Its id, a UUID.")

/* For the documents; batch.c reads the body. */
#define PUT_PARAMS(required_)                                                  \
    PLACE_PARAMS,                                                              \
        {.name = "ids",                                                        \
         .in = IN_BODY,                                                        \
         .type = PARAM_LIST,                                                   \
         .required = true,                                                     \
         .max = RECORDS_MAX_BATCH,                                             \
         .doc = "Of the records; the other lists are as long.",                \
         .example = "[\"a\",\"b\"]"},                                          \
        {.name = "embeddings",                                                 \
         .in = IN_BODY,                                                        \
         .type = PARAM_ANY,                                                    \
         .required = (required_),                                              \
         .doc = "Vectors, of numbers or base64 (little-endian floats).",       \
         .example = "[[0.1,0.2],[0.3,0.4]]"},                                  \
        {.name = "documents",                                                  \
         .in = IN_BODY,                                                        \
         .type = PARAM_ANY,                                                    \
         .doc = "Texts, or null.",                                             \
         .example = "[\"A text.\",null]"},                                     \
        {.name = "metadatas",                                                  \
         .in = IN_BODY,                                                        \
         .type = PARAM_ANY,                                                    \
         .doc = "Objects of texts, numbers, truth values, or lists of one of " \
                "them; or null.",                                              \
         .example = "[{\"year\":2024},null]"},                                 \
    {                                                                          \
        .name = "uris", .in = IN_BODY, .type = PARAM_ANY,                      \
        .doc = "Texts, or null."                                               \
    }

static const struct param put_params[] = {PUT_PARAMS(true), {0}};
static const struct param update_params[] = {PUT_PARAMS(false), {0}};
static const struct param delete_params[] = {
    PLACE_PARAMS,
    {.name = "ids", .in = IN_BODY, .type = PARAM_LIST, .max = MAX_IDS},
    {.name = "where", .in = IN_BODY, .type = PARAM_ANY},
    {.name = "where_document", .in = IN_BODY, .type = PARAM_ANY},
    {.name = "limit",
     .in = IN_BODY,
     .type = PARAM_INT,
     .min = 0,
     .max = 4294967295.0,
     .doc = "At most so many of those that a filter finds."},
    {0}};

#define PUT_ROW(name_, handle_, params_, summary_, doc_)                       \
    .method = HTTP_POST, .pattern = COLLECTIONS "/{collection}/" name_,        \
    .handle = (handle_), .policy = POLICY_WRITE, .envelope = ENVELOPE_CHROMA,  \
    .params = (params_), .max_body = MAX_BODY, .raw_body = true,               \
    .open_query = true, .tag = "Chroma", .summary = (summary_), .doc = (doc_), \
    .schema = "ChromaDone", .returns = "{}"

const struct route chroma_write_routes[] = {
    {PUT_ROW("add", add_records, put_params, "Add records",
             "In one commit.  Ids that are there are left as they are."),
     .status = 201},
    {PUT_ROW("upsert", upsert_records, put_params, "Add or update records",
             "In one commit.")},
    {PUT_ROW("update", update_records, update_params, "Update records",
             "In one commit.  What is not given stays; metadata are merged by "
             "key, and null removes one.  Ids that are not there are passed "
             "over.")},
    {.method = HTTP_POST,
     .pattern = COLLECTIONS "/{collection}/delete",
     .handle = delete_records,
     .policy = POLICY_WRITE,
     .envelope = ENVELOPE_CHROMA,
     .params = delete_params,
     .max_body = MAX_DELETE_BODY,
     .open_query = true,
     .open_body = true,
     .tag = "Chroma",
     .summary = "Delete records",
     .doc = "Those with the ids that also match the filters; without either, "
            "none.",
     .schema = "ChromaDeleted",
     .returns = "{\"deleted\":2}"},
    {0}};
