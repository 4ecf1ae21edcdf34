/* json.c - see json.h.
 *
 * The writer is on the path of every list we answer, so a string is copied in
 * runs: a scan finds the next byte that cannot stand as it is, eight bytes at
 * a time, and everything before it goes out in one memcpy.  UTF-8 is checked in
 * a pass of its own, from the first byte above ASCII on: checked within the
 * scan, Chinese text took twice as long, and checked beforehand, short ASCII
 * texts took a sixth longer.
 */
#include "base/json.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/num.h"
#include "base/utf8.h"

#define ONES UINT64_C(0x0101010101010101)
#define HIGHS UINT64_C(0x8080808080808080)

void jw_init(struct jw *j, struct buf *out)
{
    *j = (struct jw){.out = out};
}

static inline uint64_t level_bit(const struct jw *j)
{
    return UINT64_C(1) << (j->depth - 1);
}

/* Comma or nothing before the next value or key. */
static inline void separate(struct jw *j)
{
    if (j->depth == 0)
        return;
    if (j->has_items & level_bit(j))
        buf_add_char(j->out, ',');
    j->has_items |= level_bit(j);
}

static inline void before_value(struct jw *j)
{
    if (j->after_key) {
        j->after_key = false;
        return;
    }
    assert(j->depth == 0 || (j->is_array & level_bit(j))); /* a key first */
    separate(j);
}

static void open_level(struct jw *j, char c, bool array)
{
    before_value(j);
    assert(j->depth < JSON_MAX_DEPTH);
    j->depth++;
    j->has_items &= ~level_bit(j);
    if (array)
        j->is_array |= level_bit(j);
    else
        j->is_array &= ~level_bit(j);
    buf_add_char(j->out, c);
}

static void close_level(struct jw *j, char c, bool array)
{
    assert(j->depth > 0 && !j->after_key);
    assert(array == !!(j->is_array & level_bit(j)));
    j->depth--;
    buf_add_char(j->out, c);
}

void jw_obj(struct jw *j)
{
    open_level(j, '{', false);
}

void jw_end_obj(struct jw *j)
{
    close_level(j, '}', false);
}

void jw_arr(struct jw *j)
{
    open_level(j, '[', true);
}

void jw_end_arr(struct jw *j)
{
    close_level(j, ']', true);
}

/* Is there a byte < 0x20, '"' or '\\' among the eight?  A borrow can make a
 * byte above such a one look special too, never one where there is none
 * (Hacker's Delight, 6-1).  `stop` is HIGHS to be told of bytes > 0x7F as well,
 * or 0. */
static inline uint64_t special_bytes(uint64_t w, uint64_t stop)
{
    uint64_t control = w - ONES * 0x20;
    uint64_t quote = (w ^ ONES * '"') - ONES;
    uint64_t slash = (w ^ ONES * '\\') - ONES;

    return ((control | quote | slash) & ~w & HIGHS) | (w & stop);
}

static inline uint64_t load64(const char *p)
{
    uint64_t w;

    memcpy(&w, p, sizeof(w));
    return w;
}

static inline bool is_plain(unsigned char c, uint64_t stop)
{
    return c >= 0x20 && c != '"' && c != '\\' && !(c & stop);
}

/* End of the run of bytes that starts at i and can stand as they are. */
static inline size_t skip_plain(const char *p, size_t i, size_t end,
                                uint64_t stop)
{
    while (end - i >= 8 && !special_bytes(load64(p + i), stop))
        i += 8;
    while (i < end && is_plain((unsigned char)p[i], stop))
        i++;
    return i;
}

/* A loop of its own for each case: a third faster where all is ASCII. */
static inline size_t find_special(const char *p, size_t i, size_t end,
                                  uint64_t stop)
{
    return stop ? skip_plain(p, i, end, HIGHS) : skip_plain(p, i, end, 0);
}

/* What stands for one byte that cannot: an escape, or U+FFFD. */
static void put_replacement(struct buf *out, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    static const char from[] = "\"\\\n\r\t\b\f", to[] = "\"\\nrtbf";
    const char *hit = c ? strchr(from, c) : NULL;
    char text[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};

    if (c >= 0x80) {
        buf_add(out, "\xEF\xBF\xBD", 3);
    } else if (hit) {
        text[1] = to[hit - from];
        buf_add(out, text, 2);
    } else {
        buf_add(out, text, 6);
    }
}

/* The scan stops at bytes above ASCII until it has met one: then the text is
 * checked as far as it is valid, and `end` and `stop` say that up to there no
 * more questions need be asked. */
