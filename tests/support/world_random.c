/* world_random.c - random worlds: valid schemas that use everything, and tuples that collide.
 *
 * Relations come first, then permissions over them, then usersets are added to relations; what
 * would break a rule of the language (a wildcard behind a userset of another type, or on the left
 * of an arrow) is taken away at the end, until nothing breaks one. */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "tests/support/world.h"

#define HOP_NAME "acts_on_behalf_of"

uint64_t
world_random_next(struct world_random *random)
{
    uint64_t value = (random->state += UINT64_C(0x9e3779b97f4a7c15));

    value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
    return value ^ (value >> 31);
}

int
world_random_below(struct world_random *random, int bound)
{
    BEHALF_ASSERT(bound > 0);
    return (int)(world_random_next(random) % (uint64_t)bound);
}

bool
world_random_chance(struct world_random *random, int percent)
{
    return world_random_below(random, 100) < percent;
}

struct maker {
    struct world *world;
    struct world_random random;
    int type;          /* being filled */
    int known_members; /* members before this one may be named everywhere */
    bool forward;      /* permissions may name later ones (and so none stands right of a `-`) */
    bool recursive;    /* arrows and usersets of the own type, also behind `-` */
    int exclusion_percent;
    enum world_size size;
};

static int
below(struct maker *maker, int bound)
{
    return world_random_below(&maker->random, bound);
}

static bool
chance(struct maker *maker, int percent)
{
    return world_random_chance(&maker->random, percent);
}

static int
name_index(struct world *world, const char *name)
{
    int index = world_find_name(world, name);

    if (index >= 0)
        return index;
    BEHALF_ASSERT(world->name_count < WORLD_NAMES_MAX);
    snprintf(world->names[world->name_count], WORLD_NAME_SIZE, "%s", name);
    return world->name_count++;
}

/* A name that the type has not used yet; of few, so that types share them and arrows find them. */
static int
fresh_name(struct maker *maker, bool permission)
{
    static const char *const relations[] = {"viewer", "parent", "member",
                                            "owner",  "banned", "editor"};
    static const char *const permissions[] = {"view", "edit", "access", "manage", "audit", "list"};
    int start = below(maker, 6);

    for (int i = 0; i < 6; i++) {
        const char *text = permission ? permissions[(start + i) % 6] : relations[(start + i) % 6];
        int name = name_index(maker->world, text);

        if (world_find_member(maker->world, maker->type, name) < 0)
            return name;
    }
    BEHALF_UNREACHABLE();
}

static void
add_variant(struct world_member *member, struct world_variant variant)
{
    for (int i = 0; i < member->variant_count; i++) {
        const struct world_variant *old = &member->variants[i];

        if (old->type == variant.type && old->name == variant.name &&
            old->wildcard == variant.wildcard)
            return;
    }
    if (member->variant_count < WORLD_VARIANTS_MAX)
        member->variants[member->variant_count++] = variant;
}

/* Plain subjects and wildcards; usersets come when all members are known. */
static void
make_relation(struct maker *maker, int name)
{
    struct world_type *type = &maker->world->types[maker->type];
    struct world_member *member = &type->members[type->member_count++];
    int count = 1 + below(maker, 2);

    *member = (struct world_member){.name = name, .root = -1};
    for (int i = 0; i < count; i++) {
        struct world_variant variant = {.name = -1};

        if (chance(maker, maker->recursive ? 45 : 65))
            variant.type = 0;
        else if (chance(maker, maker->recursive ? 80 : 40))
            variant.type = maker->type;
        else
            variant.type = below(maker, maker->world->type_count);
        variant.wildcard = chance(maker, 12);
        add_variant(member, variant);
    }
}

static int
add_expression(struct maker *maker, struct world_expression expression)
{
    struct world *world = maker->world;

    BEHALF_ASSERT(world->expression_count < WORLD_EXPRESSIONS_MAX);
    world->expressions[world->expression_count] = expression;
    return world->expression_count++;
}

static const struct world_member *
random_relation(struct maker *maker, int type)
{
    const struct world_type *at = &maker->world->types[type];
    int start = at->member_count > 0 ? below(maker, at->member_count) : 0;

    for (int i = 0; i < at->member_count; i++) {
        const struct world_member *member = &at->members[(start + i) % at->member_count];

        if (member->root < 0)
            return member;
    }
    return NULL;
}

/* A relation to nest an arrow on: wherever the walk may lead, the name is a relation or nothing. */
static int
nested_relation(struct maker *maker, const struct world_member *left)
{
    const struct world *world = maker->world;
    const struct world_member *found = random_relation(maker, left->variants[0].type);

    if (found == NULL || strcmp(world->names[found->name], HOP_NAME) == 0)
        return -1;
    for (int type = 0; type < world->type_count; type++) {
        int member = world_find_member(world, type, found->name);

        if (member >= 0 && world->types[type].members[member].root >= 0)
            return -1;
    }
    return found->name;
}

