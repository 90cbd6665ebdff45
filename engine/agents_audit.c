/* agents_audit.c - what agents may do without a grant: every permission that an agent has by
 * relationships, and everybody on whose behalf one acts without an end.
 * For each agent it asks the lookups of engine.h, so that a finding is what a lookup without a
 * grant gives, stops and wildcards included. One more agent of each type has a name that nobody
 * knows: what that one has, every agent has that will be named.
 *
 * Always true: all questions of an audit are answered at the revision of its first page. A page
 * ends after so many findings, so many questions, or so much time, and the next one goes on from
 * there. A condition without its context counts as a finding, and so does a question that ends in
 * an error of its own: it is not shown to be nothing.
 * Threads: one request. Memory: findings in the request's arena, questions in arenas of their
 * own. */
#include "base/bytes.h"
#include "engine/agents.h"
#include "engine/lookup_subjects.h"
#include "engine/request.h"
#include "engine/token.h"

#define SUBJECTS_AT_ONCE 1000

/* Where the audit is: an agent and a question about it. */
struct audit_place {
    uint32_t type;
    uint64_t sequence; /* of the agent's node; 0 = the one without a name */
    uint32_t question; /* a member; from member_count on, a type of principals */
    bool inside;       /* principals up to `principal` are done */
    uint64_t principal;
};

struct audit {
    struct engine_worker *worker;
    const struct engine_request *request;
    const struct agents_audit *asked;
    struct agents_audit_result *result;
    struct binding *binding; /* one reference */
    uint64_t revision;
    struct engine_token token;
    struct store_snapshot *storage;
    struct engine_request question; /* what all questions share */
    struct arena answers;           /* of a lookup */
    struct arena checks;            /* of what is checked beside it */
    struct buffer text;
    size_t limit;
    uint32_t capacity;
    size_t questions; /* that were asked */
    int64_t begun_ns;
    struct audit_place at;
    bool full; /* the page ends before the question `at` */
};

/* --- findings --- */

static struct slice
copy_object(struct audit *audit, struct slice type, struct slice id)
{
    const struct object object = {.type = type, .id = id, .wildcard = id.size == 0};

    buffer_clear(&audit->text);
    object_print(&object, &audit->text);
    return arena_copy(audit->request->arena, buffer_slice(&audit->text));
}

static enum status
add_finding(struct audit *audit, struct agents_finding **finding, struct error *error)
{
    struct agents_audit_result *result = audit->result;
    struct agents_finding *rows =
        arena_grow(audit->request->arena, result->findings, (uint32_t)result->finding_count,
                   &audit->capacity, sizeof *rows);

    if (rows == NULL)
        return budget_memory_spent(error);
    result->findings = rows;
    *finding = &rows[result->finding_count++];
    **finding = (struct agents_finding){.is_delegation = false};
    return BEHALF_OK;
}

/* --- questions --- */

/* Whether another question may be asked in this page; else it is full. The first always may. */
static bool
may_ask(struct audit *audit)
{
    int64_t now = env_monotonic_ns(audit->worker->engine->env);

    audit->full = audit->result->finding_count >= audit->limit ||
                  audit->questions >= LIMIT_AUDIT_QUESTIONS ||
                  (audit->questions > 0 && now - audit->begun_ns >= LIMIT_AUDIT_NS);
    audit->questions += !audit->full;
    return !audit->full;
}

/* Asks for one resource on which the agent has the permission. */
static enum status
find_access(struct audit *audit, const struct object *agent, bool named, uint32_t member,
            struct error *error)
{
    const struct schema *schema = audit->binding->schema;
    struct slice type = schema->types[schema->members[member].type].name;
    const struct lookup_resources lookup = {
        .resource_type = type,
        .permission = schema->members[member].name,
        .subject = *agent,
        .limit = 1,
    };
    struct lookup_resources_result found;
    struct agents_finding *finding;
    struct slice example;
    enum status status;

    arena_reset(&audit->answers, LIMIT_LOOKUP_SCRATCH);
    status = engine_lookup_resources(audit->worker, &audit->question, &lookup, &found, error);
    if (status != BEHALF_OK || found.resource_count + found.undecided_count == 0)
        return status;
    example = found.resource_count > 0 ? found.resources[0].id : found.undecided[0].id;
    status = add_finding(audit, &finding, error);
    if (status != BEHALF_OK)
        return status;
    finding->agent = copy_object(audit, agent->type, named ? agent->id : (struct slice){NULL, 0});
    finding->resource_type = arena_copy(audit->request->arena, type);
    finding->permission = arena_copy(audit->request->arena, lookup.permission);
    finding->example = copy_object(audit, type, example);
    return finding->agent.data != NULL && finding->resource_type.data != NULL &&
                   finding->permission.data != NULL && finding->example.data != NULL
               ? BEHALF_OK
               : budget_memory_spent(error);
}

