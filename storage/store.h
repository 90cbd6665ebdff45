/* store.h - CONTRACT of the storage layer: a durable, versioned store of edges, names and schemas.
 *
 * Always true: there is one writer. A transaction is all or nothing and takes the next revision
 * (dense, from 1); a refused one takes none and changes nothing. What was synced survives a crash.
 * A reader at revision R sees exactly the state after transaction R, however many followed, or gets
 * REVISION_EXPIRED; it never gets a shorter list. Every edge is in both indexes. Ids and labels are
 * never reused. The changelog is a hash chain from the horizon to the head; one that was never cut
 * replays to the same bytes.
 * storage/keys.h draws the key layout; the keyspaces are those of docs/storage-format.md.
 *
 * Ids. A node is 64 bits: type label (16) | sequence (48). Sequence 0 is the type's wildcard.
 * Labels are 16 bits, numbered from 1 for each kind; relation label 0 is "no relation" (a plain
 * subject), caveat label 0 is "none".
 *
 * Threads: store_transaction_* and store_sync on the writer thread only; everything else on any
 * thread unless it says otherwise. A snapshot may be shared by threads; a scan belongs to one.
 * Memory: handles are closed by the code that opened them; slices live as long as each function
 * says.
 * Errors: STORAGE_FAILED, STORAGE_CORRUPT, REVISION_EXPIRED, SERVICE_READ_ONLY, OUTCOME_UNKNOWN. */
#ifndef BEHALF_STORAGE_STORE_H
#define BEHALF_STORAGE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/digest.h"
#include "base/env.h"
#include "base/error.h"
#include "base/slice.h"
#include "storage/figures.h"

#define NODE_SEQUENCE_BITS 48
#define NODE_SEQUENCE_MASK ((UINT64_C(1) << NODE_SEQUENCE_BITS) - 1)
#define NODE_TYPE(node) ((uint16_t)((node) >> NODE_SEQUENCE_BITS))
#define NODE_WILDCARD(type) ((uint64_t)(type) << NODE_SEQUENCE_BITS)
#define NODE_IS_WILDCARD(node) (((node)&NODE_SEQUENCE_MASK) == 0)

/* Sequences from here on are never stored: a request gives them to names that the store does not
 * know. */
#define NODE_SEQUENCE_LOCAL (UINT64_C(1) << 47)
#define NODE_IS_LOCAL(node) (((node)&NODE_SEQUENCE_LOCAL) != 0)

#define LABEL_NONE 0
#define INCARNATION_SIZE 16
#define STORE_NAME_SIZE_MAX 1024 /* bytes of an id or of a label's name */
#define STORE_CALLER_SIZE_MAX 255
#define STORE_SECRET_SIZE 32

enum label_kind { LABEL_TYPE, LABEL_RELATION, LABEL_CAVEAT, LABEL_KIND_COUNT };

struct store;
struct store_snapshot;
struct store_scan;
struct store_transaction;

struct store_options {
    const char *path;      /* data directory, made 0700 if missing; NULL = in memory */
    const struct env *env; /* borrowed */
    size_t memory_bytes;   /* of the storage engine; 0 = default */
    size_t cache_bytes;    /* part of it, for the block cache; 0 = default */
    bool read_only;        /* an existing store; no file is made, changed or removed */
};

/* Opens or makes the store and checks it: format version, lock, high-water mark, head against
 * chain. A store of the format before this one is upgraded, but not when it is opened read only.
 * Where the open gives up a damaged tail, or finds no mark beside data, the store takes a new
 * incarnation. The message of a failure names the directory and the reason: used by another
 * process, another format, unreadable, acknowledged data lost. */
enum status store_open(const struct store_options *options, struct store **store,
                       struct error *error) BEHALF_MUST_USE;
void store_close(struct store *store); /* accepts NULL */

/* The key that signs tokens and cursors, and the random identity of this data directory. Valid
 * until close. */
struct slice store_secret(const struct store *store);
struct slice store_incarnation(const struct store *store);

/* --- labels --- */

/* Labels are few and kept in memory. LABEL_NONE or an empty slice when absent. A label becomes
 * visible when its transaction is committed, before it is durable: ask only for names of a
 * schema. */
