/* eval_plain.c - nodes that hold whom a row of edges leads to: no operator but union, no condition.
 *
 * Such a node (plain.h says which) is walked breadth first: each node of the way is asked once, for
 * the edges that hold the subject by themselves, and then for those that lead on. Nearer nodes come
 * before further ones, and the queue says whose edges are needed soon, so that they are fetched
 * while others are looked at. Where many edges lead on, the subject's side is asked first
 * (eval_narrow.c): of ten thousand groups only those that may hold the subject are probed.
 *
 * What was seen stays for the whole evaluation. A walk that ends without an answer has shown all
 * that it saw to hold nothing, so that no later walk goes there again. One that ends with an answer
 * has shown that the nodes on the way to it hold the subject; the rest is forgotten. */
#include "eval/eval_private.h"
#include "eval/limits.h"
#include "graph/limits.h"

#define FIRST_SEEN 16
#define NODE_HOLDS (TABLE_NONE - 1) /* in `seen`: instead of the number of a walk */

/* Nodes behind the one at hand whose edges are fetched already. */
#define FETCHED_AHEAD 4

/* A node to be asked, or (`from` is not 0) one of its steps that goes on behind what was read. */
struct waiting {
    uint64_t object;
    uint64_t from;
    uint16_t member;
    uint16_t step;
    uint32_t parent; /* place in the queue of the node that led here; the first one is its own */
};

struct eval_plain {
    struct table seen; /* node key -> the walk that saw it last, or NODE_HOLDS */
    bool *denied;      /* by walk: it ended without an answer */
    uint32_t denied_size;
    uint32_t walk; /* at hand, or the last one */
    bool holds;    /* how it ended: at the node queue[queue_at - 1] */
    struct waiting *queue;
    uint32_t queue_count;
    uint32_t queue_size;
    uint32_t queue_at; /* behind the node at hand */
    uint32_t prepared; /* up to which nodes of the queue were loaded together */
    uint32_t walked;   /* edges that led on, in this walk */
    uint64_t *batch;   /* room for LIMIT_EDGE_BATCH_GROWN far nodes; NULL until needed */
};

/* --- one node --- */

static enum status
probe_edge(struct eval *eval, const struct plain_probe *probe, uint64_t object, bool *holds,
           struct error *error)
{
    const struct edge_key key = {
        .resource = object,
        .relation = probe->relation,
        .subject_relation = eval->subject_label,
        .subject =
            probe->wildcard ? NODE_WILDCARD(NODE_TYPE(eval->subject.node)) : eval->subject.node,
    };
    const struct edge_traits *traits;
    enum status status = graph_view_contains(eval->view, &key, holds, &traits, error);

    if (status == BEHALF_OK)
        *holds = *holds && traits == NULL; /* no other edge is allowed here */
    return status;
}

/* Whether one of the edges of the node, or its very name, holds the subject. `kinds`: of the edges
 * that it has. */
static enum status
probe_node(struct eval *eval, const struct plain_program *program, uint64_t object, uint64_t kinds,
           bool *holds, struct error *error)
{
    const struct eval_subject *subject = &eval->subject;
    enum status status = BEHALF_OK;

    *holds = false;
    for (uint32_t at = 0; status == BEHALF_OK && !*holds && at < program->probe_count; at++) {
        const struct plain_probe *probe = &program->probes[at];

        if (probe->type != subject->type || probe->member != subject->member)
            continue;
        if (probe->relation == LABEL_NONE)
            *holds = object == subject->node;
        else if ((probe->kind & kinds) != 0)
            status = probe_edge(eval, probe, object, holds, error);
        else
            status = budget_spend(eval->view->budget, 1, error);
    }
    return status;
}

/* Whether anything leads on from objects of this member towards the subject. */
static bool
leads_further(const struct eval *eval, const struct plain_program *program)
{
    for (uint32_t at = 0; at < program->step_count; at++) {
        if (eval_leads_on(eval, program->steps[at].member))
            return true;
    }
    return false;
}

/* --- what was seen --- */

/* The nodes that led to the answer of the last walk hold the subject. Noted when the next one
 * begins, as mostly there is none. */
static void
note_way(struct eval_plain *plain)
{
    uint32_t at = plain->queue_at - 1;
    uint32_t below;

    do {
        const struct waiting *node = &plain->queue[at];

        table_set(&plain->seen, eval_key(node->object, node->member), NODE_HOLDS);
        below = at;
        at = node->parent;
    } while (at != below);
}

