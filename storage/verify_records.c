/* verify_records.c - fsck of records: indexes, history and changelog, and the shape of `seen`.
 * Records and index entries are walked, each against the other; records and their versions in
 * history against the changelog, which is walked against them by verify_changelog.c. */
#include <inttypes.h>
#include <stdio.h>

#include "storage/verify.h"

enum status
verify_record_wrong(struct error *error, const char *family, const struct store_record_key *key,
                    const char *what)
{
    char digits[2 * STORE_RECORD_ID_MAX + 1] = "";

    for (size_t index = 0; index < key->id_size; index++)
        (void)snprintf(digits + 2 * index, 3, "%02x", key->id[index]);
    return error_set(error, BEHALF_STORAGE_CORRUPT, "%s: the record %d %s %s", family,
                     (int)key->kind, digits, what);
}

/* --- the changelog's side --- */

static bool
keys_equal(const struct store_record_key *a, const struct store_record_key *b)
{
    return a->kind == b->kind && a->id_size == b->id_size && memcmp(a->id, b->id, a->id_size) == 0;
}

/* Searches the entry of a revision for the change of a record; its slices are in verifier->other.
 * Up to the horizon, which may move during the run, nothing is looked for: *kept is false. */
static enum status
change_find(struct verifier *verifier, uint64_t revision, const struct store_record_key *key,
            struct changelog_record *change, bool *kept, bool *found, struct error *error)
{
    struct changelog_reader reader;
    struct changelog_header header;
    enum status status =
        store_changelog_read(verifier->snapshot, revision, &verifier->other, error);

    *found = false;
    *kept = status != BEHALF_REVISION_EXPIRED;
    if (!*kept || status == BEHALF_REVISION_UNKNOWN)
        return BEHALF_OK;
    if (status == BEHALF_OK)
        status = changelog_open(buffer_slice(&verifier->other), &reader, &header, error);
    while (status == BEHALF_OK && !*found) {
        status = changelog_next(&reader, change, error);
        *found = status == BEHALF_OK && change->kind >= CHANGELOG_RECORD_PUT &&
                 keys_equal(&change->record.key, key);
    }
    return status == BEHALF_DONE ? BEHALF_OK : status;
}

/* The transaction of its created revision put exactly this value. */
static enum status
put_present(struct verifier *verifier, const char *family, const struct store_record *record,
            struct slice value, struct error *error)
{
    const struct slice tail = {value.data + 8, value.size - 8};
    struct changelog_record change;
    bool kept = false;
    bool found = false;
    enum status status = change_find(verifier, record->created_revision, &record->key, &change,
                                     &kept, &found, error);

    if (status != BEHALF_OK || !kept)
        return status;
    if (!found || change.kind != CHANGELOG_RECORD_PUT || !slice_equal(change.bytes, tail))
        return verify_record_wrong(error, family, &record->key, "was not put so by the changelog");
    return BEHALF_OK;
}

/* The value that a put made is in records, or in history with this revision as its beginning. Uses
 * are in no history, so theirs is there, or a later one is, or they were removed. */
static enum status
put_check(struct verifier *verifier, uint64_t revision, const struct changelog_record *change,
          struct error *error)
{
    const struct store_record_key *key = &change->record.key;
    struct store_record record = {.created_revision = 0};
    bool found = false;
    enum status status = store_record_find(verifier->snapshot, verifier->snapshot->head.revision,
                                           key, &record, &verifier->other, &found, error);

    if (status == BEHALF_OK && key->kind == RECORD_USES &&
        (!found || record.created_revision > revision))
        return BEHALF_OK;
    if (status == BEHALF_OK && key->kind != RECORD_USES &&
        (!found || record.created_revision != revision)) {
        if (revision < verifier->horizon)
            return BEHALF_OK;
        status = store_record_find(verifier->snapshot, revision, key, &record, &verifier->other,
                                   &found, error);
        if (status == BEHALF_REVISION_EXPIRED)
            return BEHALF_OK; /* the horizon has moved since */
    }
    if (status != BEHALF_OK)
        return status;
    if (!found || record.created_revision != revision ||
        !slice_equal((struct slice){verifier->other.data + 8, verifier->other.size - 8},
                     change->bytes))
        return verify_record_wrong(error, "changelog", key,
                                   "was put, but records have it otherwise");
    return BEHALF_OK;
}

static enum status
remove_check(struct verifier *verifier, uint64_t revision, const struct store_record_key *key,
             struct error *error)
{
    struct store_record record = {.created_revision = 0};
    bool found = false;
    enum status status;

    if (revision < verifier->horizon)
        return BEHALF_OK;
    status = store_record_find(verifier->snapshot, revision, key, &record, &verifier->other, &found,
                               error);
    if (status == BEHALF_REVISION_EXPIRED)
        return BEHALF_OK;
    /* Of uses the newest value is found, which may have been put again since. */
    if (status == BEHALF_OK && found && record.created_revision <= revision)
        status =
            verify_record_wrong(error, "changelog", key, "was removed, but records still have it");
    return status;
}

enum status
verify_record_change(struct verifier *verifier, uint64_t revision,
                     const struct changelog_record *change, struct error *error)
{
    if (change->kind == CHANGELOG_RECORD_PUT)
        return put_check(verifier, revision, change, error);
    return remove_check(verifier, revision, &change->record.key, error);
}

