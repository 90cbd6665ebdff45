/* behalf.h - the C client of Behalf, the relationship graph database server.
 *
 * Conventions, for every function below:
 *
 *  1. Threads. A handle (client, writer, reply) is used by one thread at a time; different handles
 *     are independent, and the library has no global state. Open one client per thread.
 *  2. Ownership. What a function stores behind a `struct ... **` belongs to the caller, who gives
 *     it to the _close or _free function of its kind; those accept NULL. Arguments are borrowed for
 *     the call. A `struct behalf_value` points into its reply and lives as long as the reply does.
 *  3. Errors. A function that can fail returns `enum behalf_status`, BEHALF_SUCCESS is 0, and out
 *     parameters are written only on success. The `struct behalf_error` is the caller's and may be
 *     NULL; it keeps all that the server said. The library never exits, aborts or prints, whatever
 *     a server sends. An error is never an answer: a decision is valid with BEHALF_SUCCESS only.
 *  4. Timeouts. Every wait is bounded by `timeout_ms` of the options (0 = the default). After
 *     BEHALF_FAILED_TIMEOUT the connection can be used on; the late reply is dropped. A write that
 *     timed out may have happened: repeat it with the same idempotency key. After
 *     BEHALF_FAILED_CONNECTION or BEHALF_FAILED_PROTOCOL only behalf_close is left.
 *  5. Text. Strings given are UTF-8 with a NUL; objects are in the text form ("document:readme",
 *     "group:eng#member", "tool:\"read file\""). Strings received carry a size and no NUL.
 *  6. Zero is the default in every options struct; set structs to zero before filling them, so that
 *     members added later mean what they meant before.
 *  7. Versioning. Until 1.0 the interface may change with the soname. Methods and arguments that
 *     are newer than this library are reached with behalf_call and a writer.
 *
 * Bytes on the wire: MessagePack-RPC, see the protocol page. */
#ifndef BEHALF_H
#define BEHALF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BEHALF_API __attribute__((visibility("default")))

#define BEHALF_DEFAULT_ENDPOINT "127.0.0.1:23425"
#define BEHALF_DEFAULT_TIMEOUT_MS 30000
#define BEHALF_TOKEN_SIZE 129 /* a token or cursor with its NUL */
#define BEHALF_ID_SIZE 31     /* the id of a session, grant, request or decision with its NUL */
#define BEHALF_REASON_SIZE 32 /* why a decision is a deny, with its NUL */
#define BEHALF_REQUEST_SIZE_MAX (4 << 20) /* bytes of a call; what is larger is not sent */

/* --- errors --- */

enum behalf_status {
    BEHALF_SUCCESS = 0,
    BEHALF_FAILED_USAGE,      /* the caller's arguments cannot be sent */
    BEHALF_FAILED_MEMORY,     /* malloc gave nothing */
    BEHALF_FAILED_CONNECTION, /* cannot connect, or the connection ended */
    BEHALF_FAILED_TIMEOUT,    /* no reply in time */
    BEHALF_FAILED_PROTOCOL,   /* the other side does not speak this protocol */
    BEHALF_FAILED_SERVER      /* the server answered with an error */
};

struct behalf_error {
    enum behalf_status status;
    uint32_t line; /* place in a schema or in JSON text, from 1; 0 when there is none */
    uint32_t column;
    uint32_t retry_after_ms; /* 0 when there is none */
    int64_t index;           /* item of the request that is to blame; -1 when there is none */
    char code[32];     /* the server's, "INVALID_ARGUMENT"; empty when it is not the server's */
    char reason[64];   /* stable name, "UNKNOWN_DEFINITION" */
    char message[512]; /* lower case, no full stop */
    char hint[256];    /* what to do; may be empty */
    char text[128];    /* the offending text of the schema; may be empty */
};

/* "0.1.0" */
BEHALF_API const char *behalf_version(void);

/* --- connections --- */

struct behalf_client;

struct behalf_options {
    uint32_t connect_timeout_ms; /* 0 = 5,000; resolving a host name is not covered */
    uint32_t timeout_ms;         /* 0 = BEHALF_DEFAULT_TIMEOUT_MS */
    size_t reply_size_max;       /* bytes held for replies; 0 = 256 MiB */
    /* TLS, for ADDRESS:PORT. The server's certificate must be for ADDRESS, and issued by those of
     * `ca_file` (PEM), or of the system when that is NULL. connect_timeout_ms covers the handshake.
     * Files are read during behalf_connect. */
    bool tls;
    const char *ca_file;
    const char *certificate;     /* PEM, shown to a server that asks for it; NULL = none */
    const char *certificate_key; /* its key, PEM, closed to others */
    /* A file with the key that a server with keys asks for, closed to others; NULL = none. */
    const char *key_file;
};

