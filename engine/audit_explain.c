/* audit_explain.c - the record of one decision, and what became of its session and grants.
 * Always true: an id of a decision holds the time at which it was made, so only lines of about that
 * time are looked at, however long the log is. */
#include <stdio.h>

#include "base/bytes.h"
#include "base/datum.h"
#include "engine/audit_log.h"
#include "engine/audit_scan.h"
#include "engine/request.h"

/* A record stands in the log a moment after its decision was made: in strict mode after a sync, and
 * a second time where the decision became a deny then. */
#define AROUND_NS (INT64_C(60) * 1000000000)
/* What was put so lately may wait for its sync. */
#define FRESH_NS (INT64_C(5) * 1000000000)
#define LINES_PER_TIME 256

struct explaining {
    struct engine_worker *worker;
    const struct engine_request *request;
    struct slice decision_id;
    struct audit_scan scan;
};

/* --- finding the record --- */

static enum status
is_decision(struct explaining *explaining, struct slice needle, bool *is, struct error *error)
{
    const struct slice line = explaining->scan.line;
    const struct datum *record;
    enum status status;

    *is = memmem(line.data, line.size, needle.data, needle.size) != NULL;
    if (!*is)
        return BEHALF_OK;
    status = audit_scan_parse(&explaining->scan, &record, error);
    if (status == BEHALF_OK)
        *is = slice_equal(audit_field_text(record, "decision_id"), explaining->decision_id);
    audit_scan_forget(&explaining->scan);
    return status;
}

/* Whether the line is of a later time than any record of the decision. */
static enum status
is_later(struct explaining *explaining, int64_t time_ns, bool *later, struct error *error)
{
    const struct datum *record;
    int64_t ts;
    enum status status = audit_scan_parse(&explaining->scan, &record, error);

    *later = status == BEHALF_OK && audit_field_time(record, "ts", &ts) && ts - AROUND_NS > time_ns;
    audit_scan_forget(&explaining->scan);
    return status;
}

/* The last record of the decision; empty where there is none. */
static enum status
find_record(struct explaining *explaining, int64_t time_ns, struct slice *line, struct error *error)
{
    struct audit_scan *scan = &explaining->scan;
    int64_t from_ns = time_ns > AROUND_NS ? time_ns - AROUND_NS : 0;
    char text[RECORD_ID_TEXT_SIZE + 3];
    struct slice needle = {text, 0};
    bool later = false;
    uint64_t seq;
    enum status status = audit_reader_find(scan->reader, from_ns, &seq, error);

    needle.size =
        (size_t)snprintf(text, sizeof text, "\"%.*s\"", SLICE_PRINTF(explaining->decision_id));
    if (status == BEHALF_OK)
        status = audit_scan_seek(scan, seq, error);
    for (unsigned lines = 1; status == BEHALF_OK && !later; lines++) {
        bool is = false;

        status = audit_scan_next(scan, error);
        if (status == BEHALF_OK)
            status = is_decision(explaining, needle, &is, error);
        if (status == BEHALF_OK && is) {
            *line = arena_copy(explaining->request->arena, scan->line);
            if (line->data == NULL)
                status = budget_memory_spent(error);
        }
        if (status == BEHALF_OK && lines % LINES_PER_TIME == 0)
            status = is_later(explaining, time_ns, &later, error);
    }
    return status == BEHALF_DONE ? BEHALF_OK : status;
}

/* --- states now --- */

/* A map that is being built in the request's arena. */
struct state_map {
    struct datum_field fields[3];
    struct datum data[3];
    struct datum map;
};

static struct slice
state_word(enum engine_reason state)
{
    return state == REASON_NONE ? SLICE_LITERAL("active") : engine_reason_word(state);
}

/* `*state` is empty where the record is not stored any more. */
static enum status
read_state(struct explaining *explaining, const char *prefix, struct slice text,
           struct slice *state, struct error *error)
{
    struct engine_record_result read;
    struct record_id id;
    enum status status = BEHALF_OK;

    *state = (struct slice){NULL, 0};
    if (!record_id_parse(text, prefix, &id))
        return BEHALF_OK;
    if (prefix[0] == RECORD_PREFIX_SESSION[0])
        status = engine_session_read(explaining->worker, explaining->request, &id, &read, error);
    else
        status = engine_grant_read(explaining->worker, explaining->request, &id, &read, error);
    if (status == BEHALF_OK)
        *state = state_word(read.record.state);
    return status == BEHALF_UNKNOWN_RECORD ? BEHALF_OK : status;
}

static void
add_field(struct state_map *map, struct slice key, struct datum value)
{
    size_t at = map->map.as.map.count++;

    map->data[at] = value;
    map->fields[at] = (struct datum_field){key, &map->data[at]};
}

static struct datum
text_datum(struct slice text)
{
    return (struct datum){.kind = DATUM_STRING, .as.string = text};
}

static struct state_map *
new_map(struct explaining *explaining)
{
    struct state_map *map = arena_take_array(explaining->request->arena, 1, sizeof *map);

    if (map != NULL) {
        map->map.kind = DATUM_MAP;
        map->map.as.map.fields = map->fields;
    }
    return map;
}

