/* harness_agents.c - a run, and its writes. */
#include "tests/support/harness_agents.h"
#include "tests/support/harness_attributes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/datum.h"
#include "tests/support/stored_context.h"

#define TICK INT64_C(1000000) /* between two commits */

bool
agents_run_fail(struct agents_run *run, const char *format, ...)
{
    char text[1024];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    buffer_clear(&run->mismatch);
    buffer_add_text(&run->mismatch, text);
    buffer_add_byte(&run->mismatch, '\0');
    return false;
}

static void *
take(struct agents_run *run, size_t size)
{
    void *memory = arena_take(&run->arguments, size);

    BEHALF_ASSERT(memory != NULL);
    return memory;
}

struct object
agents_run_object(struct agents_object object)
{
    return (struct object){.type = slice_of(object.type), .id = slice_of(object.id)};
}

void
agents_run_tick(struct agents_run *run)
{
    run->state.now += TICK;
    harness_set_time(&run->side, run->state.now);
}

/* --- opening --- */

static void
must(enum status status, const char *what, const struct error *error)
{
    if (status == BEHALF_OK)
        return;
    fprintf(stderr, "agents: %s: %s: %s\n", what, status_name(status), error->message);
    abort();
}

static void
write_tuples(struct agents_run *run)
{
    struct update updates[AGENTS_TUPLES_MAX];
    struct error error = {.status = BEHALF_OK};

    for (int i = 0; i < run->world.tuple_count; i++) {
        updates[i].op = UPDATE_TOUCH;
        must(relationship_parse(slice_of(run->world.tuples[i]), &run->arguments,
                                &updates[i].relationship, &error),
             run->world.tuples[i], &error);
    }
    agents_run_tick(run);
    must(harness_write_updates(&run->side, updates, (size_t)run->world.tuple_count, NULL, &error),
         "the tuples", &error);
}

/* Before all records; they stay. */
static void
write_attributes(struct agents_run *run)
{
    struct engine_write write = {.kind = WRITE_ATTRIBUTES};
    const struct world *world = &run->world.now;
    struct buffer lines;

    buffer_init(&lines);
    for (int type = 0; type < world->type_count; type++)
        for (int id = 0; id < world->id_count; id++) {
            int rank = agents_rank(run->seed,
                                   (struct agents_object){world->types[type].name, world->ids[id]});

            if (rank != 0)
                buffer_add_format(&lines, "%sset %s:%s {\"rank\":\"%s\"}",
                                  lines.size > 0 ? "\n" : "", world->types[type].name,
                                  world->ids[id], agents_rank_values[rank]);
        }
    agents_run_tick(run);
    if (harness_write_attributes(&run->side, lines.data, &write) != BEHALF_OK)
        must(write.error.status, "the attributes", &write.error);
    buffer_release(&lines);
}

void
agents_run_open(struct agents_run *run, uint64_t seed, struct oracle_caveats *caveats,
                struct agents_counts *counts)
{
    struct error error = {.status = BEHALF_OK};

    memset(run, 0, sizeof *run);
    run->seed = seed;
    run->caveats = caveats;
    run->counts = counts;
    run->asks_more = true;
    buffer_init(&run->mismatch);
    arena_init(&run->contexts_arena, SIZE_MAX);
    arena_init(&run->arguments, SIZE_MAX);
    agents_world_make(&run->world, seed);
    run->state.now = AGENTS_BEGIN;
    harness_engine_open_at(&run->side, seed % 3 == 0 ? 1 : 0, run->state.now);
    agents_run_tick(run);
    must(harness_write_schema(&run->side, slice_of(run->world.schemas[0]), &error), "the schema",
         &error);
    write_tuples(run);
    write_attributes(run);
    run->oracle.rank_seed = seed;
    agents_oracle_begin(&run->oracle, &run->world.now, caveats);
    for (int i = 0; i < run->world.now.request_count; i++)
        if (run->world.now.requests[i][0] != '\0')
            must(datum_parse_json(slice_of(run->world.now.requests[i]), &run->contexts_arena,
                                  &run->contexts[i], &error),
                 "a context", &error);
}

