/* record_store.c - numbered records whose values make all that they hold. */
#include "tests/support/record_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/datum.h"
#include "base/memory.h"

#define ENDS_FROM INT64_C(2000000000000000000)
#define CREATED INT64_C(1000000000000000000)
#define TEXT_SIZE 64
#define ARENA ((size_t)64 * 1024)

static void
must(enum status status, const struct error *error, const char *what)
{
    if (status == BEHALF_OK)
        return;
    fprintf(stderr, "%s: %s: %s\n", what, status_name(status), error->message);
    abort();
}

static _Noreturn void
wrong(const char *what, uint32_t number)
{
    fprintf(stderr, "%s %u is no version of it\n", what, number);
    abort();
}

static uint64_t
commit(struct store *store, struct store_transaction *transaction)
{
    uint64_t revision = 0;
    struct error error = {.status = BEHALF_OK};

    must(store_transaction_commit(transaction, CREATED, &revision, &error), &error, "commit");
    must(store_sync(store, &error), &error, "sync");
    return revision;
}

static struct store_transaction *
begin(struct store *store)
{
    struct store_transaction *transaction = NULL;
    struct error error = {.status = BEHALF_OK};

    must(store_transaction_begin(store, &transaction, &error), &error, "begin");
    return transaction;
}

void
record_store_open(struct record_store *record_store, struct store *store)
{
    static const char *const types[] = {"user", "agent", "document"};
    struct store_transaction *transaction = begin(store);
    uint16_t labels[BEHALF_COUNT_OF(types)];
    uint16_t relation;
    struct error error = {.status = BEHALF_OK};

    record_store->store = store;
    for (size_t at = 0; at < BEHALF_COUNT_OF(types); at++)
        must(store_transaction_label(transaction, LABEL_TYPE, slice_of(types[at]), &labels[at],
                                     &error),
             &error, "label");
    must(store_transaction_label(transaction, LABEL_RELATION, SLICE_LITERAL("viewer"), &relation,
                                 &error),
         &error, "label");
    must(store_transaction_node(transaction, labels[0], SLICE_LITERAL("ann"),
                                &record_store->principal, &error),
         &error, "node");
    must(store_transaction_node(transaction, labels[1], SLICE_LITERAL("bot"), &record_store->agent,
                                &error),
         &error, "node");
    (void)commit(store, transaction);
}

void
record_store_close(struct record_store *record_store)
{
    store_close(record_store->store);
}

struct record_id
record_store_id(uint32_t number)
{
    struct record_id id = {{0}};

    bytes_put_u64(id.bytes, digest_mix_u64(number + UINT64_C(1)));
    bytes_put_u64(id.bytes + 8, number);
    return id;
}

static uint64_t
node_of(uint32_t number)
{
    return (uint64_t)number + 1;
}

static struct store_record_key
key_of(enum record_kind kind, uint32_t number)
{
    struct record_id id = record_store_id(number);

    return kind == RECORD_ATTRIBUTES ? record_attributes_key(node_of(number))
                                     : record_key(kind, &id);
}

/* --- what a value makes --- */

/* Of several lengths. */
static struct slice
text_of(const char *what, uint32_t value, char text[TEXT_SIZE])
{
    int size = snprintf(text, TEXT_SIZE, "%s-%u-%.*s", what, value, (int)(value % 32),
                        "________________________________");

    return (struct slice){text, (size_t)size};
}

static void
encode_session(uint32_t value, struct arena *arena, struct buffer *body)
{
    char text[TEXT_SIZE];
    struct session_words words = {
        .principal = SLICE_LITERAL("user:ann"),
        .agent = SLICE_LITERAL("agent:bot"),
        .client = text_of("client", value, text),
        .created = CREATED,
        .expires_at = ENDS_FROM + value,
        .idle_timeout_s = value,
    };
    struct error error = {.status = BEHALF_OK};

    must(record_encode_session(&words, arena, body, &error), &error, "encode a session");
}

static void
encode_grant(uint32_t value, struct arena *arena, struct buffer *body)
{
    struct slice actions[] = {SLICE_LITERAL("viewer")};
    char text[TEXT_SIZE];
    struct element_words element = {text_of("document:d", value, text), actions, 1};
    struct approval_words approval = {.approver = SLICE_LITERAL("user:ann"), .at = CREATED};
    struct grant_words words = {
        .session = record_store_id(0),
        .delegator = SLICE_LITERAL("user:ann"),
        .delegatee = SLICE_LITERAL("agent:bot"),
        .scope = &element,
        .scope_count = 1,
        .expires_at = ENDS_FROM + value,
        .max_depth = value % 8,
        .approval = &approval,
    };
    struct error error = {.status = BEHALF_OK};

    /* Every other one is bound to a call. */
    if (value % 2 == 1) {
        words.binding.method = SLICE_LITERAL("tools/call");
        memset(words.binding.digest, (int)(value & 0xff), sizeof words.binding.digest);
    }
    must(record_encode_grant(&words, arena, body, &error), &error, "encode a grant");
}

