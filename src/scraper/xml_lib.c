/* xml_lib.c - see xml_lib.h. */
#include "scraper/xml_lib.h"

#define SYMBOL(f) DYNLIB_SYMBOL(xml_lib, f)
DYNLIB_DEFINE(xml_lib, XML_LIB(SYMBOL), "libxml2.so.2", "libxml2")
