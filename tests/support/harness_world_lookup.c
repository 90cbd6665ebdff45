/* harness_world_lookup.c - both lookups, page by page and whole. */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "tests/support/harness_ids.h"
#include "tests/support/harness_world_private.h"

static const uint32_t page_sizes[] = {1, 5, 16, 1000};

static int
find_id(const struct asking *asking, struct slice id)
{
    for (int i = 0; i < asking->world->id_count; i++)
        if (slice_equal(id, slice_of(asking->world->ids[i])))
            return i;
    return -1;
}

/* --- lookup_resources --- */

struct resources_asked {
    struct lookup_resources lookup;
    char text[1024];           /* the question */
    struct question question;  /* but for the id */
    const struct chain *chain; /* NULL = no actors */
    struct answered answers[WORLD_IDS_MAX];
    struct arena *arena; /* of missing names */
};

/* Deny, unless found. */
static void
forget_answers(struct answered *answers)
{
    for (int id = 0; id < WORLD_IDS_MAX; id++)
        answers[id] = (struct answered){.status = BEHALF_OK, .decision = DECISION_DENY};
}

static struct oracle_value
resource_value(struct asking *asking, const struct resources_asked *asked, int id, int state)
{
    struct question question = asked->question;
    struct chain chain;

    question.id = id;
    if (asked->chain == NULL)
        return asking_value(asking, &question, state);
    chain = *asked->chain;
    chain.question = question;
    return asking_chain_value(asking, &chain, state);
}

/* Names outlive the page that they came with. */
static struct missing_context
keep_missing(struct arena *arena, const struct missing_context *missing)
{
    struct slice *names = arena_take_array(arena, missing->count + 1, sizeof *names);

    BEHALF_ASSERT(names != NULL);
    for (size_t i = 0; i < missing->count; i++)
        names[i] = arena_copy(arena, missing->names[i]);
    return (struct missing_context){names, missing->count};
}

/* False when the world has no such id, or it is there already. */
static bool
note_answer(const struct asking *asking, struct answered *answers, struct slice id,
            struct answered answered)
{
    int index = find_id(asking, id);

    if (index < 0 || answers[index].status != BEHALF_OK || answers[index].decision != DECISION_DENY)
        return false;
    answers[index] = answered;
    return true;
}

/* What is on a page stays so until then. */
struct page_validity {
    const struct resources_asked *asked;
    bool listed[WORLD_IDS_MAX];
    bool whole; /* the page is the answer: what is not on it stays away, too */
};

static bool
page_is_same(struct asking *asking, const void *what, int state)
{
    const struct page_validity *page = what;
    int present = asking_state(asking, asking->now);

    for (int id = 0; id < asking->world->id_count; id++)
        if ((page->whole || page->listed[id]) &&
            !oracle_value_equal(resource_value(asking, page->asked, id, present),
                                resource_value(asking, page->asked, id, state)))
            return false;
    return true;
}

static bool
note_page(struct asking *asking, struct resources_asked *asked,
          const struct lookup_resources_result *result, struct page_validity *page)
{
    for (size_t i = 0; i < result->resource_count; i++) {
        const struct lookup_resource *resource = &result->resources[i];
        struct answered answered = {BEHALF_OK, resource->decision,
                                    keep_missing(asked->arena, &resource->missing), 0};

        if (resource->decision == DECISION_DENY ||
            !note_answer(asking, asked->answers, resource->id, answered))
            return comparison_fail(asking, "%s: %.*s comes twice, or denied, or is unknown",
                                   asked->text, SLICE_PRINTF(resource->id));
        page->listed[find_id(asking, resource->id)] = true;
    }
    for (size_t i = 0; i < result->undecided_count; i++) {
        const struct lookup_undecided *undecided = &result->undecided[i];
        struct answered answered = {.status = undecided->error.status};

        if (!harness_is_undecided(undecided->error.status) ||
            !note_answer(asking, asked->answers, undecided->id, answered))
            return comparison_fail(asking, "%s: %.*s is undecided twice or by %s", asked->text,
                                   SLICE_PRINTF(undecided->id),
                                   status_name(undecided->error.status));
    }
    return true;
}

