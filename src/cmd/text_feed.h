/* text_feed.h - texts from files or pipes, in blocks: a line a text.
 *
 * A block ends when it is full, or when there is no more input for the moment:
 * so a file is read in large blocks, and a program that writes a line and waits
 * gets its answer at once.
 *
 * Threads: one thread.
 */
#ifndef CMD_TEXT_FEED_H
#define CMD_TEXT_FEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

#define FEED_BLOCK 1024                  /* texts */
#define FEED_MAX_LINE ((size_t)16 << 20) /* bytes */

struct text_feed;

/* files: NULL-ended names, "-" is standard input; none at all is "-" too.  Kept
 * by pointer.  json: a line is a JSON string, or an object with a "text".
 * Otherwise a line is the text as it stands, without its LF or CR LF.  The
 * empty line is a text too.  ERR_UNAVAILABLE: out of memory. */
enum err_code text_feed_open(struct text_feed **out, const char *const *files,
                             bool json, struct err *e) CHECKED;
void text_feed_close(struct text_feed *f); /* takes NULL */

/* The next block; *n is 0 at the end.  The texts live until the next call.
 * ERR_NOT_FOUND: a file cannot be read.  ERR_INVALID: a line is no such JSON,
 * or longer than FEED_MAX_LINE; the message names file and line. */
enum err_code text_feed_next(struct text_feed *f, const struct slice **texts,
                             size_t *n, struct err *e) CHECKED;

/* How much has been read, in percent; -1: not known (a pipe). */
double text_feed_percent(const struct text_feed *f);

#endif
