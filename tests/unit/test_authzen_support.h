/* test_authzen_support.h - AuthZEN requests to an engine with a stopped clock, answered in process:
 * bodies in, bytes out. */
#ifndef BEHALF_TESTS_AUTHZEN_SUPPORT_H
#define BEHALF_TESTS_AUTHZEN_SUPPORT_H

#include "net/authzen_answer.h"
#include "tests/unit/test_delegated_support.h"

/* When the clock of a scene stands at its start. */
#define AUTHZEN_START "2027-01-15T08:00:00Z"

struct authzen_scene {
    struct scene scene;
    struct authzen_config config;
    struct key key;              /* of whoever asks: at first every role */
    const char *idempotency_key; /* NULL = none */
    const char *task;            /* the id in the path; NULL = none */
    struct buffer answer;
    struct buffer unmasked;       /* the same with its ids and tokens */
    struct buffer location;       /* of the last answer; empty = none */
    unsigned on_loop;             /* answers that a loop gave */
    struct engine_worker *loop;   /* one that may not block: it must say the same, or nothing */
    struct engine_token revision; /* of the last answer */
    uint32_t retry_after_s;       /* the same */
};

/* `schema` NULL: scene_schema. `config` is JSON. */
void authzen_scene_open(struct authzen_scene *scene, const char *schema, const char *config);
void authzen_scene_close(struct authzen_scene *scene);

/* "200 {...}" or "400 message", in which tokens and the random part of ids are '#'. Uses are taken,
 * and access requests written, where the request needs it. Valid until the next. */
const char *authzen_post(struct authzen_scene *scene, enum authzen_endpoint endpoint,
                         const char *body);
const char *authzen_post_bytes(struct authzen_scene *scene, enum authzen_endpoint endpoint,
                               struct slice body);

#endif