/* One page; *more says whether another follows, whose cursor is put into `lookup`. */
static bool
resources_page(struct asking *asking, struct resources_asked *asked, bool first, bool *more)
{
    static struct engine_token cursor; /* outlives the arena of the page before */
    struct engine_request request = harness_request(&asking->side, asking->at);
    struct page_validity page = {.asked = asked};
    struct lookup_resources_result result;
    struct error error;
    enum status status =
        engine_lookup_resources(asking->side.worker, &request, &asked->lookup, &result, &error);

    if (status != BEHALF_OK)
        return comparison_fail(asking, "%s: %s: %s", asked->text, status_name(status),
                               error.message);
    if (result.resource_count > asked->lookup.limit)
        return comparison_fail(asking, "%s: a page over its limit", asked->text);
    if (!note_page(asking, asked, &result, &page))
        return false;
    *more = result.cursor.text[0] != '\0';
    page.whole = first && !*more && result.undecided_count == 0;
    if (result.undecided_count == 0 &&
        !asking_compare_validity(asking, asked->text, result.valid_until, page_is_same, &page))
        return false;
    if (result.complete != (!*more && result.undecided_count == 0))
        return comparison_fail(asking, "%s: complete is %d with %zu undecided, %s cursor",
                               asked->text, result.complete, result.undecided_count,
                               *more ? "a" : "no");
    cursor = result.cursor;
    asked->lookup.cursor = slice_of(cursor.text);
    return true;
}

/* Every second page ends by its bytes, most of them before its limit. */
static size_t
page_bytes(struct asking *asking, uint32_t limit)
{
    return limit == 1000 || asking_below(asking, 2) == 0 ? 0
                                                         : 1 + (size_t)asking_below(asking, 3000);
}

static bool
resources_whole(struct asking *asking, struct resources_asked *asked, uint32_t limit)
{
    int state = asking_state(asking, asking->now);
    bool more = true;

    asked->lookup.limit = limit;
    asked->lookup.most_bytes = page_bytes(asking, limit);
    asked->lookup.cursor = (struct slice){NULL, 0};
    asking->counts->lookups++;
    forget_answers(asked->answers);
    for (int pages = 0; more; pages++) {
        if (pages > 2 * asking->world->id_count + 2)
            return comparison_fail(asking, "%s: pages of %u never end", asked->text, limit);
        if (!resources_page(asking, asked, pages == 0, &more))
            return false;
    }
    for (int id = 0; id < asking->world->id_count; id++) {
        struct oracle_value expected = resource_value(asking, asked, id, state);
        struct buffer text = {0};

        if (answered_fits(asking, expected, &asked->answers[id]))
            continue;
        buffer_init(&text);
        oracle_print_value(asking->caveats, expected, &text);
        buffer_add_text(&text, ", got ");
        answered_print(&asked->answers[id], &text);
        comparison_fail(asking, "%s by pages of %u: of %s expected %s", asked->text, limit,
                        asking->world->ids[id], text.data);
        buffer_release(&text);
        return false;
    }
    return true;
}

/* The hops are decided once: an error of theirs is one of the lookup as a whole. */
static bool
resources_fail(struct asking *asking, struct resources_asked *asked, struct oracle_value hops)
{
    struct engine_request request = harness_request(&asking->side, asking->at);
    struct lookup_resources_result result;
    struct error error;
    enum status status =
        engine_lookup_resources(asking->side.worker, &request, &asked->lookup, &result, &error);

    return oracle_error_fits(hops, status) ||
           comparison_fail(asking, "%s: expected the error of the delegation, got %s", asked->text,
                           status_name(status));
}

static bool
ask_resources_pages(struct asking *asking, struct resources_asked *asked)
{
    struct oracle_value hops = {.answer = ORACLE_ALLOW};
    struct arena arena;
    bool agreed;

    if (asked->chain != NULL)
        hops = asking_hops_value(asking, asked->chain, asking_state(asking, asking->now));
    if (hops.answer == ORACLE_ERROR)
        return resources_fail(asking, asked, hops);
    arena_init(&arena, SIZE_MAX);
    asked->arena = &arena;
    agreed = resources_whole(asking, asked, 1000);
    for (size_t i = 0; agreed && i < 3; i++)
        if (asking_sample(asking, 15))
            agreed = resources_whole(asking, asked, page_sizes[i]);
    arena_release(&arena);
    return agreed;
}

