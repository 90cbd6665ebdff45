/* agents.h - CONTRACT of the engine floor, beside engine.h: sessions, grants, access requests and
 * stops.
 *
 * A session is the consent of one principal to one agent. A grant is a slice of the principal's
 * authority: a root grant goes from the session's principal to its agent, any other from the
 * delegatee of its parent to a further agent. A stop cuts off an agent, a client, a principal or
 * everything. In an access request an agent asks a principal for a grant. docs/agents.md
 *
 * Always true: a grant never changes but for being revoked. A parent exists before its child, so
 * chains have no cycles. An access request is decided once: it makes at most one grant. Records are
 * read at the newest revision. Writes are decided by the writer against its own state; a refused
 * write changes nothing.
 * Memory, threads, errors: as in engine.h. UNKNOWN_RECORD, RECORD_NOT_ACTIVE, DELEGATION_REFUSED,
 * AGENT_STOPPED, SCOPE_NOT_NARROWER (its index is that of the element), APPROVER_REFUSED,
 * DENIAL_INVALID and DENIAL_EXPIRED belong to records alone. */
#ifndef BEHALF_ENGINE_AGENTS_H
#define BEHALF_ENGINE_AGENTS_H

#include "base/record_id.h"
#include "engine/engine.h"

/* --- limits --- */

#define ENGINE_CHAIN_MAX 8 /* grants from the root to the one that is named */
#define ENGINE_SCOPE_ELEMENTS_MAX 64
#define ENGINE_SCOPE_ACTIONS_MAX 32
#define ENGINE_SCOPE_SIZE_MAX ((size_t)16 * 1024) /* encoded */
#define ENGINE_CONSTRAINTS_MAX 16
#define ENGINE_TOOLS_MAX 256
#define ENGINE_DEPTH_MAX 7
#define ENGINE_CLIENT_SIZE_MAX 512
#define ENGINE_PURPOSE_SIZE_MAX 1024
#define ENGINE_REASON_SIZE_MAX 1024
#define ENGINE_EVIDENCE_SIZE_MAX 4096 /* encoded */
#define ENGINE_NAME_SIZE_MAX 256      /* of a tool, a binding's method, a channel */
#define ENGINE_GRANTS_PER_SESSION 1000
#define ENGINE_SESSIONS_PER_PRINCIPAL 1000 /* that have not expired */
#define ENGINE_FILTER_RESOURCES_MAX 10000
#define ENGINE_IDLE_TIMEOUT_DEFAULT_S 1800
#define ENGINE_REQUESTS_PER_PAIR 100 /* of a principal and an agent, that have not expired */
#define ENGINE_REQUESTS_PENDING 20   /* of these */
#define ENGINE_JUSTIFICATION_SIZE_MAX 1024
#define ENGINE_ACCESS_REQUEST_TTL_DEFAULT_NS (INT64_C(3600) * 1000000000)
#define ENGINE_ACCESS_REQUEST_TTL_MAX_NS (INT64_C(86400) * 1000000000)

/* --- decisions --- */

/* Static storage; empty for REASON_NONE. */
struct slice engine_reason_word(enum engine_reason reason);
struct slice engine_reason_condition(enum engine_reason reason);

/* A call that a grant may be bound to. */
struct engine_binding {
    struct slice method; /* empty = none */
    uint8_t digest[32];
};

/* A tool by name and the hash of its definition. */
struct engine_tool {
    struct slice name; /* empty = none */
    uint8_t sha256[32];
};

/* What a check by a grant says beside struct check. */
struct engine_delegation {
    bool given; /* a grant was named, perhaps one that no id can have */
    struct record_id grant;
    struct engine_binding binding;
    struct engine_tool tool;
    struct slice idempotency_key; /* of a chain with uses; empty = none */
    uint8_t request_digest[32];   /* SHA-256 of the request's bytes, when there is a key */
};

/* --- writing --- */

struct engine_scope_element {
    struct slice selector; /* type:id, type:* or type:*#member@object */
    const struct slice *actions;
    size_t action_count;
};

struct engine_constraint {
    struct slice caveat;
    struct slice context; /* canonical bytes of a map; empty = none */
};

struct engine_approval {
    struct object approver;
    int64_t at; /* 0 = now */
    struct slice channel;
    struct slice request;
    struct slice evidence; /* canonical bytes of a map; empty = none */
};

/* An end as a request gives it: a moment, or counted from the server's clock. */
struct engine_end {
    int64_t at;    /* 0 = not given */
    int64_t in_ns; /* 0 = not given */
};