uint16_t store_label_find(struct store *store, enum label_kind kind, struct slice name);
struct slice store_label_name(struct store *store, enum label_kind kind, uint16_t label);

/* --- reading --- */

/* The newest committed revision, which may not be durable yet. Readers use the published one. */
uint64_t store_head_revision(struct store *store);

/* Pins one storage state. A snapshot opened after revision H was committed answers for every
 * revision of horizon..H; each read below takes one. */
enum status store_snapshot_open(struct store *store, struct store_snapshot **snapshot,
                                struct error *error) BEHALF_MUST_USE;
void store_snapshot_close(struct store_snapshot *snapshot);          /* accepts NULL */
uint64_t store_snapshot_head(const struct store_snapshot *snapshot); /* head of this state */
int64_t store_snapshot_time(const struct store_snapshot *snapshot);  /* commit time of that head */

/* The node of a name, or *found = false. A name never changes its node, so no revision is
 * involved. */
enum status store_node_find(const struct store_snapshot *snapshot, uint16_t type, struct slice id,
                            uint64_t *node, bool *found, struct error *error) BEHALF_MUST_USE;
/* Appends the id of a node (not of a wildcard) to `id`. STORAGE_CORRUPT when the node is
 * unknown. */
enum status store_node_name(const struct store_snapshot *snapshot, uint64_t node, struct buffer *id,
                            struct error *error) BEHALF_MUST_USE;

/* Nodes of a type whose id starts with `prefix`, in byte order of ids, starting after the id
 * `after` (empty = at the first). Fills at most `capacity`; *count < capacity means the end. */
enum status store_nodes_with_prefix(const struct store_snapshot *snapshot, uint16_t type,
                                    struct slice prefix, struct slice after, uint64_t *nodes,
                                    size_t capacity, size_t *count,
                                    struct error *error) BEHALF_MUST_USE;

struct edge_key {
    uint64_t resource;
    uint64_t subject;
    uint16_t relation;
    uint16_t subject_relation; /* LABEL_NONE for a plain subject or a wildcard */
};

struct edge {
    struct edge_key key;
    uint64_t created_revision;
    int64_t expires_at;   /* 0 = never */
    uint16_t caveat;      /* label; LABEL_NONE = none */
    struct slice context; /* encoded caveat context; empty = none */
};

/* Whether the edge exists at `revision` (at most the snapshot's head). `edge` may be NULL; its
 * context lives until the next read into the same buffer. */
enum status store_edge_find(const struct store_snapshot *snapshot, uint64_t revision,
                            const struct edge_key *key, struct edge *edge, struct buffer *context,
                            bool *found, struct error *error) BEHALF_MUST_USE;

enum edge_direction { EDGE_FORWARD, EDGE_REVERSE };

/* A contiguous part of one index, in its key order:
 *   EDGE_FORWARD  resource, relation, subject_relation, subject
 *   EDGE_REVERSE  subject, subject_relation, relation, resource
 * Keys k with from <= k < to in that order; fields of `struct edge_key` carry the bounds. */
struct edge_range {
    enum edge_direction direction;
    struct edge_key from;
    struct edge_key to;
    bool unbounded; /* no `to` */
};

/* Scans the edges of the range at `revision`, merged from the head state and history. */
enum status store_scan_open(const struct store_snapshot *snapshot, uint64_t revision,
                            const struct edge_range *range, struct store_scan **scan,
                            struct error *error) BEHALF_MUST_USE;
/* BEHALF_OK with an edge (context valid until the next call), or BEHALF_DONE, after the horizon was
 * compared again: a list that ends with BEHALF_DONE is complete. */
enum status store_scan_next(struct store_scan *scan, struct edge *edge,
                            struct error *error) BEHALF_MUST_USE;
/* Moves to a part of the range that the scan was opened with, after the previous part. Reads give
 * its edges, then BEHALF_DONE, and the scan may move again. One scan that moves from node to node
 * costs a fraction of a scan for each. */
void store_scan_move(struct store_scan *scan, const struct edge_range *part);
void store_scan_close(struct store_scan *scan); /* accepts NULL */

/* Scans all names of objects, in ascending order of their nodes. */
struct store_names;

enum status store_names_open(const struct store_snapshot *snapshot, struct store_names **names,
                             struct error *error) BEHALF_MUST_USE;
