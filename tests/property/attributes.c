/* attributes.c - random worlds whose caveats read attributes: the engine against brute force.
 *
 *   BEHALF_WORLDS  how many (300)
 *   BEHALF_SEED    this one alone
 *   BEHALF_FIRST   seed of the first world (1); the others follow
 *
 * A condition belongs to one (subject, resource, action, properties). So each question has facts of
 * its own: every caveat is decided by the functions below, which know what its text means, and the
 * oracle solves the whole world for that one subject. Relationships and attributes change between
 * the questions; states of the past are asked at their tokens.
 * Ends with 1 at the first world in which anything disagrees, and when too few answers are of one
 * kind. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "tests/support/attribute_caveats.h"
#include "tests/support/harness_attributes.h"
#include "tests/support/oracle.h"

#define TYPES 4
#define IDS 4 /* the last one is in no relationship */
#define POOL 40
#define STATES 8
#define QUESTIONS 90 /* of a state */
#define BULK 24
#define LINE 160
#define TEXT 512

enum { USER, GROUP, DOCUMENT, AGENT };

static const char *const type_names[TYPES] = {"user", "group", "document", "agent"};
static const char *const id_names[IDS] = {"a", "b", "c", "d"};
static const char *const members[] = {"parent", "viewer", "banned", "owner",
                                      "view",   "edit",   "read",   "deep"};
#define MEMBERS ((int)BEHALF_COUNT_OF(members)) /* of documents */
#define FIRST_PERMISSION 4

/* --- a world --- */

struct state {
    struct engine_token token;
    uint64_t present;
    struct attribute_map attributes[TYPES][IDS];
    bool named[TYPES][IDS]; /* the store has a name of it */
};

/* What a request says beside its question. */
struct saying {
    bool properties;
    struct attribute_map subject;
    struct attribute_map resource;
    int mode;
    const char *context; /* JSON, or NULL */
    int word;            /* in it */
};

struct question {
    struct oracle_subject subject;
    int id; /* of the document */
    const char *permission;
    int actor; /* id of the agent, or -1 */
};

struct counts {
    uint64_t answers[4];
    uint64_t checks;
    uint64_t items;
    uint64_t lookups;
    uint64_t filters;
    uint64_t past;
    uint64_t with_properties;
    uint64_t refused;
};

struct run {
    struct harness_engine side;
    struct world_random random;
    bool request_attributes;
    char schema[4096];
    char tuples[POOL][LINE];
    int words[POOL]; /* stored in the context of the tuple; 0 = none */
    int tuple_count;
    struct state states[STATES];
    int state_count;
    struct world world; /* of the state that is asked about */
    struct oracle_facts facts;
    struct oracle oracle;
    struct arena arena; /* of contexts and properties */
    struct counts *counts;
    uint64_t seed;
    bool agreed;
};

static int
below(struct run *run, int bound)
{
    return world_random_below(&run->random, bound);
}

static bool
chance(struct run *run, int percent)
{
    return world_random_chance(&run->random, percent);
}

__attribute__((format(printf, 2, 3))) static void
disagree(struct run *run, const char *format, ...)
{
    char text[TEXT];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fprintf(stderr, "attributes: seed %" PRIu64 ": %s\n%s", run->seed, text,
            run->agreed ? run->schema : "");
    run->agreed = false;
}

