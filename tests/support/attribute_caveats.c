/* attribute_caveats.c - see the header: three-valued logic, and one function for each caveat. */
#include "tests/support/attribute_caveats.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"

const char *const attribute_keys[ATTRIBUTE_KEYS] = {"role", "status", "locked", "mode"};
const char *const attribute_values[ATTRIBUTE_VALUES] = {NULL, "x", "y", "z"};
const char *const attribute_parameters[ATTRIBUTE_PARAMETERS] = {"subject", "resource", "action",
                                                                "context", "word"};

enum { ROLE, STATUS, LOCKED, MODE };
enum { X = 1, Y = 2 }; /* of attribute_values */
enum { SUBJECT_BIT = 1, RESOURCE_BIT = 2, ACTION_BIT = 4, CONTEXT_BIT = 8, WORD_BIT = 16 };

static struct attribute_outcome
known(bool holds)
{
    return (struct attribute_outcome){holds ? ATTRIBUTE_TRUE : ATTRIBUTE_FALSE, 0};
}

/* Whether a value is another; either may be absent. */
static struct attribute_outcome
equal(int a, uint64_t a_name, int b, uint64_t b_name)
{
    uint64_t missing = (a == 0 ? a_name : 0) | (b == 0 ? b_name : 0);

    return missing != 0 ? (struct attribute_outcome){ATTRIBUTE_UNKNOWN, missing} : known(a == b);
}

static struct attribute_outcome not(struct attribute_outcome a)
{
    if (a.truth != ATTRIBUTE_UNKNOWN)
        a.truth = a.truth == ATTRIBUTE_TRUE ? ATTRIBUTE_FALSE : ATTRIBUTE_TRUE;
    return a;
}

static struct attribute_outcome and (struct attribute_outcome a, struct attribute_outcome b)
{
    if (a.truth == ATTRIBUTE_FALSE || b.truth == ATTRIBUTE_FALSE)
        return known(false);
    if (a.truth == ATTRIBUTE_UNKNOWN || b.truth == ATTRIBUTE_UNKNOWN)
        return (struct attribute_outcome){ATTRIBUTE_UNKNOWN, a.missing | b.missing};
    return known(true);
}

static struct attribute_outcome or (struct attribute_outcome a, struct attribute_outcome b)
{
    return not(and(not(a), not(b)));
}

static struct attribute_outcome
archived(const struct attribute_sight *sight)
{
    return and(equal(sight->resource.values[STATUS], RESOURCE_BIT, X, 0),
               equal(sight->subject.values[ROLE], SUBJECT_BIT, X, 0));
}

static struct attribute_outcome
same_role(const struct attribute_sight *sight)
{
    return equal(sight->subject.values[ROLE], SUBJECT_BIT, sight->resource.values[ROLE],
                 RESOURCE_BIT);
}

static struct attribute_outcome
not_y(const struct attribute_sight *sight)
{
    return not(equal(sight->subject.values[ROLE], SUBJECT_BIT, Y, 0));
}

static struct attribute_outcome
either(const struct attribute_sight *sight)
{
    return or (equal(sight->resource.values[STATUS], RESOURCE_BIT, Y, 0),
               equal(sight->subject.values[STATUS], SUBJECT_BIT, X, 0));
}

static struct attribute_outcome
unlocked(const struct attribute_sight *sight)
{
    return known(sight->subject.values[ROLE] != 0 && sight->resource.values[LOCKED] == 0);
}

static struct attribute_outcome
has_mode(const struct attribute_sight *sight)
{
    return known(sight->subject.values[MODE] != 0);
}

static struct attribute_outcome
viewing(const struct attribute_sight *sight)
{
    return known(strcmp(sight->action, "view") == 0 || strcmp(sight->action, "viewer") == 0);
}

static struct attribute_outcome
in_mode(const struct attribute_sight *sight)
{
    return equal(sight->mode, ACTION_BIT, X, 0);
}

static struct attribute_outcome
said(const struct attribute_sight *sight)
{
    return equal(sight->context_word, CONTEXT_BIT, X, 0);
}

static struct attribute_outcome
spoken(const struct attribute_sight *sight)
{
    return equal(sight->subject.values[ROLE], SUBJECT_BIT, sight->word, WORD_BIT);
}

const struct attribute_caveat attribute_caveats[ATTRIBUTE_CAVEATS] = {
    {"archived", "subject map<any>, resource map<any>",
     "resource.status == \"x\" && subject.role == \"x\"", archived},
    {"same_role", "subject map<any>, resource map<any>", "subject.role == resource.role",
     same_role},
    {"not_y", "subject map<any>", "subject[\"role\"] != \"y\"", not_y},
    {"either", "subject map<any>, resource map<any>",
     "resource.status == \"y\" || subject.status == \"x\"", either},
    {"unlocked", "subject map<any>, resource map<any>",
     "has(subject.role) && !has(resource.locked)", unlocked},
    {"has_mode", "subject map<any>", "\"mode\" in subject", has_mode},
    {"viewing", "action map<any>", "action.name in [\"view\", \"viewer\"]", viewing},
    {"in_mode", "action map<any>", "action.mode == \"x\"", in_mode},
    {"said", "context map<any>", "context.word == \"x\"", said},
    {"spoken", "subject map<any>, word string", "subject.role == word", spoken},
};

size_t
attribute_caveats_print(char *text, size_t size)
{
    size_t used = 0;

    for (int at = 0; at < ATTRIBUTE_CAVEATS; at++) {
        used += (size_t)snprintf(text + used, size - used, "caveat %s(%s) { %s }\n",
                                 attribute_caveats[at].name, attribute_caveats[at].parameters,
                                 attribute_caveats[at].condition);
        BEHALF_ASSERT(used < size);
    }
    return used;
}

void
attribute_map_print(const struct attribute_map *map, char text[ATTRIBUTE_MAP_TEXT])
{
    size_t size = (size_t)snprintf(text, ATTRIBUTE_MAP_TEXT, "{");

    for (int key = 0; key < ATTRIBUTE_KEYS; key++)
        if (map->values[key] != 0)
            size += (size_t)snprintf(text + size, ATTRIBUTE_MAP_TEXT - size, "%s\"%s\":\"%s\"",
                                     size > 1 ? "," : "", attribute_keys[key],
                                     attribute_values[map->values[key]]);
    snprintf(text + size, ATTRIBUTE_MAP_TEXT - size, "}");
}

void
attribute_map_lay_over(struct attribute_map *map, const struct attribute_map *over)
{
    for (int key = 0; key < ATTRIBUTE_KEYS; key++)
        if (over->values[key] != 0)
            map->values[key] = over->values[key];
}
