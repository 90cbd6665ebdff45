/* harness_world_lookup.c - both lookups, page by page and whole. */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
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

/* Notes an id in a set; false when the world has no such id, or it is there already. */
static bool
add_id(const struct asking *asking, struct slice id, uint32_t *set)
{
    int index = find_id(asking, id);

    if (index < 0 || (*set >> index & 1) != 0)
        return false;
    *set |= UINT32_C(1) << index;
    return true;
}

static const char *
print_ids(const struct asking *asking, uint32_t set, char text[256])
{
    size_t used = 0;

    text[0] = '\0';
    for (int id = 0; id < asking->world->id_count; id++)
        if ((set >> id & 1) != 0 && used < 200)
            used += (size_t)snprintf(text + used, 256 - used, " %s", asking->world->ids[id]);
    return text;
}

/* --- lookup_resources --- */

struct resources_asked {
    struct lookup_resources lookup;
    char text[256]; /* the question */
    struct oracle_resources expected;
};

/* One page into the sets; *more says whether another follows, whose cursor is put into `lookup`. */
static bool
resources_page(struct asking *asking, struct resources_asked *asked, uint32_t *allowed,
               uint32_t *undecided, bool *more)
{
    static struct engine_token cursor; /* outlives the arena of the page before */
    struct engine_request request = harness_request(&asking->side, asking->at);
    struct lookup_resources_result result;
    struct error error;
    enum status status =
        engine_lookup_resources(asking->side.worker, &request, &asked->lookup, &result, &error);

    if (status != BEHALF_OK)
        return comparison_fail(asking, "%s: %s: %s", asked->text, status_name(status),
                               error.message);
    if (result.resource_count > asked->lookup.limit)
        return comparison_fail(asking, "%s: a page over its limit", asked->text);
    for (size_t i = 0; i < result.resource_count; i++)
        if (result.resources[i].decision != DECISION_ALLOW ||
            !add_id(asking, result.resources[i].id, allowed))
            return comparison_fail(asking, "%s: %.*s comes twice, or conditionally, or is unknown",
                                   asked->text, SLICE_PRINTF(result.resources[i].id));
    for (size_t i = 0; i < result.undecided_count; i++)
        if (result.undecided[i].error.status != BEHALF_CYCLE_THROUGH_EXCLUSION ||
            !add_id(asking, result.undecided[i].id, undecided))
            return comparison_fail(asking, "%s: %.*s is undecided twice or by %s", asked->text,
                                   SLICE_PRINTF(result.undecided[i].id),
                                   status_name(result.undecided[i].error.status));
    *more = result.cursor.text[0] != '\0';
    if (!*more && result.complete != (*undecided == 0) && asked->lookup.limit == 1000)
        return comparison_fail(asking, "%s: complete is %d", asked->text, result.complete);
    cursor = result.cursor;
    asked->lookup.cursor = slice_of(cursor.text);
    return true;
}

static bool
resources_whole(struct asking *asking, struct resources_asked *asked, uint32_t limit)
{
    uint32_t allowed = 0;
    uint32_t undecided = 0;
    bool more = true;
    char expected[256];
    char given[256];

    asked->lookup.limit = limit;
    asked->lookup.cursor = (struct slice){NULL, 0};
    asking->counts->lookups++;
    for (int pages = 0; more; pages++) {
        if (pages > 2 * asking->world->id_count + 2)
            return comparison_fail(asking, "%s: pages of %u never end", asked->text, limit);
        if (!resources_page(asking, asked, &allowed, &undecided, &more))
            return false;
    }
    if (allowed != asked->expected.allowed)
        return comparison_fail(asking, "%s by pages of %u: expected%s, got%s", asked->text, limit,
                               print_ids(asking, asked->expected.allowed, expected),
                               print_ids(asking, allowed, given));
    if (undecided != asked->expected.undecided)
        return comparison_fail(asking, "%s by pages of %u: expected undecided%s, got%s",
                               asked->text, limit,
                               print_ids(asking, asked->expected.undecided, expected),
                               print_ids(asking, undecided, given));
    return true;
}

