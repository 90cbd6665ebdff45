/* test_agents_support.c - see test_agents_support.h. */
#include "tests/unit/test_agents_support.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/datum.h"
#include "tests/support/harness_attributes.h"

struct harness_engine agents;

/* Words of the writes and questions of a test. */
static struct arena words_arena;

struct object
agents_object(const char *text)
{
    struct object object = {.wildcard = false};
    struct error error;

    cr_assert_eq(object_parse(slice_of(text), &words_arena, &object, &error), BEHALF_OK, "%s: %s",
                 text, error.message);
    return object;
}

static void
update(enum update_op op, const char *text)
{
    struct update change = {.op = op};
    struct error error;

    cr_assert_eq(relationship_parse(slice_of(text), &words_arena, &change.relationship, &error),
                 BEHALF_OK, "%s: %s", text, error.message);
    cr_assert_eq(harness_write_updates(&agents, &change, 1, NULL, &error), BEHALF_OK, "%s: %s",
                 text, error.message);
}

void
agents_open(const char *schema, ...)
{
    struct error error;
    va_list relationships;
    const char *text;

    arena_init(&words_arena, SIZE_MAX);
    harness_engine_open_at(&agents, 0, AGENTS_START);
    cr_assert_eq(harness_write_schema(&agents, slice_of(schema), &error), BEHALF_OK, "%s",
                 error.message);
    va_start(relationships, schema);
    while ((text = va_arg(relationships, const char *)) != NULL)
        update(UPDATE_TOUCH, text);
    va_end(relationships);
}

void
agents_close(void)
{
    harness_engine_close(&agents);
    arena_release(&words_arena);
}

void
agents_put(const char *relationship)
{
    update(UPDATE_TOUCH, relationship);
}

void
agents_attributes(const char *lines)
{
    struct engine_write write = {.kind = WRITE_ATTRIBUTES};

    cr_assert_eq(harness_write_attributes(&agents, lines, &write), BEHALF_OK, "%s: %s", lines,
                 write.error.message);
}

void
agents_remove(const char *relationship)
{
    update(UPDATE_DELETE, relationship);
}

void
agents_at(int64_t seconds)
{
    harness_set_time(&agents, AGENTS_START + seconds * AGENTS_SECOND);
}

/* --- records --- */

static void
submit(struct engine_write *write)
{
    struct error error = {.status = BEHALF_OK};

    cr_assert_eq(engine_write_wait(agents.engine, write, &error), BEHALF_OK, "%s: %s",
                 status_name(error.status), error.message);
}

struct record_id
agents_session(struct session_words words)
{
    struct engine_new_session session = {
        .principal = agents_object(words.principal != NULL ? words.principal : "user:ann"),
        .agent = agents_object(words.agent != NULL ? words.agent : "agent:bot"),
        .client = words.client != NULL ? slice_of(words.client) : (struct slice){NULL, 0},
        .end.in_ns = (words.seconds != 0 ? words.seconds : 3600) * AGENTS_SECOND,
        .has_idle_timeout = true,
        .idle_timeout_s = words.idle,
    };
    struct engine_write write = {.kind = WRITE_SESSION_CREATE, .new_session = &session};

    submit(&write);
    cr_assert(write.has_session);
    return write.session;
}

/* `text` up to the separator, without the blanks around it, and what is behind. */
static struct slice
cut(const char **text, const char *separators)
{
    struct slice part;

    *text += strspn(*text, " ");
    part = (struct slice){*text, strcspn(*text, separators)};
    *text += part.size;
    *text += **text != '\0';
    return part;
}

static void
set_scope(const char *text, struct engine_grant_terms *terms)
{
    struct engine_scope_element *elements =
        arena_take_array(&words_arena, ENGINE_SCOPE_ELEMENTS_MAX, sizeof *elements);

    terms->scope = elements;
    while (*text != '\0') {
        struct engine_scope_element *element = &elements[terms->scope_count++];
        struct slice *actions =
            arena_take_array(&words_arena, ENGINE_SCOPE_ACTIONS_MAX, sizeof *actions);
        struct slice rest;
        const char *at;

        element->selector = cut(&text, " ");
        rest = arena_copy(&words_arena, cut(&text, ";"));
        at = rest.data;
        element->actions = actions;
        while (*at != '\0')
            actions[element->action_count++] = cut(&at, ",");
    }
}

