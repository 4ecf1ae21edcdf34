/* user_agent.c - see user_agent.h.
 *
 * Robots that want to be known say so; those that hide cannot be found here and
 * are counted as people.  The table is words that robots have in common rather
 * than a list of robots, which would be old tomorrow; the first that is found
 * decides.  "Cubot" is a telephone.
 *
 * Programs that only fetch (curl, libraries of languages) are not in it: they
 * run no tracker, so who sends a view with one means to, for readers that his
 * own server has seen.
 */
#include "analytics/user_agent.h"

#define MAX_LOOKED_AT 512 /* bytes: no browser's is longer */

static const struct sign {
    const char *word; /* in lower case */
    struct slice reason;
} signs[] = {
    {"headlesschrome", SLICE_INIT("headless")},
    {"phantomjs", SLICE_INIT("headless")},
    {"puppeteer", SLICE_INIT("headless")},
    {"playwright", SLICE_INIT("headless")},
    {"selenium", SLICE_INIT("headless")},
    {"lighthouse", SLICE_INIT("monitor")},
    {"pingdom", SLICE_INIT("monitor")},
    {"uptime", SLICE_INIT("monitor")},
    {"monitor", SLICE_INIT("monitor")},
    {"facebookexternalhit", SLICE_INIT("preview")},
    {"whatsapp/", SLICE_INIT("preview")},
    {"preview", SLICE_INIT("preview")},
    {"embedly", SLICE_INIT("preview")},
    {"bot/", SLICE_INIT("crawler")},
    {"bot;", SLICE_INIT("crawler")},
    {"bot)", SLICE_INIT("crawler")},
    {"bot-", SLICE_INIT("crawler")},
    {"robot", SLICE_INIT("crawler")},
    {"crawl", SLICE_INIT("crawler")},
    {"spider", SLICE_INIT("crawler")},
    {"slurp", SLICE_INIT("crawler")},
    {"archiver", SLICE_INIT("crawler")},
    {"fetcher", SLICE_INIT("crawler")},
    {"scrap", SLICE_INIT("crawler")},
    {"+http", SLICE_INIT("crawler")}, /* "(+https://who-we-are)" */
    {NULL, SLICE_INIT("")},
};

/* Is the word there, and not as the end of "Cubot"? */
static bool has_word(struct slice lower, struct slice word)
{
    ptrdiff_t at;

    while ((at = slice_find(lower, word)) >= 0) {
        if (!slice_ends(slice_sub(lower, 0, (size_t)at), "cu"))
            return true;
        lower = slice_sub(lower, (size_t)at + 1, lower.len);
    }
    return false;
}

struct slice user_agent_bot(struct slice header)
{
    char lower[MAX_LOOKED_AT];
    struct slice s = {lower, 0};

    header = slice_trim(header);
    for (; s.len < header.len && s.len < sizeof(lower); s.len++) {
        char c = header.p[s.len];

        lower[s.len] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    if (slice_ends(s, "bot") && !slice_ends(s, "cubot"))
        return SLICE("crawler");
    for (const struct sign *g = signs; g->word; g++)
        if (has_word(s, slice_of(g->word)))
            return g->reason;
    return SLICE_NONE;
}
