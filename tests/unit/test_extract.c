/* test_extract.c - every kind, recognised by content; every way to be bad, told
 * apart.  PDF, ZIP and their encryption are made here, byte by byte. */
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <zlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "processor/extract.h"

static struct arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = arena_new(EXTRACT_ARENA);
    return arena ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

/* ---- asking ---- */

static struct extract take_as(struct slice bytes, const char *name,
                              enum extract_kind kind)
{
    struct extract_options opt = {.name = slice_of(name)};
    struct extract x;
    struct err e = {0};

    if (extract_file(arena, bytes, &opt, &x, &e) != ERR_NONE)
        fail_msg("not read: %s", e.msg);
    if (x.kind != kind)
        fail_msg("read as %s, not %s", extract_kind_name(x.kind),
                 extract_kind_name(kind));
    assert_true(utf8_valid(x.text) && utf8_valid(x.title));
    assert_int_equal(x.n_chars, utf8_count(x.text));
    return x;
}

static void is(struct slice got, const char *expected)
{
    if (!slice_is(got, expected))
        fail_msg("'%.*s', not '%s'", SLICE_ARG(got), expected);
}

static struct err refused_with(struct slice bytes,
                               const struct extract_options *opt,
                               enum err_code code, const char *says)
{
    struct extract x;
    struct err e = {0};

    assert_int_equal(extract_file(arena, bytes, opt, &x, &e), code);
    if (!strstr(e.msg, says))
        fail_msg("'%s' does not say '%s'", e.msg, says);
    if (code == ERR_INVALID)
        assert_string_equal(e.field, "file");
    return e;
}

static void refused(struct slice bytes, const char *says)
{
    refused_with(bytes, &(struct extract_options){0}, ERR_INVALID, says);
}

/* ---- plain text ---- */

static void test_text(void **state)
{
    struct extract x;

    (void)state;
    x = take_as(SLICE("Just\nwords."), "notes.txt", EXTRACT_TEXT);
    is(x.text, "Just\nwords.");
    is(x.title, "notes");
    assert_int_equal(x.n_warnings, 0);
    x = take_as(SLICE("\xEF\xBB\xBFgr\xC3\xBC\xC3\x9F"), NULL, EXTRACT_TEXT);
    is(x.text, "grüß");
    is(x.title, "");
    is(take_as(SLICE("a\r\nb\rc\r\r\nd"), "", EXTRACT_TEXT).text,
       "a\nb\nc\n\nd");
    is(take_as(SLICE("x"), "dir/a.b.tar", EXTRACT_TEXT).title, "a.b");
    is(take_as(SLICE("x"), "C:\\my\\.profile", EXTRACT_TEXT).title, ".profile");
    assert_string_equal(extract_media_type(EXTRACT_TEXT), "text/plain");
}

static void test_other_encodings(void **state)
{
    struct extract x;

    (void)state;
    x = take_as(SLICE("na\xEFve \x80\x93"), NULL, EXTRACT_TEXT);
    is(x.text, "naïve €“");
    assert_int_equal(x.n_warnings, 1);
    assert_non_null(strstr(x.warnings[0], "Windows-1252"));
    is(take_as(SLICE("\xFF\xFEh\0i\0\r\0\n\0\x3D\xD8\x00\xDE"), NULL,
               EXTRACT_TEXT)
           .text,
       "hi\n😀");
    is(take_as(SLICE("\xFE\xFF\0h\0i\xD8\x3D\xDE\x00"), NULL, EXTRACT_TEXT)
           .text,
       "hi😀");
    /* one half of a pair, and an odd byte at the end */
    x = take_as(SLICE("\xFF\xFEh\0\x3D\xD8i\0!"), NULL, EXTRACT_TEXT);
    is(x.text, "h\uFFFDi");
    assert_non_null(strstr(x.warnings[0], "2 characters were not UTF-16"));
    /* UTF-8 cut in the middle of a letter is damaged UTF-8 */
    x = take_as(SLICE("äöüäöüäöüäöü\xC3"), NULL, EXTRACT_TEXT);
    is(x.text, "äöüäöüäöüäöü\uFFFD");
    assert_non_null(strstr(x.warnings[0], "1 bytes were not UTF-8"));
}

static void test_not_text(void **state)
{
    char junk[2000];

    (void)state;
    refused(SLICE_NONE, "empty");
    refused(SLICE(" \n\t "), "no text");
    refused(SLICE("\xEF\xBB\xBF"), "no text");
    refused(SLICE("abc\0def"), "byte 3 is zero");
    refused(SLICE("h\0i\0"), "byte-order mark");
    refused(SLICE("\xFF\xFEh\0\0\0"), "is zero");
    for (size_t i = 0; i < sizeof(junk); i++)
        junk[i] = (char)(i % 5 ? 'a' : 1 + i % 7);
    refused((struct slice){junk, sizeof(junk)}, "control characters");
    refused(SLICE("\x89PNG\r\n\x1A\n"), "PNG picture");
    refused(SLICE("\xFF\xD8\xFF\xE0"), "OCR");
    refused(SLICE("\x1F\x8B\x08"), "decompress");
    refused(SLICE("\xD0\xCF\x11\xE0\xA1"), "old Office document");
    refused(SLICE("{\\rtf1 x}"), "RTF");
    refused(SLICE("Rar!\x1A"), "RAR");
}