/* BEHALF_OK with a node and its id (valid until the next call), or BEHALF_DONE. */
enum status store_names_next(struct store_names *names, uint64_t *node, struct slice *id,
                             struct error *error) BEHALF_MUST_USE;
/* Moves to the first node >= `node`, which is above the last one given. */
void store_names_move(struct store_names *names, uint64_t node);
void store_names_close(struct store_names *names); /* accepts NULL */

/* Edges whose expiration is not after `now_ns`, oldest expiration first, for the sweeper. Fills at
 * most `capacity`. */
enum status store_expired(const struct store_snapshot *snapshot, int64_t now_ns,
                          struct edge_key *keys, size_t capacity, size_t *count,
                          struct error *error) BEHALF_MUST_USE;

/* A variant of edges. The store keeps the exact number of edges of each variant in the newest
 * state; a count changes in the batch of the edges. */
struct edge_variant {
    uint16_t resource_type;
    uint16_t relation;
    uint16_t subject_type;
    uint16_t subject_relation;
    uint16_t caveat;
    bool wildcard;
    bool expiring;
};

/* Calls `visit` for each variant that has edges, in byte order, until it returns false. */
enum status store_variants(const struct store_snapshot *snapshot,
                           bool (*visit)(void *context, const struct edge_variant *variant,
                                         uint64_t count),
                           void *context, struct error *error) BEHALF_MUST_USE;

/* The schema text in force at `revision`, and the revision that wrote it; NO_SCHEMA before the
 * first. */
enum status store_schema_read(const struct store_snapshot *snapshot, uint64_t revision,
                              struct buffer *text, uint64_t *schema_revision,
                              struct error *error) BEHALF_MUST_USE;

/* --- records ---
 *
 * A record is a versioned value under a key of its own: an encoded body that the store does not
 * interpret, and entries of record indexes. Sessions, grants, uses, stops and attributes are
 * records. Records take part in the revision sequence, the changelog, the chain and history as
 * edges do (uses are in no history: only their newest value is read). */

#define STORE_RECORD_ID_MAX 24
#define STORE_RECORD_INDEXES_MAX 4
#define STORE_INDEX_KEY_MAX 32 /* bytes of an index entry before the record's key */
#define STORE_RECORD_SIZE_MAX ((size_t)64 * 1024) /* of a body */

enum record_kind {
    RECORD_SESSION = 1, /* id(16) */
    RECORD_GRANT,       /* id(16) */
    RECORD_USES,        /* id(16) of its grant */
    RECORD_REQUEST,     /* id(16) */
    RECORD_ATTRIBUTES,  /* node(8) */
    RECORD_STOP,        /* scope(1), then node(8) and 8 zeros, 16 bytes of a digest, or 16 zeros */
};

enum record_index {
    RECORD_INDEX_ENDS,      /* ends(8): for sweeps; made by the store from `ends` */
    RECORD_INDEX_PRINCIPAL, /* sessions: principal(8) expires_at(8) */
    RECORD_INDEX_AGENT,     /* sessions: agent(8) expires_at(8) */
    RECORD_INDEX_SESSION,   /* grants: session(16) expires_at(8) */
    RECORD_INDEX_DELEGATEE, /* grants: delegatee(8) expires_at(8) */
    RECORD_INDEX_PARTIES,   /* requests: principal(8) agent(8) expires_at(8) */
    RECORD_INDEX_DENIAL,    /* requests: denial(16) */
};

struct store_record_key {
    enum record_kind kind;
    uint8_t id_size;
    uint8_t id[STORE_RECORD_ID_MAX];
};

/* An entry of a record in an index. Times in it are written by store_time_encode, so that byte
 * order is time order. */
struct store_record_entry {
    enum record_index index;
    struct slice bytes;
};

/* Entries ascend by their index, at most one for each. */
struct store_record {
    struct store_record_key key;
    uint64_t created_revision; /* of this version */
    int64_t ends;              /* a sweep may remove it from then on; 0 = never */
    struct store_record_entry entries[STORE_RECORD_INDEXES_MAX]; /* without RECORD_INDEX_ENDS */
    size_t entry_count;
    struct slice body;
};

void store_time_encode(int64_t time_ns, char bytes[8]);

