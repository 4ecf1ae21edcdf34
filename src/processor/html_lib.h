/* html_lib.h - libxml2's HTML parser, loaded at the first page (see
 * base/dynlib.h).
 *
 * Threads: any.
 */
#ifndef PROCESSOR_HTML_LIB_H
#define PROCESSOR_HTML_LIB_H

#include <libxml/HTMLparser.h>
#include <libxml/parserInternals.h>

#include "base/dynlib.h"

/* Every function of libxml2 that is used. */
#define HTML_LIB(X)                                                            \
    X(htmlCtxtReadMemory)                                                      \
    X(htmlFreeParserCtxt)                                                      \
    X(htmlNewParserCtxt)                                                       \
    X(xmlFindCharEncodingHandler)                                              \
    X(xmlCharEncCloseFunc)                                                     \
    X(xmlFreeDoc)                                                              \
    X(xmlInitParser)                                                           \
    X(xmlSAXUserParseMemory)                                                   \
    X(xmlStopParser)

DYNLIB_DECLARE(html_lib, HTML_LIB)

#endif