static struct eval_plain *
begin(struct eval *eval)
{
    struct eval_plain *plain = eval->plain;
    bool *denied;

    if (plain == NULL) {
        plain = arena_take_array(eval->arena, 1, sizeof *plain);
        if (plain == NULL || !table_init(&plain->seen, eval->arena, FIRST_SEEN))
            return NULL;
        eval->plain = plain;
    } else {
        if (plain->holds)
            note_way(plain);
        plain->walk++;
    }
    denied = arena_grow(eval->arena, plain->denied, plain->walk, &plain->denied_size, 1);
    if (denied == NULL)
        return NULL;
    plain->denied = denied;
    denied[plain->walk] = false;
    plain->queue_count = plain->queue_at = plain->walked = plain->prepared = 0;
    plain->holds = false;
    return plain;
}

/* Puts a node into the queue unless it is known already; *holds when it is known to hold. */
static enum status
await(struct eval *eval, struct eval_plain *plain, uint64_t object, uint32_t member, bool *holds,
      struct error *error)
{
    uint64_t key = eval_key(object, member);
    uint32_t seen = table_find(&plain->seen, key);
    struct waiting *queue;

    *holds = seen == NODE_HOLDS;
    if (BEHALF_UNLIKELY(eval->visited != NULL)) {
        bool taken;
        enum status status = eval_visit(eval, object, member, &taken, error);

        if (status != BEHALF_OK || taken)
            return status;
    }
    if (*holds || seen == plain->walk || (seen != TABLE_NONE && plain->denied[seen]))
        return BEHALF_OK;
    queue = arena_grow(eval->arena, plain->queue, plain->queue_count, &plain->queue_size,
                       sizeof *queue);
    if (queue == NULL)
        return budget_memory_spent(error);
    plain->queue = queue;
    if (seen != TABLE_NONE)
        table_set(&plain->seen, key, plain->walk);
    else if (!table_add(&plain->seen, key, plain->walk))
        return budget_memory_spent(error);
    queue[plain->queue_count++] = (struct waiting){
        .object = object,
        .member = (uint16_t)member,
        .parent = plain->queue_at == 0 ? 0 : plain->queue_at - 1,
    };
    return BEHALF_OK;
}

static enum status
await_rest(struct eval *eval, struct eval_plain *plain, const struct waiting *rest,
           struct error *error)
{
    struct waiting *queue = arena_grow(eval->arena, plain->queue, plain->queue_count,
                                       &plain->queue_size, sizeof *queue);

    if (queue == NULL)
        return budget_memory_spent(error);
    plain->queue = queue;
    queue[plain->queue_count++] = *rest;
    return BEHALF_OK;
}

/* --- edges that lead on --- */

/* Takes far nodes: into the queue, or, where nothing leads on from them, by their own edges at
 * once. */
static enum status
take_far(struct eval *eval, struct eval_plain *plain, uint32_t member,
         const struct graph_batch *batch, bool *holds, struct error *error)
{
    const struct plain_program *program = &eval->binding->plain[member];
    bool further = leads_further(eval, program) || eval->hand != NULL;
    enum status status = BEHALF_OK;

    for (size_t at = 0; status == BEHALF_OK && !*holds && at < batch->count; at++) {
        if (at % GRAPH_LOADS_MAX == 0 && !further)
            graph_view_prepare(eval->view, batch->nodes + at, batch->count - at, EDGE_FORWARD);
        if (at + FETCHED_AHEAD < batch->count && !further)
            graph_prefetch(eval->view->graph, batch->nodes[at + FETCHED_AHEAD], EDGE_FORWARD);
        status = further ? await(eval, plain, batch->nodes[at], member, holds, error)
                         : probe_node(eval, program, batch->nodes[at],
                                      graph_view_kinds(eval->view, batch->nodes[at]), holds, error);
    }
    return status;
}

/* Leaves out edges that are not allowed here. Before the view is asked anything else, as traits are
 * borrowed. */
static void
drop_conditional(struct graph_batch *batch)
{
    size_t kept = 0;

    if (batch->traits == NULL)
        return;
    for (size_t at = 0; at < batch->count; at++) {
        if (batch->traits[at] == NULL)
            batch->nodes[kept++] = batch->nodes[at];
    }
    batch->count = kept;
}

/* Of the objects that the subject may reach, those in the range: one of them is enough. */
static enum status
probe_narrowed(struct eval *eval, struct eval_plain *plain, uint32_t member,
               const struct reverse_walk *narrow, const struct graph_range *range, bool *holds,
               struct error *error)
{
    struct edge_key key = {
        .resource = range->node,
        .relation = range->relation,
        .subject_relation = range->subject_relation,
    };
    enum status status = BEHALF_OK;

    for (uint32_t at = reverse_lower_bound(narrow, range->from);
         status == BEHALF_OK && !*holds && at < narrow->found.count; at++) {
        const struct edge_traits *traits;
        bool found;

        key.subject = reverse_node(narrow, at);
        if (key.subject >= range->to)
            break;
        status = graph_view_contains(eval->view, &key, &found, &traits, error);
        if (status != BEHALF_OK || !found || traits != NULL)
            continue;
        if (!RESOURCE_OPEN(narrow->found.entries[at]))
            *holds = true;
        else
            status = await(eval, plain, key.subject, member, holds, error);
    }
    return status;
}