static void
make_schema(struct run *run)
{
    const char *chosen[9];
    size_t size;

    size = (size_t)snprintf(run->schema, sizeof run->schema, "use %s\n",
                            run->request_attributes ? "request_attributes" : "attributes");
    size += attribute_caveats_print(run->schema + size, sizeof run->schema - size);
    for (size_t at = 0; at < BEHALF_COUNT_OF(chosen); at++)
        chosen[at] = attribute_caveats[below(run, ATTRIBUTE_CAVEATS)].name;
    size += (size_t)snprintf(
        run->schema + size, sizeof run->schema - size,
        "definition user {}\n"
        "definition group {\n"
        " relation member: user | user with %s | group#member | group#member with %s\n}\n"
        "definition document {\n"
        " relation parent: document | document with %s\n"
        " relation viewer: user | user with %s | group#member with %s | user:* with %s\n"
        " relation banned: user with %s | group#member\n"
        " relation owner: user with %s | user:*\n"
        " permission view = viewer + owner + parent->view\n"
        " permission edit = owner & viewer\n"
        " permission read = view - banned\n"
        " permission deep = edit + parent->edit\n}\n"
        "definition agent {\n"
        " relation principal: user | user with %s | user:*\n"
        " permission acts_on_behalf_of = principal\n}\n",
        chosen[0], chosen[1], chosen[2], chosen[3], chosen[4], chosen[5], chosen[6], chosen[7],
        chosen[8]);
    BEHALF_ASSERT(size < sizeof run->schema);
}

/* A relationship by one of the relation's variants; its text without the caveat in `key`. */
static void
make_tuple(struct run *run, char line[LINE], char key[LINE], int *word)
{
    const struct world *world = &run->world;
    int choice = below(run, 10);
    int type = choice < 2 ? GROUP : choice < 4 ? AGENT : DOCUMENT;
    const struct world_member *member =
        &world->types[type].members[type == DOCUMENT ? below(run, FIRST_PERMISSION) : 0];
    const struct world_variant *variant = &member->variants[below(run, member->variant_count)];
    size_t size = (size_t)snprintf(key, LINE, "%s:%s#%s@%s:%s%s", type_names[type],
                                   id_names[below(run, IDS - 1)], world->names[member->name],
                                   type_names[variant->type],
                                   variant->wildcard ? "*" : id_names[below(run, IDS - 1)],
                                   variant->name >= 0 ? "#member" : "");

    BEHALF_ASSERT(size < LINE);
    *word = 0;
    if (variant->caveat == 0) {
        snprintf(line, LINE, "%s", key);
        return;
    }
    if (variant->caveat - 1 == ATTRIBUTE_CAVEAT_SPOKEN)
        *word = below(run, 3);
    if (*word > 0)
        size =
            (size_t)snprintf(line, LINE, "%s[%s:{\"word\":\"%s\"}]", key,
                             attribute_caveats[variant->caveat - 1].name, attribute_values[*word]);
    else
        size = (size_t)snprintf(line, LINE, "%s[%s]", key,
                                attribute_caveats[variant->caveat - 1].name);
    BEHALF_ASSERT(size < LINE);
}

static void
make_pool(struct run *run)
{
    char keys[POOL][LINE];

    for (int tries = 0; tries < POOL; tries++) {
        int place = run->tuple_count;
        bool twice = false;

        make_tuple(run, run->tuples[place], keys[place], &run->words[place]);
        for (int at = 0; at < place; at++)
            twice = twice || strcmp(keys[at], keys[place]) == 0;
        run->tuple_count += !twice;
    }
}

/* --- writing --- */

static struct attribute_map
random_map(struct run *run, int percent)
{
    struct attribute_map map = {{0}};

    for (int key = 0; key < ATTRIBUTE_KEYS; key++)
        if (chance(run, percent))
            map.values[key] = 1 + below(run, 3);
    return map;
}

/* Sets, merges (a null takes a key away) or deletes the attributes of one object. */
static void
write_attributes(struct run *run, struct state *state)
{
    int type = below(run, TYPES);
    int id = below(run, IDS - 1);
    struct attribute_map *map = &state->attributes[type][id];
    int choice = below(run, 10);
    struct engine_write write = {.kind = WRITE_ATTRIBUTES};
    char line[2 * LINE];
    char text[ATTRIBUTE_MAP_TEXT];
    enum status status;

    if (choice == 0) {
        *map = (struct attribute_map){{0}};
        snprintf(line, sizeof line, "delete %s:%s", type_names[type], id_names[id]);
    } else if (choice < 7) {
        *map = random_map(run, 50);
        attribute_map_print(map, text);
        snprintf(line, sizeof line, "set %s:%s %s", type_names[type], id_names[id], text);
    } else {
        int key = below(run, ATTRIBUTE_KEYS);
        int value = below(run, 4);

        map->values[key] = value;
        snprintf(line, sizeof line, "merge %s:%s {\"%s\":%s%s%s}", type_names[type], id_names[id],
                 attribute_keys[key], value == 0 ? "null" : "\"",
                 value == 0 ? "" : attribute_values[value], value == 0 ? "" : "\"");
    }
    status = harness_write_attributes(&run->side, line, &write);
    if (status != BEHALF_OK)
        disagree(run, "'%s' is refused: %s: %s", line, status_name(status), write.error.message);
    state->token = write.written_at;
}

