/* harness_agents_ask.c - questions by every method, compared with what the oracle says. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "tests/support/harness_agents.h"

#define RESOURCES_MAX 8
#define BULK_MAX (2 * RESOURCES_MAX)

static const char *const resource_ids[] = {"d", "a", "b", "a", "z", "c"};

/* --- comparing --- */

static bool
names_fit(const struct agents_run *run, uint64_t reasons, const struct missing_context *missing)
{
    const struct oracle_caveats *caveats = run->caveats;
    size_t count = 0;

    for (int name = 0; name < caveats->name_count; name++) {
        if ((reasons >> name & 1) == 0)
            continue;
        if (count == missing->count ||
            !slice_equal(missing->names[count], slice_of(caveats->names[name])))
            return false;
        count++;
    }
    return count == missing->count;
}

static bool
reason_fits(const char *reason, struct slice answered)
{
    return slice_equal(answered, reason != NULL ? slice_of(reason) : (struct slice){"", 0});
}

static bool
value_fits(const struct agents_run *run, struct oracle_value value,
           const struct agents_answered *answered)
{
    static const enum decision decisions[] = {
        [ORACLE_DENY] = DECISION_DENY,
        [ORACLE_CONDITIONAL] = DECISION_CONDITIONAL,
        [ORACLE_ALLOW] = DECISION_ALLOW,
    };

    if (value.answer == ORACLE_ERROR)
        return oracle_error_fits(value, answered->status);
    return answered->status == BEHALF_OK && answered->decision == decisions[value.answer] &&
           names_fit(run, value.answer == ORACLE_CONDITIONAL ? value.reasons : 0,
                     &answered->missing);
}

/* Of several by one grant, a chain with uses is denied, whatever else would be said. */
static bool
is_single(const struct agents_run *run, const struct agents_question *question,
          const struct agents_answer *answer, const struct agents_answered *answered)
{
    if (!agents_has_uses(&run->state, question->grant) || (answer->is_record && !answer->is_call))
        return false;
    return answered->status == BEHALF_OK && answered->decision == DECISION_DENY &&
           reason_fits("single_check_required", answered->reason);
}

static bool
answer_fits(const struct agents_run *run, const struct agents_answer *answer,
            const struct agents_answered *answered)
{
    return value_fits(run, answer->value, answered) &&
           (answered->status != BEHALF_OK || reason_fits(answer->reason, answered->reason));
}

static void
print_answered(const struct agents_answered *answered, struct buffer *out)
{
    static const char *const decisions[] = {"deny", "conditional on", "allow"};

    if (answered->status != BEHALF_OK) {
        buffer_add_format(out, "error %s", status_name(answered->status));
        return;
    }
    buffer_add_text(out, decisions[answered->decision]);
    for (size_t i = 0; i < answered->missing.count; i++)
        buffer_add_format(out, " %.*s", SLICE_PRINTF(answered->missing.names[i]));
    if (answered->reason.size > 0)
        buffer_add_format(out, " (%.*s)", SLICE_PRINTF(answered->reason));
    buffer_add_format(out, " until %+.9f", (double)(answered->valid_until - AGENTS_BEGIN) / 1e9);
}

static bool
fail(struct agents_run *run, const char *method, const struct agents_question *question,
     const struct agents_answer *expected, const struct agents_answered *answered, const char *what)
{
    struct agents_step step = {.kind = AGENTS_STEP_ASK, .question = *question};
    struct buffer text;

    buffer_init(&text);
    buffer_add_format(&text, "%s by %s: ", what, method);
    agents_step_print(&step, &text);
    buffer_add_text(&text, ": expected ");
    oracle_print_value(run->caveats, expected->value, &text);
    if (expected->reason != NULL)
        buffer_add_format(&text, " (%s)", expected->reason);
    buffer_add_text(&text, ", got ");
    print_answered(answered, &text);
    buffer_add_byte(&text, '\0');
    agents_run_fail(run, "%s", text.data);
    buffer_release(&text);
    return false;
}

/* Whether an answer may say that it is valid until then: at each moment before it would be the
 * same, and the moment is one at which something may change. A use that was taken is no change. */
