/* authzen_search.c - Subject Search, Resource Search and Action Search: lookups of the engine,
 * whose allows alone are listed.
 *
 * A resource that the configuration answers as another object is not stored: a search of resources
 * of its type finds nothing, for it would not agree with an evaluation. */
#include <stdio.h>

#include "net/authzen_answer.h"
#include "net/authzen_page.h"

#define SEARCH_BYTES ((size_t)1024 * 1024) /* of rows of the engine, in a page */

struct search {
    const struct authzen_asked *asked;
    const struct datum *body;
    struct authzen_words words;
    struct authzen_question question;
    struct authzen_page page;
    struct slice cursor;  /* of this page */
    struct json_out json; /* elements of `results` */
    struct buffer results;
    struct engine_token next; /* empty text: nothing follows */
    struct record_id_text decision_id;
    enum engine_reason reason; /* why it is empty, of a delegated one */
    int64_t valid_until;
    bool incomplete; /* something could not be decided */
};

static void
put_object(struct search *search, struct slice type, struct slice id)
{
    json_open_map(&search->json, NULL);
    json_put_text(&search->json, "type", type);
    json_put_text(&search->json, "id", id);
    json_close_map(&search->json);
}

static void
put_action(struct search *search, struct slice name)
{
    json_open_map(&search->json, NULL);
    json_put_text(&search->json, "name", name);
    json_close_map(&search->json);
}

/* --- subjects --- */

static enum status
search_subjects(struct search *search, struct authzen_reply *reply, struct error *error)
{
    const struct authzen_asked *asked = search->asked;
    const struct check *check = &search->question.check;
    const struct engine_request request = authzen_request(asked, &search->question);
    const struct lookup_subjects lookup = {
        .resource = check->resource,
        .permission = check->permission,
        .subject_type = check->subject.type,
        .context = check->context,
        .properties = check->properties,
        .known = true,
        .limit = search->page.limit,
        .most_bytes = SEARCH_BYTES,
        .cursor = search->cursor,
    };
    struct lookup_subjects_result result;
    enum status status = engine_lookup_subjects(asked->worker, &request, &lookup, &result, error);

    if (status != BEHALF_OK)
        return status;
    for (size_t index = 0; index < result.subject_count; index++) {
        const struct lookup_subject *row = &result.subjects[index];

        if (row->wildcard)
            search->incomplete = true;
        else if (row->decision == DECISION_ALLOW)
            put_object(search, check->subject.type, row->id);
    }
    search->incomplete = search->incomplete || (!result.complete && result.cursor.text[0] == '\0');
    search->next = result.cursor;
    reply->revision = result.looked_up_at;
    return BEHALF_OK;
}

/* --- resources --- */

static enum status
search_resources(struct search *search, struct authzen_reply *reply, struct error *error)
{
    const struct authzen_asked *asked = search->asked;
    const struct check *check = &search->question.check;
    const struct engine_request request = authzen_request(asked, &search->question);
    const struct lookup_resources lookup = {
        .resource_type = search->words.resource.type,
        .permission = check->permission,
        .subject = check->subject,
        .actors = check->actors,
        .actor_count = check->actor_count,
        .delegation = check->delegation,
        .context = check->context,
        .properties = check->properties,
        .limit = search->page.limit,
        .most_bytes = SEARCH_BYTES,
        .cursor = search->cursor,
    };
    struct lookup_resources_result result;
    enum status status;

    if (authzen_alias_of(asked->config, search->words.resource.type, search->words.action) !=
        NULL) {
        authzen_set_revision(asked, reply);
        return BEHALF_OK;
    }
    status = engine_lookup_resources(asked->worker, &request, &lookup, &result, error);
    if (status != BEHALF_OK)
        return status;
    for (size_t index = 0; index < result.resource_count; index++)
        if (result.resources[index].decision == DECISION_ALLOW)
            put_object(search, lookup.resource_type, result.resources[index].id);
    search->incomplete = result.undecided_count > 0;
    search->next = result.cursor;
    search->decision_id = result.decision_id;
    search->reason = result.reason;
    search->valid_until = result.valid_until;
    reply->revision = result.looked_up_at;
    return BEHALF_OK;
}

/* --- actions --- */

/* The list is made anew for each page: its cursor is the place of the page's first candidate, in an
 * order that only the schema and the configuration change. */
struct action_page {
    size_t from;
    size_t at; /* of the next candidate */
    size_t listed;
};

