/* ingest.c - see ingest.h. */
#include "processor/ingest.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/utf8.h"
#include "processor/chunk_vectors.h"
#include "processor/embedding.h"
#include "processor/ingest_file.h"
#include "processor/processor_impl.h"
#include "store/documents.h"

/* Chunks in a commit: about half a second of embedding on two cores, so that
 * progress is seen and a cancel is soon heeded. */
#define BATCH 64
#define MAX_METADATA_KEYS 1000
#define MAX_METADATA_BYTES (64u << 10)
#define MAX_FILE_METADATA (64u << 10) /* what a file says of itself */
#define MAX_TITLE_CHARS 1000
#define MAX_CHUNKS 100000
#define ID_BYTES 8 /* of a digest, in a document's id */

/* ---- input ---- */

static enum err_code check_metadata(const json_t *metadata, struct err *e)
{
    const char *key;
    json_t *value;

    if (!metadata)
        return ERR_NONE;
    if (!json_is_object(metadata))
        return err_field(e, "metadata", "'metadata' must be a JSON object");
    if (json_object_size(metadata) > MAX_METADATA_KEYS)
        return err_field(e, "metadata", "'metadata' has more than %d keys",
                         MAX_METADATA_KEYS);
    json_object_foreach((json_t *)metadata, key, value)
    {
        if (json_is_object(value) || json_is_array(value))
            return err_field(e, "metadata",
                             "'metadata.%.60s' must be text, a number, true, "
                             "false or null: only those can be filtered by",
                             key);
    }
    return ERR_NONE;
}

enum err_code ingest_check(const struct ingest_input *in, struct err *e)
{
    enum err_code code;

    if (in->text.p && slice_trim(in->text).len == 0)
        return err_field(e, "text", "'text' is empty");
    if (utf8_count(in->title) > MAX_TITLE_CHARS)
        return err_field(e, "title", "'title' has more than %d characters",
                         MAX_TITLE_CHARS);
    code = check_metadata(in->metadata, e);
    return code == ERR_NONE ? chunk_check(&in->chunks, e) : code;
}

/* Text of the JSON object, in `a`. */
static enum err_code metadata_text(const json_t *metadata, size_t max,
                                   struct arena *a, struct slice *out,
                                   struct err *e)
{
    struct buf b;
    struct jw j;
    bool ok;

    *out = SLICE("{}");
    if (!metadata)
        return ERR_NONE;
    buf_init(&b, max);
    jw_init(&j, &b);
    jw_value(&j, metadata);
    ok = buf_ok(&b);
    *out = ok ? arena_slice(a, buf_slice(&b)) : SLICE_NONE;
    buf_release(&b);
    if (!ok)
        return err_field(e, "metadata", "'metadata' is over %zu bytes", max);
    return out->p ? ERR_NONE : err_set(e, ERR_INTERNAL, "out of memory");
}

enum err_code ingest_write(const struct ingest_input *in, struct arena *a,
                           struct slice *out, struct err *e)
{
    struct slice metadata;
    struct buf b;
    struct jw j;
    enum err_code code =
        metadata_text(in->metadata, MAX_METADATA_BYTES, a, &metadata, e);

    if (code != ERR_NONE)
        return code;
    buf_init(&b, PROCESS_MAX_BODY);
    jw_init(&j, &b);
    jw_obj(&j);
    jw_kslice(&j, "title", in->title);
    jw_kint(&j, "chunk_size", (int64_t)in->chunks.size);
    jw_kint(&j, "chunk_overlap", (int64_t)in->chunks.overlap);
    jw_kraw(&j, "metadata", metadata);
    if (in->text.p)
        jw_kslice(&j, "text", in->text);
    else
        jw_kslice(&j, "filename", in->filename);
    jw_end_obj(&j);
    if (!buf_ok(&b))
        code = err_set(e, ERR_TOO_LARGE, "'text' is over %u bytes",
                       PROCESS_MAX_BODY);
    else
        *out = arena_slice(a, buf_slice(&b));
    buf_release(&b);
    if (code == ERR_NONE && !out->p)
        code = err_set(e, ERR_TOO_LARGE, "'text' is too long");
    return code;
}

/* ---- the job ---- */