static bool
validity_fits(struct agents_run *run, const struct agents_question *question,
              const struct agents_answer *answer, int64_t valid_until, unsigned left_out)
{
    int64_t moments[AGENTS_MOMENTS_MAX];
    int count =
        agents_moments(&run->oracle, &run->state, run->state.now, moments, AGENTS_MOMENTS_MAX);
    bool is_moment = valid_until == 0;
    bool single = answer->reason != NULL && strcmp(answer->reason, "uses_exhausted") == 0;

    if (answer->is_record)
        return valid_until == answer->not_before;
    if (!single)
        left_out |= AGENTS_WITHOUT_USES;
    /* Each moment is a world of its own to the oracle: of denies a part is enough. */
    if (answer->value.answer == ORACLE_DENY && run->validities++ % 4 != 0)
        return valid_until == 0 || valid_until > run->state.now;
    for (int i = 0; i < count; i++) {
        struct agents_answer later;

        is_moment = is_moment || moments[i] == valid_until;
        if (valid_until != 0 && moments[i] >= valid_until)
            break;
        later = agents_decide(&run->oracle, &run->state, question, moments[i], false, left_out);
        if (answer->value.answer == ORACLE_DENY ? later.value.answer != ORACLE_DENY
                                                : !oracle_value_equal(later.value, answer->value))
            return false;
    }
    return is_moment && (valid_until == 0 || valid_until > run->state.now);
}

static void
count_answer(struct agents_run *run, const struct agents_question *question,
             const struct agents_answer *answer, struct slice reason)
{
    struct agents_counts *counts = run->counts;
    int chain[AGENTS_CHAIN_MAX];

    if (question->grant == AGENTS_NO_GRANT) {
        counts->standing[answer->value.answer]++;
        return;
    }
    counts->answers[answer->value.answer]++;
    counts->by_length[agents_chain(&run->state, question->grant, chain)]++;
    for (int i = 0; i < AGENTS_REASONS_MAX && reason.size > 0; i++) {
        if (i == counts->reason_count) {
            counts->reason_words[i] =
                answer->reason != NULL && slice_equal(reason, slice_of(answer->reason))
                    ? answer->reason
                    : "single_check_required";
            counts->reason_count++;
        }
        if (slice_equal(slice_of(counts->reason_words[i]), reason)) {
            counts->reasons[i]++;
            return;
        }
    }
}

/* Of several, when the session is seen is known only once all are answered. */
static void
note_seen(struct agents_run *run, int grant, bool many)
{
    struct agents_session *session = &run->state.sessions[run->state.grants[grant].session];

    if (many)
        session->seen_high = run->state.now;
    else
        agents_seen(session, run->state.now);
}

bool
agents_run_compare(struct agents_run *run, const struct agents_question *question,
                   const struct agents_answered *answered, unsigned left_out, bool many,
                   const char *method)
{
    struct agents_answer early =
        agents_decide(&run->oracle, &run->state, question, run->state.now, true, left_out);
    struct agents_answer late =
        agents_decide(&run->oracle, &run->state, question, run->state.now, false, left_out);
    const struct agents_answer *answer = answer_fits(run, &early, answered) ? &early : &late;

    if (many && is_single(run, question, answer, answered)) {
        if (question->resource.id == resource_ids[0])
            count_answer(run, question,
                         &(struct agents_answer){.value = {.answer = ORACLE_DENY},
                                                 .reason = "single_check_required"},
                         answered->reason);
        return true;
    }
    if (many && agents_has_uses(&run->state, question->grant) &&
        answer->value.answer != ORACLE_DENY)
        return fail(run, method, question, answer, answered, "uses of several");
    if (!answer_fits(run, answer, answered))
        return fail(run, method, question, answer, answered, "the answer");
    /* All items of a bulk would count more than the questions that were chosen with care. */
    if (!many)
        count_answer(run, question, answer, answered->reason);
    if (answered->status == BEHALF_OK &&
        !validity_fits(run, question, answer, answered->valid_until, left_out))
        return fail(run, method, question, answer, answered, "valid_until");
    if (answer->value.answer == ORACLE_ALLOW && question->grant >= 0)
        note_seen(run, question->grant, many);
    return true;
}

/* --- check --- */

struct check
agents_run_check(struct agents_run *run, const struct agents_question *question,
                 struct engine_delegation *delegation, struct object *actors)
{
    struct check check = {
        .resource = agents_run_object(question->resource),
        .permission = slice_of(question->permission),
        .subject = agents_run_object(question->principal),
        .actors = actors,
        .actor_count = (size_t)question->actor_count,
        .context = run->contexts[question->request],
    };

