/* extract_zip.h - read single files out of a ZIP archive in memory.
 *
 * Only what EPUB and DOCX need: stored and deflated members, no ZIP64, no
 * encryption.  What an archive says about sizes is not believed: a member is
 * inflated into a buffer with a maximum, and all of them share one budget, so
 * that a bomb ends as an error.
 *
 * Threads: an archive belongs to one thread at a time.
 */
#ifndef PROCESSOR_EXTRACT_ZIP_H
#define PROCESSOR_EXTRACT_ZIP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/slice.h"

#define ZIP_MAX_MEMBERS 20000
#define ZIP_BUDGET (200u << 20) /* bytes unpacked, of all members together */

struct zip {
    struct slice bytes; /* borrowed */
    size_t directory;   /* where it begins, and ends */
    size_t directory_end;
    size_t left; /* of the budget */
};

enum zip_result {
    ZIP_OK,
    ZIP_NO_MEMBER, /* no member of this name */
    ZIP_DAMAGED,
    ZIP_ENCRYPTED,
    ZIP_TOO_LARGE /* the budget is used up */
};

/* Find the directory; false: no archive, or damaged. */
bool zip_open(struct zip *z, struct slice bytes);
bool zip_has(const struct zip *z, struct slice name);
/* Append the member to `out`. */
enum zip_result zip_read(struct zip *z, struct slice name, struct buf *out);

#endif
