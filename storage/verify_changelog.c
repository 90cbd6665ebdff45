/* verify_changelog.c - fsck of the changelog: dense, chained up to the head, and in agreement with
 * the families it describes. */
#include <inttypes.h>

#include "storage/verify.h"

static enum status
entry_wrong(struct error *error, uint64_t revision, const char *what)
{
    return error_set(error, BEHALF_STORAGE_CORRUPT, "changelog: revision %" PRIu64 " %s", revision,
                     what);
}

/* The value that a put made is in forward, or in history with this revision as its beginning. */
static enum status
put_check(struct verifier *verifier, uint64_t revision, const struct edge *edge,
          struct error *error)
{
    struct edge found_edge = {.created_revision = 0};
    struct edge wanted = *edge;
    uint64_t at = revision;
    bool found = false;
    enum status status;

    /* The newest state answers most puts; an older one is read at the revision of the put. */
    status = store_edge_find(verifier->snapshot, verifier->snapshot->head.revision, &edge->key,
                             &found_edge, &verifier->other, &found, error);
    if (status != BEHALF_OK)
        return status;
    if (!found || found_edge.created_revision != revision) {
        if (revision < verifier->horizon)
            return BEHALF_OK; /* its history may have been dropped */
        status = store_edge_find(verifier->snapshot, at, &edge->key, &found_edge, &verifier->other,
                                 &found, error);
        if (status == BEHALF_REVISION_EXPIRED)
            return BEHALF_OK; /* the horizon has moved since */
        if (status != BEHALF_OK)
            return status;
    }
    wanted.created_revision = revision;
    buffer_clear(&verifier->value);
    edge_value_encode(&wanted, &verifier->value);
    if (!found || !slice_equal(buffer_slice(&verifier->value), buffer_slice(&verifier->other)))
        return verify_edge_wrong(error, "changelog", &edge->key,
                                 "was put, but the indexes have it otherwise");
    return BEHALF_OK;
}

static enum status
remove_check(struct verifier *verifier, uint64_t revision, const struct edge *edge,
             struct error *error)
{
    bool found = false;
    enum status status;

    if (revision < verifier->horizon)
        return BEHALF_OK;
    status = store_edge_find(verifier->snapshot, revision, &edge->key, NULL, NULL, &found, error);
    if (status == BEHALF_REVISION_EXPIRED)
        return BEHALF_OK;
    if (status == BEHALF_OK && found)
        status = verify_edge_wrong(error, "changelog", &edge->key,
                                   "was removed, but the indexes still have it");
    return status;
}

static enum status
schema_check(struct verifier *verifier, uint64_t revision, struct slice text, struct error *error)
{
    char key[REVISION_KEY_SIZE];
    bool found = false;
    enum status status;

    bytes_put_u64(key, revision);
    status = verify_get(verifier, KV_SCHEMAS, (struct slice){key, sizeof key}, &found, error);
    if (status == BEHALF_OK && (!found || !slice_equal(text, buffer_slice(&verifier->other))))
        status = entry_wrong(error, revision, "wrote another schema than stands in schemas");
    return status;
}

static enum status
name_check(struct verifier *verifier, uint64_t revision, uint64_t node, struct slice name,
           struct error *error)
{
    char key[NODE_KEY_SIZE];
    bool found = false;
    enum status status;

    bytes_put_u64(key, node);
    status = verify_get(verifier, KV_NODES, (struct slice){key, sizeof key}, &found, error);
    if (status == BEHALF_OK && (!found || !slice_equal(name, buffer_slice(&verifier->other))))
        status = entry_wrong(error, revision, "introduced a name that nodes has otherwise");
    return status;
}

static enum status
record_check(struct verifier *verifier, uint64_t revision, const struct changelog_record *record,
             struct error *error)
{
    enum status status = BEHALF_OK;

    switch (record->kind) {
    case CHANGELOG_LABEL:
        status = name_check(verifier, revision, LABEL_NODE(record->label_kind, record->label),
                            record->bytes, error);
        break;
    case CHANGELOG_NODE:
        status = name_check(verifier, revision, record->node, record->bytes, error);
        break;
    case CHANGELOG_PUT:
        status = put_check(verifier, revision, &record->edge, error);
        break;
    case CHANGELOG_REMOVE:
        status = remove_check(verifier, revision, &record->edge, error);
        break;
    case CHANGELOG_SCHEMA:
        status = schema_check(verifier, revision, record->bytes, error);
        break;
    case CHANGELOG_RECORD_PUT:
    case CHANGELOG_RECORD_REMOVE:
        status = verify_record_change(verifier, revision, record, error);
        break;
    case CHANGELOG_METADATA:
    case CHANGELOG_CALLER:
    case CHANGELOG_SWEEP:   /* checked on commit and replay; its edges are gone */
    case CHANGELOG_REQUEST: /* may be dropped; requests_visit checks the others */
        break;
    }
    return status;
}