static void
write_tuples(struct run *run, struct state *state)
{
    struct update updates[POOL];
    struct error error;
    size_t count = 0;
    enum status status;

    for (int tuple = 0; tuple < run->tuple_count; tuple++) {
        bool present = (state->present >> tuple & 1) != 0;

        if (!chance(run, present ? 15 : 50))
            continue;
        updates[count].op = present ? UPDATE_DELETE : UPDATE_TOUCH;
        if (relationship_parse(slice_of(run->tuples[tuple]), &run->arena,
                               &updates[count].relationship, &error) != BEHALF_OK)
            BEHALF_UNREACHABLE();
        count++;
        state->present ^= UINT64_C(1) << tuple;
    }
    if (count == 0)
        return;
    status = harness_write_updates(&run->side, updates, count, &state->token, &error);
    if (status != BEHALF_OK)
        disagree(run, "relationships are refused: %s: %s", status_name(status), error.message);
}

/* --- what must be answered --- */

/* Whoever has attributes or stands in a relationship has a name. */
static void
name(const struct world *world, struct state *state)
{
    for (int at = 0; at < world->tuple_count; at++) {
        const struct world_tuple *tuple = &world->tuples[at];

        if (tuple->subject_id >= 0)
            state->named[tuple->subject_type][tuple->subject_id] = true;
    }
    for (int id = 0; id < IDS; id++)
        for (int key = 0; key < ATTRIBUTE_KEYS; key++)
            if (state->attributes[USER][id].values[key] != 0)
                state->named[USER][id] = true;
}

/* Makes the state the one that is asked about. */
static void
see(struct run *run, struct state *state)
{
    world_read_schema(&run->world, run->schema);
    for (int id = 0; id < IDS; id++)
        (void)world_add_id(&run->world, id_names[id]);
    for (int tuple = 0; tuple < run->tuple_count; tuple++)
        if ((state->present >> tuple & 1) != 0)
            world_add_tuple(&run->world, run->tuples[tuple]);
    name(&run->world, state);
}

/* What the caveats are to see of the question; of a hop, its principal and its agent. */
static struct attribute_sight
sight_of(const struct run *run, const struct state *state, const struct question *question,
         const struct saying *saying, bool hop)
{
    struct attribute_sight sight = {
        .subject = state->attributes[question->subject.type][question->subject.id],
        .resource = hop ? state->attributes[AGENT][question->actor]
                        : state->attributes[DOCUMENT][question->id],
        .action = question->permission,
        .context_word = saying->word,
    };

    if (!saying->properties || !run->request_attributes)
        return sight;
    sight.mode = saying->mode;
    if (question->actor >= 0)
        return sight;
    attribute_map_lay_over(&sight.subject, &saying->subject);
    attribute_map_lay_over(&sight.resource, &saying->resource);
    return sight;
}