    for (int i = 0; i < question->actor_count; i++)
        actors[i] = agents_run_object(question->actors[i]);
    *delegation = (struct engine_delegation){.given = true};
    if (question->grant == AGENTS_NO_GRANT)
        return check;
    if (question->grant >= 0)
        delegation->grant = run->grants[question->grant];
    else
        memset(delegation->grant.bytes, 0x5a, sizeof delegation->grant.bytes);
    if (question->method != NULL) {
        delegation->binding.method = slice_of(question->method);
        memset(delegation->binding.digest, question->digest, sizeof delegation->binding.digest);
    }
    if (question->tool.name != NULL) {
        delegation->tool.name = slice_of(question->tool.name);
        memset(delegation->tool.sha256, question->tool.hash, sizeof delegation->tool.sha256);
    }
    check.delegation = delegation;
    return check;
}

static void
take_use(struct agents_run *run, int grant)
{
    int chain[AGENTS_CHAIN_MAX];
    int count = agents_chain(&run->state, grant, chain);

    for (int i = 0; i < count; i++)
        if (run->state.grants[chain[i]].terms.uses > 0)
            run->state.grants[chain[i]].uses_left--;
    run->state.order++;
}

/* The three steps of a check whose chain has uses. *spent when a use was taken. */
static enum status
check_in_steps(struct agents_run *run, struct check check, struct check_result *result, bool *spent,
               struct error *error)
{
    struct engine_request request = harness_request(&run->side, NULL);
    struct engine_write write = {.kind = WRITE_USE};
    struct engine_use use = {.write = &write};
    enum status status;

    write.use = &use;
    if (check.delegation != NULL)
        check.use = &use;
    status = engine_check(run->side.worker, &request, &check, result, error);
    if (status != BEHALF_MUST_SPEND)
        return status;
    status = engine_write_wait(run->side.engine, &write, error);
    if (status != BEHALF_OK)
        return status;
    use.spent = true;
    *spent = !use.none_left;
    return engine_check(run->side.worker, &request, &check, result, error);
}

bool
agents_run_ask_check(struct agents_run *run, const struct agents_question *question,
                     struct agents_answered *answered)
{
    struct object actors[AGENTS_CHAIN_MAX];
    struct engine_delegation delegation;
    struct check check = agents_run_check(run, question, &delegation, actors);
    struct check_result result = {.decision = DECISION_DENY};
    struct error error = {.status = BEHALF_OK};
    bool has_uses = agents_has_uses(&run->state, question->grant);
    bool spent = false;

    if (has_uses)
        agents_run_tick(run);
    answered->status = check_in_steps(run, check, &result, &spent, &error);
    answered->decision = result.decision;
    answered->reason = engine_reason_word(result.reason);
    answered->missing = result.missing;
    answered->valid_until = result.valid_until;
    if (!agents_run_compare(run, question, answered, AGENTS_ALL, false, "check"))
        return false;
    if (spent !=
        (has_uses && answered->status == BEHALF_OK && answered->decision == DECISION_ALLOW))
        return agents_run_fail(run, "a use is taken where nothing is allowed, or the other way");
    if (spent)
        take_use(run, question->grant);
    return true;
}

/* --- check_bulk --- */

/* Each second item asks for the principal alone: nothing of a grant may be found there. */
static struct agents_question
bulk_question(const struct agents_question *question, size_t item)
{
    struct agents_question other = *question;

    other.resource.id = resource_ids[item / 2];
    if (item % 2 == 1) {
        other.grant = AGENTS_NO_GRANT;
        other.actor_count = 0;
    }
    return other;
}

static bool
ask_bulk(struct agents_run *run, const struct agents_question *question)
{
    struct engine_request request = harness_request(&run->side, NULL);
    struct object actors[BULK_MAX][AGENTS_CHAIN_MAX];
    struct engine_delegation delegations[BULK_MAX];
    struct check checks[BULK_MAX];
    struct agents_session nobody = {.exists = false};
    struct agents_session *session = &nobody;
    struct agents_session before;
    struct check_bulk_result result;
    struct error error;
    size_t count = 2 * BEHALF_COUNT_OF(resource_ids);
    enum status status;

    for (size_t i = 0; i < count; i++) {
        struct agents_question of = bulk_question(question, i);

        checks[i] = agents_run_check(run, &of, &delegations[i], actors[i]);
    }
    status = engine_check_bulk(run->side.worker, &request, checks, count, &result, &error);
    if (status != BEHALF_OK)
        return agents_run_fail(run, "check_bulk: %s: %s", status_name(status), error.message);
    if (question->grant >= 0)
        session = &run->state.sessions[run->state.grants[question->grant].session];
    before = *session;
    for (size_t i = 0; i < count; i++) {
        struct agents_question of = bulk_question(question, i);
        const struct check_item *item = &result.items[i];
        struct agents_answered answered = {item->status, item->decision,
                                           engine_reason_word(item->reason), item->missing,
                                           item->valid_until};

        if (!agents_run_compare(run, &of, &answered, AGENTS_ALL, true, "check_bulk"))
            return false;
    }
    if (session->seen_high != before.seen_high) {
        *session = before;
        agents_seen(session, run->state.now);
    }
    return true;
}

