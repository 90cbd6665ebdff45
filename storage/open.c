/* open.c - makes, opens, checks and closes a store.
 *
 * Always true: a store that opened has the format version of this program (read only, it may have
 * the one before), is at or above its high-water mark, and its newest changelog entries link up to
 * its head record. Every other state is refused, with a message that names the directory: a store
 * that lost acknowledged data must not start and answer. Where a loss is accepted (a damaged tail
 * is cut off, or no mark says what was acknowledged), the store takes a new incarnation before it
 * serves. The steps are those of docs/storage-format.md, "Open procedure". */
#include <inttypes.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "storage/store_internal.h"

/* Bounds of the chain check at open. Damage by a crash is at the end of the log; store_verify
 * checks the whole chain. */
#define CHAIN_ENTRIES_CHECKED 1000
#define CHAIN_BYTES_CHECKED ((size_t)8 * 1024 * 1024)
#define TYPE_COUNT ((size_t)UINT16_MAX + 1)

/* --- making --- */

/* A missing format version means a new store only if nothing else is there. With data present it
 * means that "meta" was lost, and writing a new head over it would hide the loss. */
static enum status
require_empty(struct kv *kv, struct error *error)
{
    for (size_t index = 0; index < KV_KEYSPACE_COUNT; index++) {
        struct kv_range range = {.keyspace = (enum kv_keyspace)index};
        struct kv_scan *scan;
        struct slice key;
        struct slice value;
        enum status status = kv_scan_open(kv, NULL, &range, &scan, error);

        if (status != BEHALF_OK)
            return status;
        status = kv_scan_next(scan, &key, &value, error);
        kv_scan_close(scan);
        if (status == BEHALF_OK)
            return error_set(error, BEHALF_STORAGE_CORRUPT,
                             "cannot open store: it holds data but no format version");
        if (status != BEHALF_DONE)
            return status;
    }
    return BEHALF_OK;
}

static enum status
make_new(struct store *store, struct error *error)
{
    const struct store_head head = {.revision = 0};
    uint8_t incarnation[INCARNATION_SIZE];
    uint8_t secret[STORE_SECRET_SIZE];
    char version[4];
    char head_bytes[HEAD_SIZE];
    const struct kv_change changes[] = {
        {KV_META, false, META_FORMAT, {version, sizeof version}},
        {KV_META, false, META_INCARNATION, {(const char *)incarnation, sizeof incarnation}},
        {KV_META, false, META_STOPPED, {(const char *)incarnation, sizeof incarnation}},
        {KV_META, false, META_SECRET, {(const char *)secret, sizeof secret}},
        {KV_META, false, META_HEAD, {head_bytes, sizeof head_bytes}},
    };
    enum status status = require_empty(store->kv, error);

    if (status != BEHALF_OK)
        return status;
    bytes_put_u32(version, STORE_FORMAT_VERSION);
    store->env->random_bytes(store->env->context, incarnation, sizeof incarnation);
    store->env->random_bytes(store->env->context, secret, sizeof secret);
    head_encode(&head, head_bytes);
    /* One durable batch: a crash leaves a store that is made or one that is empty. */
    status = kv_write(store->kv, changes, BEHALF_COUNT_OF(changes), true, error);
    explicit_bzero(secret, sizeof secret);
    return status;
}

/* --- loading --- */

#define FORMAT_NONE 0 /* nothing was written yet */

static enum status
read_format(struct store *store, uint32_t *version, struct error *error)
{
    struct buffer value;
    bool found;
    enum status status;

    buffer_init(&value);
    status = kv_get(store->kv, NULL, KV_META, META_FORMAT, &value, &found, error);
    if (status != BEHALF_OK)
        goto done;
    *version = FORMAT_NONE;
    if (found && value.size != 4)
        status = error_set(error, BEHALF_STORAGE_CORRUPT, "the format version is damaged");
    else if (found)
        *version = bytes_get_u32(value.data);
    /* Not corruption: the data may be intact, and salvage would not help. */
    if (status == BEHALF_OK && found && *version != STORE_FORMAT_VERSION &&
        *version != STORE_FORMAT_WITHOUT_RECORDS)
        status = error_set(error, BEHALF_STORAGE_FAILED,
                           "the store is of another format: version %" PRIu32
                           ", this program reads versions %d and %d",
                           *version, STORE_FORMAT_WITHOUT_RECORDS, STORE_FORMAT_VERSION);
    /* Made by nobody but an upgrade, so here they were lost, and revocations with them. */
    if (status == BEHALF_OK && *version == STORE_FORMAT_VERSION && !kv_is_complete(store->kv))
        status = error_set(error, BEHALF_STORAGE_CORRUPT, "a family of the store is missing");
done:
    buffer_release(&value);
    return status;
}

