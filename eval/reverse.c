/* reverse.c - the walk from a subject towards resources: breadth-first search over inverted edges.
 *
 * It works in two phases. The first marks the members of the schema that lead to the target (struct
 * schema_entry is the reachability graph). The second searches the stored data, and follows only
 * marked members.
 *
 * Example: which documents may user:ann view, with `view = viewer - banned`?
 *   user:ann          edge in reverse      -> (group:eng, member), visited
 *   group:eng#member  edge in reverse      -> (document:plan, viewer)
 *   same object       computed, uncertain  -> (document:plan, view), found as open
 * `viewer` leads only to `view` on the same object, so its nodes are found and not visited. The
 * exclusion is followed as if it removed nothing, which leaves the resource open.
 *
 * Always true: a node is followed at most twice, first as possible and later as certain, so cycles
 * end. A skipped edge is one that the schema does not allow, or whose condition is false.
 * Everything else is followed, which makes the result an upper bound. */
#include "eval/reverse.h"

#include "eval/limits.h"
#include "graph/limits.h"

#define UNCERTAIN 0u
#define CERTAIN 1u
#define FIRST_VISITED 16
#define PREFETCHED 8 /* nodes ahead of the current one */

struct reverse_step {
    uint64_t object;
    uint32_t member;
    bool certain;
};

/* How a member leads to the target. Members of the last two kinds need no visit: their nodes become
 * resources at once, which saves the table of visited nodes for the bulk of a large result. */
enum lead {
    LEADS_NOWHERE,
    LEADS_ON,      /* its nodes are visited and followed */
    LEADS_OPEN,    /* only to the target on the same object, possibly */
    LEADS_CERTAIN, /* only to the target on the same object, certainly */
};

/* --- which members lead to the target --- */

/* The inverted adjacency of the members: sources[first[m]..first[m + 1]) lead to member m. */
struct turned {
    uint32_t *first;
    uint32_t *sources;
};

/* A counting sort of the entries by target, in time proportional to the schema. */
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
    /* first[m + 1] is where the next source of m goes. At the end this is where the sources of m +
     * 1 begin. */
    for (uint32_t member = 0; member < members; member++) {
        const struct schema_member *row = &schema->members[member];

        for (uint32_t at = row->first_entry; at < row->first_entry + row->entry_count; at++)
            turned->sources[turned->first[schema->entries[at].target + 1]++] = member;
    }
    return true;
}

/* How a member that leads to the target does so, given what is known of its successors. Only a
 * computed member stays on the same object; any other entry to a marked member moves to other
 * objects and needs a visit. */
static enum lead
lead_of(const struct reverse_walk *walk, uint32_t member)
{
    const struct schema *schema = walk->scope.binding->schema;
    const struct schema_member *row = &schema->members[member];
    enum lead lead = member == walk->target ? LEADS_CERTAIN : LEADS_OPEN;

    for (uint32_t at = row->first_entry; at < row->first_entry + row->entry_count; at++) {
        const struct schema_entry *entry = &schema->entries[at];

        if (walk->leads[entry->target] == LEADS_NOWHERE)
            continue;
        if (entry->kind != SCHEMA_ENTRY_COMPUTED || walk->leads[entry->target] == LEADS_ON)
            return LEADS_ON;
        if (entry->certain && walk->leads[entry->target] == LEADS_CERTAIN)
            lead = LEADS_CERTAIN;
    }
    return lead;
}

/* Finds the members that need no visit. All begin as LEADS_ON, which is always sound, and a member
 * changes at most once, when none of its successors is LEADS_ON any more. Members on a cycle never
 * change. */
static void
find_ends(struct reverse_walk *walk, const uint32_t *members, uint32_t count)
{
    bool changed = true;

    while (changed) {
        changed = false;
        for (uint32_t i = 0; i < count; i++) {
            enum lead lead =
                walk->leads[members[i]] == LEADS_ON ? lead_of(walk, members[i]) : LEADS_ON;

            changed = changed || lead != LEADS_ON;
            if (lead != LEADS_ON)
                walk->leads[members[i]] = (uint8_t)lead;
        }
    }
}

/* Marks the members that lead to the target: a backward search over the inverted adjacency, in
 * which each member and entry is visited once. */
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
    walk->leads[walk->target] = LEADS_ON;
    found[count++] = walk->target;
    for (uint32_t done = 0; done < count; done++) {
        for (uint32_t at = turned.first[found[done]]; at < turned.first[found[done] + 1]; at++) {
            uint32_t source = turned.sources[at];

            if (walk->leads[source] == LEADS_NOWHERE) {
                walk->leads[source] = LEADS_ON;
                found[count++] = source;
            }
        }
    }
    find_ends(walk, found, count);
    return BEHALF_OK;
}

