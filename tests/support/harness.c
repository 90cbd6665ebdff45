/* harness.c - two engines with the same data, and a question through every method of both. */
#include "tests/support/harness.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/datum.h"
#include "base/memory.h"
#include "schema/caveat.h"
#include "schema/schema.h"
#include "tests/support/harness_ids.h"
#include "tests/support/oracle.h"

static const char *const side_names[] = {"cached", "without a cache"};

void
harness_fail(struct harness *harness, const char *format, ...)
{
    va_list arguments;

    harness->failures++;
    if (harness->failures > 1)
        return;
    va_start(arguments, format);
    vsnprintf(harness->failure, sizeof harness->failure, format, arguments);
    va_end(arguments);
}

void
harness_context(struct harness *harness, const char *context)
{
    struct error error;

    harness->context = NULL;
    if (context != NULL &&
        datum_parse_json(arena_copy(&harness->arena, slice_of(context)), &harness->arena,
                         &harness->context, &error) != BEHALF_OK)
        harness_fail(harness, "%s: %s", context, error.message);
}

void
harness_at(struct harness *harness, const char *time)
{
    int64_t now = 0;

    if (!time_parse(slice_of(time), &now))
        harness_fail(harness, "%s is no time", time);
    for (int side = 0; side < 2; side++)
        harness_set_time(&harness->sides[side], now);
    harness->asked_count = 0;
}

/* --- writing --- */

enum status
harness_schema(struct harness *harness, const char *schema)
{
    enum status statuses[2];
    struct error error;

    harness->asked_count = 0;
    for (int side = 0; side < 2; side++)
        statuses[side] = harness_write_schema(&harness->sides[side], slice_of(schema), &error);
    if (statuses[0] != statuses[1])
        harness_fail(harness, "one engine takes the schema and the other does not");
    if (statuses[0] == BEHALF_OK) {
        struct schema *compiled = NULL;

        if (schema_compile(slice_of(schema), &compiled, &error) != BEHALF_OK)
            harness_fail(harness, "the schema: %s", error.message);
        schema_unref(harness->schema);
        harness->schema = compiled;
    }
    return statuses[0];
}

static enum status
write_one(struct harness *harness, enum update_op op, const char *text)
{
    struct update update = {.op = op};
    struct arena arena;
    struct error error;
    enum status statuses[2];

    harness->asked_count = 0;
    arena_init(&arena, SIZE_MAX);
    statuses[0] = relationship_parse(slice_of(text), &arena, &update.relationship, &error);
    if (statuses[0] == BEHALF_OK) {
        for (int side = 0; side < 2; side++)
            statuses[side] = harness_write_updates(&harness->sides[side], &update, 1, NULL, &error);
        if (statuses[0] != statuses[1])
            harness_fail(harness, "one engine takes %s and the other does not", text);
    }
    arena_release(&arena);
    return statuses[0];
}

enum status
harness_create(struct harness *harness, const char *relationship)
{
    return write_one(harness, UPDATE_CREATE, relationship);
}

enum status
harness_touch(struct harness *harness, const char *relationship)
{
    return write_one(harness, UPDATE_TOUCH, relationship);
}

enum status
harness_delete(struct harness *harness, const char *relationship)
{
    return write_one(harness, UPDATE_DELETE, relationship);
}

