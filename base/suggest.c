/* suggest.c - the name that was meant. */
#include "base/suggest.h"

#define SUGGEST_SIZE_MAX 64 /* longer names are not worth the square of their length */

/* Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`. */
static uint32_t
edit_distance(struct slice a, struct slice b)
{
    uint32_t rows[3][SUGGEST_SIZE_MAX + 1];
    uint32_t *before = rows[0];
    uint32_t *previous = rows[1];
    uint32_t *current = rows[2];

    for (uint32_t column = 0; column <= b.size; column++)
        previous[column] = column;
    for (uint32_t row = 1; row <= a.size; row++) {
        uint32_t *oldest = before;

        current[0] = row;
        for (uint32_t column = 1; column <= b.size; column++) {
            bool same = a.data[row - 1] == b.data[column - 1];
            uint32_t least = previous[column - 1] + (same ? 0 : 1);

            if (previous[column] + 1 < least)
                least = previous[column] + 1;
            if (current[column - 1] + 1 < least)
                least = current[column - 1] + 1;
            if (row > 1 && column > 1 && a.data[row - 1] == b.data[column - 2] &&
                a.data[row - 2] == b.data[column - 1] && before[column - 2] + 1 < least)
                least = before[column - 2] + 1;
            current[column] = least;
        }
        before = previous;
        previous = current;
        current = oldest;
    }
    return previous[b.size];
}

void
suggest(struct slice wanted, struct slice candidate, struct slice *best, uint32_t *distance)
{
    size_t difference =
        wanted.size > candidate.size ? wanted.size - candidate.size : candidate.size - wanted.size;
    uint32_t limit = wanted.size < 5 ? 1 : wanted.size < 9 ? 2 : 3;
    uint32_t edits;

    if (difference > limit || wanted.size > SUGGEST_SIZE_MAX || candidate.size > SUGGEST_SIZE_MAX)
        return;
    edits = edit_distance(wanted, candidate);
    if (edits <= limit && edits < *distance) {
        *distance = edits;
        *best = candidate;
    }
}
