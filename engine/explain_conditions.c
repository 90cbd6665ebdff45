/* explain_conditions.c - a node for each condition, and the core's trees below those that it
 * decides. */
#include "engine/explain_conditions.h"

#include "engine/scope.h"

#define CONDITIONS_MAX 11
#define TREES_MAX 10 /* below one condition */
/* What D3 and D8 leave to D1, which stands last and says most. */
#define NODES_FOR_PRINCIPAL 500
#define NODES_FOR_CEILINGS 200

struct conditions_builder {
    struct snapshot *snapshot;
    const struct question *question;
    struct eval *eval;
    size_t nodes_left;
    const struct explanation *children[CONDITIONS_MAX];
    size_t child_count;
};

/* --- words --- */

/* What a condition says where it holds, and where it does not. */
static const char *
words_of(enum engine_reason reason)
{
    switch (reason) {
    case REASON_NONE:
    case REASON_MISSING_CONTEXT:
        break;
    case REASON_NO_GRANT:
        return "a grant of the chain or its session does not exist, or an agent is none";
    case REASON_ACTOR_MISMATCH:
        return "the last actor is not the agent that the grant was given to";
    case REASON_ACT_CHAIN_MISMATCH:
        return "the actors are not the agents of the grant's chain";
    case REASON_PRINCIPAL_MISMATCH:
        return "the subject is not the principal of the session";
    case REASON_SESSION_REVOKED:
        return "the session was revoked";
    case REASON_SESSION_SUSPENDED:
        return "the session is suspended";
    case REASON_SESSION_EXPIRED:
        return "the session has ended";
    case REASON_SESSION_IDLE:
        return "the session was not used for its idle timeout";
    case REASON_GRANT_REVOKED:
        return "a grant of the chain was revoked";
    case REASON_AGENT_STOPPED:
        return "a stop cuts off one of the parties";
    case REASON_GRANT_NOT_YET_VALID:
        return "a grant of the chain is not valid yet";
    case REASON_GRANT_EXPIRED:
        return "a grant of the chain has ended";
    case REASON_DEPTH_EXCEEDED:
        return "the chain is longer than one of its grants allows";
    case REASON_BINDING_MISMATCH:
        return "a grant of the chain is bound to another call";
    case REASON_TOOL_CHANGED:
        return "a grant of the chain is for tools, and this is none of them";
    case REASON_SCOPE_EXCLUDED:
        return "the scope of a grant does not select the resource for this action";
    case REASON_CONSTRAINT_FAILED:
        return "a constraint of a grant does not hold";
    case REASON_AGENT_CEILING:
        return "an agent lacks a ceiling of the resource's type";
    case REASON_PRINCIPAL_DENIED:
        return "the principal does not have the permission";
    case REASON_USES_EXHAUSTED:
        return "a grant of the chain has no use left";
    case REASON_SINGLE_CHECK_REQUIRED:
        return "a grant with uses is spent by single checks alone";
    }
    return "holds";
}

/* --- nodes --- */

static struct explanation *
new_node(struct conditions_builder *builder)
{
    struct explanation *node =
        builder->nodes_left == 0
            ? NULL
            : arena_take_array(builder->snapshot->request->arena, 1, sizeof *node);

    builder->nodes_left -= node != NULL;
    return node;
}

/* Fills the outcome of a value, and its reason where it is no allow. */
static enum status
describe(struct conditions_builder *builder, const struct value *value, enum engine_reason denies,
         struct explanation *node, struct error *error)
{
    struct verdict verdict;
    struct error problem;
    enum status status = verdict_of(builder->snapshot, value, &verdict, &problem);

    if (!verdict_is_of_value(status)) {
        *error = problem;
        return status;
    }
    node->status = status;
    if (status != BEHALF_OK) {
        node->message = arena_copy(builder->snapshot->request->arena, slice_of(problem.message));
        return node->message.data != NULL ? BEHALF_OK : budget_memory_spent(error);
    }
    node->decision = verdict.decision;
    node->missing = verdict.missing;
    if (verdict.decision != DECISION_ALLOW)
        node->reason = verdict.decision == DECISION_DENY ? denies : REASON_MISSING_CONTEXT;
    return BEHALF_OK;
}

