/* test_authzen_admit.c - AZ-4 and AZ-5: paths, methods, fields and keys, before the body. */
#include "net/authzen_admit.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/digest.h"

#define FIELDS_MAX 8

static struct authzen_config config;
static struct keys *keys;
static char path[] = "/tmp/test-authzen-keys-XXXXXX";
static struct http_field fields[FIELDS_MAX];
static struct http_request request;
static struct authzen_admission admission;
static struct authzen_reply reply;

static void
write_key(FILE *file, const char *name, const char *rest)
{
    uint8_t digest[DIGEST_SIZE];
    char secret[64];
    struct slice part;

    (void)snprintf(secret, sizeof secret, "%s-key", name);
    part = slice_of(secret);
    digest_sha256(&part, 1, digest);
    (void)fprintf(file, "%s ", name);
    for (size_t index = 0; index < DIGEST_SIZE; index++)
        (void)fprintf(file, "%02x", digest[index]);
    (void)fprintf(file, " %s\n", rest);
}

static void
open_keys(void)
{
    int descriptor = mkstemp(path);
    FILE *file = fdopen(descriptor, "w");
    struct error error;

    cr_assert_not_null(file);
    write_key(file, "check", "check");
    write_key(file, "delegated", "delegated");
    write_key(file, "read", "read");
    write_key(file, "write", "write");
    write_key(file, "admin", "admin");
    write_key(file, "grants", "grants");
    write_key(file, "agent", "agent actor=agent:bot");
    write_key(file, "slow", "check requests=1/s");
    cr_assert_eq(fclose(file), 0);
    cr_assert_eq(chmod(path, 0600), 0);
    cr_assert_eq(keys_open(path, &keys, &error), BEHALF_OK, "%s", error.message);
    cr_assert_eq(unlink(path), 0);
}

static void
begin(void)
{
    struct error error;

    cr_assert_eq(authzen_config_read(
                     SLICE_LITERAL("{\"policy_decision_point\":\"https://pdp.example.com\"}"),
                     &config, &error),
                 BEHALF_OK);
    authzen_reply_init(&reply);
    request = (struct http_request){
        .method = HTTP_POST, .path = SLICE_LITERAL("/access/v1/evaluation"), .fields = fields};
}

static void
end(void)
{
    authzen_reply_release(&reply);
    authzen_config_close(&config);
    keys_close(keys);
}

TestSuite(authzen_admit, .init = begin, .fini = end);

static void
add_field(const char *name, const char *value)
{
    cr_assert_lt(request.field_count, (size_t)FIELDS_MAX);
    fields[request.field_count++] = (struct http_field){slice_of(name), slice_of(value)};
}

#define JSON "application/json"

/* "200" with its caller's name in parentheses, or the refusal. The fields are used up. */
static const char *
admit(int64_t now_ns)
{
    static char text[256];

    authzen_reply_release(&reply);
    authzen_reply_init(&reply);
    if (authzen_admit(&config, keys, &request, now_ns, &admission, &reply)) {
        (void)snprintf(text, sizeof text, "200 (%s)",
                       admission.caller != NULL ? admission.caller->name : "nobody");
        key_release(admission.caller);
    } else {
        cr_expect_null(admission.caller);
        (void)snprintf(text, sizeof text, "%u %.*s", reply.status, (int)reply.body.size - 1,
                       reply.body.data);
    }
    request.field_count = 0;
    return text;
}

static const char *
post(const char *name, const char *value)
{
    add_field("Content-Type", JSON);
    add_field(name, value);
    return admit(1);
}

/* --- paths and methods --- */

