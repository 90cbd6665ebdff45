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

    (void)behalf_value_string(behalf_value_get(error, "reason"), &reason.data, &reason.size);
    judge->count->errors++;
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

struct list {
    uint32_t count;
    bool counted;
    bool ends; /* "complete" was there, */
    bool complete;
    bool has_cursor;
};

/* One pass over the members: what a list of thousands costs here, the server waits for. */
static void
read_list(struct behalf_value value, const char *member, struct list *list)
{
    struct behalf_value rest;
    struct behalf_value key;
    struct behalf_value items;
    uint32_t members = 0;

    *list = (struct list){.count = 0};
    if (!behalf_value_map(value, &members, &rest))
        return;
    while (members-- > 0 && behalf_value_next(&rest, &key) && behalf_value_next(&rest, &value)) {
        if (behalf_value_is(key, member))
            list->counted = behalf_value_array(value, &list->count, &items);
        else if (behalf_value_is(key, "complete"))
            list->ends = behalf_value_bool(value, &list->complete);
        else if (behalf_value_is(key, "cursor"))
            list->has_cursor = behalf_value_type(value) == BEHALF_TYPE_STRING;
    }
}

/* A lookup's number of results; only a complete list says it. */
static void
check_list(const struct judge *judge, const struct bench_request *request,
           struct behalf_value value, const char *member)
{
    uint32_t expected = judge->requests->expected[request->first];
    struct list list;

    judge->count->answers++;
    read_list(value, member, &list);
    if (!list.counted || !list.ends) {
        count_wrong(judge, request->first, expected);
        return;
    }
    if (expected == EXPECT_UNKNOWN || !list.complete || list.has_cursor)
        return;
    judge->count->verified++;
    if (list.count != expected)
        count_wrong(judge, request->first, expected);
}

/* What a server under overload owes to a request that names its deadline: it is no error. */
static bool
count_refusal(const struct judge *judge, struct behalf_value error)
{
    struct behalf_value reason = behalf_value_get(error, "reason");

    if (judge->requests->deadline_ns == 0)
        return false;
    if (behalf_value_is(reason, "OVERLOADED"))
        judge->count->overloaded++;
    else if (behalf_value_is(reason, "DEADLINE"))
        judge->count->expired++;
    else
        return false;
    return true;
}

void
bench_answer(const struct bench_requests *requests, const struct bench_request *request,
             struct behalf_value error, struct behalf_value value, int64_t latency_ns,
             struct bench_count *count, struct bench_shown *shown)
{
    const struct judge judge = {requests, count, shown};
    bool answered = behalf_value_type(error) == BEHALF_TYPE_NIL;

    count->requests++;
    if (answered || requests->deadline_ns == 0)
        histogram_add(&count->latency_ns, (uint64_t)latency_ns);
    if (!answered) {
        if (!count_refusal(&judge, error))
            count_error(&judge, request->first, error);
        return;
    }
    count->good += requests->deadline_ns == 0 || latency_ns <= requests->deadline_ns;
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
    case METHOD_GRANT:
    case METHOD_PING:
    case METHOD_COUNT:
        count->answers++;
        return;
    }
}
