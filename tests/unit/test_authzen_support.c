/* test_authzen_support.c - see the header. */
#include "tests/unit/test_authzen_support.h"

#include <criterion/criterion.h>

void
authzen_scene_open(struct authzen_scene *scene, const char *schema, const char *config)
{
    struct error error;

    *scene = (struct authzen_scene){.key = key_of_all};
    scene_open(&scene->scene, schema);
    buffer_init(&scene->answer);
    cr_assert_eq(authzen_config_read(slice_of(config), &scene->config, &error), BEHALF_OK, "%s",
                 error.message);
}

void
authzen_scene_close(struct authzen_scene *scene)
{
    authzen_config_close(&scene->config);
    buffer_release(&scene->answer);
    scene_close(&scene->scene);
}

static bool
is_id_character(char byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z');
}

/* Ids are random: what stands behind their prefix becomes '#'. */
static void
mask_ids(struct buffer *text, const char *prefix)
{
    char *at = text->data;

    while ((at = strstr(at, prefix)) != NULL) {
        char *start = at + strlen(prefix);
        size_t length = 0;

        while (is_id_character(start[length]))
            length++;
        if (length == 26) {
            *start = '#';
            memmove(start + 1, start + length, strlen(start + length) + 1);
        }
        at = start;
    }
    text->size = strlen(text->data);
}

/* Takes the uses that the first step asked for. */
static void
take_uses(struct authzen_scene *scene, struct engine_use *use, struct engine_write *write)
{
    *write = (struct engine_write){.kind = WRITE_USE, .use = use};
    cr_assert_eq(harness_submit(&scene->scene.side, write), BEHALF_OK, "%s", write->error.message);
    use->spent = true;
}

const char *
authzen_post_bytes(struct authzen_scene *scene, enum authzen_endpoint endpoint, struct slice body)
{
    struct engine_write write = {.status = BEHALF_OK};
    struct engine_use use = {.write = &write};
    struct arena arena;
    struct authzen_reply reply;
    struct authzen_asked asked = {
        .config = &scene->config,
        .endpoint = endpoint,
        .text = body,
        .caller = &scene->key,
        .engine = scene->scene.side.engine,
        .worker = scene->scene.side.worker,
        .arena = &arena,
        .use = &use,
        .arrived_ns = env_monotonic_ns(&scene->scene.side.env),
    };
    enum status status;

    if (scene->idempotency_key != NULL)
        asked.idempotency_key = slice_of(scene->idempotency_key);
    arena_init_request(&arena, LIMIT_LOOKUP_ARENA);
    authzen_reply_init(&reply);
    status = authzen_answer(&asked, &reply);
    if (status == BEHALF_MUST_SPEND) {
        cr_assert_eq(reply.body.size, 0);
        take_uses(scene, &use, &write);
        status = authzen_answer(&asked, &reply);
    }
    cr_assert_eq(status, BEHALF_OK);
    buffer_clear(&scene->answer);
    buffer_add_format(&scene->answer, "%u ", reply.status);
    buffer_add_slice(&scene->answer, buffer_slice(&reply.body));
    if (reply.status != 200) {
        cr_expect_eq(reply.revision.text[0], '\0', "a refusal has no revision");
        scene->answer.size--; /* the end of its line */
        scene->answer.data[scene->answer.size] = '\0';
    }
    mask_ids(&scene->answer, "dec_");
    mask_ids(&scene->answer, "gr_");
    scene->revision = reply.revision;
    scene->retry_after_s = reply.retry_after_s;
    authzen_reply_release(&reply);
    arena_release(&arena);
    return scene->answer.data;
}

const char *
authzen_post(struct authzen_scene *scene, enum authzen_endpoint endpoint, const char *body)
{
    return authzen_post_bytes(scene, endpoint, slice_of(body));
}