/* Room for a batch: the first one of a step is small, as most nodes have few edges. */
static enum status
ready_batch(struct eval *eval, struct eval_plain *plain, bool first, struct graph_batch *batch,
            struct error *error)
{
    if (plain->batch == NULL)
        plain->batch = arena_take(eval->arena, LIMIT_EDGE_BATCH_GROWN * sizeof *plain->batch);
    if (plain->batch == NULL)
        return budget_memory_spent(error);
    *batch = (struct graph_batch){
        .nodes = plain->batch,
        .capacity = first ? LIMIT_EDGE_BATCH : LIMIT_EDGE_BATCH_GROWN,
    };
    return BEHALF_OK;
}

/* Follows one step of a node, by a batch of its edges. */
static enum status
follow(struct eval *eval, struct eval_plain *plain, const struct waiting *node, bool *holds,
       struct error *error)
{
    const struct plain_step *step = &eval->binding->plain[node->member].steps[node->step];
    const struct reverse_walk *narrow = NULL;
    struct graph_range range = {
        .direction = EDGE_FORWARD,
        .node = node->object,
        .relation = step->relation,
        .subject_relation = step->subject_relation,
        .from = node->from != 0 ? node->from : NODE_WILDCARD(step->type) + 1,
        .to = NODE_WILDCARD(step->type) + NODE_SEQUENCE_LOCAL,
    };
    struct waiting rest = *node;
    struct graph_batch batch;
    enum status status = ready_batch(eval, plain, node->from == 0, &batch, error);

    if (status == BEHALF_OK)
        status = graph_view_read(eval->view, &range, &batch, error);
    if (status != BEHALF_OK || batch.count == 0)
        return status;
    plain->walked += (uint32_t)batch.count;
    rest.from = batch.count < batch.capacity ? 0 : batch.nodes[batch.count - 1] + 1;
    drop_conditional(&batch);
    if (rest.from != 0)
        status = eval_narrowed(eval, step->member, plain->walked, &narrow, error);
    if (status == BEHALF_OK && narrow != NULL)
        return probe_narrowed(eval, plain, step->member, narrow, &range, holds, error);
    if (status == BEHALF_OK)
        status = take_far(eval, plain, step->member, &batch, holds, error);
    if (status == BEHALF_OK && !*holds && rest.from != 0)
        status = await_rest(eval, plain, &rest, error);
    return status;
}

/* Goes on from a node whose own edges do not hold the subject. */
static enum status
follow_all(struct eval *eval, struct eval_plain *plain, struct waiting node, uint64_t kinds,
           bool *holds, struct error *error)
{
    const struct plain_program *program = &eval->binding->plain[node.member];
    enum status status = BEHALF_OK;

    for (; status == BEHALF_OK && !*holds && node.step < program->step_count; node.step++) {
        const struct plain_step *step = &program->steps[node.step];

        if (!eval_leads_on(eval, step->member))
            continue;
        status = (step->kind & kinds) != 0 ? follow(eval, plain, &node, holds, error)
                                           : budget_spend(eval->view->budget, 1, error);
    }
    return status;
}

/* Asks the next node of the queue. */
static enum status
ask_next(struct eval *eval, struct eval_plain *plain, bool *holds, struct error *error)
{
    struct waiting node = plain->queue[plain->queue_at++];
    uint64_t kinds;
    enum status status;

    if (node.from != 0)
        return follow(eval, plain, &node, holds, error);
    kinds = graph_view_kinds(eval->view, node.object);
    status = probe_node(eval, &eval->binding->plain[node.member], node.object, kinds, holds, error);
    if (status != BEHALF_OK || *holds)
        return status;
    return follow_all(eval, plain, node, kinds, holds, error);
}

static void
fetch_ahead(const struct eval *eval, const struct eval_plain *plain)
{
    uint32_t at = plain->queue_at + FETCHED_AHEAD;

    if (at < plain->queue_count)
        graph_prefetch(eval->view->graph, plain->queue[at].object, EDGE_FORWARD);
}

/* Where nodes of the walk were not in memory, those that wait are loaded together. */
static void
prepare_waiting(const struct eval *eval, struct eval_plain *plain)
{
    uint64_t nodes[GRAPH_LOADS_MAX];
    uint32_t count = 0;

    if (BEHALF_LIKELY(eval->view->loads == 0) || plain->queue_at < plain->prepared)
        return;
    for (uint32_t at = plain->queue_at; at < plain->queue_count && count < GRAPH_LOADS_MAX; at++)
        nodes[count++] = plain->queue[at].object;
    plain->prepared = plain->queue_at + count;
    graph_view_prepare(eval->view, nodes, count, EDGE_FORWARD);
}

