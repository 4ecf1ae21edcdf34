/* test_store_events.c - conformance: page views. */
#include <stdio.h>
#include <string.h>

#include "store/events.h"
#include "store_fixture.h"

static struct page_view view(const char *page)
{
    return (struct page_view){.page = slice_of(page), .at_us = NOW};
}

static struct view_totals totals(struct store_fixture *f, int limit)
{
    struct view_totals t;

    OK(f, store_views_totals(f->s, f->a, limit, &t, &f->err));
    return t;
}

static void counts_in_order(struct store_fixture *f)
{
    struct page_view v[] = {view("/a"), view("/b"), view("/a"), view("/a")};
    struct view_totals t;

    OK(f, store_views_add(f->s, v, 4, &f->err));
    assert_int_equal(v[0].count, 1);
    assert_int_equal(v[1].count, 1);
    assert_int_equal(v[2].count, 2);
    assert_int_equal(v[3].count, 3);
    OK(f, store_views_add(f->s, v, 1, &f->err));
    assert_int_equal(v[0].count, 4);
    t = totals(f, 10);
    assert_int_equal(t.views, 5);
    assert_int_equal(t.pages, 2);
    assert_int_equal(t.n_top, 2);
    TEXT("/a", t.top[0].page);
    assert_int_equal(t.top[0].count, 4);
    TEXT("/b", t.top[1].page);
}

static void nothing_yet(struct store_fixture *f)
{
    struct view_totals t = totals(f, 10);

    OK(f, store_views_add(f->s, NULL, 0, &f->err));
    assert_int_equal(t.views, 0);
    assert_int_equal(t.pages, 0);
    assert_int_equal(t.bot_views, 0);
    assert_int_equal(t.n_top, 0);
}

static void robots_apart(struct store_fixture *f)
{
    struct page_view v[] = {view("/a"), view("/a"), view("/robots-only")};
    struct view_totals t;

    v[1].bot = v[2].bot = SLICE("crawler");
    OK(f, store_views_add(f->s, v, 3, &f->err));
    assert_int_equal(v[0].count, 1);
    assert_int_equal(v[1].count, 1);
    assert_int_equal(v[2].count, 0);
    t = totals(f, 10);
    assert_int_equal(t.views, 1);
    assert_int_equal(t.pages, 1);
    assert_int_equal(t.bot_views, 2);
    assert_int_equal(t.n_top, 1);
}

static void the_newest_title(struct store_fixture *f)
{
    struct page_view v[] = {view("/a"), view("/a"), view("/a"), view("/a")};

    v[0].title = SLICE("old");
    v[1].title = SLICE("n\xC3\xA9w");
    v[3].title = SLICE("as a robot sees it");
    v[3].bot = SLICE("crawler");
    OK(f, store_views_add(f->s, v, 4, &f->err));
    TEXT("n\xC3\xA9w", totals(f, 1).top[0].title);
    v[0] = view("/a");
    OK(f, store_views_add(f->s, v, 1, &f->err));
    TEXT("n\xC3\xA9w", totals(f, 1).top[0].title);
}

static void most_viewed_first_then_by_name(struct store_fixture *f)
{
    struct page_view v[] = {view("/z"), view("/B"), view("/\xC3\xA4"),
                            view("/a"), view("/z")};
    static const char *const order[] = {"/z", "/B", "/a"};
    struct view_totals t;

    OK(f, store_views_add(f->s, v, 5, &f->err));
    t = totals(f, 3);
    assert_int_equal(t.n_top, 3);
    assert_int_equal(t.pages, 4);
    for (int i = 0; i < 3; i++)
        TEXT(order[i], t.top[i].page);
    assert_int_equal(totals(f, 0).n_top, 0);
    assert_int_equal(totals(f, 0).views, 5);
}

