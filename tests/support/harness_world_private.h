/* harness_world_private.h - what the parts of harness_world share: the world being asked about.
 *
 * What the oracle says depends on the context asked with and on the time. Between two expirations
 * nothing changes, so times are told apart by how many expirations are past: a state. */
#ifndef BEHALF_TESTS_HARNESS_WORLD_PRIVATE_H
#define BEHALF_TESTS_HARNESS_WORLD_PRIVATE_H

#include "tests/support/harness.h"
#include "tests/support/harness_world.h"

/* All that the oracle says of a world in one context and state. */
struct sight {
    bool solved;
    struct oracle_facts facts;
    struct oracle *oracles; /* ORACLE_LANES subjects each */
};

struct asking {
    const struct world *world;
    struct harness_engine side;
    struct world_random random;
    struct oracle_caveats *caveats;
    struct oracle_subject *subjects; /* every object, and every userset */
    int subject_count;
    int64_t expirations[WORLD_TUPLES_MAX]; /* of tuples, ascending, each once */
    int expiration_count;
    struct sight *sights;                             /* per request and state */
    const struct datum *contexts[WORLD_REQUESTS_MAX]; /* of the world's requests */
    struct slice stored[WORLD_TUPLES_MAX];            /* contexts of the world's tuples */
    struct arena context_arena;
    struct oracle_sets *sets; /* scratch */
    int64_t now;
    const struct engine_token *at; /* NULL = the newest state */
    const char *method;            /* for messages: how the engine runs */
    int percent;                   /* of the usual questions */
    bool thorough;
    bool checks_only;
    struct world_counts *counts;
    struct buffer *mismatch;
};

struct question {
    int type;
    int id;
    int name;
    int subject; /* index of `subjects` */
    int request; /* context asked with */
};

/* Notes what disagrees; always false. */
bool comparison_fail(struct asking *asking, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

int asking_below(struct asking *asking, int bound);
/* Both are always true when thorough; the first takes asking->percent of the percent. */
bool asking_chance(struct asking *asking, int percent);
bool asking_sample(struct asking *asking, int percent);
struct object asking_object(const struct asking *asking, int type, int id, int name);
/* Index of `subjects`. */
int asking_subject(const struct asking *asking, int type, int id, int name);
struct relationship asking_relationship(const struct asking *asking,
                                        const struct world_tuple *tuple);
const struct datum *asking_context(const struct asking *asking, int request);

/* --- what the oracle says --- */

/* Makes asking->world the one that the oracle is asked about. Between begin and end. */
void sights_begin(struct asking *asking);
void sights_end(struct asking *asking);

int asking_state(const struct asking *asking, int64_t time);
const struct sight *asking_sight(struct asking *asking, int request, int state);
struct oracle_value asking_value(struct asking *asking, const struct question *question, int state);
/* At the time that it is. */
struct oracle_value asking_expect(struct asking *asking, const struct question *question);

/* --- comparing --- */

/* What an engine answered. */
struct answered {
    enum status status;
    enum decision decision;
    struct missing_context missing;
    int64_t valid_until;
};

/* Whether decision, missing names or error are that. */
bool answered_fits(const struct asking *asking, struct oracle_value expected,
                   const struct answered *answered);

void answered_print(const struct answered *answered, struct buffer *out);

typedef struct oracle_value expect_function(struct asking *asking, const void *what, int state);

/* Whether the answer is what the oracle says now, and does not claim to be valid for longer than it
 * is. `text` is the question. */
bool asking_compare(struct asking *asking, const char *text, expect_function *expect,
                    const void *what, const struct answered *answered);
/* The same of a question. */
bool asking_compare_question(struct asking *asking, const char *method,
                             const struct question *question, const struct answered *answered);

/* A lookup that says `valid_until` shows the same at each state before it. */
bool asking_compare_validity(struct asking *asking, const char *text, int64_t valid_until,
                             bool (*same)(struct asking *asking, const void *what, int state),
                             const void *what);

/* "doc:a#view@user:b with {...}" */
#define QUESTION_TEXT_SIZE 768
void asking_print(const struct asking *asking, const struct question *question, char *text);

/* --- asking: each compares some answers of one method and says whether all agree --- */

bool ask_something(struct asking *asking); /* a question whose answer is not compared */
bool ask_checks(struct asking *asking);    /* alone and in bulks */
bool ask_resources(struct asking *asking);
bool ask_subjects(struct asking *asking);
bool ask_permissions(struct asking *asking);
bool ask_trees(struct asking *asking);
bool ask_chains(struct asking *asking);

#define ACTORS_MAX 3

/* Actors through whom something is asked. */
struct chain {
    struct question question;
    struct oracle_subject actors[ACTORS_MAX];
    struct object objects[ACTORS_MAX];
    int count;
    bool twice;   /* somebody stands in it twice */
    bool without; /* an actor's type has no such member */
};

/* Of a plain subject; `hop_name` is that of acts_on_behalf_of. */
struct chain asking_chain(struct asking *asking, struct question question, int hop_name);
/* What the actors may do for the subject: of the hops alone. */
struct oracle_value asking_hops_value(struct asking *asking, const struct chain *chain, int state);
/* Delegation and question together; what is an expect_function of a struct chain. */
struct oracle_value asking_chain_value(struct asking *asking, const void *chain, int state);
struct question asking_question(struct asking *asking);
int asking_plain(struct asking *asking);
struct check asking_check(const struct asking *asking, const struct question *question);

/* --- writing --- */

#define REVISIONS_MAX 256

/* Which tuples there were after a revision, one bit each. */
struct revision {
    struct engine_token token;
    uint64_t present;
};

struct history {
    struct revision revisions[REVISIONS_MAX];
    int count;
    uint64_t present;
    uint64_t past_engine; /* were put into the store by the test; they stay */
};

/* The schema; *refused when it is no valid one. */
bool asking_write_schema(struct asking *asking, struct world_comparison *comparison, bool *refused);
/* The tuples, some past the engine, the others in random transactions. */
bool asking_write_tuples(struct asking *asking, struct history *history);

#endif
