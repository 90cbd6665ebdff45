/* world_conditions.c - caveats, expirations and strays for a random world that has none.
 *
 * Variants are made conditional or expiring, or get such variants beside them; each tuple then
 * takes one of the variants of its kind, or, now and then, one that its relation does not have. */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "tests/support/world.h"

#define SECOND INT64_C(1000000000)

/* Some parameters are shared, so that one name is missing for several reasons. `parts` divides,
 * `ages` lacks keys: some values make an error, which `||` and `&&` may hide. */
static const struct world_caveat caveats[] = {
    {"limited", {{"amount", "int"}, {"cap", "int"}}, 2, "amount < cap"},
    {"trusted", {{"level", "int"}, {"on", "bool"}}, 2, "on || level > 3"},
    {"split", {{"amount", "int"}, {"parts", "int"}}, 2, "amount / parts > 2"},
    {"listed", {{"word", "string"}, {"words", "list<string>"}}, 2, "word in words"},
    {"during", {{"at", "timestamp"}, {"until", "timestamp"}}, 2, "at < until"},
    {"grown", {{"ages", "map<int>"}, {"word", "string"}}, 2, "ages[word] > 17"},
    {"guarded", {{"on", "bool"}, {"parts", "int"}}, 2, "on && 10 / parts > 2"},
    {"chosen",
     {{"on", "bool"}, {"level", "int"}, {"word", "string"}},
     3,
     "on ? level > 2 : word == \"x\""},
};

#define CAVEAT_COUNT ((int)BEHALF_COUNT_OF(caveats))

static const struct {
    const char *name;
    const char *values[3];
    const char *wrong; /* of another type */
} values[] = {
    {"ages", {"{\"x\":20}", "{\"x\":3,\"y\":44}", "{}"}, "[20]"},
    {"amount", {"1", "5", "\"10\""}, "\"many\""},
    {"at",
     {"\"2027-01-01T00:00:00Z\"", "\"2027-06-01T02:00:00+02:00\"", "\"2026-12-31T23:59:59.5Z\""},
     "\"noon\""},
    {"cap", {"2", "6", "5"}, "{}"},
    {"level", {"1", "3", "4"}, "true"},
    {"on", {"true", "false", "true"}, "\"yes\""},
    {"parts", {"0", "2", "5"}, "[2]"},
    {"until",
     {"\"2027-01-01T00:00:00Z\"", "\"2027-03-01T00:00:00Z\"", "\"2030-01-01T00:00:00Z\""},
     "17"},
    {"word", {"\"x\"", "\"y\"", "\"\""}, "7"},
    {"words", {"[\"x\"]", "[\"y\",\"z\"]", "[]"}, "\"x\""},
};

#define VALUE_COUNT ((int)BEHALF_COUNT_OF(values))

struct conditions {
    struct world *world;
    struct world_random random;
    int chosen[3]; /* the caveats this world uses, from 1 */
    int caveat_percent;
    int expiring_percent;
    int stray_percent;
};

static int
below(struct conditions *conditions, int bound)
{
    return world_random_below(&conditions->random, bound);
}

static bool
chance(struct conditions *conditions, int percent)
{
    return world_random_chance(&conditions->random, percent);
}

/* --- contexts --- */

static void
add_field(char context[WORLD_CONTEXT_SIZE], const char *name, const char *value)
{
    size_t used = strlen(context);
    int size = snprintf(context + used, WORLD_CONTEXT_SIZE - used, "%s\"%s\":%s",
                        used == 0 ? "{" : ",", name, value);

    BEHALF_ASSERT(size > 0 && used + (size_t)size < WORLD_CONTEXT_SIZE - 1);
}

static void
close_context(char context[WORLD_CONTEXT_SIZE])
{
    size_t used = strlen(context);

    if (used > 0)
        snprintf(context + used, WORLD_CONTEXT_SIZE - used, "}");
}

static int
find_value(const char *name)
{
    for (int i = 0; i < VALUE_COUNT; i++)
        if (strcmp(values[i].name, name) == 0)
            return i;
    BEHALF_UNREACHABLE();
}

/* Each parameter with that chance. */
static void
make_stored_context(struct conditions *conditions, const struct world_caveat *caveat, int percent,
                    char context[WORLD_CONTEXT_SIZE])
{
    context[0] = '\0';
    for (int i = 0; i < caveat->parameter_count; i++)
        if (chance(conditions, percent))
            add_field(context, caveat->parameters[i].name,
                      values[find_value(caveat->parameters[i].name)].values[below(conditions, 3)]);
    close_context(context);
}

static void
make_request(struct conditions *conditions, int percent, char context[WORLD_CONTEXT_SIZE])
{
    int wrong = chance(conditions, 3) ? below(conditions, VALUE_COUNT) : -1;

    context[0] = '\0';
    for (int i = 0; i < VALUE_COUNT; i++) {
        if (i == wrong)
            add_field(context, values[i].name, values[i].wrong);
        else if (chance(conditions, percent))
            add_field(context, values[i].name, values[i].values[below(conditions, 3)]);
    }
    if (context[0] != '\0' && chance(conditions, 10) && strlen(context) + 16 < WORLD_CONTEXT_SIZE)
        add_field(context, "zone", "null");
    close_context(context);
}

/* --- variants --- */

static void
add_variant(struct world_member *member, struct world_variant variant)
{
    for (int i = 0; i < member->variant_count; i++) {
        const struct world_variant *old = &member->variants[i];

        if (old->type == variant.type && old->name == variant.name &&
            old->wildcard == variant.wildcard && old->caveat == variant.caveat &&
            old->expiring == variant.expiring)
            return;
    }
    if (member->variant_count < WORLD_VARIANTS_MAX)
        member->variants[member->variant_count++] = variant;
}

