/* authzen_denial.c - what a denial says of itself: the reason, what to do next, and the seal by
 * which access can be requested. */
#include <string.h>

#include "net/authzen_answer.h"
#include "net/denial.h"

/* What an approval that does not allow is told. */
struct approval_words {
    const char *reason;      /* NULL = the engine's own */
    const char *next_action; /* NULL = none is said */
};

/* `request` is said only beside what a request needs: without it nobody could make one. */
static struct approval_words
words_of(enum engine_reason reason, bool requestable)
{
    const char *request = requestable ? "request" : "none";

    switch (reason) {
    case REASON_NO_GRANT:
    case REASON_ACTOR_MISMATCH:
    case REASON_ACT_CHAIN_MISMATCH:
    case REASON_PRINCIPAL_MISMATCH:
        return (struct approval_words){"approval_unverifiable", "none"};
    case REASON_SESSION_REVOKED:
    case REASON_SESSION_EXPIRED:
    case REASON_SESSION_IDLE:
    case REASON_GRANT_REVOKED:
    case REASON_GRANT_EXPIRED:
    case REASON_USES_EXHAUSTED:
        return (struct approval_words){"approval_expired", request};
    case REASON_BINDING_MISMATCH:
    case REASON_TOOL_CHANGED:
    case REASON_SCOPE_EXCLUDED:
        return (struct approval_words){"out_of_scope", request};
    case REASON_GRANT_NOT_YET_VALID:
        return (struct approval_words){"grant_pending", "retry"};
    case REASON_SESSION_SUSPENDED:
    case REASON_AGENT_STOPPED:
    case REASON_DEPTH_EXCEEDED:
    case REASON_CONSTRAINT_FAILED:
    case REASON_AGENT_CEILING:
    case REASON_PRINCIPAL_DENIED:
        return (struct approval_words){"policy_denied", "none"};
    case REASON_NONE:
    case REASON_MISSING_CONTEXT:
    case REASON_SINGLE_CHECK_REQUIRED:
        break;
    }
    return (struct approval_words){NULL, NULL};
}

/* The denial as it is repeated in a request. */
static void
put_access_request(const struct authzen_asked *asked, struct json_out *json,
                   const struct authzen_question *question, const struct check_item *item)
{
    struct engine_denial denial;
    struct engine_token token;
    struct engine_clock clock;

    if (!record_id_parse(slice_of(item->decision_id.text), RECORD_PREFIX_DECISION,
                         &denial.decision))
        return;
    engine_clock_read(asked->engine, &clock);
    denial.ends = clock.now_ns + ENGINE_DENIAL_NS;
    denial_digest(slice_of(asked->caller->name), question->check.actors,
                  question->check.actor_count, &question->words, denial.words);
    engine_denial_seal(asked->engine, &denial, &token);
    json_open_map(json, "access_request");
    json_put_time(json, "expires_at", denial.ends);
    json_put_text(json, "binding_token", slice_of(token.text));
    json_close_map(json);
}

/* How long whoever shows an approval that is not valid yet has to wait. */
static void
put_retry_after(const struct authzen_asked *asked, struct json_out *json, int64_t valid_until)
{
    const int64_t second = INT64_C(1000000000);
    struct engine_clock clock;

    engine_clock_read(asked->engine, &clock);
    if (valid_until > clock.now_ns)
        json_put_unsigned(json, "retry_after",
                          (uint64_t)((valid_until - clock.now_ns + second - 1) / second));
}

struct slice
authzen_reason(const struct authzen_question *question, const struct check_item *item)
{
    const char *word = question->has_approval ? words_of(item->reason, false).reason : NULL;

    return word != NULL ? slice_of(word) : engine_reason_word(item->reason);
}

void
authzen_put_next(const struct authzen_asked *asked, struct json_out *json,
                 const struct authzen_question *question, const struct check_item *item)
{
    const char *next = NULL;

    if (question->has_approval)
        next = words_of(item->reason, item->requestable).next_action;
    if (next != NULL)
        json_put_text(json, "next_action", slice_of(next));
    if (next != NULL && strcmp(next, "retry") == 0)
        put_retry_after(asked, json, item->valid_until);
    if (item->requestable && (next == NULL || strcmp(next, "request") == 0))
        put_access_request(asked, json, question, item);
}