void
agents_run_close(struct agents_run *run)
{
    agents_oracle_release(&run->oracle);
    harness_engine_close(&run->side);
    arena_release(&run->contexts_arena);
    arena_release(&run->arguments);
    buffer_release(&run->mismatch);
}

/* --- terms as the engine takes them --- */

static struct slice
selector_text(struct agents_run *run, const struct agents_element *element)
{
    char *text = take(run, 128);
    int size = 0;

    switch (element->form) {
    case AGENTS_OBJECT:
        size = snprintf(text, 128, "%s:%s", element->type, element->id);
        break;
    case AGENTS_TYPE:
        size = snprintf(text, 128, "%s:*", element->type);
        break;
    case AGENTS_MEMBERS:
        size = element->is_principal
                   ? snprintf(text, 128, "%s:*#%s@$principal", element->type, element->member)
                   : snprintf(text, 128, "%s:*#%s@%s:%s", element->type, element->member,
                              element->object.type, element->object.id);
        break;
    }
    return (struct slice){text, (size_t)size};
}

static void
fill_scope(struct agents_run *run, const struct agents_terms *from, struct engine_grant_terms *to)
{
    struct engine_scope_element *elements =
        take(run, (size_t)from->element_count * sizeof *elements);

    for (int i = 0; i < from->element_count; i++) {
        const struct agents_element *element = &from->elements[i];
        struct slice *actions = take(run, AGENTS_ACTIONS_MAX * sizeof *actions);

        for (int j = 0; j < element->action_count; j++)
            actions[j] = slice_of(element->actions[j]);
        elements[i] = (struct engine_scope_element){selector_text(run, element), actions,
                                                    (size_t)element->action_count};
    }
    to->scope = elements;
    to->scope_count = (size_t)from->element_count;
}

static struct engine_tool
engine_tool_of(const struct agents_tool *from)
{
    struct engine_tool tool = {.name = {NULL, 0}};

    if (from->name == NULL)
        return tool;
    tool.name = slice_of(from->name);
    memset(tool.sha256, from->hash, sizeof tool.sha256);
    return tool;
}

static struct engine_binding
engine_binding_of(const char *method, uint8_t digest)
{
    struct engine_binding binding = {.method = {NULL, 0}};

    if (method == NULL)
        return binding;
    binding.method = slice_of(method);
    memset(binding.digest, digest, sizeof binding.digest);
    return binding;
}

static struct engine_grant_terms
engine_terms(struct agents_run *run, const struct agents_terms *from)
{
    struct engine_grant_terms terms = {
        .not_before = from->not_before,
        .end = {.at = from->expires_at},
        .max_depth = (uint32_t)from->max_depth,
        .uses = (uint64_t)from->uses,
        .constraint_count = (size_t)from->constraint_count,
        .tool_count = (size_t)from->tool_count,
        .binding = engine_binding_of(from->method, from->digest),
    };
    struct engine_constraint *constraints = take(run, AGENTS_CONSTRAINTS_MAX * sizeof *constraints);
    struct engine_tool *tools = take(run, AGENTS_TOOLS_MAX * sizeof *tools);

    fill_scope(run, from, &terms);
    for (int i = 0; i < from->constraint_count; i++)
        constraints[i] = (struct engine_constraint){
            slice_of(from->constraints[i].caveat),
            stored_context(slice_of(from->constraints[i].context), &run->arguments)};
    for (int i = 0; i < from->tool_count; i++)
        tools[i] = engine_tool_of(&from->tools[i]);
    terms.constraints = constraints;
    terms.tools = tools;
    return terms;
}

/* --- writes of records --- */

/* What a step is submitted as. */
struct submitted {
    struct engine_write write;
    struct engine_new_session session;
    struct engine_session_change change;
    struct engine_root_grant root;
    struct engine_access_approval approval;
    struct engine_delegated_grant delegated;
    struct engine_grant_revoke revoke;
    struct engine_stop_order stop;
};

