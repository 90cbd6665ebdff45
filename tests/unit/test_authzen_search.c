/* test_authzen_search.c - AZ-7 and AZ-8: subject, resource and action search, and their pages. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "net/authzen_page.h"
#include "tests/unit/test_authzen_support.h"

#define CONFIG                                                                                     \
    "{\"actions\":{\"document\":{\"read\":\"view\",\"look\":\"view\",\"edit\":\"view\"}},"         \
    "\"resources\":[{\"type\":\"page\",\"as\":\"document:d1\"},"                                   \
    "{\"type\":\"vault\",\"action\":\"open\",\"as\":\"document:d2\"},"                             \
    "{\"type\":\"vault\",\"action\":\"view\",\"as\":\"document:d3\"}],"                            \
    "\"agents\":{\"type\":\"agent\"}}"

static struct authzen_scene scene;

static void
open_scene(void)
{
    authzen_scene_open(&scene, NULL, CONFIG);
    scene_put(&scene.scene, "document:d1#owner@user:ann\n"
                            "document:d1#viewer@user:bob\n"
                            "document:d2#viewer@user:ann\n"
                            "document:d3#owner@user:bob\n"
                            "document:d4#viewer@user:ann[office]\n"
                            "vault:v#owner@user:ann\n");
}

static void
close_scene(void)
{
    authzen_scene_close(&scene);
}

TestSuite(authzen_search, .init = open_scene, .fini = close_scene);

#define ANN "\"subject\":{\"type\":\"user\",\"id\":\"ann\"}"
#define USERS "\"subject\":{\"type\":\"user\"}"
#define READ "\"action\":{\"name\":\"read\"}"
#define DOCUMENTS "\"resource\":{\"type\":\"document\"}"
#define DOCUMENT(id) "\"resource\":{\"type\":\"document\",\"id\":\"" id "\"}"
#define USER(id) "{\"type\":\"user\",\"id\":\"" id "\"}"
#define FOUND(id) "{\"type\":\"document\",\"id\":\"" id "\"}"
#define NOTHING "200 {\"results\":[]}"

static void
expect(enum authzen_endpoint endpoint, const char *body, const char *answer)
{
    cr_expect_str_eq(authzen_post(&scene, endpoint, body), answer, "%s\n  gives %s", body,
                     scene.answer.data);
}

#define SUBJECTS(body, answer) expect(AUTHZEN_SEARCH_SUBJECT, (body), (answer))
#define RESOURCES(body, answer) expect(AUTHZEN_SEARCH_RESOURCE, (body), (answer))
#define ACTIONS(body, answer) expect(AUTHZEN_SEARCH_ACTION, (body), (answer))

/* --- what is found --- */

Test(authzen_search, subjects_that_are_allowed)
{
    SUBJECTS("{" USERS "," READ "," DOCUMENT("d1") "}",
             "200 {\"results\":[" USER("ann") "," USER("bob") "]}");
    cr_expect_neq(scene.revision.text[0], '\0');
    SUBJECTS("{" USERS "," READ "," DOCUMENT("d4") "}", NOTHING); /* it would be conditional */
    SUBJECTS("{" USERS "," READ "," DOCUMENT("d4") ",\"context\":{\"hour\":9}}",
             "200 {\"results\":[" USER("ann") "]}");
    SUBJECTS("{" USERS "," READ ",\"resource\":{\"type\":\"page\",\"id\":\"any\"}}",
             "200 {\"results\":[" USER("ann") "," USER("bob") "]}");
}

Test(authzen_search, resources_that_are_allowed)
{
    RESOURCES("{" ANN "," READ "," DOCUMENTS "}",
              "200 {\"results\":[" FOUND("d1") "," FOUND("d2") "]}");
    cr_expect_neq(scene.revision.text[0], '\0');
    RESOURCES("{" ANN "," READ "," DOCUMENTS ",\"context\":{\"hour\":9}}",
              "200 {\"results\":[" FOUND("d1") "," FOUND("d2") "," FOUND("d4") "]}");
}

