/* question.c - decides one question: the plain evaluation of its node, or an intersection with the
 * conditions on those who act. */
#include "engine/question.h"

#include "engine/denial.h"
#include "engine/explain_conditions.h"

/* --- binding --- */

static uint64_t
id_hash_of(const struct object *object, const struct object *ahead, uint64_t hash)
{
    bool same = object->id.data == ahead->id.data && object->id.size == ahead->id.size;

    return same ? hash : name_id_hash(object->id);
}

/* Opens the grant, or takes what an earlier item found: the records of one grant are decided once
 * for a request, who shows it for each item. */
static enum status
open_grant(struct snapshot *snapshot, const struct engine_delegation *asked,
           struct opened_grant **opened, struct guard *guard, struct error *error)
{
    struct opened_grant *made = arena_take(snapshot->request->arena, sizeof *made);
    const struct opened_grant *found = opened != NULL ? *opened : NULL;
    enum status status;

    if (made == NULL)
        return budget_memory_spent(error);
    guard->delegated = &made->delegated;
    while (found != NULL && !record_id_equal(&found->delegated.asked->grant, &asked->grant))
        found = found->next;
    if (found != NULL) {
        made->delegated = found->delegated;
        made->delegated.asked = asked;
        delegated_match(&made->delegated, &guard->parties);
        return BEHALF_OK;
    }
    status = delegated_open(snapshot, asked, &guard->parties, &made->delegated, error);
    if (status == BEHALF_OK && opened != NULL) {
        made->next = *opened;
        *opened = made;
    }
    return status;
}

/* The actors' nodes outlive the question, whose place the next items of a bulk take. */
static enum status
keep_actors(struct snapshot *snapshot, const struct request_chain *chain,
            struct delegated_parties *parties, struct error *error)
{
    uint64_t *actors;

    parties->actors = NULL;
    parties->actor_count = chain->count;
    if (chain->count == 0)
        return BEHALF_OK;
    actors = arena_take(snapshot->request->arena, chain->count * sizeof *actors);
    if (actors == NULL)
        return budget_memory_spent(error);
    memcpy(actors, chain->actors, chain->count * sizeof *actors);
    parties->actors = actors;
    return BEHALF_OK;
}

static enum status
make_guard(struct snapshot *snapshot, const struct engine_delegation *delegation,
           struct opened_grant **opened, struct question *question, struct error *error)
{
    struct guard *guard = arena_take(snapshot->request->arena, sizeof *guard);
    enum status status;

    if (guard == NULL)
        return budget_memory_spent(error);
    *guard = (struct guard){.parties.principal = question->subject};
    status = keep_actors(snapshot, &question->chain, &guard->parties, error);
    if (status != BEHALF_OK)
        return status;
    if (delegation == NULL)
        status = delegated_is_stopped(snapshot, &guard->parties, &guard->stopped, error);
    else
        status = delegated_check_parties(&guard->parties, error);
    if (status == BEHALF_OK && delegation != NULL)
        status = open_grant(snapshot, delegation, opened, guard, error);
    question->guard = guard;
    return status;
}

/* Without actors, grant and agents there is nothing to guard. */
static bool
is_plain(const struct snapshot *snapshot, size_t actor_count,
         const struct engine_delegation *delegation, const struct question *question)
{
    return actor_count == 0 && delegation == NULL &&
           !binding_is_agent_type(snapshot->binding, question->subject.type);
}

static void
unguard(struct question *question)
{
    question->guard = NULL;
    question->chain.count = 0;
    question->chain_decided = false;
}

enum status
question_guard(struct snapshot *snapshot, const struct object *subject, const struct object *actors,
               size_t actor_count, const struct engine_delegation *delegation,
               struct opened_grant **opened, struct question *question, struct error *error)
{
    enum status status;