static void put_string(struct buf *out, struct slice s)
{
    size_t run = 0, i = 0, end = s.len;
    uint64_t stop = HIGHS;

    buf_add_char(out, '"');
    while ((i = find_special(s.p, i, end, stop)) < s.len) {
        if (i < end && (unsigned char)s.p[i] >= 0x80) {
            end = i + utf8_valid_prefix(slice_sub(s, i, s.len));
            stop = 0;
            if (i < end)
                continue;
        }
        buf_add(out, s.p + run, i - run);
        put_replacement(out, (unsigned char)s.p[i]);
        run = ++i;
        if (i > end) { /* that was the byte that is not UTF-8 */
            end = s.len;
            stop = HIGHS;
        }
    }
    buf_add(out, s.p + run, i - run);
    buf_add_char(out, '"');
}

void jw_key(struct jw *j, const char *key)
{
    size_t n = strlen(key);
    char *p;

    assert(j->depth > 0 && !j->after_key && !(j->is_array & level_bit(j)));
    separate(j);
    j->after_key = true;
    p = buf_room(j->out, n + 3);
    if (!p)
        return;
    p[0] = '"';
    memcpy(p + 1, key, n);
    memcpy(p + 1 + n, "\":", 2);
    buf_grew(j->out, n + 3);
}

void jw_key_slice(struct jw *j, struct slice key)
{
    assert(j->depth > 0 && !j->after_key && !(j->is_array & level_bit(j)));
    separate(j);
    put_string(j->out, key);
    buf_add_char(j->out, ':');
    j->after_key = true;
}

void jw_str(struct jw *j, const char *v)
{
    if (v)
        jw_slice(j, slice_of(v));
    else
        jw_null(j);
}

void jw_slice(struct jw *j, struct slice v)
{
    before_value(j);
    put_string(j->out, v);
}

void jw_int(struct jw *j, int64_t v)
{
    before_value(j);
    buf_add_i64(j->out, v);
}

void jw_double(struct jw *j, double v)
{
    char text[NUM_TEXT];

    if (!isfinite(v)) {
        jw_null(j);
        return;
    }
    before_value(j);
    buf_add(j->out, text, num_double(text, v));
}

void jw_bool(struct jw *j, bool v)
{
    jw_raw(j, v ? SLICE("true") : SLICE("false"));
}

void jw_null(struct jw *j)
{
    jw_raw(j, SLICE("null"));
}

void jw_time(struct jw *j, int64_t us)
{
    char text[CLOCK_TEXT + 2];
    size_t n;

    if (us == 0) {
        jw_null(j);
        return;
    }
    n = clock_format(text + 1, us);
    text[0] = '"';
    text[n + 1] = '"';
    jw_raw(j, (struct slice){text, n + 2});
}

void jw_raw(struct jw *j, struct slice v)
{
    before_value(j);
    buf_add_slice(j->out, v);
}

static void write_object(struct jw *j, const json_t *v)
{
    void *it;
    json_t *o = (json_t *)v; /* jansson's iterators are not const-correct */

    jw_obj(j);
    for (it = json_object_iter(o); it; it = json_object_iter_next(o, it)) {
        jw_key_slice(j, slice_of(json_object_iter_key(it)));
        jw_value(j, json_object_iter_value(it));
    }
    jw_end_obj(j);
}

void jw_value(struct jw *j, const json_t *v)
{
    size_t i;

    switch (v ? json_typeof(v) : JSON_NULL) {
    case JSON_OBJECT:
        write_object(j, v);
        break;
    case JSON_ARRAY:
        jw_arr(j);
        for (i = 0; i < json_array_size(v); i++)
            jw_value(j, json_array_get(v, i));
        jw_end_arr(j);
        break;
    case JSON_STRING:
        jw_slice(j,
                 (struct slice){json_string_value(v), json_string_length(v)});
        break;
    case JSON_INTEGER:
        jw_int(j, json_integer_value(v));
        break;
    case JSON_REAL:
        jw_double(j, json_real_value(v));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        jw_bool(j, json_is_true(v));
        break;
    case JSON_NULL:
        jw_null(j);
        break;
    }
}

void jw_kstr(struct jw *j, const char *key, const char *v)
{
    jw_key(j, key);
    jw_str(j, v);
}

void jw_kslice(struct jw *j, const char *key, struct slice v)
{
    jw_key(j, key);
    jw_slice(j, v);
}

void jw_ktext(struct jw *j, const char *key, struct slice v)
{
    jw_key(j, key);
    if (v.len)
        jw_slice(j, v);
    else
        jw_null(j);
}

void jw_kint(struct jw *j, const char *key, int64_t v)
{
    jw_key(j, key);
    jw_int(j, v);
}

void jw_kdouble(struct jw *j, const char *key, double v)
{
    jw_key(j, key);
    jw_double(j, v);
}

void jw_kbool(struct jw *j, const char *key, bool v)
{
    jw_key(j, key);
    jw_bool(j, v);
}

void jw_knull(struct jw *j, const char *key)
{
    jw_key(j, key);
    jw_null(j);
}

void jw_ktime(struct jw *j, const char *key, int64_t us)
{
    jw_key(j, key);
    jw_time(j, us);
}

void jw_kraw(struct jw *j, const char *key, struct slice v)
{
    jw_key(j, key);
    jw_raw(j, v);
}
