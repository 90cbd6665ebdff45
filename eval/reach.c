/* reach.c - breadth-first search over union-only members without conditions (plain.h).
 *
 * Each node is visited once: first the edges that hold the subject by themselves are probed, then
 * the edges to other nodes are followed. Near nodes come before far ones, and the queue shows whose
 * edges are needed soon, so that they are fetched while other nodes are visited. Where a node has
 * many edges, the reverse walk from the subject is tried first (reach_narrow.c): of ten thousand
 * groups only those that may hold the subject are probed.
 *
 * Always true:
 * - A walk visits a node at most once, so cycles in the data end.
 * - A walk that ends with a deny proves a deny for every node it saw: each was reachable from the
 *   asked node. None is visited again in this request.
 * - A walk that ends with an allow proves an allow for the nodes on the path to the answer only.
 *   The others stay unknown.
 * - A walk that failed proves nothing. */
#include "eval/reach_private.h"
#include "eval/limits.h"
#include "graph/limits.h"

#define FIRST_SEEN 16
#define NODE_HOLDS (TABLE_NONE - 1) /* in `seen`: a known allow, instead of a walk */

/* How many nodes after the current one have their edges prefetched. */
#define FETCHED_AHEAD 4

/* A queued node, or (if `from` is not 0) the rest of one of its steps, from that far node on. The
 * array is never shortened within a walk: `parent` refers to nodes that were visited already. */
struct waiting {
    uint64_t object;
    uint64_t from;
    uint16_t member;
    uint16_t step;
    uint32_t parent; /* index in the queue of the predecessor; the first node is its own */
};

struct reach_search {
    struct table seen; /* node key -> the last walk that reached it, or NODE_HOLDS */
    bool *denied;      /* by walk: it ended with a deny */
    uint32_t denied_size;
    uint32_t walk; /* the current walk, or the last one */
    bool holds;    /* it ended with an allow, at the node queue[queue_at - 1] */
    struct waiting *queue;
    uint32_t queue_count;
    uint32_t queue_size;
    uint32_t queue_at; /* after the current node */
    uint32_t prepared; /* queue[..prepared) were loaded together */
    uint32_t walked;   /* edges followed in this walk */
    uint64_t *batch;   /* room for LIMIT_EDGE_BATCH_GROWN far nodes; NULL until needed */
};

void
reach_init(struct reach *reach, const struct condition_scope *scope, struct graph_view *view,
           const struct eval_subject *subject)
{
    reach->scope = *scope;
    reach->view = view;
    reach->subject = *subject;
    reach->subject_label = subject->member == SCHEMA_NONE
                               ? LABEL_NONE
                               : scope->binding->member_labels[subject->member];
    reach->search = NULL;
    reach->narrows = NULL;
    reach->wide = NULL;
    reach->visited = NULL;
    reach->hand = NULL;
}

/* --- one node --- */

static enum status
probe_edge(struct reach *reach, const struct plain_probe *probe, uint64_t object, bool *holds,
           struct error *error)
{
    const struct edge_key key = {
        .resource = object,
        .relation = probe->relation,
        .subject_relation = reach->subject_label,
        .subject =
            probe->wildcard ? NODE_WILDCARD(NODE_TYPE(reach->subject.node)) : reach->subject.node,
    };
    const struct edge_traits *traits;
    enum status status = graph_view_contains(reach->view, &key, holds, &traits, error);

    if (status == BEHALF_OK)
        /* An edge with traits is of a variant that this schema does not allow on a plain member: it
         * was written under another schema, and does not exist for this one. */
        *holds = *holds && traits == NULL;
    return status;
}

/* Whether the node holds the subject by one of its edges or by identity. `kinds` are those of its
 * edges: a missing bit proves that the edge is absent, so no lookup is needed, but the node is
 * still charged. */
