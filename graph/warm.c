/* warm.c - what is loaded next.
 * Of everything, a stretch of nodes at a time: their names, their forward sets, their reverse sets.
 * So of a store that is larger than the memory a part is there as a whole. */
#include "graph/warm.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "base/memory.h"

/* A note: its kind and the lengths of three lists (of the forward nodes, the reverse ones, and the
 * names), eight bytes each, then the lists, whose nodes ascend. */
#define NOTE_MAGIC "BHLFNOT1"
#define NOTE_HEAD_SIZE 32
#define NOTE_NODES_MAX ((size_t)1 << 20) /* of sets, and as many of names */

/* Its lists, in their order. */
enum list { LIST_FORWARD, LIST_REVERSE, LIST_NAMES, LIST_COUNT };

#define NAMES_TOGETHER 512 /* of a note */

/* A bit for each type. */
struct types {
    uint64_t bits[(UINT16_MAX + 1) / 64];
};

struct warm_up {
    struct warm_options options;
    struct warm_progress progress;
    struct slice lists[LIST_COUNT]; /* what is left of the note */
    enum list list;                 /* whose turn it is */

    /* Of everything: a stretch of nodes, whose names are in memory already. */
    uint64_t next; /* behind it */
    bool names_full;
    bool names_ended;
    struct types types[2]; /* by direction: those that have edges */
    uint64_t nodes[GRAPH_LOADS_MAX];
    size_t node_count;
    size_t node_at[2]; /* by direction: the first one that is not looked at */
};

/* --- notes --- */

/* What cannot be a node is damage, whatever the checksum says. */
static bool
is_list(struct slice list)
{
    uint64_t last = 0;

    for (size_t at = 0; at < list.size; at += 8) {
        uint64_t node = bytes_get_u64(list.data + at);

        if (node <= last || NODE_TYPE(node) == 0 || NODE_IS_LOCAL(node))
            return false;
        last = node;
    }
    return true;
}

static bool
read_note(struct slice note, struct slice lists[LIST_COUNT])
{
    size_t at = NOTE_HEAD_SIZE;

    if (note.size < NOTE_HEAD_SIZE || memcmp(note.data, NOTE_MAGIC, 8) != 0)
        return false;
    for (size_t list = 0; list < LIST_COUNT; list++) {
        uint64_t count = bytes_get_u64(note.data + 8 * (list + 1));

        if (count > (note.size - at) / 8)
            return false;
        lists[list] = (struct slice){note.data + at, count * 8};
        at += lists[list].size;
        if (!is_list(lists[list]))
            return false;
    }
    return at == note.size;
}

/* Nodes that are gathered for a note. */
struct gathered {
    struct nodes {
        uint64_t *items;
        size_t count;
        size_t capacity;
    } lists[LIST_COUNT];
};

static void
gather(struct nodes *nodes, uint64_t node)
{
    nodes->items =
        memory_reserve(nodes->items, nodes->count + 1, &nodes->capacity, sizeof *nodes->items);
    nodes->items[nodes->count++] = node;
}

static void
gather_set(void *context, uint64_t node, enum edge_direction direction)
{
    struct gathered *gathered = context;

    gather(&gathered->lists[direction == EDGE_FORWARD ? LIST_FORWARD : LIST_REVERSE], node);
}

static void
gather_name(void *context, uint64_t node)
{
    gather(&((struct gathered *)context)->lists[LIST_NAMES], node);
}

static int
compare_nodes(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;

    return (a > b) - (a < b);
}

/* In ascending order, each once: a name may be in use both ways. */
static void
put_in_order(struct nodes *nodes)
{
    size_t kept = 0;

    if (nodes->count == 0)
        return;
    qsort(nodes->items, nodes->count, sizeof *nodes->items, compare_nodes);
    for (size_t at = 0; at < nodes->count; at++)
        if (kept == 0 || nodes->items[kept - 1] != nodes->items[at])
            nodes->items[kept++] = nodes->items[at];
    nodes->count = kept;
}

void
warm_note_write(struct graph *graph, struct name_cache *names, struct buffer *note)
{
    struct gathered gathered = {.lists = {{.items = NULL}}};
    char number[8];

    graph_visit_used(graph, NOTE_NODES_MAX, gather_set, &gathered);
    name_cache_visit_used(names, NOTE_NODES_MAX, gather_name, &gathered);
    buffer_add(note, NOTE_MAGIC, 8);
    for (size_t list = 0; list < LIST_COUNT; list++) {
        put_in_order(&gathered.lists[list]);
        bytes_put_u64(number, gathered.lists[list].count);
        buffer_add(note, number, sizeof number);
    }
    for (size_t list = 0; list < LIST_COUNT; list++) {
        for (size_t at = 0; at < gathered.lists[list].count; at++) {
            bytes_put_u64(number, gathered.lists[list].items[at]);
            buffer_add(note, number, sizeof number);
        }
        memory_free(gathered.lists[list].items);
    }
}

/* --- sets --- */

