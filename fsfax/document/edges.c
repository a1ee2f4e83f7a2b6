/* Smoothing of horizontal edges in a packed bitmap.
 *
 * Plain C without Python.h; fsfax/document/edges.py calls it, explains it, and does the same, bit
 * for bit, where this was not compiled. Here a row is an array of words whose highest bit is the
 * leftmost pel, and beyond the page every pel is white.
 */

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define MAX_WORDS 64 /* 4096 pels */
#define WORDS (MAX_WORDS + 2) /* A white word before and one after the row. */

/* A row, the same row with each pel replaced by a neighbour, and properties of each pel. */
typedef struct {
    uint64_t pels[WORDS], left[WORDS], right[WORDS], second_right[WORDS], near[WORDS];
    uint64_t three_white[WORDS], four_white[WORDS], five_black[WORDS];
    int inked;
} Row;

static uint64_t load(const uint8_t *from, int bytes)
{
    uint64_t word = 0;
    if (bytes >= 8)
        return (uint64_t) from[0] << 56 | (uint64_t) from[1] << 48 | (uint64_t) from[2] << 40
            | (uint64_t) from[3] << 32 | (uint64_t) from[4] << 24 | (uint64_t) from[5] << 16
            | (uint64_t) from[6] << 8 | from[7];
    for (int byte = 0; byte < bytes; byte++)
        word |= (uint64_t) from[byte] << (56 - 8 * byte);
    return word;
}

static void store(uint8_t *to, uint64_t word, int bytes)
{
    for (int byte = 0; byte < bytes && byte < 8; byte++)
        to[byte] = (uint8_t) (word >> (56 - 8 * byte));
}

static void clear(Row *row)
{
    memset(row, 0, sizeof *row);
    memset(row->three_white, 0xFF, sizeof row->three_white);
    memset(row->four_white, 0xFF, sizeof row->four_white);
}

static void read_row(Row *row, const uint8_t *bits, int bytes, int words)
{
    uint64_t any = 0;
    for (int at = 0; at < words; at++) {
        row->pels[at + 1] = load(bits + 8 * at, bytes - 8 * at);
        any |= row->pels[at + 1];
    }
    if (!any) {
        if (row->inked)
            clear(row);
        return;
    }
    row->inked = 1;
    for (int at = 1; at <= words; at++) {
        uint64_t before = row->pels[at - 1], pels = row->pels[at], after = row->pels[at + 1];
        uint64_t left = pels >> 1 | before << 63, right = pels << 1 | after >> 63;
        uint64_t left2 = pels >> 2 | before << 62, right2 = pels << 2 | after >> 62;
        row->left[at] = left;
        row->right[at] = right;
        row->second_right[at] = right2;
        row->near[at] = left | right | left2 | right2;
        row->three_white[at] = ~(left | right | pels);
        row->four_white[at] = ~(left | right | pels | right2);
        row->five_black[at] = left & right & pels & left2 & right2;
    }
}

static void smooth_row(const Row *above, const Row *row, const Row *below, uint8_t *bits,
                       int bytes, int words)
{
    uint64_t pairs[WORDS];
    pairs[0] = 0;
    for (int at = 1; at <= words; at++) {
        uint64_t pair = (below->pels[at] & below->right[at] & above->four_white[at])
            | (above->pels[at] & above->right[at] & below->four_white[at]);
        pairs[at] = pair & row->left[at] & row->second_right[at];
    }
    for (int at = 1; at <= words; at++) {
        uint64_t stray = (below->five_black[at] & ~above->pels[at])
            | (above->five_black[at] & ~below->pels[at]);
        uint64_t gap = (below->pels[at] & above->three_white[at])
            | (above->pels[at] & below->three_white[at]);
        stray &= ~row->near[at];
        gap &= row->left[at] & row->right[at];
        gap |= pairs[at] | pairs[at] >> 1 | pairs[at - 1] << 63;
        store(bits + 8 * (at - 1), (row->pels[at] | gap) & ~stray, bytes - 8 * (at - 1));
    }
}

/* Smooth a bitmap in place; return 0 if its rows are too long, else 1. */
int fsfax_smooth(uint8_t *bits, size_t rows, int bytes)
{
    Row three[3];
    const int words = (bytes + 7) / 8;

    if (bytes < 1 || words > MAX_WORDS)
        return 0;
    for (int each = 0; each < 3; each++)
        clear(&three[each]);
    if (rows)
        read_row(&three[1], bits, bytes, words);
    for (size_t at = 0; at < rows; at++) {
        Row *above = &three[at % 3], *row = &three[(at + 1) % 3], *below = &three[(at + 2) % 3];
        if (at + 1 < rows)
            read_row(below, bits + (at + 1) * (size_t) bytes, bytes, words);
        else
            clear(below);
        if (row->inked) /* Nothing is added to a white row. */
            smooth_row(above, row, below, bits + at * (size_t) bytes, bytes, words);
    }
    return 1;
}
