/* xml_lib.h - libxml2, loaded at the first feed (see base/dynlib.h).
 *
 * Threads: any.
 */
#ifndef SCRAPER_XML_LIB_H
#define SCRAPER_XML_LIB_H

#include <libxml/xmlreader.h>

#include "base/dynlib.h"

/* Every function of libxml2 that is used. */
#define XML_LIB(X)                                                             \
    X(xmlFreeTextReader)                                                       \
    X(xmlGetLineNo)                                                            \
    X(xmlInitParser)                                                           \
    X(xmlReaderForMemory)                                                      \
    X(xmlTextReaderConstLocalName)                                             \
    X(xmlTextReaderConstNamespaceUri)                                          \
    X(xmlTextReaderConstValue)                                                 \
    X(xmlTextReaderCurrentNode)                                                \
    X(xmlTextReaderDepth)                                                      \
    X(xmlTextReaderGetParserLineNumber)                                        \
    X(xmlTextReaderIsEmptyElement)                                             \
    X(xmlTextReaderLocatorLineNumber)                                          \
    X(xmlTextReaderMoveToAttribute)                                            \
    X(xmlTextReaderMoveToElement)                                              \
    X(xmlTextReaderNodeType)                                                   \
    X(xmlTextReaderRead)                                                       \
    X(xmlTextReaderSetErrorHandler)

DYNLIB_DECLARE(xml_lib, XML_LIB)

#endif
