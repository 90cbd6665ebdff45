/* subject_walk.c - breadth-first search over the nodes of plain members.
 * Always true: a block is queued while one of its nodes waits, so the search is finished exactly
 * when no block is queued. */
#include "eval/subject_walk.h"

#include "eval/limits.h"
#include "graph/limits.h"

/* How many consecutive sequences share one word. Sequences are assigned in the order of creation,
 * so the nodes of a large graph mostly lie close together. */
#define BLOCK_NODES 64
#define BLOCKS_AT_ONCE 256
#define FIRST_BLOCKS 16
#define NO_BLOCK UINT32_MAX

/* The nodes of one member whose sequences differ only in their last bits. */
struct key_block {
    uint64_t first; /* node key of its first object */
    uint64_t seen;  /* a bit for each object that was reached */
    uint64_t waiting;
    uint32_t next; /* the next block in the queue */
    bool queued;
};

struct subject_search {
    struct subject_walk *walk;
    struct resource_gather gather;
    struct table places;       /* key of the first object -> block */
    struct key_block **chunks; /* BLOCKS_AT_ONCE blocks each; blocks never move */
    uint32_t chunk_count;
    uint32_t chunk_size;
    uint32_t block_count;
    uint32_t first; /* the queue: its first block and, below, its last */
    uint32_t last;
    uint16_t type_label; /* of the subjects */
    uint16_t relation;   /* of the subjects */
    uint64_t *batch;     /* room for LIMIT_EDGE_BATCH_GROWN far nodes */
};

/* --- nodes --- */

static struct key_block *
block_at(const struct subject_search *search, uint32_t at)
{
    return &search->chunks[at / BLOCKS_AT_ONCE][at % BLOCKS_AT_ONCE];
}

static bool
add_block(struct subject_search *search, uint64_t first)
{
    struct arena *arena = search->walk->arena;

    if (search->block_count == search->chunk_count * BLOCKS_AT_ONCE) {
        struct key_block **chunks = arena_grow(arena, search->chunks, search->chunk_count,
                                               &search->chunk_size, sizeof(struct key_block *));

        if (chunks == NULL)
            return false;
        search->chunks = chunks;
        chunks[search->chunk_count] = arena_take_array(arena, BLOCKS_AT_ONCE, sizeof **chunks);
        if (chunks[search->chunk_count] == NULL)
            return false;
        search->chunk_count++;
    }
    if (!table_add(&search->places, first, search->block_count))
        return false;
    *block_at(search, search->block_count++) = (struct key_block){.first = first, .next = NO_BLOCK};
    return true;
}

static void
enqueue(struct subject_search *search, uint32_t at)
{
    struct key_block *block = block_at(search, at);

    if (block->queued)
        return;
    block->queued = true;
    block->next = NO_BLOCK;
    if (search->first == NO_BLOCK)
        search->first = at;
    else
        block_at(search, search->last)->next = at;
    search->last = at;
}

/* Queues a node for a visit, unless it was reached before. */
static enum status
await(struct subject_search *search, uint64_t object, uint32_t member, struct error *error)
{
    uint64_t sequence = object & NODE_SEQUENCE_MASK;
    uint64_t first = eval_key(sequence & ~(uint64_t)(BLOCK_NODES - 1), member);
    uint64_t bit = UINT64_C(1) << sequence % BLOCK_NODES;
    uint32_t at = table_find(&search->places, first);
    struct key_block *block;

    if (at == TABLE_NONE) {
        at = search->block_count;
        if (!add_block(search, first))
            return budget_memory_spent(error);
    }
    block = block_at(search, at);
    if ((block->seen & bit) != 0)
        return BEHALF_OK;
    block->seen |= bit;
    block->waiting |= bit;
    enqueue(search, at);
    return BEHALF_OK;
}

/* --- subjects --- */

/* Narrows the range to the window of the gather. */
static void
narrow_range(const struct subject_search *search, struct graph_range *range)
{
    uint64_t type = NODE_WILDCARD(search->type_label);

    if (range->from <= (type | search->gather.after))
        range->from = (type | search->gather.after) + 1;
    if (search->gather.to < (range->to & NODE_SEQUENCE_MASK))
        range->to = (type | search->gather.to) + 1;
}

