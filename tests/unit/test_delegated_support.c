/* test_delegated_support.c - see the header. */
#include "tests/unit/test_delegated_support.h"

#include <criterion/criterion.h>

#include "base/datum.h"

const char scene_schema[] =
    "use expiration\n"
    "caveat office(hour int) { hour < 18 }\n"
    "caveat small(amount int, limit int) { amount <= limit }\n"
    "definition user {}\n"
    "definition agent { permission acts_on_behalf_of = nil }\n"
    "definition service {\n"
    "    relation trusted_by: user | user with office | user with expiration | service\n"
    "    permission acts_on_behalf_of = trusted_by\n"
    "}\n"
    "definition folder {\n"
    "    relation parent: folder\n"
    "    permission within = parent + parent->within\n"
    "}\n"
    "definition document {\n"
    "    relation parent: folder | folder with office\n"
    "    relation owner: user\n"
    "    relation viewer: user | user with office | user with expiration | agent | service\n"
    "    permission within = parent + parent->within\n"
    "    permission view = owner + viewer\n"
    "    permission edit = owner\n"
    "}\n"
    "definition vault {\n"
    "    relation owner: user\n"
    "    relation cleared: agent | agent with office | agent with expiration | service\n"
    "    relation editors: agent | service\n"
    "    permission agent_ceiling = cleared\n"
    "    permission view = owner\n"
    "    permission edit = owner\n"
    "    permission agent_ceiling_edit = editors\n"
    "}\n";

/* --- opening --- */

static int64_t
moment(double seconds)
{
    return SCENE_START + (int64_t)(seconds * (double)SCENE_SECOND);
}

void
scene_open(struct scene *scene, const char *schema)
{
    harness_engine_open_at(&scene->side, (size_t)16 << 20, SCENE_START);
    arena_init(&scene->arena, SIZE_MAX);
    scene_write_schema(scene, schema != NULL ? schema : scene_schema);
}

void
scene_close(struct scene *scene)
{
    harness_engine_close(&scene->side);
    arena_release(&scene->arena);
}

void
scene_at(struct scene *scene, double seconds)
{
    harness_set_time(&scene->side, moment(seconds));
}

void
scene_write_schema(struct scene *scene, const char *schema)
{
    struct error error;

    cr_assert_eq(harness_write_schema(&scene->side, slice_of(schema), &error), BEHALF_OK, "%s",
                 error.message);
}

/* --- words --- */

static struct slice
next_word(struct slice *text, char end)
{
    const char *found = text->size > 0 ? memchr(text->data, end, text->size) : NULL;
    size_t size = found != NULL ? (size_t)(found - text->data) : text->size;
    struct slice word = {text->data, size};

    size += found != NULL;
    text->data += size;
    text->size -= size;
    return word;
}

struct object
scene_object(struct scene *scene, const char *text)
{
    struct object object;
    struct error error;

    cr_assert_eq(object_parse(slice_of(text), &scene->arena, &object, &error), BEHALF_OK, "%s: %s",
                 text, error.message);
    return object;
}

static struct slice
keep(struct scene *scene, struct slice text)
{
    return arena_copy(&scene->arena, text);
}

static const struct datum *
parse_context(struct scene *scene, const char *json)
{
    const struct datum *context = NULL;
    struct error error;

    if (json != NULL)
        cr_assert_eq(datum_parse_json(slice_of(json), &scene->arena, &context, &error), BEHALF_OK);
    return context;
}

static void
write_lines(struct scene *scene, const char *lines, enum update_op op)
{
    struct slice rest = slice_of(lines);
    struct update updates[32];
    size_t count = 0;
    struct error error;

    while (rest.size > 0) {
        struct slice line = next_word(&rest, '\n');

        cr_assert_lt(count, BEHALF_COUNT_OF(updates));
        updates[count].op = op;
        cr_assert_eq(relationship_parse(line, &scene->arena, &updates[count].relationship, &error),
                     BEHALF_OK, "%.*s: %s", SLICE_PRINTF(line), error.message);
        count++;
    }
    cr_assert_eq(harness_write_updates(&scene->side, updates, count, NULL, &error), BEHALF_OK, "%s",
                 error.message);
}

