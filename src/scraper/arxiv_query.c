/* arxiv_query.c - see arxiv_query.h.
 *
 * Since November 2025 arXiv's backend is strict: an odd query is a 400 or, what
 * is worse, 200 with nothing.  So everything that goes out is of one form:
 *   (cat:cs.AI OR cat:cs.LG) AND (all:deep AND all:dream)
 *     AND submittedDate:[202511010000 TO 202511080000]
 * with the window in whole minutes of GMT and everything but unreserved
 * characters percent-encoded.
 */
#include "scraper/arxiv_query.h"

#include <stdbool.h>
#include <string.h>

#include "base/clock.h"
#include "base/utf8.h"

/* The next word of a query: "a phrase" with its quotes, a parenthesis, or a
 * run of other characters.  false: the end. */
static bool next_term(struct slice *rest, struct slice *term)
{
    size_t n = 0;

    *rest = slice_trim(*rest);
    if (!rest->len)
        return false;
    if (rest->p[0] == '(' || rest->p[0] == ')') {
        n = 1;
    } else {
        bool quoted = false;

        while (n < rest->len) {
            char c = rest->p[n];

            if (!quoted && (c == ' ' || c == '(' || c == ')'))
                break;
            quoted = quoted != (c == '"');
            n++;
        }
    }
    *term = slice_sub(*rest, 0, n);
    *rest = slice_sub(*rest, n, rest->len);
    return true;
}

static bool is_operator(struct slice term)
{
    return slice_is(term, "AND") || slice_is(term, "OR") ||
           slice_is(term, "ANDNOT");
}

/* Plain words, no syntax of arXiv's? */
static bool is_plain(struct slice query)
{
    struct slice rest = query, term;

    while (next_term(&rest, &term))
        if (is_operator(term) || slice_is(term, "(") || slice_is(term, ")") ||
            (term.p[0] != '"' && slice_find_byte(term, ':') >= 0))
            return false;
    return true;
}

static bool is_prefix(struct slice s)
{
    static const char *const prefixes[] = {"ti",
                                           "au",
                                           "abs",
                                           "co",
                                           "jr",
                                           "cat",
                                           "rn",
                                           "id",
                                           "all",
                                           "submittedDate",
                                           "lastUpdatedDate"};

    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
        if (slice_is(s, prefixes[i]))
            return true;
    return false;
}

static enum err_code bad(struct err *e, const char *why)
{
    return err_field(e, "query", "\"query\" %s", why);
}

/* Operands and operators take turns; nothing closes what it has not opened. */
static enum err_code check_syntax(struct slice query, struct err *e)
{
    struct slice rest = query, term;
    int open = 0;
    bool operand = false; /* one stands just before */

    while (next_term(&rest, &term)) {
        ptrdiff_t colon = slice_find_byte(term, ':');

        if (is_operator(term)) {
            if (!operand)
                return bad(e, "has an operator without a term before it");
            operand = false;
        } else if (slice_is(term, "(")) {
            open++;
            operand = false;
        } else if (slice_is(term, ")")) {
            if (--open < 0 || !operand)
                return bad(e, "has parentheses that do not match");
        } else {
            if (colon > 0 && term.p[0] != '"' &&
                !is_prefix(slice_sub(term, 0, (size_t)colon)))
                return bad(e, "has an unknown field; arXiv knows ti, au, abs, "
                              "co, jr, cat, rn, id and all");
            operand = true;
        }
    }
    if (open != 0)
        return bad(e, "has parentheses that do not match");
    return operand ? ERR_NONE : bad(e, "ends in an operator");
}

enum err_code arxiv_query_check(struct slice query, struct err *e)
{
    size_t quotes = 0;

    if (!utf8_valid(query) || utf8_count(query) > ARXIV_QUERY_MAX)
        return bad(e, "must be at most 500 characters of text");
    for (size_t i = 0; i < query.len; i++) {
        if ((unsigned char)query.p[i] < 0x20 || query.p[i] == 0x7F)
            return bad(e, "must not hold control characters");
        quotes += query.p[i] == '"';
    }
    if (quotes % 2)
        return bad(e, "has a quotation mark without its partner");
    if (!slice_trim(query).len)
        return bad(e, "must not be empty");
    return is_plain(query) ? ERR_NONE : check_syntax(query, e);
}

/* ---- writing ---- */

static void add_encoded(struct buf *out, struct slice s)
{
    static const char hex[] = "0123456789ABCDEF";

    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
            (c >= 'A' && c <= 'Z') || (c && strchr("-._~", c))) {
            buf_add_char(out, (char)c);
        } else {
            buf_add_char(out, '%');
            buf_add_char(out, hex[c >> 4]);
            buf_add_char(out, hex[c & 15]);
        }
    }
}

static void add_text(struct buf *out, const char *cstr)
{
    add_encoded(out, slice_of(cstr));
}

static void add_minute(struct buf *out, int64_t us)
{
    int64_t minutes = us / (60 * US_PER_S), days = minutes / 1440;
    int year, month, day;

    clock_civil(days, &year, &month, &day);
    minutes -= days * 1440;
    buf_printf(out, "%04d%02d%02d%02d%02d", year, month, day,
               (int)(minutes / 60), (int)(minutes % 60));
}

static void add_terms(struct buf *out, struct slice query)
{
    struct slice rest = query, term;
    bool first = true;

    if (!is_plain(query)) {
        add_encoded(out, slice_trim(query));
        return;
    }
    while (next_term(&rest, &term)) {
        add_text(out, first ? "all:" : " AND all:");
        add_encoded(out, term);
        first = false;
    }
}

void arxiv_query_url(struct buf *out, const char *base,
                     const struct arxiv_question *q)
{
    buf_add_str(out, base);
    buf_add_str(out, strchr(base, '?') ? "&" : "?");
    buf_add_str(out, "search_query=");
    add_text(out, "(");
    for (size_t i = 0; i < q->n_categories; i++) {
        add_text(out, i ? " OR cat:" : "cat:");
        add_encoded(out, q->categories[i]);
    }
    add_text(out, ")");
    if (q->query.len) {
        add_text(out, " AND (");
        add_terms(out, q->query);
        add_text(out, ")");
    }
    add_text(out, " AND submittedDate:[");
    add_minute(out, q->from_us);
    add_text(out, " TO ");
    add_minute(out, q->to_us);
    add_text(out, "]");
    buf_printf(out,
               "&sortBy=submittedDate&sortOrder=descending"
               "&start=%lld&max_results=%lld",
               (long long)q->start, (long long)q->max_results);
}
