/* http_peer.h - one request as libhttp-parser reads it. */
#ifndef UNIT_HTTP_PEER_H
#define UNIT_HTTP_PEER_H

#include "base/buf.h"

struct http_peer {
    char method[32];
    struct buf url, body;
    struct buf headers; /* "Name:value\n" for each, without trailers */
    bool complete, value_open, in_trailers;
    bool bad_coding; /* it did not like the transfer coding */
    bool bad_length; /* nor this length */
};

/* Parse; true if a whole request was accepted.  Release in either case. */
bool http_peer_parse(const char *p, size_t len, struct http_peer *t);
void http_peer_release(struct http_peer *t);

#endif
