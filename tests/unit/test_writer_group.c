/* test_writer_group.c - several transactions on their way to one sync, and syncs that fail. */
#include <criterion/criterion.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "engine/limits.h"
#include "tests/unit/test_writer_support.h"

Test(writer_group, shares_one_sync_and_answers_in_order)
{
    struct rig rig;
    struct engine_write *writes[100];
    unsigned syncs;

    rig_open(&rig, rig_schema);
    syncs = rig_syncs(&rig);
    rig_hold(&rig);
    for (size_t at = 0; at < BEHALF_COUNT_OF(writes); at++) {
        struct buffer text;

        buffer_init(&text);
        buffer_add_format(&text, "create document:%zu#viewer@user:a", at);
        writes[at] = rig_write(&rig, text.data);
        rig_submit(&rig, writes[at]);
        buffer_release(&text);
    }
    cr_assert_eq(rig_revision(&rig), 1);
    rig_let_go(&rig, BEHALF_COUNT_OF(writes));
    cr_assert_eq(rig_syncs(&rig), syncs + 1);
    for (size_t at = 0; at < BEHALF_COUNT_OF(writes); at++) {
        cr_assert_eq(rig.answers[at], writes[at]);
        cr_assert_eq(writes[at]->status, BEHALF_OK, "%s", writes[at]->error.message);
        cr_assert_eq(writes[at]->revision, 2 + at);
        cr_assert(at == 0 ||
                  strcmp(writes[at]->written_at.text, writes[at - 1]->written_at.text) != 0);
    }
    cr_assert_eq(rig_revision(&rig), 101);
    cr_assert_eq(rig_count(&rig), 100);
    rig_close(&rig);
}

Test(writer_group, each_is_decided_against_what_the_ones_before_it_left)
{
    struct rig rig;
    struct precondition condition = {
        .must_match = true,
        .filter = {.resource_type = SLICE_LITERAL("document"), .resource_id = SLICE_LITERAL("1")},
    };
    struct engine_write *writes[7];
    static const char *const texts[] = {
        "create document:1#viewer@user:a", "create document:1#viewer@user:a",
        "create document:2#viewer@user:a", "delete document:1#viewer@user:a",
        "create document:3#viewer@user:a", "create document:1#viewer@user:a",
        "create document:4#viewer@user:a",
    };
    static const enum status statuses[] = {
        BEHALF_OK, BEHALF_ATTEMPT_TO_RECREATE_RELATIONSHIP,     BEHALF_OK,
        BEHALF_OK, BEHALF_WRITE_OR_DELETE_PRECONDITION_FAILURE, BEHALF_OK,
        BEHALF_OK,
    };
    static const uint64_t revisions[] = {2, 0, 3, 4, 0, 5, 6};

    rig_open(&rig, rig_schema);
    rig_hold(&rig);
    for (size_t at = 0; at < 7; at++) {
        writes[at] = rig_write(&rig, texts[at]);
        if (at == 2 || at == 4 || at == 6) { /* 4 comes behind the delete */
            writes[at]->preconditions = &condition;
            writes[at]->precondition_count = 1;
        }
        rig_submit(&rig, writes[at]);
    }
    rig_let_go(&rig, 7);
    for (size_t at = 0; at < 7; at++) {
        cr_assert_eq(writes[at]->status, statuses[at], "%zu: %s", at, writes[at]->error.message);
        if (statuses[at] == BEHALF_OK)
            cr_assert_eq(writes[at]->revision, revisions[at]);
    }
    cr_assert_eq(rig_revision(&rig), 6);
    cr_assert_str_eq(rig_type(&rig, "document"), "document:1#viewer@user:a\n"
                                                 "document:2#viewer@user:a\n"
                                                 "document:4#viewer@user:a\n");
    rig_close(&rig);
}

