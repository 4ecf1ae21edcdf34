/* postgres_lib.h - libpq, loaded when a postgresql:// URL asks for it.
 *
 * libpq brings LDAP, Kerberos and their kin along: linked to an otherwise empty
 * program it costs 5.5 MB resident and 3 ms of every start.  Who keeps papers
 * in SQLite shall not pay that, and needs no libpq on the machine.
 *
 * Threads: any.
 */
#ifndef STORE_POSTGRES_LIB_H
#define STORE_POSTGRES_LIB_H

#include <libpq-fe.h>

#include "base/err.h"

/* Every function of libpq that is used. */
#define POSTGRES_LIB(X)                                                        \
    X(PQclear)                                                                 \
    X(PQcmdTuples)                                                             \
    X(PQconninfoFree)                                                          \
    X(PQconninfoParse)                                                         \
    X(PQconnectdbParams)                                                       \
    X(PQconsumeInput)                                                          \
    X(PQenterPipelineMode)                                                     \
    X(PQerrorMessage)                                                          \
    X(PQexec)                                                                  \
    X(PQexitPipelineMode)                                                      \
    X(PQfinish)                                                                \
    X(PQflush)                                                                 \
    X(PQfreemem)                                                               \
    X(PQgetisnull)                                                             \
    X(PQgetlength)                                                             \
    X(PQgetResult)                                                             \
    X(PQgetvalue)                                                              \
    X(PQhost)                                                                  \
    X(PQntuples)                                                               \
    X(PQparameterStatus)                                                       \
    X(PQpipelineSync)                                                          \
    X(PQresultErrorField)                                                      \
    X(PQresultErrorMessage)                                                    \
    X(PQresultStatus)                                                          \
    X(PQsendFlushRequest)                                                      \
    X(PQsendPrepare)                                                           \
    X(PQsendQueryPrepared)                                                     \
    X(PQserverVersion)                                                         \
    X(PQsetNoticeProcessor)                                                    \
    X(PQsocket)                                                                \
    X(PQstatus)                                                                \
    X(PQtransactionStatus)

/* pq.PQexec(...) and so on, once postgres_lib_load() has succeeded. */
struct postgres_lib {
#define X(f) __typeof__(f) *f;
    POSTGRES_LIB(X)
#undef X
};
extern struct postgres_lib pq;

/* Load it unless it is loaded.  It stays until the process ends.
 * ERR_UNAVAILABLE: not installed, or older than 14 (no pipeline mode). */
enum err_code postgres_lib_load(struct err *e) CHECKED;

#endif
