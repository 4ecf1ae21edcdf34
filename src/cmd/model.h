/* model.h - where the embedding model is looked for (setting `model_dir`).
 *
 * Threads: pure functions.
 */
#ifndef CMD_MODEL_H
#define CMD_MODEL_H

#include "base/config.h"
#include "base/err.h"
#include "cmd/datadir.h"

struct model_dirs {
    const char *list[3]; /* in order, NULL-ended; into text, or the setting */
    char text[2][4200];
};

/* The setting alone, or else "model" next to the program and in the data
 * directory.  Nothing is looked at on disk. */
enum err_code model_dirs_find(struct model_dirs *out, const struct config *c,
                              const struct datadir *d, struct err *e) CHECKED;
/* The first of them that has a model.safetensors, or the last one. */
const char *model_dirs_best(const struct model_dirs *m);

#endif
