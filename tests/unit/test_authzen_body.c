/* test_authzen_body.c - AZ-1 and AZ-2: which bodies are read, and what is wrong with the others. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "tests/unit/test_authzen_support.h"

static struct authzen_scene scene;

static void
open_scene(void)
{
    authzen_scene_open(&scene, NULL, "{}");
    scene_put(&scene.scene, "document:d1#owner@user:ann\n");
}

static void
close_scene(void)
{
    authzen_scene_close(&scene);
}

TestSuite(authzen_body, .init = open_scene, .fini = close_scene);

#define ANN "\"subject\":{\"type\":\"user\",\"id\":\"ann\"}"
#define VIEW "\"action\":{\"name\":\"view\"}"
#define D1 "\"resource\":{\"type\":\"document\",\"id\":\"d1\"}"

static void
expect(enum authzen_endpoint endpoint, const char *body, const char *answer)
{
    cr_expect_str_eq(authzen_post(&scene, endpoint, body), answer, "%s\n  gives %s", body,
                     scene.answer.data);
}

static bool
is_refused(struct slice body)
{
    return strncmp(authzen_post_bytes(&scene, AUTHZEN_EVALUATION, body), "400 ", 4) == 0;
}

/* --- AZ-1 --- */

Test(authzen_body, what_is_no_object_of_json_is_refused)
{
    static const char *const wrong[] = {
        "",
        " ",
        "null",
        "[]",
        "\"x\"",
        "7",
        "{",
        "{}x",
        "{\"subject\":}",
        "{'subject':1}",
        "{\"a\":1,}",
        "{\"a\":01}",
        "{\"a\":NaN}",
        "\xEF\xBB\xBF{}",           /* a byte order mark */
        "{\"a\":\"\xC3\"}",         /* cut UTF-8 */
        "{\"a\":\"\xC0\xAF\"}",     /* too long */
        "{\"a\":\"\xED\xA0\x80\"}", /* a surrogate */
        "{\"a\":\"\\uD800\"}",      /* half a pair */
        "{\"a\":\"\x01\"}",         /* a control character */
        "{" ANN "," VIEW "," D1 ",\"x\":1,\"x\":2}",
        "{" ANN "," VIEW "," D1 ",\"context\":{\"a\":1,\"\\u0061\":2}}",
        "{" ANN "," VIEW "," D1 "," D1 "}",
    };

    for (size_t index = 0; index < BEHALF_COUNT_OF(wrong); index++)
        cr_expect(is_refused(slice_of(wrong[index])), "%s: %s", wrong[index], scene.answer.data);
    cr_expect(is_refused((struct slice){"{\0}", 3}));
}

Test(authzen_body, nothing_is_nested_deeper_than_sixteen)
{
    struct buffer body;

    for (int depth = 15; depth <= 17; depth++) {
        buffer_init(&body);
        buffer_add_text(&body, "{" ANN "," VIEW "," D1 ",\"more\":");
        for (int level = 1; level < depth; level++)
            buffer_add_text(&body, "[");
        for (int level = 1; level < depth; level++)
            buffer_add_text(&body, "]");
        buffer_add_text(&body, "}");
        cr_expect_eq(is_refused(buffer_slice(&body)), depth > 16, "%d: %s", depth,
                     scene.answer.data);
        buffer_release(&body);
    }
}

Test(authzen_body, a_body_has_at_most_a_mebibyte)
{
    struct buffer body;

    for (int more = -1; more <= 1; more++) {
        size_t size = (size_t)((int)AUTHZEN_BODY_SIZE_MAX + more);

        buffer_init(&body);
        buffer_add_text(&body, "{" ANN "," VIEW "," D1 "}");
        while (body.size < size)
            buffer_add_byte(&body, ' ');
        authzen_post_bytes(&scene, AUTHZEN_EVALUATION, buffer_slice(&body));
        if (more <= 0)
            cr_expect_str_eq(scene.answer.data, "200 {\"decision\":true}");
        else
            cr_expect_str_eq(scene.answer.data,
                             "413 the body has 1048577 bytes; at most 1048576 are allowed");
        buffer_release(&body);
    }
}

