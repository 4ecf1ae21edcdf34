/* upload.h - a file to POST /process/file.
 *
 * Threads: one thread.
 */
#ifndef CMD_UPLOAD_H
#define CMD_UPLOAD_H

#include "cmd/client.h"

struct upload {
    const char *path;     /* "-": standard input */
    const char *source;   /* or NULL */
    const char *title;    /* or NULL: as the file says */
    const char *metadata; /* JSON object, or NULL */
};

/* Send it; *job (the caller's) is the server's answer, {"job_id", "status"}.
 * ERR_NOT_FOUND: the file cannot be opened.  ERR_TOO_LARGE.  ERR_INVALID: its
 * name is not UTF-8, or what the server says. */
enum err_code upload_file(struct client *c, const struct upload *u,
                          json_t **job, struct err *e) CHECKED;

#endif
