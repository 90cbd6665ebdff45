/* write_request.c - access requests are made, approved, denied and cancelled.
 * Always true: a request is pending exactly until the first of these that is decided while it is;
 * an approval marks it in the transaction that makes the grant, so no second grant can follow. */
#include "engine/scope.h"
#include "engine/write_records.h"

/* --- create --- */

/* Whoever is bound to an agent asks only where the two have met: an active session. */
static enum status
find_active_session(struct write_group *group, struct store_transaction *transaction,
                    const struct party *principal, const struct party *agent, bool *found,
                    struct error *error)
{
    struct store_record_scan *scan = NULL;
    struct store_record_key key;
    struct slice entry;
    char from[8 + 8];
    enum status status;

    *found = false;
    if (!principal->has_node || !agent->has_node)
        return BEHALF_OK;
    record_index_from(principal->node, group->time.now + 1, from);
    status = store_record_scan_open(store_transaction_snapshot(transaction), RECORD_INDEX_PRINCIPAL,
                                    (struct slice){from, 8}, (struct slice){from, sizeof from},
                                    &scan, error);
    while (status == BEHALF_OK && !*found) {
        const struct session *session = NULL;
        struct record_facts facts;
        struct record_id id;
        int64_t ends;

        status = store_record_scan_next(scan, &key, &entry, error);
        if (status != BEHALF_OK)
            break;
        memcpy(id.bytes, key.id, sizeof id.bytes);
        status = write_read_session(group, transaction, &id, NULL, &session, error);
        if (status != BEHALF_OK || session->agent != agent->node)
            continue;
        status = write_session_facts(group, session, &facts, error);
        *found = status == BEHALF_OK &&
                 session_conditions(&facts, group->time.now, &ends) == REASON_NONE;
    }
    store_record_scan_close(scan);
    return status == BEHALF_DONE ? BEHALF_OK : status;
}

static enum status
check_bound(struct write_group *group, struct store_transaction *transaction,
            const struct object *bound, const struct party *principal, const struct party *agent,
            struct error *error)
{
    bool have_met = false;
    enum status status;

    if (bound == NULL)
        return BEHALF_OK;
    if (!slice_equal(write_object_text(group, bound), agent->text))
        return error_set(error, BEHALF_DELEGATION_REFUSED,
                         "agent: '%.*s' is another agent, and an agent asks for itself alone",
                         SLICE_PRINTF(agent->text));
    status = find_active_session(group, transaction, principal, agent, &have_met, error);
    if (status != BEHALF_OK || have_met)
        return status;
    error_set(error, BEHALF_RECORD_NOT_ACTIVE,
              "principal: '%.*s' has no active session with '%.*s'", SLICE_PRINTF(principal->text),
              SLICE_PRINTF(agent->text));
    error_hint(error, "an agent asks those who gave it a session");
    return BEHALF_RECORD_NOT_ACTIVE;
}

static enum status
check_denial(const struct write_group *group, struct store_transaction *transaction,
             const struct engine_denial *denial, struct error *error)
{
    struct store_record_scan *scan = NULL;
    struct store_record_key key;
    struct slice entry;
    enum status status;

    if (denial == NULL)
        return BEHALF_OK;
    if (group->time.now >= denial->ends)
        return error_set(error, BEHALF_DENIAL_EXPIRED,
                         "denial: it is too old; ask for a decision again and use its denial");
    status =
        store_record_scan_open(store_transaction_snapshot(transaction), RECORD_INDEX_DENIAL,
                               (struct slice){(const char *)denial->decision.bytes, RECORD_ID_SIZE},
                               (struct slice){NULL, 0}, &scan, error);
    if (status == BEHALF_OK)
        status = store_record_scan_next(scan, &key, &entry, error);
    store_record_scan_close(scan);
    if (status == BEHALF_DONE)
        return BEHALF_OK;
    if (status != BEHALF_OK)
        return status;
    return error_set(error, BEHALF_DENIAL_INVALID, "denial: another request was made by it");
}

