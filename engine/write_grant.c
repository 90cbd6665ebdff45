/* write_grant.c - grants are made, passed on and revoked. */
#include "engine/scope.h"
#include "engine/write_records.h"

/* --- what both kinds need --- */

static enum status
check_grant_count(const struct write_group *group, struct store_transaction *transaction,
                  const struct record_id *session, struct error *error)
{
    const struct slice prefix = {(const char *)session->bytes, RECORD_ID_SIZE};

    return write_check_count(group, transaction, RECORD_INDEX_SESSION, prefix,
                             (struct slice){NULL, 0}, ENGINE_GRANTS_PER_SESSION,
                             "session: it has the largest number of grants", error);
}

static enum status
check_not_before(const struct grant_words *words, const char *prefix, struct error *error)
{
    if (words->not_before < words->expires_at)
        return BEHALF_OK;
    return error_set(error, BEHALF_MALFORMED_REQUEST,
                     "%snot_before: it is not before the end, so the grant would never be valid",
                     prefix);
}

static enum status
put_uses(struct store_transaction *transaction, const struct record_id *grant, uint32_t left,
         int64_t ends, struct error *error)
{
    char body[4];
    const struct store_record record = {
        .key = record_key(RECORD_USES, grant),
        .ends = ends,
        .body = {body, sizeof body},
    };

    record_encode_uses(left, body);
    return store_transaction_record_put(transaction, &record, error);
}

static enum status
put_grant(struct write_group *group, struct store_transaction *transaction,
          const struct grant_words *words, uint64_t delegatee, struct engine_write *write)
{
    struct record_entries entries;
    struct store_record record = {.ends = write_swept_from(group, words->expires_at)};
    struct buffer body;
    enum status status;

    record_id_make(group->engine->env, &write->grant);
    record.key = record_key(RECORD_GRANT, &write->grant);
    record_index_grant(&record, &entries, &words->session, delegatee, words->expires_at);
    buffer_init(&body);
    status = record_encode_grant(words, &group->arena, &body, &write->error);
    record.body = buffer_slice(&body);
    if (status == BEHALF_OK)
        status = store_transaction_record_put(transaction, &record, &write->error);
    if (status == BEHALF_OK && words->uses != 0)
        status = put_uses(transaction, &write->grant, words->uses, record.ends, &write->error);
    buffer_release(&body);
    write->has_grant = status == BEHALF_OK;
    return status;
}

/* --- root grants --- */

enum status
write_check_approver(struct write_group *group, struct store_transaction *transaction,
                     const struct object *object, bool approved, struct slice principal,
                     const char *path, struct party *approver, struct error *error)
{
    enum status status = write_party(group, transaction, object, path, approver, error);

    if (status != BEHALF_OK)
        return status;
    if (write_is_agent(group, approver))
        return error_set(error, BEHALF_APPROVER_REFUSED,
                         "%s: '%.*s' is of an agent type, and no agent approves", path,
                         SLICE_PRINTF(approver->text));
    if (approved || slice_equal(approver->text, principal))
        return BEHALF_OK;
    error_set(error, BEHALF_APPROVER_REFUSED, "%s: '%.*s' may not approve for '%.*s'", path,
              SLICE_PRINTF(approver->text), SLICE_PRINTF(principal));
    error_hint(error,
               "the principal approves, or somebody who has its permission 'agent_approver'");
    return BEHALF_APPROVER_REFUSED;
}

static enum status
take_approval(struct write_group *group, struct store_transaction *transaction,
              const struct root_of *root, const struct engine_root_grant *grant,
              struct approval_words *words, struct error *error)
{
    const struct engine_approval *approval = &grant->approval;
    struct party approver;
    enum status status =
        write_check_approver(group, transaction, &approval->approver, grant->approved,
                             root->principal->text, "approval.approver", &approver, error);