static void test_limits(void **state)
{
    size_t n = EXTRACT_MAX_BYTES + 1;
    char *big = malloc(n);
    struct extract_options opt = {0};
    struct extract x;

    (void)state;
    assert_non_null(big);
    memset(big, 'x', n);
    refused_with((struct slice){big, n}, &opt, ERR_TOO_LARGE, "50");
    n = EXTRACT_MAX_CHARS + 1;
    refused_with((struct slice){big, n}, &opt, ERR_TOO_LARGE, "20 million");
    x = take_as((struct slice){big, n - 1}, NULL, EXTRACT_TEXT);
    assert_int_equal(x.n_chars, EXTRACT_MAX_CHARS);
    /* 8-bit text grows; the limit is still one of characters */
    memset(big, '\xE4', n);
    refused_with((struct slice){big, n}, &opt, ERR_TOO_LARGE, "20 million");
    free(big);
}

static bool always(void *ctx)
{
    (void)ctx;
    return true;
}

static void test_cancelled(void **state)
{
    struct extract_options opt = {.cancelled = always};

    (void)state;
    refused_with(SLICE("text"), &opt, ERR_CANCELLED, "cancelled");
}

/* ---- Markdown ---- */

static void headings_are(const struct extract *x, const char *expected)
{
    struct buf b;

    buf_init(&b, 10000);
    for (size_t i = 0; i < x->n_headings; i++)
        buf_printf(&b, "%d@%zu %.*s|", x->headings[i].level,
                   x->headings[i].start_char, SLICE_ARG(x->headings[i].text));
    if (!slice_is(buf_slice(&b), expected))
        fail_msg("'%.*s', not '%s'", SLICE_ARG(buf_slice(&b)), expected);
    buf_release(&b);
}

static void test_markdown(void **state)
{
    struct extract x;
    const struct extract_heading *h;

    (void)state;
    x = take_as(SLICE("---\r\ntitle: \"A page: two\"\r\nweight: 10\r\nlist:\r\n"
                      "- a\r\n  deep: x\r\n---\r\n\r\n"
                      "é ü\n\n## First {#one}\n\ntext\n\nSecond *one*\n====\n"
                      "```sh\n# not a heading\n```\n"
                      "### `code` [link](http://x/) C# ##\n"),
                "x.bin", EXTRACT_MARKDOWN);
    is(x.title, "A page: two");
    assert_int_equal(x.n_meta, 3);
    is(x.meta[1].key, "weight");
    is(x.meta[1].value, "10");
    assert_true(slice_starts(x.text, "é ü\n\n## First {#one}\n"));
    headings_are(&x, "2@5 First|1@28 Second one|3@72 code link C#|");
    assert_null(extract_heading_at(&x, 4));
    h = extract_heading_at(&x, 27);
    assert_non_null(h);
    is(h->text, "First");
    is(extract_heading_at(&x, 1000)->text, "code link C#");
    assert_int_equal(extract_page_at(&x, 0), 0);
}

static void test_markdown_headings(void **state)
{
    struct extract x;

    (void)state;
    x = take_as(SLICE("# A\n#no\n    # code\n   ## B ##\n#\n####### seven\n"
                      "- item\n---\ntwo\nlines\n---\n\n***\n| t |\n---\n"
                      "~~~\n```\n# in\n~~~~\n###### C\nTwo\n--\nlast"),
                "x.md", EXTRACT_MARKDOWN);
    headings_are(&x, "1@0 A|2@19 B|1@30 |6@104 C|2@113 Two|");
    is(x.title, "A");
    /* a code block that is never closed goes to the end */
    x = take_as(SLICE("```\n# x\n"), "x.md", EXTRACT_MARKDOWN);
    assert_int_equal(x.n_headings, 0);
    is(x.title, "x");
}

static void test_markdown_or_not(void **state)
{
    (void)state;
    take_as(SLICE("# T\n\n[a](b)\n"), "x.txt", EXTRACT_MARKDOWN);
    take_as(SLICE("# T\n\n- a\n"), "x", EXTRACT_MARKDOWN);
    take_as(SLICE("plain"), "README.MD", EXTRACT_MARKDOWN);
    take_as(SLICE("#!/bin/sh\n# a comment\nls\n"), "x", EXTRACT_TEXT);
    take_as(SLICE("- a\n- b\n* c\n"), "x", EXTRACT_TEXT);
    /* a rule at the top is no front matter */
    is(take_as(SLICE("---\nwords\n---\nmore"), "x", EXTRACT_TEXT).text,
       "---\nwords\n---\nmore");
    is(take_as(SLICE("---\na: b\nnever closed"), "x", EXTRACT_TEXT).text,
       "---\na: b\nnever closed");
    is(take_as(SLICE("+++\ntitle = 'T'\n+++\nbody"), "x", EXTRACT_MARKDOWN)
           .title,
       "T");
    refused(SLICE("---\ntitle: only\n---\n"), "no text");
    take_as(SLICE("<p align=\"center\">x</p>\n\n# T\n\n**b** [a](b) >"), "x",
            EXTRACT_MARKDOWN);
}

/* ---- HTML ---- */