static void
make_variants(struct conditions *conditions, struct world_member *member)
{
    struct world_variant before[WORLD_VARIANTS_MAX];
    int count = member->variant_count;

    memcpy(before, member->variants, sizeof before);
    member->variant_count = 0;
    for (int i = 0; i < count; i++) {
        struct world_variant variant = before[i];
        bool plain = chance(conditions, 60);

        for (int tries = 0; tries < 2; tries++) {
            variant.caveat = chance(conditions, conditions->caveat_percent)
                                 ? conditions->chosen[below(conditions, 3)]
                                 : 0;
            variant.expiring = chance(conditions, conditions->expiring_percent);
            plain = plain || (variant.caveat == 0 && !variant.expiring);
            if (variant.caveat > 0 || variant.expiring)
                add_variant(member, variant);
        }
        if (plain)
            add_variant(member, before[i]);
    }
}

/* --- tuples --- */

/* Around the moments of asking: just before, at, just after, and never; seldom before
 * all of them. */
static int64_t
make_expiration(struct conditions *conditions)
{
    const struct world *world = conditions->world;
    int64_t moment = world->moments[below(conditions, world->moment_count)];

    if (chance(conditions, 8))
        return WORLD_EPOCH - below(conditions, 2);
    moment += below(conditions, 3) - 1;
    if (moment <= WORLD_EPOCH || chance(conditions, 20))
        return WORLD_EPOCH + 5000000 * SECOND + below(conditions, 3);
    return moment;
}

static void
give_traits(struct conditions *conditions, struct world_tuple *tuple, int caveat, bool expiring)
{
    tuple->caveat = caveat;
    if (caveat > 0)
        make_stored_context(conditions, &conditions->world->caveats[caveat - 1],
                            below(conditions, 4) * 25, tuple->context);
    if (expiring)
        tuple->expires_at = make_expiration(conditions);
}

static void
condition_tuple(struct conditions *conditions, struct world_tuple *tuple)
{
    const struct world *world = conditions->world;
    const struct world_member *relation =
        &world->types[tuple->type].members[world_find_member(world, tuple->type, tuple->name)];
    int start = below(conditions, relation->variant_count);

    if (chance(conditions, conditions->stray_percent)) {
        if (chance(conditions, 20) && tuple->subject_name < 0)
            tuple->subject_id = tuple->subject_id < 0 ? 0 : -1;
        else if (chance(conditions, 20))
            tuple->subject_type = below(conditions, world->type_count);
        give_traits(conditions, tuple, chance(conditions, 50) ? conditions->chosen[0] : 0,
                    chance(conditions, 30));
        return;
    }
    for (int i = 0; i < relation->variant_count; i++) {
        const struct world_variant *variant =
            &relation->variants[(start + i) % relation->variant_count];

        if (variant->type != tuple->subject_type || variant->name != tuple->subject_name ||
            variant->wildcard != (tuple->subject_id < 0))
            continue;
        give_traits(conditions, tuple, variant->caveat, variant->expiring);
        return;
    }
}

/* A stray may have become another tuple's double. */
static void
drop_doubles(struct world *world)
{
    int kept = 0;

    for (int i = 0; i < world->tuple_count; i++) {
        bool twice = false;

        for (int other = 0; other < kept; other++)
            twice = twice || world_tuple_equal(&world->tuples[other], &world->tuples[i]);
        if (!twice)
            world->tuples[kept++] = world->tuples[i];
    }
    world->tuple_count = kept;
}

/* --- a world --- */

static void
make_moments(struct conditions *conditions)
{
    static const int64_t steps[] = {1, 2, SECOND, 3600 * SECOND, 86400 * SECOND};
    struct world *world = conditions->world;
    int count = 1 + below(conditions, 3);

    for (; count > 0; count--) {
        int64_t last = world->moments[world->moment_count - 1];

        world->moments[world->moment_count++] = last + steps[below(conditions, 5)];
    }
}

void
world_make_conditions(struct world *world, uint64_t seed, enum world_size size)
{
    struct conditions conditions = {.world = world,
                                    .random = {seed ^ UINT64_C(0x7f4a7c15d1b54a32)}};

    memcpy(world->caveats, caveats, sizeof caveats);
    world->caveat_count = CAVEAT_COUNT;
    world->moments[0] = WORLD_EPOCH;
    world->moment_count = 1;
    world->request_count = 1;
    /* Small worlds have too few tuples for many conditions to matter. */
    if (chance(&conditions, size == WORLD_SMALL ? 5 : 25))
        return;
    for (size_t i = 0; i < BEHALF_COUNT_OF(conditions.chosen); i++)
        conditions.chosen[i] = 1 + below(&conditions, CAVEAT_COUNT);
    conditions.caveat_percent =
        chance(&conditions, size == WORLD_SMALL ? 5 : 15) ? 0 : 40 + below(&conditions, 60);
    conditions.expiring_percent = chance(&conditions, 30) ? 0 : 10 + below(&conditions, 40);
    conditions.stray_percent = chance(&conditions, 70) ? 0 : 1 + below(&conditions, 20);
    make_moments(&conditions);
    for (int type = 0; type < world->type_count; type++)
        for (int member = 0; member < world->types[type].member_count; member++)
            if (world->types[type].members[member].root < 0)
                make_variants(&conditions, &world->types[type].members[member]);
    for (int i = 0; i < world->tuple_count; i++)
        condition_tuple(&conditions, &world->tuples[i]);
    drop_doubles(world);
    for (int percent = 20; percent < 100; percent += 35)
        make_request(&conditions, percent, world->requests[world->request_count++]);
}
