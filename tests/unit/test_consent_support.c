/* test_consent_support.c - see the header. */
#include "tests/unit/test_consent_support.h"

#include <criterion/criterion.h>

#include "base/datum.h"

static const char schema[] = "use expiration\n"
                             "caveat during(hour int) { hour < 18 }\n"
                             "definition user {}\n"
                             "definition team {\n"
                             "    relation admin: user | user with during\n"
                             "    permission agent_approver = admin\n"
                             "}\n"
                             "definition club {\n"
                             "    relation agent_approver: user\n"
                             "}\n"
                             "definition agent {\n"
                             "    permission acts_on_behalf_of = nil\n"
                             "}\n"
                             "definition service {\n"
                             "    relation acts_on_behalf_of: user\n"
                             "}\n"
                             "definition folder {}\n"
                             "definition document {\n"
                             "    relation parent: folder\n"
                             "    relation viewer: user\n"
                             "    relation editor: user\n"
                             "    permission view = viewer + editor\n"
                             "    permission edit = editor\n"
                             "    permission within = parent\n"
                             "}\n";

void
consent_open(struct consent *consent)
{
    *consent = (struct consent){.write = {.kind = WRITE_SESSION_CREATE}};
    arena_init(&consent->arena, SIZE_MAX / 2);
    harness_engine_open_at(&consent->side, 0, CONSENT_NOW);
    consent_schema(consent, schema);
}

void
consent_close(struct consent *consent)
{
    harness_engine_close(&consent->side);
    arena_release(&consent->arena);
}

/* Ids of these tests need no quotes, so the parts point into the text. */
struct object
consent_object(const char *text)
{
    struct object object = {.type = {NULL, 0}};
    struct error error;

    cr_assert_eq(object_parse(slice_of(text), NULL, &object, &error), BEHALF_OK, "%s",
                 error.message);
    return object;
}

/* --- what is written --- */

static const struct slice view_only[] = {{"view", 4}};
static const struct engine_scope_element all_documents[] = {{{"document:*", 10}, view_only, 1}};

struct engine_new_session
consent_new_session(void)
{
    return (struct engine_new_session){
        .principal = consent_object("user:ann"),
        .agent = consent_object("agent:bot"),
        .end = {.in_ns = 8 * CONSENT_HOUR},
    };
}

static struct engine_grant_terms
new_terms(void)
{
    return (struct engine_grant_terms){
        .scope = all_documents,
        .scope_count = 1,
        .end = {.in_ns = CONSENT_HOUR / 2},
    };
}

struct engine_root_grant
consent_new_grant(struct record_id session)
{
    return (struct engine_root_grant){
        .session = session,
        .terms = new_terms(),
        .approval = {.approver = consent_object("user:ann")},
    };
}

struct engine_delegated_grant
consent_new_child(struct record_id parent)
{
    struct engine_delegated_grant grant = {
        .parent = parent,
        .actor = consent_object("agent:bot"),
        .delegatee = consent_object("agent:sub"),
        .terms = new_terms(),
    };

    grant.terms.end.in_ns = 0;
    return grant;
}

/* --- writing --- */

static enum status
submit(struct consent *consent)
{
    return harness_submit(&consent->side, &consent->write);
}

enum status
consent_create_session(struct consent *consent, const struct engine_new_session *new)
{
    consent->write = (struct engine_write){.kind = WRITE_SESSION_CREATE, .new_session = new};
    return submit(consent);
}

enum status
consent_create_grant(struct consent *consent, struct engine_root_grant *grant)
{
    consent->write = (struct engine_write){.kind = WRITE_GRANT_CREATE, .root_grant = grant};
    return submit(consent);
}

enum status
consent_delegate(struct consent *consent, const struct engine_delegated_grant *grant)
{
    consent->write = (struct engine_write){.kind = WRITE_GRANT_DELEGATE, .delegated_grant = grant};
    return submit(consent);
}

enum status
consent_change(struct consent *consent, struct record_id session, enum session_change change)
{
    const struct engine_session_change asked = {session, change, SLICE_LITERAL("a test")};

    consent->write = (struct engine_write){.kind = WRITE_SESSION_CHANGE, .session_change = &asked};
    return submit(consent);
}

enum status
consent_revoke(struct consent *consent, struct record_id grant)
{
    const struct engine_grant_revoke asked = {grant, SLICE_LITERAL("a test")};

    consent->write = (struct engine_write){.kind = WRITE_GRANT_REVOKE, .grant_revoke = &asked};
    return submit(consent);
}

enum status
consent_stop(struct consent *consent, enum stop_scope scope, const char *party, bool restore)
{
    struct engine_stop_order asked = {
        .scope = scope, .restore = restore, .reason = SLICE_LITERAL("a test")};

    if (scope == STOP_CLIENT)
        asked.client = slice_of(party);
    else if (scope != STOP_EVERYTHING)
        asked.object = consent_object(party);
    consent->write = (struct engine_write){.kind = WRITE_STOP, .stop_order = &asked};
    return submit(consent);
}

enum status
consent_use(struct consent *consent, struct engine_use *use)
{
    consent->write = (struct engine_write){.kind = WRITE_USE, .use = use};
    return submit(consent);
}