static enum status
probe_node(struct reach *reach, const struct plain_program *program, uint64_t object,
           uint64_t kinds, bool *holds, struct error *error)
{
    const struct eval_subject *subject = &reach->subject;
    enum status status = BEHALF_OK;

    *holds = false;
    for (uint32_t at = 0; status == BEHALF_OK && !*holds && at < program->probe_count; at++) {
        const struct plain_probe *probe = &program->probes[at];

        if (probe->type != subject->type || probe->member != subject->member)
            continue;
        if (probe->relation == LABEL_NONE)
            *holds = object == subject->node;
        else if ((probe->kind & kinds) != 0)
            status = probe_edge(reach, probe, object, holds, error);
        else
            status = budget_spend(reach->view->budget, 1, error);
    }
    return status;
}

/* Whether the program has a step that may lead to the subject. */
static bool
leads_further(const struct reach *reach, const struct plain_program *program)
{
    for (uint32_t at = 0; at < program->step_count; at++) {
        if (reach_leads_on(reach, program->steps[at].member))
            return true;
    }
    return false;
}

/* --- what was seen ---
 *
 * What `seen` says of a node: nothing, if it has no entry; a known allow, if it is NODE_HOLDS;
 * reached by the current walk, if it is that walk; a known deny, if that earlier walk denied. A
 * node whose last walk ended with an allow or failed is unknown again. So a whole walk becomes
 * known denies by setting one flag, without a pass over its nodes. */

/* Marks the nodes on the path to the allow of the last walk. This is done when the next walk
 * begins, since most requests have no other. */
static void
note_way(struct reach_search *search)
{
    uint32_t at = search->queue_at - 1;
    uint32_t below;

    do {
        const struct waiting *node = &search->queue[at];

        table_set(&search->seen, eval_key(node->object, node->member), NODE_HOLDS);
        below = at;
        at = node->parent;
    } while (at != below);
}

/* Begins a walk. The queue and the batch are reused; the table stays for the whole request. */
static struct reach_search *
begin(struct reach *reach)
{
    struct reach_search *search = reach->search;
    bool *denied;

    if (search == NULL) {
        search = arena_take_array(reach->scope.arena, 1, sizeof *search);
        if (search == NULL || !table_init(&search->seen, reach->scope.arena, FIRST_SEEN))
            return NULL;
        reach->search = search;
    } else {
        if (search->holds)
            note_way(search);
        search->walk++;
    }
    denied = arena_grow(reach->scope.arena, search->denied, search->walk, &search->denied_size, 1);
    if (denied == NULL)
        return NULL;
    search->denied = denied;
    /* Until the walk has ended, its nodes are unknown to later walks, also when it fails. */
    denied[search->walk] = false;
    search->queue_count = search->queue_at = search->walked = search->prepared = 0;
    search->holds = false;
    return search;
}

/* Queues a node, unless it is known; *holds when it is a known allow. In a parallel search,
 * reach_visit hands the node to the shared queue instead (`taken`). */
static enum status
await(struct reach *reach, struct reach_search *search, uint64_t object, uint32_t member,
      bool *holds, struct error *error)
{
    uint64_t key = eval_key(object, member);
    uint32_t seen = table_find(&search->seen, key);
    struct waiting *queue;

    /* A known allow ends the walk: the current node leads to it. */
    *holds = seen == NODE_HOLDS;
    if (BEHALF_UNLIKELY(reach->visited != NULL)) {
        bool taken;
        enum status status = reach_visit(reach, object, member, &taken, error);

        if (status != BEHALF_OK || taken)
            return status;
    }
    /* A node seen by an earlier walk that ended with an allow is unknown and is queued again. */
    if (*holds || seen == search->walk || (seen != TABLE_NONE && search->denied[seen]))
        return BEHALF_OK;
    queue = arena_grow(reach->scope.arena, search->queue, search->queue_count, &search->queue_size,
                       sizeof *queue);
    if (queue == NULL)
        return budget_memory_spent(error);
    search->queue = queue;
    if (seen != TABLE_NONE)
        table_set(&search->seen, key, search->walk);
    else if (!table_add(&search->seen, key, search->walk))
        return budget_memory_spent(error);
    queue[search->queue_count++] = (struct waiting){
        .object = object,
        .member = (uint16_t)member,
        .parent = search->queue_at == 0 ? 0 : search->queue_at - 1,
    };
    return BEHALF_OK;
}

