/* denial.c - denials for which access may be requested. */
#include "engine/denial.h"

#include "engine/token.h"

/* --- which they are --- */

/* What a reason needs beside that no party is stopped. */
enum need {
    NEED_MORE,      /* no new grant ends it */
    NEED_NOTHING,   /* the agent holds no active grant */
    NEED_PRINCIPAL, /* its grant does not suffice: D1 and D8 */
};

static enum need
need_of(enum engine_reason reason)
{
    switch ((int)reason) {
    case REASON_NO_GRANT:
    case REASON_GRANT_EXPIRED:
    case REASON_GRANT_REVOKED:
    case REASON_SESSION_EXPIRED:
    case REASON_SESSION_IDLE:
        return NEED_NOTHING;
    case REASON_SCOPE_EXCLUDED:
    case REASON_BINDING_MISMATCH:
    case REASON_USES_EXHAUSTED:
        return NEED_PRINCIPAL;
    default:
        return NEED_MORE;
    }
}

/* D8 and D1, of which D10b and D3 may have decided some before. */
static enum status
decide_principal(struct snapshot *snapshot, struct eval *eval, const struct question *question,
                 const struct value *known, bool *may, struct error *error)
{
    const struct delegated *delegated = question->guard->delegated;
    struct value value;
    enum status status =
        ceiling_value(snapshot, delegated->agents, delegated->length, question->resource,
                      question->member, &question->inputs, &value, error);

    *may = status == BEHALF_OK && value.lower;
    if (!*may)
        return status;
    if (known != NULL)
        value = *known;
    else
        status = eval_node(eval, question->resource, question->member, &value, error);
    *may = status == BEHALF_OK && value.lower;
    return status;
}

static enum status
find_stops(struct snapshot *snapshot, const struct guard *guard, struct verdict *verdict,
           struct error *error)
{
    bool stopped = true;
    enum status status =
        delegated_names_stopped(snapshot, guard->delegated, &guard->parties, &stopped, error);

    verdict->requestable = status == BEHALF_OK && !stopped;
    return status;
}

enum status
denial_of_question(struct snapshot *snapshot, struct eval *eval, const struct question *question,
                   const struct value *known, struct verdict *verdict, struct error *error)
{
    enum need need = need_of(verdict->reason);
    struct error problem;
    bool may = true;

    if (verdict->decision != DECISION_DENY || need == NEED_MORE)
        return BEHALF_OK;
    if (need == NEED_PRINCIPAL) {
        enum status status = decide_principal(snapshot, eval, question, known, &may, &problem);

        /* The deny stands, whatever else could not be decided. */
        if (verdict_ends_request(status)) {
            *error = problem;
            return status;
        }
    }
    return may ? find_stops(snapshot, question->guard, verdict, error) : BEHALF_OK;
}

enum status
denial_of_records(struct snapshot *snapshot, const struct guard *guard, struct verdict *verdict,
                  struct error *error)
{
    if (verdict->decision != DECISION_DENY || need_of(verdict->reason) != NEED_NOTHING)
        return BEHALF_OK;
    return find_stops(snapshot, guard, verdict, error);
}

/* --- as they are sealed --- */

void
engine_denial_seal(const struct engine *engine, const struct engine_denial *denial,
                   struct engine_token *token)
{
    denial_seal(engine->store, denial, token);
}

enum status
engine_denial_open(const struct engine *engine, struct slice text, const uint8_t words[DIGEST_SIZE],
                   struct engine_denial *denial, struct error *error)
{
    return denial_open(engine->store, text, words, denial, error);
}
