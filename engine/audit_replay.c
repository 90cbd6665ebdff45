/* audit_replay.c - decides recorded checks again.
 *
 * "Then" is the recorded revision, with the stops, records, relationships, attributes and schema of
 * that revision, at the recorded time and the recorded last use of the session; "now" is the newest
 * revision and the present time.
 * Always true: a replay decides by the same code as the check did, and changes nothing: it takes no
 * use, moves no session's last use, is not recorded and answers nobody's check. What it cannot
 * decide as it was decided is counted as skipped, with the reason. */
#include "base/datum.h"
#include "engine/audit_log.h"
#include "engine/audit_scan.h"
#include "engine/question.h"
#include "engine/stops.h"

#define SKIPPED_MAX 32 /* reasons told apart */
#define ARENA_BYTES ((size_t)16 * 1024 * 1024)

struct replaying {
    struct engine_worker *worker;
    const struct engine_request *request;
    const struct audit_replay *asked;
    struct audit_scan scan;
    struct arena arena; /* of one decision */
    struct stops *stops;
    uint64_t stops_revision; /* of `stops`; 0 = none were read */
    uint32_t capacity;
    struct audit_skipped skipped[SKIPPED_MAX];
    struct audit_replay_result result;
};

/* A decision as it was recorded. */
struct recorded {
    struct check check;
    struct engine_delegation delegation;
    struct slice decision_id;
    struct slice decision;
    struct slice reason;
    uint64_t revision;
    int64_t now;
    int64_t last_seen; /* 0 = there was no session */
};

/* --- from a record to a check --- */

static bool
read_object(struct replaying *replaying, struct slice text, struct object *object)
{
    struct error ignored;

    return object_parse(text, &replaying->arena, object, &ignored) == BEHALF_OK;
}

static int
hex_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

static bool
read_hex(struct slice text, uint8_t bytes[32])
{
    if (text.size != 64)
        return false;
    for (size_t at = 0; at < 32; at++) {
        int high = hex_value(text.data[2 * at]);
        int low = hex_value(text.data[2 * at + 1]);

        if (high < 0 || low < 0)
            return false;
        bytes[at] = (uint8_t)(high << 4 | low);
    }
    return true;
}

/* `actors` are texts. */
static bool
read_actors(struct replaying *replaying, const struct datum *record, struct check *check)
{
    const struct datum *list = datum_field(record, SLICE_LITERAL("actors"));
    struct object *actors;

    if (list == NULL)
        return true;
    if (list->kind != DATUM_LIST || list->as.list.count > ENGINE_ACTORS_MAX)
        return false;
    actors = arena_take_array(&replaying->arena, list->as.list.count, sizeof *actors);
    if (actors == NULL)
        return false;
    for (size_t at = 0; at < list->as.list.count; at++) {
        const struct datum *item = list->as.list.items[at];

        if (item->kind != DATUM_STRING || !read_object(replaying, item->as.string, &actors[at]))
            return false;
    }
    check->actors = actors;
    check->actor_count = list->as.list.count;
    return true;
}

/* What the check said beside the grant; each may be absent. */
static bool
read_call(const struct datum *record, struct engine_delegation *delegation)
{
    const struct datum *binding = datum_field(record, SLICE_LITERAL("binding"));
    const struct datum *tool = datum_field(record, SLICE_LITERAL("tool"));

    if (binding != NULL) {
        if (binding->kind != DATUM_MAP ||
            !read_hex(audit_field_text(binding, "digest"), delegation->binding.digest))
            return false;
        delegation->binding.method = audit_field_text(binding, "method");
    }
    if (tool != NULL) {
        if (tool->kind != DATUM_MAP ||
            !read_hex(audit_field_text(tool, "sha256"), delegation->tool.sha256))
            return false;
        delegation->tool.name = audit_field_text(tool, "name");
    }
    return true;
}

static bool
read_delegation(const struct datum *record, struct recorded *recorded)
{
    struct slice grant = audit_field_text(record, "grant");

    if (grant.size == 0)
        return true;
    recorded->delegation.given = true;
    /* One that no id can have was shown: there is no such grant. */
    if (!record_id_parse(grant, RECORD_PREFIX_GRANT, &recorded->delegation.grant))
        recorded->delegation.grant = (struct record_id){{0}};
    recorded->check.delegation = &recorded->delegation;
    return read_call(record, &recorded->delegation);
}