static const char page[] =
    "<!DOCTYPE html><html><head><meta charset=utf-8><title> A\n title </title>"
    "<style>p{}</style><script>var x = '<p>no</p>';</script></head><body>"
    "<header><h1>Site</h1></header><nav><a>Menu</a></nav>"
    "<main><header><h1>Head&amp;line</h1></header><p>One  <b>two</b>\n"
    "three&nbsp;four.<p>Next<br>line<ul><li>a<li><p>b</p></ul>"
    "<table><tr><th>k<th>v<tr><td>1<td>2</table>"
    "<pre>\nif (x)\n    y();\n</pre><p hidden>gone</p>"
    "<p style='color:red; display : none'>gone</p><aside>gone</aside>"
    "<div aria-hidden=true>gone</div><template>gone</template>"
    "<noscript>gone</noscript>é<wbr>ü</main><footer>foot</footer></body>";

static void test_html(void **state)
{
    struct extract x = take_as(slice_of(page), "p.txt", EXTRACT_HTML);

    (void)state;
    is(x.title, "A title");
    is(x.text, "Head&line\n\nOne two three four.\n\nNext\nline\n\n- a\n- b\n\n"
               "k | v\n1 | 2\n\nif (x)\n    y();\n\néü");
}

static void test_html_parts(void **state)
{
    struct extract x;

    (void)state;
    x = take_as(SLICE("<html><body>out<article>A<article>B</article></article>"
                      "mid<article>C</article></body></html>"),
                "x", EXTRACT_HTML);
    is(x.text, "A\n\nB\n\nC");
    x = take_as(SLICE("<html><body>no main<main> </main>"), "x", EXTRACT_HTML);
    is(x.text, "no main");
    /* what is never closed ends with the page */
    x = take_as(SLICE("<html><body>x<main>in<p>side"), "x", EXTRACT_HTML);
    is(x.text, "in\n\nside");
    /* a menu that swallows the page: better all than nothing */
    x = take_as(SLICE("<html><body><nav>a<p>text"), "x", EXTRACT_HTML);
    is(x.text, "a\n\ntext");
    x = take_as(SLICE("<html><body><h1>The <i>head</i></h1>x"), "x",
                EXTRACT_HTML);
    is(x.title, "The head");
    x = take_as(SLICE("<div>piece</div><p>of a page</p>"), "x", EXTRACT_HTML);
    is(x.text, "piece\n\nof a page");
    x = take_as(SLICE("<html><p>a <math alttext='x^2'><mi>x</mi></math> b"),
                "x", EXTRACT_HTML);
    is(x.text, "a $x^2$ b");
    refused(SLICE("<html><script>x</script></html>"), "no text");
    x = take_as(SLICE("---\ntitle: T\n---\n\n<!doctype html><title>U</title>x"),
                "x.html", EXTRACT_HTML);
    is(x.title, "T");
    is(x.text, "x");
}

static void test_html_encodings(void **state)
{
    struct extract x;

    (void)state;
    x = take_as(SLICE("<html><head><meta charset=\"iso-8859-2\"></head>"
                      "<body>\xB1\xE6"),
                "x", EXTRACT_HTML);
    is(x.text, "ąć");
    x = take_as(SLICE("<html><meta charset='nonesuch'><p>\xE4\x80"), "x",
                EXTRACT_HTML);
    is(x.text, "ä€");
    x = take_as(SLICE("<html><body>\xE4"), "x", EXTRACT_HTML);
    is(x.text, "ä");
    assert_int_equal(x.n_warnings, 1);
    x = take_as(SLICE("\xFF\xFE<\0h\0t\0m\0l\0>\0\x53\x30"), "x", EXTRACT_HTML);
    is(x.text, "こ");
    /* names its charset wrongly, but is UTF-8 */
    x = take_as(SLICE("<html><meta charset=iso-8859-1><p>ä"), "x",
                EXTRACT_HTML);
    is(x.text, "ä");
}

static void test_html_deep(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 1u << 20);
    buf_add_str(&b, "<html>");
    for (int i = 0; i < 1500; i++)
        buf_add_str(&b, "<div>x");
    refused(buf_slice(&b), "1000 deep");
    buf_release(&b);
}

/* ---- PDF ---- */

struct pdf {
    struct buf b;
    size_t at[50]; /* where object i begins */
    int n;
};

static void pdf_object(struct pdf *p, const char *body)
{
    p->at[++p->n] = p->b.len;
    buf_printf(&p->b, "%d 0 obj\n%s\nendobj\n", p->n, body);
}

static void pdf_end(struct pdf *p, const char *trailer)
{
    size_t xref = p->b.len;

    buf_printf(&p->b, "xref\n0 %d\n0000000000 65535 f \n", p->n + 1);
    for (int i = 1; i <= p->n; i++)
        buf_printf(&p->b, "%010zu 00000 n \n", p->at[i]);
    buf_printf(&p->b,
               "trailer\n<< /Size %d /Root 1 0 R %s >>\n"
               "startxref\n%zu\n%%%%EOF\n",
               p->n + 1, trailer, xref);
    assert_true(buf_ok(&p->b));
}

