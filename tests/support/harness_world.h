/* harness_world.h - one world, an engine, the oracle: whatever one is asked, the other must say
 * too.
 *
 * The world is written in random transactions (creating, touching, deleting again, being refused),
 * what the engine would not write past it, then asked through every method: at all its moments, in
 * all its contexts, at revisions before, with caches and without.
 * Threads: none of its own. Memory: all is released before a function returns. */
#ifndef BEHALF_TESTS_HARNESS_WORLD_H
#define BEHALF_TESTS_HARNESS_WORLD_H

#include "base/buffer.h"
#include "tests/support/oracle.h"

struct world_counts {
    uint64_t worlds;
    uint64_t refused;   /* worlds whose schema is refused */
    uint64_t checks[4]; /* by enum oracle_answer */
    uint64_t bounded;   /* answers with a moment until which they are valid */
    uint64_t lookups;
    uint64_t trees;
    uint64_t chains;
    uint64_t error_worlds;
    uint64_t conditional_worlds;
};

struct world_comparison {
    uint64_t seed;
    bool thorough;    /* every question instead of a sample */
    bool checks_only; /* no lookups, trees, chains and past */
    struct world_counts *counts;
    struct oracle_caveats caveats;
    struct buffer mismatch; /* a text when something disagrees; empty otherwise */
    struct buffer refusal;  /* why the schema was refused; empty otherwise */
};

void world_comparison_init(struct world_comparison *comparison, uint64_t seed,
                           struct world_counts *counts);
void world_comparison_release(struct world_comparison *comparison);

/* False when something disagrees. A refused schema agrees, and is counted. */
bool world_compare(struct world_comparison *comparison, const struct world *world);

/* Takes parts away as long as the world still disagrees, at most for some seconds. */
void world_shrink(struct world *world, uint64_t seed);

/* Prints a world that disagrees, smaller first, to standard error. */
void world_report(const struct world *world, uint64_t seed);

#endif
