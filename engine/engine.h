/* engine.h - CONTRACT of the engine floor: answers.
 *
 * Always true: every answer is exact at one revision and one schema (its snapshot), named by the
 * token that comes with it; it is never older than the token asked for. An error, a spent budget, a
 * deadline or a fault of the storage is a status and never an allow. A decision is given only with
 * BEHALF_OK. Nothing is remembered between requests but facts of the storage: no decisions.
 *
 * Threads: whoever runs requests has an `engine_worker` of its own, one per thread; the engine's
 * pool gives each of its threads one. A worker made with may_block = false (event loops) never
 * waits for storage: a request that would is answered BEHALF_WOULD_BLOCK and is to be run again on
 * the pool. Writes are decided by one writer thread, in the order of submission.
 * Memory: arguments are borrowed for the call (for a write: until `done`). Results and what they
 * point to live in the request's arena.
 * Errors: those of base/error.def; every one that the caller caused names the argument. */
#ifndef BEHALF_ENGINE_ENGINE_H
#define BEHALF_ENGINE_ENGINE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/env.h"
#include "base/error.h"
#include "base/record_id.h"
#include "base/relationship.h"
#include "base/slice.h"

struct datum;
struct engine;
struct engine_audit_options;
struct engine_attributes_write;
struct engine_delegated_grant;
struct engine_delegation;
struct engine_grant_revoke;
struct engine_new_session;
struct engine_recording;
struct engine_root_grant;
struct engine_session_change;
struct engine_stop_order;
struct engine_use;
struct engine_worker;
struct explanation;
struct store;

#define ENGINE_TOKEN_SIZE 128 /* the longest token or cursor, without a NUL */

/* What is brought into memory before requests ask for it: what was in use at the last stop, and
 * then everything that fits. */
enum engine_warm { ENGINE_WARM_OFF, ENGINE_WARM_HOT, ENGINE_WARM_ALL };

struct engine_options {
    struct store *store;       /* borrowed; outlives the engine */
    const struct env *env;     /* borrowed */
    unsigned workers;          /* threads of the pool; 0 = one per core and one more */
    size_t graph_memory_bytes; /* for edge sets and names; 0 = default, 1 = as good as none. Beside
                                  it a 32nd part for the next pages of lookups */
    int64_t sweep_every_ns;    /* how often expired relationships are removed; 0 = default */
    int64_t history_ns;        /* how long past states can be read; 0 = default */
    uint64_t history_bytes;    /* that they may take on the disk; 0 = default */
    enum engine_warm warm;
    int64_t session_ttl_max_ns;               /* how far ahead a session may end; 0 = default */
    int64_t grant_ttl_max_ns;                 /* and a grant, within its session; 0 = default */
    int64_t record_retention_ns;              /* how long ended records are kept; 0 = default */
    const struct engine_audit_options *audit; /* engine/audit.h; NULL = nothing is recorded */
};

#define ENGINE_HISTORY_NS (INT64_C(7) * 24 * 3600 * 1000000000) /* the default */
#define ENGINE_HISTORY_BYTES (UINT64_C(8) << 30)                /* the default */
#define ENGINE_HISTORY_FOREVER INT64_C(-1)
#define ENGINE_TTL_MAX_NS (INT64_C(24) * 3600 * 1000000000)               /* the default of both */
#define ENGINE_RECORD_RETENTION_NS (INT64_C(30) * 24 * 3600 * 1000000000) /* the default */
#define ENGINE_RECORD_RETENTION_NONE INT64_C(1)         /* they go with the next sweep */
#define ENGINE_SWEEP_EVERY_NS (INT64_C(5) * 1000000000) /* the default */
#define ENGINE_SWEEP_NEVER INT64_C(-1)                  /* only by a WRITE_SWEEP */

/* The threads of the pool that these options make. */
unsigned engine_worker_count(const struct engine_options *options);

/* Starts the pool and the writer. Fails when the stored schema cannot be read or compiled. */
enum status engine_open(const struct engine_options *options, struct engine **engine,
                        struct error *error) BEHALF_MUST_USE;
/* Finishes queued work, joins the threads, and notes what is in use for the next warm-up. No job or
 * write may be submitted any more. */
void engine_close(struct engine *engine); /* accepts NULL */

