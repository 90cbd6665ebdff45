/* harness_agents.h - a world with agents beside an engine: each step is done on both, each answer
 * compared.
 *
 * A run owns an engine over an in-memory store whose clock stands; the oracle's records go along
 * with every write that the engine did. What disagrees stands in `mismatch`, and the run is over.
 * Threads: none of its own. Memory: agents_run_open, agents_run_close. */
#ifndef BEHALF_TESTS_HARNESS_AGENTS_H
#define BEHALF_TESTS_HARNESS_AGENTS_H

#include "engine/agents.h"
#include "tests/support/agents_world.h"
#include "tests/support/harness.h"

#define AGENTS_REASONS_MAX 32
#define AGENTS_SAMPLES 8

/* What was asked and how it came out, over all runs. */
struct agents_counts {
    uint64_t worlds;
    uint64_t writes[AGENTS_STEP_ASK + 1];
    uint64_t refused;
    uint64_t answers[4];                      /* of decisions by a grant, by enum oracle_answer */
    uint64_t standing[4];                     /* and of those without */
    uint64_t by_length[AGENTS_CHAIN_MAX + 1]; /* decisions by the length of the chain */
    uint64_t methods[AGENTS_METHOD_COUNT];
    uint64_t reasons[AGENTS_REASONS_MAX]; /* of decisions by a grant */
    const char *reason_words[AGENTS_REASONS_MAX];
    int reason_count;
    uint64_t hops;       /* allows that were asked for one hop less */
    uint64_t stricter;   /* and by a grant with one condition less */
    uint64_t restricted; /* denies asked again after something was taken away */
    uint64_t apart;      /* answers asked again after a write that concerns somebody else */
    uint64_t contexts;   /* conditional ones asked again with what was missing */
    uint64_t alone;      /* questions of the agent that nobody knows */
    uint64_t requests;   /* access requests, and those that were approved */
    uint64_t approved;
};

/* An answer of the engine. */
struct agents_answered {
    enum status status;
    enum decision decision;
    struct slice reason;
    struct missing_context missing;
    int64_t valid_until;
};

struct agents_run {
    uint64_t seed;
    struct agents_world world;
    struct agents_state state;
    struct agents_oracle oracle;
    struct oracle_caveats *caveats;
    struct harness_engine side;
    struct record_id sessions[AGENTS_SESSIONS_MAX];
    struct record_id grants[AGENTS_GRANTS_MAX];
    struct record_id request; /* of the grant that is being made */
    struct arena contexts_arena;
    const struct datum *contexts[WORLD_REQUESTS_MAX];
    struct arena arguments; /* of one write or question */
    struct agents_question samples[AGENTS_SAMPLES];
    int sample_count;
    unsigned validities; /* of denies, so far */
    bool asks_more;      /* beside the steps, what the properties need */
    struct agents_counts *counts;
    struct buffer mismatch;
};

void agents_run_open(struct agents_run *run, uint64_t seed, struct oracle_caveats *caveats,
                     struct agents_counts *counts);
void agents_run_close(struct agents_run *run);

/* False when something disagreed. A step that does not apply is passed over. */
bool agents_run_step(struct agents_run *run, const struct agents_step *step);
/* What holds of every agent without grant and relationship. */
bool agents_run_alone(struct agents_run *run);

/* Notes what disagrees; always false. */
bool agents_run_fail(struct agents_run *run, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* --- between the parts of the run --- */

struct object agents_run_object(struct agents_object object);
struct check agents_run_check(struct agents_run *run, const struct agents_question *question,
                              struct engine_delegation *delegation, struct object *actors);
/* Writes, by the engine. */
bool agents_run_write(struct agents_run *run, const struct agents_step *step);
/* Questions by one method. */
bool agents_run_ask(struct agents_run *run, const struct agents_step *step);
/* A check alone, compared; takes uses where it has to. */
bool agents_run_ask_check(struct agents_run *run, const struct agents_question *question,
                          struct agents_answered *answered);
/* Whether the answer is what the oracle says. `many`: of several, by one grant. */
bool agents_run_compare(struct agents_run *run, const struct agents_question *question,
                        const struct agents_answered *answered, unsigned left_out, bool many,
                        const char *method);
/* Time goes on by a little, so that the next commit has a time of its own. */
void agents_run_tick(struct agents_run *run);
/* What an answer of a check implies of others. */
bool agents_run_more(struct agents_run *run, const struct agents_question *question,
                     const struct agents_answered *answered);

/* Before and after a write: samples that are asked twice. */
struct agents_before {
    int count;
    bool restricts;
    struct agents_object concerns;
    struct agents_answered answers[AGENTS_SAMPLES];
};

bool agents_run_before(struct agents_run *run, const struct agents_step *step,
                       struct agents_before *before);
bool agents_run_after(struct agents_run *run, const struct agents_before *before);

#endif
