/* audit.h - CONTRACT of the engine floor, beside engine.h: the record of who did what, on whose
 * behalf, by whose leave. docs/audit.md
 *
 * What is recorded: every decision, lookup and filter with an actor or a grant, one in
 * `sample` of the others; every change of a session, grant, request, stop, attributes or schema,
 * which a follower takes from the changelog; and what engine_audit_event is called for.
 * Always true: a decision by an actor or a grant is on the log's queue before it is answered, and
 * in ENGINE_AUDIT_STRICT an allow is on the disk. Where that cannot be it is AUDIT_UNAVAILABLE and
 * never an allow. Changes never wait for the log: the follower goes on where it stopped, and a
 * crash loses none. What the log follows of the changelog is not trimmed before.
 * Threads, memory, errors: as in engine.h. Where the audit is off, the functions that read it are
 * AUDIT_UNAVAILABLE. */
#ifndef BEHALF_ENGINE_AUDIT_H
#define BEHALF_ENGINE_AUDIT_H

#include "engine/agents.h"

enum engine_audit_mode { ENGINE_AUDIT_OFF, ENGINE_AUDIT_RELAXED, ENGINE_AUDIT_STRICT };

/* engine_options.audit; NULL = off. */
struct engine_audit_options {
    enum engine_audit_mode mode;
    const char *directory;
    struct slice origin; /* empty = "behalf/" and the store's incarnation */
    uint32_t sample;     /* one in so many of the decisions without an actor; 0 = none */
    bool full_context;   /* a request's context as text, else its SHA-256 */
    int64_t keep_ns;     /* 0 = for ever */
};

/* --- strict --- */

/* In ENGINE_AUDIT_STRICT a check that would allow is answered in three steps: engine_check gives
 * BEHALF_MUST_RECORD once the record is queued and fills this; `recorded` is called when it is on
 * the disk; then the caller repeats the very same check with it, which gives the answer, perhaps a
 * deny by what was withdrawn meanwhile. Zero at first, but for the members of the caller; it and
 * the request's memory live until then. Only for workers that may block; all other calls wait on
 * their thread. */
struct engine_recording {
    /* On the log's thread; must not block. `status` not BEHALF_OK: the answer is that error. */
    void (*recorded)(struct engine_recording *recording, enum status status);
    void *owner;
    bool done;    /* set by the caller, before the repeat */
    void *inside; /* the engine's, in the request's arena */
};

/* --- what others report --- */

/* A key or role that was refused, a decision about the clock. Never waits, never fails: when there
 * is no room it is counted and dropped. Any thread. */
enum engine_audit_event {
    AUDIT_EVENT_KEY_REFUSED,
    AUDIT_EVENT_ROLE_REFUSED,
    AUDIT_EVENT_CLOCK_CONFIRMED,
    AUDIT_EVENT_CLOCK_REJECTED,
};

struct engine_audit_report {
    struct slice caller; /* the key's name; empty = none */
    struct slice method;
    struct slice peer; /* the address; empty = unknown */
    struct slice request_id;
};

void engine_audit_event(struct engine *engine, enum engine_audit_event event,
                        const struct engine_audit_report *report);

/* A record of another program (a gateway), with the request's caller and request_id: `event` begins
 * with "gateway.", at most 64 bytes of a-z, 0-9, '_' and '.'. MALFORMED_REQUEST, also for fields
 * with null, fractions or integers from 2^53 on, and keys that are not of ASCII;
 * EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT; UNKNOWN_RECORD for what a bound caller may not see;
 * AUDIT_UNAVAILABLE. */
struct audit_append {
    struct slice event;
    struct slice session; /* texts of ids; empty = none */
    struct slice grant;
    const struct datum *fields; /* a map, at most AUDIT_APPEND_SIZE_MAX encoded, or NULL */
};

