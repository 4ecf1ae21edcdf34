/* where.h - Chroma's `where`: a filter over metadata, compiled once.
 *
 *   {"lang": "en"}                            as {"lang": {"$eq": "en"}}
 *   {"year": {"$gte": 2020}}                  $eq $ne $gt $gte $lt $lte
 *   {"lang": {"$in": ["en", "de"]}}           $in $nin: values of one type
 *   {"$and": [{...}, {"$or": [{...}, ...]}]}  lists that are not empty
 *
 *   {"authors": {"$contains": "Ada"}}         $contains $not_contains: a list
 *                                             has the value
 *
 * Meaning, as Chroma's server has it: a value is text, number or truth value,
 * numbers compare as numbers (1 is 1.0), and nothing else compares with another
 * type: "1" is not 1, and 1 is not true.  A key that is missing, null or not a
 * scalar, or a value of another type, never matches $eq, $gt, $gte, $lt, $lte
 * and $in, and always matches $ne and $nin, which are the exact opposites of
 * $eq and $in.  $contains looks into lists alone, where types must be the same
 * (a list of whole numbers has no 1.0); $not_contains is its opposite.
 *
 * An object has exactly one key, as in Chroma; {} is no filter at all: leave
 * `where` out instead.
 *
 * Ownership: where_parse copies what it needs.
 * Threads: a compiled filter never changes; any number of threads may evaluate
 * it at the same time.  Evaluation allocates nothing.
 */
#ifndef PROCESSOR_WHERE_H
#define PROCESSOR_WHERE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/slice.h"

#define WHERE_MAX_BYTES (1024 * 1024)
#define WHERE_MAX_DEPTH 16  /* $and and $or inside each other */
#define WHERE_MAX_NODES 256 /* conditions, $and and $or together */
#define WHERE_MAX_LIST 1000 /* values of one $in or $nin */
#define WHERE_MAX_KEY 1024  /* bytes */

struct where;

/* Compile.  ERR_INVALID, field "where": malformed or over a limit; the message
 * names the place ("where.$and[1].year: ...").  ERR_TOO_LARGE: longer than
 * WHERE_MAX_BYTES or out of memory. */
enum err_code where_parse(struct where **out, struct slice json, struct err *e)
    CHECKED;
/* The same from JSON that is read already; nothing of v is kept. */
enum err_code where_compile(struct where **out, const json_t *v, struct err *e)
    CHECKED;
/* A filter of records, which have a document too: `v` over metadata, `document`
 * over the document, and both must hold; either may be NULL, not both.
 *
 *   {"$contains": "text"}   $not_contains $regex (regex.h) $not_regex
 *   {"$and": [...]} $or     may be empty in both parts: all, none
 *
 * In `v` the same can be said as {"#document": {"$contains": "text"}}.  Case
 * counts, and a record without a document contains nothing.
 * ERR_UNAVAILABLE also: regular expressions cannot be had. */
enum err_code where_compile_records(struct where **out, const json_t *v,
                                    const json_t *document, struct err *e)
    CHECKED;
void where_free(struct where *w); /* takes NULL */
/* The filter as JSON, the same for all that are written alike; lives as long as
 * it. */
struct slice where_text(const struct where *w);

/* Does it match?  w == NULL matches everything.  metadata may be NULL or not
 * an object: then every key is missing. */
bool where_matches(const struct where *w, const json_t *metadata);
/* The same over the text of one JSON object, read in one pass.  If a key comes
 * twice the last counts.  ERR_INVALID: the text is not an object; this is no
 * validator, but no bytes can make it misbehave. */
enum err_code where_matches_text(const struct where *w, struct slice metadata,
                                 bool *out, struct err *e) CHECKED;

/* ---- over records (where_compile_records) ---- */

/* Is there a condition on the document? */
bool where_asks_document(const struct where *w);

enum where_verdict { WHERE_NO, WHERE_YES, WHERE_ASK_DOCUMENT };

/* As far as metadata tell (p == NULL: the record has none). */
enum err_code where_matches_metadata(const struct where *w,
                                     struct slice metadata,
                                     enum where_verdict *out, struct err *e)
    CHECKED;
/* Document p == NULL: it has none.  ERR_UNPROCESSABLE: the document is too much
 * for a regular expression. */
enum err_code where_matches_record(const struct where *w, struct slice metadata,
                                   struct slice document, bool *out,
                                   struct err *e) CHECKED;

#endif
