/* eval_walk.c - everything that the evaluation reads from the graph: edges that decide by
 * themselves, and edges to the usersets and tupleset objects that are asked next.
 *
 * Always true: edges are requested by the variants of the schema, as ranges of far nodes of one
 * type. So an edge of a type that the schema does not allow is never read, and condition_allows
 * hides one with a caveat or an expiration that the relation does not allow. */
#include "eval/eval_private.h"
#include "eval/limits.h"
#include "graph/limits.h"

/* A free batch, linked through its own memory. */
struct batch_link {
    struct batch_link *next;
};

_Static_assert(sizeof(struct batch_link) <= sizeof(uint64_t), "the smallest batch holds a link");

static void
set_type_bounds(struct graph_range *range, uint16_t type_label)
{
    range->from = NODE_WILDCARD(type_label);
    range->to = range->from + NODE_SEQUENCE_LOCAL;
}

/* --- edges that decide by themselves --- */

/* Variants that repeat a kind with another caveat or expiration are skipped: the edges of all of
 * them are in the range of the first. */
static bool
variant_matches(const struct eval *eval, const struct schema_variant *variant)
{
    return variant->type == eval->subject.type && variant->relation == eval->subject.member &&
           !variant->repeats;
}

/* The value of an edge with traits. Its expiration is noted in any case: the answer may change when
 * the edge disappears. */
static enum status
edge_value(struct eval *eval, const struct edge_traits *traits, struct value *value,
           struct error *error)
{
    if (traits->expires_at != 0 && traits->expires_at < eval->earliest)
        eval->earliest = traits->expires_at;
    return condition_value(&eval->scope, traits, value, error);
}

/* The decision of one edge; a deny when it does not exist. A false condition equals an absent edge
 * in a union, so it has no `until`: its expiration turns a deny into a deny. */
static enum status
probe(struct eval *eval, const struct edge_key *key, uint32_t relation,
      const struct schema_variant *variant, struct value *value, struct error *error)
{
    const struct edge_traits *traits;
    bool found;
    enum status status = graph_view_contains(eval->view, key, &found, &traits, error);

    *value = value_decision(false);
    if (status != BEHALF_OK || !found ||
        !condition_allows(eval->binding, relation, variant, traits))
        return status;
    if (BEHALF_LIKELY(traits == NULL)) {
        *value = value_decision(true);
        return BEHALF_OK;
    }
    status = edge_value(eval, traits, value, error);
    if (status == BEHALF_OK && !value->upper)
        value->until = VALUE_FOR_EVER;
    return status;
}

static enum status
direct_decision(struct eval *eval, uint64_t object, uint32_t relation, struct value *value,
                struct error *error)
{
    const struct schema_member *row = &eval->schema->members[relation];
    struct edge_key key = {
        .resource = object,
        .relation = eval->binding->member_labels[relation],
        .subject_relation = eval->subject_label,
    };

    *value = value_decision(false);
    for (uint32_t i = 0; i < row->variant_count; i++) {
        const struct schema_variant *variant = &eval->schema->variants[row->first_variant + i];
        struct value edge;
        enum status status;

        if (!variant_matches(eval, variant))
            continue;
        key.subject = eval->subject.node;
        if (variant->wildcard)
            key.subject = NODE_WILDCARD(NODE_TYPE(eval->subject.node));
        /* The subject's own edge and the wildcard are alternatives. Both are read only while
         * neither allows. */
        status = probe(eval, &key, relation, variant, &edge, error);
        if (status == BEHALF_OK &&
            !value_combine(VALUE_DECISION, VALUE_UNION, eval->arena, value, &edge))
            status = budget_memory_spent(error);
        if (status != BEHALF_OK || value->lower)
            return status;
    }
    return BEHALF_OK;
}

/* --- all subjects of a relation --- */

/* The variants by which the relation allows the requested subjects; NULL where it does not. */
struct allowed_kinds {
    const struct schema_variant *plain;
    const struct schema_variant *wildcard;
};