#define AUDIT_APPEND_EVENT_SIZE_MAX ((size_t)64)
#define AUDIT_APPEND_SIZE_MAX ((size_t)1024)

enum status engine_audit_append(struct engine_worker *worker, const struct engine_request *request,
                                const struct audit_append *append,
                                struct error *error) BEHALF_MUST_USE;

/* --- reading --- */

struct audit_filter {
    struct slice event; /* each empty = any; an event that ends in ".*" is all of its family */
    struct slice session;
    struct slice grant;
    struct slice agent;
    struct slice principal;
    struct slice decision;
};

struct audit_read {
    bool has_from;
    uint64_t from; /* a seq */
    bool newest;   /* the last `limit` that fit the filter; excludes `from` and cursor */
    struct audit_filter filter;
    uint32_t limit;
    size_t most_bytes;
    struct slice cursor;
};

struct audit_read_result {
    struct slice *records; /* lines of JSON, ascending */
    size_t record_count;
    bool complete;              /* nothing more is on the disk now */
    struct engine_token cursor; /* always: where to go on, also when `complete` */
};

enum status engine_audit_read(struct engine_worker *worker, const struct engine_request *request,
                              const struct audit_read *read, struct audit_read_result *result,
                              struct error *error) BEHALF_MUST_USE;

/* The signed note of everything that is on the disk. */
enum status engine_audit_checkpoint(struct engine_worker *worker,
                                    const struct engine_request *request, struct slice *note,
                                    struct error *error) BEHALF_MUST_USE;

struct audit_proof_request {
    bool is_consistency; /* of `from` and `size`; else inclusion of `seq` in `size` */
    uint64_t seq;
    uint64_t from;
    uint64_t size;
};

struct audit_proof_result {
    uint8_t (*hashes)[32];
    size_t hash_count;
};

enum status engine_audit_prove(struct engine_worker *worker, const struct engine_request *request,
                               const struct audit_proof_request *proof,
                               struct audit_proof_result *result,
                               struct error *error) BEHALF_MUST_USE;

struct audit_verify_result {
    uint64_t records;
    uint64_t segments;
    bool ok;
    uint64_t wrong_seq;
    uint64_t wrong_offset;
    struct slice wrong; /* what, and in which file */
};

/* `checkpoint`: a signed note that the log must be consistent with; empty = none. */
enum status engine_audit_verify(struct engine_worker *worker, const struct engine_request *request,
                                struct slice checkpoint, struct audit_verify_result *result,
                                struct error *error) BEHALF_MUST_USE;

/* The record of a decision, and what is still stored of its records, with their state now. NOT
 * found: UNKNOWN_RECORD. */
struct audit_explain_result {
    struct slice record;     /* the line; with a later one of the same id the last */
    const struct datum *now; /* a map {session?, grant?, chain?: [{grant, state}]}: states now */
};

enum status engine_audit_explain(struct engine_worker *worker, const struct engine_request *request,
                                 struct slice decision_id, struct audit_explain_result *result,
                                 struct error *error) BEHALF_MUST_USE;

/* Decides recorded checks again: "then" at their revision, `now` and last_seen, without D10b, or
 * at the newest. */
struct audit_replay {
    uint64_t from; /* a seq */
    uint32_t limit;
    bool then;
};

struct audit_difference {
    struct slice decision_id;
    struct slice recorded; /* decision, or "deny reason" */
    struct slice now;
};

struct audit_skipped {
    struct slice reason;
    uint64_t count;
};

struct audit_replay_result {
    uint64_t same;
    struct audit_difference *different;
    size_t difference_count;
    struct audit_skipped *skipped;
    size_t skipped_count;
    uint64_t next; /* the seq to go on from */
    bool complete;
};

enum status engine_audit_replay(struct engine_worker *worker, const struct engine_request *request,
                                const struct audit_replay *replay,
                                struct audit_replay_result *result,
                                struct error *error) BEHALF_MUST_USE;

#endif
