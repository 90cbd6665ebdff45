/* explain_search.c - finds claims and their grounds.
 *
 * First it retraces the path of the evaluation: for an allow until there is a proof, for a denied
 * intersection until one operand denies. The values on that path are known already. Then, as far as
 * the budget permits, it examines everything beside the path, which may give a smaller proof or a
 * nearer miss.
 *
 * Always true: every value comes from the evaluation core; this file only asks for more of them. */
#include "engine/explain_private.h"

#define CLAIMS_MAX 32768
#define BATCH 16        /* edges examined in one step */
#define LOOK_MAX 10000  /* edges of one walk that are examined, if only to count them */
#define NARROW_AFTER 64 /* edges, before the reverse walk narrows a walk */
#define ALLOW_LOOK 1024 /* edges of one walk that are examined for a smaller proof */

static struct eval *
eval_of(const struct search *search, const struct claim *claim)
{
    return search->scopes[claim->scope].eval;
}

/* --- claims --- */

static enum status
add_claim(struct search *search, const struct claim *made, struct claim **claim,
          struct error *error)
{
    struct claim **claims = arena_grow(search->arena, search->claims, search->claim_count,
                                       &search->claim_size, sizeof(struct claim *));
    struct claim *kept = arena_take(search->arena, sizeof *kept);

    if (claims != NULL)
        search->claims = claims;
    if (claims == NULL || kept == NULL || search->claim_count == CLAIMS_MAX)
        return budget_memory_spent(error);
    *kept = *made;
    kept->outcome = outcome_of(&made->value);
    kept->cost = CLAIM_COST_NONE;
    claims[search->claim_count++] = kept;
    *claim = kept;
    return BEHALF_OK;
}

static enum status
add_ground(struct search *search, struct claim *claim, struct claim *ground, struct error *error)
{
    struct claim **grounds = arena_grow(search->arena, claim->grounds, claim->ground_count,
                                        &claim->ground_size, sizeof(struct claim *));

    if (grounds == NULL)
        return budget_memory_spent(error);
    claim->grounds = grounds;
    grounds[claim->ground_count++] = ground;
    return BEHALF_OK;
}

static enum status
add_grown_ground(struct search *search, struct claim *claim, const struct claim *made,
                 struct error *error)
{
    struct claim *ground;
    enum status status = add_claim(search, made, &ground, error);

    if (status != BEHALF_OK)
        return status;
    ground->grown = true;
    return add_ground(search, claim, ground, error);
}

/* The only claim of a member in a scope. */
static enum status
member_claim(struct search *search, uint32_t scope, uint64_t object, uint32_t member,
             struct claim **claim, struct error *error)
{
    struct search_scope *row = &search->scopes[scope];
    uint32_t at = table_find(&row->members, eval_key(object, member));
    struct claim made = {
        .kind = EXPLAIN_MEMBER,
        .object = object,
        .member = member,
        .rewrite = SCHEMA_NONE,
        .scope = scope,
    };
    enum status status;

    if (at != TABLE_NONE) {
        *claim = search->claims[at];
        return BEHALF_OK;
    }
    status = eval_node(row->eval, object, member, &made.value, error);
    if (status == BEHALF_OK)
        status = add_claim(search, &made, claim, error);
    if (status != BEHALF_OK)
        return status;
    return table_add(&row->members, eval_key(object, member), search->claim_count - 1)
               ? BEHALF_OK
               : budget_memory_spent(error);
}

static bool
has_fault(const struct value *value)
{
    return value->doubt != NULL && value->doubt->fault != NULL;
}

/* Whether a value is one that the claim's own value follows from. An error follows from errors of
 * any kind (a node of a cycle through an exclusion is an error, whatever else fails beside it), but
 * not from missing context. */
static bool
bears_on(const struct claim *claim, const struct value *value)
{
    if (outcome_of(value) != claim->outcome)
        return false;
    return claim->outcome != OUTCOME_OPEN || has_fault(value) == has_fault(&claim->value);
}

/* --- operators --- */