static struct allowed_kinds
allowed_kinds(const struct eval *eval, uint32_t relation)
{
    const struct schema_member *row = &eval->schema->members[relation];
    struct allowed_kinds kinds = {NULL, NULL};

    for (uint32_t i = 0; i < row->variant_count; i++) {
        const struct schema_variant *variant = &eval->schema->variants[row->first_variant + i];

        if (!variant_matches(eval, variant))
            continue;
        if (variant->wildcard)
            kinds.wildcard = variant;
        else
            kinds.plain = variant;
    }
    return kinds;
}

/* Sequences of the subjects that possibly hold, and among them those that certainly hold. */
struct subject_lists {
    uint64_t *possible;
    uint32_t count;
    uint32_t size;
    uint64_t *certain; /* has the size of `possible` */
    uint32_t certain_count;
};

/* Moves one batch, which was read to possible[count..], into the lists. It compacts in place: an
 * edge is never written to a place after its own. */
static enum status
sort_batch(struct eval *eval, uint32_t relation, const struct allowed_kinds *kinds,
           const struct graph_batch *batch, struct subject_lists *lists, struct error *error)
{
    for (size_t i = 0; i < batch->count; i++) {
        const struct edge_traits *traits = batch->traits == NULL ? NULL : batch->traits[i];
        uint64_t sequence = batch->nodes[i] & NODE_SEQUENCE_MASK;
        struct value value = value_decision(true);
        enum status status = BEHALF_OK;

        if (!condition_allows(eval->binding, relation,
                              sequence == 0 ? kinds->wildcard : kinds->plain, traits))
            continue;
        if (traits != NULL)
            status = edge_value(eval, traits, &value, error);
        if (status == BEHALF_OK && !eval_note_met(eval, sequence))
            status = budget_memory_spent(error);
        if (status != BEHALF_OK)
            return status;
        if (value.upper)
            lists->possible[lists->count++] = sequence;
        if (value.lower)
            lists->certain[lists->certain_count++] = sequence;
    }
    return BEHALF_OK;
}

/* Makes room for the next batch after what the lists hold. */
static bool
grow_lists(struct eval *eval, struct subject_lists *lists)
{
    uint32_t size = lists->size;
    uint64_t *certain;

    lists->possible = arena_grow(eval->arena, lists->possible, lists->count, &lists->size,
                                 sizeof *lists->possible);
    if (lists->possible == NULL)
        return false;
    if (size == lists->size)
        return true;
    certain = arena_take(eval->arena, lists->size * sizeof *certain);
    if (certain != NULL && lists->certain_count > 0)
        memcpy(certain, lists->certain, lists->certain_count * sizeof *certain);
    lists->certain = certain;
    return certain != NULL;
}

static enum status
read_subjects(struct eval *eval, uint32_t relation, const struct allowed_kinds *kinds,
              struct graph_range range, struct subject_lists *lists, struct error *error)
{
    struct graph_batch batch;

    do {
        enum status status;

        if (!grow_lists(eval, lists))
            return budget_memory_spent(error);
        batch = (struct graph_batch){
            .nodes = lists->possible + lists->count,
            .capacity = lists->size - lists->count,
        };
        if (batch.capacity > LIMIT_EDGE_BATCH_GROWN) /* the graph copies the traits of a batch */
            batch.capacity = LIMIT_EDGE_BATCH_GROWN;
        status = graph_view_read(eval->view, &range, &batch, error);
        if (status == BEHALF_OK && batch.count > 0)
            range.from = batch.nodes[batch.count - 1] + 1;
        if (status == BEHALF_OK)
            status = sort_batch(eval, relation, kinds, &batch, lists, error);
        if (status != BEHALF_OK)
            return status;
    } while (batch.count == batch.capacity);
    return BEHALF_OK;
}

static bool
ascends(const uint64_t *sequences, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        if (sequences[i - 1] >= sequences[i])
            return false;
    }
    return true;
}

/* All plain subjects of the requested kind. Usersets of that kind come from the walk, by
 * identity. */