Test(authzen_admit, only_the_paths_of_the_api_are_there)
{
    static const char *const wrong[] = {"/access/v1/",
                                        "/access/v1/evaluation/",
                                        "/access/v1/other",
                                        "/access/v1/Evaluation",
                                        "/access/v1/evaluation%20",
                                        "/access/v1/requests",
                                        "/.well-known/authzen-configuration/x"};
    static const char *const good[] = {"/access/v1/evaluation", "/access/v1/evaluations",
                                       "/access/v1/search/subject", "/access/v1/search/resource",
                                       "/access/v1/search/action"};

    for (size_t index = 0; index < BEHALF_COUNT_OF(wrong); index++) {
        request.path = slice_of(wrong[index]);
        cr_expect_str_eq(post("Accept", "*/*"), "404 there is nothing at this path", "%s",
                         wrong[index]);
    }
    for (size_t index = 0; index < BEHALF_COUNT_OF(good); index++) {
        request.path = slice_of(good[index]);
        cr_expect_str_eq(post("Accept", "*/*"), "200 ()", "%s", good[index]);
        cr_expect_eq(admission.target.endpoint, (enum authzen_endpoint)index);
    }
}

Test(authzen_admit, each_path_has_its_method)
{
    static const enum http_method others[] = {HTTP_GET, HTTP_HEAD, HTTP_DELETE, HTTP_OPTIONS};

    for (size_t index = 0; index < BEHALF_COUNT_OF(others); index++) {
        request.method = others[index];
        cr_expect_str_eq(post("Accept", "*/*"), "405 here only POST is answered");
        cr_expect_str_eq(reply.allow, "POST");
    }
    request.path = SLICE_LITERAL("/.well-known/authzen-configuration");
    for (size_t index = 0; index < 2; index++) {
        request.method = others[index];
        cr_expect_str_eq(admit(1), "200 (nobody)");
    }
    request.method = HTTP_POST;
    cr_expect_str_eq(post("Accept", "*/*"), "405 here only GET, HEAD is answered");
}

/* --- fields --- */

Test(authzen_admit, a_body_is_application_json)
{
    static const char *const good[] = {"application/json", "Application/JSON",
                                       "application/json; charset=utf-8", "application/json;x=y",
                                       "application/json ; a=b"};
    static const char *const wrong[] = {"",
                                        "text/plain",
                                        "application/jsonx",
                                        "application/json2",
                                        "application/json charset=utf-8",
                                        "; application/json",
                                        "text/json",
                                        "application/problem+json"};

    for (size_t index = 0; index < BEHALF_COUNT_OF(good); index++) {
        add_field("content-type", good[index]);
        cr_expect_str_eq(admit(1), "200 ()", "%s", good[index]);
    }
    for (size_t index = 0; index < BEHALF_COUNT_OF(wrong); index++) {
        add_field("Content-Type", wrong[index]);
        cr_expect_str_eq(admit(1), "400 Content-Type must be application/json", "%s", wrong[index]);
    }
    cr_expect_str_eq(admit(1), "400 Content-Type must be application/json");
}

Test(authzen_admit, a_request_id_is_visible_ascii)
{
    char id[258];

    cr_expect_str_eq(post("X-Request-ID", "a~!"), "200 ()");
    cr_expect(slice_equal(admission.request_id, SLICE_LITERAL("a~!")));
    for (int size = 255; size <= 257; size++) {
        memset(id, 'x', (size_t)size);
        id[size] = '\0';
        cr_expect_str_eq(post("x-request-id", id),
                         size <= 256
                             ? "200 ()"
                             : "400 X-Request-ID must have 1 to 256 visible ASCII characters");
    }
    cr_expect_eq(*post("X-Request-ID", ""), '4');
    cr_expect_eq(*post("X-Request-ID", "a b"), '4');
    cr_expect_eq(*post("X-Request-ID", "a\xC3\xA9"), '4');
    cr_expect_eq(admission.request_id.size, 0, "one that is not good is not sent back");
}

/* So that no error is without it. */
Test(authzen_admit, the_request_id_is_known_before_anything_else_is_refused)
{
    request.path = SLICE_LITERAL("/access/v1/other");
    cr_expect_eq(*post("X-Request-ID", "r1"), '4');
    cr_expect(slice_equal(admission.request_id, SLICE_LITERAL("r1")));
}

Test(authzen_admit, what_may_stand_once_does)
{
    static const char *const once[] = {"X-Request-ID", "Idempotency-Key", "Content-Type"};
    char words[64];

    for (size_t index = 0; index < BEHALF_COUNT_OF(once); index++) {
        add_field(once[index], JSON);
        (void)snprintf(words, sizeof words, "400 the field %s stands twice", once[index]);
        cr_expect_str_eq(post(once[index], JSON), words);
    }
}

