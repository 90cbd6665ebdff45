/* bench_answers.c - is a reply the right answer?
 * Always true: what is no decision, no list or cut off counts as wrong; nothing is allocated. */
#include <stdio.h>
#include <string.h>

#include "bench/bench.h"

/* Where a reply is counted. */
struct judge {
    const struct bench_requests *requests;
    struct bench_count *count;
    struct bench_shown *shown;
};

static void
show(const struct judge *judge, const char *what, struct slice text, struct slice detail)
{
    if (judge->shown->count == BENCH_SHOWN_MAX)
        return;
    (void)snprintf(judge->shown->lines[judge->shown->count++], BENCH_SHOWN_SIZE, "%s: %.*s: %.*s",
                   what, SLICE_PRINTF(text), SLICE_PRINTF(detail));
}

static void
count_error(const struct judge *judge, uint32_t index, struct behalf_value error)
{
    struct slice reason = {"no reason", 9};

    judge->count->errors++;
    (void)behalf_value_string(behalf_value_get(error, "reason"), &reason.data, &reason.size);
    show(judge, "error", judge->requests->texts[index], reason);
}

static void
count_wrong(const struct judge *judge, uint32_t index, uint32_t expected)
{
    char detail[64] = "no answer";

    judge->count->wrong++;
    if (expected != EXPECT_UNKNOWN)
        (void)snprintf(detail, sizeof detail, "expected %u", expected);
    show(judge, "wrong", judge->requests->texts[index], slice_of(detail));
}

/* One decision, at place `index` of the expectations. */
static void
check_decision(const struct judge *judge, uint32_t index, struct behalf_value item)
{
    struct behalf_value word = behalf_value_get(item, "decision");
    uint32_t expected = judge->requests->expected[index];
    struct behalf_value problem;

    judge->count->answers++;
    if (word.bytes == NULL) {
        problem = behalf_value_get(item, "error");
        if (problem.bytes != NULL)
            count_error(judge, index, problem);
        else
            count_wrong(judge, index, expected);
        return;
    }
    if (expected == EXPECT_UNKNOWN)
        return;
    judge->count->verified++;
    if (!behalf_value_is(word, expected == 1 ? "allow" : "deny"))
        count_wrong(judge, index, expected);
}

static void
check_bulk(const struct judge *judge, const struct bench_request *request,
           struct behalf_value value)
{
    struct behalf_value rest;
    struct behalf_value item;
    uint32_t count = 0;

    if (!behalf_value_array(behalf_value_get(value, "results"), &count, &rest) ||
        count != request->count) {
        count_wrong(judge, request->first, request->count);
        return;
    }
    for (uint32_t index = 0; index < count; index++)
        if (behalf_value_next(&rest, &item))
            check_decision(judge, request->first + index, item);
}

/* A lookup's number of results; only a complete list says it. */
static void
check_list(const struct judge *judge, const struct bench_request *request,
           struct behalf_value value, const char *member)
{
    uint32_t expected = judge->requests->expected[request->first];
    struct behalf_value rest;
    uint32_t count;
    bool complete = false;

    judge->count->answers++;
    if (!behalf_value_array(behalf_value_get(value, member), &count, &rest) ||
        !behalf_value_bool(behalf_value_get(value, "complete"), &complete)) {
        count_wrong(judge, request->first, expected);
        return;
    }
    if (expected == EXPECT_UNKNOWN || !complete ||
        behalf_value_type(behalf_value_get(value, "cursor")) == BEHALF_TYPE_STRING)
        return;
    judge->count->verified++;
    if (count != expected)
        count_wrong(judge, request->first, expected);
}

void
bench_answer(const struct bench_requests *requests, const struct bench_request *request,
             struct behalf_value error, struct behalf_value value, struct bench_count *count,
             struct bench_shown *shown)
{
    const struct judge judge = {requests, count, shown};

    count->requests++;
    if (behalf_value_type(error) != BEHALF_TYPE_NIL) {
        count_error(&judge, request->first, error);
        return;
    }
    switch (requests->method) {
    case METHOD_CHECK:
        check_decision(&judge, request->first, value);
        return;
    case METHOD_CHECK_BULK:
        check_bulk(&judge, request, value);
        return;
    case METHOD_LOOKUP_RESOURCES:
        check_list(&judge, request, value, "resources");
        return;
    case METHOD_LOOKUP_SUBJECTS:
        check_list(&judge, request, value, "subjects");
        return;
    case METHOD_LOOKUP_PERMISSIONS:
    case METHOD_EXPAND:
    case METHOD_WRITE:
    case METHOD_PING:
    case METHOD_COUNT:
        count->answers++;
        return;
    }
}
