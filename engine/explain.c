/* explain.c - builds the tree of an explanation, level by level, so that a cut removes the deepest
 * nodes.
 * Always true: a member is expanded once. Where it appears again the node only refers to it, so a
 * cycle in the data ends, and a part that many branches share is explained once. */
#include "engine/explain_private.h"

#include "schema/caveat.h"

#define BRANCHES_MAX 10 /* alternatives shown per level */

/* Bytes of contexts and residuals in one tree, which has to fit into a reply. */
#define TEXT_MAX ((size_t)512 * 1024)
#define BYTES_PER_STEP 8 /* bytes of a printed context per step charged */

static const char told_already[] = "explained elsewhere in this tree";
static const char too_large[] = "not explained further: the tree is as large as it may be";
static const char too_deep[] = "not explained further: the tree is as deep as it may be";
static const char too_costly[] = "not explained further: the budget of the request is spent";
static const char not_smallest[] = "a proof; a smaller one may exist, not all were looked at";
static const char not_counted[] = "and others, which were not counted";

/* A node whose children have not been chosen yet. */
struct trace_task {
    struct claim *claim;
    struct explanation *node;
    uint32_t depth; /* the root has 1 */
    bool brief;     /* explains why a right operand of an exclusion does not hold */
};

struct trace_builder {
    struct snapshot *snapshot;
    const struct search *search;
    struct arena *arena;
    /* Copies, made on first use: the schema may be freed before the tree. */
    struct slice *type_names;
    struct slice *member_names;
    size_t text_left;
    size_t nodes_max;
    size_t node_count;
    struct trace_task tasks[EXPLAIN_NODES_MAX]; /* in order of level */
    size_t task_count;
};

/* --- words --- */

static enum status
copy_once(struct trace_builder *builder, struct slice *copy, struct slice name, struct slice *out,
          struct error *error)
{
    if (copy->data == NULL)
        *copy = arena_copy(builder->arena, name);
    *out = *copy;
    return copy->data != NULL ? BEHALF_OK : budget_memory_spent(error);
}

static enum status
name_member(struct trace_builder *builder, uint32_t member, struct slice *name, struct error *error)
{
    return copy_once(builder, &builder->member_names[member],
                     builder->search->schema->members[member].name, name, error);
}

static enum status
name_object(struct trace_builder *builder, uint64_t node, struct object *object,
            struct error *error)
{
    uint32_t type = binding_type(builder->snapshot->binding, node);
    enum status status = copy_once(builder, &builder->type_names[type],
                                   builder->search->schema->types[type].name, &object->type, error);

    object->wildcard = NODE_IS_WILDCARD(node);
    if (status != BEHALF_OK || object->wildcard)
        return status;
    return resolver_id(&builder->snapshot->resolver, node, &object->id, error);
}

/* Moves a text into the tree while there is room for texts; a text that does not fit is omitted. */
static enum status
keep_text(struct trace_builder *builder, struct buffer *text, struct slice *kept,
          struct error *error)
{
    enum status status = BEHALF_OK;

    if (text->size <= builder->text_left) {
        builder->text_left -= text->size;
        *kept = arena_copy(builder->arena, buffer_slice(text));
        if (kept->data == NULL)
            status = budget_memory_spent(error);
    }
    buffer_release(text);
    return status;
}

/* Texts are charged to what the check left of its budget; without budget the answer omits them. */
static bool
may_print(const struct trace_builder *builder)
{
    struct error spent;

    return budget_spend(&builder->snapshot->budget, 1, &spent) == BEHALF_OK;
}

static enum status
keep_context(struct trace_builder *builder, const struct datum *context, struct slice *kept,
             struct error *error)
{
    struct buffer out;

    if (!may_print(builder))
        return BEHALF_OK;
    buffer_init(&out);
    datum_encode(context, &out);
    condition_note_steps(&builder->snapshot->budget, (uint32_t)out.size / BYTES_PER_STEP);
    return keep_text(builder, &out, kept, error);
}

/* The value of one parameter; a stored value overrides one of the request. NULL: it has none. */
static const struct datum *
value_of(const struct caveat *caveat, size_t at, const struct datum *stored,
         const struct caveat_inputs *inputs)
{
    enum caveat_reserved which = caveat_reserved_at(caveat, at);
    struct slice name = caveat_parameter_at(caveat, at)->name;
    const struct datum *value;

    if (which != CAVEAT_RESERVED_COUNT)
        return inputs->reserved[which];
    value = datum_field(stored, name);
    return value != NULL ? value : datum_field(inputs->context, name);
}