/* As many values as a body can have. */
Test(authzen_body, a_body_of_the_largest_size_may_be_all_small_values)
{
    static const char *const units[] = {"1,", "[],", "{},", "\"\","};
    struct buffer body;

    for (size_t index = 0; index < BEHALF_COUNT_OF(units); index++) {
        buffer_init(&body);
        buffer_add_text(&body, "{" ANN "," VIEW "," D1 ",\"more\":[");
        while (body.size + 8 < AUTHZEN_BODY_SIZE_MAX)
            buffer_add_text(&body, units[index]);
        buffer_add_text(&body, "0]}");
        authzen_post_bytes(&scene, AUTHZEN_EVALUATION, buffer_slice(&body));
        cr_expect_str_eq(scene.answer.data, "200 {\"decision\":true}", "%s", units[index]);
        buffer_release(&body);
    }
}

Test(authzen_body, unknown_members_are_passed_over_at_every_level)
{
    expect(AUTHZEN_EVALUATION,
           "{\"subject\":{\"type\":\"user\",\"id\":\"ann\",\"identity\":7},"
           "\"action\":{\"name\":\"view\",\"x\":[]},"
           "\"resource\":{\"type\":\"document\",\"id\":\"d1\",\"ownerID\":null},"
           "\"foo\":\"bar\",\"futureField\":{\"nested\":true},\"options\":7,\"page\":7}",
           "200 {\"decision\":true}");
}

/* --- AZ-2 --- */

Test(authzen_body, what_is_missing_or_has_another_type_is_refused)
{
    static const struct {
        const char *body;
        const char *answer;
    } rows[] = {
        {"{" VIEW "," D1 "}", "400 'subject' is missing"},
        {"{" ANN "," D1 "}", "400 'action' is missing"},
        {"{" ANN "," VIEW "}", "400 'resource' is missing"},
        {"{\"subject\":null," VIEW "," D1 "}", "400 'subject' must be an object, not null"},
        {"{\"subject\":\"ann\"," VIEW "," D1 "}", "400 'subject' must be an object, not a string"},
        {"{\"subject\":[]," VIEW "," D1 "}", "400 'subject' must be an object, not an array"},
        {"{\"subject\":{\"id\":\"ann\"}," VIEW "," D1 "}", "400 'subject.type' is missing"},
        {"{\"subject\":{\"type\":\"user\"}," VIEW "," D1 "}", "400 'subject.id' is missing"},
        {"{\"subject\":{\"type\":7,\"id\":\"ann\"}," VIEW "," D1 "}",
         "400 'subject.type' must be a string, not an integer"},
        {"{\"subject\":{\"type\":\"user\",\"id\":7}," VIEW "," D1 "}",
         "400 'subject.id' must be a string, not an integer"},
        {"{\"subject\":{\"type\":\"user\",\"id\":null}," VIEW "," D1 "}",
         "400 'subject.id' must be a string, not null"},
        {"{\"subject\":{\"type\":\"user\",\"id\":\"ann\",\"properties\":[]}," VIEW "," D1 "}",
         "400 'subject.properties' must be an object, not an array"},
        {"{\"subject\":{\"type\":\"user\",\"id\":\"ann\",\"properties\":null}," VIEW "," D1 "}",
         "400 'subject.properties' must be an object, not null"},
        {"{" ANN ",\"action\":\"view\"," D1 "}", "400 'action' must be an object, not a string"},
        {"{" ANN ",\"action\":{}," D1 "}", "400 'action.name' is missing"},
        {"{" ANN ",\"action\":{\"name\":1.5}," D1 "}",
         "400 'action.name' must be a string, not a number"},
        {"{" ANN ",\"action\":{\"name\":\"view\",\"properties\":true}," D1 "}",
         "400 'action.properties' must be an object, not true or false"},
        {"{" ANN "," VIEW ",\"resource\":{\"id\":\"d1\"}}", "400 'resource.type' is missing"},
        {"{" ANN "," VIEW ",\"resource\":{\"type\":\"document\"}}", "400 'resource.id' is missing"},
        {"{" ANN "," VIEW ",\"resource\":{\"type\":\"document\",\"id\":101}}",
         "400 'resource.id' must be a string, not an integer"},
        {"{" ANN "," VIEW ",\"resource\":{\"type\":\"document\",\"id\":\"d1\",\"properties\":1}}",
         "400 'resource.properties' must be an object, not an integer"},
        {"{" ANN "," VIEW "," D1 ",\"context\":null}", "400 'context' must be an object, not null"},
        {"{" ANN "," VIEW "," D1 ",\"context\":[]}",
         "400 'context' must be an object, not an array"},
    };

    for (size_t index = 0; index < BEHALF_COUNT_OF(rows); index++)
        expect(AUTHZEN_EVALUATION, rows[index].body, rows[index].answer);
}

