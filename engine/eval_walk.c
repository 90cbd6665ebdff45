/* eval_walk.c - what the evaluation reads from the graph: the edges that decide by themselves, and
 * the usersets and tuplesets that lead on. Everything is asked by the schema's variants, as ranges
 * of far nodes of one type; so an edge that the schema does not allow is not even seen. */
#include "engine/eval_private.h"
#include "engine/limits.h"

/* A batch that is not in use, linked through its own memory. */
struct batch_link {
    struct batch_link *next;
};

_Static_assert(sizeof(struct batch_link) <= sizeof(uint64_t), "the smallest batch holds a link");

bool
eval_reaches(const struct eval *eval, uint32_t member)
{
    return schema_reaches(eval->schema, member, eval->subject.type,
                          eval->subject.member != SCHEMA_NONE);
}

static void
set_type_bounds(struct graph_range *range, uint16_t type_label)
{
    range->from = NODE_WILDCARD(type_label);
    range->to = range->from + NODE_SEQUENCE_LOCAL;
}

/* --- edges that decide by themselves --- */

static bool
variant_matches(const struct eval *eval, const struct schema_variant *variant)
{
    return variant->type == eval->subject.type && variant->relation == eval->subject.member;
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
        const struct edge_traits *traits;
        bool found;
        enum status status;

        if (!variant_matches(eval, variant))
            continue;
        key.subject = eval->subject.node;
        if (variant->wildcard)
            key.subject = NODE_WILDCARD(NODE_TYPE(eval->subject.node));
        status = graph_view_contains(eval->view, &key, &found, &traits, error);
        if (status != BEHALF_OK)
            return status;
        if (found) {
            *value = value_decision(true);
            return BEHALF_OK;
        }
    }
    return BEHALF_OK;
}

/* Reads a whole range into an array that grows in the arena. */
static enum status
read_all(struct eval *eval, struct graph_range range, uint64_t **nodes, uint32_t *count,
         struct error *error)
{
    uint32_t size = 0;
    uint32_t used = 0;
    uint64_t *array = NULL;
    struct graph_batch batch;

    do {
        enum status status;

        array = arena_grow(eval->arena, array, used, &size, sizeof *array);
        if (array == NULL)
            return eval_spent(error);
        batch = (struct graph_batch){.nodes = array + used, .capacity = size - used};
        status = graph_view_read(eval->view, &range, &batch, error);
        if (status != BEHALF_OK)
            return status;
        used += (uint32_t)batch.count;
        if (batch.count > 0)
            range.from = array[used - 1] + 1;
    } while (used == size);
    *nodes = array;
    *count = used;
    return BEHALF_OK;
}

/* Whether the relation allows the subjects asked for as plain ones, and as the wildcard. */
static void
allowed_kinds(const struct eval *eval, uint32_t relation, bool *plain, bool *wildcard)
{
    const struct schema_member *row = &eval->schema->members[relation];

    *plain = false;
    *wildcard = false;
    for (uint32_t i = 0; i < row->variant_count; i++) {
        const struct schema_variant *variant = &eval->schema->variants[row->first_variant + i];

        if (variant_matches(eval, variant))
            *(variant->wildcard ? wildcard : plain) = true;
    }
}

/* All plain subjects of the kind asked for; usersets of that kind come from the walk, by
 * identity. */
static enum status
direct_subjects(struct eval *eval, uint64_t object, uint32_t relation, struct value *value,
                struct error *error)
{
    uint16_t type_label = eval->binding->type_labels[eval->subject.type];
    struct graph_range range = {
        .direction = EDGE_FORWARD,
        .node = object,
        .relation = eval->binding->member_labels[relation],
    };
    const struct subject_set *set;
    uint64_t *nodes = NULL;
    uint32_t count = 0;
    enum status status;
    bool plain;
    bool wildcard;

    *value = value_none(VALUE_SUBJECTS);
    allowed_kinds(eval, relation, &plain, &wildcard);
    if (eval->subject.member != SCHEMA_NONE || (!plain && !wildcard))
        return BEHALF_OK;
    set_type_bounds(&range, type_label);
    if (!wildcard)
        range.from++;
    if (!plain)
        range.to = range.from + 1;
    status = read_all(eval, range, &nodes, &count, error);
    if (status != BEHALF_OK)
        return status;
    for (uint32_t i = 0; i < count; i++)
        nodes[i] &= NODE_SEQUENCE_MASK;
    set = subject_set_new(eval->arena, nodes, count);
    if (set == NULL)
        return eval_spent(error);
    *value = value_set(set);
    return BEHALF_OK;
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
        return arena_take(eval->arena, size * sizeof(uint64_t));
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