/* Decides every relationship for the one question, and solves the world. */
static struct oracle_value
solve(struct run *run, const struct state *state, const struct question *question,
      const struct saying *saying, bool hop)
{
    struct attribute_sight sight = sight_of(run, state, question, saying, hop);
    int next = 0;

    run->facts.world = &run->world;
    for (int tuple = 0; tuple < run->tuple_count; tuple++) {
        const struct world_tuple *at = &run->world.tuples[next];
        struct attribute_outcome outcome = {ATTRIBUTE_TRUE, 0};

        if ((state->present >> tuple & 1) == 0)
            continue;
        sight.word = run->words[tuple] != 0 ? run->words[tuple] : saying->word;
        if (at->caveat > 0)
            outcome = attribute_caveats[at->caveat - 1].decide(&sight);
        run->facts.conditions[next] = outcome.truth == ATTRIBUTE_TRUE    ? ORACLE_HOLDS
                                      : outcome.truth == ATTRIBUTE_FALSE ? ORACLE_FAILS
                                                                         : ORACLE_OPEN;
        run->facts.reasons[next++] = outcome.missing;
    }
    BEHALF_ASSERT(next == run->world.tuple_count);
    oracle_solve(&run->oracle, &run->facts, &question->subject, 1);
    if (hop)
        return oracle_value(&run->oracle, AGENT, question->actor,
                            world_find_name(&run->world, "acts_on_behalf_of"), 0);
    return oracle_value(&run->oracle, DOCUMENT, question->id,
                        world_find_name(&run->world, question->permission), 0);
}

static struct oracle_value
expect(struct run *run, const struct state *state, const struct question *question,
       const struct saying *saying)
{
    struct oracle_value value = solve(run, state, question, saying, false);

    if (question->actor < 0)
        return value;
    return oracle_both(value, solve(run, state, question, saying, true));
}

/* Whether the decision is that, and what is missing is among what may be. */
static bool
fits(struct oracle_value value, enum decision decision, const struct missing_context *missing)
{
    static const enum decision decisions[] = {DECISION_DENY, DECISION_DENY, DECISION_CONDITIONAL,
                                              DECISION_ALLOW};

    BEHALF_ASSERT(value.answer != ORACLE_ERROR);
    if (decision != decisions[value.answer])
        return false;
    if (decision != DECISION_CONDITIONAL || missing == NULL)
        return true;
    for (size_t at = 0; at < missing->count; at++) {
        bool may_miss = false;

        for (size_t name = 0; name < ATTRIBUTE_PARAMETERS; name++)
            may_miss =
                may_miss || ((value.reasons >> name & 1) != 0 &&
                             slice_equal(missing->names[at], slice_of(attribute_parameters[name])));
        if (!may_miss)
            return false;
    }
    return missing->count > 0;
}

static void
compare(struct run *run, const char *method, const struct state *state,
        const struct question *question, const struct saying *saying, enum decision decision,
        const struct missing_context *missing)
{
    static const char *const words[] = {"deny", "error", "conditional", "allow"};
    struct oracle_value value = expect(run, state, question, saying);

    run->counts->answers[value.answer]++;
    run->counts->with_properties += saying->properties && run->request_attributes;
    if (fits(value, decision, missing))
        return;
    disagree(run, "%s at state %d of document:%s#%s@%s:%s%s%s gives %d, must be %s (0x%" PRIx64 ")",
             method, (int)(state - run->states), id_names[question->id], question->permission,
             type_names[question->subject.type], id_names[question->subject.id],
             question->subject.name >= 0 ? "#member" : "",
             saying->properties ? " with properties" : "", (int)decision, words[value.answer],
             value.reasons);
}

/* --- asking --- */

static const struct datum *
datum_of(struct run *run, const char *text)
{
    const struct datum *datum = NULL;
    struct error error;

    if (text != NULL && datum_parse_json(slice_of(text), &run->arena, &datum, &error) != BEHALF_OK)
        BEHALF_UNREACHABLE();
    return datum;
}

static struct saying
random_saying(struct run *run)
{
    static const struct {
        const char *json;
        int word;
    } contexts[] = {{NULL, 0},
                    {"{\"word\":\"x\"}", 1},
                    {"{\"word\":\"y\"}", 2},
                    {"{\"subject\":{\"role\":\"x\"},\"resource\":{\"status\":\"x\"}}", 0}};
    size_t context = (size_t)below(run, (int)BEHALF_COUNT_OF(contexts));
    struct saying saying = {.context = contexts[context].json, .word = contexts[context].word};

    saying.properties = chance(run, 50);
    if (saying.properties) {
        saying.subject = random_map(run, 40);
        saying.resource = random_map(run, 40);
        saying.mode = below(run, 3);
    }
    return saying;
}