static void
submit_session(const struct agents_step *step, struct submitted *out)
{
    out->session = (struct engine_new_session){
        .principal = agents_run_object(step->a),
        .agent = agents_run_object(step->b),
        .client = step->client != NULL ? slice_of(step->client) : (struct slice){NULL, 0},
        .end = {.at = step->time},
        .has_idle_timeout = true,
        .idle_timeout_s = (uint32_t)(step->idle_ns / AGENTS_SECOND),
    };
    out->write.kind = WRITE_SESSION_CREATE;
    out->write.new_session = &out->session;
}

static void
submit_change(struct agents_run *run, const struct agents_step *step, struct submitted *out)
{
    static const enum session_change changes[] = {[AGENTS_SUSPEND] = SESSION_SUSPEND,
                                                  [AGENTS_RESUME] = SESSION_RESUME,
                                                  [AGENTS_REVOKE] = SESSION_REVOKE};

    out->change = (struct engine_session_change){run->sessions[step->slot], changes[step->change],
                                                 slice_of("a test")};
    out->write.kind = WRITE_SESSION_CHANGE;
    out->write.session_change = &out->change;
}

static void
submit_grant(struct agents_run *run, const struct agents_step *step, struct submitted *out)
{
    out->root = (struct engine_root_grant){
        .session = run->sessions[step->other],
        .terms = engine_terms(run, &step->terms),
        .approval = {.approver = agents_run_object(step->a)},
    };
    out->write.kind = WRITE_GRANT_CREATE;
    out->write.root_grant = &out->root;
    if (step->request == AGENTS_UNASKED)
        return;
    out->approval = (struct engine_access_approval){run->request, out->root};
    out->write.kind = WRITE_REQUEST_APPROVE;
    out->write.access_approval = &out->approval;
}

static void
submit_delegate(struct agents_run *run, const struct agents_step *step, struct submitted *out)
{
    out->delegated = (struct engine_delegated_grant){
        .parent = run->grants[step->other],
        .actor = agents_run_object(step->a),
        .delegatee = agents_run_object(step->b),
        .terms = engine_terms(run, &step->terms),
    };
    out->write.kind = WRITE_GRANT_DELEGATE;
    out->write.delegated_grant = &out->delegated;
}

static void
submit_stop(const struct agents_step *step, struct submitted *out)
{
    static const enum stop_scope scopes[] = {[AGENTS_STOP_AGENT] = STOP_AGENT,
                                             [AGENTS_STOP_CLIENT] = STOP_CLIENT,
                                             [AGENTS_STOP_PRINCIPAL] = STOP_PRINCIPAL,
                                             [AGENTS_STOP_ALL] = STOP_EVERYTHING};
    bool has_object = step->scope == AGENTS_STOP_AGENT || step->scope == AGENTS_STOP_PRINCIPAL;

    out->stop = (struct engine_stop_order){
        .scope = scopes[step->scope], .restore = step->restore, .reason = slice_of("a test")};
    if (has_object)
        out->stop.object = agents_run_object(step->a);
    if (step->scope == AGENTS_STOP_CLIENT)
        out->stop.client = slice_of(step->client);
    out->write.kind = WRITE_STOP;
    out->write.stop_order = &out->stop;
}

static void
submit_step(struct agents_run *run, const struct agents_step *step, struct submitted *out)
{
    memset(out, 0, sizeof *out);
    if (step->kind == AGENTS_STEP_SESSION)
        submit_session(step, out);
    else if (step->kind == AGENTS_STEP_CHANGE)
        submit_change(run, step, out);
    else if (step->kind == AGENTS_STEP_GRANT)
        submit_grant(run, step, out);
    else if (step->kind == AGENTS_STEP_DELEGATE)
        submit_delegate(run, step, out);
    else if (step->kind == AGENTS_STEP_STOP)
        submit_stop(step, out);
    if (step->kind != AGENTS_STEP_REVOKE)
        return;
    out->revoke = (struct engine_grant_revoke){run->grants[step->slot], slice_of("a test")};
    out->write.kind = WRITE_GRANT_REVOKE;
    out->write.grant_revoke = &out->revoke;
}

