/* ingest_file.h - the file of an ingest job: read, and what it tells of chunks.
 *
 * The text is taken out of the file in the job, each time it runs: the same
 * bytes give the same text, so a job that died goes on from its chunks.
 *
 * Ownership: everything lives until ingest_file_release.
 * Threads: a job's worker.
 */
#ifndef PROCESSOR_INGEST_FILE_H
#define PROCESSOR_INGEST_FILE_H

#include <jansson.h>

#include "jobs/engine.h"
#include "processor/chunk.h"
#include "processor/extract.h"

struct ingest_file {
    struct arena *arena; /* NULL: there is no file */
    struct extract x;
    json_t *metadata;   /* the caller's, and what the file says of itself */
    struct slice pages; /* JSON, [[page, start_char], ...]; empty: none */
};

/* Read the run's file, which has this name.  `metadata` (or NULL) are the
 * caller's, and win.  Errors of extract_file and store_job_file. */
enum err_code ingest_file_read(struct ingest_file *f, struct job_run *r,
                               struct slice name, const json_t *metadata,
                               struct err *e) CHECKED;
void ingest_file_release(struct ingest_file *f); /* fine if all is zero */

/* A chunk's first page (0: none), and its own metadata as a JSON object: the
 * last page, the headings it stands under, whether it is embedded in parts. */
int64_t ingest_file_page(const struct ingest_file *f,
                         const struct text_chunk *c);
enum err_code ingest_file_chunk(const struct ingest_file *f, int64_t start_char,
                                int64_t end_char, bool in_parts,
                                struct slice *metadata, struct err *e) CHECKED;

/* The name without folders and control characters, in `a`; p == NULL: no
 * memory. */
struct slice ingest_file_name(struct slice name, struct arena *a);

#endif
