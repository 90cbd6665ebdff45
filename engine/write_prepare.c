/* write_prepare.c - what a write needs before the writer sees it: a compiled schema, and whether an
 * approver who is not the principal may approve. The writer itself asks no permissions: a question
 * may visit a million edges, and everybody waits for the writer. */
#include "base/error.h"
#include "engine/records.h"
#include "engine/state.h"
#include "engine/write.h"

#define PREPARE_ARENA ((size_t)16 * 1024 * 1024)

static const struct slice approver_permission = {"agent_approver", sizeof "agent_approver" - 1};

static bool
is_same(const struct object *one, const struct object *other)
{
    return one->wildcard == other->wildcard && slice_equal(one->type, other->type) &&
           slice_equal(one->id, other->id) && slice_equal(one->relation, other->relation);
}

bool
engine_write_needs_preparing(const struct engine_write *write)
{
    if (write->kind == WRITE_SESSION_CREATE)
        return write->new_session->grant != NULL &&
               !is_same(&write->new_session->grant->approval.approver,
                        &write->new_session->principal);
    /* Whose session it is stands in the store. */
    return write->kind == WRITE_SCHEMA || write->kind == WRITE_GRANT_CREATE;
}

/* --- approvers --- */

static bool
is_plain(const struct object *object)
{
    return !object->wildcard && object->relation.size == 0;
}

/* Whether the type of the principal has approvers. A relation of the name is none. */
static bool
has_approvers(struct engine_worker *worker, const struct object *principal)
{
    const struct published *published = worker_refresh(worker);
    const struct schema *schema;
    uint32_t type;
    uint32_t member;

    if (published->binding == NULL)
        return false;
    schema = published->binding->schema;
    type = schema_find_type(schema, principal->type);
    if (type == SCHEMA_NONE)
        return false;
    member = schema_find_member(schema, type, approver_permission);
    return member != SCHEMA_NONE && schema->members[member].kind == SCHEMA_PERMISSION;
}

/* *may stays false where the answer is conditional, or where the writer refuses the approver for
 * what he is. */
static enum status
ask_approver(struct engine_worker *worker, const struct engine_write *write, struct arena *arena,
             const struct object *principal, const struct object *approver, bool *may,
             struct error *error)
{
    const struct engine_request request = {
        .arena = arena,
        .deadline_ns = write->queued.deadline_ns,
    };
    const struct check check = {
        .resource = *principal,
        .permission = approver_permission,
        .subject = *approver,
    };
    struct check_result result;
    enum status status;

    if (is_same(principal, approver) || !is_plain(principal) || !is_plain(approver) ||
        !has_approvers(worker, principal))
        return BEHALF_OK;
    status = engine_check(worker, &request, &check, &result, error);
    *may = status == BEHALF_OK && result.decision == DECISION_ALLOW;
    return status;
}

/* The principal of a stored session; an empty type where there is none, which the writer tells. */
static enum status
find_principal(struct engine_worker *worker, const struct record_id *id, struct arena *arena,
               struct object *principal, struct error *error)
{
    struct store *store = worker->engine->store;
    const struct store_record_key key = record_key(RECORD_SESSION, id);
    struct store_snapshot *snapshot = NULL;
    struct store_record record;
    struct buffer bytes;
    struct buffer block;
    bool found = false;
    enum status status = store_snapshot_open(store, &snapshot, error);

    *principal = (struct object){.type = {NULL, 0}};
    if (status != BEHALF_OK)
        return status;
    buffer_init(&bytes);
    buffer_init(&block);
    status = store_record_find(snapshot, store_snapshot_head(snapshot), &key, &record, &bytes,
                               &found, error);
    if (status == BEHALF_OK && found)
        status = record_session(store, &record, &block, error);
    if (status == BEHALF_OK && found) {
        const struct session *session = (const struct session *)(const void *)block.data;
        uint64_t node = session->principal;

        buffer_clear(&bytes);
        status = store_node_name(snapshot, node, &bytes, error);
        principal->type = store_label_name(store, LABEL_TYPE, NODE_TYPE(node));
        principal->id = arena_copy(arena, buffer_slice(&bytes));
    }
    buffer_release(&block);
    buffer_release(&bytes);
    store_snapshot_close(snapshot);
    return status;
}

static enum status
prepare_grant(struct engine_worker *worker, struct engine_write *write, struct arena *arena,
              const struct object *principal, struct engine_root_grant *grant)
{
    grant->approved = false;
    if (principal->type.size == 0)
        return BEHALF_OK;
    return ask_approver(worker, write, arena, principal, &grant->approval.approver,
                        &grant->approved, &write->error);
}

static enum status
prepare_approval(struct engine_worker *worker, struct engine_write *write)
{
    struct object principal;
    struct arena arena;
    enum status status;

    arena_init_request(&arena, PREPARE_ARENA);
    if (write->kind == WRITE_SESSION_CREATE) {
        status = prepare_grant(worker, write, &arena, &write->new_session->principal,
                               write->new_session->grant);
    } else {
        status =
            find_principal(worker, &write->root_grant->session, &arena, &principal, &write->error);
        if (status == BEHALF_OK)
            status = prepare_grant(worker, write, &arena, &principal, write->root_grant);
    }
    arena_release(&arena);
    return status;
}

/* --- all of it --- */

enum status
engine_write_prepare(struct engine_worker *worker, struct engine_write *write)
{
    write->error = (struct error){.status = BEHALF_OK, .index = ERROR_NO_INDEX};
    write->status = BEHALF_OK;
    if (engine_write_needs_preparing(write))
        write->status =
            write->kind == WRITE_SCHEMA ? write_compile(write) : prepare_approval(worker, write);
    return write->status;
}

void
engine_write_abandon(struct engine_write *write)
{
    schema_unref(write->compiled);
    write->compiled = NULL;
}
