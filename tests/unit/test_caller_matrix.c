/* The matrix of methods, roles and bound keys, written down a second time, and what a caller's key
 * says of actors, scopes and the clock, by calls as they come over the wire. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "client/behalf.h"
#include "net/caller.h"
#include "net/denial.h"
#include "net/dispatch.h"
#include "storage/store.h"

static struct engine *engine;
static struct store *store;
static struct engine_worker *worker;
static struct arena arena;

static void
set_up(void)
{
    struct store_options store_options = {.env = env_system()};
    struct engine_options options = {
        .env = env_system(), .workers = 1, .sweep_every_ns = ENGINE_SWEEP_NEVER};

    arena_init(&arena, LIMIT_CHECK_ARENA);
    cr_assert_eq(store_open(&store_options, &store, NULL), BEHALF_OK);
    options.store = store;
    cr_assert_eq(engine_open(&options, &engine, NULL), BEHALF_OK);
    worker = engine_worker_new(engine, true);
}

static void
tear_down(void)
{
    engine_worker_free(worker);
    engine_close(engine);
    store_close(store);
    arena_release(&arena);
}

TestSuite(caller_matrix, .init = set_up, .fini = tear_down);

#define C "check "
#define D "delegated "
#define G "grants "
#define R "read "
#define W "write "
#define A "agent "
#define EVERY "check delegated properties agent grants read write schema audit "

/* Roles beside admin, which may call all. */
static const struct {
    const char *method;
    const char *roles;
} rows[] = {
    {"check", C D},
    {"ping", EVERY},
    {"check_bulk", C D},
    {"filter_resources", C D},
    {"expand", R},
    {"lookup_resources", D R},
    {"lookup_subjects", R},
    {"lookup_permissions", C D R},
    {"relationships.read", R W},
    {"relationships.history", R},
    {"relationships.write", W},
    {"relationships.delete", W},
    {"attributes.read", R W},
    {"attributes.write", W},
    {"grants.read", C D A G R},
    {"grants.list", A G R},
    {"grants.create", G},
    {"grants.delegate", A G},
    {"grants.revoke", A G},
    {"requests.read", C D A G R},
    {"requests.list", G R},
    {"requests.create", C D A G},
    {"requests.approve", G},
    {"requests.deny", G},
    {"requests.cancel", C D G},
    {"sessions.read", C D G R},
    {"sessions.list", G R},
    {"sessions.create", G},
    {"sessions.suspend", G},
    {"sessions.resume", G},
    {"sessions.revoke", G},
    {"agents.kill", G},
    {"agents.restore", ""},
    {"agents.stopped", R},
    {"agents.audit", R},
    {"watch", R},
    {"watch.credit", R},
    {"watch.end", R},
    {"audit.append", D G},
    {"audit.read", "audit "},
    {"audit.checkpoint", "audit "},
    {"audit.proof", "audit "},
    {"audit.verify", "audit "},
    {"audit.explain", "audit "},
    {"audit.replay", "audit "},
    {"schema.read", R},
    {"schema.write", "schema "},
    {"auth", EVERY},
    {"server.info", EVERY},
    {"server.stats", R},
    {"server.clock", R},
};

static const char *
roles_of(const char *method)
{
    for (size_t at = 0; at < BEHALF_COUNT_OF(rows); at++)
        if (strcmp(rows[at].method, method) == 0)
            return rows[at].roles;
    cr_assert_fail("%s has no row in the matrix", method);
    return "";
}

static bool
is_listed(const char *roles, const char *role)
{
    char word[32];

    (void)snprintf(word, sizeof word, "%s ", role);
    return strstr(roles, word) != NULL;
}