/* A page for each text; "" is a page without any. */
static void pdf_make(struct pdf *p, const char *const *texts, int n,
                     const char *trailer)
{
    char line[300];
    struct buf kids;

    *p = (struct pdf){0};
    buf_init(&p->b, 1u << 20);
    buf_init(&kids, 10000);
    for (int i = 0; i < n; i++)
        buf_printf(&kids, "%d 0 R ", 5 + 2 * i);
    buf_add_str(&p->b, "%PDF-1.4\n");
    pdf_object(p, "<< /Type /Catalog /Pages 2 0 R >>");
    snprintf(line, sizeof(line), "<< /Type /Pages /Kids [%.*s] /Count %d >>",
             SLICE_ARG(buf_slice(&kids)), n);
    pdf_object(p, line);
    pdf_object(p, "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica "
                  "/Encoding /WinAnsiEncoding >>");
    pdf_object(p, "<< /Title (A small paper) >>");
    for (int i = 0; i < n; i++) {
        char stream[200];

        snprintf(line, sizeof(line),
                 "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] "
                 "/Contents %d 0 R /Resources << /Font << /F 3 0 R >> >> >>",
                 6 + 2 * i);
        pdf_object(p, line);
        snprintf(stream, sizeof(stream), "BT /F 12 Tf 50 700 Td (%s) Tj ET",
                 texts[i]);
        snprintf(line, sizeof(line), "<< /Length %zu >>\nstream\n%s\nendstream",
                 strlen(stream), stream);
        pdf_object(p, line);
    }
    pdf_end(p, trailer);
    buf_release(&kids);
}

static bool has_pdftotext(void)
{
    return access("/usr/bin/pdftotext", X_OK) == 0;
}

static void test_pdf(void **state)
{
    static const char *const texts[] = {"", "First caf\\351 page.", "",
                                        "Second text here."};
    struct pdf p;
    struct extract x;

    (void)state;
    if (!has_pdftotext())
        skip();
    pdf_make(&p, texts, 4, "/Info 4 0 R");
    x = take_as(buf_slice(&p.b), "p.txt", EXTRACT_PDF);
    is(x.text, "First café page.\n\nSecond text here.");
    is(x.title, "A small paper");
    assert_int_equal(x.page_count, 4);
    assert_int_equal(x.n_pages, 2);
    assert_int_equal(x.pages[0].page, 2);
    assert_int_equal(x.pages[0].start_char, 0);
    assert_int_equal(x.pages[1].page, 4);
    assert_int_equal(x.pages[1].start_char, 18);
    assert_int_equal(extract_page_at(&x, 0), 2);
    assert_int_equal(extract_page_at(&x, 17), 2);
    assert_int_equal(extract_page_at(&x, 18), 4);
    assert_int_equal(extract_page_at(&x, 9999), 4);
    buf_release(&p.b);
}

static void test_pdf_scan_and_damage(void **state)
{
    static const char *const none[] = {"", ""};
    static const char *const some[] = {"words"};
    struct pdf p;
    struct extract x;

    (void)state;
    if (!has_pdftotext())
        skip();
    pdf_make(&p, none, 2, "");
    refused(buf_slice(&p.b), "2 pages: they are pictures (a scan)");
    refused(slice_sub(buf_slice(&p.b), 0, 30), "damaged and cannot be opened");
    buf_release(&p.b);
    refused(SLICE("%PDF-1.7\nnothing"), "damaged");
    pdf_make(&p, some, 1, "");
    x = take_as(buf_slice(&p.b), "dir/name.pdf", EXTRACT_PDF);
    assert_int_equal(x.n_warnings, 1);
    assert_non_null(strstr(x.warnings[0], "may be a scan"));
    is(x.title, "name"); /* no /Info: the file's name */
    buf_release(&p.b);
}

static void rc4(const unsigned char *key, size_t nkey, const void *in, size_t n,
                unsigned char *out)
{
    unsigned char s[256], t;
    unsigned j = 0, k = 0;

    for (unsigned i = 0; i < 256; i++)
        s[i] = (unsigned char)i;
    for (unsigned i = 0; i < 256; i++) {
        j = (j + s[i] + key[i % nkey]) & 255;
        t = s[i], s[i] = s[j], s[j] = t;
    }
    j = 0;
    for (size_t i = 0; i < n; i++) {
        k = (k + 1) & 255;
        j = (j + s[k]) & 255;
        t = s[k], s[k] = s[j], s[j] = t;
        out[i] = ((const unsigned char *)in)[i] ^ s[(s[k] + s[j]) & 255];
    }
}

/* The standard security handler, revision 2, 40 bits (PDF 1.4, 3.5.2), with a
 * password that a user must give: algorithms 3.2, 3.3, 3.4. */
