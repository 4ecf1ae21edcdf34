/* term.h - what people see on a terminal: a progress bar, columns.
 *
 * Drawn on stderr, and only when it is a terminal; stdout stays clean for
 * output that is piped on.
 *
 * Threads: one thread.
 */
#ifndef CMD_TERM_H
#define CMD_TERM_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/slice.h"

bool term_is_interactive(void); /* stderr is a terminal */
int term_width(void);           /* columns of stdout; 80 when unknown */
/* stdout is a terminal that may be coloured (NO_COLOR, TERM=dumb: it may not).
 */
bool term_has_colours(void);

/* Draw "label  [#####.....]  42 %  note" over the line before; percent < 0: no
 * bar, a note only.  Nothing when not interactive. */
void term_progress(const char *label, double percent, const char *note);
void term_progress_end(void); /* wipe the line */

/* Print what others wrote as a terminal may see it: what would steer it
 * (utf8_steers), line ends and tabs as '?', what is not UTF-8 as U+FFFD. */
void term_text(FILE *out, struct slice s);
/* The same, but line ends and tabs stay. */
void term_lines(FILE *out, struct slice s);
/* term_text of a path, short if it is below the current folder. */
void term_path(FILE *out, const char *path);
/* term_text cut (with "…") or padded to `columns` code points, to stdout. */
void term_cell(struct slice text, int columns);

#endif
