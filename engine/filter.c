/* filter.c - a filter becomes a row of index ranges, visited one after the other, and a test for
 * what the ranges could not express. The way depends on the filter alone, never on the data, so
 * that every page of one request walks the same order. */
#include "engine/filter.h"

#include <stdlib.h>

#define NODE_BATCH 64
#define TYPE_STEP (UINT64_C(1) << NODE_SEQUENCE_BITS)

enum way {
    WAY_NOTHING, /* something the filter names was never stored */
    WAY_NODE,    /* forward, per type the node of `resource_id` */
    WAY_PREFIX,  /* forward, per type the nodes whose id starts so, in the order of ids */
    WAY_TYPE,    /* forward, all of each type */
    WAY_SUBJECT, /* reverse, one subject or all of one type */
};

struct filter_scan {
    struct filter_view view;
    struct budget *budget;   /* borrowed, may be NULL */
    struct store_scan *scan; /* of the present range; NULL between ranges */
    enum way way;
    bool done; /* WAY_SUBJECT: its one range was taken */

    /* What an edge must be. */
    struct slice resource_id;
    struct slice prefix;
    uint64_t subject;
    uint16_t resource_type; /* the labels: LABEL_NONE = any */
    uint16_t relation;
    uint16_t subject_type;
    uint16_t subject_relation;
    bool has_subject;
    bool has_subject_relation;
    bool plain_only; /* not the wildcard, whose edges have no subject relation either */

    /* Where the walk is. */
    uint16_t *types; /* ascending labels, for the forward ways */
    size_t type_count;
    size_t type_at;
    struct edge_key from;
    bool has_from;
    uint64_t nodes[NODE_BATCH]; /* WAY_PREFIX: those of the present type still to visit */
    size_t node_count;
    size_t node_at;
    bool nodes_end;     /* the present type has no more behind them */
    struct buffer name; /* WAY_PREFIX: id of the last node taken; WAY_SUBJECT: for the test */
};

/* --- ranges --- */

/* The four fields of a key in the order of the index. */
static void
key_fields(enum edge_direction direction, const struct edge_key *key, uint64_t fields[4])
{
    bool forward = direction == EDGE_FORWARD;

    fields[0] = forward ? key->resource : key->subject;
    fields[1] = forward ? key->relation : key->subject_relation;
    fields[2] = forward ? key->subject_relation : key->relation;
    fields[3] = forward ? key->subject : key->resource;
}

static struct edge_key
key_of(enum edge_direction direction, const uint64_t fields[4])
{
    bool forward = direction == EDGE_FORWARD;

    return (struct edge_key){
        .resource = forward ? fields[0] : fields[3],
        .subject = forward ? fields[3] : fields[0],
        .relation = (uint16_t)(forward ? fields[1] : fields[2]),
        .subject_relation = (uint16_t)(forward ? fields[2] : fields[1]),
    };
}

static int
key_compare(enum edge_direction direction, const struct edge_key *a, const struct edge_key *b)
{
    uint64_t left[4];
    uint64_t right[4];

    key_fields(direction, a, left);
    key_fields(direction, b, right);
    for (size_t index = 0; index < 4; index++) {
        if (left[index] != right[index])
            return left[index] < right[index] ? -1 : 1;
    }
    return 0;
}

/* All keys whose first `known` fields are these; the last of them is a value, or with `step` =
 * TYPE_STEP the first of a type's nodes. The end is the next such prefix, with carry. */
static struct edge_range
prefix_range(enum edge_direction direction, uint64_t fields[4], size_t known, uint64_t step)
{
    struct edge_range range = {.direction = direction, .from = key_of(direction, fields)};

    BEHALF_ASSERT(known >= 1 && known <= 4);
    for (size_t index = known; index-- > 0; step = 1) {
        uint64_t max = index == 0 || index == 3 ? UINT64_MAX : UINT16_MAX;

        if (fields[index] <= max - step) {
            fields[index] += step;
            range.to = key_of(direction, fields);
            return range;
        }
        fields[index] = 0;
    }
    range.unbounded = true;
    return range;
}

