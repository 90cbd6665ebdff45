/* audit_position.c - the note of the follower, and the changes in the lines after it. */
#include "engine/audit_position.h"

#include "base/bytes.h"
#include "base/datum.h"
#include "engine/audit_change.h"

#define NOTE_VERSION 1
#define NOTE_SIZE (1 + INCARNATION_SIZE + 8 + 8)
#define LINE_ARENA_CAP ((size_t)8 * 1024 * 1024)

struct note {
    uint8_t incarnation[INCARNATION_SIZE];
    uint64_t revision;
    uint64_t size;
};

enum status
audit_position_keep(struct audit *audit, struct slice incarnation, uint64_t revision, uint64_t size,
                    struct error *error)
{
    uint8_t bytes[NOTE_SIZE] = {NOTE_VERSION};

    BEHALF_ASSERT(incarnation.size == INCARNATION_SIZE);
    memcpy(bytes + 1, incarnation.data, INCARNATION_SIZE);
    bytes_put_u64(bytes + 1 + INCARNATION_SIZE, revision);
    bytes_put_u64(bytes + 1 + INCARNATION_SIZE + 8, size);
    return audit_keep_note(audit, (struct slice){(const char *)bytes, sizeof bytes}, error);
}

static enum status
read_note(struct audit *audit, struct note *note, bool *found, struct error *error)
{
    struct buffer bytes;
    enum status status;

    buffer_init(&bytes);
    status = audit_read_note(audit, &bytes, found, error);
    if (status == BEHALF_OK && *found && (bytes.size != NOTE_SIZE || bytes.data[0] != NOTE_VERSION))
        status = error_set(error, BEHALF_STORAGE_CORRUPT,
                           "the note beside the audit log, which says how far it has followed the "
                           "changes, is damaged");
    if (status == BEHALF_OK && *found) {
        memcpy(note->incarnation, bytes.data + 1, INCARNATION_SIZE);
        note->revision = bytes_get_u64(bytes.data + 1 + INCARNATION_SIZE);
        note->size = bytes_get_u64(bytes.data + 1 + INCARNATION_SIZE + 8);
    }
    buffer_release(&bytes);
    return status;
}

/* --- the lines after the note --- */

static bool
number_of(const struct datum *line, struct slice key, uint64_t *number)
{
    const struct datum *value = datum_field(line, key);

    if (value == NULL || value->kind != DATUM_INT || value->as.integer < 0)
        return false;
    *number = (uint64_t)value->as.integer;
    return true;
}

/* Moves the place behind what a line says. Decisions, which are most lines, are passed over before
 * they are parsed: no string of JSON can hold these bytes. */
static enum status
pass_line(struct slice line, struct arena *arena, struct audit_position *place, struct error *error)
{
    static const char decision[] = "\"event\":\"decision\"";
    const struct datum *datum;
    const struct datum *event;
    uint64_t revision = 0;
    enum status status;

    if (memmem(line.data, line.size, decision, sizeof decision - 1) != NULL)
        return BEHALF_OK;
    arena_reset(arena, LINE_ARENA_CAP);
    status = datum_parse_json(line, arena, &datum, error);
    if (status != BEHALF_OK)
        return error_set(error, BEHALF_STORAGE_CORRUPT, "a line of the audit log is no JSON");
    event = datum->kind == DATUM_MAP ? datum_field(datum, SLICE_LITERAL("event")) : NULL;
    if (event == NULL || event->kind != DATUM_STRING)
        return BEHALF_OK;
    if (slice_equal(event->as.string, SLICE_LITERAL(AUDIT_GAP_EVENT)) &&
        number_of(datum, SLICE_LITERAL("to"), &revision)) {
        *place = (struct audit_position){.revision = revision + 1};
    } else if (audit_change_made(event->as.string) &&
               number_of(datum, SLICE_LITERAL("revision"), &revision)) {
        if (revision != place->revision)
            *place = (struct audit_position){.revision = revision};
        place->events++;
    }
    return BEHALF_OK;
}

static enum status
pass_lines(const char *directory, uint64_t from, struct audit_position *place, struct error *error)
{
    struct audit_reader *reader = NULL;
    struct arena arena;
    struct slice line;
    uint64_t first = 0;
    uint64_t size = 0;
    uint64_t seq;
    enum status status = audit_reader_open(directory, &reader, error);

    arena_init(&arena, LINE_ARENA_CAP);
    if (status == BEHALF_OK)
        status = audit_reader_bounds(reader, &first, &size, error);
    if (status == BEHALF_OK && from > size)
        status = error_set(error, BEHALF_STORAGE_CORRUPT,
                           "the audit log is shorter than when the note beside it was written");
    if (status == BEHALF_OK)
        status = audit_reader_seek(reader, from > first ? from : first, error);
    while (status == BEHALF_OK &&
           (status = audit_reader_next(reader, &seq, &line, error)) == BEHALF_OK)
        status = pass_line(line, &arena, place, error);
    arena_release(&arena);
    audit_reader_close(reader);
    return status == BEHALF_DONE ? BEHALF_OK : status;
}

/* In a new incarnation that has written nothing yet, what the old one had in common with it may be
 * left to follow. Of one that began without the audit nobody knows where it did. Noted before
 * anything is put: the lines after the note are then those of this incarnation, but for a revision
 * that was put in part and is common to both. */
static enum status
enter_incarnation(struct audit *audit, struct store *store, const struct note *note,
                  struct audit_position *place, struct error *error)
{
    uint64_t head = store_head_revision(store);
    struct audit_stats stats;

    if (!store_needs_stop(store))
        *place = (struct audit_position){.revision = 1};
    else if (place->revision > head)
        *place = (struct audit_position){.revision = head + 1};
    audit_stats_read(audit, &stats);
    return audit_position_keep(audit, store_incarnation(store), place->revision - 1,
                               place->events > 0 ? note->size : stats.size, error);
}

enum status
audit_position_find(struct audit *audit, const char *directory, struct store *store,
                    struct audit_position *place, struct error *error)
{
    struct note note = {.revision = 0};
    uint64_t head = store_head_revision(store);
    bool found = false;
    bool same;
    enum status status = read_note(audit, &note, &found, error);

    *place = (struct audit_position){.revision = note.revision + 1};
    if (status == BEHALF_OK && found)
        status = pass_lines(directory, note.size, place, error);
    if (status != BEHALF_OK || !found)
        return status;
    same = memcmp(note.incarnation, store_incarnation(store).data, INCARNATION_SIZE) == 0;
    if (same && place->revision > head + 1)
        return error_set(error, BEHALF_STORAGE_CORRUPT,
                         "the audit log has followed changes that the store does not have");
    return same ? BEHALF_OK : enter_incarnation(audit, store, &note, place, error);
}