static bool
check_verdict(struct agents_run *run, const struct agents_step *step,
              const struct agents_verdict *verdict, enum status status, const char *message)
{
    struct buffer text;

    if (status == BEHALF_OK && (verdict->refusal_count == 0 || verdict->may_be_done))
        return true;
    for (int i = 0; i < verdict->refusal_count; i++)
        if (status == verdict->refusals[i])
            return true;
    buffer_init(&text);
    agents_step_print(step, &text);
    buffer_add_byte(&text, '\0');
    agents_run_fail(run, "%s: got %s (%s), expected %s", text.data, status_name(status), message,
                    verdict->refusal_count == 0 ? "that it is done"
                                                : status_name(verdict->refusals[0]));
    buffer_release(&text);
    return false;
}

/* --- access requests --- */

/* Before a grant by a request: the agent of the session asks. *asked: it may be decided now. False
 * when something disagreed. */
static bool
ask_first(struct agents_run *run, const struct agents_step *step, bool *asked)
{
    const struct agents_session *session = &run->state.sessions[step->other];
    const struct engine_new_access_request new = {
        .principal = agents_run_object(session->principal),
        .agent = agents_run_object(session->agent),
        .resource = agents_run_object(step->resource),
        .permission = slice_of(step->action),
    };
    struct engine_write write = {.kind = WRITE_REQUEST_CREATE, .new_access_request = &new};
    struct engine_access_refusal refusal = {.reason = slice_of("a test")};
    struct agents_verdict verdict;
    enum status status = harness_submit(&run->side, &write);

    agents_request_judge(&run->oracle, &run->state, step, &verdict);
    if (!check_verdict(run, step, &verdict, status, status == BEHALF_OK ? "" : write.error.message))
        return false;
    *asked = status == BEHALF_OK;
    if (!*asked)
        return true;
    run->request = write.access_request;
    run->counts->requests++;
    agents_run_tick(run);
    if (step->request == AGENTS_BY_REQUEST)
        return true;
    refusal.request = run->request;
    refusal.close =
        step->request == AGENTS_AFTER_DENIAL ? ACCESS_REQUEST_DENY : ACCESS_REQUEST_CANCEL;
    write = (struct engine_write){.kind = WRITE_REQUEST_CLOSE, .access_refusal = &refusal};
    status = harness_submit(&run->side, &write);
    agents_run_tick(run);
    return status == BEHALF_OK ||
           agents_run_fail(run, "a pending request is not refused: %s", write.error.message);
}

/* After an approval: the record says so, and there is no second one. */
static bool
approved_once(struct agents_run *run, const struct engine_write *approved)
{
    struct engine_write again = {.kind = WRITE_REQUEST_APPROVE,
                                 .access_approval = approved->access_approval};
    struct engine_request request = harness_request(&run->side, NULL);
    struct engine_record_result result;
    struct error error = {.status = BEHALF_OK};
    enum status status =
        engine_access_request_read(run->side.worker, &request, &run->request, &result, &error);

    if (status != BEHALF_OK || result.record.access_request.status != ACCESS_REQUEST_APPROVED ||
        !record_id_equal(&result.record.access_request.grant, &approved->grant))
        return agents_run_fail(run, "an approved request says something else");
    run->counts->approved++;
    agents_run_tick(run);
    status = engine_write_prepare(run->side.worker, &again);
    if (status == BEHALF_OK)
        status = harness_submit(&run->side, &again);
    return status == BEHALF_RECORD_NOT_ACTIVE ||
           agents_run_fail(run, "a request is approved twice: %s", status_name(status));
}

/* --- records --- */

