/* ops.h - /healthz, /readyz, /metrics, /status: what is asked of every process.
 *
 * /healthz: the loop turns.  /readyz: every probe says yes and nobody has asked
 * for a stop; else 503 with the reasons.  /metrics: Prometheus text: process,
 * HTTP server, then whatever the collectors add.  /status: the same for people,
 * as JSON; what is not of this layer is added by the describers.
 *
 * Probes, collectors and describers are callbacks, so that this file knows no
 * module above it; they run on a request worker and may block.
 *
 * Threads: ops_new, ops_set_server, ops_free before and after the server runs.
 */
#ifndef NET_OPS_H
#define NET_OPS_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"
#include "net/router.h"

struct ops;
struct server;

struct ops_probe {
    const char *name; /* "store"; NULL ends the list */
    /* ERR_NONE: fine.  The message of an error is shown, and so is one that
     * comes with ERR_NONE: a remark. */
    enum err_code (*check)(void *ctx, struct err *e);
    void *ctx;
};

struct ops_collector {
    void (*collect)(struct buf *out, void *ctx); /* NULL ends the list */
    void *ctx;
};

struct jw;
struct ops_describer {
    /* Add members; NULL ends the list.  Texts may be made in `a`. */
    void (*describe)(struct jw *j, struct arena *a, void *ctx);
    void *ctx;
};

struct ops_options {
    const char *version;
    const struct ops_probe *probes;         /* all kept by pointer; may be */
    const struct ops_collector *collectors; /* NULL */
    const struct ops_describer *describers;
};

struct ops *ops_new(const struct ops_options *opt);
/* The server whose numbers are shown; it is made after the routes. */
void ops_set_server(struct ops *o, const struct server *s);
void ops_free(struct ops *o); /* takes NULL */

/* For router_add, with the ops as ctx. */
extern const struct route ops_routes[];

/* ---- for collectors: the text format ---- */

/* The two lines before a metric; type is "counter" or "gauge". */
void ops_metric(struct buf *out, const char *name, const char *type,
                const char *help);
/* One line of it; label may be NULL.  NAME{LABEL="VALUE"} v */
void ops_sample(struct buf *out, const char *name, const char *label,
                struct slice label_value, double v);

#endif
