/* citations.c - see citations.h.
 *
 * A machine over bytes.  Spaces are held until it is known whether a dropped
 * citation follows; from '[' on, everything is held while it may become one.
 * A '[' inside opens another level and does not give the outer one free: if it
 * did, "[[9]1]" would lose its "[9]" and become the citation "[1]" that the
 * model never wrote.  For the same reason what is too long is dropped.
 */
#include "processor/citations.h"

#include <assert.h>
#include <string.h>

void citations_init(struct citations *c, size_t n_sources)
{
    assert(n_sources <= CITATIONS_MAX_SOURCES);
    *c = (struct citations){.n_sources = (unsigned)n_sources};
}

bool citations_has(const struct citations *c, size_t n)
{
    return n >= 1 && n <= c->n_sources && (c->cited[n / 64] >> (n % 64) & 1);
}

size_t citations_count(const struct citations *c)
{
    size_t n = 0;

    for (size_t i = 0; i < sizeof(c->cited) / sizeof(*c->cited); i++)
        n += (size_t)__builtin_popcountll(c->cited[i]);
    return n;
}

/* ---- output, a whole character at a time ---- */

static unsigned char_length(unsigned char lead)
{
    if (lead >= 0xC2 && lead <= 0xDF)
        return 2;
    if (lead >= 0xE0 && lead <= 0xEF)
        return 3;
    return lead >= 0xF0 && lead <= 0xF4 ? 4 : 1;
}

static void flush_tail(struct citations *c, struct buf *out)
{
    buf_add(out, c->tail, c->n_tail);
    c->n_tail = 0;
}

static void put(struct citations *c, char byte, struct buf *out)
{
    bool follows = ((unsigned char)byte & 0xC0) == 0x80;

    c->last = byte;
    c->dropped = false;
    if (c->n_tail > 0 && !follows) /* it will never be whole */
        flush_tail(c, out);
    c->tail[c->n_tail++] = byte;
    if (c->n_tail >= char_length((unsigned char)c->tail[0]))
        flush_tail(c, out);
}

/* The first n bytes that are held, less the spaces that belonged to dropped
 * citations; `least` spaces stay if there were any. */
static void put_held(struct citations *c, size_t n, size_t least,
                     struct buf *out)
{
    size_t spaces = 0, i;

    while (spaces < n && c->held[spaces] == ' ')
        spaces++;
    i = c->n_drop < spaces ? c->n_drop : spaces;
    if (spaces >= least && spaces - i < least)
        i = spaces - least;
    for (; i < n; i++)
        put(c, c->held[i], out);
    c->n_held = c->n_drop = 0;
}

/* ---- what stands between the brackets ---- */

struct set {
    uint64_t bits[CITATIONS_MAX_SOURCES / 64 + 1];
    size_t n_out; /* numbers, or ends of ranges, without a source */
};

static void skip_spaces(struct slice *s)
{
    while (s->len > 0 && (s->p[0] == ' ' || s->p[0] == '\t')) {
        s->p++;
        s->len--;
    }
}

/* Digits; what is too large for a source is CITATIONS_MAX_SOURCES + 1. */
static bool take_number(struct slice *s, unsigned *out)
{
    unsigned v = 0;

    skip_spaces(s);
    if (s->len == 0 || s->p[0] < '0' || s->p[0] > '9')
        return false;
    while (s->len > 0 && s->p[0] >= '0' && s->p[0] <= '9') {
        v = v * 10 + (unsigned)(s->p[0] - '0');
        if (v > CITATIONS_MAX_SOURCES)
            v = CITATIONS_MAX_SOURCES + 1;
        s->p++;
        s->len--;
    }
    skip_spaces(s);
    *out = v;
    return true;
}

/* '-', or U+2010 (hyphen) to U+2014 (em dash). */
static bool take_dash(struct slice *s)
{
    size_t n = 0;

    if (s->len > 0 && s->p[0] == '-')
        n = 1;
    else if (s->len >= 3 && memcmp(s->p, "\xE2\x80", 2) == 0 &&
             (unsigned char)s->p[2] >= 0x90 && (unsigned char)s->p[2] <= 0x94)
        n = 3;
    s->p += n;
    s->len -= n;
    return n > 0;
}

static void add_range(const struct citations *c, struct set *set, unsigned from,
                      unsigned to)
{
    bool one = from == to;

    set->n_out += from < 1 || from > c->n_sources || from > to;
    set->n_out += !one && (to < 1 || to > c->n_sources);
    for (; from <= to && from <= c->n_sources; from++)
        if (from >= 1)
            set->bits[from / 64] |= UINT64_C(1) << (from % 64);
}

/* false: it is no citation. */
static bool parse(const struct citations *c, struct slice s, struct set *set)
{
    unsigned from, to;

    *set = (struct set){{0}, 0};
    do {
        if (!take_number(&s, &from))
            return false;
        to = from;
        if (take_dash(&s) && !take_number(&s, &to))
            return false;
        add_range(c, set, from, to);
        if (s.len == 0)
            return true;
        if (s.p[0] != ',' && s.p[0] != ';')
            return false;
        s.p++;
        s.len--;
    } while (true);
}

