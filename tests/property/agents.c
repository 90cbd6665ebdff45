/* agents.c - random worlds with sessions, grants and stops: the engine against the oracle.
 *
 *   BEHALF_WORLDS    how many (2,000)
 *   BEHALF_SEED      this one alone
 *   BEHALF_FIRST     seed of the first world (1); the others follow
 *   BEHALF_NO_SHRINK prints the steps as they were
 *
 * Ends with 1 at the first world in which anything disagrees, after printing few steps that are
 * enough for it; also when a run of 100 worlds or more has too little of some reason, of allows or
 * of conditional answers to prove much. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "base/memory.h"
#include "tests/support/harness_agents.h"

#define STEPS_MAX 1024
#define REASON_MIN 0.5 /* percent of the decisions by a grant */
#define ALLOW_MIN 15.0 /* percent of the same */
#define CONDITIONAL_MIN 0.5

static const char *const reasons[] = {
    "no_grant",          "actor_mismatch",       "act_chain_mismatch",  "principal_mismatch",
    "session_revoked",   "session_suspended",    "session_expired",     "session_idle",
    "grant_revoked",     "agent_stopped",        "grant_not_yet_valid", "grant_expired",
    "depth_exceeded",    "binding_mismatch",     "tool_changed",        "scope_excluded",
    "constraint_failed", "agent_ceiling",        "principal_denied",    "uses_exhausted",
    "missing_context",   "single_check_required"};

struct steps {
    struct agents_step *list;
    int count;
};

static uint64_t
number_of(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text != NULL && *text != '\0' ? strtoull(text, NULL, 0) : otherwise;
}

/* --- one world --- */

static bool
do_step(struct agents_run *run, struct steps *steps, const struct agents_step *step)
{
    BEHALF_ASSERT(steps->count < STEPS_MAX);
    steps->list[steps->count++] = *step;
    return agents_run_step(run, step);
}

/* Some steps, then some questions, and so on; the first steps make records. */
static bool
run_world(struct agents_run *run, struct steps *steps)
{
    struct world_random random = {run->seed * 4 + 3};
    int rounds = 5 + world_random_below(&random, 6);
    struct agents_step step;

    for (int round = 0; round < rounds; round++) {
        int writes = round == 0 ? 24 : 1 + world_random_below(&random, 9);
        int questions = 6 + world_random_below(&random, 12);

        for (int i = 0; i < writes; i++) {
            agents_world_step(&run->oracle, &run->world, &run->state, &random, &step);
            if (!do_step(run, steps, &step))
                return false;
        }
        for (int i = 0; i < questions; i++) {
            agents_world_ask(&run->oracle, &run->world, &run->state, &random, &step);
            if (!do_step(run, steps, &step))
                return false;
        }
    }
    return agents_run_alone(run);
}

/* --- fewer steps --- */

static bool
still_fails(const struct agents_run *of, const struct steps *steps, struct buffer *mismatch)
{
    static struct agents_run run;
    static struct agents_counts counts;
    bool agreed = true;

    agents_run_open(&run, of->seed, of->caveats, &counts);
    for (int i = 0; agreed && i < steps->count; i++)
        agreed = agents_run_step(&run, &steps->list[i]);
    if (agreed)
        agreed = agents_run_alone(&run);
    if (!agreed) {
        buffer_clear(mismatch);
        buffer_add_text(mismatch, run.mismatch.data);
        buffer_add_byte(mismatch, '\0');
    }
    agents_run_close(&run);
    return !agreed;
}

/* Leaves out runs of steps, long ones first, as long as anything disagrees. */
static void
shrink(const struct agents_run *run, struct steps *steps, struct buffer *mismatch)
{
    struct steps fewer = {.list = memory_new_array(STEPS_MAX, sizeof *fewer.list)};

    for (int width = steps->count / 2; width > 0; width = width > 1 ? (width + 1) / 2 : 0) {
        for (int at = steps->count - width; at >= 0; at -= width) {
            fewer.count = 0;
            for (int i = 0; i < steps->count; i++)
                if (i < at || i >= at + width)
                    fewer.list[fewer.count++] = steps->list[i];
            if (!still_fails(run, &fewer, mismatch))
                continue;
            memcpy(steps->list, fewer.list, (size_t)fewer.count * sizeof *fewer.list);
            steps->count = fewer.count;
        }
    }
    memory_free(fewer.list);
}

static void
print_ranks(const struct agents_run *run, struct buffer *out)
{
    const struct world *world = &run->world.now;

    for (int type = 0; type < world->type_count; type++)
        for (int id = 0; id < world->id_count; id++) {
            int rank = agents_rank(run->seed,
                                   (struct agents_object){world->types[type].name, world->ids[id]});

            if (rank != 0)
                buffer_add_format(out, "%s:%s has the rank %s\n", world->types[type].name,
                                  world->ids[id], agents_rank_values[rank]);
        }
}

