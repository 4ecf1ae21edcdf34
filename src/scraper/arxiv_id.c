/* arxiv_id.c - see arxiv_id.h; forms by https://info.arxiv.org/help/
 * arxiv_identifier.html.
 *
 * A paper must get one id however it is written, for the id makes its
 * canonical URL and that is its identity.  So the subject class of an old id,
 * which arXiv itself leaves out of its answers, goes ("math.GT/0309136" is
 * "math/0309136"), and so does the version.
 */
#include "scraper/arxiv_id.h"

#include <stdint.h>
#include <string.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static size_t digits(struct slice s, size_t from)
{
    size_t n = 0;

    while (from + n < s.len && is_digit(s.p[from + n]))
        n++;
    return n;
}

/* Length of "cs", "hep-ph": lower-case words joined by single hyphens. */
static size_t words(struct slice s, size_t from)
{
    size_t i = from;

    while (i < s.len &&
           (is_lower(s.p[i]) || (s.p[i] == '-' && i > from && i + 1 < s.len &&
                                 is_lower(s.p[i + 1]))))
        i++;
    return i - from;
}

bool arxiv_category_valid(struct slice s)
{
    size_t n = words(s, 0);

    if (n < 2 || s.len >= ARXIV_ID_MAX)
        return false;
    if (n == s.len)
        return true;
    if (s.p[n] != '.')
        return false;
    if (n + 3 == s.len && is_upper(s.p[n + 1]) && is_upper(s.p[n + 2]))
        return true;
    return n + 1 < s.len && n + 1 + words(s, n + 1) == s.len;
}

/* Cut "v12" off the end. */
static bool cut_version(struct slice *s, int *version)
{
    size_t n = s->len, v = 0;

    *version = 0;
    while (n > 0 && is_digit(s->p[n - 1]))
        n--;
    if (n == s->len || n == 0 || s->p[n - 1] != 'v')
        return true;
    if (s->len - n > 4 || s->p[n] == '0')
        return false;
    for (size_t i = n; i < s->len; i++)
        v = v * 10 + (size_t)(s->p[i] - '0');
    *version = (int)v;
    s->len = n - 1;
    return true;
}

/* "2511.01234": four digits of year and month, four or five of number. */
static bool is_new(struct slice s)
{
    size_t n;

    if (digits(s, 0) != 4 || s.len < 9 || s.p[4] != '.')
        return false;
    n = digits(s, 5);
    return 5 + n == s.len && (n == 4 || n == 5);
}

/* "hep-ph/0301050", "math.GT/0309136": *archive is the length of the archive,
 * *number where the number starts. */
static bool is_old(struct slice s, size_t *archive, size_t *number)
{
    size_t n = words(s, 0), slash = n;

    if (n < 2 || n >= 20)
        return false;
    if (slash + 3 < s.len && s.p[slash] == '.' && is_upper(s.p[slash + 1]) &&
        is_upper(s.p[slash + 2]))
        slash += 3;
    if (slash >= s.len || s.p[slash] != '/')
        return false;
    *archive = n;
    *number = slash + 1;
    return digits(s, slash + 1) == 7 && slash + 8 == s.len;
}

static struct slice skip(struct slice s, const char *prefix)
{
    if (slice_starts(s, prefix))
        return slice_sub(s, strlen(prefix), s.len);
    return s;
}

/* What follows the host and /abs/ or /pdf/; SLICE_NONE: another site or page.
 * Text that is no URL comes back as it is. */
static struct slice path_of(struct slice s)
{
    static const struct slice at_host = {"arxiv.org/", 10};
    struct slice rest = skip(skip(s, "https://"), "http://");
    ptrdiff_t host = slice_find(rest, at_host);

    if (rest.len == s.len && host < 0)
        return skip(skip(s, "arXiv:"), "arxiv:");
    /* www., export., a mirror: one label in front at the most */
    if (host < 0 || host > 20 ||
        (host > 0 &&
         (rest.p[host - 1] != '.' ||
          slice_find_byte(slice_sub(rest, 0, (size_t)host), '/') >= 0)))
        return SLICE_NONE;
    rest = slice_sub(rest, (size_t)host + at_host.len, rest.len);
    if (!slice_starts(rest, "abs/") && !slice_starts(rest, "pdf/"))
        return SLICE_NONE;
    return slice_sub(rest, 4, rest.len);
}

static struct slice cut_tail(struct slice s)
{
    ptrdiff_t at;

    if ((at = slice_find_byte(s, '#')) >= 0)
        s.len = (size_t)at;
    if ((at = slice_find_byte(s, '?')) >= 0)
        s.len = (size_t)at;
    while (slice_ends(s, "/"))
        s.len--;
    if (slice_ends(s, ".pdf"))
        s.len -= 4;
    return s;
}

bool arxiv_id_parse(struct slice text, struct arxiv_id *out)
{
    struct slice s = cut_tail(path_of(slice_trim(text)));
    size_t archive, number;

    if (!cut_version(&s, &out->version) || s.len >= ARXIV_ID_MAX)
        return false;
    if (is_new(s)) {
        memcpy(out->id, s.p, s.len);
        out->id[s.len] = '\0';
        return true;
    }
    if (!is_old(s, &archive, &number))
        return false;
    memcpy(out->id, s.p, archive);
    out->id[archive] = '/';
    memcpy(out->id + archive + 1, s.p + number, 7);
    out->id[archive + 8] = '\0';
    return true;
}
