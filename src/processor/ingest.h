/* ingest.h - a text becomes a document: cut, embedded, stored, searchable.
 *
 * POST /process/text makes a job of kind "process", whose input holds the text;
 * POST /process/file one whose file is kept beside its input until it is done
 * (ingest_file.h).
 * The job commits a batch of chunks with their vectors and the progress at a
 * time; the last commit makes the document visible (store/documents.h).  So it
 * goes on where it was after kill -9, and can be cancelled between batches.
 *
 * A document with a `source` in its metadata has the id of that source: its
 * next version takes its place, and chunks that are the same in both are not
 * embedded again.
 *
 * Threads: job workers.
 */
#ifndef PROCESSOR_INGEST_H
#define PROCESSOR_INGEST_H

#include "jobs/engine.h"
#include "jobs/routes.h"
#include "processor/chunk.h"

#define INGEST_KIND "process"
#define INGEST_MAX_ATTEMPTS 5

struct ingest_input {
    struct slice title;
    struct slice text;      /* p == NULL: it is in the job's file */
    struct slice filename;  /* of the file; may be empty */
    const json_t *metadata; /* object of scalars; NULL: none */
    struct chunk_options chunks;
};

/* ERR_INVALID, with the field: an empty text, metadata that is no object of
 * scalars or too large, sizes that chunk_check refuses. */
enum err_code ingest_check(const struct ingest_input *in, struct err *e)
    CHECKED;
/* The job's input, in `a`. */
enum err_code ingest_write(const struct ingest_input *in, struct arena *a,
                           struct slice *out, struct err *e) CHECKED;

/* For job_kind: ctx is the struct processor. */
struct job_end ingest_run(struct job_run *r, struct err *e);
void ingest_failed(struct job_run *r, const struct err *why);
/* For job_view. */
enum err_code ingest_view(struct store *s, struct arena *a,
                          const struct job *job, struct jw *j, struct err *e);

#endif
