/* test_export.c - BibTeX, RIS, CSV and Atom: what a text of a stranger can do
 * to the file it is written into (nothing). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "backend/atom_feed.h"
#include "backend/export_formats.h"
#include "backend/paper_json.h"
#include "backend/paper_text.h"
#include "base/clock.h"

static struct buf out;

static int setup(void **state)
{
    (void)state;
    buf_init(&out, 1024 * 1024);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    buf_release(&out);
    return 0;
}

static struct paper sample(void)
{
    return (struct paper){
        .id = 7,
        .title = SLICE("On the $\\alpha_1$-divergence & 100% of \\emph{x}"),
        .abstract = SLICE("One line.\nAnother."),
        .authors = SLICE("Yann LeCun, Laurens van der Maaten"),
        .author_list = SLICE("[\"Yann LeCun\",\"Laurens van der Maaten\"]"),
        .url = SLICE("https://arxiv.org/abs/1502.01852"),
        .pdf_url = SLICE("https://arxiv.org/pdf/1502.01852v1"),
        .source = SLICE("arxiv"),
        .source_id = SLICE("1502.01852"),
        .version = 1,
        .published_at = INT64_C(1446552000) * US_PER_S, /* 2015-11-03 */
        .arxiv_categories = SLICE("[\"cs.LG\",\"stat.ML\"]"),
        .primary_category = SLICE("cs.LG"),
        .category = SLICE("theory"),
        .relevance_score = 0.5,
        .tags = SLICE("[\"a\",\"b\"]"),
        .created_at = INT64_C(1446552000) * US_PER_S,
        .updated_at = INT64_C(1446552000) * US_PER_S,
        .starred = true,
    };
}

static void assert_out(const char *want)
{
    assert_true(buf_ok(&out));
    if (!slice_is(buf_slice(&out), want))
        fail_msg("\n%.*s\nis not\n%s", SLICE_ARG(buf_slice(&out)), want);
    buf_clear(&out);
}

/* ---- BibTeX ---- */

static void test_bibtex_entry(void **state)
{
    struct paper p = sample();

    (void)state;
    p.doi = SLICE("10.1000/a_b{c}");
    p.journal_ref = SLICE("J. of #1");
    bibtex_add(&out, &p);
    assert_out("@misc{lecun2015-1502.01852,\n"
               "  title = {On the $\\alpha_1$-divergence \\& 100\\% of "
               "\\emph{x}},\n"
               "  author = {Yann LeCun and Laurens van der Maaten},\n"
               "  year = {2015},\n"
               "  month = nov,\n"
               "  eprint = {1502.01852},\n"
               "  archivePrefix = {arXiv},\n"
               "  primaryClass = {cs.LG},\n"
               "  doi = {10.1000/a_b%7Bc%7D},\n"
               "  url = {https://arxiv.org/abs/1502.01852},\n"
               "  note = {J. of \\#1},\n"
               "  keywords = {a, b},\n"
               "  abstract = {One line. Another.}\n"
               "}\n\n");
}