/* The values of a caveat's parameters. */
static enum status
keep_values(struct trace_builder *builder, const struct caveat *caveat, const struct datum *stored,
            const struct caveat_inputs *inputs, struct slice *kept, struct error *error)
{
    struct datum_field fields[CAVEAT_PARAMETERS_MAX];
    struct datum values = {.kind = DATUM_MAP, .as.map.fields = fields};
    struct slice twice;

    for (size_t i = 0; i < caveat_parameter_count(caveat); i++) {
        struct slice name = caveat_parameter_at(caveat, i)->name;
        const struct datum *value = value_of(caveat, i, stored, inputs);

        if (value != NULL)
            fields[values.as.map.count++] = (struct datum_field){name, value};
    }
    if (values.as.map.count == 0)
        return BEHALF_OK;
    if (!datum_sort_fields(fields, values.as.map.count, &twice))
        BEHALF_UNREACHABLE();
    return keep_context(builder, &values, kept, error);
}

static enum status
print_residual(struct trace_builder *builder, const struct caveat *caveat, struct slice stored,
               const struct caveat_inputs *inputs, struct slice *text, struct error *error)
{
    struct buffer out;
    uint32_t steps = 0;
    enum status status;

    if (!may_print(builder))
        return BEHALF_OK;
    buffer_init(&out);
    status = caveat_residual(caveat, stored, inputs, builder->arena, &out, &steps, error);
    condition_note_steps(&builder->snapshot->budget, steps);
    if (status == BEHALF_OK)
        return keep_text(builder, &out, text, error);
    buffer_release(&out);
    /* A text that would take too long is omitted, like one that is too large. */
    return budget_may_lack_memory(status) ? BEHALF_OK : status;
}

static enum status
describe_caveat(struct trace_builder *builder, const struct claim *claim, struct explanation *node,
                struct error *error)
{
    const struct binding *binding = builder->snapshot->binding;
    const struct schema_caveat *caveat =
        &binding->schema->caveats[binding_caveat(binding, claim->traits->caveat)];
    struct slice stored = claim->traits->context;
    const struct datum *context = NULL;
    struct caveat_inputs inputs;
    enum status status;

    node->relationship.caveat = arena_copy(builder->arena, caveat->name);
    if (node->relationship.caveat.data == NULL)
        return budget_memory_spent(error);
    status = condition_inputs(&builder->search->scopes[claim->scope].eval->scope, caveat->compiled,
                              &inputs, error);
    if (status == BEHALF_OK && stored.size > 0)
        status = datum_decode(stored, builder->arena, &context, error);
    if (status == BEHALF_OK && context != NULL)
        status = keep_context(builder, context, &node->relationship.context, error);
    if (status == BEHALF_OK)
        status = keep_values(builder, caveat->compiled, context, &inputs, &node->context, error);
    if (status != BEHALF_OK || outcome_of(&claim->condition) != OUTCOME_OPEN)
        return status;
    if (claim->condition.doubt->fault == NULL)
        return print_residual(builder, caveat->compiled, stored, &inputs, &node->residual, error);
    node->message = arena_copy(builder->arena, slice_of(claim->condition.doubt->fault->message));
    return node->message.data != NULL ? BEHALF_OK : budget_memory_spent(error);
}

static enum status
describe_edge(struct trace_builder *builder, const struct claim *claim, struct explanation *node,
              struct error *error)
{
    struct relationship *edge = &node->relationship;
    enum status status = name_object(builder, claim->object, &edge->resource, error);

    if (status == BEHALF_OK)
        status = name_member(builder, claim->member, &edge->resource.relation, error);
    if (status == BEHALF_OK)
        status = name_object(builder, claim->subject, &edge->subject, error);
    if (status == BEHALF_OK && claim->subject_member != SCHEMA_NONE)
        status = name_member(builder, claim->subject_member, &edge->subject.relation, error);
    if (status != BEHALF_OK || claim->traits == NULL)
        return status;
    edge->expires_at = claim->traits->expires_at;
    return claim->traits->caveat == LABEL_NONE ? BEHALF_OK
                                               : describe_caveat(builder, claim, node, error);
}

static enum status
describe_value(struct trace_builder *builder, const struct claim *claim, struct explanation *node,
               struct error *error)
{
    struct verdict verdict;
    struct error problem;
    enum status status = verdict_of(builder->snapshot, &claim->value, &verdict, &problem);

    if (!verdict_is_of_value(status)) {
        *error = problem;
        return status;
    }
    node->status = status;
    if (status == BEHALF_OK) {
        node->decision = verdict.decision;
        node->missing = verdict.missing;
    }
    return BEHALF_OK;
}

/* Fills a node, except for its children. */
static enum status
describe(struct trace_builder *builder, const struct claim *claim, struct explanation *node,
         struct error *error)
{
    enum status status = describe_value(builder, claim, node, error);