static void
report(const struct agents_run *run, struct steps *steps)
{
    struct buffer text;
    struct buffer mismatch;

    buffer_init(&text);
    buffer_init(&mismatch);
    fprintf(stderr, "agents: seed %" PRIu64 ": %s\n", run->seed, run->mismatch.data);
    if (getenv("BEHALF_NO_SHRINK") == NULL)
        shrink(run, steps, &mismatch);
    agents_world_print(&run->world, &text);
    print_ranks(run, &text);
    for (int i = 0; i < steps->count; i++) {
        buffer_add_format(&text, "%3d ", i);
        agents_step_print(&steps->list[i], &text);
        buffer_add_byte(&text, '\n');
    }
    buffer_add_byte(&text, '\0');
    fprintf(stderr, "%s%s\n", text.data, mismatch.size > 0 ? mismatch.data : "");
    buffer_release(&mismatch);
    buffer_release(&text);
}

/* --- what they were made of --- */

static double
percent(uint64_t part, uint64_t whole)
{
    return whole == 0 ? 0 : 100.0 * (double)part / (double)whole;
}

static uint64_t
count_of(const struct agents_counts *counts, const char *reason)
{
    for (int i = 0; i < counts->reason_count; i++)
        if (strcmp(counts->reason_words[i], reason) == 0)
            return counts->reasons[i];
    return 0;
}

static bool
print_reasons(const struct agents_counts *counts, uint64_t decided)
{
    bool enough = true;

    printf("reasons:");
    for (size_t i = 0; i < BEHALF_COUNT_OF(reasons); i++) {
        double share = percent(count_of(counts, reasons[i]), decided);

        printf("%s %s %.2f%%", i > 0 ? "," : "", reasons[i], share);
        enough = enough && share >= REASON_MIN;
    }
    printf("\n");
    return enough;
}

/* False when the worlds were too poor to prove much. */
static bool
print_summary(const struct agents_counts *counts, bool whole_run)
{
    const uint64_t *by = counts->answers;
    uint64_t decided = by[0] + by[1] + by[2] + by[3];
    double allow = percent(by[ORACLE_ALLOW], decided);
    double conditional = percent(by[ORACLE_CONDITIONAL], decided);
    uint64_t writes = 0;
    bool enough;

    for (int i = 0; i < AGENTS_STEP_ASK; i++)
        writes += counts->writes[i];
    printf("agents: %" PRIu64 " worlds, %" PRIu64 " writes of records (%.1f%% refused), %" PRIu64
           " decisions by a grant, %" PRIu64 " without\n",
           counts->worlds, writes, percent(counts->refused, writes), decided,
           counts->standing[0] + counts->standing[1] + counts->standing[2] + counts->standing[3]);
    printf("by a grant: allow %.1f%%, conditional %.1f%%, error %.2f%%, deny %.1f%%\n", allow,
           conditional, percent(by[ORACLE_ERROR], decided), percent(by[ORACLE_DENY], decided));
    printf("asked again: hops less %" PRIu64 ", conditions less %" PRIu64
           ", after taking away %" PRIu64 ", of others %" PRIu64 ", contexts %" PRIu64
           ", alone %" PRIu64 "\n",
           counts->hops, counts->stricter, counts->restricted, counts->apart, counts->contexts,
           counts->alone);
    printf("access requests: %" PRIu64 ", approved %" PRIu64 "\n", counts->requests,
           counts->approved);
    printf("chains of 1 to 8:");
    for (int i = 1; i <= AGENTS_CHAIN_MAX; i++)
        printf(" %.1f%%", percent(counts->by_length[i], decided));
    printf("\n");
    enough = print_reasons(counts, decided) && allow >= ALLOW_MIN &&
             conditional >= CONDITIONAL_MIN && counts->approved > 0 &&
             counts->approved < counts->requests;
    if (!whole_run || enough)
        return true;
    fprintf(stderr, "agents: too few of some answers\n");
    return false;
}

int
main(void)
{
    static struct agents_run run;
    struct agents_counts counts = {0};
    struct oracle_caveats caveats;
    struct steps steps = {.list = memory_new_array(STEPS_MAX, sizeof *steps.list)};
    bool single = getenv("BEHALF_SEED") != NULL;
    uint64_t first = single ? number_of("BEHALF_SEED", 1) : number_of("BEHALF_FIRST", 1);
    uint64_t count = single ? 1 : number_of("BEHALF_WORLDS", 2000);
    time_t start = time(NULL);
    bool agreed = true;

    printf("agents: seeds %" PRIu64 " to %" PRIu64 "\n", first, first + count - 1);
    fflush(stdout);
    oracle_caveats_init(&caveats);
    for (uint64_t seed = first; agreed && seed < first + count; seed++) {
        agents_run_open(&run, seed, &caveats, &counts);
        counts.worlds++;
        steps.count = 0;
        agreed = run_world(&run, &steps);
        if (!agreed)
            report(&run, &steps);
        agents_run_close(&run);
    }
    agreed = print_summary(&counts, !single && count >= 100) && agreed;
    printf("agents: %s after %lld s\n", agreed ? "all agree" : "FAILED",
           (long long)(time(NULL) - start));
    oracle_caveats_release(&caveats);
    memory_free(steps.list);
    return agreed ? 0 : 1;
}