Test(authzen_search, what_is_searched_has_no_id_and_no_properties)
{
    SUBJECTS("{\"subject\":{\"type\":\"user\",\"id\":\"bob\",\"properties\":{\"a\":1}}," READ
             "," DOCUMENT("d2") "}",
             "200 {\"results\":[" USER("ann") "]}");
    SUBJECTS("{\"subject\":{\"type\":\"user\",\"id\":7,\"properties\":[]}," READ
             "," DOCUMENT("d2") "}",
             "200 {\"results\":[" USER("ann") "]}");
    RESOURCES("{" ANN "," READ ",\"resource\":{\"type\":\"document\",\"id\":\"d3\","
              "\"properties\":7}}",
              "200 {\"results\":[" FOUND("d1") "," FOUND("d2") "]}");
    ACTIONS("{" ANN "," DOCUMENT("d2") ",\"action\":7}",
            "200 {\"results\":[{\"name\":\"edit\"},{\"name\":\"look\"},{\"name\":\"read\"}]}");
}

Test(authzen_search, unknown_types_actions_and_ids_are_found_nowhere)
{
    SUBJECTS("{\"subject\":{\"type\":\"spaceship\"}," READ "," DOCUMENT("d1") "}", NOTHING);
    SUBJECTS("{" USERS ",\"action\":{\"name\":\"fly\"}," DOCUMENT("d1") "}", NOTHING);
    SUBJECTS("{" USERS "," READ ",\"resource\":{\"type\":\"spaceship\",\"id\":\"x\"}}", NOTHING);
    SUBJECTS("{" USERS "," READ "," DOCUMENT("never") "}", NOTHING);
    RESOURCES("{" ANN "," READ ",\"resource\":{\"type\":\"spaceship\"}}", NOTHING);
    RESOURCES("{" ANN ",\"action\":{\"name\":\"fly\"}," DOCUMENTS "}", NOTHING);
    RESOURCES("{\"subject\":{\"type\":\"user\",\"id\":\"never\"}," READ "," DOCUMENTS "}", NOTHING);
    ACTIONS("{\"subject\":{\"type\":\"user\",\"id\":\"never\"}," DOCUMENT("d1") "}", NOTHING);
    ACTIONS("{" ANN ",\"resource\":{\"type\":\"spaceship\",\"id\":\"x\"}}", NOTHING);
    ACTIONS("{\"subject\":{\"type\":\"alien\",\"id\":\"x\"}," DOCUMENT("d1") "}", NOTHING);
    cr_expect_neq(scene.revision.text[0], '\0', "an empty answer is one");
}

/* A name whose action means another permission is not the name of this one: "edit" means view. */
Test(authzen_search, actions_have_the_names_that_evaluations_take)
{
    ACTIONS("{" ANN "," DOCUMENT("d1") "}",
            "200 {\"results\":[{\"name\":\"edit\"},{\"name\":\"look\"},{\"name\":\"read\"}]}");
    ACTIONS("{" ANN ",\"resource\":{\"type\":\"page\",\"id\":\"x\"}}",
            "200 {\"results\":[{\"name\":\"edit\"},{\"name\":\"look\"},{\"name\":\"read\"}]}");
    ACTIONS("{" ANN "," DOCUMENT("d4") "}", NOTHING);
}

/* vault#view is asked of document:d3, which ann may not view, and "open" of document:d2, where no
 * permission has that name. */
Test(authzen_search, actions_of_aliases_are_those_of_their_objects)
{
    ACTIONS("{" ANN ",\"resource\":{\"type\":\"vault\",\"id\":\"v\"}}",
            "200 {\"results\":[{\"name\":\"edit\"}]}");
    scene_put(&scene.scene, "document:d3#viewer@user:ann\n");
    ACTIONS("{" ANN ",\"resource\":{\"type\":\"vault\",\"id\":\"v\"}}",
            "200 {\"results\":[{\"name\":\"edit\"},{\"name\":\"view\"}]}");
}

Test(authzen_search, resources_that_are_answered_as_another_are_not_listed)
{
    RESOURCES("{" ANN ",\"action\":{\"name\":\"view\"},\"resource\":{\"type\":\"vault\"}}",
              NOTHING);
    RESOURCES("{" ANN ",\"action\":{\"name\":\"edit\"},\"resource\":{\"type\":\"vault\"}}",
              "200 {\"results\":[{\"type\":\"vault\",\"id\":\"v\"}]}");
    RESOURCES("{" ANN "," READ ",\"resource\":{\"type\":\"page\"}}", NOTHING);
}