Test(writer_group, a_group_of_refusals_syncs_and_publishes_nothing)
{
    struct rig rig;
    struct engine_write *writes[3];
    unsigned syncs;

    rig_open(&rig, rig_schema);
    syncs = rig_syncs(&rig);
    rig_hold(&rig);
    for (size_t at = 0; at < 3; at++) {
        writes[at] = rig_write(&rig, "touch document:1#nosuch@user:a");
        rig_submit(&rig, writes[at]);
    }
    rig_let_go(&rig, 3);
    for (size_t at = 0; at < 3; at++)
        cr_assert_eq(writes[at]->status, BEHALF_UNKNOWN_RELATION_OR_PERMISSION);
    cr_assert_eq(rig_syncs(&rig), syncs);
    cr_assert_eq(rig_revision(&rig), 1);
    rig_close(&rig);
}

Test(writer_group, statistics_count_transactions_groups_and_syncs)
{
    static const char *const texts[] = {"create document:1#viewer@user:a",
                                        "create document:1#viewer@user:a",
                                        "create document:2#viewer@user:a"};
    struct engine_stats before;
    struct engine_stats after;
    struct error error;
    struct rig rig;

    rig_open(&rig, rig_schema);
    rig_hold(&rig);
    cr_assert_eq(engine_stats_read(rig.engine, &before, &error), BEHALF_OK);
    for (size_t at = 0; at < BEHALF_COUNT_OF(texts); at++)
        rig_submit(&rig, rig_write(&rig, texts[at]));
    cr_assert_eq(engine_stats_read(rig.engine, &after, &error), BEHALF_OK);
    cr_assert_eq(after.writes.waiting, 3);
    rig_let_go(&rig, BEHALF_COUNT_OF(texts));
    cr_assert_eq(engine_stats_read(rig.engine, &after, &error), BEHALF_OK);
    cr_assert_eq(after.writes.transactions, before.writes.transactions + 2);
    cr_assert_eq(after.writes.refused, before.writes.refused + 1);
    cr_assert_eq(after.writes.groups, before.writes.groups + 1);
    cr_assert_eq(after.writes.syncs, before.writes.syncs + 1);
    /* At least two names, two edges in both directions, and what the changelog says of them. */
    cr_assert_gt(after.writes.bytes, before.writes.bytes + UINT64_C(4) * 20);
    cr_assert_eq(after.writes.waiting, 0);
    cr_assert_eq(after.revision, before.revision + 2);
    rig_close(&rig);
}

Test(writer_group, later_ones_are_validated_against_a_schema_of_the_group)
{
    static const char other[] = "definition user {}\n"
                                "definition book {\n    relation reader: user\n}\n";
    static const char broken[] = "definition user {";
    struct rig rig;
    struct engine_write *writes[6];

    rig_open(&rig, NULL);
    writes[0] = rig_write(&rig, "touch document:1#viewer@user:a");
    writes[1] = rig_schema_write(&rig, rig_schema);
    writes[2] = rig_write(&rig, "touch folder:1#viewer@user:a\n"
                                "delete folder:1#viewer@user:b");
    writes[3] = rig_schema_write(&rig, other); /* refused: folder#viewer is in use by now */
    writes[4] = rig_schema_write(&rig, broken);
    writes[5] = rig_write(&rig, "touch document:1#viewer@user:a");
    rig_hold(&rig);
    for (size_t at = 0; at < 6; at++)
        rig_submit(&rig, writes[at]);
    rig_let_go(&rig, 6);
    cr_assert_eq(writes[0]->status, BEHALF_NO_SCHEMA);
    cr_assert_eq(writes[1]->status, BEHALF_OK, "%s", writes[1]->error.message);
    cr_assert_eq(writes[2]->status, BEHALF_OK, "%s", writes[2]->error.message);
    cr_assert_eq(writes[3]->status, BEHALF_SCHEMA_TYPE_ERROR);
    cr_assert_eq(writes[4]->status, BEHALF_SCHEMA_PARSE_ERROR);
    cr_assert_eq(writes[5]->status, BEHALF_OK, "%s", writes[5]->error.message);
    cr_assert_eq(rig_revision(&rig), 3);
    rig_hold(&rig);
    writes[0] = rig_write(&rig, "delete document:1#viewer@user:a\n"
                                "delete folder:1#viewer@user:a");
    writes[1] = rig_schema_write(&rig, other);
    writes[2] = rig_write(&rig, "touch book:1#reader@user:a");
    writes[3] = rig_write(&rig, "touch document:1#viewer@user:a");
    for (size_t at = 0; at < 4; at++)
        rig_submit(&rig, writes[at]);
    rig_let_go(&rig, 4);
    cr_assert_eq(writes[1]->status, BEHALF_OK, "%s", writes[1]->error.message);
    cr_assert_eq(writes[2]->status, BEHALF_OK, "%s", writes[2]->error.message);
    cr_assert_eq(writes[3]->status, BEHALF_UNKNOWN_DEFINITION);
    cr_assert_str_eq(rig_type(&rig, "book"), "book:1#reader@user:a\n");
    cr_assert_str_eq(rig_type(&rig, "document"), "UNKNOWN_DEFINITION");
    rig_close(&rig);
}

