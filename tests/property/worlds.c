/* worlds.c - random worlds: the engine against the oracle, through every method.
 *
 *   BEHALF_WORLDS    how many (2,000)
 *   BEHALF_SEED      this one alone, every question of it
 *   BEHALF_FIRST     seed of the first world (1); the others follow
 *   BEHALF_THOROUGH  every question of every world instead of a sample
 *   BEHALF_CHECK_ONLY  small worlds and checks alone: many worlds in little time
 *
 * Ends with 1 at the first world in which anything disagrees, after printing a small one of its
 * kind; also when too few questions are allowed, denied or conditional, or too many schemas
 * refused, to prove much. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/support/harness_world.h"

/* Percent of the answers; small worlds have 14 to 16. */
#define CONDITIONAL_MIN 15
#define CONDITIONAL_MIN_SMALL 12

/* What the worlds were made of. */
struct shares {
    uint64_t ops[WORLD_OP_COUNT];
    uint64_t wildcards;
    uint64_t usersets;
    uint64_t cycles;
    uint64_t conditional_cycles; /* a tuple of the cycle has a caveat or expires */
    uint64_t nested;
    uint64_t caveats;
    uint64_t expirations;
    uint64_t strays; /* tuples of no variant of their relation */
};

static uint64_t
number_of(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text != NULL && *text != '\0' ? strtoull(text, NULL, 0) : otherwise;
}

enum cycle { CYCLE_NONE, CYCLE_PLAIN, CYCLE_CONDITIONAL };

/* Whether the objects, joined by tuples from resource to subject, have a cycle: what takes no part
 * in one, nor leads to one, is removed until nothing changes. */
static enum cycle
find_cycle(const struct world *world)
{
    bool gone[WORLD_TYPES_MAX][WORLD_IDS_MAX] = {{false}};
    enum cycle found = CYCLE_NONE;
    bool changed = true;

    while (changed) {
        bool leads[WORLD_TYPES_MAX][WORLD_IDS_MAX] = {{false}};

        changed = false;
        for (int i = 0; i < world->tuple_count; i++) {
            const struct world_tuple *tuple = &world->tuples[i];

            if (tuple->subject_id >= 0 && !gone[tuple->subject_type][tuple->subject_id])
                leads[tuple->type][tuple->id] = true;
        }
        for (int type = 0; type < world->type_count; type++) {
            for (int id = 0; id < world->id_count; id++) {
                changed = changed || gone[type][id] == leads[type][id];
                gone[type][id] = !leads[type][id];
            }
        }
    }
    for (int i = 0; i < world->tuple_count; i++) {
        const struct world_tuple *tuple = &world->tuples[i];

        if (gone[tuple->type][tuple->id] || tuple->subject_id < 0 ||
            gone[tuple->subject_type][tuple->subject_id])
            continue;
        if (tuple->caveat > 0 || tuple->expires_at != 0)
            return CYCLE_CONDITIONAL;
        found = CYCLE_PLAIN;
    }
    return found;
}

static void
count_shares(const struct world *world, struct shares *shares)
{
    bool wildcard = false;
    bool userset = false;
    bool nested = false;
    bool caveat = false;
    bool expiration = false;
    bool stray = false;
    enum cycle cycle = find_cycle(world);

    for (int op = 0; op < WORLD_OP_COUNT; op++)
        shares->ops[op] += world_uses(world, (enum world_op)op) ? 1 : 0;
    for (int i = 0; i < world->tuple_count; i++) {
        wildcard = wildcard || world->tuples[i].subject_id < 0;
        userset = userset || world->tuples[i].subject_name >= 0;
        caveat = caveat || world->tuples[i].caveat > 0;
        expiration = expiration || world->tuples[i].expires_at != 0;
        stray = stray || !world_tuple_is_allowed(world, &world->tuples[i]);
    }
    for (int i = 0; i < world->expression_count; i++)
        nested =
            nested ||
            ((world->expressions[i].op == WORLD_ARROW || world->expressions[i].op == WORLD_ALL) &&
             world->expressions[i].target < 0);
    shares->wildcards += wildcard ? 1 : 0;
    shares->usersets += userset ? 1 : 0;
    shares->nested += nested ? 1 : 0;
    shares->caveats += caveat ? 1 : 0;
    shares->expirations += expiration ? 1 : 0;
    shares->strays += stray ? 1 : 0;
    shares->cycles += cycle != CYCLE_NONE ? 1 : 0;
    shares->conditional_cycles += cycle == CYCLE_CONDITIONAL ? 1 : 0;
}

