/* curl_lib.h - libcurl, loaded at the first exchange (see base/dynlib.h).
 *
 * Threads: any.
 */
#ifndef NET_CURL_LIB_H
#define NET_CURL_LIB_H

/* its checking macros would stand between curl_lib. and the name */
#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>

#include "base/dynlib.h"

/* Every function of libcurl that is used. */
#define CURL_LIB(X)                                                            \
    X(curl_easy_cleanup)                                                       \
    X(curl_easy_getinfo)                                                       \
    X(curl_easy_init)                                                          \
    X(curl_easy_reset)                                                         \
    X(curl_easy_setopt)                                                        \
    X(curl_easy_strerror)                                                      \
    X(curl_global_init)                                                        \
    X(curl_multi_add_handle)                                                   \
    X(curl_multi_cleanup)                                                      \
    X(curl_multi_info_read)                                                    \
    X(curl_multi_init)                                                         \
    X(curl_multi_perform)                                                      \
    X(curl_multi_poll)                                                         \
    X(curl_multi_remove_handle)                                                \
    X(curl_slist_append)                                                       \
    X(curl_slist_free_all)

DYNLIB_DECLARE(curl_lib, CURL_LIB)

#endif
