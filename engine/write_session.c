/* write_session.c - consent is given, suspended, resumed and revoked. */
#include "engine/write_records.h"

/* --- create --- */

enum status
write_check_parties(const struct write_group *group, const struct party *principal,
                    const struct party *agent, struct error *error)
{
    if (!write_is_agent(group, agent)) {
        error_set(error, BEHALF_DELEGATION_REFUSED,
                  "agent: '%.*s' is of no agent type: its definition has no 'acts_on_behalf_of'",
                  SLICE_PRINTF(agent->text));
        return BEHALF_DELEGATION_REFUSED;
    }
    if (!write_is_agent(group, principal))
        return BEHALF_OK;
    error_set(error, BEHALF_DELEGATION_REFUSED,
              "principal: '%.*s' is of an agent type, and an agent serves no agent",
              SLICE_PRINTF(principal->text));
    error_hint(error, "name the person, or an object that stands for the agent's owner");
    return BEHALF_DELEGATION_REFUSED;
}

static enum status
take_client(const struct engine_new_session *new, const struct party *agent, struct slice *client,
            struct error *error)
{
    *client = new->client.size > 0 ? new->client : agent->text;
    return write_check_size(client->size, ENGINE_CLIENT_SIZE_MAX, "client", error);
}

enum status
write_check_stops(const struct write_group *group, const struct party *principal,
                  const struct party *agent, struct slice client, struct error *error)
{
    static const struct slice none = {NULL, 0};

    if (write_is_stopped(group, STOP_PRINCIPAL, principal, none))
        return write_refuse(REASON_AGENT_STOPPED, "principal", error);
    if (write_is_stopped(group, STOP_AGENT, agent, none))
        return write_refuse(REASON_AGENT_STOPPED, "agent", error);
    if (write_is_stopped(group, STOP_CLIENT, NULL, client))
        return write_refuse(REASON_AGENT_STOPPED, "client", error);
    if (write_is_stopped(group, STOP_EVERYTHING, NULL, none))
        return write_refuse(REASON_AGENT_STOPPED, "agent", error);
    return BEHALF_OK;
}

/* Those that have not expired: the index is in the order of their ends. */
static enum status
check_session_count(const struct write_group *group, struct store_transaction *transaction,
                    const struct party *principal, struct error *error)
{
    char from[8 + 8];

    if (!principal->has_node)
        return BEHALF_OK;
    record_index_from(principal->node, group->time.now + 1, from);
    return write_check_count(group, transaction, RECORD_INDEX_PRINCIPAL, (struct slice){from, 8},
                             (struct slice){from, sizeof from}, ENGINE_SESSIONS_PER_PRINCIPAL,
                             "principal: it has the largest number of sessions", error);
}

static enum status
put_session(struct write_group *group, struct store_transaction *transaction,
            const struct session_words *words, const struct party *principal,
            const struct party *agent, struct engine_write *write)
{
    struct record_entries entries;
    struct store_record record = {.ends = write_swept_from(group, words->expires_at)};
    struct buffer body;
    enum status status;

    record_id_make(group->engine->env, &write->session);
    record.key = record_key(RECORD_SESSION, &write->session);
    record_index_session(&record, &entries, principal->node, agent->node, words->expires_at);
    buffer_init(&body);
    status = record_encode_session(words, &group->arena, &body, &write->error);
    record.body = buffer_slice(&body);
    if (status == BEHALF_OK)
        status = store_transaction_record_put(transaction, &record, &write->error);
    buffer_release(&body);
    write->has_session = status == BEHALF_OK;
    return status;
}

/* What does not depend on the store. */
static enum status
take_words(struct write_group *group, const struct engine_new_session *new,
           const struct party *principal, const struct party *agent, struct session_words *words,
           struct error *error)
{
    enum status status;

    *words = (struct session_words){
        .principal = principal->text,
        .agent = agent->text,
        .created = group->time.kept,
        .idle_timeout_s =
            new->has_idle_timeout ? new->idle_timeout_s : ENGINE_IDLE_TIMEOUT_DEFAULT_S,
        .evidence = new->evidence,
    };
    status = take_client(new, agent, &words->client, error);
    if (status == BEHALF_OK)
        status = write_check_size(new->evidence.size, ENGINE_EVIDENCE_SIZE_MAX, "evidence", error);
    if (status == BEHALF_OK)
        status = write_end(group, &new->end, group->engine->session_ttl_max_ns, "expires_at",
                           &words->expires_at, error);
    return status;
}

