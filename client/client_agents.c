/* client_agents.c - the typed calls of sessions, grants, access requests and
 * stops. */
#include <string.h>

#include "client/client_internal.h"

/* --- writing --- */

static void
write_scope(struct client_map *map, const struct behalf_grant_terms *terms)
{
    client_map_key(map, "scope");
    behalf_write_array(map->writer, (uint32_t)terms->scope_count);
    for (size_t index = 0; index < terms->scope_count; index++) {
        const struct behalf_scope_element *element = &terms->scope[index];
        struct client_map one = client_map_begin(map->writer);

        client_map_text(&one, "selector", element->selector);
        client_map_key(&one, "actions");
        behalf_write_array(map->writer, (uint32_t)element->action_count);
        for (size_t action = 0; action < element->action_count; action++)
            behalf_write_text(map->writer, element->actions[action]);
        client_map_end(&one);
    }
}

static enum behalf_status
write_constraints(struct client_map *map, const struct behalf_grant_terms *terms,
                  struct behalf_error *error)
{
    enum behalf_status status = BEHALF_SUCCESS;

    if (terms->constraint_count == 0)
        return BEHALF_SUCCESS;
    client_map_key(map, "constraints");
    behalf_write_array(map->writer, (uint32_t)terms->constraint_count);
    for (size_t index = 0; status == BEHALF_SUCCESS && index < terms->constraint_count; index++) {
        struct client_map one = client_map_begin(map->writer);

        client_map_text(&one, "caveat", terms->constraints[index].caveat);
        status = client_map_json(&one, "context", terms->constraints[index].context, error);
        client_map_end(&one);
    }
    return status;
}

static void
write_tools(struct client_map *map, const struct behalf_tool *tools, size_t count)
{
    if (count == 0)
        return;
    client_map_key(map, "tools");
    behalf_write_array(map->writer, (uint32_t)count);
    for (size_t index = 0; index < count; index++) {
        struct client_map one = client_map_begin(map->writer);

        client_map_text(&one, "name", tools[index].name);
        client_map_text(&one, "sha256", tools[index].sha256);
        client_map_end(&one);
    }
}

static void
write_bind(struct client_map *map, const struct behalf_binding *binding)
{
    const struct client_member bind[] = {{"method", binding->method}, {"digest", binding->digest}};

    client_map_pair(map, "bind", bind, BEHALF_COUNT_OF(bind));
}

static enum behalf_status
write_terms(struct client_map *map, const struct behalf_grant_terms *terms,
            struct behalf_error *error)
{
    if (terms->scope_count > UINT32_MAX || terms->constraint_count > UINT32_MAX ||
        terms->tool_count > UINT32_MAX)
        return client_error_set(error, BEHALF_FAILED_USAGE, "cannot grant: too many elements");
    if (terms->scope_count > 0)
        write_scope(map, terms);
    client_map_text(map, "expires_at", terms->expires_at);
    client_map_uint(map, "expires_in_s", terms->expires_in_s);
    client_map_text(map, "not_before", terms->not_before);
    client_map_uint(map, "max_depth", terms->max_depth);
    client_map_uint(map, "uses", terms->uses);
    write_bind(map, &terms->bind);
    client_map_text(map, "purpose", terms->purpose);
    write_tools(map, terms->tools, terms->tool_count);
    return write_constraints(map, terms, error);
}

static enum behalf_status
write_root_grant(struct client_map *map, const struct behalf_root_grant *grant,
                 struct behalf_error *error)
{
    const struct behalf_approval *approval = &grant->approval;
    enum behalf_status status = write_terms(map, &grant->terms, error);
    struct client_map one;

    if (status != BEHALF_SUCCESS)
        return status;
    client_map_text(map, "session", grant->session);
    client_map_key(map, "approval");
    one = client_map_begin(map->writer);
    client_map_text(&one, "approver", approval->approver);
    client_map_text(&one, "at", approval->at);
    client_map_text(&one, "channel", approval->channel);
    client_map_text(&one, "request", approval->request);
    status = client_map_json(&one, "evidence", approval->evidence, error);
    client_map_end(&one);
    return status;
}

