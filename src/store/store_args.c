/* store_args.c - see store_args.h. */
#include "store/store_args.h"

#include <math.h>
#include <string.h>

#include "base/utf8.h"

/* 16 MiB: a webhook body, the largest thing that is stored but documents. */
#define MAX_TEXT (16u << 20)
#define MAX_DELIVERIES 1000
/* What an index is made over: PostgreSQL takes no more than 2,704 bytes. */
#define MAX_KEY 2000
#define MAX_CHUNK 1000000

struct named_text {
    const char *field;
    struct slice text;
};

enum err_code args_text(const char *field, struct slice s, struct err *e)
{
    if (s.len > MAX_TEXT)
        return err_field(e, field, "'%s' is longer than %u bytes", field,
                         MAX_TEXT);
    if (s.len && memchr(s.p, 0, s.len))
        return err_field(e, field, "'%s' holds a NUL byte", field);
    if (!utf8_valid(s))
        return err_field(e, field, "'%s' is not valid UTF-8", field);
    return ERR_NONE;
}

static enum err_code texts(const struct named_text *t, size_t n, struct err *e)
{
    for (size_t i = 0; i < n; i++) {
        enum err_code code = args_text(t[i].field, t[i].text, e);

        if (code != ERR_NONE)
            return code;
    }
    return ERR_NONE;
}

#define TEXTS(t, e) texts(t, sizeof(t) / sizeof(*(t)), e)

static enum err_code at_most(const char *field, size_t n, size_t max,
                             struct err *e)
{
    return n <= max ? ERR_NONE
                    : err_field(e, field, "'%s' has more than %zu", field, max);
}

enum err_code args_page(int64_t offset, int64_t limit, struct err *e)
{
    if (offset < 0)
        return err_field(e, "offset", "'offset' is negative");
    if (limit < 0 || limit > STORE_MAX_ROWS)
        return err_field(e, "limit", "'limit' is not in 0..%d", STORE_MAX_ROWS);
    return ERR_NONE;
}

static enum err_code one_paper(const struct paper *p, struct err *e)
{
    const struct named_text t[] = {
        {"title", p->title},
        {"abstract", p->abstract},
        {"authors", p->authors},
        {"author_list", p->author_list},
        {"url", p->url},
        {"pdf_url", p->pdf_url},
        {"source", p->source},
        {"source_id", p->source_id},
        {"arxiv_categories", p->arxiv_categories},
        {"primary_category", p->primary_category},
        {"doi", p->doi},
        {"journal_ref", p->journal_ref},
        {"comment", p->comment},
        {"category", p->category},
        {"relevance", p->relevance},
        {"tags", p->tags},
    };

    if (p->url.len == 0)
        return err_field(e, "url", "a paper without 'url'");
    if (!isfinite(p->relevance_score))
        return err_field(e, "relevance_score",
                         "'relevance_score' is not a finite number");
    return TEXTS(t, e);
}

enum err_code args_papers(const struct paper *papers, size_t n, struct err *e)
{
    for (size_t i = 0; i < n; i++) {
        enum err_code code = one_paper(&papers[i], e);

        if (code != ERR_NONE)
            return code;
    }
    return ERR_NONE;
}

enum err_code args_webhook(const struct webhook_in *in, struct err *e)
{
    const struct named_text t[] = {
        {"webhook_id", in->webhook_id},
        {"job_id", in->job_id},
        {"source", in->source},
        {"error", in->error},
    };
    enum err_code code = TEXTS(t, e);

    if (code == ERR_NONE && in->job_id.len == 0)
        code = err_field(e, "job_id", "a webhook without 'job_id'");
    if (code == ERR_NONE && in->failed && in->n_papers)
        code = err_field(e, "papers", "a failed scrape has no papers");
    return code == ERR_NONE ? args_papers(in->papers, in->n_papers, e) : code;
}

static enum err_code check_key(const struct paper_query *q,
                               const struct paper_key *k, struct err *e)
{
    if (q->order == PAPER_BY_RANK)
        return err_field(e, "cursor", "no cursor in the order of rank");
    if (isnan(k->d))
        return err_field(e, "cursor", "a cursor that is no number");
    return args_text("cursor", k->text, e);
}

enum err_code args_paper_query(const struct paper_query *q, bool filters_only,
                               struct err *e)
{
    const struct named_text t[] = {
        {"category", q->category}, {"source", q->source}, {"tag", q->tag},
        {"author", q->author},     {"search", q->search},
    };
    enum err_code code = TEXTS(t, e);

    if (code == ERR_NONE && (int)q->order > PAPER_BY_RANK)
        code = err_field(e, "ordering", "no such ordering");
    if (code == ERR_NONE && q->order == PAPER_BY_RANK && q->search.len == 0)
        code = err_field(e, "ordering", "order of rank without a search");
    if (code == ERR_NONE && isnan(q->min_relevance))
        code = err_field(e, "min_relevance", "'min_relevance' is no number");
    if (code == ERR_NONE)
        code = at_most("ids", q->n_ids, QUERY_MAX_IDS, e);
    if (code != ERR_NONE || filters_only)
        return code;
    code = args_page(q->offset, q->limit, e);
    if (code == ERR_NONE && q->after && q->before)
        code = err_field(e, "cursor", "'after' and 'before' together");
    if (code == ERR_NONE && q->after)
        code = check_key(q, q->after, e);
    if (code == ERR_NONE && q->before)
        code = check_key(q, q->before, e);
    return code;
}

