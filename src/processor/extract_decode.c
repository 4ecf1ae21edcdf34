/* extract_decode.c - bytes of a text file to UTF-8.
 *
 * A byte-order mark is believed.  Without one, bytes that are UTF-8 are UTF-8:
 * text in another encoding practically never is by accident.  What is left is
 * either UTF-8 with a few bytes broken (cut at a buffer's end, two files put
 * together) or an 8-bit encoding; the share of good sequences tells which.  Of
 * the 8-bit ones Windows-1252 is by far the most frequent and holds Latin-1's
 * letters; we cannot know, so we say so.
 */
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "processor/extract_impl.h"

/* Windows-1252, 0x80 to 0x9F, as the WHATWG Encoding Standard has it. */
static const uint16_t cp1252[32] = {
    0x20AC, 0x81,   0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021,
    0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0x8D,   0x017D, 0x8F,
    0x90,   0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
    0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x9D,   0x017E, 0x0178};

static void add_char(struct buf *out, uint32_t cp)
{
    char bytes[4];

    buf_add(out, bytes, utf8_put(bytes, cp));
}

static bool is_dropped(unsigned char c)
{
    return (c < 0x20 && c != '\n' && c != '\t') || c == 0x7F;
}

size_t extract_add_clean(struct buf *out, struct slice s)
{
    size_t broken = 0, i = 0, from = 0;

    while (i < s.len) {
        unsigned char c = (unsigned char)s.p[i];
        size_t n = utf8_sequence(s, i);

        if (n > 0 && !is_dropped(c)) {
            i += n;
            continue;
        }
        buf_add_slice(out, slice_sub(s, from, i));
        if (n == 0) {
            add_char(out, 0xFFFD);
            broken++;
        } else if (c == '\r' && !(i + 1 < s.len && s.p[i + 1] == '\n')) {
            buf_add_char(out, '\n');
        }
        from = ++i;
    }
    buf_add_slice(out, slice_sub(s, from, s.len));
    return broken;
}

static void add_1252(struct buf *out, struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (c < 0x80)
            buf_add_char(out, (char)c);
        else
            add_char(out, c < 0xA0 ? cp1252[c - 0x80] : c);
    }
}

/* Returns how many units stand alone that should be a pair. */
static size_t add_utf16(struct buf *out, struct slice s, bool big)
{
    size_t broken = s.len % 2;
    uint32_t high = 0;

    for (size_t i = 0; i + 1 < s.len; i += 2) {
        uint32_t a = (unsigned char)s.p[i], b = (unsigned char)s.p[i + 1];
        uint32_t unit = big ? a << 8 | b : b << 8 | a;
        bool low = unit >= 0xDC00 && unit <= 0xDFFF;

        if (high && low) {
            add_char(out, 0x10000 + ((high - 0xD800) << 10) + unit - 0xDC00);
            high = 0;
            continue;
        }
        if (high) {
            add_char(out, 0xFFFD);
            broken++;
        }
        high = unit >= 0xD800 && unit <= 0xDBFF ? unit : 0;
        if (high)
            continue;
        broken += low;
        add_char(out, unit); /* one half of a pair gives U+FFFD */
    }
    if (high)
        add_char(out, 0xFFFD);
    return broken + (high != 0);
}

/* CRLF and CR become LF, in place. */
static size_t unify_lines(char *p, size_t n)
{
    size_t to = 0;

    for (size_t i = 0; i < n; i++) {
        if (p[i] != '\r')
            p[to++] = p[i];
        else if (!(i + 1 < n && p[i + 1] == '\n'))
            p[to++] = '\n';
    }
    return to;
}

/* A text has no NUL and next to no control characters. */
static enum err_code check_text(const struct extraction *j, struct slice text)
{
    size_t control = 0;

    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.p[i];

        if (c == 0)
            return err_field(j->e, "file",
                             "the file is not a text (byte %zu is zero); what "
                             "can be read: " EXTRACT_READABLE
                             "; a UTF-16 text needs its byte-order mark",
                             i);
        control += is_dropped(c) && c != '\r' && c != '\f' && c != 0x1B;
    }
    /* logs with bells and overstrikes are texts; machine code is not */
    if (control > 8 && control > text.len / 50)
        return err_field(j->e, "file",
                         "the file is not a text (%zu control characters); "
                         "what can be read: " EXTRACT_READABLE,
                         control);
    return ERR_NONE;
}

/* Are the bytes that are no UTF-8 few enough to be damage? */
static bool is_damaged_utf8(struct slice s)
{
    size_t good = 0, bad = 0;

    for (size_t i = 0; i < s.len;) {
        size_t n = utf8_sequence(s, i);

        good += n > 1;
        bad += n == 0;
        i += n ? n : 1;
    }
    return bad > 0 && good / 10 >= bad;
}

static void add_bytes(const struct extraction *j, struct buf *out,
                      struct slice s)
{
    size_t broken;

    if (slice_starts(s, "\xFF\xFE") || slice_starts(s, "\xFE\xFF")) {
        broken = add_utf16(out, slice_sub(s, 2, s.len), s.p[0] == '\xFE');
        if (broken)
            extract_warn(j, "%zu characters were not UTF-16 and became U+FFFD",
                         broken);
        return;
    }
    if (slice_starts(s, "\xEF\xBB\xBF") || is_damaged_utf8(s)) {
        if (slice_starts(s, "\xEF\xBB\xBF"))
            s = slice_sub(s, 3, s.len);
        broken = extract_add_clean(out, s);
        if (broken)
            extract_warn(j, "%zu bytes were not UTF-8 and became U+FFFD",
                         broken);
        return;
    }
    add_1252(out, s);
    extract_warn(j, "the text is not UTF-8 and was read as Windows-1252; if "
                    "letters are wrong, save it as UTF-8");
}

enum err_code extract_decode(const struct extraction *j, struct slice s,
                             struct slice *text)
{
    bool utf16 = slice_starts(s, "\xFF\xFE") || slice_starts(s, "\xFE\xFF");
    struct slice body = s;
    struct buf b;
    enum err_code rc = ERR_NONE;
    char *p;

    if (slice_starts(s, "\xEF\xBB\xBF"))
        body = slice_sub(s, 3, s.len);
    if (!utf16)
        rc = check_text(j, body);
    if (rc != ERR_NONE)
        return rc;
    if (!utf16 && utf8_valid(body) && slice_find_byte(body, '\r') < 0) {
        *text = body;
        return ERR_NONE;
    }
    buf_init(&b, EXTRACT_MAX_TEXT_BYTES);
    if (!utf16 && utf8_valid(body))
        buf_add_slice(&b, body);
    else
        add_bytes(j, &b, s);
    if (buf_ok(&b) && utf16)
        rc = check_text(j, buf_slice(&b));
    p = rc == ERR_NONE && buf_ok(&b) ? arena_alloc(j->arena, b.len + 1) : NULL;
    if (p) {
        if (b.len)
            memcpy(p, b.p, b.len);
        *text = (struct slice){p, unify_lines(p, b.len)};
    } else if (rc == ERR_NONE) {
        rc = extract_too_large(j);
    }
    buf_release(&b);
    return rc;
}
