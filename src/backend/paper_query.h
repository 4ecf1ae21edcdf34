/* paper_query.h - the filters and orderings that list, export and feed share.
 *
 * Threads: pure functions over the request.
 */
#ifndef BACKEND_PAPER_QUERY_H
#define BACKEND_PAPER_QUERY_H

#include "net/router.h"
#include "store/papers.h"

extern const char *const paper_orderings[]; /* for the ordering's choices */

#define PAPER_QUERY_PARAM(its_name, its_type, limit, what, like)               \
    {                                                                          \
        .name = its_name, .in = IN_QUERY, .type = its_type, .max = limit,      \
        .doc = what, .example = like                                           \
    }

/* ids: at most QUERY_MAX_IDS numbers, of 16 digits and a comma. */
#define QUERY_IDS_MAX_TEXT (QUERY_MAX_IDS * 17)

/* Their rows in the params of a route. */
#define PAPER_QUERY_PARAMS                                                     \
    PAPER_QUERY_PARAM("category", PARAM_STR, 200,                              \
                      "Only papers of this category.", "llm"),                 \
        PAPER_QUERY_PARAM("source", PARAM_STR, 200,                            \
                          "Only papers from this source.", "arxiv"),           \
        PAPER_QUERY_PARAM("tag", PARAM_STR, 200, "Only papers with this tag.", \
                          "transformer"),                                      \
        PAPER_QUERY_PARAM("author", PARAM_STR, 200,                            \
                          "Only papers with an author whose name has these "   \
                          "words in this order.",                              \
                          "yann lecun"),                                       \
        PAPER_QUERY_PARAM("min_relevance", PARAM_NUM, 1,                       \
                          "Only papers with at least this relevance_score.",   \
                          "0.7"),                                              \
        PAPER_QUERY_PARAM("published_after", PARAM_TIME, 0,                    \
                          "Only papers published at this time or later.",      \
                          "2025-11-01"),                                       \
        PAPER_QUERY_PARAM("published_before", PARAM_TIME, 0,                   \
                          "Only papers published at this time or earlier.",    \
                          "2025-11-30T23:59:59Z"),                             \
        PAPER_QUERY_PARAM("created_after", PARAM_TIME, 0,                      \
                          "Only papers that came at this time or later.",      \
                          "2025-11-24T08:00:00Z"),                             \
        PAPER_QUERY_PARAM("created_before", PARAM_TIME, 0,                     \
                          "Only papers that came at this time or earlier.",    \
                          "2025-11-24T20:00:00Z"),                             \
        PAPER_QUERY_PARAM("read", PARAM_BOOL, 0,                               \
                          "Only papers that are marked as read, or (false) "   \
                          "are not.",                                          \
                          "false"),                                            \
        PAPER_QUERY_PARAM("starred", PARAM_BOOL, 0,                            \
                          "Only papers with a star, or (false) without.",      \
                          "true"),                                             \
        PAPER_QUERY_PARAM("noted", PARAM_BOOL, 0,                              \
                          "Only papers with a note, or (false) without.",      \
                          "true"),                                             \
        PAPER_QUERY_PARAM("ids", PARAM_STR, QUERY_IDS_MAX_TEXT,                \
                          "Only these papers: up to 1,000 numbers, with "      \
                          "commas between them.",                              \
                          "1,2,3"),                                            \
        PAPER_QUERY_PARAM("search", PARAM_STR, 500,                            \
                          "Full text over title, abstract and authors: "       \
                          "words, \"phrases\", -not.",                         \
                          "retrieval \"language model\" -vision"),             \
        PAPER_QUERY_PARAM("prefix", PARAM_BOOL, 0,                             \
                          "The search is still being typed: its last word, "   \
                          "from three letters on, is also the beginning of "   \
                          "a word.",                                           \
                          "true"),                                             \
    {                                                                          \
        .name = "ordering", .in = IN_QUERY, .type = PARAM_ENUM,                \
        .choices = paper_orderings, .dflt = "-published_at",                   \
        .doc = "Order of the rows; '-' is descending, the id breaks ties. "    \
               "-rank (best match first) needs a search.",                     \
        .example = "-relevance_score"                                          \
    }

/* Read them; numbers are in the request's arena.  Offset, limit and cursors are
 * left 0.  ERR_INVALID: ordering by rank without a search, ids that are no
 * numbers. */
enum err_code paper_query_read(const struct request *r, struct paper_query *q,
                               struct err *e) CHECKED;

#endif