static bool
write_record(struct agents_run *run, const struct agents_step *step)
{
    struct submitted *submitted = take(run, sizeof *submitted);
    struct engine_write *write = &submitted->write;
    bool by_request = step->kind == AGENTS_STEP_GRANT && step->request != AGENTS_UNASKED;
    bool asked = true;
    struct agents_verdict verdict;
    enum status status = BEHALF_OK;

    if (by_request && !ask_first(run, step, &asked))
        return false;
    if (!asked) {
        run->counts->refused++;
        return true;
    }
    submit_step(run, step, submitted);
    if (engine_write_needs_preparing(write))
        status = engine_write_prepare(run->side.worker, write);
    if (status == BEHALF_OK)
        status = harness_submit(&run->side, write);
    agents_step_judge(&run->oracle, &run->state, step, &verdict);
    if (!check_verdict(run, step, &verdict, status,
                       status == BEHALF_OK ? "done" : write->error.message))
        return false;
    run->counts->writes[step->kind]++;
    if (status != BEHALF_OK) {
        run->counts->refused++;
        return true;
    }
    if (step->kind == AGENTS_STEP_SESSION && !write->has_session)
        return agents_run_fail(run, "a new session has no id");
    if ((step->kind == AGENTS_STEP_GRANT || step->kind == AGENTS_STEP_DELEGATE) &&
        !write->has_grant)
        return agents_run_fail(run, "a new grant has no id");
    if (step->kind == AGENTS_STEP_SESSION)
        run->sessions[step->slot] = write->session;
    if (step->kind == AGENTS_STEP_GRANT || step->kind == AGENTS_STEP_DELEGATE)
        run->grants[step->slot] = write->grant;
    agents_step_apply(&run->world, &run->state, step);
    return !by_request || approved_once(run, write);
}

/* --- damage --- */

/* The newest version of a record, which is there. */
static void
read_record(struct store *store, const struct store_record_key *key, struct store_record *record,
            struct buffer *bytes)
{
    struct store_snapshot *snapshot = NULL;
    struct error error = {.status = BEHALF_OK};
    bool found = false;

    must(store_snapshot_open(store, &snapshot, &error), "snapshot", &error);
    must(store_record_find(snapshot, store_snapshot_head(snapshot), key, record, bytes, &found,
                           &error),
         "record", &error);
    BEHALF_ASSERT(found);
    store_snapshot_close(snapshot);
}

/* The body with max_depth 0, and with the revision of its first version. */
static void
damaged_body(struct agents_run *run, const struct store_record *record, struct buffer *body)
{
    const struct datum *old = NULL;
    struct datum_field *fields;
    struct datum made = {.kind = DATUM_INT, .as.integer = (int64_t)record->created_revision};
    struct datum none = {.kind = DATUM_INT};
    struct datum map = {.kind = DATUM_MAP};
    struct slice twice;
    struct error error = {.status = BEHALF_OK};
    size_t count = 0;

    must(datum_decode(record->body, &run->arguments, &old, &error), "a body", &error);
    fields = take(run, (old->as.map.count + 1) * sizeof *fields);
    for (size_t i = 0; i < old->as.map.count; i++) {
        fields[count] = old->as.map.fields[i];
        if (slice_equal(fields[count++].key, slice_of("max_depth")))
            fields[count - 1].value = &none;
    }
    if (datum_field(old, slice_of("made")) == NULL)
        fields[count++] = (struct datum_field){slice_of("made"), &made};
    BEHALF_ASSERT(datum_sort_fields(fields, count, &twice));
    map.as.map.fields = fields;
    map.as.map.count = count;
    datum_encode(&map, body);
}

struct damaging {
    struct agents_run *run;
    const struct agents_step *step;
};

static void
damage_in(void *context, struct store *store, struct store_transaction *transaction)
{
    const struct damaging *damaging = context;
    struct agents_run *run = damaging->run;
    bool is_session = damaging->step->damage == AGENTS_DAMAGE_SESSION;
    const struct record_id *id =
        is_session ? &run->sessions[damaging->step->slot] : &run->grants[damaging->step->slot];
    struct store_record_key key = {.kind = is_session ? RECORD_SESSION : RECORD_GRANT,
                                   .id_size = RECORD_ID_SIZE};
    struct store_record record;
    struct buffer bytes;
    struct buffer body;
    struct error error = {.status = BEHALF_OK};

    memcpy(key.id, id->bytes, RECORD_ID_SIZE);
    if (damaging->step->damage != AGENTS_DAMAGE_DEPTH) {
        must(store_transaction_record_remove(transaction, &key, &error), "remove", &error);
        return;
    }
    buffer_init(&bytes);
    buffer_init(&body);
    read_record(store, &key, &record, &bytes);
    damaged_body(run, &record, &body);
    record.body = buffer_slice(&body);
    must(store_transaction_record_put(transaction, &record, &error), "put", &error);
    buffer_release(&body);
    buffer_release(&bytes);
}

