/* test_net_results.c - results as they go over the wire, seen as JSON. */
#include "net/results.h"

#include <criterion/criterion.h>

#include "base/datum.h"
#include "cli/cli.h"
#include "net/limits.h"

static struct arena arena;
static struct error error;
static struct buffer out;
static struct buffer json;

static void
begin(void)
{
    arena_init(&arena, LIMIT_CHECK_ARENA);
    buffer_init(&out);
    buffer_init(&json);
}

static void
end(void)
{
    arena_release(&arena);
    buffer_release(&out);
    buffer_release(&json);
}

TestSuite(net_results, .init = begin, .fini = end);

/* What was written since the last call. */
static const char *
written(void)
{
    const struct behalf_value value = {(const unsigned char *)out.data, out.size};

    cr_assert_eq(behalf_value_measure(out.data, out.size), out.size, "one whole value");
    buffer_clear(&json);
    cli_json_value(&json, value);
    buffer_clear(&out);
    return json.data;
}

#define TEXT(literal)                                                                              \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

static const struct slice names[] = {TEXT("count"), TEXT("limit")};

static const char *
item_json(const struct check_item *item)
{
    codec_put_map(&out, result_item_pairs(item));
    cr_assert_eq(result_put_item(&out, item, &arena, &error), BEHALF_OK);
    return written();
}

Test(net_results, missing_stands_in_conditional_items_only)
{
    struct check_item item = {.decision = DECISION_ALLOW, .missing = {names, 2}};

    cr_assert_str_eq(item_json(&item), "{\"decision\":\"allow\",\"valid_until\":null}");
    item.decision = DECISION_CONDITIONAL;
    cr_assert_str_eq(item_json(&item), "{\"decision\":\"conditional\",\"missing\":[\"count\","
                                       "\"limit\"],\"valid_until\":null}");
    item.decision = DECISION_DENY;
    item.valid_until = 1;
    cr_assert_str_eq(item_json(&item), "{\"decision\":\"deny\",\"valid_until\":"
                                       "\"1970-01-01T00:00:00.000000001Z\"}");
}

Test(net_results, an_error_is_no_decision)
{
    struct error problem;
    struct check_item item = {.status = BEHALF_CAVEAT_EVALUATION_ERROR,
                              .decision = DECISION_ALLOW,
                              .valid_until = 1,
                              .error = &problem};

    error_set(&problem, item.status, "division by zero");
    cr_assert_str_eq(item_json(&item),
                     "{\"error\":{\"code\":\"FAILED_PRECONDITION\",\"reason\":"
                     "\"CAVEAT_EVALUATION_ERROR\",\"message\":\"division by zero\"}}");
}

Test(net_results, a_reason_and_the_id_of_a_decision_stand_in_delegated_items_only)
{
    struct check_item item = {.decision = DECISION_DENY,
                              .reason = REASON_SCOPE_EXCLUDED,
                              .decision_id = {"dec_01K00000000000000000000000"}};

    cr_assert_str_eq(item_json(&item), "{\"decision\":\"deny\",\"reason\":\"scope_excluded\","
                                       "\"decision_id\":\"dec_01K00000000000000000000000\","
                                       "\"valid_until\":null}");
    item.decision = DECISION_ALLOW;
    item.reason = REASON_NONE;
    cr_assert_str_eq(item_json(&item), "{\"decision\":\"allow\",\"decision_id\":"
                                       "\"dec_01K00000000000000000000000\",\"valid_until\":null}");
}

/* --- records --- */

/* A record whose body is this JSON, with times as numbers. */
static const char *
record_json(const char *fields, struct engine_record record)
{
    const struct datum *body = NULL;
    struct buffer bytes;

    buffer_init(&bytes);
    cr_assert_eq(datum_parse_json(slice_of(fields), &arena, &body, &error), BEHALF_OK);
    datum_encode(body, &bytes);
    record.body = buffer_slice(&bytes);
    record.id.bytes[15] = 1;
    cr_assert_eq(result_put_record(&out, "grant", RECORD_PREFIX_GRANT, &record, 0, &arena, &error),
                 BEHALF_OK);
    buffer_release(&bytes);
    return written();
}

/* What is called `at` in evidence is the client's, and stays a number. */
Test(net_results, times_of_a_record_are_words)
{
    cr_assert_str_eq(
        record_json("{\"approval\":{\"at\":1893456000000000000,\"evidence\":{\"at\":5}},"
                    "\"created\":1893456000000000000,\"evidence\":{\"created\":7},"
                    "\"expires_at\":1893456000000000000,\"made\":12,"
                    "\"not_before\":1893456000000000000,\"revoked\":{\"at\":1,\"reason\":\"x\"},"
                    "\"uses\":3}",
                    (struct engine_record){.state = REASON_GRANT_REVOKED}),
        "{\"grant\":\"gr_00000000000000000000000001\",\"approval\":{\"at\":"
        "\"2030-01-01T00:00:00Z\",\"evidence\":{\"at\":5}},\"created\":\"2030-01-01T00:00:00Z\","
        "\"evidence\":{\"created\":7},\"expires_at\":\"2030-01-01T00:00:00Z\",\"not_before\":"
        "\"2030-01-01T00:00:00Z\",\"revoked\":{\"at\":\"1970-01-01T00:00:00.000000001Z\","
        "\"reason\":\"x\"},\"uses\":3,\"state\":\"grant_revoked\"}");
}

