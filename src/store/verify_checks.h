/* verify_checks.h - what both backends ask of their rows. */
#ifndef STORE_VERIFY_CHECKS_H
#define STORE_VERIFY_CHECKS_H

#include "base/err.h"
#include "store/verify.h"

/* `sql` gives how many rows disagree, and one of them (a number). */
struct verify_check {
    const char *what; /* "chunks that belong to no document" */
    const char *sql;
};
/* SQL that both databases know; ended by one without `what`. */
extern const struct verify_check verify_checks[];

void verify_found(const struct store_verify *v, const char *fmt, ...)
    PRINTF_LIKE(2, 3);
void verify_note(const struct store_verify *v, const char *fmt, ...)
    PRINTF_LIKE(2, 3);
/* The result of a check. */
void verify_told(const struct store_verify *v, const struct verify_check *check,
                 int64_t n, int64_t one);

#endif
