/* msgpack.c - see msgpack.h.
 *
 * The first byte says what follows: a small value itself, or a type whose
 * length stands in the next one, two, four or eight bytes, the highest first.
 *
 *     00..7f  positive      c0      nil          d0..d3  int 8 to 64
 *     80..8f  map           c2, c3  bool         d4..d8  ext of 1 to 16 bytes
 *     90..9f  array         c4..c6  bin 8 to 32  d9..db  str 8 to 32
 *     a0..bf  str           c7..c9  ext 8 to 32  dc, dd  array 16, 32
 *     e0..ff  negative      ca, cb  float        de, df  map 16, 32
 *                           cc..cf  uint 8 to 64
 *
 * A container's size is compared with the bytes that are left before anybody
 * believes it: each of its values has one at least.
 */
#include "socketio/msgpack.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/json_scan.h"
#include "base/utf8.h"

#define MAX_EXACT 9007199254740992.0 /* 2^53: whole numbers of JavaScript */

/* ---- reading ---- */

static bool take_uint(struct slice *rest, size_t n, uint64_t *out)
{
    if (rest->len < n)
        return false;
    *out = 0;
    for (size_t i = 0; i < n; i++)
        *out = *out << 8 | (uint8_t)rest->p[i];
    *rest = slice_sub(*rest, n, rest->len);
    return true;
}

static bool take_bytes(struct slice *rest, uint64_t n, enum msgpack_type type,
                       struct msgpack_value *out)
{
    if (n > rest->len)
        return false;
    out->type = type;
    out->bytes = slice_sub(*rest, 0, (size_t)n);
    *rest = slice_sub(*rest, (size_t)n, rest->len);
    return true;
}

static bool take_ext(struct slice *rest, uint64_t n, struct msgpack_value *out)
{
    uint64_t kind;

    if (!take_uint(rest, 1, &kind))
        return false;
    out->ext = (int8_t)kind;
    return take_bytes(rest, n, MSGPACK_EXT, out);
}

static bool take_size(const struct slice *rest, uint64_t n,
                      enum msgpack_type type, struct msgpack_value *out)
{
    if (n > rest->len / (type == MSGPACK_MAP ? 2 : 1))
        return false;
    out->type = type;
    out->n = (size_t)n;
    return true;
}

static bool is_number(struct msgpack_value *out, uint64_t v, bool negative)
{
    out->type = negative ? MSGPACK_INT : MSGPACK_UINT;
    if (negative)
        out->i = (int64_t)v;
    else
        out->u = v;
    return true;
}

/* Behind a first byte of d0..d3: n bytes, and the sign in the highest bit. */
static bool take_int(struct slice *rest, size_t n, struct msgpack_value *out)
{
    uint64_t v, sign = UINT64_C(1) << (8 * n - 1);

    if (!take_uint(rest, n, &v))
        return false;
    if (v & sign)
        v |= ~(sign | (sign - 1));
    return is_number(out, v, v >> 63);
}

static bool take_float(struct slice *rest, size_t n, struct msgpack_value *out)
{
    uint64_t v;
    uint32_t half;
    float f;

    if (!take_uint(rest, n, &v))
        return false;
    out->type = MSGPACK_DOUBLE;
    if (n == 8) {
        memcpy(&out->d, &v, sizeof(v));
        return true;
    }
    half = (uint32_t)v;
    memcpy(&f, &half, sizeof(half));
    out->d = (double)f;
    return true;
}

/* First bytes of c0 to df. */
static bool take_long(struct slice *rest, uint8_t first,
                      struct msgpack_value *out)
{
    uint64_t n;