static bool is_empty(const struct set *set)
{
    uint64_t all = 0;

    for (size_t i = 0; i < sizeof(set->bits) / sizeof(*set->bits); i++)
        all |= set->bits[i];
    return all == 0;
}

static void put_set(struct citations *c, const struct set *set, struct buf *out)
{
    for (unsigned n = 1; n <= c->n_sources; n++) {
        if (!(set->bits[n / 64] >> (n % 64) & 1))
            continue;
        c->cited[n / 64] |= UINT64_C(1) << (n % 64);
        buf_printf(out, "[%u]", n);
    }
}

/* ---- the machine ---- */

static bool may_be_inside(unsigned char b)
{
    return (b >= '0' && b <= '9') || b == ' ' || b == '\t' || b == ',' ||
           b == ';' || b == '-' || b == 0xE2 || (b >= 0x80 && b <= 0x94);
}

static void release(struct citations *c, struct buf *out)
{
    if (c->overlong) {
        c->dropped = true;
        c->n_held = c->n_drop = 0;
    } else {
        put_held(c, c->n_held, 0, out);
    }
    c->in_marker = c->overlong = false;
}

static void hold(struct citations *c, char byte)
{
    if (c->n_held < sizeof(c->held))
        c->held[c->n_held++] = byte;
    else
        c->overlong = true;
}

/* The innermost brackets, which held no citation with a source, go away, and
 * one space before them.  That space is only noted here, for another citation
 * may follow at once: "A [9][1]." keeps it. */
static void drop_inner(struct citations *c)
{
    size_t i;

    c->dropped = true;
    c->n_held = c->open;
    c->in_marker = false;
    for (i = c->n_held; i > 0 && !c->in_marker; i--) {
        if (c->held[i - 1] == '[') {
            c->open = i - 1;
            c->in_marker = true;
        }
    }
    if (!c->in_marker)
        c->n_drop += c->n_held > c->n_drop;
    else if (c->held[c->n_held - 1] == ' ')
        c->n_held--;
}

static void close_marker(struct citations *c, struct buf *out)
{
    struct slice inner = {c->held + c->open + 1, c->n_held - c->open - 1};
    struct set set;

    if (c->overlong) {
        release(c, out);
        return;
    }
    if (!parse(c, inner, &set)) {
        release(c, out);
        put(c, ']', out);
        return;
    }
    c->n_removed += set.n_out;
    if (is_empty(&set)) {
        drop_inner(c);
        return;
    }
    put_held(c, c->open, 1, out);
    flush_tail(c, out);
    put_set(c, &set, out);
    c->in_marker = false;
}

/* Outside of a marker, or ending one. */
static void plain(struct citations *c, char byte, struct buf *out)
{
    release(c, out);
    put(c, byte, out);
}

/* A run of backticks opens code, or closes what a run as long has opened (a
 * block: at least as long). */
static void end_of_ticks(struct citations *c)
{
    if (c->in_code == 0)
        c->in_code = c->ticks;
    else if (c->ticks == c->in_code ||
             (c->in_code >= 3 && c->ticks > c->in_code))
        c->in_code = 0;
    c->ticks = 0;
}

static void feed_byte(struct citations *c, char byte, struct buf *out)
{
    if (byte == '`') {
        release(c, out);
        if (c->dropped && c->last == '`') /* two runs must not become one */
            put(c, ' ', out);
        c->ticks++;
        put(c, byte, out);
        return;
    }
    if (c->ticks > 0)
        end_of_ticks(c);
    if (byte == '\n' && c->in_code < 3)
        c->in_code = 0;
    if (c->in_code) {
        plain(c, byte, out);
    } else if (byte == '[') {
        if (!c->overlong) {
            c->open = c->n_held;
            c->in_marker = true;
            hold(c, byte);
        }
    } else if (c->in_marker && byte == ']') {
        close_marker(c, out);
    } else if (c->in_marker && may_be_inside((unsigned char)byte)) {
        hold(c, byte);
    } else if (!c->in_marker && byte == ' ') {
        if (c->n_held == sizeof(c->held) - 1) /* room for a '[' stays */
            release(c, out);
        hold(c, byte);
    } else {
        plain(c, byte, out);
    }
}

void citations_feed(struct citations *c, struct slice piece, struct buf *out)
{
    for (size_t i = 0; i < piece.len; i++)
        feed_byte(c, piece.p[i], out);
}

void citations_end(struct citations *c, struct buf *out)
{
    size_t first = 0;

    if (c->in_marker && !c->overlong) { /* half a citation, and its space */
        while (c->held[first] != '[')
            first++;
        c->n_held = first > 0 ? first - 1 : 0;
    }
    release(c, out);
    flush_tail(c, out);
}
