/* tags.c - see tags.h. */
#include "scraper/tags.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "gen/assets.h"
#include "scraper/phrases.h"
#include "scraper/table.h"

#define TAG_MAX_BYTES 60

struct tags {
    struct phrases *phrases;
    uint32_t *tag_of; /* by phrase */
    size_t tag_of_cap;
    char **names; /* by tag */
    size_t n_names, names_cap;
};

static void *room_for(void *p, size_t n, size_t *cap, size_t size)
{
    if (n < *cap)
        return p;
    *cap = n * 2 + 64;
    p = reallocarray(p, *cap, size);
    if (!p)
        abort(); /* bounded by the table's size */
    return p;
}

static enum err_code add_term(struct tags *t, const struct table *row,
                              struct slice term, uint32_t tag, struct err *e)
{
    uint32_t before = phrases_count(t->phrases), id;
    struct err why = {0};

    if (phrases_add(t->phrases, term, &id, &why) != ERR_NONE)
        return table_error(row, e, "%s", why.msg);
    t->tag_of = room_for(t->tag_of, id, &t->tag_of_cap, sizeof(*t->tag_of));
    if (id >= before)
        t->tag_of[id] = tag;
    else if (t->tag_of[id] != tag)
        return table_error(row, e, "'%.*s' is a term of tag '%s' already",
                           SLICE_ARG(term), t->names[t->tag_of[id]]);
    return ERR_NONE;
}

static enum err_code add_row(struct tags *t, const struct table *row,
                             struct err *e)
{
    struct slice name = row->cells[0];
    uint32_t tag = (uint32_t)t->n_names;
    enum err_code rc = ERR_NONE;

    if (name.len == 0 || name.len > TAG_MAX_BYTES)
        return table_error(row, e, "a tag has 1 to %d bytes", TAG_MAX_BYTES);
    for (size_t i = 0; i < t->n_names; i++)
        if (slice_is(name, t->names[i]))
            return table_error(row, e, "tag '%.*s' stands twice",
                               SLICE_ARG(name));
    t->names = room_for(t->names, t->n_names, &t->names_cap, sizeof(*t->names));
    t->names[t->n_names] = strndup(name.p, name.len);
    if (!t->names[t->n_names])
        abort();
    t->n_names++;
    if (row->n_cells == 1)
        return add_term(t, row, name, tag, e);
    for (size_t i = 1; i < row->n_cells && rc == ERR_NONE; i++)
        rc = add_term(t, row, row->cells[i], tag, e);
    return rc;
}

enum err_code tags_parse(struct tags **out, const char *name, struct slice text,
                         struct err *e)
{
    struct tags *t = calloc(1, sizeof(*t));
    struct table row;
    enum err_code rc;
    bool got = true;

    if (!t)
        abort();
    t->phrases = phrases_new();
    rc = table_init(&row, name, text, e);
    while (rc == ERR_NONE && got) {
        rc = table_next(&row, &got, e);
        if (rc == ERR_NONE && got)
            rc = add_row(t, &row, e);
    }
    if (rc != ERR_NONE) {
        tags_free(t);
        return rc;
    }
    *out = t;
    return ERR_NONE;
}

enum err_code tags_load(struct tags **out, const char *dir, struct err *e)
{
    struct slice built_in = {(const char *)asset_tags_tsv, asset_tags_tsv_len};
    struct buf text;
    enum err_code rc;

    buf_init(&text, TABLE_MAX_BYTES);
    rc = table_load(&text, dir, "tags.tsv", built_in, e);
    if (rc == ERR_NONE)
        rc = tags_parse(out, "tags.tsv", buf_slice(&text), e);
    buf_release(&text);
    return rc;
}

void tags_free(struct tags *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->n_names; i++)
        free(t->names[i]);
    free(t->names);
    free(t->tag_of);
    phrases_free(t->phrases);
    free(t);
}

struct found {
    const struct tags *tags;
    uint32_t list[TAGS_MAX];
    size_t n;
};

static void on_hit(void *ctx, uint32_t id)
{
    struct found *f = ctx;
    uint32_t tag = f->tags->tag_of[id];

    for (size_t i = 0; i < f->n; i++)
        if (f->list[i] == tag)
            return;
    if (f->n < TAGS_MAX)
        f->list[f->n++] = tag;
}

enum err_code tags_find(const struct tags *t, struct arena *a,
                        const struct paper *p, struct slice *out, struct err *e)
{
    struct found f = {.tags = t};
    struct buf text;
    struct jw j;

    if (!phrases_scan(t->phrases, a, p->title, true, on_hit, &f) ||
        !phrases_scan(t->phrases, a, p->abstract, true, on_hit, &f))
        return err_set(e, ERR_TOO_LARGE, "a text is too long to tag");
    buf_init(&text, TAGS_MAX * (TAG_MAX_BYTES * 6 + 3) + 2);
    jw_init(&j, &text);
    jw_arr(&j);
    for (size_t i = 0; i < f.n; i++)
        jw_str(&j, t->names[f.list[i]]);
    jw_end_arr(&j);
    *out = arena_slice(a, buf_slice(&text));
    buf_release(&text);
    return out->p ? ERR_NONE
                  : err_set(e, ERR_TOO_LARGE, "the papers are too large");
}