Test(authzen_body, ids_that_no_object_can_have_are_refused)
{
    static const char *const ids[] = {"", "*", "a\\nb", "\\u0000", "\\u007f"};
    char body[512];

    for (size_t index = 0; index < BEHALF_COUNT_OF(ids); index++) {
        (void)snprintf(body, sizeof body,
                       "{\"subject\":{\"type\":\"user\",\"id\":\"%s\"}," VIEW "," D1 "}",
                       ids[index]);
        cr_expect_eq(
            strncmp(authzen_post(&scene, AUTHZEN_EVALUATION, body), "400 'subject.id': ", 18), 0,
            "%s: %s", body, scene.answer.data);
        (void)snprintf(body, sizeof body,
                       "{" ANN "," VIEW ",\"resource\":{\"type\":\"unknown\",\"id\":\"%s\"}}",
                       ids[index]);
        cr_expect_eq(
            strncmp(authzen_post(&scene, AUTHZEN_EVALUATION, body), "400 'resource.id': ", 19), 0,
            "of an unknown type too: %s: %s", body, scene.answer.data);
    }
}

Test(authzen_body, an_id_has_at_most_1024_bytes)
{
    char body[1200];
    char id[1026];

    for (int size = 1023; size <= 1025; size++) {
        memset(id, 'x', (size_t)size);
        id[size] = '\0';
        (void)snprintf(body, sizeof body,
                       "{" ANN "," VIEW ",\"resource\":{\"type\":\"document\",\"id\":\"%s\"}}", id);
        authzen_post(&scene, AUTHZEN_EVALUATION, body);
        cr_expect_eq(strncmp(scene.answer.data, size <= 1024 ? "200" : "400", 3), 0, "%d", size);
    }
}

Test(authzen_body, a_search_needs_what_it_does_not_search)
{
    static const struct {
        enum authzen_endpoint endpoint;
        const char *body;
        const char *answer;
    } rows[] = {
        {AUTHZEN_SEARCH_SUBJECT, "{\"subject\":{\"type\":\"user\"}," D1 "}",
         "400 'action' is missing"},
        {AUTHZEN_SEARCH_SUBJECT, "{" VIEW "," D1 "}", "400 'subject' is missing"},
        {AUTHZEN_SEARCH_SUBJECT, "{\"subject\":{}," VIEW "," D1 "}",
         "400 'subject.type' is missing"},
        {AUTHZEN_SEARCH_SUBJECT,
         "{\"subject\":{\"type\":\"user\"}," VIEW ",\"resource\":{\"type\":\"document\"}}",
         "400 'resource.id' is missing"},
        {AUTHZEN_SEARCH_RESOURCE, "{" VIEW ",\"resource\":{\"type\":\"document\"}}",
         "400 'subject' is missing"},
        {AUTHZEN_SEARCH_RESOURCE,
         "{\"subject\":{\"type\":\"user\"}," VIEW ",\"resource\":{\"type\":\"document\"}}",
         "400 'subject.id' is missing"},
        {AUTHZEN_SEARCH_RESOURCE, "{" ANN "," VIEW ",\"resource\":{}}",
         "400 'resource.type' is missing"},
        {AUTHZEN_SEARCH_ACTION, "{" ANN "}", "400 'resource' is missing"},
        {AUTHZEN_SEARCH_ACTION, "{" D1 "}", "400 'subject' is missing"},
        {AUTHZEN_SEARCH_ACTION, "{" ANN ",\"resource\":{\"type\":\"document\"}}",
         "400 'resource.id' is missing"},
        {AUTHZEN_SEARCH_ACTION, "{" ANN "," D1 ",\"page\":7}",
         "400 'page' must be an object, not an integer"},
        {AUTHZEN_SEARCH_ACTION, "{" ANN "," D1 ",\"page\":{\"limit\":\"1\"}}",
         "400 'page.limit' must be an integer, not a string"},
        {AUTHZEN_SEARCH_ACTION, "{" ANN "," D1 ",\"page\":{\"limit\":1.0}}",
         "400 'page.limit' must be an integer, not a number"},
        {AUTHZEN_SEARCH_ACTION, "{" ANN "," D1 ",\"page\":{\"limit\":-1}}",
         "400 'page.limit' must not be negative"},
        {AUTHZEN_SEARCH_ACTION, "{" ANN "," D1 ",\"page\":{\"token\":7}}",
         "400 'page.token' must be a string, not an integer"},
    };

    for (size_t index = 0; index < BEHALF_COUNT_OF(rows); index++)
        expect(rows[index].endpoint, rows[index].body, rows[index].answer);
}
