/* term.c - see term.h. */
#include "cmd/term.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/utf8.h"

enum { BAR = 24 };

bool term_is_interactive(void)
{
    return isatty(STDERR_FILENO) == 1;
}

int term_width(void)
{
    struct winsize w;

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col >= 40)
        return w.ws_col;
    return 80;
}

bool term_has_colours(void)
{
    const char *no = getenv("NO_COLOR"), *kind = getenv("TERM");

    return isatty(STDOUT_FILENO) == 1 && !(no && *no) && kind &&
           strcmp(kind, "dumb") != 0;
}

void term_progress(const char *label, double percent, const char *note)
{
    char bar[BAR + 1];
    int full;

    if (!term_is_interactive())
        return;
    if (percent < 0) {
        fprintf(stderr, "\r\033[K%s  %s", label, note);
        fflush(stderr);
        return;
    }
    full = (int)(percent * BAR / 100 + 0.5);
    for (int i = 0; i < BAR; i++)
        bar[i] = i < full ? '#' : '.';
    bar[BAR] = '\0';
    fprintf(stderr, "\r\033[K%s  [%s] %3.0f %%  %s", label, bar, percent, note);
    fflush(stderr);
}

void term_progress_end(void)
{
    if (term_is_interactive())
        fputs("\r\033[K", stderr);
}

static void print_cleaned(FILE *out, struct slice s, bool lines)
{
    size_t pos = 0;

    while (pos < s.len) {
        uint32_t cp = utf8_next(s, &pos);
        char text[4];

        if (utf8_steers(cp) || (!lines && (cp == '\n' || cp == '\t')))
            cp = '?';
        fwrite(text, 1, utf8_put(text, cp), out);
    }
}

void term_text(FILE *out, struct slice s)
{
    print_cleaned(out, s, false);
}

void term_lines(FILE *out, struct slice s)
{
    print_cleaned(out, s, true);
}

void term_path(FILE *out, const char *path)
{
    char here[PATH_MAX];
    size_t n;

    if (getcwd(here, sizeof(here)) && (n = strlen(here)) > 1 &&
        strncmp(path, here, n) == 0 && path[n] == '/')
        path += n + 1;
    term_text(out, slice_of(path));
}

void term_cell(struct slice text, int columns)
{
    size_t n = utf8_count(text), pos = 0;
    int shown = 0;

    if ((int)n <= columns) {
        term_text(stdout, text);
        printf("%*s", columns - (int)n, "");
        return;
    }
    while (shown < columns - 1 && pos < text.len) {
        utf8_next(text, &pos);
        shown++;
    }
    term_text(stdout, slice_sub(text, 0, pos));
    fputs("…", stdout);
}
