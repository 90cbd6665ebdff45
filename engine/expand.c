/* expand.c - expands a permission into a tree: what the schema says and what is stored.
 *
 * An operator becomes a node of its kind, a relation becomes a leaf with its stored subjects, and
 * each userset among them becomes a subtree while levels are left. Following an arrow uses a level
 * too. A userset that is on the path already stays a subject of its leaf.
 *
 * Always true: nothing is decided here. Caveats are reported and not evaluated; expired
 * relationships do not exist. The tree is built from a list of nodes to fill, so its depth costs no
 * C stack. */
#include "base/bytes.h"
#include "base/digest.h"
#include "engine/request.h"
#include "engine/token.h"
#include "graph/limits.h"

/* The members on the path to a node: a persistent search tree by the bits of a hash. A step copies
 * only the path to its own place and shares the rest, so a step and a lookup cost the logarithm of
 * the depth. */
struct open {
    uint64_t object;
    uint32_t member;
    const struct open *sides[2]; /* by the next bit of the hash */
};

struct path {
    const struct open *open; /* NULL = none */
    uint32_t member;         /* the innermost */
};

struct tree_task {
    struct tree_task *next;
    struct expand_node *node; /* to be filled */
    const struct path *path;
    uint64_t object;
    uint32_t rewrite;
    uint32_t levels;  /* levels that may still be expanded */
    uint32_t nesting; /* number of ancestors */
    /* Where the edges begin: after those of an earlier reply. */
    uint32_t variant;
    uint64_t from;
};

struct tree_builder {
    struct snapshot *snapshot;
    const struct schema *schema;
    struct arena *arena;
    /* copies for the result, made on first use: the schema may be freed */
    struct slice *type_names;
    struct slice *member_names; /* before the tree is */
    struct tree_task *tasks;    /* by level, so that what does not fit is deepest */
    struct tree_task **last;
    const struct expand *expand;
    uint64_t digest;   /* of the request, for cursors */
    size_t bytes_left; /* SIZE_MAX = no bound */
    int64_t earliest;  /* the earliest expiration in the tree */
};

static struct slice
copy_once(struct tree_builder *builder, struct slice *copy, struct slice name)
{
    if (copy->data == NULL)
        *copy = arena_copy(builder->arena, name);
    return *copy;
}

/* The name of a member. A hidden member's is its expression ("parent->view"), which no relation can
 * have. */
static enum status
member_name(struct tree_builder *builder, uint32_t member, struct slice *name, struct error *error)
{
    *name =
        copy_once(builder, &builder->member_names[member], builder->schema->members[member].name);
    return name->data != NULL ? BEHALF_OK : budget_memory_spent(error);
}

static enum status
object_of(struct tree_builder *builder, uint64_t node, struct object *object, struct error *error)
{
    uint32_t type = binding_type(builder->snapshot->binding, node);

    *object = (struct object){
        .type = copy_once(builder, &builder->type_names[type], builder->schema->types[type].name),
    };
    if (object->type.data == NULL)
        return budget_memory_spent(error);
    if (NODE_IS_WILDCARD(node)) {
        object->wildcard = true;
        return BEHALF_OK;
    }
    return resolver_id(&builder->snapshot->resolver, node, &object->id, error);
}

/* --- room --- */

/* Approximate size of a node and of a subject in a reply, without names. */
#define NODE_BYTES 224 /* with a cursor */
#define SUBJECT_BYTES 16

static void
spend(struct tree_builder *builder, size_t bytes)
{
    if (builder->bytes_left != SIZE_MAX)
        builder->bytes_left -= bytes < builder->bytes_left ? bytes : builder->bytes_left;
}

static void
spend_object(struct tree_builder *builder, const struct object *object, size_t beside)
{
    spend(builder, object->type.size + object->id.size + object->relation.size + beside);
}