static enum status
add_condition(struct conditions_builder *builder, struct slice id, const struct value *value,
              enum engine_reason denies, struct explanation **added, struct error *error)
{
    struct explanation *node = new_node(builder);
    enum status status;

    if (node == NULL)
        return budget_memory_spent(error);
    node->kind = EXPLAIN_CONDITION;
    node->condition = id;
    status = describe(builder, value, denies, node, error);
    if (status != BEHALF_OK)
        return status;
    if (node->message.size == 0)
        node->message = slice_of(value_is_open(VALUE_DECISION, value) ? "depends on missing context"
                                                                      : words_of(node->reason));
    builder->children[builder->child_count++] = node;
    *added = node;
    return BEHALF_OK;
}

/* A condition that is a yes or a no. */
static enum status
add_plain(struct conditions_builder *builder, struct slice id, enum engine_reason reason,
          struct error *error)
{
    struct value value = value_decision(reason == REASON_NONE);
    struct explanation *ignored;

    return add_condition(builder, id, &value, reason, &ignored, error);
}

/* --- trees of the core --- */

struct trees {
    const struct explanation *items[TREES_MAX];
    size_t count;
};

/* The tree of a node that `eval` decided, if `most` nodes leave room for one. */
static enum status
add_tree(struct conditions_builder *builder, const struct explain_question *asked, size_t keep,
         struct trees *trees, struct error *error)
{
    struct explain_question question = *asked;
    const struct explanation *tree;
    size_t most = builder->nodes_left > keep ? builder->nodes_left - keep : 0;
    size_t left = most;
    enum status status;

    if (trees->count == TREES_MAX || most == 0)
        return BEHALF_OK;
    question.nodes_left = &left;
    question.depth = 3; /* below the root and its condition */
    status = explain(builder->snapshot, &question, &tree, error);
    if (status != BEHALF_OK)
        return status;
    builder->nodes_left -= most - left;
    if (tree != NULL)
        trees->items[trees->count++] = tree;
    return BEHALF_OK;
}

static enum status
attach(struct conditions_builder *builder, struct explanation *node, const struct trees *trees,
       struct error *error)
{
    const struct explanation **children;

    if (trees->count == 0)
        return BEHALF_OK;
    children = arena_take_array(builder->snapshot->request->arena, trees->count, sizeof *children);
    if (children == NULL)
        return budget_memory_spent(error);
    memcpy(children, trees->items, trees->count * sizeof *children);
    node->children = children;
    node->child_count = trees->count;
    return BEHALF_OK;
}

static bool
same_outcome(const struct value *a, const struct value *b)
{
    return a->lower == b->lower && a->upper == b->upper;
}

/* Decides one node for one subject, and adds its tree where it has the outcome wanted. */
static enum status
add_node_tree(struct conditions_builder *builder, const struct eval_subject *subject,
              uint32_t member, const struct value *wanted, size_t keep, struct trees *trees,
              struct error *error)
{
    static const struct request_chain no_hops = {.count = 0};
    struct snapshot *snapshot = builder->snapshot;
    const struct inputs *inputs = &builder->question->inputs;
    struct explain_question asked = {
        .resource = builder->question->resource,
        .member = member,
        .chain = &no_hops,
        .inputs = inputs,
    };
    struct inputs_attributes attributes;
    struct eval eval;
    enum status status;

    eval_init(&eval, VALUE_DECISION, snapshot->binding, &snapshot->view, snapshot->scratch, subject,
              inputs->context,
              inputs_attributes_of(&attributes, snapshot, inputs, subject->node, asked.resource));
    asked.eval = &eval;
    status = eval_node(&eval, asked.resource, member, &asked.value, error);
    return status == BEHALF_OK && same_outcome(&asked.value, wanted)
               ? add_tree(builder, &asked, keep, trees, error)
               : status;
}

/* --- D3 --- */