    node->kind = claim->kind;
    if (claim->message != NULL)
        node->message = slice_of(claim->message);
    if (status != BEHALF_OK)
        return status;
    if (claim->kind == EXPLAIN_RELATIONSHIP || claim->kind == EXPLAIN_ABSENT)
        return describe_edge(builder, claim, node, error);
    if (claim->member != SCHEMA_NONE)
        status = name_member(builder, claim->member, &node->relation, error);
    else if (claim->kind != EXPLAIN_IDENTITY && claim->kind != EXPLAIN_DELEGATION)
        return BEHALF_OK;
    return status == BEHALF_OK ? name_object(builder, claim->object, &node->object, error) : status;
}

/* --- which branches --- */

struct branches {
    struct claim *claims[EXPLAIN_NODES_MAX];
    size_t count;
    size_t omitted; /* branches of the same outcome that are not shown */
};

/* Chooses the branches nearest to an allow, nearest first; ties in the order of the schema. */
static void
choose_nearest(const struct claim *claim, size_t most, struct branches *branches)
{
    for (uint32_t i = 0; i < claim->ground_count; i++) {
        struct claim *ground = claim->grounds[i];
        size_t at = branches->count;

        while (at > 0 && cost_is_nearer(ground, branches->claims[at - 1]))
            at--;
        if (at == most)
            continue;
        if (branches->count < most)
            branches->count++;
        memmove(&branches->claims[at + 1], &branches->claims[at],
                (branches->count - at - 1) * sizeof(struct claim *));
        branches->claims[at] = ground;
    }
    branches->omitted = claim->ground_count - branches->count + claim->omitted;
}

static void
choose_all(const struct claim *claim, struct branches *branches)
{
    branches->count = claim->ground_count;
    if (branches->count > EXPLAIN_NODES_MAX)
        branches->count = EXPLAIN_NODES_MAX;
    for (size_t i = 0; i < branches->count; i++)
        branches->claims[i] = claim->grounds[i];
    branches->omitted = claim->ground_count - branches->count;
}

/* Chooses the branches to show: for an allow those that a proof needs, otherwise the nearest
 * alternatives. */
static void
choose(const struct claim *claim, bool brief, struct branches *branches)
{
    branches->count = branches->omitted = 0;
    if (claim->outcome == OUTCOME_ALLOW && claim_is_alternative(claim)) {
        for (uint32_t i = 0; i < claim->ground_count; i++) {
            if (claim->grounds[i] == claim->best)
                branches->claims[branches->count++] = claim->grounds[i];
        }
    } else if (claim_is_alternative(claim) ||
               (claim->kind == EXPLAIN_ALL && claim->outcome != OUTCOME_ALLOW)) {
        choose_nearest(claim, brief ? 1 : BRANCHES_MAX, branches);
    } else {
        choose_all(claim, branches);
    }
}

/* A union with a single branch to show is represented by that branch. */
static struct claim *
told_by(struct claim *claim, bool brief)
{
    struct branches branches;

    while (claim->kind == EXPLAIN_UNION) {
        choose(claim, brief, &branches);
        if (branches.count != 1 || branches.omitted > 0)
            break;
        claim = branches.claims[0];
    }
    return claim;
}

/* --- the tree --- */

static size_t
room(const struct trace_builder *builder)
{
    if (builder->arena->used_bytes > builder->arena->cap_bytes / 2)
        return 0;
    return builder->nodes_max - builder->node_count;
}

static struct explanation *
new_node(struct trace_builder *builder)
{
    struct explanation *node = arena_take_array(builder->arena, 1, sizeof *node);

    builder->node_count += node != NULL;
    return node;
}

static enum status
add_node(struct trace_builder *builder, struct claim *claim, uint32_t depth, bool brief,
         const struct explanation **added, struct error *error)
{
    struct claim *told = told_by(claim, brief);
    struct explanation *node = new_node(builder);
    enum status status =
        node != NULL ? describe(builder, told, node, error) : budget_memory_spent(error);

    if (status != BEHALF_OK)
        return status;
    builder->tasks[builder->task_count++] =
        (struct trace_task){.claim = told, .node = node, .depth = depth, .brief = brief};
    *added = node;
    return BEHALF_OK;
}

/* Adds a node that counts the omitted branches. */
static enum status
add_more(struct trace_builder *builder, const struct trace_task *task, size_t omitted,
         const struct explanation **added, struct error *error)
{
    struct explanation *node = new_node(builder);

    if (node == NULL)
        return budget_memory_spent(error);
    node->kind = EXPLAIN_MORE;
    node->status = task->node->status;
    node->decision = task->node->decision;
    node->missing = task->node->missing;
    node->omitted = omitted;
    if (!task->claim->grown && task->claim->outcome != OUTCOME_ALLOW)
        node->message = slice_of(not_counted);
    *added = node;
    return BEHALF_OK;
}