/* A cursor for the part of the tree that a task would fill, from an edge on. */
static enum status
put_cursor(struct tree_builder *builder, const struct tree_task *task, uint32_t variant,
           uint64_t from, struct error *error)
{
    uint32_t used = builder->expand->depth == 0 ? 0 : builder->expand->depth - task->levels;
    struct cursor cursor = {
        .revision = builder->snapshot->revision,
        .request_digest = builder->digest,
    };
    struct engine_token sealed;

    bytes_put_u64(cursor.position, (task->object & NODE_SEQUENCE_MASK) << 16 | task->path->member);
    bytes_put_u64(cursor.position + 8, from);
    bytes_put_u32(cursor.position + 16, variant);
    bytes_put_u32(cursor.position + 20, task->rewrite);
    bytes_put_u32(cursor.position + 24, used);
    cursor_seal(builder->snapshot->engine->store, &cursor, &sealed);
    task->node->cursor = arena_copy(builder->arena, slice_of(sealed.text));
    return task->node->cursor.data != NULL ? BEHALF_OK : budget_memory_spent(error);
}

static enum status
truncate_task(struct tree_builder *builder, const struct tree_task *task, struct error *error)
{
    task->node->op = EXPAND_TRUNCATED;
    return put_cursor(builder, task, task->variant, task->from, error);
}

/* Creates a node for `rewrite` on `object` and queues it to be filled. */
static enum status
plan(struct tree_builder *builder, const struct path *path, const struct tree_task *above,
     uint64_t object, uint32_t rewrite, uint32_t levels, struct expand_node **node,
     struct error *error)
{
    struct tree_task *task = arena_take_array(builder->snapshot->scratch, 1, sizeof *task);
    struct expand_node *made = arena_take_array(builder->arena, 1, sizeof *made);
    enum status status;

    if (task == NULL || made == NULL)
        return budget_memory_spent(error);
    status = member_name(builder, path->member, &made->relation, error);
    if (status == BEHALF_OK)
        status = object_of(builder, object, &made->object, error);
    *task = (struct tree_task){
        .node = made,
        .path = path,
        .object = object,
        .rewrite = rewrite,
        .levels = levels,
        .nesting = above == NULL ? 0 : above->nesting + 1,
    };
    spend_object(builder, &made->object, NODE_BYTES + made->relation.size);
    *builder->last = task;
    builder->last = &task->next;
    *node = made;
    return status;
}

static uint64_t
open_hash(uint64_t object, uint32_t member)
{
    return digest_hash_u64(object ^ digest_mix_u64(member));
}

/* Equal 64-bit hashes repeat their bits: the tree degenerates into a list for them and stays
 * correct. */
static unsigned
side_of(uint64_t hash, unsigned depth)
{
    return hash >> depth % 64 & 1;
}

static bool
is_on_path(const struct path *path, uint64_t object, uint32_t member)
{
    uint64_t hash = open_hash(object, member);
    const struct open *at = path->open;

    for (unsigned depth = 0; at != NULL; depth++) {
        if (at->object == object && at->member == member)
            return true;
        at = at->sides[side_of(hash, depth)];
    }
    return false;
}

/* The path extended by one step. NULL when the arena is spent. */
static const struct path *
path_step(struct arena *arena, const struct path *path, uint64_t object, uint32_t member)
{
    uint64_t hash = open_hash(object, member);
    const struct open *old = path == NULL ? NULL : path->open;
    struct path *step = arena_take(arena, sizeof *step);
    const struct open **place;

    if (step == NULL)
        return NULL;
    *step = (struct path){.member = member};
    place = &step->open;
    for (unsigned depth = 0;; depth++) {
        struct open *copy = arena_take(arena, sizeof *copy);

        if (copy == NULL)
            return NULL;
        *place = copy;
        if (old == NULL) {
            *copy = (struct open){.object = object, .member = member};
            return step;
        }
        *copy = *old;
        place = &copy->sides[side_of(hash, depth)];
        old = *place;
    }
}