/* Queues the rest of a step. It goes to the end of the queue, so a node with many edges does not
 * keep the search from nearer nodes. */
static enum status
await_rest(struct reach *reach, struct reach_search *search, const struct waiting *rest,
           struct error *error)
{
    struct waiting *queue = arena_grow(reach->scope.arena, search->queue, search->queue_count,
                                       &search->queue_size, sizeof *queue);

    if (queue == NULL)
        return budget_memory_spent(error);
    search->queue = queue;
    queue[search->queue_count++] = *rest;
    return BEHALF_OK;
}

/* --- edges to follow --- */

/* Takes over far nodes. Where their member has no step towards the subject, their own edges are
 * probed at once, without the queue and the table, since nothing follows from them. A parallel
 * search queues leaves too, so that other threads can probe them. */
static enum status
take_far(struct reach *reach, struct reach_search *search, uint32_t member,
         const struct graph_batch *batch, bool *holds, struct error *error)
{
    const struct plain_program *program = &reach->scope.binding->plain[member];
    bool further = leads_further(reach, program) || reach->hand != NULL;
    enum status status = BEHALF_OK;

    for (size_t at = 0; status == BEHALF_OK && !*holds && at < batch->count; at++) {
        if (at % GRAPH_LOADS_MAX == 0 && !further)
            graph_view_prepare(reach->view, batch->nodes + at, batch->count - at, EDGE_FORWARD);
        if (at + FETCHED_AHEAD < batch->count && !further)
            graph_prefetch(reach->view->graph, batch->nodes[at + FETCHED_AHEAD], EDGE_FORWARD);
        status = further
                     ? await(reach, search, batch->nodes[at], member, holds, error)
                     : probe_node(reach, program, batch->nodes[at],
                                  graph_view_kinds(reach->view, batch->nodes[at]), holds, error);
    }
    return status;
}

/* Removes edges with traits, which a plain member does not allow. This must come before any other
 * call on the view: the traits are borrowed from it until then. */
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

/* The semi-join: probes the edges from the node to the objects that the subject may reach. A closed
 * entry is a proven allow, so one edge to it ends the walk. */
static enum status
probe_narrowed(struct reach *reach, struct reach_search *search, uint32_t member,
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
        status = graph_view_contains(reach->view, &key, &found, &traits, error);
        if (status != BEHALF_OK || !found || traits != NULL)
            continue;
        if (!RESOURCE_OPEN(narrow->found.entries[at]))
            *holds = true;
        else
            status = await(reach, search, key.subject, member, holds, error);
    }
    return status;
}

/* Makes room for a batch. The first one of a step is small, since most nodes have few edges. */
static enum status
ready_batch(struct reach *reach, struct reach_search *search, bool first, struct graph_batch *batch,
            struct error *error)
{
    if (search->batch == NULL)
        search->batch =
            arena_take(reach->scope.arena, LIMIT_EDGE_BATCH_GROWN * sizeof *search->batch);
    if (search->batch == NULL)
        return budget_memory_spent(error);
    *batch = (struct graph_batch){
        .nodes = search->batch,
        .capacity = first ? LIMIT_EDGE_BATCH : LIMIT_EDGE_BATCH_GROWN,
    };
    return BEHALF_OK;
}

/* Follows one step of a node for one batch of its edges. A full batch means that the node may have
 * many more; then the reverse walk is tried before more are read. */
static enum status
follow(struct reach *reach, struct reach_search *search, const struct waiting *node, bool *holds,
       struct error *error)
{
    const struct plain_step *step = &reach->scope.binding->plain[node->member].steps[node->step];
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
    enum status status = ready_batch(reach, search, node->from == 0, &batch, error);

    if (status == BEHALF_OK)
        status = graph_view_read(reach->view, &range, &batch, error);
    if (status != BEHALF_OK || batch.count == 0)
        return status;
    search->walked += (uint32_t)batch.count;
    rest.from = batch.count < batch.capacity ? 0 : batch.nodes[batch.count - 1] + 1;
    drop_conditional(&batch);
    if (rest.from != 0)
        status = reach_narrowed(reach, step->member, search->walked, &narrow, error);
    /* `range` still begins at the batch that was read, so the semi-join covers that batch and the
     * rest of the step: neither needs to be queued. */
    if (status == BEHALF_OK && narrow != NULL)
        return probe_narrowed(reach, search, step->member, narrow, &range, holds, error);
    if (status == BEHALF_OK)
        status = take_far(reach, search, step->member, &batch, holds, error);
    if (status == BEHALF_OK && !*holds && rest.from != 0)
        status = await_rest(reach, search, &rest, error);
    return status;
}

