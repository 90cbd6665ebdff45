/* depend.c - which members a member is computed from, and cycles among them.
 * Tarjan's algorithm (1972) with its own stack: components come out operands first, so one pass in
 * their order decides whatever spreads along the edges. */
#include "base/relationship.h"
#include "schema/build.h"

#define CYCLE_TEXT_SIZE 256

static bool
is_operator(enum rewrite_op op)
{
    return op == REWRITE_UNION || op == REWRITE_INTERSECTION || op == REWRITE_EXCLUSION;
}

static bool
is_arrow(enum rewrite_op op)
{
    return op == REWRITE_ARROW || op == REWRITE_ARROW_ALL;
}

/* From the roots down: an operand's index is smaller than its operator's, so one pass backwards
 * sees every operator before its operands. */
static enum status
mark_operands(struct build *build)
{
    uint32_t count = build->rewrite_count;

    build->owners = arena_take_array(build->arena, count, sizeof *build->owners);
    build->operand_flags = arena_take_array(build->arena, count, sizeof *build->operand_flags);
    if (count > 0 && (build->owners == NULL || build->operand_flags == NULL))
        return build_too_large(build);
    for (uint32_t index = 0; index < build->member_count; index++) {
        build->owners[build->members[index].root] = index;
        build->operand_flags[build->members[index].root] = BUILD_OPERAND_ALONE;
    }
    for (uint32_t index = count; index-- > 0;) {
        const struct rewrite *rewrite = &build->rewrites[index];

        if (!is_operator(rewrite->op))
            continue;
        for (uint32_t at = 0; at < rewrite->count; at++) {
            uint32_t operand = build->operands[rewrite->first + at];
            uint8_t flags = build->operand_flags[index];

            if (rewrite->op != REWRITE_UNION)
                flags &= (uint8_t)~BUILD_OPERAND_ALONE;
            if (rewrite->op == REWRITE_EXCLUSION && at > 0)
                flags |= BUILD_OPERAND_SUBTRACTED;
            build->owners[operand] = build->owners[index];
            build->operand_flags[operand] = flags;
        }
    }
    return BEHALF_OK;
}

/* Counts the edge (while there is no array yet), or puts it into the list of its member. */
static void
put_edge(struct build *build, uint32_t *next, const struct build_edge *edge)
{
    if (build->edges.edges == NULL)
        next[edge->from]++;
    else
        build->edges.edges[next[edge->from]++] = *edge;
}

static void
put_edges(struct build *build, uint32_t *next)
{
    for (uint32_t index = 0; index < build->member_count; index++) {
        const struct schema_member *member = &build->members[index];

        for (uint32_t at = 0; at < member->variant_count; at++) {
            const struct schema_variant *variant = &build->variants[member->first_variant + at];
            struct build_edge edge = {.from = index,
                                      .to = variant->relation,
                                      .rewrite = SCHEMA_NONE,
                                      .alone = true,
                                      .tupleset = SCHEMA_NONE};

            if (edge.to != SCHEMA_NONE)
                put_edge(build, next, &edge);
        }
    }
    for (uint32_t index = 0; index < build->rewrite_count; index++) {
        const struct rewrite *rewrite = &build->rewrites[index];
        struct build_edge edge = {
            .from = build->owners[index],
            .to = rewrite->member,
            .rewrite = index,
            .same_object = rewrite->op == REWRITE_COMPUTED,
            .subtracted = (build->operand_flags[index] & BUILD_OPERAND_SUBTRACTED) != 0,
            .alone = (build->operand_flags[index] & BUILD_OPERAND_ALONE) != 0 &&
                     rewrite->op != REWRITE_ARROW_ALL,
            .tupleset = SCHEMA_NONE,
        };

        if (rewrite->op == REWRITE_COMPUTED)
            put_edge(build, next, &edge);
        if (!is_arrow(rewrite->op))
            continue;
        edge.tupleset = rewrite->member;
        for (uint32_t at = rewrite->first; at < rewrite->first + rewrite->count; at++) {
            edge.to = build->hops[at].member;
            if (edge.to != SCHEMA_NONE)
                put_edge(build, next, &edge);
        }
    }
}