struct record_id
consent_session(struct consent *consent)
{
    const struct engine_new_session new = consent_new_session();

    cr_assert_eq(consent_create_session(consent, &new), BEHALF_OK, "%s",
                 consent->write.error.message);
    cr_assert(consent->write.has_session);
    return consent->write.session;
}

struct record_id
consent_grant(struct consent *consent, struct record_id session, uint32_t max_depth)
{
    struct engine_root_grant grant = consent_new_grant(session);

    grant.terms.max_depth = max_depth;
    cr_assert_eq(consent_create_grant(consent, &grant), BEHALF_OK, "%s",
                 consent->write.error.message);
    cr_assert(consent->write.has_grant);
    return consent->write.grant;
}

struct record_id
consent_child(struct consent *consent, struct record_id parent, const char *actor,
              const char *delegatee, uint32_t max_depth)
{
    struct engine_delegated_grant grant = consent_new_child(parent);

    grant.actor = consent_object(actor);
    grant.delegatee = consent_object(delegatee);
    grant.terms.max_depth = max_depth;
    cr_assert_eq(consent_delegate(consent, &grant), BEHALF_OK, "%s", consent->write.error.message);
    cr_assert(consent->write.has_grant);
    return consent->write.grant;
}

void
consent_touch(struct consent *consent, const char *relationship)
{
    struct update update = {.op = UPDATE_TOUCH};
    struct error error;

    cr_assert_eq(
        relationship_parse(slice_of(relationship), &consent->arena, &update.relationship, &error),
        BEHALF_OK, "%s", error.message);
    cr_assert_eq(harness_write_updates(&consent->side, &update, 1, NULL, &error), BEHALF_OK, "%s",
                 error.message);
}

void
consent_schema(struct consent *consent, const char *text)
{
    struct error error;

    cr_assert_eq(harness_write_schema(&consent->side, slice_of(text), &error), BEHALF_OK, "%s",
                 error.message);
}

/* --- reading --- */

uint64_t
consent_head(struct consent *consent)
{
    return store_head_revision(consent->side.store);
}

/* The bytes stay in the arena. */
static bool
find(struct consent *consent, enum record_kind kind, struct record_id id,
     struct store_record *record)
{
    const struct store_record_key key = record_key(kind, &id);
    struct store_snapshot *snapshot = NULL;
    struct buffer *bytes = arena_take_array(&consent->arena, 1, sizeof *bytes);
    struct slice kept;
    struct error error;
    bool found = false;

    buffer_init(bytes);
    cr_assert_eq(store_snapshot_open(consent->side.store, &snapshot, &error), BEHALF_OK);
    cr_assert_eq(store_record_find(snapshot, store_snapshot_head(snapshot), &key, record, bytes,
                                   &found, &error),
                 BEHALF_OK, "%s", error.message);
    store_snapshot_close(snapshot);
    /* The entries and the body, wherever they lie in the bytes. */
    kept = arena_copy(&consent->arena, buffer_slice(bytes));
    if (found) {
        record->body.data = kept.data + (record->body.data - bytes->data);
        for (size_t at = 0; at < record->entry_count; at++)
            record->entries[at].bytes.data =
                kept.data + (record->entries[at].bytes.data - bytes->data);
    }
    buffer_release(bytes);
    return found;
}

static const void *
block_of(struct consent *consent, struct buffer *block)
{
    const void *copy = arena_copy(&consent->arena, buffer_slice(block)).data;

    buffer_release(block);
    return copy;
}

const struct session *
consent_read_session(struct consent *consent, struct record_id id)
{
    struct store_record record;
    struct buffer block;
    struct error error;

    buffer_init(&block);
    cr_assert(find(consent, RECORD_SESSION, id, &record));
    cr_assert_eq(record_session(consent->side.store, &record, &block, &error), BEHALF_OK, "%s",
                 error.message);
    return block_of(consent, &block);
}

const struct grant *
consent_read_grant(struct consent *consent, struct record_id id)
{
    struct store_record record;
    struct buffer block;
    struct error error;

    buffer_init(&block);
    cr_assert(find(consent, RECORD_GRANT, id, &record));
    cr_assert_eq(record_grant(consent->side.store, &record, &block, &error), BEHALF_OK, "%s",
                 error.message);
    return block_of(consent, &block);
}

const char *
consent_body(struct consent *consent, enum record_kind kind, struct record_id id)
{
    struct store_record record;
    struct buffer json;
    const char *text;

    buffer_init(&json);
    cr_assert(find(consent, kind, id, &record));
    datum_print_encoded(record.body, &json);
    text = arena_copy(&consent->arena, buffer_slice(&json)).data;
    buffer_release(&json);
    return text;
}

uint64_t
consent_uses(struct consent *consent, struct record_id grant)
{
    struct store_record record;
    struct error error;
    uint64_t left = UINT64_MAX;

    if (find(consent, RECORD_USES, grant, &record))
        cr_assert_eq(record_uses(&record, &left, &error), BEHALF_OK, "%s", error.message);
    return left;
}

void
consent_assert_refused(struct consent *consent, uint64_t head, enum status status, const char *text)
{
    const struct engine_write *write = &consent->write;

    cr_assert_eq(write->status, status, "%s: %s", status_name(write->status), write->error.message);
    cr_assert_not_null(strstr(write->error.message, text), "%s", write->error.message);
    cr_assert_eq(consent_head(consent), head);
}