static void
encode_attributes(uint32_t value, struct buffer *body)
{
    char text[TEXT_SIZE];
    const struct datum datum = {.kind = DATUM_STRING, .as.string = text_of("a", value, text)};
    const struct datum number = {.kind = DATUM_INT, .as.integer = value};
    const struct datum_field fields[] = {{SLICE_LITERAL("text"), &datum},
                                         {SLICE_LITERAL("value"), &number}};
    const struct datum map = {.kind = DATUM_MAP, .as.map = {fields, BEHALF_COUNT_OF(fields)}};

    datum_encode(&map, body);
}

/* `record` borrows from the other two. */
static void
make_record(const struct record_store *record_store, const struct record_value *value,
            struct buffer *body, struct record_entries *entries, struct store_record *record)
{
    struct record_id session = record_store_id(0);
    struct arena arena;
    char uses[4];

    arena_init(&arena, ARENA);
    *record = (struct store_record){.key = key_of(value->kind, value->number)};
    buffer_clear(body);
    if (value->kind == RECORD_SESSION) {
        encode_session(value->value, &arena, body);
        record_index_session(record, entries, record_store->principal, record_store->agent,
                             ENDS_FROM + value->value);
    } else if (value->kind == RECORD_GRANT) {
        encode_grant(value->value, &arena, body);
        record_index_grant(record, entries, &session, record_store->agent,
                           ENDS_FROM + value->value);
    } else if (value->kind == RECORD_ATTRIBUTES) {
        encode_attributes(value->value, body);
    } else {
        record_encode_uses(value->value, uses);
        buffer_add(body, uses, sizeof uses);
    }
    record->body = buffer_slice(body);
    arena_release(&arena);
}

uint32_t
record_store_session_value(const struct session *session, uint32_t number)
{
    struct record_id id = record_store_id(number);
    uint32_t value = (uint32_t)(session->expires_at - ENDS_FROM);
    char text[TEXT_SIZE];

    if (!record_id_equal(&session->id, &id) ||
        session->idle_timeout_ns != value * INT64_C(1000000000) ||
        !slice_equal(record_text(session, session->client), text_of("client", value, text)))
        wrong("session", number);
    return value;
}

uint32_t
record_store_grant_value(const struct grant *grant, uint32_t number)
{
    struct record_id id = record_store_id(number);
    uint32_t value = (uint32_t)(grant->expires_at - ENDS_FROM);
    const struct grant_element *elements = record_at(grant, grant->elements);
    struct slice method = value % 2 == 1 ? SLICE_LITERAL("tools/call") : SLICE_LITERAL("");
    uint8_t digest[32] = {0};
    char text[TEXT_SIZE];

    if (value % 2 == 1)
        memset(digest, (int)(value & 0xff), sizeof digest);
    if (!record_id_equal(&grant->id, &id) || grant->elements.count != 1 ||
        grant->max_depth != value % 8 || elements->actions.count != 1 ||
        !slice_equal(record_text(grant, elements->id), text_of("d", value, text)) ||
        !slice_equal(record_text(grant, grant->method), method) ||
        memcmp(grant->digest, digest, sizeof digest) != 0)
        wrong("grant", number);
    return value;
}

/* Of a stored body. */
static uint32_t
attributes_value(struct slice body, uint32_t number)
{
    const struct datum *map = NULL;
    const struct datum *value;
    struct buffer expected;
    struct arena arena;
    struct error error = {.status = BEHALF_OK};
    uint32_t result;

    arena_init(&arena, ARENA);
    must(datum_decode(body, &arena, &map, &error), &error, "decode");
    value = datum_field(map, SLICE_LITERAL("value"));
    if (value == NULL || value->kind != DATUM_INT)
        wrong("attributes", number);
    result = (uint32_t)value->as.integer;
    buffer_init(&expected);
    encode_attributes(result, &expected);
    if (!slice_equal(body, buffer_slice(&expected)))
        wrong("attributes", number);
    buffer_release(&expected);
    arena_release(&arena);
    return result;
}

/* --- writing --- */

uint64_t
record_store_commit(struct record_store *record_store, const struct record_value *values,
                    size_t count)
{
    struct store_transaction *transaction = begin(record_store->store);
    struct buffer body;
    struct error error = {.status = BEHALF_OK};

    buffer_init(&body);
    for (size_t at = 0; at < count; at++) {
        struct record_entries entries;
        struct store_record record;

        make_record(record_store, &values[at], &body, &entries, &record);
        if (values[at].value == 0)
            must(store_transaction_record_remove(transaction, &record.key, &error), &error,
                 "remove");
        else
            must(store_transaction_record_put(transaction, &record, &error), &error, "put");
    }
    buffer_release(&body);
    return commit(record_store->store, transaction);
}

