/* nearest.c - see config.h: the word that somebody meant to type.
 *
 * Edit distance in which two neighbours exchanged count as one mistake
 * (optimal string alignment), over three rows of the table.
 */
#include "base/config.h"

#include <string.h>

#define MAX_WORD 64

static int min3(int a, int b, int c)
{
    a = a < b ? a : b;
    return a < c ? a : c;
}

/* Both at most MAX_WORD long. */
static int distance(const char *a, int n, const char *b, int m)
{
    int rows[3][MAX_WORD + 1];
    int *before = rows[0], *last = rows[1], *row = rows[2], *spare;
    int i, j;

    for (j = 0; j <= m; j++)
        last[j] = before[j] = j;
    for (i = 1; i <= n; i++) {
        row[0] = i;
        for (j = 1; j <= m; j++) {
            row[j] = min3(last[j] + 1, row[j - 1] + 1,
                          last[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
                a[i - 2] == b[j - 1] && before[j - 2] + 1 < row[j])
                row[j] = before[j - 2] + 1;
        }
        spare = before;
        before = last;
        last = row;
        row = spare;
    }
    return last[m];
}

const char *nearest_word(const char *word, const char *const *candidates)
{
    size_t n = strlen(word), m;
    const char *best = NULL;
    int limit, d;

    if (n > MAX_WORD)
        return NULL;
    limit = n < 6 ? 1 : n < 9 ? 2 : 3; /* a third */
    for (; *candidates; candidates++) {
        m = strlen(*candidates);
        if (m > MAX_WORD)
            continue;
        d = distance(word, (int)n, *candidates, (int)m);
        if (d <= limit) {
            limit = d - 1; /* only a better one replaces it */
            best = *candidates;
        }
    }
    return best;
}
