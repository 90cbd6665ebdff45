/* test_oracle_support.c - asking the oracle about a world that a test wrote down. */
#include "tests/unit/test_oracle_support.h"

#include <stdio.h>

#include "base/check.h"

static struct world world;
static struct oracle_caveats caveats;
static struct oracle_facts facts;
static struct oracle_sets sets;
static struct buffer said;
static const char *context;
static int64_t now;

void
oracle_release_all(void)
{
    oracle_caveats_release(&caveats);
    oracle_release(&sets.oracle);
    buffer_release(&said);
}

void
oracle_given(const char *schema, const char *tuples)
{
    char text[256];

    world_read_schema(&world, schema);
    while (*tuples != '\0') {
        size_t size = strcspn(tuples, " ");

        BEHALF_ASSERT(size > 0 && size < sizeof text);
        memcpy(text, tuples, size);
        text[size] = '\0';
        world_add_tuple(&world, text);
        tuples += size + strspn(tuples + size, " ");
    }
    oracle_caveats_release(&caveats);
    oracle_caveats_init(&caveats);
    oracle_caveats_prepare(&caveats, &world);
    buffer_release(&said);
    buffer_init(&said);
    context = "";
    now = WORLD_EPOCH;
}

void
oracle_asked_with(const char *json)
{
    context = json;
}

void
oracle_asked_at(const char *time)
{
    cr_assert(time_parse(slice_of(time), &now));
}

struct oracle_value
oracle_value_of(const char *question)
{
    static struct oracle oracle;
    const char *at = strchr(question, '@');
    struct oracle_subject subject;
    struct oracle_value value;
    char resource[128];
    int type;
    int id;
    int name;

    BEHALF_ASSERT(at != NULL);
    snprintf(resource, sizeof resource, "%.*s", (int)(at - question), question);
    world_read_object(&world, resource, &type, &id, &name);
    world_read_object(&world, at + 1, &subject.type, &subject.id, &subject.name);
    oracle_facts_find(&facts, &world, &caveats, context, now);
    oracle_solve(&oracle, &facts, &subject, 1);
    value = oracle_value(&oracle, type, id, name, 0);
    oracle_release(&oracle);
    return value;
}

const char *
oracle_says(const char *question)
{
    buffer_clear(&said);
    oracle_print_value(&caveats, oracle_value_of(question), &said);
    return said.data;
}

static void
print_ids(uint32_t ids, char *text, size_t size)
{
    for (int id = 0; id < world.id_count; id++)
        if ((ids >> id & 1) != 0)
            snprintf(text + strlen(text), size - strlen(text), "%s%s",
                     text[0] == '\0' || text[strlen(text) - 1] == '-' ? "" : " ", world.ids[id]);
}

const char *
oracle_subjects(const char *resource, const char *subject_type)
{
    static char text[256];
    char type_name[64];
    const char *hash = strchr(subject_type, '#');
    const struct oracle_set *set;
    int type;
    int id;
    int name;

    world_read_object(&world, resource, &type, &id, &name);
    snprintf(type_name, sizeof type_name, "%.*s",
             hash != NULL ? (int)(hash - subject_type) : (int)strlen(subject_type), subject_type);
    oracle_facts_find(&facts, &world, &caveats, context, now);
    oracle_solve_subjects(&sets, &facts, world_find_type(&world, type_name),
                          hash != NULL ? world_find_name(&world, hash + 1) : -1);
    if (!sets.exact)
        return "open";
    set = &sets.nodes[world_node(&world, type, id, world_find_member(&world, type, name))];
    text[0] = '\0';
    print_ids(set->concrete, text, sizeof text);
    if (set->wildcard)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s*%s",
                 text[0] == '\0' ? "" : " ", set->excluded != 0 ? "-" : "");
    print_ids(set->excluded, text, sizeof text);
    return text;
}