/* `endpoint` is ADDRESS:PORT ("127.0.0.1:23425", "[::1]:23425"), unix:PATH, or NULL for the
 * default. `options` may be NULL. */
BEHALF_API enum behalf_status behalf_connect(const char *endpoint,
                                             const struct behalf_options *options,
                                             struct behalf_client **client,
                                             struct behalf_error *error);
BEHALF_API void behalf_close(struct behalf_client *client);

/* The socket, to wait on in a loop of the caller's. Who sends or receives on it himself must call
 * nothing but behalf_close for this client any more, and must not do so with TLS. */
BEHALF_API int behalf_descriptor(const struct behalf_client *client);

/* --- writer: one MessagePack value --- */

struct behalf_writer;

/* NULL when there is no memory. Failures inside are remembered: behalf_submit reports them. */
BEHALF_API struct behalf_writer *behalf_writer_new(void);
BEHALF_API void behalf_writer_free(struct behalf_writer *writer);
BEHALF_API void behalf_writer_clear(struct behalf_writer *writer);
/* What was written; borrowed until the next write. NULL after a failure. */
BEHALF_API const unsigned char *behalf_writer_bytes(const struct behalf_writer *writer,
                                                    size_t *size);

BEHALF_API void behalf_write_map(struct behalf_writer *writer, uint32_t pairs);
BEHALF_API void behalf_write_array(struct behalf_writer *writer, uint32_t items);
BEHALF_API void behalf_write_text(struct behalf_writer *writer, const char *text);
BEHALF_API void behalf_write_string(struct behalf_writer *writer, const char *data, size_t size);
BEHALF_API void behalf_write_uint(struct behalf_writer *writer, uint64_t value);
BEHALF_API void behalf_write_int(struct behalf_writer *writer, int64_t value);
BEHALF_API void behalf_write_double(struct behalf_writer *writer, double value);
BEHALF_API void behalf_write_bool(struct behalf_writer *writer, bool value);
BEHALF_API void behalf_write_nil(struct behalf_writer *writer);
/* One JSON text as a value, for contexts. Whole numbers beyond 64 bits become doubles. What is not
 * JSON is BEHALF_FAILED_USAGE with line and column, and nothing is written. */
BEHALF_API enum behalf_status behalf_write_json(struct behalf_writer *writer, const char *text,
                                                struct behalf_error *error);
/* Bytes that are MessagePack already. */
BEHALF_API void behalf_write_raw(struct behalf_writer *writer, const void *bytes, size_t size);

/* --- values: what a reply carries --- */

/* Bytes of one whole value, or, while iterating, of the values that are left. */
struct behalf_value {
    const unsigned char *bytes; /* NULL: no value */
    size_t size;
};

enum behalf_type {
    BEHALF_TYPE_NONE, /* no value, or not one this library knows */
    BEHALF_TYPE_NIL,
    BEHALF_TYPE_BOOL,
    BEHALF_TYPE_UINT,
    BEHALF_TYPE_INT, /* negative */
    BEHALF_TYPE_DOUBLE,
    BEHALF_TYPE_STRING,
    BEHALF_TYPE_BINARY,
    BEHALF_TYPE_ARRAY,
    BEHALF_TYPE_MAP
};

BEHALF_API enum behalf_type behalf_value_type(struct behalf_value value);

/* Each is false, and writes nothing, when the value is of another type. */
BEHALF_API bool behalf_value_bool(struct behalf_value value, bool *result);
BEHALF_API bool behalf_value_uint(struct behalf_value value, uint64_t *result);
BEHALF_API bool behalf_value_int(struct behalf_value value, int64_t *result);
BEHALF_API bool behalf_value_double(struct behalf_value value, double *result);
BEHALF_API bool behalf_value_string(struct behalf_value value, const char **data, size_t *size);

/* A string that is a time ("2027-01-01T00:00:00.5Z"), as nanoseconds since 1970. */
BEHALF_API bool behalf_value_time(struct behalf_value value, int64_t *nanoseconds);

/* True when the value is a string of just these bytes. */
BEHALF_API bool behalf_value_is(struct behalf_value value, const char *text);

/* Opens a container: `rest` then gives `count` items (of a map: 2 x count, key and value in turn)
 * through behalf_value_next. */
BEHALF_API bool behalf_value_array(struct behalf_value value, uint32_t *count,
                                   struct behalf_value *rest);
BEHALF_API bool behalf_value_map(struct behalf_value value, uint32_t *count,
                                 struct behalf_value *rest);

/* Takes the first value off `rest`. False at the end, or when the bytes are cut off. */
BEHALF_API bool behalf_value_next(struct behalf_value *rest, struct behalf_value *item);

/* The value under a key of a map; a value without bytes when there is none. */
BEHALF_API struct behalf_value behalf_value_get(struct behalf_value map, const char *key);

