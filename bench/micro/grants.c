/* grants.c - what decisions by grants cost inside of the process, through engine.h, from strings.
 *
 * Method: as in engine.c and lookup.c: everything asked is resident; a figure is the median of
 * MICRO_ROUNDS rounds, in CPU time per question. The same questions are asked for the principal
 * alone and by chains of grants in turns, so that a busy minute counts for all of them. */
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "bench/micro/micro_world.h"
#include "engine/agents.h"

#define ROUND_NS INT64_C(100000000)
#define ARENA_SIZE ((size_t)64 * 1024 * 1024)
#define QUESTIONS 1000
#define ANSWERS 10000
#define CHAIN 4
#define LIFE_NS (INT64_C(3600) * 1000000000)

static const struct slice view[] = {{"view", 4}};

/* A chain, and the agents that its grants are given to. */
struct chain {
    struct record_id grants[CHAIN];
    struct object agents[CHAIN];
    char names[CHAIN][16];
};

static void
print_row(const char *number, const char *what, double us)
{
    (void)printf("%-4s %-62s %10.3f us\n", number, what, us);
    (void)fflush(stdout);
}

static void
print_ratio(const char *number, const char *what, double ratio, double target)
{
    (void)printf("%-4s %-62s %10.2f x    <= %-6g %s\n", number, what, ratio, target,
                 ratio <= target ? "reached" : "missed");
    (void)fflush(stdout);
}

/* --- making ----------------------------------------------------------------------------------- */

static void
submit(struct micro_world *world, const char *what, struct engine_write *write)
{
    micro_must(what, engine_write_wait(world->engine, write, &write->error), &write->error);
}

static void
make_chain(struct micro_world *world, const char *selector, const char *prefix, struct chain *chain)
{
    struct engine_scope_element element = {slice_of(selector), view, 1};
    struct engine_root_grant root = {.terms = {.scope = &element,
                                               .scope_count = 1,
                                               .end = {.in_ns = LIFE_NS},
                                               .max_depth = CHAIN - 1}};
    struct engine_new_session session = {
        .principal = {.type = SLICE_LITERAL("user"), .id = SLICE_LITERAL("u")},
        .end = {.in_ns = 2 * LIFE_NS},
        .grant = &root};
    struct engine_write write = {.kind = WRITE_SESSION_CREATE, .new_session = &session};

    for (size_t at = 0; at < CHAIN; at++) {
        (void)snprintf(chain->names[at], sizeof chain->names[at], "%s%zu", prefix, at);
        chain->agents[at] =
            (struct object){.type = SLICE_LITERAL("agent"), .id = slice_of(chain->names[at])};
    }
    session.agent = chain->agents[0];
    root.approval.approver = session.principal;
    submit(world, "session", &write);
    chain->grants[0] = write.grant;
    for (size_t at = 1; at < CHAIN; at++) {
        struct engine_delegated_grant grant = {.parent = chain->grants[at - 1],
                                               .actor = chain->agents[at - 1],
                                               .delegatee = chain->agents[at],
                                               .terms = root.terms};
        struct engine_write next = {.kind = WRITE_GRANT_DELEGATE, .delegated_grant = &grant};

        grant.terms.max_depth = (uint32_t)(CHAIN - 1 - at);
        grant.terms.end = (struct engine_end){.at = 0}; /* its parent's */
        submit(world, "delegate", &next);
        chain->grants[at] = next.grant;
    }
}

static void
open_world(struct micro_world *world, unsigned documents)
{
    micro_world_open(world,
                     SLICE_LITERAL("definition user {}\n"
                                   "definition agent {\n permission acts_on_behalf_of = nil\n}\n"
                                   "definition folder {\n relation owner: user\n}\n"
                                   "definition document {\n"
                                   " relation folder: folder\n"
                                   " relation viewer: user\n"
                                   " permission within = folder\n"
                                   " permission view = viewer\n}\n"));
    for (unsigned document = 0; document < documents; document++) {
        micro_world_put(world, "document:d%u#viewer@user:u", document);
        micro_world_put(world, "document:d%u#folder@folder:f", document);
    }
    micro_world_flush(world);
}

/* --- checks ----------------------------------------------------------------------------------- */

/* The questions of a round: all documents, by one way. */
struct round {
    struct check checks[QUESTIONS];
    char names[QUESTIONS][16];
    struct engine_delegation delegation;
    struct object actor;
};

/* By the grant number `at` of a chain; NULL: the principal alone. */
static void
fill_round(struct round *round, const struct chain *chain, size_t at)
{
    if (chain != NULL) {
        round->delegation = (struct engine_delegation){.given = true, .grant = chain->grants[at]};
        round->actor = chain->agents[at];
    }
    for (unsigned document = 0; document < QUESTIONS; document++) {
        struct check *check = &round->checks[document];

        (void)snprintf(round->names[document], sizeof round->names[document], "d%u", document);
        *check = (struct check){
            .resource = {.type = SLICE_LITERAL("document"), .id = slice_of(round->names[document])},
            .permission = SLICE_LITERAL("view"),
            .subject = {.type = SLICE_LITERAL("user"), .id = SLICE_LITERAL("u")}};
        if (chain == NULL)
            continue;
        check->actors = &round->actor;
        check->actor_count = 1;
        check->delegation = &round->delegation;
    }
}