    switch (first) {
    case 0xC0:
        out->type = MSGPACK_NIL;
        return true;
    case 0xC2:
    case 0xC3:
        out->type = MSGPACK_BOOL;
        out->b = first == 0xC3;
        return true;
    case 0xC4:
    case 0xC5:
    case 0xC6:
        return take_uint(rest, (size_t)1 << (first - 0xC4), &n) &&
               take_bytes(rest, n, MSGPACK_BIN, out);
    case 0xC7:
    case 0xC8:
    case 0xC9:
        return take_uint(rest, (size_t)1 << (first - 0xC7), &n) &&
               take_ext(rest, n, out);
    case 0xCA:
    case 0xCB:
        return take_float(rest, (size_t)4 << (first - 0xCA), out);
    case 0xCC:
    case 0xCD:
    case 0xCE:
    case 0xCF:
        return take_uint(rest, (size_t)1 << (first - 0xCC), &n) &&
               is_number(out, n, false);
    case 0xD0:
    case 0xD1:
    case 0xD2:
    case 0xD3:
        return take_int(rest, (size_t)1 << (first - 0xD0), out);
    case 0xD4:
    case 0xD5:
    case 0xD6:
    case 0xD7:
    case 0xD8:
        return take_ext(rest, UINT64_C(1) << (first - 0xD4), out);
    case 0xD9:
    case 0xDA:
    case 0xDB:
        return take_uint(rest, (size_t)1 << (first - 0xD9), &n) &&
               take_bytes(rest, n, MSGPACK_STR, out);
    case 0xDC:
    case 0xDD:
        return take_uint(rest, (size_t)2 << (first - 0xDC), &n) &&
               take_size(rest, n, MSGPACK_ARRAY, out);
    case 0xDE:
    case 0xDF:
        return take_uint(rest, (size_t)2 << (first - 0xDE), &n) &&
               take_size(rest, n, MSGPACK_MAP, out);
    default:
        return false; /* c1 is never used */
    }
}

bool msgpack_next(struct slice *rest, struct msgpack_value *out)
{
    uint8_t first;

    if (rest->len == 0)
        return false;
    first = (uint8_t)rest->p[0];
    *rest = slice_sub(*rest, 1, rest->len);
    *out = (struct msgpack_value){0};
    if (first < 0x80)
        return is_number(out, first, false);
    if (first < 0x90)
        return take_size(rest, first & 0x0F, MSGPACK_MAP, out);
    if (first < 0xA0)
        return take_size(rest, first & 0x0F, MSGPACK_ARRAY, out);
    if (first < 0xC0)
        return take_bytes(rest, first & 0x1F, MSGPACK_STR, out);
    if (first < 0xE0)
        return take_long(rest, first, out);
    return is_number(out, (uint64_t)(int64_t)(int8_t)first, true);
}

bool msgpack_skip(struct slice *rest)
{
    struct msgpack_value v;
    uint64_t left;

    for (left = 1; left > 0; left--) {
        if (!msgpack_next(rest, &v))
            return false;
        if (v.type == MSGPACK_ARRAY)
            left += v.n;
        if (v.type == MSGPACK_MAP)
            left += 2 * (uint64_t)v.n;
    }
    return true;
}

/* ---- to JSON ---- */

struct converting {
    struct slice *rest;
    struct msgpack_parts *parts;
    struct jw j;
};

static bool write_bytes(struct converting *c, struct slice bytes)
{
    if (c->parts->n == SIO_MAX_ATTACHMENTS)
        return false;
    jw_obj(&c->j);
    jw_kbool(&c->j, "_placeholder", true);
    jw_kint(&c->j, "num", (int64_t)c->parts->n);
    jw_end_obj(&c->j);
    c->parts->part[c->parts->n++] = bytes;
    return true;
}

static void write_double(struct jw *j, double d)
{
    if (d == floor(d) && fabs(d) <= MAX_EXACT)
        jw_int(j, (int64_t)d); /* JavaScript knows no "1.0" */
    else
        jw_double(j, d);
}

static void write_uint(struct jw *j, uint64_t u)
{
    if (u <= INT64_MAX)
        jw_int(j, (int64_t)u);
    else
        jw_double(j, (double)u);
}

/* As Date.toJSON(): milliseconds, in the years that have four digits. */
static void write_time(struct jw *j, int64_t seconds, uint32_t ns)
{
    int64_t first = clock_days(1, 1, 1) * 86400;
    int64_t last = clock_days(10000, 1, 1) * 86400;
    char text[CLOCK_TEXT + 8];
    size_t n;

    if (seconds < first || seconds >= last) {
        jw_null(j);
        return;
    }
    n = clock_format(text, seconds * US_PER_S);
    snprintf(text + n - 1, 8, ".%03uZ", (unsigned)(ns / 1000000 % 1000));
    jw_str(j, text);
}