/* Follows all steps of a node whose own edges do not hold the subject. A step whose kind the node
 * lacks is charged too, so that every node costs something. A step whose far members cannot hold
 * the subject by the schema is free: no edge of it is read. */
static enum status
follow_all(struct reach *reach, struct reach_search *search, struct waiting node, uint64_t kinds,
           bool *holds, struct error *error)
{
    const struct plain_program *program = &reach->scope.binding->plain[node.member];
    enum status status = BEHALF_OK;

    for (; status == BEHALF_OK && !*holds && node.step < program->step_count; node.step++) {
        const struct plain_step *step = &program->steps[node.step];

        if (!reach_leads_on(reach, step->member))
            continue;
        status = (step->kind & kinds) != 0 ? follow(reach, search, &node, holds, error)
                                           : budget_spend(reach->view->budget, 1, error);
    }
    return status;
}

/* Visits the next node of the queue. */
static enum status
ask_next(struct reach *reach, struct reach_search *search, bool *holds, struct error *error)
{
    struct waiting node = search->queue[search->queue_at++];
    uint64_t kinds;
    enum status status;

    if (node.from != 0)
        return follow(reach, search, &node, holds, error);
    kinds = graph_view_kinds(reach->view, node.object);
    status = probe_node(reach, &reach->scope.binding->plain[node.member], node.object, kinds, holds,
                        error);
    if (status != BEHALF_OK || *holds)
        return status;
    return follow_all(reach, search, node, kinds, holds, error);
}

/* Prefetches the edges of a node some visits ahead, so that they arrive before its visit. */
static void
fetch_ahead(const struct reach *reach, const struct reach_search *search)
{
    uint32_t at = search->queue_at + FETCHED_AHEAD;

    if (at < search->queue_count)
        graph_prefetch(reach->view->graph, search->queue[at].object, EDGE_FORWARD);
}

/* When nodes of the walk were missing in memory, the next nodes of the queue are loaded together:
 * one snapshot and one scan for all. */
static void
prepare_waiting(const struct reach *reach, struct reach_search *search)
{
    uint64_t nodes[GRAPH_LOADS_MAX];
    uint32_t count = 0;

    if (BEHALF_LIKELY(reach->view->loads == 0) || search->queue_at < search->prepared)
        return;
    for (uint32_t at = search->queue_at; at < search->queue_count && count < GRAPH_LOADS_MAX; at++)
        nodes[count++] = search->queue[at].object;
    search->prepared = search->queue_at + count;
    graph_view_prepare(reach->view, nodes, count, EDGE_FORWARD);
}

/* Searches from a node whose own edges do not hold the subject. */
static enum status
walk_from(struct reach *reach, uint64_t object, uint32_t member, uint64_t kinds, bool *holds,
          struct error *error)
{
    struct reach_search *search = begin(reach);
    enum status status;

    if (search == NULL)
        return budget_memory_spent(error);
    status = await(reach, search, object, member, holds, error);
    if (search->queue_count == 0)
        return status; /* the node is known: `holds` is set */
    status = follow_all(reach, search, search->queue[search->queue_at++], kinds, holds, error);
    while (status == BEHALF_OK && !*holds && search->queue_at < search->queue_count) {
        /* The other methods start from the asked node again, and not from the queue: what was read
         * so far is a bounded loss, and the reverse walk may spend in proportion to it. */
        if (BEHALF_UNLIKELY(search->walked > LIMIT_WIDE_EDGES) && reach->wide != NULL) {
            status = reach_widen(reach, object, member, search->walked, holds, error);
            /* Only the first node is known to be on the path to an allow, so only it may be marked
             * by note_way. */
            search->queue_count = search->queue_at = 1;
            break;
        }
        prepare_waiting(reach, search);
        fetch_ahead(reach, search);
        status = ask_next(reach, search, holds, error);
    }
    /* Set last, and only on success: an error in the middle proves nothing about the nodes seen. */
    search->holds = status == BEHALF_OK && *holds;
    search->denied[search->walk] = status == BEHALF_OK && !*holds;
    return status;
}