void
scene_put(struct scene *scene, const char *lines)
{
    write_lines(scene, lines, UPDATE_TOUCH);
}

void
scene_remove(struct scene *scene, const char *lines)
{
    write_lines(scene, lines, UPDATE_DELETE);
}

/* --- records --- */

static void
submit(struct scene *scene, struct engine_write *write)
{
    enum status status = harness_submit(&scene->side, write);

    cr_assert_eq(status, BEHALF_OK, "%s: %s", status_name(status), write->error.message);
}

struct record_id
scene_session(struct scene *scene, const char *principal, const char *agent,
              const struct session_terms *terms)
{
    static const struct session_terms defaults = {.ends = 0};
    struct engine_new_session session = {
        .principal = scene_object(scene, principal),
        .agent = scene_object(scene, agent),
    };
    struct engine_write write = {.kind = WRITE_SESSION_CREATE, .new_session = &session};

    if (terms == NULL)
        terms = &defaults;
    session.end.at = moment(terms->ends != 0 ? terms->ends : 3600);
    if (terms->client != NULL)
        session.client = slice_of(terms->client);
    session.has_idle_timeout = terms->never_idle || terms->idle != 0;
    session.idle_timeout_s = (uint32_t)terms->idle;
    submit(scene, &write);
    cr_assert(write.has_session);
    return write.session;
}

void
scene_change(struct scene *scene, const struct record_id *session, enum session_change change)
{
    const struct engine_session_change order = {*session, change, SLICE_LITERAL("test")};
    struct engine_write write = {.kind = WRITE_SESSION_CHANGE, .session_change = &order};

    submit(scene, &write);
}

static void
parse_scope(struct scene *scene, const char *text, struct engine_grant_terms *terms)
{
    struct slice rest = slice_of(text);
    struct engine_scope_element *elements =
        arena_take_array(&scene->arena, ENGINE_SCOPE_ELEMENTS_MAX, sizeof *elements);

    terms->scope = elements;
    while (rest.size > 0) {
        struct slice words = next_word(&rest, ';');
        struct engine_scope_element *element = &elements[terms->scope_count++];
        struct slice *actions =
            arena_take_array(&scene->arena, ENGINE_SCOPE_ACTIONS_MAX, sizeof *actions);

        while (words.size > 0 && words.data[0] == ' ')
            (void)next_word(&words, ' ');
        element->selector = next_word(&words, ' ');
        element->actions = actions;
        while (words.size > 0)
            actions[element->action_count++] = next_word(&words, ' ');
    }
}

static void
fill_terms(struct scene *scene, const struct grant_terms *given, struct engine_grant_terms *terms)
{
    static const struct grant_terms defaults = {.scope = NULL};
    struct buffer context;

    if (given == NULL)
        given = &defaults;
    *terms = (struct engine_grant_terms){.max_depth = given->max_depth, .uses = given->uses};
    parse_scope(scene, given->scope != NULL ? given->scope : "document:* view edit", terms);
    if (given->from != 0)
        terms->not_before = moment(given->from);
    terms->end.at = moment(given->ends != 0 ? given->ends : 1800);
    if (given->caveat != NULL) {
        struct engine_constraint *constraint =
            arena_take_array(&scene->arena, 1, sizeof *constraint);

        constraint->caveat = slice_of(given->caveat);
        if (given->caveat_context != NULL) {
            buffer_init(&context);
            datum_encode(parse_context(scene, given->caveat_context), &context);
            constraint->context = keep(scene, buffer_slice(&context));
            buffer_release(&context);
        }
        terms->constraints = constraint;
        terms->constraint_count = 1;
    }
    if (given->method != NULL) {
        terms->binding.method = slice_of(given->method);
        memset(terms->binding.digest, 1, sizeof terms->binding.digest);
    }
    if (given->tool != NULL) {
        struct engine_tool *tool = arena_take_array(&scene->arena, 1, sizeof *tool);

        tool->name = slice_of(given->tool);
        memset(tool->sha256, 2, sizeof tool->sha256);
        terms->tools = tool;
        terms->tool_count = 1;
    }
}

