/* replay.c - random worlds with sessions, grants and stops whose decisions are recorded: decided
 * again from the audit log as they were, none is different.
 *
 *   BEHALF_WORLDS    how many (200)
 *   BEHALF_FIRST     seed of the first world (1); the others follow
 *
 * Ends with 1 at the first world with a difference, and when a run of 100 worlds or more skipped
 * what should have been decided, or decided too little to prove much. */
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "audit/audit.h"
#include "engine/audit.h"
#include "engine/audit_log.h"
#include "tests/support/harness_agents.h"

#define SAME_MIN 50 /* of a world, on the average */

struct totals {
    uint64_t worlds;
    uint64_t same;
    uint64_t skipped;
};

static uint64_t
number_of(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text != NULL && *text != '\0' ? strtoull(text, NULL, 0) : otherwise;
}

static int
remove_one(const char *path, const struct stat *stat, int type, struct FTW *walk)
{
    (void)stat;
    (void)type;
    (void)walk;
    return remove(path);
}

/* --- one world --- */

/* What random steps and questions disagree about is for agents.c: here they only fill the log. */
static bool
fill_log(struct agents_run *run)
{
    struct world_random random = {run->seed * 4 + 3};
    struct agents_step step;

    run->asks_more = false;
    for (int round = 0; round < 6; round++) {
        for (int i = 0; i < (round == 0 ? 24 : 6); i++) {
            agents_world_step(&run->oracle, &run->world, &run->state, &random, &step);
            if (!agents_run_step(run, &step))
                return false;
        }
        for (int i = 0; i < 16; i++) {
            agents_world_ask(&run->oracle, &run->world, &run->state, &random, &step);
            if (!agents_run_step(run, &step))
                return false;
        }
    }
    return true;
}

static void
print_page(uint64_t seed, const struct audit_replay_result *result)
{
    for (size_t at = 0; at < result->difference_count; at++) {
        const struct audit_difference *row = &result->different[at];

        fprintf(stderr, "replay: seed %" PRIu64 ": %.*s was %.*s and is %.*s\n", seed,
                SLICE_PRINTF(row->decision_id), SLICE_PRINTF(row->recorded),
                SLICE_PRINTF(row->now));
    }
    for (size_t at = 0; at < result->skipped_count; at++)
        fprintf(stderr, "replay: seed %" PRIu64 ": skipped %" PRIu64 ": %.*s\n", seed,
                result->skipped[at].count, SLICE_PRINTF(result->skipped[at].reason));
}

/* False where anything is different. */
static bool
replay_log(struct agents_run *run, struct totals *totals)
{
    struct engine_request request = harness_request(&run->side, NULL);
    struct audit_replay asked = {.then = true};
    struct audit_replay_result result = {.complete = false};
    struct audit *audit;
    struct error error;
    bool same = true;

    if (audit_log_find(run->side.engine, &audit, &error) != BEHALF_OK ||
        audit_flush(audit, &error) != BEHALF_OK) {
        fprintf(stderr, "replay: %s\n", error.message);
        return false;
    }
    while (same && !result.complete) {
        if (engine_audit_replay(run->side.worker, &request, &asked, &result, &error) != BEHALF_OK) {
            fprintf(stderr, "replay: seed %" PRIu64 ": %s\n", run->seed, error.message);
            return false;
        }
        same = result.difference_count == 0;
        print_page(run->seed, &result);
        totals->same += result.same;
        for (size_t at = 0; at < result.skipped_count; at++)
            totals->skipped += result.skipped[at].count;
        asked.from = result.next;
    }
    return same;
}

static bool
run_world(uint64_t seed, struct oracle_caveats *caveats, struct totals *totals)
{
    static struct agents_run run;
    static struct agents_counts counts;
    char directory[] = "/tmp/behalf-replay.XXXXXX";
    const struct engine_audit_options options = {
        .mode = ENGINE_AUDIT_RELAXED, .directory = directory, .sample = 1, .full_context = true};
    bool good;

    if (mkdtemp(directory) == NULL) {
        perror(directory);
        return false;
    }
    harness_audit = &options;
    agents_run_open(&run, seed, caveats, &counts);
    good = fill_log(&run);
    if (!good)
        fprintf(stderr, "replay: seed %" PRIu64 ": %s\n", seed, run.mismatch.data);
    good = good && replay_log(&run, totals);
    agents_run_close(&run);
    totals->worlds++;
    return nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS) == 0 && good;
}

int
main(void)
{
    struct totals totals = {0};
    struct oracle_caveats caveats;
    uint64_t first = number_of("BEHALF_FIRST", 1);
    uint64_t count = number_of("BEHALF_WORLDS", 200);
    bool good = true;

    oracle_caveats_init(&caveats);
    for (uint64_t seed = first; good && seed < first + count; seed++)
        good = run_world(seed, &caveats, &totals);
    oracle_caveats_release(&caveats);
    printf("replay: %" PRIu64 " worlds, %" PRIu64 " decisions the same, %" PRIu64 " skipped\n",
           totals.worlds, totals.same, totals.skipped);
    if (good && count >= 100 && (totals.skipped > 0 || totals.same < totals.worlds * SAME_MIN)) {
        fprintf(stderr, "replay: too few decisions were decided again\n");
        good = false;
    }
    return good ? 0 : 1;
}