/* Bytes of the first value of a stretch: 0 when it is cut off, SIZE_MAX when it
 * is no MessagePack. */
BEHALF_API size_t behalf_value_measure(const void *bytes, size_t size);

/* --- calls --- */

struct behalf_reply;

/* One call and its reply. `arguments` holds one map; NULL means none. An error of the server is
 * BEHALF_FAILED_SERVER with everything in `error`. */
BEHALF_API enum behalf_status behalf_call(struct behalf_client *client, const char *method,
                                          const struct behalf_writer *arguments,
                                          struct behalf_reply **reply, struct behalf_error *error);

/* Pipelining: submit many (nothing waits), flush, take the replies in whatever order they come.
 * Requests in flight are independent: one does not see the effects of another before its reply. */
BEHALF_API enum behalf_status behalf_submit(struct behalf_client *client, const char *method,
                                            const struct behalf_writer *arguments, uint32_t *id,
                                            struct behalf_error *error);
BEHALF_API enum behalf_status behalf_flush(struct behalf_client *client,
                                           struct behalf_error *error);
/* The next reply to a submitted request, an error of the server included (behalf_reply_check
 * tells); flushes first. BEHALF_FAILED_USAGE when nothing is in flight. */
BEHALF_API enum behalf_status behalf_next(struct behalf_client *client, struct behalf_reply **reply,
                                          struct behalf_error *error);
/* Requests submitted whose replies were not taken yet. */
BEHALF_API size_t behalf_in_flight(const struct behalf_client *client);

BEHALF_API void behalf_reply_free(struct behalf_reply *reply);
BEHALF_API uint32_t behalf_reply_id(const struct behalf_reply *reply);
/* BEHALF_SUCCESS, or BEHALF_FAILED_SERVER with the error filled in. */
BEHALF_API enum behalf_status behalf_reply_check(const struct behalf_reply *reply,
                                                 struct behalf_error *error);
BEHALF_API struct behalf_value behalf_reply_result(const struct behalf_reply *reply);

/* --- typed calls: reading --- */

enum behalf_consistency {
    BEHALF_CONSISTENCY_DEFAULT = 0, /* the server's: full; with a token: at least as fresh */
    BEHALF_CONSISTENCY_FULL,
    BEHALF_CONSISTENCY_MINIMIZE_LATENCY,
    BEHALF_CONSISTENCY_AT_LEAST_AS_FRESH, /* needs a token */
    BEHALF_CONSISTENCY_AT_EXACT_SNAPSHOT, /* needs a token */
    BEHALF_CONSISTENCY_AT_TIME            /* needs a time */
};

/* What every read may carry; NULL means all defaults. */
struct behalf_read {
    enum behalf_consistency consistency;
    const char *token;
    uint32_t deadline_ms; /* after which the server gives up; 0 = its default */
    const char *time;     /* RFC 3339 */
};

enum behalf_decision { BEHALF_DENY = 0, BEHALF_CONDITIONAL, BEHALF_ALLOW };

/* A call that a grant is bound to, or that is shown to one. NULL members: none. */
struct behalf_binding {
    const char *method;
    const char *digest; /* 64 hex digits */
};

/* A tool and the SHA-256 of its definition. NULL members: none. */
struct behalf_tool {
    const char *name;
    const char *sha256; /* 64 hex digits */
};

/* May the subject do this; with actors: may the first actor do it on the subject's behalf, may the
 * second do it for the first, and so on; with a grant: may the last actor do it by this grant. */
struct behalf_question {
    const char *resource;
    const char *permission;
    const char *subject;
    const char *const *actors;
    size_t actor_count;
    const char *context; /* for the parameters of caveats: a JSON object; NULL = none */
    bool explain;        /* ask for a trace */
    const char *grant;   /* id; NULL = none. It needs an actor, and the three below need it */
    struct behalf_binding binding;
    struct behalf_tool tool;
    const char *idempotency_key; /* made for the one call that is let through: a repeated question
                                  * takes no second use of the grant. NULL = none */
    const char *request_id;      /* 1 to 256 visible ASCII characters; NULL = none */
    const char *properties;      /* of subject, resource and action beside what is stored: a JSON
                                  * object of objects with these names; NULL = none */
};

/* `missing` (an array of strings, of a conditional decision) and `trace` (a node, when it was asked
 * for) point into the reply, and have no value when the caller does not take it. An allow by a
 * grant is for one call: it may be revoked at any time. */
struct behalf_answer {
    enum behalf_decision decision;
    int64_t valid_until; /* nanoseconds since 1970: no expiration changes the decision before;
                          * 0 = nothing expires. It says nothing of writes */
    char checked_at[BEHALF_TOKEN_SIZE];
    struct behalf_value missing;
    struct behalf_value trace;
    char reason[BEHALF_REASON_SIZE];  /* of what is no allow, with actors: "scope_excluded" */
    char decision_id[BEHALF_ID_SIZE]; /* with actors; else empty */
};