/* --- the walk --- */

/* Counts against `most`. The bound limits work and not only results, so nodes count on arrival. */
static void
count_reached(struct reverse_walk *walk, uint32_t count)
{
    walk->reached += count;
    walk->cut = walk->most > 0 && walk->reached > walk->most;
}

/* How many edges to read at once: at most one more than `most` permits, which is enough to be
 * cut. */
static size_t
capacity_within(const struct reverse_walk *walk, size_t capacity)
{
    size_t left = (size_t)walk->most - walk->reached + 1;

    return walk->most > 0 && left < capacity ? left : capacity;
}

/* Adds one resource, if it is in the window that is still open. */
static enum status
find_one(struct reverse_walk *walk, uint64_t object, bool certain, struct error *error)
{
    uint64_t sequence = object & NODE_SEQUENCE_MASK;
    uint32_t room;
    uint64_t *entries;

    if (sequence <= walk->gather.after || sequence > walk->gather.to)
        return BEHALF_OK;
    entries = resource_gather_room(&walk->gather, &room);
    if (entries == NULL)
        return budget_memory_spent(error);
    entries[0] = RESOURCE_ENTRY(sequence, !certain);
    resource_gather_add(&walk->gather, 1);
    return BEHALF_OK;
}

/* Reaches a node that is followed. A node that was only possible and is now certain is followed
 * once more, since its successors may become certain too. */
static enum status
visit(struct reverse_walk *walk, uint64_t object, uint32_t member, bool certain,
      struct error *error)
{
    uint64_t key = eval_key(object, member);
    uint32_t seen = table_find(&walk->visited, key);
    struct reverse_step *steps;

    /* Certainty only grows, so a node changes its state at most once. If it is the target, it is
     * added again as a closed entry; the gather keeps the closed one. */
    if (seen == CERTAIN || (seen == UNCERTAIN && !certain))
        return BEHALF_OK;
    if (seen == UNCERTAIN)
        table_set(&walk->visited, key, CERTAIN);
    else if (!table_add(&walk->visited, key, certain ? CERTAIN : UNCERTAIN))
        return budget_memory_spent(error);
    if (seen == TABLE_NONE)
        count_reached(walk, 1);
    /* The target may be followed itself, for example where a relation allows its own usersets. */
    if (member == walk->target) {
        enum status status = find_one(walk, object, certain, error);

        if (status != BEHALF_OK)
            return status;
    }
    /* The queue is never shortened: the memory belongs to the request, and its nodes are already
     * charged. */
    steps = arena_grow(walk->scope.arena, walk->steps, walk->step_count, &walk->step_size,
                       sizeof *steps);
    if (steps == NULL)
        return budget_memory_spent(error);
    walk->steps = steps;
    steps[walk->step_count++] = (struct reverse_step){object, member, certain};
    return BEHALF_OK;
}

/* Reaches a node of a marked member: one that is followed, or a resource. */
static enum status
reach(struct reverse_walk *walk, uint64_t object, uint32_t member, bool certain,
      struct error *error)
{
    if (walk->leads[member] == LEADS_ON)
        return visit(walk, object, member, certain, error);
    count_reached(walk, 1);
    return find_one(walk, object, certain && walk->leads[member] == LEADS_CERTAIN, error);
}

/* One kind of stored edge to follow in reverse, and the member that it leads to. */
struct reverse_edge {
    uint64_t subject;
    uint32_t relation;
    const struct schema_variant *variant; /* the first of its kind */
    uint32_t target;
    bool visits; /* the target's nodes are followed; else they become resources */
    bool certain;
};

/* The edges of this kind that name the subject: all resources of the relation's type, without local
 * nodes, which have no stored edges. */
static struct graph_range
range_of(const struct reverse_walk *walk, const struct reverse_edge *step)
{
    const struct binding *binding = walk->scope.binding;
    uint64_t type_node =
        NODE_WILDCARD(binding->type_labels[binding->schema->members[step->relation].type]);
    uint32_t subject_relation = step->variant->relation;

    return (struct graph_range){
        .direction = EDGE_REVERSE,
        .node = step->subject,
        .relation = binding->member_labels[step->relation],
        .subject_relation =
            subject_relation == SCHEMA_NONE ? LABEL_NONE : binding->member_labels[subject_relation],
        .from = type_node,
        .to = type_node + NODE_SEQUENCE_LOCAL,
    };
}