static enum status
direct_subjects(struct eval *eval, uint64_t object, uint32_t relation, struct value *value,
                struct error *error)
{
    struct allowed_kinds kinds = allowed_kinds(eval, relation);
    struct graph_range range = {
        .direction = EDGE_FORWARD,
        .node = object,
        .relation = eval->binding->member_labels[relation],
    };
    struct subject_lists lists = {.possible = NULL};
    enum status status;

    *value = value_none(VALUE_SUBJECTS);
    if (eval->subject.member != SCHEMA_NONE || (kinds.plain == NULL && kinds.wildcard == NULL))
        return BEHALF_OK;
    set_type_bounds(&range, eval->binding->type_labels[eval->subject.type]);
    /* The wildcard has sequence 0 and is the first node of the range. */
    if (kinds.wildcard == NULL)
        range.from++;
    if (kinds.plain == NULL)
        range.to = range.from + 1;
    status = read_subjects(eval, relation, &kinds, range, &lists, error);
    if (status != BEHALF_OK)
        return status;
    if (BEHALF_UNLIKELY(!ascends(lists.possible, lists.count)))
        return EVAL_BROKEN(eval, object, relation, "a range is read in order, each edge once",
                           error);
    value->lower_set = subject_set_new(eval->arena, lists.certain, lists.certain_count);
    value->upper_set = lists.certain_count == lists.count
                           ? value->lower_set
                           : subject_set_new(eval->arena, lists.possible, lists.count);
    return value->lower_set != NULL && value->upper_set != NULL ? BEHALF_OK
                                                                : budget_memory_spent(error);
}

enum status
eval_direct(struct eval *eval, uint64_t object, uint32_t relation, struct value *value,
            struct error *error)
{
    if (eval->domain == VALUE_DECISION)
        return direct_decision(eval, object, relation, value, error);
    return direct_subjects(eval, object, relation, value, error);
}

/* --- walks --- */

static uint64_t *
take_batch(struct eval *eval, uint32_t size)
{
    struct batch_link **list = size == LIMIT_EDGE_BATCH ? &eval->free_small : &eval->free_grown;
    struct batch_link *link = *list;

    if (link == NULL)
        return arena_take(eval->arena, size * (sizeof(uint64_t) + sizeof(struct value *)));
    *list = link->next;
    return (uint64_t *)(void *)link;
}

static void
give_batch(struct eval *eval, uint64_t *batch, uint32_t size)
{
    struct batch_link **list = size == LIMIT_EDGE_BATCH ? &eval->free_small : &eval->free_grown;
    struct batch_link *link = (struct batch_link *)(void *)batch;

    if (batch == NULL)
        return;
    link->next = *list;
    *list = link;
}

enum status
eval_walk_start(struct eval *eval, struct eval_frame *frame, struct error *error)
{
    const struct rewrite *row = &eval->schema->rewrites[frame->rewrite];
    const struct schema_member *relation = &eval->schema->members[row->member];
    struct eval_walk *walk = &frame->walk;
    enum status status;

    /* Set field by field, as in eval_push; next_variant sets the rest. */
    walk->variant = relation->first_variant;
    walk->variant_end = relation->first_variant + relation->variant_count;
    walk->range.direction = EDGE_FORWARD;
    walk->range.node = frame->object;
    walk->range.relation = eval->binding->member_labels[row->member];
    walk->hops = NULL;
    walk->batch_count = walk->batch_at = 0;
    walk->narrow = NULL;
    walk->batch_full = false;
    walk->more = false;
    /* In the decision domain eval_ask has read the relation's own edges before it pushed this
     * frame. The solver pushes frames directly, so they are read here. */
    if (row->op != REWRITE_STORED || (eval->domain == VALUE_DECISION && !eval->solving))
        return BEHALF_OK;
    status = eval_direct(eval, frame->object, row->member, &frame->value, error);
    if (eval->domain == VALUE_DECISION)
        eval_note_until(eval, &frame->value);
    return status;
}

