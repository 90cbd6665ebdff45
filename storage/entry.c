/* entry.c - a changelog entry for those above the store: its changes in their order, and what it
 * says of its transaction.
 * Always true: what is given of an entry is what commit wrote into it; the names of nodes and
 * labels, which the entry has only where they are new, are passed over. */
#include "storage/changelog.h"

enum status
store_entry_next(struct store_entry_cursor *cursor, struct store_entry_change *change,
                 struct error *error)
{
    struct changelog_reader reader = {cursor->rest, (enum changelog_kind)cursor->last};
    struct changelog_record record;
    bool is_change = false;
    enum status status = BEHALF_OK;

    while (!is_change && (status = changelog_next(&reader, &record, error)) == BEHALF_OK) {
        is_change = true;
        *change = (struct store_entry_change){.edge = record.edge, .record = record.record};
        switch (record.kind) {
        case CHANGELOG_PUT:
            change->kind = ENTRY_EDGE_PUT;
            change->edge.created_revision = cursor->revision;
            break;
        case CHANGELOG_REMOVE:
            change->kind = ENTRY_EDGE_REMOVE;
            break;
        case CHANGELOG_SCHEMA:
            change->kind = ENTRY_SCHEMA;
            change->schema = record.bytes;
            break;
        case CHANGELOG_RECORD_PUT:
            change->kind = ENTRY_RECORD_PUT;
            change->record.created_revision = cursor->revision;
            break;
        case CHANGELOG_RECORD_REMOVE:
            change->kind = ENTRY_RECORD_REMOVE;
            break;
        case CHANGELOG_LABEL:
        case CHANGELOG_NODE:
        case CHANGELOG_METADATA:
        case CHANGELOG_REQUEST:
        case CHANGELOG_SWEEP:
        case CHANGELOG_CALLER:
            is_change = false;
            break;
        }
    }
    cursor->rest = reader.rest;
    cursor->last = reader.last;
    return status;
}

enum status
store_entry_open(struct slice entry, struct store_entry *head, struct store_entry_cursor *cursor,
                 struct error *error)
{
    struct changelog_reader reader;
    struct changelog_header header;
    struct changelog_record record;
    enum status status = changelog_open(entry, &reader, &header, error);

    if (status != BEHALF_OK)
        return status;
    *head = (struct store_entry){.revision = header.revision, .time_ns = header.time_ns};
    *cursor = (struct store_entry_cursor){reader.rest, reader.last, header.revision};
    while ((status = changelog_next(&reader, &record, error)) == BEHALF_OK) {
        switch (record.kind) {
        case CHANGELOG_PUT:
        case CHANGELOG_REMOVE:
        case CHANGELOG_SCHEMA:
        case CHANGELOG_RECORD_PUT:
        case CHANGELOG_RECORD_REMOVE:
            head->change_count++;
            break;
        case CHANGELOG_METADATA:
            head->metadata = record.bytes;
            break;
        case CHANGELOG_SWEEP:
            head->is_sweep = true;
            break;
        case CHANGELOG_CALLER:
            head->caller = record.bytes;
            break;
        case CHANGELOG_LABEL:
        case CHANGELOG_NODE:
        case CHANGELOG_REQUEST:
            break;
        }
    }
    return status == BEHALF_DONE ? BEHALF_OK : status;
}