struct engine_worker *engine_worker_new(struct engine *engine, bool may_block);
void engine_worker_free(struct engine_worker *worker); /* accepts NULL */

/* What became of a request of `method` that gave no answer, for the statistics: an error, or
 * BEHALF_WOULD_BLOCK, which has no `error`. INTERNAL is logged with the error's message, at most
 * one line a second. By the worker's thread. */
void engine_worker_note(struct engine_worker *worker, const char *method, enum status status,
                        const struct error *error);

/* Edges that its requests visited so far: what the next one visits is the difference. By the
 * worker's thread. */
uint64_t engine_worker_edges(const struct engine_worker *worker);

/* --- what every read carries --- */

enum consistency_mode {
    CONSISTENCY_FULL, /* at least as new as any write acknowledged before the request came */
    CONSISTENCY_MINIMIZE_LATENCY,
    CONSISTENCY_AT_LEAST_AS_FRESH, /* needs a token */
    CONSISTENCY_AT_EXACT_SNAPSHOT, /* needs a token */
    CONSISTENCY_AT_TIME,           /* needs a time: what was in force, and had not expired, then */
};

struct engine_request {
    struct arena *arena; /* results */
    enum consistency_mode consistency;
    struct slice token;
    int64_t at_ns;                /* CONSISTENCY_AT_TIME: nanoseconds since 1970 */
    int64_t deadline_ns;          /* env_monotonic_ns; 0 = the default of the method */
    const atomic_bool *cancelled; /* NULL, or becomes true when nobody wants the answer any more */
    struct slice caller;          /* the key's name, for the audit; empty = nobody in particular */
    struct slice request_id;      /* the caller's, for the audit; empty = none */
    /* NULL, or an agent: of sessions and access requests those of this agent are shown, of grants
     * those with it in the chain; any other is UNKNOWN_RECORD, and left out of lists. */
    const struct object *bound;
    bool gives_way; /* of a check on the pool: one that takes long while other checks wait is
                       BEHALF_WOULD_BLOCK, and is to be run again in ENGINE_CLASS_LOOKUP */
};

enum decision { DECISION_DENY, DECISION_CONDITIONAL, DECISION_ALLOW };

/* Why a decision by actors or a grant is no allow. */
enum engine_reason {
    REASON_NONE,
#define X(name, condition, word) REASON_##name,
#include "engine/reasons.def"
#undef X
};

enum {
    ENGINE_REASON_COUNT = 1 /* REASON_NONE */
#define X(name, condition, word) +1
#include "engine/reasons.def"
#undef X
};

/* Names of the context that a conditional decision hangs on: ascending, each once. */
struct missing_context {
    const struct slice *names;
    size_t count;
};

/* The token of the snapshot an answer was computed at, NUL-terminated. */
struct engine_token {
    char text[ENGINE_TOKEN_SIZE + 1];
};

/* --- check --- */

#define ENGINE_ACTORS_MAX 16
#define ENGINE_BULK_ITEMS_MAX 1000

struct engine_pair;

/* What a request says of its subject, resource and action beside what is stored: maps, or NULL. It
 * lies over stored attributes, key by key at the top level, where the schema says `use
 * request_attributes` and the caller is trusted; of subject and resource never where there is an
 * actor or a grant. Where it would not count it is MALFORMED_REQUEST. */
struct check_properties {
    const struct datum *subject;
    const struct datum *resource;
    const struct datum *action;
    bool trusted;   /* the caller's key has the role for it */
    bool pass_over; /* what does not count is passed over instead */
};

struct check {
    struct object resource;  /* type and id */
    struct slice permission; /* relation or permission */
    struct object subject;
    const struct engine_pair *ahead; /* that engine_prefetch was given for this check, or NULL: its
                                        hashes count where its ids are the very same bytes */
    const struct object
        *actors; /* the first acts on behalf of the subject, the next of the first */
    size_t actor_count;
    const struct datum *context;                /* for caveats: a map, or NULL */
    const struct check_properties *properties;  /* NULL = none */
    const struct engine_delegation *delegation; /* the grant (engine/agents.h), or NULL */
    struct engine_use *use; /* of a chain with uses; NULL: such a check is MALFORMED_REQUEST */
    struct engine_recording *recording; /* engine/audit.h; NULL: what must be on the disk first is
                                           waited for, by a worker that may not block WOULD_BLOCK */
    bool explain;
    bool find_requestable; /* says of a deny whether access may be requested for it */
};

