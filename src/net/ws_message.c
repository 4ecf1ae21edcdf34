/* ws_message.c - see ws_message.h. */
#include "net/ws_message.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"

struct ws_message *ws_message_new(int op, const struct slice *parts, size_t n)
{
    uint8_t head[WS_MAX_HEAD];
    size_t total = 0, head_len, i;
    struct ws_message *m;
    char *p;

    for (i = 0; i < n; i++)
        total += parts[i].len;
    assert(total < UINT32_MAX - WS_MAX_HEAD);
    head_len = op ? ws_head(head, (enum ws_opcode)op, total) : 0;
    m = mem_need(sizeof(*m) + head_len + total);
    *m = (struct ws_message){
        .refs = 1,
        .len = (uint32_t)(head_len + total),
        .head = (uint8_t)head_len,
        .opcode = (uint8_t)op,
    };
    memcpy(m->bytes, head, head_len);
    p = m->bytes + head_len;
    for (i = 0; i < n; i++) {
        if (parts[i].len > 0)
            memcpy(p, parts[i].p, parts[i].len);
        p += parts[i].len;
    }
    return m;
}

struct ws_message *ws_message_ref(struct ws_message *m)
{
    m->refs++;
    return m;
}

void ws_message_unref(struct ws_message *m)
{
    if (--m->refs == 0)
        mem_free(m);
}

struct slice ws_message_payload(const struct ws_message *m)
{
    return (struct slice){m->bytes + m->head, m->len - m->head};
}

void ws_queue_release(struct ws_queue *q)
{
    ws_queue_drop(q, q->n);
}

static void grow(struct ws_queue *q)
{
    uint32_t cap = q->cap ? q->cap * 2 : 4, i;
    struct ws_message **ring = mem_need(cap * sizeof(ring[0]));

    for (i = 0; i < q->n; i++)
        ring[i] = ws_queue_at(q, i);
    mem_free(q->ring);
    q->ring = ring;
    q->cap = cap;
    q->first = 0;
}

void ws_queue_push(struct ws_queue *q, struct ws_message *m)
{
    if (q->n == q->cap)
        grow(q);
    q->ring[(q->first + q->n) % q->cap] = ws_message_ref(m);
    q->n++;
    q->bytes += m->len;
}

struct ws_message *ws_queue_at(const struct ws_queue *q, uint32_t i)
{
    assert(i < q->n);
    return q->ring[(q->first + i) % q->cap];
}

void ws_queue_drop(struct ws_queue *q, uint32_t n)
{
    for (; n > 0; n--) {
        struct ws_message *m = ws_queue_at(q, 0);

        q->bytes -= m->len;
        q->first = (q->first + 1) % q->cap;
        q->n--;
        ws_message_unref(m);
    }
    if (q->n > 0 || !q->ring)
        return;
    mem_free(q->ring); /* thousands of idle queues cost nothing so */
    *q = (struct ws_queue){0};
}