void
record_store_block(const struct record_store *record_store, const struct record_value *value,
                   uint64_t revision, struct buffer *block)
{
    struct record_entries entries;
    struct store_record record;
    struct buffer body;
    struct error error = {.status = BEHALF_OK};
    uint64_t left = value->value;

    buffer_init(&body);
    make_record(record_store, value, &body, &entries, &record);
    record.created_revision = revision;
    if (value->kind == RECORD_SESSION) {
        must(record_session(record_store->store, &record, block, &error), &error, "decode");
    } else if (value->kind == RECORD_GRANT) {
        must(record_grant(record_store->store, &record, block, &error), &error, "decode");
    } else {
        buffer_clear(block);
        if (value->kind == RECORD_ATTRIBUTES)
            buffer_add_slice(block, record.body);
        else
            buffer_add(block, &left, sizeof left);
    }
    buffer_release(&body);
}

void
record_store_tell(const struct record_store *record_store, struct record_cache *cache,
                  const struct record_value *values, size_t count, uint64_t revision,
                  uint64_t published)
{
    struct record_change *changes = memory_new_array(count, sizeof *changes);
    struct buffer *blocks = memory_new_array(count, sizeof *blocks);

    for (size_t at = 0; at < count; at++) {
        buffer_init(&blocks[at]);
        changes[at] = (struct record_change){
            .key = key_of(values[at].kind, values[at].number),
            .revision = revision,
            .removed = values[at].value == 0,
        };
        if (changes[at].removed)
            continue;
        record_store_block(record_store, &values[at], revision, &blocks[at]);
        changes[at].block = blocks[at].data;
        changes[at].size = blocks[at].size;
    }
    record_cache_apply(cache, changes, count, published);
    for (size_t at = 0; at < count; at++)
        buffer_release(&blocks[at]);
    memory_free(blocks);
    memory_free(changes);
}

uint64_t
record_store_write(struct record_store *record_store, struct record_cache *cache,
                   enum record_kind kind, uint32_t number, uint32_t value)
{
    struct record_value one = {kind, number, value};
    uint64_t published = store_head_revision(record_store->store);
    uint64_t revision = record_store_commit(record_store, &one, 1);

    record_store_tell(record_store, cache, &one, 1, revision, published);
    record_cache_trim(cache, revision);
    return revision;
}

/* --- reading --- */

enum status
record_store_ask(struct record_cache *cache, struct graph_view *view, enum record_kind kind,
                 uint32_t number, struct arena *arena, uint32_t *value, struct error *error)
{
    struct record_id id = record_store_id(number);
    const struct session *session = NULL;
    const struct grant *grant = NULL;
    struct slice body = {NULL, 0};
    uint64_t left = 0;
    enum status status;

    if (kind == RECORD_ATTRIBUTES)
        status = record_cache_attributes(cache, view, node_of(number), arena, &body, error);
    else if (kind == RECORD_SESSION)
        status = record_cache_session(cache, view, &id, arena, &session, error);
    else if (kind == RECORD_GRANT)
        status = record_cache_grant(cache, view, &id, arena, &grant, error);
    else
        status = record_cache_uses(cache, view, &id, &left, error);
    if (status != BEHALF_OK)
        return status;
    *value = (uint32_t)left;
    if (session != NULL)
        *value = record_store_session_value(session, number);
    if (grant != NULL)
        *value = record_store_grant_value(grant, number);
    if (body.size > 0)
        *value = attributes_value(body, number);
    return BEHALF_OK;
}

uint32_t
record_store_find(const struct record_store *record_store, uint64_t revision, enum record_kind kind,
                  uint32_t number)
{
    struct store_record_key key = key_of(kind, number);
    struct store_snapshot *snapshot = NULL;
    struct store_record record;
    struct buffer bytes;
    struct buffer block;
    struct error error = {.status = BEHALF_OK};
    uint64_t left = 0;
    uint32_t value = 0;
    bool found = false;

    buffer_init(&bytes);
    buffer_init(&block);
    must(store_snapshot_open(record_store->store, &snapshot, &error), &error, "snapshot");
    must(store_record_find(snapshot, revision, &key, &record, &bytes, &found, &error), &error,
         "find");
    if (found && kind == RECORD_SESSION) {
        must(record_session(record_store->store, &record, &block, &error), &error, "decode");
        value = record_store_session_value((const struct session *)block.data, number);
    } else if (found && kind == RECORD_GRANT) {
        must(record_grant(record_store->store, &record, &block, &error), &error, "decode");
        value = record_store_grant_value((const struct grant *)block.data, number);
    } else if (found && kind == RECORD_ATTRIBUTES) {
        value = attributes_value(record.body, number);
    } else if (found) {
        must(record_uses(&record, &left, &error), &error, "decode");
        value = (uint32_t)left;
    }
    store_snapshot_close(snapshot);
    buffer_release(&block);
    buffer_release(&bytes);
    return value;
}