static enum status
leaf_claim(struct search *search, const struct claim *under, uint32_t rewrite, struct claim **claim,
           struct error *error)
{
    struct claim made = {
        .kind = EXPLAIN_IDENTITY,
        .object = under->object,
        .member = SCHEMA_NONE,
        .rewrite = SCHEMA_NONE,
        .scope = under->scope,
        .grown = true,
    };
    enum status status =
        eval_operand(eval_of(search, under), under->object, rewrite, &made.value, error);

    if (search->schema->rewrites[rewrite].op == REWRITE_NIL) {
        made.kind = EXPLAIN_UNION;
        made.hopeless = true;
        made.message = "nil holds nobody";
    }
    return status == BEHALF_OK ? add_claim(search, &made, claim, error) : status;
}

/* --- exclusions ---
 *
 * `a - b - c` is an exclusion in the left operand of an exclusion, as deep as the schema is long.
 * Evaluating each by itself would have quadratic cost, so all values are computed in one pass from
 * the inside out. */

static uint32_t
left_of(const struct schema *schema, uint32_t exclusion)
{
    return schema->operands[schema->rewrites[exclusion].first];
}

static uint32_t
spine_length(const struct schema *schema, uint32_t rewrite)
{
    uint32_t length = 0;

    for (; schema->rewrites[rewrite].op == REWRITE_EXCLUSION; rewrite = left_of(schema, rewrite))
        length++;
    return length;
}

/* The value of an exclusion, from the value of its left operand. As in an evaluation, the right
 * operand is not asked where the left one denies. */
static enum status
subtract(struct search *search, const struct claim *under, uint32_t exclusion, struct value *value,
         struct error *error)
{
    uint32_t right = search->schema->operands[search->schema->rewrites[exclusion].first + 1];
    struct value subtracted;
    enum status status;

    if (!value->upper)
        return BEHALF_OK;
    status = eval_operand(eval_of(search, under), under->object, right, &subtracted, error);
    if (status != BEHALF_OK)
        return status;
    return value_combine(VALUE_DECISION, VALUE_EXCLUSION, search->arena, value, &subtracted)
               ? BEHALF_OK
               : budget_memory_spent(error);
}

/* The values of an exclusion and of the exclusions in its left operand, the outermost first. */
static enum status
evaluate_spine(struct search *search, const struct claim *under, uint32_t rewrite,
               const struct value **spine, struct error *error)
{
    uint32_t length = spine_length(search->schema, rewrite);
    struct value *values = arena_take_array(search->arena, length, sizeof *values);
    uint32_t *exclusions = arena_take_array(search->arena, length, sizeof *exclusions);
    struct value value;
    enum status status;

    if (values == NULL || exclusions == NULL)
        return budget_memory_spent(error);
    for (uint32_t at = 0; at < length; at++, rewrite = left_of(search->schema, rewrite))
        exclusions[at] = rewrite;
    status = eval_operand(eval_of(search, under), under->object, rewrite, &value, error);
    for (uint32_t at = length; status == BEHALF_OK && at > 0; at--) {
        status = subtract(search, under, exclusions[at - 1], &value, error);
        values[at - 1] = value;
    }
    *spine = values;
    return status;
}

static enum status
exclusion_claim(struct search *search, const struct claim *under, uint32_t rewrite,
                struct claim **claim, struct error *error)
{
    bool left =
        under->kind == EXPLAIN_EXCLUSION && left_of(search->schema, under->rewrite) == rewrite;
    struct claim made = {
        .kind = EXPLAIN_EXCLUSION,
        .object = under->object,
        .member = SCHEMA_NONE,
        .rewrite = rewrite,
        .scope = under->scope,
    };
    enum status status = BEHALF_OK;

    if (left)
        made.spine = under->spine + 1;
    else
        status = evaluate_spine(search, under, rewrite, &made.spine, error);
    if (status != BEHALF_OK)
        return status;
    made.value = made.spine[0];
    return add_claim(search, &made, claim, error);
}

/* --- other operators --- */