/* Turns a batch into entries. A plain member allows no edge with a condition, so such an edge does
 * not exist for it. */
static uint32_t
keep_unconditional(const struct graph_batch *batch)
{
    uint32_t kept = 0;

    for (size_t at = 0; at < batch->count; at++) {
        if (batch->traits == NULL || batch->traits[at] == NULL)
            batch->nodes[kept++] = SUBJECT_ENTRY(batch->nodes[at] & NODE_SEQUENCE_MASK, false);
    }
    return kept;
}

static enum status
gather_edges(struct subject_search *search, uint64_t object, uint16_t relation, struct error *error)
{
    uint64_t type = NODE_WILDCARD(search->type_label);
    struct graph_range range = {
        .direction = EDGE_FORWARD,
        .node = object,
        .relation = relation,
        .subject_relation = search->relation,
        .from = type + 1,
        .to = type + NODE_SEQUENCE_LOCAL,
    };
    struct graph_batch batch;

    do {
        uint32_t room;
        enum status status;

        batch = (struct graph_batch){.nodes = resource_gather_room(&search->gather, &room)};
        if (batch.nodes == NULL)
            return budget_memory_spent(error);
        batch.capacity = room < LIMIT_EDGE_BATCH_GROWN ? room : LIMIT_EDGE_BATCH_GROWN;
        narrow_range(search, &range);
        status = graph_view_read(search->walk->view, &range, &batch, error);
        if (status != BEHALF_OK)
            return status;
        if (batch.count > 0)
            range.from = batch.nodes[batch.count - 1] + 1;
        resource_gather_add(&search->gather, keep_unconditional(&batch));
    } while (batch.count == batch.capacity);
    return BEHALF_OK;
}

/* A userset is a subject of itself. */
static enum status
gather_itself(struct subject_search *search, uint64_t object, struct error *error)
{
    uint64_t sequence = object & NODE_SEQUENCE_MASK;
    uint32_t room;
    uint64_t *entries;

    if (sequence <= search->gather.after || sequence > search->gather.to)
        return BEHALF_OK;
    entries = resource_gather_room(&search->gather, &room);
    if (entries == NULL)
        return budget_memory_spent(error);
    entries[0] = SUBJECT_ENTRY(sequence, false);
    resource_gather_add(&search->gather, 1);
    return BEHALF_OK;
}

static enum status
find_wildcard(struct subject_search *search, uint64_t object, uint16_t relation,
              struct error *error)
{
    const struct edge_key key = {
        .resource = object,
        .relation = relation,
        .subject = NODE_WILDCARD(search->type_label),
        .subject_relation = LABEL_NONE,
    };
    const struct edge_traits *traits;
    bool found;
    enum status status = graph_view_contains(search->walk->view, &key, &found, &traits, error);

    if (status == BEHALF_OK && found && traits == NULL)
        search->walk->found.wildcard = true;
    return status;
}

/* Collects the subjects that the node holds by its own edges and by identity. */
static enum status
gather_node(struct subject_search *search, const struct plain_program *program, uint64_t object,
            uint64_t kinds, struct error *error)
{
    const struct eval_subject *kind = &search->walk->kind;
    enum status status = BEHALF_OK;

    for (uint32_t at = 0; status == BEHALF_OK && at < program->probe_count; at++) {
        const struct plain_probe *probe = &program->probes[at];

        if (probe->type != kind->type || probe->member != kind->member)
            continue;
        if (probe->relation == LABEL_NONE)
            status = gather_itself(search, object, error);
        else if ((probe->kind & kinds) == 0)
            status = budget_spend(search->walk->view->budget, 1, error);
        else if (probe->wildcard)
            status = find_wildcard(search, object, probe->relation, error);
        else
            status = gather_edges(search, object, probe->relation, error);
    }
    return status;
}

/* --- edges to follow --- */

/* Whether objects that are asked for `member` may lead to a subject of the kind. */
static bool
leads_on(const struct subject_walk *walk, uint32_t member)
{
    return member == walk->kind.member ||
           schema_reaches(walk->binding->schema, member, walk->kind.type,
                          walk->kind.member != SCHEMA_NONE);
}