void
harness_touch_range(struct harness *harness, const char *prefix, unsigned from, unsigned to,
                    const char *suffix)
{
    struct update *updates = memory_new_array(ENGINE_UPDATES_MAX, sizeof *updates);
    struct buffer text = {0};
    struct arena arena;
    struct error error;

    harness->asked_count = 0;
    buffer_init(&text);
    arena_init(&arena, SIZE_MAX);
    while (from < to) {
        size_t count = 0;

        arena_reset(&arena, SIZE_MAX);
        for (; from < to && count < ENGINE_UPDATES_MAX; from++, count++) {
            struct slice copy;

            buffer_clear(&text);
            buffer_add_format(&text, "%s%u%s", prefix, from, suffix);
            copy = arena_copy(&arena, buffer_slice(&text));
            updates[count].op = UPDATE_TOUCH;
            if (relationship_parse(copy, &arena, &updates[count].relationship, &error) != BEHALF_OK)
                harness_fail(harness, "%s: %s", text.data, error.message);
        }
        for (int side = 0; side < 2; side++)
            if (harness_write_updates(&harness->sides[side], updates, count, NULL, &error) !=
                BEHALF_OK)
                harness_fail(harness, "%s...: %s", prefix, error.message);
    }
    arena_release(&arena);
    buffer_release(&text);
    memory_free(updates);
}

void
harness_open(struct harness *harness, const char *schema, ...)
{
    va_list relationships;
    const char *text;
    enum status status;

    memset(harness, 0, sizeof *harness);
    arena_init(&harness->arena, SIZE_MAX);
    arena_init(&harness->question, SIZE_MAX);
    harness_engine_open(&harness->sides[0], 0);
    harness_engine_open(&harness->sides[1], 1);
    if (schema != NULL) {
        status = harness_schema(harness, schema);
        if (status != BEHALF_OK)
            harness_fail(harness, "the schema is refused: %s", status_name(status));
    }
    va_start(relationships, schema);
    while ((text = va_arg(relationships, const char *)) != NULL) {
        status = harness_create(harness, text);
        if (status != BEHALF_OK)
            harness_fail(harness, "%s is refused: %s", text, status_name(status));
    }
    va_end(relationships);
}

void
harness_close(struct harness *harness)
{
    harness_engine_close(&harness->sides[0]);
    harness_engine_close(&harness->sides[1]);
    arena_release(&harness->arena);
    arena_release(&harness->question);
    schema_unref(harness->schema);
}

/* --- one question, every method --- */

static void
compare(struct harness *harness, int side, const char *method, const char *expected,
        const char *given, const struct check *check)
{
    if (strcmp(expected, given) == 0)
        return;
    harness_fail(harness, "%s (%s) of %.*s:%.*s#%.*s@%.*s:%.*s#%.*s: %s, but check says %s", method,
                 side_names[side], SLICE_PRINTF(check->resource.type),
                 SLICE_PRINTF(check->resource.id), SLICE_PRINTF(check->permission),
                 SLICE_PRINTF(check->subject.type), SLICE_PRINTF(check->subject.id),
                 SLICE_PRINTF(check->subject.relation), given, expected);
}

static const char *
check_alone(struct harness *harness, int side, const struct check *check)
{
    struct engine_request request = harness_request(&harness->sides[side], NULL);
    struct check_result result = {.decision = DECISION_DENY};
    struct error error;
    enum status status =
        engine_check(harness->sides[side].worker, &request, check, &result, &error);

    return harness_answer(&harness->arena, status, result.decision, &result.missing);
}

/* The question together with those asked since the last write, in both orders. */
static void
check_in_bulk(struct harness *harness, int side, const struct check *check, const char *expected)
{
    struct check checks[HARNESS_ASKED_MAX + 1];
    const char *answers[HARNESS_ASKED_MAX + 1];
    size_t count = harness->asked_count + 1;

    for (int backwards = 0; backwards < 2; backwards++) {
        struct engine_request request = harness_request(&harness->sides[side], NULL);
        struct check_bulk_result result;
        struct error error;

        for (size_t i = 0; i < count; i++) {
            size_t at = backwards ? count - 1 - i : i;

            checks[i] = at < harness->asked_count ? harness->asked[at].check : *check;
            answers[i] = at < harness->asked_count ? harness->asked[at].answer : expected;
        }
        if (engine_check_bulk(harness->sides[side].worker, &request, checks, count, &result,
                              &error) != BEHALF_OK) {
            harness_fail(harness, "check_bulk: %s", error.message);
            return;
        }
        for (size_t i = 0; i < count; i++)
            compare(harness, side, "check_bulk", answers[i],
                    harness_answer(&harness->arena, result.items[i].status,
                                   result.items[i].decision, &result.items[i].missing),
                    &checks[i]);
    }
}

