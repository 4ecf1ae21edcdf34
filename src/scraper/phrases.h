/* phrases.h - find any of many phrases in a text, in one pass.
 *
 * A word is a run of letters and digits, compared without case (Latin, Greek,
 * Cyrillic); a character of a script without spaces (Han, Kana, ...) is a word
 * of its own.  The words of a phrase may be joined by blanks, hyphens or
 * slashes, so "fine-tuning" finds "fine tuning"; other punctuation parts them.
 * A plural s in the text is no difference: "LLM" finds "LLMs".
 *
 * Threads: add from one thread; afterwards read-only and shared freely.
 */
#ifndef SCRAPER_PHRASES_H
#define SCRAPER_PHRASES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"

#define PHRASE_MAX_WORDS 8
#define PHRASE_MAX_BYTES 200
#define PHRASES_MAX 20000

struct phrases;

struct phrases *phrases_new(void);
void phrases_free(struct phrases *p); /* takes NULL */
/* Ids count from 0 in the order of adding.  A phrase that is there already (by
 * its words) gives its old id.  ERR_INVALID: no word, or too long. */
enum err_code phrases_add(struct phrases *p, struct slice phrase, uint32_t *id,
                          struct err *e) CHECKED;
uint32_t phrases_count(const struct phrases *p);
/* Call `hit` for each place a phrase stands at.  With longest: from left to
 * right, of the phrases that begin at a word the longest, and none that
 * overlaps it.  Works in `a`; false: the arena is full. */
bool phrases_scan(const struct phrases *p, struct arena *a, struct slice text,
                  bool longest, void (*hit)(void *ctx, uint32_t id), void *ctx)
    CHECKED;

#endif