/* `valid_until`: a moment (nanoseconds since 1970) before which no expiration can change the
 * decision; 0 = nothing expires. It says nothing of writes. */
struct check_result {
    enum decision decision;
    enum engine_reason reason; /* of a deny or a conditional decision by actors or a grant */
    bool requestable;          /* engine_denial (engine/agents.h); false unless asked for */
    struct record_id_text decision_id; /* empty without actors and grant */
    struct missing_context missing;    /* of a conditional decision */
    int64_t valid_until;
    const struct explanation *explanation; /* NULL unless asked for */
    struct engine_token checked_at;
};

/* Where the decision is an error of its own (CYCLE_THROUGH_EXCLUSION, CAVEAT_*) and `explain` is
 * set, `explanation` is given beside the error. */
enum status engine_check(struct engine_worker *worker, const struct engine_request *request,
                         const struct check *check, struct check_result *result,
                         struct error *error) BEHALF_MUST_USE;

/* Each item alone, all at one snapshot. An item's error stands in its place and fails nothing
 * else. */
struct check_item {
    enum status status; /* BEHALF_OK: the three below hold */
    enum decision decision;
    enum engine_reason reason;
    bool requestable;
    struct record_id_text decision_id;
    struct missing_context missing;
    int64_t valid_until;
    const struct explanation *explanation; /* as of check_result: of an error too */
    struct error *error;                   /* in the arena when status is not BEHALF_OK */
};

/* Brings nearer to the processor what checks of these pairs will look at, so that the misses of
 * several overlap: for checks that wait behind one another. It answers nothing and changes nothing;
 * pairs of unknown names cost a look. Between requests of the worker, on its thread; at most
 * ENGINE_PREFETCH_MAX at once. */
#define ENGINE_PREFETCH_MAX 16

struct engine_pair {
    struct object resource;
    struct object subject;
    uint64_t resource_hash; /* set by engine_prefetch: of the two ids, for struct check */
    uint64_t subject_hash;
};

void engine_prefetch(struct engine_worker *worker, struct engine_pair *pairs, size_t count);

struct check_bulk_result {
    struct check_item *items; /* in the order asked */
    struct engine_token checked_at;
};

enum status engine_check_bulk(struct engine_worker *worker, const struct engine_request *request,
                              const struct check *checks, size_t count,
                              struct check_bulk_result *result,
                              struct error *error) BEHALF_MUST_USE;

/* --- explain --- */

enum explanation_kind {
    EXPLAIN_MEMBER, /* `relation` of `object`, a permission or relation */
    EXPLAIN_UNION,  /* an operator inside of a permission, or over what a relation leads to */
    EXPLAIN_INTERSECTION,
    EXPLAIN_EXCLUSION,
    EXPLAIN_ALL,
    EXPLAIN_RELATIONSHIP, /* a stored relationship; a child is what it leads on to */
    EXPLAIN_ABSENT,       /* a relationship that is not stored (or has expired) and would count */
    EXPLAIN_IDENTITY,     /* the subject is the object itself */
    EXPLAIN_DELEGATION,   /* `object` acts on behalf of the one before it in the chain */
    EXPLAIN_CONDITION,    /* a condition of the decision by actors or a grant: `condition` */
    EXPLAIN_MORE,         /* `omitted` further branches of the same outcome */
};

/* Why a decision is what it is. Of an allow: a smallest proof. Of a deny: per branch the first
 * thing missing or failing, the nearest to an allow first. Of a conditional: the undecided
 * conditions. At most EXPLAIN_NODES_MAX nodes, and EXPLAIN_DEPTH_MAX of them on any way down. A
 * node has the outcome of its children, but for an EXCLUSION, whose right side speaks by the
 * opposite one. What is cut says so in `message`; a member that stands in the tree twice has its
 * children once. docs/explain.md */
#define EXPLAIN_NODES_MAX 1000
#define EXPLAIN_DEPTH_MAX 100 /* nodes from the root down, both ends included */

