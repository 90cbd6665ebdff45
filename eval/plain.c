/* plain.c - finds the plain members of a schema and compiles their programs.
 * Always true: a member is taken for plain only if that was proven. Every bound below makes a
 * member ordinary, which costs time and never changes an answer. */
#include "eval/plain.h"

/* How many members of one object are folded into one program, and how many probes and steps a
 * program may have. Schemas written by people stay far below. */
#define FOLDED_MAX 32
#define PROGRAM_MAX 64

/* Rounds in each direction. Members that refer to each other in the order of the schema, or against
 * it, need only one. */
#define ROUNDS_MAX 16

struct building {
    const struct schema *schema;
    const uint16_t *type_labels;
    const uint16_t *member_labels;
    struct arena *arena;
    bool *rewrites; /* by rewrite: plain by itself, whatever it leads to */
    struct plain_program *programs;

    /* The member that is being compiled. */
    uint32_t folded[FOLDED_MAX];
    struct plain_probe probes[PROGRAM_MAX];
    struct plain_step steps[PROGRAM_MAX];
    size_t folded_count;
    size_t probe_count;
    size_t step_count;
    bool fits;
};

/* --- the leaves of a rewrite --- */

/* A plain rewrite is one leaf, or a union of leaves: the compiler flattens nested unions. */
static uint32_t
leaf_count(const struct schema *schema, uint32_t root)
{
    return schema->rewrites[root].op == REWRITE_UNION ? schema->rewrites[root].count : 1;
}

static const struct rewrite *
leaf_at(const struct schema *schema, uint32_t root, uint32_t at)
{
    const struct rewrite *row = &schema->rewrites[root];

    return row->op == REWRITE_UNION ? &schema->rewrites[schema->operands[row->first + at]] : row;
}

static bool
is_unconditional(const struct schema *schema, uint32_t relation)
{
    const struct schema_member *row = &schema->members[relation];

    for (uint32_t at = row->first_variant; at < row->first_variant + row->variant_count; at++) {
        if (schema->variants[at].caveat != SCHEMA_NONE || schema->variants[at].expiring)
            return false;
    }
    return true;
}

static bool
is_plain_union(const struct building *building, const struct rewrite *row)
{
    for (uint32_t at = row->first; at < row->first + row->count; at++) {
        uint32_t operand = building->schema->operands[at];

        if (!building->rewrites[operand] || building->schema->rewrites[operand].op == REWRITE_UNION)
            return false;
    }
    return true;
}

static bool
is_plain_rewrite(const struct building *building, const struct rewrite *row)
{
    switch (row->op) {
    case REWRITE_NIL:
    case REWRITE_SELF:
    case REWRITE_COMPUTED:
        return true;
    case REWRITE_STORED:
    case REWRITE_ARROW:
        return is_unconditional(building->schema, row->member);
    case REWRITE_UNION:
        return is_plain_union(building, row);
    case REWRITE_INTERSECTION:
    case REWRITE_EXCLUSION:
    case REWRITE_ARROW_ALL:
        return false;
    }
    BEHALF_UNREACHABLE();
}

/* --- a program --- */

static void
fold(struct building *building, uint32_t member)
{
    for (size_t at = 0; at < building->folded_count; at++) {
        if (building->folded[at] == member)
            return;
    }
    building->fits = building->fits && building->folded_count < FOLDED_MAX;
    if (building->fits)
        building->folded[building->folded_count++] = member;
}

static void
add_probe(struct building *building, struct plain_probe probe)
{
    building->fits = building->fits && building->probe_count < PROGRAM_MAX;
    if (building->fits)
        building->probes[building->probe_count++] = probe;
}

static uint16_t
label_of(const struct building *building, uint32_t member)
{
    return member == SCHEMA_NONE ? LABEL_NONE : building->member_labels[member];
}

/* Adds a step along the edges of one variant of `relation`, to objects that are asked for
 * `member`. */
static void
add_step(struct building *building, uint32_t relation, const struct schema_variant *variant,
         uint32_t member)
{
    struct plain_step step = {
        .member = member,
        .type = building->type_labels[variant->type],
        .relation = label_of(building, relation),
        .subject_relation = label_of(building, variant->relation),
    };

    step.kind = graph_kind_bit(step.relation, step.subject_relation);
    building->fits = building->fits && building->step_count < PROGRAM_MAX;
    if (building->fits)
        building->steps[building->step_count++] = step;
}

static void
add_relation(struct building *building, uint32_t relation)
{
    const struct schema_member *row = &building->schema->members[relation];
    uint16_t label = label_of(building, relation);

    for (uint32_t at = 0; at < row->variant_count; at++) {
        const struct schema_variant *variant = &building->schema->variants[row->first_variant + at];

        add_probe(building,
                  (struct plain_probe){
                      .type = variant->type,
                      .member = variant->relation,
                      .relation = label,
                      .wildcard = variant->wildcard,
                      .kind = graph_kind_bit(label, label_of(building, variant->relation)),
                  });
        if (variant->relation != SCHEMA_NONE)
            add_step(building, relation, variant, variant->relation);
    }
}

