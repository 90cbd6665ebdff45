/* test_oracle.c - the oracle against answers worked out by hand. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "tests/support/oracle.h"

static struct world world;

/* Tuples are separated by blanks. */
static void
given(const char *schema, const char *tuples)
{
    char text[128];

    world_read_schema(&world, schema);
    while (*tuples != '\0') {
        size_t size = strcspn(tuples, " ");

        BEHALF_ASSERT(size > 0 && size < sizeof text);
        memcpy(text, tuples, size);
        text[size] = '\0';
        world_add_tuple(&world, text);
        tuples += size + strspn(tuples + size, " ");
    }
}

/* "resource#member@subject" -> "allow", "deny" or "undefined". */
static const char *
answer(const char *question)
{
    const char *at = strchr(question, '@');
    struct oracle_subject subject;
    char resource[128];
    int type;
    int id;
    int name;

    BEHALF_ASSERT(at != NULL);
    snprintf(resource, sizeof resource, "%.*s", (int)(at - question), question);
    world_read_object(&world, resource, &type, &id, &name);
    world_read_object(&world, at + 1, &subject.type, &subject.id, &subject.name);
    switch (oracle_check(&world, type, id, name, subject)) {
    case ORACLE_ALLOW:
        return "allow";
    case ORACLE_DENY:
        return "deny";
    case ORACLE_UNDEFINED:
        break;
    }
    return "undefined";
}

static void
print_ids(uint32_t ids, char *text, size_t size)
{
    for (int id = 0; id < world.id_count; id++)
        if ((ids >> id & 1) != 0)
            snprintf(text + strlen(text), size - strlen(text), "%s%s",
                     text[0] == '\0' || text[strlen(text) - 1] == '-' ? "" : " ", world.ids[id]);
}

/* Concretes in the order of their first mention, then "*" with "-" and its exclusions. */
static const char *
subjects(const char *resource, const char *subject_type)
{
    static struct oracle_sets sets;
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
    oracle_solve_subjects(&sets, &world, world_find_type(&world, type_name),
                          hash != NULL ? world_find_name(&world, hash + 1) : -1);
    set = &sets.nodes[world_node(type, id, world_find_member(&world, type, name))];
    text[0] = '\0';
    if (set->undefined)
        return "undefined";
    print_ids(set->concrete, text, sizeof text);
    if (set->wildcard)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s*%s",
                 text[0] == '\0' ? "" : " ", set->excluded != 0 ? "-" : "");
    print_ids(set->excluded, text, sizeof text);
    return text;
}

#define EXPECT(question, expected) cr_expect_str_eq(answer(question), expected, "%s", question)
#define EXPECT_SUBJECTS(resource, type, expected)                                                  \
    cr_expect_str_eq(subjects(resource, type), expected, "%s: %s", resource,                       \
                     subjects(resource, type))

Test(oracle, stored_subjects_usersets_and_wildcards)
{
    given("definition user {} definition group { relation member: user | group#member }"
          "definition doc { relation viewer: user | user:* | group#member }",
          "doc:1#viewer@user:ann doc:1#viewer@group:g#member group:g#member@user:bob "
          "group:g#member@group:h#member group:h#member@user:cyd doc:2#viewer@user:*");
    EXPECT("doc:1#viewer@user:ann", "allow");
    EXPECT("doc:1#viewer@user:bob", "allow");
    EXPECT("doc:1#viewer@user:cyd", "allow");
    EXPECT("doc:1#viewer@user:dan", "deny");
    EXPECT("doc:1#viewer@group:g#member", "allow");
    EXPECT("doc:1#viewer@group:h#member", "allow");
    EXPECT("doc:1#viewer@group:g", "deny");
    EXPECT("doc:2#viewer@user:dan", "allow");
    EXPECT("doc:2#viewer@group:g#member", "deny");
    EXPECT("doc:3#viewer@user:ann", "deny");
    EXPECT_SUBJECTS("doc:1#viewer", "user", "ann bob cyd");
    EXPECT_SUBJECTS("doc:2#viewer", "user", "*");
    EXPECT_SUBJECTS("doc:1#viewer", "group#member", "g h");
}

Test(oracle, operators_and_their_precedence)
{
    given("definition user {} definition doc { relation aaa: user relation bbb: user relation ccc: "
          "user permission any = aaa + bbb permission both = aaa & bbb permission less = aaa - bbb "
          "permission first = aaa + bbb & ccc permission last = aaa - bbb + ccc permission none = "
          "nil permission much = aaa & bbb - ccc & bbb permission own = (aaa - bbb) + ccc }",
          "doc:1#aaa@user:a doc:1#aaa@user:ab doc:1#aaa@user:ac doc:1#bbb@user:ab "
          "doc:1#bbb@user:b doc:1#ccc@user:ac doc:1#ccc@user:c");
    EXPECT_SUBJECTS("doc:1#any", "user", "a ab ac b");
    EXPECT_SUBJECTS("doc:1#both", "user", "ab");
    EXPECT_SUBJECTS("doc:1#less", "user", "a ac");
    EXPECT_SUBJECTS("doc:1#first", "user", "ac");
    EXPECT_SUBJECTS("doc:1#last", "user", "a");
    EXPECT_SUBJECTS("doc:1#own", "user", "a ac c");
    EXPECT_SUBJECTS("doc:1#much", "user", "ab");
    EXPECT_SUBJECTS("doc:1#none", "user", "");
    EXPECT("doc:1#none@doc:1#none", "allow");
    EXPECT("doc:1#both@doc:1#aaa", "deny");
    EXPECT("doc:1#any@doc:1#aaa", "allow");
    EXPECT("doc:2#any@doc:1#any", "deny");
}