void
eval_walk_stop(struct eval *eval, struct eval_walk *walk)
{
    give_batch(eval, walk->batch, walk->batch_size);
    walk->batch = NULL;
}

/* Moves the scan to its next relevant variant; false when there is none. A variant whose far nodes
 * cannot lead to the subject is skipped, except for ARROW_ALL, where every object counts: one
 * without the subject is a deny. */
static bool
next_variant(struct eval *eval, struct eval_frame *frame)
{
    const struct rewrite *row = &eval->schema->rewrites[frame->rewrite];
    struct eval_walk *walk = &frame->walk;

    while (walk->variant < walk->variant_end) {
        const struct schema_variant *variant = &eval->schema->variants[walk->variant++];

        if (variant->wildcard || variant->repeats)
            continue;
        if (row->op == REWRITE_STORED)
            walk->child = variant->relation;
        else
            walk->child = schema_hop_member(eval->schema, row, variant->type);
        if (row->op != REWRITE_ARROW_ALL && !reach_leads_on(&eval->reach, walk->child))
            continue;
        walk->range.subject_relation = variant->relation == SCHEMA_NONE
                                           ? LABEL_NONE
                                           : eval->binding->member_labels[variant->relation];
        set_type_bounds(&walk->range, eval->binding->type_labels[variant->type]);
        walk->range.from++;
        walk->more = true;
        walk->narrow = NULL;
        walk->batch_full = false;
        walk->walked = 0;
        walk->plain_allowed = condition_allows(eval->binding, row->member, variant, NULL);
        return true;
    }
    return false;
}

/* Adds a far node to the batch, unless the schema does not allow the edge or its condition is
 * false. For ARROW_ALL an edge with a false condition stays: it is an operand that denies. */
static enum status
keep_edge(struct eval *eval, const struct eval_frame *frame, struct eval_walk *walk, uint64_t node,
          const struct edge_traits *traits, struct error *error)
{
    const struct rewrite *row = &eval->schema->rewrites[frame->rewrite];
    const struct schema_variant *variant = &eval->schema->variants[walk->variant - 1];
    struct value *hop = NULL;

    if (!condition_allows(eval->binding, row->member, variant, traits))
        return BEHALF_OK;
    if (traits != NULL) {
        enum status status;

        hop = arena_take(eval->arena, sizeof *hop);
        if (hop == NULL)
            return budget_memory_spent(error);
        status = edge_value(eval, traits, hop, error);
        if (status != BEHALF_OK || (!hop->upper && row->op != REWRITE_ARROW_ALL))
            return status;
    }
    walk->batch[walk->batch_count] = node;
    walk->hops[walk->batch_count++] = hop;
    return BEHALF_OK;
}

/* Makes a batch available. It starts small, since most nodes have few edges, and grows once. */
static enum status
ready_batch(struct eval *eval, struct eval_walk *walk, struct error *error)
{
    bool grows = walk->batch_full && walk->batch_size == LIMIT_EDGE_BATCH;

    if (walk->batch == NULL || grows) {
        uint32_t size = walk->batch == NULL ? LIMIT_EDGE_BATCH : LIMIT_EDGE_BATCH_GROWN;

        eval_walk_stop(eval, walk);
        walk->batch = take_batch(eval, size);
        walk->batch_size = size;
        if (walk->batch == NULL)
            return budget_memory_spent(error);
    }
    walk->batch_at = 0;
    walk->batch_count = 0;
    walk->hops = NULL;
    return BEHALF_OK;
}

static const struct value **
hops_of(const struct eval_walk *walk)
{
    return (const struct value **)(void *)(walk->batch + walk->batch_size);
}