static bool
ask_resources_of(struct asking *asking, int type, int name, int subject)
{
    const struct oracle_subject *who = &asking->subjects[subject];
    const struct world *world = asking->world;
    struct resources_asked asked = {
        .lookup = {.resource_type = slice_of(world->types[type].name),
                   .permission = slice_of(world->names[name]),
                   .subject = asking_object(asking, who->type, who->id, who->name)},
        .expected = oracle_lookup_resources(&asking->oracles[subject / ORACLE_LANES], type, name,
                                            subject % ORACLE_LANES)};

    snprintf(asked.text, sizeof asked.text, "lookup_resources %s#%s@%s:%s%s%s",
             world->types[type].name, world->names[name], world->types[who->type].name,
             world->ids[who->id], who->name >= 0 ? "#" : "",
             who->name >= 0 ? world->names[who->name] : "");
    if (!resources_whole(asking, &asked, 1000))
        return false;
    for (size_t i = 0; i < 3; i++)
        if (asking_chance(asking, asking->past ? 5 : 15) &&
            !resources_whole(asking, &asked, page_sizes[i]))
            return false;
    return true;
}

bool
ask_resources(struct asking *asking)
{
    const struct world *world = asking->world;

    for (int type = 0; type < world->type_count; type++)
        for (int member = 0; member < world->types[type].member_count; member++)
            for (int subject = 0; subject < asking->subject_count; subject++)
                if (asking_chance(asking, asking->past ? 4 : 40) &&
                    !ask_resources_of(asking, type, world->types[type].members[member].name,
                                      subject))
                    return false;
    return true;
}

/* --- lookup_subjects --- */

struct subjects_asked {
    struct lookup_subjects lookup;
    char text[256];
    const struct oracle_set *expected;
};

static bool
add_subject(struct asking *asking, const struct subjects_asked *asked,
            const struct lookup_subject *subject, struct oracle_set *found)
{
    if (subject->decision != DECISION_ALLOW)
        return comparison_fail(asking, "%s: a conditional subject", asked->text);
    if (!subject->wildcard) {
        if (subject->excluded_count > 0 || !add_id(asking, subject->id, &found->concrete))
            return comparison_fail(asking, "%s: %.*s comes twice or is unknown", asked->text,
                                   SLICE_PRINTF(subject->id));
        return true;
    }
    if (found->wildcard || found->concrete != 0)
        return comparison_fail(asking, "%s: the wildcard is not the first", asked->text);
    found->wildcard = true;
    for (size_t i = 0; i < subject->excluded_count; i++)
        if (subject->excluded[i].decision != DECISION_ALLOW ||
            !add_id(asking, subject->excluded[i].id, &found->excluded))
            return comparison_fail(asking, "%s: %.*s is excluded twice or is unknown", asked->text,
                                   SLICE_PRINTF(subject->excluded[i].id));
    return true;
}