/* --- answers that are lists --- */

/* One resource or permission, and whether it stands in the list. */
struct listed {
    struct agents_question question;
    struct agents_answered answered; /* a deny where it does not */
};

struct list {
    struct listed items[16];
    size_t count;
    struct slice reason;
    int64_t valid_until;
    unsigned left_out;
    const char *method;
};

/* What a list leaves out, and why it is empty: by a grant that is not active all of it. */
static bool
compare_empty(struct agents_run *run, const struct list *list)
{
    const struct listed *first = &list->items[0];
    struct agents_answered answered = {
        BEHALF_OK, DECISION_DENY, list->reason, {.names = NULL, .count = 0}, list->valid_until};
    struct agents_answer early = agents_decide(&run->oracle, &run->state, &first->question,
                                               run->state.now, true, list->left_out);
    struct agents_answer late = agents_decide(&run->oracle, &run->state, &first->question,
                                              run->state.now, false, list->left_out);
    const struct agents_answer *answer =
        early.is_record && reason_fits(early.reason, list->reason) ? &early : &late;

    for (size_t i = 0; i < list->count; i++)
        if (list->items[i].answered.decision != DECISION_DENY ||
            list->items[i].answered.status != BEHALF_OK)
            return fail(run, list->method, &list->items[i].question, answer,
                        &list->items[i].answered, "a list with a reason");
    /* Without a grant it is the stop or a hop that denies all of them alike. */
    if ((answer->is_record || first->question.grant == AGENTS_NO_GRANT) &&
        reason_fits(answer->reason, list->reason)) {
        count_answer(run, &first->question, answer, list->reason);
        return true;
    }
    if ((list->left_out & AGENTS_WITHOUT_USES) == 0 &&
        is_single(run, &first->question, answer, &answered)) {
        count_answer(run, &first->question,
                     &(struct agents_answer){.value = {.answer = ORACLE_DENY},
                                             .reason = "single_check_required"},
                     list->reason);
        return true;
    }
    return fail(run, list->method, &first->question, answer, &answered, "the reason of a list");
}

/* Until then each of them is as it is. */
static bool
list_is_valid(struct agents_run *run, const struct list *list)
{
    int64_t moments[AGENTS_MOMENTS_MAX];
    int count =
        agents_moments(&run->oracle, &run->state, run->state.now, moments, AGENTS_MOMENTS_MAX);

    for (int i = 0; i < count && (list->valid_until == 0 || moments[i] < list->valid_until); i++) {
        for (size_t j = 0; j < list->count; j++) {
            const struct agents_question *question = &list->items[j].question;
            struct agents_answer now = agents_decide(&run->oracle, &run->state, question,
                                                     run->state.now, false, list->left_out);
            struct agents_answer later = agents_decide(&run->oracle, &run->state, question,
                                                       moments[i], false, list->left_out);

            if (now.value.answer != ORACLE_ERROR && !oracle_value_equal(now.value, later.value))
                return fail(run, list->method, question, &now,
                            &(struct agents_answered){.valid_until = list->valid_until},
                            "valid_until of a list");
        }
    }
    return true;
}

/* A list says of a resource that it is allowed or conditional, or leaves it out; never why. */
static bool
compare_list(struct agents_run *run, const struct list *list)
{
    bool touched = false;

    if (list->reason.size > 0)
        return compare_empty(run, list);
    for (size_t i = 0; i < list->count; i++) {
        const struct listed *item = &list->items[i];
        struct agents_answer answer = agents_decide(&run->oracle, &run->state, &item->question,
                                                    run->state.now, false, list->left_out);

        if (answer.is_record || ((list->left_out & AGENTS_WITHOUT_USES) == 0 &&
                                 agents_has_uses(&run->state, item->question.grant) &&
                                 item->answered.decision != DECISION_DENY))
            return fail(run, list->method, &item->question, &answer, &item->answered,
                        "a list without its reason");
        if (!value_fits(run, answer.value, &item->answered))
            return fail(run, list->method, &item->question, &answer, &item->answered, "an item");
        touched = touched || answer.value.answer == ORACLE_ALLOW;
    }
    if (touched && list->items[0].question.grant >= 0)
        agents_seen(&run->state.sessions[run->state.grants[list->items[0].question.grant].session],
                    run->state.now);
    return list->method[0] == 'p' || list_is_valid(run, list);
}