enum err_code args_job_new(const struct job_new *spec, struct err *e)
{
    const struct named_text t[] = {
        {"kind", slice_of(spec->kind)},
        {"id_prefix", slice_of(spec->id_prefix)},
        {"input", spec->input},
        {"Idempotency-Key", spec->idem_key},
        {"route", spec->idem_route},
    };
    /* "-<unix seconds>-<number>" must still fit into a lease */
    const size_t room = sizeof(((struct job_lease *)0)->job_id) - 32;

    if (!spec->kind || !spec->id_prefix || strlen(spec->id_prefix) > room)
        return err_field(e, "id_prefix", "a job without a usable id prefix");
    if (spec->max_attempts < 1)
        return err_field(e, "max_attempts", "'max_attempts' is below 1");
    if (spec->file.len > STORE_MAX_FILE)
        return err_set(e, ERR_TOO_LARGE, "the file is larger than %zu bytes",
                       STORE_MAX_FILE);
    return TEXTS(t, e);
}

enum err_code args_lease(const struct job_lease *l, struct err *e)
{
    if (!memchr(l->job_id, 0, sizeof(l->job_id)) ||
        !memchr(l->owner, 0, sizeof(l->owner)))
        return err_field(e, "lease", "a lease whose texts do not end");
    return ERR_NONE;
}

enum err_code args_progress(double progress, struct err *e)
{
    if (!(progress >= 0 && progress <= 100))
        return err_field(e, "progress", "'progress' is not in 0..100");
    return ERR_NONE;
}

enum err_code args_final_state(enum job_state state, struct err *e)
{
    if (state != JOB_COMPLETED && state != JOB_FAILED && state != JOB_CANCELLED)
        return err_field(e, "state", "a job cannot end in state %d",
                         (int)state);
    return ERR_NONE;
}

enum err_code args_deliveries(const struct delivery_new *d, size_t n,
                              struct err *e)
{
    if (n > MAX_DELIVERIES)
        return err_field(e, "deliveries", "more than %d deliveries",
                         MAX_DELIVERIES);
    for (size_t i = 0; i < n; i++) {
        enum err_code code = args_text("webhook_id", d[i].webhook_id, e);

        if (code == ERR_NONE && d[i].webhook_id.len == 0)
            code = err_field(e, "webhook_id", "a delivery without an id");
        if (code == ERR_NONE)
            code = args_text("body", d[i].body, e);
        if (code != ERR_NONE)
            return code;
    }
    return ERR_NONE;
}

enum err_code args_outcome(const struct delivery_outcome *o, struct err *e)
{
    enum err_code code = args_text("error", o->attempt.error, e);

    if (code == ERR_NONE)
        code = args_text("response", o->attempt.response, e);
    if (code == ERR_NONE && o->status != DELIVERY_PENDING &&
        o->status != DELIVERY_DELIVERED && o->status != DELIVERY_DEAD)
        code = err_field(e, "status", "no such status of a delivery");
    return code;
}

enum err_code args_schedule(const struct schedule *sch, struct err *e)
{
    const struct named_text t[] = {
        {"source", sch->source}, {"category", sch->category},
        {"query", sch->query},   {"arxiv_categories", sch->arxiv_categories},
        {"at", sch->at},         {"tz", sch->tz},
    };

    return TEXTS(t, e);
}

static enum err_code document_text(struct slice text, struct err *e)
{
    if (text.len > STORE_MAX_DOCUMENT)
        return err_set(e, ERR_TOO_LARGE,
                       "the document's text is longer than %zu bytes",
                       STORE_MAX_DOCUMENT);
    if (text.len && memchr(text.p, 0, text.len))
        return err_field(e, "text", "'text' holds a NUL byte");
    return utf8_valid(text) ? ERR_NONE
                            : err_field(e, "text", "'text' is not valid UTF-8");
}

enum err_code args_document(const struct document_new *d, struct err *e)
{
    const struct named_text t[] = {
        {"id", d->id},         {"title", d->title},
        {"source", d->source}, {"metadata", d->metadata},
        {"pages", d->pages},
    };
    enum err_code code = TEXTS(t, e);

    if (code == ERR_NONE && d->id.len == 0)
        code = err_field(e, "id", "a document without 'id'");
    if (code == ERR_NONE && d->id.len > MAX_KEY)
        code = err_field(e, "id", "'id' is longer than %d bytes", MAX_KEY);
    if (code == ERR_NONE && d->source.len > MAX_KEY)
        code = err_field(e, "metadata.source",
                         "'metadata.source' is longer than %d bytes", MAX_KEY);
    if (code == ERR_NONE &&
        (d->chars < 0 || d->chunk_size < 1 || d->overlap < 0 ||
         d->overlap >= d->chunk_size || d->total_chunks < 0))
        code = err_field(e, "chunk_size", "numbers no document can have");
    return code == ERR_NONE ? document_text(d->text, e) : code;
}