static void encryption(char *out, size_t size)
{
    static const unsigned char pad[33] =
        "\x28\xBF\x4E\x5E\x4E\x75\x8A\x41\x64\x00\x4E\x56\xFF\xFA\x01\x08"
        "\x2E\x2E\x00\xB6\xD0\x68\x3E\x80\x2F\x0C\xA9\xFE\x64\x53\x69\x7A";
    unsigned char password[32], owner[32], user[32], all[84], md[16];
    char hex_owner[65], hex_user[65];

    memcpy(password, "secret", 6);
    memcpy(password + 6, pad, 26);
    EVP_Digest(password, 32, md, NULL, EVP_md5(), NULL);
    rc4(md, 5, password, 32, owner);
    memcpy(all, password, 32);
    memcpy(all + 32, owner, 32);
    memcpy(all + 64, "\xFC\xFF\xFF\xFF", 4); /* P = -4 */
    memcpy(all + 68, "0123456789abcdef", 16);
    EVP_Digest(all, 84, md, NULL, EVP_md5(), NULL);
    rc4(md, 5, pad, 32, user);
    for (int i = 0; i < 32; i++) {
        snprintf(hex_owner + 2 * i, 3, "%02x", owner[i]);
        snprintf(hex_user + 2 * i, 3, "%02x", user[i]);
    }
    snprintf(out, size,
             "/Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O <%s> /U <%s> >> "
             "/ID [(0123456789abcdef) (0123456789abcdef)]",
             hex_owner, hex_user);
}

static void test_pdf_encrypted(void **state)
{
    static const char *const texts[] = {"x"};
    char trailer[400];
    struct pdf p;

    (void)state;
    if (!has_pdftotext())
        skip();
    encryption(trailer, sizeof(trailer));
    pdf_make(&p, texts, 1, trailer);
    refused(buf_slice(&p.b), "encrypted and needs a password");
    buf_release(&p.b);
}

/* ---- a tool that does what we tell it ---- */

struct fake {
    char dir[100], path[120];
};

static struct extract_options fake_tool(struct fake *f, const char *script)
{
    FILE *file;