/* A node for a whole member; its path is one step longer. */
static enum status
plan_member(struct tree_builder *builder, const struct tree_task *above, uint64_t object,
            uint32_t member, uint32_t levels, struct expand_node **node, struct error *error)
{
    const struct path *step =
        path_step(builder->snapshot->scratch, above == NULL ? NULL : above->path, object, member);

    if (step == NULL)
        return budget_memory_spent(error);
    return plan(builder, step, above, object, builder->schema->members[member].root, levels, node,
                error);
}

/* --- growing lists --- */

/* Grows at powers of two. The arena keeps the old copies until the request ends: at most as much
 * again. */
static void *
append(struct arena *arena, void *array, size_t count, size_t element)
{
    void *grown;

    if (count > 0 && (count & (count - 1)) != 0)
        return array;
    grown = arena_take_array(arena, count == 0 ? 1 : count * 2, element);
    if (grown != NULL && count > 0)
        memcpy(grown, array, count * element);
    return grown;
}

static enum status
add_child(struct tree_builder *builder, struct expand_node *node, struct expand_node *child,
          struct error *error)
{
    struct expand_node **children =
        append(builder->arena, node->children, node->child_count, sizeof(struct expand_node *));

    if (children == NULL)
        return budget_memory_spent(error);
    node->children = children;
    children[node->child_count++] = child;
    return BEHALF_OK;
}

/* `condition` may be NULL. */
static enum status
add_subject(struct tree_builder *builder, struct expand_node *leaf, uint64_t subject,
            uint32_t subject_member, const struct expand_condition *condition, struct error *error)
{
    struct expand_subject *subjects =
        append(builder->arena, leaf->subjects, leaf->subject_count, sizeof *subjects);
    enum status status;

    if (subjects == NULL)
        return budget_memory_spent(error);
    leaf->subjects = subjects;
    subjects += leaf->subject_count++;
    *subjects = (struct expand_subject){.condition.expires_at = 0};
    if (condition != NULL)
        subjects->condition = *condition;
    status = object_of(builder, subject, &subjects->object, error);
    if (status == BEHALF_OK && subject_member != SCHEMA_NONE)
        status = member_name(builder, subject_member, &subjects->object.relation, error);
    spend_object(builder, &subjects->object, SUBJECT_BYTES);
    return status;
}

/* --- stored subjects of a relation --- */

struct stored_subject {
    uint64_t node;
    const struct schema_variant *variant;
    struct expand_condition condition;
};

/* Called for each stored subject of a relation that the schema allows. */
struct visitor {
    enum status (*visit)(struct tree_builder *builder, const struct tree_task *task,
                         struct expand_node *leaf, const struct stored_subject *subject,
                         struct error *error);
    struct expand_node *leaf;
};

/* Copies what an edge's traits say, because the tree outlives the graph's memory. */
static enum status
describe(struct tree_builder *builder, const struct edge_traits *traits,
         struct expand_condition *condition, struct error *error)
{
    const struct binding *binding = builder->snapshot->binding;

    condition->expires_at = traits->expires_at;
    if (traits->expires_at != 0 && traits->expires_at < builder->earliest)
        builder->earliest = traits->expires_at;
    spend(builder, SUBJECT_BYTES * 4 + traits->context.size * 2);
    if (traits->caveat == LABEL_NONE)
        return BEHALF_OK;
    condition->caveat = arena_copy(
        builder->arena, builder->schema->caveats[binding_caveat(binding, traits->caveat)].name);
    if (condition->caveat.data == NULL)
        return budget_memory_spent(error);
    if (traits->context.size == 0)
        return BEHALF_OK;
    condition->context = arena_copy(builder->arena, traits->context);
    return condition->context.data != NULL ? BEHALF_OK : budget_memory_spent(error);
}

