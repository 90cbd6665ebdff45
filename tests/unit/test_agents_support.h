/* test_agents_support.h - one engine whose clock stands, with sessions, grants and stops said in
 * few words, and answers as text. Times are seconds behind the moment at which the clock stood
 * first. Writes must succeed; what a test expects to be refused it writes itself. */
#ifndef BEHALF_TESTS_UNIT_TEST_AGENTS_SUPPORT_H
#define BEHALF_TESTS_UNIT_TEST_AGENTS_SUPPORT_H

#include <criterion/criterion.h>

#include "engine/agents.h"
#include "tests/support/harness.h"

#define AGENTS_START INT64_C(4102444800000000000) /* 2100-01-01T00:00:00Z */
#define AGENTS_SECOND INT64_C(1000000000)

extern struct harness_engine agents;

/* Relationships as text end with NULL. */
void agents_open(const char *schema, ...) __attribute__((sentinel));
void agents_close(void);
void agents_put(const char *relationship);
void agents_remove(const char *relationship);
void agents_at(int64_t seconds);
/* Lines of harness_write_attributes. */
void agents_attributes(const char *lines);

/* --- records --- */

struct session_words {
    const char *principal; /* default: "user:ann" */
    const char *agent;     /* default: "agent:bot" */
    const char *client;    /* default: the agent's text */
    int64_t seconds;       /* until its end; default: 3600 */
    uint32_t idle;         /* seconds; 0 = none */
};

struct record_id agents_session(struct session_words words);

struct grant_words {
    const char *scope; /* "doc:* view,edit; doc:1 share" */
    int64_t begins;    /* 0 = at once */
    int64_t seconds;   /* until its end; 0 = 1800 of a root grant, of others their parent's */
    uint32_t depth;
    uint64_t uses;
    const char *caveat; /* one constraint, and its context as JSON */
    const char *context;
    const char *method; /* bound to this, with a digest of zeros */
};

struct record_id agents_root(struct record_id session, struct grant_words words);
/* From the parent's delegatee, which is `actor`. */
struct record_id agents_delegate(struct record_id parent, const char *actor, const char *delegatee,
                                 struct grant_words words);
void agents_revoke(struct record_id grant);
void agents_change(struct record_id session, enum session_change change);
/* `party`: an object or a client; of everything NULL. */
void agents_stop(enum stop_scope scope, const char *party);
void agents_restore(enum stop_scope scope, const char *party);

/* --- questions --- */

struct question_words {
    const char *subject;           /* default: "user:ann" */
    const char *actors;            /* separated by blanks; NULL = none */
    const struct record_id *grant; /* NULL = none */
    const char *context;           /* JSON; NULL = none */
    const char *method;            /* shown */
    const char *properties;        /* JSON: {"subject":{},"resource":{},"action":{}} */
    bool untrusted;                /* the properties are */
    bool pass_over;                /* what of them does not count */
};

/* A question in the engine's words; what they point to lives until the next one. */
struct agents_question {
    struct object subject;
    struct object actors[ENGINE_ACTORS_MAX];
    size_t actor_count;
    struct engine_delegation delegation;
    const struct engine_delegation *grant; /* NULL = none */
    const struct datum *context;
    struct check_properties given;
    const struct check_properties *properties; /* NULL = none */
};

void agents_question(struct question_words words, struct agents_question *question);
struct object agents_object(const char *text);

/* "allow", "deny", "deny REASON", "conditional on a, b" or the name of an error, of
 * `resource#permission`, by check. Static storage. */
const char *agents_check(const char *question, struct question_words words);

/* The same of items `resource#permission@subject`, as one bulk: answers separated by "; ". */
const char *agents_bulk(const char *const *questions, size_t count, struct question_words words);

/* Permissions of the resource that are no deny, in the order of the schema: "view edit[a]". */
const char *agents_permissions(const char *resource, struct question_words words);

/* Subjects of `resource#permission` and a type in pages of `limit`: "*{eve}[a] ann bob[a]"; an
 * error's name. */
const char *agents_subjects(const char *question, const char *type, uint32_t limit,
                            struct question_words words);

/* Ids of `type#permission` in pages of `limit`: "1 2 3[...]", in front "reason: " where there is
 * one, behind them "?ID" for each that is undecided; an error's name. Static storage. */
const char *agents_resources(const char *question, uint32_t limit, struct question_words words);

/* What filter gives of `permission` for the resources, separated by blanks: "doc:1 doc:1",
 * "doc:2[...]", "doc:3?ERROR". Static storage. */
const char *agents_filter(const char *permission, const char *resources,
                          struct question_words words);

#endif
