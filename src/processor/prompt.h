/* prompt.h - what a language model is asked: rules, sources, question.
 *
 * Sources are data.  Each stands between lines that hold a random number
 * which no source can know, and the rules say that nothing between them is an
 * instruction.  Before that the text is cleaned: control and hidden characters
 * go (C0 but \n and \t, C1, zero-width, bidirectional controls, tags, variation
 * selectors), what is not UTF-8 becomes U+FFFD, the random number itself is
 * taken out, and the marks that chat templates are made of ("<|im_end|>",
 * "[/INST]", "<end_of_turn>") get a space inside, so that no server reads them
 * as such.  That lowers the risk of prompt injection; it does not end it: what
 * protects readers is that the model has no tools and its citations are
 * checked (citations.h).
 *
 * The result always fits the budget.  First to go are old turns of the history
 * (it gets at most a quarter of what is left beside rules and question), then
 * the last sources; one source may be cut, at a word.  What is left of the
 * history begins with a turn of the user's.
 *
 * Ownership: the messages are in the arena.  Threads: no shared state.
 */
#ifndef PROCESSOR_PROMPT_H
#define PROCESSOR_PROMPT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"

struct buf;

#define PROMPT_MAX_SOURCES 100
#define PROMPT_MAX_HISTORY 50    /* turns */
#define PROMPT_MAX_QUESTION 8000 /* bytes */
#define PROMPT_MIN_FENCE 16      /* characters of the random number */
#define PROMPT_MAX_FENCE 64
#define PROMPT_MAX_BYTES (4 * 1024 * 1024) /* sources and turns */
/* Tokens that a chat template adds to each message, at most. */
#define PROMPT_MESSAGE_TOKENS 8
/* An estimate on the safe side: nineteen of twenty passages have fewer tokens
 * (docs/answers.md). */
#define PROMPT_BYTES_PER_TOKEN 3
/* The sentence that the rules ask for when the sources have no answer. */
#define PROMPT_NO_EVIDENCE "There is not enough evidence in the documents."

struct prompt_source {
    struct slice title, text;
    struct slice place; /* "page 3"; may be empty */
};

struct prompt_turn {
    bool assistant; /* else the user's */
    struct slice text;
};

struct prompt_input {
    struct slice question;
    const struct prompt_source *sources; /* best first; shown as 1, 2, ... */
    size_t n_sources;
    const struct prompt_turn *history; /* oldest first */
    size_t n_history;
    const char *fence; /* random hex digits, new for each prompt */
    size_t max_tokens; /* of all messages; the answer's are not in it */
    /* NULL: bytes / PROMPT_BYTES_PER_TOKEN, rounded up.  Must not shrink much
     * when text grows. */
    size_t (*count_tokens)(void *ctx, struct slice text);
    void *ctx;
};

struct prompt_message {
    const char *role;     /* "system", "user", "assistant" */
    struct slice content; /* UTF-8 */
};

struct prompt {
    const struct prompt_message *messages;
    size_t n;
    size_t tokens;          /* as counted, PROMPT_MESSAGE_TOKENS included */
    size_t n_sources;       /* the first of the input's that are in it */
    size_t sources_dropped; /* the others */
    bool last_source_cut;   /* the last that is in it is not whole */
    size_t history_dropped; /* oldest turns that are not in it */
};

/* ERR_INVALID: an empty or too long question (field "question"), a fence that
 * is not hex or of another length, too many sources or turns.
 * ERR_UNPROCESSABLE: max_tokens is too small for the rules and the question.
 * ERR_TOO_LARGE: over PROMPT_MAX_BYTES or the arena's cap. */
enum err_code prompt_build(struct prompt *out, const struct prompt_input *in,
                           struct arena *a, struct err *e) CHECKED;

/* Append the text, cleaned as told above.  fence may be NULL. */
void prompt_clean(struct buf *out, struct slice text, const char *fence);

#endif
