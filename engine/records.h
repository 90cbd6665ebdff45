/* records.h - sessions, grants, uses, access requests and stops as structs, and their bodies.
 *
 * A body is the canonical bytes (base/datum.h) of a map; ids, objects and digests (hexadecimal) are
 * text, times integers (nanoseconds since 1970), and a field with a question mark is absent where
 * it is empty:
 *
 *   session  principal agent client created expires_at idle_timeout_s evidence? status reason?
 *            made?
 *   grant    session parent? delegator delegatee scope [{selector actions}]
 *            constraints? [{caveat context? digest}] not_before? expires_at max_depth uses?
 *            bind? {method digest} tools? [{name sha256}] purpose? made?
 *            approval? {approver at channel? request? evidence?} revoked? {at by? reason?}
 *   request  principal agent resource permission justification?
 *            requested? {until? uses? bind? {method digest} tools? [{name sha256}]}
 *            status expires_at denial? decided? {approver? at reason?} grant?
 *   stop     one of agent, principal (objects), client (text), everything (true); epoch in_force
 *            by? reason? at
 *   uses     no map: what is left, 4 bytes, big-endian
 *
 * `made` is the revision of the first version, absent in the first version itself. In memory a
 * session, grant or access request is one block without pointers: it may be copied as bytes. Names
 * of the schema are labels, which never change; parties are nodes, which every one of them has in
 * its index entries.
 *
 * Always true: record_session, record_grant and record_access_request accept what the encoders make
 * and nothing else (STORAGE_CORRUPT). A name of the schema that a body has always has a label:
 * labels are for ever.
 * Threads: pure functions. Memory: the caller's buffers and arenas. */
#ifndef BEHALF_ENGINE_RECORDS_H
#define BEHALF_ENGINE_RECORDS_H

#include "engine/agents.h"
#include "storage/store.h"

/* Bytes or an array in the block of a record. */
struct record_part {
    uint32_t offset; /* from the start of the block */
    uint32_t count;  /* of bytes or items */
};

/* Where a part begins; its items are aligned for 8 bytes. */
static inline const void *
record_at(const void *block, struct record_part part)
{
    return (const char *)block + part.offset;
}

static inline struct slice
record_text(const void *block, struct record_part part)
{
    return (struct slice){(const char *)block + part.offset, part.count};
}

enum session_status { SESSION_ACTIVE, SESSION_SUSPENDED, SESSION_REVOKED };

struct session {
    uint32_t size; /* of the block */
    enum session_status status;
    struct record_id id;
    uint64_t created_revision; /* of this version */
    uint64_t made_revision;    /* of the first one: what a stop's epoch is compared with */
    uint64_t principal;        /* nodes */
    uint64_t agent;
    int64_t created;
    int64_t expires_at;
    int64_t idle_timeout_ns; /* 0 = none */
    struct record_part client;
};

enum selector_form { SELECTOR_OBJECT, SELECTOR_TYPE, SELECTOR_MEMBERS };

struct grant_element {
    uint8_t form;               /* enum selector_form */
    uint16_t type;              /* label: of what is selected */
    uint16_t member;            /* label; SELECTOR_MEMBERS */
    uint16_t object_type;       /* label; SELECTOR_MEMBERS */
    struct record_part id;      /* of the object: SELECTOR_OBJECT; of `object`: SELECTOR_MEMBERS */
    struct record_part actions; /* uint16_t labels, ascending */
};

struct grant_constraint {
    uint16_t caveat;            /* label */
    uint8_t digest[32];         /* of the caveat as approved (schema_caveat_digest) */
    struct record_part context; /* canonical bytes of a map, or empty */
};

struct grant_tool {
    struct record_part name;
    uint8_t sha256[32];
};

struct grant {
    uint32_t size; /* of the block */
    uint8_t max_depth;
    bool is_root;
    struct record_id id;
    struct record_id session;
    struct record_id parent;   /* unless it is a root */
    uint16_t channel_size;     /* record_channel */
    uint64_t created_revision; /* of this version */
    uint64_t made_revision;    /* of the first one */
    uint64_t delegatee;        /* node */
    int64_t not_before;        /* 0 = none */
    int64_t expires_at;
    int64_t revoked_at;             /* 0 = not */
    uint64_t uses;                  /* 0 = any number */
    struct record_part elements;    /* struct grant_element */
    struct record_part constraints; /* struct grant_constraint */
    struct record_part tools;       /* struct grant_tool */
    struct record_part method;      /* of the binding; empty = none */
    struct record_part approver;    /* of a root: an object as text, */
    int64_t approved_at;            /* and when */
    uint8_t digest[32];
};

/* By which the approver was asked; empty = none is known. */
static inline struct slice
record_channel(const struct grant *root)
{
    const struct slice approver = record_text(root, root->approver);

    return (struct slice){approver.data + approver.size, root->channel_size};
}

struct access_request {
    uint32_t size;                     /* of the block */
    enum access_request_status status; /* as stored: never ACCESS_REQUEST_EXPIRED */
    struct record_id id;
    uint64_t principal; /* nodes */
    uint64_t agent;
    int64_t expires_at;
    struct record_part resource; /* an object as text */
    struct record_part permission;
    int64_t until; /* 0 = not asked for, as are the next three */
    uint32_t uses;
    struct record_part method; /* of the binding */
    struct record_part tools;  /* struct grant_tool */
    uint8_t digest[32];        /* of the binding */
    int64_t decided_at;        /* 0 = pending */
    bool has_grant;
    struct record_id grant;
};

/* As of `now`. */
enum access_request_status access_request_status_at(const struct access_request *request,
                                                    int64_t now);