/* --- agents --- */

Test(authzen_search, subjects_are_searched_without_an_agent)
{
    static const char refused[] =
        "400 a search of subjects takes no agent: it finds who may act themselves";

    SUBJECTS("{" USERS "," READ "," DOCUMENT("d1") ",\"context\":{\"agent\":\"bot\"}}", refused);
    SUBJECTS("{\"subject\":{\"type\":\"user\",\"properties\":{\"act\":{\"sub\":\"bot\"}}}," READ
             "," DOCUMENT("d1") "}",
             refused);
    SUBJECTS("{" USERS "," READ "," DOCUMENT("d1") ",\"context\":{\"grant\":\"gr_x\"}}",
             "400 the request names a grant, but no agent that shows it");
}

static const char *
with_grant(const char *body, const struct record_id *id)
{
    static char text[1024];
    const char *place = strstr(body, "%s");
    struct record_id_text grant;

    record_id_print(id, RECORD_PREFIX_GRANT, &grant);
    cr_assert_not_null(place);
    (void)snprintf(text, sizeof text, "%.*s%s%s", (int)(place - body), body, grant.text, place + 2);
    return text;
}

#define DELEGATED "\"evaluation_id\":\"dec_#\",\"evaluated_at\":\"" AUTHZEN_START "\""

Test(authzen_search, a_grant_lists_what_it_allows)
{
    struct record_id grant =
        scene_root(&scene.scene, &(struct grant_terms){.scope = "document:d1 view edit"});

    RESOURCES(with_grant("{" ANN "," READ "," DOCUMENTS
                         ",\"context\":{\"agent\":\"bot\",\"grant\":\"%s\"}}",
                         &grant),
              "200 {\"context\":{" DELEGATED ",\"valid_until\":\"2027-01-15T08:30:00Z\"},"
              "\"results\":[" FOUND("d1") "]}");
    ACTIONS(with_grant("{" ANN
                       "," DOCUMENT("d1") ",\"context\":{\"agent\":\"bot\",\"grant\":\"%s\"}}",
                       &grant),
            "200 {\"context\":{" DELEGATED "},\"results\":[{\"name\":\"edit\"},{\"name\":\"look\"},"
            "{\"name\":\"read\"}]}");
    RESOURCES("{" ANN "," READ "," DOCUMENTS
              ",\"page\":{},\"context\":{\"agent\":\"bot\",\"grant\":\"gr_x\"}}",
              "200 {\"page\":{\"next_token\":\"\"},\"context\":{" DELEGATED
              ",\"reason\":\"no_grant\"},\"results\":[]}");
}

/* --- pages --- */

/* The token of the last answer, or "". */
static const char *
next_token(void)
{
    static char token[512];
    const char *at = strstr(scene.answer.data, "\"next_token\":\"");
    size_t size;

    cr_assert_not_null(at, "%s", scene.answer.data);
    at += strlen("\"next_token\":\"");
    size = strcspn(at, "\"");
    (void)snprintf(token, sizeof token, "%.*s", (int)size, at);
    return token;
}

static const char *
with_page(const char *before, const char *page)
{
    static char body[1024];

    (void)snprintf(body, sizeof body, "%s,\"page\":{%s}}", before, page);
    return body;
}

static const char *
with_token(const char *before, const char *limit, const char *token)
{
    static char page[700];

    (void)snprintf(page, sizeof page, "%s\"token\":\"%s\"", limit, token);
    return with_page(before, page);
}

static const char *
results(void)
{
    return strstr(scene.answer.data, "\"results\":");
}

struct paged {
    enum authzen_endpoint endpoint;
    const char *request; /* but its page and end */
    const char *first;
    const char *second;
};

static const struct paged paged[] = {
    {AUTHZEN_SEARCH_SUBJECT, "{" USERS "," READ "," DOCUMENT("d1"),
     "\"results\":[" USER("ann") "]}", "\"results\":[" USER("bob") "]}"},
    {AUTHZEN_SEARCH_RESOURCE, "{" ANN "," READ "," DOCUMENTS, "\"results\":[" FOUND("d1") "]}",
     "\"results\":[" FOUND("d2") "]}"},
    {AUTHZEN_SEARCH_ACTION, "{" ANN ",\"resource\":{\"type\":\"vault\",\"id\":\"v\"}",
     "\"results\":[{\"name\":\"edit\"}]}", "\"results\":[{\"name\":\"view\"}]}"},
};

