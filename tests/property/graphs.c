/* graphs.c - every graph of up to four nodes under a handful of schemas: the engine against the
 * oracle. Where a schema has more possible tuples than can be had in all subsets, the subsets are
 * thinned evenly.
 *
 *   BEHALF_GRAPHS  graphs per schema (400) */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "tests/support/harness_world.h"

#define HOUR INT64_C(3600000000000)

struct family {
    const char *name;
    const char *schema;
    const char *nodes;       /* ids, by blanks: of every type but the first */
    const char *first_nodes; /* ids of the first type */
};

static const struct family families[] = {
    {"groups in groups",
     "definition user {} definition group { relation member: user | group#member }", "a b c", "u"},
    {"groups and a viewer",
     "definition user {} definition group { relation member: user | group#member permission every "
     "= member } definition doc { relation viewer: group#member | group#every permission view = "
     "viewer }",
     "a b", "u"},
    {"parents and a ban",
     "definition user {} definition folder { relation parent: folder relation banned: user "
     "permission view = parent->view + parent->free permission free = self_member - banned "
     "relation self_member: user }",
     "a b c", "u"},
    {"exclusion through a parent",
     "definition user {} definition folder { relation parent: folder relation viewer: user "
     "permission view = viewer - parent->view }",
     "a b c d", "u"},
    {"two exclusions through parents",
     "definition user {} definition pos { relation move: pos relation may: user permission win = "
     "may & move->lose permission lose = may - win }",
     "a b c", "u"},
    {"exclusion through a userset",
     "definition user {} definition group { relation member: user | group#free relation banned: "
     "group#member permission free = member - banned }",
     "a b", "u"},
    {"all of the parents",
     "definition user {} definition folder { relation parent: folder relation viewer: user | "
     "user:* permission view = viewer + parent.all(view) }",
     "a b c", "u"},
    {"both of two ways",
     "definition user {} definition group { relation left: user | group#both relation right: user "
     "| group#left permission both = left & right }",
     "a b", "u"},
    {"wildcards less wildcards",
     "definition user {} definition doc { relation open: user | user:* relation shut: user | "
     "user:* relation next: doc permission view = open - shut + next->view permission rest = "
     "open - "
     "next->shut }",
     "a b", "u v"},
    {"groups in groups under conditions",
     "use expiration caveat day(on bool) { on } definition user {} definition group { relation "
     "member: user | group#member with day | group#member with expiration }",
     "a b", "u"},
    {"conditions and an exclusion through a parent",
     "use expiration caveat day(on bool) { on } definition user {} definition folder { relation "
     "parent: folder with day | folder with expiration relation viewer: user with day permission "
     "view = viewer - parent->view }",
     "a b c", "u"},
    {"all of the parents under conditions",
     "caveat day(on bool) { on } caveat split(parts int) { 4 / parts > 1 } definition user {} "
     "definition folder { relation parent: folder with day | folder with split relation viewer: "
     "user | user:* with day permission view = viewer + parent.all(view) }",
     "a b", "u"},
    {"self and friends",
     "use self definition user { relation friend: user | user#near permission near = self + "
     "friend->near permission far = near - self }",
     "a b c", "a b c"},
};

static void
add_ids(struct world *world, const char *names, uint32_t *ids)
{
    char name[WORLD_NAME_SIZE];

    while (*names != '\0') {
        size_t size = strcspn(names, " ");

        BEHALF_ASSERT(size > 0 && size < sizeof name);
        memcpy(name, names, size);
        name[size] = '\0';
        *ids |= UINT32_C(1) << world_add_id(world, name);
        names += size + strspn(names + size, " ");
    }
}

/* All tuples of one variant of one relation. */
static void
add_possible(struct world *world, struct world_tuple tuple, const struct world_variant *variant,
             const uint32_t ids[2])
{
    uint32_t resources = ids[tuple.type > 0 ? 1 : 0];
    uint32_t subjects = ids[variant->type > 0 ? 1 : 0];

    tuple.subject_type = variant->type;
    tuple.subject_name = variant->name;
    tuple.caveat = variant->caveat;
    tuple.expires_at = variant->expiring ? WORLD_EPOCH + HOUR : 0;
    for (tuple.id = 0; tuple.id < world->id_count; tuple.id++) {
        if ((resources >> tuple.id & 1) == 0)
            continue;
        for (int subject = variant->wildcard ? -1 : 0;
             subject < (variant->wildcard ? 0 : world->id_count); subject++) {
            if (subject >= 0 && (subjects >> subject & 1) == 0)
                continue;
            tuple.subject_id = subject;
            BEHALF_ASSERT(world->tuple_count < 64);
            world->tuples[world->tuple_count++] = tuple;
        }
    }
}