static struct engine_grant_terms
terms_of(struct grant_words words)
{
    struct engine_grant_terms terms = {
        .not_before = words.begins != 0 ? AGENTS_START + words.begins * AGENTS_SECOND : 0,
        .end.in_ns = words.seconds * AGENTS_SECOND,
        .max_depth = words.depth,
        .uses = words.uses,
    };

    set_scope(words.scope, &terms);
    if (words.method != NULL)
        terms.binding.method = slice_of(words.method);
    if (words.caveat != NULL) {
        struct engine_constraint *constraint =
            arena_take_array(&words_arena, 1, sizeof *constraint);

        constraint->caveat = slice_of(words.caveat);
        if (words.context != NULL) {
            const struct datum *context;
            struct error error;
            struct buffer bytes;

            cr_assert_eq(datum_parse_json(slice_of(words.context), &words_arena, &context, &error),
                         BEHALF_OK);
            buffer_init(&bytes);
            datum_encode(context, &bytes);
            constraint->context = arena_copy(&words_arena, buffer_slice(&bytes));
            buffer_release(&bytes);
        }
        terms.constraints = constraint;
        terms.constraint_count = 1;
    }
    return terms;
}

/* The principal of a session approves: the test says it is the one of the session. */
static struct object
principal_of(struct record_id session)
{
    struct engine_request request = harness_request(&agents, NULL);
    struct engine_record_result result;
    const struct datum *body;
    struct error error;
    struct slice text;

    cr_assert_eq(engine_session_read(agents.worker, &request, &session, &result, &error), BEHALF_OK,
                 "%s", error.message);
    cr_assert_eq(datum_decode(result.record.body, &words_arena, &body, &error), BEHALF_OK);
    text = datum_field(body, SLICE_LITERAL("principal"))->as.string;
    text = arena_copy(&words_arena, text);
    return agents_object(text.data);
}

struct record_id
agents_root(struct record_id session, struct grant_words words)
{
    struct engine_root_grant grant = {
        .session = session,
        .terms = terms_of(words),
        .approval.approver = principal_of(session),
    };
    struct engine_write write = {.kind = WRITE_GRANT_CREATE, .root_grant = &grant};

    if (words.seconds == 0)
        grant.terms.end.in_ns = 1800 * AGENTS_SECOND;
    submit(&write);
    cr_assert(write.has_grant);
    return write.grant;
}

struct record_id
agents_delegate(struct record_id parent, const char *actor, const char *delegatee,
                struct grant_words words)
{
    struct engine_delegated_grant grant = {
        .parent = parent,
        .actor = agents_object(actor),
        .delegatee = agents_object(delegatee),
        .terms = terms_of(words),
    };
    struct engine_write write = {.kind = WRITE_GRANT_DELEGATE, .delegated_grant = &grant};

    submit(&write);
    cr_assert(write.has_grant);
    return write.grant;
}

void
agents_revoke(struct record_id grant)
{
    struct engine_grant_revoke revoke = {.grant = grant, .reason = SLICE_LITERAL("test")};
    struct engine_write write = {.kind = WRITE_GRANT_REVOKE, .grant_revoke = &revoke};

    submit(&write);
}

void
agents_change(struct record_id session, enum session_change change)
{
    struct engine_session_change order = {session, change, SLICE_LITERAL("test")};
    struct engine_write write = {.kind = WRITE_SESSION_CHANGE, .session_change = &order};

    submit(&write);
}

static void
order_stop(enum stop_scope scope, const char *party, bool restore)
{
    struct engine_stop_order order = {
        .scope = scope, .restore = restore, .reason = SLICE_LITERAL("test")};
    struct engine_write write = {.kind = WRITE_STOP, .stop_order = &order};

    if (scope == STOP_CLIENT)
        order.client = slice_of(party);
    else if (scope != STOP_EVERYTHING)
        order.object = agents_object(party);
    submit(&write);
}

void
agents_stop(enum stop_scope scope, const char *party)
{
    order_stop(scope, party, false);
}

void
agents_restore(enum stop_scope scope, const char *party)
{
    order_stop(scope, party, true);
}

/* --- questions --- */

static void
parse_properties(struct question_words words, struct agents_question *question)
{
    const struct datum *map = NULL;
    struct error error;

    cr_assert_eq(datum_parse_json(slice_of(words.properties), &words_arena, &map, &error),
                 BEHALF_OK);
    question->given = (struct check_properties){
        .subject = datum_field(map, SLICE_LITERAL("subject")),
        .resource = datum_field(map, SLICE_LITERAL("resource")),
        .action = datum_field(map, SLICE_LITERAL("action")),
        .trusted = !words.untrusted,
        .pass_over = words.pass_over,
    };
    question->properties = &question->given;
}