static void
add_arrow(struct building *building, const struct rewrite *arrow)
{
    const struct schema *schema = building->schema;
    const struct schema_member *tupleset = &schema->members[arrow->member];

    for (uint32_t at = 0; at < tupleset->variant_count; at++) {
        const struct schema_variant *variant = &schema->variants[tupleset->first_variant + at];

        for (uint32_t i = arrow->first; i < arrow->first + arrow->count; i++) {
            const struct schema_hop *hop = &schema->hops[i];

            if (hop->type == variant->type && hop->member != SCHEMA_NONE && !variant->wildcard)
                add_step(building, arrow->member, variant, hop->member);
        }
    }
}

static void
add_leaf(struct building *building, uint32_t member, const struct rewrite *leaf)
{
    switch (leaf->op) {
    case REWRITE_SELF:
        add_probe(building, (struct plain_probe){.type = building->schema->members[member].type,
                                                 .member = SCHEMA_NONE,
                                                 .relation = LABEL_NONE});
        return;
    case REWRITE_COMPUTED:
    case REWRITE_STORED:
        if (leaf->member == member)
            add_relation(building, member);
        else
            fold(building, leaf->member);
        return;
    case REWRITE_ARROW:
        add_arrow(building, leaf);
        return;
    case REWRITE_NIL:
        return;
    case REWRITE_UNION:
    case REWRITE_INTERSECTION:
    case REWRITE_EXCLUSION:
    case REWRITE_ARROW_ALL:
        break;
    }
    BEHALF_UNREACHABLE();
}

/* Compiles a member. False when its rewrite, or that of a folded member, is not plain, or the
 * program is too long. */
static bool
make_program(struct building *building, uint32_t member)
{
    const struct schema *schema = building->schema;

    building->folded_count = building->probe_count = building->step_count = 0;
    building->fits = true;
    fold(building, member);
    for (size_t at = 0; building->fits && at < building->folded_count; at++) {
        const struct schema_member *row = &schema->members[building->folded[at]];

        if (!building->rewrites[row->root])
            return false;
        for (uint32_t i = 0; i < leaf_count(schema, row->root); i++)
            add_leaf(building, building->folded[at], leaf_at(schema, row->root, i));
        /* A userset contains itself. */
        add_probe(building, (struct plain_probe){.type = row->type,
                                                 .member = building->folded[at],
                                                 .relation = LABEL_NONE});
    }
    return building->fits;
}

/* --- all programs --- */

static bool
keep_program(struct building *building, uint32_t member)
{
    struct plain_program *program = &building->programs[member];
    size_t probe_bytes = building->probe_count * sizeof *program->probes;
    size_t step_bytes = building->step_count * sizeof *program->steps;
    struct plain_probe *probes = arena_take(building->arena, probe_bytes);
    struct plain_step *steps = arena_take(building->arena, step_bytes);

    if (probes == NULL || steps == NULL)
        return false;
    memcpy(probes, building->probes, probe_bytes);
    memcpy(steps, building->steps, step_bytes);
    *program = (struct plain_program){
        .probes = probes,
        .steps = steps,
        .probe_count = (uint16_t)building->probe_count,
        .step_count = (uint16_t)building->step_count,
        .plain = true,
    };
    return true;
}

/* Whether a program leads to a member that is not plain. */
static bool
has_strayed(const struct building *building, uint32_t member)
{
    const struct plain_program *program = &building->programs[member];

    for (uint16_t at = 0; at < program->step_count; at++) {
        if (!building->programs[program->steps[at].member].plain)
            return true;
    }
    return false;
}

/* Removes programs that lead to members without one until none does: the greatest fixpoint. If the
 * rounds do not suffice, no member is plain, since any that is left may be wrong. */
static void
settle(struct building *building)
{
    uint32_t count = building->schema->member_count;
    bool changed = true;

    for (unsigned round = 0; changed && round < 2 * ROUNDS_MAX; round++) {
        changed = false;
        for (uint32_t at = 0; at < count; at++) {
            uint32_t member = round % 2 == 0 ? at : count - 1 - at;

            if (has_strayed(building, member)) {
                building->programs[member] = (struct plain_program){.plain = false};
                changed = true;
            }
        }
    }
    if (changed)
        memset(building->programs, 0, count * sizeof *building->programs);
}

const struct plain_program *
plain_build(const struct schema *schema, const uint16_t *type_labels, const uint16_t *member_labels,
            struct arena *arena)
{
    struct building building = {
        .schema = schema,
        .type_labels = type_labels,
        .member_labels = member_labels,
        .arena = arena,
        .rewrites = arena_take_array(arena, schema->rewrite_count, sizeof(bool)),
        .programs = arena_take_array(arena, schema->member_count, sizeof(struct plain_program)),
    };

    if (building.rewrites == NULL || building.programs == NULL)
        return NULL;
    for (uint32_t at = 0; at < schema->rewrite_count; at++)
        building.rewrites[at] = is_plain_rewrite(&building, &schema->rewrites[at]);
    for (uint32_t member = 0; member < schema->member_count; member++) {
        if (make_program(&building, member) && !keep_program(&building, member))
            return NULL;
    }
    settle(&building);
    return building.programs;
}
