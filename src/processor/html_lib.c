/* html_lib.c - see html_lib.h. */
#include "processor/html_lib.h"

#define SYMBOL(f) DYNLIB_SYMBOL(html_lib, f)
DYNLIB_DEFINE(html_lib, HTML_LIB(SYMBOL), "libxml2.so.2", "libxml2")