/* Kinds of the official library: -1 a time; 0, of old: undefined, a time in
 * milliseconds, bytes.  Others are [kind, bytes] for it. */
static bool write_ext(struct converting *c, const struct msgpack_value *v)
{
    struct slice s = v->bytes;
    size_t len = s.len;
    uint64_t a = 0, b = 0;

    if (v->ext == -1 && len == 4 && take_uint(&s, 4, &a)) {
        write_time(&c->j, (int64_t)a, 0);
    } else if (v->ext == -1 && len == 8 && take_uint(&s, 8, &a)) {
        write_time(&c->j, (int64_t)(a & ((UINT64_C(1) << 34) - 1)),
                   (uint32_t)(a >> 34));
    } else if (v->ext == -1 && len == 12 && take_uint(&s, 4, &a) &&
               take_uint(&s, 8, &b)) {
        write_time(&c->j, (int64_t)b, (uint32_t)a);
    } else if (v->ext == 0 && len == 1) {
        jw_null(&c->j);
    } else if (v->ext == 0 && len == 8 && take_uint(&s, 8, &a)) {
        int64_t ms = (int64_t)a, part = (ms % 1000 + 1000) % 1000;

        /* no `ms - part`: the lowest ms has nothing below it */
        write_time(&c->j, ms / 1000 - (ms % 1000 < 0),
                   (uint32_t)part * 1000000);
    } else if (v->ext == 0) {
        return write_bytes(c, v->bytes);
    } else {
        jw_arr(&c->j);
        jw_int(&c->j, v->ext);
        if (!write_bytes(c, v->bytes))
            return false;
        jw_end_arr(&c->j);
    }
    return true;
}

static bool write_key(struct converting *c)
{
    struct msgpack_value key;
    char text[24];

    if (!msgpack_next(c->rest, &key))
        return false;
    if (key.type == MSGPACK_STR) {
        jw_key_slice(&c->j, key.bytes);
        return true;
    }
    if (key.type == MSGPACK_INT)
        snprintf(text, sizeof(text), "%lld", (long long)key.i);
    else if (key.type == MSGPACK_UINT)
        snprintf(text, sizeof(text), "%llu", (unsigned long long)key.u);
    else
        return false;
    jw_key(&c->j, text);
    return true;
}

static bool write_value(struct converting *c);

static bool write_container(struct converting *c, const struct msgpack_value *v)
{
    size_t i;

    /* a kind of its own, and a placeholder, may still go inside */
    if (c->j.depth >= JSON_MAX_DEPTH - 3)
        return false;
    if (v->type == MSGPACK_ARRAY) {
        jw_arr(&c->j);
        for (i = 0; i < v->n; i++)
            if (!write_value(c))
                return false;
        jw_end_arr(&c->j);
        return true;
    }
    jw_obj(&c->j);
    for (i = 0; i < v->n; i++)
        if (!write_key(c) || !write_value(c))
            return false;
    jw_end_obj(&c->j);
    return true;
}

static bool write_value(struct converting *c)
{
    struct msgpack_value v;

    if (!msgpack_next(c->rest, &v) || c->j.out->failed)
        return false;
    switch (v.type) {
    case MSGPACK_NIL:
        jw_null(&c->j);
        return true;
    case MSGPACK_BOOL:
        jw_bool(&c->j, v.b);
        return true;
    case MSGPACK_INT:
        jw_int(&c->j, v.i);
        return true;
    case MSGPACK_UINT:
        write_uint(&c->j, v.u);
        return true;
    case MSGPACK_DOUBLE:
        write_double(&c->j, v.d);
        return true;
    case MSGPACK_STR:
        jw_slice(&c->j, v.bytes);
        return true;
    case MSGPACK_BIN:
        return write_bytes(c, v.bytes);
    case MSGPACK_EXT:
        return write_ext(c, &v);
    case MSGPACK_ARRAY:
    case MSGPACK_MAP:
        break;
    }
    return write_container(c, &v);
}

