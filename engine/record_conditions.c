/* record_conditions.c - see record_conditions.h. The order is that of the reasons: within a
 * condition by reason first, then from the root on. */
#include "engine/record_conditions.h"

static void
end_at(int64_t time, int64_t *ends)
{
    if (time < *ends)
        *ends = time;
}

/* --- D2 --- */

static bool
is_of_agent_type(const struct binding *binding, uint64_t node)
{
    uint32_t type = binding_type(binding, node);

    return type != SCHEMA_NONE && binding_is_agent_type(binding, type);
}

/* The links were followed by whoever read the records; a wrong one would be a wrong chain, so each
 * is looked at again. */
static bool
is_linked(const struct record_facts *facts, size_t at)
{
    const struct grant *grant = facts->chain[at];

    if (!record_id_equal(&grant->session, &facts->session->id))
        return false;
    if (at == 0)
        return grant->is_root && grant->delegatee == facts->session->agent;
    return !grant->is_root && record_id_equal(&grant->parent, &facts->chain[at - 1]->id);
}

static bool
chain_exists(const struct record_facts *facts, size_t *at)
{
    if (facts->session == NULL || facts->length == 0)
        return false;
    for (*at = 0; *at < facts->length; ++*at) {
        if (!is_linked(facts, *at) ||
            !is_of_agent_type(facts->binding, facts->chain[*at]->delegatee))
            return false;
    }
    *at = 0;
    return true;
}

/* --- D6 --- */

/* Never overflows: `now` and `last_seen` are times since 1970. */
static bool
is_idle(const struct session *session, int64_t last_seen, int64_t now, int64_t *ends)
{
    if (session->idle_timeout_ns == 0)
        return false;
    if (now - last_seen >= session->idle_timeout_ns)
        return true;
    if (last_seen <= INT64_MAX - session->idle_timeout_ns)
        end_at(last_seen + session->idle_timeout_ns, ends);
    return false;
}

static enum engine_reason
session_reason(const struct record_facts *facts, int64_t now, int64_t *ends)
{
    const struct session *session = facts->session;

    switch (session->status) {
    case SESSION_ACTIVE:
        break;
    case SESSION_SUSPENDED:
        return REASON_SESSION_SUSPENDED;
    case SESSION_REVOKED:
        return REASON_SESSION_REVOKED;
    }
    if (now >= session->expires_at)
        return REASON_SESSION_EXPIRED;
    end_at(session->expires_at, ends);
    return is_idle(session, facts->last_seen, now, ends) ? REASON_SESSION_IDLE : REASON_NONE;
}

/* --- D7 --- */

static bool
cuts_off(const struct stop *stop, uint64_t made_revision)
{
    return stop_is_in_force(stop) || stop_ends(stop, made_revision);
}

static bool
session_is_stopped(const struct record_facts *facts)
{
    static const struct slice none = {NULL, 0};
    const struct session *session = facts->session;
    uint64_t made = session->made_revision;

    return cuts_off(stops_on(facts->stops, STOP_PRINCIPAL, session->principal, none), made) ||
           cuts_off(stops_on(facts->stops, STOP_AGENT, session->agent, none), made) ||
           cuts_off(stops_on(facts->stops, STOP_CLIENT, 0, record_text(session, session->client)),
                    made) ||
           cuts_off(stops_on(facts->stops, STOP_EVERYTHING, 0, none), made);
}

static enum engine_reason
cut_off_reason(const struct record_facts *facts, size_t *at)
{
    for (*at = 0; *at < facts->length; ++*at) {
        if (facts->chain[*at]->revoked_at != 0)
            return REASON_GRANT_REVOKED;
    }
    *at = 0;
    if (session_is_stopped(facts))
        return REASON_AGENT_STOPPED;
    for (*at = 0; *at < facts->length; ++*at) {
        const struct grant *grant = facts->chain[*at];

        if (cuts_off(stops_on(facts->stops, STOP_AGENT, grant->delegatee, (struct slice){NULL, 0}),
                     grant->made_revision))
            return REASON_AGENT_STOPPED;
    }
    return REASON_NONE;
}

/* --- D4, D5 --- */

static enum engine_reason
time_reason(const struct record_facts *facts, int64_t now, size_t *at, int64_t *ends)
{
    for (*at = 0; *at < facts->length; ++*at) {
        if (now < facts->chain[*at]->not_before) {
            *ends = facts->chain[*at]->not_before;
            return REASON_GRANT_NOT_YET_VALID;
        }
    }
    for (*at = 0; *at < facts->length; ++*at) {
        if (now >= facts->chain[*at]->expires_at)
            return REASON_GRANT_EXPIRED;
        end_at(facts->chain[*at]->expires_at, ends);
    }
    return REASON_NONE;
}

static enum engine_reason
depth_reason(const struct record_facts *facts, size_t *at)
{
    *at = 0;
    if (facts->length > ENGINE_CHAIN_MAX)
        return REASON_DEPTH_EXCEEDED;
    for (; *at < facts->length; ++*at) {
        if (facts->chain[*at]->max_depth < facts->length - 1 - *at)
            return REASON_DEPTH_EXCEEDED;
    }
    return REASON_NONE;
}

/* --- all of them --- */

enum engine_reason
record_conditions(const struct record_facts *facts, int64_t now, size_t *at, int64_t *ends)
{
    enum engine_reason reason = REASON_NO_GRANT;

    *at = 0;
    *ends = RECORD_CONDITIONS_NO_END;
    if (chain_exists(facts, at)) {
        reason = session_reason(facts, now, ends);
        if (reason == REASON_NONE)
            reason = cut_off_reason(facts, at);
        if (reason == REASON_NONE)
            reason = time_reason(facts, now, at, ends);
        if (reason == REASON_NONE)
            reason = depth_reason(facts, at);
    }
    if (reason == REASON_NONE)
        *at = 0;
    else if (reason != REASON_GRANT_NOT_YET_VALID)
        *ends = RECORD_CONDITIONS_NO_END;
    return reason;
}

void
record_conditions_each(const struct record_facts *facts, int64_t now,
                       struct record_reasons *reasons)
{
    size_t at;
    int64_t ends = RECORD_CONDITIONS_NO_END;

    *reasons = (struct record_reasons){.d2 = REASON_NO_GRANT};
    if (!chain_exists(facts, &at))
        return;
    *reasons = (struct record_reasons){
        .d6 = session_reason(facts, now, &ends),
        .d7 = cut_off_reason(facts, &at),
        .d4 = time_reason(facts, now, &at, &ends),
        .d5 = depth_reason(facts, &at),
    };
}

enum engine_reason
session_conditions(const struct record_facts *facts, int64_t now, int64_t *ends)
{
    enum engine_reason reason;

    *ends = RECORD_CONDITIONS_NO_END;
    reason = session_reason(facts, now, ends);
    if (reason == REASON_NONE && session_is_stopped(facts))
        reason = REASON_AGENT_STOPPED;
    if (reason != REASON_NONE)
        *ends = RECORD_CONDITIONS_NO_END;
    return reason;
}
