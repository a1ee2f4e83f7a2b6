/* The coder of ITU-T T.6 (MMR) for a packed bitmap.
 *
 * Plain C without Python.h; fsfax/document/mmr.py calls it and says why it exists. Each row becomes
 * a list of its changing elements, found a word at a time. The rest is T.6 section 2.2: a0, a1 and
 * a2 are elements of the row that is coded, b1 and b2 = b1[1] of the row above.
 */

#include <stddef.h>
#include <stdint.h>

#define MAX_WIDTH 2559 /* One make-up code and one terminating code hold every run. */
#define WORD 64

typedef struct {
    uint16_t code; /* Its first bit is the lowest, the other way round than T.4 prints it. */
    uint8_t length;
} Code;

/* T.4 tables 2, 3a and 3b: terminating codes 0 to 63, then make-up codes 64 to 2560 by 64. */
static const Code WHITE[104] = {
    {0xAC, 8}, {0x38, 6}, {0x0E, 4}, {0x01, 4}, {0x0D, 4}, {0x03, 4}, {0x07, 4}, {0x0F, 4},
    {0x19, 5}, {0x05, 5}, {0x1C, 5}, {0x02, 5}, {0x04, 6}, {0x30, 6}, {0x0B, 6}, {0x2B, 6},
    {0x15, 6}, {0x35, 6}, {0x72, 7}, {0x18, 7}, {0x08, 7}, {0x74, 7}, {0x60, 7}, {0x10, 7},
    {0x0A, 7}, {0x6A, 7}, {0x64, 7}, {0x12, 7}, {0x0C, 7}, {0x40, 8}, {0xC0, 8}, {0x58, 8},
    {0xD8, 8}, {0x48, 8}, {0xC8, 8}, {0x28, 8}, {0xA8, 8}, {0x68, 8}, {0xE8, 8}, {0x14, 8},
    {0x94, 8}, {0x54, 8}, {0xD4, 8}, {0x34, 8}, {0xB4, 8}, {0x20, 8}, {0xA0, 8}, {0x50, 8},
    {0xD0, 8}, {0x4A, 8}, {0xCA, 8}, {0x2A, 8}, {0xAA, 8}, {0x24, 8}, {0xA4, 8}, {0x1A, 8},
    {0x9A, 8}, {0x5A, 8}, {0xDA, 8}, {0x52, 8}, {0xD2, 8}, {0x4C, 8}, {0xCC, 8}, {0x2C, 8},
    {0x1B, 5}, {0x09, 5}, {0x3A, 6}, {0x76, 7}, {0x6C, 8}, {0xEC, 8}, {0x26, 8}, {0xA6, 8},
    {0x16, 8}, {0xE6, 8}, {0x66, 9}, {0x166, 9}, {0x96, 9}, {0x196, 9}, {0x56, 9}, {0x156, 9},
    {0xD6, 9}, {0x1D6, 9}, {0x36, 9}, {0x136, 9}, {0xB6, 9}, {0x1B6, 9}, {0x32, 9}, {0x132, 9},
    {0xB2, 9}, {0x06, 6}, {0x1B2, 9}, {0x80, 11}, {0x180, 11}, {0x580, 11}, {0x480, 12},
    {0xC80, 12}, {0x280, 12}, {0xA80, 12}, {0x680, 12}, {0xE80, 12}, {0x380, 12}, {0xB80, 12},
    {0x780, 12}, {0xF80, 12},
};
static const Code BLACK[104] = {
    {0x3B0, 10}, {0x02, 3}, {0x03, 2}, {0x01, 2}, {0x06, 3}, {0x0C, 4}, {0x04, 4}, {0x18, 5},
    {0x28, 6}, {0x08, 6}, {0x10, 7}, {0x50, 7}, {0x70, 7}, {0x20, 8}, {0xE0, 8}, {0x30, 9},
    {0x3A0, 10}, {0x60, 10}, {0x40, 10}, {0x730, 11}, {0xB0, 11}, {0x1B0, 11}, {0x760, 11},
    {0xA0, 11}, {0x740, 11}, {0xC0, 11}, {0x530, 12}, {0xD30, 12}, {0x330, 12}, {0xB30, 12},
    {0x160, 12}, {0x960, 12}, {0x560, 12}, {0xD60, 12}, {0x4B0, 12}, {0xCB0, 12}, {0x2B0, 12},
    {0xAB0, 12}, {0x6B0, 12}, {0xEB0, 12}, {0x360, 12}, {0xB60, 12}, {0x5B0, 12}, {0xDB0, 12},
    {0x2A0, 12}, {0xAA0, 12}, {0x6A0, 12}, {0xEA0, 12}, {0x260, 12}, {0xA60, 12}, {0x4A0, 12},
    {0xCA0, 12}, {0x240, 12}, {0xEC0, 12}, {0x1C0, 12}, {0xE40, 12}, {0x140, 12}, {0x1A0, 12},
    {0x9A0, 12}, {0xD40, 12}, {0x340, 12}, {0x5A0, 12}, {0x660, 12}, {0xE60, 12}, {0x3C0, 10},
    {0x130, 12}, {0x930, 12}, {0xDA0, 12}, {0xCC0, 12}, {0x2C0, 12}, {0xAC0, 12}, {0x6C0, 13},
    {0x16C0, 13}, {0xA40, 13}, {0x1A40, 13}, {0x640, 13}, {0x1640, 13}, {0x9C0, 13}, {0x19C0, 13},
    {0x5C0, 13}, {0x15C0, 13}, {0xDC0, 13}, {0x1DC0, 13}, {0x940, 13}, {0x1940, 13}, {0x540, 13},
    {0x1540, 13}, {0xB40, 13}, {0x1B40, 13}, {0x4C0, 13}, {0x14C0, 13}, {0x80, 11}, {0x180, 11},
    {0x580, 11}, {0x480, 12}, {0xC80, 12}, {0x280, 12}, {0xA80, 12}, {0x680, 12}, {0xE80, 12},
    {0x380, 12}, {0xB80, 12}, {0x780, 12}, {0xF80, 12},
};

