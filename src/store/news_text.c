/* news_text.c - see news_text.h. */
#include "store/news_text.h"

#include <string.h>

#include "base/json.h"

#define MAX_ITEM ((size_t)1000)
#define MAX_FROM ((size_t)64)

/* ---- writing ---- */

static bool is_there(const struct buf *items, const struct buf *item)
{
    /* unescaped quotes are in no string, so it is nothing else's inside */
    return items->len > 0 &&
           memmem(items->p, items->len, item->p, item->len) != NULL;
}

static void add_item(struct buf *items, struct buf *item, bool once)
{
    if (!buf_ok(item) ||
        items->len + 1 + item->len > NEWS_TEXT_MAX - MAX_FROM ||
        (once && is_there(items, item)))
        return;
    if (items->len > 0)
        buf_add_char(items, ',');
    buf_add_slice(items, buf_slice(item));
}

static void add_named(struct buf *items, const char *what, struct slice id)
{
    struct buf item;
    struct jw j;

    if (id.len == 0)
        return;
    buf_init(&item, MAX_ITEM);
    jw_init(&j, &item);
    jw_arr(&j);
    jw_str(&j, what);
    jw_slice(&j, id);
    jw_end_arr(&j);
    add_item(items, &item, true);
    buf_release(&item);
}

static void add_papers(struct buf *items, int64_t n, int64_t at)
{
    struct buf item;
    struct jw j;

    buf_init(&item, MAX_ITEM);
    jw_init(&j, &item);
    jw_arr(&j);
    jw_str(&j, "papers");
    jw_int(&j, n);
    jw_int(&j, at);
    jw_end_arr(&j);
    add_item(items, &item, false);
    buf_release(&item);
}

void news_text_add(struct buf *items, const struct store_news *n)
{
    add_named(items, n->document_ready ? "ready" : "job", n->jobs[0]);
    add_named(items, "job", n->jobs[1]);
    add_named(items, "gone", n->document_gone);
    if (n->papers_added)
        add_papers(items, n->papers_added, n->papers_at);
}

void news_text_write(struct buf *out, const char *from, struct slice items)
{
    struct jw j;

    jw_init(&j, out);
    jw_arr(&j);
    jw_str(&j, from);
    jw_raw(&j, items);
    jw_end_arr(&j);
}

/* ---- reading ---- */

static struct slice text_at(const json_t *list, size_t i)
{
    const json_t *v = json_array_get(list, i);

    return json_is_string(v)
               ? (struct slice){json_string_value(v), json_string_length(v)}
               : SLICE_NONE;
}

static int64_t number_at(const json_t *list, size_t i)
{
    return json_integer_value(json_array_get(list, i)); /* 0: it is none */
}

/* false: nothing that we know. */
static bool read_item(const json_t *item, struct store_news *n)
{
    struct slice what = text_at(item, 0), id = text_at(item, 1);

    if (slice_is(what, "papers")) {
        n->papers_added = number_at(item, 1);
        n->papers_at = number_at(item, 2);
        return n->papers_added > 0;
    }
    if (id.len == 0 || id.len > MAX_ITEM)
        return false;
    if (slice_is(what, "gone"))
        n->document_gone = id;
    else if (slice_is(what, "job") || slice_is(what, "ready"))
        n->jobs[0] = id;
    else
        return false;
    n->document_ready = slice_is(what, "ready");
    return true;
}

bool news_text_read(struct slice text, const char *self,
                    void (*each)(void *ctx, const struct store_news *n),
                    void *ctx)
{
    json_t *list = NULL;
    struct slice from;
    bool known;

    if (text.len > NEWS_TEXT_MAX || text.len == 0 || text.p[0] != '[' ||
        json_parse(&list, text, NULL) != ERR_NONE)
        return false;
    from = text_at(list, 0);
    known = from.len > 0;
    for (size_t i = 1;
         known && !slice_is(from, self) && i < json_array_size(list); i++) {
        struct store_news n = {.papers_added = 0};

        if (read_item(json_array_get(list, i), &n))
            each(ctx, &n);
    }
    json_decref(list);
    return known;
}