/* `reply` may be NULL. */
BEHALF_API enum behalf_status behalf_check(struct behalf_client *client,
                                           const struct behalf_read *read,
                                           const struct behalf_question *question,
                                           struct behalf_answer *answer,
                                           struct behalf_reply **reply, struct behalf_error *error);

/* One item of a bulk: the others hold when error.status is BEHALF_SUCCESS, and mean what they do in
 * an answer. */
struct behalf_item {
    struct behalf_error error;
    enum behalf_decision decision;
    int64_t valid_until;
    struct behalf_value missing;
    struct behalf_value trace;
    char reason[BEHALF_REASON_SIZE];
    char decision_id[BEHALF_ID_SIZE];
};

/* `items` has room for `count`; all are answered at one snapshot, named by `checked_at` (may be
 * NULL, else BEHALF_TOKEN_SIZE bytes). `reply` may be NULL. */
BEHALF_API enum behalf_status behalf_check_bulk(struct behalf_client *client,
                                                const struct behalf_read *read,
                                                const struct behalf_question *questions,
                                                size_t count, struct behalf_item *items,
                                                char *checked_at, struct behalf_reply **reply,
                                                struct behalf_error *error);

/* The calls below give the reply; its result has the members that the protocol page names. */
BEHALF_API enum behalf_status behalf_expand(struct behalf_client *client,
                                            const struct behalf_read *read, const char *resource,
                                            const char *permission, uint32_t depth,
                                            struct behalf_reply **reply,
                                            struct behalf_error *error);

/* The same, from a node's `cursor` on; NULL is the whole tree. */
BEHALF_API enum behalf_status behalf_expand_from(struct behalf_client *client,
                                                 const struct behalf_read *read,
                                                 const char *resource, const char *permission,
                                                 uint32_t depth, const char *cursor,
                                                 struct behalf_reply **reply,
                                                 struct behalf_error *error);

struct behalf_page {
    uint32_t limit;     /* 0 = the server's default */
    const char *cursor; /* NULL = from the start */
};

/* `subject`, actors and `context` as in a question; `page` may be NULL. */
BEHALF_API enum behalf_status behalf_lookup_resources(
    struct behalf_client *client, const struct behalf_read *read, const char *resource_type,
    const char *permission, const char *subject, const char *const *actors, size_t actor_count,
    const char *context, const struct behalf_page *page, struct behalf_reply **reply,
    struct behalf_error *error);

/* `subject_relation` NULL = plain subjects. */
BEHALF_API enum behalf_status behalf_lookup_subjects(
    struct behalf_client *client, const struct behalf_read *read, const char *resource,
    const char *permission, const char *subject_type, const char *subject_relation,
    const char *context, const struct behalf_page *page, struct behalf_reply **reply,
    struct behalf_error *error);

BEHALF_API enum behalf_status behalf_lookup_permissions(
    struct behalf_client *client, const struct behalf_read *read, const char *resource,
    const char *subject, const char *const *actors, size_t actor_count, const char *context,
    struct behalf_reply **reply, struct behalf_error *error);

/* The same for a question, which may name a grant: of lookup_resources its `resource` is a type;
 * of lookup_permissions its `permission` is NULL. */
BEHALF_API enum behalf_status behalf_lookup_resources_question(
    struct behalf_client *client, const struct behalf_read *read,
    const struct behalf_question *question, const struct behalf_page *page,
    struct behalf_reply **reply, struct behalf_error *error);
BEHALF_API enum behalf_status behalf_lookup_permissions_question(
    struct behalf_client *client, const struct behalf_read *read,
    const struct behalf_question *question, struct behalf_reply **reply,
    struct behalf_error *error);

/* Which of the resources the question is an allow for; its own `resource` is NULL. */
BEHALF_API enum behalf_status behalf_filter_resources(struct behalf_client *client,
                                                      const struct behalf_read *read,
                                                      const char *const *resources, size_t count,
                                                      const struct behalf_question *question,
                                                      struct behalf_reply **reply,
                                                      struct behalf_error *error);

/* --- typed calls: relationships, schema, server --- */

/* Members that are NULL do not restrict. At least one is set. */
struct behalf_filter {
    const char *resource_type;
    const char *resource_id; /* not together with the prefix */
    const char *resource_id_prefix;
    const char *relation;
    const char *subject_type; /* needed for the two below */
    const char *subject_id;
    const char *subject_relation; /* "" = plain subjects only, not the wildcard either */
    bool subject_wildcard;        /* the wildcard of the type alone; without id and relation */
};