/* Reads a record that every store has. Its size is exact, so another size is damage. */
static enum status
load_fixed(struct store *store, struct slice name, void *bytes, size_t size, struct error *error)
{
    struct buffer value;
    bool found;
    enum status status;

    buffer_init(&value);
    status = kv_get(store->kv, NULL, KV_META, name, &value, &found, error);
    if (status == BEHALF_OK && (!found || value.size != size))
        status = error_set(error, BEHALF_STORAGE_CORRUPT, "the record '%.*s' is %s",
                           SLICE_PRINTF(name), found ? "damaged" : "missing");
    if (status == BEHALF_OK)
        memcpy(bytes, value.data, size);
    buffer_release(&value);
    return status;
}

/* Adds the families of records, empty, and then the number, in one step with the record that says
 * that no stop is due: a store without records has no consent that a former life could have
 * withdrawn. A crash before that step leaves a store of the former version, whose families are
 * completed by the next open. */
static enum status
upgrade(struct store *store, struct error *error)
{
    uint8_t incarnation[INCARNATION_SIZE];
    char version[4];
    const struct kv_change changes[] = {
        {KV_META, false, META_FORMAT, {version, sizeof version}},
        {KV_META, false, META_STOPPED, {(const char *)incarnation, sizeof incarnation}},
    };
    enum status status =
        load_fixed(store, META_INCARNATION, incarnation, sizeof incarnation, error);

    if (status == BEHALF_OK)
        status = kv_complete(store->kv, error);
    if (status != BEHALF_OK)
        return status;
    bytes_put_u32(version, STORE_FORMAT_VERSION);
    status = kv_write(store->kv, changes, BEHALF_COUNT_OF(changes), true, error);
    if (status == BEHALF_OK)
        log_line(LOG_INFO, "storage upgraded the format of the store", "from=%d to=%d",
                 STORE_FORMAT_WITHOUT_RECORDS, STORE_FORMAT_VERSION);
    return status;
}

static enum status
load_stopped(struct store *store, struct error *error)
{
    uint8_t stopped[INCARNATION_SIZE];
    enum status status = load_fixed(store, META_STOPPED, stopped, sizeof stopped, error);

    if (status == BEHALF_OK)
        atomic_store(&store->needs_stop, memcmp(stopped, store->incarnation, sizeof stopped) != 0);
    return status;
}

static enum status
load_horizon(struct store *store, struct error *error)
{
    struct buffer value;
    uint64_t horizon = 0;
    bool found;
    enum status status;

    buffer_init(&value);
    status = kv_get(store->kv, NULL, KV_META, META_HORIZON, &value, &found, error);
    if (status == BEHALF_OK && found)
        status = number_decode("horizon", buffer_slice(&value), &horizon, error);
    buffer_release(&value);
    if (status == BEHALF_OK) {
        atomic_store(&store->horizon, horizon);
        atomic_store(&store->held, UINT64_MAX);
        /* The record is durable, so compactions may drop history up to it from the start. */
        kv_drop_hint(store->kv, KV_HISTORY, horizon);
        kv_drop_hint(store->kv, KV_CHANGELOG, horizon);
    }
    return status;
}

static enum status
load_label(struct store *store, struct slice key, struct slice value, struct error *error)
{
    uint64_t node;
    uint16_t label;
    enum label_kind kind;
    struct slice name;
    enum status status = number_decode("label", value, &node, error);

    if (status != BEHALF_OK)
        return status;
    label = (uint16_t)node;
    if (key.size < 4 || key.data[2] < 1 || key.data[2] > LABEL_KIND_COUNT)
        return error_set(error, BEHALF_STORAGE_CORRUPT, "a label has an impossible key");
    kind = (enum label_kind)(key.data[2] - 1);
    name = (struct slice){key.data + 3, key.size - 3};
    /* Checked here, because everything above trusts a label in memory. */
    if (label == LABEL_NONE || node != LABEL_NODE(kind, label) ||
        labels_name(store->labels, kind, label).size > 0)
        return error_set(error, BEHALF_STORAGE_CORRUPT, "the label '%.*s' has an impossible number",
                         SLICE_PRINTF(name));
    labels_add(store->labels, kind, label, name);
    return BEHALF_OK;
}

