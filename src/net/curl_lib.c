/* curl_lib.c - see curl_lib.h. */
#include "net/curl_lib.h"

#define SYMBOL(f) DYNLIB_SYMBOL(curl_lib, f)
DYNLIB_DEFINE(curl_lib, CURL_LIB(SYMBOL), "libcurl.so.4", "libcurl4")