struct record_id
scene_grant(struct scene *scene, const struct record_id *session, const char *principal,
            const struct grant_terms *terms)
{
    struct engine_root_grant grant = {
        .session = *session,
        .approval.approver = scene_object(scene, principal),
        .approved = true,
    };
    struct engine_write write = {.kind = WRITE_GRANT_CREATE, .root_grant = &grant};

    fill_terms(scene, terms, &grant.terms);
    submit(scene, &write);
    cr_assert(write.has_grant);
    return write.grant;
}

struct record_id
scene_delegate(struct scene *scene, const struct record_id *parent, const char *actor,
               const char *delegatee, const struct grant_terms *terms)
{
    struct engine_delegated_grant grant = {
        .parent = *parent,
        .actor = scene_object(scene, actor),
        .delegatee = scene_object(scene, delegatee),
    };
    struct engine_write write = {.kind = WRITE_GRANT_DELEGATE, .delegated_grant = &grant};

    fill_terms(scene, terms, &grant.terms);
    submit(scene, &write);
    cr_assert(write.has_grant);
    return write.grant;
}

struct record_id
scene_root(struct scene *scene, const struct grant_terms *terms)
{
    struct record_id session = scene_session(scene, "user:ann", "agent:bot", NULL);

    return scene_grant(scene, &session, "user:ann", terms);
}

void
scene_revoke(struct scene *scene, const struct record_id *grant)
{
    const struct engine_grant_revoke order = {*grant, SLICE_LITERAL("test")};
    struct engine_write write = {.kind = WRITE_GRANT_REVOKE, .grant_revoke = &order};

    submit(scene, &write);
}

static void
order_stop(struct scene *scene, enum stop_scope scope, const char *party, bool restore)
{
    struct engine_stop_order order = {
        .scope = scope, .restore = restore, .reason = SLICE_LITERAL("test")};
    struct engine_write write = {.kind = WRITE_STOP, .stop_order = &order};

    if (scope == STOP_CLIENT)
        order.client = slice_of(party);
    else if (scope != STOP_EVERYTHING)
        order.object = scene_object(scene, party);
    submit(scene, &write);
}

void
scene_kill(struct scene *scene, enum stop_scope scope, const char *party)
{
    order_stop(scene, scope, party, false);
}

void
scene_restore(struct scene *scene, enum stop_scope scope, const char *party)
{
    order_stop(scene, scope, party, true);
}

/* --- asking --- */

static const struct object *
parse_actors(struct scene *scene, const char *text, size_t *count)
{
    struct object *actors = arena_take_array(&scene->arena, 32, sizeof *actors);
    struct slice rest = slice_of(text != NULL ? text : "");

    *count = 0;
    while (rest.size > 0)
        actors[(*count)++] = scene_object(scene, keep(scene, next_word(&rest, ' ')).data);
    return actors;
}

static const struct engine_delegation *
make_delegation(struct scene *scene, const struct asking *asking)
{
    struct engine_delegation *delegation = arena_take_array(&scene->arena, 1, sizeof *delegation);

    if (asking->grant == NULL)
        return NULL;
    delegation->given = true;
    delegation->grant = *asking->grant;
    if (asking->method != NULL)
        delegation->binding.method = slice_of(asking->method);
    memset(delegation->binding.digest, asking->digest, sizeof delegation->binding.digest);
    if (asking->tool != NULL)
        delegation->tool.name = slice_of(asking->tool);
    memset(delegation->tool.sha256, asking->sha256, sizeof delegation->tool.sha256);
    if (asking->key != NULL)
        delegation->idempotency_key = slice_of(asking->key);
    return delegation;
}

struct check
scene_question(struct scene *scene, const char *question, const struct asking *asking)
{
    static const struct asking nothing = {.grant = NULL};
    struct relationship parsed;
    struct check check = {.explain = false};
    struct error error;

    if (asking == NULL)
        asking = &nothing;
    cr_assert_eq(relationship_parse(slice_of(question), &scene->arena, &parsed, &error), BEHALF_OK,
                 "%s: %s", question, error.message);
    check.resource = parsed.resource;
    check.resource.relation = (struct slice){NULL, 0};
    check.permission = parsed.resource.relation;
    check.subject = parsed.subject;
    check.actors = parse_actors(scene, asking->actors, &check.actor_count);
    check.context = parse_context(scene, asking->context);
    check.delegation = make_delegation(scene, asking);
    check.use = asking->use;
    check.explain = asking->explain;
    return check;
}

