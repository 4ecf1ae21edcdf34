/* paper_json.c - see paper_json.h. */
#include "backend/paper_json.h"

static void text_or_null(struct jw *j, const char *key, struct slice v)
{
    if (v.len > 0)
        jw_kslice(j, key, v);
    else
        jw_knull(j, key);
}

/* A text that is JSON already; `none` stands for an empty one. */
static void json_or(struct jw *j, const char *key, struct slice v,
                    const char *none)
{
    jw_kraw(j, key, v.len > 0 ? v : slice_of(none));
}

void paper_json_members(struct jw *j, const struct paper *p)
{
    jw_kint(j, "id", p->id);
    jw_kslice(j, "title", p->title);
    jw_kslice(j, "abstract", p->abstract);
    jw_kslice(j, "authors", p->authors);
    json_or(j, "author_list", p->author_list, "[]");
    jw_kslice(j, "url", p->url);
    text_or_null(j, "pdf_url", p->pdf_url);
    jw_kslice(j, "source", p->source);
    jw_kslice(j, "source_id", p->source_id);
    jw_key(j, "version");
    if (p->version > 0)
        jw_int(j, p->version);
    else
        jw_null(j);
    jw_kslice(j, "category", p->category);
    jw_kdouble(j, "relevance_score", p->relevance_score);
    json_or(j, "relevance", p->relevance, "null");
    json_or(j, "tags", p->tags, "[]");
    json_or(j, "arxiv_categories", p->arxiv_categories, "[]");
    text_or_null(j, "primary_category", p->primary_category);
    text_or_null(j, "doi", p->doi);
    text_or_null(j, "journal_ref", p->journal_ref);
    text_or_null(j, "comment", p->comment);
    jw_ktime(j, "published_at", p->published_at);
    jw_ktime(j, "source_updated_at", p->source_updated_at);
    jw_ktime(j, "created_at", p->created_at);
    jw_ktime(j, "updated_at", p->updated_at);
}

void paper_json(struct jw *j, const struct paper *p)
{
    jw_obj(j);
    paper_json_members(j, p);
    jw_end_obj(j);
}
