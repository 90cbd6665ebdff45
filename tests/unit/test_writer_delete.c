/* test_writer_delete.c - deleting by filter, in transactions of bounded size. */
#include <criterion/criterion.h>

#include "tests/unit/test_writer_support.h"

static struct engine_write *
delete_write(struct rig *rig, struct relationship_filter filter, uint32_t limit)
{
    struct engine_write *write = rig_write(rig, NULL);

    write->kind = WRITE_DELETE;
    write->filter = filter;
    write->limit = limit;
    return write;
}

static void
fill(struct rig *rig, size_t documents)
{
    struct buffer text;

    for (size_t from = 0; from < documents; from += 1000) {
        buffer_init(&text);
        for (size_t at = from; at < documents && at < from + 1000; at++)
            buffer_add_format(&text, "touch document:%05zu#viewer@user:%s\n", at,
                              at % 2 == 0 ? "even" : "odd");
        cr_assert_eq(rig_do(rig, text.data)->status, BEHALF_OK);
        buffer_release(&text);
    }
    cr_assert_eq(rig_count(rig), documents);
}

Test(writer_delete, removes_up_to_the_limit_and_says_whether_more_match)
{
    struct relationship_filter all = {.resource_type = SLICE_LITERAL("document")};
    struct relationship_filter odd = {
        .subject_type = SLICE_LITERAL("user"),
        .subject_id = SLICE_LITERAL("odd"),
    };
    struct rig rig;
    struct engine_write *write;

    rig_open(&rig, rig_schema);
    fill(&rig, 10);
    write = delete_write(&rig, odd, 3);
    cr_assert_eq(rig_run(&rig, write), BEHALF_OK, "%s", write->error.message);
    cr_assert_eq(write->count, 3);
    cr_assert_not(write->complete);
    cr_assert_eq(rig_count(&rig), 7);
    write = delete_write(&rig, odd, 2);
    cr_assert_eq(rig_run(&rig, write), BEHALF_OK);
    cr_assert_eq(write->count, 2);
    cr_assert(write->complete, "exactly the limit matched");
    write = delete_write(&rig, odd, 2);
    cr_assert_eq(rig_run(&rig, write), BEHALF_OK);
    cr_assert_eq(write->count, 0);
    cr_assert(write->complete);
    cr_assert_gt(write->revision, 0, "a delete of nothing takes a revision");
    write = delete_write(&rig, all, 0);
    cr_assert_eq(rig_run(&rig, write), BEHALF_OK);
    cr_assert_eq(write->count, 5);
    cr_assert_eq(rig_count(&rig), 0);
    cr_assert_str_eq(rig_type(&rig, "document"), "");
    rig_close(&rig);
}

Test(writer_delete, default_and_largest_limit)
{
    struct relationship_filter all = {.resource_type = SLICE_LITERAL("document")};
    struct rig rig;
    struct engine_write *write;

    rig_open(&rig, rig_schema);
    fill(&rig, 11500);
    write = delete_write(&rig, all, 10001);
    cr_assert_eq(rig_run(&rig, write), BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT);
    cr_assert_eq(rig_count(&rig), 11500);
    write = delete_write(&rig, all, 0);
    cr_assert_eq(rig_run(&rig, write), BEHALF_OK);
    cr_assert_eq(write->count, 1000);
    cr_assert_not(write->complete);
    write = delete_write(&rig, all, 10000);
    cr_assert_eq(rig_run(&rig, write), BEHALF_OK);
    cr_assert_eq(write->count, 10000);
    cr_assert_not(write->complete);
    write = delete_write(&rig, all, 9999);
    cr_assert_eq(rig_run(&rig, write), BEHALF_OK);
    cr_assert_eq(write->count, 500);
    cr_assert(write->complete);
    cr_assert_eq(rig_count(&rig), 0);
    rig_close(&rig);
}

Test(writer_delete, refuses_bad_filters_and_failed_preconditions)
{
    struct rig rig;
    struct engine_write *write;
    struct precondition condition = {
        .must_match = true,
        .filter = {.resource_type = SLICE_LITERAL("folder")},
    };
    uint64_t revision;

    rig_open(&rig, rig_schema);
    fill(&rig, 4);
    revision = rig_revision(&rig);
    write = delete_write(&rig, (struct relationship_filter){.has_subject_relation = false}, 0);
    cr_assert_eq(rig_run(&rig, write), BEHALF_INVALID_FILTER);
    write =
        delete_write(&rig, (struct relationship_filter){.relation = SLICE_LITERAL("nosuch")}, 0);
    cr_assert_eq(rig_run(&rig, write), BEHALF_UNKNOWN_RELATION_OR_PERMISSION);
    write =
        delete_write(&rig, (struct relationship_filter){.relation = SLICE_LITERAL("viewer")}, 0);
    write->preconditions = &condition;
    write->precondition_count = 1;
    cr_assert_eq(rig_run(&rig, write), BEHALF_WRITE_OR_DELETE_PRECONDITION_FAILURE);
    cr_assert_eq(rig_revision(&rig), revision);
    cr_assert_eq(rig_count(&rig), 4);
    condition.must_match = false;
    cr_assert_eq(rig_run(&rig, write), BEHALF_OK, "%s", write->error.message);
    cr_assert_eq(write->count, 4);
    rig_close(&rig);
}