static enum status
follow(struct subject_search *search, const struct plain_step *step, uint64_t object,
       struct error *error)
{
    struct graph_range range = {
        .direction = EDGE_FORWARD,
        .node = object,
        .relation = step->relation,
        .subject_relation = step->subject_relation,
        .from = NODE_WILDCARD(step->type) + 1,
        .to = NODE_WILDCARD(step->type) + NODE_SEQUENCE_LOCAL,
    };
    struct graph_batch batch = {.nodes = search->batch, .capacity = LIMIT_EDGE_BATCH_GROWN};

    do {
        enum status status = graph_view_read(search->walk->view, &range, &batch, error);

        for (size_t at = 0; status == BEHALF_OK && at < batch.count; at++) {
            if (batch.traits == NULL || batch.traits[at] == NULL)
                status = await(search, batch.nodes[at], step->member, error);
        }
        if (status != BEHALF_OK)
            return status;
        if (batch.count > 0)
            range.from = batch.nodes[batch.count - 1] + 1;
    } while (batch.count == batch.capacity);
    return BEHALF_OK;
}

static enum status
visit(struct subject_search *search, uint64_t object, uint32_t member, struct error *error)
{
    const struct subject_walk *walk = search->walk;
    const struct plain_program *program = &walk->binding->plain[member];
    uint64_t kinds = graph_view_kinds(walk->view, object);
    enum status status = gather_node(search, program, object, kinds, error);

    for (uint32_t at = 0; status == BEHALF_OK && at < program->step_count; at++) {
        const struct plain_step *step = &program->steps[at];

        if (!leads_on(walk, step->member))
            continue;
        status = (step->kind & kinds) != 0 ? follow(search, step, object, error)
                                           : budget_spend(walk->view->budget, 1, error);
    }
    return status;
}

/* Visits the nodes of the first block in the queue. A visit may queue the block again, for a bit
 * that the loop has passed or not; the loop takes all bits that are set. */
static enum status
visit_block(struct subject_search *search, struct error *error)
{
    struct key_block *block = block_at(search, search->first);
    uint32_t member = (uint32_t)(block->first & UINT16_MAX);
    uint32_t type = search->walk->binding->schema->members[member].type;
    uint64_t first = NODE_WILDCARD(search->walk->binding->type_labels[type]) | block->first >> 16;
    enum status status = BEHALF_OK;

    search->first = block->next;
    block->queued = false;
    while (status == BEHALF_OK && block->waiting != 0) {
        unsigned at = (unsigned)__builtin_ctzll(block->waiting);

        block->waiting &= block->waiting - 1;
        status = visit(search, first + at, member, error);
    }
    return status;
}

/* --- the search --- */

static enum status
start(struct subject_search *search, uint64_t object, uint32_t member, struct error *error)
{
    struct subject_walk *walk = search->walk;

    walk->found = (struct subject_set){.entries = NULL};
    resource_gather_init(&search->gather, walk->arena, walk->after, walk->window);
    search->batch = arena_take(walk->arena, LIMIT_EDGE_BATCH_GROWN * sizeof *search->batch);
    if (search->batch == NULL || !table_init(&search->places, walk->arena, FIRST_BLOCKS))
        return budget_memory_spent(error);
    return leads_on(walk, member) ? await(search, object, member, error) : BEHALF_OK;
}

enum status
subject_walk(struct subject_walk *walk, uint64_t object, uint32_t member, struct error *error)
{
    const struct binding *binding = walk->binding;
    struct subject_search search = {
        .walk = walk,
        .first = NO_BLOCK,
        .type_label = binding->type_labels[walk->kind.type],
        .relation = walk->kind.member == SCHEMA_NONE ? LABEL_NONE
                                                     : binding->member_labels[walk->kind.member],
    };
    struct resource_set found;
    enum status status = start(&search, object, member, error);

    while (status == BEHALF_OK && search.first != NO_BLOCK)
        status = visit_block(&search, error);
    if (status != BEHALF_OK)
        return status;
    if (!resource_gather_end(&search.gather, &found))
        return budget_memory_spent(error);
    walk->found.entries = found.entries;
    walk->found.count = found.count;
    walk->to = search.gather.to;
    return BEHALF_OK;
}
