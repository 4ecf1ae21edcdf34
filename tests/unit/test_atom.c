/* test_atom.c - both layouts, every trap, and the recorded answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/buf.h"
#include "scraper/arxiv_id.h"
#include "scraper/atom.h"

#define FEED(ns, inner)                                                        \
    "<?xml version='1.0' encoding='UTF-8'?>\n<feed " ns ">" inner "</feed>\n"
#define NS                                                                     \
    "xmlns='http://www.w3.org/2005/Atom' "                                     \
    "xmlns:arxiv='http://arxiv.org/schemas/atom' "                             \
    "xmlns:o='http://a9.com/-/spec/opensearch/1.1/'"
#define ENTRY(inner)                                                           \
    "<entry><id>http://arxiv.org/abs/2511.00001v2</id><title>T</title>" inner  \
    "</entry>"

static struct arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = arena_new(256u << 20);
    return arena ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static struct atom_feed good(struct slice xml)
{
    struct atom_feed f;
    struct err e = {0};

    if (atom_parse(arena, xml, &f, &e) != ERR_NONE)
        fail_msg("%s", e.msg);
    return f;
}

static void bad(struct slice xml, const char *why)
{
    struct atom_feed f;
    struct err e = {0};

    assert_int_not_equal(atom_parse(arena, xml, &f, &e), ERR_NONE);
    assert_int_equal(f.n_papers, 0);
    if (!strstr(e.msg, why))
        fail_msg("'%s' does not say '%s'", e.msg, why);
}

static void is_text(struct slice s, const char *text, int line)
{
    if (!slice_is(s, text))
        fail_msg("line %d: '%.*s' is not '%s'", line, SLICE_ARG(s), text);
}

#define IS(s, text) is_text(s, text, __LINE__)

static struct paper one(const char *inner)
{
    char *xml = arena_printf(
        arena,
        FEED(NS, "<entry><id>http://arxiv.org/abs/2511.00001v2</id>"
                 "<title>T</title>%s</entry>"),
        inner);
    struct atom_feed f = good(slice_of(xml));

    assert_int_equal(f.n_papers, 1);
    return f.papers[0];
}

static void test_feed_numbers(void **state)
{
    struct atom_feed f =
        good(SLICE(FEED(NS, "<title>arXiv Query: x</title>"
                            "<updated>2025-01-01T00:00:00-05:00</updated>"
                            "<o:totalResults>364218</o:totalResults>"
                            "<o:startIndex>20</o:startIndex>"
                            "<o:itemsPerPage>10</o:itemsPerPage>")));

    (void)state;
    assert_int_equal(f.total, 364218);
    assert_int_equal(f.start, 20);
    assert_int_equal(f.per_page, 10);
    assert_int_equal(f.n_papers, 0);
    assert_int_equal(f.updated_at, INT64_C(1735707600) * US_PER_S);
    IS(f.title, "arXiv Query: x");
}

static void test_absent_numbers(void **state)
{
    struct atom_feed f = good(SLICE(FEED(NS, "")));

    (void)state;
    assert_int_equal(f.total, -1);
    assert_int_equal(f.start, -1);
}

/* Prefixes and the place of a declaration mean nothing. */
static void test_namespaces(void **state)
{
    struct atom_feed f = good(
        SLICE("<a:feed xmlns:a='http://www.w3.org/2005/Atom'><a:entry>"
              "<a:id>https://arxiv.org/abs/hep-ph/0301050v3</a:id>"
              "<a:title>T</a:title>"
              "<x:doi xmlns:x='http://arxiv.org/schemas/atom'>10.1/a</x:doi>"
              "<comment xmlns='http://arxiv.org/schemas/atom'>C</comment>"
              "<comment xmlns='urn:other'>no</comment>"
              "</a:entry></a:feed>"));

    (void)state;
    assert_int_equal(f.n_papers, 1);
    IS(f.papers[0].source_id, "hep-ph/0301050");
    IS(f.papers[0].url, "https://arxiv.org/abs/hep-ph/0301050");
    assert_int_equal(f.papers[0].version, 3);
    IS(f.papers[0].doi, "10.1/a");
    IS(f.papers[0].comment, "C");
}

