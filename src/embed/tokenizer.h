/* tokenizer.h - BERT WordPiece, uncased: text in, token ids out.
 *
 * Gives exactly what Hugging Face `tokenizers` gives for all-MiniLM-L6-v2
 * (BertNormalizer: clean, CJK spacing, strip accents, lower case;
 * BertPreTokenizer; WordPiece with "##", at most 100 characters a word), with
 * offsets back into the original text.  Input that is not UTF-8 is read as
 * U+FFFD a byte, which is removed: "a\xFFb" is the word "ab".
 *
 * The names of the special tokens are special in a text too, as they are there:
 * "[SEP]" in a document is TOKEN_SEP, "[sep]" is three words
 * (docs/embedding-tokenizer.md says what that means for texts of strangers).
 *
 * Threads: a tokenizer is read-only after tokenizer_open; any number of threads
 * may encode with it.
 */
#ifndef EMBED_TOKENIZER_H
#define EMBED_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

#define TOKENIZER_VOCAB 30522 /* tokens; ids are smaller */

#define TOKEN_PAD 0
#define TOKEN_UNK 100
#define TOKEN_CLS 101
#define TOKEN_SEP 102
#define TOKEN_MASK 103

struct tokenizer;

/* One token: its id and the bytes [start, end) of the original text that it
 * stands for.  Several tokens can stand for one code point (Hangul syllables
 * are taken apart), and what was removed inside a word lies between or in them.
 */
struct token {
    uint16_t id;
    uint32_t start, end;
};

/* Build from the bytes of vocab.txt (one token a line, TOKENIZER_VOCAB lines;
 * kept no longer than the call).  ERR_INVALID: not a BERT vocabulary (number of
 * lines, special tokens, an empty, double or too long line, NUL, not UTF-8);
 * the message names the line.  ERR_INTERNAL: out of memory. */
enum err_code tokenizer_open(struct tokenizer **out, struct slice vocab,
                             struct err *e) CHECKED;
void tokenizer_close(struct tokenizer *t); /* takes NULL */

/* Encode text (less than 4 GiB), without adding special tokens: at most `max`
 * tokens into out (and no further work is done after that, but for finding the
 * next one if `more` is asked for).  A text has no more tokens than bytes.
 * Returns how many; *more (may be NULL) tells whether the text has further
 * tokens.  ids-only callers pass ids and NULL out, the other way round for
 * offsets; with both NULL tokens are only counted.  Allocates nothing; takes
 * time linear in the text, and 10 kB of stack. */
size_t tokenizer_encode(const struct tokenizer *t, struct slice text,
                        struct token *out, uint16_t *ids, size_t max,
                        bool *more);
/* Text of a token ("##ing"), borrowed; SLICE_NONE for an id out of range. */
struct slice tokenizer_text(const struct tokenizer *t, uint16_t id);

#endif
