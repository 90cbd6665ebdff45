/* subject_set.c - one merge for all three set operations.
 * It walks both inputs once in order of sequences. For each sequence four facts decide the result:
 * is it in a, is it in b, is it concrete in either, what becomes of the wildcard. */
#include "eval/subject_set.h"

#include "base/check.h"

const struct subject_set subject_set_none = {NULL, 0, false};
const struct subject_set subject_set_all = {NULL, 0, true};

/* The status of one sequence in one set. */
struct standing {
    bool mentioned; /* has an entry */
    bool member;
    bool concrete; /* member by an entry of its own */
};

static struct standing
standing_of(const struct subject_set *set, size_t at, uint64_t sequence)
{
    struct standing standing = {.member = set->wildcard};

    if (at < set->count && SUBJECT_SEQUENCE(set->entries[at]) == sequence) {
        standing.mentioned = true;
        standing.member = !SUBJECT_EXCLUDED(set->entries[at]);
        standing.concrete = standing.member;
    }
    return standing;
}

static bool
wildcard_of(enum subject_operation operation, bool a, bool b)
{
    switch (operation) {
    case SUBJECTS_UNION:
        return a || b;
    case SUBJECTS_INTERSECTION:
        return a && b;
    case SUBJECTS_DIFFERENCE:
        return a && !b;
    }
    BEHALF_UNREACHABLE();
}

/* The status of one sequence in the result. In a difference of two sets with a wildcard the result
 * has none, so a subject that only the right set excludes must become concrete. */
static struct standing
combine_standing(enum subject_operation operation, struct standing a, struct standing b)
{
    struct standing result = {.mentioned = true};

    switch (operation) {
    case SUBJECTS_UNION:
        result.member = a.member || b.member;
        result.concrete = a.concrete || b.concrete;
        break;
    case SUBJECTS_INTERSECTION:
        result.member = a.member && b.member;
        result.concrete = result.member && (a.concrete || b.concrete);
        break;
    case SUBJECTS_DIFFERENCE:
        result.member = a.member && !b.member;
        result.concrete = result.member && (a.concrete || b.mentioned);
        break;
    }
    return result;
}

static uint64_t
next_sequence(const struct subject_set *a, size_t at_a, const struct subject_set *b, size_t at_b)
{
    uint64_t next_a = at_a < a->count ? SUBJECT_SEQUENCE(a->entries[at_a]) : UINT64_MAX;
    uint64_t next_b = at_b < b->count ? SUBJECT_SEQUENCE(b->entries[at_b]) : UINT64_MAX;

    return next_a < next_b ? next_a : next_b;
}

const struct subject_set *
subject_set_combine(struct arena *arena, enum subject_operation operation,
                    const struct subject_set *a, const struct subject_set *b)
{
    struct subject_set *result = arena_take(arena, sizeof *result);
    uint64_t *entries = arena_take(arena, (a->count + b->count) * sizeof *entries);
    size_t count = 0;
    size_t at_a = 0;
    size_t at_b = 0;

    if (result == NULL || entries == NULL)
        return NULL;
    result->wildcard = wildcard_of(operation, a->wildcard, b->wildcard);
    while (at_a < a->count || at_b < b->count) {
        uint64_t sequence = next_sequence(a, at_a, b, at_b);
        struct standing in_a = standing_of(a, at_a, sequence);
        struct standing in_b = standing_of(b, at_b, sequence);
        struct standing out = combine_standing(operation, in_a, in_b);

        BEHALF_ASSERT(count == 0 || SUBJECT_SEQUENCE(entries[count - 1]) < sequence);
        if (out.concrete)
            entries[count++] = SUBJECT_ENTRY(sequence, false);
        else if (!out.member && result->wildcard)
            entries[count++] = SUBJECT_ENTRY(sequence, true);
        else
            BEHALF_ASSERT(!out.member || result->wildcard);
        at_a += in_a.mentioned;
        at_b += in_b.mentioned;
    }
    result->entries = entries;
    result->count = count;
    return result;
}

const struct subject_set *
subject_set_new(struct arena *arena, const uint64_t *sequences, size_t count)
{
    struct subject_set *set = arena_take(arena, sizeof *set);
    uint64_t *entries = arena_take(arena, count * sizeof *entries);

    if (set == NULL || entries == NULL)
        return NULL;
    *set = (struct subject_set){.entries = entries};
    for (size_t i = 0; i < count; i++) {
        BEHALF_ASSERT(i == 0 || sequences[i - 1] < sequences[i]);
        if (sequences[i] == 0)
            set->wildcard = true;
        else
            entries[set->count++] = SUBJECT_ENTRY(sequences[i], false);
    }
    return set;
}

const struct subject_set *
subject_set_union_all(struct arena *arena, const struct subject_set **sets, size_t count)
{
    if (count == 0)
        return &subject_set_none;
    while (count > 1) {
        size_t kept = 0;

        for (size_t i = 0; i < count; i += 2) {
            const struct subject_set *merged = sets[i];

            if (i + 1 < count)
                merged = subject_set_combine(arena, SUBJECTS_UNION, sets[i], sets[i + 1]);
            if (merged == NULL)
                return NULL;
            sets[kept++] = merged;
        }
        count = kept;
    }
    return sets[0];
}

bool
subject_set_is_none(const struct subject_set *set)
{
    return set->count == 0 && !set->wildcard;
}

bool
subject_set_same_members(const struct subject_set *a, const struct subject_set *b)
{
    size_t at_a = 0;
    size_t at_b = 0;

    if (a == b)
        return true;
    if (a->wildcard != b->wildcard)
        return false;
    while (at_a < a->count || at_b < b->count) {
        uint64_t sequence = next_sequence(a, at_a, b, at_b);
        struct standing in_a = standing_of(a, at_a, sequence);
        struct standing in_b = standing_of(b, at_b, sequence);

        if (in_a.member != in_b.member)
            return false;
        at_a += in_a.mentioned;
        at_b += in_b.mentioned;
    }
    return true;
}

bool
subject_set_identical(const struct subject_set *a, const struct subject_set *b)
{
    if (a == b)
        return true;
    if (a->wildcard != b->wildcard || a->count != b->count)
        return false;
    return a->count == 0 || memcmp(a->entries, b->entries, a->count * sizeof *a->entries) == 0;
}