static void
damage(struct agents_run *run, const struct agents_step *step)
{
    struct damaging damaging = {run, step};

    harness_past_engine(&run->side, damage_in, &damaging);
    agents_step_apply(&run->world, &run->state, step);
}

/* --- other writes --- */

static bool
write_tuple(struct agents_run *run, const struct agents_step *step)
{
    uint64_t bit = UINT64_C(1) << step->slot;
    bool delete = (run->world.present & bit) != 0;
    struct update update = {.op = delete ? UPDATE_DELETE : UPDATE_TOUCH};
    struct error error = {.status = BEHALF_OK};
    enum status status;

    must(relationship_parse(slice_of(run->world.tuples[step->slot]), &run->arguments,
                            &update.relationship, &error),
         "a tuple", &error);
    if (update.relationship.expires_at != 0 && update.relationship.expires_at <= run->state.now)
        return true;
    status = harness_write_updates(&run->side, &update, 1, NULL, &error);
    if (status != BEHALF_OK)
        return agents_run_fail(run, "%s: %s: %s", run->world.tuples[step->slot],
                               status_name(status), error.message);
    run->state.order++;
    run->world.present ^= bit;
    agents_world_read(&run->world);
    agents_oracle_begin(&run->oracle, &run->world.now, run->caveats);
    return true;
}

static bool
write_schema(struct agents_run *run)
{
    struct error error = {.status = BEHALF_OK};
    int other = 1 - run->world.schema;
    enum status status =
        harness_write_schema(&run->side, slice_of(run->world.schemas[other]), &error);

    if (status != BEHALF_OK)
        return agents_run_fail(run, "the other schema: %s: %s", status_name(status), error.message);
    run->state.order++;
    run->world.schema = other;
    run->sample_count = 0; /* a sample may ask for what there is no more */
    agents_world_read(&run->world);
    agents_oracle_begin(&run->oracle, &run->world.now, run->caveats);
    return true;
}

bool
agents_run_write(struct agents_run *run, const struct agents_step *step)
{
    agents_run_tick(run);
    switch (step->kind) {
    case AGENTS_STEP_TUPLE:
        return write_tuple(run, step);
    case AGENTS_STEP_SCHEMA:
        return write_schema(run);
    case AGENTS_STEP_REOPEN:
        harness_engine_reopen(&run->side, (size_t)step->limit);
        return true;
    case AGENTS_STEP_DAMAGE:
        damage(run, step);
        return true;
    case AGENTS_STEP_SESSION:
    case AGENTS_STEP_CHANGE:
    case AGENTS_STEP_GRANT:
    case AGENTS_STEP_DELEGATE:
    case AGENTS_STEP_REVOKE:
    case AGENTS_STEP_STOP:
        return write_record(run, step);
    case AGENTS_STEP_TIME:
    case AGENTS_STEP_ASK:
        break;
    }
    BEHALF_UNREACHABLE();
}

/* --- steps --- */

bool
agents_run_step(struct agents_run *run, const struct agents_step *step)
{
    struct agents_before before = {.count = 0};

    if (!agents_step_applies(&run->state, step))
        return true;
    arena_reset(&run->arguments, SIZE_MAX);
    if (step->kind == AGENTS_STEP_TIME) {
        agents_step_apply(&run->world, &run->state, step);
        harness_set_time(&run->side, run->state.now);
        return true;
    }
    if (step->kind == AGENTS_STEP_ASK)
        return agents_run_ask(run, step);
    if (run->asks_more && !agents_run_before(run, step, &before))
        return false;
    if (!agents_run_write(run, step))
        return false;
    return before.count == 0 || agents_run_after(run, &before);
}
