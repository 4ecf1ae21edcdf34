/* Any bytes as texts of a paper, and as a search: the tsvector keeps the rules
 * that PostgreSQL checks when it receives one, the tsquery has no other
 * characters than those of its words and its own. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "store/postgres_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned take_u16(const unsigned char **p)
{
    unsigned v = (unsigned)(*p)[0] << 8 | (*p)[1];

    *p += 2;
    return v;
}

/* Words ascend, none is empty or too long; positions of each ascend. */
static void check_vector(struct slice v)
{
    const unsigned char *p = (const unsigned char *)v.p, *end = p + v.len;
    struct slice before = SLICE_NONE;
    unsigned n = take_u16(&p) << 16 | take_u16(&p);

    for (; n > 0; n--) {
        struct slice word = slice_of((const char *)p);
        unsigned count, last = 0;

        assert(word.len > 0 && word.len <= 200);
        assert(!before.p || slice_cmp(before, word) < 0);
        before = word;
        p += word.len + 1;
        count = take_u16(&p);
        assert(count > 0 && count <= 255);
        for (; count > 0; count--) {
            unsigned position = take_u16(&p) & 0x3FFF;

            assert(position > last);
            last = position;
        }
    }
    assert(p == end);
}

static void check_query(struct slice text)
{
    struct search_query q;
    struct buf b;
    bool quoted = false;

    if (search_parse(text, &q, NULL) != ERR_NONE)
        return;
    if (text.len % 2)
        search_open_end(&q, text);
    buf_init(&b, 1u << 20);
    pg_text_query(&b, &q, text);
    assert(buf_ok(&b));
    for (size_t i = 0; i < b.len; i++) {
        char c = b.p[i];

        if (c == '\'')
            quoted = !quoted;
        else if (quoted)
            assert((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                   (unsigned char)c >= 0x80);
        else
            assert(strchr("()&!| <->:*C", c));
    }
    assert(!quoted);
    buf_release(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = {(const char *)data, size};
    struct paper p = {.title = slice_sub(text, 0, size / 4),
                      .abstract = slice_sub(text, size / 4, size),
                      .authors = slice_sub(text, size / 2, size)};
    struct buf b;

    buf_init(&b, 4u << 20);
    pg_text_vector(&b, &p);
    assert(buf_ok(&b));
    check_vector(buf_slice(&b));
    buf_release(&b);
    check_query(text);
    return 0;
}
