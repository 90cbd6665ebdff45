/* test_consent_support.h - sessions, grants and stops written to an engine with a stopped clock,
 * and read back as they are stored. */
#ifndef BEHALF_TESTS_CONSENT_SUPPORT_H
#define BEHALF_TESTS_CONSENT_SUPPORT_H

#include "engine/records.h"
#include "engine/state.h"
#include "engine/stops.h"
#include "tests/support/harness.h"

#define CONSENT_SECOND INT64_C(1000000000)
#define CONSENT_HOUR (INT64_C(3600) * CONSENT_SECOND)
#define CONSENT_NOW (INT64_C(1798761600) * CONSENT_SECOND) /* 2027-01-01T00:00:00Z */

struct consent {
    struct harness_engine side;
    struct arena arena;
    struct engine_write write; /* the last one */
};

/* With definitions user, team (with approvers), club (a relation called so), agent, service (an
 * agent type too), folder and document, and a caveat `during`. */
void consent_open(struct consent *consent);
void consent_close(struct consent *consent);

struct object consent_object(const char *text);

/* ann's consent to agent:bot for 8 hours, through the default client. */
struct engine_new_session consent_new_session(void);
/* `view` on all documents for half an hour, approved by ann. */
struct engine_root_grant consent_new_grant(struct record_id session);
/* The same of a parent, from agent:bot to agent:sub. */
struct engine_delegated_grant consent_new_child(struct record_id parent);

/* The status of the write, which stays in consent->write. */
enum status consent_create_session(struct consent *consent, const struct engine_new_session *new);
enum status consent_create_grant(struct consent *consent, struct engine_root_grant *grant);
enum status consent_delegate(struct consent *consent, const struct engine_delegated_grant *grant);
enum status consent_change(struct consent *consent, struct record_id session,
                           enum session_change change);
enum status consent_revoke(struct consent *consent, struct record_id grant);
enum status consent_stop(struct consent *consent, enum stop_scope scope, const char *party,
                         bool restore);
enum status consent_use(struct consent *consent, struct engine_use *use);

/* These must succeed. */
struct record_id consent_session(struct consent *consent);
struct record_id consent_grant(struct consent *consent, struct record_id session,
                               uint32_t max_depth);
struct record_id consent_child(struct consent *consent, struct record_id parent, const char *actor,
                               const char *delegatee, uint32_t max_depth);
void consent_touch(struct consent *consent, const char *relationship);
void consent_schema(struct consent *consent, const char *text);

/* As stored at the head; it must exist. In the arena. */
const struct session *consent_read_session(struct consent *consent, struct record_id id);
const struct grant *consent_read_grant(struct consent *consent, struct record_id id);
/* The body as canonical JSON. */
const char *consent_body(struct consent *consent, enum record_kind kind, struct record_id id);
/* UINT64_MAX when there is no count. */
uint64_t consent_uses(struct consent *consent, struct record_id grant);
uint64_t consent_head(struct consent *consent);

/* The write failed with this status, its message has the text, and nothing was written since
 * `head`. */
void consent_assert_refused(struct consent *consent, uint64_t head, enum status status,
                            const char *text);

#endif