static void
check_by_permissions(struct harness *harness, int side, const struct check *check,
                     const char *expected)
{
    struct engine_request request = harness_request(&harness->sides[side], NULL);
    struct lookup_permissions lookup = {
        .resource = check->resource, .subject = check->subject, .context = check->context};
    struct lookup_permissions_result result;
    struct error error;

    if (engine_lookup_permissions(harness->sides[side].worker, &request, &lookup, &result,
                                  &error) != BEHALF_OK) {
        harness_fail(harness, "lookup_permissions: %s", error.message);
        return;
    }
    for (size_t i = 0; i < result.permission_count; i++)
        if (slice_equal(result.permissions[i].permission, check->permission))
            compare(harness, side, "lookup_permissions", expected,
                    harness_answer(&harness->arena, result.permissions[i].item.status,
                                   result.permissions[i].item.decision,
                                   &result.permissions[i].item.missing),
                    check);
}

static void
check_by_resources(struct harness *harness, int side, const struct check *check,
                   const char *expected)
{
    const struct harness_id *found;
    struct harness_ids ids;
    const char *given = "deny";
    enum status status =
        harness_ids_of_resources(harness, side, check->resource.type, check->permission,
                                 &check->subject, ENGINE_PAGE_MAX, &ids);

    if (status != BEHALF_OK)
        given = status_name(status);
    found = harness_ids_find(&ids, HARNESS_IDS_MEMBER, check->resource.id);
    if (found == NULL)
        found = harness_ids_find(&ids, HARNESS_IDS_UNDECIDED, check->resource.id);
    if (found != NULL)
        given = found->answer;
    compare(harness, side, "lookup_resources", expected, given, check);
    harness_ids_release(&ids);
}

static void
check_by_subjects(struct harness *harness, int side, const struct check *check,
                  const char *expected)
{
    struct harness_ids ids;
    const char *given = "deny";
    enum status status = harness_ids_of_subjects(harness, side, &check->resource, check->permission,
                                                 check->subject.type, check->subject.relation,
                                                 ENGINE_PAGE_MAX, &ids);

    const struct harness_id *member = harness_ids_find(&ids, HARNESS_IDS_MEMBER, check->subject.id);
    const struct harness_id *excluded =
        harness_ids_find(&ids, HARNESS_IDS_EXCLUDED, check->subject.id);

    if (member != NULL)
        given = member->answer;
    else if (excluded != NULL)
        given = strcmp(excluded->answer, "allow") == 0 ? "deny" : excluded->answer;
    else if (ids.wildcard != NULL)
        given = ids.wildcard;
    /* The lookup fails as a whole when any subject is undecided; and an exclusion that depends on
     * the context does not say on what. */
    if (member == NULL && excluded != NULL && strcmp(given, "conditional") == 0 &&
        strncmp(expected, given, strlen(given)) == 0)
        given = expected;
    if (!harness_is_undecided(status))
        compare(harness, side, "lookup_subjects", expected,
                status == BEHALF_OK ? given : status_name(status), check);
    harness_ids_release(&ids);
}

struct tree_asking {
    struct harness *harness;
    int side;
    const struct check *check;
};