static const struct check_properties *
properties_of(struct run *run, const struct saying *saying)
{
    struct check_properties *properties;
    char text[ATTRIBUTE_MAP_TEXT];

    if (!saying->properties)
        return NULL;
    properties = arena_take(&run->arena, sizeof *properties);
    BEHALF_ASSERT(properties != NULL);
    *properties = (struct check_properties){.trusted = true, .pass_over = true};
    attribute_map_print(&saying->subject, text);
    properties->subject = datum_of(run, text);
    attribute_map_print(&saying->resource, text);
    properties->resource = datum_of(run, text);
    /* What the properties call the action does not count. */
    snprintf(text, sizeof text, "{\"name\":\"view\"%s%s%s}", saying->mode > 0 ? ",\"mode\":\"" : "",
             saying->mode > 0 ? attribute_values[saying->mode] : "", saying->mode > 0 ? "\"" : "");
    properties->action = datum_of(run, text);
    return properties;
}

static struct object
object_of(int type, int id, bool members_of)
{
    return (struct object){.type = slice_of(type_names[type]),
                           .id = slice_of(id_names[id]),
                           .relation =
                               members_of ? SLICE_LITERAL("member") : (struct slice){NULL, 0}};
}

/* Seldom one that nothing mentions. */
static int
some_id(struct run *run)
{
    return chance(run, 8) ? IDS - 1 : below(run, IDS - 1);
}

static struct question
random_question(struct run *run)
{
    struct question question = {.subject = {.type = USER, .id = some_id(run), .name = -1},
                                .id = some_id(run),
                                .permission = members[below(run, MEMBERS)],
                                .actor = -1};

    if (chance(run, 20)) {
        question.subject.type = GROUP;
        question.subject.name = world_find_name(&run->world, "member");
    } else if (chance(run, 25)) {
        question.actor = some_id(run);
    }
    return question;
}

static struct check
check_of(struct run *run, const struct question *question, const struct saying *saying)
{
    struct check check = {
        .resource = object_of(DOCUMENT, question->id, false),
        .permission = slice_of(question->permission),
        .subject =
            object_of(question->subject.type, question->subject.id, question->subject.name >= 0),
        .context = datum_of(run, saying->context),
        .properties = properties_of(run, saying),
    };

    if (question->actor >= 0) {
        struct object *actor = arena_take(&run->arena, sizeof *actor);

        BEHALF_ASSERT(actor != NULL);
        *actor = object_of(AGENT, question->actor, false);
        check.actors = actor;
        check.actor_count = 1;
    }
    return check;
}

static void
ask_check(struct run *run, const struct state *state, const struct engine_token *at)
{
    struct question question = random_question(run);
    struct saying saying = random_saying(run);
    struct engine_request request = harness_request(&run->side, at);
    struct check check = check_of(run, &question, &saying);
    struct check_result result;
    struct error error;
    enum status status = engine_check(run->side.worker, &request, &check, &result, &error);

    run->counts->checks++;
    run->counts->past += at != NULL;
    if (status != BEHALF_OK)
        disagree(run, "check: %s: %s", status_name(status), error.message);
    else
        compare(run, "check", state, &question, &saying, result.decision, &result.missing);
}

/* What would not count is refused where it is not to be passed over. */
static void
ask_refused(struct run *run)
{
    struct question question = random_question(run);
    struct saying saying = random_saying(run);
    struct engine_request request = harness_request(&run->side, NULL);
    struct check check;
    struct check_properties properties;
    struct check_result result;
    struct error error;

    saying.properties = true;
    check = check_of(run, &question, &saying);
    properties = *check.properties;
    properties.pass_over = false;
    properties.trusted = !run->request_attributes;
    check.properties = &properties;
    run->counts->refused++;
    if (engine_check(run->side.worker, &request, &check, &result, &error) !=
        BEHALF_MALFORMED_REQUEST)
        disagree(run, "properties that do not count are taken");
}