struct explanation {
    enum explanation_kind kind;
    enum status status; /* BEHALF_OK: `decision` holds */
    enum decision decision;
    struct object object; /* MEMBER, IDENTITY, DELEGATION; UNION and ALL of an arrow: type and id */
    struct slice relation;            /* the member; of an arrow the relation it walks */
    struct relationship relationship; /* RELATIONSHIP, ABSENT; with its caveat and expiration */
    struct slice context;             /* of a caveat: its parameters' values, canonical bytes */
    struct slice residual;            /* of an undecided caveat: what is left of it, as CEL */
    struct missing_context missing;
    struct slice message;      /* of an error, and of what a reader would not guess */
    struct slice condition;    /* CONDITION: "D6"; static storage */
    enum engine_reason reason; /* CONDITION that is no allow */
    size_t omitted;            /* MORE */
    const struct explanation *const *children;
    size_t child_count;
};

/* --- expand --- */

enum expand_op {
    EXPAND_UNION,
    EXPAND_INTERSECTION,
    EXPAND_EXCLUSION, /* children[0] - children[1] */
    EXPAND_ARROW,
    EXPAND_ALL,
    EXPAND_LEAF,      /* subjects as stored, or unopened usersets */
    EXPAND_TRUNCATED, /* not opened for want of room: nothing of it is here */
};

/* What a stored relationship holds under; nothing of it is evaluated. */
struct expand_condition {
    struct slice caveat;  /* name; empty = none */
    struct slice context; /* canonical bytes (base/datum.h); empty = none */
    int64_t expires_at;   /* 0 = never */
};

struct expand_subject {
    struct object object;
    struct expand_condition condition;
};

struct expand_node {
    enum expand_op op;
    struct object object; /* whose subjects these are: type and id */
    struct slice
        relation; /* the member; of an inner operator: the permission it stands in. A step of
                              a nested arrow has no name: its expression stands here */
    struct expand_condition condition; /* of the relationship that led here: a userset opened, or
                                          a step along an arrow */
    struct expand_node **children;
    size_t child_count;
    struct expand_subject *subjects; /* of a leaf */
    size_t subject_count;
    struct slice cursor; /* of what is left out; empty = nothing is */
};

/* Nodes inside each other in a tree of bounded size, but for the operators of one member. */
#define EXPAND_NESTING_MAX 128

struct expand {
    struct object resource;
    struct slice permission;
    uint32_t depth; /* levels of usersets opened; 0 = all */
    /* About as many bytes as the tree may take in a reply; 0 = as many as the request's memory
     * allows, nested without bound. A node that has more children or subjects than fit keeps those
     * that do; one that is not opened is EXPAND_TRUNCATED. Both have a cursor. */
    size_t most_bytes;
    struct slice cursor; /* the tree is the node that gave it, from there on; empty = the whole */
};

struct expand_result {
    struct expand_node *tree;
    int64_t valid_until; /* the earliest expiration in the tree; 0 = none */
    struct engine_token expanded_at;
};

enum status engine_expand(struct engine_worker *worker, const struct engine_request *request,
                          const struct expand *expand, struct expand_result *result,
                          struct error *error) BEHALF_MUST_USE;

/* --- lookups --- */

#define ENGINE_PAGE_DEFAULT 1000
#define ENGINE_PAGE_MAX 100000

/* A page ends, with a cursor, at its `limit`, or before the first row that would take its rows
 * beyond `most_bytes` (0 = no bound) of MessagePack. It has at least one row where there is one:
 * none is larger than a few KiB and the names of what it is missing. All pages joined are the
 * answer, in order and without doubles. */

struct lookup_resources {
    struct slice resource_type;
    struct slice permission;
    struct object subject;
    const struct object *actors;
    size_t actor_count;
    const struct engine_delegation *delegation; /* the grant (engine/agents.h), or NULL */
    const struct datum *context;                /* a map, or NULL */
    const struct check_properties *properties;  /* NULL = none; of the resource none counts */
    uint32_t limit;                             /* 0 = default */
    size_t most_bytes;                          /* of the rows; 0 = no bound */
    struct slice cursor;                        /* empty = from the start */
};

struct lookup_resource {
    struct slice id;
    enum decision decision; /* ALLOW or CONDITIONAL */
    struct missing_context missing;
};

struct lookup_undecided {
    struct slice id;
    struct error error;
};