/* A page that follows has the limit of the first, whether or not that is said again. */
Test(authzen_search, pages_joined_are_the_answer)
{
    scene_remove(&scene.scene, "document:d4#viewer@user:ann[office]\n");
    for (size_t index = 0; index < BEHALF_COUNT_OF(paged); index++) {
        const struct paged *row = &paged[index];
        char token[512];

        if (row->endpoint == AUTHZEN_SEARCH_ACTION)
            scene_put(&scene.scene, "document:d3#viewer@user:ann\n");
        authzen_post(&scene, row->endpoint, with_page(row->request, "\"limit\":1"));
        cr_expect_str_eq(results(), row->first);
        (void)snprintf(token, sizeof token, "%s", next_token());
        cr_expect_neq(token[0], '\0');
        for (int said = 0; said < 2; said++) {
            authzen_post(&scene, row->endpoint,
                         with_token(row->request, said ? "\"limit\":1," : "", token));
            cr_expect_str_eq(results(), row->second, "%s", scene.answer.data);
            cr_expect_str_eq(next_token(), "");
        }
    }
}

Test(authzen_search, a_page_stands_in_the_answer_where_one_was_asked_for)
{
    RESOURCES(with_page("{" ANN "," READ "," DOCUMENTS, ""),
              "200 {\"page\":{\"next_token\":\"\"},\"results\":[" FOUND("d1") "," FOUND("d2") "]}");
    RESOURCES(with_page("{" ANN "," READ "," DOCUMENTS, "\"limit\":0"),
              "200 {\"page\":{\"next_token\":\"\"},\"results\":[" FOUND("d1") "," FOUND("d2") "]}");
    ACTIONS(with_page("{" ANN "," DOCUMENT("d1"), "\"limit\":9223372036854775807"),
            "200 {\"page\":{\"next_token\":\"\"},\"results\":[{\"name\":\"edit\"},"
            "{\"name\":\"look\"},{\"name\":\"read\"}]}");
    RESOURCES(with_page("{" ANN "," READ "," DOCUMENTS, "\"token\":\"\",\"more\":1"),
              "200 {\"page\":{\"next_token\":\"\"},\"results\":[" FOUND("d1") "," FOUND("d2") "]}");
}

Test(authzen_search, one_or_more_that_follow_make_a_page_too)
{
    char lines[64 * 32];
    size_t used;

    for (int block = 0; block < 35; block++) {
        used = 0;
        for (int line = 0; line < 30; line++)
            used += (size_t)snprintf(lines + used, sizeof lines - used,
                                     "document:n%d#owner@user:cat\n", block * 30 + line);
        scene_put(&scene.scene, lines);
    }
    authzen_post(&scene, AUTHZEN_SEARCH_RESOURCE,
                 "{\"subject\":{\"type\":\"user\",\"id\":\"cat\"}," READ "," DOCUMENTS "}");
    cr_expect_neq(next_token()[0], '\0', "1,050 are more than a page");
}

Test(authzen_search, with_a_token_all_other_members_are_as_before)
{
    static const char first[] = "{" ANN "," READ "," DOCUMENTS;
    static const char *const others[] = {
        "{\"subject\":{\"type\":\"user\",\"id\":\"bob\"}," READ "," DOCUMENTS,
        "{" ANN ",\"action\":{\"name\":\"look\"}," DOCUMENTS,
        "{" ANN "," READ ",\"resource\":{\"type\":\"vault\"}",
        "{" ANN "," READ "," DOCUMENTS ",\"context\":{}",
        "{" ANN "," READ "," DOCUMENTS ",\"foo\":1",
        "{\"subject\":{\"type\":\"user\",\"id\":\"ann\",\"properties\":{}}," READ "," DOCUMENTS,
    };
    static const char refused[] =
        "400 'page.token' is of a request whose other members are different";
    char token[512];

    authzen_post(&scene, AUTHZEN_SEARCH_RESOURCE, with_page(first, "\"limit\":1"));
    (void)snprintf(token, sizeof token, "%s", next_token());
    for (size_t index = 0; index < BEHALF_COUNT_OF(others); index++)
        RESOURCES(with_token(others[index], "", token), refused);
    RESOURCES(with_token(first, "\"limit\":2,", token), refused);
    RESOURCES(with_token(first, "\"more\":2,", token), refused);
    /* The order of members is no difference. */
    authzen_post(&scene, AUTHZEN_SEARCH_RESOURCE,
                 with_token("{" DOCUMENTS "," READ "," ANN, "", token));
    cr_expect_str_eq(results(), "\"results\":[" FOUND("d2") "]}", "%s", scene.answer.data);
}