enum status
write_session_create(struct write_group *group, struct store_transaction *transaction,
                     struct engine_write *write)
{
    const struct engine_new_session *new = write->new_session;
    struct error *error = &write->error;
    struct session_words words;
    struct party principal;
    struct party agent;
    enum status status = write_needs_schema(group, error);

    if (status == BEHALF_OK)
        status = write_party(group, transaction, &new->principal, "principal", &principal, error);
    if (status == BEHALF_OK)
        status = write_party(group, transaction, &new->agent, "agent", &agent, error);
    if (status == BEHALF_OK)
        status = write_check_parties(group, &principal, &agent, error);
    if (status == BEHALF_OK)
        status = take_words(group, new, &principal, &agent, &words, error);
    if (status == BEHALF_OK)
        status = write_check_stops(group, &principal, &agent, words.client, error);
    if (status == BEHALF_OK)
        status = check_session_count(group, transaction, &principal, error);
    if (status == BEHALF_OK)
        status = write_party_node(group, transaction, &principal, error);
    if (status == BEHALF_OK)
        status = write_party_node(group, transaction, &agent, error);
    if (status == BEHALF_OK)
        status = put_session(group, transaction, &words, &principal, &agent, write);
    if (status == BEHALF_OK && new->grant != NULL) {
        const struct root_of root = {write->session, words.expires_at, &principal, &agent,
                                     "grant."};

        status = write_root_grant(group, transaction, &root, new->grant, write);
    }
    return status;
}

/* --- suspend, resume, revoke --- */

/* BEHALF_DONE: it is so already. */
static enum status
may_change(const struct session *session, enum session_change change, struct error *error)
{
    if (session->status == SESSION_REVOKED && change != SESSION_REVOKE)
        return write_refuse(REASON_SESSION_REVOKED, "session", error);
    switch (change) {
    case SESSION_SUSPEND:
        return session->status == SESSION_SUSPENDED ? BEHALF_DONE : BEHALF_OK;
    case SESSION_REVOKE:
        return session->status == SESSION_REVOKED ? BEHALF_DONE : BEHALF_OK;
    case SESSION_RESUME:
        if (session->status == SESSION_SUSPENDED)
            return BEHALF_OK;
        return error_set(error, BEHALF_RECORD_NOT_ACTIVE,
                         "session: it is not suspended, so there is nothing to resume");
    }
    return error_set(error, BEHALF_MALFORMED_REQUEST, "a session is suspended, resumed or revoked");
}

/* What would be resumed must be worth it: not ended, not idle, not cut off. */
static enum status
check_resume(struct write_group *group, const struct session *session, struct error *error)
{
    struct session *resumed = arena_take(&group->arena, session->size);
    struct record_facts facts;
    enum engine_reason reason;
    int64_t ends;
    enum status status;

    if (resumed == NULL)
        return error_set(error, BEHALF_BUDGET_EXHAUSTED, "no memory left for the write");
    memcpy(resumed, session, session->size);
    resumed->status = SESSION_ACTIVE;
    status = write_session_facts(group, resumed, &facts, error);
    if (status != BEHALF_OK)
        return status;
    reason = session_conditions(&facts, group->time.now, &ends);
    return reason == REASON_NONE ? BEHALF_OK : write_refuse(reason, "session", error);
}

enum status
write_session_change(struct write_group *group, struct store_transaction *transaction,
                     struct engine_write *write)
{
    static const enum session_status becomes[] = {
        [SESSION_SUSPEND] = SESSION_SUSPENDED,
        [SESSION_RESUME] = SESSION_ACTIVE,
        [SESSION_REVOKE] = SESSION_REVOKED,
    };
    const struct engine_session_change *change = write->session_change;
    const struct session *session = NULL;
    struct store_record record;
    struct buffer body;
    enum status status =
        write_check_size(change->reason.size, ENGINE_REASON_SIZE_MAX, "reason", &write->error);

    if (status == BEHALF_OK)
        status = write_read_session(group, transaction, &change->session, &record, &session,
                                    &write->error);
    if (status == BEHALF_OK)
        status = may_change(session, change->change, &write->error);
    if (status == BEHALF_OK && change->change == SESSION_RESUME)
        status = check_resume(group, session, &write->error);
    if (status != BEHALF_OK)
        return status;
    buffer_init(&body);
    status = record_amend_session(record.body, becomes[change->change], change->reason,
                                  session->made_revision, &group->arena, &body, &write->error);
    record.body = buffer_slice(&body);
    if (status == BEHALF_OK)
        status = store_transaction_record_put(transaction, &record, &write->error);
    buffer_release(&body);
    return status;
}