static enum status
operator_claim(struct search *search, const struct claim *under, uint32_t rewrite,
               enum explanation_kind kind, struct claim **claim, struct error *error)
{
    const struct rewrite *row = &search->schema->rewrites[rewrite];
    bool arrow = row->op == REWRITE_ARROW || row->op == REWRITE_ARROW_ALL;
    struct claim made = {
        .kind = kind,
        .object = under->object,
        .member = arrow ? row->member : SCHEMA_NONE,
        .rewrite = rewrite,
        .scope = under->scope,
    };
    enum status status =
        eval_operand(eval_of(search, under), under->object, rewrite, &made.value, error);

    return status == BEHALF_OK ? add_claim(search, &made, claim, error) : status;
}

/* The claim for a rewrite, on the object of the claim that contains it. */
static enum status
operand_claim(struct search *search, const struct claim *under, uint32_t rewrite,
              struct claim **claim, struct error *error)
{
    const struct rewrite *row = &search->schema->rewrites[rewrite];

    switch (row->op) {
    case REWRITE_STORED:
    case REWRITE_COMPUTED:
        return member_claim(search, under->scope, under->object, row->member, claim, error);
    case REWRITE_NIL:
    case REWRITE_SELF:
        return leaf_claim(search, under, rewrite, claim, error);
    case REWRITE_UNION:
    case REWRITE_ARROW:
        return operator_claim(search, under, rewrite, EXPLAIN_UNION, claim, error);
    case REWRITE_INTERSECTION:
        return operator_claim(search, under, rewrite, EXPLAIN_INTERSECTION, claim, error);
    case REWRITE_EXCLUSION:
        return exclusion_claim(search, under, rewrite, claim, error);
    case REWRITE_ARROW_ALL:
        return operator_claim(search, under, rewrite, EXPLAIN_ALL, claim, error);
    }
    BEHALF_UNREACHABLE();
}

/* Whether an operand of an exclusion is a ground. The right operand denies by holding, and allows
 * by not holding. */
static bool
side_bears_on(const struct claim *claim, const struct claim *side, bool right)
{
    switch (claim->outcome) {
    case OUTCOME_ALLOW:
        return true;
    case OUTCOME_DENY:
        return side->outcome == (right ? OUTCOME_ALLOW : OUTCOME_DENY);
    case OUTCOME_OPEN:
        return bears_on(claim, &side->value);
    }
    BEHALF_UNREACHABLE();
}

/* Prevents duplicates: `viewer + viewer` has one ground. */
static bool
is_ground(const struct claim *claim, const struct claim *ground)
{
    for (uint32_t i = 0; i < claim->ground_count; i++) {
        if (claim->grounds[i] == ground)
            return true;
    }
    return false;
}

static enum status
grow_operand(struct search *search, struct claim *claim, struct error *error)
{
    const struct rewrite *row = &search->schema->rewrites[claim->rewrite];
    bool right = claim->kind == EXPLAIN_EXCLUSION && claim->next == 1;
    uint32_t operand = search->schema->operands[row->first + claim->next];
    struct claim *ground;
    enum status status = operand_claim(search, claim, operand, &ground, error);
    bool bears;

    if (status != BEHALF_OK)
        return status;
    bears = claim->kind == EXPLAIN_EXCLUSION ? side_bears_on(claim, ground, right)
                                             : bears_on(claim, &ground->value);
    if (bears && right && claim->ground_count == 0)
        claim->message = claim->outcome == OUTCOME_DENY ? "what is subtracted holds"
                                                        : "what is subtracted is undecided";
    if (bears)
        status = is_ground(claim, ground) ? BEHALF_OK : add_ground(search, claim, ground, error);
    else if (!right && ground->outcome != OUTCOME_DENY)
        claim->holding++;
    if (status == BEHALF_OK)
        claim->grown = ++claim->next == row->count;
    return status;
}

/* --- delegation --- */