enum behalf_operation { BEHALF_CREATE = 0, BEHALF_TOUCH, BEHALF_DELETE };

struct behalf_update {
    enum behalf_operation operation;
    const char *relationship; /* text form */
};

struct behalf_precondition {
    bool must_match; /* else: must not match */
    struct behalf_filter filter;
};

struct behalf_transaction {
    const struct behalf_update *updates;
    size_t update_count;
    const struct behalf_precondition *preconditions;
    size_t precondition_count;
    const char *idempotency_key; /* NULL = none */
    uint32_t deadline_ms; /* 0 = none; queued for so long it is refused with DEADLINE: not done */
};

/* `written_at` may be NULL, else BEHALF_TOKEN_SIZE bytes; so in the calls below. */
BEHALF_API enum behalf_status behalf_relationships_write(
    struct behalf_client *client, const struct behalf_transaction *transaction, char *written_at,
    struct behalf_error *error);

/* As behalf_relationships_write, with all that the server tells of the write. */
BEHALF_API enum behalf_status behalf_relationships_write_reply(
    struct behalf_client *client, const struct behalf_transaction *transaction,
    struct behalf_reply **reply, struct behalf_error *error);

/* Deletes at most `limit` (0 = the server's default) in one transaction. */
BEHALF_API enum behalf_status behalf_relationships_delete(struct behalf_client *client,
                                                          const struct behalf_filter *filter,
                                                          uint32_t limit, uint64_t *count,
                                                          bool *complete, char *deleted_at,
                                                          struct behalf_error *error);

BEHALF_API enum behalf_status behalf_relationships_read(struct behalf_client *client,
                                                        const struct behalf_read *read,
                                                        const struct behalf_filter *filter,
                                                        const struct behalf_page *page,
                                                        struct behalf_reply **reply,
                                                        struct behalf_error *error);

/* What changed for an object ("type:id"), newest first: `revisions` of the result. */
BEHALF_API enum behalf_status behalf_relationships_history(
    struct behalf_client *client, const struct behalf_read *read, const char *object,
    const struct behalf_page *page, struct behalf_reply **reply, struct behalf_error *error);

BEHALF_API enum behalf_status behalf_schema_write(struct behalf_client *client, const char *text,
                                                  size_t size, char *written_at,
                                                  struct behalf_error *error);
BEHALF_API enum behalf_status behalf_schema_read(struct behalf_client *client,
                                                 const struct behalf_read *read,
                                                 struct behalf_reply **reply,
                                                 struct behalf_error *error);

BEHALF_API enum behalf_status behalf_ping(struct behalf_client *client, struct behalf_error *error);
BEHALF_API enum behalf_status behalf_server_info(struct behalf_client *client,
                                                 struct behalf_reply **reply,
                                                 struct behalf_error *error);

/* Memory, queues and counters (docs/protocol.md). */
BEHALF_API enum behalf_status behalf_server_stats(struct behalf_client *client,
                                                  struct behalf_reply **reply,
                                                  struct behalf_error *error);

/* The clock by which relationships expire; `action` is NULL (only ask), "confirm" or "reject": an
 * operator's answer when the system's clock is ahead of what the server trusts. */
BEHALF_API enum behalf_status behalf_server_clock(struct behalf_client *client, const char *action,
                                                  struct behalf_reply **reply,
                                                  struct behalf_error *error);

/* --- typed calls: sessions, grants, access requests and stops --- */

/* What every write of these may carry; NULL means nothing. */
struct behalf_write {
    const char *idempotency_key; /* the same request with the same key happens once */
    const char *metadata;        /* a JSON object, kept with the transaction */
    uint32_t deadline_ms;        /* 0 = none */
};

/* What a write made: ids are empty where it made none. */
struct behalf_made {
    char session[BEHALF_ID_SIZE];
    char grant[BEHALF_ID_SIZE];
    char request[BEHALF_ID_SIZE];
    char written_at[BEHALF_TOKEN_SIZE];
};

/* What a grant allows: actions on what the selector selects ("document:plan", "document:*",
 * "document:*#within@folder:f"). */
struct behalf_scope_element {
    const char *selector;
    const char *const *actions;
    size_t action_count;
};

struct behalf_constraint {
    const char *caveat;
    const char *context; /* a JSON object; NULL = none */
};

/* Times are texts of RFC 3339 ("2027-01-01T00:00:00Z"); of `expires_at` and `expires_in_s`, which
 * the server's clock counts, one is given. */
struct behalf_grant_terms {
    const struct behalf_scope_element *scope;
    size_t scope_count;
    const char *expires_at;
    uint32_t expires_in_s;
    const char *not_before; /* NULL = at once */
    uint32_t max_depth;     /* further hops */
    uint64_t uses;          /* 0 = any number */
    const struct behalf_constraint *constraints;
    size_t constraint_count;
    struct behalf_binding bind;
    const struct behalf_tool *tools;
    size_t tool_count;
    const char *purpose;
};