/* Whether an edge is followed, and whether it is certain. An open condition is followed: it may
 * hold. Every expiration that was relied on limits the validity of the result. */
static enum status
weigh_edge(struct reverse_walk *walk, const struct reverse_edge *step,
           const struct edge_traits *traits, bool *leads, bool *certain, struct error *error)
{
    struct value value;
    enum status status;

    *leads = condition_allows(walk->scope.binding, step->relation, step->variant, traits);
    *certain = step->certain;
    if (!*leads || traits == NULL)
        return BEHALF_OK;
    status = condition_value(&walk->scope, traits, &value, error);
    if (status != BEHALF_OK)
        return status;
    *leads = value.upper;
    *certain = step->certain && value.lower;
    /* An edge whose condition is false is not followed before it expires and not after, so its
     * expiration does not matter. */
    if (value.upper && value.until < walk->until)
        walk->until = value.until;
    return BEHALF_OK;
}

/* Turns a batch of nodes into entries, in place: the batch was read into the room of the gather.
 * Most batches have no traits, and then no edge needs a look at its condition. */
static enum status
find_batch(struct reverse_walk *walk, const struct reverse_edge *step,
           const struct graph_batch *batch, struct error *error)
{
    bool plain = batch->traits == NULL &&
                 condition_allows(walk->scope.binding, step->relation, step->variant, NULL);
    uint64_t *entries = batch->nodes;
    uint32_t count = 0;

    for (size_t i = 0; i < batch->count; i++) {
        bool leads = true;
        bool certain = step->certain;
        enum status status = BEHALF_OK;

        if (BEHALF_UNLIKELY(!plain))
            status = weigh_edge(walk, step, batch->traits == NULL ? NULL : batch->traits[i], &leads,
                                &certain, error);
        if (status != BEHALF_OK)
            return status;
        if (leads)
            entries[count++] = RESOURCE_ENTRY(entries[i] & NODE_SEQUENCE_MASK, !certain);
    }
    resource_gather_add(&walk->gather, count);
    count_reached(walk, count);
    return BEHALF_OK;
}

/* Narrows the range to the window of the gather: resources outside of it would be dropped there. */
static void
narrow_range(const struct reverse_walk *walk, struct graph_range *range)
{
    /* Sequences of the type follow its wildcard node, so the bounds translate by an OR. */
    if (range->from <= (walk->type_node | walk->gather.after))
        range->from = (walk->type_node | walk->gather.after) + 1;
    if (walk->gather.to < (range->to & NODE_SEQUENCE_MASK))
        range->to = (walk->type_node | walk->gather.to) + 1;
}

/* Adds every resource that names the subject on the relation. */
static enum status
find_resources(struct reverse_walk *walk, const struct reverse_edge *step, struct error *error)
{
    struct graph_range range = range_of(walk, step);
    struct graph_batch batch = {.capacity = 0};

    do {
        uint32_t room;
        enum status status;

        batch.nodes = resource_gather_room(&walk->gather, &room);
        if (batch.nodes == NULL)
            return budget_memory_spent(error);
        narrow_range(walk, &range);
        batch.capacity =
            capacity_within(walk, room < LIMIT_EDGE_BATCH_GROWN ? room : LIMIT_EDGE_BATCH_GROWN);
        status = graph_view_read(walk->view, &range, &batch, error);
        if (status == BEHALF_OK && batch.count > 0)
            range.from = batch.nodes[batch.count - 1] + 1;
        if (status == BEHALF_OK)
            status = find_batch(walk, step, &batch, error);
        if (status != BEHALF_OK)
            return status;
    } while (batch.count == batch.capacity && !walk->cut);
    return BEHALF_OK;
}

/* Visits the step's target on every resource that names the subject on the relation. The window
 * does not apply: any node may lead to a resource of the window. */