/* {grant, state} of those that are still stored. */
static enum status
read_chain(struct explaining *explaining, const struct datum *chain, struct datum *states,
           struct error *error)
{
    const struct datum **items =
        arena_take_array(explaining->request->arena, chain->as.list.count, sizeof(struct datum *));
    size_t count = 0;
    enum status status = items != NULL ? BEHALF_OK : budget_memory_spent(error);

    for (size_t at = 0; status == BEHALF_OK && at < chain->as.list.count; at++) {
        struct slice text = audit_field_text(chain->as.list.items[at], "grant");
        struct state_map *map;
        struct slice state;

        status = read_state(explaining, RECORD_PREFIX_GRANT, text, &state, error);
        if (status != BEHALF_OK || state.size == 0)
            continue;
        map = new_map(explaining);
        text = arena_copy(explaining->request->arena, text);
        if (map == NULL || text.data == NULL)
            return budget_memory_spent(error);
        add_field(map, SLICE_LITERAL("grant"), text_datum(text));
        add_field(map, SLICE_LITERAL("state"), text_datum(state));
        items[count++] = &map->map;
    }
    *states = (struct datum){.kind = DATUM_LIST, .as.list.items = items, .as.list.count = count};
    return status;
}

static enum status
read_states(struct explaining *explaining, const struct datum *record, struct state_map *now,
            struct error *error)
{
    const struct datum *chain = datum_field(record, SLICE_LITERAL("chain"));
    struct slice grant;
    struct slice session;
    struct datum states;
    enum status status = read_state(explaining, RECORD_PREFIX_SESSION,
                                    audit_field_text(record, "session"), &session, error);

    if (status == BEHALF_OK)
        status = read_state(explaining, RECORD_PREFIX_GRANT, audit_field_text(record, "grant"),
                            &grant, error);
    if (status != BEHALF_OK)
        return status;
    if (chain != NULL && chain->kind == DATUM_LIST) {
        status = read_chain(explaining, chain, &states, error);
        if (status == BEHALF_OK && states.as.list.count > 0)
            add_field(now, SLICE_LITERAL("chain"), states);
    }
    if (grant.size > 0)
        add_field(now, SLICE_LITERAL("grant"), text_datum(grant));
    if (session.size > 0)
        add_field(now, SLICE_LITERAL("session"), text_datum(session));
    return status;
}

/* --- audit.explain --- */

static enum status
check_id(struct slice text, struct record_id *id, struct error *error)
{
    if (record_id_parse(text, RECORD_PREFIX_DECISION, id))
        return BEHALF_OK;
    return error_set(error, BEHALF_MALFORMED_REQUEST,
                     "argument 'decision_id': must be the id of a decision: 'dec_' and 26 "
                     "characters, as the server wrote them");
}

/* What was decided a moment ago may not be on the disk yet. */
static enum status
flush_fresh(struct engine_worker *worker, int64_t time_ns, struct error *error)
{
    struct audit *audit;
    enum status status = audit_log_find(worker->engine, &audit, error);

    if (status != BEHALF_OK || env_wall_ns(worker->engine->env) - time_ns > FRESH_NS)
        return status;
    return audit_flush(audit, error);
}

static enum status
explain_found(struct explaining *explaining, struct slice line, struct audit_explain_result *result,
              struct error *error)
{
    struct state_map *now = new_map(explaining);
    const struct datum *record;
    enum status status = now != NULL ? BEHALF_OK : budget_memory_spent(error);

    explaining->scan.line = line;
    if (status == BEHALF_OK)
        status = audit_scan_parse(&explaining->scan, &record, error);
    if (status == BEHALF_OK)
        status = read_states(explaining, record, now, error);
    if (status == BEHALF_OK)
        *result = (struct audit_explain_result){.record = line, .now = &now->map};
    return status;
}

enum status
engine_audit_explain(struct engine_worker *worker, const struct engine_request *request,
                     struct slice decision_id, struct audit_explain_result *result,
                     struct error *error)
{
    struct explaining explaining = {
        .worker = worker, .request = request, .decision_id = decision_id};
    struct slice line = {NULL, 0};
    struct record_id id;
    int64_t time_ns = 0;
    enum status status = check_id(decision_id, &id, error);

    if (status == BEHALF_OK && !worker->may_block)
        return BEHALF_WOULD_BLOCK;
    if (status == BEHALF_OK) {
        time_ns = (int64_t)(bytes_get_u64(id.bytes) & INT64_MAX);
        status = flush_fresh(worker, time_ns, error);
    }
    if (status == BEHALF_OK)
        status = audit_scan_open(worker, request, &explaining.scan, error);
    if (status != BEHALF_OK)
        return status;
    status = find_record(&explaining, time_ns, &line, error);
    if (status == BEHALF_OK && line.data == NULL) {
        status = error_set(error, BEHALF_UNKNOWN_RECORD,
                           "the audit log has no decision %.*s at the time that its id names",
                           SLICE_PRINTF(decision_id));
        error_hint(error, "it was not recorded, or dropped since; if the system's clock was set "
                          "back, audit.read finds it by the filter 'decision'");
    }
    if (status == BEHALF_OK)
        status = explain_found(&explaining, line, result, error);
    audit_scan_close(&explaining.scan);
    return status;
}