/* Those of the two that have not expired, whatever became of them, and the pending ones of
 * these. */
static enum status
check_request_counts(struct write_group *group, struct store_transaction *transaction,
                     const struct party *principal, const struct party *agent, struct error *error)
{
    struct store_record_scan *scan = NULL;
    size_t all = 0;
    size_t pending = 0;
    char from[8 + 16];
    enum status status;

    if (!principal->has_node || !agent->has_node)
        return BEHALF_OK;
    record_index_from(principal->node, 0, from);
    record_index_from(agent->node, group->time.now + 1, from + 8);
    status = store_record_scan_open(store_transaction_snapshot(transaction), RECORD_INDEX_PARTIES,
                                    (struct slice){from, 16}, (struct slice){from, sizeof from},
                                    &scan, error);
    while (status == BEHALF_OK && all < ENGINE_REQUESTS_PER_PAIR &&
           pending < ENGINE_REQUESTS_PENDING) {
        const struct access_request *request = NULL;
        struct store_record_key key;
        struct slice entry;
        struct record_id id;

        status = store_record_scan_next(scan, &key, &entry, error);
        if (status != BEHALF_OK)
            break;
        memcpy(id.bytes, key.id, sizeof id.bytes);
        status = write_read_access_request(group, transaction, &id, NULL, &request, error);
        all++;
        pending += status == BEHALF_OK && request->status == ACCESS_REQUEST_PENDING;
    }
    store_record_scan_close(scan);
    if (status == BEHALF_DONE)
        return BEHALF_OK;
    if (status != BEHALF_OK)
        return status;
    return error_set(error, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT,
                     pending == ENGINE_REQUESTS_PENDING
                         ? "agent: %d of its requests to this principal are pending; that is the "
                           "largest number"
                         : "agent: %d of its requests to this principal have not expired; that is "
                           "the largest number",
                     pending == ENGINE_REQUESTS_PENDING ? ENGINE_REQUESTS_PENDING
                                                        : ENGINE_REQUESTS_PER_PAIR);
}

static enum status
check_requested(const struct write_group *group, const struct engine_requested_terms *requested,
                struct error *error)
{
    const struct engine_grant_terms terms = {
        .uses = requested->uses,
        .binding = requested->binding,
        .tools = requested->tools,
        .tool_count = requested->tool_count,
    };
    struct grant_words ignored;

    if (requested->until != 0 && requested->until <= group->time.now)
        return error_set(error, BEHALF_MALFORMED_REQUEST, "requested.until: it does not lie ahead");
    return write_terms_limits(&terms, "requested.", &ignored, error);
}

/* What does not depend on the store. */
static enum status
take_words(struct write_group *group, const struct engine_new_access_request *new,
           const struct party *resource, struct access_request_words *words, struct error *error)
{
    const struct engine_end *end = &new->end;
    const struct engine_end ahead = {.in_ns = ENGINE_ACCESS_REQUEST_TTL_DEFAULT_NS};
    uint32_t ignored;
    enum status status = schema_resolve_member(group->binding->schema, resource->type,
                                               new->permission, &ignored, error);

    if (status != BEHALF_OK)
        return write_error_path(error, "permission");
    if (end->at == 0 && end->in_ns == 0)
        end = &ahead;
    status = write_check_size(new->justification.size, ENGINE_JUSTIFICATION_SIZE_MAX,
                              "justification", error);
    if (status == BEHALF_OK)
        status = check_requested(group, &new->requested, error);
    if (status == BEHALF_OK)
        status = write_end(group, end, ENGINE_ACCESS_REQUEST_TTL_MAX_NS, "expires_at",
                           &words->expires_at, error);
    words->resource = resource->text;
    words->permission = new->permission;
    words->justification = new->justification;
    words->requested = &new->requested;
    words->denial = new->denial != NULL ? &new->denial->decision : NULL;
    return status;
}

