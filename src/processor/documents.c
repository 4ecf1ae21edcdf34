/* documents.c - /documents/: what is stored, for people. */
#include "base/json.h"
#include "net/paging.h"
#include "processor/processor_impl.h"

static void write_document(struct jw *j, const void *row)
{
    const struct document *d = row;

    jw_obj(j);
    jw_kslice(j, "id", d->id);
    jw_kslice(j, "title", d->title);
    jw_ktext(j, "source", d->source);
    jw_kraw(j, "metadata", d->metadata);
    jw_kint(j, "chunks", d->chunks);
    jw_kint(j, "chars", d->chars);
    jw_kint(j, "bytes", d->bytes);
    jw_kint(j, "chunk_size", d->chunk_size);
    jw_kint(j, "chunk_overlap", d->overlap);
    jw_kslice(j, "job_id", d->job_id);
    jw_ktime(j, "created_at", d->created_at);
    jw_ktime(j, "updated_at", d->updated_at);
    jw_end_obj(j);
}

static enum err_code list_documents(struct request *r, struct err *e)
{
    struct processor *p = r->ctx;
    struct page page = paging_read(r);
    struct document *rows;
    size_t n;
    int64_t count;
    enum err_code code =
        store_documents_list(p->store, r->arena, request_str(r, "source"),
                             page.offset, (int)page.size, &rows, &n, &count, e);

    return code == ERR_NONE ? paging_reply(r, &page, count, rows, n,
                                           sizeof(*rows), write_document, e)
                            : code;
}

static enum err_code get_document(struct request *r, struct err *e)
{
    struct processor *p = r->ctx;
    struct document d;
    struct jw j;
    enum err_code code =
        store_document_get(p->store, r->arena, request_str(r, "id"), &d, e);

    if (code != ERR_NONE)
        return code;
    jw_init(&j, reply_json(r, 200));
    write_document(&j, &d);
    return ERR_NONE;
}

static void write_chunk(struct jw *j, const void *row)
{
    chunk_write(j, row);
    jw_end_obj(j);
}

static enum err_code list_chunks(struct request *r, struct err *e)
{
    struct processor *p = r->ctx;
    struct page page = paging_read(r);
    struct chunk *rows;
    size_t n;
    int64_t count;
    enum err_code code = store_document_chunks(
        p->store, r->arena, request_str(r, "id"), page.offset, (int)page.size,
        &rows, &n, &count, e);

    return code == ERR_NONE ? paging_reply(r, &page, count, rows, n,
                                           sizeof(*rows), write_chunk, e)
                            : code;
}

static enum err_code delete_document(struct request *r, struct err *e)
{
    struct processor *p = r->ctx;
    enum err_code code =
        store_document_delete(p->store, request_str(r, "id"), e);

    if (code == ERR_NONE)
        reply_empty(r, 204);
    return code;
}

#define ID_PARAM                                                               \
    {                                                                          \
        "id", IN_PATH, PARAM_STR, .required = true, .min = 1, .max = 100,      \
                                  .doc = "The document's id.",                 \
                                  .example = "doc-8d969eef6ecad3c2"            \
    }

static const struct param list_params[] = {
    {"source", IN_QUERY, PARAM_STR, .min = 1, .max = 1000,
     .doc = "Only the document from there."},
    PAGING_PARAMS,
    {.name = NULL}};
static const struct param id_params[] = {ID_PARAM, {.name = NULL}};
static const struct param chunk_params[] = {
    ID_PARAM, PAGING_PARAMS, {.name = NULL}};

#define DOCUMENT_EXAMPLE                                                       \
    "{\"id\":\"doc-8d969eef6ecad3c2\",\"title\":\"Kubernetes Guide\","         \
    "\"source\":null,\"metadata\":{\"author\":\"Vasu\"},\"chunks\":6,"         \
    "\"chars\":5000,\"bytes\":5000,\"chunk_size\":1000,"                       \
    "\"chunk_overlap\":200,\"job_id\":\"text-1762123331\","                    \
    "\"created_at\":\"2025-11-02T22:42:19Z\","                                 \
    "\"updated_at\":\"2025-11-02T22:42:19Z\"}"

const struct route processor_document_routes[] = {
    {.method = HTTP_GET,
     .pattern = "/documents/",
     .handle = list_documents,
     .policy = POLICY_READ,
     .params = list_params,
     .tag = "Documents",
     .summary = "List documents",
     .doc = "The newest first.",
     .returns = "{\"count\":1,\"next\":null,\"previous\":null,\"results\":"
                "[" DOCUMENT_EXAMPLE "]}"},
    {.method = HTTP_GET,
     .pattern = "/documents/{id}",
     .handle = get_document,
     .policy = POLICY_READ,
     .params = id_params,
     .tag = "Documents",
     .summary = "A document",
     .returns = DOCUMENT_EXAMPLE},
    {.method = HTTP_GET,
     .pattern = "/documents/{id}/chunks",
     .handle = list_chunks,
     .policy = POLICY_READ,
     .params = chunk_params,
     .tag = "Documents",
     .summary = "The chunks of a document",
     .returns = "{\"count\":6,\"next\":null,\"previous\":null,\"results\":[{"
                "\"id\":\"doc-8d969eef6ecad3c2_chunk_0\",\"text\":\"...\","
                "\"metadata\":{\"chunk_index\":0}}]}"},
    {.method = HTTP_DELETE,
     .pattern = "/documents/{id}",
     .handle = delete_document,
     .policy = POLICY_WRITE,
     .params = id_params,
     .tag = "Documents",
     .summary = "Remove a document",
     .status = 204,
     .doc = "Its text, chunks and vectors are gone in one commit."},
    {.pattern = NULL}};
