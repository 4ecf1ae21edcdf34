/* table.c - see table.h.  A mistake in a table is found when the program
 * starts, with file and line, not when the first paper comes. */
#include "scraper/table.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/utf8.h"

static enum err_code read_file(struct buf *into, FILE *f, const char *path,
                               struct err *e)
{
    char *room;
    size_t n = 0;

    while ((room = buf_room(into, 4096)) != NULL &&
           (n = fread(room, 1, 4096, f)) > 0)
        buf_grew(into, n);
    if (!buf_ok(into))
        return err_set(e, ERR_TOO_LARGE, "'%s' is over %u bytes", path,
                       TABLE_MAX_BYTES);
    if (ferror(f))
        return err_set(e, ERR_INVALID, "cannot read '%s'", path);
    return ERR_NONE;
}

enum err_code table_load(struct buf *into, const char *dir, const char *file,
                         struct slice built_in, struct err *e)
{
    char path[4096];
    struct stat st;
    enum err_code rc;
    FILE *f;

    if (!dir || !dir[0]) {
        buf_add_slice(into, built_in);
        return buf_ok(into) ? ERR_NONE
                            : err_set(e, ERR_INTERNAL, "out of memory");
    }
    if (stat(dir, &st) != 0 || !S_ISDIR(st.st_mode))
        return err_set(e, ERR_INVALID, "rules_dir: '%s' is not a folder", dir);
    if (snprintf(path, sizeof(path), "%s/%s", dir, file) >= (int)sizeof(path))
        return err_set(e, ERR_INVALID, "rules_dir: the path is too long");
    f = fopen(path, "re");
    if (!f && errno == ENOENT)
        return table_load(into, "", file, built_in, e);
    if (!f)
        return err_set(e, ERR_INVALID, "cannot open '%s': %s", path,
                       strerror(errno));
    rc = read_file(into, f, path, e);
    fclose(f);
    return rc;
}

enum err_code table_init(struct table *t, const char *name, struct slice text,
                         struct err *e)
{
    size_t good = utf8_valid_prefix(text);

    *t = (struct table){.name = name, .rest = text};
    if (slice_starts(text, "\xEF\xBB\xBF"))
        t->rest = slice_sub(text, 3, text.len);
    if (good == text.len)
        return ERR_NONE;
    t->line = 1;
    for (size_t i = 0; i < good; i++)
        t->line += text.p[i] == '\n';
    return table_error(t, e, "not UTF-8 text");
}

enum err_code table_next(struct table *t, bool *got, struct err *e)
{
    struct slice line, cell;

    *got = false;
    while (slice_split(&t->rest, '\n', &line)) {
        t->line++;
        if (slice_starts(slice_trim(line), "#") || !slice_trim(line).len)
            continue;
        t->n_cells = 0;
        while (slice_split(&line, '\t', &cell)) {
            if (t->n_cells == TABLE_MAX_CELLS)
                return table_error(t, e, "more than %d columns",
                                   TABLE_MAX_CELLS);
            t->cells[t->n_cells++] = slice_trim(cell);
        }
        while (t->n_cells && !t->cells[t->n_cells - 1].len)
            t->n_cells--; /* tabs at the end of the line */
        *got = true;
        return ERR_NONE;
    }
    return ERR_NONE;
}

enum err_code table_error(const struct table *t, struct err *e, const char *fmt,
                          ...)
{
    char text[300];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    return err_set(e, ERR_INVALID, "%s:%d: %s", t->name, t->line, text);
}