static enum behalf_status
write_session(struct client_map *map, const struct behalf_new_session *session,
              struct behalf_error *error)
{
    struct client_map grant;
    enum behalf_status status;

    client_map_text(map, "principal", session->principal);
    client_map_text(map, "agent", session->agent);
    client_map_text(map, "client", session->client);
    client_map_text(map, "expires_at", session->expires_at);
    client_map_uint(map, "expires_in_s", session->expires_in_s);
    if (session->has_idle_timeout) {
        client_map_key(map, "idle_timeout_s");
        behalf_write_uint(map->writer, session->idle_timeout_s);
    }
    status = client_map_json(map, "evidence", session->evidence, error);
    if (status != BEHALF_SUCCESS || session->grant == NULL)
        return status;
    client_map_key(map, "grant");
    grant = client_map_begin(map->writer);
    status = write_root_grant(&grant, session->grant, error);
    client_map_end(&grant);
    return status;
}

/* --- what writes answer --- */

/* Ends a call that made a `wanted` ("session", "grant" or "request"), and perhaps others. */
static enum behalf_status
finish_made(struct behalf_reply *reply, const char *method, const char *wanted,
            struct behalf_made *made, struct behalf_error *error)
{
    struct behalf_value result = behalf_reply_result(reply);
    struct behalf_made read;
    bool good = behalf_value_get(result, wanted).bytes != NULL &&
                client_read_optional(result, "session", read.session, sizeof read.session) &&
                client_read_optional(result, "grant", read.grant, sizeof read.grant) &&
                client_read_optional(result, "request", read.request, sizeof read.request) &&
                client_read_token(result, "written_at", read.written_at);

    behalf_reply_free(reply);
    if (!good)
        return client_bad_result(error, method, wanted);
    if (made != NULL)
        *made = read;
    return BEHALF_SUCCESS;
}

/* A call whose arguments are texts, a reason among them, and what every write may carry. */
static enum behalf_status
call_texts(struct behalf_client *client, const char *method, const struct client_member *members,
           size_t count, bool everything, const struct behalf_write *write, char *written_at,
           struct behalf_error *error)
{
    struct behalf_writer *writer = behalf_writer_new();
    enum behalf_status status = BEHALF_SUCCESS;
    struct behalf_reply *reply;

    if (writer != NULL) {
        struct client_map map = client_map_begin(writer);

        for (size_t index = 0; index < count; index++)
            client_map_text(&map, members[index].name, members[index].value);
        client_map_true(&map, "everything", everything);
        status = client_map_write(&map, write, error);
        client_map_end(&map);
    }
    status = client_call_with(client, method, writer, status, &reply, error);
    if (status != BEHALF_SUCCESS)
        return status;
    return client_finish_token(reply, method, "written_at", written_at, error);
}

/* A page of what two values choose; NULL = not given. */
static enum behalf_status
call_list(struct behalf_client *client, const char *method, const struct client_member members[2],
          const struct behalf_page *page, const struct behalf_read *read,
          struct behalf_reply **reply, struct behalf_error *error)
{
    struct behalf_writer *writer = behalf_writer_new();

    if (writer != NULL) {
        struct client_map map = client_map_begin(writer);

        client_map_text(&map, members[0].name, members[0].value);
        client_map_text(&map, members[1].name, members[1].value);
        client_map_page(&map, page);
        client_map_read(&map, read);
        client_map_end(&map);
    }
    return client_call_with(client, method, writer, BEHALF_SUCCESS, reply, error);
}

/* --- sessions --- */

enum behalf_status
behalf_session_create(struct behalf_client *client, const struct behalf_new_session *session,
                      const struct behalf_write *write, struct behalf_made *made,
                      struct behalf_error *error)
{
    struct behalf_writer *writer = behalf_writer_new();
    enum behalf_status status = BEHALF_SUCCESS;
    struct behalf_reply *reply;

