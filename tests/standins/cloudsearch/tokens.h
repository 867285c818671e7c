/* Text into tokens, as an analysis scheme for several languages ("mul") does it: words of letters and digits, folded to one width and to lower
 * case, and Chinese, Japanese and Korean characters as overlapping pairs. The hits of "ja", which takes words from a dictionary, differ. */
#ifndef CLOUDSEARCH_TOKENS_H
#define CLOUDSEARCH_TOKENS_H

#include <stdbool.h>
#include <stddef.h>

#include "nightshift/base/text.h"

struct token {
    char *text;
    size_t begin, end; /* the bytes it was made from */
    bool
        starts_word; /* nothing but its predecessor's pair connects it to what stands before: a phrase never breaks here */
};

struct tokens {
    struct token *items;
    size_t count;
};

enum { TERM_LIMIT = 256 }; /* a longer word is left out, as a stop word is */

void tokens_split(struct tokens *tokens, const char *string);
void tokens_free(struct tokens *tokens);

/* The folded form of one character: full width to ASCII, half-width katakana to full width, Latin and Greek and Cyrillic capitals to small.
 * A combining sound mark after half-width katakana is taken in too; *taken says how many bytes that were. */
unsigned tokens_fold(const char *bytes, size_t length, size_t *taken);

/* Appends the folded form of the first 512 bytes, blanks and punctuation included: what a suggester compares. */
void tokens_fold_string(struct text *text, const char *string);

#endif