    unguard(question);
    if (is_plain(snapshot, actor_count, delegation, question))
        return BEHALF_OK;
    if (delegation != NULL && !delegation->given)
        delegation = NULL;
    status = request_chain(snapshot, subject, &question->subject, actors, actor_count,
                           &question->chain, error);
    return status == BEHALF_OK ? make_guard(snapshot, delegation, opened, question, error) : status;
}

enum status
question_bind(struct snapshot *snapshot, const struct check *check, const struct engine_pair *ahead,
              struct opened_grant **opened, struct question *question, struct error *error)
{
    uint64_t hash = id_hash_of(&check->resource, &ahead->resource, ahead->resource_hash);
    uint32_t type;
    enum status status = request_resource_hashed(snapshot, &check->resource, hash, &type,
                                                 &question->resource, error);

    question->id = check->resource.id;
    question->inputs.context = check->context;
    question->inputs.properties = NULL;
    question->inputs.action = check->permission;
    question->use = check->use;
    question->find_requestable = check->find_requestable;
    question->explain = check->explain;
    question->explanation = NULL;
    if (status == BEHALF_OK)
        status = schema_resolve_member(snapshot->binding->schema, type, check->permission,
                                       &question->member, error);
    if (status == BEHALF_OK)
        status = request_subject_hashed(
            snapshot, &check->subject,
            id_hash_of(&check->subject, &ahead->subject, ahead->subject_hash), &question->subject,
            error);
    if (status == BEHALF_OK && BEHALF_UNLIKELY(check->properties != NULL))
        status = inputs_count(
            snapshot, check->properties,
            &(struct inputs_request){delegated_is_asked(check->actor_count, check->delegation), 0},
            &question->inputs.properties, error);
    if (status != BEHALF_OK)
        return status;
    if (BEHALF_LIKELY(is_plain(snapshot, check->actor_count, check->delegation, question))) {
        unguard(question);
        return BEHALF_OK;
    }
    return question_guard(snapshot, &check->subject, check->actors, check->actor_count,
                          check->delegation, opened, question, error);
}

void
question_init_eval(const struct question *question, struct snapshot *snapshot,
                   struct inputs_attributes *attributes, struct eval *eval)
{
    eval_init(eval, VALUE_DECISION, snapshot->binding, &snapshot->view, snapshot->scratch,
              &question->subject, question->inputs.context,
              inputs_attributes_of(attributes, snapshot, &question->inputs, question->subject.node,
                                   question->resource));
    /* What is explained is remembered node by node. */
    if (snapshot->view.may_block && !question->explain)
        eval->reach.wide = &snapshot->wide;
}

/* --- conditions --- */

/* The intersection so far, and the reason of the first condition that denies. */
struct conditions {
    struct value value;
    enum engine_reason reason;
};

static void
deny(struct conditions *conditions, enum engine_reason reason, int64_t until)
{
    conditions->value = value_decision(false);
    conditions->value.until = until;
    conditions->reason = reason;
}

static enum status
and_condition(struct snapshot *snapshot, struct conditions *conditions, const struct value *value,
              enum engine_reason reason, struct error *error)
{
    BEHALF_ASSERT(conditions->value.upper);
    if (!value_combine(VALUE_DECISION, VALUE_INTERSECTION, snapshot->scratch, &conditions->value,
                       value))
        return budget_memory_spent(error);
    if (!conditions->value.upper)
        conditions->reason = reason;
    return BEHALF_OK;
}

static enum status
decide_by_actors(struct snapshot *snapshot, struct question *question,
                 struct conditions *conditions, struct error *error)
{
    struct guard *guard = question->guard;
    struct value value;
    enum status status = BEHALF_OK;