static struct edge_range
node_range(const struct filter_scan *scan, uint64_t node)
{
    uint64_t fields[4] = {node, scan->relation, scan->subject_relation, scan->subject};

    if (scan->relation == LABEL_NONE)
        return prefix_range(EDGE_FORWARD, (uint64_t[4]){node}, 1, 1);
    if (!scan->has_subject_relation)
        return prefix_range(EDGE_FORWARD, (uint64_t[4]){node, scan->relation}, 2, 1);
    if (scan->has_subject)
        return prefix_range(EDGE_FORWARD, fields, 4, 1);
    fields[3] = NODE_WILDCARD(scan->subject_type);
    return prefix_range(EDGE_FORWARD, fields, 4, TYPE_STEP);
}

static struct edge_range
subject_range(const struct filter_scan *scan)
{
    uint64_t fields[4] = {scan->subject, scan->subject_relation, scan->relation,
                          NODE_WILDCARD(scan->resource_type)};

    if (!scan->has_subject)
        return prefix_range(EDGE_REVERSE, (uint64_t[4]){NODE_WILDCARD(scan->subject_type)}, 1,
                            TYPE_STEP);
    if (!scan->has_subject_relation)
        return prefix_range(EDGE_REVERSE, (uint64_t[4]){scan->subject}, 1, 1);
    if (scan->relation == LABEL_NONE)
        return prefix_range(EDGE_REVERSE, (uint64_t[4]){scan->subject, scan->subject_relation}, 2,
                            1);
    if (scan->resource_type == LABEL_NONE) {
        fields[3] = 0;
        return prefix_range(EDGE_REVERSE, fields, 3, 1);
    }
    return prefix_range(EDGE_REVERSE, fields, 4, TYPE_STEP);
}

/* --- checking and binding --- */

bool
filter_is_empty(const struct relationship_filter *filter)
{
    return filter->resource_type.size == 0 && filter->resource_id.size == 0 &&
           filter->resource_id_prefix.size == 0 && filter->relation.size == 0 &&
           filter->subject_type.size == 0 && filter->subject_id.size == 0 &&
           filter->subject_relation.size == 0 && !filter->has_subject_relation &&
           !filter->subject_wildcard;
}

enum status
filter_check(const struct relationship_filter *filter, struct error *error)
{
    enum status status = BEHALF_OK;

    if (filter_is_empty(filter)) {
        error_set(error, BEHALF_INVALID_FILTER, "the filter is empty");
        error_hint(error, "set at least one field, for example resource_type");
        return BEHALF_INVALID_FILTER;
    }
    if (filter->resource_id.size > 0 && filter->resource_id_prefix.size > 0)
        return error_set(error, BEHALF_INVALID_FILTER,
                         "resource_id and resource_id_prefix exclude each other");
    if (filter->subject_type.size == 0 &&
        (filter->subject_id.size > 0 || filter->subject_relation.size > 0 ||
         filter->has_subject_relation || filter->subject_wildcard))
        return error_set(error, BEHALF_INVALID_FILTER,
                         "the subject part of a filter needs a subject type");
    if (filter->subject_wildcard && (filter->subject_id.size > 0 || filter->has_subject_relation ||
                                     filter->subject_relation.size > 0))
        return error_set(error, BEHALF_INVALID_FILTER,
                         "the wildcard of a filter has neither an id nor a relation");
    if (filter->resource_id_prefix.size > OBJECT_ID_SIZE_MAX)
        return error_set(error, BEHALF_INVALID_OBJECT_ID,
                         "resource_id_prefix is longer than the %d bytes of an object id",
                         OBJECT_ID_SIZE_MAX);
    if (filter->resource_id.size > 0)
        status = object_id_check(filter->resource_id, error);
    if (status == BEHALF_OK && filter->subject_id.size > 0)
        status = object_id_check(filter->subject_id, error);
    return status;
}

static enum status
find_relation(const struct binding *binding, uint32_t type, struct slice name, uint16_t *label,
              struct error *error)
{
    uint32_t member;
    enum status status = schema_resolve_member(binding->schema, type, name, &member, error);