static void test_text(void **state)
{
    struct paper p =
        one("<summary>  Lines\n of $\\alpha &lt; \\beta$ <b xmlns='u'>and</b>"
            "<![CDATA[ <raw> ]]>&#xe9;\n\n  end.\n</summary>"
            "<author><name> Helen</name></author><author><name>Mausam</name>"
            "</author><author><name>Mausam</name><arxiv:affiliation>X"
            "</arxiv:affiliation></author><author><name> </name></author>"
            "<published>2025-11-03T10:00:00Z</published>"
            "<updated>2025-11-04T10:00:00Z</updated>");

    (void)state;
    IS(p.abstract, "Lines of $\\alpha < \\beta$ and <raw> \xc3\xa9 end.");
    IS(p.author_list, "[\"Helen\",\"Mausam\",\"Mausam\"]");
    IS(p.authors, "Helen, Mausam, Mausam");
    assert_int_equal(p.published_at, INT64_C(1762164000) * US_PER_S);
    assert_int_equal(p.source_updated_at, INT64_C(1762250400) * US_PER_S);
}

static void test_categories(void **state)
{
    struct paper p =
        one("<category term='cs.AI'/><category term='68T07, 68T50'/>"
            "<category term='H.3.1; J.3'/><category term='I.2.7'/>"
            "<category term='physics.acc-ph'/><category term='cs.AI'/>"
            "<arxiv:primary_category term='physics.acc-ph'/>");

    (void)state;
    IS(p.arxiv_categories, "[\"cs.AI\",\"physics.acc-ph\"]");
    IS(p.primary_category, "physics.acc-ph");
    p = one("<category term='68T07'/><category term='math.NT'/>");
    IS(p.primary_category, "math.NT");
}

static void test_pdf(void **state)
{
    struct paper p = one("<link title='pdf' href='http://arxiv.org/pdf/x'/>");

    (void)state;
    IS(p.pdf_url, "https://arxiv.org/pdf/2511.00001v2");
    p = one("<link rel='alternate' href='http://arxiv.org/abs/x'/>");
    IS(p.pdf_url, "");
}

/* The first title counts, a source's or a foreign one never. */
static void test_nested_and_repeated(void **state)
{
    struct atom_feed f = good(SLICE(
        FEED(NS, "<entry><source><title>S</title><id>urn:s</id></source>"
                 "<f:title xmlns:f='urn:f'>F</f:title><title>Real</title>"
                 "<title>Second</title><id>http://arxiv.org/abs/2511.00001</id>"
                 "<author><x xmlns='urn:f'><name>No</name></x></author>"
                 "</entry>")));

    (void)state;
    assert_int_equal(f.n_papers, 1);
    IS(f.papers[0].title, "Real");
    IS(f.papers[0].authors, "");
    assert_int_equal(f.papers[0].version, 0);
}

static void test_refusal(void **state)
{
    struct atom_feed f;
    struct err e = {0};

    (void)state;
    assert_int_equal(
        atom_parse(arena,
                   SLICE(FEED(NS, "<entry><id>https://arxiv.org/api/errors#x"
                                  "</id><title>Error</title><summary>incorrect "
                                  "id format for abc</summary></entry>")),
                   &f, &e),
        ERR_INVALID);
    assert_true(f.refused);
    assert_non_null(strstr(e.msg, "incorrect id format for abc"));
    /* a paper may be called so */
    assert_false(
        good(SLICE(FEED(NS, "<entry><id>http://arxiv.org/abs/2511.00001</id>"
                            "<title>Error</title></entry>")))
            .refused);
}

static void test_bad_feeds(void **state)
{
    (void)state;
    bad(SLICE(""), "empty");
    bad(SLICE(" \n"), "empty");
    bad(SLICE("Rate exceeded."), "not XML");
    bad(SLICE("<html><body>Rate exceeded.</body></html>"), "HTML");
    bad(SLICE("<!DOCTYPE html><html></html>"), "HTML");
    bad(SLICE("<rss/>"), "not an Atom feed");
    bad(SLICE("<feed xmlns='http://purl.org/atom/ns#'/>"), "not an Atom feed");
    bad(SLICE(FEED(NS, ENTRY("") "<entry>")), "line 2");
    bad(SLICE("<feed " NS ">" ENTRY("") "<entry><title>half"), "cut short");
    bad(SLICE(FEED(NS, ENTRY("")) FEED(NS, ENTRY(""))), "not well-formed");
    bad(SLICE(FEED(NS, ENTRY("<x>&undefined;</x>"))), "not well-formed");
    bad(SLICE(FEED(NS, "<entry><id>http://arxiv.org/abs/2511.00001</id>"
                       "</entry>")),
        "without a title");
    bad(SLICE(FEED(NS, "<entry><id>urn:x</id><title>T</title></entry>")),
        "not an arXiv paper");
    bad(SLICE(FEED(NS, ENTRY("<published>yesterday</published>"))),
        "not a time");
    bad(SLICE(FEED(NS, "<o:totalResults>many</o:totalResults>")),
        "not a number");
    bad(SLICE("<!-- c --><?pi x?>\n<!DOCTYPE feed [<!ENTITY a 'b'>]><feed/>"),
        "line 2: document types");
    bad(SLICE(FEED(NS, ENTRY("<summary>\xff</summary>"))), "not UTF-8");
    bad((struct slice){"<feed>\0</feed>", 14}, "not UTF-8");
}