static enum status
hop_claim(struct search *search, uint32_t hop, struct claim **claim, struct error *error)
{
    const struct request_chain *chain = search->question->chain;
    const struct eval *first = search->scopes[0].eval;
    struct search_scope *scope = &search->scopes[1 + hop];
    struct claim made = {
        .kind = EXPLAIN_DELEGATION,
        .object = chain->actors[hop],
        .member = SCHEMA_NONE,
        .rewrite = SCHEMA_NONE,
        .scope = 1 + hop,
    };
    struct inputs_attributes *attributes = arena_take(search->arena, sizeof *attributes);
    struct claim *member;
    enum status status;

    scope->eval = arena_take(search->arena, sizeof *scope->eval);
    if (scope->eval == NULL || attributes == NULL ||
        !table_init(&scope->members, search->arena, BATCH))
        return budget_memory_spent(error);
    eval_init(scope->eval, VALUE_DECISION, first->binding, first->view, search->arena,
              &chain->subjects[hop], first->scope.context,
              inputs_attributes_of(attributes, search->snapshot, search->question->inputs,
                                   chain->subjects[hop].node, chain->actors[hop]));
    status = member_claim(search, 1 + hop, chain->actors[hop], chain->members[hop], &member, error);
    if (status != BEHALF_OK)
        return status;
    made.value = member->value;
    status = add_claim(search, &made, claim, error);
    if (status != BEHALF_OK)
        return status;
    (*claim)->grown = true;
    return add_ground(search, *claim, member, error);
}

/* Grows the root of a delegated question: the subject's own decision, then each hop. */
static enum status
grow_chain(struct search *search, struct claim *claim, struct error *error)
{
    const struct explain_question *question = search->question;
    struct claim *ground;
    enum status status;

    if (claim->next == 0)
        status = member_claim(search, 0, question->resource, question->member, &ground, error);
    else
        status = hop_claim(search, claim->next - 1, &ground, error);
    if (status != BEHALF_OK)
        return status;
    if (bears_on(claim, &ground->value))
        status = add_ground(search, claim, ground, error);
    else if (ground->outcome != OUTCOME_DENY)
        claim->holding++;
    if (status == BEHALF_OK)
        claim->grown = claim->next++ == question->chain->count;
    return status;
}

/* --- edges that decide by themselves --- */

static enum status
copy_traits(struct search *search, const struct edge_traits *traits,
            const struct edge_traits **copy, struct error *error)
{
    struct edge_traits *made;

    *copy = NULL;
    if (traits == NULL)
        return BEHALF_OK;
    made = arena_take(search->arena, sizeof *made);
    if (made == NULL)
        return budget_memory_spent(error);
    *made = *traits;
    if (traits->context.size > 0) {
        made->context = arena_copy(search->arena, traits->context);
        if (made->context.data == NULL)
            return budget_memory_spent(error);
    }
    *copy = made;
    return BEHALF_OK;
}

/* Reads the edge of one variant; *there is false when there is no edge that the schema allows. */
static enum status
read_direct(struct search *search, struct claim *claim, const struct schema_variant *variant,
            struct claim *edge, bool *there, struct error *error)
{
    struct eval *eval = eval_of(search, claim);
    const struct edge_traits *traits;
    struct edge_key key = {
        .resource = claim->object,
        .relation = eval->binding->member_labels[claim->member],
        .subject = edge->subject,
        .subject_relation = eval->subject_label,
    };
    enum status status = graph_view_contains(eval->view, &key, there, &traits, error);

    if (status != BEHALF_OK || !*there)
        return status;
    *there = condition_allows(eval->binding, claim->member, variant, traits);
    if (!*there)
        return BEHALF_OK;
    status = copy_traits(search, traits, &edge->traits, error);
    edge->condition = value_decision(true);
    if (status == BEHALF_OK && edge->traits != NULL)
        status = condition_value(&eval->scope, edge->traits, &edge->condition, error);
    edge->value = edge->condition;
    return status;
}

/* Examines the relationship of the subject itself and of the wildcard of its type. An absent one is
 * what a deny lacks; if both are absent, the one that names the subject is shown. */
