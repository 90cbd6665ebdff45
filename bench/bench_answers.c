/* bench_answers.c - is a reply the right answer?
 * Always true: what is no decision, no list or cut off counts as wrong; nothing is allocated. */
#include <stdio.h>
#include <string.h>

#include "bench/bench.h"

static void
show(struct bench_result *result, const char *what, struct slice text, struct slice detail)
{
    if (result->shown_count == BENCH_SHOWN_MAX)
        return;
    (void)snprintf(result->shown[result->shown_count++], BENCH_SHOWN_SIZE, "%s: %.*s: %.*s", what,
                   SLICE_PRINTF(text), SLICE_PRINTF(detail));
}

static void
count_error(struct bench_result *result, struct slice text, struct behalf_value error)
{
    struct slice reason = {"no reason", 9};

    result->errors++;
    if (result->shown_count == BENCH_SHOWN_MAX)
        return;
    (void)behalf_value_string(behalf_value_get(error, "reason"), &reason.data, &reason.size);
    show(result, "error", text, reason);
}

static void
count_wrong(struct bench_result *result, struct slice text, uint32_t expected)
{
    char detail[64];

    result->wrong++;
    (void)snprintf(detail, sizeof detail, "expected %u", expected);
    show(result, "wrong", text, slice_of(detail));
}

/* One decision, at place `index` of the expectations. */
static void
check_decision(const struct bench_requests *requests, uint32_t index, struct behalf_value item,
               struct bench_result *result)
{
    struct behalf_value word = behalf_value_get(item, "decision");
    uint32_t expected = requests->expected[index];
    struct behalf_value problem;

    result->answers++;
    if (word.bytes == NULL) {
        problem = behalf_value_get(item, "error");
        if (problem.bytes != NULL)
            count_error(result, requests->texts[index], problem);
        else
            count_wrong(result, requests->texts[index], expected);
        return;
    }
    if (expected == EXPECT_UNKNOWN)
        return;
    result->verified++;
    if (!behalf_value_is(word, expected == 1 ? "allow" : "deny"))
        count_wrong(result, requests->texts[index], expected);
}

static void
check_bulk(const struct bench_requests *requests, const struct bench_request *request,
           struct behalf_value value, struct bench_result *result)
{
    struct behalf_value rest;
    struct behalf_value item;
    uint32_t count = 0;

    if (!behalf_value_array(behalf_value_get(value, "results"), &count, &rest) ||
        count != request->count) {
        count_wrong(result, SLICE_LITERAL("results of a bulk"), request->count);
        return;
    }
    for (uint32_t index = 0; index < count; index++)
        if (behalf_value_next(&rest, &item))
            check_decision(requests, request->first + index, item, result);
}

/* A lookup's number of results; only a complete list says it. */
static void
check_list(const struct bench_requests *requests, const struct bench_request *request,
           struct behalf_value value, const char *member, struct bench_result *result)
{
    uint32_t expected = requests->expected[request->first];
    struct behalf_value rest;
    uint32_t count;
    bool complete = false;

    result->answers++;
    if (!behalf_value_array(behalf_value_get(value, member), &count, &rest) ||
        !behalf_value_bool(behalf_value_get(value, "complete"), &complete)) {
        count_wrong(result, requests->texts[request->first], expected);
        return;
    }
    if (expected == EXPECT_UNKNOWN || !complete ||
        behalf_value_type(behalf_value_get(value, "cursor")) == BEHALF_TYPE_STRING)
        return;
    result->verified++;
    if (count != expected)
        count_wrong(result, requests->texts[request->first], expected);
}

void
bench_answer(const struct bench_options *options, const struct bench_requests *requests,
             const struct bench_request *request, struct behalf_value error,
             struct behalf_value value, struct bench_result *result)
{
    result->requests++;
    if (behalf_value_type(error) != BEHALF_TYPE_NIL) {
        count_error(result, requests->texts[request->first], error);
        return;
    }
    switch (options->method) {
    case METHOD_CHECK:
        check_decision(requests, request->first, value, result);
        return;
    case METHOD_CHECK_BULK:
        check_bulk(requests, request, value, result);
        return;
    case METHOD_LOOKUP_RESOURCES:
        check_list(requests, request, value, "resources", result);
        return;
    case METHOD_LOOKUP_SUBJECTS:
        check_list(requests, request, value, "subjects", result);
        return;
    case METHOD_LOOKUP_PERMISSIONS:
    case METHOD_EXPAND:
    case METHOD_WRITE:
    case METHOD_PING:
        result->answers++;
        return;
    }
}