/* Neighbours share their subject, and differ in what the caveats read. */
static void
ask_bulk(struct run *run, const struct state *state, const struct engine_token *at)
{
    struct question questions[BULK];
    struct saying sayings[BULK];
    struct check checks[BULK];
    struct engine_request request = harness_request(&run->side, at);
    struct check_bulk_result result;
    struct error error;
    enum status status;

    for (size_t item = 0; item < BULK; item++) {
        questions[item] = random_question(run);
        sayings[item] = random_saying(run);
        if (item > 0 && chance(run, 70))
            questions[item] =
                (struct question){questions[item - 1].subject, questions[item].id,
                                  questions[item].permission, questions[item - 1].actor};
        if (item > 0 && chance(run, 50))
            sayings[item] = sayings[item - 1];
        checks[item] = check_of(run, &questions[item], &sayings[item]);
        if (item > 0 && chance(run, 50) && sayings[item].context == sayings[item - 1].context)
            checks[item].context = checks[item - 1].context;
    }
    status = engine_check_bulk(run->side.worker, &request, checks, BULK, &result, &error);
    if (status != BEHALF_OK) {
        disagree(run, "check_bulk: %s: %s", status_name(status), error.message);
        return;
    }
    run->counts->items += BULK;
    for (size_t item = 0; item < BULK; item++) {
        if (result.items[item].status != BEHALF_OK)
            disagree(run, "an item: %s", result.items[item].error->message);
        else
            compare(run, "check_bulk", state, &questions[item], &sayings[item],
                    result.items[item].decision, &result.items[item].missing);
    }
}

static void
ask_resources(struct run *run, const struct state *state, const struct engine_token *at)
{
    struct question question = random_question(run);
    struct saying saying = random_saying(run);
    struct engine_request request = harness_request(&run->side, at);
    struct check check = check_of(run, &question, &saying);
    struct lookup_resources lookup = {.resource_type = check.resource.type,
                                      .permission = check.permission,
                                      .subject = check.subject,
                                      .actors = check.actors,
                                      .actor_count = check.actor_count,
                                      .context = check.context,
                                      .properties = check.properties};
    struct lookup_resources_result result;
    struct error error;
    enum status status =
        engine_lookup_resources(run->side.worker, &request, &lookup, &result, &error);

    saying.resource = (struct attribute_map){{0}}; /* of what is looked for none counts */
    run->counts->lookups++;
    if (status != BEHALF_OK || !result.complete) {
        disagree(run, "lookup_resources: %s", status_name(status));
        return;
    }
    for (question.id = 0; question.id < IDS; question.id++) {
        enum decision decision = DECISION_DENY;
        const struct missing_context *missing = NULL;

        for (size_t row = 0; row < result.resource_count; row++) {
            if (!slice_equal(result.resources[row].id, slice_of(id_names[question.id])))
                continue;
            decision = result.resources[row].decision;
            missing = &result.resources[row].missing;
        }
        compare(run, "lookup_resources", state, &question, &saying, decision, missing);
    }
}

static void
ask_subjects(struct run *run, const struct state *state, const struct engine_token *at)
{
    struct question question = random_question(run);
    struct saying saying = random_saying(run);
    struct engine_request request = harness_request(&run->side, at);
    struct check check = check_of(run, &question, &saying);
    struct lookup_subjects lookup = {.resource = check.resource,
                                     .permission = check.permission,
                                     .subject_type = slice_of(type_names[USER]),
                                     .context = check.context,
                                     .properties = check.properties,
                                     .known = true};
    struct lookup_subjects_result result;
    struct error error;
    enum status status =
        engine_lookup_subjects(run->side.worker, &request, &lookup, &result, &error);

    saying.subject = (struct attribute_map){{0}};
    question.subject = (struct oracle_subject){.type = USER, .name = -1};
    question.actor = -1;
    run->counts->lookups++;
    if (status != BEHALF_OK || !result.complete) {
        disagree(run, "lookup_subjects: %s: %s", status_name(status),
                 status == BEHALF_OK ? "incomplete" : error.message);
        return;
    }
    for (question.subject.id = 0; question.subject.id < IDS; question.subject.id++) {
        enum decision decision = DECISION_DENY;
        const struct missing_context *missing = NULL;
        bool listed = false;

        for (size_t row = 0; row < result.subject_count; row++) {
            if (result.subjects[row].wildcard)
                disagree(run, "a wildcard among known subjects");
            if (!slice_equal(result.subjects[row].id, slice_of(id_names[question.subject.id])))
                continue;
            listed = true;
            decision = result.subjects[row].decision;
            missing = &result.subjects[row].missing;
        }
        if (listed || state->named[USER][question.subject.id])
            compare(run, "lookup_subjects", state, &question, &saying, decision, missing);
    }
}