static enum status
grow_direct(struct search *search, struct claim *claim, struct error *error)
{
    struct eval *eval = eval_of(search, claim);
    const struct schema_member *row = &search->schema->members[claim->member];
    struct claim absent = {.kind = EXPLAIN_UNION};
    enum status status = BEHALF_OK;

    for (uint32_t i = 0; status == BEHALF_OK && i < row->variant_count; i++) {
        const struct schema_variant *variant = &search->schema->variants[row->first_variant + i];
        struct claim edge = {
            .kind = EXPLAIN_RELATIONSHIP,
            .object = claim->object,
            .member = claim->member,
            .rewrite = SCHEMA_NONE,
            .scope = claim->scope,
            .subject = eval->subject.node,
            .subject_member = eval->subject.member,
        };
        bool there;

        if (variant->type != eval->subject.type || variant->relation != eval->subject.member ||
            variant->repeats)
            continue;
        if (variant->wildcard)
            edge.subject = NODE_WILDCARD(NODE_TYPE(edge.subject));
        status = read_direct(search, claim, variant, &edge, &there, error);
        if (status != BEHALF_OK)
            return status;
        if (there && bears_on(claim, &edge.value))
            status = add_grown_ground(search, claim, &edge, error);
        if (!there && (absent.kind == EXPLAIN_UNION || !variant->wildcard)) {
            absent = edge;
            absent.kind = EXPLAIN_ABSENT;
        }
    }
    if (status == BEHALF_OK && absent.kind == EXPLAIN_ABSENT && claim->outcome == OUTCOME_DENY)
        status = add_grown_ground(search, claim, &absent, error);
    return status;
}

/* --- edges to follow --- */

/* A walk along one variant of a relation. */
struct hop {
    const struct schema_variant *variant;
    uint32_t child; /* member of the far node; SCHEMA_NONE when it has none */
    bool leads;     /* the subject may be reached through it */
};

static struct hop
hop_of(const struct search *search, const struct claim *claim, uint32_t at)
{
    const struct schema *schema = search->schema;
    const struct schema_member *relation = &schema->members[claim->member];
    const struct eval_subject *subject = &eval_of(search, claim)->subject;
    struct hop hop = {.variant = &schema->variants[relation->first_variant + at],
                      .child = SCHEMA_NONE};

    if (claim->rewrite == SCHEMA_NONE) {
        hop.child = hop.variant->relation;
    } else {
        const struct rewrite *row = &schema->rewrites[claim->rewrite];

        for (uint32_t i = 0; i < row->count; i++) {
            if (schema->hops[row->first + i].type == hop.variant->type)
                hop.child = schema->hops[row->first + i].member;
        }
    }
    hop.leads = hop.child != SCHEMA_NONE &&
                (hop.child == subject->member ||
                 schema_reaches(schema, hop.child, subject->type, subject->member != SCHEMA_NONE));
    return hop;
}

static bool
next_variant(struct search *search, struct claim *claim)
{
    const struct schema_member *relation = &search->schema->members[claim->member];

    while (claim->next < relation->variant_count) {
        struct hop hop = hop_of(search, claim, claim->next++);

        if (hop.variant->wildcard || hop.variant->repeats ||
            (claim->kind != EXPLAIN_ALL && !hop.leads))
            continue;
        claim->running = true;
        claim->from =
            NODE_WILDCARD(eval_of(search, claim)->binding->type_labels[hop.variant->type]) + 1;
        return true;
    }
    return false;
}

/* The next batch of a walk. */
struct edges {
    uint64_t nodes[BATCH];
    const struct edge_traits *traits[BATCH];
    uint32_t count;
};

static struct graph_range
range_of(const struct search *search, const struct claim *claim, const struct hop *hop)
{
    const struct binding *binding = eval_of(search, claim)->binding;

    return (struct graph_range){
        .direction = EDGE_FORWARD,
        .node = claim->object,
        .relation = binding->member_labels[claim->member],
        .subject_relation = hop->variant->relation == SCHEMA_NONE
                                ? LABEL_NONE
                                : binding->member_labels[hop->variant->relation],
        .from = claim->from,
        .to = NODE_WILDCARD(binding->type_labels[hop->variant->type]) + NODE_SEQUENCE_LOCAL,
    };
}