static enum status
collect_edges(struct build *build)
{
    uint32_t *next = arena_take_array(build->arena, build->member_count + 1, sizeof *next);
    uint32_t *first = arena_take_array(build->arena, build->member_count + 1, sizeof *first);
    uint32_t total = 0;

    if (next == NULL || first == NULL)
        return build_too_large(build);
    put_edges(build, next);
    for (uint32_t index = 0; index < build->member_count; index++) {
        uint32_t count = next[index];

        first[index] = total;
        next[index] = total;
        total += count;
    }
    first[build->member_count] = total;
    build->edges.first = first;
    build->edges.count = total;
    build->edges.edges =
        arena_take_array(build->arena, (size_t)total + 1, sizeof *build->edges.edges);
    if (build->edges.edges == NULL)
        return build_too_large(build);
    put_edges(build, next);
    return BEHALF_OK;
}

struct tarjan {
    uint32_t *order;   /* when a member was met, from 1; 0: not yet */
    uint32_t *lowest;  /* earliest member on the stack that it reaches */
    uint32_t *pending; /* members without a component yet */
    uint32_t *path;    /* members whose edges are being followed */
    uint32_t *next;    /* edge to follow next, per member */
    uint32_t pending_count;
    uint32_t path_count;
    uint32_t met;
};

static void
tarjan_meet(struct tarjan *tarjan, const struct build *build, uint32_t member)
{
    tarjan->order[member] = tarjan->lowest[member] = ++tarjan->met;
    tarjan->next[member] = build->edges.first[member];
    tarjan->pending[tarjan->pending_count++] = member;
    tarjan->path[tarjan->path_count++] = member;
}

/* All edges of the member on top of the path are followed. */
static void
tarjan_leave(struct tarjan *tarjan, struct build_components *components)
{
    uint32_t member = tarjan->path[--tarjan->path_count];
    uint32_t placed = components->first[components->count];
    uint32_t last;

    if (tarjan->path_count > 0) {
        uint32_t above = tarjan->path[tarjan->path_count - 1];

        if (tarjan->lowest[member] < tarjan->lowest[above])
            tarjan->lowest[above] = tarjan->lowest[member];
    }
    if (tarjan->lowest[member] != tarjan->order[member])
        return;
    do {
        last = tarjan->pending[--tarjan->pending_count];
        components->of_member[last] = components->count;
        components->members[placed++] = last;
    } while (last != member);
    components->first[++components->count] = placed;
}

static void
tarjan_walk(struct tarjan *tarjan, const struct build *build, bool same_object_only,
            struct build_components *components)
{
    while (tarjan->path_count > 0) {
        uint32_t member = tarjan->path[tarjan->path_count - 1];
        const struct build_edge *edge = &build->edges.edges[tarjan->next[member]];

        if (tarjan->next[member] == build->edges.first[member + 1]) {
            tarjan_leave(tarjan, components);
            continue;
        }
        tarjan->next[member]++;
        if (same_object_only && !edge->same_object)
            continue;
        if (tarjan->order[edge->to] == 0)
            tarjan_meet(tarjan, build, edge->to);
        else if (components->of_member[edge->to] == SCHEMA_NONE &&
                 tarjan->order[edge->to] < tarjan->lowest[member])
            tarjan->lowest[member] = tarjan->order[edge->to];
    }
}

enum status
build_find_components(struct build *build, bool same_object_only,
                      struct build_components *components)
{
    size_t count = (size_t)build->member_count + 1;
    uint32_t *space = arena_take_array(build->arena, count * 8, sizeof *space);
    struct tarjan tarjan;

    if (space == NULL)
        return build_too_large(build);
    tarjan = (struct tarjan){.order = space,
                             .lowest = space + count,
                             .pending = space + 2 * count,
                             .path = space + 3 * count,
                             .next = space + 4 * count};
    *components = (struct build_components){
        .of_member = space + 5 * count, .members = space + 6 * count, .first = space + 7 * count};
    for (uint32_t index = 0; index < build->member_count; index++)
        components->of_member[index] = SCHEMA_NONE;
    for (uint32_t index = 0; index < build->member_count; index++) {
        if (tarjan.order[index] != 0)
            continue;
        tarjan_meet(&tarjan, build, index);
        tarjan_walk(&tarjan, build, same_object_only, components);
    }
    return BEHALF_OK;
}

