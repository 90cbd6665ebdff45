/* write_records.h - what the deciders of sessions, grants, stops and uses share.
 *
 * Always true: all of it reads the state that the transaction is decided against, and times are
 * those of the group: an end is compared with `now`, limits on time count from believed time
 * (`kept`), so that a clock which runs ahead lengthens nothing. A message begins with the argument
 * that it is about.
 * Threads: the writer thread. Memory: the group's arena. */
#ifndef BEHALF_ENGINE_WRITE_RECORDS_H
#define BEHALF_ENGINE_WRITE_RECORDS_H

#include "engine/record_conditions.h"
#include "engine/records.h"
#include "engine/state.h"
#include "engine/write.h"

/* --- arguments --- */

/* Puts the path of an argument in front of an error's message. Returns the error's status. */
enum status write_error_path(struct error *error, const char *format, ...) BEHALF_PRINTF(2, 3);

/* EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT. */
enum status write_check_size(size_t size, size_t most, const char *path,
                             struct error *error) BEHALF_MUST_USE;

/* An object that takes part in a record. */
struct party {
    struct object object;
    struct slice text;
    uint32_t type; /* of the schema */
    uint64_t node; /* where it has one */
    bool has_node;
};

/* A plain object of a defined type. UNKNOWN_DEFINITION, WILDCARD_NOT_ALLOWED, MALFORMED_REQUEST (a
 * userset, or none), INVALID_OBJECT_ID. */
enum status write_party(struct write_group *group, struct store_transaction *transaction,
                        const struct object *object, const char *path, struct party *party,
                        struct error *error) BEHALF_MUST_USE;
/* Gives it a node. */
enum status write_party_node(struct write_group *group, struct store_transaction *transaction,
                             struct party *party, struct error *error) BEHALF_MUST_USE;
/* The party that a node is. */
enum status write_party_of(struct write_group *group, struct store_transaction *transaction,
                           uint64_t node, struct party *party, struct error *error) BEHALF_MUST_USE;
bool write_is_agent(const struct write_group *group, const struct party *party);
struct slice write_object_text(struct write_group *group, const struct object *object);

/* The time that an end names: ahead of now, and at most `most_ns` ahead of believed time.
 * MALFORMED_REQUEST, EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT. */
enum status write_end(const struct write_group *group, const struct engine_end *end,
                      int64_t most_ns, const char *path, int64_t *expires_at,
                      struct error *error) BEHALF_MUST_USE;
/* When a sweep may remove what ended then. */
int64_t write_swept_from(const struct write_group *group, int64_t expires_at);

/* --- records --- */

/* UNKNOWN_RECORD. `record` may be NULL; its slices live until the next record is read. */
enum status write_read_session(struct write_group *group, struct store_transaction *transaction,
                               const struct record_id *id, struct store_record *record,
                               const struct session **session, struct error *error) BEHALF_MUST_USE;
enum status write_read_grant(struct write_group *group, struct store_transaction *transaction,
                             const struct record_id *id, struct store_record *record,
                             const struct grant **grant, struct error *error) BEHALF_MUST_USE;
enum status write_read_access_request(struct write_group *group,
                                      struct store_transaction *transaction,
                                      const struct record_id *id, struct store_record *record,
                                      const struct access_request **request,
                                      struct error *error) BEHALF_MUST_USE;
/* As write_read_grant says it of one that does not exist. */
enum status write_no_grant(const struct record_id *id, struct error *error);
enum status write_no_access_request(const struct record_id *id, struct error *error);
enum status write_read_uses(struct write_group *group, struct store_transaction *transaction,
                            const struct record_id *grant, struct store_record *record,
                            uint64_t *left, struct error *error) BEHALF_MUST_USE;

/* A grant with its parents and their session. It stays where it is: the facts point into it. */
struct write_chain {
    struct record_facts facts;
    const struct grant *grants[ENGINE_CHAIN_MAX];
};