static enum status
read_edges(struct search *search, struct claim *claim, const struct hop *hop, struct edges *edges,
           struct error *error)
{
    struct graph_range range = range_of(search, claim, hop);
    struct graph_batch batch = {.nodes = edges->nodes, .capacity = BATCH};
    enum status status = graph_view_read(eval_of(search, claim)->view, &range, &batch, error);

    for (size_t i = 0; status == BEHALF_OK && i < batch.count; i++)
        status = copy_traits(search, batch.traits == NULL ? NULL : batch.traits[i],
                             &edges->traits[i], error);
    if (status != BEHALF_OK)
        return status;
    edges->count = (uint32_t)batch.count;
    claim->running = batch.count == BATCH;
    if (batch.count > 0)
        claim->from = edges->nodes[batch.count - 1] + 1;
    return BEHALF_OK;
}

/* Like read_edges, but only to far nodes that may hold the subject. */
static enum status
probe_edges(struct search *search, struct claim *claim, const struct hop *hop,
            const struct reverse_walk *narrow, struct edges *edges, struct error *error)
{
    struct graph_range range = range_of(search, claim, hop);
    struct edge_key key = {
        .resource = range.node,
        .relation = range.relation,
        .subject_relation = range.subject_relation,
    };
    uint32_t at = reverse_lower_bound(narrow, range.from);

    edges->count = 0;
    claim->running = false;
    for (; at < narrow->found.count && reverse_node(narrow, at) < range.to; at++) {
        const struct edge_traits *traits;
        bool there;
        enum status status;

        if (edges->count == BATCH) {
            claim->running = true;
            break;
        }
        key.subject = reverse_node(narrow, at);
        status = graph_view_contains(eval_of(search, claim)->view, &key, &there, &traits, error);
        if (status == BEHALF_OK && there) {
            edges->nodes[edges->count] = key.subject;
            status = copy_traits(search, traits, &edges->traits[edges->count++], error);
        }
        if (status != BEHALF_OK)
            return status;
        claim->from = key.subject + 1;
    }
    return BEHALF_OK;
}

/* Whether grow_direct has examined this edge before the walk. */
static bool
is_direct(const struct eval *eval, const struct claim *claim, const struct hop *hop, uint64_t node)
{
    return claim->rewrite == SCHEMA_NONE && hop->variant->relation == eval->subject.member &&
           node == eval->subject.node;
}

/* Adds an edge as a ground of the claim. The far member is a ground of the edge, unless the edge's
 * own condition decides. */
static enum status
add_edge(struct search *search, struct claim *claim, const struct hop *hop,
         const struct claim *edge, const struct value *far, struct error *error)
{
    struct claim *kept;
    struct claim *member;
    enum status status = add_claim(search, edge, &kept, error);

    if (status == BEHALF_OK)
        status = add_ground(search, claim, kept, error);
    if (status != BEHALF_OK)
        return status;
    kept->grown = true;
    if (!hop->leads)
        kept->message = "nothing there can hold such a subject";
    if (!hop->leads || !kept->condition.upper || !bears_on(kept, far))
        return BEHALF_OK;
    status = member_claim(search, claim->scope, edge->subject, hop->child, &member, error);
    return status == BEHALF_OK ? add_ground(search, kept, member, error) : status;
}

