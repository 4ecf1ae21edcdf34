/* settings.h - GET /settings/: the settings in force, for people.
 *
 * Secrets are not shown, only whether they are set; nothing can be changed.
 *
 * Threads: the route is added before the server runs.
 */
#ifndef NET_SETTINGS_H
#define NET_SETTINGS_H

#include "net/router.h"

/* For router_add, with the struct config as ctx. */
extern const struct route settings_routes[];

#endif