struct ingest {
    struct job_run *run;
    struct processor *p;
    json_t *input;           /* the slices below point into it */
    struct ingest_file file; /* or into this */
    struct ingest_input in;
    struct document_new doc;
    struct document_begun begun;
    struct model_id model;
    struct embed *embed;
    bool no_model; /* looked for, and not there */
    struct chunker chunker;
    int64_t done; /* chunks committed */
};

static enum err_code find_model(struct ingest *g, struct err *e)
{
    enum err_code code = processor_embed(g->p, &g->embed, e);

    if (code == ERR_NONE)
        g->model = processor_model(g->embed);
    g->no_model = code == ERR_UNAVAILABLE;
    return code;
}

/* The file's text and what it says of itself, as if they had come so.
 * Without a model it is not read again and again. */
static enum err_code read_file(struct ingest *g, struct err *e)
{
    enum err_code code = find_model(g, e);

    if (code == ERR_NONE)
        code = ingest_file_read(&g->file, g->run, g->in.filename,
                                g->in.metadata, e);
    if (code != ERR_NONE)
        return code;
    g->in.text = g->file.x.text;
    g->in.metadata = g->file.metadata;
    if (!g->in.title.len)
        g->in.title = g->file.x.title;
    if (!g->in.title.len)
        g->in.title = SLICE("Untitled");
    return ERR_NONE;
}

static enum err_code read_input(struct ingest *g, struct err *e)
{
    enum err_code code = json_parse(&g->input, g->run->job->input, e);

    if (code != ERR_NONE)
        return code;
    g->in = (struct ingest_input){
        .title = json_get_slice(g->input, "title"),
        .text = json_get_slice(g->input, "text"),
        .filename = json_get_slice(g->input, "filename"),
        .metadata = json_object_get(g->input, "metadata"),
        .chunks = {
            (size_t)json_get_int(g->input, "chunk_size", CHUNK_SIZE),
            (size_t)json_get_int(g->input, "chunk_overlap", CHUNK_OVERLAP)}};
    code = ingest_check(&g->in, e);
    return code == ERR_NONE && !g->in.text.p ? read_file(g, e) : code;
}

/* The same source has the same id for ever; a document without one that of its
 * job. */
static struct slice make_id(struct ingest *g, struct slice source)
{
    uint8_t digest[32];
    char hex[2 * ID_BYTES + 1];

    crypto_sha256(digest, source.len ? source : g->run->job->id);
    crypto_hex(hex, digest, ID_BYTES);
    return slice_of(arena_printf(g->run->arena, "doc-%s", hex));
}

static enum err_code describe(struct ingest *g, struct err *e)
{
    struct slice source = json_get_slice(g->in.metadata, "source");

    g->doc = (struct document_new){
        .id = make_id(g, source),
        .title = g->in.title,
        .source = source,
        .text = g->in.text,
        .pages = g->file.pages,
        .chars = (int64_t)utf8_count(g->in.text),
        .chunk_size = (int)g->in.chunks.size,
        .overlap = (int)g->in.chunks.overlap,
        .total_chunks = (int64_t)chunker_left(&g->chunker),
        .now_us = clock_now_us(),
    };
    crypto_sha256(g->doc.sha256, g->in.text);
    return metadata_text(g->in.metadata, MAX_METADATA_BYTES + MAX_FILE_METADATA,
                         g->run->arena, &g->doc.metadata, e);
}

/* What GET /jobs/{id} shows; kept with each commit. */
static struct slice result_of(struct ingest *g)
{
    struct buf b;
    struct jw j;
    struct slice out;

    buf_init(&b, 16384);
    jw_init(&j, &b);
    jw_obj(&j);
    jw_kslice(&j, "document_id",
              g->begun.duplicate_of.len ? g->begun.duplicate_of : g->doc.id);
    jw_kint(&j, "chunks_processed", g->done);
    jw_kint(&j, "total_chunks", g->doc.total_chunks);
    if (g->begun.duplicate_of.len)
        jw_kslice(&j, "duplicate_of", g->begun.duplicate_of);
    if (g->begun.replaces.len)
        jw_kslice(&j, "replaces", g->begun.replaces);
    jw_key(&j, "warnings");
    jw_arr(&j);
    for (size_t i = 0; i < g->file.x.n_warnings; i++)
        jw_str(&j, g->file.x.warnings[i]);
    jw_end_arr(&j);
    jw_end_obj(&j);
    out = arena_slice(g->run->arena, buf_slice(&b));
    buf_release(&b);
    return out;
}

