/* harness_world_report.c - making a world small that disagrees, and printing it. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "base/memory.h"
#include "tests/support/harness_world.h"

#define SHRINK_SECONDS 60
#define METHOD_SIZE 32

/* Half a world may no longer be what the oracle reads: every name used must still be there. */
static bool
expression_is_whole(const struct world *world, int type, int expression)
{
    const struct world_expression *at = &world->expressions[expression];

    switch (at->op) {
    case WORLD_NIL:
    case WORLD_SELF:
        return true;
    case WORLD_MEMBER:
    case WORLD_ARROW:
    case WORLD_ALL:
        return world_find_member(world, type, at->name) >= 0;
    case WORLD_UNION:
    case WORLD_INTERSECTION:
    case WORLD_EXCLUSION:
        return expression_is_whole(world, type, at->left) &&
               expression_is_whole(world, type, at->right);
    case WORLD_OP_COUNT:
        break;
    }
    BEHALF_UNREACHABLE();
}

static bool
world_is_whole(const struct world *world)
{
    for (int type = 0; type < world->type_count; type++) {
        for (int member = 0; member < world->types[type].member_count; member++) {
            const struct world_member *at = &world->types[type].members[member];

            if (at->root >= 0 && !expression_is_whole(world, type, at->root))
                return false;
            for (int i = 0; i < at->variant_count; i++)
                if (at->variants[i].name >= 0 &&
                    world_find_member(world, at->variants[i].type, at->variants[i].name) < 0)
                    return false;
        }
    }
    return true;
}

/* Whether it disagrees by the same method: the first word of the mismatch, but a check in a bulk is
 * a check. */
static bool
disagrees(const struct world *world, uint64_t seed, char method[METHOD_SIZE])
{
    struct world_counts counts = {0};
    struct world_comparison comparison;
    char found[METHOD_SIZE] = "";
    bool result;

    if (!world_is_whole(world))
        return false;
    world_comparison_init(&comparison, seed, &counts);
    comparison.thorough = true;
    comparison.checks_only = strcmp(method, "check") == 0;
    result = !world_compare(&comparison, world);
    if (result)
        snprintf(found, sizeof found, "%.*s", (int)strcspn(comparison.mismatch.data, " :_"),
                 comparison.mismatch.data);
    world_comparison_release(&comparison);
    if (method[0] == '\0')
        memcpy(method, found, sizeof found);
    return result && strcmp(method, found) == 0;
}

void
world_shrink(struct world *world, uint64_t seed)
{
    struct world *smaller = memory_new(sizeof *smaller);
    time_t end = time(NULL) + SHRINK_SECONDS;
    char method[METHOD_SIZE] = "";
    bool changed = true;

    while (changed && disagrees(world, seed, method)) {
        changed = false;
        for (int part = 0; time(NULL) < end && world_drop(world, part, smaller); part++) {
            if (disagrees(smaller, seed, method)) {
                *world = *smaller;
                changed = true;
                part--;
            }
        }
    }
    memory_free(smaller);
}

static void
print_world(const struct world *world)
{
    struct buffer text = {0};

    buffer_init(&text);
    world_print(world, &text);
    fprintf(stderr, "%s", text.data);
    buffer_release(&text);
}

void
world_report(const struct world *world, uint64_t seed)
{
    struct world *smaller = memory_copy(world, sizeof *world);
    struct world_counts counts = {0};
    struct world_comparison comparison;

    world_shrink(smaller, seed);
    world_comparison_init(&comparison, seed, &counts);
    comparison.thorough = true;
    if (world_compare(&comparison, smaller)) {
        /* Only the sample of the first run showed it. */
        comparison.thorough = false;
        *smaller = *world;
        world_compare(&comparison, smaller);
    }
    print_world(smaller);
    fprintf(stderr, "%s\nseed %llu\n", comparison.mismatch.data, (unsigned long long)seed);
    world_comparison_release(&comparison);
    memory_free(smaller);
}
