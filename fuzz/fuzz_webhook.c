/* fuzz_webhook.c - the body of a scraper's call: whatever comes, it is refused
 * with a reason or taken in the form that the store asks for. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "backend/paper_url.h"
#include "backend/webhook_payload.h"
#include "base/json.h"
#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(struct slice s)
{
    assert(utf8_valid(s));
    assert(s.len == 0 || !memchr(s.p, 0, s.len));
}

static void check_json(struct slice s, bool array)
{
    json_t *v = NULL;

    assert(json_parse(&v, s, NULL) == ERR_NONE);
    assert(array ? json_is_array(v) : json_is_object(v));
    json_decref(v);
}

static void check_paper(struct arena *a, const struct paper *p)
{
    struct paper_url again;

    assert(p->title.len > 0 && p->url.len > 0 && p->category.len > 0);
    check_text(p->title);
    check_text(p->abstract);
    check_text(p->authors);
    check_text(p->pdf_url);
    check_text(p->source);
    check_text(p->source_id);
    check_text(p->comment);
    check_json(p->author_list, true);
    check_json(p->tags, true);
    check_json(p->arxiv_categories, true);
    if (p->relevance.len > 0)
        check_json(p->relevance, false);
    assert(p->relevance_score >= 0 && p->relevance_score <= 1);
    assert(p->version >= 0);
    /* canonical means: nothing is left to do */
    assert(paper_url_parse(&again, a, p->url, NULL) == ERR_NONE);
    assert(slice_eq(again.url, p->url));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice body = {(const char *)data, size};
    struct arena *a = arena_new(16 * 1024 * 1024);
    struct webhook_in in;
    struct err e = {0};

    if (!a)
        return 0;
    if (webhook_payload_read(&in, a, body, 1762200000000000, &e) == ERR_NONE) {
        assert(in.job_id.len > 0 && in.source.len > 0);
        for (size_t i = 0; i < in.n_papers; i++)
            check_paper(a, &in.papers[i]);
    } else {
        assert(e.code != ERR_NONE && e.msg[0]);
    }
    arena_free(a);
    return 0;
}
