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
    buffer_init(&scene->unmasked);
    buffer_init(&scene->location);
    scene->loop = engine_worker_new(scene->scene.side.engine, false);
    cr_assert_eq(authzen_config_read(slice_of(config), &scene->config, &error), BEHALF_OK, "%s",
                 error.message);
}

void
authzen_scene_close(struct authzen_scene *scene)
{
    authzen_config_close(&scene->config);
    buffer_release(&scene->answer);
    buffer_release(&scene->unmasked);
    buffer_release(&scene->location);
    engine_worker_free(scene->loop);
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

static void
mask_token(struct buffer *text)
{
    static const char before[] = "\"binding_token\":\"";

    for (char *at = strstr(text->data, before); at != NULL; at = strstr(at, before)) {
        char *end;

        at += sizeof before - 1;
        end = strchr(at, '"');
        cr_assert_eq(end - at, 110);
        *at = '#';
        memmove(at + 1, end, strlen(end) + 1);
    }
    text->size = strlen(text->data);
}

/* Takes the uses that the first step asked for. */
static void
take_uses(struct authzen_scene *scene, struct engine_use *use, struct engine_write *write)
{
    *write =
        (struct engine_write){.kind = WRITE_USE, .use = use, .caller = slice_of(scene->key.name)};
    cr_assert_eq(harness_submit(&scene->scene.side, write), BEHALF_OK, "%s", write->error.message);
    use->spent = true;
}

/* "200 {...}" or "400 message". */
static void
print_reply(const struct authzen_reply *reply, struct buffer *text)
{
    buffer_clear(text);
    buffer_add_format(text, "%u ", reply->status);
    buffer_add_slice(text, buffer_slice(&reply->body));
    if (reply->status >= 400) {
        cr_expect_eq(reply->revision.text[0], '\0', "a refusal has no revision");
        cr_expect_eq(reply->location.size, 0);
    }
    if (text->data[text->size - 1] == '\n') {
        text->size--; /* the end of its line */
        text->data[text->size] = '\0';
    }
}

static void
mask(struct buffer *text)
{
    mask_ids(text, "dec_");
    mask_ids(text, "gr_");
    mask_ids(text, "req_");
    mask_token(text);
}

/* What a loop says: it may leave it to the pool, but not say anything else. */
static void
ask_on_loop(struct authzen_scene *scene, struct authzen_asked asked, struct buffer *text)
{
    struct engine_use use = {.write = NULL};
    struct authzen_reply reply;
    enum status status;

    asked.worker = scene->loop;
    asked.use = &use;
    asked.on_loop = true;
    authzen_reply_init(&reply);
    status = authzen_answer(&asked, &reply);
    if (status == BEHALF_OK) {
        print_reply(&reply, text);
        mask(text);
    } else {
        cr_expect(reply.body.size == 0 &&
                  (status == BEHALF_WOULD_BLOCK || status == BEHALF_MUST_SPEND));
    }
    authzen_reply_release(&reply);
}

const char *
authzen_post_bytes(struct authzen_scene *scene, enum authzen_endpoint endpoint, struct slice body)
{
    struct engine_write write = {.status = BEHALF_OK};
    struct engine_use use = {.write = &write};
    struct arena arena;
    struct authzen_reply reply;
    struct buffer of_loop;
    struct authzen_asked asked = {
        .config = &scene->config,
        .endpoint = endpoint,
        .text = body,
        .caller = &scene->key,
        .engine = scene->scene.side.engine,
        .worker = scene->scene.side.worker,
        .arena = &arena,
        .use = &use,
        .write = &write,
        .arrived_ns = env_monotonic_ns(&scene->scene.side.env),
    };
    enum status status;

    if (scene->idempotency_key != NULL)
        asked.idempotency_key = slice_of(scene->idempotency_key);
    if (scene->task != NULL)
        asked.task = slice_of(scene->task);
    arena_init_request(&arena, LIMIT_LOOKUP_ARENA);
    authzen_reply_init(&reply);
    buffer_init(&of_loop);
    if (endpoint == AUTHZEN_EVALUATION)
        ask_on_loop(scene, asked, &of_loop);
    status = authzen_answer(&asked, &reply);
    if (status == BEHALF_MUST_SPEND) {
        cr_assert_eq(reply.body.size, 0);
        take_uses(scene, &use, &write);
        status = authzen_answer(&asked, &reply);
    }
    if (status == BEHALF_MUST_WRITE) {
        cr_assert_eq(reply.body.size, 0);
        asked.written = harness_submit(&scene->scene.side, &write) == BEHALF_OK;
        if (!asked.written)
            authzen_refuse_asked(endpoint, &write.error, &reply);
        status = asked.written ? authzen_answer(&asked, &reply) : BEHALF_OK;
    }
    cr_assert_eq(status, BEHALF_OK);
    print_reply(&reply, &scene->unmasked);
    buffer_clear(&scene->answer);
    buffer_add_slice(&scene->answer, buffer_slice(&scene->unmasked));
    mask(&scene->answer);
    buffer_clear(&scene->location);
    buffer_add_slice(&scene->location, buffer_slice(&reply.location));
    if (of_loop.size > 0)
        cr_expect_str_eq(of_loop.data, scene->answer.data);
    scene->on_loop += of_loop.size > 0;
    scene->revision = reply.revision;
    scene->retry_after_s = reply.retry_after_s;
    buffer_release(&of_loop);
    authzen_reply_release(&reply);
    arena_release(&arena);
    return scene->answer.data;
}

const char *
authzen_post(struct authzen_scene *scene, enum authzen_endpoint endpoint, const char *body)
{
    return authzen_post_bytes(scene, endpoint, slice_of(body));
}
