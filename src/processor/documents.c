/* documents.c - /documents/: what is stored, for people. */
#include <stdio.h>

#include "base/json.h"
#include "net/paging.h"
#include "processor/passage.h"
#include "processor/processor_impl.h"

#define TEXT_DEFAULT 100000 /* characters of a reply, if nothing is said */
#define TEXT_MAX 1000000
#define CONTEXT_MAX 10000

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

/* In the order of enum document_order. */
static const char *const orderings[] = {
    "updated_at", "title", "bytes", "-updated_at", "-title", "-bytes", NULL};

static void read_ordering(struct slice s, struct document_query *q)
{
    q->ascending = !slice_starts(s, "-");
    s = slice_sub(s, !q->ascending, s.len);
    while (!slice_is(s, orderings[q->order]))
        q->order++;
}

static enum err_code list_documents(struct request *r, struct err *e)
{
    struct processor *p = r->ctx;
    struct page page = paging_read(r);
    struct document_query q = {.source = request_str(r, "source"),
                               .search = request_str(r, "search"),
                               .offset = page.offset,
                               .limit = (int)page.size};
    struct document *rows;
    size_t n;
    int64_t count;
    enum err_code code;

    read_ordering(request_str(r, "ordering"), &q);
    code = store_documents_list(p->store, r->arena, &q, &rows, &n, &count, e);
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
    passage_write(j, row, NULL);
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

/* ---- a place in the text ---- */

static void link_write(struct jw *j, const char *key, struct slice id,
                       int64_t from, int64_t to)
{
    char link[200];

    snprintf(link, sizeof(link), "/documents/%.*s/text?from=%lld&to=%lld",
             SLICE_ARG(id), (long long)from, (long long)to);
    jw_kstr(j, key, link);
}

void chunk_write_link(struct jw *j, const struct chunk *c)
{
    link_write(j, "link", c->document_id, c->start_char, c->end_char);
}

void chunk_write_place(struct jw *j, const struct chunk *c)
{
    json_t *own = NULL;
    int64_t page_end;
    struct slice section;

    jw_kslice(j, "document_id", c->document_id);
    jw_kint(j, "start_char", c->start_char);
    jw_kint(j, "end_char", c->end_char);
    if (c->page > 0)
        jw_kint(j, "page", c->page);
    if (c->metadata.len && json_parse(&own, c->metadata, NULL) == ERR_NONE) {
        page_end = json_get_int(own, "page_end", 0);
        section = json_get_slice(own, "section");
        if (page_end > 0)
            jw_kint(j, "page_end", page_end);
        if (section.len)
            jw_kslice(j, "section", section);
        json_decref(own);
    }
    chunk_write_link(j, c);
}

/* The page that a character is on, by the document's [[page, start], ...]; 0:
 * it has none. */
static int64_t page_at(const json_t *pages, int64_t at)
{
    int64_t page = 0;

    for (size_t i = 0; i < json_array_size(pages); i++) {
        const json_t *p = json_array_get(pages, i);

        if (page && json_integer_value(json_array_get(p, 1)) > at)
            break;
        page = json_integer_value(json_array_get(p, 0));
    }
    return page;
}

/* Byte of the character `at` of a valid text, from a place that is not behind
 * it. */
static size_t byte_of(struct slice text, size_t byte, int64_t at_char,
                      int64_t at)
{
    while (byte < text.len && at_char < at) {
        byte++;
        while (byte < text.len && ((unsigned char)text.p[byte] & 0xC0) == 0x80)
            byte++;
        at_char++;
    }
    return byte;
}

/* Which part is asked for, in characters. */
struct part {
    int64_t from, to, before, after; /* before <= from <= to <= after */
};

static enum err_code read_part(const struct request *r,
                               const struct document *d, struct part *out,
                               struct err *e)
{
    int64_t context = request_int(r, "context");

    out->from = request_int(r, "from");
    out->to =
        request_has(r, "to") ? request_int(r, "to") : out->from + TEXT_DEFAULT;
    if (out->from > d->chars)
        return err_field(e, "from",
                         "'from' is behind the end of the document, which has "
                         "%lld characters",
                         (long long)d->chars);
    if (out->to < out->from)
        return err_field(e, "to", "'to' is before 'from'");
    if (out->to - out->from > TEXT_MAX)
        return err_field(e, "to", "at most %d characters can be asked for",
                         TEXT_MAX);
    if (out->to > d->chars)
        out->to = d->chars;
    out->before = out->from > context ? out->from - context : 0;
    out->after = d->chars - out->to > context ? out->to + context : d->chars;
    return ERR_NONE;
}

static void write_part(struct jw *j, const struct document *d,
                       const struct part *p, struct slice text)
{
    size_t before = byte_of(text, 0, 0, p->before),
           from = byte_of(text, before, p->before, p->from),
           to = byte_of(text, from, p->from, p->to),
           after = byte_of(text, to, p->to, p->after);

    jw_kslice(j, "before", slice_sub(text, before, from));
    jw_kslice(j, "text", slice_sub(text, from, to));
    jw_kslice(j, "after", slice_sub(text, to, after));
    if (p->to < d->chars)
        link_write(j, "next", d->id, p->to,
                   p->to + (p->to > p->from ? p->to - p->from : TEXT_DEFAULT));
    else
        jw_knull(j, "next");
}

static void write_pages(struct jw *j, const struct document *d,
                        const struct part *p)
{
    json_t *pages = NULL;

    if (!d->pages.len || json_parse(&pages, d->pages, NULL) != ERR_NONE)
        return;
    jw_kint(j, "page", page_at(pages, p->from));
    jw_kint(j, "page_end", page_at(pages, p->to > p->from ? p->to - 1 : p->to));
    json_decref(pages);
}

static enum err_code get_text(struct request *r, struct err *e)
{
    struct processor *p = r->ctx;
    struct slice text, id = request_str(r, "id");
    struct document d;
    struct part part = {0};
    struct jw j;
    enum err_code code = store_document_get(p->store, r->arena, id, &d, e);