Test(authzen_search, tokens_that_are_none_are_refused)
{
    static const char first[] = "{" ANN "," READ "," DOCUMENTS;
    static const char *const wrong[] = {"x",
                                        "x.1",
                                        ".1.0123456789abcdef",
                                        "x..0123456789abcdef",
                                        "x.1.0123456789abcdef",
                                        "x.9999999.0123456789abcdef"};
    char token[512];

    for (size_t index = 0; index < BEHALF_COUNT_OF(wrong); index++)
        cr_expect_eq(strncmp(authzen_post(&scene, AUTHZEN_SEARCH_RESOURCE,
                                          with_token(first, "", wrong[index])),
                             "400 ", 4),
                     0, "%s", wrong[index]);
    authzen_post(&scene, AUTHZEN_SEARCH_RESOURCE, with_page(first, "\"limit\":1"));
    (void)snprintf(token, sizeof token, "%s", next_token());
    token[3] = token[3] == 'A' ? 'B' : 'A'; /* the engine's part is sealed */
    cr_expect_eq(
        strncmp(authzen_post(&scene, AUTHZEN_SEARCH_RESOURCE, with_token(first, "", token)), "400 ",
                4),
        0, "%s", scene.answer.data);
    authzen_post(&scene, AUTHZEN_SEARCH_ACTION,
                 with_page("{" ANN "," DOCUMENT("d1"), "\"limit\":1"));
    (void)snprintf(token, sizeof token, "x%s", next_token());
    ACTIONS(with_token("{" ANN "," DOCUMENT("d1"), "", token),
            "400 'page.token' is not one of this server");
}

/* --- what could not be decided --- */

Test(authzen_search, an_answer_with_something_undecided_is_incomplete)
{
    scene_remove(&scene.scene, "document:d4#viewer@user:ann[office]\n");
    scene_write_schema(&scene.scene, "definition user {}\n"
                                     "definition document {\n"
                                     "    relation owner: user\n"
                                     "    relation viewer: user\n"
                                     "    relation blocked: document#view\n"
                                     "    permission view = viewer + owner - blocked->view\n"
                                     "    permission edit = owner\n"
                                     "}\n"
                                     "definition vault {\n"
                                     "    relation owner: user\n"
                                     "    permission view = owner\n"
                                     "}\n");
    scene_put(&scene.scene, "document:d2#blocked@document:d2#view\n");
    RESOURCES("{" ANN "," READ "," DOCUMENTS "}",
              "200 {\"context\":{\"incomplete\":true},\"results\":[" FOUND("d1") "]}");
    ACTIONS("{" ANN "," DOCUMENT("d2") "}",
            "200 {\"context\":{\"incomplete\":true},\"results\":[]}");
}

/* --- who asks --- */

Test(authzen_search, a_key_with_the_role_delegated_must_name_an_agent)
{
    static const char refused[] =
        "403 the key '' asks for actors only, and no 'actor' is named: name the actor: without one "
        "the subject's whole right would count";

    scene.key.roles = ROLE_DELEGATED;
    RESOURCES("{" ANN "," READ "," DOCUMENTS "}", refused);
    ACTIONS("{" ANN "," DOCUMENT("d1") "}", refused);
    scene.key.roles = ROLE_DELEGATED | ROLE_READ;
    RESOURCES("{" ANN "," READ "," DOCUMENTS "}",
              "200 {\"results\":[" FOUND("d1") "," FOUND("d2") "]}");
}
