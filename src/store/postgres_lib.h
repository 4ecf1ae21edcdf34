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

#include "base/dynlib.h"

/* Every function of libpq that is used. */
#define POSTGRES_LIB(X)                                                        \
    X(PQcancel)                                                                \
    X(PQclear)                                                                 \
    X(PQcmdTuples)                                                             \
    X(PQconninfoFree)                                                          \
    X(PQconninfoParse)                                                         \
    X(PQconnectdbParams)                                                       \
    X(PQconsumeInput)                                                          \
    X(PQenterPipelineMode)                                                     \
    X(PQerrorMessage)                                                          \
    X(PQexitPipelineMode)                                                      \
    X(PQfinish)                                                                \
    X(PQflush)                                                                 \
    X(PQfreeCancel)                                                            \
    X(PQfreemem)                                                               \
    X(PQgetCancel)                                                             \
    X(PQgetisnull)                                                             \
    X(PQgetlength)                                                             \
    X(PQgetResult)                                                             \
    X(PQgetvalue)                                                              \
    X(PQisBusy)                                                                \
    X(PQnotifies)                                                              \
    X(PQntuples)                                                               \
    X(PQparameterStatus)                                                       \
    X(PQpingParams)                                                            \
    X(PQpipelineSync)                                                          \
    X(PQresultErrorField)                                                      \
    X(PQresultStatus)                                                          \
    X(PQsendPrepare)                                                           \
    X(PQsendQuery)                                                             \
    X(PQsendQueryPrepared)                                                     \
    X(PQserverVersion)                                                         \
    X(PQsetnonblocking)                                                        \
    X(PQsetNoticeProcessor)                                                    \
    X(PQsocket)                                                                \
    X(PQstatus)                                                                \
    X(PQtransactionStatus)

/* postgres_lib.PQexec(...) and so on, once postgres_lib_load() has succeeded;
 * that fails for a libpq older than 14 (no pipeline mode). */
DYNLIB_DECLARE(postgres_lib, POSTGRES_LIB)

#endif