/* The version in force at `revision`, at most the snapshot's head; of uses the newest, whatever the
 * revision. Its slices live until the next read into the same buffer. */
enum status store_record_find(const struct store_snapshot *snapshot, uint64_t revision,
                              const struct store_record_key *key, struct store_record *record,
                              struct buffer *bytes, bool *found,
                              struct error *error) BEHALF_MUST_USE;

/* Scans the entries of an index whose bytes start with `prefix`, in byte order, from `from` on
 * (bytes of an entry, followed by kind and id of a record; empty = from the first), at the
 * snapshot's head. */
struct store_record_scan;

enum status store_record_scan_open(const struct store_snapshot *snapshot, enum record_index index,
                                   struct slice prefix, struct slice from,
                                   struct store_record_scan **scan,
                                   struct error *error) BEHALF_MUST_USE;
/* BEHALF_OK with the key of a record and the bytes of its entry, with kind and id behind them
 * (valid until the next call), or BEHALF_DONE. */
enum status store_record_scan_next(struct store_record_scan *scan, struct store_record_key *key,
                                   struct slice *entry, struct error *error) BEHALF_MUST_USE;
void store_record_scan_close(struct store_record_scan *scan); /* accepts NULL */

/* Calls `visit` for each record of the kind at the head, until it returns false: for what is kept
 * in memory as a whole. */
enum status store_records(const struct store_snapshot *snapshot, enum record_kind kind,
                          bool (*visit)(void *context, const struct store_record *record),
                          void *context, struct error *error) BEHALF_MUST_USE;

/* Records whose `ends` is not after `now_ns`, earliest first. Fills at most `capacity`. */
enum status store_records_ended(const struct store_snapshot *snapshot, int64_t now_ns,
                                struct store_record_key *keys, size_t capacity, size_t *count,
                                struct error *error) BEHALF_MUST_USE;

/* The records that a transaction put, in its order, from its changelog entry. Fills at most
 * `capacity`. REVISION_EXPIRED up to the horizon. */
enum status store_records_written(const struct store_snapshot *snapshot, uint64_t revision,
                                  struct store_record_key *keys, size_t capacity, size_t *count,
                                  struct error *error) BEHALF_MUST_USE;

/* When a session was used last. It belongs to this store alone, is part of no revision and goes
 * with its session. *found = false when it was never kept. */
enum status store_seen_read(struct store *store, const uint8_t session[16], int64_t *time_ns,
                            bool *found, struct error *error) BEHALF_MUST_USE;

struct store_seen {
    uint8_t session[16];
    int64_t time_ns;
};

/* The changelog entry of a revision, in the bytes of storage/changelog.h. REVISION_UNKNOWN when
 * there is none, REVISION_EXPIRED up to the horizon. */
enum status store_changelog_read(const struct store_snapshot *snapshot, uint64_t revision,
                                 struct buffer *entry, struct error *error) BEHALF_MUST_USE;

/* The revision that was in force at a time: the newest that was committed by then; 0 when none was.
 * REVISION_EXPIRED when it, or when it began, is no longer known. */
enum status store_revision_at(const struct store_snapshot *snapshot, int64_t time_ns,
                              uint64_t *revision, struct error *error) BEHALF_MUST_USE;

/* A status other than BEHALF_OK ends the visit, with that status. */
struct store_revision_visit {
    enum status (*visit)(void *context, uint64_t revision, struct error *error);
    void *context;
};

/* Visits the revisions that changed an edge of the range, which is bounded, or the record: all
 * after the horizon, some of before, in no order, and each as often as it changed one. It costs
 * what the versions are that the store keeps. */
enum status store_edge_revisions(const struct store_snapshot *snapshot,
                                 const struct edge_range *range,
                                 const struct store_revision_visit *visit,
                                 struct error *error) BEHALF_MUST_USE;
enum status store_record_revisions(const struct store_snapshot *snapshot,
                                   const struct store_record_key *key,
                                   const struct store_revision_visit *visit,
                                   struct error *error) BEHALF_MUST_USE;

/* What a changelog entry says of its transaction as a whole. Slices point into the entry. */
struct store_entry {
    uint64_t revision;
    int64_t time_ns;       /* of the commit */
    bool is_sweep;         /* no request asked for it: it only removed what had ended */
    struct slice caller;   /* the name of the key that asked for it; empty = none */
    struct slice metadata; /* empty = none */
    size_t change_count;
};