/* Writes the way from edge->to back to edge->from, over edges on the same object. */
static enum status
describe_cycle(struct build *build, const struct build_components *components,
               const struct build_edge *edge, char text[CYCLE_TEXT_SIZE])
{
    uint32_t *parent = arena_take_array(build->arena, build->member_count, sizeof *parent);
    uint32_t *queue = arena_take_array(build->arena, build->member_count, sizeof *queue);
    uint32_t queued = 0;
    size_t size = 0;

    if (parent == NULL || queue == NULL)
        return build_too_large(build);
    for (uint32_t index = 0; index < build->member_count; index++)
        parent[index] = SCHEMA_NONE;
    /* Backwards from `from` would need the edges turned round, so the search goes forwards from
     * `to` and each member remembers where it was met; the way is then read from its end. */
    parent[edge->to] = edge->to;
    queue[queued++] = edge->to;
    for (uint32_t done = 0; done < queued && parent[edge->from] == SCHEMA_NONE; done++) {
        for (uint32_t at = build->edges.first[queue[done]];
             at < build->edges.first[queue[done] + 1]; at++) {
            const struct build_edge *step = &build->edges.edges[at];

            if (!step->same_object || parent[step->to] != SCHEMA_NONE ||
                components->of_member[step->to] != components->of_member[edge->to])
                continue;
            parent[step->to] = queue[done];
            queue[queued++] = step->to;
        }
    }
    /* Reuse the queue for the way, last member first. */
    queued = 0;
    for (uint32_t at = edge->from; at != edge->to; at = parent[at])
        queue[queued++] = at;
    queue[queued++] = edge->to;
    size = 0;
    text[0] = '\0';
    for (uint32_t at = queued; at-- > 0 && size + RELATION_NAME_SIZE_MAX + 3 < CYCLE_TEXT_SIZE;) {
        struct slice name = build->members[queue[at]].name;

        memcpy(text + size, ", ", 2);
        memcpy(text + size + 2, name.data, name.size);
        size += 2 + name.size;
        text[size] = '\0';
    }
    return BEHALF_OK;
}

static enum status
refuse_subtracted_cycle(struct build *build, const struct build_components *components,
                        const struct build_edge *edge)
{
    const struct schema_member *member = &build->members[edge->from];
    char way[CYCLE_TEXT_SIZE];
    enum status status = describe_cycle(build, components, edge, way);

    if (status != BEHALF_OK)
        return status;
    error_set(build->error, BEHALF_SCHEMA_TYPE_ERROR,
              "permission '%.*s' of '%.*s' depends on its own negation through the right side of "
              "'-': %.*s%s",
              SLICE_PRINTF(member->name), SLICE_PRINTF(build_type_name(build, member->type)),
              SLICE_PRINTF(member->name), way);
    error_hint(build->error, "subtract a relation, or a permission that does not lead back");
    return build_error_at(build, build->expressions[edge->rewrite]->place);
}

/* A permission that holds exactly when it does not hold has no meaning on any data. */
static enum status
check_same_object_cycles(struct build *build)
{
    struct build_components components = {0};
    enum status status = build_find_components(build, true, &components);

    if (status != BEHALF_OK)
        return status;
    BEHALF_ASSERT(components.of_member != NULL);
    for (uint32_t at = 0; at < build->edges.count; at++) {
        const struct build_edge *edge = &build->edges.edges[at];

        if (edge->same_object && edge->subtracted &&
            components.of_member[edge->from] == components.of_member[edge->to])
            return refuse_subtracted_cycle(build, &components, edge);
    }
    return BEHALF_OK;
}

enum status
build_dependencies(struct build *build)
{
    enum status status = mark_operands(build);

    if (status == BEHALF_OK)
        status = collect_edges(build);
    if (status == BEHALF_OK)
        status = check_same_object_cycles(build);
    if (status == BEHALF_OK)
        status = build_find_components(build, false, &build->components);
    return status;
}