/* UNKNOWN_RECORD when the grant itself does not exist; where a parent does not, facts.length is
 * 0. */
enum status write_read_chain(struct write_group *group, struct store_transaction *transaction,
                             const struct record_id *grant, struct write_chain *chain,
                             struct error *error) BEHALF_MUST_USE;
enum status write_session_facts(struct write_group *group, const struct session *session,
                                struct record_facts *facts, struct error *error) BEHALF_MUST_USE;

/* RECORD_NOT_ACTIVE, AGENT_STOPPED or DELEGATION_REFUSED for a reason that is not REASON_NONE. */
enum status write_refuse(enum engine_reason reason, const char *path, struct error *error);

/* Whether a stop in force names the party. `client` is looked at for STOP_CLIENT. */
bool write_is_stopped(const struct write_group *group, enum stop_scope scope,
                      const struct party *party, struct slice client);

/* Of those who consent or ask: the agent is of an agent type, the principal of none, and no stop in
 * force names one of them, the client (empty = none is known yet) or everything.
 * DELEGATION_REFUSED, AGENT_STOPPED. */
enum status write_check_parties(const struct write_group *group, const struct party *principal,
                                const struct party *agent, struct error *error) BEHALF_MUST_USE;
enum status write_check_stops(const struct write_group *group, const struct party *principal,
                              const struct party *agent, struct slice client,
                              struct error *error) BEHALF_MUST_USE;

/* For who is about to add an entry: EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT when the index has `most`
 * entries that begin with `prefix` and are not before `from`. */
enum status write_check_count(const struct write_group *group,
                              struct store_transaction *transaction, enum record_index index,
                              struct slice prefix, struct slice from, size_t most, const char *what,
                              struct error *error) BEHALF_MUST_USE;

/* --- grants --- */

/* From the terms of a request to the words of a record: scope (with `$principal` replaced),
 * constraints, binding, tools and the rest, each within its limits and with names of the schema.
 * `prefix` stands before the paths. *elements are those of the scope, for narrowing. */
struct scope_element;
enum status write_terms(struct write_group *group, const struct engine_grant_terms *terms,
                        const struct party *principal, const char *prefix,
                        struct grant_words *words, struct scope_element **elements,
                        struct error *error) BEHALF_MUST_USE;

/* Tools, binding, purpose and numbers alone, which need no schema. */
enum status write_terms_limits(const struct engine_grant_terms *terms, const char *prefix,
                               struct grant_words *words, struct error *error) BEHALF_MUST_USE;

/* A session that may be given another root grant now, with its parties as the schema knows them.
 * UNKNOWN_RECORD, RECORD_NOT_ACTIVE, AGENT_STOPPED, DELEGATION_REFUSED,
 * EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT. */
struct open_session {
    const struct session *session;
    struct party principal;
    struct party agent;
};

enum status write_open_session(struct write_group *group, struct store_transaction *transaction,
                               const struct record_id *id, struct open_session *open,
                               struct error *error) BEHALF_MUST_USE;

/* Who approves: the principal, or somebody whom engine_write_prepare found to be an approver; never
 * of an agent type. APPROVER_REFUSED, and those of write_party. */
enum status write_check_approver(struct write_group *group, struct store_transaction *transaction,
                                 const struct object *object, bool approved, struct slice principal,
                                 const char *path, struct party *approver,
                                 struct error *error) BEHALF_MUST_USE;

/* A root grant of a session, which may be of the same transaction. */
struct root_of {
    struct record_id session;
    int64_t expires_at; /* of the session */
    const struct party *principal;
    const struct party *agent; /* with its node */
    const char *prefix;        /* of the paths of its arguments */
};

enum status write_root_grant(struct write_group *group, struct store_transaction *transaction,
                             const struct root_of *root, const struct engine_root_grant *grant,
                             struct engine_write *write) BEHALF_MUST_USE;

#endif