/* The reply's reason, or "" when the call was admitted and gave a result or went elsewhere. */
static const char *
ask(const struct key *key, struct behalf_writer *writer)
{
    static const char *const reasons[] = {"ROLE_REQUIRED",     "UNKNOWN_KEY", "NO_SCHEMA",
                                          "MALFORMED_REQUEST", "OVERLOADED",  "UNKNOWN_RECORD",
                                          "DENIAL_INVALID"};
    const struct server_memory memory = {.limit = 512, .graph = 256, .rest = 256};
    struct caller login = {.keys = NULL, .key = &key_of_all};
    const struct method_context context = {.engine = engine,
                                           .worker = worker,
                                           .arena = &arena,
                                           .caller = key,
                                           .logs_in = &login,
                                           .memory = &memory};
    struct engine_write write = {.caller = {NULL, 0}};
    struct request request;
    struct buffer out;
    struct slice frame;
    const char *reason = "";
    enum dispatch_outcome outcome;
    bool prepared = true;

    frame.data = (const char *)behalf_writer_bytes(writer, &frame.size);
    buffer_init(&out);
    outcome = dispatch_frame(&context, frame, &request, &out);
    if (outcome == DISPATCH_POOL)
        (void)dispatch_run(&context, &request, &out);
    else if (outcome == DISPATCH_WRITE)
        prepared = dispatch_prepare(&context, &request, &write, &out);
    cr_expect(prepared || out.size > 0);
    for (size_t at = 0; at < BEHALF_COUNT_OF(reasons); at++)
        if (out.size > 0 && memmem(out.data, out.size, reasons[at], strlen(reasons[at])) != NULL)
            reason = reasons[at];
    buffer_release(&out);
    arena_reset(&arena, LIMIT_CHECK_ARENA);
    behalf_writer_free(writer);
    return reason;
}

static struct behalf_writer *
begin(const char *method, uint32_t arguments)
{
    struct behalf_writer *writer = behalf_writer_new();

    behalf_write_array(writer, 4);
    behalf_write_uint(writer, 0);
    behalf_write_uint(writer, 7);
    behalf_write_text(writer, method);
    behalf_write_array(writer, 1);
    behalf_write_map(writer, arguments);
    return writer;
}

static void
put(struct behalf_writer *writer, const char *name, const char *value)
{
    behalf_write_text(writer, name);
    behalf_write_text(writer, value);
}

static const struct object bot = {.type = {"agent", 5}, .id = {"bot", 3}};

Test(caller_matrix, each_method_is_for_its_roles)
{
    size_t count = 0;
    const struct method *methods = method_table(&count);

    cr_expect_eq(count, BEHALF_COUNT_OF(rows));
    for (size_t at = 0; at < count; at++) {
        const char *roles = roles_of(methods[at].name);

        for (unsigned role = 1; role < ROLE_ANY; role <<= 1) {
            const struct key key = {.name = "k", .roles = role};
            bool may = role == ROLE_ADMIN || is_listed(roles, role_name((enum role)role));
            struct behalf_writer *call = begin(methods[at].name, 1);
            bool refused;

            put(call, "nothing",
                "x"); /* what is admitted ends there: no streams without a connection */
            refused = strcmp(ask(&key, call), "ROLE_REQUIRED") == 0;
            cr_expect_eq(refused, !may, "%s by %s", methods[at].name, role_name((enum role)role));
        }
    }
}

Test(caller_matrix, roles_add_up)
{
    size_t count = 0;
    const struct method *methods = method_table(&count);

    for (size_t at = 0; at < count; at++)
        for (unsigned one = 1; one < ROLE_ADMIN; one <<= 1)
            for (unsigned other = one; other < ROLE_ADMIN; other <<= 1) {
                const struct key key = {.name = "k", .roles = one | other};
                const char *roles = roles_of(methods[at].name);
                bool may = is_listed(roles, role_name((enum role)one)) ||
                           is_listed(roles, role_name((enum role)other));
                struct error error;

                cr_expect_eq(caller_admit(&key, &methods[at], 0, &error) == BEHALF_OK, may);
            }
}

Test(caller_matrix, a_bound_key_may_call_what_its_roles_may)
{
    size_t count = 0;
    const struct method *methods = method_table(&count);
    static const enum role bound[] = {ROLE_CHECK, ROLE_DELEGATED, ROLE_AGENT};

    for (size_t at = 0; at < count; at++)
        for (size_t which = 0; which < BEHALF_COUNT_OF(bound); which++) {
            const struct key key = {
                .name = "k", .roles = bound[which], .is_bound = true, .actor = bot};
            struct error error;

            cr_expect_eq(caller_admit(&key, &methods[at], 0, &error) == BEHALF_OK,
                         is_listed(roles_of(methods[at].name), role_name(bound[which])));
        }
}