Test(writer_group, a_key_of_the_same_group_is_known)
{
    struct rig rig;
    struct engine_write *writes[3];

    rig_open(&rig, rig_schema);
    rig_hold(&rig);
    for (size_t at = 0; at < 3; at++) {
        writes[at] = rig_write(&rig, "create document:1#viewer@user:a");
        writes[at]->idempotency_key = SLICE_LITERAL("key");
        writes[at]->request_digest[0] = at == 2;
        rig_submit(&rig, writes[at]);
    }
    rig_let_go(&rig, 3);
    cr_assert_eq(writes[0]->status, BEHALF_OK);
    cr_assert_eq(writes[1]->status, BEHALF_OK);
    cr_assert_eq(writes[1]->revision, 2);
    cr_assert_eq(writes[2]->status, BEHALF_IDEMPOTENCY_KEY_REUSED);
    cr_assert_eq(rig_revision(&rig), 2);
    rig_close(&rig);
}

/* --- failures --- */

Test(writer_group, a_failed_sync_leaves_every_outcome_unknown)
{
    struct rig rig;
    struct engine_write *writes[4];
    struct engine_write *after;
    struct engine_write *known;

    rig_open(&rig, rig_schema);
    known = rig_write(&rig, "create document:0#viewer@user:a");
    known->idempotency_key = SLICE_LITERAL("known");
    cr_assert_eq(rig_run(&rig, known), BEHALF_OK);
    rig_hold(&rig);
    writes[0] = rig_write(&rig, "create document:1#viewer@user:a");
    writes[1] = rig_write(&rig, "create document:1#viewer@user:a"); /* refused for the one before */
    writes[2] = rig_schema_write(&rig, "definition user {}\ndefinition document {\n"
                                       "    relation viewer: user\n}\n");
    writes[3] = rig_write(&rig, "create document:0#viewer@user:a");
    writes[3]->idempotency_key = SLICE_LITERAL("known");
    for (size_t at = 0; at < 4; at++)
        rig_submit(&rig, writes[at]);
    rig_fail_syncs(&rig, true);
    rig_let_go(&rig, 4);
    for (size_t at = 0; at < 3; at++) {
        cr_assert_eq(writes[at]->status, BEHALF_OUTCOME_UNKNOWN, "%zu", at);
        cr_assert_eq(writes[at]->error.status, BEHALF_OUTCOME_UNKNOWN);
        cr_assert_str_eq(writes[at]->error.message,
                         "the write may or may not have happened: the test made the sync fail");
        cr_assert_str_empty(writes[at]->written_at.text);
    }
    cr_assert_eq(writes[3]->status, BEHALF_OK, "what was durable before stays known");
    cr_assert_eq(writes[3]->revision, 2);
    cr_assert_eq(rig_revision(&rig), 2, "nothing of the group is published");
    cr_assert_str_eq(rig_type(&rig, "document"), "document:0#viewer@user:a\n");
    rig_fail_syncs(&rig, false);
    after = rig_do(&rig, "touch document:2#viewer@user:a");
    cr_assert_eq(after->status, BEHALF_SERVICE_READ_ONLY, "%s", after->error.message);
    cr_assert_eq(rig_revision(&rig), 2);
    rig_close(&rig);
}