/* Adds all pages to *found; found->undefined when the lookup is the error of a cycle. */
static bool
subjects_whole(struct asking *asking, struct subjects_asked *asked, struct oracle_set *found)
{
    static struct engine_token cursor;

    asked->lookup.cursor = (struct slice){NULL, 0};
    asking->counts->lookups++;
    for (int pages = 0;; pages++) {
        struct engine_request request = harness_request(&asking->side, asking->at);
        struct lookup_subjects_result result;
        struct error error;
        enum status status =
            engine_lookup_subjects(asking->side.worker, &request, &asked->lookup, &result, &error);

        found->undefined = status == BEHALF_CYCLE_THROUGH_EXCLUSION;
        if (found->undefined)
            return true;
        if (status != BEHALF_OK)
            return comparison_fail(asking, "%s: %s: %s", asked->text, status_name(status),
                                   error.message);
        if (result.subject_count > asked->lookup.limit || pages > asking->world->id_count + 2)
            return comparison_fail(asking, "%s: pages of %u are too large or never end",
                                   asked->text, asked->lookup.limit);
        for (size_t i = 0; i < result.subject_count; i++)
            if (!add_subject(asking, asked, &result.subjects[i], found))
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

static bool
compare_subjects(struct asking *asking, struct subjects_asked *asked, uint32_t limit)
{
    const struct oracle_set *expected = asked->expected;
    struct oracle_set found = {.wildcard = false};
    uint32_t surely = expected->concrete;
    uint32_t at_most = surely;
    char texts[4][256];

    asked->lookup.limit = limit;
    if (!subjects_whole(asking, asked, &found))
        return false;
    if (expected->undefined && found.undefined)
        return true;
    if (expected->wildcard && !expected->exact) {
        surely = 0;
        at_most = ~expected->excluded;
    }
    if (expected->undefined == found.undefined && expected->wildcard == found.wildcard &&
        expected->excluded == found.excluded && (surely & ~found.concrete) == 0 &&
        (found.concrete & ~at_most) == 0)
        return true;
    return comparison_fail(
        asking, "%s by pages of %u: expected%s%s%s; excluded%s; got%s%s%s; excluded%s", asked->text,
        limit, expected->undefined ? " an error" : "", expected->wildcard ? " *" : "",
        print_ids(asking, expected->concrete, texts[0]),
        print_ids(asking, expected->excluded, texts[1]), found.undefined ? " an error" : "",
        found.wildcard ? " *" : "", print_ids(asking, found.concrete, texts[2]),
        print_ids(asking, found.excluded, texts[3]));
}

static bool
ask_subjects_of(struct asking *asking, int type, int id, int member, struct oracle_subject kind)
{
    const struct world *world = asking->world;
    int name = world->types[type].members[member].name;
    struct subjects_asked asked = {
        .lookup = {.resource = asking_object(asking, type, id, -1),
                   .permission = slice_of(world->names[name]),
                   .subject_type = slice_of(world->types[kind.type].name)},
        .expected = &asking->sets->nodes[world_node(type, id, member)]};

    if (kind.name >= 0)
        asked.lookup.subject_relation = slice_of(world->names[kind.name]);
    snprintf(asked.text, sizeof asked.text, "lookup_subjects %s:%s#%s@%s%s%s",
             world->types[type].name, world->ids[id], world->names[name],
             world->types[kind.type].name, kind.name >= 0 ? "#" : "",
             kind.name >= 0 ? world->names[kind.name] : "");
    if (!compare_subjects(asking, &asked, 1000))
        return false;
    for (size_t i = 0; i < 3; i++)
        if (asking_chance(asking, 10) && !compare_subjects(asking, &asked, page_sizes[i]))
            return false;
    return true;
}

static bool
ask_subjects_kind(struct asking *asking, struct oracle_subject kind)
{
    const struct world *world = asking->world;

    oracle_solve_subjects(asking->sets, world, kind.type, kind.name);
    for (int type = 0; type < world->type_count; type++)
        for (int id = 0; id < world->id_count; id++)
            for (int member = 0; member < world->types[type].member_count; member++)
                if (asking_chance(asking, asking->past ? 15 : 70) &&
                    !ask_subjects_of(asking, type, id, member, kind))
                    return false;
    return true;
}

bool
ask_subjects(struct asking *asking)
{
    const struct world *world = asking->world;

    for (int type = 0; type < world->type_count; type++) {
        if (asking_chance(asking, asking->past ? 25 : 80) &&
            !ask_subjects_kind(asking, (struct oracle_subject){type, 0, -1}))
            return false;
        for (int member = 0; member < world->types[type].member_count; member++)
            if (asking_chance(asking, asking->past ? 3 : 12) &&
                !ask_subjects_kind(asking, (struct oracle_subject){
                                               type, 0, world->types[type].members[member].name}))
                return false;
    }
    return true;
}
