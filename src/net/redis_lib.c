/* redis_lib.c - see redis_lib.h.
 *
 * The layout of hiredis' structs goes with its soname, so the one that it was
 * compiled for is the one that is loaded.
 */
#include "net/redis_lib.h"

#define TEXT(x) #x
#define TEXT_OF(x) TEXT(x)

#define SYMBOL(f) DYNLIB_SYMBOL(redis_lib, f)
DYNLIB_DEFINE(redis_lib, REDIS_LIB(SYMBOL),
              "libhiredis.so." TEXT_OF(HIREDIS_SONAME),
              "libhiredis" TEXT_OF(HIREDIS_SONAME))
