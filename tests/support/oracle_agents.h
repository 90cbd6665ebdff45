/* oracle_agents.h - what a decision by a grant has to be: by brute force, from the rules alone.
 *
 * The records of a world in plain structs, and the conditions D1 to D10 one after the other over
 * all of them. Memberships, ceilings and the plain check come from the oracle of worlds (oracle.h);
 * nothing is shared with the floors under test.
 *
 * Always true: slots are given once, so a number names one session or grant. `order` counts the
 * writes: what was made earlier has the smaller one.
 * Threads: none. Memory: plain structs; texts are string constants; the solved values are given
 * back by agents_oracle_release. */
#ifndef BEHALF_TESTS_ORACLE_AGENTS_H
#define BEHALF_TESTS_ORACLE_AGENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/support/oracle.h"

#define AGENTS_SESSIONS_MAX 16
#define AGENTS_GRANTS_MAX 64
#define AGENTS_STOPS_MAX 32
#define AGENTS_CHAIN_MAX 8
#define AGENTS_ELEMENTS_MAX 3
#define AGENTS_ACTIONS_MAX 3
#define AGENTS_CONSTRAINTS_MAX 2
#define AGENTS_TOOLS_MAX 2
#define AGENTS_MOMENTS_MAX 512
#define AGENTS_SECOND INT64_C(1000000000)

struct agents_object {
    const char *type; /* NULL = none */
    const char *id;
};

enum agents_form { AGENTS_OBJECT, AGENTS_TYPE, AGENTS_MEMBERS };

struct agents_element {
    enum agents_form form;
    const char *type;
    const char *id;     /* AGENTS_OBJECT */
    const char *member; /* AGENTS_MEMBERS, of `object` */
    struct agents_object object;
    bool is_principal; /* AGENTS_MEMBERS: written as $principal */
    const char *actions[AGENTS_ACTIONS_MAX];
    int action_count;
};

struct agents_constraint {
    const char *caveat;
    const char *context;          /* JSON, or empty */
    struct world_caveat approved; /* as the schema had it when the grant was made */
};

/* All bytes of the digest and of the hash are the number. */
struct agents_tool {
    const char *name; /* NULL = none */
    uint8_t hash;
};

struct agents_terms {
    struct agents_element elements[AGENTS_ELEMENTS_MAX];
    int element_count;
    struct agents_constraint constraints[AGENTS_CONSTRAINTS_MAX];
    int constraint_count;
    struct agents_tool tools[AGENTS_TOOLS_MAX];
    int tool_count;
    const char *method; /* of the call it is bound to; NULL = none */
    uint8_t digest;
    int64_t not_before; /* 0 = none */
    int64_t expires_at;
    int max_depth;
    int uses; /* 0 = any number */
};

enum agents_status { AGENTS_ACTIVE, AGENTS_SUSPENDED, AGENTS_REVOKED };

struct agents_session {
    bool exists;
    struct agents_object principal;
    struct agents_object agent;
    const char *client;
    int64_t expires_at;
    int64_t idle_ns; /* 0 = none */
    enum agents_status status;
    int order;
    int64_t seen_low; /* last_seen lies between: it moves at most once a second */
    int64_t seen_high;
};

struct agents_grant {
    bool exists;
    int session;
    int parent; /* -1 = root */
    struct agents_object delegatee;
    struct agents_terms terms;
    bool revoked;
    int uses_left;
    int order;
    int stricter_than; /* a grant with one condition less, from 1; 0 = none */
};

enum agents_stop_scope {
    AGENTS_STOP_AGENT,
    AGENTS_STOP_CLIENT,
    AGENTS_STOP_PRINCIPAL,
    AGENTS_STOP_ALL
};

struct agents_stop {
    enum agents_stop_scope scope;
    struct agents_object object;
    const char *client;
    int epoch;
    bool in_force;
};

struct agents_state {
    int64_t now;
    int order;
    struct agents_session sessions[AGENTS_SESSIONS_MAX];
    struct agents_grant grants[AGENTS_GRANTS_MAX];
    struct agents_stop stops[AGENTS_STOPS_MAX];
    int stop_count;
};

/* --- deciding --- */

#define AGENTS_NO_GRANT (-1)      /* asked without one */
#define AGENTS_UNKNOWN_GRANT (-2) /* by an id that was never given */

