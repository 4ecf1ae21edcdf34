/* services.h - which services this process runs (setting `services`).
 *
 * Threads: pure functions.
 */
#ifndef CMD_SERVICES_H
#define CMD_SERVICES_H

#include "base/config.h"
#include "base/err.h"

enum service {
    SERVICE_SCRAPER = 1,
    SERVICE_BACKEND = 2,
    SERVICE_PROCESSOR = 4,
    SERVICE_ANALYTICS = 8,
    SERVICE_WEB = 16,
    SERVICES_ALL = 31
};

/* A set of enum service.  ERR_INVALID: unknown name (suggests the nearest), or
 * none. */
enum err_code services_read(int *out, const struct config *c, struct err *e)
    CHECKED;

/* As the setting has it.  `one`: of them exactly one. */
const char *service_name(enum service one);

#endif
