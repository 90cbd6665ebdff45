/* reverse.c - the walk from a subject towards resources, along stored edges in reverse and along
 * the schema's reachability graph (struct schema_entry) from member to member, only where the
 * target can still be reached. */
#include "engine/reverse.h"

#include <stdlib.h>

#include "engine/limits.h"

#define UNCERTAIN 0u
#define CERTAIN 1u
#define FIRST_VISITED 64

struct reverse_step {
    uint64_t object;
    uint32_t member;
    bool certain;
};

/* --- which members lead to the target --- */

/* The entries of members turned round: sources[first[m]..first[m + 1]) lead to member m. */
struct turned {
    uint32_t *first;
    uint32_t *sources;
};

static bool
turn_entries(struct reverse_walk *walk, struct turned *turned)
{
    const struct schema *schema = walk->scope.binding->schema;
    size_t members = schema->member_count;

    turned->first = arena_take_array(walk->scope.arena, members + 2, sizeof *turned->first);
    turned->sources =
        arena_take_array(walk->scope.arena, schema->entry_count, sizeof *turned->sources);
    if (turned->first == NULL || turned->sources == NULL)
        return false;
    for (uint32_t member = 0; member < members; member++) {
        const struct schema_member *row = &schema->members[member];

        for (uint32_t at = row->first_entry; at < row->first_entry + row->entry_count; at++)
            turned->first[schema->entries[at].target + 2]++;
    }
    for (size_t member = 0; member < members; member++)
        turned->first[member + 2] += turned->first[member + 1];
    /* first[m + 1] is where the next source of m goes, and at the end where those of m + 1
     * begin. */
    for (uint32_t member = 0; member < members; member++) {
        const struct schema_member *row = &schema->members[member];

        for (uint32_t at = row->first_entry; at < row->first_entry + row->entry_count; at++)
            turned->sources[turned->first[schema->entries[at].target + 1]++] = member;
    }
    return true;
}

/* Goes from the target backwards; each member and entry is looked at once. */
static enum status
find_leads(struct reverse_walk *walk, struct error *error)
{
    uint32_t members = walk->scope.binding->schema->member_count;
    uint32_t *found = arena_take_array(walk->scope.arena, members, sizeof *found);
    uint32_t count = 0;
    struct turned turned;

    walk->leads = arena_take_array(walk->scope.arena, members, sizeof *walk->leads);
    if (found == NULL || walk->leads == NULL || !turn_entries(walk, &turned))
        return budget_memory_spent(error);
    walk->leads[walk->target] = true;
    found[count++] = walk->target;
    for (uint32_t done = 0; done < count; done++) {
        for (uint32_t at = turned.first[found[done]]; at < turned.first[found[done] + 1]; at++) {
            uint32_t source = turned.sources[at];

            if (!walk->leads[source]) {
                walk->leads[source] = true;
                found[count++] = source;
            }
        }
    }
    return BEHALF_OK;
}

/* --- the walk --- */

static enum status
add_found(struct reverse_walk *walk, uint64_t node, bool certain, struct error *error)
{
    struct reverse_node *found = arena_grow(walk->scope.arena, walk->found, walk->found_count,
                                            &walk->found_size, sizeof *found);

    if (found == NULL)
        return budget_memory_spent(error);
    walk->found = found;
    found[walk->found_count++] = (struct reverse_node){node, certain};
    return BEHALF_OK;
}

/* Reaches a node. It is walked from once, and once more if it turns out to be certain later. */
static enum status
reach(struct reverse_walk *walk, uint64_t object, uint32_t member, bool certain,
      struct error *error)
{
    uint64_t key = eval_key(object, member);
    uint32_t seen = table_find(&walk->visited, key);
    struct reverse_step *steps;

    if (seen == CERTAIN || (seen == UNCERTAIN && !certain))
        return BEHALF_OK;
    if (walk->most > 0 && walk->visited.count >= walk->most) {
        walk->cut = true;
        return BEHALF_OK;
    }
    if (seen == UNCERTAIN)
        table_set(&walk->visited, key, CERTAIN);
    else if (!table_add(&walk->visited, key, certain ? CERTAIN : UNCERTAIN))
        return budget_memory_spent(error);
    if (member == walk->target) {
        enum status status = add_found(walk, object, certain, error);

        if (status != BEHALF_OK)
            return status;
    }
    steps = arena_grow(walk->scope.arena, walk->steps, walk->step_count, &walk->step_size,
                       sizeof *steps);
    if (steps == NULL)
        return budget_memory_spent(error);
    walk->steps = steps;
    steps[walk->step_count++] = (struct reverse_step){object, member, certain};
    return BEHALF_OK;
}

