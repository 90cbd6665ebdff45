/* verify.c - reads a whole log and looks whether everything in it fits.
 *
 * One pass in the order of records. Beside it runs a second pass over the checkpoints, which are in
 * the order of their sizes: where the tree has the size of the next one, their roots are compared.
 * Of segments that were dropped their roots are taken as they stand: the checkpoints after them
 * cover them. */
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "audit/checkpoint.h"
#include "audit/reader.h"
#include "audit/record.h"

#define NOTES_BYTES ((size_t)64 * 1024)
#define GO_ON_EVERY 4096

/* The checkpoints, one after the other. */
struct notes {
    int fd;
    uint64_t offset; /* of `text` in the file */
    struct buffer text;
    size_t used;
    bool ended;
    bool has_next;
    struct checkpoint next;
};

struct verifier {
    struct audit_reader *reader;
    struct checkpoint_key key;
    struct notes notes;
    bool has_asked;  /* a checkpoint that the caller gave */
    bool asked_seen; /* and it was compared */
    struct checkpoint asked;
    struct merkle_frontier tree;
    struct merkle_frontier subtree;
    uint8_t previous[DIGEST_SIZE];
    uint64_t first;
    uint64_t size;
    struct audit_verification *found;
};

/* --- what is wrong --- */

static void wrong(struct verifier *verifier, uint64_t seq, const char *file, uint64_t offset,
                  const char *format, ...) BEHALF_PRINTF(5, 6);

static void
wrong(struct verifier *verifier, uint64_t seq, const char *file, uint64_t offset,
      const char *format, ...)
{
    struct audit_verification *found = verifier->found;
    va_list arguments;

    if (!found->ok)
        return;
    found->ok = false;
    found->wrong_seq = seq;
    found->wrong_offset = offset;
    (void)snprintf(found->wrong_file, sizeof found->wrong_file, "%s", file);
    va_start(arguments, format);
    (void)vsnprintf(found->wrong, sizeof found->wrong, format, arguments);
    va_end(arguments);
}

/* --- checkpoints --- */

static enum status
fill_notes(struct notes *notes, struct error *error)
{
    ssize_t count;

    buffer_drop(&notes->text, notes->used);
    notes->offset += notes->used;
    notes->used = 0;
    count = pread(notes->fd, buffer_reserve(&notes->text, NOTES_BYTES), NOTES_BYTES,
                  (off_t)(notes->offset + notes->text.size));
    if (count < 0)
        return files_error("read", "checkpoints", error);
    buffer_added(&notes->text, (size_t)count);
    notes->ended = count == 0;
    return BEHALF_OK;
}

/* Goes to the next checkpoint. What is none is what is wrong. */
static enum status
next_note(struct verifier *verifier, struct error *error)
{
    struct notes *notes = &verifier->notes;
    struct checkpoint before = notes->next;
    struct error problem;
    size_t length = 0;
    enum status status = BEHALF_DONE;

    notes->has_next = false;
    while (status == BEHALF_DONE) {
        const struct slice rest = {notes->text.data + notes->used, notes->text.size - notes->used};

        status = checkpoint_read(&verifier->key, rest, &notes->next, &length, &problem);
        if (status == BEHALF_DONE && notes->ended) {
            if (rest.size > 0)
                wrong(verifier, before.size, "checkpoints", notes->offset + notes->used,
                      "the last checkpoint is torn");
            return BEHALF_OK;
        }
        if (status == BEHALF_DONE && fill_notes(notes, error) != BEHALF_OK)
            return error->status;
    }
    if (status != BEHALF_OK) {
        wrong(verifier, before.size, "checkpoints", notes->offset + notes->used, "%s",
              problem.message);
        return BEHALF_OK;
    }
    if (notes->next.size < before.size) {
        wrong(verifier, before.size, "checkpoints", notes->offset + notes->used,
              "a checkpoint of %" PRIu64 " records after one of %" PRIu64, notes->next.size,
              before.size);
        return BEHALF_OK;
    }
    notes->used += length;
    notes->has_next = true;
    return BEHALF_OK;
}

static void
compare_root(struct verifier *verifier, const struct checkpoint *checkpoint, const char *file)
{
    uint8_t root[DIGEST_SIZE];

    merkle_root(&verifier->tree, root);
    if (memcmp(root, checkpoint->root, DIGEST_SIZE) != 0)
        wrong(verifier, checkpoint->size == 0 ? 0 : checkpoint->size - 1, file, 0,
              "the records up to here do not give the root of the checkpoint of %" PRIu64
              " records",
              checkpoint->size);
}