enum err_code args_batch(size_t n, struct err *e)
{
    return n <= STORE_MAX_BATCH
               ? ERR_NONE
               : err_set(e, ERR_TOO_LARGE, "more than %d at once",
                         STORE_MAX_BATCH);
}

enum err_code args_vector(const float *v, struct err *e)
{
    for (int i = 0; i < STORE_VECTOR_DIM; i++)
        if (!isfinite(v[i]))
            return err_field(e, "vector", "a vector that is not finite");
    return ERR_NONE;
}

static enum err_code one_chunk(const struct chunk_new *c, struct err *e)
{
    if (c->start_char < 0 || c->end_char < c->start_char || c->page < 0 ||
        c->tokens < 0)
        return err_field(e, "chunks", "chunk %lld has impossible numbers",
                         (long long)c->index);
    if (c->end_byte - c->start_byte > MAX_CHUNK)
        return err_field(e, "chunks", "chunk %lld is longer than %d bytes",
                         (long long)c->index, MAX_CHUNK);
    return args_text("chunk.metadata", c->metadata, e);
}

enum err_code args_chunk_batch(const struct chunk_batch *b, struct err *e)
{
    enum err_code code = args_batch(b->n, e);

    if (code == ERR_NONE)
        code = args_progress(b->progress, e);
    if (code == ERR_NONE)
        code = args_text("checkpoint", b->checkpoint, e);
    if (code == ERR_NONE)
        code = args_text("result", b->result, e);
    for (size_t i = 0; i < b->n && code == ERR_NONE; i++) {
        code = one_chunk(&b->chunks[i], e);
        if (code == ERR_NONE)
            code = args_vector(b->chunks[i].vector, e);
    }
    return code;
}

enum err_code args_vector_set(enum vector_set set, struct err *e)
{
    return set == VECTORS_CHUNKS || set == VECTORS_PAPERS
               ? ERR_NONE
               : err_field(e, "collection", "no such set of vectors");
}

enum err_code args_vector_search(const struct vector_search *q, struct err *e)
{
    enum err_code code = args_vector_set(q->set, e);

    if (code == ERR_NONE)
        code = args_page(0, q->k, e);
    if (code == ERR_NONE && (unsigned)q->distance > DISTANCE_L2)
        code = err_field(e, "metric", "no such measure of distance");
    return code == ERR_NONE ? args_vector(q->vector, e) : code;
}

enum err_code args_text_within(const char *field, struct slice s, size_t max,
                               struct err *e)
{
    if (s.len > max)
        return err_field(e, field, "'%s' is longer than %zu bytes", field, max);
    return args_text(field, s, e);
}

enum err_code args_views(const struct page_view *views, size_t n, struct err *e)
{
    enum err_code code = ERR_NONE;

    if (n > VIEW_MAX_BATCH)
        return err_field(e, "n", "more than %d views", VIEW_MAX_BATCH);
    for (size_t i = 0; i < n && code == ERR_NONE; i++) {
        const struct page_view *v = &views[i];

        if (v->page.len == 0)
            return err_field(e, "page", "'page' is empty");
        if ((code = args_text_within("page", v->page, VIEW_MAX_PAGE, e)) ||
            (code = args_text_within("title", v->title, VIEW_MAX_TITLE, e)) ||
            (code = args_text_within("referrer", v->referrer, VIEW_MAX_REFERRER,
                                     e)))
            return code;
        code = args_text_within("bot", v->bot, VIEW_MAX_REFERRER, e);
    }
    return code;
}

enum err_code args_bounds(const int64_t *bounds, size_t n, struct err *e)
{
    if (n > STORE_MAX_ROWS)
        return err_field(e, "interval", "more than %d periods", STORE_MAX_ROWS);
    for (size_t i = 0; i < n; i++)
        if (bounds[i] >= bounds[i + 1])
            return err_field(e, "interval", "the periods do not ascend");
    return ERR_NONE;
}

enum err_code args_marks(size_t n, const struct marks_change *change,
                         struct err *e)
{
    enum err_code code = at_most("ids", n, MARKS_MAX_PAPERS, e);

    if (code != ERR_NONE || !change->note)
        return code;
    code = args_text("note", *change->note, e);
    if (code == ERR_NONE && utf8_count(*change->note) > NOTE_MAX_CHARS)
        code = err_field(e, "note", "'note' is longer than %d characters",
                         NOTE_MAX_CHARS);
    return code;
}

enum err_code args_search(const struct saved_search *s, struct err *e)
{
    const struct named_text t[] = {{"name", s->name}, {"filters", s->filters}};

    return TEXTS(t, e);
}