/* What is the same for root grants and delegated ones. */
struct engine_grant_terms {
    const struct engine_scope_element *scope;
    size_t scope_count;
    int64_t not_before;    /* 0 = none */
    struct engine_end end; /* of a delegated grant: none = its parent's */
    uint32_t max_depth;
    uint64_t uses; /* 0 = any number */
    const struct engine_constraint *constraints;
    size_t constraint_count;
    struct engine_binding binding;
    const struct engine_tool *tools;
    size_t tool_count;
    struct slice purpose;
};

struct engine_root_grant {
    struct record_id session; /* with a new session: not read */
    struct engine_grant_terms terms;
    struct engine_approval approval;
    bool approved; /* engine_write_prepare found that the approver may approve */
};

struct engine_delegated_grant {
    struct record_id parent;
    struct object actor; /* the parent's delegatee */
    struct object delegatee;
    struct engine_grant_terms terms;
};

struct engine_new_session {
    struct object principal;
    struct object agent;
    struct slice client; /* empty = the agent's text */
    struct engine_end end;
    bool has_idle_timeout;
    uint32_t idle_timeout_s;         /* 0 = none */
    struct slice evidence;           /* canonical bytes of a map; empty = none */
    struct engine_root_grant *grant; /* made in the same transaction; NULL = none */
};

enum session_change { SESSION_SUSPEND, SESSION_RESUME, SESSION_REVOKE };

struct engine_session_change {
    struct record_id session;
    enum session_change change;
    struct slice reason;
};

struct engine_grant_revoke {
    struct record_id grant;
    struct slice reason;
};

/* A denial for which access may be requested. Whoever fills it has verified the seal and that the
 * request has the words that were denied. The writer refuses a denial that another request holds
 * (DENIAL_INVALID) or that has ended (DENIAL_EXPIRED). */
struct engine_denial {
    struct record_id decision; /* its id: the key under which a request keeps it */
    int64_t ends;
    uint8_t words[32]; /* SHA-256 of who asked whom for what (net/denial.h) */
};

/* The limits that an access request asks for. An approval that leaves one out takes it from
 * here. */
struct engine_requested_terms {
    int64_t until;                 /* 0 = not given */
    uint64_t uses;                 /* 0 = not given */
    struct engine_binding binding; /* empty method = not given */
    const struct engine_tool *tools;
    size_t tool_count; /* 0 = not given */
};

/* WRITE_REQUEST_CREATE makes write->access_request. A caller that is bound to an agent asks for
 * that agent alone (else DELEGATION_REFUSED), and needs an active session of the two. */
struct engine_new_access_request {
    struct object principal;
    struct object agent;
    struct object resource;
    struct slice permission;
    struct engine_requested_terms requested;
    struct slice justification;
    struct engine_end end;              /* none = ENGINE_ACCESS_REQUEST_TTL_DEFAULT_NS ahead */
    const struct engine_denial *denial; /* NULL = none */
};

/* WRITE_REQUEST_APPROVE makes the root grant (write->grant) and marks the request approved, in one
 * transaction. Of `grant`, the session and the approval's approver are needed, the approval's
 * `request` is not read; terms that are not given are as requested: without a scope exactly the
 * resource and the permission. A wider scope, and more than was asked for, only the principal
 * approves. */
struct engine_access_approval {
    struct record_id request;
    struct engine_root_grant grant; /* `approved` by engine_write_prepare */
};

enum access_request_close { ACCESS_REQUEST_DENY, ACCESS_REQUEST_CANCEL };

/* WRITE_REQUEST_CLOSE: only while it is pending, else RECORD_NOT_ACTIVE. */
struct engine_access_refusal {
    struct record_id request;
    enum access_request_close close;
    struct object approver; /* who decided; an empty type = nobody is named */
    struct slice reason;
    bool approved; /* engine_write_prepare found that the approver may decide */
};

enum stop_scope { STOP_AGENT = 1, STOP_CLIENT, STOP_PRINCIPAL, STOP_EVERYTHING };

struct engine_stop_order {
    enum stop_scope scope;
    struct object object; /* STOP_AGENT, STOP_PRINCIPAL */
    struct slice client;  /* STOP_CLIENT */
    bool restore;         /* else: kill */
    struct slice reason;
};

/* A check whose chain has uses is a write where it would allow: engine_check then gives
 * BEHALF_MUST_SPEND and fills this. The caller submits `write` and, once it is done with BEHALF_OK,
 * repeats the check with the same engine_use, which gives the answer. Zero at first; it and the
 * request's memory live until then. */