/* Whether nothing but a write ends what the agent has of the principal. A wildcard is asked for by
 * a principal that nobody knows. */
static enum status
has_no_end(struct audit *audit, const struct object *agent, const struct object *principal,
           bool *standing, struct error *error)
{
    struct engine_request question = audit->question;
    struct record_id_text nobody;
    struct record_id id;
    struct check check = {
        .resource = *agent,
        .permission = SLICE_LITERAL(SCHEMA_ACTS_ON_BEHALF_OF),
        .subject = *principal,
    };
    struct check_result result;
    enum status status;

    if (principal->wildcard) {
        record_id_make(audit->worker->engine->env, &id);
        record_id_print(&id, "", &nobody);
        check.subject = (struct object){.type = principal->type, .id = slice_of(nobody.text)};
    }
    arena_reset(&audit->checks, LIMIT_CHECK_SCRATCH);
    question.arena = &audit->checks;
    status = engine_check(audit->worker, &question, &check, &result, error);
    *standing =
        status != BEHALF_OK || (result.decision != DECISION_DENY && result.valid_until == 0);
    return verdict_is_of_value(status) ? BEHALF_OK : status;
}

static enum status
add_principal(struct audit *audit, const struct object *agent, const struct object *principal,
              struct error *error)
{
    struct agents_finding *finding;
    enum status status = add_finding(audit, &finding, error);

    if (status != BEHALF_OK)
        return status;
    finding->is_delegation = true;
    finding->agent = copy_object(audit, agent->type, agent->id);
    finding->principal = copy_object(audit, principal->type, principal->id);
    return finding->agent.data != NULL && finding->principal.data != NULL
               ? BEHALF_OK
               : budget_memory_spent(error);
}

/* Notes that the principals up to this row are done. */
static enum status
pass(struct audit *audit, uint16_t label, const struct lookup_subject *row, struct error *error)
{
    bool found = true;
    enum status status = BEHALF_OK;

    audit->at.inside = true;
    audit->at.principal = 0;
    if (!row->wildcard)
        status =
            store_node_find(audit->storage, label, row->id, &audit->at.principal, &found, error);
    audit->at.principal &= NODE_SEQUENCE_MASK;
    return status == BEHALF_OK && !found
               ? error_set(error, BEHALF_STORAGE_CORRUPT, "a subject of an edge has no name")
               : status;
}

/* The rows of one page of principals. `first`: the wildcard was not looked at yet. */
static enum status
take_principals(struct audit *audit, const struct object *agent, uint32_t type,
                const struct lookup_subjects_result *page, bool first, struct error *error)
{
    struct slice name = audit->binding->schema->types[type].name;
    enum status status = BEHALF_OK;

    for (size_t at = 0; status == BEHALF_OK && at < page->subject_count; at++) {
        const struct lookup_subject *row = &page->subjects[at];
        const struct object principal = {.type = name, .id = row->id, .wildcard = row->wildcard};
        bool standing = page->valid_until == 0;

        if (row->wildcard && !first)
            continue;
        if (!row->wildcard && slice_equal(name, agent->type) && slice_equal(row->id, agent->id))
            continue; /* nobody acts on behalf of oneself */
        if (!may_ask(audit))
            return at > 0 ? pass(audit, audit->binding->type_labels[type], row - 1, error)
                          : BEHALF_OK;
        if (!standing)
            status = has_no_end(audit, agent, &principal, &standing, error);
        if (status == BEHALF_OK && standing)
            status = add_principal(audit, agent, &principal, error);
    }
    return status;
}

/* Asks for the principals of a type on whose behalf the agent acts. */
static enum status
find_principals(struct audit *audit, const struct object *agent, uint32_t type, struct error *error)
{
    struct lookup_subjects lookup = {
        .resource = *agent,
        .permission = SLICE_LITERAL(SCHEMA_ACTS_ON_BEHALF_OF),
        .subject_type = audit->binding->schema->types[type].name,
        .limit = SUBJECTS_AT_ONCE,
    };
    bool first = !audit->at.inside;
    struct lookup_subjects_result page;
    struct engine_token cursor;
    enum status status;

    if (audit->at.inside)
        lookup_subjects_cursor(audit->worker->engine->store, audit->revision, &audit->question,
                               &lookup, audit->at.principal, &cursor);
    if (audit->at.inside)
        lookup.cursor = slice_of(cursor.text);
    do {
        arena_reset(&audit->answers, LIMIT_LOOKUP_SCRATCH);
        status = engine_lookup_subjects(audit->worker, &audit->question, &lookup, &page, error);
        if (status == BEHALF_OK)
            status = take_principals(audit, agent, type, &page, first, error);
        if (status != BEHALF_OK || audit->full)
            return status;
        if (page.subject_count > 0 && !page.subjects[page.subject_count - 1].wildcard)
            status = pass(audit, audit->binding->type_labels[type],
                          &page.subjects[page.subject_count - 1], error);
        cursor = page.cursor;
        lookup.cursor = slice_of(cursor.text);
        first = false;
    } while (status == BEHALF_OK && cursor.text[0] != '\0');
    return status;
}

