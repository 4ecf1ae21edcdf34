/* fuzz_extract.c - any bytes as a file: no crash, and what is taken for a text
 * is one.  PDF goes to another program, which is not ours to try; here there
 * is none, and the error has to say so. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "base/utf8.h"
#include "processor/extract.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_places(const struct extract *x)
{
    for (size_t i = 0; i < x->n_headings; i++) {
        const struct extract_heading *h = &x->headings[i];

        assert(h->level >= 1 && h->level <= 6 && h->start_char < x->n_chars);
        assert(utf8_valid(h->text));
        assert(i == 0 || h->start_char > x->headings[i - 1].start_char);
        assert(extract_heading_at(x, h->start_char) == h);
    }
    assert(extract_page_at(x, 0) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new(64u << 20);
    struct extract_options opt = {.name = SLICE("some.md"),
                                  .pdftotext = "/nonexistent/pdftotext"};
    struct extract x;
    struct err e = {0};

    if (!a)
        return 0;
    if (size & 1)
        opt.name = SLICE_NONE;
    if (extract_file(a, (struct slice){(const char *)data, size}, &opt, &x,
                     &e) != ERR_NONE) {
        assert(e.code != ERR_NONE && e.code != ERR_INTERNAL && e.msg[0]);
    } else {
        assert(x.text.len > 0 && utf8_valid(x.text));
        assert(slice_find_byte(x.text, '\0') < 0);
        assert(slice_find_byte(x.text, '\r') < 0);
        assert(utf8_valid(x.title) && slice_find_byte(x.title, '\n') < 0);
        assert(x.n_chars == utf8_count(x.text));
        check_places(&x);
    }
    arena_free(a);
    return 0;
}