Test(caller_matrix, nobody_may_log_in_and_ping)
{
    size_t count = 0;
    const struct method *methods = method_table(&count);

    for (size_t at = 0; at < count; at++) {
        bool may = strcmp(methods[at].name, "auth") == 0 || strcmp(methods[at].name, "ping") == 0;
        const char *reason = ask(&key_of_nobody, begin(methods[at].name, 0));

        cr_expect_eq(strcmp(reason, "UNKNOWN_KEY") == 0, !may, "%s: %s", methods[at].name, reason);
    }
}

/* --- actors --- */

static struct behalf_writer *
decision(const char *method, const char *actor)
{
    struct behalf_writer *writer;

    if (strcmp(method, "check_bulk") == 0) {
        writer = begin(method, 1);
        behalf_write_text(writer, "items");
        behalf_write_array(writer, 2);
        behalf_write_map(writer, 4);
        put(writer, "resource", "document:a");
        put(writer, "permission", "view");
        put(writer, "subject", "user:ann");
        put(writer, "actor", "agent:bot");
        behalf_write_map(writer, actor != NULL ? 4 : 3);
    } else {
        writer = begin(method, (strcmp(method, "lookup_permissions") == 0 ? 2U : 3U) +
                                   (actor != NULL ? 1U : 0U));
    }
    if (strcmp(method, "lookup_resources") == 0) {
        put(writer, "resource_type", "document");
    } else if (strcmp(method, "filter_resources") == 0) {
        behalf_write_text(writer, "resources");
        behalf_write_array(writer, 1);
        behalf_write_text(writer, "document:a");
    } else {
        put(writer, "resource", "document:a");
    }
    if (strcmp(method, "lookup_permissions") != 0)
        put(writer, "permission", "view");
    put(writer, "subject", "user:ann");
    if (actor != NULL)
        put(writer, "actor", actor);
    return writer;
}

static const char *const decisions[] = {"check", "check_bulk", "filter_resources",
                                        "lookup_resources", "lookup_permissions"};

Test(caller_matrix, the_role_delegated_needs_an_actor)
{
    const struct key key = {.name = "gateway", .roles = ROLE_DELEGATED | ROLE_PROPERTIES};

    for (size_t at = 0; at < BEHALF_COUNT_OF(decisions); at++) {
        cr_expect_str_eq(ask(&key, decision(decisions[at], NULL)), "ROLE_REQUIRED", "%s",
                         decisions[at]);
        cr_expect_str_eq(ask(&key, decision(decisions[at], "agent:any")), "NO_SCHEMA", "%s",
                         decisions[at]);
    }
}

Test(caller_matrix, another_role_beside_it_allows_what_it_allows)
{
    const struct key reader = {.name = "k", .roles = ROLE_DELEGATED | ROLE_READ};
    const struct key admin = {.name = "k", .roles = ROLE_DELEGATED | ROLE_ADMIN};
    const struct key asker = {.name = "k", .roles = ROLE_CHECK};

    cr_expect_str_eq(ask(&reader, decision("lookup_resources", NULL)), "NO_SCHEMA");
    cr_expect_str_eq(ask(&reader, decision("lookup_permissions", NULL)), "NO_SCHEMA");
    cr_expect_str_eq(ask(&reader, decision("check", NULL)), "ROLE_REQUIRED");
    cr_expect_str_eq(ask(&admin, decision("check", NULL)), "NO_SCHEMA");
    cr_expect_str_eq(ask(&asker, decision("check", NULL)), "NO_SCHEMA");
    cr_expect_str_eq(ask(&asker, decision("lookup_permissions", NULL)), "NO_SCHEMA");
}

Test(caller_matrix, a_bound_key_asks_for_its_own_agent)
{
    static const enum role roles[] = {ROLE_CHECK, ROLE_DELEGATED};

    for (size_t which = 0; which < BEHALF_COUNT_OF(roles); which++)
        for (size_t at = 0; at < BEHALF_COUNT_OF(decisions); at++) {
            const struct key key = {
                .name = "k", .roles = roles[which], .is_bound = true, .actor = bot};

            cr_expect_str_eq(ask(&key, decision(decisions[at], NULL)), "ROLE_REQUIRED");
            cr_expect_str_eq(ask(&key, decision(decisions[at], "agent:other")), "ROLE_REQUIRED");
            cr_expect_str_neq(ask(&key, decision(decisions[at], "agent:bot#x")), "NO_SCHEMA");
            cr_expect_str_eq(ask(&key, decision(decisions[at], "user:bot")), "ROLE_REQUIRED");
            if (is_listed(roles_of(decisions[at]), role_name(roles[which])))
                cr_expect_str_eq(ask(&key, decision(decisions[at], "agent:bot")), "NO_SCHEMA", "%s",
                                 decisions[at]);
        }
}

