/* multipart.h - multipart/form-data (RFC 7578), read from a whole body.
 *
 * Strict: what two readers could understand in two ways is refused, with the
 * byte where it is.  No socket and no allocation: parts are slices of the body.
 *
 *     --BOUNDARY CRLF
 *     Content-Disposition: form-data; name="file"; filename="guide.pdf" CRLF
 *     Content-Type: application/pdf CRLF
 *     CRLF
 *     bytes CRLF
 *     --BOUNDARY-- CRLF
 *
 * In names a browser writes %22, %0D and %0A for a quote and line ends, older
 * clients \" and \\: all five are undone.
 *
 * Ownership: the body is borrowed by the reader and its parts.
 * Threads: a reader belongs to one thread at a time.
 */
#ifndef NET_MULTIPART_H
#define NET_MULTIPART_H

#include <stdbool.h>

#include "base/err.h"
#include "base/slice.h"

/* More is refused. */
#define MULTIPART_MAX_PARTS 32
#define MULTIPART_MAX_HEAD 4096     /* bytes of a part's headers */
#define MULTIPART_MAX_NAME 100      /* bytes of a field's name */
#define MULTIPART_MAX_FILENAME 1020 /* 255 characters of any kind */
#define MULTIPART_MAX_BOUNDARY 70

struct multipart {
    char mark[4 + MULTIPART_MAX_BOUNDARY + 1]; /* CR LF - - boundary */
    struct slice delimiter;                    /* all of it */
    struct slice body;
    size_t at; /* behind the delimiter that was read last */
    int n;     /* parts so far */
};

struct multipart_part {
    char name[MULTIPART_MAX_NAME + 1];
    char filename[MULTIPART_MAX_FILENAME + 1]; /* "" if it has none */
    bool is_file;                              /* a filename was given */
    struct slice type; /* of the content, as written; SLICE_NONE: not given */
    struct slice data;
};

/* Is this the Content-Type of a form?  Its parameters are not looked at. */
bool multipart_is(struct slice content_type);

/* Begin.  ERR_INVALID: no usable boundary in the Content-Type, or the body does
 * not begin with it. */
enum err_code multipart_open(struct multipart *m, struct slice content_type,
                             struct slice body, struct err *e) CHECKED;

/* The next part; *more false: there is none, and the body ended as it should.
 * ERR_INVALID: malformed, or cut off.  ERR_TOO_LARGE: a limit above. */
enum err_code multipart_next(struct multipart *m, struct multipart_part *out,
                             bool *more, struct err *e) CHECKED;

#endif