/* ---- a batch ---- */

struct batch {
    struct chunk_new chunks[BATCH];
    struct slice texts[BATCH];
    uint8_t sha256[BATCH][32];
    float vectors[BATCH][EMBED_DIM];
    bool cached[BATCH];
    size_t n;
};

static size_t fill(struct ingest *g, struct batch *b)
{
    struct text_chunk c;

    b->n = 0;
    while (b->n < BATCH && chunker_next(&g->chunker, &c)) {
        b->texts[b->n] = c.text;
        crypto_sha256(b->sha256[b->n], c.text);
        b->chunks[b->n] = (struct chunk_new){
            .index = (int64_t)c.index,
            .start_char = (int64_t)c.start_char,
            .end_char = (int64_t)c.end_char,
            .start_byte = (int64_t)c.start_byte,
            .end_byte = (int64_t)c.end_byte,
            .page = ingest_file_page(&g->file, &c),
            .vector = b->vectors[b->n],
        };
        memcpy(b->chunks[b->n].sha256, b->sha256[b->n], 32);
        b->n++;
    }
    return b->n;
}

/* The vectors of those that are not stored for another chunk already. */
static enum err_code embed_new(struct ingest *g, struct batch *b, struct err *e)
{
    const struct embed_how how = {.priority = EMBED_INGEST,
                                  .cancelled = job_run_cancelled,
                                  .ctx = g->run};
    struct slice texts[BATCH];
    int64_t tokens[BATCH];
    float(*fresh)[EMBED_DIM] = calloc(BATCH, sizeof(*fresh));
    size_t n = 0;
    enum err_code code;

    if (!fresh)
        return err_set(e, ERR_INTERNAL, "out of memory");
    for (size_t i = 0; i < b->n; i++)
        if (!b->cached[i])
            texts[n++] = b->texts[i];
    code = chunk_vectors(g->embed, &how, texts, n, fresh[0], tokens, e);
    n = 0;
    for (size_t i = 0; i < b->n && code == ERR_NONE; i++) {
        struct chunk_new *c = &b->chunks[i];

        if (b->cached[i]) {
            c->tokens = (int64_t)embed_count_tokens(g->embed, b->texts[i]);
        } else {
            memcpy(b->vectors[i], fresh[n], sizeof(*fresh));
            c->tokens = tokens[n++];
        }
        code =
            ingest_file_chunk(&g->file, c->start_char, c->end_char,
                              c->tokens > CHUNK_PART_TOKENS, &c->metadata, e);
    }
    free(fresh);
    return code;
}

static enum err_code commit(struct ingest *g, const struct batch *b,
                            struct err *e)
{
    struct chunk_batch batch = {.key = g->begun.key,
                                .model = g->model,
                                .chunks = b->chunks,
                                .n = b->n,
                                .now_us = clock_now_us()};

    g->done = b->chunks[b->n - 1].index + 1;
    batch.progress = 100.0 * (double)g->done / (double)g->doc.total_chunks;
    batch.result = result_of(g);
    return store_document_chunks_add(g->run->store, g->run->lease, &batch, e);
}

static enum err_code do_batches(struct ingest *g, struct err *e)
{
    struct batch *b = calloc(1, sizeof(*b));
    enum err_code code = ERR_NONE;

    if (!b)
        return err_set(e, ERR_INTERNAL, "out of memory");
    while (code == ERR_NONE && fill(g, b)) {
        size_t last = b->n - 1;

        if (b->chunks[last].index < g->begun.committed)
            continue; /* from before a restart */
        if (job_run_cancelled(g->run)) {
            code = err_set(e, ERR_CANCELLED, "cancelled");
            break;
        }
        code = store_vectors_cached(g->run->store, &g->model,
                                    (const uint8_t(*)[32])b->sha256, b->n,
                                    b->vectors[0], b->cached, e);
        if (code == ERR_NONE)
            code = embed_new(g, b, e);
        if (code == ERR_NONE)
            code = commit(g, b, e);
    }
    free(b);
    return code;
}

