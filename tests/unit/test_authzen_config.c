/* test_authzen_config.c - the file of --authzen: what it may say, and what refuses the start. */
#include "net/authzen_config.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "net/authzen_endpoint.h"

static struct authzen_config config;
static struct error error;

static void
end(void)
{
    authzen_config_close(&config);
}

TestSuite(authzen_config, .fini = end);

static enum status
load(const char *text)
{
    authzen_config_close(&config);
    return authzen_config_read(slice_of(text), &config, &error);
}

static void
expect_refused(const char *text, const char *words)
{
    cr_expect_eq(load(text), BEHALF_MALFORMED_REQUEST, "%s", text);
    cr_expect_not_null(strstr(error.message, words), "%s: %s", text, error.message);
}

static const char *
metadata(void)
{
    static char text[1024];
    struct buffer out;

    buffer_init(&out);
    authzen_put_metadata(&config, &out);
    (void)snprintf(text, sizeof text, "%s", out.data);
    buffer_release(&out);
    return text;
}

Test(authzen_config, all_of_it_may_be_left_out)
{
    struct authzen_target target;

    cr_assert_eq(load("{}"), BEHALF_OK);
    cr_expect(config.pdp.size == 0 && !config.has_agents && config.alias_count == 0);
    cr_expect(slice_equal(authzen_permission(&config, SLICE_LITERAL("a"), SLICE_LITERAL("read")),
                          SLICE_LITERAL("read")));
    cr_expect_null(authzen_alias_of(&config, SLICE_LITERAL("a"), SLICE_LITERAL("read")));
    cr_expect_not(
        authzen_route(&config, SLICE_LITERAL("/.well-known/authzen-configuration"), &target));
}

Test(authzen_config, what_is_unknown_or_meant_otherwise_refuses_it)
{
    expect_refused("", "");
    expect_refused("[]", "the configuration must be an object");
    expect_refused("{\"agent\":{}}", "the configuration has an unknown member 'agent'");
    expect_refused("{\"agents\":{},\"agents\":{}}", "");
    expect_refused("{\"agents\":[]}", "'agents' of the configuration must be an object");
    expect_refused("{\"agents\":{}}", "'type' of 'agents' is missing");
    expect_refused("{\"agents\":{\"type\":\"agent\",\"sub\":1}}",
                   "'agents' has an unknown member 'sub'");
    expect_refused("{\"agents\":{\"type\":\"No Type\"}}", "must be an agent type");
    expect_refused("{\"agents\":{\"type\":\"agent\",\"issuer\":\"\"}}", "'issuer' of 'agents' is "
                                                                        "empty");
    expect_refused("{\"agents\":{\"type\":\"agent\",\"issuer\":\"a|b\"}}", "has a '|' in it");
    expect_refused("{\"actions\":[]}", "'actions' of the configuration must be an object");
    expect_refused("{\"actions\":{\"document\":[]}}", "'document' is none");
    expect_refused("{\"actions\":{\"no type\":{}}}", "'no type' is none");
    expect_refused("{\"actions\":{\"document\":{\"read\":7}}}",
                   "the action 'read' of 'document' must be the name of a permission");
    expect_refused("{\"actions\":{\"document\":{\"read\":\"No Name\"}}}",
                   "the action 'read' of 'document' must be the name of a permission");
    expect_refused("{\"resources\":{}}", "'resources' of the configuration must be a list");
    expect_refused("{\"resources\":[{\"type\":\"todo\"}]}",
                   "'as' of an element of 'resources' is missing");
    expect_refused("{\"resources\":[{\"type\":\"todo\",\"as\":\"todo:*\"}]}", "must be one object");
    expect_refused("{\"resources\":[{\"type\":\"todo\",\"as\":\"todo\"}]}", "must be one object");
    expect_refused("{\"resources\":[{\"type\":\"todo\",\"as\":\"todo:a#b\"}]}",
                   "must be one object");
    expect_refused("{\"resources\":[{\"type\":\"todo\",\"as\":\"todo:a\",\"id\":\"x\"}]}",
                   "an element of 'resources' has an unknown member 'id'");
    expect_refused("{\"resources\":[{\"type\":\"todo\",\"as\":\"todo:a\"},"
                   "{\"type\":\"todo\",\"as\":\"todo:b\"}]}",
                   "'resources' names the type 'todo' twice");
    expect_refused("{\"resources\":[{\"type\":\"todo\",\"action\":\"x\",\"as\":\"todo:a\"},"
                   "{\"type\":\"todo\",\"action\":\"x\",\"as\":\"todo:b\"}]}",
                   "twice for the same action");
}