static void
ask_permissions(struct run *run, const struct state *state, const struct engine_token *at)
{
    struct question question = random_question(run);
    struct saying saying = random_saying(run);
    struct engine_request request = harness_request(&run->side, at);
    struct check check = check_of(run, &question, &saying);
    struct lookup_permissions lookup = {.resource = check.resource,
                                        .subject = check.subject,
                                        .actors = check.actors,
                                        .actor_count = check.actor_count,
                                        .context = check.context,
                                        .properties = check.properties};
    struct lookup_permissions_result result;
    struct error error;
    enum status status =
        engine_lookup_permissions(run->side.worker, &request, &lookup, &result, &error);

    saying.mode = 0; /* of the action none counts */
    run->counts->lookups++;
    if (status != BEHALF_OK || result.permission_count != MEMBERS - FIRST_PERMISSION) {
        disagree(run, "lookup_permissions: %s", status_name(status));
        return;
    }
    for (size_t row = 0; row < result.permission_count; row++) {
        question.permission = members[FIRST_PERMISSION + row];
        if (result.permissions[row].item.status != BEHALF_OK)
            disagree(run, "a permission: %s", result.permissions[row].item.error->message);
        else
            compare(run, "lookup_permissions", state, &question, &saying,
                    result.permissions[row].item.decision, &result.permissions[row].item.missing);
    }
}

static void
ask_filter(struct run *run, const struct state *state, const struct engine_token *at)
{
    struct question question = random_question(run);
    struct saying saying = random_saying(run);
    struct engine_request request = harness_request(&run->side, at);
    struct check check = check_of(run, &question, &saying);
    struct object resources[IDS];
    struct filter_resources filter = {.resources = resources,
                                      .resource_count = IDS,
                                      .permission = check.permission,
                                      .subject = check.subject,
                                      .actors = check.actors,
                                      .actor_count = check.actor_count,
                                      .context = check.context,
                                      .properties = check.properties};
    struct filter_resources_result result;
    struct error error;
    enum status status;

    for (int id = 0; id < IDS; id++)
        resources[id] = object_of(DOCUMENT, id, false);
    status = engine_filter_resources(run->side.worker, &request, &filter, &result, &error);
    run->counts->filters++;
    if (status != BEHALF_OK || result.undecided_count > 0) {
        disagree(run, "filter_resources: %s", status_name(status));
        return;
    }
    for (question.id = 0; question.id < IDS; question.id++) {
        enum decision decision = DECISION_DENY;
        const struct missing_context *missing = NULL;

        for (size_t row = 0; row < result.allowed_count; row++)
            if (result.allowed[row] == (size_t)question.id)
                decision = DECISION_ALLOW;
        for (size_t row = 0; row < result.conditional_count; row++) {
            if (result.conditional[row].index != (size_t)question.id)
                continue;
            decision = DECISION_CONDITIONAL;
            missing = &result.conditional[row].missing;
        }
        compare(run, "filter_resources", state, &question, &saying, decision, missing);
    }
}

