/* config_write.c - the settings table as documentation; see config.h. */
#include "base/config.h"

#include <string.h>

#include "base/buf.h"
#include "base/config_table.h"
#include "base/slice.h"

#define LINE_WIDTH 78

/* The text in lines that begin with "# ". */
static void write_comment(struct buf *out, const char *text)
{
    struct slice rest = slice_of(text), word;
    size_t column = 1;

    buf_add_char(out, '#');
    while (slice_split(&rest, ' ', &word)) {
        if (column > 1 && column + 1 + word.len > LINE_WIDTH) {
            buf_add_str(out, "\n#");
            column = 1;
        }
        buf_add_char(out, ' ');
        buf_add_slice(out, word);
        column += 1 + word.len;
    }
    buf_add_char(out, '\n');
}

static void write_range(struct buf *out, const struct config_row *row)
{
    if (row->type == CONFIG_INT)
        buf_printf(out, "%lld to %lld", (long long)row->min,
                   (long long)row->max);
    else if (row->type == CONFIG_CHOICE)
        buf_add_str(out, row->choices);
    else
        buf_add_str(out, row->type == CONFIG_BOOL ? "on, off" : "text");
}

void config_write_example(struct buf *out)
{
    size_t i;

    buf_add_str(out, "# sheaf.conf: settings, one 'key = value' a line.  Lines "
                     "that begin with # are\n# comments; what is not set here "
                     "keeps the value shown.\n");
    for (i = 0; i < CONFIG_ROWS; i++) {
        const struct config_row *row = &config_table[i];

        if (row->for_tests)
            continue;
        buf_add_char(out, '\n');
        write_comment(out, row->meaning);
        if (row->type != CONFIG_STR) {
            buf_add_str(out, "# (");
            write_range(out, row);
            buf_add_str(out, ")\n");
        }
        buf_printf(out, "#%s =%s%s\n", row->key, row->dflt[0] ? " " : "",
                   row->dflt);
    }
}

/* A '|' would end the cell. */
static void write_cell(struct buf *out, const char *text)
{
    struct slice rest = slice_of(text), part;
    bool first = true;

    while (slice_split(&rest, '|', &part)) {
        if (!first)
            buf_add_str(out, "\\|");
        buf_add_slice(out, part);
        first = false;
    }
}

void config_write_markdown(struct buf *out)
{
    size_t i;

    buf_add_str(out, "# Settings\n\n"
                     "Made by `sheaf config markdown` (`make docs`). A key is a"
                     " flag with dashes\n(`--arxiv-url`), a variable in"
                     " capitals (`SHEAF_ARXIV_URL`) and a line in\n"
                     "`sheaf.conf` (`arxiv_url = ...`). Flag wins over"
                     " environment over file over default.\n\n"
                     "| key | default | values | meaning |\n"
                     "|---|---|---|---|\n");
    for (i = 0; i < CONFIG_ROWS; i++) {
        const struct config_row *row = &config_table[i];

        if (row->for_tests)
            continue;
        buf_printf(out, "| `%s` | ", row->key);
        if (row->dflt[0])
            buf_printf(out, "`%s`", row->dflt);
        else
            buf_add_str(out, "not set");
        buf_add_str(out, " | ");
        write_range(out, row);
        buf_add_str(out, " | ");
        write_cell(out, row->meaning);
        buf_add_str(out, " |\n");
    }
}