static enum status
entry_visit(struct verifier *verifier, struct slice key, struct slice value, struct error *error)
{
    struct changelog_reader reader;
    struct changelog_header header;
    struct changelog_record record;
    uint64_t revision = 0;
    uint64_t horizon = store_horizon(verifier->store); /* may move during the run */
    enum status status = number_decode("changelog key", key, &revision, error);

    if (status != BEHALF_OK || revision <= horizon)
        return status;
    if (verifier->next_revision <= horizon)
        verifier->next_revision = horizon + 1;
    if (revision != verifier->next_revision)
        return entry_wrong(error, verifier->next_revision, "is missing");
    verifier->next_revision++;
    status = changelog_open(value, &reader, &header, error);
    if (status != BEHALF_OK)
        return status;
    /* The first entry that is kept: the entry before it is gone, so its own link is believed. */
    if (horizon > 0 && revision == horizon + 1)
        memcpy(verifier->chain, header.previous, DIGEST_SIZE);
    if (header.revision != revision || memcmp(header.previous, verifier->chain, DIGEST_SIZE) != 0)
        return entry_wrong(error, revision, "does not continue the chain");
    changelog_chain(verifier->chain, value, verifier->chain);
    while ((status = changelog_next(&reader, &record, error)) == BEHALF_OK) {
        status = record_check(verifier, revision, &record, error);
        if (status != BEHALF_OK)
            break;
    }
    return status == BEHALF_DONE ? BEHALF_OK : status;
}

/* Searches an entry for a record of a kind. */
static enum status
record_find(struct slice entry, enum changelog_kind kind, struct changelog_header *header,
            struct changelog_record *record, bool *found, struct error *error)
{
    struct changelog_reader reader;
    enum status status = changelog_open(entry, &reader, header, error);

    *found = false;
    if (status != BEHALF_OK)
        return status;
    while (!*found && (status = changelog_next(&reader, record, error)) == BEHALF_OK)
        *found = record->kind == kind;
    return status == BEHALF_DONE ? BEHALF_OK : status;
}

static enum status
schema_visit(struct verifier *verifier, struct slice key, struct slice value, struct error *error)
{
    struct changelog_header header;
    struct changelog_record record;
    uint64_t revision = 0;
    bool found = false;
    enum status status = number_decode("schema key", key, &revision, error);

    (void)value; /* compared from the changelog's side */
    if (status == BEHALF_OK)
        status = verify_get(verifier, KV_CHANGELOG, key, &found, error);
    if (status == BEHALF_OK && found)
        status = record_find(buffer_slice(&verifier->other), CHANGELOG_SCHEMA, &header, &record,
                             &found, error);
    if (status == BEHALF_OK && !found && revision > store_horizon(verifier->store))
        status = error_set(error, BEHALF_STORAGE_CORRUPT,
                           "schemas: no transaction %" PRIu64 " wrote a schema", revision);
    return status;
}

static enum status
request_visit(struct verifier *verifier, struct slice key, struct slice value, struct error *error)
{
    struct store_request request = {.revision = 0};
    struct changelog_header header = {.revision = 0};
    struct changelog_record record;
    char revision[REVISION_KEY_SIZE];
    bool found = false;
    enum status status = request_decode(key, value, &request, error);

    if (status != BEHALF_OK)
        return status;
    bytes_put_u64(revision, request.revision);
    status = verify_get(verifier, KV_CHANGELOG, (struct slice){revision, sizeof revision}, &found,
                        error);
    if (status == BEHALF_OK && found)
        status = record_find(buffer_slice(&verifier->other), CHANGELOG_REQUEST, &header, &record,
                             &found, error);
    if (status != BEHALF_OK ||
        (request.revision > 0 && request.revision <= store_horizon(verifier->store)))
        return status;
    if (!found || header.time_ns != request.time_ns ||
        memcmp(record.bytes.data, key.data, REQUEST_DIGEST_SIZE) != 0 ||
        memcmp(record.digest, request.digest, DIGEST_SIZE) != 0)
        return error_set(error, BEHALF_STORAGE_CORRUPT,
                         "requests: revision %" PRIu64 " was not written under this key",
                         request.revision);
    return BEHALF_OK;
}

enum status
verify_changelog(struct verifier *verifier, struct error *error)
{
    const struct store_head *head = &verifier->snapshot->head;
    enum status status = verify_each(verifier, KV_CHANGELOG, entry_visit, error);

    bool kept = head->revision > store_horizon(verifier->store);

    if (status != BEHALF_OK)
        return status;
    if (kept && verifier->next_revision != head->revision + 1)
        return entry_wrong(error, head->revision, "is the head, but the changelog ends elsewhere");
    if (kept && memcmp(verifier->chain, head->chain, DIGEST_SIZE) != 0)
        return entry_wrong(error, head->revision, "does not have the hash of the head record");
    status = verify_each(verifier, KV_SCHEMAS, schema_visit, error);
    if (status == BEHALF_OK)
        status = verify_each(verifier, KV_REQUESTS, request_visit, error);
    return status;
}