struct behalf_approval {
    const char *approver;
    const char *at; /* NULL = now */
    const char *channel;
    const char *request;
    const char *evidence; /* a JSON object */
};

/* A grant of the session's principal to its agent. */
struct behalf_root_grant {
    const char *session; /* NULL in a new session */
    struct behalf_grant_terms terms;
    struct behalf_approval approval;
};

/* A grant of `actor`, to whom the parent was given, to `delegatee`. Without an end it has that of
 * its parent. */
struct behalf_delegated_grant {
    const char *parent;
    const char *actor;
    const char *delegatee;
    struct behalf_grant_terms terms;
};

struct behalf_new_session {
    const char *principal;
    const char *agent;
    const char *client; /* NULL = the agent's text */
    const char *expires_at;
    uint32_t expires_in_s;
    bool has_idle_timeout;                 /* else the server's default */
    uint32_t idle_timeout_s;               /* 0 = none */
    const char *evidence;                  /* a JSON object; NULL = none */
    const struct behalf_root_grant *grant; /* made in the same transaction; NULL = none */
};

/* `write` may be NULL; `made` and `written_at` too. */
BEHALF_API enum behalf_status behalf_session_create(struct behalf_client *client,
                                                    const struct behalf_new_session *session,
                                                    const struct behalf_write *write,
                                                    struct behalf_made *made,
                                                    struct behalf_error *error);
BEHALF_API enum behalf_status behalf_session_suspend(struct behalf_client *client,
                                                     const char *session, const char *reason,
                                                     const struct behalf_write *write,
                                                     char *written_at, struct behalf_error *error);
BEHALF_API enum behalf_status behalf_session_resume(struct behalf_client *client,
                                                    const char *session, const char *reason,
                                                    const struct behalf_write *write,
                                                    char *written_at, struct behalf_error *error);
BEHALF_API enum behalf_status behalf_session_revoke(struct behalf_client *client,
                                                    const char *session, const char *reason,
                                                    const struct behalf_write *write,
                                                    char *written_at, struct behalf_error *error);
BEHALF_API enum behalf_status behalf_session_read(struct behalf_client *client,
                                                  const struct behalf_read *read,
                                                  const char *session, struct behalf_reply **reply,
                                                  struct behalf_error *error);
/* Of a principal or of an agent: the other is NULL. */
BEHALF_API enum behalf_status behalf_session_list(struct behalf_client *client,
                                                  const struct behalf_read *read,
                                                  const char *principal, const char *agent,
                                                  const struct behalf_page *page,
                                                  struct behalf_reply **reply,
                                                  struct behalf_error *error);

BEHALF_API enum behalf_status behalf_grant_create(struct behalf_client *client,
                                                  const struct behalf_root_grant *grant,
                                                  const struct behalf_write *write,
                                                  struct behalf_made *made,
                                                  struct behalf_error *error);
BEHALF_API enum behalf_status behalf_grant_delegate(struct behalf_client *client,
                                                    const struct behalf_delegated_grant *grant,
                                                    const struct behalf_write *write,
                                                    struct behalf_made *made,
                                                    struct behalf_error *error);
BEHALF_API enum behalf_status behalf_grant_revoke(struct behalf_client *client, const char *grant,
                                                  const char *reason,
                                                  const struct behalf_write *write,
                                                  char *written_at, struct behalf_error *error);
BEHALF_API enum behalf_status behalf_grant_read(struct behalf_client *client,
                                                const struct behalf_read *read, const char *grant,
                                                struct behalf_reply **reply,
                                                struct behalf_error *error);
/* Of a session or to an agent: the other is NULL. */
BEHALF_API enum behalf_status behalf_grant_list(struct behalf_client *client,
                                                const struct behalf_read *read, const char *session,
                                                const char *agent, const struct behalf_page *page,
                                                struct behalf_reply **reply,
                                                struct behalf_error *error);

/* What an agent asks a principal for: one permission on one object, and within which limits. An
 * approval that leaves a limit out takes it from here. */
struct behalf_requested {
    const char *until; /* NULL = not asked for */
    uint64_t uses;     /* 0 = not asked for */
    struct behalf_binding bind;
    const struct behalf_tool *tools;
    size_t tool_count;
};

struct behalf_new_request {
    const char *principal;
    const char *agent;
    const char *resource;
    const char *permission;
    const char *denial; /* as the server sealed it; NULL = none */
    struct behalf_requested requested;
    const char *justification;
    const char *expires_at; /* of the request, as below; neither = in an hour */
    uint32_t expires_in_s;
};

/* The session's grant is made in the same transaction. What `terms` leaves out is as requested,
 * without a scope exactly the resource and the permission. */