/* Where the records were dropped, the log's own checkpoint of the same size still tells. */
static void
compare_asked_note(struct verifier *verifier, const struct checkpoint *own)
{
    if (!verifier->has_asked || verifier->asked.size != own->size)
        return;
    verifier->asked_seen = true;
    if (memcmp(verifier->asked.root, own->root, DIGEST_SIZE) != 0)
        wrong(verifier, own->size == 0 ? 0 : own->size - 1, "checkpoints", 0,
              "the log signed another root than that of the checkpoint given");
}

/* The tree has grown by a record or a segment: the checkpoints of its size fit. Those inside of a
 * segment that was dropped cannot be looked at. */
static enum status
compare_checkpoints(struct verifier *verifier, struct error *error)
{
    struct notes *notes = &verifier->notes;
    enum status status = BEHALF_OK;

    while (status == BEHALF_OK && verifier->found->ok && notes->has_next &&
           notes->next.size <= verifier->tree.size) {
        if (notes->next.size == verifier->tree.size)
            compare_root(verifier, &notes->next, "checkpoints");
        compare_asked_note(verifier, &notes->next);
        verifier->found->signed_records = notes->next.size;
        status = next_note(verifier, error);
    }
    if (verifier->has_asked && verifier->asked.size == verifier->tree.size) {
        compare_root(verifier, &verifier->asked, "the checkpoint given");
        verifier->asked_seen = true;
    }
    return status;
}

/* --- records --- */

static enum status
check_leaf(struct verifier *verifier, uint64_t seq, struct error *error)
{
    const uint64_t offset = seq % AUDIT_SEGMENT_RECORDS * DIGEST_SIZE;
    uint8_t kept[DIGEST_SIZE];
    char name[FILES_NAME_SIZE];
    enum status status;

    /* tree_leaf_count opens the segment's leaves. */
    uint64_t count;

    status = tree_leaf_count(&verifier->reader->tree, seq / AUDIT_SEGMENT_RECORDS, &count, error);
    if (status != BEHALF_OK)
        return status;
    files_name(FILES_LEAVES, seq / AUDIT_SEGMENT_RECORDS, name);
    status = files_read(verifier->reader->tree.leaves, name, kept, sizeof kept, offset, error);
    if (status == BEHALF_OK && memcmp(kept, verifier->previous, DIGEST_SIZE) != 0)
        wrong(verifier, seq, name, offset, "the line does not have this hash");
    return status;
}

static void
check_root(struct verifier *verifier, uint64_t segment)
{
    uint8_t root[DIGEST_SIZE];
    uint8_t kept[DIGEST_SIZE];
    uint64_t roots = 0;
    struct error ignored;

    merkle_root(&verifier->subtree, root);
    verifier->subtree = (struct merkle_frontier){.size = 0};
    if (tree_root_count(&verifier->reader->tree, &roots, &ignored) != BEHALF_OK || segment >= roots)
        return; /* the segment was just filled */
    if (files_read(verifier->reader->tree.roots, "roots", kept, sizeof kept, segment * DIGEST_SIZE,
                   &ignored) != BEHALF_OK ||
        memcmp(kept, root, DIGEST_SIZE) != 0)
        wrong(verifier, segment * AUDIT_SEGMENT_RECORDS, "roots", segment * DIGEST_SIZE,
              "the segment's records do not have this root");
}

static enum status
check_record(struct verifier *verifier, uint64_t seq, struct slice line, uint64_t offset,
             struct error *error)
{
    char name[FILES_NAME_SIZE];
    enum status status;

    files_name(FILES_LINES, seq / AUDIT_SEGMENT_RECORDS, name);
    if (!record_is_next(line, seq, verifier->previous)) {
        wrong(verifier, seq, name, offset, "the line is not the one after the record before");
        return BEHALF_OK;
    }
    merkle_leaf(line, verifier->previous);
    status = check_leaf(verifier, seq, error);
    if (status != BEHALF_OK || !verifier->found->ok)
        return status;
    merkle_add(&verifier->tree, 0, verifier->previous);
    merkle_add(&verifier->subtree, 0, verifier->previous);
    verifier->found->records++;
    if (verifier->subtree.size == AUDIT_SEGMENT_RECORDS)
        check_root(verifier, seq / AUDIT_SEGMENT_RECORDS);
    return compare_checkpoints(verifier, error);
}