static bool
read_place(struct slice text, size_t *place)
{
    *place = 0;
    for (size_t index = 0; index < text.size; index++) {
        if (text.data[index] < '0' || text.data[index] > '9' || *place > UINT32_MAX)
            return false;
        *place = *place * 10 + (size_t)(text.data[index] - '0');
    }
    return true;
}

/* One that is allowed beyond the limit begins the next page. */
static void
add_action(struct search *search, struct action_page *page, struct slice name,
           const struct check_item *item)
{
    size_t place = page->at++;

    if (place < page->from || search->next.text[0] != '\0')
        return;
    search->incomplete =
        search->incomplete || (item->status != BEHALF_OK && !authzen_is_unknown(item->status));
    if (item->status != BEHALF_OK || item->decision != DECISION_ALLOW)
        return;
    if (search->page.limit > 0 && page->listed == search->page.limit) {
        (void)snprintf(search->next.text, sizeof search->next.text, "%zu", place);
        return;
    }
    page->listed++;
    put_action(search, name);
}

/* Every permission of a resource's type; none where the schema lacks a type. */
static enum status
ask_permissions(const struct search *search, const struct object *resource,
                struct lookup_permissions_result *result, struct error *error)
{
    const struct check *check = &search->question.check;
    const struct engine_request request = authzen_request(search->asked, &search->question);
    const struct lookup_permissions lookup = {
        .resource = *resource,
        .subject = check->subject,
        .actors = check->actors,
        .actor_count = check->actor_count,
        .delegation = check->delegation,
        .context = check->context,
        .properties = check->properties,
    };
    enum status status =
        engine_lookup_permissions(search->asked->worker, &request, &lookup, result, error);

    if (!authzen_is_unknown(status))
        return status;
    *result = (struct lookup_permissions_result){.permission_count = 0};
    return BEHALF_OK;
}

/* The permissions of the resource itself, by their names. A name that the configuration answers by
 * another object is not this one's. */
static void
list_permissions(struct search *search, struct action_page *page, const struct object *resource,
                 const struct lookup_permissions_result *result)
{
    const struct authzen_config *config = search->asked->config;

    for (size_t index = 0; index < result->permission_count; index++) {
        const struct lookup_permission *row = &result->permissions[index];
        struct slice name;

        for (size_t nth = 0;
             authzen_action_name(config, resource->type, row->permission, nth, &name); nth++) {
            const struct authzen_alias *alias =
                authzen_alias_of(config, search->words.resource.type, name);

            if (alias == NULL || alias->action.size == 0)
                add_action(search, page, name, &row->item);
        }
    }
}

/* The actions that the configuration answers by objects of their own. */
static enum status
list_aliases(struct search *search, struct action_page *page, struct error *error)
{
    const struct authzen_config *config = search->asked->config;

    for (size_t index = 0; index < config->alias_count; index++) {
        const struct authzen_alias *alias = &config->aliases[index];
        struct lookup_permissions_result result;
        struct slice permission;
        enum status status;

        if (alias->action.size == 0 || !slice_equal(alias->type, search->words.resource.type))
            continue;
        permission = authzen_permission(config, alias->as.type, alias->action);
        status = ask_permissions(search, &alias->as, &result, error);
        if (status != BEHALF_OK)
            return status;
        for (size_t at = 0; at < result.permission_count; at++)
            if (slice_equal(result.permissions[at].permission, permission))
                add_action(search, page, alias->action, &result.permissions[at].item);
    }
    return BEHALF_OK;
}

static enum status
search_actions(struct search *search, struct authzen_reply *reply, struct error *error)
{
    const struct object *resource = &search->question.check.resource;
    struct lookup_permissions_result result;
    struct action_page page = {.from = 0};
    enum status status;

    if (!read_place(search->cursor, &page.from))
        return error_set(error, BEHALF_MALFORMED_REQUEST, "'page.token' is not one of this server");
    status = ask_permissions(search, resource, &result, error);
    if (status != BEHALF_OK)
        return status;
    reply->revision = result.looked_up_at;
    if (reply->revision.text[0] == '\0')
        authzen_set_revision(search->asked, reply);
    search->decision_id = result.decision_id;
    search->reason = result.reason;
    list_permissions(search, &page, resource, &result);
    return list_aliases(search, &page, error);
}

/* --- the whole --- */