Test(authzen_admit, fields_of_a_reply)
{
    struct http_field sent[AUTHZEN_FIELDS_MAX];
    struct buffer scratch;
    size_t count;

    buffer_init(&scratch);
    authzen_refuse(&reply, 401, "no");
    reply.retry_after_s = 7;
    reply.allow = "POST";
    count = authzen_reply_fields(&reply, SLICE_LITERAL("r1"), sent, &scratch);
    cr_assert_eq(count, 4);
    cr_expect(slice_equal(sent[0].name, SLICE_LITERAL("X-Request-ID")) &&
              slice_equal(sent[0].value, SLICE_LITERAL("r1")));
    cr_expect(slice_equal(sent[1].name, SLICE_LITERAL("WWW-Authenticate")) &&
              slice_equal(sent[1].value, SLICE_LITERAL("Bearer")));
    cr_expect(slice_equal(sent[2].name, SLICE_LITERAL("Allow")));
    cr_expect(slice_equal(sent[3].name, SLICE_LITERAL("Retry-After")) &&
              slice_equal(sent[3].value, SLICE_LITERAL("7")));
    cr_expect(slice_equal(reply.type, SLICE_LITERAL("text/plain; charset=utf-8")));
    buffer_release(&scratch);
}

Test(authzen_admit, errors_of_the_engine_have_their_status)
{
    static const struct {
        enum status status;
        unsigned http;
    } rows[] = {
        {BEHALF_MALFORMED_REQUEST, 400},
        {BEHALF_INVALID_OBJECT_ID, 400},
        {BEHALF_UNKNOWN_TOKEN, 400},
        {BEHALF_REVISION_UNKNOWN, 400},
        {BEHALF_REVISION_EXPIRED, 400},
        {BEHALF_INVALID_CURSOR, 400},
        {BEHALF_IDEMPOTENCY_KEY_REUSED, 400},
        {BEHALF_UNKNOWN_KEY, 401},
        {BEHALF_ROLE_REQUIRED, 403},
        {BEHALF_OVERLOADED, 429},
        {BEHALF_BUDGET_EXHAUSTED, 500},
        {BEHALF_DEADLINE, 500},
        {BEHALF_CYCLE_THROUGH_EXCLUSION, 500},
        {BEHALF_CAVEAT_EVALUATION_ERROR, 500},
        {BEHALF_NO_SCHEMA, 500},
        {BEHALF_STORAGE_CORRUPT, 500},
        {BEHALF_INTERNAL, 500},
        {BEHALF_STORAGE_FAILED, 503},
        {BEHALF_SERVICE_READ_ONLY, 503},
        {BEHALF_OUTCOME_UNKNOWN, 503},
    };
    struct error error;

    for (size_t index = 0; index < BEHALF_COUNT_OF(rows); index++) {
        (void)error_set(&error, rows[index].status, "it is so");
        error.retry_after_ms = 1500;
        authzen_refuse_error(&reply, &error);
        cr_expect_eq(reply.status, rows[index].http, "%s", status_name(rows[index].status));
        cr_expect_str_eq(reply.body.data, "it is so\n");
        cr_expect_eq(reply.retry_after_s, rows[index].http == 429 ? 2 : 0);
        reply.retry_after_s = 0;
    }
}

/* --- keys --- */

Test(authzen_admit, without_a_keys_file_authorization_is_passed_over)
{
    cr_expect_str_eq(post("Authorization", "Basic what:ever"), "200 ()");
    cr_expect_str_eq(post("Authorization", "Bearer x"), "200 ()");
    cr_expect_str_eq(post("Authorization", ""), "200 ()");
    add_field("Authorization", "Bearer x");
    cr_expect_str_eq(post("Authorization", "Bearer y"), "200 ()");
}