    *conditions = (struct conditions){.value = value_decision(true)};
    if (guard->stopped)
        deny(conditions, REASON_AGENT_STOPPED, VALUE_FOR_EVER);
    if (guard->stopped || question->chain.count == 0)
        return BEHALF_OK;
    if (!question->chain_decided)
        status = request_chain_value(snapshot, &question->chain, &question->inputs,
                                     &question->chain_value, error);
    question->chain_decided = status == BEHALF_OK;
    if (status != BEHALF_OK)
        return status;
    guard->outcomes.hops = condition_outcome(&question->chain_value);
    status = and_condition(snapshot, conditions, &question->chain_value, REASON_NO_GRANT, error);
    if (status != BEHALF_OK || !conditions->value.upper)
        return status;
    status = ceiling_value(snapshot, guard->parties.actors, guard->parties.actor_count,
                           question->resource, question->member, &question->inputs, &value, error);
    if (status != BEHALF_OK)
        return status;
    guard->outcomes.d8 = condition_outcome(&value);
    return and_condition(snapshot, conditions, &value, REASON_AGENT_CEILING, error);
}

static enum status
decide_by_grant(struct snapshot *snapshot, struct question *question, struct conditions *conditions,
                struct error *error)
{
    const struct delegated *delegated = question->guard->delegated;
    enum engine_reason reason = delegated->reason;

    if (reason == REASON_NONE && question->kind == QUESTION_ITEM && delegated->has_uses)
        reason = REASON_SINGLE_CHECK_REQUIRED;
    if (reason == REASON_NONE && question->kind != QUESTION_LIST)
        reason = delegated_call(delegated);
    if (reason == REASON_NONE)
        return delegated_value(snapshot, delegated, question->resource, question->id,
                               question->member, &question->inputs, &conditions->value,
                               &conditions->reason, &question->guard->outcomes, error);
    deny(conditions, reason, delegated->reason_until);
    return BEHALF_OK;
}

static bool
is_spent(const struct question *question)
{
    return question->use != NULL && question->use->spent;
}

/* D10b. With an idempotency key the use may be this request's own: the writer tells. */
static enum status
and_uses(struct snapshot *snapshot, const struct question *question, struct conditions *conditions,
         struct error *error)
{
    const struct delegated *delegated = question->guard->delegated;
    enum status status = BEHALF_OK;
    bool left = true;

    if (delegated == NULL || !delegated->has_uses || question->kind != QUESTION_CHECK)
        return BEHALF_OK;
    if (is_spent(question))
        left = !question->use->none_left;
    else if (delegated->asked->idempotency_key.size == 0)
        status = delegated_uses_left(snapshot, delegated, &left, error);
    if (status == BEHALF_OK && !left)
        deny(conditions, REASON_USES_EXHAUSTED, VALUE_FOR_EVER);
    return status;
}

static enum status
decide_guarded(struct snapshot *snapshot, struct eval *eval, struct question *question,
               const struct value *known, struct conditions *conditions, struct error *error)
{
    struct value value;
    enum status status = question->guard->delegated != NULL
                             ? decide_by_grant(snapshot, question, conditions, error)
                             : decide_by_actors(snapshot, question, conditions, error);

    if (status != BEHALF_OK || !conditions->value.upper)
        return status;
    if (known == NULL)
        status = eval_node(eval, question->resource, question->member, &value, error);
    else
        value = *known;
    if (status == BEHALF_OK) {
        question->guard->outcomes.d1 = condition_outcome(&value);
        status = and_condition(snapshot, conditions, &value, REASON_PRINCIPAL_DENIED, error);
    }
    return status == BEHALF_OK && conditions->value.upper
               ? and_uses(snapshot, question, conditions, error)
               : status;
}

/* An agent that asks for itself is denied by its own permissions without a reason, as anybody. */
static void
set_reason(const struct question *question, enum engine_reason reason, struct verdict *verdict)
{
    switch (verdict->decision) {
    case DECISION_ALLOW:
        return;
    case DECISION_DENY:
        verdict->reason = reason;
        break;
    case DECISION_CONDITIONAL:
        verdict->reason = REASON_MISSING_CONTEXT;
        break;
    }
    if (!question_is_delegated(question) && reason != REASON_AGENT_STOPPED)
        verdict->reason = REASON_NONE;
}

/* --- explanation --- */