static enum status
warm_sets(struct warm_up *warm_up, uint64_t revision, enum edge_direction direction,
          const uint64_t *nodes, size_t count, size_t *gone_over, struct error *error)
{
    const struct warm_options *options = &warm_up->options;
    bool asked = warm_up->progress.state == WARM_NOTED;
    struct graph_warmed warmed = {0};
    struct graph_view view;
    struct budget budget;
    enum status status;

    budget_init(&budget, options->env, UINT64_MAX, INT64_MAX, options->cancelled);
    graph_view_init(&view, options->graph, options->store, revision, 0, true, &budget);
    status = graph_view_warm(&view, nodes, count, direction, asked, &warmed, error);
    graph_view_release(&view);
    warm_up->progress.sets += warmed.sets;
    warm_up->progress.edges += warmed.edges;
    *gone_over = warmed.nodes;
    return status;
}

/* Whether there is room for more; what there is none for is left out. */
static bool
has_room(struct warm_up *warm_up)
{
    bool full = graph_is_full(warm_up->options.graph);

    warm_up->progress.full = warm_up->progress.full || full;
    return !full;
}

static void
note_name(struct warm_up *warm_up, uint64_t node, struct slice id, uint64_t known_at)
{
    if (name_cache_fill(warm_up->options.names, node, id, known_at,
                        warm_up->progress.state == WARM_NOTED)) {
        warm_up->progress.names++;
    } else {
        warm_up->names_full = true;
        warm_up->progress.full = true;
    }
}

/* --- what the note names --- */

static void
drop_noted(struct slice *list, size_t count)
{
    list->data += 8 * count;
    list->size -= 8 * count;
}

static enum status
step_noted_sets(struct warm_up *warm_up, uint64_t revision, struct error *error)
{
    struct slice *list = &warm_up->lists[warm_up->list];
    size_t count = list->size / 8 < GRAPH_LOADS_MAX ? list->size / 8 : GRAPH_LOADS_MAX;
    uint64_t nodes[GRAPH_LOADS_MAX];
    size_t gone_over = 0;
    enum status status;

    if (!has_room(warm_up)) {
        list->size = 0;
        return BEHALF_OK;
    }
    for (size_t at = 0; at < count; at++)
        nodes[at] = bytes_get_u64(list->data + 8 * at);
    status =
        warm_sets(warm_up, revision, warm_up->list == LIST_FORWARD ? EDGE_FORWARD : EDGE_REVERSE,
                  nodes, count, &gone_over, error);
    drop_noted(list, gone_over);
    return status;
}

/* A node of the note that has no name any more is passed over. */
static enum status
read_noted_names(struct warm_up *warm_up, const struct store_snapshot *snapshot,
                 struct store_names *names, struct error *error)
{
    struct slice *list = &warm_up->lists[LIST_NAMES];
    enum status status = BEHALF_OK;
    uint64_t node = 0;
    struct slice id;

    for (size_t at = 0; at < NAMES_TOGETHER && list->size > 0; at++) {
        uint64_t wanted = bytes_get_u64(list->data);

        drop_noted(list, 1);
        if (wanted <= node)
            continue;
        store_names_move(names, wanted);
        status = store_names_next(names, &node, &id, error);
        if (status == BEHALF_DONE)
            list->size = 0;
        if (status != BEHALF_OK)
            break;
        if (node == wanted)
            note_name(warm_up, node, id, store_snapshot_head(snapshot));
    }
    return status;
}

/* --- everything --- */

static bool
visit_variant(void *context, const struct edge_variant *variant, uint64_t count)
{
    struct types *types = context;
    uint16_t resource = variant->resource_type;
    uint16_t subject = variant->subject_type;

    (void)count;
    types[EDGE_FORWARD].bits[resource / 64] |= UINT64_C(1) << resource % 64;
    types[EDGE_REVERSE].bits[subject / 64] |= UINT64_C(1) << subject % 64;
    return true;
}

static bool
has_type(const struct types *types, uint64_t node)
{
    return (types->bits[NODE_TYPE(node) / 64] >> NODE_TYPE(node) % 64 & 1) != 0;
}

/* The next stretch. The wildcard of a type, which has no name, stands before its first node. */
static enum status
read_names(struct warm_up *warm_up, const struct store_snapshot *snapshot,
           struct store_names *names, struct error *error)
{
    enum status status = BEHALF_OK;
    size_t count = 0;

    store_names_move(names, warm_up->next);
    while (count < GRAPH_LOADS_MAX - 1) {
        struct slice id;
        uint64_t node;

        status = store_names_next(names, &node, &id, error);
        if (status != BEHALF_OK)
            break;
        if (NODE_TYPE(node) != NODE_TYPE(warm_up->next) || NODE_IS_WILDCARD(warm_up->next))
            warm_up->nodes[count++] = NODE_WILDCARD(NODE_TYPE(node));
        warm_up->nodes[count++] = node;
        warm_up->next = node + 1;
        if (!warm_up->names_full)
            note_name(warm_up, node, id, store_snapshot_head(snapshot));
    }
    warm_up->node_count = count;
    warm_up->node_at[EDGE_FORWARD] = warm_up->node_at[EDGE_REVERSE] = 0;
    warm_up->names_ended = status == BEHALF_DONE;
    return status;
}