void
agents_question(struct question_words words, struct agents_question *question)
{
    const char *actors = words.actors != NULL ? words.actors : "";
    struct error error;

    *question = (struct agents_question){
        .subject = agents_object(words.subject != NULL ? words.subject : "user:ann")};
    while (*actors != '\0') {
        struct slice text = arena_copy(&words_arena, cut(&actors, " "));

        question->actors[question->actor_count++] = agents_object(text.data);
    }
    if (words.grant != NULL) {
        question->delegation = (struct engine_delegation){.given = true, .grant = *words.grant};
        if (words.method != NULL)
            question->delegation.binding.method = slice_of(words.method);
        question->grant = &question->delegation;
    }
    if (words.context != NULL)
        cr_assert_eq(
            datum_parse_json(slice_of(words.context), &words_arena, &question->context, &error),
            BEHALF_OK);
    if (words.properties != NULL)
        parse_properties(words, question);
}

static struct slice
reason_of(enum engine_reason reason)
{
    return engine_reason_word(reason);
}

static void
say(struct buffer *said, enum decision decision, enum engine_reason reason,
    const struct missing_context *missing)
{
    struct slice word = reason_of(reason);

    switch (decision) {
    case DECISION_ALLOW:
        buffer_add_text(said, "allow");
        break;
    case DECISION_DENY:
        buffer_add_text(said, "deny");
        if (word.size > 0)
            buffer_add_format(said, " %.*s", SLICE_PRINTF(word));
        break;
    case DECISION_CONDITIONAL:
        buffer_add_text(said, "conditional on");
        for (size_t at = 0; at < missing->count; at++)
            buffer_add_format(said, "%s%.*s", at == 0 ? " " : ", ",
                              SLICE_PRINTF(missing->names[at]));
        break;
    }
}

/* One of a few answers, in turn. */
static const char *
keep(struct buffer *said)
{
    static char kept[4][8192];
    static unsigned next;
    char *at = kept[next++ % 4];

    cr_assert_lt(said->size, sizeof kept[0]);
    memcpy(at, said->data, said->size);
    at[said->size] = '\0';
    buffer_release(said);
    return at;
}

static void
split(const char *question, struct slice *left, struct slice *right)
{
    const char *hash = strchr(question, '#');

    cr_assert_not_null(hash, "%s", question);
    *left = arena_copy(&words_arena, (struct slice){question, (size_t)(hash - question)});
    *right = slice_of(hash + 1);
}

const char *
agents_check(const char *question, struct question_words words)
{
    struct engine_request request = harness_request(&agents, NULL);
    struct agents_question asked;
    struct check_result result;
    struct error error;
    struct buffer said;
    struct slice resource;
    struct check check = {.explain = false};
    enum status status;

    agents_question(words, &asked);
    split(question, &resource, &check.permission);
    check.resource = agents_object(resource.data);
    check.subject = asked.subject;
    check.actors = asked.actors;
    check.actor_count = asked.actor_count;
    check.context = asked.context;
    check.delegation = asked.grant;
    check.properties = asked.properties;
    status = engine_check(agents.worker, &request, &check, &result, &error);
    buffer_init(&said);
    if (status == BEHALF_OK)
        say(&said, result.decision, result.reason, &result.missing);
    else
        buffer_add_text(&said, status_name(status));
    return keep(&said);
}

const char *
agents_bulk(const char *const *questions, size_t count, struct question_words words)
{
    struct engine_request request = harness_request(&agents, NULL);
    struct agents_question asked;
    struct check_bulk_result result;
    struct check checks[64] = {{.explain = false}};
    struct error error;
    struct buffer said;

    cr_assert_leq(count, BEHALF_COUNT_OF(checks));
    agents_question(words, &asked);
    for (size_t at = 0; at < count; at++) {
        struct relationship parsed;

        cr_assert_eq(relationship_parse(slice_of(questions[at]), &words_arena, &parsed, &error),
                     BEHALF_OK);
        checks[at] = (struct check){
            .resource = parsed.resource,
            .permission = parsed.resource.relation,
            .subject = parsed.subject,
            .actors = asked.actors,
            .actor_count = asked.actor_count,
            .context = asked.context,
            .delegation = asked.grant,
            .properties = asked.properties,
        };
        checks[at].resource.relation = (struct slice){NULL, 0};
    }
    cr_assert_eq(engine_check_bulk(agents.worker, &request, checks, count, &result, &error),
                 BEHALF_OK, "%s", error.message);
    buffer_init(&said);
    for (size_t at = 0; at < count; at++) {
        const struct check_item *item = &result.items[at];

        if (at > 0)
            buffer_add_text(&said, "; ");
        if (item->status == BEHALF_OK)
            say(&said, item->decision, item->reason, &item->missing);
        else
            buffer_add_text(&said, status_name(item->status));
    }
    return keep(&said);
}