static int
make_arrow(struct maker *maker, const struct world_member *left, int nesting)
{
    const struct world *world = maker->world;
    struct world_expression arrow = {.name = left->name, .left = -1, .right = -1};
    const struct world_type *next = &world->types[left->variants[0].type];

    arrow.op = chance(maker, 30) ? WORLD_ALL : WORLD_ARROW;
    arrow.dotted = arrow.op == WORLD_ARROW && chance(maker, 20);
    if (nesting < 2 && chance(maker, 15)) {
        int name = nested_relation(maker, left);

        if (name >= 0) {
            const struct world_type *type = &world->types[left->variants[0].type];
            int member = world_find_member(world, left->variants[0].type, name);

            arrow.target = -1;
            arrow.left = make_arrow(maker, &type->members[member], nesting + 1);
            return add_expression(maker, arrow);
        }
    }
    /* The later types have no permissions yet: some targets are names out of nowhere. */
    if (maker->recursive && left->variants[0].type == maker->type && chance(maker, 50))
        arrow.target = next->members[next->member_count - 1 - below(maker, 2)].name;
    else if (next->member_count > 0 && chance(maker, 80))
        arrow.target = next->members[below(maker, next->member_count)].name;
    else
        arrow.target = below(maker, world->name_count);
    return add_expression(maker, arrow);
}

static int
make_leaf(struct maker *maker, bool subtracted)
{
    const struct world_type *type = &maker->world->types[maker->type];
    struct world_expression leaf = {.op = WORLD_MEMBER, .target = -1, .left = -1, .right = -1};
    const struct world_member *relation = random_relation(maker, maker->type);

    if (chance(maker, 3))
        leaf.op = WORLD_NIL;
    else if (chance(maker, 4))
        leaf.op = WORLD_SELF;
    else if (relation != NULL && chance(maker, maker->recursive && subtracted ? 65 : 35))
        return make_arrow(maker, relation, 0);
    else if (maker->forward && !subtracted)
        leaf.name = type->members[below(maker, type->member_count)].name;
    else if (maker->forward && relation != NULL)
        leaf.name = relation->name;
    else if (!maker->forward && maker->known_members > 0)
        leaf.name = type->members[below(maker, maker->known_members)].name;
    else
        leaf.op = WORLD_NIL;
    return add_expression(maker, leaf);
}

static int
make_expression(struct maker *maker, int depth, bool subtracted)
{
    struct world_expression join = {.target = -1};

    if (depth == 0 || chance(maker, 25))
        return make_leaf(maker, subtracted);
    if (chance(maker, maker->exclusion_percent))
        join.op = WORLD_EXCLUSION;
    else
        join.op = chance(maker, 35) ? WORLD_INTERSECTION : WORLD_UNION;
    join.left = make_expression(maker, depth - 1, subtracted);
    join.right = make_expression(maker, depth - 1, subtracted || join.op == WORLD_EXCLUSION);
    return add_expression(maker, join);
}

/* `... - relation->permission` with itself or its neighbour as permission: what a cycle of tuples
 * makes depend on its own negation. -1 when the type has no relation to its own kind. */
static int
make_negation(struct maker *maker)
{
    const struct world_type *type = &maker->world->types[maker->type];
    const struct world_member *left = random_relation(maker, maker->type);
    struct world_expression arrow = {.op = WORLD_ARROW, .left = -1, .right = -1};
    struct world_expression join = {.op = WORLD_EXCLUSION, .target = -1};

    if (left == NULL || left->variants[0].type != maker->type)
        return -1;
    arrow.op = chance(maker, 25) ? WORLD_ALL : WORLD_ARROW;
    arrow.name = left->name;
    arrow.target = type->members[type->member_count - 1 - below(maker, 2)].name;
    join.left = make_expression(maker, 1, false);
    join.right = add_expression(maker, arrow);
    return add_expression(maker, join);
}

/* Names first: the expressions of one permission may name the others. */
static void
make_permissions(struct maker *maker)
{
    struct world_type *type = &maker->world->types[maker->type];
    int relations = type->member_count;

    for (int count = below(maker, 4); count > 0; count--) {
        int name = fresh_name(maker, true);

        type->members[type->member_count++] = (struct world_member){.name = name, .root = 0};
    }
    if (world_find_name(maker->world, HOP_NAME) >= 0 && chance(maker, 25)) {
        int name = world_find_name(maker->world, HOP_NAME);

        if (world_find_member(maker->world, maker->type, name) < 0)
            type->members[type->member_count++] = (struct world_member){.name = name, .root = 0};
    }
    maker->forward = chance(maker, 12);
    for (int member = relations; member < type->member_count; member++) {
        int root = -1;

        maker->known_members = member;
        if (maker->recursive && chance(maker, 35))
            root = make_negation(maker);
        if (root < 0)
            root = make_expression(maker, 1 + below(maker, 3), false);
        type->members[member].root = root;
    }
}