Test(authzen_config, the_decision_point_is_an_https_url)
{
    static const char *const wrong[] = {
        "http://pdp.example.com",    "https://",        "https:///path",
        "https://pdp.example.com?a", "https://pdp#f",   "https://user@pdp",
        "https://pdp .example.com",  "pdp.example.com", "https://pdp\\u00e9.example.com",
        "https://p\\\"dp",           "https://p\\\\dp", "HTTPS://pdp.example.com",
    };
    char text[256];

    for (size_t index = 0; index < BEHALF_COUNT_OF(wrong); index++) {
        (void)snprintf(text, sizeof text, "{\"policy_decision_point\":\"%s\"}", wrong[index]);
        expect_refused(text, "'policy_decision_point' must be an https URL");
    }
    expect_refused("{\"policy_decision_point\":\"\"}", "is empty");
    expect_refused("{\"policy_decision_point\":7}", "must be a string");
}

#define DOCUMENT(pdp, base) ENDPOINTS(pdp, base) "}"
#define ENDPOINTS(pdp, base)                                                                       \
    "{\"policy_decision_point\":\"" pdp "\","                                                      \
    "\"access_evaluation_endpoint\":\"" base "/access/v1/evaluation\","                            \
    "\"access_evaluations_endpoint\":\"" base "/access/v1/evaluations\","                          \
    "\"search_subject_endpoint\":\"" base "/access/v1/search/subject\","                           \
    "\"search_resource_endpoint\":\"" base "/access/v1/search/resource\","                         \
    "\"search_action_endpoint\":\"" base "/access/v1/search/action\""

static bool
routes(const char *path)
{
    struct authzen_target target;

    return authzen_route(&config, slice_of(path), &target);
}

Test(authzen_config, metadata_are_built_from_the_decision_point_alone)
{
    cr_assert_eq(load("{\"policy_decision_point\":\"https://pdp.example.com:8443\"}"), BEHALF_OK);
    cr_expect_str_eq(metadata(),
                     DOCUMENT("https://pdp.example.com:8443", "https://pdp.example.com:8443"));
    cr_expect(routes("/.well-known/authzen-configuration"));
    cr_expect_not(routes("/.well-known/authzen-configuration/"));
    cr_expect_not(routes("/.well-known/authzen-configuration/tenant"));
    cr_assert_eq(load("{\"policy_decision_point\":\"https://pdp.example.com/\"}"), BEHALF_OK);
    cr_expect_str_eq(metadata(), DOCUMENT("https://pdp.example.com/", "https://pdp.example.com"));
    cr_expect(routes("/.well-known/authzen-configuration"));
    cr_assert_eq(load("{\"policy_decision_point\":\"https://pdp.example.com/a/b\"}"), BEHALF_OK);
    cr_expect_str_eq(metadata(),
                     DOCUMENT("https://pdp.example.com/a/b", "https://pdp.example.com/a/b"));
    cr_expect(routes("/.well-known/authzen-configuration/a/b"));
    cr_expect_not(routes("/.well-known/authzen-configuration"));
    cr_expect_not(routes("/.well-known/authzen-configuration/a"));
    cr_expect_not(routes("/.well-known/authzen-configurationx"));
}