/* Families with conditions are asked with each of these too, and again when tuples have expired. */
static const char *const contexts[] = {"{\"on\":true,\"parts\":2}", "{\"on\":false}",
                                       "{\"parts\":0}"};

static void
make_full(const struct family *family, struct world *world)
{
    uint32_t ids[2] = {0, 0};

    world_read_schema(world, family->schema);
    add_ids(world, family->first_nodes, &ids[0]);
    add_ids(world, family->nodes, &ids[1]);
    for (int type = 0; type < world->type_count; type++) {
        for (int member = 0; member < world->types[type].member_count; member++) {
            const struct world_member *at = &world->types[type].members[member];

            for (int i = 0; i < at->variant_count; i++)
                add_possible(world, (struct world_tuple){.type = type, .name = at->name},
                             &at->variants[i], ids);
        }
    }
    world_add_id(world, "nobody");
    if (world->caveat_count == 0)
        return;
    for (size_t i = 0; i < BEHALF_COUNT_OF(contexts); i++)
        snprintf(world->requests[world->request_count++], WORLD_CONTEXT_SIZE, "%s", contexts[i]);
    world->moments[world->moment_count++] = WORLD_EPOCH + HOUR;
}

/* Random bits, each set once in 2^rounds. */
static uint64_t
sparse_bits(struct world_random *random, int rounds)
{
    uint64_t bits = UINT64_MAX;

    for (; rounds > 0; rounds--)
        bits &= world_random_next(random);
    return bits;
}

/* The same relationship under another condition. */
static bool
has_equal(const struct world *world, const struct world_tuple *tuple)
{
    for (int i = 0; i < world->tuple_count; i++)
        if (world_tuple_equal(&world->tuples[i], tuple))
            return true;
    return false;
}

/* The subset number `index`: exactly that one when there are few, otherwise an arbitrary one of
 * about a third of the tuples, so that graphs stay thin enough to have cycles that matter. */
static void
take_subset(const struct world *full, uint64_t index, bool every, struct world *world)
{
    struct world_random random = {index * UINT64_C(0x2545f4914f6cdd1d)};
    uint64_t subset = index;

    if (!every)
        subset = sparse_bits(&random, 2) | sparse_bits(&random, 3);
    *world = *full;
    world->tuple_count = 0;
    for (int tuple = 0; tuple < full->tuple_count; tuple++)
        if ((subset >> tuple & 1) != 0 && !has_equal(world, &full->tuples[tuple]))
            world->tuples[world->tuple_count++] = full->tuples[tuple];
}

static bool
compare_family(const struct family *family, uint64_t limit, struct world_counts *counts)
{
    static struct world full;
    static struct world world;
    uint64_t subsets;
    bool every;

    make_full(family, &full);
    every = full.tuple_count < 32 && (UINT64_C(1) << full.tuple_count) <= limit;
    subsets = every ? UINT64_C(1) << full.tuple_count : limit;
    for (uint64_t index = 0; index < subsets; index++) {
        struct world_comparison comparison;
        bool agreed;

        take_subset(&full, index, every, &world);
        world_comparison_init(&comparison, index + 1, counts);
        agreed = world_compare(&comparison, &world);
        if (agreed && comparison.refusal.size > 0) {
            fprintf(stderr, "graphs: %s: schema refused: %s\n", family->name,
                    comparison.refusal.data);
            agreed = false;
        } else if (!agreed) {
            fprintf(stderr, "graphs: %s: graph %" PRIu64 ": %s\n", family->name, index,
                    comparison.mismatch.data);
            world_report(&world, index + 1);
        }
        world_comparison_release(&comparison);
        if (!agreed)
            return false;
    }
    printf("graphs: %s: %" PRIu64 " %s %d possible tuples\n", family->name, subsets,
           every ? "graphs are all of" : "graphs of", full.tuple_count);
    return true;
}

int
main(void)
{
    const char *text = getenv("BEHALF_GRAPHS");
    uint64_t limit = text != NULL && *text != '\0' ? strtoull(text, NULL, 10) : 400;
    struct world_counts counts = {0};

    for (size_t i = 0; i < BEHALF_COUNT_OF(families); i++)
        if (!compare_family(&families[i], limit, &counts))
            return 1;
    printf("graphs: %" PRIu64 " graphs, %" PRIu64 " checks, %" PRIu64 " lookups, all agree\n",
           counts.worlds, counts.checks[0] + counts.checks[1] + counts.checks[2] + counts.checks[3],
           counts.lookups);
    return 0;
}