static enum harness_value
ask_userset(void *context, const struct object *userset)
{
    static const enum harness_value values[] = {
        [DECISION_DENY] = HARNESS_DENY,
        [DECISION_CONDITIONAL] = HARNESS_CONDITIONAL,
        [DECISION_ALLOW] = HARNESS_ALLOW,
    };
    const struct tree_asking *asking = context;
    struct check check = {.permission = userset->relation,
                          .subject = asking->check->subject,
                          .context = asking->check->context};
    struct check_result result;
    struct error error;
    struct arena arena;
    struct engine_request request = {.arena = &arena, .consistency = CONSISTENCY_FULL};
    enum status status;

    check.resource = (struct object){.type = userset->type, .id = userset->id};
    arena_init(&arena, SIZE_MAX);
    status = engine_check(asking->harness->sides[asking->side].worker, &request, &check, &result,
                          &error);
    arena_release(&arena);
    return status == BEHALF_OK ? values[result.decision] : HARNESS_ERROR;
}

/* A condition as the tree tells it, decided here. */
static enum harness_value
ask_condition(void *context, const struct expand_condition *condition)
{
    static const enum harness_value values[] = {
        [CAVEAT_FALSE] = HARNESS_DENY,
        [CAVEAT_UNKNOWN] = HARNESS_CONDITIONAL,
        [CAVEAT_TRUE] = HARNESS_ALLOW,
    };
    const struct tree_asking *asking = context;
    const struct schema *schema = asking->harness->schema;
    uint32_t caveat = schema_find_caveat(schema, condition->caveat);
    struct caveat_result result = {.outcome = CAVEAT_FALSE};
    enum harness_value value = HARNESS_ERROR;
    struct buffer stored;
    struct error error;
    struct arena arena;

    arena_init(&arena, SIZE_MAX);
    buffer_init(&stored);
    if (condition->context.size > 0)
        datum_print_encoded(condition->context, &stored);
    if (caveat == SCHEMA_NONE)
        harness_fail(asking->harness, "expand names the unknown caveat %.*s",
                     SLICE_PRINTF(condition->caveat));
    else if (oracle_caveat_evaluate(schema->caveats[caveat].compiled, buffer_slice(&stored),
                                    asking->check->context, &arena, &result, &error) == BEHALF_OK)
        value = values[result.outcome];
    buffer_release(&stored);
    arena_release(&arena);
    return value;
}

static void
check_by_tree(struct harness *harness, int side, const struct check *check, const char *expected)
{
    /* A tree says no names: neither what is missing nor which error. */
    static const char *const answers[] = {"deny", "", "conditional", "allow"};

    for (uint32_t depth = 0; depth < 2 && check->subject.relation.size == 0; depth++) {
        struct engine_request request = harness_request(&harness->sides[side], NULL);
        struct expand expand = {
            .resource = check->resource, .permission = check->permission, .depth = depth};
        struct tree_asking asking = {harness, side, check};
        struct expand_result result;
        struct error error;
        enum status status =
            engine_expand(harness->sides[side].worker, &request, &expand, &result, &error);

        if (status == BEHALF_OK) {
            struct harness_tree_asker asker = {ask_userset, ask_condition, &asking};
            const char *given = answers[harness_tree_value(result.tree, &check->subject, &asker)];

            if (given[0] == '\0'
                    ? strcmp(expected, "allow") == 0 || strcmp(expected, "deny") == 0 ||
                          strncmp(expected, "conditional", strlen("conditional")) == 0
                    : strncmp(expected, given, strlen(given)) != 0)
                compare(harness, side, "expand", expected, given, check);
        }
        if (status != BEHALF_OK && status != BEHALF_BUDGET_EXHAUSTED)
            harness_fail(harness, "expand: %s", error.message);
    }
}

static void
remember(struct harness *harness, const struct check *check, const char *answer)
{
    struct harness_asked *slot = &harness->asked[harness->asked_count % HARNESS_ASKED_MAX];

    if (harness->asked_count == HARNESS_ASKED_MAX)
        return;
    harness->asked_count++;
    slot->check = *check;
    slot->check.resource.type = arena_copy(&harness->arena, check->resource.type);
    slot->check.resource.id = arena_copy(&harness->arena, check->resource.id);
    slot->check.permission = arena_copy(&harness->arena, check->permission);
    slot->check.subject.type = arena_copy(&harness->arena, check->subject.type);
    slot->check.subject.id = arena_copy(&harness->arena, check->subject.id);
    slot->check.subject.relation = arena_copy(&harness->arena, check->subject.relation);
    slot->answer = answer;
}