enum store_entry_kind {
    ENTRY_EDGE_PUT,
    ENTRY_EDGE_REMOVE,
    ENTRY_SCHEMA,
    ENTRY_RECORD_PUT,
    ENTRY_RECORD_REMOVE,
};

/* One change; of a removal only the key is set. */
struct store_entry_change {
    enum store_entry_kind kind;
    struct edge edge;
    struct store_record record;
    struct slice schema; /* text */
};

struct store_entry_cursor {
    struct slice rest;
    unsigned last; /* the store's */
    uint64_t revision;
};

/* Reads all of an entry once, and sets the cursor to its first change. STORAGE_CORRUPT for bytes
 * that are no entry. */
enum status store_entry_open(struct slice entry, struct store_entry *head,
                             struct store_entry_cursor *cursor,
                             struct error *error) BEHALF_MUST_USE;
/* BEHALF_OK with a change, in the order of the entry: edges, the schema, records; or
 * BEHALF_DONE. */
enum status store_entry_next(struct store_entry_cursor *cursor, struct store_entry_change *change,
                             struct error *error) BEHALF_MUST_USE;

/* --- writing (writer thread) --- */

/* A transaction sees the state that all committed ones left, synced or not. It must end in commit
 * or abort before the next begins. */
enum status store_transaction_begin(struct store *store, struct store_transaction **transaction,
                                    struct error *error) BEHALF_MUST_USE;
void store_transaction_abort(struct store_transaction *transaction); /* accepts NULL */

/* The state that this transaction is decided against. Borrowed until commit or abort. */
const struct store_snapshot *store_transaction_snapshot(
    const struct store_transaction *transaction);

/* Finds the number of a name, or allocates one. BUDGET_EXHAUSTED when 65,535 labels or 2^47 nodes
 * of a type are used. */
enum status store_transaction_label(struct store_transaction *transaction, enum label_kind kind,
                                    struct slice name, uint16_t *label,
                                    struct error *error) BEHALF_MUST_USE;
enum status store_transaction_node(struct store_transaction *transaction, uint16_t type,
                                   struct slice id, uint64_t *node,
                                   struct error *error) BEHALF_MUST_USE;

/* As store_node_find, on the state that the transaction began with, using its prefetched keys: it
 * does not find names that the transaction made itself. */
enum status store_transaction_find(struct store_transaction *transaction, uint16_t type,
                                   struct slice id, uint64_t *node, bool *found,
                                   struct error *error) BEHALF_MUST_USE;

/* An edge, named by the ids of its nodes. */
struct store_identity {
    uint16_t resource_type;
    uint16_t relation;
    uint16_t subject_type;
    uint16_t subject_relation;
    bool wildcard; /* the subject is a wildcard, its id is ignored */
    struct slice resource;
    struct slice subject;
};

/* Reads the keys that putting or removing these edges needs: names first, then the edges between
 * existing names, each in one batch in key order. That costs a fraction of single reads and changes
 * no result. At most once in a transaction. After an error (that of a read), abort. */
enum status store_transaction_prefetch(struct store_transaction *transaction,
                                       const struct store_identity *identities, size_t count,
                                       struct error *error) BEHALF_MUST_USE;

/* The edge that a key had before a transaction changed it. An expired edge exists until it is
 * swept: the caller, who knows the time, decides whether it still counts. */
struct store_previous {
    bool existed;
    int64_t expires_at; /* 0 = never, or there was no edge */
};

/* Writes an edge; created_revision is ignored and becomes this transaction's. The superseded value
 * goes to history; an edge that is already exactly so changes nothing. A key at most once per
 * transaction (asserted). *previous is unchanged after an error. */
enum status store_transaction_put(struct store_transaction *transaction, const struct edge *edge,
                                  struct store_previous *previous,
                                  struct error *error) BEHALF_MUST_USE;
enum status store_transaction_remove(struct store_transaction *transaction,
                                     const struct edge_key *key, struct store_previous *previous,
                                     struct error *error) BEHALF_MUST_USE;
enum status store_transaction_schema(struct store_transaction *transaction, struct slice text,
                                     struct error *error) BEHALF_MUST_USE;