static enum status
load_labels(struct store *store, struct error *error)
{
    /* Labels have type 0, so they precede all names of objects. */
    static const char first_type[2] = {0, 1};
    struct kv_range range = {.keyspace = KV_NAMES, .to = {first_type, sizeof first_type}};
    struct kv_scan *scan;
    struct slice key;
    struct slice value;
    enum status status = kv_scan_open(store->kv, NULL, &range, &scan, error);

    if (status != BEHALF_OK)
        return status;
    while ((status = kv_scan_next(scan, &key, &value, error)) == BEHALF_OK) {
        status = load_label(store, key, value, error);
        if (status != BEHALF_OK)
            break;
    }
    kv_scan_close(scan);
    if (status != BEHALF_DONE)
        return status;
    /* The counters come from "meta" and not from the labels found: a number is never reused, and a
     * lost label must not free one. */
    for (unsigned kind = 1; kind <= LABEL_KIND_COUNT; kind++) {
        uint64_t next = 0;

        status = store_next_read(store->kv, LABEL_TYPE_NUMBER, kind, &next, error);
        if (status != BEHALF_OK)
            return status;
        /* 65,536 is valid: all labels of the kind are used. */
        if (next == 0 || next > TYPE_COUNT)
            return error_set(error, BEHALF_STORAGE_CORRUPT, "the next label is impossible");
        store->next_label[kind - 1] = (uint32_t)next;
    }
    return BEHALF_OK;
}

/* Without history, no read needs to look there. To search for its newest entry would mean to scan
 * all of it at every open; the head revision is an upper bound and costs one step. */
static enum status
load_newest_history(struct store *store, struct error *error)
{
    struct kv_range range = {.keyspace = KV_HISTORY};
    struct kv_scan *scan;
    struct slice key;
    struct slice value;
    enum status status = kv_scan_open(store->kv, NULL, &range, &scan, error);

    if (status != BEHALF_OK)
        return status;
    status = kv_scan_next(scan, &key, &value, error);
    kv_scan_close(scan);
    if (status == BEHALF_OK)
        atomic_store(&store->newest_history, store->head.revision);
    return status == BEHALF_DONE ? BEHALF_OK : status;
}

static enum status
load_all(struct store *store, struct error *error)
{
    char head[HEAD_SIZE];
    enum status status;

    status = load_fixed(store, META_INCARNATION, store->incarnation, INCARNATION_SIZE, error);
    if (status == BEHALF_OK)
        status = load_fixed(store, META_SECRET, store->secret, STORE_SECRET_SIZE, error);
    if (status == BEHALF_OK)
        status = load_fixed(store, META_HEAD, head, sizeof head, error);
    if (status == BEHALF_OK)
        status = head_decode((struct slice){head, sizeof head}, &store->head, error);
    if (status != BEHALF_OK)
        return status;
    atomic_store(&store->head_revision, store->head.revision);
    status = load_horizon(store, error);
    if (status == BEHALF_OK)
        status = load_labels(store, error);
    if (status == BEHALF_OK)
        status = load_newest_history(store, error);
    return status;
}

/* Detects a lost or changed tail of the changelog: each batch writes its entry and the head record
 * together, so after a crash the two must still agree. */
static enum status
check_chain(struct store *store, struct error *error)
{
    struct store_snapshot *snapshot;
    enum status status = store_snapshot_open(store, &snapshot, error);

    if (status != BEHALF_OK)
        return status;
    status = store_chain_check(snapshot, CHAIN_ENTRIES_CHECKED, CHAIN_BYTES_CHECKED, error);
    store_snapshot_close(snapshot);
    return status;
}

/* At or above the mark: nothing that was acknowledged before the mark was written is missing. The
 * incarnation catches a mark that was copied beside another store's data, where comparing revisions
 * means nothing. A store that took a new incarnation may still have the mark of the one before, if
 * the process ended in between: its revisions are the same, and the next step replaces it. */
