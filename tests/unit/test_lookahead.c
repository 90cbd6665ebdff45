/* test_lookahead.c - what a glance at a waiting frame sees, and that it changes nothing. */
#include <criterion/criterion.h>

#include "net/codec.h"
#include "net/lookahead.h"
#include "tests/support/harness.h"

static struct buffer frame;

static void
begin(void)
{
    buffer_init(&frame);
}

static void
end(void)
{
    buffer_release(&frame);
}

TestSuite(lookahead, .init = begin, .fini = end);

static void
put_text(const char *text)
{
    codec_put_literal(&frame, text);
}

/* [0, 7, method, [{ */
static void
put_head(const char *method, size_t pairs)
{
    buffer_clear(&frame);
    codec_put_array(&frame, 4);
    codec_put_unsigned(&frame, 0);
    codec_put_unsigned(&frame, 7);
    put_text(method);
    codec_put_array(&frame, 1);
    codec_put_map(&frame, pairs);
}

static void
put_check(const char *resource, const char *subject)
{
    put_head("check", 3);
    put_text("resource");
    put_text(resource);
    put_text("permission");
    put_text("view");
    put_text("subject");
    put_text(subject);
}

static void
expect(const struct object *object, const char *type, const char *id)
{
    cr_expect(slice_equal(object->type, slice_of(type)));
    cr_expect(slice_equal(object->id, slice_of(id)));
}

Test(lookahead, it_sees_both_ends_of_a_check)
{
    struct engine_pair pair;

    put_check("document:readme", "group:eng#member");
    cr_assert(lookahead_read(buffer_slice(&frame), &pair));
    expect(&pair.resource, "document", "readme");
    expect(&pair.subject, "group", "eng");
}

Test(lookahead, the_order_of_arguments_does_not_matter)
{
    struct engine_pair pair;

    put_head("check", 4);
    put_text("subject");
    put_text("user:ann");
    put_text("context");
    codec_put_map(&frame, 1);
    put_text("resource");
    put_text("document:another");
    put_text("resource");
    put_text("document:a");
    put_text("permission");
    put_text("view");
    cr_assert(lookahead_read(buffer_slice(&frame), &pair));
    expect(&pair.resource, "document", "a");
    expect(&pair.subject, "user", "ann");
}

Test(lookahead, other_frames_are_passed_over)
{
    struct engine_pair pair;

    put_check("document:readme", "user:ann");
    for (size_t size = 0; size + sizeof "user:ann" < frame.size; size++)
        cr_expect_not(lookahead_read((struct slice){frame.data, size}, &pair));
    put_check("readme", "user:ann");
    cr_expect_not(lookahead_read(buffer_slice(&frame), &pair));
    put_head("ping", 1);
    put_text("resource");
    put_text("document:a");
    cr_expect_not(lookahead_read(buffer_slice(&frame), &pair));
    put_head("check", 1);
    put_text("resource");
    codec_put_map(&frame, 0);
    cr_expect_not(lookahead_read(buffer_slice(&frame), &pair));
}

/* A name that is glanced at before it is written must not count as absent afterwards. */
Test(lookahead, what_is_looked_for_too_early_is_found_later)
{
    static const char *const ids[] = {"a", "b", "c"};
    struct engine_pair pairs[ENGINE_PREFETCH_MAX] = {0};
    struct harness_engine side;
    struct update update = {.op = UPDATE_TOUCH};
    struct engine_request request;
    struct check_result result;
    struct error error;
    struct check check = {.permission = slice_of("viewer")};

    harness_engine_open(&side, 0);
    engine_prefetch(side.worker, pairs, ENGINE_PREFETCH_MAX); /* no schema, no names */
    cr_assert_eq(harness_write_schema(&side,
                                      slice_of("definition user {}\n"
                                               "definition document { relation viewer: user }"),
                                      &error),
                 BEHALF_OK);
    for (size_t at = 0; at < ENGINE_PREFETCH_MAX; at++) {
        pairs[at].resource =
            (struct object){slice_of("document"), slice_of(ids[at % 3]), SLICE_LITERAL(""), false};
        pairs[at].subject = (struct object){slice_of(at % 2 == 0 ? "user" : "stranger"),
                                            slice_of("ann"), SLICE_LITERAL(""), false};
    }
    engine_prefetch(side.worker, pairs, ENGINE_PREFETCH_MAX);
    update.relationship.resource = pairs[1].resource;
    update.relationship.resource.relation = slice_of("viewer");
    update.relationship.subject = pairs[0].subject;
    cr_assert_eq(harness_write_updates(&side, &update, 1, NULL, &error), BEHALF_OK);
    for (size_t round = 0; round < 2; round++) {
        for (size_t at = 0; at < 3; at++) {
            engine_prefetch(side.worker, pairs, ENGINE_PREFETCH_MAX);
            check.resource = pairs[at].resource;
            check.subject = pairs[0].subject;
            check.ahead = round == 0 ? &pairs[at] : NULL; /* of whose subjects some are others */
            request = harness_request(&side, NULL);
            cr_assert_eq(engine_check(side.worker, &request, &check, &result, &error), BEHALF_OK);
            cr_expect_eq(result.decision, at == 1 ? DECISION_ALLOW : DECISION_DENY);
        }
    }
    harness_engine_close(&side);
}

/* A hash is of the very bytes that were hashed: with another one, a name that nobody stored would
 * be two objects of one request. */
Test(lookahead, a_hash_counts_for_the_bytes_it_was_made_of)
{
    static const char text[] = "ann ben";
    struct engine_pair pairs[2] = {
        {.resource = {.type = SLICE_LITERAL("user")}, .subject = {.type = SLICE_LITERAL("user")}}};
    struct harness_engine side;
    struct engine_request request;
    struct check_result result;
    struct error error;
    struct check check = {.permission = SLICE_LITERAL("see"), .ahead = &pairs[0]};

    pairs[0].resource.id = (struct slice){text, 3};
    pairs[0].subject.id = (struct slice){text + 4, 3};
    pairs[1] = pairs[0];
    harness_engine_open(&side, 0);
    cr_assert_eq(
        harness_write_schema(&side, slice_of("use self\ndefinition user { permission see = self }"),
                             &error),
        BEHALF_OK);
    engine_prefetch(side.worker, pairs, 2);
    check.resource = pairs[0].resource;
    check.subject = pairs[0].resource; /* not the subject that was looked at */
    request = harness_request(&side, NULL);
    cr_assert_eq(engine_check(side.worker, &request, &check, &result, &error), BEHALF_OK);
    cr_expect_eq(result.decision, DECISION_ALLOW);
    check.subject = pairs[0].subject;
    cr_assert_eq(engine_check(side.worker, &request, &check, &result, &error), BEHALF_OK);
    cr_expect_eq(result.decision, DECISION_DENY);
    harness_engine_close(&side);
}
