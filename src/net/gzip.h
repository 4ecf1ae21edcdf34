/* gzip.h - compress one reply, and unpack a file of the program.
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
/* Append what `in` is the gzip form of, which must be `len` bytes.  false: it
 * is not, or there is no room in *out, which is then as before. */
bool gunzip_bytes(struct slice in, size_t len, struct buf *out);
/* Is content of that type worth compressing (text, JSON, XML, SVG)? */
bool gzip_type(const char *content_type);
/* Does Accept-Encoding allow gzip, and not prefer identity to it? */
bool gzip_accepted(struct slice accept_encoding);

#endif