struct behalf_request_approval {
    const char *request;
    const char *session;
    const char *approver;
    const char *channel;
    const char *evidence; /* a JSON object */
    struct behalf_grant_terms terms;
};

BEHALF_API enum behalf_status behalf_request_create(struct behalf_client *client,
                                                    const struct behalf_new_request *request,
                                                    const struct behalf_write *write,
                                                    struct behalf_made *made,
                                                    struct behalf_error *error);
BEHALF_API enum behalf_status behalf_request_approve(struct behalf_client *client,
                                                     const struct behalf_request_approval *approval,
                                                     const struct behalf_write *write,
                                                     struct behalf_made *made,
                                                     struct behalf_error *error);
/* `approver` is who decided; NULL = nobody is named. */
BEHALF_API enum behalf_status behalf_request_deny(struct behalf_client *client, const char *request,
                                                  const char *approver, const char *reason,
                                                  const struct behalf_write *write,
                                                  char *written_at, struct behalf_error *error);
BEHALF_API enum behalf_status behalf_request_cancel(struct behalf_client *client,
                                                    const char *request, const char *approver,
                                                    const char *reason,
                                                    const struct behalf_write *write,
                                                    char *written_at, struct behalf_error *error);
BEHALF_API enum behalf_status behalf_request_read(struct behalf_client *client,
                                                  const struct behalf_read *read,
                                                  const char *request, struct behalf_reply **reply,
                                                  struct behalf_error *error);
/* `status` is "pending", "approved", "denied", "cancelled" or "expired"; NULL = any. */
BEHALF_API enum behalf_status behalf_request_list(struct behalf_client *client,
                                                  const struct behalf_read *read,
                                                  const char *principal, const char *status,
                                                  const struct behalf_page *page,
                                                  struct behalf_reply **reply,
                                                  struct behalf_error *error);

/* Whom a stop cuts off: one of these. */
struct behalf_stop {
    const char *agent;
    const char *client;
    const char *principal;
    bool everything;
};

BEHALF_API enum behalf_status behalf_agent_kill(struct behalf_client *client,
                                                const struct behalf_stop *stop, const char *reason,
                                                const struct behalf_write *write, char *written_at,
                                                struct behalf_error *error);
BEHALF_API enum behalf_status behalf_agent_restore(struct behalf_client *client,
                                                   const struct behalf_stop *stop,
                                                   const char *reason,
                                                   const struct behalf_write *write,
                                                   char *written_at, struct behalf_error *error);
BEHALF_API enum behalf_status behalf_agent_stopped(struct behalf_client *client,
                                                   const struct behalf_read *read,
                                                   struct behalf_reply **reply,
                                                   struct behalf_error *error);
/* What agents may do without a grant; no types = all agent types. */
BEHALF_API enum behalf_status behalf_agent_audit(struct behalf_client *client,
                                                 const struct behalf_read *read,
                                                 const char *const *types, size_t type_count,
                                                 const struct behalf_page *page,
                                                 struct behalf_reply **reply,
                                                 struct behalf_error *error);

enum behalf_attributes_operation {
    BEHALF_ATTRIBUTES_SET,   /* these and no others */
    BEHALF_ATTRIBUTES_MERGE, /* JSON Merge Patch (RFC 7396): null removes a key */
    BEHALF_ATTRIBUTES_DELETE
};

struct behalf_attributes_update {
    enum behalf_attributes_operation operation;
    const char *object;
    const char *attributes; /* a JSON object; NULL with BEHALF_ATTRIBUTES_DELETE */
};

/* One transaction: all of it or nothing, no object twice. `write` and `written_at` may be NULL. */
BEHALF_API enum behalf_status behalf_attributes_write(
    struct behalf_client *client, const struct behalf_attributes_update *updates, size_t count,
    const struct behalf_write *write, char *written_at, struct behalf_error *error);
/* `attributes` of the result is a map, empty where the object has none. */
BEHALF_API enum behalf_status behalf_attributes_read(struct behalf_client *client,
                                                     const struct behalf_read *read,
                                                     const char *object,
                                                     struct behalf_reply **reply,
                                                     struct behalf_error *error);

/* --- streams --- */

/* What is committed, as it is: each revision once, whole, in order; docs/protocol.md, "watch". */
struct behalf_watch;

struct behalf_watching {
    const char *from;                   /* a token; NULL = from now on */
    const struct behalf_filter *filter; /* NULL = everything */
    uint32_t credit; /* bytes that may be under way and held here; 0 = 1 MiB, at most 16 MiB */
};

enum behalf_watch_kind {
    BEHALF_WATCH_CHANGES,   /* of one revision, or a part of them */
    BEHALF_WATCH_CHECKPOINT /* nothing more was to be given up to this revision */
};