/* --- keys and index entries --- */

/* The key of a session, a grant, a grant's uses, or an access request. */
struct store_record_key record_key(enum record_kind kind, const struct record_id *id);
/* The key of a stop: by node for an agent or a principal, by the digest of a client. */
struct store_record_key record_stop_key(enum stop_scope scope, uint64_t node, struct slice client);
/* The key of the attributes of a node. */
struct store_record_key record_attributes_key(uint64_t node);

/* Bytes of the index entries of a record that is being written. */
struct record_entries {
    char bytes[2][STORE_INDEX_KEY_MAX];
};

/* Gives the record its entries; `entries` must live as long. */
void record_index_session(struct store_record *record, struct record_entries *entries,
                          uint64_t principal, uint64_t agent, int64_t expires_at);
void record_index_grant(struct store_record *record, struct record_entries *entries,
                        const struct record_id *session, uint64_t delegatee, int64_t expires_at);
/* `denial` may be NULL. */
void record_index_access_request(struct store_record *record, struct record_entries *entries,
                                 uint64_t principal, uint64_t agent, int64_t expires_at,
                                 const struct record_id *denial);
/* Where the entries of a party that end at `time` or later begin in the indexes by a node. */
void record_index_from(uint64_t party, int64_t time, char bytes[16]);

/* --- encoding --- */

struct session_words {
    struct slice principal; /* objects as text */
    struct slice agent;
    struct slice client;
    int64_t created;
    int64_t expires_at;
    uint32_t idle_timeout_s;
    struct slice evidence; /* canonical bytes of a map; empty = none */
};

struct constraint_words {
    struct slice caveat;
    struct slice context; /* canonical bytes of a map; empty = none */
    uint8_t digest[32];
};

struct element_words {
    struct slice selector;
    const struct slice *actions;
    size_t action_count;
};

struct approval_words {
    struct slice approver; /* an object as text */
    int64_t at;
    struct slice channel;
    struct slice request;
    struct slice evidence; /* canonical bytes of a map; empty = none */
};

struct grant_words {
    struct record_id session;
    const struct record_id *parent; /* NULL for a root */
    struct slice delegator;         /* objects as text */
    struct slice delegatee;
    const struct element_words *scope;
    size_t scope_count;
    const struct constraint_words *constraints;
    size_t constraint_count;
    int64_t not_before;
    int64_t expires_at;
    uint32_t max_depth;
    uint32_t uses;
    struct engine_binding binding;
    const struct engine_tool *tools;
    size_t tool_count;
    const struct approval_words *approval; /* NULL unless it is a root */
    struct slice purpose;
};

struct access_request_words {
    struct slice principal; /* objects as text */
    struct slice agent;
    struct slice resource;
    struct slice permission;
    struct slice justification;
    const struct engine_requested_terms *requested;
    int64_t expires_at;
    const struct record_id *denial; /* NULL = none */
};

/* How an access request was decided. */
struct access_decision_words {
    enum access_request_status status;
    struct slice approver; /* an object as text; empty = nobody is named */
    int64_t at;
    struct slice reason;
    const struct record_id *grant; /* NULL unless it was approved */
};

struct stop_words {
    enum stop_scope scope;
    struct slice party; /* the object as text, or the client */
    uint64_t epoch;
    bool in_force;
    struct slice reason;
    int64_t at;
    struct slice by; /* the caller's name; empty = none */
};

/* Appended to `body`; the arena is for what is made on the way. MALFORMED_REQUEST for text that is
 * not UTF-8 and for bytes that are no map, EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT when the scope or the
 * whole is too large, BUDGET_EXHAUSTED. */
enum status record_encode_session(const struct session_words *words, struct arena *arena,
                                  struct buffer *body, struct error *error) BEHALF_MUST_USE;
enum status record_encode_grant(const struct grant_words *words, struct arena *arena,
                                struct buffer *body, struct error *error) BEHALF_MUST_USE;
enum status record_encode_access_request(const struct access_request_words *words,
                                         struct arena *arena, struct buffer *body,
                                         struct error *error) BEHALF_MUST_USE;
enum status record_encode_stop(const struct stop_words *words, struct arena *arena,
                               struct buffer *body, struct error *error) BEHALF_MUST_USE;
void record_encode_uses(uint32_t left, char body[4]);

/* A stored body with another status and reason, or with a revocation. `made` is the record's
 * made_revision. */
enum status record_amend_session(struct slice stored, enum session_status status,
                                 struct slice reason, uint64_t made, struct arena *arena,
                                 struct buffer *body, struct error *error) BEHALF_MUST_USE;
enum status record_amend_grant(struct slice stored, int64_t revoked_at, struct slice by,
                               struct slice reason, uint64_t made, struct arena *arena,
                               struct buffer *body, struct error *error) BEHALF_MUST_USE;
/* The stored body of a pending access request, decided. */
enum status record_amend_access_request(struct slice stored,
                                        const struct access_decision_words *words,
                                        struct arena *arena, struct buffer *body,
                                        struct error *error) BEHALF_MUST_USE;

/* --- decoding --- */

/* Replaces `block` by the record's. */
enum status record_session(struct store *store, const struct store_record *record,
                           struct buffer *block, struct error *error) BEHALF_MUST_USE;
enum status record_grant(struct store *store, const struct store_record *record,
                         struct buffer *block, struct error *error) BEHALF_MUST_USE;
enum status record_access_request(const struct store_record *record, struct buffer *block,
                                  struct error *error) BEHALF_MUST_USE;
enum status record_uses(const struct store_record *record, uint64_t *left,
                        struct error *error) BEHALF_MUST_USE;

#endif