static enum status
put_request(struct write_group *group, struct store_transaction *transaction,
            const struct access_request_words *words, const struct party *principal,
            const struct party *agent, struct engine_write *write)
{
    struct record_entries entries;
    struct store_record record = {.ends = write_swept_from(group, words->expires_at)};
    struct buffer body;
    enum status status;

    record_id_make(group->engine->env, &write->access_request);
    record.key = record_key(RECORD_REQUEST, &write->access_request);
    record_index_access_request(&record, &entries, principal->node, agent->node, words->expires_at,
                                words->denial);
    buffer_init(&body);
    status = record_encode_access_request(words, &group->arena, &body, &write->error);
    record.body = buffer_slice(&body);
    if (status == BEHALF_OK)
        status = store_transaction_record_put(transaction, &record, &write->error);
    buffer_release(&body);
    write->has_access_request = status == BEHALF_OK;
    return status;
}

/* Only the two parties are given nodes: they are what a list finds a request by. */
enum status
write_request_create(struct write_group *group, struct store_transaction *transaction,
                     struct engine_write *write)
{
    const struct engine_new_access_request *new = write->new_access_request;
    const struct slice no_client = {NULL, 0};
    struct error *error = &write->error;
    struct access_request_words words;
    struct party principal;
    struct party agent;
    struct party resource;
    enum status status = write_needs_schema(group, error);

    if (status == BEHALF_OK)
        status = write_party(group, transaction, &new->principal, "principal", &principal, error);
    if (status == BEHALF_OK)
        status = write_party(group, transaction, &new->agent, "agent", &agent, error);
    if (status == BEHALF_OK)
        status = write_party(group, transaction, &new->resource, "resource", &resource, error);
    if (status == BEHALF_OK)
        status = write_check_parties(group, &principal, &agent, error);
    if (status == BEHALF_OK)
        status = take_words(group, new, &resource, &words, error);
    if (status == BEHALF_OK)
        status = write_check_stops(group, &principal, &agent, no_client, error);
    if (status == BEHALF_OK)
        status = check_denial(group, transaction, new->denial, error);
    if (status == BEHALF_OK)
        status = check_bound(group, transaction, write->bound, &principal, &agent, error);
    if (status == BEHALF_OK)
        status = check_request_counts(group, transaction, &principal, &agent, error);
    if (status == BEHALF_OK)
        status = write_party_node(group, transaction, &principal, error);
    if (status == BEHALF_OK)
        status = write_party_node(group, transaction, &agent, error);
    if (status != BEHALF_OK)
        return status;
    words.principal = principal.text;
    words.agent = agent.text;
    return put_request(group, transaction, &words, &principal, &agent, write);
}

/* --- decided --- */

static enum status
check_pending(const struct write_group *group, const struct access_request *request,
              struct error *error)
{
    enum access_request_status status = access_request_status_at(request, group->time.now);

    if (status == ACCESS_REQUEST_PENDING)
        return BEHALF_OK;
    return error_set(error, BEHALF_RECORD_NOT_ACTIVE, "request: it is not pending but %.*s",
                     SLICE_PRINTF(engine_access_request_word(status)));
}

/* Reads the record once more: the slices of the first reading lived until the next one. */
static enum status
put_decision(struct write_group *group, struct store_transaction *transaction,
             const struct record_id *id, const struct access_decision_words *words,
             struct engine_write *write)
{
    const struct access_request *ignored;
    struct store_record record;
    struct buffer body;
    enum status status =
        write_read_access_request(group, transaction, id, &record, &ignored, &write->error);

    if (status != BEHALF_OK)
        return status;
    buffer_init(&body);
    status = record_amend_access_request(record.body, words, &group->arena, &body, &write->error);
    record.body = buffer_slice(&body);
    if (status == BEHALF_OK)
        status = store_transaction_record_put(transaction, &record, &write->error);
    buffer_release(&body);
    write->access_request = *id;
    write->has_access_request = status == BEHALF_OK;
    return status;
}

/* --- approve --- */

static enum status
check_parties_of(const struct access_request *request, const struct session *session,
                 struct error *error)
{
    if (session->principal == request->principal && session->agent == request->agent)
        return BEHALF_OK;
    return error_set(error, BEHALF_DELEGATION_REFUSED,
                     "session: it is of another principal or agent than the request");
}

