/* no_files.c - a program without the desk; see files.h. */
#include "web/files.h"

const struct web_files web_files = {NULL, 0};