/* Agents to request it, and a URL under which their tasks are found. */
Test(authzen_config, access_can_be_requested_where_there_are_agents_and_metadata)
{
    static const char *const paths[] = {"/access/v1/requests", "/access/v1/requests/req_X",
                                        "/access/v1/requests/req_X/cancel"};
    static const char *const without[] = {"{\"policy_decision_point\":\"https://pdp.example.com\"}",
                                          "{\"agents\":{\"type\":\"agent\"}}"};

    cr_assert_eq(
        load("{\"policy_decision_point\":\"https://pdp.example.com/a\",\"agents\":{\"type\":"
             "\"agent\"}}"),
        BEHALF_OK);
    cr_expect_str_eq(
        metadata(),
        ENDPOINTS(
            "https://pdp.example.com/a",
            "https://pdp.example.com/a") ",\"access_request_endpoint\":"
                                         "\"https://pdp.example.com/a/access/v1/requests\","
                                         "\"capabilities\":"
                                         "[\"urn:openid:authzen:capability:access-request\"]}");
    for (size_t at = 0; at < BEHALF_COUNT_OF(paths); at++)
        cr_expect(routes(paths[at]), "%s", paths[at]);
    for (size_t row = 0; row < BEHALF_COUNT_OF(without); row++) {
        cr_assert_eq(load(without[row]), BEHALF_OK);
        for (size_t at = 0; at < BEHALF_COUNT_OF(paths); at++)
            cr_expect_not(routes(paths[at]), "%s", paths[at]);
    }
}

Test(authzen_config, an_alias_for_an_action_goes_before_one_for_all)
{
    const struct authzen_alias *alias;

    cr_assert_eq(load("{\"resources\":[{\"type\":\"user\",\"as\":\"directory:all\"},"
                      "{\"type\":\"user\",\"action\":\"read\",\"as\":\"directory:\\\"a b\\\"\"},"
                      "{\"type\":\"todo\",\"action\":\"read\",\"as\":\"todo:shared\"}]}"),
                 BEHALF_OK, "%s", error.message);
    alias = authzen_alias_of(&config, SLICE_LITERAL("user"), SLICE_LITERAL("read"));
    cr_expect(alias != NULL && slice_equal(alias->as.id, SLICE_LITERAL("a b")));
    alias = authzen_alias_of(&config, SLICE_LITERAL("user"), SLICE_LITERAL("write"));
    cr_expect(alias != NULL && slice_equal(alias->as.id, SLICE_LITERAL("all")));
    cr_expect_null(authzen_alias_of(&config, SLICE_LITERAL("todo"), SLICE_LITERAL("write")));
}

Test(authzen_config, an_action_that_means_another_permission_does_not_name_its_own)
{
    struct slice name;

    cr_assert_eq(
        load("{\"actions\":{\"doc\":{\"view\":\"edit\",\"read\":\"view\",\"see\":\"view\"}}}"),
        BEHALF_OK);
#define NAME(permission, nth)                                                                      \
    authzen_action_name(&config, SLICE_LITERAL("doc"), SLICE_LITERAL(permission), (nth), &name)
    cr_expect(NAME("view", 0) && slice_equal(name, SLICE_LITERAL("read")));
    cr_expect(NAME("view", 1) && slice_equal(name, SLICE_LITERAL("see")));
    cr_expect_not(NAME("view", 2));
    cr_expect(NAME("edit", 0) && slice_equal(name, SLICE_LITERAL("view")));
    cr_expect_not(NAME("edit", 1));
    cr_expect(NAME("other", 0) && slice_equal(name, SLICE_LITERAL("other")));
    cr_expect_not(NAME("other", 1));
    cr_assert_eq(load("{\"actions\":{\"doc\":{\"view\":\"edit\"}}}"), BEHALF_OK);
    cr_expect_not(NAME("view", 0), "an evaluation of view would be one of edit");
}

Test(authzen_config, a_file_is_named_where_it_is_wrong)
{
    char path[] = "/tmp/test-authzen-config-XXXXXX";
    int file = mkstemp(path);

    cr_assert_geq(file, 0);
    cr_assert_eq(write(file, "{\n \"agents\": x}", 15), 15);
    cr_expect_eq(authzen_config_open(path, &config, &error), BEHALF_MALFORMED_REQUEST);
    cr_expect_not_null(strstr(error.message, path));
    cr_expect_eq(error.line, 2);
    cr_assert_eq(ftruncate(file, 0), 0);
    cr_assert_eq(pwrite(file, "{}", 2, 0), 2);
    cr_expect_eq(authzen_config_open(path, &config, &error), BEHALF_OK, "%s", error.message);
    cr_expect_eq(close(file), 0);
    cr_expect_eq(unlink(path), 0);
    cr_expect_eq(authzen_config_open(path, &config, &error), BEHALF_MALFORMED_REQUEST);
    cr_expect_not_null(strstr(error.message, "cannot be read"));
}