/* --- in steps --- */

/* Whether the walk goes on. The next node is known here, and other walks take their steps before it
 * is visited, so its edges are fetched now. */
static enum reach_progress
progress_of(struct reach *reach, bool holds)
{
    const struct reach_search *search = reach->search;

    if (holds)
        return REACH_HOLDS;
    if (search->queue_at == search->queue_count)
        return REACH_DENIES;
    if (BEHALF_UNLIKELY(search->walked > LIMIT_WIDE_EDGES))
        return REACH_IS_WIDE;
    graph_prefetch(reach->view->graph, search->queue[search->queue_at].object, EDGE_FORWARD);
    return REACH_GOES_ON;
}

enum status
reach_begin(struct reach *reach, uint64_t object, uint32_t member, const struct reach *before,
            enum reach_progress *progress, struct error *error)
{
    const struct plain_program *program = &reach->scope.binding->plain[member];
    uint64_t kinds = graph_view_kinds(reach->view, object);
    bool holds;
    enum status status = probe_node(reach, program, object, kinds, &holds, error);
    struct reach_search *search;

    *progress = holds ? REACH_HOLDS : REACH_DENIES;
    if (status != BEHALF_OK || holds || !leads_further(reach, program))
        return status;
    search = begin(reach);
    if (search == NULL)
        return budget_memory_spent(error);
    /* One buffer serves all interleaved walks: a batch is consumed within the step that read it. */
    search->batch = before != NULL ? before->search->batch : NULL;
    status = await(reach, search, object, member, &holds, error);
    if (status == BEHALF_OK)
        status = follow_all(reach, search, search->queue[search->queue_at++], kinds, &holds, error);
    if (status == BEHALF_OK)
        *progress = progress_of(reach, holds);
    return status;
}

/* Visits one node, and then yields to the other walks. */
enum status
reach_step(struct reach *reach, enum reach_progress *progress, struct error *error)
{
    bool holds = false;
    enum status status = ask_next(reach, reach->search, &holds, error);

    if (status == BEHALF_OK)
        *progress = progress_of(reach, holds);
    return status;
}

void
reach_fetch(const struct reach *reach)
{
    const struct reach_search *search = reach->search;

    /* Outside of a read-side section no edges may be read; then only the earlier prefetch of the
     * slot helps. */
    if (graph_view_enter(reach->view))
        graph_prefetch_edges(reach->view->graph, search->queue[search->queue_at].object,
                             EDGE_FORWARD);
}

/* The node's own edges come first: a direct allow needs neither a table nor a queue. */
enum status
reach_ask(struct reach *reach, uint64_t object, uint32_t member, bool *holds, struct error *error)
{
    const struct plain_program *program = &reach->scope.binding->plain[member];
    uint64_t kinds = graph_view_kinds(reach->view, object);
    enum status status = probe_node(reach, program, object, kinds, holds, error);

    if (status != BEHALF_OK || *holds || !leads_further(reach, program))
        return status;
    return walk_from(reach, object, member, kinds, holds, error);
}

enum status
reach_look(struct reach *reach, uint64_t object, uint32_t member, bool *holds, struct error *error)
{
    const struct waiting node = {.object = object, .member = (uint16_t)member};
    struct reach_search *search = reach->search != NULL ? reach->search : begin(reach);
    enum status status;

    if (search == NULL)
        return budget_memory_spent(error);
    /* One key at a time: successors go to the shared queue. The local queue holds only this node
     * and the rests of its steps. */
    search->queue_count = search->queue_at = search->walked = 0;
    *holds = false;
    status = await_rest(reach, search, &node, error);
    while (status == BEHALF_OK && !*holds && search->queue_at < search->queue_count)
        status = ask_next(reach, search, holds, error);
    return status;
}