struct engine_use {
    struct engine_write *write; /* the caller's storage */
    bool spent;                 /* set by the caller: the write is done */
    bool none_left; /* set by the writer: it took no use, for some grant of the chain has none left
                       or a record condition denies: no answer by this struct is an allow */
    struct record_id chain[ENGINE_CHAIN_MAX]; /* from the root on */
    size_t chain_length;
    struct engine_delegation delegation;
};

/* --- reading --- */

enum access_request_status {
    ACCESS_REQUEST_PENDING,
    ACCESS_REQUEST_APPROVED,
    ACCESS_REQUEST_DENIED,
    ACCESS_REQUEST_CANCELLED,
    ACCESS_REQUEST_EXPIRED, /* pending, and its end has come: never stored */
};

/* Static storage: "pending" and so on. */
struct slice engine_access_request_word(enum access_request_status status);

/* What programs ask of an access request, beside its body. */
struct engine_access_request {
    enum access_request_status status; /* as of now */
    int64_t expires_at;
    int64_t decided_at;     /* 0 = not decided */
    bool has_grant;         /* it was approved */
    struct record_id grant; /* for its end: engine_grant_read */
};

/* A record in its own words: `body` is the map that is stored (docs/agents.md names its fields),
 * with times as integers. */
struct engine_record {
    struct record_id id;
    struct slice body;             /* canonical bytes, in the request's arena */
    enum engine_reason state;      /* REASON_NONE = active */
    int64_t last_seen;             /* of a session */
    bool has_uses;                 /* of a grant */
    uint64_t uses_left;            /* of a grant */
    const struct record_id *chain; /* of a grant, from the root on */
    size_t chain_length;
    struct engine_access_request access_request;
};

struct engine_record_result {
    struct engine_record record;
    struct engine_token read_at;
};

enum status engine_session_read(struct engine_worker *worker, const struct engine_request *request,
                                const struct record_id *session,
                                struct engine_record_result *result,
                                struct error *error) BEHALF_MUST_USE;
enum status engine_grant_read(struct engine_worker *worker, const struct engine_request *request,
                              const struct record_id *grant, struct engine_record_result *result,
                              struct error *error) BEHALF_MUST_USE;

/* record.state says nothing. */
enum status engine_access_request_read(struct engine_worker *worker,
                                       const struct engine_request *request,
                                       const struct record_id *access_request,
                                       struct engine_record_result *result,
                                       struct error *error) BEHALF_MUST_USE;

/* Sessions of a principal or an agent; grants of a session or to an agent; access requests to a
 * principal. */
enum record_list_by {
    LIST_SESSIONS_OF_PRINCIPAL,
    LIST_SESSIONS_OF_AGENT,
    LIST_GRANTS_OF_SESSION,
    LIST_GRANTS_OF_AGENT,
    LIST_REQUESTS_OF_PRINCIPAL,
};

struct engine_record_list {
    enum record_list_by by;
    struct object object;
    struct record_id session; /* LIST_GRANTS_OF_SESSION */
    bool has_status;          /* LIST_REQUESTS_OF_PRINCIPAL: only those of this status */
    enum access_request_status status;
    uint32_t limit;
    size_t most_bytes;
    struct slice cursor;
};

struct engine_record_list_result {
    struct engine_record *records; /* in the order of their ends; access requests by agent first */
    size_t record_count;
    bool complete;
    struct engine_token cursor;
    struct engine_token read_at;
};

enum status engine_record_list(struct engine_worker *worker, const struct engine_request *request,
                               const struct engine_record_list *list,
                               struct engine_record_list_result *result,
                               struct error *error) BEHALF_MUST_USE;

struct engine_stop {
    enum stop_scope scope;
    struct slice object; /* text; STOP_AGENT, STOP_PRINCIPAL */
    struct slice client;
    uint64_t epoch; /* the revision that ordered it */
    bool in_force;
    struct slice by; /* who ordered it, by name; empty = nobody in particular */
    struct slice reason;
    int64_t at;
};

struct engine_stops_result {
    struct engine_stop *stops;
    size_t stop_count;
    struct engine_token read_at;
};

/* All that were ever ordered: those that are not in force still end what was granted before. */
enum status engine_stops_read(struct engine_worker *worker, const struct engine_request *request,
                              struct engine_stops_result *result,
                              struct error *error) BEHALF_MUST_USE;

