/* crew.h - threads that help with a search when a core has nothing else to do.
 *
 * One search reads all codes of the index, so a core is busy with nothing but
 * waiting for memory; a second core doubles what comes in (docs/vector.md). The
 * crew helps one search at a time, and only if a core is idle.  Who comes
 * meanwhile searches alone: with several at work the cores are busy anyway.
 *
 * Threads: crew_run from any.
 */
#ifndef VECTOR_CREW_H
#define VECTOR_CREW_H

#include "vector/index.h"

/* How many may take part in a piece of work, who calls included. */
#define CREW_MAX 8

/* As vector_crew_new(); where Linux says how much there is to do (the form of
 * /proc/loadavg) lies in this file.  If it cannot be read, cores count as idle.
 */
enum err_code crew_new(struct vector_crew **out, const char *load_file,
                       struct err *e) CHECKED;

/* How many would take part in the next piece, who calls included: 1 if `c` is
 * NULL, or if no core is idle. */
unsigned crew_size(const struct vector_crew *c);

/* work(ctx, 0) in the calling thread, and meanwhile work(ctx, who) in as many
 * threads of the crew as come: who is in 1..CREW_MAX - 1, and below what
 * crew_size() can return, each once.  There
 * may be none, so each call must go on until nothing is left to do.  Returns
 * when all calls have. */
void crew_run(struct vector_crew *c, void (*work)(void *ctx, unsigned who),
              void *ctx);

#endif