Test(authzen_admit, with_keys_a_known_one_is_needed)
{
    static const char refused[] = "401 the request needs a key that this server knows";
    static const char *const wrong[] = {
        "Bearer wrong-key",  "Bearer ",           "Bearer",
        "Basic check-key",   "check-key",         "",
        "Bearer check-key ", "Bearer  check-key", "Bearer\tcheck-key"};

    open_keys();
    cr_expect_str_eq(post("Accept", "*/*"), refused);
    for (size_t index = 0; index < BEHALF_COUNT_OF(wrong); index++)
        cr_expect_str_eq(post("Authorization", wrong[index]), refused, "%s", wrong[index]);
    cr_expect_str_eq(post("Authorization", "Bearer check-key"), "200 (check)");
    cr_expect_str_eq(post("authorization", "bearer check-key"), "200 (check)");
    add_field("Authorization", "Bearer check-key");
    cr_expect_str_eq(post("Authorization", "Bearer check-key"),
                     "400 the field Authorization stands twice");
    /* The key comes before the body's type, so that a stranger learns nothing. */
    add_field("Content-Type", "text/plain");
    cr_expect_str_eq(admit(1), refused);
    request.path = SLICE_LITERAL("/.well-known/authzen-configuration");
    request.method = HTTP_GET;
    cr_expect_str_eq(admit(1), "200 (nobody)");
}

Test(authzen_admit, each_endpoint_has_the_roles_of_its_method)
{
    static const struct {
        const char *path;
        const char *allowed[3]; /* beside admin */
    } rows[] = {
        {"/access/v1/evaluation", {"check", "delegated"}},
        {"/access/v1/evaluations", {"check", "delegated"}},
        {"/access/v1/search/subject", {"read"}},
        {"/access/v1/search/resource", {"delegated", "read"}},
        {"/access/v1/search/action", {"check", "delegated", "read"}},
    };
    static const char *const names[] = {"check", "delegated", "read", "write", "admin"};
    char value[64];

    open_keys();
    for (size_t index = 0; index < BEHALF_COUNT_OF(rows); index++) {
        request.path = slice_of(rows[index].path);
        for (size_t name = 0; name < BEHALF_COUNT_OF(names); name++) {
            bool may = strcmp(names[name], "admin") == 0;

            for (size_t at = 0; at < 3 && rows[index].allowed[at] != NULL; at++)
                may = may || strcmp(names[name], rows[index].allowed[at]) == 0;
            (void)snprintf(value, sizeof value, "Bearer %s-key", names[name]);
            cr_expect_eq(strncmp(post("Authorization", value), may ? "200" : "403", 3), 0, "%s %s",
                         names[name], rows[index].path);
        }
    }
}

/* --- access requests --- */

static void
take_requests(void)
{
    struct error error;

    authzen_config_close(&config);
    cr_assert_eq(
        authzen_config_read(SLICE_LITERAL("{\"policy_decision_point\":\"https://pdp.example.com\","
                                          "\"agents\":{\"type\":\"agent\"}}"),
                            &config, &error),
        BEHALF_OK);
}

Test(authzen_admit, a_task_has_its_id_in_the_path)
{
    static const struct {
        const char *path;
        enum authzen_endpoint endpoint; /* AUTHZEN_NOWHERE: there is nothing */
        const char *task;
    } rows[] = {
        {"/access/v1/requests", AUTHZEN_REQUESTS, ""},
        {"/access/v1/requests/req_1", AUTHZEN_REQUEST, "req_1"},
        {"/access/v1/requests/req_1/cancel", AUTHZEN_REQUEST_CANCEL, "req_1"},
        {"/access/v1/requests/", AUTHZEN_NOWHERE, ""},
        {"/access/v1/requests/req_1/", AUTHZEN_NOWHERE, ""},
        {"/access/v1/requests//cancel", AUTHZEN_NOWHERE, ""},
        {"/access/v1/requests/req_1/cancel/", AUTHZEN_NOWHERE, ""},
        {"/access/v1/requests/req_1/approve", AUTHZEN_NOWHERE, ""},
        {"/access/v1/requestsx/req_1", AUTHZEN_NOWHERE, ""},
    };
    struct authzen_target target;

    take_requests();
    for (size_t row = 0; row < BEHALF_COUNT_OF(rows); row++) {
        cr_expect_eq(authzen_route(&config, slice_of(rows[row].path), &target),
                     rows[row].endpoint != AUTHZEN_NOWHERE, "%s", rows[row].path);
        cr_expect_eq(target.endpoint, rows[row].endpoint, "%s", rows[row].path);
        cr_expect(slice_equal(target.task, slice_of(rows[row].task)), "%s", rows[row].path);
    }
}