/* --- agents --- */

static bool
opens(const struct schema *schema, uint32_t member, uint32_t type)
{
    return schema->members[member].kind == SCHEMA_PERMISSION &&
           !schema_is_agent_rule(schema->members[member].name) &&
           schema_reaches(schema, member, type, false);
}

/* Asks what is left to ask of one agent. Without a name nobody made it act for anybody. */
static enum status
audit_agent(struct audit *audit, const struct object *agent, bool named, struct error *error)
{
    const struct schema *schema = audit->binding->schema;
    struct audit_place *at = &audit->at;
    uint32_t acts = schema_find_member(schema, at->type, SLICE_LITERAL(SCHEMA_ACTS_ON_BEHALF_OF));
    enum status status = BEHALF_OK;

    for (; at->question < schema->member_count + schema->type_count; at->question++) {
        bool access = at->question < schema->member_count;
        uint32_t principals = at->question - schema->member_count;

        if (access ? !opens(schema, at->question, at->type)
                   : !named || !schema_reaches(schema, acts, principals, false))
            continue;
        if (!may_ask(audit))
            return BEHALF_OK;
        status = access ? find_access(audit, agent, named, at->question, error)
                        : find_principals(audit, agent, principals, error);
        if (status != BEHALF_OK || audit->full)
            return status;
        at->inside = false;
    }
    at->question = 0;
    return BEHALF_OK;
}

static enum status
audit_unnamed(struct audit *audit, struct error *error)
{
    struct record_id_text name;
    struct record_id id;
    struct object agent = {.type = audit->binding->schema->types[audit->at.type].name};

    record_id_make(audit->worker->engine->env, &id);
    record_id_print(&id, "", &name);
    agent.id = slice_of(name.text);
    return audit_agent(audit, &agent, false, error);
}

static enum status
audit_named(struct audit *audit, struct error *error)
{
    uint16_t label = audit->binding->type_labels[audit->at.type];
    struct object agent = {.type = audit->binding->schema->types[audit->at.type].name};
    struct store_names *names = NULL;
    enum status status = store_names_open(audit->storage, &names, error);

    if (status == BEHALF_OK)
        store_names_move(names, NODE_WILDCARD(label) | audit->at.sequence);
    while (status == BEHALF_OK && !audit->full) {
        uint64_t node;

        status = store_names_next(names, &node, &agent.id, error);
        if (status != BEHALF_OK || NODE_TYPE(node) != label)
            break;
        audit->at.sequence = node & NODE_SEQUENCE_MASK;
        status = audit_agent(audit, &agent, true, error);
        if (status != BEHALF_OK || audit->full)
            break;
        audit->at.sequence++;
        (void)may_ask(audit); /* one that has nothing to be asked for takes time as well */
    }
    store_names_close(names);
    return status == BEHALF_DONE ? BEHALF_OK : status;
}

static bool
is_asked_for(const struct audit *audit, uint32_t type)
{
    const struct schema *schema = audit->binding->schema;

    for (size_t at = 0; at < audit->asked->type_count; at++)
        if (slice_equal(audit->asked->types[at], schema->types[type].name))
            return true;
    return audit->asked->type_count == 0 && schema_type_is_agent(schema, type);
}

static enum status
audit_types(struct audit *audit, struct error *error)
{
    struct audit_place *at = &audit->at;
    enum status status = BEHALF_OK;

    for (; status == BEHALF_OK && at->type < audit->binding->schema->type_count; at->type++) {
        if (!is_asked_for(audit, at->type))
            continue;
        if (at->sequence == 0) {
            status = audit_unnamed(audit, error);
            if (status != BEHALF_OK || audit->full)
                return status;
            at->sequence = 1;
        }
        status = audit_named(audit, error);
        if (status != BEHALF_OK || audit->full)
            return status;
        at->sequence = 0;
    }
    return status;
}

/* --- the request --- */

static uint64_t
digest_of(const struct agents_audit *asked)
{
    struct buffer types;
    struct slice parts[2] = {SLICE_LITERAL("agents.audit")};
    uint64_t digest;

    buffer_init(&types);
    for (size_t at = 0; at < asked->type_count; at++) {
        buffer_add_slice(&types, asked->types[at]);
        buffer_add_byte(&types, '\n');
    }
    parts[1] = buffer_slice(&types);
    digest = cursor_request_digest(parts, BEHALF_COUNT_OF(parts), NULL);
    buffer_release(&types);
    return digest;
}