    if (status == BEHALF_OK)
        *label = binding->member_labels[member];
    return status;
}

static int
compare_labels(const void *a, const void *b)
{
    uint16_t left;
    uint16_t right;

    memcpy(&left, a, sizeof left);
    memcpy(&right, b, sizeof right);
    return (left > right) - (left < right);
}

/* The types a forward walk goes through: the one named, or all that can have the relation. */
static enum status
bind_resource(struct filter_scan *scan, const struct relationship_filter *filter,
              struct arena *arena, struct error *error)
{
    const struct schema *schema = scan->view.binding->schema;
    uint32_t only = SCHEMA_NONE;
    enum status status = BEHALF_OK;

    if (filter->resource_type.size > 0)
        status =
            schema_resolve_type(scan->view.binding->schema, filter->resource_type, &only, error);
    if (status == BEHALF_OK && only != SCHEMA_NONE && filter->relation.size > 0)
        status = find_relation(scan->view.binding, only, filter->relation, &scan->relation, error);
    if (status != BEHALF_OK)
        return status;
    if (only != SCHEMA_NONE)
        scan->resource_type = scan->view.binding->type_labels[only];
    scan->types = arena_take_array(arena, schema->type_count + 1, sizeof *scan->types);
    if (scan->types == NULL)
        return error_set(error, BEHALF_BUDGET_EXHAUSTED, "no memory left for the filter");
    for (uint32_t type = 0; type < schema->type_count; type++) {
        uint32_t member = SCHEMA_NONE;

        if (only != SCHEMA_NONE && only != type)
            continue;
        if (filter->relation.size > 0) {
            member = schema_find_member(schema, type, filter->relation);
            if (member == SCHEMA_NONE)
                continue;
            scan->relation = scan->view.binding->member_labels[member];
        }
        scan->types[scan->type_count++] = scan->view.binding->type_labels[type];
    }
    if (filter->relation.size > 0 && scan->type_count == 0)
        return error_set(error, BEHALF_UNKNOWN_RELATION_OR_PERMISSION,
                         "no definition has a relation '%.*s'", SLICE_PRINTF(filter->relation));
    qsort(scan->types, scan->type_count, sizeof *scan->types, compare_labels);
    return BEHALF_OK;
}

static enum status
bind_subject(struct filter_scan *scan, const struct relationship_filter *filter,
             struct error *error)
{
    uint32_t type;
    bool found = false;
    enum status status;

    if (filter->subject_type.size == 0)
        return BEHALF_OK;
    status = schema_resolve_type(scan->view.binding->schema, filter->subject_type, &type, error);
    if (status != BEHALF_OK)
        return status;
    scan->subject_type = scan->view.binding->type_labels[type];
    if (filter->subject_wildcard) {
        scan->subject = NODE_WILDCARD(scan->subject_type);
        scan->has_subject = true;
        scan->has_subject_relation = true;
        return BEHALF_OK;
    }
    scan->has_subject_relation = filter->has_subject_relation || filter->subject_relation.size > 0;
    scan->plain_only = scan->has_subject_relation && filter->subject_relation.size == 0;
    if (filter->subject_relation.size > 0)
        status = find_relation(scan->view.binding, type, filter->subject_relation,
                               &scan->subject_relation, error);
    if (status != BEHALF_OK || filter->subject_id.size == 0)
        return status;
    scan->has_subject = true;
    status = store_node_find(scan->view.snapshot, scan->subject_type, filter->subject_id,
                             &scan->subject, &found, error);
    if (status == BEHALF_OK && !found)
        scan->way = WAY_NOTHING;
    return status;
}

/* A resource's own edges are the fewest, then those of a subject; whole types come last. */
static enum way
choose_way(const struct filter_scan *scan, const struct relationship_filter *filter)
{
    if (filter->resource_id.size > 0)
        return WAY_NODE;
    if (scan->has_subject)
        return WAY_SUBJECT;
    if (filter->resource_id_prefix.size > 0)
        return WAY_PREFIX;
    if (filter->resource_type.size > 0 || filter->subject_type.size == 0)
        return WAY_TYPE;
    return WAY_SUBJECT;
}