Test(writer_group, a_failed_batch_stops_writing)
{
    struct rig rig;
    struct engine_write *writes[3];

    rig_open(&rig, rig_schema);
    rig_fail_writes(&rig, true);
    rig_hold(&rig);
    for (size_t at = 0; at < 3; at++) {
        writes[at] = rig_write(&rig, "create document:1#viewer@user:a");
        rig_submit(&rig, writes[at]);
    }
    rig_let_go(&rig, 3);
    cr_assert_eq(writes[0]->status, BEHALF_OUTCOME_UNKNOWN, "%s", writes[0]->error.message);
    cr_assert_eq(writes[1]->status, BEHALF_SERVICE_READ_ONLY);
    cr_assert_eq(writes[2]->status, BEHALF_SERVICE_READ_ONLY);
    cr_assert_eq(rig_revision(&rig), 1);
    cr_assert_str_eq(rig_type(&rig, "document"), "");
    rig_close(&rig);
}

/* --- the queue --- */

Test(writer_group, a_full_queue_refuses_and_says_when_to_come_back)
{
    struct rig rig;
    struct engine_write *writes = memory_new_array(LIMIT_WRITE_QUEUE + 1, sizeof *writes);
    struct engine_write *pattern;
    struct error error = {.status = BEHALF_OK};
    uint64_t groups = (LIMIT_WRITE_QUEUE + LIMIT_WRITE_GROUP - 1) / LIMIT_WRITE_GROUP;
    unsigned syncs;

    rig_open(&rig, rig_schema);
    pattern = rig_write(&rig, "touch document:1#viewer@user:a");
    syncs = rig_syncs(&rig);
    rig_hold(&rig);
    /* With an hour to wait, nothing but the length of the queue refuses them. */
    pattern->queued.deadline_ns = env_monotonic_ns(env_system()) + INT64_C(3600000000000);
    for (size_t at = 0; at <= LIMIT_WRITE_QUEUE; at++)
        writes[at] = *pattern;
    for (size_t at = 0; at < LIMIT_WRITE_QUEUE; at++)
        rig_submit(&rig, &writes[at]);
    cr_assert_eq(engine_write_submit(rig.engine, &writes[LIMIT_WRITE_QUEUE], &error),
                 BEHALF_OVERLOADED);
    cr_assert_gt(error.retry_after_ms, 0);
    rig_let_go(&rig, LIMIT_WRITE_QUEUE);
    cr_assert_eq(rig.answered, LIMIT_WRITE_QUEUE);
    for (size_t at = 0; at < LIMIT_WRITE_QUEUE; at++)
        cr_assert_eq(writes[at].revision, 2 + at);
    cr_assert_eq(rig_syncs(&rig), syncs + groups);
    cr_assert_eq(rig_run(&rig, &writes[LIMIT_WRITE_QUEUE]), BEHALF_OK);
    rig_close(&rig);
    memory_free(writes);
}

/* --- deadlines --- */

static void
assert_expired(struct rig *rig, const struct engine_write *write)
{
    cr_assert_eq(write->status, BEHALF_DEADLINE, "%s", write->error.message);
    cr_assert_not_null(strstr(write->error.message, "nothing was written"));
    cr_assert_str_eq(rig_type(rig, "document"), "");
}

/* The writer is held all the time: it is not the one who tells. */
Test(writer_group, a_queued_write_is_told_its_deadline_while_the_writer_is_busy)
{
    struct rig rig;
    struct engine_write *write;
    size_t answered = 0;

    rig_open(&rig, rig_schema);
    write = rig_write(&rig, "touch document:1#viewer@user:a");
    rig_hold(&rig);
    write->queued.deadline_ns = env_monotonic_ns(&rig.env) + 30000000;
    rig_submit(&rig, write);
    while (answered == 0) {
        (void)usleep(1000);
        pthread_mutex_lock(&rig.lock);
        answered = rig.answered;
        pthread_mutex_unlock(&rig.lock);
    }
    cr_assert(rig.held);
    rig_let_go(&rig, 1);
    assert_expired(&rig, write);
    cr_assert_eq(rig_revision(&rig), 1);
    rig_close(&rig);
}