static void test_bibtex_text(void **state)
{
    static const char *const cases[][2] = {
        {"plain", "plain"},
        {"a & b_c #1 100% ~x ^y", "a \\& b\\_c \\#1 100\\% "
                                  "\\textasciitilde{}x \\textasciicircum{}y"},
        {"$a_1^2 & b$ c_d", "$a_1^2 & b$ c\\_d"},
        {"$50\\%$ & \\% \\$5", "$50\\%$ \\& \\% \\$5"},
        {"\\(a_b\\) c_d \\[e^f\\] g^h",
         "\\(a_b\\) c\\_d \\[e^f\\] g\\textasciicircum{}h"},
        {"B\\\"{u}chi {\\'e}", "B\\\"{u}chi {\\'e}"},
        /* a comment in mathematics would eat the closing dollar */
        {"$a%b$", "$a\\%b$"},
        /* not sound: written literally */
        {"a } b", "a \\textbraceright{} b"},
        {"{a", "\\textbraceleft{}a"},
        {"}{", "\\textbraceright{}\\textbraceleft{}"},
        {"\\{a", "\\textbackslash{}\\textbraceleft{}a"},
        {"$5 and more", "\\$5 and more"},
        {"ends with \\", "ends with \\textbackslash{}"},
        {"\\input{/etc/passwd}",
         "\\textbackslash{}input\\textbraceleft{}/etc/passwd"
         "\\textbraceright{}"},
        {"\\^^69nput x", "\\textbackslash{}\\textasciicircum{}"
                         "\\textasciicircum{}69nput x"},
        {"\\everypar{x}", "\\textbackslash{}everypar\\textbraceleft{}x"
                          "\\textbraceright{}"},
        {"\\inputting", "\\inputting"},
        {"a\nb\x01", "a b "},
        {"", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        bibtex_add_text(&out, slice_of(cases[i][0]));
        assert_out(cases[i][1]);
    }
}

static void assert_key(const struct paper *p, const char *want)
{
    bibtex_add_key(&out, p);
    assert_out(want);
}

static void test_bibtex_keys(void **state)
{
    struct paper p = sample();

    (void)state;
    p.title = SLICE("Deep Residual Learning");
    assert_key(&p, "lecun2015deep-1502.01852");
    p.author_list = SLICE("[\"Ludwig van Beethoven\"]");
    assert_key(&p, "vanbeethoven2015deep-1502.01852");
    p.author_list = SLICE("[\"J\xC3\xBCrgen \xC5\xA0mid-M\xC3\xBCller Jr.\"]");
    assert_key(&p, "smidmuller2015deep-1502.01852");
    p.author_list = SLICE("[\"\xE7\x8E\x8B\xE5\xB0\x8F\xE6\x98\x8E\"]");
    assert_key(&p, "paper2015deep-1502.01852");
    p.author_list = SLICE("[]");
    p.published_at = 0;
    p.title = SLICE("$x$ \xE5\xA4\xA7");
    p.source_id = SLICE("hep-ph/0301050");
    assert_key(&p, "paper-hep-ph-0301050");
    p.source = SLICE("elsewhere");
    assert_key(&p, "paper-p7");
}

static void test_bibtex_authors(void **state)
{
    struct paper p = sample();

    (void)state;
    p.author_list = SLICE("[\"Smith and Sons\",\"Lee, Ann\",\"Andy Sand\"]");
    bibtex_add(&out, &p);
    assert_true(slice_find(buf_slice(&out),
                           SLICE("author = {{Smith and Sons} and {Lee, Ann} "
                                 "and Andy Sand},")) > 0);
}

/* ---- RIS ---- */

static void test_ris(void **state)
{
    struct paper p = sample();

    (void)state;
    p.author_list = SLICE("[\"Laurens van der Maaten\",\"Mausam\","
                          "\"The BioChatter Consortium\",\"Ann Lee Jr.\"]");
    p.abstract = SLICE("One\nER  - \n\r\nTY  - JOUR");
    ris_add(&out, &p);
    assert_out("TY  - UNPB\r\n"
               "ID  - 1502.01852\r\n"
               "TI  - On the $\\alpha_1$-divergence & 100% of \\emph{x}\r\n"
               "AU  - van der Maaten, Laurens\r\n"
               "AU  - Mausam\r\n"
               "AU  - The BioChatter Consortium\r\n"
               "AU  - Lee, Ann, Jr.\r\n"
               "PY  - 2015\r\n"
               "DA  - 2015/11/03\r\n"
               "AB  - One ER - TY - JOUR\r\n"
               "KW  - a\r\n"
               "KW  - b\r\n"
               "UR  - https://arxiv.org/abs/1502.01852\r\n"
               "L1  - https://arxiv.org/pdf/1502.01852v1\r\n"
               "ER  - \r\n\r\n");
}

/* ---- CSV ---- */

static void test_csv(void **state)
{
    struct paper p = sample();

    (void)state;
    p.title = SLICE("A \"quoted\", title");
    p.abstract = SLICE("=HYPERLINK(\"http://x\")\nline");
    p.comment = SLICE("-1 page");
    csv_add(&out, &p);
    assert_out("7,\"A \"\"quoted\"\", title\","
               "\"'=HYPERLINK(\"\"http://x\"\")\nline\","
               "\"Yann LeCun, Laurens van der Maaten\","
               "\"https://arxiv.org/abs/1502.01852\","
               "\"https://arxiv.org/pdf/1502.01852v1\",\"arxiv\","
               "\"1502.01852\",1,\"theory\",0.5,\"a; b\",\"cs.LG; stat.ML\","
               "\"cs.LG\",,,\"'-1 page\",2015-11-03T12:00:00Z,,"
               "2015-11-03T12:00:00Z,2015-11-03T12:00:00Z\r\n");
}

static void test_csv_header_fits(void **state)
{
    struct paper p = {.id = 1};
    size_t commas = 0, cells = 0;

    (void)state;
    csv_add_header(&out);
    for (size_t i = 0; i < out.len; i++)
        commas += out.p[i] == ',';
    buf_clear(&out);
    csv_add(&out, &p);
    for (size_t i = 0; i < out.len; i++)
        cells += out.p[i] == ',';
    assert_int_equal(commas, cells);
}

static void test_csv_formulas(void **state)
{
    static const char *const first[] = {"=1", "+1", "-1", "@x", "\tx", "\rx"};
    struct paper p = {.id = 1};

    (void)state;
    for (size_t i = 0; i < sizeof(first) / sizeof(*first); i++) {
        p.title = slice_of(first[i]);
        csv_add(&out, &p);
        assert_true(slice_starts(buf_slice(&out), "1,\"'"));
        buf_clear(&out);
    }
}

/* ---- Atom ---- */

static void test_feed(void **state)
{
    struct paper p = sample();

    (void)state;
    p.title = SLICE("<b>\"A\"</b> & \x01\xEF\xBF\xBE\x1B]]> b");
    atom_feed(&out, SLICE("http://h/f?a=1&b=\"2\""), SLICE("http://h/app/"), &p,
              1);
    assert_out(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"
        "<feed xmlns=\"http://www.w3.org/2005/Atom\">\n"
        "<id>http://h/f?a=1&amp;b=&quot;2&quot;</id>\n"
        "<title>Papers</title>\n"
        "<author><name>sheaf</name></author>\n"
        "<updated>2015-11-03T12:00:00Z</updated>\n"
        "<link rel=\"self\" type=\"application/atom+xml\" "
        "href=\"http://h/f?a=1&amp;b=&quot;2&quot;\"/>\n"
        "<link rel=\"alternate\" type=\"text/html\" "
        "href=\"http://h/app/\"/>\n"
        "<entry>\n"
        "<id>https://arxiv.org/abs/1502.01852</id>\n"
        "<title>&lt;b&gt;&quot;A&quot;&lt;/b&gt; &amp; ]]&gt; b</title>\n"
        "<updated>2015-11-03T12:00:00Z</updated>\n"
        "<published>2015-11-03T12:00:00Z</published>\n"
        "<author><name>Yann LeCun</name>\n</author>\n"
        "<author><name>Laurens van der Maaten</name>\n</author>\n"
        "<link rel=\"alternate\" type=\"text/html\" "
        "href=\"https://arxiv.org/abs/1502.01852\"/>\n"
        "<link rel=\"related\" type=\"application/pdf\" "
        "href=\"https://arxiv.org/pdf/1502.01852v1\"/>\n"
        "<category term=\"theory\"/>\n"
        "<category term=\"cs.LG\"/>\n"
        "<category term=\"stat.ML\"/>\n"
        "<summary>One line.\nAnother.</summary>\n"
        "</entry>\n"
        "</feed>\n");
}

static void test_feed_of_nothing(void **state)
{
    (void)state;
    atom_feed(&out, SLICE("http://h/f"), SLICE("http://h/"), NULL, 0);
    assert_true(slice_find(buf_slice(&out),
                           SLICE("<updated>1970-01-01T00:00:00Z</updated>")) >
                0);
    assert_true(slice_ends(buf_slice(&out), "</feed>\n"));
}

/* ---- JSON, names ---- */

static void test_json(void **state)
{
    struct paper p = sample(), bare = {.id = 1, .title = SLICE("T")};
    struct jw j;

    (void)state;
    jw_init(&j, &out);
    paper_json(&j, &p);
    assert_out(
        "{\"id\":7,\"title\":\"On the $\\\\alpha_1$-divergence & 100% of "
        "\\\\emph{x}\",\"abstract\":\"One line.\\nAnother.\","
        "\"authors\":\"Yann LeCun, Laurens van der Maaten\","
        "\"author_list\":[\"Yann LeCun\",\"Laurens van der Maaten\"],"
        "\"url\":\"https://arxiv.org/abs/1502.01852\","
        "\"pdf_url\":\"https://arxiv.org/pdf/1502.01852v1\","
        "\"source\":\"arxiv\",\"source_id\":\"1502.01852\","
        "\"version\":1,\"category\":\"theory\","
        "\"relevance_score\":0.5,\"relevance\":null,"
        "\"tags\":[\"a\",\"b\"],"
        "\"arxiv_categories\":[\"cs.LG\",\"stat.ML\"],"
        "\"primary_category\":\"cs.LG\",\"doi\":null,"
        "\"journal_ref\":null,\"comment\":null,"
        "\"published_at\":\"2015-11-03T12:00:00Z\","
        "\"source_updated_at\":null,"
        "\"created_at\":\"2015-11-03T12:00:00Z\","
        "\"updated_at\":\"2015-11-03T12:00:00Z\","
        "\"read\":false,\"starred\":true,\"has_note\":false}");
    jw_init(&j, &out);
    paper_json(&j, &bare);
    assert_true(slice_find(buf_slice(&out), SLICE("\"author_list\":[],")) > 0);
    assert_true(slice_find(buf_slice(&out), SLICE("\"version\":null,")) > 0);
}

static void test_person(void **state)
{
    static const char *const cases[][4] = {
        {"Yann LeCun", "Yann", "LeCun", ""},
        {" Helen", "", "Helen", ""},
        {"Laurens van der Maaten", "Laurens", "van der Maaten", ""},
        {"Van Gogh", "Van", "Gogh", ""},
        {"John R. Smith Jr.", "John R.", "Smith", "Jr."},
        {"John Smith, III", "John", "Smith", "III"},
        {"Jr. III", "Jr.", "III", ""},
        {"The ATLAS Collaboration", "", "The ATLAS Collaboration", ""},
        {"Guido  van Rossum", "Guido", "van Rossum", ""},
        {"", "", "", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct person p = person_cut(slice_of(cases[i][0]));

        if (!slice_is(p.given, cases[i][1]) ||
            !slice_is(p.family, cases[i][2]) ||
            !slice_is(p.suffix, cases[i][3]))
            fail_msg("'%s': '%.*s' '%.*s' '%.*s'", cases[i][0],
                     SLICE_ARG(p.given), SLICE_ARG(p.family),
                     SLICE_ARG(p.suffix));
    }
}

static void test_list_of_garbage(void **state)
{
    static const char *const bad[] = {"", "x", "{}", "[1,", "\"a\""};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        json_t *list = text_list(slice_of(bad[i]));

        assert_int_equal(json_array_size(list), 0);
        assert_null(text_list_at(list, 0).p);
        json_decref(list);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_bibtex_entry),
        TEST(test_bibtex_text),
        TEST(test_bibtex_keys),
        TEST(test_bibtex_authors),
        TEST(test_ris),
        TEST(test_csv),
        TEST(test_csv_header_fits),
        TEST(test_csv_formulas),
        TEST(test_feed),
        TEST(test_feed_of_nothing),
        TEST(test_json),
        TEST(test_person),
        TEST(test_list_of_garbage),
    };

    return cmocka_run_group_tests_name("export", tests, NULL, NULL);
}