static bool
ask_resources_of(struct asking *asking, int type, int name, int subject)
{
    const struct oracle_subject *who = &asking->subjects[subject];
    const struct world *world = asking->world;
    int hop_name = world_find_name(world, "acts_on_behalf_of");
    int request = asking_below(asking, world->request_count);
    struct resources_asked asked = {
        .lookup = {.resource_type = slice_of(world->types[type].name),
                   .permission = slice_of(world->names[name]),
                   .subject = asking_object(asking, who->type, who->id, who->name),
                   .context = asking_context(asking, request)},
        .question = {type, 0, name, subject, request}};
    struct chain chain;

    if (hop_name >= 0 && who->name < 0 && world_random_chance(&asking->random, 20)) {
        chain = asking_chain(asking, asked.question, hop_name);
        if (!chain.twice && !chain.without) {
            asked.chain = &chain;
            asked.lookup.actors = chain.objects;
            asked.lookup.actor_count = (size_t)chain.count;
        }
    }
    snprintf(asked.text, sizeof asked.text, "lookup_resources %s#%s@%s:%s%s%s%s%s%s",
             world->types[type].name, world->names[name], world->types[who->type].name,
             world->ids[who->id], who->name >= 0 ? "#" : "",
             who->name >= 0 ? world->names[who->name] : "",
             asked.chain != NULL ? " through actors" : "",
             world->requests[request][0] != '\0' ? " with " : "", world->requests[request]);
    return ask_resources_pages(asking, &asked);
}

bool
ask_resources(struct asking *asking)
{
    const struct world *world = asking->world;

    for (int type = 0; type < world->type_count; type++)
        for (int member = 0; member < world->types[type].member_count; member++)
            for (int subject = 0; subject < asking->subject_count; subject++)
                if (asking_chance(asking, 40) &&
                    !ask_resources_of(asking, type, world->types[type].members[member].name,
                                      subject))
                    return false;
    return true;
}

/* --- lookup_subjects --- */

struct subjects_asked {
    struct lookup_subjects lookup;
    char text[1024];
    struct question question;     /* but for the subject */
    struct oracle_subject kind;   /* but for the id */
    const struct oracle_set *set; /* what is listed, exactly; NULL = not known */
};

struct subjects_found {
    enum status status; /* of the lookup */
    bool wildcard;
    struct answered everybody; /* what the wildcard says */
    struct answered answers[WORLD_IDS_MAX];
    bool listed[WORLD_IDS_MAX];
    bool excluded[WORLD_IDS_MAX];
    bool more_excluded;
    bool unnamed[WORLD_IDS_MAX]; /* conditional, by an exclusion: the names are not told */
    struct arena arena;
};

static bool
add_wildcard(struct asking *asking, const struct subjects_asked *asked,
             const struct lookup_subject *subject, struct subjects_found *found)
{
    for (int id = 0; id < asking->world->id_count; id++)
        if (found->wildcard != found->more_excluded || found->listed[id])
            return comparison_fail(asking, "%s: the wildcard is not the first", asked->text);
    found->wildcard = true;
    found->more_excluded = subject->more_excluded;
    found->everybody = (struct answered){BEHALF_OK, subject->decision,
                                         keep_missing(&found->arena, &subject->missing), 0};
    for (size_t i = 0; i < subject->excluded_count; i++) {
        const struct lookup_excluded *excluded = &subject->excluded[i];
        int id = find_id(asking, excluded->id);

        if (id < 0 || found->excluded[id] || excluded->decision == DECISION_DENY)
            return comparison_fail(asking, "%s: %.*s is excluded twice, or not, or is unknown",
                                   asked->text, SLICE_PRINTF(excluded->id));
        found->excluded[id] = true;
        found->unnamed[id] = excluded->decision == DECISION_CONDITIONAL;
    }
    return true;
}

static bool
add_subject(struct asking *asking, const struct subjects_asked *asked,
            const struct lookup_subject *subject, struct subjects_found *found)
{
    int id = find_id(asking, subject->id);

    if (subject->decision == DECISION_DENY)
        return comparison_fail(asking, "%s: a subject that is denied", asked->text);
    if (subject->wildcard)
        return add_wildcard(asking, asked, subject, found);
    if (subject->excluded_count > 0 || found->more_excluded || id < 0 || found->listed[id])
        return comparison_fail(asking, "%s: %.*s comes twice or is unknown", asked->text,
                               SLICE_PRINTF(subject->id));
    found->listed[id] = true;
    found->answers[id] = (struct answered){BEHALF_OK, subject->decision,
                                           keep_missing(&found->arena, &subject->missing), 0};
    return true;
}