static void limits(struct store_fixture *f)
{
    static char page[VIEW_MAX_PAGE + 1];
    static struct page_view many[VIEW_MAX_BATCH + 1];
    struct page_view v = view("/a");

    memset(page, 'x', sizeof(page));
    v.page = (struct slice){page, VIEW_MAX_PAGE};
    OK(f, store_views_add(f->s, &v, 1, &f->err));
    v.page.len++;
    GIVES(f, ERR_INVALID, store_views_add(f->s, &v, 1, &f->err));
    v = view("");
    GIVES(f, ERR_INVALID, store_views_add(f->s, &v, 1, &f->err));
    v = view("/\xFF");
    GIVES(f, ERR_INVALID, store_views_add(f->s, &v, 1, &f->err));
    v = view("/a");
    v.referrer = (struct slice){page, VIEW_MAX_REFERRER + 1};
    GIVES(f, ERR_INVALID, store_views_add(f->s, &v, 1, &f->err));
    for (int i = 0; i <= VIEW_MAX_BATCH; i++)
        many[i] = view("/many");
    GIVES(f, ERR_INVALID,
          store_views_add(f->s, many, VIEW_MAX_BATCH + 1, &f->err));
    assert_int_equal(totals(f, 0).views, 1);
    OK(f, store_views_add(f->s, many, VIEW_MAX_BATCH, &f->err));
    assert_int_equal(many[VIEW_MAX_BATCH - 1].count, VIEW_MAX_BATCH);
}

static void kept(struct store_fixture *f)
{
    struct page_view v = view("/a");
    struct view_totals t;
    struct store *again;

    OK(f, store_views_add(f->s, &v, 1, &f->err));
    store_close(f->s);
    f->s = NULL;
    again = f->s = store_reopen(f);
    OK(f, store_views_totals(again, f->a, 1, &t, &f->err));
    assert_int_equal(t.views, 1);
    OK(f, store_views_add(again, &v, 1, &f->err));
    assert_int_equal(v.count, 2);
}

/* Views of "/a" and "/b" in the minutes 0 to 4 after NOW. */
static void fill(struct store_fixture *f)
{
    struct page_view v[6];

    for (int i = 0; i < 6; i++) {
        v[i] = view(i % 2 ? "/b" : "/a");
        v[i].at_us = NOW + i * US_PER_MINUTE;
    }
    v[4].bot = SLICE("crawler");
    v[4].referrer = SLICE("bot.example");
    v[0].referrer = v[2].referrer = SLICE("x.org");
    v[1].referrer = SLICE("a.org");
    OK(f, store_views_add(f->s, v, 6, &f->err));
    OK(f, store_views_add(f->s, v, 1, &f->err));
}

static void series(struct store_fixture *f)
{
    int64_t at = NOW / US_PER_MINUTE;
    int64_t bounds[] = {at - 10, at, at + 1, at + 5, at + 6, at + 7};
    struct view_count out[5];

    fill(f);
    OK(f, store_views_series(f->s, SLICE_NONE, bounds, 5, out, &f->err));
    assert_int_equal(out[0].views, 0);
    assert_int_equal(out[1].views, 2);
    assert_int_equal(out[2].views, 3);
    assert_int_equal(out[2].bot_views, 1);
    assert_int_equal(out[3].views, 1);
    assert_int_equal(out[4].views, 0);
    OK(f, store_views_series(f->s, SLICE("/a"), bounds, 4, out, &f->err));
    assert_int_equal(out[1].views, 2);
    assert_int_equal(out[2].views, 1);
    assert_int_equal(out[3].views, 0);
    OK(f, store_views_series(f->s, SLICE("/none"), bounds, 5, out, &f->err));
    for (int i = 0; i < 5; i++)
        assert_int_equal(out[i].views + out[i].bot_views, 0);
    bounds[2] = bounds[1];
    GIVES(f, ERR_INVALID,
          store_views_series(f->s, SLICE_NONE, bounds, 5, out, &f->err));
}

