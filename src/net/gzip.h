/* gzip.h - compress one reply.
 *
 * Threads: any.
 */
#ifndef NET_GZIP_H
#define NET_GZIP_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/slice.h"

/* Bodies below this are sent as they are: a packet either way. */
#define GZIP_MIN 1024

/* Append the gzip form of `in` to *out.  false: it would not be smaller than
 * `in`, or out of memory; *out is then as before. */
bool gzip_bytes(struct slice in, struct buf *out);
/* Is content of that type worth compressing (text, JSON, XML, SVG)? */
bool gzip_type(const char *content_type);
/* Does Accept-Encoding allow gzip, and not prefer identity to it? */
bool gzip_accepted(struct slice accept_encoding);

#endif
