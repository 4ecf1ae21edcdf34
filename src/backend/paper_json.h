/* paper_json.h - a paper as the API shows it, in one place.
 *
 * The same object in the list, in detail (which adds the note), among similar
 * papers and in the JSON Lines export.  What a paper does not have is null;
 * lists are [] then.
 *
 * Threads: pure functions.
 */
#ifndef BACKEND_PAPER_JSON_H
#define BACKEND_PAPER_JSON_H

#include "base/json.h"
#include "store/papers.h"

/* The whole object. */
void paper_json(struct jw *j, const struct paper *p);
/* Its members only, into an object that the caller opens and ends. */
void paper_json_members(struct jw *j, const struct paper *p);

#endif