static void top(struct store_fixture *f)
{
    int64_t at = NOW / US_PER_MINUTE;
    struct page_count *list;
    size_t n;

    fill(f);
    OK(f, store_views_top(f->s, f->a, VIEWS_BY_PAGE, 0, at + 100, 10, &list, &n,
                          &f->err));
    assert_int_equal(n, 2);
    TEXT("/a", list[0].page); /* as many as "/b", and its name is first */
    assert_int_equal(list[0].count, 3);
    assert_int_equal(list[1].count, 3);
    OK(f, store_views_top(f->s, f->a, VIEWS_BY_REFERRER, 0, at + 100, 10, &list,
                          &n, &f->err));
    assert_int_equal(n, 2);
    TEXT("x.org", list[0].page);
    assert_int_equal(list[0].count, 3);
    TEXT("a.org", list[1].page);
    OK(f, store_views_top(f->s, f->a, VIEWS_BY_PAGE, at + 1, at + 2, 10, &list,
                          &n, &f->err));
    assert_int_equal(n, 1);
    TEXT("/b", list[0].page);
    OK(f, store_views_top(f->s, f->a, VIEWS_BY_REFERRER, 0, at + 100, 1, &list,
                          &n, &f->err));
    assert_int_equal(n, 1);
    OK(f, store_views_top(f->s, f->a, VIEWS_BY_BOT, 0, at + 100, 10, &list, &n,
                          &f->err));
    assert_int_equal(n, 1);
    TEXT("crawler", list[0].page);
    assert_int_equal(list[0].count, 1);
}

static void old_days_become_totals(struct store_fixture *f)
{
    int64_t day = NOW / US_PER_DAY, first = day * 1440;
    int64_t bounds[] = {first, first + 1, first + 1440, first + 2880};
    struct page_view v[8];
    struct view_count out[3];
    struct page_count *list;
    bool more;
    size_t n;

    for (int i = 0; i < 8; i++) {
        v[i] = view("/a");
        v[i].at_us = day * US_PER_DAY + i * 100 * US_PER_MINUTE;
        v[i].referrer = i % 2 ? SLICE("x.org") : SLICE("y.org");
    }
    v[5].bot = SLICE("crawler");
    v[6].at_us = v[7].at_us += US_PER_DAY;
    OK(f, store_views_add(f->s, v, 8, &f->err));
    OK(f, store_views_roll_up(f->s, day, &more, &f->err));
    assert_false(more);
    OK(f, store_views_roll_up(f->s, day + 1, &more, &f->err));
    assert_true(more);
    OK(f, store_views_roll_up(f->s, day + 1, &more, &f->err));
    assert_false(more);
    OK(f, store_views_series(f->s, SLICE_NONE, bounds, 3, out, &f->err));
    assert_int_equal(out[0].views, 5);
    assert_int_equal(out[0].bot_views, 1);
    assert_int_equal(out[1].views + out[1].bot_views, 0);
    assert_int_equal(out[2].views, 2);
    OK(f, store_views_top(f->s, f->a, VIEWS_BY_REFERRER, first, first + 1, 9,
                          &list, &n, &f->err));
    assert_int_equal(n, 2);
    TEXT("y.org", list[0].page);
    assert_int_equal(list[0].count, 3);
    assert_int_equal(totals(f, 0).views, 7);
}

static void a_page_is_erased(struct store_fixture *f)
{
    int64_t at = NOW / US_PER_MINUTE, bounds[] = {at, at + 10};
    struct page_view v = view("/a");
    struct view_count out;

    fill(f);
    OK(f, store_page_erase(f->s, SLICE("/a"), &f->err));
    assert_int_equal(totals(f, 0).views, 3);
    assert_int_equal(totals(f, 0).bot_views, 0);
    OK(f, store_views_series(f->s, SLICE_NONE, bounds, 1, &out, &f->err));
    assert_int_equal(out.views, 3);
    assert_int_equal(out.bot_views, 0);
    GIVES(f, ERR_NOT_FOUND, store_page_erase(f->s, SLICE("/a"), &f->err));
    OK(f, store_views_add(f->s, &v, 1, &f->err));
    assert_int_equal(v.count, 1);
}

static struct page_view by(int who, int64_t at_us)
{
    struct page_view v = view("/a");

    v.at_us = at_us;
    v.has_visitor = true;
    v.visitor[0] = (uint8_t)who;
    return v;
}