Test(authzen_admit, a_task_is_read_and_needs_no_body)
{
    take_requests();
    request.path = SLICE_LITERAL("/access/v1/requests/req_1");
    cr_expect_str_eq(admit(1), "405 here only GET, HEAD is answered");
    request.method = HTTP_GET;
    cr_expect_str_eq(admit(1), "200 ()");
    request.method = HTTP_HEAD;
    cr_expect_str_eq(admit(1), "200 ()");
    request.method = HTTP_DELETE;
    cr_expect_str_eq(admit(1), "405 here only GET, HEAD is answered");
    request.path = SLICE_LITERAL("/access/v1/requests/req_1/cancel");
    request.method = HTTP_GET;
    cr_expect_str_eq(admit(1), "405 here only POST is answered");
    request.method = HTTP_POST;
    cr_expect_str_eq(admit(1), "200 ()");
    request.body = SLICE_LITERAL("{}");
    cr_expect_str_eq(admit(1), "400 Content-Type must be application/json");
    cr_expect_str_eq(post("Accept", "*/*"), "200 ()");
    request.path = SLICE_LITERAL("/access/v1/requests");
    cr_expect_str_eq(admit(1), "400 Content-Type must be application/json");
}

Test(authzen_admit, access_requests_have_the_roles_of_their_methods)
{
    static const struct {
        const char *path;
        enum http_method method;
        const char *allowed[5]; /* beside admin */
    } rows[] = {
        {"/access/v1/requests", HTTP_POST, {"check", "delegated", "grants", "agent"}},
        {"/access/v1/requests/req_1", HTTP_GET, {"check", "delegated", "grants", "agent", "read"}},
        {"/access/v1/requests/req_1/cancel", HTTP_POST, {"check", "delegated", "grants"}},
    };
    static const char *const names[] = {"check",  "delegated", "read", "write",
                                        "grants", "agent",     "admin"};
    char value[64];

    take_requests();
    open_keys();
    for (size_t row = 0; row < BEHALF_COUNT_OF(rows); row++) {
        request.path = slice_of(rows[row].path);
        request.method = rows[row].method;
        cr_expect_eq(strncmp(post("Accept", "*/*"), "401", 3), 0);
        for (size_t name = 0; name < BEHALF_COUNT_OF(names); name++) {
            bool may = strcmp(names[name], "admin") == 0;

            for (size_t at = 0; at < 5 && rows[row].allowed[at] != NULL; at++)
                may = may || strcmp(names[name], rows[row].allowed[at]) == 0;
            (void)snprintf(value, sizeof value, "Bearer %s-key", names[name]);
            cr_expect_eq(strncmp(post("Authorization", value), may ? "200" : "403", 3), 0, "%s %s",
                         names[name], rows[row].path);
        }
    }
}

Test(authzen_admit, a_problem_is_json_of_its_own_type)
{
    authzen_refuse_problem(&reply, AUTHZEN_TASK_EXPIRED, "it ended at %s", "\"noon\"");
    cr_expect_eq(reply.status, 410u);
    cr_expect(slice_equal(reply.type, SLICE_LITERAL("application/problem+json")));
    cr_expect_str_eq(reply.body.data,
                     "{\"type\":\"urn:openid:authzen:access-request:error:task_expired\",\"title\":"
                     "\"The task has expired\",\"status\":410,\"detail\":\"it ended at "
                     "\\\"noon\\\"\"}");
}

Test(authzen_admit, a_key_that_used_its_rate_is_told_when_to_come_again)
{
    open_keys();
    cr_expect_str_eq(post("Authorization", "Bearer slow-key"), "200 (slow)");
    cr_expect_eq(strncmp(post("Authorization", "Bearer slow-key"), "429 ", 4), 0);
    cr_expect_gt(reply.retry_after_s, 0);
    add_field("Content-Type", JSON);
    add_field("Authorization", "Bearer slow-key");
    cr_expect_str_eq(admit(INT64_C(2000000000)), "200 (slow)");
}