static bool
subjects_are_same(struct asking *asking, const void *what, int state)
{
    const struct subjects_asked *asked = what;
    struct question question = asked->question;
    int present = asking_state(asking, asking->now);

    for (int id = 0; id < asking->world->id_count; id++) {
        question.subject = asking_subject(asking, asked->kind.type, id, asked->kind.name);
        if (!oracle_value_equal(asking_value(asking, &question, present),
                                asking_value(asking, &question, state)))
            return false;
    }
    return true;
}

/* Adds all pages to *found. */
static bool
subjects_whole(struct asking *asking, struct subjects_asked *asked, struct subjects_found *found)
{
    static struct engine_token cursor;

    asked->lookup.cursor = (struct slice){NULL, 0};
    asking->counts->lookups++;
    for (int pages = 0;; pages++) {
        struct engine_request request = harness_request(&asking->side, asking->at);
        struct lookup_subjects_result result;
        struct error error;

        found->status =
            engine_lookup_subjects(asking->side.worker, &request, &asked->lookup, &result, &error);
        if (harness_is_undecided(found->status))
            return true;
        if (found->status != BEHALF_OK)
            return comparison_fail(asking, "%s: %s: %s", asked->text, status_name(found->status),
                                   error.message);
        if (result.subject_count > asked->lookup.limit || pages > 2 * asking->world->id_count + 2)
            return comparison_fail(asking, "%s: pages of %u are too large or never end",
                                   asked->text, asked->lookup.limit);
        for (size_t i = 0; i < result.subject_count; i++)
            if (!add_subject(asking, asked, &result.subjects[i], found))
                return false;
        if (!asking_compare_validity(asking, asked->text, result.valid_until, subjects_are_same,
                                     asked))
            return false;
        cursor = result.cursor;
        asked->lookup.cursor = slice_of(cursor.text);
        if (result.complete != (cursor.text[0] == '\0'))
            return comparison_fail(asking, "%s: complete is %d, the cursor '%s'", asked->text,
                                   result.complete, cursor.text);
        if (cursor.text[0] == '\0')
            return true;
    }
}

/* What the lookup says of one subject that it does not list. */
static struct answered
unlisted_answer(const struct subjects_found *found, int id)
{
    struct answered answered = {.status = BEHALF_OK, .decision = DECISION_DENY};

    if (found->unnamed[id])
        answered.decision = DECISION_CONDITIONAL;
    else if (found->wildcard && !found->excluded[id])
        answered = found->everybody;
    return answered;
}

static bool
fail_subject(struct asking *asking, const struct subjects_asked *asked, const char *who,
             struct oracle_value expected, const struct answered *answered)
{
    struct buffer text = {0};

    buffer_init(&text);
    oracle_print_value(asking->caveats, expected, &text);
    buffer_add_text(&text, ", got ");
    answered_print(answered, &text);
    comparison_fail(asking, "%s by pages of %u: of %s expected %s", asked->text,
                    asked->lookup.limit, who, text.data);
    buffer_release(&text);
    return false;
}

/* Each subject is what its check says; and where nothing is open, who is listed is known, too. */
static bool
compare_subject(struct asking *asking, const struct subjects_asked *asked,
                const struct subjects_found *found, int id, struct oracle_value expected)
{
    struct answered answered = found->listed[id] ? found->answers[id] : unlisted_answer(found, id);
    bool unnamed = !found->listed[id] && found->unnamed[id];

    if (unnamed ? expected.answer != ORACLE_CONDITIONAL
                : !answered_fits(asking, expected, &answered))
        return fail_subject(asking, asked, asking->world->ids[id], expected, &answered);
    if (asked->set == NULL)
        return true;
    if (found->listed[id] != ((asked->set->concrete >> id & 1) != 0) ||
        found->excluded[id] != ((asked->set->excluded >> id & 1) != 0))
        return comparison_fail(asking, "%s by pages of %u: %s is listed: %d, excluded: %d",
                               asked->text, asked->lookup.limit, asking->world->ids[id],
                               found->listed[id], found->excluded[id]);
    return true;
}

/* The error of all the subjects that are one. */
static struct oracle_value
any_error(struct asking *asking, const struct question *question)
{
    struct oracle_value error = {.answer = ORACLE_DENY};
    struct oracle *oracle = &asking->sets->oracle;

    for (int lane = 0; lane < oracle->subject_count; lane++) {
        struct oracle_value value =
            oracle_value(oracle, question->type, question->id, question->name, lane);

        if (value.answer != ORACLE_ERROR)
            continue;
        error.answer = ORACLE_ERROR;
        error.reasons |= value.reasons;
    }
    return error;
}