/* --- denials --- */

#define ENGINE_DENIAL_NS (INT64_C(10) * 60 * 1000000000) /* how long access may be requested */

/* A deny by actors or a grant is requestable when its reason is one that a new grant can end, no
 * stop in force names a party, and, where a grant of the agent holds but does not suffice
 * (scope_excluded, binding_mismatch, uses_exhausted), D1 and D8 are allow. For the other reasons
 * these are not asked: an agent without an active grant does not learn what the principal may.
 *
 * A struct engine_denial is sealed for whoever was denied: a text that only this store can make and
 * that serves one request of the same words. */
void engine_denial_seal(const struct engine *engine, const struct engine_denial *denial,
                        struct engine_token *token);
/* DENIAL_INVALID: this store did not seal it, or for other words. Whether it has expired, or was
 * used, is the writer's to say. */
enum status engine_denial_open(const struct engine *engine, struct slice text,
                               const uint8_t words[32], struct engine_denial *denial,
                               struct error *error) BEHALF_MUST_USE;

/* --- filter --- */

struct filter_resources {
    const struct object *resources;
    size_t resource_count;
    struct slice permission;
    struct object subject;
    const struct object *actors;
    size_t actor_count;
    const struct engine_delegation *delegation; /* NULL = none */
    const struct datum *context;                /* a map, or NULL */
    const struct check_properties *properties;  /* NULL = none */
};

struct filter_conditional {
    size_t index; /* into the resources asked */
    struct missing_context missing;
};

struct filter_undecided {
    size_t index;
    struct error error;
};

struct filter_resources_result {
    size_t *allowed; /* indexes into the resources asked, ascending */
    size_t allowed_count;
    struct filter_conditional *conditional;
    size_t conditional_count;
    struct filter_undecided *undecided;
    size_t undecided_count;
    enum engine_reason reason; /* of an answer that is empty because of the grant, else none */
    int64_t valid_until;
    struct engine_token checked_at;
    struct record_id_text decision_id; /* empty text without actor and grant */
};

enum status engine_filter_resources(struct engine_worker *worker,
                                    const struct engine_request *request,
                                    const struct filter_resources *filter,
                                    struct filter_resources_result *result,
                                    struct error *error) BEHALF_MUST_USE;

/* --- audit of standing access --- */

struct agents_audit {
    const struct slice *types; /* agent types; none = all */
    size_t type_count;
    uint32_t limit;
    struct slice cursor;
};

struct agents_finding {
    bool
        is_delegation; /* standing_delegation: `principal`; else standing_access: the other three */
    struct slice agent; /* text; "type:*" for one that has no name yet */
    struct slice principal;
    struct slice resource_type;
    struct slice permission;
    struct slice example;
};

struct agents_audit_result {
    struct agents_finding *findings;
    size_t finding_count;
    bool complete;
    struct engine_token cursor;
    struct engine_token audited_at;
};

enum status engine_agents_audit(struct engine_worker *worker, const struct engine_request *request,
                                const struct agents_audit *audit,
                                struct agents_audit_result *result,
                                struct error *error) BEHALF_MUST_USE;

/* --- attributes --- */

/* An object of a defined type may have attributes: one map without null, kept at its node, in the
 * revisions and the history of the relationships, read at a request's snapshot.
 * docs/attributes.md */
#define ENGINE_ATTRIBUTES_MAX 64        /* keys of an object */
#define ENGINE_ATTRIBUTES_SIZE_MAX 4096 /* of its map, encoded */
#define ENGINE_ATTRIBUTE_UPDATES_MAX 1000

enum attributes_op { ATTRIBUTES_SET, ATTRIBUTES_MERGE, ATTRIBUTES_DELETE };

struct engine_attributes_update {
    struct object object;
    enum attributes_op op;
    const struct datum *attributes; /* a map; of ATTRIBUTES_MERGE with null where a key goes (RFC
                                       7396); NULL with ATTRIBUTES_DELETE */
};

/* WRITE_ATTRIBUTES: all or nothing, each object once. */
struct engine_attributes_write {
    const struct engine_attributes_update *updates;
    size_t update_count;
};

struct engine_attributes_result {
    const struct datum *attributes; /* a map; NULL = the object has none */
    struct engine_token read_at;
};

enum status engine_attributes_read(struct engine_worker *worker,
                                   const struct engine_request *request,
                                   const struct object *object,
                                   struct engine_attributes_result *result,
                                   struct error *error) BEHALF_MUST_USE;

#endif
