/* sentences.c - see sentences.h.
 *
 * Rules, no model: first the block (what kind of line begins here, and where
 * the block ends), then the first terminator in it that passes all checks.
 * Where in doubt two sentences stay one: a highlight that is too long still
 * shows the place, and an answer made of half a sentence is wrong.
 */
#include "processor/sentences.h"

#include <stdint.h>
#include <string.h>

#include "base/utf8.h"

void sentences_init(struct sentences *s, struct slice text)
{
    *s = (struct sentences){.text = text};
}

/* ---- characters ---- */

static bool is_space(uint32_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r') || c == 0x85 || c == 0xA0 ||
           c == 0x1680 || (c >= 0x2000 && c <= 0x200B) || c == 0x2028 ||
           c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000 ||
           c == 0xFEFF;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Latin, Greek, Cyrillic: enough to see that a sentence goes on. */
static bool is_lower(uint32_t c)
{
    if (c >= 0x100 && c <= 0x17F)
        return c & 1;
    return (c >= 'a' && c <= 'z') || (c >= 0xDF && c <= 0xFF && c != 0xF7) ||
           (c >= 0x3AC && c <= 0x3CE) || (c >= 0x430 && c <= 0x45F);
}

/* Ends a sentence even when no space follows. */
static bool is_wide_end(uint32_t c)
{
    return c == 0x3002 || c == 0xFF01 || c == 0xFF1F || c == 0xFF61;
}

static bool is_end(uint32_t c)
{
    return c == '.' || c == '!' || c == '?' || c == 0x2026 || c == 0x203C ||
           (c >= 0x2047 && c <= 0x2049) || c == 0x61F || c == 0x6D4 ||
           c == 0x964 || c == 0x965 || c == 0xFF0E || is_wide_end(c);
}

/* What may stand between the full stop and the space. */
static bool is_closer(uint32_t c)
{
    return c == '"' || c == '\'' || c == ')' || c == ']' || c == '}' ||
           c == '*' || c == '_' || c == 0xBB || c == 0x2019 || c == 0x201D ||
           c == 0x300D || c == 0x300F || c == 0x3011 || c == 0x300B ||
           c == 0xFF09 || c == 0xFF3D;
}

/* ---- lines and blocks ---- */

static size_t line_end(struct slice t, size_t pos)
{
    const char *nl = pos < t.len ? memchr(t.p + pos, '\n', t.len - pos) : NULL;

    return nl ? (size_t)(nl - t.p) : t.len;
}

static size_t skip_blanks(struct slice t, size_t pos)
{
    while (pos < t.len && (t.p[pos] == ' ' || t.p[pos] == '\t'))
        pos++;
    return pos;
}

static bool is_blank_line(struct slice t, size_t pos)
{
    while (pos < t.len && t.p[pos] != '\n')
        if (!is_space(utf8_next(t, &pos)))
            return false;
    return true;
}

static bool is_fence(struct slice t, size_t pos)
{
    pos = skip_blanks(t, pos);
    return slice_starts(slice_sub(t, pos, t.len), "```") ||
           slice_starts(slice_sub(t, pos, t.len), "~~~");
}

/* Length of "- ", "12. ", "(a) "...: 0 if there is none. */
static size_t item_marker(struct slice t, size_t pos)
{
    size_t from = pos, digits = 0;

    if (slice_starts(slice_sub(t, pos, t.len), "\xE2\x80\xA2"))
        return skip_blanks(t, pos + 3) - from;
    if (pos < t.len && strchr("-*+", t.p[pos]) && t.p[pos]) {
        pos++;
    } else {
        for (; pos < t.len && is_digit(t.p[pos]) && digits < 4; digits++)
            pos++;
        if (digits == 0 || pos >= t.len || (t.p[pos] != '.' && t.p[pos] != ')'))
            return 0;
        pos++;
    }
    if (pos >= t.len || (t.p[pos] != ' ' && t.p[pos] != '\t'))
        return 0;
    return skip_blanks(t, pos) - from;
}

static size_t heading_marker(struct slice t, size_t pos)
{
    size_t from = pos;

    while (pos < t.len && t.p[pos] == '#' && pos - from < 6)
        pos++;
    if (pos == from || pos >= t.len || (t.p[pos] != ' ' && t.p[pos] != '\t'))
        return 0;
    return skip_blanks(t, pos) - from;
}

/* What begins at the line that pos is the start of (spaces left out), and how
 * long its marker is. */
static enum sentence_kind line_kind(struct slice t, size_t pos, size_t *marker)
{
    *marker = 0;
    if (is_fence(t, pos))
        return SENTENCE_CODE;
    if (pos < t.len && t.p[pos] == '|')
        return SENTENCE_TABLE;
    *marker = heading_marker(t, pos);
    if (*marker)
        return SENTENCE_HEADING;
    *marker = item_marker(t, pos);
    return *marker ? SENTENCE_ITEM : SENTENCE_PROSE;
}

/* End of the paragraph or item that goes on at pos: before an empty line or a
 * line that begins something of its own. */
static size_t block_end(struct slice t, size_t pos)
{
    size_t end = line_end(t, pos), marker;

    while (end < t.len) {
        size_t next = end + 1;

        if (is_blank_line(t, next) ||
            line_kind(t, skip_blanks(t, next), &marker) != SENTENCE_PROSE)
            break;
        end = line_end(t, next);
    }
    return end;
}

/* The inside of a ``` block whose opening line begins at pos; *after is behind
 * its closing line. */
static size_t code_end(struct slice t, size_t inside, size_t *after)
{
    size_t pos = inside;

    while (pos < t.len && !is_fence(t, pos)) {
        pos = line_end(t, pos);
        if (pos < t.len)
            pos++;
    }
    *after = line_end(t, pos);
    return pos;
}

/* ---- is this full stop one? ---- */

/* Abbreviations that something always follows. */
static bool is_abbreviation(struct slice word)
{
    static const char *const list[] = {
        "al",   "approx", "ca",   "cf",  "ch",   "dr",  "e.g", "ed",   "eds",
        "eq",   "eqs",    "et",   "fig", "figs", "hon", "i.e", "jr",   "mr",
        "mrs",  "ms",     "no",   "nos", "nr",   "op",  "p",   "pp",   "prof",
        "ref",  "refs",   "resp", "rev", "sec",  "sr",  "st",  "tab",  "thm",
        "viz",  "vol",    "vols", "vs",  "v",    "z.b", "d.h", "bzw",  "usw",
        "gen",  "col",    "sgt",  "lt",  "gov",  "sen", "rep", "dept", "univ",
        "incl", "w.r.t",  "s.t",  "aka", "a.k.a"};

    for (size_t i = 0; i < sizeof(list) / sizeof(*list); i++)
        if (slice_is_nocase(word, list[i]))
            return true;
    return false;
}

/* The word before the full stop at `dot`, dots inside included. */
static struct slice word_before(struct slice t, size_t from, size_t dot)
{
    size_t start = dot;

    while (start > from && (is_letter(t.p[start - 1]) ||
                            (t.p[start - 1] == '.' && start - 1 > from)))
        start--;
    return slice_sub(t, start, dot);
}

/* "U.S", "J" and "J.R", but not "I". */
static bool is_initials(struct slice word)
{
    if (word.len == 0 || word.len % 2 == 0 || slice_is(word, "I"))
        return false;
    for (size_t i = 0; i < word.len; i++)
        if (i % 2 ? word.p[i] != '.' : !is_letter(word.p[i]))
            return false;
    return word.len > 1 || (word.p[0] >= 'A' && word.p[0] <= 'Z');
}

/* "no." and the like are also words: "The answer is no. That..." */
static bool is_also_a_word(struct slice word)
{
    static const char *const list[] = {"no", "fig", "ms", "col", "rep",
                                       "p",  "st",  "op", "v",   "sec"};

    for (size_t i = 0; i < sizeof(list) / sizeof(*list); i++)
        if (slice_is_nocase(word, list[i]))
            return true;
    return false;
}

/* next: the first character behind the space. */
static bool stop_ends(struct slice t, size_t from, size_t dot, uint32_t next)
{
    struct slice word = word_before(t, from, dot);
    bool unsure = is_also_a_word(word);

    if (is_lower(next))
        return false;
    if (unsure)
        return !(next >= '0' && next <= '9') && word.len > 1;
    return !is_abbreviation(word) && !is_initials(word);
}

/* Does a sentence that began at `from` end with the terminator at `at`, which
 * ends at `behind`?  *end is then the end with all closers. */
static bool ends_here(struct slice t, size_t from, size_t at, size_t behind,
                      size_t limit, uint32_t c, size_t *end)
{
    size_t pos = behind, next;
    bool spaced = false;
    uint32_t n = 0;

    while (pos < limit) { /* "?!", "...", quotes, brackets */
        next = pos;
        n = utf8_next(t, &next);
        if (!is_closer(n) && !is_end(n))
            break;
        if (is_end(n))
            c = n;
        pos = next;
    }
    *end = pos;
    if (is_wide_end(c) || pos >= limit)
        return true;
    while (pos < limit) {
        n = utf8_next(t, &pos);
        if (!is_space(n))
            break;
        spaced = true;
    }
    if (!spaced)
        return false;
    if (c == '.' && behind == *end)
        return stop_ends(t, from, at, n);
    return !is_lower(n);
}

/* Past `code`, if its end is in the same block. */
static size_t skip_code(struct slice t, size_t pos, size_t limit)
{
    const char *close =
        pos < limit ? memchr(t.p + pos, '`', limit - pos) : NULL;

    return close ? (size_t)(close - t.p) + 1 : pos;
}

static size_t prose_end(struct slice t, size_t from, size_t limit)
{
    size_t pos = from, at, end;

    while (pos < limit) {
        uint32_t c;

        at = pos;
        c = utf8_next(t, &pos);
        if (c == '`')
            pos = skip_code(t, pos, limit);
        if (!is_end(c))
            continue;
        if (ends_here(t, from, at, pos, limit, c, &end))
            return end;
        pos = end; /* a row of signs is looked at once */
    }
    return limit;
}

/* ---- the iterator ---- */

static size_t skip_space(struct slice t, size_t pos)
{
    while (pos < t.len) {
        size_t next = pos;

        if (!is_space(utf8_next(t, &next)))
            break;
        pos = next;
    }
    return pos;
}

static size_t trim_end(struct slice t, size_t start, size_t end)
{
    size_t kept = start;

    while (start < end)
        if (!is_space(utf8_next(t, &start)))
            kept = start;
    return kept;
}

static size_t chars_before(struct sentences *s, size_t pos)
{
    s->chars += utf8_count(slice_sub(s->text, s->counted, pos));
    s->counted = pos;
    return s->chars;
}

static bool at_line_start(struct slice t, size_t pos)
{
    while (pos > 0 && (t.p[pos - 1] == ' ' || t.p[pos - 1] == '\t'))
        pos--;
    return pos == 0 || t.p[pos - 1] == '\n';
}

static size_t sentence_end(struct sentences *s, enum sentence_kind kind,
                           size_t marker, size_t start)
{
    if (marker && is_blank_line(s->text, start))
        return start; /* a marker and nothing else */
    if (kind == SENTENCE_HEADING || kind == SENTENCE_TABLE)
        return line_end(s->text, start);
    if (start >= s->block)
        s->block = block_end(s->text, start);
    return prose_end(s->text, start, s->block);
}

bool sentences_next(struct sentences *s, struct sentence *out)
{
    struct slice t = s->text;
    enum sentence_kind kind;
    size_t start, end, marker;

    do {
        kind = SENTENCE_PROSE;
        marker = 0;
        start = skip_space(t, s->pos);
        if (start >= t.len)
            return false;
        if (at_line_start(t, start))
            kind = line_kind(t, start, &marker);
        if (kind == SENTENCE_CODE) {
            start = line_end(t, start);
            end = code_end(t, start < t.len ? start + 1 : start, &s->pos);
            start = skip_space(t, start);
        } else {
            start += marker;
            end = sentence_end(s, kind, marker, start);
            s->pos = end;
        }
        end = start < end ? trim_end(t, start, end) : start;
    } while (start == end);
    *out = (struct sentence){.kind = kind, .start = start, .end = end};
    out->start_char = chars_before(s, start);
    out->end_char = chars_before(s, end);
    return true;
}
