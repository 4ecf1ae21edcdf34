/* later.c - requests that do not get their reply when their handler returns:
 * parked ones, and those whose connection goes over to another protocol.
 *
 * A long poll waits for half a minute, and thousands of them wait at a time.
 * So a parked request gives its exchange back (kilobytes: arena, head, buffers)
 * and keeps the few words that its reply will need.
 */
#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "net/conn.h"

#define REST_MAX READ_BUFFER /* what one read can bring */

struct parked *request_park(struct request *r, void (*gone)(void *ctx),
                            void *ctx)
{
    struct exchange *x = r->exchange;
    struct parked *p = mem_need(sizeof(*p));

    assert(r->route->run == ON_LOOP && x->conn && !x->parked && !x->guest_ops);
    *p = (struct parked){
        .conn = x->conn,
        .gone = gone,
        .ctx = ctx,
        .route = r->route,
        .id = r->id,
        .began_us = x->began_us,
        .method = r->method,
        .minor = x->head.minor,
        .keep_alive = x->keep_alive,
    };
    buf_init(&p->rest, REST_MAX);
    if (x->cors) {
        p->cors = mem_need(strlen(x->cors) + 1);
        memcpy(p->cors, x->cors, strlen(x->cors));
    }
    x->parked = p;
    return p;
}

void parked_free(struct parked *p)
{
    buf_release(&p->rest);
    mem_free(p->cors);
    mem_free(p);
}

struct request *parked_request(struct parked *p)
{
    struct conn *c = p->conn;
    struct exchange *x = server_take_exchange(c->server);

    assert(c->parked == p);
    c->parked = NULL;
    c->x = x;
    x->conn = c;
    x->r.id = p->id;
    x->r.method = p->method;
    x->r.route = p->route;
    x->envelope = p->route->envelope;
    x->began_us = p->began_us;
    x->keep_alive = p->keep_alive;
    x->head.minor = p->minor;
    x->head.method_text = slice_of(http_method_name(p->method));
    x->head.target = slice_of(p->route->pattern);
    memcpy(x->peer, c->peer->text, sizeof(x->peer));
    x->r.client = slice_of(x->peer);
    x->cors = p->cors ? arena_strdup(x->r.arena, p->cors) : NULL;
    buf_release(&x->rest);
    x->rest = p->rest;
    buf_init(&p->rest, 0);
    parked_free(p);
    return &x->r;
}

void request_answer(struct request *r)
{
    reply_finish(r->exchange);
    conn_answer(r->exchange->conn);
}

void request_answer_err(struct request *r, const struct err *e)
{
    reply_err(r->exchange, e);
    request_answer(r);
}

void request_take_over(struct request *r, const struct conn_guest *ops,
                       void *guest)
{
    struct exchange *x = r->exchange;

    assert(r->route->run == ON_LOOP && x->conn && !x->parked && !x->guest_ops);
    x->guest_ops = ops;
    x->guest = guest;
}