    if (status == BEHALF_OK && approval->at < 0)
        status = error_set(error, BEHALF_MALFORMED_REQUEST, "approval.at: a time before 1970");
    if (status == BEHALF_OK)
        status = write_check_size(approval->channel.size, ENGINE_NAME_SIZE_MAX, "approval.channel",
                                  error);
    if (status == BEHALF_OK)
        status = write_check_size(approval->request.size, ENGINE_NAME_SIZE_MAX, "approval.request",
                                  error);
    if (status == BEHALF_OK)
        status = write_check_size(approval->evidence.size, ENGINE_EVIDENCE_SIZE_MAX,
                                  "approval.evidence", error);
    if (status != BEHALF_OK)
        return status;
    *words = (struct approval_words){
        .approver = approver.text,
        .at = approval->at != 0 ? approval->at : group->time.kept,
        .channel = approval->channel,
        .request = approval->request,
        .evidence = approval->evidence,
    };
    return BEHALF_OK;
}

/* Within its session, and the largest life of a grant. */
static enum status
take_root_end(const struct write_group *group, const struct root_of *root,
              const struct engine_end *end, int64_t *expires_at, struct error *error)
{
    enum status status =
        write_end(group, end, group->engine->grant_ttl_max_ns, "expires_at", expires_at, error);

    if (status != BEHALF_OK || *expires_at <= root->expires_at)
        return status;
    return error_set(error, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT,
                     "expires_at: a grant ends with its session, or before");
}

enum status
write_root_grant(struct write_group *group, struct store_transaction *transaction,
                 const struct root_of *root, const struct engine_root_grant *grant,
                 struct engine_write *write)
{
    struct error *error = &write->error;
    struct approval_words approval;
    struct grant_words words = {
        .session = root->session,
        .delegator = root->principal->text,
        .delegatee = root->agent->text,
        .approval = &approval,
    };
    struct scope_element *elements;
    enum status status =
        write_terms(group, &grant->terms, root->principal, root->prefix, &words, &elements, error);

    if (status == BEHALF_OK)
        status = take_root_end(group, root, &grant->terms.end, &words.expires_at, error);
    if (status == BEHALF_OK)
        status = check_not_before(&words, root->prefix, error);
    if (status == BEHALF_OK)
        status = take_approval(group, transaction, root, grant, &approval, error);
    if (status == BEHALF_OK)
        status = put_grant(group, transaction, &words, root->agent->node, write);
    return status;
}

/* The session has not ended, is not idle and not cut off, and its agent is still of an agent type,
 * its principal of none. */
static enum status
check_session(struct write_group *group, const struct session *session,
              const struct party *principal, const struct party *agent, struct error *error)
{
    struct record_facts facts;
    enum engine_reason reason;
    int64_t ends;
    enum status status = write_session_facts(group, session, &facts, error);

    if (status != BEHALF_OK)
        return status;
    reason = session_conditions(&facts, group->time.now, &ends);
    if (reason != REASON_NONE)
        return write_refuse(reason, "session", error);
    if (write_is_agent(group, agent) && !write_is_agent(group, principal))
        return BEHALF_OK;
    return error_set(error, BEHALF_DELEGATION_REFUSED,
                     "session: by the schema as it is now, '%.*s' is no agent of '%.*s'",
                     SLICE_PRINTF(agent->text), SLICE_PRINTF(principal->text));
}

enum status
write_open_session(struct write_group *group, struct store_transaction *transaction,
                   const struct record_id *id, struct open_session *open, struct error *error)
{
    enum status status = write_read_session(group, transaction, id, NULL, &open->session, error);

    if (status == BEHALF_OK)
        status =
            write_party_of(group, transaction, open->session->principal, &open->principal, error);
    if (status == BEHALF_OK)
        status = write_party_of(group, transaction, open->session->agent, &open->agent, error);
    if (status == BEHALF_OK)
        status = check_session(group, open->session, &open->principal, &open->agent, error);
    if (status == BEHALF_OK)
        status = check_grant_count(group, transaction, id, error);
    return status;
}

enum status
write_grant_create(struct write_group *group, struct store_transaction *transaction,
                   struct engine_write *write)
{
    const struct engine_root_grant *grant = write->root_grant;
    struct open_session open;
    enum status status = write_needs_schema(group, &write->error);

    if (status == BEHALF_OK)
        status = write_open_session(group, transaction, &grant->session, &open, &write->error);
    if (status == BEHALF_OK) {
        const struct root_of root = {grant->session, open.session->expires_at, &open.principal,
                                     &open.agent, ""};

        status = write_root_grant(group, transaction, &root, grant, write);
    }
    return status;
}

