/* postgres_fold.h - one letter without case and diacritics.
 *
 * Threads: pure functions.
 */
#ifndef STORE_POSTGRES_FOLD_H
#define STORE_POSTGRES_FOLD_H

#include <stdint.h>

/* 'A' and U+00C4 give 'a', U+0416 gives U+0436; what has no case is itself. */
uint32_t pg_fold(uint32_t cp);

#endif