static bool
read_moment(const struct datum *record, struct recorded *recorded)
{
    int64_t revision;

    if (!audit_field_integer(record, "revision", &revision) || revision <= 0 ||
        !audit_field_time(record, "now", &recorded->now))
        return false;
    recorded->revision = (uint64_t)revision;
    if (!audit_field_time(record, "last_seen", &recorded->last_seen))
        recorded->last_seen = 0;
    return true;
}

/* Why a record cannot be decided again, in a word; NULL where it can. */
static const char *
read_recorded(struct replaying *replaying, const struct datum *record, struct recorded *recorded)
{
    struct check *check = &recorded->check;
    struct slice context = audit_field_text(record, "context");
    struct error ignored;

    *recorded = (struct recorded){
        .decision_id = audit_field_text(record, "decision_id"),
        .decision = audit_field_text(record, "decision"),
        .reason = audit_field_text(record, "reason"),
        .check.permission = audit_field_text(record, "permission"),
    };
    if (datum_field(record, SLICE_LITERAL("context_sha256")) != NULL)
        return "context";
    if (datum_field(record, SLICE_LITERAL("properties_sha256")) != NULL)
        return "properties";
    if (recorded->decision.size == 0 || check->permission.size == 0 ||
        !read_object(replaying, audit_field_text(record, "resource"), &check->resource) ||
        !read_object(replaying, audit_field_text(record, "principal"), &check->subject) ||
        !read_actors(replaying, record, check) || !read_delegation(record, recorded) ||
        !read_moment(record, recorded))
        return "incomplete";
    if (context.size > 0 &&
        datum_parse_json(context, &replaying->arena, &check->context, &ignored) != BEHALF_OK)
        return "incomplete";
    return NULL;
}

/* --- deciding --- */

/* The stops of the snapshot's revision. */
static enum status
read_stops(struct replaying *replaying, struct snapshot *snapshot, struct error *error)
{
    const struct store_snapshot *storage;
    enum status status;

    if (replaying->stops_revision == snapshot->revision)
        return BEHALF_OK;
    stops_unref(replaying->stops);
    replaying->stops = NULL;
    replaying->stops_revision = 0;
    status = graph_view_storage(&snapshot->view, &storage, error);
    if (status == BEHALF_OK)
        status = stops_load_at(storage, snapshot->revision, &replaying->stops, error);
    if (status == BEHALF_OK)
        replaying->stops_revision = snapshot->revision;
    return status;
}

static enum status
decide(struct snapshot *snapshot, const struct recorded *recorded, struct verdict *verdict,
       struct error *error)
{
    static const struct engine_pair nothing = {.resource_hash = 0};
    struct inputs_attributes attributes;
    struct question question;
    struct eval eval;
    enum status status;

    status = question_bind(snapshot, &recorded->check, &nothing, NULL, &question, error);
    question.kind = slice_equal(recorded->reason, engine_reason_word(REASON_SINGLE_CHECK_REQUIRED))
                        ? QUESTION_ITEM
                        : QUESTION_REPLAY;
    if (status != BEHALF_OK)
        return status;
    question_init_eval(&question, snapshot, &attributes, &eval);
    return question_decide(snapshot, &eval, &question, NULL, verdict, error);
}

/* As it was: what was published at that revision is the newest to this snapshot. */
static enum status
decide_then(struct replaying *replaying, const struct engine_request *request,
            const struct recorded *recorded, struct verdict *verdict, struct error *error)
{
    struct published then = {.revision = recorded->revision};
    struct snapshot snapshot;
    enum status status = snapshot_open(replaying->worker, request, REQUEST_CHECK,
                                       recorded->revision, &snapshot, error);

    if (status != BEHALF_OK)
        return status;
    status = read_stops(replaying, &snapshot, error);
    if (status == BEHALF_OK) {
        then.binding = snapshot.older != NULL ? snapshot.older : snapshot.newest->binding;
        then.stops = replaying->stops;
        then.token = snapshot.token;
        snapshot.newest = &then;
        snapshot.view.now = recorded->now;
        snapshot.last_seen = recorded->last_seen;
        status = decide(&snapshot, recorded, verdict, error);
    }
    snapshot_close(&snapshot);
    return status;
}

