/* analytics_impl.h - what the files of the service share. */
#ifndef ANALYTICS_ANALYTICS_IMPL_H
#define ANALYTICS_ANALYTICS_IMPL_H

#include "analytics/analytics.h"
#include "analytics/feed.h"
#include "analytics/page.h"
#include "analytics/recorder.h"
#include "base/json.h"
#include "net/shared_body.h"

struct analytics {
    struct store *store; /* borrowed */
    struct sio *sio;     /* borrowed */
    struct recorder *recorder;
    struct feed *feed;
    struct shared_body *tracker;

    /* What other processes counted and could not tell: read from the database,
     * a part at a time.  On the loop. */
    struct server *server;
    struct server_timer next_part;
    bool catching_up;
    int64_t from, after; /* of the part at hand: minute, id of a page */
    int64_t again_from;  /* asked for meanwhile; INT64_MAX: not */
};

/* A page was erased; any thread. */
void analytics_erased(struct analytics *a, struct slice page);

#endif