/* Types before the one of `from` are behind us. In the order of ids so are the nodes up to its own,
 * which is taken as a first batch of one: the next batch begins behind its id. */
static void
start_at(struct filter_scan *scan, const struct edge_key *from)
{
    uint16_t type = NODE_TYPE(from->resource);

    scan->from = *from;
    scan->has_from = true;
    if (scan->way == WAY_SUBJECT)
        return;
    while (scan->type_at < scan->type_count && scan->types[scan->type_at] < type)
        scan->type_at++;
    if (scan->way != WAY_PREFIX || scan->type_at == scan->type_count ||
        scan->types[scan->type_at] != type)
        return;
    scan->nodes[0] = from->resource;
    scan->node_count = 1;
}

enum status
filter_scan_open(const struct relationship_filter *filter, const struct filter_view *view,
                 const struct edge_key *from, struct arena *arena, struct filter_scan **scan,
                 struct error *error)
{
    struct filter_scan *made;
    enum status status = filter_check(filter, error);

    if (status != BEHALF_OK)
        return status;
    made = arena_take_array(arena, 1, sizeof *made);
    if (made == NULL)
        return error_set(error, BEHALF_BUDGET_EXHAUSTED, "no memory left for the filter");
    made->view = *view;
    made->resource_id = filter->resource_id;
    made->prefix = filter->resource_id_prefix;
    made->way = WAY_TYPE;
    status = bind_resource(made, filter, arena, error);
    if (status == BEHALF_OK)
        status = bind_subject(made, filter, error);
    if (status == BEHALF_OK && made->way != WAY_NOTHING)
        made->way = choose_way(made, filter);
    if (status != BEHALF_OK)
        return status;
    if (from != NULL)
        start_at(made, from);
    buffer_init(&made->name);
    *scan = made;
    return BEHALF_OK;
}

void
filter_scan_pay(struct filter_scan *scan, struct budget *budget)
{
    scan->budget = budget;
}

/* --- walking --- */

/* The node of `resource_id` in the next type that has one. BEHALF_DONE behind the last type. */
static enum status
next_node(struct filter_scan *scan, uint64_t *node, struct error *error)
{
    while (scan->type_at < scan->type_count) {
        bool found = false;
        enum status status = store_node_find(scan->view.snapshot, scan->types[scan->type_at++],
                                             scan->resource_id, node, &found, error);

        if (status != BEHALF_OK || found)
            return status;
    }
    return BEHALF_DONE;
}

/* The next node whose id starts with the prefix, over all types. BEHALF_DONE behind the last. */
static enum status
next_prefix_node(struct filter_scan *scan, uint64_t *node, struct error *error)
{
    enum status status = BEHALF_OK;

    while (scan->node_at == scan->node_count) {
        if (scan->nodes_end) {
            scan->type_at++;
            scan->nodes_end = false;
            scan->node_count = scan->node_at = 0;
        }
        if (scan->type_at == scan->type_count)
            return BEHALF_DONE;
        buffer_clear(&scan->name);
        if (scan->node_count > 0)
            status = store_node_name(scan->view.snapshot, scan->nodes[scan->node_count - 1],
                                     &scan->name, error);
        if (status == BEHALF_OK)
            status = store_nodes_with_prefix(scan->view.snapshot, scan->types[scan->type_at],
                                             scan->prefix, buffer_slice(&scan->name), scan->nodes,
                                             NODE_BATCH, &scan->node_count, error);
        if (status != BEHALF_OK)
            return status;
        scan->node_at = 0;
        scan->nodes_end = scan->node_count < NODE_BATCH;
    }
    *node = scan->nodes[scan->node_at++];
    return BEHALF_OK;
}