static void
make_usersets(struct maker *maker)
{
    struct world *world = maker->world;

    for (int type = 0; type < world->type_count; type++) {
        for (int member = 0; member < world->types[type].member_count; member++) {
            struct world_member *at = &world->types[type].members[member];

            if (at->root >= 0)
                continue;
            for (int tries = 2; tries > 0 && chance(maker, 50); tries--) {
                struct world_variant variant = {
                    .type = chance(maker, 40) ? type : below(maker, world->type_count)};
                const struct world_type *from = &world->types[variant.type];

                if (from->member_count == 0)
                    continue;
                variant.name = from->members[below(maker, from->member_count)].name;
                add_variant(at, variant);
            }
        }
    }
}

/* --- the rules about wildcards --- */

typedef bool flags[WORLD_TYPES_MAX][WORLD_MEMBERS_MAX];

static bool expression_holds(const struct world *world, flags holds, int type, int expression);

static bool
arrow_holds(const struct world *world, flags holds, int type, const struct world_expression *arrow)
{
    const struct world_type *at = &world->types[type];
    int left = world_find_member(world, type, arrow->name);

    for (int i = 0; left >= 0 && i < at->members[left].variant_count; i++) {
        int next = at->members[left].variants[i].type;
        int member;

        if (arrow->target < 0) {
            if (expression_holds(world, holds, next, arrow->left))
                return true;
            continue;
        }
        member = world_find_member(world, next, arrow->target);
        if (member >= 0 && holds[next][member])
            return true;
    }
    return false;
}

/* Whether a wildcard can be anywhere below, on whatever side of whatever operator. */
static bool
expression_holds(const struct world *world, flags holds, int type, int expression)
{
    const struct world_expression *at = &world->expressions[expression];

    switch (at->op) {
    case WORLD_NIL:
    case WORLD_SELF:
        return false;
    case WORLD_MEMBER:
        return holds[type][world_find_member(world, type, at->name)];
    case WORLD_UNION:
    case WORLD_INTERSECTION:
    case WORLD_EXCLUSION:
        return expression_holds(world, holds, type, at->left) ||
               expression_holds(world, holds, type, at->right);
    case WORLD_ARROW:
    case WORLD_ALL:
        return arrow_holds(world, holds, type, at);
    case WORLD_OP_COUNT:
        break;
    }
    BEHALF_UNREACHABLE();
}

static bool
variant_holds(const struct world *world, flags holds, const struct world_variant *variant)
{
    return variant->wildcard ||
           (variant->name >= 0 &&
            holds[variant->type][world_find_member(world, variant->type, variant->name)]);
}

static void
find_holders(const struct world *world, flags holds)
{
    bool changed = true;

    memset(holds, 0, sizeof(flags));
    while (changed) {
        changed = false;
        for (int type = 0; type < world->type_count; type++) {
            for (int member = 0; member < world->types[type].member_count; member++) {
                const struct world_member *at = &world->types[type].members[member];
                bool holder = at->root >= 0 && expression_holds(world, holds, type, at->root);

                for (int i = 0; i < at->variant_count; i++)
                    holder = holder || variant_holds(world, holds, &at->variants[i]);
                changed = changed || holder != holds[type][member];
                holds[type][member] = holder;
            }
        }
    }
}

/* Marks what stands on the left of an arrow; a nested arrow walks on from any type. */
static void
mark_lefts(const struct world *world, flags lefts, int type, int expression)
{
    const struct world_expression *at;

    if (expression < 0)
        return;
    at = &world->expressions[expression];
    if (at->op == WORLD_ARROW || at->op == WORLD_ALL) {
        int member = world_find_member(world, type, at->name);

        if (member >= 0)
            lefts[type][member] = true;
        for (int next = 0; at->target < 0 && next < world->type_count; next++)
            mark_lefts(world, lefts, next, at->left);
        return;
    }
    mark_lefts(world, lefts, type, at->left);
    mark_lefts(world, lefts, type, at->right);
}

static bool
strip_relation(const struct world *world, flags holds, int type, struct world_member *member,
               bool left)
{
    bool stripped = false;

    for (int i = 0; i < member->variant_count; i++) {
        struct world_variant *variant = &member->variants[i];
        bool holder = variant_holds(world, holds, variant);

        if (!holder || (!left && (variant->wildcard || variant->type == type)))
            continue;
        stripped = true;
        member->variants[i--] = member->variants[--member->variant_count];
    }
    if (member->variant_count == 0)
        add_variant(member, (struct world_variant){.type = 0, .name = -1});
    return stripped;
}

