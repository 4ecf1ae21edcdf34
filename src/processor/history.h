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
/* The user's last turn; SLICE_NONE if there is none. */
struct slice history_last_question(const struct prompt_turn *turns, size_t n);

#endif