Test(net_results, what_stands_beside_a_record_is_shown_where_it_has_it)
{
    const struct record_id chain[] = {{{0}}, {{0}}};

    cr_assert_str_eq(record_json("{}", (struct engine_record){.last_seen = 1}),
                     "{\"grant\":\"gr_00000000000000000000000001\",\"state\":\"active\","
                     "\"last_seen\":\"1970-01-01T00:00:00.000000001Z\"}");
    cr_assert_str_eq(
        record_json("{}",
                    (struct engine_record){.has_uses = true, .chain = chain, .chain_length = 2}),
        "{\"grant\":\"gr_00000000000000000000000001\",\"state\":\"active\","
        "\"uses_left\":0,\"chain\":[\"gr_00000000000000000000000000\","
        "\"gr_00000000000000000000000000\"]}");
}

Test(net_results, times_of_every_length)
{
    result_put_time(&out, 0);
    cr_assert_str_eq(written(), "null");
    result_put_time(&out, INT64_C(1893456000000000000));
    cr_assert_str_eq(written(), "\"2030-01-01T00:00:00Z\"");
    result_put_time(&out, INT64_MAX);
    cr_assert_str_eq(written(), "\"2262-04-11T23:47:16.854775807Z\"");
}

static const char *
relationship_json(const char *text)
{
    struct relationship relationship;
    struct buffer scratch;

    buffer_init(&scratch);
    cr_assert_eq(relationship_parse(slice_of(text), &arena, &relationship, &error), BEHALF_OK);
    cr_assert_eq(result_put_relationship(&out, &relationship, &scratch, &error), BEHALF_OK);
    buffer_release(&scratch);
    return written();
}

Test(net_results, relationships_with_conditions_are_maps)
{
    cr_assert_str_eq(relationship_json("document:a#viewer@group:\"x y\"#member"),
                     "\"document:a#viewer@group:\\\"x y\\\"#member\"");
    cr_assert_str_eq(relationship_json("document:a#viewer@user:*[expiration:2030-01-01T00:00:00Z]"),
                     "{\"resource\":{\"type\":\"document\",\"id\":\"a\"},\"relation\":\"viewer\","
                     "\"subject\":{\"type\":\"user\",\"wildcard\":true},"
                     "\"expires_at\":\"2030-01-01T00:00:00Z\"}");
    cr_assert_str_eq(relationship_json("document:a#viewer@group:\"x y\"#member[during:{\"h\":[3]}]"
                                       "[expiration:2030-01-01T00:00:00Z]"),
                     "{\"resource\":{\"type\":\"document\",\"id\":\"a\"},\"relation\":\"viewer\","
                     "\"subject\":{\"type\":\"group\",\"id\":\"x y\",\"relation\":\"member\"},"
                     "\"expires_at\":\"2030-01-01T00:00:00Z\","
                     "\"caveat\":{\"name\":\"during\",\"context\":{\"h\":[3]}}}");
    cr_assert_str_eq(relationship_json("document:a#viewer@user:b[during]"),
                     "{\"resource\":{\"type\":\"document\",\"id\":\"a\"},\"relation\":\"viewer\","
                     "\"subject\":{\"type\":\"user\",\"id\":\"b\"},"
                     "\"caveat\":{\"name\":\"during\"}}");
}

Test(net_results, a_stored_context_that_is_damaged_is_an_error)
{
    cr_assert_neq(result_put_context(&out, SLICE_LITERAL("{\"h\":"), &error), BEHALF_OK);
}

/* --- traces --- */

static const char *
trace_json(const struct explanation *root)
{
    cr_assert_eq(result_put_trace(&out, root, &arena, &error), BEHALF_OK, "%s", error.message);
    return written();
}

Test(net_results, a_trace_of_an_allow)
{
    const struct explanation leaf = {
        .kind = EXPLAIN_RELATIONSHIP,
        .decision = DECISION_ALLOW,
        .relationship = {.resource = {.type = TEXT("doc"), .id = TEXT("a"), .relation = TEXT("v")},
                         .subject = {.type = TEXT("user"), .id = TEXT("ann")}},
    };
    const struct explanation identity = {.kind = EXPLAIN_IDENTITY, .decision = DECISION_ALLOW};
    const struct explanation *const children[] = {&leaf, &identity};
    const struct explanation root = {
        .kind = EXPLAIN_MEMBER,
        .decision = DECISION_ALLOW,
        .object = {.type = TEXT("doc"), .id = TEXT("a b")},
        .relation = TEXT("view"),
        .children = children,
        .child_count = 2,
    };

    cr_assert_str_eq(trace_json(&root),
                     "{\"kind\":\"member\",\"decision\":\"allow\",\"object\":\"doc:\\\"a b\\\"\","
                     "\"relation\":\"view\",\"children\":["
                     "{\"kind\":\"relationship\",\"decision\":\"allow\",\"relationship\":"
                     "\"doc:a#v@user:ann\",\"children\":[]},"
                     "{\"kind\":\"identity\",\"decision\":\"allow\",\"children\":[]}]}");
}