static void
ask(struct run *run, struct state *state, const struct engine_token *at)
{
    see(run, state);
    for (int number = 0; run->agreed && number < QUESTIONS; number++) {
        int choice = below(run, 100);

        arena_reset(&run->arena, SIZE_MAX);
        if (choice < 60)
            ask_check(run, state, at);
        else if (choice < 66)
            ask_bulk(run, state, at);
        else if (choice < 76)
            ask_resources(run, state, at);
        else if (choice < 85)
            ask_subjects(run, state, at);
        else if (choice < 91)
            ask_permissions(run, state, at);
        else if (choice < 98)
            ask_filter(run, state, at);
        else
            ask_refused(run);
    }
}

static bool
try_world(struct run *run)
{
    struct error error;

    run->request_attributes = chance(run, 50);
    make_schema(run);
    world_read_schema(&run->world, run->schema);
    make_pool(run);
    if (harness_write_schema(&run->side, slice_of(run->schema), &error) != BEHALF_OK)
        disagree(run, "the schema is refused: %s", error.message);
    while (run->agreed && run->state_count < STATES) {
        struct state *state = &run->states[run->state_count];

        if (run->state_count > 0)
            *state = state[-1];
        run->state_count++;
        if (run->state_count == 1 || chance(run, 40))
            write_tuples(run, state);
        for (int writes = 1 + below(run, 4); writes > 0; writes--)
            write_attributes(run, state);
        if (chance(run, 10))
            harness_engine_reopen(&run->side, below(run, 2) == 0 ? 0 : 1);
        ask(run, state, NULL);
        if (run->agreed && chance(run, 40)) {
            struct state *past = &run->states[below(run, run->state_count)];

            ask(run, past, &past->token);
        }
    }
    return run->agreed;
}

/* --- the program --- */

static uint64_t
number_of(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text != NULL && *text != '\0' ? strtoull(text, NULL, 0) : otherwise;
}

static bool
print_summary(const struct counts *counts, uint64_t worlds)
{
    const uint64_t *answers = counts->answers;
    uint64_t all = answers[ORACLE_DENY] + answers[ORACLE_CONDITIONAL] + answers[ORACLE_ALLOW];

    printf("attributes: %" PRIu64 " worlds, %" PRIu64 " answers: allow %" PRIu64 ", deny %" PRIu64
           ", conditional %" PRIu64 "; %" PRIu64 " with properties that count\n",
           worlds, all, answers[ORACLE_ALLOW], answers[ORACLE_DENY], answers[ORACLE_CONDITIONAL],
           counts->with_properties);
    printf("attributes: %" PRIu64 " checks, %" PRIu64 " of the past, %" PRIu64
           " items of bulks, %" PRIu64 " lookups, %" PRIu64 " filters, %" PRIu64 " refused\n",
           counts->checks, counts->past, counts->items, counts->lookups, counts->filters,
           counts->refused);
    if (worlds < 100 || (answers[ORACLE_ALLOW] >= all / 20 && answers[ORACLE_DENY] >= all / 20 &&
                         answers[ORACLE_CONDITIONAL] >= all / 20))
        return true;
    fprintf(stderr, "attributes: too few of one answer\n");
    return false;
}

int
main(void)
{
    static struct run run;
    static struct counts counts;
    bool single = getenv("BEHALF_SEED") != NULL;
    uint64_t first = number_of(single ? "BEHALF_SEED" : "BEHALF_FIRST", 1);
    uint64_t worlds = single ? 1 : number_of("BEHALF_WORLDS", 300);
    bool agreed = true;

    for (uint64_t seed = first; agreed && seed < first + worlds; seed++) {
        memset(&run, 0, sizeof run);
        run.counts = &counts;
        run.seed = seed;
        run.random.state = seed * UINT64_C(0x9e3779b97f4a7c15);
        run.agreed = true;
        arena_init(&run.arena, SIZE_MAX);
        harness_engine_open_at(&run.side, 0, WORLD_EPOCH);
        agreed = try_world(&run);
        harness_engine_close(&run.side);
        arena_release(&run.arena);
        oracle_release(&run.oracle);
    }
    agreed = print_summary(&counts, worlds) && agreed;
    printf("attributes: %s\n", agreed ? "all agree" : "FAILED");
    return agreed ? 0 : 1;
}