/* From a node whose own edges do not hold the subject. */
static enum status
walk_from(struct eval *eval, uint64_t object, uint32_t member, uint64_t kinds, bool *holds,
          struct error *error)
{
    struct eval_plain *plain = begin(eval);
    enum status status;

    if (plain == NULL)
        return budget_memory_spent(error);
    status = await(eval, plain, object, member, holds, error);
    if (plain->queue_count == 0)
        return status; /* it is known */
    status = follow_all(eval, plain, plain->queue[plain->queue_at++], kinds, holds, error);
    while (status == BEHALF_OK && !*holds && plain->queue_at < plain->queue_count) {
        if (BEHALF_UNLIKELY(plain->walked > LIMIT_WIDE_EDGES) && eval->wide != NULL) {
            status = eval_widen(eval, object, member, plain->walked, holds, error);
            plain->queue_count = plain->queue_at = 1; /* of the way to an answer that is known */
            break;
        }
        prepare_waiting(eval, plain);
        fetch_ahead(eval, plain);
        status = ask_next(eval, plain, holds, error);
    }
    /* A walk that failed has shown nothing. */
    plain->holds = status == BEHALF_OK && *holds;
    plain->denied[plain->walk] = status == BEHALF_OK && !*holds;
    return status;
}

/* --- in steps --- */

/* Which node comes next is known now, and is looked at after the steps of others. */
static enum plain_progress
progress_of(struct eval *eval, bool holds)
{
    const struct eval_plain *plain = eval->plain;

    if (holds)
        return PLAIN_HOLDS;
    if (plain->queue_at == plain->queue_count)
        return PLAIN_DENIES;
    if (BEHALF_UNLIKELY(plain->walked > LIMIT_WIDE_EDGES))
        return PLAIN_IS_WIDE;
    graph_prefetch(eval->view->graph, plain->queue[plain->queue_at].object, EDGE_FORWARD);
    return PLAIN_GOES_ON;
}

enum status
eval_plain_begin(struct eval *eval, uint64_t object, uint32_t member, const struct eval *before,
                 enum plain_progress *progress, struct error *error)
{
    const struct plain_program *program = &eval->binding->plain[member];
    uint64_t kinds = graph_view_kinds(eval->view, object);
    bool holds;
    enum status status = probe_node(eval, program, object, kinds, &holds, error);
    struct eval_plain *plain;

    *progress = holds ? PLAIN_HOLDS : PLAIN_DENIES;
    if (status != BEHALF_OK || holds || !leads_further(eval, program))
        return status;
    plain = begin(eval);
    if (plain == NULL)
        return budget_memory_spent(error);
    plain->batch = before != NULL ? before->plain->batch : NULL;
    status = await(eval, plain, object, member, &holds, error);
    if (status == BEHALF_OK)
        status = follow_all(eval, plain, plain->queue[plain->queue_at++], kinds, &holds, error);
    if (status == BEHALF_OK)
        *progress = progress_of(eval, holds);
    return status;
}

enum status
eval_plain_step(struct eval *eval, enum plain_progress *progress, struct error *error)
{
    bool holds = false;
    enum status status = ask_next(eval, eval->plain, &holds, error);

    if (status == BEHALF_OK)
        *progress = progress_of(eval, holds);
    return status;
}

void
eval_plain_fetch(const struct eval *eval)
{
    const struct eval_plain *plain = eval->plain;

    /* No section: its place is nearer, and that must do. */
    if (graph_view_enter(eval->view))
        graph_prefetch_edges(eval->view->graph, plain->queue[plain->queue_at].object, EDGE_FORWARD);
}

enum status
eval_plain(struct eval *eval, uint64_t object, uint32_t member, bool *holds, struct error *error)
{
    const struct plain_program *program = &eval->binding->plain[member];
    uint64_t kinds = graph_view_kinds(eval->view, object);
    enum status status = probe_node(eval, program, object, kinds, holds, error);

    if (status != BEHALF_OK || *holds || !leads_further(eval, program))
        return status;
    return walk_from(eval, object, member, kinds, holds, error);
}

enum status
eval_plain_look(struct eval *eval, uint64_t object, uint32_t member, bool *holds,
                struct error *error)
{
    const struct waiting node = {.object = object, .member = (uint16_t)member};
    struct eval_plain *plain = eval->plain != NULL ? eval->plain : begin(eval);
    enum status status;

    if (plain == NULL)
        return budget_memory_spent(error);
    plain->queue_count = plain->queue_at = plain->walked = 0;
    *holds = false;
    status = await_rest(eval, plain, &node, error);
    while (status == BEHALF_OK && !*holds && plain->queue_at < plain->queue_count)
        status = ask_next(eval, plain, holds, error);
    return status;
}