struct behalf_watch_event {
    enum behalf_watch_kind kind;
    uint64_t revision;
    bool last; /* the revision is whole with this */
    struct behalf_value body;
};

/* `watching` may be NULL. The client may be used for other calls meanwhile; close the watch before
 * the client. */
BEHALF_API enum behalf_status behalf_watch_open(struct behalf_client *client,
                                                const struct behalf_watching *watching,
                                                struct behalf_watch **watch,
                                                struct behalf_error *error);
/* Waits for the next event, which lives until the next call; credit for it is given then. A silent
 * server sends a checkpoint every five seconds. BEHALF_FAILED_SERVER: the stream has ended, with
 * the reason. */
BEHALF_API enum behalf_status behalf_watch_next(struct behalf_watch *watch, uint32_t timeout_ms,
                                                struct behalf_watch_event *event,
                                                struct behalf_error *error);
/* Where to go on from after what was given, also once the connection is broken: behind the last
 * revision that was whole. Valid until the next call. */
BEHALF_API const char *behalf_watch_token(const struct behalf_watch *watch);
/* Ends the stream without waiting. */
BEHALF_API void behalf_watch_close(struct behalf_watch *watch);

/* --- typed calls: the audit log (docs/audit.md) --- */

/* Which records, each NULL = any; an event that ends in ".*" is all of its family ("session.*"). */
struct behalf_audit_read {
    const char *event;
    const char *session;
    const char *grant;
    const char *agent;
    const char *principal;
    const char *decision;
    uint64_t from; /* 0 = from the first that is kept, or where the page's cursor is */
    bool newest;   /* the last that fit; without `from` and cursor */
};

/* `records` of the result are lines of JSON. Its `cursor` is always there: it goes on where the
 * page ended, also when `complete` says that nothing more is written yet. A page that is not
 * complete may be empty. */
BEHALF_API enum behalf_status behalf_audit_read(struct behalf_client *client,
                                                const struct behalf_audit_read *read,
                                                const struct behalf_page *page,
                                                struct behalf_reply **reply,
                                                struct behalf_error *error);
/* `note`: a signed checkpoint of all that is on the server's disk. */
BEHALF_API enum behalf_status behalf_audit_checkpoint(struct behalf_client *client,
                                                      struct behalf_reply **reply,
                                                      struct behalf_error *error);
/* `hashes` in hexadecimal (RFC 6962): that record `seq` is in the tree of the first `size`, and
 * that this tree continues the one of the first `from`. */
BEHALF_API enum behalf_status behalf_audit_inclusion(struct behalf_client *client, uint64_t seq,
                                                     uint64_t size, struct behalf_reply **reply,
                                                     struct behalf_error *error);
BEHALF_API enum behalf_status behalf_audit_consistency(struct behalf_client *client, uint64_t from,
                                                       uint64_t size, struct behalf_reply **reply,
                                                       struct behalf_error *error);
/* `checkpoint`: a signed note that the log must continue; NULL = none. */
BEHALF_API enum behalf_status behalf_audit_verify(struct behalf_client *client,
                                                  const char *checkpoint,
                                                  struct behalf_reply **reply,
                                                  struct behalf_error *error);
BEHALF_API enum behalf_status behalf_audit_explain(struct behalf_client *client,
                                                   const char *decision_id,
                                                   struct behalf_reply **reply,
                                                   struct behalf_error *error);
/* Decides recorded checks again, as they were (`then`) or at the newest revision; `limit` 0 = the
 * server's default. */
BEHALF_API enum behalf_status behalf_audit_replay(struct behalf_client *client, bool then,
                                                  uint64_t from, uint32_t limit,
                                                  struct behalf_reply **reply,
                                                  struct behalf_error *error);

/* A record of a gateway. */
struct behalf_audit_record {
    const char *event; /* begins with "gateway." */
    const char *request_id;
    const char *session;
    const char *grant;
    const char *fields; /* a JSON object; NULL = none */
};

BEHALF_API enum behalf_status behalf_audit_append(struct behalf_client *client,
                                                  const struct behalf_audit_record *record,
                                                  struct behalf_error *error);

/* For callers that build arguments themselves: how many members these add to a map, and the
 * members. behalf_write_read adds `consistency` and `deadline_ms`. */
BEHALF_API uint32_t behalf_read_members(const struct behalf_read *read);
BEHALF_API void behalf_write_read(struct behalf_writer *writer, const struct behalf_read *read);
BEHALF_API void behalf_write_filter(struct behalf_writer *writer,
                                    const struct behalf_filter *filter);
/* An actor as a string, several as an array; no call when there are none. */
BEHALF_API void behalf_write_actors(struct behalf_writer *writer, const char *const *actors,
                                    size_t count);

#ifdef __cplusplus
}
#endif

#endif