/* The tools that were requested, as a grant's terms have them. */
static enum status
requested_tools(struct write_group *group, const struct access_request *request,
                struct engine_grant_terms *terms, struct error *error)
{
    const struct grant_tool *stored = record_at(request, request->tools);
    struct engine_tool *tools;

    if (request->tools.count == 0)
        return BEHALF_OK;
    tools = arena_take_array(&group->arena, request->tools.count, sizeof *tools);
    if (tools == NULL)
        return error_set(error, BEHALF_BUDGET_EXHAUSTED, "no memory left for the write");
    for (uint32_t at = 0; at < request->tools.count; at++) {
        tools[at].name = record_text(request, stored[at].name);
        memcpy(tools[at].sha256, stored[at].sha256, sizeof tools[at].sha256);
    }
    terms->tools = tools;
    terms->tool_count = request->tools.count;
    return BEHALF_OK;
}

/* What was asked for: these very terms, and nothing beside them. `element` and its action are the
 * caller's. */
static enum status
requested_terms(struct write_group *group, const struct access_request *request,
                struct engine_scope_element *element, struct slice *action,
                struct engine_grant_terms *terms, struct error *error)
{
    *action = record_text(request, request->permission);
    *element = (struct engine_scope_element){record_text(request, request->resource), action, 1};
    *terms = (struct engine_grant_terms){
        .scope = element,
        .scope_count = 1,
        .end.at = request->until,
        .uses = request->uses,
        .binding.method = record_text(request, request->method),
    };
    memcpy(terms->binding.digest, request->digest, sizeof terms->binding.digest);
    return requested_tools(group, request, terms, error);
}

/* What the approver left out is as requested. */
static void
fill_terms(struct engine_grant_terms *terms, const struct engine_grant_terms *requested)
{
    if (terms->scope_count == 0) {
        terms->scope = requested->scope;
        terms->scope_count = requested->scope_count;
    }
    if (terms->end.at == 0 && terms->end.in_ns == 0)
        terms->end = requested->end;
    if (terms->uses == 0)
        terms->uses = requested->uses;
    if (terms->binding.method.size == 0)
        terms->binding = requested->binding;
    if (terms->tool_count == 0) {
        terms->tools = requested->tools;
        terms->tool_count = requested->tool_count;
    }
}

static bool
has_action(const struct engine_scope_element *element, struct slice action)
{
    for (size_t at = 0; at < element->action_count; at++)
        if (slice_equal(element->actions[at], action))
            return true;
    return false;
}

/* By the rule of narrowing: the same object, all of its type, or those that a relation or
 * permission of another object selects. */
static enum status
check_contains(struct write_group *group, const struct engine_grant_terms *terms,
               const struct engine_scope_element *requested, struct error *error)
{
    struct selector wanted;
    enum status status = selector_parse(requested->selector, &group->arena, &wanted, error);

    for (size_t at = 0; status == BEHALF_OK && at < terms->scope_count; at++) {
        struct selector given;

        status = selector_parse(terms->scope[at].selector, &group->arena, &given, error);
        if (status != BEHALF_OK)
            return write_error_path(error, "scope[%zu]", at);
        if (has_action(&terms->scope[at], requested->actions[0]) &&
            slice_equal(given.type, wanted.type) &&
            (given.form != SELECTOR_OBJECT || slice_equal(given.id, wanted.id)))
            return BEHALF_OK;
    }
    if (status != BEHALF_OK)
        return status;
    error_set(error, BEHALF_SCOPE_NOT_NARROWER,
              "scope: it does not contain what was requested, '%.*s' on '%.*s'",
              SLICE_PRINTF(requested->actions[0]), SLICE_PRINTF(requested->selector));
    error_hint(error, "leave the scope out to approve exactly what was requested");
    return BEHALF_SCOPE_NOT_NARROWER;
}