static double
percent(uint64_t part, uint64_t whole)
{
    return whole == 0 ? 0 : 100.0 * (double)part / (double)whole;
}

/* False when the worlds were too poor to prove much. */
static bool
print_summary(const struct world_counts *counts, const struct shares *shares, bool whole_run,
              double conditional_min)
{
    static const char *const ops[] = {"nil", "self", "member", "+", "&", "-", "->", ".all"};
    uint64_t checks = counts->checks[0] + counts->checks[1] + counts->checks[2] + counts->checks[3];
    double allow = percent(counts->checks[ORACLE_ALLOW], checks);
    double deny = percent(counts->checks[ORACLE_DENY], checks);
    double conditional = percent(counts->checks[ORACLE_CONDITIONAL], checks);
    double refused = percent(counts->refused, counts->worlds);

    printf("worlds: %" PRIu64 " (%.1f%% refused), %" PRIu64
           " checks (each also in a bulk), %" PRIu64 " lookups, %" PRIu64 " trees, %" PRIu64
           " chains\n",
           counts->worlds, refused, checks, counts->lookups, counts->trees, counts->chains);
    printf("answers: allow %.1f%%, deny %.1f%%, conditional %.1f%%, error %.2f%%; %" PRIu64
           " valid for a time\n",
           allow, deny, conditional, percent(counts->checks[ORACLE_ERROR], checks),
           counts->bounded);
    printf("worlds with: cycles %.1f%%, cycles with conditions %.1f%%, errors %.1f%%, conditional "
           "answers %.1f%%, caveats %.1f%%, expirations %.1f%%, strays %.1f%%, wildcards %.1f%%, "
           "usersets %.1f%%, nested arrows %.1f%%",
           percent(shares->cycles, counts->worlds),
           percent(shares->conditional_cycles, counts->worlds),
           percent(counts->error_worlds, counts->worlds),
           percent(counts->conditional_worlds, counts->worlds),
           percent(shares->caveats, counts->worlds), percent(shares->expirations, counts->worlds),
           percent(shares->strays, counts->worlds), percent(shares->wildcards, counts->worlds),
           percent(shares->usersets, counts->worlds), percent(shares->nested, counts->worlds));
    for (int op = 0; op < WORLD_OP_COUNT; op++)
        printf(", %s %.1f%%", ops[op], percent(shares->ops[op], counts->worlds));
    printf("\n");
    if (!whole_run || (allow >= 15 && deny >= 20 && conditional >= conditional_min && refused < 10))
        return true;
    fprintf(stderr, "worlds: too few of one answer, or too many refused schemas\n");
    return false;
}

int
main(void)
{
    static struct world world;
    struct world_counts counts = {0};
    struct shares shares = {0};
    struct world_comparison comparison;
    bool single = getenv("BEHALF_SEED") != NULL;
    uint64_t first = single ? number_of("BEHALF_SEED", 1) : number_of("BEHALF_FIRST", 1);
    uint64_t count = single ? 1 : number_of("BEHALF_WORLDS", 2000);
    time_t start = time(NULL);
    bool checks_only = getenv("BEHALF_CHECK_ONLY") != NULL;
    bool agreed = true;

    printf("worlds: seeds %" PRIu64 " to %" PRIu64 "\n", first, first + count - 1);
    fflush(stdout);
    for (uint64_t seed = first; agreed && seed < first + count; seed++) {
        world_make(&world, seed, checks_only ? WORLD_SMALL : WORLD_USUAL);
        count_shares(&world, &shares);
        world_comparison_init(&comparison, seed, &counts);
        comparison.checks_only = checks_only;
        comparison.thorough = single || getenv("BEHALF_THOROUGH") != NULL;
        agreed = world_compare(&comparison, &world);
        if (!agreed) {
            fprintf(stderr, "worlds: seed %" PRIu64 ": %s\n", seed, comparison.mismatch.data);
            if (getenv("BEHALF_NO_SHRINK") == NULL)
                world_report(&world, seed);
        }
        if (getenv("BEHALF_REFUSALS") != NULL && comparison.refusal.size > 0)
            printf("seed %" PRIu64 " refused: %s\n", seed, comparison.refusal.data);
        world_comparison_release(&comparison);
    }
    agreed = print_summary(&counts, &shares, !single && count >= 100,
                           checks_only ? CONDITIONAL_MIN_SMALL : CONDITIONAL_MIN) &&
             agreed;
    printf("worlds: %s after %lld s\n", agreed ? "all agree" : "FAILED",
           (long long)(time(NULL) - start));
    return agreed ? 0 : 1;
}
