/* ingest_routes.c - POST /process/text, /process/file: accept a document. */
#include "base/clock.h"
#include "base/json.h"
#include "processor/ingest.h"
#include "processor/ingest_file.h"
#include "processor/processor_impl.h"

static enum err_code submit(struct request *r, const struct ingest_input *in,
                            const char *id_prefix, struct slice file,
                            struct err *e)
{
    struct processor *p = r->ctx;
    int64_t now = clock_now_us();
    struct job_new spec = {.kind = INGEST_KIND,
                           .id_prefix = id_prefix,
                           .file = file,
                           .max_attempts = INGEST_MAX_ATTEMPTS,
                           .run_at = now,
                           .now_us = now};
    struct job job;
    struct jw j;
    enum err_code code = ingest_check(in, e);

    if (code == ERR_NONE)
        code = ingest_write(in, r->arena, &spec.input, e);
    if (code == ERR_NONE)
        code = job_submit(r, p->store, p->jobs, &spec, &job, e);
    if (code != ERR_NONE)
        return code;
    job_accepted(&j, r, &job);
    jw_end_obj(&j);
    return ERR_NONE;
}

static struct ingest_input read_request(const struct request *r)
{
    return (struct ingest_input){
        .title = request_str(r, "title"),
        .metadata = request_value(r, "metadata"),
        .chunks = {(size_t)request_int(r, "chunk_size"),
                   (size_t)request_int(r, "chunk_overlap")}};
}

static enum err_code post_text(struct request *r, struct err *e)
{
    struct ingest_input in = read_request(r);

    in.text = request_str(r, "text");
    return submit(r, &in, "text", SLICE_NONE, e);
}

/* The metadata with `source` in them, where that is a field of its own. */
static enum err_code add_source(struct request *r, json_t *metadata,
                                struct err *e)
{
    struct slice source = request_str(r, "source");

    if (!metadata)
        return err_set(e, ERR_UNAVAILABLE, "out of memory");
    if (!source.len)
        return ERR_NONE;
    if (json_object_get(metadata, "source"))
        return err_field(e, "source",
                         "'source' is given twice: in 'metadata' too");
    json_object_set_new(metadata, "source", json_stringn(source.p, source.len));
    return ERR_NONE;
}

static enum err_code post_file(struct request *r, struct err *e)
{
    struct ingest_input in = read_request(r);
    struct slice file = request_file(r, "file", &in.filename);
    json_t *metadata =
        in.metadata ? json_copy((json_t *)in.metadata) : json_object();
    enum err_code code = add_source(r, metadata, e);

    in.metadata = metadata;
    in.filename = ingest_file_name(in.filename, r->arena);
    if (code == ERR_NONE && file.len == 0)
        code = err_field(e, "file", "the file is empty");
    if (code == ERR_NONE && file.len > EXTRACT_MAX_BYTES)
        code = err_set(e, ERR_TOO_LARGE, "the file is larger than %u MiB",
                       EXTRACT_MAX_BYTES >> 20);
    if (code == ERR_NONE && !in.filename.p)
        code = err_set(e, ERR_UNAVAILABLE, "out of memory");
    if (code == ERR_NONE)
        code = submit(r, &in, "file", file, e);
    json_decref(metadata);
    return code;
}

#define METADATA_PARAM                                                         \
    {                                                                          \
        "metadata", IN_BODY, PARAM_JSON,                                       \
            .doc = "An object of texts, numbers, true and false; `where` "     \
                   "filters by it.  A document with the same `source` "        \
                   "replaces the older one.",                                  \
            .example = "{\"author\":\"Vasu\",\"category\":\"devops\"}"         \
    }
#define CHUNK_PARAMS                                                           \
    {"chunk_size",                                                             \
     IN_BODY,                                                                  \
     PARAM_INT,                                                                \
     .min = CHUNK_SIZE_MIN,                                                    \
     .max = CHUNK_SIZE_MAX,                                                    \
     .dflt = "1000",                                                           \
     .doc = "Aim of a chunk's length, in characters."},                        \
    {                                                                          \
        "chunk_overlap", IN_BODY, PARAM_INT,                                   \
            .min = 0, .max = CHUNK_SIZE_MAX, .dflt = "200",                    \
            .doc = "How much of a chunk the next one repeats; at most "        \
                   "chunk_size - 101."                                         \
    }

static const struct param text_params[] = {
    {"title", IN_BODY, PARAM_STR, .required = true, .min = 1, .max = 1000,
     .doc = "Shown with each result.", .example = "Kubernetes Guide"},
    {"text", IN_BODY, PARAM_STR, .required = true, .min = 1, .max = 15e6,
     .doc = "The document, at most 15 MiB.",
     .example = "Kubernetes is a container orchestration platform..."},
    METADATA_PARAM,
    CHUNK_PARAMS,
    {.name = NULL}};

static const struct param file_params[] = {
    {"file", IN_BODY, PARAM_FILE, .required = true,
     .doc = "Plain text, Markdown, HTML, PDF, EPUB or DOCX, told by its "
            "content; at most 50 MiB.",
     .example = "guide.pdf"},
    {"title", IN_BODY, PARAM_STR, .min = 1, .max = 1000,
     .doc = "Shown with each result.  If it is not given: what the file says, "
            "its first heading, or its name."},
    {"source", IN_BODY, PARAM_STR, .min = 1, .max = 1000,
     .doc = "Where it is from, the same as metadata.source.",
     .example = "docs/guide.pdf"},
    METADATA_PARAM,
    CHUNK_PARAMS,
    {.name = NULL}};

const struct route processor_ingest_routes[] = {
    {.method = HTTP_POST,
     .pattern = "/process/text",
     .handle = post_text,
     .policy = POLICY_WRITE,
     .params = text_params,
     .max_body = PROCESS_MAX_BODY,
     .tag = "Documents",
     .summary = "Add a document",
     .status = 202,
     .doc = "Queues a job that cuts the text into chunks, embeds and stores "
            "them, and answers at once.  Nothing of it can be found before all "
            "of it can.  The same content again is noticed (duplicate_of).  An "
            "Idempotency-Key is honoured for 24 h.",
     .schema = "JobAccepted",
     .returns = "{\"job_id\":\"text-1762123331\",\"status\":\"pending\"}"},
    {.method = HTTP_POST,
     .pattern = "/process/file",
     .handle = post_file,
     .policy = POLICY_WRITE,
     .params = file_params,
     .form_body = true,
     .max_body = EXTRACT_MAX_BYTES + FORM_MAX_REST,
     .tag = "Documents",
     .summary = "Add a file",
     .status = 202,
     .doc = "As POST /process/text, with a form.  The text is taken out of the "
            "file by the job: its `error` says what is wrong with one that "
            "cannot be read, its `warnings` what may be missing.",
     .schema = "JobAccepted",
     .returns = "{\"job_id\":\"file-1762123331\",\"status\":\"pending\"}"},
    {.pattern = NULL}};
