/* term.c - see term.h. */
#include "cmd/term.h"

#include <stdio.h>
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

void term_cell(struct slice text, int columns)
{
    size_t n = utf8_count(text), pos = 0;
    int shown = 0;

    if ((int)n <= columns) {
        printf("%.*s%*s", SLICE_ARG(text), columns - (int)n, "");
        return;
    }
    while (shown < columns - 1 && pos < text.len) {
        utf8_next(text, &pos);
        shown++;
    }
    printf("%.*s…", (int)pos, text.p);
}