struct lookup_resources_result {
    struct lookup_resource *resources; /* ordered by node id, no duplicates */
    size_t resource_count;
    struct lookup_undecided *undecided; /* candidates whose check is an error */
    size_t undecided_count;
    bool complete;       /* this is the end of the answer, and nothing of the page is undecided */
    int64_t valid_until; /* of the page as a whole, as in check_result */
    enum engine_reason
        reason; /* of an answer that is empty because of a grant or stop, else none */
    struct record_id_text decision_id; /* empty without actors and grant */
    struct engine_token cursor;        /* for the next page; empty text when nothing follows */
    struct engine_token looked_up_at;
};

enum status engine_lookup_resources(struct engine_worker *worker,
                                    const struct engine_request *request,
                                    const struct lookup_resources *lookup,
                                    struct lookup_resources_result *result,
                                    struct error *error) BEHALF_MUST_USE;

struct lookup_subjects {
    struct object resource;
    struct slice permission;
    struct slice subject_type;
    struct slice subject_relation;             /* empty = plain subjects */
    const struct datum *context;               /* a map, or NULL */
    const struct check_properties *properties; /* NULL = none; of the subject none counts */
    bool known; /* in place of the wildcard, each object of the type that the store has a name of,
                   decided by itself; of plain subjects only */
    uint32_t limit;
    size_t most_bytes;
    struct slice cursor;
};

struct lookup_excluded {
    struct slice id;
    enum decision decision; /* of the exclusion */
};

/* A concrete subject, or the wildcard with those it does not stand for as it does for others:
 * `excluded` ALLOW are denied, `excluded` CONDITIONAL depend on a context. Where they are too many
 * for the page, `more_excluded` is set, the wildcard is its last row, and the next page begins with
 * the wildcard again and the exclusions that follow. */
struct lookup_subject {
    struct slice id; /* empty when `wildcard` */
    bool wildcard;
    enum decision decision;
    struct missing_context missing;
    struct lookup_excluded *excluded;
    size_t excluded_count;
    bool more_excluded;
};

struct lookup_subjects_result {
    struct lookup_subject *subjects; /* the wildcard first, then ordered by node id */
    size_t subject_count;
    bool complete;
    int64_t valid_until; /* of the answer as a whole, as in check_result */
    struct engine_token cursor;
    struct engine_token looked_up_at;
};

enum status engine_lookup_subjects(struct engine_worker *worker,
                                   const struct engine_request *request,
                                   const struct lookup_subjects *lookup,
                                   struct lookup_subjects_result *result,
                                   struct error *error) BEHALF_MUST_USE;

struct lookup_permissions {
    struct object resource;
    struct object subject;
    const struct object *actors;
    size_t actor_count;
    const struct engine_delegation *delegation; /* the grant (engine/agents.h), or NULL */
    const struct datum *context;                /* a map, or NULL */
    const struct check_properties *properties;  /* NULL = none; of the action none counts */
};

/* One per permission of the resource's type, in the order of the schema. */
struct lookup_permission {
    struct slice permission;
    struct check_item item;
};

struct lookup_permissions_result {
    struct lookup_permission *permissions;
    size_t permission_count;
    enum engine_reason reason; /* of an answer that is empty because of a grant, else none */
    struct record_id_text decision_id;
    struct engine_token looked_up_at;
};

enum status engine_lookup_permissions(struct engine_worker *worker,
                                      const struct engine_request *request,
                                      const struct lookup_permissions *lookup,
                                      struct lookup_permissions_result *result,
                                      struct error *error) BEHALF_MUST_USE;

/* --- relationships and schema, reading --- */

/* At least one field is set; `resource_id` and `resource_id_prefix` exclude each other. */
struct relationship_filter {
    struct slice resource_type;
    struct slice resource_id;
    struct slice resource_id_prefix;
    struct slice relation;
    struct slice subject_type; /* set when the filter has a subject part */
    struct slice subject_id;
    struct slice subject_relation;
    bool has_subject_relation; /* with an empty subject_relation: plain subjects only, neither
                                * usersets nor the wildcard */
    bool subject_wildcard;     /* exactly the wildcard of subject_type; excludes id and relation */
};

struct relationships_read {
    struct relationship_filter filter;
    uint32_t limit;
    size_t most_bytes;
    struct slice cursor;
};

struct relationships_read_result {
    struct relationship *relationships;
    size_t relationship_count;
    bool complete;
    struct engine_token cursor;
    struct engine_token read_at;
};