static enum status
visit_edge(struct tree_builder *builder, const struct tree_task *task, uint32_t relation,
           const struct schema_variant *variant, const struct visitor *visitor, uint64_t node,
           const struct edge_traits *traits, struct error *error)
{
    struct stored_subject subject = {.node = node, .variant = variant};
    enum status status = BEHALF_OK;

    if (!condition_allows(builder->snapshot->binding, relation, variant, traits))
        return BEHALF_OK;
    if (traits != NULL)
        status = describe(builder, traits, &subject.condition, error);
    return status == BEHALF_OK ? visitor->visit(builder, task, visitor->leaf, &subject, error)
                               : status;
}

/* *from: where the edges begin; on return, where they continue if the room was spent before the
 * end. */
static enum status
visit_variant(struct tree_builder *builder, const struct tree_task *task, uint32_t relation,
              const struct schema_variant *variant, const struct visitor *visitor, uint64_t *from,
              struct error *error)
{
    const struct binding *binding = builder->snapshot->binding;
    uint64_t wildcard = NODE_WILDCARD(binding->type_labels[variant->type]);
    struct graph_range range = {
        .direction = EDGE_FORWARD,
        .node = task->object,
        .relation = binding->member_labels[relation],
        .subject_relation = variant->relation == SCHEMA_NONE
                                ? LABEL_NONE
                                : binding->member_labels[variant->relation],
        .from = variant->wildcard ? wildcard : wildcard + 1,
        .to = variant->wildcard ? wildcard + 1 : wildcard + NODE_SEQUENCE_LOCAL,
    };
    uint64_t nodes[LIMIT_EDGE_BATCH_GROWN];
    struct graph_batch batch = {.nodes = nodes, .capacity = BEHALF_COUNT_OF(nodes)};

    if (*from != 0)
        range.from = wildcard | *from;
    *from = 0;
    do {
        enum status status = graph_view_read(&builder->snapshot->view, &range, &batch, error);

        for (size_t i = 0; status == BEHALF_OK && i < batch.count; i++) {
            if (builder->bytes_left == 0 && !variant->wildcard) {
                *from = nodes[i] & NODE_SEQUENCE_MASK;
                return BEHALF_OK;
            }
            status = visit_edge(builder, task, relation, variant, visitor, nodes[i],
                                batch.traits == NULL ? NULL : batch.traits[i], error);
        }
        if (status != BEHALF_OK)
            return status;
        if (batch.count > 0)
            range.from = nodes[batch.count - 1] + 1;
    } while (batch.count == batch.capacity);
    return BEHALF_OK;
}

static enum status
visit_subjects(struct tree_builder *builder, const struct tree_task *task, uint32_t relation,
               const struct visitor *visitor, struct error *error)
{
    const struct schema_member *row = &builder->schema->members[relation];
    uint64_t from = task->from;
    enum status status = BEHALF_OK;

    for (uint32_t i = task->variant; status == BEHALF_OK && i < row->variant_count; i++) {
        const struct schema_variant *variant = &builder->schema->variants[row->first_variant + i];

        if (variant->repeats)
            continue;
        status = visit_variant(builder, task, relation, variant, visitor, &from, error);
        if (status == BEHALF_OK && from != 0)
            return put_cursor(builder, task, i, from, error);
    }
    return status;
}

/* A subject of a relation: a name in the leaf, or a subtree beside it. */
static enum status
visit_stored(struct tree_builder *builder, const struct tree_task *task, struct expand_node *leaf,
             const struct stored_subject *subject, struct error *error)
{
    uint32_t member = subject->variant->relation;
    struct expand_node *child;
    enum status status;

    if (member == SCHEMA_NONE || task->levels == 0 || is_on_path(task->path, subject->node, member))
        return add_subject(builder, leaf, subject->node, member, &subject->condition, error);
    status = plan_member(builder, task, subject->node, member, task->levels - 1, &child, error);
    if (status != BEHALF_OK)
        return status;
    child->condition = subject->condition;
    return add_child(builder, task->node, child, error);
}

static enum status
fill_stored(struct tree_builder *builder, const struct tree_task *task, uint32_t relation,
            struct error *error)
{
    struct expand_node *leaf = arena_take_array(builder->arena, 1, sizeof *leaf);
    struct visitor visitor = {visit_stored, leaf};
    enum status status;