    if (writer != NULL) {
        struct client_map map = client_map_begin(writer);

        status = write_session(&map, session, error);
        if (status == BEHALF_SUCCESS)
            status = client_map_write(&map, write, error);
        client_map_end(&map);
    }
    status = client_call_with(client, "sessions.create", writer, status, &reply, error);
    if (status != BEHALF_SUCCESS)
        return status;
    return finish_made(reply, "sessions.create", "session", made, error);
}

enum behalf_status
behalf_session_suspend(struct behalf_client *client, const char *session, const char *reason,
                       const struct behalf_write *write, char *written_at,
                       struct behalf_error *error)
{
    const struct client_member members[] = {{"session", session}, {"reason", reason}};

    return call_texts(client, "sessions.suspend", members, BEHALF_COUNT_OF(members), false, write,
                      written_at, error);
}

enum behalf_status
behalf_session_resume(struct behalf_client *client, const char *session, const char *reason,
                      const struct behalf_write *write, char *written_at,
                      struct behalf_error *error)
{
    const struct client_member members[] = {{"session", session}, {"reason", reason}};

    return call_texts(client, "sessions.resume", members, BEHALF_COUNT_OF(members), false, write,
                      written_at, error);
}

enum behalf_status
behalf_session_revoke(struct behalf_client *client, const char *session, const char *reason,
                      const struct behalf_write *write, char *written_at,
                      struct behalf_error *error)
{
    const struct client_member members[] = {{"session", session}, {"reason", reason}};

    return call_texts(client, "sessions.revoke", members, BEHALF_COUNT_OF(members), false, write,
                      written_at, error);
}

enum behalf_status
behalf_session_read(struct behalf_client *client, const struct behalf_read *read,
                    const char *session, struct behalf_reply **reply, struct behalf_error *error)
{
    const struct client_member members[2] = {{"session", session}, {"session", NULL}};

    return call_list(client, "sessions.read", members, NULL, read, reply, error);
}

enum behalf_status
behalf_session_list(struct behalf_client *client, const struct behalf_read *read,
                    const char *principal, const char *agent, const struct behalf_page *page,
                    struct behalf_reply **reply, struct behalf_error *error)
{
    const struct client_member members[2] = {{"principal", principal}, {"agent", agent}};

    return call_list(client, "sessions.list", members, page, read, reply, error);
}

/* --- grants --- */

enum behalf_status
behalf_grant_create(struct behalf_client *client, const struct behalf_root_grant *grant,
                    const struct behalf_write *write, struct behalf_made *made,
                    struct behalf_error *error)
{
    struct behalf_writer *writer = behalf_writer_new();
    enum behalf_status status = BEHALF_SUCCESS;
    struct behalf_reply *reply;

    if (writer != NULL) {
        struct client_map map = client_map_begin(writer);

        status = write_root_grant(&map, grant, error);
        if (status == BEHALF_SUCCESS)
            status = client_map_write(&map, write, error);
        client_map_end(&map);
    }
    status = client_call_with(client, "grants.create", writer, status, &reply, error);
    if (status != BEHALF_SUCCESS)
        return status;
    return finish_made(reply, "grants.create", "grant", made, error);
}

enum behalf_status
behalf_grant_delegate(struct behalf_client *client, const struct behalf_delegated_grant *grant,
                      const struct behalf_write *write, struct behalf_made *made,
                      struct behalf_error *error)
{
    struct behalf_writer *writer = behalf_writer_new();
    enum behalf_status status = BEHALF_SUCCESS;
    struct behalf_reply *reply;

    if (writer != NULL) {
        struct client_map map = client_map_begin(writer);

        client_map_text(&map, "parent", grant->parent);
        client_map_text(&map, "actor", grant->actor);
        client_map_text(&map, "delegatee", grant->delegatee);
        status = write_terms(&map, &grant->terms, error);
        if (status == BEHALF_SUCCESS)
            status = client_map_write(&map, write, error);
        client_map_end(&map);
    }
    status = client_call_with(client, "grants.delegate", writer, status, &reply, error);
    if (status != BEHALF_SUCCESS)
        return status;
    return finish_made(reply, "grants.delegate", "grant", made, error);
}