    snprintf(f->dir, sizeof(f->dir), "/tmp/test_extract.XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->path, sizeof(f->path), "%s/tool", f->dir);
    file = fopen(f->path, "w");
    assert_non_null(file);
    fprintf(file, "#!/bin/sh\n%s\n", script);
    fclose(file);
    assert_int_equal(chmod(f->path, 0700), 0);
    return (struct extract_options){.pdftotext = f->path,
                                    .pdfinfo = "/nonexistent/pdfinfo"};
}

static void fake_end(struct fake *f)
{
    unlink(f->path);
    rmdir(f->dir);
}

static void tool_says(const char *script, enum err_code code, const char *says)
{
    struct fake f;
    struct extract_options opt = fake_tool(&f, script);

    refused_with(SLICE("%PDF-1.4\n"), &opt, code, says);
    fake_end(&f);
}

static void test_tool_failures(void **state)
{
    struct extract_options none = {.pdftotext = "/nonexistent/pdftotext"};
    struct err e;

    (void)state;
    e = refused_with(SLICE("%PDF-1.4"), &none, ERR_UNAVAILABLE,
                     "install the package poppler-utils");
    assert_string_equal(e.field, "");
    tool_says("echo 'Command Line Error: Incorrect password' >&2; exit 1",
              ERR_INVALID, "needs a password");
    tool_says("exit 3", ERR_INVALID, "does not allow");
    tool_says("echo 'Syntax Error: no xref' >&2; exit 1", ERR_INVALID,
              "(Syntax Error: no xref)");
    tool_says("exit 99", ERR_INVALID, "damaged");
    tool_says("echo 'terminate: std::bad_alloc' >&2; kill -ABRT $$",
              ERR_INVALID, "of memory");
    tool_says("kill -XCPU $$", ERR_INVALID, "60 s of processor time");
    tool_says("kill -SEGV $$", ERR_INVALID, "damaged");
    tool_says("printf ' \\f\\f \\f'", ERR_INVALID, "3 pages");
    tool_says("awk 'BEGIN { for (i = 0; i < 10001; i++) printf \"x\\f\" }'",
              ERR_TOO_LARGE, "more than 10000 pages");
    /* it floods us: killed, not waited for */
    tool_says("exec head -c 200000000 /dev/zero", ERR_TOO_LARGE, "too large");
}

static void test_tool_output(void **state)
{
    struct fake f;
    struct extract_options opt;
    struct extract x;
    struct err e = {0};

    (void)state;
    /* bytes arrive as they are; a complaint is a warning if there is text */
    opt = fake_tool(&f, "cat; echo; echo 'Syntax Error: x' >&2; "
                        "printf '\\f\\fna\\003\\357ve\\f'");
    assert_int_equal(extract_file(arena, SLICE("%PDF-1.4 abc"), &opt, &x, &e),
                     ERR_NONE);
    is(x.text, "%PDF-1.4 abc\n\nna\uFFFDve");
    assert_int_equal(x.pages[1].page, 3);
    assert_int_equal(x.pages[1].start_char, 14);
    assert_int_equal(x.n_warnings, 3);
    assert_non_null(strstr(x.warnings[0], "damaged in places"));
    fake_end(&f);
}

/* Descriptors, limits and environment are what the child sees. */
static void test_tool_is_confined(void **state)
{
    struct fake f;
    struct extract_options opt =
        fake_tool(&f, "read x; ls -l /proc/$$/fd\n"
                      "i=0; while [ $(ulimit -t) = unlimited ] && "
                      "[ $i -lt 100 ]; do i=$((i + 1)); done\n"
                      "echo cpu $(ulimit -t) core $(ulimit -c) "
                      "files $(ulimit -n) size $(ulimit -f)\n"
                      "echo secret=$SHEAF_SECRET\n"
                      "(echo x >$0.written)\n"
                      "[ -s $0.written ] || echo nothing written");
    struct extract x;
    struct err e = {0};
    int leak = open("/dev/null", O_RDONLY);
    char written[140];

    (void)state;
    assert_true(leak >= 0);
    setenv("SHEAF_SECRET", "visible", 1);
    if (extract_file(arena, SLICE("%PDF-1.4\n"), &opt, &x, &e) != ERR_NONE)
        fail_msg("%s", e.msg);
    unsetenv("SHEAF_SECRET");
    assert_true(slice_find(x.text, SLICE("0 -> /memfd:document")) > 0);
    assert_true(slice_find(x.text, SLICE("/dev/null")) < 0);
    assert_true(
        slice_find(x.text, SLICE("cpu 60 core 0 files 64 size 0\nsecret=")) >
        0);
    assert_true(slice_find(x.text, SLICE("visible")) < 0);
    assert_true(slice_ends(x.text, "nothing written"));
    close(leak);
    snprintf(written, sizeof(written), "%s.written", f.path);
    unlink(written);
    fake_end(&f);
}

static bool soon(void *ctx)
{
    int *asked = ctx;

    return ++*asked > 3;
}

/* A tool that never ends, and one whose child holds the pipe: both are gone at
 * once when the job is cancelled. */
static void test_tool_hangs(void **state)
{
    static const char *const scripts[] = {"exec sleep 100", "sleep 100",
                                          "sleep 100 & exit 0"};

    (void)state;
    for (int i = 0; i < 3; i++) {
        struct fake f;
        struct extract_options opt = fake_tool(&f, scripts[i]);
        int asked = 0;
        int64_t from = clock_mono_us();

        opt.cancelled = soon;
        opt.cancelled_ctx = &asked;
        refused_with(SLICE("%PDF-1.4"), &opt, ERR_CANCELLED, "cancelled");
        assert_true(clock_mono_us() - from < 10 * 1000000);
        fake_end(&f);
    }
}

/* What the tool started goes with it: a pipe that only such a process holds is
 * closed soon after. */
static void test_tool_family(void **state)
{
    struct fake f;
    struct extract_options opt =
        fake_tool(&f, "sleep 100 9>$0.fifo & echo text; read x <$0.fifo");
    struct pollfd fd = {.events = POLLIN};
    char fifo[140];
    int asked = 0;

    (void)state;
    opt.cancelled = soon;
    opt.cancelled_ctx = &asked;
    snprintf(fifo, sizeof(fifo), "%s.fifo", f.path);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    fd.fd = open(fifo, O_RDONLY | O_NONBLOCK);
    assert_true(fd.fd >= 0);
    refused_with(SLICE("%PDF-1.4"), &opt, ERR_CANCELLED, "cancelled");
    assert_int_equal(poll(&fd, 1, 10000), 1);
    assert_true(fd.revents & POLLHUP);
    close(fd.fd);
    unlink(fifo);
    fake_end(&f);
}

/* ---- archives ---- */

struct archive {
    struct buf b, directory;
    int n;
};

static void put16(struct buf *b, unsigned v)
{
    buf_add_char(b, (char)v);
    buf_add_char(b, (char)(v >> 8));
}

static void put32(struct buf *b, size_t v)
{
    put16(b, (unsigned)v & 0xFFFF);
    put16(b, (unsigned)(v >> 16));
}

static void archive_begin(struct archive *z)
{
    *z = (struct archive){0};
    buf_init(&z->b, 8u << 20);
    buf_init(&z->directory, 1u << 20);
}

static void add_member(struct archive *z, const char *name, struct slice data,
                       size_t size, unsigned method, unsigned flags)
{
    size_t at = z->b.len, n = strlen(name);

    buf_add_str(&z->b, "PK\3\4");
    buf_add_str(&z->directory, "PK\1\2");
    put16(&z->directory, 20);
    for (int i = 0; i < 2; i++) {
        struct buf *b = i ? &z->directory : &z->b;

        put16(b, 20);
        put16(b, flags);
        put16(b, method);
        put32(b, 0); /* time, date */
        put32(b, 0); /* checksum: not looked at */
        put32(b, data.len);
        put32(b, size);
        put16(b, (unsigned)n);
        put16(b, 0);
    }
    put16(&z->directory, 0);
    put32(&z->directory, 0);
    put32(&z->directory, 0);
    put32(&z->directory, at);
    buf_add(&z->directory, name, n);
    buf_add(&z->b, name, n);
    buf_add_slice(&z->b, data);
    z->n++;
}

static void add(struct archive *z, const char *name, const char *text)
{
    add_member(z, name, slice_of(text), strlen(text), 0, 0);
}

static void add_packed(struct archive *z, const char *name, struct slice data)
{
    char *out = malloc(data.len + 1000);
    z_stream s = {.next_in = (Bytef *)(uintptr_t)data.p,
                  .avail_in = (uInt)data.len,
                  .next_out = (Bytef *)out,
                  .avail_out = (uInt)data.len + 1000};

    assert_non_null(out);
    assert_int_equal(deflateInit2(&s, 9, Z_DEFLATED, -15, 8, 0), Z_OK);
    assert_int_equal(deflate(&s, Z_FINISH), Z_STREAM_END);
    add_member(z, name, (struct slice){out, s.total_out}, data.len, 8, 0);
    deflateEnd(&s);
    free(out);
}

static struct slice archive_end(struct archive *z)
{
    size_t at = z->b.len;