struct agents_question {
    int grant; /* a slot, or one of the above */
    struct agents_object principal;
    struct agents_object actors[AGENTS_CHAIN_MAX];
    int actor_count;
    struct agents_object resource;
    const char *permission;
    int request;        /* of the world: the context */
    const char *method; /* of the binding shown; NULL = none */
    uint8_t digest;
    struct agents_tool tool;
};

/* What of the conditions is left out. */
enum agents_left_out {
    AGENTS_ALL = 0,
    AGENTS_WITHOUT_CALL = 1, /* D10a */
    AGENTS_WITHOUT_USES = 2, /* D10b */
};

struct agents_answer {
    struct oracle_value value;
    const char *reason; /* NULL = none */
    bool is_record;     /* a record condition, D9 or D10a denies: the same for all resources */
    bool is_call;       /* and it is D10a */
    int64_t not_before; /* of a deny that ends by itself: when; else 0 */
};

/* Each object has at most one attribute, `rank`, all its life: 0 = none, 1 = "x", 2 = "y". */
#define AGENTS_RANKS 3
int agents_rank(uint64_t seed, struct agents_object object);
extern const char *const agents_rank_values[AGENTS_RANKS];

/* The values of one schema and one set of tuples, solved as they are asked. Zeroes at first, but
 * for the seed. */
struct agents_oracle {
    uint64_t rank_seed;
    const struct world *world;
    struct oracle_caveats *caveats;
    /* per request, rank of the subject, rank of the resource, and number of expirations that are
     * past */
    struct agents_sight *sights;
    int64_t expirations[WORLD_TUPLES_MAX];
    int expiration_count;
};

/* The world is borrowed until the next call, or the release. */
void agents_oracle_begin(struct agents_oracle *oracle, const struct world *world,
                         struct oracle_caveats *caveats);
void agents_oracle_release(struct agents_oracle *oracle);

/* The decision at the time `now`, as the records are in `state`. `early` takes sessions to have
 * been seen as early as may be. */
struct agents_answer agents_decide(struct agents_oracle *oracle, const struct agents_state *state,
                                   const struct agents_question *question, int64_t now, bool early,
                                   unsigned left_out);

/* Whether the chain has counted uses; from the root on, its slots. 0 where D2 does not hold. */
int agents_chain(const struct agents_state *state, int grant, int chain[AGENTS_CHAIN_MAX]);
bool agents_has_uses(const struct agents_state *state, int grant);

/* The reason of the first record condition that denies the grant, or NULL. */
const char *agents_grant_state(const struct agents_oracle *oracle, const struct agents_state *state,
                               int grant, int64_t now, bool early);
/* The reason by which D6 and D7 deny the session, or NULL. */
const char *agents_session_state(const struct agents_state *state, int session, int64_t now,
                                 bool early);

/* D7 of the session alone: by a stop in force, or by the epoch of one. */
bool agents_session_is_stopped(const struct agents_state *state, int session);

/* The plain check of a plain subject. */
struct oracle_value agents_plain(struct agents_oracle *oracle, struct agents_object resource,
                                 const char *permission, struct agents_object subject, int request,
                                 int64_t now);

bool agents_is_agent_type(const struct world *world, const char *type);
bool agents_object_equal(struct agents_object a, struct agents_object b);
const struct agents_stop *agents_find_stop(const struct agents_state *state,
                                           enum agents_stop_scope scope,
                                           struct agents_object object, const char *client);

/* After an allow at `now` by a grant of the session. */
void agents_seen(struct agents_session *session, int64_t now);

/* Whether a child's scope is narrower than its parent's, as a write decides it. */
bool agents_is_narrower(const struct agents_terms *child, const struct agents_terms *parent);

/* The context of that number is another now. */
void agents_oracle_forget(struct agents_oracle *oracle, int request);

/* When something changes by itself next; INT64_MAX = never. */
int64_t agents_next_moment(const struct agents_oracle *oracle, const struct agents_state *state);
/* When something may change by itself after `now`, ascending, each once; the room is
 * enough. */
int agents_moments(const struct agents_oracle *oracle, const struct agents_state *state,
                   int64_t now, int64_t *moments, int room);

#endif