    if (leaf == NULL)
        return budget_memory_spent(error);
    leaf->op = EXPAND_LEAF;
    leaf->object = task->node->object;
    leaf->relation = task->node->relation;
    status = visit_subjects(builder, task, relation, &visitor, error);
    if (status != BEHALF_OK)
        return status;
    if (task->node->child_count == 0) {
        leaf->condition = task->node->condition;
        leaf->cursor = task->node->cursor;
        *task->node = *leaf;
        return BEHALF_OK;
    }
    task->node->op = EXPAND_UNION;
    return leaf->subject_count == 0 ? BEHALF_OK : add_child(builder, task->node, leaf, error);
}

/* --- arrows --- */

static bool
is_hidden(const struct tree_builder *builder, uint32_t member)
{
    return builder->schema->members[member].kind == SCHEMA_HIDDEN;
}

/* The end of an arrow that is not expanded: a leaf that names the userset. An object without such a
 * member holds no subject. */
static enum status
add_unopened(struct tree_builder *builder, const struct tree_task *task,
             const struct stored_subject *subject, uint32_t member, struct error *error)
{
    struct expand_node *child = arena_take_array(builder->arena, 1, sizeof *child);
    enum status status;

    if (child == NULL)
        return budget_memory_spent(error);
    child->op = EXPAND_LEAF;
    child->condition = subject->condition;
    status = object_of(builder, subject->node, &child->object, error);
    if (status == BEHALF_OK && member != SCHEMA_NONE)
        status = member_name(builder, member, &child->relation, error);
    if (status == BEHALF_OK && member != SCHEMA_NONE)
        status = add_subject(builder, child, subject->node, member, NULL, error);
    return status == BEHALF_OK ? add_child(builder, task->node, child, error) : status;
}

/* The far object of an arrow: its member's subtree, if it may be expanded. A hidden member is a
 * step of one longer arrow: it uses no level and is always expanded. That terminates, since every
 * cycle passes a named member too. */
static enum status
visit_hop(struct tree_builder *builder, const struct tree_task *task, struct expand_node *unused,
          const struct stored_subject *subject, struct error *error)
{
    uint32_t member = schema_hop_member(builder->schema, &builder->schema->rewrites[task->rewrite],
                                        subject->variant->type);
    bool hidden = member != SCHEMA_NONE && is_hidden(builder, member);
    struct expand_node *child;
    enum status status;

    (void)unused;
    if (member == SCHEMA_NONE ||
        (!hidden && (task->levels == 0 || is_on_path(task->path, subject->node, member))))
        return add_unopened(builder, task, subject, member, error);
    status = plan_member(builder, task, subject->node, member,
                         hidden ? task->levels : task->levels - 1, &child, error);
    if (status != BEHALF_OK)
        return status;
    child->condition = subject->condition;
    return add_child(builder, task->node, child, error);
}

static enum status
fill_arrow(struct tree_builder *builder, const struct tree_task *task, enum expand_op op,
           struct error *error)
{
    struct visitor visitor = {visit_hop, NULL};

    task->node->op = op;
    return visit_subjects(builder, task, builder->schema->rewrites[task->rewrite].member, &visitor,
                          error);
}

/* --- operators --- */

/* An operand. A member of the same object becomes a node of its own, or, if it is on the path
 * already, a leaf that names it. */
static enum status
plan_operand(struct tree_builder *builder, const struct tree_task *task, uint32_t rewrite,
             struct expand_node **child, struct error *error)
{
    const struct rewrite *row = &builder->schema->rewrites[rewrite];

    if (row->op == REWRITE_COMPUTED && !is_on_path(task->path, task->object, row->member))
        return plan_member(builder, task, task->object, row->member, task->levels, child, error);
    return plan(builder, task->path, task, task->object, rewrite, task->levels, child, error);
}

