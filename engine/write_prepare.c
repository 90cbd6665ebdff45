/* write_prepare.c - what a write needs before the writer sees it: a compiled schema, and whether an
 * approver who is not the principal may approve or refuse. The writer itself asks no permissions: a
 * question may visit a million edges, and everybody waits for the writer. */
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
    if (write->kind == WRITE_REQUEST_CLOSE)
        return write->access_refusal->approver.type.size > 0;
    /* Whose session or request it is stands in the store. */
    return write->kind == WRITE_SCHEMA || write->kind == WRITE_GRANT_CREATE ||
           write->kind == WRITE_REQUEST_APPROVE;
}

/* --- approvers --- */

static bool
is_plain(const struct object *object)
{
    return !object->wildcard && object->relation.size == 0;
}

/* Whether the type of the object has approvers. A relation of the name is none. */
static bool
has_approvers(struct engine_worker *worker, const struct object *object)
{
    const struct published *published = worker_refresh(worker);
    const struct schema *schema;
    uint32_t type;
    uint32_t member;

    if (published->binding == NULL)
        return false;
    schema = published->binding->schema;
    type = schema_find_type(schema, object->type);
    if (type == SCHEMA_NONE)
        return false;
    member = schema_find_member(schema, type, approver_permission);
    return member != SCHEMA_NONE && schema->members[member].kind == SCHEMA_PERMISSION;
}

/* *may becomes true where the approver has the permission on the object, a principal or what was
 * requested. It stays as it is where the answer is conditional, or where the writer refuses the
 * approver for what he is. */
static enum status
ask_approver(struct engine_worker *worker, const struct engine_write *write, struct arena *arena,
             const struct object *object, const struct object *approver, bool *may,
             struct error *error)
{
    const struct engine_request request = {
        .arena = arena,
        .deadline_ns = write->queued.deadline_ns,
    };
    const struct check check = {
        .resource = *object,
        .permission = approver_permission,
        .subject = *approver,
    };
    struct check_result result;
    enum status status;

    if (object->type.size == 0 || !is_plain(object) || !is_plain(approver) ||
        !has_approvers(worker, object))
        return BEHALF_OK;
    status = engine_check(worker, &request, &check, &result, error);
    *may = *may || (status == BEHALF_OK && result.decision == DECISION_ALLOW);
    return status;
}

/* Whom a stored session or access request is of, and what is requested; an empty type where there
 * is no such record, which the writer tells. */
struct asked {
    struct object principal;
    struct object resource;
};

static enum status
read_asked(struct store *store, const struct store_snapshot *snapshot,
           const struct store_record *record, struct arena *arena, struct buffer *block,
           struct asked *asked, struct error *error)
{
    bool is_session = record->key.kind == RECORD_SESSION;
    struct buffer name;
    uint64_t node;
    enum status status = is_session ? record_session(store, record, block, error)
                                    : record_access_request(record, block, error);

    if (status != BEHALF_OK)
        return status;
    if (is_session) {
        node = ((const struct session *)(const void *)block->data)->principal;
    } else {
        const struct access_request *request = (const void *)block->data;
        struct slice text = arena_copy(arena, record_text(request, request->resource));

        node = request->principal;
        status = object_parse(text, arena, &asked->resource, error);
    }
    buffer_init(&name);
    if (status == BEHALF_OK)
        status = store_node_name(snapshot, node, &name, error);
    asked->principal.type = store_label_name(store, LABEL_TYPE, NODE_TYPE(node));
    asked->principal.id = arena_copy(arena, buffer_slice(&name));
    buffer_release(&name);
    return status;
}

static enum status
find_asked(struct engine_worker *worker, enum record_kind kind, const struct record_id *id,
           struct arena *arena, struct asked *asked, struct error *error)
{
    struct store *store = worker->engine->store;
    const struct store_record_key key = record_key(kind, id);
    struct store_snapshot *snapshot = NULL;
    struct store_record record;
    struct buffer bytes;
    struct buffer block;
    bool found = false;
    enum status status = store_snapshot_open(store, &snapshot, error);

    *asked = (struct asked){.principal.wildcard = false};
    if (status != BEHALF_OK)
        return status;
    buffer_init(&bytes);
    buffer_init(&block);
    status = store_record_find(snapshot, store_snapshot_head(snapshot), &key, &record, &bytes,
                               &found, error);
    if (status == BEHALF_OK && found)
        status = read_asked(store, snapshot, &record, arena, &block, asked, error);
    buffer_release(&block);
    buffer_release(&bytes);
    store_snapshot_close(snapshot);
    return status;
}

/* Of a request, an approver of the resource will do as well. Nobody is asked about the principal:
 * the writer knows it. */
static enum status
prepare_approver(struct engine_worker *worker, struct engine_write *write, struct arena *arena,
                 const struct asked *asked, const struct object *approver, bool *approved)
{
    enum status status = BEHALF_OK;

    *approved = false;
    if (is_same(&asked->principal, approver))
        return BEHALF_OK;
    status =
        ask_approver(worker, write, arena, &asked->principal, approver, approved, &write->error);
    if (status == BEHALF_OK && !*approved)
        status =
            ask_approver(worker, write, arena, &asked->resource, approver, approved, &write->error);
    return status;
}

static enum status
prepare_stored(struct engine_worker *worker, struct engine_write *write, struct arena *arena,
               enum record_kind kind, const struct record_id *id, const struct object *approver,
               bool *approved)
{
    struct asked asked;
    enum status status = find_asked(worker, kind, id, arena, &asked, &write->error);

    if (status == BEHALF_OK)
        status = prepare_approver(worker, write, arena, &asked, approver, approved);
    return status;
}

static enum status
prepare_approval(struct engine_worker *worker, struct engine_write *write)
{
    struct engine_access_approval *approval = write->access_approval;
    struct engine_access_refusal *refusal = write->access_refusal;
    struct engine_root_grant *grant = write->root_grant;
    struct arena arena;
    enum status status;

    arena_init_request(&arena, PREPARE_ARENA);
    if (write->kind == WRITE_REQUEST_APPROVE) {
        status = prepare_stored(worker, write, &arena, RECORD_REQUEST, &approval->request,
                                &approval->grant.approval.approver, &approval->grant.approved);
    } else if (write->kind == WRITE_REQUEST_CLOSE) {
        status = prepare_stored(worker, write, &arena, RECORD_REQUEST, &refusal->request,
                                &refusal->approver, &refusal->approved);
    } else if (write->kind == WRITE_GRANT_CREATE) {
        status = prepare_stored(worker, write, &arena, RECORD_SESSION, &grant->session,
                                &grant->approval.approver, &grant->approved);
    } else {
        const struct asked asked = {.principal = write->new_session->principal};

        grant = write->new_session->grant;
        status = prepare_approver(worker, write, &arena, &asked, &grant->approval.approver,
                                  &grant->approved);
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