static void
add_missing(const struct missing_context *missing, struct buffer *said)
{
    for (size_t at = 0; at < missing->count; at++)
        buffer_add_format(said, "%s%.*s%s", at == 0 ? "[" : " ", SLICE_PRINTF(missing->names[at]),
                          at + 1 == missing->count ? "]" : "");
}

const char *
agents_permissions(const char *resource, struct question_words words)
{
    struct engine_request request = harness_request(&agents, NULL);
    struct agents_question asked;
    struct lookup_permissions_result result;
    struct lookup_permissions lookup = {.resource = agents_object(resource)};
    struct error error;
    struct buffer said;
    enum status status;

    agents_question(words, &asked);
    lookup.subject = asked.subject;
    lookup.actors = asked.actors;
    lookup.actor_count = asked.actor_count;
    lookup.context = asked.context;
    lookup.delegation = asked.grant;
    lookup.properties = asked.properties;
    status = engine_lookup_permissions(agents.worker, &request, &lookup, &result, &error);
    buffer_init(&said);
    if (status != BEHALF_OK)
        buffer_add_text(&said, status_name(status));
    for (size_t at = 0; status == BEHALF_OK && at < result.permission_count; at++) {
        const struct lookup_permission *row = &result.permissions[at];

        if (row->item.status == BEHALF_OK && row->item.decision == DECISION_DENY)
            continue;
        buffer_add_format(&said, "%s%.*s", said.size > 0 ? " " : "", SLICE_PRINTF(row->permission));
        add_missing(&row->item.missing, &said);
    }
    return keep(&said);
}

static void
add_subject(const struct lookup_subject *row, struct buffer *said)
{
    buffer_add_text(said, said->size > 0 ? " " : "");
    if (row->wildcard)
        buffer_add_text(said, "*");
    else
        buffer_add_slice(said, row->id);
    for (size_t at = 0; at < row->excluded_count; at++)
        buffer_add_format(said, "%s%.*s%s%s", at == 0 ? "{" : " ",
                          SLICE_PRINTF(row->excluded[at].id),
                          row->excluded[at].decision == DECISION_ALLOW ? "" : "?",
                          at + 1 == row->excluded_count ? "}" : "");
    add_missing(&row->missing, said);
}

const char *
agents_subjects(const char *question, const char *type, uint32_t limit, struct question_words words)
{
    struct agents_question asked;
    struct lookup_subjects lookup = {.subject_type = slice_of(type), .limit = limit};
    struct engine_token cursor = {.text = ""};
    struct slice resource;
    struct buffer said;

    agents_question(words, &asked);
    split(question, &resource, &lookup.permission);
    lookup.resource = agents_object(resource.data);
    lookup.context = asked.context;
    lookup.properties = asked.properties;
    buffer_init(&said);
    do {
        struct engine_request request = harness_request(&agents, NULL);
        struct lookup_subjects_result result;
        struct error error;
        enum status status;

        lookup.cursor = slice_of(cursor.text);
        status = engine_lookup_subjects(agents.worker, &request, &lookup, &result, &error);
        if (status != BEHALF_OK) {
            buffer_add_text(&said, status_name(status));
            break;
        }
        for (size_t at = 0; at < result.subject_count; at++)
            add_subject(&result.subjects[at], &said);
        cursor = result.cursor;
    } while (cursor.text[0] != '\0');
    return keep(&said);
}