enum behalf_status
behalf_grant_revoke(struct behalf_client *client, const char *grant, const char *reason,
                    const struct behalf_write *write, char *written_at, struct behalf_error *error)
{
    const struct client_member members[] = {{"grant", grant}, {"reason", reason}};

    return call_texts(client, "grants.revoke", members, BEHALF_COUNT_OF(members), false, write,
                      written_at, error);
}

enum behalf_status
behalf_grant_read(struct behalf_client *client, const struct behalf_read *read, const char *grant,
                  struct behalf_reply **reply, struct behalf_error *error)
{
    const struct client_member members[2] = {{"grant", grant}, {"grant", NULL}};

    return call_list(client, "grants.read", members, NULL, read, reply, error);
}

enum behalf_status
behalf_grant_list(struct behalf_client *client, const struct behalf_read *read, const char *session,
                  const char *agent, const struct behalf_page *page, struct behalf_reply **reply,
                  struct behalf_error *error)
{
    const struct client_member members[2] = {{"session", session}, {"agent", agent}};

    return call_list(client, "grants.list", members, page, read, reply, error);
}

/* --- access requests --- */

static void
write_requested(struct client_map *map, const struct behalf_requested *requested)
{
    struct client_map one;

    if (requested->until == NULL && requested->uses == 0 && requested->bind.method == NULL &&
        requested->bind.digest == NULL && requested->tool_count == 0)
        return;
    client_map_key(map, "requested");
    one = client_map_begin(map->writer);
    client_map_text(&one, "until", requested->until);
    client_map_uint(&one, "uses", requested->uses);
    write_bind(&one, &requested->bind);
    write_tools(&one, requested->tools, requested->tool_count);
    client_map_end(&one);
}

enum behalf_status
behalf_request_create(struct behalf_client *client, const struct behalf_new_request *request,
                      const struct behalf_write *write, struct behalf_made *made,
                      struct behalf_error *error)
{
    struct behalf_writer *writer;
    enum behalf_status status = BEHALF_SUCCESS;
    struct behalf_reply *reply;

    if (request->requested.tool_count > UINT32_MAX)
        return client_error_set(error, BEHALF_FAILED_USAGE, "cannot ask: too many elements");
    writer = behalf_writer_new();
    if (writer != NULL) {
        struct client_map map = client_map_begin(writer);

        client_map_text(&map, "principal", request->principal);
        client_map_text(&map, "agent", request->agent);
        client_map_text(&map, "resource", request->resource);
        client_map_text(&map, "permission", request->permission);
        client_map_text(&map, "denial", request->denial);
        write_requested(&map, &request->requested);
        client_map_text(&map, "justification", request->justification);
        client_map_text(&map, "expires_at", request->expires_at);
        client_map_uint(&map, "expires_in_s", request->expires_in_s);
        status = client_map_write(&map, write, error);
        client_map_end(&map);
    }
    status = client_call_with(client, "requests.create", writer, status, &reply, error);
    if (status != BEHALF_SUCCESS)
        return status;
    return finish_made(reply, "requests.create", "request", made, error);
}

enum behalf_status
behalf_request_approve(struct behalf_client *client, const struct behalf_request_approval *approval,
                       const struct behalf_write *write, struct behalf_made *made,
                       struct behalf_error *error)
{
    struct behalf_writer *writer = behalf_writer_new();
    enum behalf_status status = BEHALF_SUCCESS;
    struct behalf_reply *reply;

    if (writer != NULL) {
        struct client_map map = client_map_begin(writer);

        client_map_text(&map, "request", approval->request);
        client_map_text(&map, "session", approval->session);
        client_map_text(&map, "approver", approval->approver);
        client_map_text(&map, "channel", approval->channel);
        status = client_map_json(&map, "evidence", approval->evidence, error);
        if (status == BEHALF_SUCCESS)
            status = write_terms(&map, &approval->terms, error);
        if (status == BEHALF_SUCCESS)
            status = client_map_write(&map, write, error);
        client_map_end(&map);
    }
    status = client_call_with(client, "requests.approve", writer, status, &reply, error);
    if (status != BEHALF_SUCCESS)
        return status;
    return finish_made(reply, "requests.approve", "grant", made, error);
}