static enum status
fill_operator(struct tree_builder *builder, const struct tree_task *task, enum expand_op op,
              struct error *error)
{
    const struct rewrite *row = &builder->schema->rewrites[task->rewrite];

    task->node->op = op;
    for (uint32_t i = 0; i < row->count; i++) {
        struct expand_node *child;
        enum status status =
            plan_operand(builder, task, builder->schema->operands[row->first + i], &child, error);

        if (status == BEHALF_OK)
            status = add_child(builder, task->node, child, error);
        if (status != BEHALF_OK)
            return status;
    }
    return BEHALF_OK;
}

/* `permission p = q` becomes a union of one, so that both names show. A member that is on the path
 * already becomes a leaf that names it. */
static enum status
fill_computed(struct tree_builder *builder, const struct tree_task *task, uint32_t member,
              struct error *error)
{
    struct expand_node *child;
    enum status status;

    if (is_on_path(task->path, task->object, member)) {
        task->node->op = EXPAND_LEAF;
        return add_subject(builder, task->node, task->object, member, NULL, error);
    }
    task->node->op = EXPAND_UNION;
    status = plan_member(builder, task, task->object, member, task->levels, &child, error);
    return status == BEHALF_OK ? add_child(builder, task->node, child, error) : status;
}

static enum status
fill(struct tree_builder *builder, const struct tree_task *task, struct error *error)
{
    const struct rewrite *row = &builder->schema->rewrites[task->rewrite];
    enum status status = budget_spend(&builder->snapshot->budget, 1, error);

    if (status != BEHALF_OK)
        return status;
    switch (row->op) {
    case REWRITE_NIL:
        task->node->op = EXPAND_LEAF;
        return BEHALF_OK;
    case REWRITE_SELF:
        task->node->op = EXPAND_LEAF;
        return add_subject(builder, task->node, task->object, SCHEMA_NONE, NULL, error);
    case REWRITE_STORED:
        return fill_stored(builder, task, row->member, error);
    case REWRITE_COMPUTED:
        return fill_computed(builder, task, row->member, error);
    case REWRITE_UNION:
        return fill_operator(builder, task, EXPAND_UNION, error);
    case REWRITE_INTERSECTION:
        return fill_operator(builder, task, EXPAND_INTERSECTION, error);
    case REWRITE_EXCLUSION:
        return fill_operator(builder, task, EXPAND_EXCLUSION, error);
    case REWRITE_ARROW:
        return fill_arrow(builder, task, EXPAND_ARROW, error);
    case REWRITE_ARROW_ALL:
        return fill_arrow(builder, task, EXPAND_ALL, error);
    }
    BEHALF_UNREACHABLE();
}

/* Whether a node is left to another reply. A member that no request can name, and an operator, stay
 * with their parent node. */
static bool
is_truncated(const struct tree_builder *builder, const struct tree_task *task)
{
    if (task->nesting == 0 || builder->bytes_left == SIZE_MAX)
        return false;
    return builder->bytes_left == 0 ||
           (task->nesting >= EXPAND_NESTING_MAX &&
            task->rewrite == builder->schema->members[task->path->member].root);
}

/* Starts at the resource itself, or where the cursor says. */
static enum status
plan_root(struct tree_builder *builder, uint64_t resource, uint32_t member,
          const struct cursor *cursor, struct expand_node **tree, struct error *error)
{
    uint32_t levels = builder->expand->depth == 0 ? UINT32_MAX : builder->expand->depth;
    uint64_t place = bytes_get_u64(cursor->position);
    uint32_t used = bytes_get_u32(cursor->position + 24);
    uint32_t type;
    enum status status;

    if (builder->expand->cursor.size == 0)
        return plan_member(builder, NULL, resource, member, levels, tree, error);
    member = (uint32_t)(place & UINT16_MAX);
    type = builder->schema->members[member].type;
    if ((place >> 16 & NODE_SEQUENCE_LOCAL) == 0) /* else: the resource, which has no number */
        resource = NODE_WILDCARD(builder->snapshot->binding->type_labels[type]) | place >> 16;
    if (levels != UINT32_MAX)
        levels -= used < levels ? used : levels;
    status = plan_member(builder, NULL, resource, member, levels, tree, error);
    if (status != BEHALF_OK)
        return status;
    builder->tasks->from = bytes_get_u64(cursor->position + 8);
    builder->tasks->variant = bytes_get_u32(cursor->position + 16);
    builder->tasks->rewrite = bytes_get_u32(cursor->position + 20);
    return BEHALF_OK;
}