bool msgpack_to_json(struct slice *rest, struct buf *json,
                     struct msgpack_parts *parts)
{
    struct converting c = {.rest = rest, .parts = parts};

    jw_init(&c.j, json);
    return write_value(&c) && buf_ok(json);
}

/* ---- writing ---- */

static void put_byte(struct buf *out, unsigned v)
{
    buf_add_char(out, (char)v);
}

static void put_uint(struct buf *out, size_t n, uint64_t v)
{
    while (n-- > 0)
        put_byte(out, (unsigned)(v >> (8 * n)) & 0xFF);
}

/* The first byte of the shortest form that has room for n: `fix` up to
 * fix_max, then forms of 1 (if there is one), 2 and 4 bytes. */
static void put_length(struct buf *out, uint64_t n, unsigned fix,
                       uint64_t fix_max, unsigned form1, unsigned form2)
{
    if (n <= fix_max) {
        put_byte(out, fix | (unsigned)n);
    } else if (form1 && n <= 0xFF) {
        put_byte(out, form1);
        put_uint(out, 1, n);
    } else if (n <= 0xFFFF) {
        put_byte(out, form2);
        put_uint(out, 2, n);
    } else {
        put_byte(out, form2 + 1);
        put_uint(out, 4, n);
    }
}

void msgpack_put_array(struct buf *out, size_t n)
{
    put_length(out, n, 0x90, 15, 0, 0xDC);
}

void msgpack_put_map(struct buf *out, size_t n)
{
    put_length(out, n, 0x80, 15, 0, 0xDE);
}

void msgpack_put_bool(struct buf *out, bool v)
{
    put_byte(out, v ? 0xC3 : 0xC2);
}

void msgpack_put_str(struct buf *out, struct slice s)
{
    put_length(out, s.len, 0xA0, 31, 0xD9, 0xDA);
    buf_add_slice(out, s);
}

static void put_bin(struct buf *out, struct slice s)
{
    if (s.len <= 0xFF) {
        put_byte(out, 0xC4);
        put_uint(out, 1, s.len);
    } else {
        put_length(out, s.len, 0, 0, 0, 0xC5);
    }
    buf_add_slice(out, s);
}

/* A whole number that is not negative. */
static void put_u64(struct buf *out, uint64_t v)
{
    unsigned size;

    if (v < 0x80) {
        put_byte(out, (unsigned)v);
        return;
    }
    size = v > 0xFFFFFFFF ? 3 : v > 0xFFFF ? 2 : v > 0xFF ? 1 : 0;
    put_byte(out, 0xCC + size);
    put_uint(out, (size_t)1 << size, v);
}

void msgpack_put_int(struct buf *out, int64_t v)
{
    unsigned size;

    if (v >= 0) {
        put_u64(out, (uint64_t)v);
        return;
    }
    if (v >= -0x20) {
        put_byte(out, (unsigned)v & 0xFF);
        return;
    }
    size = v < INT32_MIN ? 3 : v < INT16_MIN ? 2 : v < INT8_MIN ? 1 : 0;
    put_byte(out, 0xD0 + size);
    put_uint(out, (size_t)1 << size, (uint64_t)v);
}

/* ---- from JSON ---- */

struct packing {
    struct buf *out;
    const struct slice *attachments;
    size_t n_attachments;
};

static void put_double(struct buf *out, double d)
{
    uint64_t bits;

    if (d == floor(d) && fabs(d) <= MAX_EXACT) {
        msgpack_put_int(out, (int64_t)d);
        return;
    }
    memcpy(&bits, &d, sizeof(bits));
    put_byte(out, 0xCB);
    put_uint(out, 8, bits);
}

static void put_number(struct buf *out, struct slice text)
{
    uint64_t u;
    int64_t i;
    double d;

    if (slice_to_u64(text, &u))
        put_u64(out, u);
    else if (slice_to_i64(text, &i))
        msgpack_put_int(out, i);
    else if (slice_to_double(text, &d))
        put_double(out, d);
    else
        put_byte(out, 0xC0); /* 1e999: JavaScript sends null for it */
}

