/* test_explain_worlds.c - explanations in random worlds: the root says what the answer says, each
 * node follows from its children, and a proof proves: its relationships alone, in a world without
 * any other, give the same allow (where nothing is subtracted). */
#include "tests/support/stored_context.h"
#include "tests/support/harness.h"
#include "tests/support/world.h"
#include "tests/unit/test_explain_support.h"

#include <criterion/criterion.h>

#include "base/datum.h"

#define WORLDS 120
#define QUESTIONS 60 /* of each world */

static struct world world;
static struct harness_engine side;
static struct harness_engine replay; /* the same schema, and the relationships of one proof */
static const struct datum *contexts[WORLD_REQUESTS_MAX];
static struct arena context_arena;
static bool is_refused; /* the schema */

struct counts {
    unsigned worlds;
    unsigned answers[4]; /* by decision; the last: errors */
    unsigned proofs;
};

static struct object
object_at(int type, int id, int name)
{
    struct object object = {.type = slice_of(world.types[type].name)};

    object.wildcard = id < 0;
    if (id >= 0)
        object.id = slice_of(world.ids[id]);
    if (name >= 0)
        object.relation = slice_of(world.names[name]);
    return object;
}

static struct relationship
relationship_at(const struct world_tuple *tuple, struct arena *arena)
{
    struct relationship made = {
        .resource = object_at(tuple->type, tuple->id, tuple->name),
        .subject = object_at(tuple->subject_type, tuple->subject_id, tuple->subject_name),
        .context = stored_context(slice_of(tuple->context), arena),
        .expires_at = tuple->expires_at,
    };

    if (tuple->caveat > 0)
        made.caveat = slice_of(world.caveats[tuple->caveat - 1].name);
    return made;
}

static void
write_world(void)
{
    struct buffer schema;
    struct arena arena;
    struct error error;

    arena_init(&arena, SIZE_MAX);
    buffer_init(&schema);
    world_print_schema(&world, &schema);
    is_refused = harness_write_schema(&side, buffer_slice(&schema), &error) != BEHALF_OK ||
                 harness_write_schema(&replay, buffer_slice(&schema), &error) != BEHALF_OK;
    buffer_release(&schema);
    for (int i = 0; !is_refused && i < world.tuple_count; i++) {
        const struct update update = {.op = UPDATE_TOUCH,
                                      .relationship = relationship_at(&world.tuples[i], &arena)};

        if (!world_tuple_is_allowed(&world, &world.tuples[i]))
            continue;
        cr_assert_eq(harness_write_updates(&side, &update, 1, NULL, &error), BEHALF_OK, "%s",
                     error.message);
    }
    arena_release(&arena);
}

/* The contexts that the world is asked with. */
static void
read_contexts(void)
{
    struct error error;

    for (int i = 0; i < world.request_count; i++) {
        contexts[i] = NULL;
        if (world.requests[i][0] != '\0')
            cr_assert_eq(
                datum_parse_json(slice_of(world.requests[i]), &context_arena, &contexts[i], &error),
                BEHALF_OK);
    }
}

static bool
has_members(void)
{
    for (int type = 0; type < world.type_count; type++) {
        if (world.types[type].member_count > 0)
            return true;
    }
    return false;
}

static struct check
some_question(struct world_random *random)
{
    int type = world_random_below(random, world.type_count);
    int subject_type = world_random_below(random, world.type_count);
    const struct world_type *row = &world.types[type];
    struct check check = {.explain = true};

    while (row->member_count == 0) {
        type = (type + 1) % world.type_count;
        row = &world.types[type];
    }
    check.resource = object_at(type, world_random_below(random, world.id_count), -1);
    check.permission =
        slice_of(world.names[row->members[world_random_below(random, row->member_count)].name]);
    check.subject = object_at(subject_type, world_random_below(random, world.id_count), -1);
    check.context = contexts[world_random_below(random, world.request_count)];
    row = &world.types[subject_type];
    if (row->member_count > 0 && world_random_chance(random, 20))
        check.subject = object_at(subject_type, world_random_below(random, world.id_count),
                                  row->members[world_random_below(random, row->member_count)].name);
    return check;
}

static const char *
text_of(const struct explanation *root)
{
    static struct buffer text;

    buffer_release(&text);
    buffer_init(&text);
    explanation_print(root, &text);
    return text.data;
}

/* --- what may stand under what --- */

/* An error may stand on one of another kind. */
static bool
same_outcome(const struct explanation *a, const struct explanation *b)
{
    if (a->status != BEHALF_OK || b->status != BEHALF_OK)
        return a->status != BEHALF_OK && b->status != BEHALF_OK;
    return a->decision == b->decision;
}

static bool
is_told_by_itself(const struct explanation *node)
{
    return node->kind == EXPLAIN_RELATIONSHIP || node->kind == EXPLAIN_ABSENT ||
           node->kind == EXPLAIN_IDENTITY || node->kind == EXPLAIN_MORE || node->message.size > 0;
}

static bool
follows(const struct explanation *node)
{
    if (node->child_count == 0)
        return is_told_by_itself(node);
    for (size_t i = 0; i < node->child_count; i++) {
        if (!same_outcome(node, node->children[i]) && node->kind != EXPLAIN_EXCLUSION)
            return false;
    }
    if (node->kind == EXPLAIN_EXCLUSION && node->decision == DECISION_ALLOW)
        return node->child_count == 2 && node->children[0]->decision == DECISION_ALLOW &&
               node->children[1]->decision == DECISION_DENY;
    return true;
}