Test(net_results, a_trace_of_undecided_and_failed_conditions)
{
    const struct explanation undecided = {
        .kind = EXPLAIN_RELATIONSHIP,
        .decision = DECISION_CONDITIONAL,
        .relationship = {.resource = {.type = TEXT("doc"), .id = TEXT("a"), .relation = TEXT("v")},
                         .subject = {.type = TEXT("user"), .id = TEXT("ann")},
                         .caveat = TEXT("few"),
                         .context = TEXT("\7\0\0\0\1\0\0\0\5limit\3\0\0\0\0\0\0\0\2")},
        .context = TEXT("\7\0\0\0\1\0\0\0\5limit\3\0\0\0\0\0\0\0\2"),
        .residual = TEXT("count < 2"),
        .missing = {names, 1},
        .message = TEXT("the context lacks count"),
    };
    const struct explanation failed = {.kind = EXPLAIN_DELEGATION,
                                       .status = BEHALF_CAVEAT_EVALUATION_ERROR,
                                       .object = {.type = TEXT("agent"), .id = TEXT("bot")},
                                       .message = TEXT("division by zero")};
    const struct explanation silent = {.kind = EXPLAIN_ALL,
                                       .status = BEHALF_CYCLE_THROUGH_EXCLUSION};
    const struct explanation more = {
        .kind = EXPLAIN_MORE, .decision = DECISION_DENY, .omitted = 998};

    cr_assert_str_eq(
        trace_json(&undecided),
        "{\"kind\":\"relationship\",\"decision\":\"conditional\",\"missing\":[\"count\"],"
        "\"message\":\"the context lacks count\",\"relationship\":{\"resource\":{\"type\":\"doc\","
        "\"id\":\"a\"},\"relation\":\"v\",\"subject\":{\"type\":\"user\",\"id\":\"ann\"},"
        "\"caveat\":{\"name\":\"few\",\"context\":{\"limit\":2}}},\"context\":{\"limit\":2},"
        "\"residual\":\"count < 2\",\"children\":[]}");
    cr_assert_str_eq(trace_json(&failed),
                     "{\"kind\":\"delegation\",\"error\":{\"code\":\"FAILED_PRECONDITION\","
                     "\"reason\":\"CAVEAT_EVALUATION_ERROR\",\"message\":\"division by zero\"},"
                     "\"object\":\"agent:bot\",\"children\":[]}");
    cr_assert_str_eq(trace_json(&silent),
                     "{\"kind\":\"all\",\"error\":{\"code\":\"FAILED_PRECONDITION\",\"reason\":"
                     "\"CYCLE_THROUGH_EXCLUSION\",\"message\":\"the answer depends on its own "
                     "negation through a cycle in the data\"},\"children\":[]}");
    cr_assert_str_eq(trace_json(&more), "{\"kind\":\"more\",\"decision\":\"deny\",\"omitted\":998,"
                                        "\"children\":[]}");
}

Test(net_results, a_trace_may_be_as_deep_as_it_is_long)
{
    static struct explanation nodes[EXPLAIN_NODES_MAX];
    static const struct explanation *links[EXPLAIN_NODES_MAX];

    for (size_t index = 0; index < EXPLAIN_NODES_MAX; index++) {
        nodes[index] = (struct explanation){.kind = EXPLAIN_UNION, .decision = DECISION_ALLOW};
        links[index] = &nodes[index];
        if (index > 0)
            nodes[index - 1].children = &links[index];
        nodes[index].child_count = index + 1 < EXPLAIN_NODES_MAX ? 1 : 0;
    }
    cr_assert_eq(result_put_trace(&out, &nodes[0], &arena, &error), BEHALF_OK);
    cr_assert_eq(behalf_value_measure(out.data, out.size), out.size);
}

/* The caller refuses a reply that is too large: what stands before it does not count. */
Test(net_results, a_trace_stops_beyond_a_message)
{
    static char name[1024 * 1024];
    static const struct explanation *links[8];
    struct explanation leaf = {.kind = EXPLAIN_MEMBER, .relation = {name, sizeof name}};
    struct explanation root = {.kind = EXPLAIN_UNION, .children = links, .child_count = 8};
    size_t before;

    for (size_t index = 0; index < BEHALF_COUNT_OF(links); index++)
        links[index] = &leaf;
    for (size_t index = 0; index < 5; index++)
        buffer_add(&out, name, sizeof name);
    before = out.size;
    cr_assert_eq(result_put_trace(&out, &root, &arena, &error), BEHALF_OK);
    cr_assert_gt(out.size - before, LIMIT_MESSAGE_SIZE);
    cr_assert_lt(out.size - before, LIMIT_MESSAGE_SIZE + 2 * sizeof name);
}