/* Explains a value whose verdict is known. What stops it stops the request. */
static enum status
explain_value(struct snapshot *snapshot, struct eval *eval, struct question *question,
              const struct value *value, enum status verdict, struct error *error)
{
    const struct explain_question asked = {
        .eval = eval,
        .resource = question->resource,
        .member = question->member,
        .chain = &question->chain,
        .inputs = &question->inputs,
        .value = *value,
    };
    struct error problem;
    enum status status;

    if (snapshot->budget.is_inline) /* texts and patterns take too long for an event loop */
        return BEHALF_WOULD_BLOCK;
    if (explain_has_conditions(snapshot, question))
        status =
            explain_conditions(snapshot, eval, question, value, &question->explanation, &problem);
    else
        status = explain(snapshot, &asked, &question->explanation, &problem);
    if (status == BEHALF_OK)
        return verdict;
    *error = problem;
    return status;
}

/* --- deciding --- */

bool
question_must_spend(const struct question *question, const struct verdict *verdict)
{
    return question->guard != NULL && question->guard->delegated != NULL &&
           question->kind == QUESTION_CHECK && question->guard->delegated->has_uses &&
           verdict->decision == DECISION_ALLOW && !is_spent(question);
}

enum status
question_decide(struct snapshot *snapshot, struct eval *eval, struct question *question,
                const struct value *known, struct verdict *verdict, struct error *error)
{
    struct conditions conditions;
    enum status status;

    if (BEHALF_UNLIKELY(question->guard != NULL)) {
        status = decide_guarded(snapshot, eval, question, known, &conditions, error);
    } else if (known != NULL) {
        conditions.value = *known;
        status = BEHALF_OK;
    } else {
        status = eval_node(eval, question->resource, question->member, &conditions.value, error);
    }
    if (status != BEHALF_OK)
        return status;
    status = verdict_of(snapshot, &conditions.value, verdict, error);
    if (BEHALF_UNLIKELY(question->guard != NULL) && status == BEHALF_OK) {
        set_reason(question, conditions.reason, verdict);
        if (question->find_requestable)
            status = denial_of_question(snapshot, eval, question, known, verdict, error);
    }
    if (BEHALF_LIKELY(!question->explain) || !verdict_is_of_value(status) ||
        (status == BEHALF_OK && question_must_spend(question, verdict)))
        return status;
    return explain_value(snapshot, eval, question, &conditions.value, status, error);
}

enum status
question_look_again(struct engine_worker *worker, struct snapshot *snapshot, struct guard *guard,
                    struct verdict *verdict, struct engine_token *token, struct error *error)
{
    enum engine_reason reason;
    enum status status = delegated_look_again(worker, snapshot, guard->delegated, &guard->parties,
                                              &reason, token, error);

    if (status != BEHALF_OK)
        return status;
    if (reason != REASON_NONE) {
        *verdict = (struct verdict){
            .decision = DECISION_DENY,
            .reason = reason,
            .valid_until =
                guard->delegated != NULL ? verdict_time(guard->delegated->reason_until) : 0,
        };
        guard->outcomes = (struct condition_outcomes){CONDITION_OPEN}; /* of another revision */
    } else if (guard->delegated != NULL && verdict->decision == DECISION_ALLOW) {
        delegated_touch(snapshot, guard->delegated);
    }
    return BEHALF_OK;
}

enum status
item_set(struct snapshot *snapshot, enum status status, const struct verdict *verdict,
         const struct error *problem, struct check_item *item, struct error *error)
{
    *item = (struct check_item){.status = status};
    if (status == BEHALF_OK) {
        item->decision = verdict->decision;
        item->reason = verdict->reason;
        item->requestable = verdict->requestable;
        item->missing = verdict->missing;
        item->valid_until = verdict->valid_until;
        return BEHALF_OK;
    }
    item->error = arena_take(snapshot->request->arena, sizeof *item->error);
    if (item->error == NULL)
        return budget_memory_spent(error);
    *item->error = *problem;
    return BEHALF_OK;
}
