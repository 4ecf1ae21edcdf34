/* ingest_routes.c - POST /process/text: accept a document. */
#include "base/clock.h"
#include "base/json.h"
#include "processor/ingest.h"
#include "processor/processor_impl.h"

static enum err_code post_text(struct request *r, struct err *e)
{
    struct processor *p = r->ctx;
    int64_t now = clock_now_us();
    struct job_new spec = {.kind = INGEST_KIND,
                           .id_prefix = "text",
                           .max_attempts = INGEST_MAX_ATTEMPTS,
                           .run_at = now,
                           .now_us = now};
    struct ingest_input in = {
        .title = request_str(r, "title"),
        .text = request_str(r, "text"),
        .metadata = request_value(r, "metadata"),
        .chunks = {(size_t)request_int(r, "chunk_size"),
                   (size_t)request_int(r, "chunk_overlap")}};
    struct job job;
    struct jw j;
    enum err_code code = ingest_check(&in, e);

    if (code == ERR_NONE)
        code = ingest_write(&in, r->arena, &spec.input, e);
    if (code == ERR_NONE)
        code = job_submit(r, p->store, p->jobs, &spec, &job, e);
    if (code != ERR_NONE)
        return code;
    job_accepted(&j, r, &job);
    jw_end_obj(&j);
    return ERR_NONE;
}

static const struct param text_params[] = {
    {"title", IN_BODY, PARAM_STR, .required = true, .min = 1, .max = 1000,
     .doc = "Shown with each result.", .example = "Kubernetes Guide"},
    {"text", IN_BODY, PARAM_STR, .required = true, .min = 1, .max = 15e6,
     .doc = "The document, at most 15 MiB.",
     .example = "Kubernetes is a container orchestration platform..."},
    {"metadata", IN_BODY, PARAM_JSON,
     .doc = "An object of texts, numbers, true and false; `where` filters by "
            "it.  A document with the same `source` replaces the older one.",
     .example = "{\"author\":\"Vasu\",\"category\":\"devops\"}"},
    {"chunk_size", IN_BODY, PARAM_INT, .min = CHUNK_SIZE_MIN,
     .max = CHUNK_SIZE_MAX, .dflt = "1000",
     .doc = "Aim of a chunk's length, in characters."},
    {"chunk_overlap", IN_BODY, PARAM_INT, .min = 0, .max = CHUNK_SIZE_MAX,
     .dflt = "200",
     .doc = "How much of a chunk the next one repeats; at most chunk_size - "
            "101."},
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
     .returns = "{\"job_id\":\"text-1762123331\",\"status\":\"pending\"}"},
    {.pattern = NULL}};