/* The clock jumps by hours, which the thread of the deadlines sleeps through. */
Test(writer_group, a_write_that_is_taken_too_late_is_not_begun)
{
    static const int64_t hour = INT64_C(3600000000000);
    struct rig rig;
    struct engine_write *late;
    struct engine_write *other;

    rig_open(&rig, rig_schema);
    late = rig_write(&rig, "touch document:1#viewer@user:a");
    other = rig_write(&rig, "touch group:1#member@user:a");
    rig_hold(&rig);
    late->queued.deadline_ns = env_monotonic_ns(&rig.env) + hour;
    other->queued.deadline_ns = env_monotonic_ns(&rig.env) + 3 * hour;
    rig_submit(&rig, late);
    rig_submit(&rig, other);
    rig_pass(&rig, 2 * hour);
    rig_let_go(&rig, 2);
    assert_expired(&rig, late);
    cr_assert_eq(other->status, BEHALF_OK, "%s", other->error.message);
    cr_assert_eq(other->revision, 2);
    rig_close(&rig);
}

/* The group at hand has taken ten seconds, by the clock of the rig. */
Test(writer_group, a_stall_refuses_those_who_cannot_wait_for_its_end_and_nobody_else)
{
    struct rig rig;
    struct engine_write *patient[2];
    struct engine_write *hasty;
    struct error error = {.status = BEHALF_OK};

    rig_open(&rig, rig_schema);
    hasty = rig_write(&rig, "touch document:1#viewer@user:a");
    for (size_t at = 0; at < 2; at++)
        patient[at] = rig_write(&rig, "touch document:2#viewer@user:a");
    rig_hold(&rig);
    rig_submit(&rig, patient[0]);
    rig_pass(&rig, INT64_C(10000000000));
    rig_submit(&rig, patient[1]);
    hasty->queued.deadline_ns = env_monotonic_ns(&rig.env) + INT64_C(3000000000);
    cr_assert_eq(engine_write_ask(rig.engine, &hasty->queued, &error), BEHALF_OVERLOADED);
    cr_assert_eq(engine_write_submit(rig.engine, hasty, &error), BEHALF_OVERLOADED);
    cr_assert_geq(error.retry_after_ms, 9000);
    rig_let_go(&rig, 2);
    cr_assert_eq(patient[0]->status, BEHALF_OK);
    cr_assert_eq(patient[1]->status, BEHALF_OK);
    cr_assert_eq(rig_revision(&rig), 3);
    rig_close(&rig);
}

/* --- closing --- */

struct late_submitter {
    struct engine_job job; /* first */
    struct rig *rig;
    struct engine_write *write;
};

static void
submit_late(struct engine_job *job, struct engine_worker *worker)
{
    struct late_submitter *submitter = (struct late_submitter *)job;

    (void)worker;
    (void)usleep(50000); /* until engine_close waits for it */
    rig_submit(submitter->rig, submitter->write);
}

Test(writer_group, closing_answers_what_jobs_of_the_pool_still_submit)
{
    static struct rig rig;
    struct late_submitter submitter = {.job.run = submit_late, .rig = &rig};
    struct error error;

    rig_open(&rig, rig_schema);
    submitter.write = rig_write(&rig, "touch document:1#viewer@user:a");
    rig.answered = 0;
    cr_assert_eq(engine_submit(rig.engine, ENGINE_CLASS_LOOKUP, &submitter.job, &error), BEHALF_OK);
    engine_worker_free(rig.worker);
    engine_close(rig.engine);
    cr_assert_eq(rig.answered, 1);
    cr_assert_eq(submitter.write->status, BEHALF_OK);
    rig.worker = NULL;
    rig.engine = NULL;
    rig_close(&rig);
}

Test(writer_group, closing_answers_what_is_queued)
{
    static struct rig rig;
    struct engine_write *writes[10];
    size_t answered;

    rig_open(&rig, rig_schema);
    rig_hold(&rig);
    for (size_t at = 0; at < 10; at++) {
        writes[at] = rig_write(&rig, "touch document:1#viewer@user:a");
        rig_submit(&rig, writes[at]);
    }
    rig_let_go(&rig, 0);
    engine_worker_free(rig.worker);
    engine_close(rig.engine);
    answered = rig.answered;
    rig.worker = NULL;
    rig.engine = NULL;
    cr_assert_eq(answered, 10);
    for (size_t at = 0; at < 10; at++)
        cr_assert_eq(writes[at]->status, BEHALF_OK);
    rig_close(&rig);
}