static enum status
add_scope_trees(struct conditions_builder *builder, const struct grant *grant,
                const struct value *wanted, struct trees *trees, struct error *error)
{
    const struct question *question = builder->question;
    struct scope_members members;
    enum status status = BEHALF_OK;

    for (uint32_t at = 0; status == BEHALF_OK && at < grant->elements.count; at++) {
        status = scope_element_members(builder->snapshot, grant, at, question->resource,
                                       question->member, &members, error);
        if (status == BEHALF_OK && members.member != SCHEMA_NONE)
            status = add_node_tree(builder, &members.subject, members.member, wanted,
                                   NODES_FOR_PRINCIPAL + NODES_FOR_CEILINGS, trees, error);
    }
    return status;
}

/* The intersection of one part of D3 over the chain. */
static enum status
and_part(struct snapshot *snapshot, struct value *value, const struct value *part,
         struct error *error)
{
    return value_combine(VALUE_DECISION, VALUE_INTERSECTION, snapshot->scratch, value, part)
               ? BEHALF_OK
               : budget_memory_spent(error);
}

static enum status
scopes_value(struct conditions_builder *builder, struct value *values, struct value *value,
             struct error *error)
{
    const struct delegated *delegated = builder->question->guard->delegated;
    const struct question *question = builder->question;
    enum status status = BEHALF_OK;

    *value = value_decision(true);
    for (size_t at = 0; status == BEHALF_OK && at < delegated->length; at++) {
        status = scope_value(builder->snapshot, delegated->chain[at], question->resource,
                             question->id, question->member, &question->inputs, &values[at], error);
        if (status == BEHALF_OK)
            status = and_part(builder->snapshot, value, &values[at], error);
    }
    return status;
}

static enum status
constraints_value(struct conditions_builder *builder, struct value *value, struct error *error)
{
    const struct delegated *delegated = builder->question->guard->delegated;
    enum status status = BEHALF_OK;

    *value = value_decision(true);
    for (size_t at = 0; at < delegated->length; at++) {
        const struct grant *grant = delegated->chain[at];
        const struct grant_constraint *constraints = record_at(grant, grant->constraints);

        for (uint32_t i = 0; status == BEHALF_OK && i < grant->constraints.count; i++) {
            struct value held;

            status = constraint_value(builder->snapshot, delegated, at, &constraints[i],
                                      builder->question->resource, &builder->question->inputs,
                                      &held, error);
            if (status == BEHALF_OK)
                status = and_part(builder->snapshot, value, &held, error);
        }
    }
    return status;
}

static enum status
add_scope(struct conditions_builder *builder, struct error *error)
{
    const struct delegated *delegated = builder->question->guard->delegated;
    struct value values[ENGINE_CHAIN_MAX];
    struct value scopes;
    struct value value;
    struct trees trees = {.count = 0};
    struct explanation *node;
    enum status status = scopes_value(builder, values, &scopes, error);

    if (status == BEHALF_OK)
        status = constraints_value(builder, &value, error);
    if (status == BEHALF_OK)
        status = and_part(builder->snapshot, &value, &scopes, error);
    if (status == BEHALF_OK)
        status = add_condition(builder, SLICE_LITERAL("D3"), &value,
                               scopes.upper ? REASON_CONSTRAINT_FAILED : REASON_SCOPE_EXCLUDED,
                               &node, error);
    for (size_t at = 0; status == BEHALF_OK && at < delegated->length; at++) {
        if (same_outcome(&values[at], &value))
            status = add_scope_trees(builder, delegated->chain[at], &values[at], &trees, error);
    }
    return status == BEHALF_OK ? attach(builder, node, &trees, error) : status;
}

/* --- D8 --- */

static enum status
add_ceilings(struct conditions_builder *builder, const uint64_t *agents, size_t count,
             struct error *error)
{
    struct snapshot *snapshot = builder->snapshot;
    const struct question *question = builder->question;
    const struct binding *binding = snapshot->binding;
    const uint32_t ceilings[] = {
        binding->type_ceilings[binding->schema->members[question->member].type],
        binding->member_ceilings[question->member],
    };
    struct trees trees = {.count = 0};
    struct explanation *node;
    struct value value;
    enum status status = ceiling_value(snapshot, agents, count, question->resource,
                                       question->member, &question->inputs, &value, error);