static enum status
visit_resources(struct reverse_walk *walk, const struct reverse_edge *step, struct error *error)
{
    struct graph_range range = range_of(walk, step);
    uint64_t nodes[LIMIT_EDGE_BATCH_GROWN];
    struct graph_batch batch = {.nodes = nodes};

    do {
        enum status status;

        /* A batch that is not full is the last one. The next one begins after the last node read,
         * so each edge is read, and charged, once. */
        batch.capacity = capacity_within(walk, BEHALF_COUNT_OF(nodes));
        status = graph_view_read(walk->view, &range, &batch, error);
        for (size_t i = 0; status == BEHALF_OK && !walk->cut && i < batch.count; i++) {
            bool leads;
            bool certain;

            status = weigh_edge(walk, step, batch.traits == NULL ? NULL : batch.traits[i], &leads,
                                &certain, error);
            if (status == BEHALF_OK && leads)
                status = visit(walk, nodes[i], step->target, certain, error);
        }
        if (status != BEHALF_OK)
            return status;
        if (batch.count > 0)
            range.from = nodes[batch.count - 1] + 1;
    } while (batch.count == batch.capacity && !walk->cut);
    return BEHALF_OK;
}

/* A cut walk reads no more: its result is discarded, so it need not be complete. */
static enum status
reach_resources(struct reverse_walk *walk, const struct reverse_edge *step, struct error *error)
{
    if (walk->cut)
        return BEHALF_OK;
    return step->visits ? visit_resources(walk, step, error) : find_resources(walk, step, error);
}

/* The relation's first variant of a kind; NULL when the relation does not allow the kind. The
 * others of the kind differ in caveat or expiration only, and share its range. */
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

/* Follows the edges of a relation. `source` is the member whose userset is the subject, SCHEMA_NONE
 * for a plain subject. */
static enum status
reach_by_relation(struct reverse_walk *walk, struct reverse_edge *step, uint32_t source,
                  bool wildcard, struct error *error)
{
    uint32_t type = binding_type(walk->scope.binding, step->subject);

    step->variant =
        find_variant(walk->scope.binding->schema, step->relation, type, source, wildcard);
    /* The reachability graph is derived from the variants; an entry without one means that the
     * schema was compiled wrongly, and skipping it could lose an allow. */
    if (BEHALF_UNLIKELY(step->variant == NULL))
        return error_internal(error, "the schema's reachability graph follows its variants",
                              __FILE__, __LINE__, "node %#llx, revision %llu, schema revision %llu",
                              (unsigned long long)step->subject,
                              (unsigned long long)walk->view->revision,
                              (unsigned long long)walk->scope.binding->revision);
    if (wildcard)
        step->subject = NODE_WILDCARD(NODE_TYPE(step->subject));
    return reach_resources(walk, step, error);
}

/* Follows the edges of a tupleset. It may name the object in any form that the schema allows: as an
 * object, or as a userset, whose relation an arrow ignores. */
static enum status
reach_by_arrow(struct reverse_walk *walk, struct reverse_edge *step, struct error *error)
{
    const struct schema *schema = walk->scope.binding->schema;
    const struct schema_member *tupleset = &schema->members[step->relation];
    uint32_t type = binding_type(walk->scope.binding, step->subject);
    enum status status = BEHALF_OK;

    for (uint32_t i = 0; status == BEHALF_OK && i < tupleset->variant_count; i++) {
        step->variant = &schema->variants[tupleset->first_variant + i];
        if (step->variant->type == type && !step->variant->wildcard && !step->variant->repeats)
            status = reach_resources(walk, step, error);
    }
    return status;
}

/* Follows one entry of the reachability graph from a node, or from the plain subject itself. The
 * step is certain if everything on it is: the node, the operator (entry->certain) and the
 * target. */
