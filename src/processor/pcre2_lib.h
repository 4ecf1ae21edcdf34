/* pcre2_lib.h - PCRE2, loaded when the first regular expression comes.
 *
 * Threads: any, once pcre2_lib_load() has succeeded.
 */
#ifndef PROCESSOR_PCRE2_LIB_H
#define PROCESSOR_PCRE2_LIB_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/dynlib.h"

/* Every function of PCRE2 that is used. */
#define PCRE2_LIB(X)                                                           \
    X(pcre2_code_free_8)                                                       \
    X(pcre2_compile_8)                                                         \
    X(pcre2_compile_context_create_8)                                          \
    X(pcre2_compile_context_free_8)                                            \
    X(pcre2_get_error_message_8)                                               \
    X(pcre2_jit_compile_8)                                                     \
    X(pcre2_match_8)                                                           \
    X(pcre2_match_context_create_8)                                            \
    X(pcre2_match_context_free_8)                                              \
    X(pcre2_match_data_create_8)                                               \
    X(pcre2_match_data_free_8)                                                 \
    X(pcre2_set_heap_limit_8)                                                  \
    X(pcre2_set_match_limit_8)                                                 \
    X(pcre2_set_newline_8)

DYNLIB_DECLARE(pcre2_lib, PCRE2_LIB)

#endif
