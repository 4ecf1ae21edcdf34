/* postgres_lib.c - see postgres_lib.h. */
#include "store/postgres_lib.h"

#define SYMBOL(f) DYNLIB_SYMBOL(postgres_lib, f)
DYNLIB_DEFINE(postgres_lib, POSTGRES_LIB(SYMBOL), "libpq.so.5", "libpq5")