const char *
scene_answer(struct scene *scene, enum decision decision, enum engine_reason reason,
             const struct missing_context *missing, int64_t valid_until)
{
    static const char *const decisions[] = {"deny", "conditional", "allow"};
    struct slice word = engine_reason_word(reason);
    struct buffer out;
    const char *kept;

    buffer_init(&out);
    buffer_add_text(&out, decisions[decision]);
    if (word.size > 0)
        buffer_add_format(&out, " %.*s", SLICE_PRINTF(word));
    for (size_t at = 0; at < missing->count; at++)
        buffer_add_format(&out, " %.*s", SLICE_PRINTF(missing->names[at]));
    if (valid_until != 0)
        buffer_add_format(&out, " until %lld",
                          (long long)((valid_until - SCENE_START) / SCENE_SECOND));
    kept = keep(scene, buffer_slice(&out)).data;
    buffer_release(&out);
    return kept;
}

enum status
scene_result(struct scene *scene, const char *question, const struct asking *asking,
             struct check_result *result, struct error *error)
{
    struct engine_request request = harness_request(&scene->side, NULL);
    struct check check = scene_question(scene, question, asking);

    return engine_check(scene->side.worker, &request, &check, result, error);
}

const char *
scene_check(struct scene *scene, const char *question, const struct asking *asking)
{
    struct check_result result;
    struct error error;
    enum status status = scene_result(scene, question, asking, &result, &error);

    return status == BEHALF_OK ? scene_answer(scene, result.decision, result.reason,
                                              &result.missing, result.valid_until)
                               : status_name(status);
}

const char *
scene_item(struct scene *scene, const char *question, const struct asking *asking)
{
    struct engine_request request = harness_request(&scene->side, NULL);
    const struct check checks[] = {
        scene_question(scene, "document:d1#view@user:nobody", NULL),
        scene_question(scene, question, asking),
    };
    struct check_bulk_result result;
    struct error error;
    enum status status =
        engine_check_bulk(scene->side.worker, &request, checks, 2, &result, &error);

    if (status != BEHALF_OK)
        return status_name(status);
    cr_assert_eq(result.items[0].status, BEHALF_OK);
    cr_assert_eq(result.items[0].decision, DECISION_DENY);
    cr_assert_eq(result.items[0].reason, REASON_NONE);
    if (result.items[1].status != BEHALF_OK)
        return status_name(result.items[1].status);
    return scene_answer(scene, result.items[1].decision, result.items[1].reason,
                        &result.items[1].missing, result.items[1].valid_until);
}

const char *
scene_permissions(struct scene *scene, const char *resource, const char *subject,
                  const struct asking *asking)
{
    struct engine_request request = harness_request(&scene->side, NULL);
    struct lookup_permissions lookup = {
        .resource = scene_object(scene, resource),
        .subject = scene_object(scene, subject),
        .delegation = make_delegation(scene, asking),
        .context = parse_context(scene, asking->context),
    };
    struct lookup_permissions_result result;
    struct error error;
    struct buffer out;
    const char *kept;
    enum status status;

    lookup.actors = parse_actors(scene, asking->actors, &lookup.actor_count);
    status = engine_lookup_permissions(scene->side.worker, &request, &lookup, &result, &error);
    if (status != BEHALF_OK)
        return status_name(status);
    buffer_init(&out);
    if (result.reason != REASON_NONE)
        buffer_add_format(&out, "(%.*s)", SLICE_PRINTF(engine_reason_word(result.reason)));
    for (size_t at = 0; at < result.permission_count; at++) {
        const struct lookup_permission *row = &result.permissions[at];

        if (row->item.status == BEHALF_OK && row->item.decision == DECISION_DENY)
            continue;
        buffer_add_format(&out, "%s%.*s", out.size > 0 ? " " : "", SLICE_PRINTF(row->permission));
        if (row->item.status != BEHALF_OK)
            buffer_add_text(&out, "?");
        for (size_t name = 0; name < row->item.missing.count; name++)
            buffer_add_format(&out, "[%.*s]", SLICE_PRINTF(row->item.missing.names[name]));
    }
    kept = keep(scene, buffer_slice(&out)).data;
    buffer_release(&out);
    return kept;
}