Test(caller_matrix, the_last_actor_of_a_chain_is_the_bound_one)
{
    const struct key key = {.name = "k", .roles = ROLE_CHECK, .is_bound = true, .actor = bot};
    const struct object other = {.type = {"agent", 5}, .id = {"other", 5}};
    struct error error;

    cr_expect_eq(caller_check_actors(&key, ROLE_CHECK, (struct object[]){other, bot}, 2, &error),
                 BEHALF_OK);
    cr_expect_eq(caller_check_actors(&key, ROLE_CHECK, (struct object[]){bot, other}, 2, &error),
                 BEHALF_ROLE_REQUIRED);
}

static struct behalf_writer *
delegation(const char *actor)
{
    struct behalf_writer *writer = begin("grants.delegate", 4);

    put(writer, "parent", "gr_00000000000000000000000000");
    put(writer, "actor", actor);
    put(writer, "delegatee", "agent:helper");
    behalf_write_text(writer, "scope");
    behalf_write_array(writer, 1);
    behalf_write_map(writer, 2);
    put(writer, "selector", "document:*");
    behalf_write_text(writer, "actions");
    behalf_write_array(writer, 1);
    behalf_write_text(writer, "view");
    return writer;
}

Test(caller_matrix, an_agent_passes_on_its_own_grants)
{
    const struct key key = {.name = "k", .roles = ROLE_AGENT, .is_bound = true, .actor = bot};
    const struct key consent = {.name = "k", .roles = ROLE_GRANTS};

    cr_expect_str_eq(ask(&key, delegation("agent:bot")), "");
    cr_expect_str_eq(ask(&key, delegation("agent:other")), "ROLE_REQUIRED");
    cr_expect_str_eq(ask(&consent, delegation("agent:other")), "");
}

/* --- what only some may --- */

static struct behalf_writer *
question_of(const char *agent)
{
    struct behalf_writer *writer = begin("requests.create", 4);

    put(writer, "principal", "user:ann");
    put(writer, "agent", agent);
    put(writer, "resource", "document:d1");
    put(writer, "permission", "edit");
    return writer;
}

Test(caller_matrix, a_bound_key_asks_principals_for_itself_alone)
{
    static const enum role roles[] = {ROLE_AGENT, ROLE_CHECK, ROLE_DELEGATED};
    const struct key unbound = {.name = "k", .roles = ROLE_CHECK};

    for (size_t at = 0; at < BEHALF_COUNT_OF(roles); at++) {
        const struct key key = {.name = "k", .roles = roles[at], .is_bound = true, .actor = bot};

        cr_expect_str_eq(ask(&key, question_of("agent:bot")), "");
        cr_expect_str_eq(ask(&key, question_of("agent:other")), "ROLE_REQUIRED");
    }
    cr_expect_str_eq(ask(&unbound, question_of("agent:other")), "");
}

/* The words of a denial over AuthZEN that asked for the same. */
static struct behalf_writer *
answer_to_denial(const char *caller, const char *resource)
{
    const struct authzen_words words = {
        .subject = {.type = SLICE_LITERAL("user"), .id = SLICE_LITERAL("ann")},
        .resource = {.type = SLICE_LITERAL("document"), .id = slice_of(resource)},
        .action = SLICE_LITERAL("edit"),
    };
    struct engine_denial denial = {.decision = {{7}}, .ends = 1};
    struct engine_token sealed;
    struct behalf_writer *writer = begin("requests.create", 5);

    denial_digest(slice_of(caller), &bot, 1, &words, denial.words);
    engine_denial_seal(engine, &denial, &sealed);
    put(writer, "principal", "user:ann");
    put(writer, "agent", "agent:bot");
    put(writer, "resource", "document:d1");
    put(writer, "permission", "edit");
    put(writer, "denial", sealed.text);
    return writer;
}

