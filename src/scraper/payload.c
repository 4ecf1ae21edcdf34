/* payload.c - see payload.h.  A body is written once and kept in the outbox:
 * what is sent again is what was signed and sent before, byte for byte. */
#include "scraper/payload.h"

#include <string.h>

#include "base/crypto.h"

static void raw_or(struct jw *j, const char *key, struct slice s,
                   const char *otherwise)
{
    jw_kraw(j, key, s.len ? s : slice_of(otherwise));
}

void payload_write_paper(struct jw *j, const struct paper *p)
{
    jw_obj(j);
    jw_kslice(j, "title", p->title);
    jw_kslice(j, "abstract", p->abstract);
    raw_or(j, "authors", p->author_list, "[]");
    jw_kslice(j, "url", p->url);
    jw_ktext(j, "pdf_url", p->pdf_url);
    jw_kslice(j, "source", p->source);
    jw_kslice(j, "source_id", p->source_id);
    jw_kint(j, "version", p->version);
    jw_ktime(j, "published_at", p->published_at);
    jw_ktime(j, "updated_at", p->source_updated_at);
    raw_or(j, "arxiv_categories", p->arxiv_categories, "[]");
    jw_ktext(j, "primary_category", p->primary_category);
    jw_ktext(j, "doi", p->doi);
    jw_ktext(j, "journal_ref", p->journal_ref);
    jw_ktext(j, "comment", p->comment);
    jw_kslice(j, "category", p->category);
    jw_kdouble(j, "relevance_score", p->relevance_score);
    raw_or(j, "relevance", p->relevance, "{}");
    raw_or(j, "tags", p->tags, "[]");
    jw_end_obj(j);
}

/* One call with the papers from `from` on, as many as fit.  Returns how many
 * it took. */
static size_t write_body(struct buf *body, const struct payload_report *r,
                         size_t from)
{
    struct buf papers;
    struct jw j;
    size_t n = 0;

    buf_init(&papers, PAYLOAD_MAX_BYTES);
    jw_init(&j, &papers);
    jw_arr(&j);
    for (size_t i = from; i < r->n_papers; i++) {
        struct jw before = j;
        size_t len = papers.len;

        payload_write_paper(&j, &r->papers[i]);
        if (papers.failed || papers.len > PAYLOAD_MAX_BYTES - 8192) {
            papers.failed = false;
            buf_cut(&papers, len);
            j = before;
            break;
        }
        n++;
    }
    jw_end_arr(&j);

    jw_init(&j, body);
    jw_obj(&j);
    jw_kslice(&j, "job_id", r->job_id);
    jw_kslice(&j, "source", r->source);
    jw_kstr(&j, "status", r->error.p ? "failed" : "completed");
    if (r->error.p)
        jw_kslice(&j, "error", r->error);
    jw_kraw(&j, "papers", buf_slice(&papers));
    jw_kint(&j, "total_papers", (int64_t)n);
    jw_ktime(&j, "started_at", r->started_at);
    jw_ktime(&j, "ended_at", r->ended_at);
    jw_ktime(&j, "timestamp", r->ended_at);
    jw_end_obj(&j);
    if (!buf_ok(&papers))
        body->failed = true;
    buf_release(&papers);
    return n;
}

enum err_code payload_build(struct payload *out, const struct payload_report *r,
                            struct err *e)
{
    size_t from = 0;

    out->n = 0;
    do {
        struct buf *body = &out->bodies[out->n];
        char *id = out->ids[out->n];
        size_t n;

        if (out->n == PAYLOAD_MAX_BODIES)
            return err_set(e, ERR_TOO_LARGE, "too many papers to deliver");
        buf_init(body, PAYLOAD_MAX_BYTES + 8192);
        memcpy(id, "msg_", 4);
        crypto_token(id + 4, 24);
        out->items[out->n].webhook_id = slice_of(id);
        out->n++;
        n = write_body(body, r, from);
        if (!buf_ok(body) || (n == 0 && from < r->n_papers))
            return err_set(e, ERR_TOO_LARGE, "a paper is too large to deliver");
        out->items[out->n - 1].body = buf_slice(body);
        from += n;
    } while (from < r->n_papers);
    return ERR_NONE;
}

void payload_release(struct payload *p)
{
    for (size_t i = 0; i < p->n; i++)
        buf_release(&p->bodies[i]);
    p->n = 0;
}