static bool
may_go_on(const struct verifier *verifier, const struct audit_progress *progress)
{
    return progress == NULL || verifier->found->records % GO_ON_EVERY != 0 ||
           progress->go_on(progress->context, verifier->found->records,
                           verifier->size - verifier->first);
}

static enum status
check_records(struct verifier *verifier, const struct audit_progress *progress, struct error *error)
{
    struct audit_reader *reader = verifier->reader;
    enum status status = audit_reader_seek(reader, verifier->first, error);

    while (status == BEHALF_OK && verifier->found->ok && verifier->tree.size < verifier->size) {
        struct slice line;
        uint64_t seq;

        status = audit_reader_next(reader, &seq, &line, error);
        if (status == BEHALF_OK)
            status = check_record(verifier, seq, line,
                                  reader->offset + reader->used - line.size - 1, error);
        if (status == BEHALF_OK && !may_go_on(verifier, progress))
            status = error_set(error, BEHALF_DEADLINE,
                               "the verification was ended at record %" PRIu64, seq);
    }
    /* A line that is missing, or never ends. */
    if (status == BEHALF_STORAGE_CORRUPT || status == BEHALF_DONE) {
        wrong(verifier, verifier->tree.size, "lines", 0, "%s",
              status == BEHALF_DONE ? "a record is missing" : error->message);
        status = BEHALF_OK;
    }
    return status;
}

/* Full segments whose lines are gone, by their roots; and the leaf that the first line names. */
static enum status
take_dropped(struct verifier *verifier, struct error *error)
{
    struct merkle_source source = tree_source(&verifier->reader->tree);
    enum status status = BEHALF_OK;

    for (uint64_t at = 0; status == BEHALF_OK && at < verifier->first / AUDIT_SEGMENT_RECORDS;
         at++) {
        uint8_t root[DIGEST_SIZE];

        status = source.node(source.context, TREE_SEGMENT_LEVEL, at, root, error);
        if (status == BEHALF_OK) {
            merkle_add(&verifier->tree, TREE_SEGMENT_LEVEL, root);
            status = compare_checkpoints(verifier, error);
        }
    }
    return status;
}

/* The first line that is there names the leaf before it, whose line was dropped. */
static enum status
take_previous(struct verifier *verifier, struct error *error)
{
    struct record_facts facts;
    struct slice line;
    uint64_t seq;
    enum status status = audit_reader_seek(verifier->reader, verifier->first, error);

    if (status == BEHALF_OK)
        status = audit_reader_next(verifier->reader, &seq, &line, error);
    if (status != BEHALF_OK)
        return status == BEHALF_DONE ? BEHALF_OK : status;
    if (record_read(line, &facts)) /* else it is found to be wrong below */
        memcpy(verifier->previous, facts.previous, DIGEST_SIZE);
    return BEHALF_OK;
}

/* --- keys and other files --- */

static enum status
take_key(struct verifier *verifier, struct slice given, struct error *error)
{
    struct checkpoint_key secret;
    struct checkpoint_key public;
    struct buffer text;
    enum status status;

    buffer_init(&text);
    status = files_load(verifier->reader->folder, "key.pub", CHECKPOINT_SIZE_MAX, &text, error);
    if (status == BEHALF_DONE && given.size == 0)
        status = error_set(error, BEHALF_MALFORMED_REQUEST,
                           "audit log: the folder has no 'key.pub': name the verifier key");
    else if (status == BEHALF_OK || status == BEHALF_DONE) {
        enum status there = status;

        status = checkpoint_read_public(given.size > 0 ? given : buffer_slice(&text),
                                        &verifier->key, error);
        if (there == BEHALF_OK && status == BEHALF_OK &&
            (checkpoint_read_public(buffer_slice(&text), &public, error) != BEHALF_OK ||
             memcmp(public.public, verifier->key.public, sizeof public.public) != 0 ||
             strcmp(public.origin, verifier->key.origin) != 0))
            wrong(verifier, 0, "key.pub", 0, "it is not the verifier key that was given");
    }
    buffer_clear(&text);
    /* The secret key stays where the log is written; a copy of the folder has none. */
    if (status == BEHALF_OK && files_load(verifier->reader->folder, "key", CHECKPOINT_SIZE_MAX,
                                          &text, error) == BEHALF_OK) {
        if (checkpoint_read_secret(buffer_slice(&text), &secret, error) != BEHALF_OK ||
            memcmp(secret.public, verifier->key.public, sizeof secret.public) != 0 ||
            strcmp(secret.origin, verifier->key.origin) != 0)
            wrong(verifier, 0, "key", 0, "it is not the secret key of the verifier key");
        digest_forget(&secret, sizeof secret);
    }
    digest_forget(text.data, text.size);
    buffer_release(&text);
    return status;
}