enum status engine_relationships_read(struct engine_worker *worker,
                                      const struct engine_request *request,
                                      const struct relationships_read *read,
                                      struct relationships_read_result *result,
                                      struct error *error) BEHALF_MUST_USE;

struct schema_read_result {
    struct slice text;
    struct engine_token read_at;
};

enum status engine_schema_read(struct engine_worker *worker, const struct engine_request *request,
                               struct schema_read_result *result,
                               struct error *error) BEHALF_MUST_USE;

/* --- writing --- */

#define ENGINE_UPDATES_MAX 1000
#define ENGINE_PRECONDITIONS_MAX 1000
#define ENGINE_CONTEXT_SIZE_MAX 4096 /* a stored context: canonical bytes of base/datum.h */
#define ENGINE_DELETE_DEFAULT 1000
#define ENGINE_DELETE_MAX 10000

enum update_op { UPDATE_CREATE, UPDATE_TOUCH, UPDATE_DELETE };

struct update {
    enum update_op op;
    struct relationship relationship;
};

struct precondition {
    bool must_match; /* else: must not match */
    struct relationship_filter filter;
};

#define ENGINE_CALLER_SIZE_MAX 64
#define ENGINE_IDEMPOTENCY_KEY_SIZE_MAX 128
#define ENGINE_SWEEP_DEFAULT 1000

enum engine_write_kind {
    WRITE_RELATIONSHIPS,
    WRITE_DELETE,
    WRITE_SCHEMA,
    WRITE_SESSION_CREATE,
    WRITE_SESSION_CHANGE,
    WRITE_GRANT_CREATE,
    WRITE_GRANT_DELEGATE,
    WRITE_GRANT_REVOKE,
    WRITE_REQUEST_CREATE,
    WRITE_REQUEST_APPROVE,
    WRITE_REQUEST_CLOSE, /* denied or cancelled */
    WRITE_STOP,
    WRITE_USE,
    WRITE_ATTRIBUTES,
    WRITE_SWEEP, /* removes what has expired; nothing, and no revision, when nothing has */
};

/* --- waiting --- */

/* A caller, for queues that are fair to callers: zero at first, and where it is while anything of
 * its own is queued. A flow belongs to one queue: the pool's of one class, or the writer's. */
struct engine_flow {
    struct engine_queued *first; /* all of it the engine's */
    struct engine_queued *last;
    struct engine_flow *next;
    uint32_t length;
};

struct engine_queued {
    struct engine_flow *flow;   /* NULL = all that have none are one caller */
    int64_t deadline_ns;        /* monotonic; 0 = none */
    struct engine_queued *next; /* the engine's, while queued */
    /* Of a write that takes authority away (a session is suspended or revoked, a grant revoked, a
     * stop ordered), or gives back what was taken so (a resume, a restore): it has places of its
     * own before all others, in one order. For engine_write_ask; engine_write_submit knows it by
     * the write. */
    bool goes_first;
};

/* One transaction on its way. Filled by the submitter, answered by the engine, which calls `done`
 * last and touches the struct no more. `done` runs on the writer thread, or on another one when the
 * deadline came while the write was queued, and must not block. */
struct engine_write {
    struct engine_queued queued; /* first */
    enum engine_write_kind kind;
    const struct update *updates; /* WRITE_RELATIONSHIPS */
    size_t update_count;
    const struct precondition *preconditions; /* WRITE_RELATIONSHIPS, WRITE_DELETE */
    size_t precondition_count;
    struct relationship_filter filter; /* WRITE_DELETE */
    uint32_t limit;                    /* WRITE_DELETE, WRITE_SWEEP; 0 = default */
    struct slice schema_text;          /* WRITE_SCHEMA */
    struct schema *compiled; /* WRITE_SCHEMA: engine_write_prepare made it; the engine's */
    union {                  /* engine/agents.h */
        const struct engine_new_session *new_session;
        const struct engine_session_change *session_change;
        struct engine_root_grant *root_grant;
        const struct engine_delegated_grant *delegated_grant;
        const struct engine_grant_revoke *grant_revoke;
        const struct engine_new_access_request *new_access_request;
        struct engine_access_approval *access_approval;
        struct engine_access_refusal *access_refusal;
        const struct engine_stop_order *stop_order;
        struct engine_use *use;
        const struct engine_attributes_write *attributes;
    };
    struct slice caller; /* by name, at most ENGINE_CALLER_SIZE_MAX; empty = nobody in particular */
    const struct object *bound; /* as of engine_request, for the grants that are named */
    struct slice metadata;
    struct slice idempotency_key; /* of this caller; empty = none */
    uint8_t request_digest[32];   /* SHA-256 of the request's bytes, when there is a key */

