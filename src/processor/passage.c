/* passage.c - see passage.h. */
#include "processor/passage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "processor/chroma_record.h"
#include "processor/processor_impl.h"

#define MAX_METADATA ((size_t)1 << 20)

/* ---- metadata of chunks ---- */

static void set_text(json_t *o, const char *key, struct slice v)
{
    json_object_set_new(o, key, json_stringn(v.p ? v.p : "", v.len));
}

json_t *chunk_document_metadata(const struct chunk *c)
{
    json_t *o = NULL;

    if (json_parse(&o, c->document_metadata, NULL) != ERR_NONE ||
        !json_is_object(o)) {
        json_decref(o);
        o = json_object();
    }
    set_text(o, "title", c->title);
    set_text(o, "document_id", c->document_id);
    set_text(o, "job_id", c->job_id);
    return o;
}

void chunk_metadata_numbers(json_t *o, int64_t index, int64_t start,
                            int64_t end, int64_t page)
{
    json_object_set_new(o, "chunk_index", json_integer(index));
    json_object_set_new(o, "start_char", json_integer(start));
    json_object_set_new(o, "end_char", json_integer(end));
    if (page > 0)
        json_object_set_new(o, "page", json_integer(page));
    else
        json_object_del(o, "page");
}

json_t *chunk_metadata(const struct chunk *c)
{
    json_t *o = chunk_document_metadata(c), *own = NULL;

    if (!o)
        return NULL;
    if (c->metadata.len && json_parse(&own, c->metadata, NULL) == ERR_NONE)
        json_object_update(o, own);
    json_decref(own);
    chunk_metadata_numbers(o, c->index, c->start_char, c->end_char, c->page);
    return o;
}

/* ---- metadata of papers ---- */

static void text_if_any(struct jw *j, const char *key, struct slice v)
{
    if (v.len)
        jw_kslice(j, key, v);
}

static void write_times(struct jw *j, const struct paper *p)
{
    char text[CLOCK_TEXT];

    if (p->published_at) {
        jw_ktime(j, "published_at", p->published_at);
        jw_kint(j, "published_unix", p->published_at / US_PER_S);
        clock_format_date(text, p->published_at);
        jw_kint(j, "year", strtoll(text, NULL, 10));
    }
    if (p->source_updated_at)
        jw_ktime(j, "updated_at", p->source_updated_at);
}

static void write_metadata(struct jw *j, const struct paper *p)
{
    jw_obj(j);
    jw_kslice(j, "title", p->title);
    jw_kint(j, "paper_id", p->id);
    jw_kslice(j, "url", p->url);
    text_if_any(j, "pdf_url", p->pdf_url);
    text_if_any(j, "source", p->source);
    text_if_any(j, "source_id", p->source_id);
    if (p->version)
        jw_kint(j, "version", p->version);
    text_if_any(j, "category", p->category);
    text_if_any(j, "primary_category", p->primary_category);
    text_if_any(j, "authors", p->authors);
    write_times(j, p);
    jw_kdouble(j, "relevance_score", p->relevance_score);
    text_if_any(j, "doi", p->doi);
    text_if_any(j, "journal_ref", p->journal_ref);
    text_if_any(j, "comment", p->comment);
    if (p->tags.len)
        jw_kraw(j, "tags", p->tags);
    jw_end_obj(j);
}

enum err_code paper_metadata_text(const struct paper *p, struct slice *out,
                                  struct err *e)
{
    struct buf b;
    struct jw j;
    char *copy;

    buf_init(&b, MAX_METADATA);
    jw_init(&j, &b);
    write_metadata(&j, p);
    copy = buf_ok(&b) ? malloc(b.len) : NULL;
    if (copy) {
        memcpy(copy, b.p, b.len);
        *out = (struct slice){copy, b.len};
    }
    buf_release(&b);
    return copy ? ERR_NONE : err_set(e, ERR_UNAVAILABLE, "out of memory");
}

/* ---- passages ---- */

enum err_code paper_as_chunk(const struct paper *p, struct arena *a,
                             struct chunk *out, struct err *e)
{
    char *id = arena_printf(a, "paper_%lld", (long long)p->id);
    char *text = arena_printf(a, "%.*s\n\n%.*s", SLICE_ARG(p->title),
                              SLICE_ARG(p->abstract));

    if (!id || !text)
        return err_set(e, ERR_TOO_LARGE, "the answer is too large");
    *out = (struct chunk){.id = p->id,
                          .document_key = -p->id,
                          .text = slice_of(text),
                          .document_id = slice_of(id),
                          .title = p->title};
    out->end_byte = (int64_t)out->text.len;
    out->end_char = (int64_t)utf8_count(out->text);
    return ERR_NONE;
}

static void write_chunk_metadata(struct jw *j, const struct chunk *c)
{
    json_t *o = chunk_metadata(c);

    if (o)
        jw_value(j, o);
    else
        jw_null(j);
    json_decref(o);
}

static void write_paper_link(struct jw *j, const struct paper *p)
{
    char link[60];

    snprintf(link, sizeof(link), "/api/papers/%lld/", (long long)p->id);
    jw_kstr(j, "link", link);
}

void passage_write(struct jw *j, const struct chunk *c, const struct paper *p)
{
    char id[CHROMA_NAME];

    (void)chroma_name_write(id, VECTORS_CHUNKS,
                            (struct copy_name){c->document_id, c->index});
    jw_obj(j);
    if (p)
        jw_kslice(j, "id", c->document_id);
    else
        jw_kstr(j, "id", id);
    jw_kslice(j, "text", c->text);
    jw_key(j, "metadata");
    if (p) {
        write_metadata(j, p);
        write_paper_link(j, p);
    } else {
        write_chunk_metadata(j, c);
        chunk_write_link(j, c);
    }
}

void passage_write_place(struct jw *j, const struct chunk *c,
                         const struct paper *p)
{
    if (!p) {
        chunk_write_place(j, c);
        return;
    }
    jw_kslice(j, "document_id", c->document_id);
    jw_kint(j, "paper_id", p->id);
    jw_kslice(j, "url", p->url);
    jw_kint(j, "start_char", c->start_char);
    jw_kint(j, "end_char", c->end_char);
    write_paper_link(j, p);
}