    buf_add_slice(&z->b, buf_slice(&z->directory));
    buf_add_str(&z->b, "PK\5\6");
    put32(&z->b, 0);
    put16(&z->b, (unsigned)z->n);
    put16(&z->b, (unsigned)z->n);
    put32(&z->b, z->directory.len);
    put32(&z->b, at);
    put16(&z->b, 0);
    assert_true(buf_ok(&z->b) && buf_ok(&z->directory));
    return buf_slice(&z->b);
}

static void archive_free(struct archive *z)
{
    buf_release(&z->b);
    buf_release(&z->directory);
}

static const char container[] =
    "<?xml version='1.0'?><container><rootfiles><rootfile "
    "full-path='OEBPS/book.opf'/></rootfiles></container>";
static const char package[] =
    "<package xmlns:dc='x'><metadata><dc:title>A &amp; B</dc:title></metadata>"
    "<manifest><item id='b' href='../b%20c.xhtml' "
    "media-type='application/xhtml+xml'/><item id='a' href='a.xhtml#top' "
    "media-type='application/xhtml+xml'/><item id='n' href='nav.xhtml' "
    "properties='nav' media-type='application/xhtml+xml'/><item id='i' "
    "href='i.png' media-type='image/png'/></manifest><spine>"
    "<itemref idref='n'/><itemref idref='a'/><itemref idref='i'/>"
    "<itemref idref='b'/><itemref idref='gone'/></spine></package>";

static void test_epub(void **state)
{
    struct archive z;
    struct extract x;

    (void)state;
    archive_begin(&z);
    add(&z, "mimetype", "application/epub+zip");
    add(&z, "META-INF/container.xml", container);
    add(&z, "b c.xhtml", "<html><body><p>Two</p></body></html>");
    add_packed(&z, "OEBPS/book.opf", slice_of(package));
    add_packed(&z, "OEBPS/a.xhtml",
               SLICE("<?xml version='1.0'?><html><head><title/></head><body>"
                     "<h1>One é</h1><p>x</p></body></html>"));
    x = take_as(archive_end(&z), "x.zip", EXTRACT_EPUB);
    is(x.text, "One é\n\nx\n\nTwo");
    is(x.title, "A & B");
    assert_int_equal(x.n_warnings, 1);
    archive_free(&z);
}

static const char document[] =
    "<w:document xmlns:w='w' xmlns:mc='mc'><w:body><w:p><w:r><w:t>One </w:t>"
    "</w:r><w:r><w:t>two</w:t><w:tab/><w:t>three &lt;</w:t></w:r></w:p><w:p/>"
    "<w:p><w:r><w:instrText>PAGE</w:instrText><w:t>Four</w:t><w:br/>"
    "<w:t>five</w:t></w:r></w:p><mc:AlternateContent><mc:Choice><w:p><w:t>box"
    "</w:t></w:p></mc:Choice><mc:Fallback><w:p><w:t>box</w:t></w:p>"
    "</mc:Fallback></mc:AlternateContent></w:body></w:document>";

static void test_docx(void **state)
{
    struct archive z;
    struct extract x;

    (void)state;
    archive_begin(&z);
    add_packed(&z, "word/document.xml", slice_of(document));
    add(&z, "docProps/core.xml",
        "<cp:coreProperties xmlns:dc='d' xmlns:cp='c'><dc:title>My report"
        "</dc:title></cp:coreProperties>");
    x = take_as(archive_end(&z), "x.pdf", EXTRACT_DOCX);
    is(x.text, "One two\tthree <\n\nFour\nfive\n\nbox");
    is(x.title, "My report");
    archive_free(&z);
}

static void test_bad_archives(void **state)
{
    static const struct {
        const char *name, *text, *says;
        unsigned method, flags;
    } bad[] = {
        {"xl/workbook.xml", "x", "neither EPUB nor DOCX", 0, 0},
        {"word/document.xml", "x", "encrypted", 0, 1},
        {"word/document.xml", "x", "damaged", 99, 0},
        {"word/document.xml", "<w:p", "damaged", 0, 0},
        {"word/document.xml", "\xFF\xFF\xFF", "damaged", 8, 0},
        {"word/document.xml", "<w:p/>", "no text", 0, 0},
        {"META-INF/container.xml", "<a/>", "damaged", 0, 0},
    };
    struct archive z;
    struct slice all;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        archive_begin(&z);
        add_member(&z, bad[i].name, slice_of(bad[i].text), 1, bad[i].method,
                   bad[i].flags);
        refused(archive_end(&z), bad[i].says);
        archive_free(&z);
    }
    archive_begin(&z);
    add_packed(&z, "word/document.xml", slice_of(document));
    all = archive_end(&z);
    for (size_t n = 4; n < all.len; n++)
        refused(slice_sub(all, 0, n), "damaged or cut short");
    archive_free(&z);
}