static void
strip_wildcards(struct world *world)
{
    flags holds;
    flags lefts;
    bool stripped = true;

    memset(lefts, 0, sizeof lefts);
    for (int type = 0; type < world->type_count; type++)
        for (int member = 0; member < world->types[type].member_count; member++)
            mark_lefts(world, lefts, type, world->types[type].members[member].root);
    while (stripped) {
        stripped = false;
        find_holders(world, holds);
        for (int type = 0; type < world->type_count; type++)
            for (int member = 0; member < world->types[type].member_count; member++)
                if (strip_relation(world, holds, type, &world->types[type].members[member],
                                   lefts[type][member]))
                    stripped = true;
    }
}

/* --- tuples --- */

static void
make_tuple(struct maker *maker)
{
    struct world *world = maker->world;
    int type = below(maker, world->type_count);
    const struct world_member *relation = random_relation(maker, type);
    const struct world_variant *variant;
    struct world_tuple tuple = {.type = type};

    if (relation == NULL)
        return;
    variant = &relation->variants[below(maker, relation->variant_count)];
    /* The last id is never mentioned. */
    tuple.id = below(maker, world->id_count - 1);
    tuple.name = relation->name;
    tuple.subject_type = variant->type;
    tuple.subject_id = variant->wildcard ? -1 : below(maker, world->id_count - 1);
    tuple.subject_name = variant->name;
    for (int i = 0; i < world->tuple_count; i++)
        if (world_tuple_equal(&world->tuples[i], &tuple))
            return;
    world->tuples[world->tuple_count++] = tuple;
}

static void
make_names(struct maker *maker)
{
    static const char *const types[] = {"user", "group", "folder", "team/agent", "doc"};
    static const char *const ids[] = {"a", "b", "A", "c/d|e", "+-=_"};
    struct world *world = maker->world;
    int shift = below(maker, 5);
    int id_count = 2 + below(maker, 10) / 4;

    world->type_count = 1 + below(maker, 8) / 2 + below(maker, 2);
    world->type_count -= world->type_count > 3 && chance(maker, 50) ? 1 : 0;
    if (maker->size == WORLD_SMALL) {
        world->type_count = 1 + below(maker, 3);
        id_count = 2;
    }
    for (int type = 0; type < world->type_count; type++)
        snprintf(world->types[type].name, WORLD_NAME_SIZE, "%s", types[type]);
    for (int id = 0; id < id_count; id++)
        snprintf(world->ids[id], WORLD_NAME_SIZE, "%s", ids[(id + shift) % 5]);
    snprintf(world->ids[id_count], WORLD_NAME_SIZE, "nobody");
    world->id_count = id_count + 1;
    if (chance(maker, 30))
        name_index(world, HOP_NAME);
}

/* How often a tuple is tried, and how many there are at most. */
static void
make_tuples(struct maker *maker)
{
    int tries = chance(maker, 4) ? 0 : 4 + below(maker, 30 * maker->world->type_count);
    int most = 60;

    if (maker->size == WORLD_SMALL) {
        tries = 3 + below(maker, 18);
        most = 14;
    }
    for (; tries > 0 && maker->world->tuple_count < most; tries--)
        make_tuple(maker);
}

void
world_make(struct world *world, uint64_t seed, enum world_size size)
{
    struct maker maker = {.world = world, .random = {seed}, .size = size};
    bool hops;

    memset(world, 0, sizeof *world);
    world_random_next(&maker.random);
    maker.recursive = chance(&maker, 40);
    maker.exclusion_percent = chance(&maker, 30) ? 0 : 10 + below(&maker, 30);
    make_names(&maker);
    hops = world->name_count > 0;
    for (maker.type = 0; maker.type < world->type_count; maker.type++) {
        int relations = maker.type == 0 && chance(&maker, 60) ? 0 : 1 + below(&maker, 3);

        for (; relations > 0; relations--) {
            bool hop = hops && world_find_member(world, maker.type, 0) < 0 && chance(&maker, 25);

            make_relation(&maker, hop ? 0 : fresh_name(&maker, false));
        }
    }
    for (maker.type = 0; maker.type < world->type_count; maker.type++)
        if (maker.type > 0 || world->type_count == 1 || chance(&maker, 40))
            make_permissions(&maker);
    make_usersets(&maker);
    strip_wildcards(world);
    world->all_parentheses = chance(&maker, 30);
    make_tuples(&maker);
    world_make_conditions(world, seed, size);
}