/* Whether others answer too, where this one says so: it is no error of the request. */
static bool
is_of_question(const char *answer)
{
    return strcmp(answer, "allow") == 0 || strcmp(answer, "deny") == 0 ||
           strncmp(answer, "conditional", strlen("conditional")) == 0 ||
           strcmp(answer, "CYCLE_THROUGH_EXCLUSION") == 0 ||
           strcmp(answer, "CAVEAT_EVALUATION_ERROR") == 0 ||
           strcmp(answer, "CAVEAT_PARAMETER_TYPE_ERROR") == 0;
}

const char *
harness_check_object(struct harness *harness, const struct object *resource, const char *permission,
                     const struct object *subject)
{
    struct check check = {.resource = *resource,
                          .permission = slice_of(permission),
                          .subject = *subject,
                          .context = harness->context};
    const char *answer = check_alone(harness, 0, &check);

    for (int round = 0; round < 2; round++) {
        for (int side = 0; side < 2; side++) {
            compare(harness, side, "check", answer, check_alone(harness, side, &check), &check);
            check_in_bulk(harness, side, &check, answer);
            if (!is_of_question(answer))
                continue;
            check_by_permissions(harness, side, &check, answer);
            check_by_resources(harness, side, &check, answer);
            check_by_subjects(harness, side, &check, answer);
            check_by_tree(harness, side, &check, answer);
        }
    }
    remember(harness, &check, answer);
    return answer;
}

/* --- by text --- */

/* `resource#permission@subject`; the permission is put into the arena. */
static bool
read_question(struct harness *harness, const char *question, struct object *resource,
              const char **permission, struct object *subject)
{
    struct relationship parsed;
    struct error error;

    arena_reset(&harness->question, SIZE_MAX);
    if (relationship_parse(slice_of(question), &harness->question, &parsed, &error) != BEHALF_OK) {
        harness_fail(harness, "%s: %s", question, error.message);
        return false;
    }
    *permission = arena_copy(&harness->question, parsed.resource.relation).data;
    *resource = parsed.resource;
    resource->relation = (struct slice){NULL, 0};
    *subject = parsed.subject;
    return true;
}

const char *
harness_check(struct harness *harness, const char *question)
{
    struct object resource;
    struct object subject;
    const char *permission;

    if (!read_question(harness, question, &resource, &permission, &subject))
        return "unreadable";
    return harness_check_object(harness, &resource, permission, &subject);
}

const char *
harness_check_as(struct harness *harness, const char *question, const char *actors)
{
    struct object chain[ENGINE_ACTORS_MAX];
    struct check check = {.actors = chain, .context = harness->context};
    struct error error;
    const char *permission;
    const char *answer;

    if (!read_question(harness, question, &check.resource, &permission, &check.subject))
        return "unreadable";
    check.permission = slice_of(permission);
    while (*actors != '\0') {
        struct slice one = {actors, strcspn(actors, " ")};

        BEHALF_ASSERT(check.actor_count < ENGINE_ACTORS_MAX);
        if (object_parse(one, &harness->question, &chain[check.actor_count++], &error) != BEHALF_OK)
            harness_fail(harness, "%s", error.message);
        actors += one.size + strspn(actors + one.size, " ");
    }
    answer = check_alone(harness, 0, &check);
    for (int round = 0; round < 2; round++) {
        for (int side = 0; side < 2; side++) {
            compare(harness, side, "check", answer, check_alone(harness, side, &check), &check);
            check_in_bulk(harness, side, &check, answer);
        }
    }
    return answer;
}
