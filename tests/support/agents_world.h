/* agents_world.h - random worlds with agents, as a list of steps: time goes on, tuples and records
 * are written, questions are asked.
 *
 * A world begins with two schemas, tuples and contexts. Its steps name parties by text and records
 * by slots, so that a list with some steps left out is a list as well: a step whose records are not
 * there is passed over.
 * Always true: equal seeds give equal beginnings; agent:z and what else has the id z stands in no
 * tuple and no record.
 * Threads: none. Memory: plain structs; texts that steps point to are string constants. */
#ifndef BEHALF_TESTS_AGENTS_WORLD_H
#define BEHALF_TESTS_AGENTS_WORLD_H

#include "tests/support/oracle_agents.h"

#define AGENTS_TUPLES_MAX 64
#define AGENTS_TUPLE_SIZE 192
#define AGENTS_SCHEMA_SIZE 4096
#define AGENTS_BEGIN WORLD_EPOCH

struct agents_world {
    char schemas[2][AGENTS_SCHEMA_SIZE];
    char tuples[AGENTS_TUPLES_MAX][AGENTS_TUPLE_SIZE];
    int tuple_count;
    int schema;       /* which of the two holds */
    uint64_t present; /* tuples that are stored, one bit each */
    struct world now; /* all of it as it is */
};

enum agents_step_kind {
    AGENTS_STEP_TIME,  /* to `time` */
    AGENTS_STEP_TUPLE, /* `slot` is written, or deleted where it is stored */
    AGENTS_STEP_SCHEMA,
    AGENTS_STEP_SESSION,
    AGENTS_STEP_CHANGE, /* of the session `slot` */
    AGENTS_STEP_GRANT,
    AGENTS_STEP_DELEGATE,
    AGENTS_STEP_REVOKE, /* of the grant `slot` */
    AGENTS_STEP_STOP,
    AGENTS_STEP_REOPEN, /* of the engine, with another budget */
    AGENTS_STEP_DAMAGE, /* a record is changed behind the engine's back */
    AGENTS_STEP_ASK,
};

enum agents_change { AGENTS_SUSPEND, AGENTS_RESUME, AGENTS_REVOKE };

/* Damage that no write can do. */
enum agents_damage {
    AGENTS_DAMAGE_DEPTH, /* the grant's max_depth is 0 */
    AGENTS_DAMAGE_GRANT, /* the grant is gone */
    AGENTS_DAMAGE_SESSION,
};

/* How a root grant is made. */
enum agents_request {
    AGENTS_UNASKED,      /* by grants.create */
    AGENTS_BY_REQUEST,   /* its agent asks, and the request is approved */
    AGENTS_AFTER_DENIAL, /* the same of a request that was denied before */
    AGENTS_AFTER_CANCEL, /* or cancelled */
};

enum agents_method {
    AGENTS_CHECK,
    AGENTS_BULK,
    AGENTS_FILTER,
    AGENTS_RESOURCES,
    AGENTS_PERMISSIONS,
    AGENTS_METHOD_COUNT,
};

struct agents_step {
    enum agents_step_kind kind;
    int slot;
    int other;              /* GRANT: the session; DELEGATE: the parent */
    struct agents_object a; /* principal; actor; approver; the party of a stop */
    struct agents_object b; /* agent; delegatee */
    const char *client;     /* NULL = the agent's text */
    int64_t time;           /* until when a session lasts; TIME: when it is then */
    int64_t idle_ns;
    enum agents_change change;
    enum agents_stop_scope scope;
    bool restore;
    enum agents_damage damage;
    struct agents_terms terms;
    int stricter_than;             /* GRANT: as of struct agents_grant */
    enum agents_request request;   /* GRANT */
    struct agents_object resource; /* what was asked for, with `action` */
    const char *action;
    struct agents_question question;
    enum agents_method method;
    int limit; /* rows of a page; the memory of a REOPEN: 1 = as good as none */
};

/* Schemas, tuples and contexts; all tuples are stored, the first schema holds. */
void agents_world_make(struct agents_world *world, uint64_t seed);
/* Reads world->now again, after `schema` or `present` was changed. */
void agents_world_read(struct agents_world *world);

/* A next step, mostly one that is not refused. */
void agents_world_step(struct agents_oracle *oracle, const struct agents_world *world,
                       const struct agents_state *state, struct world_random *random,
                       struct agents_step *step);
/* A question about the records as they are. */
void agents_world_ask(struct agents_oracle *oracle, const struct agents_world *world,
                      const struct agents_state *state, struct world_random *random,
                      struct agents_step *step);
/* Schemas, and what is stored. */
void agents_world_print(const struct agents_world *world, struct buffer *out);
void agents_step_print(const struct agents_step *step, struct buffer *out);

/* --- what a write has to come to --- */

#define AGENTS_REFUSALS_MAX 12

/* Why the write must be refused: one of these, whichever. None: it must be done. */
struct agents_verdict {
    enum status refusals[AGENTS_REFUSALS_MAX];
    int refusal_count;
    bool may_be_done; /* all the same: the rules leave it open */
};

/* Whether what the step names is there. */
bool agents_step_applies(const struct agents_state *state, const struct agents_step *step);
void agents_step_judge(struct agents_oracle *oracle, const struct agents_state *state,
                       const struct agents_step *step, struct agents_verdict *verdict);
/* The same of the request that comes before a grant. */
void agents_request_judge(const struct agents_oracle *oracle, const struct agents_state *state,
                          const struct agents_step *step, struct agents_verdict *verdict);
/* The step was done: a write, or damage. Counts the order. */
void agents_step_apply(const struct agents_world *world, struct agents_state *state,
                       const struct agents_step *step);
/* Whether a write of that kind only takes away: it turns no deny into an allow. */
bool agents_step_restricts(const struct agents_step *step);
/* The principal whom alone the step concerns; its type is NULL where it concerns others too. */
struct agents_object agents_step_concerns(const struct agents_state *state,
                                          const struct agents_step *step);

#endif