void store_transaction_metadata(struct store_transaction *transaction, struct slice metadata);
/* The name of the key that asked for the transaction; at most STORE_CALLER_SIZE_MAX bytes. */
void store_transaction_caller(struct store_transaction *transaction, struct slice caller);

/* Writes or removes a record; created_revision is ignored. The superseded version goes to history;
 * a record that is already exactly so becomes a new version too. A key at most once per transaction
 * (asserted). Removing what does not exist changes nothing. EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT for a
 * body above STORE_RECORD_SIZE_MAX. */
enum status store_transaction_record_put(struct store_transaction *transaction,
                                         const struct store_record *record,
                                         struct error *error) BEHALF_MUST_USE;
enum status store_transaction_record_remove(struct store_transaction *transaction,
                                            const struct store_record_key *key,
                                            struct error *error) BEHALF_MUST_USE;

/* The records that this transaction changed: valid until commit frees the transaction. */
struct store_record_change {
    bool removed;
    struct store_record record; /* of a removal only its key */
};

const struct store_record_change *store_transaction_record_changes(
    const struct store_transaction *transaction, size_t *count);

/* Keeps, in the batch of this transaction, that the order which a new incarnation begins with was
 * given (store_needs_stop). */
void store_transaction_stopped(struct store_transaction *transaction);

/* Marks the transaction as a sweep: every edge it removes had expired, and every record had ended,
 * at `time_ns`, and no request asked for it. Committing one that changes anything else is
 * STORAGE_CORRUPT. */
void store_transaction_sweep(struct store_transaction *transaction, int64_t time_ns);

/* Idempotency: finds what a key was used for, up to 24 h before `now_ns` by commit time, and
 * records this transaction under it. */
struct store_request {
    uint8_t digest[DIGEST_SIZE]; /* of the whole request */
    uint64_t revision;
    int64_t time_ns;
};

enum status store_request_find(const struct store_snapshot *snapshot, struct slice key,
                               int64_t now_ns, struct store_request *request, bool *found,
                               struct error *error) BEHALF_MUST_USE;
void store_transaction_request(struct store_transaction *transaction, struct slice key,
                               const uint8_t digest[DIGEST_SIZE]);

/* The edges that this transaction changed, for the graph: valid until commit frees the
 * transaction. */
struct store_change {
    struct edge_key key;
    bool removed;
    uint16_t caveat; /* these three for an edge that was put, as in struct edge */
    int64_t expires_at;
    struct slice context;
};

const struct store_change *store_transaction_changes(const struct store_transaction *transaction,
                                                     size_t *count);

/* Commits one atomic batch: edges in both indexes, records, history, names, counts, changelog,
 * head. Not durable until store_sync. Frees the transaction, also on failure. `time_ns` is the
 * commit time. */
enum status store_transaction_commit(struct store_transaction *transaction, int64_t time_ns,
                                     uint64_t *revision, struct error *error) BEHALF_MUST_USE;

/* Makes all committed transactions durable. A failure leaves the outcome of the unsynced ones
 * unknown: OUTCOME_UNKNOWN, and every later begin is SERVICE_READ_ONLY until the store is
 * reopened. */
enum status store_sync(struct store *store, struct error *error) BEHALF_MUST_USE;

/* Work for a pause between writes, on the writer thread when no write waits: syncs the high-water
 * mark, so that it survives a power cut, and after an error of background work finds out whether
 * writes are possible again. store_sync has written the mark already, which survives a kill; a
 * second sync for each write would halve the write rate of a single client. */
void store_settle(struct store *store);

/* Gives up reads at revisions older than `revision`, and the changelog up to it. The new horizon is
 * durable before anything may be dropped. */
enum status store_set_horizon(struct store *store, uint64_t revision,
                              struct error *error) BEHALF_MUST_USE;
uint64_t store_horizon(struct store *store);

/* Moves the horizon to the revision before the one that was in force at `since_ns` by commit times
 * (whose changelog entry says when it began), and further while history and changelog take more
 * than `bytes_max` on disk. Starts a compaction in the
 * background once enough can be dropped. One short step: call it again from time to time. */
enum status store_trim_history(struct store *store, int64_t since_ns, uint64_t bytes_max,
                               struct error *error) BEHALF_MUST_USE;