Test(caller_matrix, a_denial_fits_the_words_and_the_caller_of_a_request)
{
    const struct key key = {.name = "k", .roles = ROLE_CHECK};
    struct behalf_writer *writer = begin("requests.create", 5);

    cr_expect_str_eq(ask(&key, answer_to_denial("k", "d1")), "");
    cr_expect_str_eq(ask(&key, answer_to_denial("k", "d2")), "DENIAL_INVALID");
    cr_expect_str_eq(ask(&key, answer_to_denial("other", "d1")), "DENIAL_INVALID");
    put(writer, "principal", "user:ann");
    put(writer, "agent", "agent:bot");
    put(writer, "resource", "document:d1");
    put(writer, "permission", "edit");
    put(writer, "denial", "dec_00000000000000000000000000");
    cr_expect_str_eq(ask(&key, writer), "DENIAL_INVALID");
}

Test(caller_matrix, an_action_on_the_clock_needs_an_admin)
{
    const struct key reader = {.name = "k", .roles = ROLE_READ};
    const struct key admin = {.name = "k", .roles = ROLE_ADMIN};
    static const char *const actions[] = {"confirm", "reject"};

    cr_expect_str_eq(ask(&reader, begin("server.clock", 0)), "");
    for (size_t at = 0; at < BEHALF_COUNT_OF(actions); at++) {
        struct behalf_writer *writer = begin("server.clock", 1);

        put(writer, "action", actions[at]);
        cr_expect_str_eq(ask(&reader, writer), "ROLE_REQUIRED");
        writer = begin("server.clock", 1);
        put(writer, "action", actions[at]);
        cr_expect_str_eq(ask(&admin, writer), "");
    }
}

static struct behalf_writer *
update(const char *relationship, const char *precondition)
{
    struct behalf_writer *writer = begin("relationships.write", precondition != NULL ? 2 : 1);

    behalf_write_text(writer, "updates");
    behalf_write_array(writer, 1);
    behalf_write_map(writer, 2);
    put(writer, "op", "touch");
    put(writer, "relationship", relationship);
    if (precondition == NULL)
        return writer;
    behalf_write_text(writer, "preconditions");
    behalf_write_array(writer, 1);
    behalf_write_map(writer, 2);
    put(writer, "must", "match");
    behalf_write_text(writer, "filter");
    behalf_write_map(writer, 1);
    put(writer, "resource_type", precondition);
    return writer;
}

static struct behalf_writer *
removal(const char *name, const char *value, const char *relation)
{
    struct behalf_writer *writer = begin("relationships.delete", 1);

    behalf_write_text(writer, "filter");
    behalf_write_map(writer, relation != NULL ? 2 : 1);
    put(writer, name, value);
    if (relation != NULL)
        put(writer, "relation", relation);
    return writer;
}

Test(caller_matrix, a_scope_bounds_updates_filters_and_preconditions)
{
    static const struct key_scope scopes[] = {{{"document", 8}, {NULL, 0}},
                                              {{"folder", 6}, {"viewer", 6}}};
    const struct key key = {.name = "k", .roles = ROLE_WRITE, .scopes = scopes, .scope_count = 2};

    cr_expect_str_eq(ask(&key, update("document:a#owner@user:ann", NULL)), "");
    cr_expect_str_eq(ask(&key, update("folder:a#viewer@user:ann", NULL)), "");
    cr_expect_str_eq(ask(&key, update("folder:a#owner@user:ann", NULL)), "ROLE_REQUIRED");
    cr_expect_str_eq(ask(&key, update("team:a#owner@user:ann", NULL)), "ROLE_REQUIRED");
    cr_expect_str_eq(ask(&key, update("document:a#owner@user:ann", "document")), "");
    cr_expect_str_eq(ask(&key, update("document:a#owner@user:ann", "folder")), "ROLE_REQUIRED");
    cr_expect_str_eq(ask(&key, update("document:a#owner@user:ann", "team")), "ROLE_REQUIRED");
    cr_expect_str_eq(ask(&key, removal("resource_type", "document", NULL)), "");
    cr_expect_str_eq(ask(&key, removal("resource_type", "folder", "viewer")), "");
    cr_expect_str_eq(ask(&key, removal("resource_type", "folder", NULL)), "ROLE_REQUIRED");
    cr_expect_str_eq(ask(&key, removal("relation", "viewer", NULL)), "ROLE_REQUIRED");
}
