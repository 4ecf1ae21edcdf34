/* paper_json.c - see paper_json.h. */
#include "backend/paper_json.h"

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
    jw_ktext(j, "pdf_url", p->pdf_url);
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
    jw_ktext(j, "primary_category", p->primary_category);
    jw_ktext(j, "doi", p->doi);
    jw_ktext(j, "journal_ref", p->journal_ref);
    jw_ktext(j, "comment", p->comment);
    jw_ktime(j, "published_at", p->published_at);
    jw_ktime(j, "source_updated_at", p->source_updated_at);
    jw_ktime(j, "created_at", p->created_at);
    jw_ktime(j, "updated_at", p->updated_at);
    jw_kbool(j, "read", p->read);
    jw_kbool(j, "starred", p->starred);
    jw_kbool(j, "has_note", p->noted);
}

void paper_json(struct jw *j, const struct paper *p)
{
    jw_obj(j);
    paper_json_members(j, p);
    jw_end_obj(j);
}