static enum status
consider(struct search *search, struct claim *claim, const struct hop *hop, uint64_t node,
         const struct edge_traits *traits, struct error *error)
{
    struct eval *eval = eval_of(search, claim);
    struct value far = value_decision(false);
    struct claim edge = {
        .kind = EXPLAIN_RELATIONSHIP,
        .object = claim->object,
        .member = claim->member,
        .rewrite = SCHEMA_NONE,
        .scope = claim->scope,
        .subject = node,
        .subject_member = hop->variant->relation,
        .traits = traits,
        .condition = value_decision(true),
    };
    bool full = claim->ground_count >= CLAIM_WIDTH && claim->outcome != OUTCOME_ALLOW;
    enum status status = BEHALF_OK;

    if (is_direct(eval, claim, hop, node) ||
        !condition_allows(eval->binding, claim->member, hop->variant, traits))
        return BEHALF_OK;
    claim->looked++;
    if (full && claim->outcome == OUTCOME_DENY && claim_is_alternative(claim)) {
        claim->omitted++; /* every edge of a denied union denies */
        return BEHALF_OK;
    }
    if (traits != NULL)
        status = condition_value(&eval->scope, traits, &edge.condition, error);
    if (status == BEHALF_OK && hop->leads && edge.condition.upper)
        status = eval_node(eval, node, hop->child, &far, error);
    if (status != BEHALF_OK)
        return status;
    edge.value = edge.condition;
    if (!value_combine(VALUE_DECISION, VALUE_INTERSECTION, search->arena, &edge.value, &far))
        return budget_memory_spent(error);
    if (!bears_on(claim, &edge.value)) {
        claim->holding += outcome_of(&edge.value) != OUTCOME_DENY;
        return BEHALF_OK;
    }
    if (full) {
        claim->omitted++;
        return BEHALF_OK;
    }
    return add_edge(search, claim, hop, &edge, &far, error);
}

static void
finish_walk(struct claim *claim)
{
    claim->grown = true;
    if (claim->outcome == OUTCOME_DENY && claim->ground_count == 0)
        claim->message = "nothing stored here leads to such a subject";
}

static enum status
grow_walk(struct search *search, struct claim *claim, struct error *error)
{
    const struct reverse_walk *narrow = NULL;
    struct edges edges;
    struct hop hop;
    enum status status = BEHALF_OK;

    if (!claim->running && !next_variant(search, claim)) {
        finish_walk(claim);
        return BEHALF_OK;
    }
    hop = hop_of(search, claim, claim->next - 1);
    if (claim->looked >= NARROW_AFTER && claim->outcome != OUTCOME_DENY &&
        claim->kind != EXPLAIN_ALL)
        status = reach_narrowed(&eval_of(search, claim)->reach, hop.child, claim->looked, &narrow,
                                error);
    if (status == BEHALF_OK)
        status = narrow == NULL ? read_edges(search, claim, &hop, &edges, error)
                                : probe_edges(search, claim, &hop, narrow, &edges, error);
    for (uint32_t i = 0; status == BEHALF_OK && i < edges.count; i++)
        status = consider(search, claim, &hop, edges.nodes[i], edges.traits[i], error);
    return status;
}

/* --- members --- */

static enum status
grow_member(struct search *search, struct claim *claim, struct error *error)
{
    const struct schema_member *row = &search->schema->members[claim->member];
    const struct eval_subject *subject = &eval_of(search, claim)->subject;
    struct claim *ground;
    enum status status;

    claim->begun = true;
    claim->grown = true;
    if (subject->member == claim->member && subject->node == claim->object) {
        struct claim identity = *claim;

        identity.kind = EXPLAIN_IDENTITY;
        return add_grown_ground(search, claim, &identity, error);
    }
    if (!schema_reaches(search->schema, claim->member, subject->type,
                        subject->member != SCHEMA_NONE)) {
        claim->hopeless = true;
        claim->message = "the schema lets no such subject in";
        return BEHALF_OK;
    }
    if (row->kind != SCHEMA_RELATION) {
        status = operand_claim(search, claim, row->root, &ground, error);
        return status == BEHALF_OK ? add_ground(search, claim, ground, error) : status;
    }
    status = grow_direct(search, claim, error);
    claim->grown = false;
    /* No proof through a userset is smaller than one relationship. */
    if (!row->has_usersets || (claim->outcome == OUTCOME_ALLOW && claim->ground_count > 0))
        finish_walk(claim);
    return status;
}

