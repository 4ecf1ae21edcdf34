/* send_many.h - bytes to many sockets, with few system calls.
 *
 * A broadcast to a thousand clients is a thousand sends, and the ways into the
 * kernel and back are a good part of their cost.  Where the kernel has io_uring
 * and lets us use it, a batch goes in with one system call; elsewhere each send
 * is one.  Nothing else differs: when sender_send returns, all is done.
 *
 * Threads: one sender belongs to one thread.
 */
#ifndef NET_SEND_MANY_H
#define NET_SEND_MANY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sender;

struct outgoing {
    const char *bytes;
    uint32_t len;
    int fd;
    int sent; /* out: bytes that the kernel took, or -errno */
};

/* with_ring: use io_uring, if it can be had. */
struct sender *sender_new(bool with_ring);
void sender_free(struct sender *s);
bool sender_has_ring(const struct sender *s);

/* Send each, as much of it as its socket takes without waiting (-EAGAIN: none
 * of it).  A socket must not be there twice. */
void sender_send(struct sender *s, struct outgoing *all, size_t n);

#endif