/* The next range of the way, whole. BEHALF_DONE behind the last. */
static enum status
next_range(struct filter_scan *scan, struct edge_range *range, struct error *error)
{
    uint64_t node = 0;
    enum status status = BEHALF_DONE;

    switch (scan->way) {
    case WAY_NOTHING:
        return BEHALF_DONE;
    case WAY_NODE:
        status = next_node(scan, &node, error);
        if (status == BEHALF_OK)
            *range = node_range(scan, node);
        return status;
    case WAY_PREFIX:
        status = next_prefix_node(scan, &node, error);
        if (status == BEHALF_OK)
            *range = node_range(scan, node);
        return status;
    case WAY_TYPE:
        if (scan->type_at == scan->type_count)
            return BEHALF_DONE;
        node = NODE_WILDCARD(scan->types[scan->type_at++]);
        *range = prefix_range(EDGE_FORWARD, (uint64_t[4]){node}, 1, TYPE_STEP);
        return BEHALF_OK;
    case WAY_SUBJECT:
        if (scan->done)
            return BEHALF_DONE;
        scan->done = true;
        *range = subject_range(scan);
        return BEHALF_OK;
    }
    BEHALF_UNREACHABLE();
}

/* Cuts off what lies before `from`; false when nothing is left. Ranges of WAY_PREFIX are not in the
 * order of keys: there the cut is for the node of `from` alone, which comes first. */
static bool
clip_range(struct filter_scan *scan, struct edge_range *range)
{
    if (!scan->has_from)
        return true;
    if (scan->way == WAY_PREFIX)
        scan->has_from = false;
    if (scan->way == WAY_PREFIX && range->from.resource != scan->from.resource)
        return true;
    if (key_compare(range->direction, &scan->from, &range->from) <= 0)
        return true;
    range->from = scan->from;
    return range->unbounded || key_compare(range->direction, &range->from, &range->to) < 0;
}

static enum status
open_next_range(struct filter_scan *scan, struct error *error)
{
    struct edge_range range = {0};
    enum status status;

    do {
        status = next_range(scan, &range, error);
        if (status == BEHALF_OK && scan->budget != NULL)
            status = budget_spend(scan->budget, 1, error);
        if (status != BEHALF_OK)
            return status;
    } while (!clip_range(scan, &range));
    return store_scan_open(scan->view.snapshot, scan->view.revision, &range, &scan->scan, error);
}

static enum status
matches(struct filter_scan *scan, const struct edge *edge, bool *match, struct error *error)
{
    const struct edge_key *key = &edge->key;
    enum status status;

    *match =
        (edge->expires_at == 0 || edge->expires_at > scan->view.now) &&
        (scan->resource_type == LABEL_NONE || scan->resource_type == NODE_TYPE(key->resource)) &&
        (scan->relation == LABEL_NONE || scan->relation == key->relation) &&
        (scan->subject_type == LABEL_NONE || scan->subject_type == NODE_TYPE(key->subject)) &&
        (!scan->has_subject || scan->subject == key->subject) &&
        (!scan->plain_only || !NODE_IS_WILDCARD(key->subject)) &&
        (!scan->has_subject_relation || scan->subject_relation == key->subject_relation);
    if (!*match || scan->prefix.size == 0 || scan->way != WAY_SUBJECT)
        return BEHALF_OK;
    buffer_clear(&scan->name);
    status = store_node_name(scan->view.snapshot, key->resource, &scan->name, error);
    *match = status == BEHALF_OK && slice_starts_with(buffer_slice(&scan->name), scan->prefix);
    return status;
}

enum status
filter_scan_next(struct filter_scan *scan, struct edge *edge, struct error *error)
{
    bool match = false;
    enum status status = BEHALF_OK;

    while (status == BEHALF_OK && !match) {
        if (scan->scan == NULL) {
            status = open_next_range(scan, error);
            continue;
        }
        status = store_scan_next(scan->scan, edge, error);
        if (status == BEHALF_DONE) {
            store_scan_close(scan->scan);
            scan->scan = NULL;
            status = BEHALF_OK;
            continue;
        }
        if (status == BEHALF_OK && scan->budget != NULL)
            status = budget_spend(scan->budget, 1, error);
        if (status == BEHALF_OK)
            status = matches(scan, edge, &match, error);
    }
    return status;
}

void
filter_scan_close(struct filter_scan *scan)
{
    if (scan == NULL)
        return;
    store_scan_close(scan->scan);
    buffer_release(&scan->name);
}