    if (status == BEHALF_OK)
        status =
            add_condition(builder, SLICE_LITERAL("D8"), &value, REASON_AGENT_CEILING, &node, error);
    for (size_t at = 0; status == BEHALF_OK && at < 2 * count; at++) {
        const struct eval_subject agent = {
            .node = agents[at / 2],
            .type = binding_type(binding, agents[at / 2]),
            .member = SCHEMA_NONE,
        };

        if (ceilings[at % 2] != SCHEMA_NONE)
            status = add_node_tree(builder, &agent, ceilings[at % 2], &value, NODES_FOR_PRINCIPAL,
                                   &trees, error);
    }
    return status == BEHALF_OK ? attach(builder, node, &trees, error) : status;
}

/* --- D1 --- */

static enum status
add_principal(struct conditions_builder *builder, struct error *error)
{
    static const struct request_chain no_hops = {.count = 0};
    const struct question *question = builder->question;
    struct explain_question asked = {
        .eval = builder->eval,
        .resource = question->resource,
        .member = question->member,
        .chain = &no_hops,
        .inputs = &question->inputs,
    };
    struct trees trees = {.count = 0};
    struct explanation *node;
    enum status status =
        eval_node(builder->eval, question->resource, question->member, &asked.value, error);

    if (status == BEHALF_OK)
        status = add_condition(builder, SLICE_LITERAL("D1"), &asked.value, REASON_PRINCIPAL_DENIED,
                               &node, error);
    if (status == BEHALF_OK)
        status = add_tree(builder, &asked, 1, &trees, error); /* one for D10b */
    return status == BEHALF_OK ? attach(builder, node, &trees, error) : status;
}

/* --- by a grant --- */

static enum status
add_records(struct conditions_builder *builder, struct error *error)
{
    const struct guard *guard = builder->question->guard;
    struct delegated_reasons reasons;
    enum status status;

    delegated_each(builder->snapshot, guard->delegated, &guard->parties, &reasons);
    status = add_plain(builder, SLICE_LITERAL("D2"), reasons.d2, error);
    if (status != BEHALF_OK || reasons.d2 != REASON_NONE)
        return status;
    status = add_plain(builder, SLICE_LITERAL("D9"), reasons.d9, error);
    if (status == BEHALF_OK)
        status = add_plain(builder, SLICE_LITERAL("D6"), reasons.d6, error);
    if (status == BEHALF_OK)
        status = add_plain(builder, SLICE_LITERAL("D7"), reasons.d7, error);
    if (status == BEHALF_OK)
        status = add_plain(builder, SLICE_LITERAL("D4"), reasons.d4, error);
    if (status == BEHALF_OK)
        status = add_plain(builder, SLICE_LITERAL("D5"), reasons.d5, error);
    if (status == BEHALF_OK)
        status = add_plain(builder, SLICE_LITERAL("D10a"), delegated_call(guard->delegated), error);
    return status;
}

static enum status
add_uses(struct conditions_builder *builder, struct error *error)
{
    const struct question *question = builder->question;
    const struct delegated *delegated = question->guard->delegated;
    enum engine_reason reason = REASON_NONE;
    bool left = true;
    enum status status = BEHALF_OK;

    if (question->kind == QUESTION_ITEM && delegated->has_uses)
        reason = REASON_SINGLE_CHECK_REQUIRED;
    else if (question->use != NULL && question->use->spent)
        left = !question->use->none_left;
    else
        status = delegated_uses_left(builder->snapshot, delegated, &left, error);
    if (status != BEHALF_OK)
        return status;
    if (!left)
        reason = REASON_USES_EXHAUSTED;
    return add_plain(builder, SLICE_LITERAL("D10b"), reason, error);
}

static enum status
add_by_grant(struct conditions_builder *builder, struct error *error)
{
    const struct delegated *delegated = builder->question->guard->delegated;
    bool exists = delegated->record_reason != REASON_NO_GRANT;
    enum status status = add_records(builder, error);

    if (status == BEHALF_OK && exists)
        status = add_scope(builder, error);
    if (status == BEHALF_OK && exists)
        status = add_ceilings(builder, delegated->agents, delegated->length, error);
    if (status == BEHALF_OK)
        status = add_principal(builder, error);
    return status == BEHALF_OK && exists ? add_uses(builder, error) : status;
}

/* --- by actors --- */