static void
add_item(struct list *list, const struct agents_question *question, const char *id)
{
    struct listed *item = &list->items[list->count++];

    BEHALF_ASSERT(list->count <= BEHALF_COUNT_OF(list->items));
    *item = (struct listed){.question = *question};
    item->question.resource.id = id;
    item->answered = (struct agents_answered){.decision = DECISION_DENY};
}

static bool
ask_filter(struct agents_run *run, const struct agents_question *question)
{
    struct engine_request request = harness_request(&run->side, NULL);
    struct list list = {.left_out = AGENTS_ALL, .method = "filter_resources"};
    struct object resources[RESOURCES_MAX];
    struct object actors[AGENTS_CHAIN_MAX];
    struct engine_delegation delegation;
    struct check check = agents_run_check(run, question, &delegation, actors);
    struct filter_resources filter = {.resources = resources,
                                      .resource_count = BEHALF_COUNT_OF(resource_ids),
                                      .permission = check.permission,
                                      .subject = check.subject,
                                      .actors = check.actors,
                                      .actor_count = check.actor_count,
                                      .delegation = check.delegation,
                                      .context = check.context};
    struct filter_resources_result result;
    struct error error;
    enum status status;

    for (size_t i = 0; i < filter.resource_count; i++) {
        add_item(&list, question, resource_ids[i]);
        resources[i] = agents_run_object(list.items[i].question.resource);
    }
    status = engine_filter_resources(run->side.worker, &request, &filter, &result, &error);
    if (status != BEHALF_OK)
        return agents_run_fail(run, "filter_resources: %s: %s", status_name(status), error.message);
    for (size_t i = 0; i < result.allowed_count; i++) {
        if (i > 0 && result.allowed[i - 1] >= result.allowed[i])
            return agents_run_fail(run, "filter_resources: indexes are not ascending");
        list.items[result.allowed[i]].answered.decision = DECISION_ALLOW;
    }
    for (size_t i = 0; i < result.conditional_count; i++) {
        struct agents_answered *answered = &list.items[result.conditional[i].index].answered;

        answered->decision = DECISION_CONDITIONAL;
        answered->missing = result.conditional[i].missing;
    }
    for (size_t i = 0; i < result.undecided_count; i++)
        list.items[result.undecided[i].index].answered.status = result.undecided[i].error.status;
    list.reason = engine_reason_word(result.reason);
    list.valid_until = result.valid_until;
    return compare_list(run, &list);
}

/* --- lookup_resources --- */

static struct agents_answered *
find_item(struct list *list, struct slice id)
{
    for (size_t i = 0; i < list->count; i++)
        if (slice_equal(slice_of(list->items[i].question.resource.id), id))
            return &list->items[i].answered;
    return NULL;
}

static bool
add_page(struct agents_run *run, struct list *list, const struct lookup_resources_result *page)
{
    for (size_t i = 0; i < page->resource_count; i++) {
        const struct lookup_resource *row = &page->resources[i];
        struct agents_answered *answered = find_item(list, row->id);

        if (answered == NULL || answered->decision != DECISION_DENY ||
            answered->status != BEHALF_OK)
            return agents_run_fail(run, "lookup_resources: %.*s is unknown or comes twice",
                                   SLICE_PRINTF(row->id));
        answered->decision = row->decision;
        answered->missing = row->missing;
    }
    for (size_t i = 0; i < page->undecided_count; i++) {
        struct agents_answered *answered = find_item(list, page->undecided[i].id);

        if (answered == NULL)
            return agents_run_fail(run, "lookup_resources: an unknown id is undecided");
        answered->status = page->undecided[i].error.status;
    }
    if (page->valid_until != 0 && (list->valid_until == 0 || page->valid_until < list->valid_until))
        list->valid_until = page->valid_until;
    return true;
}