/* Entities that grow are never declared; 300 MB of zeros are not unpacked. */
static void test_bombs(void **state)
{
    struct archive z;
    struct extract_options opt = {0};
    size_t n = 300u << 20;
    char *zeros = calloc(1, n);

    (void)state;
    assert_non_null(zeros);
    archive_begin(&z);
    add_packed(&z, "word/document.xml", (struct slice){zeros, n});
    refused_with(archive_end(&z), &opt, ERR_TOO_LARGE, "unpacks to more");
    archive_free(&z);
    /* no member is over its own limit, all together are over the budget */
    archive_begin(&z);
    add(&z, "META-INF/container.xml", container);
    add(&z, "OEBPS/book.opf",
        "<p><item id='a' href='a' media-type='x/html'/><spine><itemref "
        "idref='a'/><itemref idref='a'/><itemref idref='a'/></spine></p>");
    add_packed(&z, "OEBPS/a", (struct slice){zeros, 80u << 20});
    refused_with(archive_end(&z), &opt, ERR_TOO_LARGE, "unpacks to more");
    archive_free(&z);
    free(zeros);
    archive_begin(&z);
    add(&z, "word/document.xml",
        "<!DOCTYPE d [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;'>"
        "<!ENTITY f SYSTEM 'file:///etc/passwd'>]>"
        "<d><w:p><w:t>x&b;&f;</w:t></w:p></d>");
    {
        struct extract x;
        struct err e = {0};
        enum err_code rc = extract_file(arena, archive_end(&z), &opt, &x, &e);

        assert_true(rc == ERR_INVALID || slice_is(x.text, "x"));
    }
    archive_free(&z);
}

/* ---- in general ---- */

/* A small arena ends as an error, wherever it ends. */
static void test_small_arena(void **state)
{
    struct extract_options opt = {.name = SLICE("x.md")};
    bool fitted = false;

    (void)state;
    for (size_t cap = 16; cap < 40000 && !fitted; cap += 16) {
        struct arena *a = arena_new(cap);
        struct extract x;
        struct err e = {0};
        enum err_code rc;

        assert_non_null(a);
        rc = extract_file(a, SLICE("# a\r\n# b\n\xE4\n"), &opt, &x, &e);
        fitted = rc == ERR_NONE;
        assert_true(fitted || rc == ERR_TOO_LARGE);
        arena_free(a);
    }
    assert_true(fitted);
}

static char *read_whole(const char *path, size_t *len)
{
    FILE *f = fopen(path, "rb");
    char *p;

    if (!f)
        return NULL;
    p = malloc(EXTRACT_MAX_BYTES);
    assert_non_null(p);
    *len = fread(p, 1, EXTRACT_MAX_BYTES, f);
    fclose(f);
    return p;
}

/* Real documents, where they are. */
static void test_recorded(void **state)
{
    static const struct {
        const char *path, *title, *holds;
        enum extract_kind kind;
    } files[] = {
        {"kubernetes-en/concepts__architecture__nodes.md", "Nodes", "kubelet",
         EXTRACT_MARKDOWN},
        {"kubernetes-zh/concepts__configuration__secret.md", "Secret", "密",
         EXTRACT_MARKDOWN},
        {"kubernetes-html/operations.html", "v1 Operations", "api/v1",
         EXTRACT_HTML},
        {"pdf/1407.7587v1.pdf", "", "the", EXTRACT_PDF},
        {"pdf/1605.03844.pdf", "", "the", EXTRACT_PDF},
    };
    const char *dir = getenv("SHEAF_TEST_DATA");
    char path[600];

    (void)state;
    dir = dir ? dir : "../shared/data";
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
        size_t len;
        char *bytes;
        struct extract x;

        snprintf(path, sizeof(path), "%s/documents/%s", dir, files[i].path);
        bytes = read_whole(path, &len);
        if (!bytes || (files[i].kind == EXTRACT_PDF && !has_pdftotext())) {
            free(bytes);
            continue;
        }
        x = take_as((struct slice){bytes, len}, "", files[i].kind);
        if (*files[i].title)
            is(x.title, files[i].title);
        assert_true(slice_find(x.text, slice_of(files[i].holds)) >= 0);
        assert_true(files[i].kind != EXTRACT_PDF || x.n_pages > 3);
        assert_true(files[i].kind != EXTRACT_MARKDOWN || x.n_headings > 3);
        free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_other_encodings),
        cmocka_unit_test(test_not_text),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_cancelled),
        cmocka_unit_test(test_markdown),
        cmocka_unit_test(test_markdown_headings),
        cmocka_unit_test(test_markdown_or_not),
        cmocka_unit_test(test_html),
        cmocka_unit_test(test_html_parts),
        cmocka_unit_test(test_html_encodings),
        cmocka_unit_test(test_html_deep),
        cmocka_unit_test(test_pdf),
        cmocka_unit_test(test_pdf_scan_and_damage),
        cmocka_unit_test(test_pdf_encrypted),
        cmocka_unit_test(test_tool_failures),
        cmocka_unit_test(test_tool_output),
        cmocka_unit_test(test_tool_is_confined),
        cmocka_unit_test(test_tool_hangs),
        cmocka_unit_test(test_tool_family),
        cmocka_unit_test(test_epub),
        cmocka_unit_test(test_docx),
        cmocka_unit_test(test_bad_archives),
        cmocka_unit_test(test_bombs),
        cmocka_unit_test(test_small_arena),
        cmocka_unit_test(test_recorded),
    };

    return cmocka_run_group_tests_name("extract", tests, setup, teardown);
}
