/* chunk.c - see chunk.h.
 *
 * Code points are found by walking, so everything that is walked must be
 * walked once only.  Both the start of a chunk and the begin of its window only
 * ever move on: each has a cursor of its own, which passes over the text once
 * in all, whatever the overlap.  The 200 code points of the window are looked
 * at for every chunk anew.
 *
 * The window is read from left to right with the last two bytes in hand.  All
 * boundaries are ASCII, so bytes can be compared: no ASCII byte is a part of a
 * longer code point.
 */
#include "processor/chunk.h"

#include "base/utf8.h"

enum kind { K_PARAGRAPH, K_SENTENCE, K_EXCLAIM, K_N };

struct window {
    struct chunk_place best[K_N]; /* byte 0: none (no cut is at byte 0) */
    struct chunk_place blank, target;
};

/* Move on by at most n code points; false: the text ended before that. */
static bool advance(struct slice text, struct chunk_place *p, size_t n)
{
    size_t i = p->byte, left = n;

    while (left > 0 && i < text.len) {
        unsigned char c = (unsigned char)text.p[i];

        i += c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
        left--;
    }
    p->byte = i;
    p->at += n - left;
    return left == 0;
}

/* What ends at this byte, K_N: no boundary does. */
static enum kind boundary_before(struct slice text, size_t byte)
{
    char a, b;

    if (byte < 2)
        return K_N;
    a = text.p[byte - 2];
    b = text.p[byte - 1];
    if (a == '\n' && b == '\n')
        return K_PARAGRAPH;
    if (b != ' ')
        return K_N;
    return a == '.' ? K_SENTENCE : a == '!' || a == '?' ? K_EXCLAIM : K_N;
}

static size_t distance(size_t a, size_t b)
{
    return a < b ? b - a : a - b;
}

/* A cut is possible at p: note it where it is the best of its kind. */
static void consider(struct window *w, struct slice text, struct chunk_place p,
                     size_t target)
{
    enum kind k = boundary_before(text, p.byte);

    if (p.at == target)
        w->target = p;
    if (p.byte > 0 && text.p[p.byte - 1] == ' ')
        w->blank = p;
    /* read from the left, so the earlier one stays on a tie */
    if (k != K_N && (w->best[k].byte == 0 ||
                     distance(p.at, target) < distance(w->best[k].at, target)))
        w->best[k] = p;
}

/* Where the chunk that starts at c->start ends. */
static struct chunk_place find_end(struct chunker *c)
{
    size_t target = c->start.at + c->opt.size;
    struct chunk_place p;
    struct window w = {0};

    if (c->low.at < c->start.at)
        c->low = c->start;
    if (!advance(c->text, &c->low, target - CHUNK_WINDOW - c->low.at))
        return c->low;
    p = c->low;
    do
        consider(&w, c->text, p, target);
    while (p.at < target + CHUNK_WINDOW && advance(c->text, &p, 1));
    if (p.at <= target) /* the text ends before the target or at it */
        return p;
    for (int k = 0; k < K_N; k++)
        if (w.best[k].byte)
            return w.best[k];
    return w.blank.byte ? w.blank : w.target;
}

enum err_code chunk_check(const struct chunk_options *opt, struct err *e)
{
    if (opt->size < CHUNK_SIZE_MIN || opt->size > CHUNK_SIZE_MAX)
        return err_field(e, "chunk_size",
                         "chunk_size must be %d to %d characters; it is %zu",
                         CHUNK_SIZE_MIN, CHUNK_SIZE_MAX, opt->size);
    if (opt->overlap > opt->size - CHUNK_SIZE_MIN)
        return err_field(e, "chunk_overlap",
                         "chunk_overlap must be at most chunk_size - %d, here "
                         "%zu; it is %zu",
                         CHUNK_SIZE_MIN, opt->size - CHUNK_SIZE_MIN,
                         opt->overlap);
    return ERR_NONE;
}

enum err_code chunker_init(struct chunker *c, struct slice text,
                           const struct chunk_options *opt, struct err *e)
{
    size_t good;

    if (chunk_check(opt, e) != ERR_NONE)
        return ERR_INVALID;
    good = utf8_valid_prefix(text);
    if (good < text.len)
        return err_field(e, "text",
                         "the text is not UTF-8: byte %zu does not belong to a "
                         "character",
                         good);
    *c = (struct chunker){.text = text, .opt = *opt, .done = text.len == 0};
    return ERR_NONE;
}

/* The place `overlap` before the end.  It is behind the start of the chunk,
 * and so found from there. */
static void move_start(struct chunker *c, size_t end_char)
{
    size_t next = end_char - c->opt.overlap;

    if (next > c->start.at)
        advance(c->text, &c->start, next - c->start.at);
}

bool chunker_next(struct chunker *c, struct text_chunk *out)
{
    struct chunk_place end;

    if (c->done)
        return false;
    end = find_end(c);
    *out = (struct text_chunk){
        .index = c->n++,
        .start_char = c->start.at,
        .end_char = end.at,
        .start_byte = c->start.byte,
        .end_byte = end.byte,
        .text = slice_sub(c->text, c->start.byte, end.byte),
    };
    c->done = end.byte == c->text.len;
    if (!c->done)
        move_start(c, end.at);
    return true;
}

enum err_code chunker_resume(struct chunker *c, const struct text_chunk *last,
                             struct err *e)
{
    struct chunk_place start = {0}, end;

    if (!advance(c->text, &start, last->start_char) ||
        last->end_char <= last->start_char)
        goto wrong;
    end = start;
    if (!advance(c->text, &end, last->end_char - last->start_char))
        goto wrong;
    c->done = end.byte == c->text.len;
    if (!c->done && last->end_char - last->start_char <= c->opt.overlap)
        goto wrong;
    c->n = last->index + 1;
    c->low = c->start = start;
    if (!c->done)
        move_start(c, end.at);
    return ERR_NONE;
wrong:
    return err_set(e, ERR_INVALID,
                   "%zu to %zu is not a chunk of this text: it has changed",
                   last->start_char, last->end_char);
}

size_t chunker_left(const struct chunker *c)
{
    struct chunker copy = *c;
    struct text_chunk ignored;
    size_t n = 0;

    while (chunker_next(&copy, &ignored))
        n++;
    return n;
}