static void test_deep(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 1 << 20);
    buf_add_str(&b, "<feed " NS ">");
    for (int i = 0; i < 100; i++)
        buf_add_str(&b, "<x>");
    for (int i = 0; i < 100; i++)
        buf_add_str(&b, "</x>");
    buf_add_str(&b, "</feed>");
    bad(buf_slice(&b), "deep");
    buf_release(&b);
}

static void test_long_fields_are_cut(void **state)
{
    struct buf b;
    struct atom_feed f;

    (void)state;
    buf_init(&b, 4 << 20);
    buf_add_str(&b, "<feed " NS "><entry><id>http://arxiv.org/abs/2511.00001"
                    "</id><title>");
    for (int i = 0; i < 3000; i++)
        buf_add_str(&b, "\xc3\xa9");
    buf_add_str(&b, "</title>");
    for (int i = 0; i < 3303; i++)
        buf_printf(&b, "<author><name>Author %d</name></author>", i);
    buf_add_str(&b, "</entry></feed>");
    f = good(buf_slice(&b));
    assert_int_equal(f.papers[0].title.len, 2 * ATOM_MAX_TITLE);
    assert_non_null(strstr(f.papers[0].author_list.p, "\"Author 3302\"]"));
    buf_release(&b);
}

/* Cut anywhere, it is an error and not a shorter page. */
static void test_every_truncation(void **state)
{
    static const char xml[] =
        FEED(NS, ENTRY("<summary>S &amp; T</summary>") ENTRY(""));
    size_t whole = strlen(xml) - 1; /* without the last line break */

    (void)state;
    for (size_t n = 0; n < whole; n++) {
        struct atom_feed f;
        struct err e = {0};

        arena_reset(arena);
        assert_int_not_equal(atom_parse(arena, (struct slice){xml, n}, &f, &e),
                             ERR_NONE);
        assert_int_equal(f.n_papers, 0);
    }
    assert_int_equal(good((struct slice){xml, whole}).n_papers, 2);
}

static void test_small_arena(void **state)
{
    struct arena *small = arena_new(600);
    struct atom_feed f;
    struct err e = {0};

    (void)state;
    assert_int_equal(atom_parse(small,
                                SLICE(FEED(NS, ENTRY("<summary>S</summary>"))),
                                &f, &e),
                     ERR_TOO_LARGE);
    arena_free(small);
}