/* --- whose grants --- */

/* A caller that is bound to an agent knows of no grant without it in the chain. */
static enum status
check_bound(struct write_group *group, struct store_transaction *transaction,
            const struct object *bound, const struct record_id *grant, struct error *error)
{
    struct write_chain chain;
    struct party party;
    enum status status;

    if (bound == NULL)
        return BEHALF_OK;
    status = write_needs_schema(group, error);
    if (status == BEHALF_OK)
        status = write_read_chain(group, transaction, grant, &chain, error);
    if (status == BEHALF_OK)
        status = write_party(group, transaction, bound, "actor", &party, error);
    if (status != BEHALF_OK)
        return status;
    for (size_t at = 0; party.has_node && at < chain.facts.length; at++)
        if (chain.grants[at]->delegatee == party.node)
            return BEHALF_OK;
    return write_no_grant(grant, error);
}

/* --- grants that are passed on --- */

/* The parent as the chain ends, which must hold now; who asks is its delegatee. */
static enum status
check_parent(struct write_group *group, struct store_transaction *transaction,
             const struct engine_delegated_grant *grant, struct write_chain *chain,
             struct party *actor, struct error *error)
{
    const struct grant *parent;
    enum engine_reason reason;
    size_t at;
    int64_t ends;
    enum status status = write_read_chain(group, transaction, &grant->parent, chain, error);

    if (status == BEHALF_OK)
        status = write_party(group, transaction, &grant->actor, "actor", actor, error);
    if (status != BEHALF_OK)
        return status;
    reason = record_conditions(&chain->facts, group->time.now, &at, &ends);
    if (reason != REASON_NONE)
        return write_refuse(reason, "parent", error);
    parent = chain->grants[chain->facts.length - 1];
    if (!actor->has_node || actor->node != parent->delegatee)
        return error_set(error, BEHALF_DELEGATION_REFUSED,
                         "actor: the parent was not given to '%.*s', and only who holds a grant "
                         "passes it on",
                         SLICE_PRINTF(actor->text));
    return BEHALF_OK;
}

/* Of an agent type, not the principal, and nobody of the chain. */
static enum status
check_delegatee(const struct write_group *group, const struct write_chain *chain,
                const struct party *delegatee, struct error *error)
{
    const struct record_facts *facts = &chain->facts;
    bool repeats = delegatee->has_node && delegatee->node == facts->session->principal;

    if (!write_is_agent(group, delegatee))
        return error_set(error, BEHALF_DELEGATION_REFUSED, "delegatee: '%.*s' is of no agent type",
                         SLICE_PRINTF(delegatee->text));
    for (size_t at = 0; at < facts->length; at++)
        repeats =
            repeats || (delegatee->has_node && delegatee->node == chain->grants[at]->delegatee);
    if (repeats)
        return error_set(error, BEHALF_DELEGATION_REFUSED,
                         "delegatee: '%.*s' stands in the chain already",
                         SLICE_PRINTF(delegatee->text));
    if (write_is_stopped(group, STOP_AGENT, delegatee, (struct slice){NULL, 0}))
        return write_refuse(REASON_AGENT_STOPPED, "delegatee", error);
    return BEHALF_OK;
}

static enum status
check_depth(const struct write_chain *chain, const struct grant_words *words, struct error *error)
{
    const struct grant *parent = chain->grants[chain->facts.length - 1];

    if (parent->max_depth == 0)
        return error_set(error, BEHALF_DELEGATION_REFUSED,
                         "parent: its max_depth is 0, so it may not be passed on");
    if (chain->facts.length >= ENGINE_CHAIN_MAX)
        return error_set(error, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT,
                         "parent: a chain has at most %d grants", ENGINE_CHAIN_MAX);
    if (words->max_depth < parent->max_depth)
        return BEHALF_OK;
    return error_set(error, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT,
                     "max_depth: %u, and the parent's is %u; it must be smaller",
                     (unsigned)words->max_depth, (unsigned)parent->max_depth);
}

