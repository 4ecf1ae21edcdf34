/* pcre2_lib.c - see pcre2_lib.h. */
#include "processor/pcre2_lib.h"

#define SYMBOL(f) DYNLIB_SYMBOL(pcre2_lib, f)
DYNLIB_DEFINE(pcre2_lib, PCRE2_LIB(SYMBOL), "libpcre2-8.so.0", "libpcre2-8-0")