    enum status status;
    struct error error;
    struct engine_token written_at;
    uint64_t revision;
    uint64_t count;   /* deleted; of what had expired only WRITE_SWEEP counts anything */
    bool complete;    /* WRITE_DELETE, WRITE_SWEEP: nothing more matches */
    bool repeated;    /* happened before, with the same idempotency key: `count` is not known */
    bool has_session; /* records that were made, now or when it happened before */
    bool has_grant;
    bool has_access_request; /* made, or decided */
    struct record_id session;
    struct record_id grant;
    struct record_id access_request;

    void (*done)(struct engine_write *write);
    void *owner;
    struct engine_write *next; /* the engine's, in a group */
};

/* Does what a write needs before the writer, on whom everybody waits, sees it: compiles a schema,
 * and decides whether an approver may approve. By a worker that may block, before
 * engine_write_submit; without it the writer compiles the schema itself, and refuses an approver
 * who is not the principal. When it fails, the status and the error are the write's. */
enum status engine_write_prepare(struct engine_worker *worker,
                                 struct engine_write *write) BEHALF_MUST_USE;
/* Whether a write has anything to be prepared. */
bool engine_write_needs_preparing(const struct engine_write *write);
/* Frees what was prepared of a write that was not submitted. */
void engine_write_abandon(struct engine_write *write);

/* OVERLOADED, with retry_after_ms, when the write would wait beyond a third of the time that is
 * left until its deadline, without one beyond the next group and for more than a second, and
 * others wait before it, or when the writer's queue is full; one that goes first only when a
 * thousand of its kind wait. Then `done` is not called. A write that is still queued at its
 * deadline is DEADLINE, and nothing of it was written; one that has been begun is answered with
 * what became of it, however late. */
enum status engine_write_submit(struct engine *engine, struct engine_write *write,
                                struct error *error) BEHALF_MUST_USE;
/* Submits a write and waits until it is done: for callers without a loop. `done` and `owner` are
 * set here. The status is the write's, or why it was not submitted. */
enum status engine_write_wait(struct engine *engine, struct engine_write *write,
                              struct error *error) BEHALF_MUST_USE;
/* Whether a write of this flow and deadline would be refused now: asked before anything is done for
 * it. BEHALF_OK promises nothing. */
enum status engine_write_ask(struct engine *engine, const struct engine_queued *queued,
                             struct error *error) BEHALF_MUST_USE;

/* --- the pool --- */

/* Checks that must wait for storage or are too large for an event loop; lookups, expands, reads and
 * large bulks, which take long; and what an operator asks of a server that is busy. A class has
 * threads that the others cannot take: the first two at least one each, if there are two, the third
 * one of its own. */
enum engine_class {
    ENGINE_CLASS_CHECK,
    ENGINE_CLASS_LOOKUP,
    ENGINE_CLASS_ADMIN,
    ENGINE_CLASS_COUNT
};

struct engine_job {
    struct engine_queued queued; /* first */
    void (*run)(struct engine_job *job, struct engine_worker *worker);
    /* Called instead, on some thread of the pool, when the deadline came while the job was queued.
     * NULL: it is run all the same. */
    void (*expire)(struct engine_job *job);
};

/* Runs the job on some thread of the pool; a job may submit itself again as the last that it does.
 * OVERLOADED, with retry_after_ms, when it would wait beyond a third of the time that is left until
 * its deadline and others wait before it, or when the queue is full. */
enum status engine_submit(struct engine *engine, enum engine_class class, struct engine_job *job,
                          struct error *error) BEHALF_MUST_USE;
/* Whether a job of this class, flow and deadline would be refused now, as engine_write_ask. */
enum status engine_ask(struct engine *engine, enum engine_class class,
                       const struct engine_queued *queued, struct error *error) BEHALF_MUST_USE;

/* The caller is gone: its queued jobs of the flow that have a deadline expire now. */
void engine_abandon(struct engine *engine, struct engine_flow *flow);

/* --- time --- */

/* Expirations are judged by the wall clock, as far as the monotonic clock and what was seen before
 * bear it out (engine/clock.h). */