static enum status
fill_all(struct tree_builder *builder, struct error *error)
{
    enum status status = BEHALF_OK;

    while (status == BEHALF_OK && builder->tasks != NULL) {
        const struct tree_task *task = builder->tasks;

        status = is_truncated(builder, task) ? truncate_task(builder, task, error)
                                             : fill(builder, task, error);
        builder->tasks = task->next;
    }
    return status;
}

static enum status
build(struct snapshot *snapshot, const struct expand *expand, const struct cursor *cursor,
      struct expand_node **tree, int64_t *earliest, struct error *error)
{
    struct tree_builder builder = {
        .snapshot = snapshot,
        .schema = snapshot->binding->schema,
        .arena = snapshot->request->arena,
        .type_names = arena_take_array(snapshot->scratch, snapshot->binding->schema->type_count,
                                       sizeof(struct slice)),
        .member_names = arena_take_array(snapshot->scratch, snapshot->binding->schema->member_count,
                                         sizeof(struct slice)),
        .expand = expand,
        .digest = cursor->request_digest,
        .bytes_left = expand->most_bytes == 0 ? SIZE_MAX : expand->most_bytes,
        .earliest = VALUE_FOR_EVER,
    };
    uint64_t resource;
    uint32_t type;
    uint32_t member;
    enum status status;

    builder.last = &builder.tasks;
    if (builder.type_names == NULL || builder.member_names == NULL)
        return budget_memory_spent(error);
    status = request_resource(snapshot, &expand->resource, &type, &resource, error);
    if (status == BEHALF_OK)
        status = schema_resolve_member(snapshot->binding->schema, type, expand->permission, &member,
                                       error);
    if (status == BEHALF_OK)
        status = plan_root(&builder, resource, member, cursor, tree, error);
    if (status == BEHALF_OK)
        status = fill_all(&builder, error);
    *earliest = builder.earliest;
    return status;
}

static uint64_t
digest_of(const struct engine_request *request, const struct expand *expand)
{
    uint8_t depth[8];
    uint8_t whole[DIGEST_SIZE];

    bytes_put_u64(depth, expand->depth);
    return cursor_request_digest(
        (struct slice[]){
            SLICE_LITERAL("expand"),
            expand->resource.type,
            expand->resource.id,
            expand->permission,
            {(const char *)depth, sizeof depth},
            request_time(request),
        },
        6, whole);
}

enum status
engine_expand(struct engine_worker *worker, const struct engine_request *request,
              const struct expand *expand, struct expand_result *result, struct error *error)
{
    struct cursor cursor = {.revision = 0, .request_digest = digest_of(request, expand)};
    struct snapshot snapshot;
    struct expand_node *tree = NULL;
    int64_t earliest = VALUE_FOR_EVER;
    enum status status = BEHALF_OK;

    if (expand->cursor.size > 0)
        status = cursor_open(worker->engine->store, expand->cursor, cursor.request_digest, &cursor,
                             error);
    if (status == BEHALF_OK)
        status = snapshot_open(worker, request, REQUEST_LOOKUP, cursor.revision, &snapshot, error);
    if (status != BEHALF_OK)
        return status;
    status = build(&snapshot, expand, &cursor, &tree, &earliest, error);
    if (status == BEHALF_OK)
        *result = (struct expand_result){
            .tree = tree,
            .valid_until = verdict_time(earliest),
            .expanded_at = snapshot.token,
        };
    snapshot_close(&snapshot);
    return status;
}
