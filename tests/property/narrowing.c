/* narrowing.c - what a delegated grant may say, on small universes, exhaustively.
 *
 * For each parent of one or two elements and each child of one, out of all forms of selectors and
 * all sets of actions: it is accepted exactly where the rule says so, and what is accepted allows
 * nothing that its parent does not allow. The worlds around it are random.
 *
 *   BEHALF_WORLDS  a hundredth of it is how many worlds (2,000)
 *   BEHALF_FIRST   seed of the first (1) */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "tests/support/harness_agents.h"

#define PARENT 0 /* slots */
#define CHILD 1
#define SECOND 2 /* of a parent: how far the one beside it is in the list */

static const struct agents_element selectors[] = {
    {.form = AGENTS_OBJECT, .type = "document", .id = "a"},
    {.form = AGENTS_OBJECT, .type = "document", .id = "b"},
    {.form = AGENTS_TYPE, .type = "document"},
    {.form = AGENTS_TYPE, .type = "folder"},
    {.form = AGENTS_MEMBERS, .type = "document", .member = "within", .object = {"folder", "a"}},
    {.form = AGENTS_MEMBERS, .type = "document", .member = "within", .object = {"folder", "b"}},
    {.form = AGENTS_MEMBERS, .type = "document", .member = "owner", .object = {"user", "a"}},
    {.form = AGENTS_MEMBERS, .type = "folder", .member = "within", .object = {"folder", "a"}},
};

static const char *const actions[] = {"view", "edit"};

#define ELEMENTS (3 * (int)BEHALF_COUNT_OF(selectors))

/* Selector and set of actions number `number`. */
static struct agents_element
element_of(int number)
{
    struct agents_element element = selectors[number / 3];
    int set = 1 + number % 3;

    for (int i = 0; i < 2; i++)
        if ((set >> i & 1) != 0)
            element.actions[element.action_count++] = actions[i];
    return element;
}

static uint64_t
number_of(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text != NULL && *text != '\0' ? strtoull(text, NULL, 0) : otherwise;
}

static void
forget(struct agents_run *run, int slot)
{
    run->state.grants[slot] = (struct agents_grant){.exists = false};
    run->sample_count = 0; /* they may ask by it */
}

static bool
make_parent(struct agents_run *run, int number, bool two)
{
    struct agents_step step = {.kind = AGENTS_STEP_GRANT, .slot = PARENT, .a = {"user", "a"}};

    step.terms.elements[0] = element_of(number);
    step.terms.elements[1] = element_of((number + SECOND) % ELEMENTS);
    step.terms.element_count = two ? 2 : 1;
    step.terms.max_depth = 1;
    step.terms.expires_at = run->state.now + 3000 * AGENTS_SECOND;
    return agents_run_step(run, &step);
}

/* Each document and folder, by both actions; an allow is asked for one hop less as well. */
static bool
ask_all(struct agents_run *run)
{
    static const char *const ids[] = {"a", "b", "c"};
    struct agents_step step = {.kind = AGENTS_STEP_ASK, .method = AGENTS_CHECK};
    struct agents_question *question = &step.question;

    *question = (struct agents_question){.grant = CHILD,
                                         .principal = {"user", "a"},
                                         .actors = {{"agent", "b"}},
                                         .actor_count = 1,
                                         .request = 1};
    for (int i = 0; i < 12; i++) {
        question->resource = (struct agents_object){i % 2 == 0 ? "document" : "folder", ids[i / 4]};
        question->permission = actions[i / 2 % 2];
        if (!agents_run_step(run, &step))
            return false;
    }
    return true;
}

static bool
try_child(struct agents_run *run, int number, uint64_t *accepted)
{
    struct agents_step step = {.kind = AGENTS_STEP_DELEGATE,
                               .slot = CHILD,
                               .other = PARENT,
                               .a = {"agent", "a"},
                               .b = {"agent", "b"}};
    bool agreed;

    step.terms.elements[0] = element_of(number);
    step.terms.element_count = 1;
    step.terms.expires_at = run->state.grants[PARENT].terms.expires_at;
    agreed = agents_run_step(run, &step);
    if (agreed && run->state.grants[CHILD].exists) {
        (*accepted)++;
        agreed = ask_all(run);
    }
    forget(run, CHILD);
    return agreed;
}

/* A session for each parent: one has at most a thousand grants. */
static bool
run_parent(struct agents_run *run, int number, bool two, uint64_t *accepted)
{
    struct agents_step session = {
        .kind = AGENTS_STEP_SESSION, .slot = 0, .a = {"user", "a"}, .b = {"agent", "a"}};
    bool agreed;

    session.time = run->state.now + 4000 * AGENTS_SECOND;
    run->state.sessions[0] = (struct agents_session){.exists = false};
    agreed = agents_run_step(run, &session) && make_parent(run, number, two);
    for (int child = 0; agreed && child < ELEMENTS; child++)
        agreed = try_child(run, child, accepted);
    forget(run, PARENT);
    return agreed;
}

int
main(void)
{
    static struct agents_run run;
    static struct agents_counts counts;
    struct oracle_caveats caveats;
    uint64_t first = number_of("BEHALF_FIRST", 1);
    uint64_t worlds = (number_of("BEHALF_WORLDS", 2000) + 99) / 100;
    uint64_t accepted = 0;
    bool agreed = true;

    oracle_caveats_init(&caveats);
    for (uint64_t seed = first; agreed && seed < first + worlds; seed++) {
        agents_run_open(&run, seed, &caveats, &counts);
        for (int parent = 0; agreed && parent < 2 * ELEMENTS; parent++)
            agreed = run_parent(&run, parent / 2, parent % 2 == 1, &accepted);
        if (!agreed)
            fprintf(stderr, "narrowing: seed %" PRIu64 ": %s\n", seed, run.mismatch.data);
        agents_run_close(&run);
    }
    printf("narrowing: %" PRIu64 " worlds, %d parents of %d children each, %" PRIu64
           " accepted, %" PRIu64 " allows asked for one hop less: %s\n",
           worlds, 2 * ELEMENTS, ELEMENTS, accepted, counts.hops, agreed ? "all agree" : "FAILED");
    oracle_caveats_release(&caveats);
    return agreed ? 0 : 1;
}