static uint32_t hex4(struct slice s, size_t pos)
{
    uint32_t v = 0;

    for (size_t i = pos; i < pos + 4 && i < s.len; i++) {
        char c = s.p[i];

        v = v << 4 | (uint32_t)(c <= '9' ? c - '0' : (c & ~0x20) - 'A' + 10);
    }
    return v;
}

/* The escape at *pos (behind the backslash); moves past it. */
static uint32_t take_escape(struct slice s, size_t *pos)
{
    static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
    char c = s.p[(*pos)++];
    const char *known = strchr(from, c);
    uint32_t cp, low;

    if (c != 'u')
        return (unsigned char)(known ? to[known - from] : c);
    cp = hex4(s, *pos);
    *pos += 4;
    if (cp < 0xD800 || cp > 0xDBFF ||
        !slice_starts(slice_sub(s, *pos, s.len), "\\u"))
        return cp;
    low = hex4(s, *pos + 2);
    if (low < 0xDC00 || low > 0xDFFF)
        return cp;
    *pos += 6;
    return 0x10000 + ((cp - 0xD800) << 10) + (low - 0xDC00);
}

/* `text` is in quotes. */
static void put_text(struct buf *out, struct slice text)
{
    struct slice s = slice_sub(text, 1, text.len - 1);
    struct buf plain;
    char utf8[4];
    size_t pos = 0;

    if (slice_find_byte(s, '\\') < 0) {
        msgpack_put_str(out, s);
        return;
    }
    buf_init(&plain, s.len); /* no escape is shorter than what it means */
    while (pos < s.len) {
        if (s.p[pos] != '\\') {
            buf_add_char(&plain, s.p[pos++]);
            continue;
        }
        pos++;
        buf_add(&plain, utf8, utf8_put(utf8, take_escape(s, &pos)));
    }
    out->failed |= !buf_ok(&plain);
    msgpack_put_str(out, buf_slice(&plain));
    buf_release(&plain);
}

static void put_json(const struct packing *p, struct slice json);

static void put_json_array(const struct packing *p, struct slice json)
{
    struct slice element;
    size_t pos = 0, n = 0;

    while (json_scan_next(json, &pos, &element))
        n++;
    msgpack_put_array(p->out, n);
    for (pos = 0; json_scan_next(json, &pos, &element);)
        put_json(p, element);
}

/* The attachment that an object stands for, or NULL. */
static const struct slice *attachment(const struct packing *p,
                                      struct slice object)
{
    struct slice key, value;
    bool is_one = false;
    uint64_t num = p->n_attachments;
    size_t pos = 0;

    if (p->n_attachments == 0)
        return NULL;
    while (json_scan_member(object, &pos, &key, &value)) {
        if (slice_is(key, "\"_placeholder\""))
            is_one = slice_is(value, "true");
        else if (slice_is(key, "\"num\"") && !slice_to_u64(value, &num))
            num = p->n_attachments;
    }
    return is_one && num < p->n_attachments ? &p->attachments[num] : NULL;
}

static void put_json_object(const struct packing *p, struct slice json)
{
    const struct slice *part = attachment(p, json);
    struct slice key, value;
    size_t pos = 0, n = 0;

    if (part) {
        put_bin(p->out, *part);
        return;
    }
    while (json_scan_member(json, &pos, &key, &value))
        n++;
    msgpack_put_map(p->out, n);
    for (pos = 0; json_scan_member(json, &pos, &key, &value);) {
        put_text(p->out, key);
        put_json(p, value);
    }
}

static void put_json(const struct packing *p, struct slice json)
{
    switch (json.len ? json.p[0] : '\0') {
    case '"':
        put_text(p->out, json);
        break;
    case '[':
        put_json_array(p, json);
        break;
    case '{':
        put_json_object(p, json);
        break;
    case 't':
    case 'f':
        msgpack_put_bool(p->out, json.p[0] == 't');
        break;
    case 'n':
    case '\0':
        put_byte(p->out, 0xC0);
        break;
    default:
        put_number(p->out, json);
        break;
    }
}

void msgpack_from_json(struct buf *out, struct slice json,
                       const struct slice *attachments, size_t n_attachments)
{
    struct packing p = {out, attachments, n_attachments};

    put_json(&p, slice_trim(json));
}
