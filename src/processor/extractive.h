/* extractive.h - an answer without a language model: the sentences of the
 * sources that answer best, each with the number of its source.
 *
 *   "A Pod is the smallest unit. [1] Pods share a network. [3]"
 *
 * A sentence's score is 0.7 x similarity of meaning + 0.3 x how many of the
 * question's words it has (rare words count more).  The best is taken; each
 * further one must be nearly as good and must not repeat what is said (maximal
 * marginal relevance).  Headings, code, table rows, questions, fragments and
 * sentences longer than EXTRACTIVE_MAX_CHARS are left out while there is
 * anything else.
 *
 * extractive_highlight gives the best sentence of each text, to be marked in a
 * list of results.  Without an embedder both look at words only, which takes
 * microseconds and not milliseconds.
 *
 * At most 4,000 sentences are looked at, 700 bytes of the arena each, and with
 * an embedder 1.5 kB for each one that is embedded.
 *
 * Everything is deterministic if the embedder is.
 * Ownership: results are in the arena; slices point into the sources.
 * Threads: no shared state.
 */
#ifndef PROCESSOR_EXTRACTIVE_H
#define PROCESSOR_EXTRACTIVE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"
#include "embed/encoder.h"
#include "processor/sentences.h"

#define EXTRACTIVE_MAX_SOURCES 100
/* Sentences that are embedded for one question.  When there are more, those
 * with the most of the question's words are. */
#define EXTRACTIVE_MAX_SENTENCES 256
#define EXTRACTIVE_MAX_PICKS 5
#define EXTRACTIVE_MAX_CHARS 600
/* The answer when nothing is good enough. */
#define EXTRACTIVE_NO_EVIDENCE                                                 \
    "There is not enough evidence in the documents to answer this."

struct extractive_source {
    struct slice text, title; /* the title's words count a little */
};

/* texts -> n x EMBED_DIM floats, each vector of length 1. */
struct extractive_embedder {
    enum err_code (*embed)(void *ctx, const struct slice *texts, size_t n,
                           float *out, struct err *e); /* NULL: words only */
    void *ctx;
};

struct extractive_options {
    size_t max_picks; /* 0 or too large: EXTRACTIVE_MAX_PICKS */
    float threshold;  /* a best score below it: not grounded */
};

struct extractive_pick {
    size_t source;         /* from 0; shown as source + 1 */
    struct sentence where; /* in that source's text */
    float score;           /* 0 to 1 */
    float similarity;      /* cosine; 0 without an embedder */
};

struct extractive {
    struct extractive_pick picks[EXTRACTIVE_MAX_PICKS]; /* best first */
    size_t n;
    float best; /* the best score of all, also if not grounded */
    bool grounded;
    struct slice answer; /* white space made single; citations that the source
                            itself has are left out */
};

/* Not grounded: n is 0 and the answer EXTRACTIVE_NO_EVIDENCE.  ERR_INVALID:
 * more than EXTRACTIVE_MAX_SOURCES sources.  ERR_TOO_LARGE: the arena's cap.
 * Otherwise what the embedder returns. */
enum err_code extractive_answer(struct extractive *out, struct slice question,
                                const struct extractive_source *sources,
                                size_t n, const struct extractive_options *opt,
                                const struct extractive_embedder *embedder,
                                struct arena *a, struct err *e) CHECKED;

/* out[i]: the best sentence of texts[i]; start == end if it has none at all.
 * Errors as above. */
enum err_code extractive_highlight(struct sentence *out, struct slice question,
                                   const struct slice *texts, size_t n,
                                   const struct extractive_embedder *embedder,
                                   struct arena *a, struct err *e) CHECKED;

#endif