/* The hops and the principal's own decision are one tree, as where there is nothing else. */
static enum status
add_hops(struct conditions_builder *builder, struct error *error)
{
    struct snapshot *snapshot = builder->snapshot;
    const struct question *question = builder->question;
    struct explain_question asked = {
        .eval = builder->eval,
        .resource = question->resource,
        .member = question->member,
        .chain = &question->chain,
        .inputs = &question->inputs,
    };
    struct trees trees = {.count = 0};
    struct value hops;
    enum status status =
        eval_node(builder->eval, question->resource, question->member, &asked.value, error);

    if (status == BEHALF_OK && asked.value.upper) {
        status = request_chain_value(snapshot, &question->chain, &question->inputs, &hops, error);
        if (status == BEHALF_OK)
            status = and_part(snapshot, &asked.value, &hops, error);
    }
    if (status == BEHALF_OK)
        status = add_tree(builder, &asked, 0, &trees, error);
    if (status == BEHALF_OK && trees.count > 0)
        builder->children[builder->child_count++] = trees.items[0];
    return status;
}

static enum status
add_by_actors(struct conditions_builder *builder, struct error *error)
{
    const struct guard *guard = builder->question->guard;
    enum status status = add_plain(builder, SLICE_LITERAL("D7"),
                                   guard->stopped ? REASON_AGENT_STOPPED : REASON_NONE, error);

    if (status == BEHALF_OK && guard->parties.actor_count > 0)
        status = add_ceilings(builder, guard->parties.actors, guard->parties.actor_count, error);
    return status == BEHALF_OK ? add_hops(builder, error) : status;
}

/* --- the root --- */

bool
explain_has_conditions(struct snapshot *snapshot, const struct question *question)
{
    const struct binding *binding = snapshot->binding;
    const struct guard *guard = question->guard;

    if (guard == NULL)
        return false;
    if (guard->delegated != NULL || guard->stopped)
        return true;
    return guard->parties.actor_count > 0 &&
           (binding->member_ceilings[question->member] != SCHEMA_NONE ||
            binding->type_ceilings[binding->schema->members[question->member].type] != SCHEMA_NONE);
}

enum status
explain_conditions(struct snapshot *snapshot, struct eval *eval, const struct question *question,
                   const struct value *value, const struct explanation **explanation,
                   struct error *error)
{
    struct conditions_builder builder = {
        .snapshot = snapshot,
        .question = question,
        .eval = eval,
        .nodes_left = EXPLAIN_NODES_MAX,
    };
    const struct explanation **children;
    struct explanation *root = new_node(&builder);
    enum status status;

    *explanation = NULL;
    if (root == NULL)
        return BEHALF_OK;
    root->kind = EXPLAIN_INTERSECTION;
    status = describe(&builder, value, REASON_NONE, root, error);
    root->reason = REASON_NONE; /* its conditions have them */
    if (status == BEHALF_OK)
        status = question->guard->delegated != NULL ? add_by_grant(&builder, error)
                                                    : add_by_actors(&builder, error);
    if (status != BEHALF_OK && !budget_may_lack_memory(status))
        return status;
    if (status != BEHALF_OK)
        root->message = SLICE_LITERAL("not explained further: the budget of the request is spent");
    children = arena_take_array(snapshot->request->arena, builder.child_count, sizeof *children);
    if (children == NULL)
        return BEHALF_OK;
    memcpy(children, builder.children, builder.child_count * sizeof *children);
    root->children = children;
    root->child_count = builder.child_count;
    *explanation = root;
    return BEHALF_OK;
}

const struct explanation *
explain_reason(struct snapshot *snapshot, enum engine_reason reason)
{
    struct arena *arena = snapshot->request->arena;
    struct explanation *nodes = arena_take_array(arena, 2, sizeof *nodes);
    const struct explanation **children = arena_take_array(arena, 1, sizeof *children);

    if (nodes == NULL || children == NULL)
        return NULL;
    nodes[1].kind = EXPLAIN_CONDITION;
    nodes[1].condition = engine_reason_condition(reason);
    nodes[1].reason = reason;
    nodes[1].message = slice_of(words_of(reason));
    children[0] = &nodes[1];
    nodes[0].kind = EXPLAIN_INTERSECTION;
    nodes[0].children = children;
    nodes[0].child_count = 1;
    return nodes;
}