static bool
ask_resources(struct agents_run *run, const struct agents_question *question, int limit)
{
    struct engine_request request = harness_request(&run->side, NULL);
    struct list list = {.left_out = AGENTS_WITHOUT_CALL | AGENTS_WITHOUT_USES,
                        .method = "lookup_resources"};
    struct object actors[AGENTS_CHAIN_MAX];
    struct engine_delegation delegation;
    struct check check = agents_run_check(run, question, &delegation, actors);
    struct lookup_resources lookup = {.resource_type = check.resource.type,
                                      .permission = check.permission,
                                      .subject = check.subject,
                                      .actors = check.actors,
                                      .actor_count = check.actor_count,
                                      .delegation = check.delegation,
                                      .context = check.context,
                                      .limit = (uint32_t)limit};
    struct lookup_resources_result page;
    struct engine_token cursor;
    struct error error;

    for (size_t i = 0; i < BEHALF_COUNT_OF(resource_ids); i++)
        if (find_item(&list, slice_of(resource_ids[i])) == NULL)
            add_item(&list, question, resource_ids[i]);
    delegation.binding = (struct engine_binding){.method = {NULL, 0}};
    delegation.tool = (struct engine_tool){.name = {NULL, 0}};
    for (int pages = 0;; pages++) {
        enum status status =
            engine_lookup_resources(run->side.worker, &request, &lookup, &page, &error);

        if (status != BEHALF_OK)
            return agents_run_fail(run, "lookup_resources: %s: %s", status_name(status),
                                   error.message);
        if (!add_page(run, &list, &page))
            return false;
        if (pages == 0)
            list.reason = engine_reason_word(page.reason);
        if (page.cursor.text[0] == '\0')
            break;
        if (pages > 20)
            return agents_run_fail(run, "lookup_resources has no end");
        cursor = page.cursor;
        lookup.cursor = slice_of(cursor.text);
    }
    if (list.reason.size > 0 && !page.complete)
        return agents_run_fail(run, "lookup_resources: empty by its grant, but not complete");
    return compare_list(run, &list);
}

/* --- lookup_permissions --- */

static bool
ask_permissions(struct agents_run *run, const struct agents_question *question)
{
    struct engine_request request = harness_request(&run->side, NULL);
    struct list list = {.left_out = AGENTS_WITHOUT_CALL | AGENTS_WITHOUT_USES,
                        .method = "permissions of lookup_permissions"};
    struct object actors[AGENTS_CHAIN_MAX];
    struct engine_delegation delegation;
    struct check check = agents_run_check(run, question, &delegation, actors);
    struct lookup_permissions lookup = {.resource = check.resource,
                                        .subject = check.subject,
                                        .actors = check.actors,
                                        .actor_count = check.actor_count,
                                        .delegation = check.delegation,
                                        .context = check.context};
    struct lookup_permissions_result result;
    struct error error;
    enum status status =
        engine_lookup_permissions(run->side.worker, &request, &lookup, &result, &error);

    if (status != BEHALF_OK)
        return agents_run_fail(run, "lookup_permissions: %s: %s", status_name(status),
                               error.message);
    list.reason = engine_reason_word(result.reason);
    for (size_t i = 0; i < result.permission_count; i++) {
        const struct lookup_permission *row = &result.permissions[i];
        int name = 0;

        while (!slice_equal(slice_of(run->world.now.names[name]), row->permission))
            name++;
        add_item(&list, question, question->resource.id);
        list.items[i].question.permission = run->world.now.names[name];
        list.items[i].answered = (struct agents_answered){row->item.status, row->item.decision,
                                                          engine_reason_word(row->item.reason),
                                                          row->item.missing, row->item.valid_until};
    }
    if (result.permission_count == 0) {
        if (list.reason.size == 0)
            return agents_run_fail(run, "lookup_permissions is empty for no reason");
        add_item(&list, question, question->resource.id);
    }
    return compare_list(run, &list);
}

/* --- any --- */

bool
agents_run_ask(struct agents_run *run, const struct agents_step *step)
{
    const struct agents_question *question = &step->question;
    struct agents_answered answered;
    bool agreed = false;

    run->counts->methods[step->method]++;
    switch (step->method) {
    case AGENTS_CHECK:
        agreed = agents_run_ask_check(run, question, &answered);
        break;
    case AGENTS_BULK:
        agreed = ask_bulk(run, question);
        break;
    case AGENTS_FILTER:
        agreed = ask_filter(run, question);
        break;
    case AGENTS_RESOURCES:
        agreed = ask_resources(run, question, step->limit);
        break;
    case AGENTS_PERMISSIONS:
        agreed = ask_permissions(run, question);
        break;
    case AGENTS_METHOD_COUNT:
        break;
    }
    if (agreed && run->asks_more && step->method == AGENTS_CHECK)
        return agents_run_more(run, question, &answered);
    return agreed;
}