static enum status
take_entry(struct reverse_walk *walk, uint64_t object, uint32_t source,
           const struct schema_entry *entry, bool certain, struct error *error)
{
    /* A member that leads nowhere is skipped here, so edges are read only towards the target. */
    enum lead lead = walk->leads[entry->target];
    struct reverse_edge step = {
        .subject = object,
        .relation = entry->target,
        .target = entry->target,
        .visits = lead == LEADS_ON,
        .certain = certain && entry->certain && lead != LEADS_OPEN,
    };

    if (lead == LEADS_NOWHERE)
        return BEHALF_OK;
    switch (entry->kind) {
    case SCHEMA_ENTRY_STORED:
        return reach_by_relation(walk, &step, source, entry->wildcard, error);
    case SCHEMA_ENTRY_COMPUTED:
    case SCHEMA_ENTRY_SELF:
        return reach(walk, object, entry->target, step.certain, error);
    case SCHEMA_ENTRY_ARROW:
        step.relation = entry->tupleset;
        return reach_by_arrow(walk, &step, error);
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

/* When nodes of the walk were missing in memory, the next nodes of the queue are loaded together:
 * one snapshot and one scan for all. Returns the end of the loaded part of the queue. */
static uint32_t
prepare_steps(const struct reverse_walk *walk, uint32_t at, uint32_t prepared)
{
    uint64_t nodes[GRAPH_LOADS_MAX];
    uint32_t count = 0;

    if (BEHALF_LIKELY(walk->view->loads == 0) || at < prepared)
        return prepared;
    while (at + count < walk->step_count && count < GRAPH_LOADS_MAX) {
        nodes[count] = walk->steps[at + count].object;
        count++;
    }
    graph_view_prepare(walk->view, nodes, count, EDGE_REVERSE);
    return at + count;
}

/* A userset begins as a reached node of its own member: it is a subject of itself. A plain subject
 * has no node; the entries of its type say which relations may name it. */
static enum status
walk_from(struct reverse_walk *walk, const struct eval_subject *subject, struct error *error)
{
    const struct schema_type *type = &walk->scope.binding->schema->types[subject->type];
    uint32_t prepared = 0;
    enum status status;

    /* The schema alone decides: no resource can include such a userset. */
    if (subject->member != SCHEMA_NONE && walk->leads[subject->member] == LEADS_NOWHERE)
        return BEHALF_OK;
    if (subject->member != SCHEMA_NONE)
        status = reach(walk, subject->node, subject->member, true, error);
    else
        status = take_entries(walk, subject->node, SCHEMA_NONE, type->first_entry,
                              type->entry_count, true, error);
    for (uint32_t at = 0; status == BEHALF_OK && !walk->cut && at < walk->step_count; at++) {
        /* A copy: following the step may move the array. */
        struct reverse_step step = walk->steps[at];
        const struct schema_member *member = &walk->scope.binding->schema->members[step.member];

        prepared = prepare_steps(walk, at, prepared);
        if (walk->step_count - at > PREFETCHED)
            /* The queue shows which edges are needed soon; a walk over edges that are in memory
             * mostly waits for it. */
            graph_prefetch(walk->view->graph, walk->steps[at + PREFETCHED].object, EDGE_REVERSE);
        status = take_entries(walk, step.object, step.member, member->first_entry,
                              member->entry_count, step.certain, error);
    }
    return status;
}

/* Only what both kinds of walk use: reverse_name needs neither marks nor visited nodes. */
static void
begin(struct reverse_walk *walk)
{
    const struct binding *binding = walk->scope.binding;

    walk->until = VALUE_FOR_EVER;
    resource_gather_init(&walk->gather, walk->scope.arena, walk->after, walk->window);
    walk->type_node =
        NODE_WILDCARD(binding->type_labels[binding->schema->members[walk->target].type]);
}

/* Only a walk that succeeded gets here. `found` is sorted and without duplicates from now on. */
static enum status
end(struct reverse_walk *walk, struct error *error)
{
    if (!resource_gather_end(&walk->gather, &walk->found))
        return budget_memory_spent(error);
    walk->to = walk->gather.to;
    return BEHALF_OK;
}

enum status
reverse_walk(struct reverse_walk *walk, const struct eval_subject *subject, struct error *error)
{
    enum status status;

    begin(walk);
    if (!table_init(&walk->visited, walk->scope.arena, FIRST_VISITED))
        return budget_memory_spent(error);
    status = find_leads(walk, error);
    if (status == BEHALF_OK)
        status = walk_from(walk, subject, error);
    return status == BEHALF_OK ? end(walk, error) : status;
}

enum status
reverse_name(struct reverse_walk *walk, uint32_t type, struct resource_set objects,
             struct error *error)
{
    uint64_t type_node = NODE_WILDCARD(walk->scope.binding->type_labels[type]);
    struct reverse_edge step = {.relation = walk->target, .target = walk->target};
    enum status status = BEHALF_OK;

    begin(walk);
    for (uint32_t at = 0; status == BEHALF_OK && !walk->cut && at < objects.count; at++) {
        if (objects.count - at > PREFETCHED)
            graph_prefetch(walk->view->graph,
                           type_node | RESOURCE_SEQUENCE(objects.entries[at + PREFETCHED]),
                           EDGE_REVERSE);
        step.subject = type_node | RESOURCE_SEQUENCE(objects.entries[at]);
        /* An arrow passes on the certainty of the far object; the edge's own condition is added in
         * weigh_edge. */
        step.certain = !RESOURCE_OPEN(objects.entries[at]);
        status = reach_by_arrow(walk, &step, error);
    }
    return status == BEHALF_OK ? end(walk, error) : status;
}