/* Reads the next batch of the range. */
static enum status
read_batch(struct eval *eval, struct eval_frame *frame, struct error *error)
{
    struct eval_walk *walk = &frame->walk;
    struct graph_batch batch = {.nodes = walk->batch, .capacity = walk->batch_size};
    enum status status = graph_view_read(eval->view, &walk->range, &batch, error);

    if (status != BEHALF_OK)
        return status;
    walk->batch_full = batch.count == batch.capacity;
    walk->more = walk->batch_full;
    walk->walked += (uint32_t)batch.count;
    if (batch.count == 0)
        return BEHALF_OK;
    walk->range.from = batch.nodes[batch.count - 1] + 1;
    if (BEHALF_LIKELY(batch.traits == NULL && walk->plain_allowed)) {
        walk->batch_count = (uint32_t)batch.count;
        return BEHALF_OK;
    }
    walk->hops = hops_of(walk);
    for (size_t i = 0; status == BEHALF_OK && i < batch.count; i++)
        status = keep_edge(eval, frame, walk, batch.nodes[i],
                           batch.traits == NULL ? NULL : batch.traits[i], error);
    return status;
}

/* The semi-join: instead of scanning the range, probes the edges to those far nodes that the
 * subject may reach. `narrow` is an upper bound of them, so every edge that is skipped leads to a
 * deny. */
static enum status
probe_batch(struct eval *eval, struct eval_frame *frame, struct error *error)
{
    struct eval_walk *walk = &frame->walk;
    uint32_t at = reverse_lower_bound(walk->narrow, walk->range.from);
    struct edge_key key = {
        .resource = walk->range.node,
        .relation = walk->range.relation,
        .subject_relation = walk->range.subject_relation,
    };

    walk->hops = hops_of(walk);
    walk->more = false;
    for (; at < walk->narrow->found.count; at++) {
        const struct edge_traits *traits;
        enum status status;
        bool found;

        key.subject = reverse_node(walk->narrow, at);
        if (key.subject >= walk->range.to)
            break;
        if (walk->batch_count == walk->batch_size) {
            walk->more = true;
            break;
        }
        status = graph_view_contains(eval->view, &key, &found, &traits, error);
        if (status == BEHALF_OK && found)
            status = keep_edge(eval, frame, walk, key.subject, traits, error);
        if (status != BEHALF_OK)
            return status;
        walk->range.from = key.subject + 1;
    }
    return BEHALF_OK;
}

/* After a full batch: sets walk->narrow if the reverse walk from the subject is cheaper. Not for
 * `.all`, where objects without the subject decide too, and not for sets, where there is no one
 * subject. */
static enum status
narrow_walk(struct eval *eval, struct eval_frame *frame, struct error *error)
{
    struct eval_walk *walk = &frame->walk;

    if (eval->domain != VALUE_DECISION ||
        eval->schema->rewrites[frame->rewrite].op == REWRITE_ARROW_ALL)
        return BEHALF_OK;
    return reach_narrowed(&eval->reach, walk->child, walk->walked, &walk->narrow, error);
}

static enum status
next_batch(struct eval *eval, struct eval_frame *frame, struct error *error)
{
    struct eval_walk *walk = &frame->walk;
    enum status status = BEHALF_OK;

    if (walk->batch_full && walk->narrow == NULL)
        status = narrow_walk(eval, frame, error);
    if (status == BEHALF_OK)
        status = ready_batch(eval, walk, error);
    if (status != BEHALF_OK)
        return status;
    return walk->narrow == NULL ? read_batch(eval, frame, error) : probe_batch(eval, frame, error);
}

enum status
eval_walk_next(struct eval *eval, struct eval_frame *frame, uint64_t *object, bool *end, bool *dead,
               struct error *error)
{
    struct eval_walk *walk = &frame->walk;

    while (walk->batch_at == walk->batch_count) {
        enum status status;

        if (!walk->more && !next_variant(eval, frame)) {
            *end = true;
            return BEHALF_OK;
        }
        status = next_batch(eval, frame, error);
        if (status != BEHALF_OK)
            return status;
    }
    frame->hop = walk->hops == NULL ? NULL : walk->hops[walk->batch_at];
    *object = walk->batch[walk->batch_at++];
    *dead = !reach_leads_on(&eval->reach, walk->child);
    return BEHALF_OK;
}