static enum status
check_mark(const struct store *store, const struct directory *directory, struct error *error)
{
    uint64_t revision;
    uint8_t incarnation[INCARNATION_SIZE];

    if (!directory_mark(directory, &revision, incarnation))
        return BEHALF_OK;
    if (memcmp(incarnation, store->incarnation, INCARNATION_SIZE) != 0 && !store_needs_stop(store))
        return error_set(error, BEHALF_STORAGE_CORRUPT,
                         "cannot open store '%s': its data and its high-water mark come from "
                         "different stores",
                         directory_path(directory));
    if (store->head.revision < revision) {
        (void)error_set(error, BEHALF_STORAGE_CORRUPT,
                        "cannot open store '%s': acknowledged data lost: it ends at revision "
                        "%" PRIu64 ", but revision %" PRIu64 " was durable",
                        directory_path(directory), store->head.revision, revision);
        error_hint(error, "restore a backup: docs/backup.md");
        return BEHALF_STORAGE_CORRUPT;
    }
    return BEHALF_OK;
}

/* --- opening --- */

static enum status
store_load(struct store *store, bool read_only, struct error *error)
{
    uint32_t version = FORMAT_NONE;
    /* The format comes first: records of another format must not be decoded. The chain comes last:
     * it compares the changelog with the head record and the horizon. */
    enum status status = read_format(store, &version, error);
    bool upgrading = version == STORE_FORMAT_WITHOUT_RECORDS && !read_only;

    if (status == BEHALF_OK && version == FORMAT_NONE)
        status = make_new(store, error);
    if (status == BEHALF_OK && upgrading)
        status = upgrade(store, error);
    if (status == BEHALF_OK)
        status = load_all(store, error);
    if (status == BEHALF_OK && (version != STORE_FORMAT_WITHOUT_RECORDS || upgrading))
        status = load_stopped(store, error);
    if (status == BEHALF_OK)
        status = check_chain(store, error);
    return status;
}

enum status
store_open_on(struct kv *kv, const struct store_options *options, struct store **store,
              struct error *error)
{
    struct store *result = memory_new(sizeof *result);
    enum status status;

    result->kv = kv;
    result->env = options->env != NULL ? options->env : env_system();
    result->labels = labels_new();
    result->next_sequence = memory_new_array(TYPE_COUNT, sizeof *result->next_sequence);
    /* store_close closes the adapter too, so `kv` has one owner on every path. */
    status = store_load(result, options->read_only, error);
    if (status != BEHALF_OK)
        store_close(result);
    else
        *store = result;
    return status;
}

/* Adds the directory to a message that was made without knowing it. */
static enum status
name_directory(enum status status, const char *path, struct error *error)
{
    struct error inner;

    if (error == NULL || strstr(error->message, path) != NULL)
        return status;
    inner = *error;
    (void)error_set(error, status, "cannot open store '%s': %s", path, inner.message);
    error_hint(error, "%s", inner.hint);
    return status;
}

/* Refuses an empty database beside a mark. RocksDB opens a database whose log was deleted as if
 * nothing had been written; without this check make_new would turn the loss into a new store. */
static enum status
check_not_emptied(struct kv *kv, const struct directory *directory, struct error *error)
{
    struct buffer value;
    uint64_t revision;
    uint8_t incarnation[INCARNATION_SIZE];
    bool found = true;
    enum status status = BEHALF_OK;

    buffer_init(&value);
    if (directory_mark(directory, &revision, incarnation))
        status = kv_get(kv, NULL, KV_META, META_FORMAT, &value, &found, error);
    if (status == BEHALF_OK && !found)
        status = error_set(error, BEHALF_STORAGE_CORRUPT,
                           "cannot open store '%s': acknowledged data lost: revision %" PRIu64
                           " was durable, but nothing is left",
                           directory_path(directory), revision);
    buffer_release(&value);
    return status;
}

/* One attempt to open a database, and its result. */
struct attempt {
    const char *path; /* of the database */
    bool create;
    bool drop_damaged_tail;
    bool unreadable; /* set: RocksDB refused its files as corrupt */
};

