/* test_oracle.c - the oracle against answers worked out by hand. */
#include "tests/unit/test_oracle_support.h"

TestSuite(oracle, .fini = oracle_release_all);

Test(oracle, stored_subjects_usersets_and_wildcards)
{
    oracle_given("definition user {} definition group { relation member: user | group#member }"
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
    oracle_given(
        "definition user {} definition doc { relation aaa: user relation bbb: user relation ccc: "
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
    oracle_given(
        "definition user {} definition team { relation member: user }"
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
    oracle_given(
        "definition user {} definition bot {} definition team { relation member: user | user:* }"
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
    oracle_given("use self definition user { relation friend: user permission see = self + friend }"
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
    oracle_given(
        "definition user {} definition doc { relation open: user | user:* relation shut: user | "
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
    oracle_given(
        "definition user {} definition doc { relation open: user:* relation shut: user:* relation "
        "free: user permission view = open - (shut - free) }",
        "doc:1#open@user:* doc:1#shut@user:* doc:1#free@user:a");
    EXPECT_SUBJECTS("doc:1#view", "user", "a");
    EXPECT("doc:1#view@user:b", "deny");
}

Test(oracle, positive_cycles_have_the_least_fixpoint)
{
    oracle_given(
        "definition user {} definition group { relation member: user | group#member relation "
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
    oracle_given(GAME, "pos:1#may@user:u pos:2#may@user:u pos:3#may@user:u pos:4#may@user:u "
                       "pos:5#may@user:u pos:1#move@pos:2 pos:2#move@pos:1 pos:3#move@pos:4 "
                       "pos:5#move@pos:1 pos:5#move@pos:4");
    EXPECT("pos:4#win@user:u", "deny");
    EXPECT("pos:4#lose@user:u", "allow");
    EXPECT("pos:3#win@user:u", "allow");
    EXPECT("pos:1#win@user:u", "error: CYCLE_THROUGH_EXCLUSION");
    EXPECT("pos:2#lose@user:u", "error: CYCLE_THROUGH_EXCLUSION");
    EXPECT("pos:5#win@user:u", "allow");
    EXPECT("pos:1#win@user:other", "deny");
    EXPECT_SUBJECTS("pos:1#win", "user", "open");
}

Test(oracle, an_undefined_operand_decides_only_where_it_must)
{
    oracle_given(
        "definition user {} definition doc { relation may: user relation yes: user relation next: "
        "doc permission odd = may - next->odd permission sum = odd + yes permission cut = odd & "
        "yes permission not = yes - odd permission rid = odd - yes permission two = may - (may - "
        "next->two) }",
        "doc:1#may@user:u doc:1#may@user:v doc:1#next@doc:1 doc:1#yes@user:v");
    EXPECT("doc:1#odd@user:u", "error: CYCLE_THROUGH_EXCLUSION");
    EXPECT("doc:1#sum@user:u", "error: CYCLE_THROUGH_EXCLUSION");
    EXPECT("doc:1#sum@user:v", "allow");
    EXPECT("doc:1#cut@user:u", "deny");
    EXPECT("doc:1#cut@user:v", "error: CYCLE_THROUGH_EXCLUSION");
    EXPECT("doc:1#not@user:u", "deny");
    EXPECT("doc:1#not@user:v", "error: CYCLE_THROUGH_EXCLUSION");
    EXPECT("doc:1#rid@user:v", "deny");
    EXPECT("doc:1#rid@user:u", "error: CYCLE_THROUGH_EXCLUSION");
    EXPECT("doc:1#two@user:u", "error: CYCLE_THROUGH_EXCLUSION");
    EXPECT("doc:1#two@user:w", "deny");
}

Test(oracle, printing_reads_back)
{
    static struct world world;
    struct buffer once = {0};
    struct buffer twice = {0};

    world_read_schema(
        &world,
        "use self use expiration definition user {} definition doc { relation aaa: user | user:* | "
        "doc#ppp relation bbb: doc permission ppp = aaa - (bbb->aaa - bbb.all(ppp)) & (aaa - nil) "
        "+ bbb->bbb.any(aaa) + (aaa + self) relation ccc: user with cap and expiration | user:* "
        "with cap | doc#ccc with expiration } caveat cap(max int, used list<int>) { used.all(x, x "
        "< max) }");
    buffer_init(&once);
    buffer_init(&twice);
    world_print_schema(&world, &once);
    world_read_schema(&world, once.data);
    world_print_schema(&world, &twice);
    cr_expect_str_eq(once.data, twice.data);
    cr_expect_not_null(strstr(once.data, "permission ppp = aaa - (bbb->aaa - bbb.all(ppp)) & "
                                         "(aaa - nil) + bbb->bbb.any(aaa) + (aaa + self)"),
                       "%s", once.data);
    cr_expect_not_null(strstr(once.data, "caveat cap(max int, used list<int>) {\n    used.all(x, x "
                                         "< max)\n}\n"),
                       "%s", once.data);
    cr_expect_not_null(strstr(once.data, "relation ccc: user with cap and expiration | user:* with "
                                         "cap | doc#ccc with expiration\n"),
                       "%s", once.data);
    buffer_release(&once);
    buffer_release(&twice);
}

Test(oracle, tuples_print_and_read_back)
{
    static struct world world;
    static const char *const texts[] = {
        "doc:1#aaa@user:ann[cap:{\"max\":3,\"used\":[1,2]}][expiration:2027-05-01T00:00:00Z]",
        "doc:1#aaa@user:*[cap]",
        "doc:1#aaa@doc:2#aaa[expiration:2027-05-01T00:00:00.5Z]",
        "doc:1#aaa@user:bob",
    };
    static const bool allowed[] = {true, true, false, false};
    struct buffer text = {0};

    world_read_schema(&world,
                      "use expiration caveat cap(max int, used list<int>) { size(used) < max } "
                      "definition user {} definition doc { relation aaa: user with cap and "
                      "expiration | user:* with cap | doc#aaa }");
    buffer_init(&text);
    for (int i = 0; i < 4; i++) {
        buffer_clear(&text);
        world_add_tuple(&world, texts[i]);
        world_print_tuple(&world, &world.tuples[i], &text);
        cr_expect_str_eq(text.data, texts[i]);
        cr_expect_eq(world_tuple_is_allowed(&world, &world.tuples[i]), allowed[i], "%s", texts[i]);
    }
    buffer_release(&text);
}
