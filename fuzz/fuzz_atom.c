/* fuzz_atom.c - any bytes as an answer of arXiv: no crash, no paper without
 * what makes one, none at all from a feed that is refused. */
#include <assert.h>
#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "base/utf8.h"
#include "scraper/atom.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_list(struct slice json)
{
    json_t *list;
    struct err e = {0};

    assert(json_parse(&list, json, &e) == ERR_NONE);
    assert(json_is_array(list));
    json_decref(list);
}

static void check_paper(const struct paper *p)
{
    assert(p->title.len > 0 && utf8_valid(p->title));
    assert(utf8_valid(p->abstract) && utf8_valid(p->authors));
    assert(slice_starts(p->url, "https://arxiv.org/abs/"));
    assert(p->source_id.len > 0 && p->version >= 0);
    check_list(p->author_list);
    check_list(p->arxiv_categories);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new(16u << 20);
    struct atom_feed f;
    struct err e = {0};

    if (!a)
        return 0;
    if (atom_parse(a, (struct slice){(const char *)data, size}, &f, &e) !=
        ERR_NONE) {
        assert(f.n_papers == 0 && e.code != ERR_NONE && e.msg[0]);
    } else {
        for (size_t i = 0; i < f.n_papers; i++)
            check_paper(&f.papers[i]);
    }
    arena_free(a);
    return 0;
}
