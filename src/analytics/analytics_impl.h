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
};

#endif