enum status
search_grow(struct search *search, struct claim *claim, struct error *error)
{
    switch (claim->kind) {
    case EXPLAIN_MEMBER:
        return claim->begun ? grow_walk(search, claim, error) : grow_member(search, claim, error);
    case EXPLAIN_UNION:
    case EXPLAIN_INTERSECTION:
    case EXPLAIN_EXCLUSION:
    case EXPLAIN_ALL:
        if (claim->rewrite == SCHEMA_NONE)
            return grow_chain(search, claim, error);
        return claim->member == SCHEMA_NONE ? grow_operand(search, claim, error)
                                            : grow_walk(search, claim, error);
    case EXPLAIN_RELATIONSHIP:
    case EXPLAIN_ABSENT:
    case EXPLAIN_IDENTITY:
    case EXPLAIN_DELEGATION:
    case EXPLAIN_CONDITION:
    case EXPLAIN_MORE:
        break;
    }
    BEHALF_UNREACHABLE();
}

/* --- the search --- */

/* Whether the evaluation needed no more than the present grounds: a denied intersection is
 * explained by the first operand that denies. */
static bool
is_enough(const struct claim *claim)
{
    return claim->looked >= LOOK_MAX || (claim->outcome == OUTCOME_DENY &&
                                         claim->ground_count > 0 && !claim_is_alternative(claim));
}

/* Retraces the path of the evaluation. */
static enum status
go_again(struct search *search, struct error *error)
{
    enum status status = BEHALF_OK;

    for (uint32_t at = 0; status == BEHALF_OK && at < search->claim_count; at++) {
        struct claim *claim = search->claims[at];

        if (claim->outcome == OUTCOME_ALLOW)
            status = cost_prove(search, claim, error);
        while (status == BEHALF_OK && claim->outcome != OUTCOME_ALLOW && !claim->grown &&
               !is_enough(claim))
            status = search_grow(search, claim, error);
    }
    return status;
}

/* Whether a walk is too wide to be examined further. */
static bool
is_wide(const struct claim *claim)
{
    if (claim->outcome != OUTCOME_ALLOW || !claim_is_alternative(claim))
        return claim->looked >= LOOK_MAX && claim->outcome != OUTCOME_ALLOW;
    return claim->ground_count >= CLAIM_WIDTH || claim->looked >= ALLOW_LOOK;
}

/* Examines what is beside that path. */
static enum status
go_beside(struct search *search, struct error *error)
{
    enum status status = BEHALF_OK;

    for (uint32_t at = 0; status == BEHALF_OK && at < search->claim_count; at++) {
        struct claim *claim = search->claims[at];

        while (status == BEHALF_OK && !claim->grown && !is_wide(claim))
            status = search_grow(search, claim, error);
        search->bound = search->bound || (claim->outcome == OUTCOME_ALLOW && !claim->grown);
    }
    return status;
}

static enum status
make_root(struct search *search, struct error *error)
{
    const struct explain_question *question = search->question;
    const struct claim chain = {
        .kind = EXPLAIN_INTERSECTION,
        .value = question->value,
        .member = SCHEMA_NONE,
        .rewrite = SCHEMA_NONE,
    };
    struct claim *root;

    search->scopes[0].eval = question->eval;
    if (!table_init(&search->scopes[0].members, search->arena, BATCH))
        return budget_memory_spent(error);
    if (question->chain->count > 0)
        return add_claim(search, &chain, &root, error);
    return member_claim(search, 0, question->resource, question->member, &root, error);
}

static bool
is_spent(enum status status)
{
    return budget_may_lack_memory(status) || status == BEHALF_DEADLINE;
}

enum status
search_run(struct search *search, struct error *error)
{
    enum status status = make_root(search, error);

    if (status == BEHALF_OK)
        status = go_again(search, error);
    if (status == BEHALF_OK)
        status = go_beside(search, error);
    search->cut = is_spent(status);
    cost_settle(search);
    return search->cut ? BEHALF_OK : status;
}