/* Calls `visit` with each node. The worlds are small, and so is the depth. */
static void
visit_nodes(const struct explanation *node,
            void (*visit)(const struct explanation *node, void *context), void *context)
{
    visit(node, context);
    for (size_t i = 0; i < node->child_count; i++)
        visit_nodes(node->children[i], visit, context);
}

static void
check_node(const struct explanation *node, void *context)
{
    cr_assert(follows(node), "a node does not follow from its children in:\n%s", text_of(context));
}

/* --- proofs --- */

struct proof {
    struct update updates[EXPLAIN_NODES_MAX];
    size_t count;
};

static void
add_relationship(const struct explanation *node, void *context)
{
    struct proof *proof = context;
    struct buffer text;
    bool twice = false;

    if (node->kind != EXPLAIN_RELATIONSHIP)
        return;
    buffer_init(&text);
    for (size_t i = 0; !twice && i < proof->count; i++) {
        struct buffer other;

        buffer_init(&other);
        buffer_clear(&text);
        relationship_print(&node->relationship, &text);
        relationship_print(&proof->updates[i].relationship, &other);
        twice = slice_equal(buffer_slice(&text), buffer_slice(&other));
        buffer_release(&other);
    }
    buffer_release(&text);
    if (!twice)
        proof->updates[proof->count++] =
            (struct update){.op = UPDATE_TOUCH, .relationship = node->relationship};
}

static void
write_proof(struct proof *proof, enum update_op op)
{
    struct error error;

    for (size_t i = 0; i < proof->count; i++)
        proof->updates[i].op = op;
    if (proof->count > 0)
        cr_assert_eq(harness_write_updates(&replay, proof->updates, proof->count, NULL, &error),
                     BEHALF_OK, "%s", error.message);
}

static void
replay_proof(const struct check *check, const struct explanation *root)
{
    static struct proof proof;
    struct engine_request request = harness_request(&replay, NULL);
    struct check again = *check;
    struct check_result result;
    struct error error;

    proof.count = 0;
    again.explain = false;
    visit_nodes(root, add_relationship, &proof);
    write_proof(&proof, UPDATE_TOUCH);
    cr_assert_eq(engine_check(replay.worker, &request, &again, &result, &error), BEHALF_OK);
    cr_assert_eq(result.decision, DECISION_ALLOW, "this is no proof:\n%s", text_of(root));
    write_proof(&proof, UPDATE_DELETE);
}

static void
ask(const struct check *check, struct counts *counts)
{
    struct engine_request request = harness_request(&side, NULL);
    struct check_result result = {.explanation = NULL};
    struct check plain = *check;
    struct check_result expected;
    struct explanation *root;
    struct error error;
    enum status status;

    plain.explain = false;
    status = engine_check(side.worker, &request, &plain, &expected, &error);
    cr_assert_eq(engine_check(side.worker, &request, check, &result, &error), status);
    cr_assert_not_null(result.explanation);
    root = (struct explanation *)(uintptr_t)result.explanation;
    cr_assert_eq(root->status, status);
    counts->answers[status == BEHALF_OK ? (int)result.decision : 3]++;
    if (status == BEHALF_OK) {
        cr_assert_eq(result.decision, expected.decision);
        cr_assert_eq(root->decision, expected.decision);
    }
    visit_nodes(root, check_node, root);
    if (status != BEHALF_OK || result.decision != DECISION_ALLOW ||
        world_uses(&world, WORLD_EXCLUSION))
        return;
    replay_proof(check, root);
    counts->proofs++;
}

/* In every second world nothing is subtracted, so that its proofs can be replayed. */
static void
make_world(uint64_t seed)
{
    world_make(&world, seed, WORLD_USUAL);
    for (int i = 0; seed % 2 == 0 && i < world.expression_count; i++) {
        if (world.expressions[i].op == WORLD_EXCLUSION)
            world.expressions[i].op = WORLD_UNION;
    }
}

Test(explain_worlds, explanations_follow_and_proofs_prove)
{
    struct counts counts = {.worlds = 0};

    for (uint64_t seed = 1; seed <= WORLDS; seed++) {
        struct world_random random = {.state = seed};

        make_world(seed);
        harness_engine_open_at(&side, 0, world_written_at(&world));
        harness_engine_open_at(&replay, 0, world_written_at(&world));
        arena_init(&context_arena, SIZE_MAX);
        write_world();
        read_contexts();
        counts.worlds += !is_refused;
        for (int i = 0; !is_refused && has_members() && i < QUESTIONS; i++) {
            int64_t now = world.moments[i * world.moment_count / QUESTIONS];
            const struct check check = some_question(&random);

            harness_set_time(&side, now);
            harness_set_time(&replay, now);
            ask(&check, &counts);
        }
        arena_release(&context_arena);
        harness_engine_close(&replay);
        harness_engine_close(&side);
    }
    cr_expect_gt(counts.worlds, WORLDS / 2);
    cr_expect_gt(counts.answers[DECISION_DENY], 500, "%u", counts.answers[DECISION_DENY]);
    cr_expect_gt(counts.answers[DECISION_ALLOW], 500, "%u", counts.answers[DECISION_ALLOW]);
    cr_expect_gt(counts.answers[DECISION_CONDITIONAL], 50, "%u",
                 counts.answers[DECISION_CONDITIONAL]);
    cr_expect_gt(counts.answers[3], 0);
    cr_expect_gt(counts.proofs, 300, "%u", counts.proofs);
}