static void visitors(struct store_fixture *f)
{
    int64_t later = NOW + 10 * US_PER_MINUTE, today = NOW / US_PER_DAY;
    struct page_view v[] = {by(1, NOW), by(2, NOW), by(1, later), view("/a")};
    struct visitor_count *days;
    int64_t recent;
    size_t n;

    OK(f, store_visitors(f->s, f->a, 10, NOW, &days, &n, &recent, &f->err));
    assert_int_equal(n, 0);
    assert_int_equal(recent, 0);
    OK(f, store_views_add(f->s, v, 4, &f->err));
    OK(f, store_views_add(f->s, v, 4, &f->err));
    OK(f, store_visitors(f->s, f->a, 10, later, &days, &n, &recent, &f->err));
    assert_int_equal(n, 1);
    assert_int_equal(days[0].day, today);
    assert_int_equal(days[0].visitors, 2);
    assert_int_equal(recent, 1);
    v[0] = by(1, NOW + US_PER_DAY);
    OK(f, store_views_add(f->s, v, 1, &f->err));
    OK(f, store_visitors(f->s, f->a, 1, NOW, &days, &n, &recent, &f->err));
    assert_int_equal(n, 1);
    assert_int_equal(days[0].day, today + 1);
    assert_int_equal(days[0].visitors, 1);
}

static void a_day_is_forgotten_with_its_salt(struct store_fixture *f)
{
    int64_t today = NOW / US_PER_DAY;
    uint8_t first[VISITOR_SALT], again[VISITOR_SALT];
    struct page_view v = by(1, NOW);
    struct visitor_count *days;
    int64_t recent;
    bool found;
    size_t n;

    OK(f, store_visitor_salt(f->s, today, first, &found, &f->err));
    assert_true(found);
    OK(f, store_visitor_salt(f->s, today, again, &found, &f->err));
    assert_true(found);
    assert_memory_equal(first, again, VISITOR_SALT);
    OK(f, store_views_add(f->s, &v, 1, &f->err));
    OK(f, store_visitor_salt(f->s, today + 1, again, &found, &f->err));
    assert_true(found);
    assert_memory_not_equal(first, again, VISITOR_SALT);
    OK(f, store_visitors(f->s, f->a, 10, 0, &days, &n, &recent, &f->err));
    assert_int_equal(recent, 0);
    assert_int_equal(n, 1);
    assert_int_equal(days[0].visitors, 1);
    OK(f, store_visitor_salt(f->s, today, again, &found, &f->err));
    assert_false(found);
}

static void what_changed(struct store_fixture *f)
{
    int64_t now = NOW / US_PER_MINUTE;
    struct page_view v[] = {view("/old"), view("/b"), view("/a"),
                            view("/old-and-new"), view("/robots-only")};
    struct page_change *list;
    size_t n;

    v[0].at_us -= US_PER_MINUTE;
    v[4].bot = SLICE("crawler");
    OK(f, store_views_add(f->s, v, 5, &f->err));
    v[3].at_us -= US_PER_MINUTE;
    OK(f, store_views_add(f->s, &v[3], 1, &f->err));
    OK(f, store_views_changed(f->s, f->a, now, 0, 10, &list, &n, &f->err));
    assert_int_equal(n, 3);
    for (size_t i = 0; i < n; i++) {
        assert_true(i == 0 || list[i].id > list[i - 1].id);
        if (slice_is(list[i].page, "/old-and-new"))
            assert_int_equal(list[i].count, 2); /* all, not those since */
        else
            assert_int_equal(list[i].count, 1);
        assert_false(slice_is(list[i].page, "/old"));
    }
    OK(f,
       store_views_changed(f->s, f->a, now, list[0].id, 1, &list, &n, &f->err));
    assert_int_equal(n, 1);
    OK(f, store_views_changed(f->s, f->a, now + 1, 0, 10, &list, &n, &f->err));
    assert_int_equal(n, 0);
    GIVES(f, ERR_INVALID,
          store_views_changed(f->s, f->a, now, 0, -1, &list, &n, &f->err));
}

int main(void)
{
    static const struct store_case cases[] = {
        CASE(counts_in_order),
        CASE(nothing_yet),
        CASE(robots_apart),
        CASE(the_newest_title),
        CASE(limits),
        CASE(most_viewed_first_then_by_name),
        CASE(old_days_become_totals),
        CASE(a_page_is_erased),
        CASE(visitors),
        CASE(a_day_is_forgotten_with_its_salt),
        CASE(series),
        CASE(top),
        CASE(what_changed),
        CASE_WHERE(ON_DISK, kept),
    };

    return STORE_SUITE("store_events", cases);
}