/* The position: type 4 | sequence 8 | question 4 | inside 1 | principal 8. */
static void
position_put(const struct audit_place *place, uint8_t position[CURSOR_POSITION_SIZE])
{
    bytes_put_u32(position, place->type);
    bytes_put_u64(position + 4, place->sequence);
    bytes_put_u32(position + 12, place->question);
    position[16] = place->inside;
    bytes_put_u64(position + 17, place->principal);
}

static struct audit_place
position_get(const uint8_t position[CURSOR_POSITION_SIZE])
{
    return (struct audit_place){
        .type = bytes_get_u32(position),
        .sequence = bytes_get_u64(position + 4),
        .question = bytes_get_u32(position + 12),
        .inside = position[16] != 0,
        .principal = bytes_get_u64(position + 17),
    };
}

static enum status
check_types(const struct audit *audit, struct error *error)
{
    const struct schema *schema = audit->binding->schema;
    enum status status = BEHALF_OK;

    for (size_t at = 0; status == BEHALF_OK && at < audit->asked->type_count; at++) {
        uint32_t type;
        uint32_t member;

        status = schema_resolve_type(schema, audit->asked->types[at], &type, error);
        if (status == BEHALF_OK)
            status = schema_resolve_member(schema, type, SLICE_LITERAL(SCHEMA_ACTS_ON_BEHALF_OF),
                                           &member, error);
    }
    return status;
}

/* Takes revision and schema, which outlive the requests of the questions. */
static enum status
fix_revision(struct audit *audit, uint64_t revision, struct error *error)
{
    const struct engine_request *request = audit->request;
    struct snapshot snapshot;
    enum status status =
        snapshot_open(audit->worker, request, REQUEST_LOOKUP, revision, &snapshot, error);

    if (status != BEHALF_OK)
        return status;
    audit->binding = binding_ref((struct binding *)(uintptr_t)snapshot.binding);
    audit->revision = snapshot.revision;
    audit->token = snapshot.token;
    snapshot_close(&snapshot);
    audit->begun_ns = env_monotonic_ns(audit->worker->engine->env);
    audit->question = (struct engine_request){
        .arena = &audit->answers,
        .consistency = CONSISTENCY_AT_EXACT_SNAPSHOT,
        .token = slice_of(audit->token.text),
        .deadline_ns =
            request->deadline_ns != 0 ? request->deadline_ns : audit->begun_ns + LIMIT_LOOKUP_NS,
        .cancelled = request->cancelled,
    };
    return store_snapshot_open(audit->worker->engine->store, &audit->storage, error);
}

static enum status
make_page(struct audit *audit, const struct cursor *cursor, struct error *error)
{
    struct cursor next = {.request_digest = cursor->request_digest};
    enum status status = fix_revision(audit, cursor->revision, error);

    if (status == BEHALF_OK)
        status = check_types(audit, error);
    if (status == BEHALF_OK)
        status = audit_types(audit, error);
    audit->result->audited_at = audit->token;
    audit->result->complete = !audit->full;
    if (status == BEHALF_OK && audit->full) {
        next.revision = audit->revision;
        position_put(&audit->at, next.position);
        cursor_seal(audit->worker->engine->store, &next, &audit->result->cursor);
    }
    return status;
}

enum status
engine_agents_audit(struct engine_worker *worker, const struct engine_request *request,
                    const struct agents_audit *asked, struct agents_audit_result *result,
                    struct error *error)
{
    struct agents_audit_result found = {.finding_count = 0};
    struct cursor cursor = {.request_digest = digest_of(asked)};
    struct audit audit = {.worker = worker, .request = request, .asked = asked, .result = &found};
    enum status status;

    if (!worker->may_block)
        return BEHALF_WOULD_BLOCK;
    if (request->consistency == CONSISTENCY_AT_TIME)
        return error_set(error, BEHALF_MALFORMED_REQUEST,
                         "standing access is audited at a revision, never at_time");
    status = request_limit(asked->limit, &audit.limit, error);
    if (status == BEHALF_OK && asked->cursor.size > 0)
        status = cursor_open(worker->engine->store, asked->cursor, cursor.request_digest, &cursor,
                             error);
    if (status != BEHALF_OK)
        return status;
    audit.at = position_get(cursor.position);
    arena_init_request(&audit.answers, LIMIT_LOOKUP_SCRATCH);
    arena_init_request(&audit.checks, LIMIT_CHECK_SCRATCH);
    buffer_init(&audit.text);
    status = make_page(&audit, &cursor, error);
    if (status == BEHALF_OK)
        *result = found;
    store_snapshot_close(audit.storage);
    binding_unref(audit.binding);
    buffer_release(&audit.text);
    arena_release(&audit.checks);
    arena_release(&audit.answers);
    return status;
}