/* Opens the database at attempt->path with every check. The mark is compared last, when the head is
 * known to be consistent. */
static enum status
open_at(const struct store_options *options, const struct directory *directory,
        struct attempt *attempt, struct store **store, struct error *error)
{
    const struct kv_options kv_options = {
        .path = attempt->path,
        .create_if_missing = attempt->create,
        .read_only = options->read_only,
        .drop_damaged_tail = attempt->drop_damaged_tail,
        .memory_bytes = options->memory_bytes,
        .cache_bytes = options->cache_bytes,
    };
    struct store *result = NULL;
    struct kv *kv = NULL;
    enum status status = kv_open_rocksdb(&kv_options, &kv, error);

    /* Only damage that the engine itself found can be a torn log. A broken chain or a head below
     * the mark in a readable database is never salvaged. */
    attempt->unreadable = status == BEHALF_STORAGE_CORRUPT;
    if (status == BEHALF_OK) {
        /* Before store_open_on, which makes a new store in an empty database. */
        status = check_not_emptied(kv, directory, error);
        if (status != BEHALF_OK)
            kv_close(kv);
    }
    if (status == BEHALF_OK)
        status = store_open_on(kv, options, &result, error);
    if (status == BEHALF_OK)
        status = check_mark(result, directory, error);
    if (status != BEHALF_OK) {
        store_close(result);
        return name_directory(status, options->path, error);
    }
    *store = result;
    return BEHALF_OK;
}

/* Opens a copy without the damaged tail, with every check of a normal open. The copy shows how far
 * the intact data reaches; the original is untouched until the copy is accepted. */
static enum status
try_salvage(const struct store_options *options, struct directory *directory, struct error *error)
{
    const struct error refusal = *error;
    struct attempt attempt = {.drop_damaged_tail = true};
    struct store *copy = NULL;
    enum status status = directory_salvage_copy(directory, &attempt.path, error);

    if (status == BEHALF_OK)
        status = open_at(options, directory, &attempt, &copy, error);
    /* In the copy, before it takes the place of the original: what was revoked in the tail that is
     * given up must not come back in between. */
    if (status == BEHALF_OK)
        status = store_renew(copy, error);
    store_close(copy);
    if (status == BEHALF_OK)
        return directory_salvage_accept(directory, error);
    directory_salvage_drop(directory);
    /* More than the log is damaged: report the first error, which names the file that the user
     * has. */
    if (attempt.unreadable)
        *error = refusal;
    return attempt.unreadable ? refusal.status : status;
}

/* The log is damaged. If everything up to the mark precedes the damage, the damage is a tail that
 * was never synced, and the copy without it becomes the store. The mark is written before a reply
 * leaves, so after a kill nothing acknowledged is above it. A power cut can take the mark back by a
 * pause, or by a second under load. If a synced byte of the log goes bad in the same power cut,
 * acknowledged writes of that moment pass for a torn tail: hence the warning with both
 * revisions. */
static enum status
open_salvaged(const struct store_options *options, struct directory *directory,
              struct store **store, struct error *error)
{
    struct attempt attempt = {.path = directory_database(directory)};
    uint64_t revision;
    uint8_t incarnation[INCARNATION_SIZE];
    enum status status;

    /* Without a mark nothing distinguishes a torn tail from lost data. */
    if (!directory_mark(directory, &revision, incarnation)) {
        const struct error refusal = *error;

        return error_set(error, BEHALF_STORAGE_CORRUPT,
                         "%s; and no high-water mark says what was acknowledged", refusal.message);
    }
    status = try_salvage(options, directory, error);
    if (status == BEHALF_OK)
        status = open_at(options, directory, &attempt, store, error);
    /* The accepted copy is opened again in its final place: RocksDB has recovered it once, and the
     * checks run on what will be served. */
    if (status == BEHALF_OK)
        log_line(LOG_WARN, "storage dropped a damaged tail of its log",
                 "revision=%" PRIu64 " marked=%" PRIu64 " path=\"%s\"", (*store)->head.revision,
                 revision, options->path);
    return status;
}

/* A first start makes the database in a folder beside its place and renames it when it is whole: a
 * start that is killed half-way leaves no half-made store. */