static void test_ids(void **state)
{
    static const struct {
        const char *text, *id;
        int version;
    } rows[] = {
        {"2511.01234", "2511.01234", 0},
        {"2511.01234v12", "2511.01234", 12},
        {"0704.0001v1", "0704.0001", 1},
        {"arXiv:2511.01234v2", "2511.01234", 2},
        {"http://arxiv.org/abs/2511.01234v1", "2511.01234", 1},
        {"https://www.arxiv.org/abs/2511.01234/", "2511.01234", 0},
        {"https://export.arxiv.org/abs/2511.01234v2?context=cs", "2511.01234",
         2},
        {"https://arxiv.org/pdf/2511.01234v3.pdf#page=2", "2511.01234", 3},
        {"http://arxiv.org/abs/hep-ph/0301050v2", "hep-ph/0301050", 2},
        {"math.GT/0309136", "math/0309136", 0},
        {"cond-mat.mes-hall/9901001", NULL, 0},
        {"http://evil.org/abs/2511.01234", NULL, 0},
        {"http://evil.org/arxiv.org/abs/2511.01234", NULL, 0},
        {"http://notarxiv.org/abs/2511.01234", NULL, 0},
        {"https://arxiv.org/api/errors#x", NULL, 0},
        {"2511.012345", NULL, 0},
        {"2511.01234v0", NULL, 0},
        {"2511.01234v99999", NULL, 0},
        {"v1", NULL, 0},
        {"", NULL, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct arxiv_id id;
        bool ok = arxiv_id_parse(slice_of(rows[i].text), &id);

        if (ok != (rows[i].id != NULL))
            fail_msg("'%s' %s", rows[i].text, ok ? "is taken" : "is refused");
        if (!ok)
            continue;
        assert_string_equal(id.id, rows[i].id);
        assert_int_equal(id.version, rows[i].version);
    }
}

static void test_category_names(void **state)
{
    static const char *const yes[] = {
        "cs.AI",   "hep-ph",      "physics.acc-ph", "cond-mat.mes-hall",
        "math-ph", "astro-ph.CO", "q-bio.NC",       "stat.ML"};
    static const char *const no[] = {"",     "J.3",   "68T07", "cs.", "cs.AIX",
                                     "cs.A", "CS.AI", "I.2.7", "-a",  "c"};

    (void)state;
    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
        assert_true(arxiv_category_valid(slice_of(yes[i])));
    for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
        if (arxiv_category_valid(slice_of(no[i])))
            fail_msg("'%s' is taken", no[i]);
}

/* ---- recorded answers ---- */

static void read_recorded(const char *path, struct buf *out)
{
    gzFile f = gzopen(path, "rb");
    char chunk[65536];
    int n;

    if (!f)
        fail_msg("cannot open %s", path);
    while ((n = gzread(f, chunk, sizeof(chunk))) > 0)
        buf_add(out, chunk, (size_t)n);
    gzclose(f);
}

static void check_recorded(const char *dir, const char *name, long entries)
{
    bool refused = strstr(name, "_id_abc_"), broken = strstr(name, "malformed");
    char path[1000];
    struct atom_feed f;
    struct err e = {0};
    struct buf b;
    enum err_code rc;

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    buf_init(&b, ATOM_MAX_BYTES);
    read_recorded(path, &b);
    arena_reset(arena);
    rc = atom_parse(arena, buf_slice(&b), &f, &e);
    buf_release(&b);
    if (refused || broken) {
        assert_int_equal(rc, ERR_INVALID);
        assert_int_equal(f.refused, refused);
        return;
    }
    if (rc != ERR_NONE || (long)f.n_papers != entries)
        fail_msg("%s: %zu entries, not %ld; %s", name, f.n_papers, entries,
                 e.msg);
    for (size_t i = 0; i < f.n_papers; i++) {
        const struct paper *p = &f.papers[i];

        assert_true(p->title.len && p->abstract.len && p->authors.len);
        assert_true(p->published_at > 0 && p->version > 0);
        assert_true(slice_starts(p->url, "https://arxiv.org/abs/"));
        assert_true(arxiv_category_valid(p->primary_category));
    }
}

static void test_recorded(void **state)
{
    const char *dir = getenv("SHEAF_TEST_DATA");
    char readme[600], line[4096], name[300];
    int files = 0;
    long entries;
    FILE *f;

    (void)state;
    dir = dir ? dir : "../shared/data";
    snprintf(readme, sizeof(readme), "%s/README.md", dir);
    f = fopen(readme, "r");
    if (!f)
        skip();
    while (fgets(line, sizeof(line), f))
        if (sscanf(line, "| `%299[^`]` | %ld |", name, &entries) == 2 &&
            !strncmp(name, "arxiv-api/", 10) && strstr(name, ".xml")) {
            check_recorded(dir, name, entries);
            files++;
        }
    fclose(f);
    assert_true(files >= 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_feed_numbers),
        cmocka_unit_test(test_absent_numbers),
        cmocka_unit_test(test_namespaces),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_categories),
        cmocka_unit_test(test_pdf),
        cmocka_unit_test(test_nested_and_repeated),
        cmocka_unit_test(test_refusal),
        cmocka_unit_test(test_bad_feeds),
        cmocka_unit_test(test_deep),
        cmocka_unit_test(test_long_fields_are_cut),
        cmocka_unit_test(test_every_truncation),
        cmocka_unit_test(test_small_arena),
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_category_names),
        cmocka_unit_test(test_recorded),
    };

    return cmocka_run_group_tests_name("atom", tests, setup, teardown);
}