Test(oracle, arrows_walk_to_the_object)
{
    given("definition user {} definition team { relation member: user }"
          "definition folder { relation parent: folder | folder#viewer relation viewer: user "
          "relation owner: team permission view = viewer + parent->view + owner->member "
          "permission grand = parent->parent->viewer }",
          "folder:1#parent@folder:2#viewer folder:2#viewer@user:ann folder:2#parent@folder:3 "
          "folder:3#viewer@user:bob folder:1#owner@team:t team:t#member@user:cyd");
    EXPECT_SUBJECTS("folder:1#view", "user", "ann bob cyd");
    EXPECT_SUBJECTS("folder:1#grand", "user", "bob");
    EXPECT("folder:1#view@folder:3#view", "allow");
    EXPECT("folder:1#view@folder:2", "deny");
}

Test(oracle, all_needs_some_hop_and_every_hop)
{
    given("definition user {} definition bot {} definition team { relation member: user | user:* }"
          "definition doc { relation team: team | bot permission view = team.all(member) }",
          "team:1#member@user:a team:1#member@user:b team:2#member@user:b team:3#member@user:* "
          "doc:one#team@team:1 doc:two#team@team:1 doc:two#team@team:2 doc:bot#team@team:1 "
          "doc:bot#team@bot:x doc:open#team@team:1 doc:open#team@team:3 doc:wide#team@team:3");
    EXPECT_SUBJECTS("doc:one#view", "user", "a b");
    EXPECT_SUBJECTS("doc:two#view", "user", "b");
    EXPECT_SUBJECTS("doc:bot#view", "user", "");
    EXPECT_SUBJECTS("doc:none#view", "user", "");
    EXPECT_SUBJECTS("doc:open#view", "user", "a b");
    EXPECT_SUBJECTS("doc:wide#view", "user", "*");
}

Test(oracle, self_is_the_resource_alone)
{
    given("use self definition user { relation friend: user permission see = self + friend }"
          "definition doc { permission own = self }",
          "user:a#friend@user:b");
    EXPECT("user:a#see@user:a", "allow");
    EXPECT("user:a#see@user:b", "allow");
    EXPECT("user:b#see@user:a", "deny");
    EXPECT("user:z#see@user:z", "allow");
    EXPECT("doc:a#own@user:a", "deny");
    EXPECT("user:a#see@user:a#friend", "allow");
    EXPECT_SUBJECTS("user:a#see", "user", "a b");
}

Test(oracle, wildcards_in_the_algebra)
{
    given("definition user {} definition doc { relation open: user | user:* relation shut: user | "
          "user:* relation some: user permission less = open - shut permission both = open & shut "
          "permission left = some - shut permission any = open + shut permission pick = (open - "
          "shut) & some permission back = some + (open - shut) }",
          "doc:1#open@user:* doc:1#open@user:a doc:1#shut@user:a doc:1#shut@user:b "
          "doc:2#open@user:* doc:2#shut@user:* doc:3#shut@user:* doc:3#some@user:a "
          "doc:1#some@user:b doc:1#some@user:c");
    EXPECT_SUBJECTS("doc:1#open", "user", "a *");
    EXPECT_SUBJECTS("doc:1#less", "user", "*-a b");
    EXPECT_SUBJECTS("doc:1#both", "user", "a b");
    EXPECT_SUBJECTS("doc:1#any", "user", "a b *");
    EXPECT_SUBJECTS("doc:1#pick", "user", "c");
    EXPECT_SUBJECTS("doc:1#back", "user", "b c *-a");
    EXPECT_SUBJECTS("doc:2#less", "user", "");
    EXPECT_SUBJECTS("doc:2#both", "user", "*");
    EXPECT_SUBJECTS("doc:3#left", "user", "");
}

Test(oracle, a_subtracted_wildcard_gives_its_exclusions_back)
{
    given(
        "definition user {} definition doc { relation open: user:* relation shut: user:* relation "
        "free: user permission view = open - (shut - free) }",
        "doc:1#open@user:* doc:1#shut@user:* doc:1#free@user:a");
    EXPECT_SUBJECTS("doc:1#view", "user", "a");
    EXPECT("doc:1#view@user:b", "deny");
}