    if (code == ERR_NONE)
        code = read_part(r, &d, &part, e);
    if (code == ERR_NONE)
        code =
            store_document_text(p->store, r->arena, id, 0, d.bytes, &text, e);
    if (code != ERR_NONE)
        return code;
    jw_init(&j, reply_json(r, 200));
    jw_obj(&j);
    jw_kslice(&j, "document_id", d.id);
    jw_kslice(&j, "title", d.title);
    jw_ktext(&j, "source", d.source);
    jw_kint(&j, "start_char", part.from);
    jw_kint(&j, "end_char", part.to);
    jw_kint(&j, "chars", d.chars);
    write_pages(&j, &d, &part);
    write_part(&j, &d, &part, text);
    jw_end_obj(&j);
    return ERR_NONE;
}

static enum err_code delete_document(struct request *r, struct err *e)
{
    struct processor *p = r->ctx;
    enum err_code code =
        store_document_delete(p->store, request_str(r, "id"), e);

    if (code != ERR_NONE)
        return code;
    if (p->copy && p->jobs) /* it is to go from the copy too */
        jobs_wake(p->jobs);
    reply_empty(r, 204);
    return ERR_NONE;
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
    {"search", IN_QUERY, PARAM_STR, .min = 1, .max = 200,
     .doc = "Words, in their order, anywhere in the title or the source.  "
            "A to Z are as a to z."},
    {"ordering", IN_QUERY, PARAM_ENUM, .choices = orderings,
     .dflt = "-updated_at", .doc = "`-`: the other way round."},
    PAGING_PARAMS,
    {.name = NULL}};
static const struct param id_params[] = {ID_PARAM, {.name = NULL}};
static const struct param chunk_params[] = {
    ID_PARAM, PAGING_PARAMS, {.name = NULL}};
static const struct param text_params[] = {
    ID_PARAM,
    {"from", IN_QUERY, PARAM_INT, .min = 0, .max = 1e9, .dflt = "0",
     .doc = "The first character, counted in code points.", .example = "2400"},
    {"to", IN_QUERY, PARAM_INT, .min = 0, .max = 1e9,
     .doc = "Behind the last one; at most a million further on.  If it is not "
            "given: 100,000 characters.",
     .example = "3400"},
    {"context", IN_QUERY, PARAM_INT, .min = 0, .max = CONTEXT_MAX, .dflt = "0",
     .doc = "So many characters on each side, in `before` and `after`."},
    {.name = NULL}};

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
     .doc = "The newest first, if no other ordering is asked for.",
     .schema = "DocumentPage",
     .returns = "{\"count\":1,\"next\":null,\"previous\":null,\"results\":"
                "[" DOCUMENT_EXAMPLE "]}"},
    {.method = HTTP_GET,
     .pattern = "/documents/{id}",
     .handle = get_document,
     .policy = POLICY_READ,
     .params = id_params,
     .tag = "Documents",
     .summary = "A document",
     .schema = "Document",
     .returns = DOCUMENT_EXAMPLE},
    {.method = HTTP_GET,
     .pattern = "/documents/{id}/chunks",
     .handle = list_chunks,
     .policy = POLICY_READ,
     .params = chunk_params,
     .tag = "Documents",
     .summary = "The chunks of a document",
     .schema = "ChunkPage",
     .returns = "{\"count\":6,\"next\":null,\"previous\":null,\"results\":[{"
                "\"id\":\"doc-8d969eef6ecad3c2_chunk_0\",\"text\":\"...\","
                "\"metadata\":{\"title\":\"Kubernetes Guide\","
                "\"document_id\":\"doc-8d969eef6ecad3c2\","
                "\"job_id\":\"text-1762123331\",\"chunk_index\":0,"
                "\"start_char\":0,\"end_char\":1000},\"link\":"
                "\"/documents/doc-8d969eef6ecad3c2/text?from=0&to=1000\"}]}"},
    {.method = HTTP_GET,
     .pattern = "/documents/{id}/text",
     .handle = get_text,
     .policy = POLICY_READ,
     .params = text_params,
     .tag = "Documents",
     .summary = "A part of a document's text",
     .doc = "What the `link` of a result or a source leads to: the passage in "
            "its place.  `page` and `page_end` are there if the document has "
            "pages; `next` is where the text goes on.",
     .schema = "DocumentText",
     .returns = "{\"document_id\":\"doc-8d969eef6ecad3c2\",\"title\":"
                "\"Kubernetes Guide\",\"source\":null,\"start_char\":2400,"
                "\"end_char\":3400,\"chars\":5000,\"before\":\"\","
                "\"text\":\"...\",\"after\":\"\",\"next\":\"/documents/"
                "doc-8d969eef6ecad3c2/text?from=3400&to=4400\"}"},
    {.method = HTTP_GET,
     .pattern = "/documents/{id}/outline",
     .handle = document_outline,
     .policy = POLICY_READ,
     .params = id_params,
     .tag = "Documents",
     .summary = "What a document is made of",
     .doc = "Where its pages begin (PDF), its headings (Markdown), and from "
            "where to where each chunk reaches; all in code points.",
     .schema = "Outline",
     .returns = "{\"document_id\":\"doc-8d969eef6ecad3c2\",\"chars\":5000,"
                "\"pages\":[{\"page\":1,\"start_char\":0}],"
                "\"headings\":[{\"level\":1,\"title\":\"Kubernetes Guide\","
                "\"start_char\":0}],\"chunks\":[[0,1000],[800,1800]]}"},
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