/* T.6 table 1: a1 is left of b1 by 3, 2, 1, exactly below, right by 1, 2, 3. */
static const Code VERTICAL[7] = {
    {0x20, 7}, {0x10, 6}, {0x02, 3}, {0x01, 1}, {0x06, 3}, {0x30, 6}, {0x60, 7},
};
static const Code PASS = {0x08, 4}, HORIZONTAL = {0x04, 3}, EOL = {0x800, 12};

typedef struct {
    uint8_t *next;
    uint64_t held; /* The bit to go out first is the lowest: FillOrder 2. */
    unsigned count; /* Less than 8 between two calls of put. */
} Line;

/* All held bytes are stored each time, and the position advances by the complete ones: a branch on
 * whether there is a complete one would be mispredicted every third time. */
static inline void put(Line *line, Code code)
{
    line->held |= (uint64_t) code.code << line->count;
    line->count += code.length;
    line->next[0] = (uint8_t) line->held;
    line->next[1] = (uint8_t) (line->held >> 8);
    line->next[2] = (uint8_t) (line->held >> 16);
    line->next[3] = (uint8_t) (line->held >> 24);
    line->next += line->count / 8;
    line->held >>= line->count / 8 * 8;
    line->count %= 8;
}

static void put_run(Line *line, const Code *table, int run)
{
    if (run >= 64)
        put(line, table[63 + run / 64]);
    put(line, table[run % 64]);
}

/* Written out, because compilers make one instruction of it only then. */
static inline uint64_t whole_word(const uint8_t *at)
{
    return (uint64_t) at[0] << 56 | (uint64_t) at[1] << 48 | (uint64_t) at[2] << 40
        | (uint64_t) at[3] << 32 | (uint64_t) at[4] << 24 | (uint64_t) at[5] << 16
        | (uint64_t) at[6] << 8 | at[7];
}

/* List where the colour changes in a row that begins white, and the row's end four times: as a1, as
 * a2 after it, and as b1 and b2 wherever there are none. */
static void changes(const uint8_t *row, int width, int *found)
{
    uint64_t before = 0;
    for (int start = 0; start < width; start += WORD) {
        uint64_t pels = 0, edges;
        int bytes = (width - start + 7) / 8;
        if (bytes >= 8) {
            pels = whole_word(row + start / 8);
        } else {
            for (int byte = 0; byte < bytes; byte++)
                pels |= (uint64_t) row[start / 8 + byte] << (56 - 8 * byte);
        }
        edges = pels ^ (pels >> 1 | before << 63);
        before = pels & 1;
        if (width - start < WORD)
            edges &= ~UINT64_C(0) << (WORD - (width - start));
        while (edges) {
            int place = __builtin_clzll(edges);
            *found++ = start + place;
            edges &= ~(UINT64_C(1) << 63 >> place);
        }
    }
    for (int time = 0; time < 4; time++)
        *found++ = width;
}

static void code_row(Line *line, const int *current, const int *above, int width)
{
    int a0 = -1; /* An imaginary white pel before the first (T.6 2.2.4). */
    int black = 0;
    const int *b1 = above;

    while (a0 < width) {
        int a1 = *current;
        while (*b1 <= a0)
            b1 += 2;
        while (b1[1] < a1) {
            put(line, PASS);
            a0 = b1[1];
            b1 += 2;
        }
        if ((unsigned) (a1 - *b1 + 3) <= 6) {
            put(line, VERTICAL[a1 - *b1 + 3]);
            a0 = a1;
            current++;
            black = !black;
            /* The first change to the other colour right of the new a0 may be left of this one. */
            b1 += b1 > above ? -1 : 1;
        } else {
            int a2 = current[1];
            put(line, HORIZONTAL);
            put_run(line, black ? BLACK : WHITE, a1 - (a0 < 0 ? 0 : a0));
            put_run(line, black ? WHITE : BLACK, a2 - a1);
            a0 = a2;
            current += 2;
        }
    }
}

/* Code `rows` rows of (width + 7) / 8 bytes each, 1 is black, and an EOFB.
 *
 * Returns the number of bytes written to `out`, or 0 if `capacity` bytes may not be enough or the
 * width is not that of a fax page.
 */
size_t fsfax_mmr(const uint8_t *bits, size_t rows, int width, uint8_t *out, size_t capacity)
{
    int lists[2][MAX_WIDTH + 4];
    /* Bytes of a row: at most 7 bits a pel, and 40 for empty runs where it begins and ends. */
    const size_t most = (size_t) width + 32;
    Line line = {out, 0, 0};

    if (width < 1 || width > MAX_WIDTH || capacity < most)
        return 0;
    for (int time = 0; time < 4; time++)
        lists[0][time] = width;
    for (size_t row = 0; row < rows; row++) {
        int *current = lists[(row + 1) % 2];
        if (capacity - (size_t) (line.next - out) < most)
            return 0;
        changes(bits + row * (size_t) ((width + 7) / 8), width, current);
        code_row(&line, current, lists[row % 2], width);
    }
    put(&line, EOL);
    put(&line, EOL);
    if (line.count)
        *line.next++ = (uint8_t) line.held;
    return (size_t) (line.next - out);
}
