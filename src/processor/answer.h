/* answer.h - the answer to a question from sources at hand: a language model's,
 * or, without one and when it fails, made of sentences of the sources.
 *
 * An answer with a warning is better than none; but once a reader has seen the
 * beginning of a model's answer, it is not replaced: it is then not whole, and
 * the warning says that.
 *
 * Ownership: what it finds is in the arena.  Threads: one answer belongs to one
 * thread.
 */
#ifndef PROCESSOR_ANSWER_H
#define PROCESSOR_ANSWER_H

#include "processor/processor_impl.h"
#include "processor/prompt.h"

#define ANSWER_MAX_SOURCES 20

struct answer {
    /* given */
    struct processor *p;
    struct arena *arena;
    struct prompt_input in; /* question, sources, history; not the rest */
    struct slice about;     /* what the sources were found by */
    struct llm_reader reader;

    /* found by answer_prepare */
    bool by_model;
    struct prompt prompt; /* if by_model: what it will see, what was left out */
    size_t n_sources;     /* the first of in.sources; [n] is one of them */

    /* found by answer_make */
    struct slice text, model;
    bool grounded;
    bool whole;          /* else it was cut or broke off */
    const char *warning; /* NULL: nothing to say */
};

/* Decide who answers, from which sources.  ERR_INVALID, field "question": it is
 * too long for a prompt. */
enum err_code answer_prepare(struct answer *a, struct err *e) CHECKED;
/* Answer.  What it makes goes to reader.on_text too.  ERR_CANCELLED: the reader
 * has gone.  ERR_UNAVAILABLE: no embedding model, out of memory. */
enum err_code answer_make(struct answer *a, struct err *e) CHECKED;

#endif