/* --- history --- */

enum status
verify_record_version(struct verifier *verifier, struct slice key, struct slice value,
                      struct error *error)
{
    const struct slice versions = {key.data, key.size - 8};
    const struct slice record_key = {key.data + 1, key.size - 1 - 8};
    struct store_record record;
    struct store_record now;
    struct changelog_record change;
    uint64_t deleted = 0;
    bool kept = false;
    bool found = false;
    const char *wrong = NULL;
    enum status status = record_history_key_decode(key, &record.key, &deleted, error);

    if (status == BEHALF_OK)
        status = record_value_decode(value, &record, error);
    if (status != BEHALF_OK)
        return status;
    wrong = verify_interval(verifier, versions, record.created_revision, deleted);
    if (wrong != NULL)
        return verify_record_wrong(error, "history", &record.key, wrong);
    status = verify_get(verifier, KV_RECORDS, record_key, &found, error);
    if (status == BEHALF_OK && found)
        status = record_value_decode(buffer_slice(&verifier->other), &now, error);
    if (status == BEHALF_OK && found && now.created_revision < deleted)
        status =
            verify_record_wrong(error, "history", &record.key, "ended after the value in force");
    if (status == BEHALF_OK)
        status = change_find(verifier, deleted, &record.key, &change, &kept, &found, error);
    if (status == BEHALF_OK && kept && !found)
        status =
            verify_record_wrong(error, "history", &record.key, "was not ended by the changelog");
    if (status == BEHALF_OK)
        status = put_present(verifier, "history", &record, value, error);
    return status;
}

/* --- records and their indexes --- */

static enum status
entry_present(struct verifier *verifier, enum record_index index, struct slice entry,
              struct slice record_key, const struct store_record_key *key, struct error *error)
{
    char bytes[INDEX_KEY_SIZE_MAX];
    bool found = false;
    enum status status =
        verify_get(verifier, KV_RECORD_INDEX, index_key_encode(index, entry, record_key, bytes),
                   &found, error);

    if (status == BEHALF_OK && !found)
        status = verify_record_wrong(error, "record_index", key, "has no entry");
    return status;
}

static enum status
record_visit(struct verifier *verifier, struct slice key, struct slice value, struct error *error)
{
    struct store_record record;
    char ends[8];
    enum status status = record_key_decode(key, &record.key, error);

    if (status == BEHALF_OK)
        status = record_value_decode(value, &record, error);
    if (status != BEHALF_OK)
        return status;
    if (record.created_revision > verifier->snapshot->head.revision)
        return verify_record_wrong(error, "records", &record.key,
                                   "was created after the head revision");
    store_time_encode(record.ends, ends);
    if (record.ends != 0)
        status = entry_present(verifier, RECORD_INDEX_ENDS, (struct slice){ends, sizeof ends}, key,
                               &record.key, error);
    for (size_t at = 0; status == BEHALF_OK && at < record.entry_count; at++)
        status = entry_present(verifier, record.entries[at].index, record.entries[at].bytes, key,
                               &record.key, error);
    if (status == BEHALF_OK)
        status = put_present(verifier, "records", &record, value, error);
    return status;
}

static bool
has_entry(const struct store_record *record, enum record_index index, struct slice entry)
{
    if (index == RECORD_INDEX_ENDS)
        return record->ends != 0 && time_to_bits(record->ends) == bytes_get_u64(entry.data);
    for (size_t at = 0; at < record->entry_count; at++) {
        if (record->entries[at].index == index && slice_equal(record->entries[at].bytes, entry))
            return true;
    }
    return false;
}

static enum status
index_visit(struct verifier *verifier, struct slice key, struct slice value, struct error *error)
{
    struct store_record record = {.entry_count = 0};
    enum record_index index = RECORD_INDEX_ENDS;
    struct slice entry = {NULL, 0};
    struct slice record_key;
    char bytes[RECORD_KEY_SIZE_MAX];
    bool found = false;
    enum status status = index_key_decode(key, &index, &entry, &record.key, error);

    if (status != BEHALF_OK)
        return status;
    record_key = record_key_encode(&record.key, bytes);
    status = verify_get(verifier, KV_RECORDS, record_key, &found, error);
    if (status == BEHALF_OK && found)
        status = record_value_decode(buffer_slice(&verifier->other), &record, error);
    if (status == BEHALF_OK && (!found || value.size != 0 || !has_entry(&record, index, entry)))
        status = verify_record_wrong(error, "record_index", &record.key,
                                     "has an entry that is not its own");
    return status;
}

static enum status
seen_visit(struct verifier *verifier, struct slice key, struct slice value, struct error *error)
{
    struct store_seen seen;

    (void)verifier;
    return seen_decode(key, value, &seen, error);
}

enum status
verify_records(struct verifier *verifier, struct error *error)
{
    enum status status = verify_each(verifier, KV_RECORDS, record_visit, error);

    if (status == BEHALF_OK)
        status = verify_each(verifier, KV_RECORD_INDEX, index_visit, error);
    if (status == BEHALF_OK)
        status = verify_each(verifier, KV_SEEN, seen_visit, error);
    return status;
}