/* ---- from begin to end ---- */

/* ERR_NONE: the job's end is in the last commit. */
static enum err_code ingest(struct ingest *g, struct err *e)
{
    struct job_run *r = g->run;
    bool duplicate;
    enum err_code code =
        chunker_init(&g->chunker, g->in.text, &g->in.chunks, e);

    if (code == ERR_NONE)
        code = describe(g, e);
    if (code == ERR_NONE && g->doc.total_chunks > MAX_CHUNKS)
        code = err_field(e, "chunk_overlap",
                         "the text would become %lld chunks, and %d is the "
                         "most: choose a larger 'chunk_size' or a smaller "
                         "'chunk_overlap'",
                         (long long)g->doc.total_chunks, MAX_CHUNKS);
    if (code == ERR_NONE)
        code = store_document_begin(r->store, r->arena, r->lease, &g->doc,
                                    &g->begun, e);
    duplicate = code == ERR_NONE && g->begun.duplicate_of.len;
    if (code == ERR_NONE && !duplicate)
        code = find_model(g, e);
    if (code == ERR_NONE && !duplicate)
        code = do_batches(g, e);
    if (code != ERR_NONE)
        return code;
    g->done = g->doc.total_chunks;
    if (duplicate)
        return store_job_finish(r->store, r->lease, JOB_COMPLETED, result_of(g),
                                SLICE_NONE, clock_now_us(), e);
    code = store_document_finish(r->store, r->lease, g->begun.key, result_of(g),
                                 clock_now_us(), e);
    if (code == ERR_NONE && g->begun.committed)
        embedding_want(g->p, &g->model); /* the model may have changed since */
    return code;
}

/* What will be the same the next time is not tried again. */
static bool is_final(enum err_code code)
{
    return code == ERR_INVALID || code == ERR_TOO_LARGE ||
           code == ERR_UNPROCESSABLE;
}

struct job_end ingest_run(struct job_run *r, struct err *e)
{
    struct ingest g = {.run = r, .p = r->ctx};
    enum err_code code = read_input(&g, e);

    if (code == ERR_NONE)
        code = ingest(&g, e);
    json_decref(g.input);
    ingest_file_release(&g.file);
    if (code == ERR_NONE) {
        log_info("processor", "document stored", LOG_SL("job", r->job->id),
                 LOG_I("chunks", g.done));
        return (struct job_end){.outcome = JOB_RUN_WRITTEN};
    }
    if (g.no_model)
        return processor_wait_for_model(r);
    return (struct job_end){.outcome = is_final(code) ? JOB_RUN_FAILED
                                                      : JOB_RUN_RETRY};
}

void ingest_failed(struct job_run *r, const struct err *why)
{
    struct err e = {0};

    if (store_document_abandon(r->store, r->job->id, &e) != ERR_NONE ||
        store_job_finish(r->store, r->lease, JOB_FAILED, SLICE_NONE,
                         slice_of(why->msg), clock_now_us(), &e) != ERR_NONE)
        log_error("processor", "cannot write that a job failed",
                  LOG_SL("job", r->job->id), LOG_S("error", e.msg));
}

/* ---- for people ---- */

enum err_code ingest_view(struct store *s, struct arena *a,
                          const struct job *job, struct jw *j, struct err *e)
{
    json_t *result = NULL;

    (void)s;
    (void)a;
    if (job->result.len && json_parse(&result, job->result, e) != ERR_NONE)
        return ERR_INTERNAL;
    jw_kint(j, "chunks_processed", json_get_int(result, "chunks_processed", 0));
    jw_kint(j, "total_chunks", json_get_int(result, "total_chunks", 0));
    jw_ktext(j, "document_id", json_get_slice(result, "document_id"));
    jw_ktext(j, "duplicate_of", json_get_slice(result, "duplicate_of"));
    jw_key(j, "warnings");
    if (json_object_get(result, "warnings")) {
        jw_value(j, json_object_get(result, "warnings"));
    } else {
        jw_arr(j);
        jw_end_arr(j);
    }
    json_decref(result);
    return ERR_NONE;
}
