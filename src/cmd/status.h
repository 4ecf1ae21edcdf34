/* status.h - what /status says of modules that do not know net/.
 *
 * Threads: any request worker.
 */
#ifndef CMD_STATUS_H
#define CMD_STATUS_H

#include "base/arena.h"
#include "base/json.h"

/* For struct ops_describer; ctx is the struct named. */
void status_settings(struct jw *j, struct arena *a, void *config);
void status_datadir(struct jw *j, struct arena *a, void *datadir);
void status_store(struct jw *j, struct arena *a, void *store);
void status_live(struct jw *j, struct arena *a, void *sio);

#endif
