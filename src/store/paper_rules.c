/* paper_rules.c - see paper_rules.h. */
#include "store/paper_rules.h"

#include "base/utf8.h"

struct paper_key paper_key_of(const struct paper *p, enum paper_order order)
{
    struct paper_key k = {.id = p->id};

    switch (order) {
    case PAPER_BY_PUBLISHED:
        k.i = p->published_at;
        break;
    case PAPER_BY_CREATED:
        k.i = p->created_at;
        break;
    case PAPER_BY_RELEVANCE:
        k.d = p->relevance_score;
        break;
    case PAPER_BY_TITLE:
        k.text = p->title;
        break;
    case PAPER_BY_RANK:
        break;
    }
    return k;
}

bool paper_same_content(const struct paper *a, const struct paper *b)
{
    return slice_eq(a->title, b->title) && slice_eq(a->abstract, b->abstract) &&
           slice_eq(a->authors, b->authors) &&
           slice_eq(a->author_list, b->author_list) &&
           slice_eq(a->pdf_url, b->pdf_url) && slice_eq(a->source, b->source) &&
           slice_eq(a->source_id, b->source_id) && a->version == b->version &&
           a->published_at == b->published_at &&
           a->source_updated_at == b->source_updated_at &&
           slice_eq(a->arxiv_categories, b->arxiv_categories) &&
           slice_eq(a->primary_category, b->primary_category) &&
           slice_eq(a->doi, b->doi) &&
           slice_eq(a->journal_ref, b->journal_ref) &&
           slice_eq(a->comment, b->comment) &&
           slice_eq(a->category, b->category) && slice_eq(a->tags, b->tags);
}

enum paper_arrival paper_decide(const struct paper *stored,
                                const struct paper *arrived)
{
    struct paper same_version;

    if (!stored)
        return PAPER_CREATED;
    if (stored->deleted_at)
        return PAPER_UNCHANGED;
    if (stored->version && arrived->version) {
        if (arrived->version < stored->version)
            return PAPER_UNCHANGED;
        if (arrived->version > stored->version)
            return PAPER_UPDATED;
    }
    /* An unknown version says nothing, so it is no difference either. */
    same_version = *arrived;
    if (!arrived->version)
        same_version.version = stored->version;
    return paper_same_content(stored, &same_version) ? PAPER_UNCHANGED
                                                     : PAPER_UPDATED;
}

void paper_merge(const struct paper *stored, const struct paper *arrived,
                 int64_t now_us, struct paper *out)
{
    struct paper merged = *arrived;

    merged.id = stored->id;
    merged.url = stored->url;
    if (!merged.version)
        merged.version = stored->version;
    merged.created_at = stored->created_at;
    merged.updated_at = now_us;
    merged.deleted_at = 0;
    *out = merged;
}

/* Simple lower case by the regular parts of Unicode's tables; what is not
 * there stays, in both backends alike. */
static uint32_t lower(uint32_t c)
{
    if (c < 0x80)
        return c >= 'A' && c <= 'Z' ? c + 32 : c;
    if ((c >= 0xC0 && c <= 0xDE && c != 0xD7) || /* Latin-1 */
        (c >= 0x391 && c <= 0x3AB && c != 0x3A2) /* Greek */ ||
        (c >= 0x410 && c <= 0x42F)) /* Cyrillic */
        return c + 32;
    if (c >= 0x400 && c <= 0x40F)
        return c + 80;
    /* Latin Extended-A: pairs, upper case even or (two runs) odd */
    if ((c >= 0x100 && c <= 0x137 && c != 0x130 && c != 0x131) ||
        (c >= 0x14A && c <= 0x177) || (c >= 0x460 && c <= 0x481))
        return c | 1;
    if ((c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17E))
        return c + (c & 1);
    return c;
}

void paper_title_key(struct buf *out, struct slice title)
{
    for (size_t pos = 0; pos < title.len;) {
        char text[4];
        size_t n = utf8_put(text, lower(utf8_next(title, &pos)));

        buf_add(out, text, n);
    }
}

enum err_code paper_missing(int64_t id, struct err *e)
{
    return err_set(e, ERR_NOT_FOUND, "no paper '%lld'", (long long)id);
}