Test(oracle, positive_cycles_have_the_least_fixpoint)
{
    given("definition user {} definition group { relation member: user | group#member relation "
          "peer: group permission near = member & peer->near permission far = member + peer->far }",
          "group:a#member@group:b#member group:b#member@group:a#member group:b#member@user:u "
          "group:c#member@group:c#member group:a#peer@group:b group:b#peer@group:a "
          "group:c#peer@group:a");
    EXPECT("group:a#member@user:u", "allow");
    EXPECT("group:c#member@user:u", "deny");
    EXPECT("group:a#near@user:u", "deny");
    EXPECT("group:c#far@user:u", "allow");
    EXPECT_SUBJECTS("group:c#far", "user", "u");
    EXPECT_SUBJECTS("group:a#member", "group#member", "a b");
}

#define GAME                                                                                       \
    "definition user {} definition pos { relation may: user relation move: pos permission win = "  \
    "may & move->lose permission lose = may - win }"

Test(oracle, well_founded_through_exclusion)
{
    /* pos:4 cannot win, pos:3 moves there and wins; 1 and 2 move to each other for ever. */
    given(GAME, "pos:1#may@user:u pos:2#may@user:u pos:3#may@user:u pos:4#may@user:u "
                "pos:5#may@user:u pos:1#move@pos:2 pos:2#move@pos:1 pos:3#move@pos:4 "
                "pos:5#move@pos:1 pos:5#move@pos:4");
    EXPECT("pos:4#win@user:u", "deny");
    EXPECT("pos:4#lose@user:u", "allow");
    EXPECT("pos:3#win@user:u", "allow");
    EXPECT("pos:1#win@user:u", "undefined");
    EXPECT("pos:2#lose@user:u", "undefined");
    EXPECT("pos:5#win@user:u", "allow");
    EXPECT("pos:1#win@user:other", "deny");
    EXPECT_SUBJECTS("pos:1#win", "user", "undefined");
    EXPECT_SUBJECTS("pos:3#win", "user", "u");
}

Test(oracle, an_undefined_operand_decides_only_where_it_must)
{
    given(
        "definition user {} definition doc { relation may: user relation yes: user relation next: "
        "doc permission odd = may - next->odd permission sum = odd + yes permission cut = odd & "
        "yes permission not = yes - odd permission rid = odd - yes permission two = may - (may - "
        "next->two) }",
        "doc:1#may@user:u doc:1#may@user:v doc:1#next@doc:1 doc:1#yes@user:v");
    EXPECT("doc:1#odd@user:u", "undefined");
    EXPECT("doc:1#sum@user:u", "undefined");
    EXPECT("doc:1#sum@user:v", "allow");
    EXPECT("doc:1#cut@user:u", "deny");
    EXPECT("doc:1#cut@user:v", "undefined");
    EXPECT("doc:1#not@user:u", "deny");
    EXPECT("doc:1#not@user:v", "undefined");
    EXPECT("doc:1#rid@user:v", "deny");
    EXPECT("doc:1#rid@user:u", "undefined");
    EXPECT("doc:1#two@user:u", "undefined");
    EXPECT("doc:1#two@user:w", "deny");
}

Test(oracle, a_chain_of_actors_is_an_intersection)
{
    struct oracle_subject ann;
    struct oracle_subject actors[2];
    int type;
    int id;
    int name;

    given("definition user {} definition agent { relation acts_on_behalf_of: user | agent }"
          "definition doc { relation viewer: user }",
          "doc:1#viewer@user:ann agent:x#acts_on_behalf_of@user:ann "
          "agent:y#acts_on_behalf_of@agent:x agent:z#acts_on_behalf_of@user:bob");
    world_read_object(&world, "doc:1#viewer", &type, &id, &name);
    world_read_object(&world, "user:ann", &ann.type, &ann.id, &ann.name);
    world_read_object(&world, "agent:x", &actors[0].type, &actors[0].id, &actors[0].name);
    world_read_object(&world, "agent:y", &actors[1].type, &actors[1].id, &actors[1].name);
    cr_expect_eq(oracle_check_chain(&world, type, id, name, ann, actors, 2), ORACLE_ALLOW);
    cr_expect_eq(oracle_check_chain(&world, type, id, name, ann, actors + 1, 1), ORACLE_DENY);
    world_read_object(&world, "agent:z", &actors[1].type, &actors[1].id, &actors[1].name);
    cr_expect_eq(oracle_check_chain(&world, type, id, name, ann, actors, 2), ORACLE_DENY);
}

Test(oracle, printing_reads_back)
{
    struct buffer once = {0};
    struct buffer twice = {0};

    given("use self definition user {} definition doc { relation aaa: user | user:* | doc#ppp "
          "relation bbb: doc permission ppp = aaa - (bbb->aaa - bbb.all(ppp)) & (aaa - nil) + "
          "bbb->bbb.any(aaa) + (aaa + self) }",
          "");
    buffer_init(&once);
    buffer_init(&twice);
    world_print_schema(&world, &once);
    world_read_schema(&world, once.data);
    world_print_schema(&world, &twice);
    cr_expect_str_eq(once.data, twice.data);
    cr_expect_not_null(strstr(once.data, "permission ppp = aaa - (bbb->aaa - bbb.all(ppp)) & "
                                         "(aaa - nil) + bbb->bbb.any(aaa) + (aaa + self)"),
                       "%s", once.data);
    buffer_release(&once);
    buffer_release(&twice);
}