static double
round_us(struct micro_world *world, struct arena *arena, const struct round *round)
{
    int64_t begun = micro_cpu_ns();
    uint64_t asked = 0;
    int64_t now;

    do {
        for (size_t at = 0; at < QUESTIONS; at++) {
            const struct micro_question question = {round->checks[at], DECISION_ALLOW};

            micro_ask(world->worker, arena, &question);
        }
        asked += QUESTIONS;
        now = micro_cpu_ns();
    } while (now - begun < ROUND_NS);
    return (double)(now - begun) / 1000.0 / (double)asked;
}

#define WAYS (2 + CHAIN) /* alone, chains of 1 to 4, one of the third form */

static void
check_chains(void)
{
    static struct round rounds[WAYS];
    double us[WAYS][MICRO_ROUNDS];
    double medians[WAYS];
    struct micro_world world;
    struct chain chain;
    struct chain folder;
    struct arena arena;
    char what[80];

    open_world(&world, QUESTIONS);
    make_chain(&world, "document:*", "a", &chain);
    make_chain(&world, "document:*#within@folder:f", "b", &folder);
    fill_round(&rounds[0], NULL, 0);
    for (size_t at = 0; at < CHAIN; at++)
        fill_round(&rounds[1 + at], &chain, at);
    fill_round(&rounds[1 + CHAIN], &folder, 0);
    arena_init(&arena, ARENA_SIZE);
    for (size_t way = 0; way < WAYS; way++)
        (void)round_us(&world, &arena, &rounds[way]); /* makes all of it resident */
    for (size_t turn = 0; turn < MICRO_ROUNDS; turn++)
        for (size_t way = 0; way < WAYS; way++)
            us[way][turn] = round_us(&world, &arena, &rounds[way]);
    for (size_t way = 0; way < WAYS; way++)
        medians[way] = micro_median(us[way], MICRO_ROUNDS);
    print_row("N17", "one hop, of the principal", medians[0]);
    for (size_t at = 0; at < CHAIN; at++) {
        (void)snprintf(what, sizeof what, "  by a chain of %zu", at + 1);
        print_row("", what, medians[1 + at]);
    }
    print_row("", "  by one grant within a folder", medians[1 + CHAIN]);
    print_ratio("N17", "by a root grant of one element, against the principal",
                medians[1] / medians[0], 2.5);
    print_ratio("", "  each further hop", (medians[CHAIN] - medians[1]) / (CHAIN - 1) / medians[0],
                0.5);
    arena_release(&arena);
    micro_world_close(&world);
}

/* --- lookups ---------------------------------------------------------------------------------- */

static double
lookup_us(struct micro_world *world, struct arena *arena, const struct round *round)
{
    const struct check *like = &round->checks[0];
    struct lookup_resources lookup = {.resource_type = SLICE_LITERAL("document"),
                                      .permission = SLICE_LITERAL("view"),
                                      .subject = like->subject,
                                      .actors = like->actors,
                                      .actor_count = like->actor_count,
                                      .delegation = like->delegation,
                                      .limit = ANSWERS};
    int64_t begun = micro_cpu_ns();
    uint64_t asked = 0;
    int64_t now;

    do {
        struct engine_request request = {.arena = arena,
                                         .consistency = CONSISTENCY_MINIMIZE_LATENCY};
        struct lookup_resources_result result;
        struct error error;

        arena_reset(arena, ARENA_SIZE);
        micro_must("lookup",
                   engine_lookup_resources(world->worker, &request, &lookup, &result, &error),
                   &error);
        BEHALF_ASSERT(result.resource_count == ANSWERS);
        asked++;
        now = micro_cpu_ns();
    } while (now - begun < ROUND_NS);
    return (double)(now - begun) / 1000.0 / (double)asked;
}

static void
look_up(void)
{
    static const char *const whats[] = {"lookup_resources, 10,000 answers, of the principal",
                                        "  by a grant for all documents",
                                        "  by a grant within a folder"};
    static struct round rounds[3];
    double us[3][MICRO_ROUNDS];
    double medians[3];
    struct micro_world world;
    struct chain chain;
    struct chain folder;
    struct arena arena;

    open_world(&world, ANSWERS);
    make_chain(&world, "document:*", "a", &chain);
    make_chain(&world, "document:*#within@folder:f", "b", &folder);
    fill_round(&rounds[0], NULL, 0);
    fill_round(&rounds[1], &chain, 0);
    fill_round(&rounds[2], &folder, 0);
    arena_init(&arena, ARENA_SIZE);
    for (size_t turn = 0; turn < MICRO_ROUNDS; turn++)
        for (size_t way = 0; way < 3; way++)
            us[way][turn] = lookup_us(&world, &arena, &rounds[way]);
    for (size_t way = 0; way < 3; way++) {
        medians[way] = micro_median(us[way], MICRO_ROUNDS);
        print_row(way == 0 ? "N22" : "", whats[way], medians[way]);
    }
    print_ratio("N22", "by a grant, against without", medians[1] / medians[0], 2);
    arena_release(&arena);
    micro_world_close(&world);
}

int
main(void)
{
    (void)printf("grants: CPU time a question, median of %d rounds\n", MICRO_ROUNDS);
    check_chains();
    look_up();
    return 0;
}