/* Loads some of the stretch, those of types that have edges in this direction. */
static enum status
load_stretch(struct warm_up *warm_up, uint64_t revision, enum edge_direction direction,
             struct error *error)
{
    uint64_t nodes[GRAPH_LOADS_MAX];
    size_t places[GRAPH_LOADS_MAX];
    size_t gone_over = 0;
    size_t count = 0;
    enum status status = BEHALF_OK;

    for (size_t at = warm_up->node_at[direction]; at < warm_up->node_count; at++) {
        if (!has_type(&warm_up->types[direction], warm_up->nodes[at]))
            continue;
        nodes[count] = warm_up->nodes[at];
        places[count++] = at;
    }
    if (count > 0 && has_room(warm_up))
        status = warm_sets(warm_up, revision, direction, nodes, count, &gone_over, error);
    else
        gone_over = count;
    warm_up->node_at[direction] = gone_over < count ? places[gone_over] : warm_up->node_count;
    return status;
}

/* --- a step --- */

/* Names of the note, or of the next stretch. */
static enum status
step_names(struct warm_up *warm_up, struct error *error)
{
    struct store_snapshot *snapshot = NULL;
    struct store_names *names = NULL;
    enum status status = store_snapshot_open(warm_up->options.store, &snapshot, error);

    if (status == BEHALF_OK)
        status = store_names_open(snapshot, &names, error);
    if (status == BEHALF_OK)
        status = warm_up->progress.state == WARM_NOTED
                     ? read_noted_names(warm_up, snapshot, names, error)
                     : read_names(warm_up, snapshot, names, error);
    store_names_close(names);
    store_snapshot_close(snapshot);
    return status == BEHALF_DONE ? BEHALF_OK : status;
}

static enum status
step_noted(struct warm_up *warm_up, uint64_t revision, struct error *error)
{
    return warm_up->list == LIST_NAMES ? step_names(warm_up, error)
                                       : step_noted_sets(warm_up, revision, error);
}

static enum status
step_all(struct warm_up *warm_up, uint64_t revision, struct error *error)
{
    for (enum edge_direction direction = EDGE_FORWARD; direction <= EDGE_REVERSE; direction++)
        if (warm_up->node_at[direction] < warm_up->node_count)
            return load_stretch(warm_up, revision, direction, error);
    return step_names(warm_up, error);
}

static enum status
begin_all(struct warm_up *warm_up, struct error *error)
{
    struct store_snapshot *snapshot = NULL;
    enum status status = store_snapshot_open(warm_up->options.store, &snapshot, error);

    if (status == BEHALF_OK)
        status = store_variants(snapshot, visit_variant, warm_up->types, error);
    store_snapshot_close(snapshot);
    warm_up->next = NODE_WILDCARD(1);
    warm_up->names_full = false;
    return status;
}

/* Whether there is nothing left to load, or no room. */
static bool
all_ended(struct warm_up *warm_up)
{
    bool stretch_left = warm_up->node_at[EDGE_FORWARD] < warm_up->node_count ||
                        warm_up->node_at[EDGE_REVERSE] < warm_up->node_count;

    return (warm_up->names_ended && !stretch_left) || (warm_up->names_full && !has_room(warm_up));
}

/* The list whose turn is next; false when all are at their end. */
static bool
take_turn(struct warm_up *warm_up)
{
    for (size_t tried = 0; tried < LIST_COUNT; tried++) {
        warm_up->list = (warm_up->list + 1) % LIST_COUNT;
        if (warm_up->lists[warm_up->list].size > 0)
            return true;
    }
    return false;
}

enum status
warm_up_step(struct warm_up *warm_up, uint64_t revision, struct error *error)
{
    struct warm_progress *progress = &warm_up->progress;
    enum status status = BEHALF_OK;

    if (progress->state == WARM_NOTED && take_turn(warm_up))
        return step_noted(warm_up, revision, error);
    if (progress->state == WARM_NOTED) {
        progress->state = warm_up->options.all ? WARM_ALL : WARM_DONE;
        return warm_up->options.all ? begin_all(warm_up, error) : BEHALF_OK;
    }
    if (progress->state == WARM_ALL)
        status = step_all(warm_up, revision, error);
    if (status == BEHALF_OK && progress->state == WARM_ALL && all_ended(warm_up))
        progress->state = WARM_DONE;
    return status;
}

/* --- life --- */

struct warm_up *
warm_up_new(const struct warm_options *options)
{
    struct warm_up *warm_up = memory_new(sizeof *warm_up);

    warm_up->options = *options;
    if (!read_note(options->note, warm_up->lists))
        memset(warm_up->lists, 0, sizeof warm_up->lists);
    for (size_t list = 0; list < LIST_COUNT; list++)
        warm_up->progress.noted += warm_up->lists[list].size / 8;
    warm_up->list = LIST_COUNT - 1;
    return warm_up;
}

void
warm_up_free(struct warm_up *warm_up)
{
    memory_free(warm_up);
}

void
warm_up_progress(const struct warm_up *warm_up, struct warm_progress *progress)
{
    *progress = warm_up->progress;
}