static void
add_page(const struct lookup_resources_result *result, struct buffer *said)
{
    for (size_t at = 0; at < result->resource_count; at++)
        buffer_add_format(said, "%s%.*s%s", said->size > 0 ? " " : "",
                          SLICE_PRINTF(result->resources[at].id),
                          result->resources[at].decision == DECISION_ALLOW ? "" : "[...]");
    for (size_t at = 0; at < result->undecided_count; at++)
        buffer_add_format(said, "%s?%.*s", said->size > 0 ? " " : "",
                          SLICE_PRINTF(result->undecided[at].id));
}

const char *
agents_resources(const char *question, uint32_t limit, struct question_words words)
{
    struct engine_token cursor = {.text = ""};
    struct agents_question asked;
    struct lookup_resources lookup = {.limit = limit};
    struct buffer said;

    agents_question(words, &asked);
    split(question, &lookup.resource_type, &lookup.permission);
    lookup.subject = asked.subject;
    lookup.actors = asked.actors;
    lookup.actor_count = asked.actor_count;
    lookup.context = asked.context;
    lookup.delegation = asked.grant;
    lookup.properties = asked.properties;
    buffer_init(&said);
    do {
        struct engine_request request = harness_request(&agents, NULL);
        struct lookup_resources_result result;
        struct error error;
        enum status status;

        lookup.cursor = slice_of(cursor.text);
        status = engine_lookup_resources(agents.worker, &request, &lookup, &result, &error);
        if (status != BEHALF_OK) {
            buffer_add_format(&said, "%s%s", said.size > 0 ? " " : "", status_name(status));
            break;
        }
        if (result.reason != REASON_NONE) {
            struct slice word = reason_of(result.reason);

            cr_expect_eq(result.resource_count + result.undecided_count, 0);
            cr_expect(result.complete);
            cr_expect_str_eq(result.cursor.text, "");
            buffer_add_format(&said, "%sreason: %.*s", said.size > 0 ? " " : "",
                              SLICE_PRINTF(word));
        }
        cr_expect_eq(result.decision_id.text[0] != '\0', asked.actor_count > 0);
        add_page(&result, &said);
        cursor = result.cursor;
    } while (cursor.text[0] != '\0');
    return keep(&said);
}

static void
add_filtered(const struct filter_resources *filter, const struct filter_resources_result *result,
             struct buffer *said)
{
    if (result->reason != REASON_NONE) {
        struct slice word = reason_of(result->reason);

        cr_expect_eq(result->allowed_count + result->conditional_count + result->undecided_count,
                     0);
        buffer_add_format(said, "reason: %.*s", SLICE_PRINTF(word));
    }
    for (size_t at = 0; at < result->allowed_count; at++) {
        const struct object *resource = &filter->resources[result->allowed[at]];

        cr_expect(at == 0 || result->allowed[at - 1] < result->allowed[at]);
        buffer_add_text(said, said->size > 0 ? " " : "");
        object_print(resource, said);
    }
    for (size_t at = 0; at < result->conditional_count; at++) {
        buffer_add_text(said, said->size > 0 ? " " : "");
        object_print(&filter->resources[result->conditional[at].index], said);
        cr_expect_gt(result->conditional[at].missing.count, 0);
        buffer_add_text(said, "[...]");
    }
    for (size_t at = 0; at < result->undecided_count; at++)
        buffer_add_format(said, "%s%zu?%s", said->size > 0 ? " " : "", result->undecided[at].index,
                          status_name(result->undecided[at].error.status));
}

const char *
agents_filter(const char *permission, const char *resources, struct question_words words)
{
    struct engine_request request = harness_request(&agents, NULL);
    struct object objects[64];
    struct filter_resources filter = {.resources = objects, .permission = slice_of(permission)};
    struct filter_resources_result result;
    struct agents_question asked;
    struct error error;
    struct buffer said;
    enum status status;

    agents_question(words, &asked);
    while (*resources != '\0') {
        struct slice text = arena_copy(&words_arena, cut(&resources, " "));

        objects[filter.resource_count++] = agents_object(text.data);
    }
    filter.subject = asked.subject;
    filter.actors = asked.actors;
    filter.actor_count = asked.actor_count;
    filter.context = asked.context;
    filter.delegation = asked.grant;
    filter.properties = asked.properties;
    status = engine_filter_resources(agents.worker, &request, &filter, &result, &error);
    buffer_init(&said);
    if (status != BEHALF_OK) {
        buffer_add_text(&said, status_name(status));
    } else {
        cr_expect_eq(result.decision_id.text[0] != '\0', asked.actor_count > 0);
        add_filtered(&filter, &result, &said);
    }
    return keep(&said);
}