static bool
is_same_tool(const struct engine_tool *one, const struct engine_tool *other)
{
    return slice_equal(one->name, other->name) &&
           memcmp(one->sha256, other->sha256, sizeof one->sha256) == 0;
}

static bool
has_other_tools(const struct engine_grant_terms *terms, const struct engine_grant_terms *requested)
{
    for (size_t at = 0; requested->tool_count > 0 && at < terms->tool_count; at++) {
        size_t other = 0;

        while (other < requested->tool_count &&
               !is_same_tool(&terms->tools[at], &requested->tools[other]))
            other++;
        if (other == requested->tool_count)
            return true;
    }
    return false;
}

static bool
is_exact_scope(const struct engine_grant_terms *terms, const struct engine_grant_terms *requested)
{
    return terms->scope_count == 1 && terms->scope[0].action_count == 1 &&
           slice_equal(terms->scope[0].selector, requested->scope[0].selector) &&
           slice_equal(terms->scope[0].actions[0], requested->scope[0].actions[0]);
}

/* The first of the terms that is more than what was asked for; NULL = none is. */
static const char *
term_beyond(const struct write_group *group, const struct engine_grant_terms *terms,
            const struct engine_grant_terms *requested)
{
    const struct engine_end *end = &terms->end;
    bool is_bound = requested->binding.method.size > 0;

    if (!is_exact_scope(terms, requested))
        return "scope";
    if (requested->end.at != 0 &&
        (end->at > requested->end.at || end->in_ns > requested->end.at - group->time.kept))
        return "expires_at";
    if (requested->uses != 0 && terms->uses > requested->uses)
        return "uses";
    if (is_bound && (!slice_equal(terms->binding.method, requested->binding.method) ||
                     memcmp(terms->binding.digest, requested->binding.digest,
                            sizeof terms->binding.digest) != 0))
        return "bind";
    if (has_other_tools(terms, requested))
        return "tools";
    return terms->max_depth > 0 ? "max_depth" : NULL;
}

/* The terms of the grant. Others than the principal approve what was asked for, or less. */
static enum status
take_terms(struct write_group *group, const struct access_request *request,
           const struct party *principal, struct engine_root_grant *grant, struct error *error)
{
    struct engine_grant_terms requested;
    struct engine_scope_element *element = arena_take(&group->arena, sizeof *element);
    struct slice *action = arena_take(&group->arena, sizeof *action);
    struct slice approver = write_object_text(group, &grant->approval.approver);
    const char *beyond;
    enum status status;

    if (element == NULL || action == NULL || approver.data == NULL)
        return error_set(error, BEHALF_BUDGET_EXHAUSTED, "no memory left for the write");
    status = requested_terms(group, request, element, action, &requested, error);
    if (status != BEHALF_OK)
        return status;
    fill_terms(&grant->terms, &requested);
    status = check_contains(group, &grant->terms, element, error);
    if (status != BEHALF_OK)
        return status;
    beyond = term_beyond(group, &grant->terms, &requested);
    if (beyond == NULL || slice_equal(approver, principal->text))
        return BEHALF_OK;
    return error_set(error, BEHALF_APPROVER_REFUSED,
                     "%s: it is more than was requested, and only the principal, '%.*s', approves "
                     "more",
                     beyond, SLICE_PRINTF(principal->text));
}

static enum status
make_grant(struct write_group *group, struct store_transaction *transaction,
           const struct access_request *request, const struct open_session *open,
           struct engine_write *write)
{
    struct engine_root_grant grant = write->access_approval->grant;
    const struct root_of root = {open->session->id, open->session->expires_at, &open->principal,
                                 &open->agent, ""};
    struct record_id_text text;
    struct access_decision_words words = {
        .status = ACCESS_REQUEST_APPROVED, .at = group->time.kept, .grant = &write->grant};
    enum status status = take_terms(group, request, &open->principal, &grant, &write->error);

    record_id_print(&request->id, RECORD_PREFIX_REQUEST, &text);
    grant.approval.request = slice_of(text.text);
    grant.approval.at = 0;
    if (status == BEHALF_OK)
        status = write_root_grant(group, transaction, &root, &grant, write);
    if (status != BEHALF_OK)
        return status;
    words.approver = write_object_text(group, &grant.approval.approver);
    return put_decision(group, transaction, &request->id, &words, write);
}