static enum status
make_database(const struct store_options *options, struct directory *directory, struct error *error)
{
    struct attempt attempt = {.create = true};
    struct store *made = NULL;
    enum status status = directory_create(directory, &attempt.path, error);

    if (status == BEHALF_OK)
        status = open_at(options, directory, &attempt, &made, error);
    store_close(made);
    return status == BEHALF_OK ? directory_created(directory, error) : status;
}

static enum status
open_in(const struct store_options *options, struct directory *directory, struct store **store,
        struct error *error)
{
    struct attempt attempt = {.path = directory_database(directory)};
    uint64_t revision;
    uint8_t incarnation[INCARNATION_SIZE];
    enum status status = BEHALF_OK;

    if (!directory_has_database(directory)) {
        /* A mark without a database: the data was deleted or not mounted. Never a new store. */
        if (directory_mark(directory, &revision, incarnation))
            return error_set(error, BEHALF_STORAGE_CORRUPT,
                             "cannot open store '%s': acknowledged data lost: revision %" PRIu64
                             " was durable, but '%s' is gone",
                             options->path, revision, attempt.path);
        if (options->read_only)
            return error_set(error, BEHALF_STORAGE_FAILED,
                             "cannot open store '%s': there is no store in it", options->path);
        status = make_database(options, directory, error);
    }
    if (status == BEHALF_OK)
        status = open_at(options, directory, &attempt, store, error);
    /* Salvage renames files, which a read-only open must not do. */
    if (attempt.unreadable && !options->read_only)
        status = open_salvaged(options, directory, store, error);
    return status;
}

/* Whoever deletes the mark accepts that acknowledged data may be lost, revocations too. */
static enum status
renew_unmarked(struct store *store, struct error *error)
{
    enum status status = store_renew(store, error);

    if (status == BEHALF_OK)
        log_line(LOG_WARN, "storage found no high-water mark: the store takes a new incarnation",
                 "revision=%" PRIu64 " path=\"%s\"", store->head.revision,
                 directory_path(store->directory));
    return status;
}

enum status
store_open(const struct store_options *options, struct store **store, struct error *error)
{
    struct directory *directory = NULL;
    struct store *result = NULL;
    struct kv *kv = NULL;
    uint8_t incarnation[INCARNATION_SIZE];
    uint64_t marked;
    enum status status;

    if (options->path == NULL) {
        status = kv_open_memory(&kv, error);
        return status == BEHALF_OK ? store_open_on(kv, options, store, error) : status;
    }
    /* The lock comes first: a running process changes the mark and the files while they are
     * read. */
    status = options->read_only ? directory_open_to_read(options->path, &directory, error)
                                : directory_open(options->path, &directory, error);
    if (status == BEHALF_OK)
        status = open_in(options, directory, &result, error);
    if (status != BEHALF_OK) {
        directory_close(directory);
        return status;
    }
    BEHALF_ASSERT(result != NULL);
    /* From here on store_close releases the directory. */
    result->directory = directory;
    if (options->read_only) {
        *store = result;
        return BEHALF_OK;
    }
    /* From now on readers are shown this head, so a later open must notice its loss. Without a mark
     * nothing says what this store has lost; of a new one the mark is written here for the first
     * time, at revision 0. */
    if (!directory_mark(directory, &marked, incarnation) && result->head.revision > 0)
        status = renew_unmarked(result, error);
    else
        status = directory_set_mark(directory, result->head.revision, result->incarnation, error);
    if (status != BEHALF_OK) {
        store_close(result);
        return status;
    }
    store_settle(result);
    *store = result;
    return BEHALF_OK;
}

void
store_close(struct store *store)
{
    if (store == NULL)
        return;
    BEHALF_ASSERT(store->transaction == NULL);
    /* The mark is synced before the data is closed: an orderly stop leaves nothing to a power
     * cut. */
    store_settle(store);
    kv_close(store->kv);
    directory_close(store->directory); /* last: it holds the lock */
    labels_free(store->labels);
    memory_free(store->next_sequence);
    explicit_bzero(store->secret, sizeof store->secret);
    memory_free(store);
}

struct slice
store_secret(const struct store *store)
{
    return (struct slice){(const char *)store->secret, sizeof store->secret};
}

struct slice
store_incarnation(const struct store *store)
{
    return (struct slice){(const char *)store->incarnation, sizeof store->incarnation};
}