static enum status
decide_now(struct replaying *replaying, const struct engine_request *request,
           const struct recorded *recorded, struct verdict *verdict, struct error *error)
{
    struct snapshot snapshot;
    enum status status =
        snapshot_open(replaying->worker, request, REQUEST_CHECK, 0, &snapshot, error);

    if (status != BEHALF_OK)
        return status;
    status = decide(&snapshot, recorded, verdict, error);
    snapshot_close(&snapshot);
    return status;
}

/* --- comparing --- */

static struct slice
decision_word(enum decision decision)
{
    switch (decision) {
    case DECISION_DENY:
        return SLICE_LITERAL("deny");
    case DECISION_CONDITIONAL:
        return SLICE_LITERAL("conditional");
    case DECISION_ALLOW:
        return SLICE_LITERAL("allow");
    }
    BEHALF_UNREACHABLE();
}

/* D10b is left out of a replay: what it denied is denied by nothing else. */
static bool
is_same(const struct recorded *recorded, const struct verdict *verdict)
{
    bool denied = slice_equal(recorded->decision, SLICE_LITERAL("deny"));

    if (denied && slice_equal(recorded->reason, engine_reason_word(REASON_USES_EXHAUSTED)))
        return verdict->decision != DECISION_DENY;
    return slice_equal(recorded->decision, decision_word(verdict->decision)) &&
           (!denied || slice_equal(recorded->reason, engine_reason_word(verdict->reason)));
}

/* "allow", "conditional", or "deny reason". */
static enum status
outcome_text(struct arena *arena, struct slice decision, struct slice reason, struct slice *text,
             struct error *error)
{
    struct buffer printed;

    buffer_init(&printed);
    buffer_add_slice(&printed, decision);
    if (slice_equal(decision, SLICE_LITERAL("deny")) && reason.size > 0) {
        buffer_add_byte(&printed, ' ');
        buffer_add_slice(&printed, reason);
    }
    *text = arena_copy(arena, buffer_slice(&printed));
    buffer_release(&printed);
    return text->data != NULL ? BEHALF_OK : budget_memory_spent(error);
}

static enum status
add_difference(struct replaying *replaying, const struct recorded *recorded,
               const struct verdict *verdict, struct error *error)
{
    struct audit_replay_result *result = &replaying->result;
    struct arena *arena = replaying->request->arena;
    struct audit_difference *rows =
        arena_grow(arena, result->different, (uint32_t)result->difference_count,
                   &replaying->capacity, sizeof *rows);
    struct audit_difference *row;
    enum status status;

    if (rows == NULL)
        return budget_memory_spent(error);
    result->different = rows;
    row = &rows[result->difference_count];
    row->decision_id = arena_copy(arena, recorded->decision_id);
    if (row->decision_id.data == NULL)
        return budget_memory_spent(error);
    status = outcome_text(arena, recorded->decision, recorded->reason, &row->recorded, error);
    if (status == BEHALF_OK)
        status = outcome_text(arena, decision_word(verdict->decision),
                              engine_reason_word(verdict->reason), &row->now, error);
    result->difference_count += status == BEHALF_OK;
    return status;
}

/* `reason` has static storage. */
static void
skip(struct replaying *replaying, const char *reason)
{
    struct audit_replay_result *result = &replaying->result;
    size_t at = 0;

    while (at < result->skipped_count &&
           !slice_equal(replaying->skipped[at].reason, slice_of(reason)))
        at++;
    if (at == SKIPPED_MAX)
        at--; /* more reasons than there are: told as the last */
    replaying->skipped[at].reason = slice_of(reason);
    replaying->skipped[at].count++;
    if (at == result->skipped_count)
        result->skipped_count++;
}

/* --- the page --- */