/* engine_write_prepare asked for the principal of the request, so that of the session must be the
 * same. Whoever loses the right to approve while the write is queued loses it at the same time as
 * he approves: either order is right. */
enum status
write_request_approve(struct write_group *group, struct store_transaction *transaction,
                      struct engine_write *write)
{
    const struct engine_access_approval *approval = write->access_approval;
    const struct access_request *request = NULL;
    struct error *error = &write->error;
    struct open_session open;
    enum status status = write_needs_schema(group, error);

    if (status == BEHALF_OK)
        status = write_read_access_request(group, transaction, &approval->request, NULL, &request,
                                           error);
    if (status == BEHALF_OK)
        status = check_pending(group, request, error);
    if (status == BEHALF_OK)
        status = write_open_session(group, transaction, &approval->grant.session, &open, error);
    if (status == BEHALF_OK)
        status = check_parties_of(request, open.session, error);
    return status == BEHALF_OK ? make_grant(group, transaction, request, &open, write) : status;
}

/* --- deny, cancel --- */

/* A caller that is bound to an agent knows of that agent's requests alone, and says of nobody that
 * he decided. */
static enum status
check_bound_refusal(struct write_group *group, struct store_transaction *transaction,
                    const struct object *bound, const struct engine_access_refusal *refusal,
                    const struct access_request *request, struct error *error)
{
    struct party party;
    enum status status;

    if (bound == NULL)
        return BEHALF_OK;
    status = write_party(group, transaction, bound, "actor", &party, error);
    if (status != BEHALF_OK)
        return status;
    if (!party.has_node || party.node != request->agent)
        return write_no_access_request(&request->id, error);
    if (refusal->approver.type.size == 0)
        return BEHALF_OK;
    return error_set(error, BEHALF_APPROVER_REFUSED,
                     "approver: the key of an agent decides in nobody's name");
}

static enum status
take_approver(struct write_group *group, struct store_transaction *transaction,
              const struct engine_access_refusal *refusal, const struct access_request *request,
              struct slice *text, struct error *error)
{
    struct party principal;
    struct party approver;
    enum status status;

    *text = (struct slice){NULL, 0};
    if (refusal->approver.type.size == 0)
        return BEHALF_OK;
    status = write_party_of(group, transaction, request->principal, &principal, error);
    if (status == BEHALF_OK)
        status = write_check_approver(group, transaction, &refusal->approver, refusal->approved,
                                      principal.text, "approver", &approver, error);
    if (status == BEHALF_OK)
        *text = approver.text;
    return status;
}

enum status
write_request_close(struct write_group *group, struct store_transaction *transaction,
                    struct engine_write *write)
{
    const struct engine_access_refusal *refusal = write->access_refusal;
    const struct access_request *request = NULL;
    struct error *error = &write->error;
    struct access_decision_words words = {
        .status = refusal->close == ACCESS_REQUEST_DENY ? ACCESS_REQUEST_DENIED
                                                        : ACCESS_REQUEST_CANCELLED,
        .at = group->time.kept,
        .reason = refusal->reason,
    };
    enum status status = write_needs_schema(group, error);

    if (status == BEHALF_OK)
        status = write_check_size(refusal->reason.size, ENGINE_REASON_SIZE_MAX, "reason", error);
    if (status == BEHALF_OK)
        status =
            write_read_access_request(group, transaction, &refusal->request, NULL, &request, error);
    if (status == BEHALF_OK)
        status = check_bound_refusal(group, transaction, write->bound, refusal, request, error);
    if (status == BEHALF_OK)
        status = check_pending(group, request, error);
    if (status == BEHALF_OK)
        status = take_approver(group, transaction, refusal, request, &words.approver, error);
    return status == BEHALF_OK ? put_decision(group, transaction, &refusal->request, &words, write)
                               : status;
}