static unsigned
needs_of(enum authzen_endpoint endpoint)
{
    switch ((int)endpoint) {
    case AUTHZEN_SEARCH_SUBJECT:
        return AUTHZEN_RESOURCE_ID | AUTHZEN_ACTION;
    case AUTHZEN_SEARCH_RESOURCE:
        return AUTHZEN_SUBJECT_ID | AUTHZEN_ACTION;
    default:
        return AUTHZEN_SUBJECT_ID | AUTHZEN_RESOURCE_ID;
    }
}

static enum status
read_search(struct search *search, struct error *error)
{
    const struct authzen_asked *asked = search->asked;
    enum status status =
        authzen_read_words(search->body, NULL, needs_of(asked->endpoint), &search->words, error);

    if (status == BEHALF_OK)
        status = authzen_read_page(search->body, &search->page, error);
    if (status == BEHALF_OK && asked->endpoint == AUTHZEN_SEARCH_SUBJECT &&
        authzen_names_agent(&search->words))
        return error_set(error, BEHALF_MALFORMED_REQUEST,
                         "a search of subjects takes no agent: it finds who may act themselves");
    /* Of what is searched nothing counts. */
    if (status == BEHALF_OK && asked->endpoint == AUTHZEN_SEARCH_SUBJECT)
        search->words.subject.properties = NULL;
    if (status == BEHALF_OK && asked->endpoint == AUTHZEN_SEARCH_RESOURCE)
        search->words.resource.properties = NULL;
    if (status == BEHALF_OK)
        status = authzen_ask(asked->config, asked->caller, &search->words, asked->arena,
                             &search->question, error);
    return status == BEHALF_OK
               ? authzen_page_open(search->body, &search->page, &search->cursor, error)
               : status;
}

static enum status
run_search(struct search *search, struct authzen_reply *reply, struct error *error)
{
    enum status status;

    switch ((int)search->asked->endpoint) {
    case AUTHZEN_SEARCH_SUBJECT:
        status = search_subjects(search, reply, error);
        break;
    case AUTHZEN_SEARCH_RESOURCE:
        status = search_resources(search, reply, error);
        break;
    default:
        status = search_actions(search, reply, error);
        break;
    }
    if (!authzen_is_unknown(status))
        return status;
    authzen_set_revision(search->asked, reply);
    return BEHALF_OK;
}

static void
put_page(const struct search *search, struct json_out *json)
{
    bool follows = search->next.text[0] != '\0';
    struct buffer token;

    if (!search->page.given && !follows)
        return;
    buffer_init(&token);
    if (follows)
        authzen_page_token(search->body, &search->page, slice_of(search->next.text), &token);
    json_open_map(json, "page");
    json_put_text(json, "next_token", buffer_slice(&token));
    json_close_map(json);
    buffer_release(&token);
}

static void
put_search_context(const struct search *search, struct json_out *json)
{
    bool speaks = search->question.check.actor_count > 0 || search->question.has_behalf;

    if (!speaks && !search->incomplete)
        return;
    if (speaks) {
        authzen_open_context(search->asked, json, &search->decision_id);
        if (search->reason != REASON_NONE)
            json_put_text(json, "reason", engine_reason_word(search->reason));
        if (search->valid_until != 0)
            json_put_time(json, "valid_until", search->valid_until);
    } else {
        json_open_map(json, "context");
    }
    if (search->incomplete)
        json_put_bool(json, "incomplete", true);
    json_close_map(json);
}

/* `page` and `context` come before the results, which they tell about. */
static void
put_search(const struct search *search, struct buffer *out)
{
    struct json_out json = json_begin(out);

    json_open_map(&json, NULL);
    put_page(search, &json);
    put_search_context(search, &json);
    json_open_list(&json, "results");
    buffer_add_slice(out, buffer_slice(&search->results));
    json_close_list(&json);
    json_close_map(&json);
}

enum status
authzen_search(const struct authzen_asked *asked, const struct datum *body,
               struct authzen_reply *reply, struct error *error)
{
    struct search search = {.asked = asked, .body = body};
    enum status status = read_search(&search, error);

    if (status != BEHALF_OK || !authzen_may_ask(asked, &search.question.check, reply))
        return status;
    buffer_init(&search.results);
    search.json = json_begin(&search.results);
    status = run_search(&search, reply, error);
    if (status == BEHALF_OK)
        put_search(&search, &reply->body);
    buffer_release(&search.results);
    return status;
}