static enum status
replay_record(struct replaying *replaying, const struct datum *record, struct error *error)
{
    struct engine_request request = *replaying->request;
    struct verdict verdict = {.decision = DECISION_DENY};
    struct recorded recorded;
    const char *why = read_recorded(replaying, record, &recorded);
    struct error problem;
    enum status status;

    if (why != NULL) {
        skip(replaying, why);
        return BEHALF_OK;
    }
    request.arena = &replaying->arena;
    request.consistency = CONSISTENCY_FULL;
    status = replaying->asked->then
                 ? decide_then(replaying, &request, &recorded, &verdict, &problem)
                 : decide_now(replaying, &request, &recorded, &verdict, &problem);
    if (status == BEHALF_REVISION_EXPIRED) {
        skip(replaying, "history");
        return BEHALF_OK;
    }
    if (status == BEHALF_SERVICE_READ_ONLY || verdict_ends_request(status)) {
        *error = problem;
        return status;
    }
    if (status != BEHALF_OK) {
        skip(replaying, status_name(status));
        return BEHALF_OK;
    }
    if (!is_same(&recorded, &verdict))
        return add_difference(replaying, &recorded, &verdict, error);
    replaying->result.same++;
    return BEHALF_OK;
}

/* The line that the scan is at; *counts where it is a decision. */
static enum status
replay_line(struct replaying *replaying, bool *counts, struct error *error)
{
    const struct slice needle = SLICE_LITERAL("\"event\":\"decision\"");
    struct audit_scan *scan = &replaying->scan;
    const struct datum *record;
    enum status status;

    *counts = memmem(scan->line.data, scan->line.size, needle.data, needle.size) != NULL;
    if (!*counts)
        return BEHALF_OK;
    status = audit_scan_parse(scan, &record, error);
    *counts = status == BEHALF_OK &&
              slice_equal(audit_field_text(record, "event"), SLICE_LITERAL("decision"));
    if (*counts)
        status = replay_record(replaying, record, error);
    audit_scan_forget(scan);
    arena_reset(&replaying->arena, ARENA_BYTES);
    return status;
}

static enum status
replay_lines(struct replaying *replaying, size_t limit, struct error *error)
{
    int64_t ends_ns = env_monotonic_ns(replaying->worker->engine->env) + LIMIT_AUDIT_NS;
    uint64_t lines = 0;
    enum status status = audit_scan_seek(&replaying->scan, replaying->asked->from, error);

    while (status == BEHALF_OK && limit > 0 && lines < LIMIT_AUDIT_LINES) {
        bool counts;

        status = audit_scan_next(&replaying->scan, error);
        if (status == BEHALF_OK)
            status = replay_line(replaying, &counts, error);
        if (status != BEHALF_OK)
            break;
        replaying->result.next = replaying->scan.seq + 1;
        lines++;
        limit -= counts;
        if (counts && env_monotonic_ns(replaying->worker->engine->env) >= ends_ns)
            break;
    }
    replaying->result.complete = status == BEHALF_DONE;
    return status == BEHALF_DONE ? BEHALF_OK : status;
}

enum status
engine_audit_replay(struct engine_worker *worker, const struct engine_request *request,
                    const struct audit_replay *replay, struct audit_replay_result *result,
                    struct error *error)
{
    struct replaying replaying = {
        .worker = worker,
        .request = request,
        .asked = replay,
        .result.next = replay->from,
    };
    size_t limit;
    size_t size;
    enum status status = request_limit(replay->limit, &limit, error);

    if (status == BEHALF_OK)
        status = audit_scan_open(worker, request, &replaying.scan, error);
    if (status != BEHALF_OK)
        return status;
    arena_init_request(&replaying.arena, ARENA_BYTES);
    status = replay_lines(&replaying, limit, error);
    stops_unref(replaying.stops);
    arena_release(&replaying.arena);
    audit_scan_close(&replaying.scan);
    if (status != BEHALF_OK)
        return status;
    size = replaying.result.skipped_count * sizeof *replaying.skipped;
    replaying.result.skipped = arena_take(request->arena, size);
    if (replaying.result.skipped == NULL)
        return budget_memory_spent(error);
    memcpy(replaying.result.skipped, replaying.skipped, size);
    *result = replaying.result;
    return BEHALF_OK;
}
