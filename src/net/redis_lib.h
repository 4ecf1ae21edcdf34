/* redis_lib.h - hiredis, loaded when `redis_url` is set (see base/dynlib.h).
 *
 * Threads: any.
 */
#ifndef NET_REDIS_LIB_H
#define NET_REDIS_LIB_H

#include <sys/time.h>

#include <hiredis/async.h>
#include <hiredis/hiredis.h>

#include "base/dynlib.h"

/* Every function of hiredis that is used. */
#define REDIS_LIB(X)                                                           \
    X(freeReplyObject)                                                         \
    X(redisAsyncCommandArgv)                                                   \
    X(redisAsyncConnect)                                                       \
    X(redisAsyncFree)                                                          \
    X(redisAsyncHandleRead)                                                    \
    X(redisAsyncHandleWrite)                                                   \
    X(redisAsyncSetConnectCallback)                                            \
    X(redisAsyncSetDisconnectCallback)                                         \
    X(redisCommandArgv)                                                        \
    X(redisConnectWithTimeout)                                                 \
    X(redisFree)                                                               \
    X(redisSetTimeout)

DYNLIB_DECLARE(redis_lib, REDIS_LIB)

#endif