enum engine_clock_state {
    ENGINE_CLOCK_AGREES,
    ENGINE_CLOCK_AHEAD,    /* by more than an hour: expirations follow it, but nothing of it is
                              kept and nothing swept until it is confirmed, rejected or right */
    ENGINE_CLOCK_REJECTED, /* it is left out until it agrees again */
};

/* Nanoseconds since 1970. */
struct engine_clock {
    enum engine_clock_state state;
    int64_t now_ns;     /* by which relationships expire */
    int64_t wall_ns;    /* what the system's clock shows */
    int64_t trusted_ns; /* what it should show by the monotonic clock */
};

/* Any thread; they never fail. An operator answers ENGINE_CLOCK_AHEAD: the wall clock is right
 * (time was really spent, say while the machine slept), or wrong. A rejection may be taken back by
 * confirming. While the clocks agree there is nothing to decide and nothing changes. Each gives
 * what holds afterwards. */
void engine_clock_read(struct engine *engine, struct engine_clock *clock);
void engine_clock_confirm(struct engine *engine, struct engine_clock *clock);
void engine_clock_reject(struct engine *engine, struct engine_clock *clock);

/* --- state --- */

struct engine_info {
    uint64_t revision;           /* published */
    uint64_t schema_revision;    /* 0 before the first schema */
    uint64_t relationship_count; /* with those that expired and were not swept yet */
    uint64_t data_bytes;
    bool writable;
    struct engine_clock clock;
    struct engine_token token;
};

enum status engine_info_read(struct engine *engine, struct engine_info *info,
                             struct error *error) BEHALF_MUST_USE;

/* Counted since the engine was opened, by workers of one kind that are there now. */
struct engine_reads {
    uint64_t checks;    /* requests begun: of check, check_bulk and the like */
    uint64_t lookups;   /* and of the others */
    uint64_t handed_on; /* given up by a worker that may not block, to be run again */
    uint64_t errors;    /* answered with an error (engine_worker_note) */
    uint64_t internal;  /* of these with INTERNAL */
};

enum engine_warming_state {
    ENGINE_WARMING_OFF,
    ENGINE_WARMING_HOT, /* at what was in use at the last stop */
    ENGINE_WARMING_ALL, /* at everything */
    ENGINE_WARMING_DONE,
    ENGINE_WARMING_STOPPED, /* the engine closes */
    ENGINE_WARMING_FAILED,  /* the log says why */
};

/* How far the warm-up is. */
struct engine_warming {
    enum engine_warming_state state;
    bool full; /* the memory did not hold everything */
    uint64_t sets;
    uint64_t edges; /* in them, counted once for each direction */
    uint64_t names;
    int64_t took_ns; /* since the engine was opened, until the last step */
};

struct engine_stats {
    uint64_t revision; /* published */
    int64_t uptime_ns;
    struct {
        size_t bytes; /* edge sets and their tables, superseded versions included */
        size_t superseded_bytes;
        size_t retired_bytes; /* taken out of the graph or the names, and still read by somebody */
        size_t sets;          /* nodes whose edges are in memory, in one direction, */
        size_t chains;        /* with older versions, */
        size_t empty;         /* known to have none, */
        size_t direct;        /* with too many, */
        size_t loading;       /* and being read */
        uint64_t edges;
    } graph;
    struct {
        size_t bytes;
        size_t entries; /* a name that is known both ways counts twice */
    } names;
    struct engine_warming warming;
    struct engine_reads loops; /* workers that may not block */
    struct engine_reads pool;  /* and the others */
    struct {
        uint32_t checks;
        uint32_t lookups;
        uint64_t refused; /* since the queue was full */
    } waiting;            /* for the pool */
    struct {
        uint64_t transactions; /* committed */
        uint64_t groups;       /* of transactions decided together */
        uint64_t syncs;        /* at most one a group */
        uint64_t bytes;        /* in batches */
        uint64_t refused;
        size_t waiting;
    } writes;
    struct {
        uint64_t data_bytes; /* sorted files */
        uint64_t free_bytes; /* of the file system */
    } storage;
};

/* Walks all of the graph: for whoever may block. */
enum status engine_stats_read(struct engine *engine, struct engine_stats *stats,
                              struct error *error) BEHALF_MUST_USE;

#endif