static bool
compare_found(struct asking *asking, const struct subjects_asked *asked,
              const struct subjects_found *found)
{
    const struct question *at = &asked->question;
    struct oracle *oracle = &asking->sets->oracle;
    struct oracle_value error = any_error(asking, at);
    struct answered everybody =
        found->wildcard ? found->everybody : (struct answered){.status = BEHALF_OK};

    if (error.answer == ORACLE_ERROR || found->status != BEHALF_OK) {
        struct answered answered = {.status = found->status};

        return answered_fits(asking, error, &answered) ||
               fail_subject(asking, asked, "all", error, &answered);
    }
    for (int id = 0; id < asking->world->id_count; id++)
        if (!compare_subject(asking, asked, found, id,
                             oracle_value(oracle, at->type, at->id, at->name, id)))
            return false;
    if (asked->kind.name < 0) {
        struct oracle_value stranger =
            oracle_value(oracle, at->type, at->id, at->name, asking->world->id_count);

        if (!answered_fits(asking, stranger, &everybody))
            return fail_subject(asking, asked, "a stranger", stranger, &everybody);
    }
    return true;
}

static bool
compare_subjects(struct asking *asking, struct subjects_asked *asked, uint32_t limit)
{
    struct subjects_found found = {.status = BEHALF_OK};
    bool agreed;

    asked->lookup.limit = limit;
    asked->lookup.most_bytes = page_bytes(asking, limit);
    forget_answers(found.answers);
    arena_init(&found.arena, SIZE_MAX);
    agreed = subjects_whole(asking, asked, &found) && compare_found(asking, asked, &found);
    arena_release(&found.arena);
    return agreed;
}

static bool
ask_subjects_of(struct asking *asking, int type, int id, int member, struct oracle_subject kind,
                int request)
{
    const struct world *world = asking->world;
    int name = world->types[type].members[member].name;
    struct subjects_asked asked = {
        .lookup = {.resource = asking_object(asking, type, id, -1),
                   .permission = slice_of(world->names[name]),
                   .subject_type = slice_of(world->types[kind.type].name),
                   .context = asking_context(asking, request)},
        .question = {type, id, name, 0, request},
        .kind = kind,
        .set =
            asking->sets->exact ? &asking->sets->nodes[world_node(world, type, id, member)] : NULL};

    if (kind.name >= 0)
        asked.lookup.subject_relation = slice_of(world->names[kind.name]);
    snprintf(asked.text, sizeof asked.text, "lookup_subjects %s:%s#%s@%s%s%s%s%s",
             world->types[type].name, world->ids[id], world->names[name],
             world->types[kind.type].name, kind.name >= 0 ? "#" : "",
             kind.name >= 0 ? world->names[kind.name] : "",
             world->requests[request][0] != '\0' ? " with " : "", world->requests[request]);
    if (!compare_subjects(asking, &asked, 1000))
        return false;
    for (size_t i = 0; i < 3; i++)
        if (asking_sample(asking, 10) && !compare_subjects(asking, &asked, page_sizes[i]))
            return false;
    return true;
}

static bool
ask_subjects_kind(struct asking *asking, struct oracle_subject kind)
{
    const struct world *world = asking->world;
    int request = asking_below(asking, world->request_count);
    const struct sight *sight = asking_sight(asking, request, asking_state(asking, asking->now));

    oracle_solve_subjects(asking->sets, &sight->facts, kind.type, kind.name);
    for (int type = 0; type < world->type_count; type++)
        for (int id = 0; id < world->id_count; id++)
            for (int member = 0; member < world->types[type].member_count; member++)
                if (asking_sample(asking, 70) &&
                    !ask_subjects_of(asking, type, id, member, kind, request))
                    return false;
    return true;
}

bool
ask_subjects(struct asking *asking)
{
    const struct world *world = asking->world;

    for (int type = 0; type < world->type_count; type++) {
        if (asking_chance(asking, 80) &&
            !ask_subjects_kind(asking, (struct oracle_subject){type, 0, -1}))
            return false;
        for (int member = 0; member < world->types[type].member_count; member++)
            if (asking_chance(asking, 12) &&
                !ask_subjects_kind(asking, (struct oracle_subject){
                                               type, 0, world->types[type].members[member].name}))
                return false;
    }
    return true;
}
