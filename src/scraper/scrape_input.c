/* scrape_input.c - see scrape_input.h. */
#include "scraper/scrape_input.h"

#include <stdio.h>
#include <string.h>

#include "base/config.h"
#include "base/json.h"
#include "scraper/arxiv_id.h"

#define INPUT_MAX (15u << 20) /* what a job may hold; a replay is the most */

static enum err_code check_category(struct slice name, const struct rules *r,
                                    struct err *e)
{
    char word[40];
    const char *near;

    if (slice_is(name, "all") || rules_knows(r, name))
        return ERR_NONE;
    snprintf(word, sizeof(word), "%.*s", SLICE_ARG(name));
    near = nearest_word(word, rules_categories(r));
    return err_field(e, "category",
                     "\"category\" must be \"all\" or one of ours, not "
                     "\"%s\"%s%s%s",
                     word, near ? "; did you mean \"" : "", near ? near : "",
                     near ? "\"?" : "");
}

enum err_code scrape_input_check(const struct scrape_input *in,
                                 const struct rules *r, struct err *e)
{
    enum err_code rc = check_category(in->category, r, e);

    if (rc == ERR_NONE && in->query.len)
        rc = arxiv_query_check(in->query, e);
    for (size_t i = 0; i < in->n_categories && rc == ERR_NONE; i++)
        if (!arxiv_category_valid(in->categories[i]))
            rc = err_field(e, "arxiv_categories",
                           "\"arxiv_categories\" holds \"%.*s\", which is no "
                           "arXiv category such as \"cs.AI\"",
                           SLICE_ARG(slice_sub(in->categories[i], 0, 60)));
    return rc;
}

static struct slice copied(struct arena *a, const json_t *o, const char *key)
{
    struct slice s = json_get_slice(o, key);

    return s.p ? arena_slice(a, s) : s;
}

enum err_code scrape_input_categories(struct scrape_input *in, struct arena *a,
                                      const json_t *list, struct err *e)
{
    size_t n = json_array_size(list);

    in->n_categories = 0;
    if (n > ARXIV_CATEGORIES_MAX)
        return err_field(e, "arxiv_categories",
                         "\"arxiv_categories\" must have at most %d items",
                         ARXIV_CATEGORIES_MAX);
    for (size_t i = 0; i < n; i++) {
        const json_t *v = json_array_get(list, i);
        struct slice s = {json_string_value(v), json_string_length(v)};

        if (!s.p)
            return err_field(e, "arxiv_categories",
                             "\"arxiv_categories\" must be a list of strings");
        s = arena_slice(a, s);
        if (!s.p)
            return err_set(e, ERR_TOO_LARGE, "the request is too large");
        in->categories[in->n_categories++] = s;
    }
    return ERR_NONE;
}

enum err_code scrape_input_write(const struct scrape_input *in, struct arena *a,
                                 struct slice *out, struct err *e)
{
    struct buf text;
    struct jw j;

    buf_init(&text, INPUT_MAX);
    jw_init(&j, &text);
    jw_obj(&j);
    jw_kslice(&j, "source", in->source);
    jw_kslice(&j, "category", in->category);
    jw_kint(&j, "days", in->days);
    jw_kint(&j, "max_results", in->max_results);
    if (in->query.len)
        jw_kslice(&j, "query", in->query);
    if (in->n_categories) {
        jw_key(&j, "arxiv_categories");
        jw_arr(&j);
        for (size_t i = 0; i < in->n_categories; i++)
            jw_slice(&j, in->categories[i]);
        jw_end_arr(&j);
    }
    if (in->replay.p)
        jw_kslice(&j, "replay", in->replay);
    jw_end_obj(&j);
    *out = buf_ok(&text) ? arena_slice(a, buf_slice(&text)) : SLICE_NONE;
    buf_release(&text);
    return out->p ? ERR_NONE
                  : err_set(e, ERR_TOO_LARGE, "the request is too large");
}

enum err_code scrape_input_read(struct scrape_input *in, struct arena *a,
                                struct slice json, struct err *e)
{
    json_t *o;
    enum err_code rc = json_parse(&o, json, e);

    if (rc != ERR_NONE) {
        err_prefix(e, "the job's input");
        return rc;
    }
    *in = (struct scrape_input){
        .source = copied(a, o, "source"),
        .category = copied(a, o, "category"),
        .query = copied(a, o, "query"),
        .days = json_get_int(o, "days", 7),
        .max_results = json_get_int(o, "max_results", 50),
        .replay = copied(a, o, "replay"),
    };
    rc = scrape_input_categories(in, a, json_object_get(o, "arxiv_categories"),
                                 e);
    json_decref(o);
    if (rc == ERR_NONE && (!in->source.p || !in->category.p))
        rc = err_set(e, ERR_INVALID, "the job's input lacks source, category");
    return rc;
}

void scrape_input_defaults(struct scrape_input *in, const struct rules *r)
{
    const char *const *asked = rules_archives(r, in->category);

    if (in->n_categories)
        return;
    for (; *asked && in->n_categories < ARXIV_CATEGORIES_MAX; asked++)
        in->categories[in->n_categories++] = slice_of(*asked);
    if (in->n_categories)
        return;
    in->categories[in->n_categories++] = SLICE("cs.AI");
    in->categories[in->n_categories++] = SLICE("cs.LG");
}