static enum behalf_status
close_request(struct behalf_client *client, const char *method, const char *request,
              const char *approver, const char *reason, const struct behalf_write *write,
              char *written_at, struct behalf_error *error)
{
    const struct client_member members[] = {
        {"request", request}, {"approver", approver}, {"reason", reason}};

    return call_texts(client, method, members, BEHALF_COUNT_OF(members), false, write, written_at,
                      error);
}

enum behalf_status
behalf_request_deny(struct behalf_client *client, const char *request, const char *approver,
                    const char *reason, const struct behalf_write *write, char *written_at,
                    struct behalf_error *error)
{
    return close_request(client, "requests.deny", request, approver, reason, write, written_at,
                         error);
}

enum behalf_status
behalf_request_cancel(struct behalf_client *client, const char *request, const char *approver,
                      const char *reason, const struct behalf_write *write, char *written_at,
                      struct behalf_error *error)
{
    return close_request(client, "requests.cancel", request, approver, reason, write, written_at,
                         error);
}

enum behalf_status
behalf_request_read(struct behalf_client *client, const struct behalf_read *read,
                    const char *request, struct behalf_reply **reply, struct behalf_error *error)
{
    const struct client_member members[2] = {{"request", request}, {"request", NULL}};

    return call_list(client, "requests.read", members, NULL, read, reply, error);
}

enum behalf_status
behalf_request_list(struct behalf_client *client, const struct behalf_read *read,
                    const char *principal, const char *status, const struct behalf_page *page,
                    struct behalf_reply **reply, struct behalf_error *error)
{
    const struct client_member members[2] = {{"principal", principal}, {"status", status}};

    return call_list(client, "requests.list", members, page, read, reply, error);
}

/* --- stops --- */

static enum behalf_status
order_stop(struct behalf_client *client, const char *method, const struct behalf_stop *stop,
           const char *reason, const struct behalf_write *write, char *written_at,
           struct behalf_error *error)
{
    const struct client_member members[] = {{"agent", stop->agent},
                                            {"client", stop->client},
                                            {"principal", stop->principal},
                                            {"reason", reason}};

    return call_texts(client, method, members, BEHALF_COUNT_OF(members), stop->everything, write,
                      written_at, error);
}

enum behalf_status
behalf_agent_kill(struct behalf_client *client, const struct behalf_stop *stop, const char *reason,
                  const struct behalf_write *write, char *written_at, struct behalf_error *error)
{
    return order_stop(client, "agents.kill", stop, reason, write, written_at, error);
}

enum behalf_status
behalf_agent_restore(struct behalf_client *client, const struct behalf_stop *stop,
                     const char *reason, const struct behalf_write *write, char *written_at,
                     struct behalf_error *error)
{
    return order_stop(client, "agents.restore", stop, reason, write, written_at, error);
}

enum behalf_status
behalf_agent_stopped(struct behalf_client *client, const struct behalf_read *read,
                     struct behalf_reply **reply, struct behalf_error *error)
{
    const struct client_member members[2] = {{"agent", NULL}, {"client", NULL}};

    return call_list(client, "agents.stopped", members, NULL, read, reply, error);
}

enum behalf_status
behalf_agent_audit(struct behalf_client *client, const struct behalf_read *read,
                   const char *const *types, size_t type_count, const struct behalf_page *page,
                   struct behalf_reply **reply, struct behalf_error *error)
{
    struct behalf_writer *writer;

    if (type_count > UINT32_MAX)
        return client_error_set(error, BEHALF_FAILED_USAGE, "cannot audit: too many types");
    writer = behalf_writer_new();
    if (writer != NULL) {
        struct client_map map = client_map_begin(writer);

        if (type_count > 0) {
            client_map_key(&map, "types");
            behalf_write_array(writer, (uint32_t)type_count);
        }
        for (size_t index = 0; index < type_count; index++)
            behalf_write_text(writer, types[index]);
        client_map_page(&map, page);
        client_map_read(&map, read);
        client_map_end(&map);
    }
    return client_call_with(client, "agents.audit", writer, BEHALF_SUCCESS, reply, error);
}