    frame->walk = (struct eval_walk){
        .variant = relation->first_variant,
        .variant_end = relation->first_variant + relation->variant_count,
        .range = {.direction = EDGE_FORWARD,
                  .node = frame->object,
                  .relation = eval->binding->member_labels[row->member]},
    };
    /* A decision was asked of the edges before the walk began and was no. */
    if (row->op != REWRITE_STORED || eval->domain == VALUE_DECISION)
        return BEHALF_OK;
    return eval_direct(eval, frame->object, row->member, &frame->value, error);
}

void
eval_walk_stop(struct eval *eval, struct eval_walk *walk)
{
    give_batch(eval, walk->batch, walk->batch_size);
    walk->batch = NULL;
}

/* The member an arrow goes on to on objects of a type. */
static uint32_t
hop_member(const struct schema *schema, const struct rewrite *row, uint32_t type)
{
    for (uint32_t i = 0; i < row->count; i++) {
        if (schema->hops[row->first + i].type == type)
            return schema->hops[row->first + i].member;
    }
    return SCHEMA_NONE;
}

/* Whether the subject can be reached through a child; the identity of a userset counts. */
static bool
leads_on(const struct eval *eval, uint32_t child)
{
    return child != SCHEMA_NONE && (child == eval->subject.member || eval_reaches(eval, child));
}

/* Sets the walk to its next variant that matters; false when there is none left.
 * Exception: for ARROW_ALL every variant matters, as an object without the subject decides too. */
static bool
next_variant(struct eval *eval, struct eval_frame *frame)
{
    const struct rewrite *row = &eval->schema->rewrites[frame->rewrite];
    struct eval_walk *walk = &frame->walk;

    while (walk->variant < walk->variant_end) {
        const struct schema_variant *variant = &eval->schema->variants[walk->variant++];

        if (variant->wildcard)
            continue;
        if (row->op == REWRITE_STORED)
            walk->child = variant->relation;
        else
            walk->child = hop_member(eval->schema, row, variant->type);
        if (row->op != REWRITE_ARROW_ALL && !leads_on(eval, walk->child))
            continue;
        walk->range.subject_relation = variant->relation == SCHEMA_NONE
                                           ? LABEL_NONE
                                           : eval->binding->member_labels[variant->relation];
        set_type_bounds(&walk->range, eval->binding->type_labels[variant->type]);
        walk->range.from++;
        walk->more = true;
        return true;
    }
    return false;
}

/* The next batch of the range. Batches start small, as most nodes have few edges, and grow once. */
static enum status
read_batch(struct eval *eval, struct eval_walk *walk, struct error *error)
{
    struct graph_batch batch;
    enum status status;

    if (walk->batch == NULL ||
        (walk->batch_count == walk->batch_size && walk->batch_size == LIMIT_EDGE_BATCH)) {
        uint32_t size = walk->batch == NULL ? LIMIT_EDGE_BATCH : LIMIT_EDGE_BATCH_GROWN;

        eval_walk_stop(eval, walk);
        walk->batch = take_batch(eval, size);
        walk->batch_size = size;
        if (walk->batch == NULL)
            return eval_spent(error);
    }
    batch = (struct graph_batch){.nodes = walk->batch, .capacity = walk->batch_size};
    status = graph_view_read(eval->view, &walk->range, &batch, error);
    if (status != BEHALF_OK)
        return status;
    walk->batch_at = 0;
    walk->batch_count = (uint32_t)batch.count;
    walk->more = batch.count == walk->batch_size;
    if (batch.count > 0)
        walk->range.from = walk->batch[batch.count - 1] + 1;
    return BEHALF_OK;
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
        status = read_batch(eval, walk, error);
        if (status != BEHALF_OK)
            return status;
    }
    *object = walk->batch[walk->batch_at++];
    *dead = !leads_on(eval, walk->child);
    return BEHALF_OK;
}