static enum status
add_children(struct trace_builder *builder, const struct trace_task *task,
             struct branches *branches, struct error *error)
{
    struct explanation *node = task->node;
    bool proof = task->claim->kind == EXPLAIN_EXCLUSION && task->claim->outcome == OUTCOME_ALLOW;
    const struct explanation **children;
    enum status status = BEHALF_OK;

    if (branches->count + (branches->omitted > 0) > room(builder)) {
        size_t shown = room(builder) == 0 ? 0 : room(builder) - 1;

        branches->omitted += branches->count - shown;
        branches->count = shown;
    }
    if (room(builder) == 0) {
        node->message = slice_of(too_large);
        return BEHALF_OK;
    }
    children = arena_take_array(builder->arena, branches->count + 1, sizeof *children);
    if (children == NULL)
        return budget_memory_spent(error);
    node->children = children;
    for (size_t i = 0; status == BEHALF_OK && i < branches->count; i++) {
        status = add_node(builder, branches->claims[i], task->depth + 1,
                          task->brief || (proof && i == 1), &children[i], error);
        node->child_count += status == BEHALF_OK;
    }
    if (status != BEHALF_OK || branches->omitted == 0)
        return status;
    status = add_more(builder, task, branches->omitted, &children[node->child_count], error);
    node->child_count += status == BEHALF_OK;
    return status;
}

/* Whether a claim has anything to show below it. */
static bool
is_unfinished(const struct claim *claim)
{
    return !claim->grown || claim->ground_count > 0;
}

static enum status
open_node(struct trace_builder *builder, const struct trace_task *task, struct error *error)
{
    struct branches branches;

    if (task->claim->kind == EXPLAIN_MEMBER && task->claim->shown) {
        task->node->message = slice_of(told_already);
        return BEHALF_OK;
    }
    task->claim->shown = true;
    choose(task->claim, task->brief, &branches);
    if (branches.count > 0 && task->depth == EXPLAIN_DEPTH_MAX) {
        task->node->message = slice_of(too_deep);
        return BEHALF_OK;
    }
    if (branches.count > 0)
        return add_children(builder, task, &branches, error);
    if (is_unfinished(task->claim))
        task->node->message = slice_of(too_costly);
    return BEHALF_OK;
}

/* Builds the tree below the root. A node that cannot be expanded any more gets a message that says
 * so. */
static enum status
build(struct trace_builder *builder, struct error *error)
{
    enum status status = BEHALF_OK;

    for (size_t at = 0; at < builder->task_count; at++) {
        const struct trace_task *task = &builder->tasks[at];

        if (status == BEHALF_OK)
            status = open_node(builder, task, error);
        if (budget_may_lack_memory(status) && is_unfinished(task->claim))
            task->node->message = slice_of(too_large);
        else if (status != BEHALF_OK && !budget_may_lack_memory(status))
            return status;
    }
    return BEHALF_OK;
}

static bool
start(struct trace_builder *builder, const struct search *search)
{
    struct snapshot *snapshot = search->snapshot;

    *builder = (struct trace_builder){
        .snapshot = snapshot,
        .search = search,
        .arena = snapshot->request->arena,
        .type_names =
            arena_take_array(search->arena, search->schema->type_count, sizeof(struct slice)),
        .member_names =
            arena_take_array(search->arena, search->schema->member_count, sizeof(struct slice)),
        .text_left = TEXT_MAX,
        .nodes_max = search->question->nodes_left != NULL ? *search->question->nodes_left
                                                          : EXPLAIN_NODES_MAX,
    };
    return builder->type_names != NULL && builder->member_names != NULL;
}

enum status
explain(struct snapshot *snapshot, const struct explain_question *question,
        const struct explanation **explanation, struct error *error)
{
    struct search search = {
        .snapshot = snapshot,
        .schema = snapshot->binding->schema,
        .arena = snapshot->scratch,
        .question = question,
    };
    struct trace_builder builder;
    enum status status;

    *explanation = NULL;
    if (!start(&builder, &search))
        return BEHALF_OK;
    status = search_run(&search, error);
    if (status != BEHALF_OK || search.claim_count == 0)
        return status;
    status = add_node(&builder, search.claims[0], question->depth > 0 ? question->depth : 1, false,
                      explanation, error);
    if (status == BEHALF_OK && search.claims[0]->outcome == OUTCOME_ALLOW &&
        (search.bound || search.cut))
        builder.tasks[0].node->message = slice_of(not_smallest);
    if (status == BEHALF_OK)
        status = build(&builder, error);
    if (question->nodes_left != NULL)
        *question->nodes_left -= builder.node_count;
    return budget_may_lack_memory(status) ? BEHALF_OK : status;
}
