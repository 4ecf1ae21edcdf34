/* history.h - the turns of a conversation before a question, as POST /ask
 * takes them: [{"role":"user","content":"..."},{"role":"assistant",...}, ...].
 *
 * They alternate, the user's is the first and the assistant's the last: chat
 * templates of many models refuse anything else, with an error that a reader
 * would not understand.
 *
 * Ownership: texts are borrowed from the JSON, the array is in the arena.
 * Threads: no shared state.
 */
#ifndef PROCESSOR_HISTORY_H
#define PROCESSOR_HISTORY_H

#include <jansson.h>

#include "base/arena.h"
#include "processor/prompt.h"

#define HISTORY_MAX_CHARS 20000 /* code points of a turn */

/* v NULL or an empty array: no turns.  ERR_INVALID, and the field is the place:
 * "history[2].role". */
enum err_code history_read(const json_t *v, struct prompt_turn **out, size_t *n,
                           struct arena *a, struct err *e) CHECKED;
/* What to look for: the question, and behind it the user's turns that it may
 * follow ("and how do I delete it?").  Without history the question itself,
 * else in the arena.  ERR_TOO_LARGE: the arena's cap. */
enum err_code history_search_text(struct slice *out, struct slice question,
                                  const struct prompt_turn *turns, size_t n,
                                  struct arena *a, struct err *e) CHECKED;

#endif