static void
check_note(struct verifier *verifier)
{
    struct buffer bytes;
    struct error error;
    bool found;

    buffer_init(&bytes);
    if (files_load_note(verifier->reader->folder, &bytes, &found, &error) != BEHALF_OK)
        wrong(verifier, 0, "note", 0, "%s", error.message);
    buffer_release(&bytes);
}

static enum status
take_asked(struct verifier *verifier, struct slice note, struct error *error)
{
    size_t length;
    enum status status;

    if (note.size == 0)
        return BEHALF_OK;
    status = checkpoint_read(&verifier->key, note, &verifier->asked, &length, error);
    if (status == BEHALF_DONE)
        return error_set(error, BEHALF_MALFORMED_REQUEST,
                         "the checkpoint given is none: it has five lines");
    if (status == BEHALF_STORAGE_CORRUPT)
        error->status = BEHALF_MALFORMED_REQUEST;
    if (status != BEHALF_OK)
        return error->status;
    verifier->has_asked = true;
    if (verifier->asked.size > verifier->size)
        wrong(verifier, verifier->size, "the checkpoint given", 0,
              "it is of %" PRIu64 " records, and the log has %" PRIu64, verifier->asked.size,
              verifier->size);
    return BEHALF_OK;
}

static enum status
open_notes(struct verifier *verifier, struct error *error)
{
    verifier->notes.fd = files_open(verifier->reader->folder, "checkpoints", false, error);
    if (verifier->notes.fd < 0)
        return error->status;
    return next_note(verifier, error);
}

static enum status
verify(struct verifier *verifier, struct slice key, struct slice checkpoint,
       const struct audit_progress *progress, struct error *error)
{
    enum status status =
        audit_reader_bounds(verifier->reader, &verifier->first, &verifier->size, error);

    if (status == BEHALF_OK)
        status = take_key(verifier, key, error);
    if (status == BEHALF_OK) {
        check_note(verifier);
        status = take_asked(verifier, checkpoint, error);
    }
    if (status == BEHALF_OK)
        status = open_notes(verifier, error);
    if (status == BEHALF_OK && verifier->found->ok)
        status = compare_checkpoints(verifier, error); /* of nothing */
    if (status == BEHALF_OK && verifier->found->ok)
        status = take_dropped(verifier, error);
    if (status == BEHALF_OK && verifier->first > 0)
        status = take_previous(verifier, error);
    if (status == BEHALF_OK && verifier->found->ok)
        status = check_records(verifier, progress, error);
    /* Checkpoints of a log that grew meanwhile are of no concern. */
    if (status == BEHALF_OK && verifier->found->ok && verifier->notes.has_next) {
        uint64_t first;
        uint64_t size;

        status = audit_reader_bounds(verifier->reader, &first, &size, error);
        if (status == BEHALF_OK && verifier->notes.next.size > size)
            wrong(verifier, size, "lines", 0,
                  "the log ends here, and a checkpoint has %" PRIu64 " records",
                  verifier->notes.next.size);
    }
    if (status == BEHALF_OK && verifier->found->ok && verifier->has_asked && !verifier->asked_seen)
        status = error_set(error, BEHALF_STORAGE_FAILED,
                           "the checkpoint of %" PRIu64
                           " records cannot be compared: these records were dropped",
                           verifier->asked.size);
    verifier->found->segments =
        (verifier->size + AUDIT_SEGMENT_RECORDS - 1 - verifier->first) / AUDIT_SEGMENT_RECORDS;
    return status;
}

enum status
audit_verify(const char *directory, struct slice key, struct slice checkpoint,
             const struct audit_progress *progress, struct audit_verification *verification,
             struct error *error)
{
    struct verifier verifier = {.notes.fd = -1, .found = verification};
    enum status status = audit_reader_open(directory, &verifier.reader, error);

    *verification = (struct audit_verification){.ok = true};
    if (status != BEHALF_OK)
        return status;
    buffer_init(&verifier.notes.text);
    status = verify(&verifier, key, checkpoint, progress, error);
    buffer_release(&verifier.notes.text);
    if (verifier.notes.fd >= 0)
        (void)close(verifier.notes.fd);
    audit_reader_close(verifier.reader);
    return status;
}
