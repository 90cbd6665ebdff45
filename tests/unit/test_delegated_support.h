/* test_delegated_support.h - an engine with a stopped clock, sessions and grants by a few words,
 * and questions whose answers are text.
 *
 * Times are seconds from the scene's start. What must succeed ends the test when it does not. */
#ifndef BEHALF_TESTS_DELEGATED_SUPPORT_H
#define BEHALF_TESTS_DELEGATED_SUPPORT_H

#include "engine/agents.h"
#include "tests/support/harness.h"

#define SCENE_START (INT64_C(1800000000) * 1000000000)
#define SCENE_SECOND INT64_C(1000000000)

struct scene {
    struct harness_engine side;
    struct arena arena; /* of what the scene parses and answers */
};

extern const char scene_schema[];

void scene_open(struct scene *scene, const char *schema); /* NULL = scene_schema */
void scene_close(struct scene *scene);
/* The clock stands so many seconds after the start. */
void scene_at(struct scene *scene, double seconds);
/* Relationships as text, each on a line. */
void scene_put(struct scene *scene, const char *lines);
void scene_remove(struct scene *scene, const char *lines);
void scene_write_schema(struct scene *scene, const char *schema);

struct object scene_object(struct scene *scene, const char *text);

/* What a session is made with; zeros are defaults: an hour, the default idle timeout. */
struct session_terms {
    double ends;
    double idle;
    bool never_idle;
    const char *client;
};

struct record_id scene_session(struct scene *scene, const char *principal, const char *agent,
                               const struct session_terms *terms);
void scene_change(struct scene *scene, const struct record_id *session, enum session_change change);

/* What a grant is made with; zeros are defaults: `document:*` for view and edit, half an hour. */
struct grant_terms {
    const char *scope; /* "SELECTOR ACTION ACTION; SELECTOR ACTION" */
    double from;
    double ends;
    uint32_t max_depth;
    uint64_t uses;
    const char *caveat;
    const char *caveat_context; /* JSON */
    const char *method;         /* of the binding; its digest is all 1 */
    const char *tool;           /* its hash is all 2 */
};

struct record_id scene_grant(struct scene *scene, const struct record_id *session,
                             const char *principal, const struct grant_terms *terms);
struct record_id scene_delegate(struct scene *scene, const struct record_id *parent,
                                const char *actor, const char *delegatee,
                                const struct grant_terms *terms);
void scene_revoke(struct scene *scene, const struct record_id *grant);
/* Of an agent or a principal, "client TEXT" or "everything". */
void scene_kill(struct scene *scene, enum stop_scope scope, const char *party);
void scene_restore(struct scene *scene, enum stop_scope scope, const char *party);

/* A session and a root grant of user:ann and agent:bot. */
struct record_id scene_root(struct scene *scene, const struct grant_terms *terms);

/* A question; zeros are what is left out. */
struct asking {
    const struct record_id *grant;
    const char *actors;  /* separated by blanks */
    const char *context; /* JSON */
    const char *method;
    uint8_t digest;
    const char *tool;
    uint8_t sha256;
    const char *key;
    struct engine_use *use;
    bool explain;
};

/* Fills a check from `resource#permission@subject`; in the scene's arena. */
struct check scene_question(struct scene *scene, const char *question, const struct asking *asking);
/* "allow", "deny REASON", "conditional REASON a b", or the error's name; with a blank and
 * "until N" (seconds) where it does not hold for ever. In the scene's arena. */
const char *scene_check(struct scene *scene, const char *question, const struct asking *asking);
/* The same for one item of a bulk beside another that is a plain check. */
const char *scene_item(struct scene *scene, const char *question, const struct asking *asking);
/* The whole result, for what text leaves out. */
enum status scene_result(struct scene *scene, const char *question, const struct asking *asking,
                         struct check_result *result, struct error *error);
const char *scene_answer(struct scene *scene, enum decision decision, enum engine_reason reason,
                         const struct missing_context *missing, int64_t valid_until);
/* Permissions that are no deny, in the order of the schema: "view edit[a]", or "(REASON)". */
const char *scene_permissions(struct scene *scene, const char *resource, const char *subject,
                              const struct asking *asking);

#endif