/* A kind of stored edge to be walked against its direction, and where it leads. */
struct reverse_edge {
    uint64_t subject;
    uint32_t relation;
    const struct schema_variant *variant; /* the first of its kind */
    uint32_t target;
    bool certain;
};

/* Takes one edge of the step. */
static enum status
reach_resource(struct reverse_walk *walk, const struct reverse_edge *step, uint64_t resource,
               const struct edge_traits *traits, struct error *error)
{
    struct value value = value_decision(true);
    enum status status = BEHALF_OK;

    if (!condition_allows(walk->scope.binding, step->relation, step->variant, traits))
        return BEHALF_OK;
    if (traits != NULL)
        status = condition_value(&walk->scope, traits, &value, error);
    if (status != BEHALF_OK || !value.upper)
        return status;
    if (value.until < walk->until)
        walk->until = value.until;
    return reach(walk, resource, step->target, step->certain && value.lower, error);
}

/* Reaches the target on every resource that names the subject on the relation. */
static enum status
reach_resources(struct reverse_walk *walk, const struct reverse_edge *step, struct error *error)
{
    const struct binding *binding = walk->scope.binding;
    uint16_t type_label =
        binding->type_labels[walk->scope.binding->schema->members[step->relation].type];
    uint32_t subject_relation = step->variant->relation;
    struct graph_range range = {
        .direction = EDGE_REVERSE,
        .node = step->subject,
        .relation = binding->member_labels[step->relation],
        .subject_relation =
            subject_relation == SCHEMA_NONE ? LABEL_NONE : binding->member_labels[subject_relation],
        .from = NODE_WILDCARD(type_label),
        .to = NODE_WILDCARD(type_label) + NODE_SEQUENCE_LOCAL,
    };
    uint64_t nodes[LIMIT_EDGE_BATCH_GROWN];
    struct graph_batch batch = {.nodes = nodes, .capacity = BEHALF_COUNT_OF(nodes)};

    do {
        enum status status = graph_view_read(walk->view, &range, &batch, error);

        for (size_t i = 0; status == BEHALF_OK && !walk->cut && i < batch.count; i++)
            status = reach_resource(walk, step, nodes[i],
                                    batch.traits == NULL ? NULL : batch.traits[i], error);
        if (status != BEHALF_OK)
            return status;
        if (batch.count > 0)
            range.from = nodes[batch.count - 1] + 1;
    } while (batch.count == batch.capacity && !walk->cut);
    return BEHALF_OK;
}

/* The first of the relation's variants of a kind; NULL when it does not allow the kind. */
static const struct schema_variant *
find_variant(const struct schema *schema, uint32_t relation, uint32_t type,
             uint32_t subject_relation, bool wildcard)
{
    const struct schema_member *row = &schema->members[relation];

    for (uint32_t i = 0; i < row->variant_count; i++) {
        const struct schema_variant *variant = &schema->variants[row->first_variant + i];

        if (variant->type == type && variant->relation == subject_relation &&
            variant->wildcard == wildcard)
            return variant;
    }
    return NULL;
}

/* `source`: the member whose userset is the subject; SCHEMA_NONE for a plain subject. */
static enum status
reach_by_relation(struct reverse_walk *walk, uint64_t object, uint32_t source,
                  const struct schema_entry *entry, bool certain, struct error *error)
{
    struct reverse_edge step = {
        .subject = entry->wildcard ? NODE_WILDCARD(NODE_TYPE(object)) : object,
        .relation = entry->target,
        .variant = find_variant(walk->scope.binding->schema, entry->target,
                                binding_type(walk->scope.binding, object), source, entry->wildcard),
        .target = entry->target,
        .certain = certain,
    };

    BEHALF_ASSERT(step.variant != NULL);
    return reach_resources(walk, &step, error);
}

/* The object of a node stands on the tupleset in any form that the schema allows: plainly, or as a
 * userset, whose relation an arrow ignores. */