static enum status
take_delegated_end(const struct write_group *group, const struct grant *parent,
                   const struct engine_end *end, int64_t *expires_at, struct error *error)
{
    enum status status;

    /* The parent's end was accepted when it was made. */
    *expires_at = parent->expires_at;
    if (end->at == 0 && end->in_ns == 0)
        return BEHALF_OK;
    status =
        write_end(group, end, group->engine->grant_ttl_max_ns, "expires_at", expires_at, error);
    if (status != BEHALF_OK || *expires_at <= parent->expires_at)
        return status;
    return error_set(error, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT,
                     "expires_at: a grant ends with its parent, or before");
}

/* What the child says of itself against what the parent says. */
static enum status
check_child(struct write_group *group, const struct engine_delegated_grant *grant,
            const struct write_chain *chain, const struct party *principal,
            struct grant_words *words, struct error *error)
{
    const struct grant *parent = chain->grants[chain->facts.length - 1];
    struct scope_element *elements = NULL;
    enum status status = write_terms(group, &grant->terms, principal, "", words, &elements, error);

    if (status == BEHALF_OK)
        status = check_depth(chain, words, error);
    if (status == BEHALF_OK)
        status = take_delegated_end(group, parent, &grant->terms.end, &words->expires_at, error);
    if (status == BEHALF_OK)
        status = check_not_before(words, "", error);
    if (status == BEHALF_OK)
        status =
            scope_check_narrower(group->engine->store, parent, elements, words->scope_count, error);
    return status;
}

enum status
write_grant_delegate(struct write_group *group, struct store_transaction *transaction,
                     struct engine_write *write)
{
    const struct engine_delegated_grant *grant = write->delegated_grant;
    struct error *error = &write->error;
    struct write_chain chain;
    struct party principal;
    struct party actor;
    struct party delegatee;
    struct grant_words words = {.parent = &grant->parent};
    enum status status = write_needs_schema(group, error);

    if (status == BEHALF_OK)
        status = check_bound(group, transaction, write->bound, &grant->parent, error);
    if (status == BEHALF_OK)
        status = check_parent(group, transaction, grant, &chain, &actor, error);
    if (status == BEHALF_OK)
        status = write_party(group, transaction, &grant->delegatee, "delegatee", &delegatee, error);
    if (status == BEHALF_OK)
        status = check_delegatee(group, &chain, &delegatee, error);
    if (status == BEHALF_OK)
        status =
            write_party_of(group, transaction, chain.facts.session->principal, &principal, error);
    if (status == BEHALF_OK)
        status = check_child(group, grant, &chain, &principal, &words, error);
    if (status == BEHALF_OK)
        status = check_grant_count(group, transaction, &chain.facts.session->id, error);
    if (status == BEHALF_OK)
        status = write_party_node(group, transaction, &delegatee, error);
    if (status != BEHALF_OK)
        return status;
    words.session = chain.facts.session->id;
    words.delegator = actor.text;
    words.delegatee = delegatee.text;
    return put_grant(group, transaction, &words, delegatee.node, write);
}

/* --- revoke --- */

enum status
write_grant_revoke(struct write_group *group, struct store_transaction *transaction,
                   struct engine_write *write)
{
    const struct engine_grant_revoke *revoke = write->grant_revoke;
    const struct grant *grant = NULL;
    struct store_record record;
    struct buffer body;
    enum status status =
        write_check_size(revoke->reason.size, ENGINE_REASON_SIZE_MAX, "reason", &write->error);

    if (status == BEHALF_OK)
        status = check_bound(group, transaction, write->bound, &revoke->grant, &write->error);
    if (status == BEHALF_OK)
        status =
            write_read_grant(group, transaction, &revoke->grant, &record, &grant, &write->error);
    if (status != BEHALF_OK)
        return status;
    if (grant->revoked_at != 0)
        return BEHALF_DONE; /* by the first one, whose time and reason stay */
    buffer_init(&body);
    status = record_amend_grant(record.body, group->time.kept, write->caller, revoke->reason,
                                grant->made_revision, &group->arena, &body, &write->error);
    record.body = buffer_slice(&body);
    if (status == BEHALF_OK)
        status = store_transaction_record_put(transaction, &record, &write->error);
    buffer_release(&body);
    return status;
}