/* From now on store_trim_history does not move the horizon beyond this revision: somebody still
 * follows the changelog from there. UINT64_MAX, as after the open: nobody does. Any thread. */
void store_hold_history(struct store *store, uint64_t revision);

/* --- upkeep --- */

/* The state that the clock (engine/clock.h) passes on to the next start; the store does not
 * interpret it. */
struct store_clock {
    int64_t floor_ns;   /* the latest time that was trusted and answered with */
    int64_t trusted_ns; /* the trusted time when this was written */
    bool ahead;         /* the clock was ahead of the trusted time */
};

/* *found = false when none was written yet. */
enum status store_clock_read(struct store *store, struct store_clock *clock, bool *found,
                             struct error *error) BEHALF_MUST_USE;
/* Writer thread. Durable. Belongs to this store alone and is in no changelog entry. */
enum status store_set_clock(struct store *store, const struct store_clock *clock,
                            struct error *error) BEHALF_MUST_USE;

/* Writer thread. Not durable until the next store_sync; in no changelog entry. Sessions that do not
 * exist are left out. */
enum status store_set_seen(struct store *store, const struct store_seen *seen, size_t count,
                           struct error *error) BEHALF_MUST_USE;

/* Whether this incarnation of the store has not begun with a stop on everything yet. A store that
 * was just made, or upgraded, has no former life and needs none. */
bool store_needs_stop(const struct store *store);

struct store_stats {
    uint64_t head_revision;
    uint64_t horizon;
    uint64_t edge_count;
    uint64_t data_bytes;
    uint64_t free_bytes;
    /* No write is refused or known to fail: there is space, no write failed since the store was
     * opened, and a write succeeded after the last error of background work. */
    bool writable;
    /* Counters since the store was opened. */
    uint64_t committed;       /* transactions */
    uint64_t committed_bytes; /* keys and values in their batches */
    uint64_t syncs;           /* that succeeded */
};

enum status store_stats_read(struct store *store, struct store_stats *stats,
                             struct error *error) BEHALF_MUST_USE;

void store_figures_read(struct store *store, struct store_figures *figures); /* any thread */

/* `writable` as it was last seen, for every check by a grant: two loads, no system call. A write
 * that fails or is refused for want of space is seen at once, everything else when store_watch is
 * called (writer thread, every second or so). */
bool store_is_writable(const struct store *store);
void store_watch(struct store *store);

/* Applies one changelog entry, which must be the next revision, to an empty or shorter store. A
 * store that replays takes no writes of its own. A refused entry changes nothing. Only tests call
 * it. */
enum status store_replay(struct store *store, struct slice entry,
                         struct error *error) BEHALF_MUST_USE;

/* A note for the next start, which helps it and which it can do without. One note, replaced as a
 * whole; a store in memory keeps none. Any thread, one at a time. */
#define STORE_NOTE_SIZE_MAX ((size_t)64 * 1024 * 1024)

enum status store_leave_note(struct store *store, struct slice bytes,
                             struct error *error) BEHALF_MUST_USE;
/* Appends the note to `bytes`; *found is false when there is none. STORAGE_CORRUPT when it is
 * damaged. */
enum status store_read_note(struct store *store, struct buffer *bytes, bool *found,
                            struct error *error) BEHALF_MUST_USE;

/* Checks every keyspace, as fsck does: mirrored indexes, names and nodes, counts, a dense and
 * chained changelog, the order of history, the head. STORAGE_CORRUPT with a message that names the
 * first error. */
enum status store_verify(struct store *store, struct error *error) BEHALF_MUST_USE;

/* As store_verify, with progress: `entries` of the family were checked so far. */
struct store_progress {
    void (*show)(void *context, const char *family, uint64_t entries);
    void *context;
};

enum status store_verify_showing(struct store *store, const struct store_progress *progress,
                                 struct error *error) BEHALF_MUST_USE;

/* Gives the store a new secret and a new incarnation, durably; it then needs a stop
 * (store_needs_stop). A copy that diverges from its original accepts no tokens of the original from
 * then on, and the original none of the copy, and neither a consent that the other withdrew. Writer
 * thread, before any other thread uses the store. After a failure the store still opens, with the
 * old pair or the new. */
enum status store_renew(struct store *store, struct error *error) BEHALF_MUST_USE;

#endif