static enum status
reach_by_arrow(struct reverse_walk *walk, uint64_t object, const struct schema_entry *entry,
               bool certain, struct error *error)
{
    const struct schema_member *tupleset = &walk->scope.binding->schema->members[entry->tupleset];
    uint32_t type = binding_type(walk->scope.binding, object);
    struct reverse_edge step = {
        .subject = object,
        .relation = entry->tupleset,
        .target = entry->target,
        .certain = certain,
    };
    enum status status = BEHALF_OK;

    for (uint32_t i = 0; status == BEHALF_OK && i < tupleset->variant_count; i++) {
        step.variant = &walk->scope.binding->schema->variants[tupleset->first_variant + i];
        if (step.variant->type == type && !step.variant->wildcard && !step.variant->repeats)
            status = reach_resources(walk, &step, error);
    }
    return status;
}

/* Takes one entry of the reachability graph from a node, or from the plain subject itself. */
static enum status
take_entry(struct reverse_walk *walk, uint64_t object, uint32_t source,
           const struct schema_entry *entry, bool certain, struct error *error)
{
    if (!walk->leads[entry->target])
        return BEHALF_OK;
    certain = certain && entry->certain;
    switch (entry->kind) {
    case SCHEMA_ENTRY_STORED:
        return reach_by_relation(walk, object, source, entry, certain, error);
    case SCHEMA_ENTRY_COMPUTED:
    case SCHEMA_ENTRY_SELF:
        return reach(walk, object, entry->target, certain, error);
    case SCHEMA_ENTRY_ARROW:
        return reach_by_arrow(walk, object, entry, certain, error);
    }
    BEHALF_UNREACHABLE();
}

static enum status
take_entries(struct reverse_walk *walk, uint64_t object, uint32_t source, uint32_t first,
             uint32_t count, bool certain, struct error *error)
{
    enum status status = BEHALF_OK;

    for (uint32_t i = 0; status == BEHALF_OK && i < count; i++)
        status = take_entry(walk, object, source, &walk->scope.binding->schema->entries[first + i],
                            certain, error);
    return status;
}

static enum status
walk_from(struct reverse_walk *walk, const struct eval_subject *subject, struct error *error)
{
    const struct schema_type *type = &walk->scope.binding->schema->types[subject->type];
    enum status status;

    if (subject->member != SCHEMA_NONE)
        status = reach(walk, subject->node, subject->member, true, error);
    else
        status = take_entries(walk, subject->node, SCHEMA_NONE, type->first_entry,
                              type->entry_count, true, error);
    while (status == BEHALF_OK && !walk->cut && walk->step_count > 0) {
        struct reverse_step step = walk->steps[--walk->step_count];
        const struct schema_member *member = &walk->scope.binding->schema->members[step.member];

        status = take_entries(walk, step.object, step.member, member->first_entry,
                              member->entry_count, step.certain, error);
    }
    return status;
}

/* Certain before uncertain, so that the first of equal nodes is the one to keep. */
static int
compare_nodes(const void *a, const void *b)
{
    const struct reverse_node *x = a;
    const struct reverse_node *y = b;

    if (x->node != y->node)
        return x->node < y->node ? -1 : 1;
    return (int)y->certain - (int)x->certain;
}

static void
sort_found(struct reverse_walk *walk)
{
    uint32_t kept = 0;

    if (walk->found_count == 0)
        return;
    qsort(walk->found, walk->found_count, sizeof *walk->found, compare_nodes);
    for (uint32_t i = 0; i < walk->found_count; i++) {
        if (kept == 0 || walk->found[kept - 1].node != walk->found[i].node)
            walk->found[kept++] = walk->found[i];
    }
    walk->found_count = kept;
}

enum status
reverse_walk(struct reverse_walk *walk, const struct eval_subject *subject, struct error *error)
{
    enum status status;

    walk->until = VALUE_FOR_EVER;
    if (!table_init(&walk->visited, walk->scope.arena, FIRST_VISITED))
        return budget_memory_spent(error);
    status = find_leads(walk, error);
    if (status == BEHALF_OK)
        status = walk_from(walk, subject, error);
    if (status == BEHALF_OK)
        sort_found(walk);
    return status;
}

uint32_t
reverse_lower_bound(const struct reverse_walk *walk, uint64_t node)
{
    uint32_t low = 0;
    uint32_t high = walk->found_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (walk->found[middle].node < node)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}
