/* test_eval_conditions.c - decisions under conditions: each row of the tables of operators and
 * hops, what is missing, wildcards, and the variants that a relation allows. */
#include "tests/unit/test_scenarios_support.h"

#include <stdio.h>
#include <string.h>

#define ANY_OF(subject)                                                                            \
    subject " | " subject " with if_left | " subject " with if_right | " subject                   \
            " with if_other | " subject " with faulty | " subject " with expiration"

/* What a relationship is worth: 'D'eny, 'C'onditional, 'A'llow, 'E'rror, 'X' expired, '-' not
 * there. A condition is on `caveat`. */
static void
given_edge(const char *edge, char worth, const char *caveat)
{
    char text[256];

    switch (worth) {
    case '-':
        return;
    case 'D':
        snprintf(text, sizeof text, "%s[%s:{\"%s_is\":0}]", edge, caveat, caveat + 3);
        break;
    case 'C':
        snprintf(text, sizeof text, "%s[%s]", edge, caveat);
        break;
    case 'E':
        snprintf(text, sizeof text, "%s[faulty:{\"divisor\":0}]", edge);
        break;
    case 'X':
        snprintf(text, sizeof text, "%s[expiration:2000-01-01T00:00:00Z]", edge);
        break;
    default:
        snprintf(text, sizeof text, "%s", edge);
        break;
    }
    cr_assert_eq(harness_touch(&scenario, text), BEHALF_OK, "%s", text);
}

/* Answers in a letter: 'L', 'R' and 'B'oth are conditional. */
static const char *
spelled(char answer)
{
    switch (answer) {
    case 'A':
        return "allow";
    case 'E':
        return "CAVEAT_EVALUATION_ERROR";
    case 'L':
        return "conditional on left_is";
    case 'R':
        return "conditional on right_is";
    case 'B':
        return "conditional on left_is, right_is";
    default:
        return "deny";
    }
}

static void
expect_of(const char *type, const char *id, const char *member, char answer)
{
    char question[96];

    snprintf(question, sizeof question, "%s:%s#%s@user:u", type, id, member);
    EXPECT(question, spelled(answer));
}

/* --- operators --- */

static const struct {
    const char *pair; /* worth of the left operand and of the right one */
    char sum;
    char both;
    char less;
} operators[] = {
    {"DD", 'D', 'D', 'D'}, {"DC", 'R', 'D', 'D'}, {"DA", 'A', 'D', 'D'}, {"DE", 'E', 'D', 'D'},
    {"CD", 'L', 'D', 'L'}, {"CC", 'B', 'B', 'B'}, {"CA", 'A', 'L', 'D'}, {"CE", 'E', 'E', 'E'},
    {"AD", 'A', 'D', 'A'}, {"AC", 'A', 'R', 'R'}, {"AA", 'A', 'A', 'D'}, {"AE", 'A', 'E', 'E'},
    {"ED", 'E', 'D', 'E'}, {"EC", 'E', 'E', 'E'}, {"EA", 'A', 'E', 'D'}, {"EE", 'E', 'E', 'E'},
};

#define OPERATORS (sizeof operators / sizeof *operators)

static void
given_operators(void)
{
    GIVEN(
        "use expiration " FOUR_CAVEATS "definition user {} "
        "definition part { relation held: " ANY_OF(
            "user") " } "
                    "definition doc { relation left: " ANY_OF("user") " relation right: " ANY_OF(
                        "user") " relation near: part relation via: part#held "
                                "permission sum = left + right permission both = left & right "
                                "permission less = left - right "
                                "permission some = near->held permission every = near.all(held) }",
        (const char *)NULL);
    for (const char *worth = "DCAE"; *worth != '\0'; worth++) {
        char edge[64];

        snprintf(edge, sizeof edge, "part:l%c#held@user:u", *worth);
        given_edge(edge, *worth, "if_left");
        snprintf(edge, sizeof edge, "part:r%c#held@user:u", *worth);
        given_edge(edge, *worth, "if_right");
    }
    for (size_t i = 0; i < OPERATORS; i++) {
        const char *pair = operators[i].pair;
        char edge[64];

        snprintf(edge, sizeof edge, "doc:%s#left@user:u", pair);
        given_edge(edge, pair[0], "if_left");
        snprintf(edge, sizeof edge, "doc:%s#right@user:u", pair);
        given_edge(edge, pair[1], "if_right");
        for (int side = 0; side < 2; side++) {
            snprintf(edge, sizeof edge, "doc:%s#near@part:%c%c", pair, "lr"[side], pair[side]);
            given_edge(edge, 'A', NULL);
            snprintf(edge, sizeof edge, "doc:%s#via@part:%c%c#held", pair, "lr"[side], pair[side]);
            given_edge(edge, 'A', NULL);
        }
    }
}

/* The same tables by operators over operands, over usersets, over objects, and over all of them. */
static void
expect_operators(const char *meaning_of_left, const char *meaning_of_right)
{
    for (size_t i = 0; i < OPERATORS; i++) {
        char pair[3];
        size_t row = 0;

        /* A context turns conditional operands into decided ones: another row of the same table. */
        memcpy(pair, operators[i].pair, sizeof pair);
        if (pair[0] == 'C')
            pair[0] = meaning_of_left[0];
        if (pair[1] == 'C')
            pair[1] = meaning_of_right[0];
        while (strcmp(operators[row].pair, pair) != 0)
            row++;
        expect_of("doc", operators[i].pair, "sum", operators[row].sum);
        expect_of("doc", operators[i].pair, "both", operators[row].both);
        expect_of("doc", operators[i].pair, "less", operators[row].less);
        expect_of("doc", operators[i].pair, "some", operators[row].sum);
        expect_of("doc", operators[i].pair, "via", operators[row].sum);
        expect_of("doc", operators[i].pair, "every", operators[row].both);
    }
}

Test(eval_conditions, operators_without_context)
{
    given_operators();
    expect_operators("C", "C");
    EXPECT_RESOURCES("doc#sum@user:u",
                     "AA AC AD AE CA CC[...] CD[...] DA DC[...] EA CE? DE? EC? ED? EE?");
    EXPECT_RESOURCES("doc#both@user:u", "AA AC[...] CA[...] CC[...] AE? CE? EA? EC? EE?");
    EXPECT_RESOURCES("doc#less@user:u", "AC[...] AD CC[...] CD[...] AE? CE? EC? ED? EE?");
    EXPECT_RESOURCES("doc#every@user:u", "AA AC[...] CA[...] CC[...] AE? CE? EA? EC? EE?");
    EXPECT_SUBJECTS("doc:CC#less", "user", "u[...]");
    EXPECT_SUBJECTS("doc:AE#both", "user", "CAVEAT_EVALUATION_ERROR");
    EXPECT_SUBJECTS("doc:AE#less", "user", "CAVEAT_EVALUATION_ERROR");
    EXPECT_SUBJECTS("doc:AE#sum", "user", "u");
    EXPECT_SUBJECTS("doc:DE#both", "user", "");
    AGREED();
}

Test(eval_conditions, operators_under_conditions_that_hold)
{
    given_operators();
    harness_context(&scenario, "{\"left_is\":1,\"right_is\":1}");
    expect_operators("A", "A");
    AGREED();
}

Test(eval_conditions, operators_under_conditions_that_fail)
{
    given_operators();
    harness_context(&scenario, "{\"left_is\":0,\"right_is\":7}");
    expect_operators("D", "D");
    AGREED();
}

Test(eval_conditions, operators_with_half_of_the_context)
{
    given_operators();
    harness_context(&scenario, "{\"left_is\":1}");
    expect_operators("A", "C");
    harness_context(&scenario, "{\"left_is\":0}");
    expect_operators("D", "C");
    harness_context(&scenario, "{\"right_is\":1}");
    expect_operators("C", "A");
    harness_context(&scenario, "{\"right_is\":0}");
    expect_operators("C", "D");
    AGREED();
}

/* A parameter of the wrong type is an error of its own, of that caveat alone. */
Test(eval_conditions, a_context_of_the_wrong_type)
{
    GIVEN(FOUR_CAVEATS
          "definition user {} definition doc { relation left: user with if_left relation "
          "right: user permission sum = left + right permission both = left & right "
          "permission less = right - left }",
          "doc:1#left@user:u[if_left]", "doc:2#left@user:u[if_left]", "doc:2#right@user:u",
          "doc:3#right@user:u");
    harness_context(&scenario, "{\"left_is\":\"many\"}");
    EXPECT("doc:1#sum@user:u", "CAVEAT_PARAMETER_TYPE_ERROR");
    EXPECT("doc:2#sum@user:u", "allow");
    EXPECT("doc:1#both@user:u", "deny");
    EXPECT("doc:2#both@user:u", "CAVEAT_PARAMETER_TYPE_ERROR");
    EXPECT("doc:2#less@user:u", "CAVEAT_PARAMETER_TYPE_ERROR");
    EXPECT("doc:3#less@user:u", "allow");
    EXPECT_RESOURCES("doc#sum@user:u", "2 3 1?");
    EXPECT_RESOURCES("doc#less@user:u", "3 2?");
    AGREED();
}

/* --- what is missing --- */

Test(eval_conditions, missing_names_only_what_the_decision_hangs_on)
{
    GIVEN(FOUR_CAVEATS
          "definition user {} definition doc { relation left: user with if_left relation right: "
          "user with if_right relation other: user with if_other relation yes: user relation none: "
          "user "
          "permission all_three = left + right + other permission three = left & right & other "
          "permission closed_by_deny = (left & none) + right "
          "permission closed_by_allow = (left + yes) & right "
          "permission closed_by_less = (left - yes) + right "
          "permission subtracted = yes - left - (right & none) "
          "permission subtracted_two = yes - (left & right) "
          "permission denied = left & none & right permission allowed = left + yes + right "
          "permission twice = left + (left & right) "
          "permission of_nothing = left - left }",
          "doc:1#left@user:u[if_left]", "doc:1#right@user:u[if_right]",
          "doc:1#other@user:u[if_other]", "doc:1#yes@user:u");
    EXPECT("doc:1#all_three@user:u", "conditional on left_is, other_is, right_is");
    EXPECT("doc:1#three@user:u", "conditional on left_is, other_is, right_is");
    EXPECT("doc:1#closed_by_deny@user:u", "conditional on right_is");
    EXPECT("doc:1#closed_by_allow@user:u", "conditional on right_is");
    EXPECT("doc:1#closed_by_less@user:u", "conditional on right_is");
    EXPECT("doc:1#subtracted@user:u", "conditional on left_is");
    EXPECT("doc:1#subtracted_two@user:u", "conditional on left_is, right_is");
    EXPECT("doc:1#denied@user:u", "deny");
    EXPECT("doc:1#allowed@user:u", "allow");
    EXPECT("doc:1#twice@user:u", "conditional on left_is, right_is");
    EXPECT("doc:1#of_nothing@user:u", "conditional on left_is");
    harness_context(&scenario, "{\"left_is\":1,\"unknown_to_all\":true}");
    EXPECT("doc:1#all_three@user:u", "allow");
    EXPECT("doc:1#three@user:u", "conditional on other_is, right_is");
    EXPECT("doc:1#closed_by_less@user:u", "conditional on right_is");
    EXPECT("doc:1#subtracted@user:u", "deny");
    EXPECT("doc:1#subtracted_two@user:u", "conditional on right_is");
    EXPECT("doc:1#of_nothing@user:u", "deny");
    AGREED();
}

/* Only the parameters that the outcome still hangs on, of the stored context over
 * that asked with. */
Test(eval_conditions, what_is_stored_is_not_missing_and_wins)
{
    GIVEN("caveat range_of(low int, value int, high int) { low <= value && value <= high } "
          "definition user {} definition doc { relation viewer: user with range_of }",
          "doc:1#viewer@user:u[range_of:{\"low\":3,\"high\":5}]",
          "doc:2#viewer@user:u[range_of:{\"low\":3}]", "doc:3#viewer@user:u[range_of]",
          "doc:4#viewer@user:u[range_of:{\"low\":3,\"value\":2}]",
          "doc:5#viewer@user:u[range_of:{\"low\":3,\"value\":4,\"high\":5}]");
    EXPECT("doc:1#viewer@user:u", "conditional on value");
    EXPECT("doc:2#viewer@user:u", "conditional on high, value");
    EXPECT("doc:3#viewer@user:u", "conditional on high, low, value");
    EXPECT("doc:4#viewer@user:u", "deny");
    EXPECT("doc:5#viewer@user:u", "allow");
    harness_context(&scenario, "{\"low\":0,\"value\":6,\"high\":9}");
    EXPECT("doc:1#viewer@user:u", "deny");
    EXPECT("doc:2#viewer@user:u", "allow");
    EXPECT("doc:3#viewer@user:u", "allow");
    EXPECT("doc:4#viewer@user:u", "deny");
    EXPECT("doc:5#viewer@user:u", "allow");
    harness_context(&scenario, "{\"value\":1}");
    EXPECT("doc:1#viewer@user:u", "deny");
    EXPECT("doc:2#viewer@user:u", "deny");
    EXPECT("doc:3#viewer@user:u", "conditional on high, low");
    EXPECT("doc:5#viewer@user:u", "allow");
    AGREED();
}

/* --- hops --- */

static const struct {
    const char *pair; /* worth of the hop and of what it leads to */
    char result;      /* of a union over this hop alone */
    char beside;      /* of .all, with another hop that holds for certain */
} hops[] = {
    {"DD", 'D', 'D'}, {"DC", 'D', 'D'}, {"DA", 'D', 'D'}, {"DE", 'D', 'D'}, {"CD", 'D', 'D'},
    {"CC", 'B', 'B'}, {"CA", 'L', 'L'}, {"CE", 'E', 'E'}, {"AD", 'D', 'D'}, {"AC", 'R', 'R'},
    {"AA", 'A', 'A'}, {"AE", 'E', 'E'}, {"ED", 'D', 'D'}, {"EC", 'E', 'E'}, {"EA", 'E', 'E'},
    {"EE", 'E', 'E'}, {"XD", 'D', 'A'}, {"XC", 'D', 'A'}, {"XA", 'D', 'A'}, {"XE", 'D', 'A'},
};

#define HOPS (sizeof hops / sizeof *hops)

/* An object of the first step, and what it leads to on the second. */
static void
given_hop(const char *relation, const char *pair, const char *far)
{
    char edge[160];

    snprintf(edge, sizeof edge, "%s@%s", relation, far);
    given_edge(edge, pair[0], "if_left");
}

static void
given_hops_of(const char *pair)
{
    char relation[64];
    char far[64];

    snprintf(far, sizeof far, "part:p%c", pair[1]);
    for (const char *const *name = (const char *const[]){"near", "also", "last", NULL};
         *name != NULL; name++) {
        snprintf(relation, sizeof relation, "box:%s#%s", pair, *name);
        given_hop(relation, pair, far);
    }
    snprintf(relation, sizeof relation, "box:%s#also", pair);
    given_hop(relation, "A", "part:first");
    snprintf(relation, sizeof relation, "box:%s#last", pair);
    given_hop(relation, "A", "part:last");
    snprintf(far, sizeof far, "part:p%c#held", pair[1]);
    snprintf(relation, sizeof relation, "box:%s#via", pair);
    given_hop(relation, pair, far);
    snprintf(relation, sizeof relation, "box:%s#into", pair);
    given_hop(relation, pair, far);
    snprintf(relation, sizeof relation, "shelf:%s#holds", pair);
    snprintf(far, sizeof far, "box:%s", pair);
    given_hop(relation, "A", far);
    snprintf(relation, sizeof relation, "shelf:%s#maybe", pair);
    snprintf(far, sizeof far, "box:A%c", pair[1]);
    given_hop(relation, pair, far);
}

#define OF_USER ANY_OF("user")
#define OF_PART ANY_OF("part")
#define OF_HELD ANY_OF("part#held")
#define OF_BOX ANY_OF("box")

static void
given_hops(void)
{
    GIVEN("use expiration " FOUR_CAVEATS
          "definition user {} definition part { relation held: " OF_USER
          " } definition box { relation near: " OF_PART " relation via: " OF_HELD
          " relation into: " OF_HELD " relation also: " OF_PART " relation last: " OF_PART
          " permission some = near->held permission past_userset = into->held "
          "permission every = near.all(held) permission every_userset = into.all(held) "
          "permission every_also = also.all(held) permission every_last = last.all(held) "
          "permission any_also = also->held } "
          "definition shelf { relation holds: box relation maybe: " OF_BOX
          " permission deep = holds->near->held permission deep_every = holds->near.all(held) "
          "permission first = maybe->near->held permission first_every = maybe.all(some) "
          "permission both_every = maybe.all(every) }",
          "part:first#held@user:u");
    given_edge("part:pC#held@user:u", 'C', "if_right");
    given_edge("part:pA#held@user:u", 'A', NULL);
    given_edge("part:pE#held@user:u", 'E', NULL);
    given_edge("part:last#held@user:u", 'A', NULL);
    for (size_t i = 0; i < HOPS; i++)
        given_hops_of(hops[i].pair);
}

Test(eval_conditions, hops_of_usersets_and_arrows)
{
    given_hops();
    for (size_t i = 0; i < HOPS; i++) {
        expect_of("box", hops[i].pair, "via", hops[i].result);
        expect_of("box", hops[i].pair, "some", hops[i].result);
        expect_of("box", hops[i].pair, "past_userset", hops[i].result);
        expect_of("box", hops[i].pair, "any_also", 'A');
        expect_of("shelf", hops[i].pair, "deep", hops[i].result);
        expect_of("shelf", hops[i].pair, "first", hops[i].result);
    }
    EXPECT_RESOURCES("box#via@user:u", "AA AC[...] CA[...] CC[...] AE? CE? EA? EC? EE?");
    EXPECT_RESOURCES("box#some@user:u", "AA AC[...] CA[...] CC[...] AE? CE? EA? EC? EE?");
    EXPECT_RESOURCES("shelf#deep@user:u", "AA AC[...] CA[...] CC[...] AE? CE? EA? EC? EE?");
    EXPECT_RESOURCES("shelf#first@user:u", "AA AC[...] CA[...] CC[...] AE? CE? EA? EC? EE?");
    AGREED();
}

Test(eval_conditions, hops_of_all)
{
    given_hops();
    for (size_t i = 0; i < HOPS; i++) {
        expect_of("box", hops[i].pair, "every", hops[i].result);
        expect_of("box", hops[i].pair, "every_userset", hops[i].result);
        expect_of("box", hops[i].pair, "every_also", hops[i].beside);
        expect_of("box", hops[i].pair, "every_last", hops[i].beside);
        expect_of("shelf", hops[i].pair, "deep_every", hops[i].result);
        expect_of("shelf", hops[i].pair, "first_every", hops[i].result);
        expect_of("shelf", hops[i].pair, "both_every", hops[i].result);
    }
    EXPECT_RESOURCES("box#every_also@user:u",
                     "AA AC[...] CA[...] CC[...] XA XC XD XE AE? CE? EA? EC? EE?");
    EXPECT_SUBJECTS("box:CC#every_last", "user", "u[...]");
    EXPECT_SUBJECTS("box:DA#every_last", "user", "");
    EXPECT_SUBJECTS("box:XA#every_last", "user", "u");
    AGREED();
}

Test(eval_conditions, hops_with_context)
{
    static const char held[] = "{\"left_is\":1,\"right_is\":1}";
    static const char failed[] = "{\"left_is\":0}";

    given_hops();
    harness_context(&scenario, held);
    expect_of("box", "CC", "via", 'A');
    expect_of("box", "CC", "some", 'A');
    expect_of("box", "CC", "every_also", 'A');
    expect_of("shelf", "CC", "deep", 'A');
    expect_of("shelf", "CC", "both_every", 'A');
    expect_of("box", "CE", "some", 'E');
    harness_context(&scenario, failed);
    expect_of("box", "CC", "via", 'D');
    expect_of("box", "CC", "some", 'D');
    /* what is there but does not hold denies all of it */
    expect_of("box", "CA", "every_also", 'D');
    expect_of("box", "CA", "every_last", 'D');
    expect_of("box", "CE", "every_last", 'D');
    expect_of("shelf", "CA", "both_every", 'D');
    expect_of("box", "AC", "some", 'R');
    AGREED();
}

/* --- bulks through .all --- */

/* Elsewhere conditions of one resource met those of another that shares a subject. */
Test(eval_conditions, resources_of_a_bulk_keep_their_conditions_apart)
{
    GIVEN(FOUR_CAVEATS
          "definition user {} definition team { relation member: user | user with if_right } "
          "definition doc { relation team: team | team with if_left permission view = "
          "team.all(member) }",
          "team:x#member@user:u", "team:y#member@user:u[if_right]", "doc:1#team@team:x[if_left]",
          "doc:2#team@team:x", "doc:3#team@team:x", "doc:3#team@team:y");
    for (int round = 0; round < 2; round++) {
        EXPECT("doc:1#view@user:u", "conditional on left_is");
        EXPECT("doc:2#view@user:u", "allow");
        EXPECT("doc:3#view@user:u", "conditional on right_is");
    }
    AGREED();
}

/* A caveat that takes too many steps is the error of its own question: beside an allow it does not
 * matter, on whichever side it stands, and it blocks nothing else in a lookup. */
Test(eval_conditions, a_caveat_that_takes_too_long)
{
    struct buffer context;

    GIVEN("caveat slow(l list<int>) { l.all(x, l.all(y, l.all(z, x + y + z >= 0))) } "
          "definition user {} definition doc { relation viewer: user | user with slow "
          "relation editor: user | user with slow permission one = viewer + editor "
          "permission other = editor + viewer permission both = viewer & editor "
          "permission less = viewer - editor }",
          "doc:1#viewer@user:u[slow]", "doc:1#editor@user:u", "doc:2#viewer@user:u[slow]",
          "doc:3#viewer@user:u", "doc:3#editor@user:u[slow]");
    buffer_init(&context);
    buffer_add_text(&context, "{\"l\":[0");
    for (int count = 0; count < 200; count++)
        buffer_add_text(&context, ",1");
    buffer_add_text(&context, "]}");
    harness_context(&scenario, context.data);
    for (unsigned order = 0; order < 2; order++) {
        EXPECT("doc:1#one@user:u", "allow");
        EXPECT("doc:1#other@user:u", "allow");
        EXPECT("doc:1#both@user:u", "CAVEAT_EVALUATION_ERROR");
        EXPECT("doc:1#less@user:u", "deny");
        EXPECT("doc:2#one@user:u", "CAVEAT_EVALUATION_ERROR");
        EXPECT("doc:2#both@user:u", "deny");
        EXPECT("doc:3#less@user:u", "CAVEAT_EVALUATION_ERROR");
    }
    EXPECT_RESOURCES("doc#one@user:u", "1 3 2?");
    buffer_release(&context);
    AGREED();
}

/* --- wildcards --- */

#define PUBLIC                                                                                     \
    FOUR_CAVEATS "definition user {} definition doc { "                                            \
                 "relation open: user | user:* | user with if_left | user:* with if_left "         \
                 "relation shut: user | user:* | user with if_right | user:* with if_right "       \
                 "relation more: user | user:* | user with if_other | user:* with if_other "       \
                 "permission less = open - shut permission sum = less + more "                     \
                 "permission both = open & shut permission two = less & more "                     \
                 "permission rest = open - less permission again = (open - shut) + (open - more) " \
                 "permission neither = (open - shut) & (open - more) }"

Test(eval_conditions, a_wildcard_with_a_condition)
{
    GIVEN(PUBLIC, "doc:1#open@user:*[if_left]", "doc:1#open@user:a", "doc:2#open@user:*[if_left]",
          "doc:2#shut@user:a", "doc:3#open@user:*", "doc:3#shut@user:a[if_right]",
          "doc:4#open@user:*", "doc:4#shut@user:*[if_right]", "doc:5#open@user:*[if_left]",
          "doc:5#shut@user:*", "doc:5#shut@user:a");
    EXPECT("doc:1#open@user:z", "conditional on left_is");
    EXPECT("doc:1#open@user:a", "allow");
    EXPECT_SUBJECTS("doc:1#open", "user", "*[...]{} a");
    EXPECT("doc:2#less@user:z", "conditional on left_is");
    EXPECT("doc:2#less@user:a", "deny");
    EXPECT_SUBJECTS("doc:2#less", "user", "*[...]{a}");
    EXPECT("doc:3#less@user:z", "allow");
    EXPECT("doc:3#less@user:a", "conditional on right_is");
    EXPECT_SUBJECTS("doc:3#less", "user", "*{a[...]}");
    EXPECT("doc:4#less@user:z", "conditional on right_is");
    EXPECT_SUBJECTS("doc:4#less", "user", "*[...]{}");
    EXPECT("doc:5#less@user:z", "deny");
    EXPECT_SUBJECTS("doc:5#less", "user", "");
    EXPECT_RESOURCES("doc#less@user:a", "1 3[...] 4[...]");
    EXPECT_RESOURCES("doc#less@user:z", "1[...] 2[...] 3 4[...]");
    harness_context(&scenario, "{\"left_is\":1,\"right_is\":1}");
    EXPECT_SUBJECTS("doc:1#open", "user", "*{} a");
    EXPECT_SUBJECTS("doc:2#less", "user", "*{a}");
    EXPECT_SUBJECTS("doc:3#less", "user", "*{a}");
    EXPECT_SUBJECTS("doc:4#less", "user", "");
    EXPECT_RESOURCES("doc#less@user:a", "1");
    harness_context(&scenario, "{\"left_is\":0,\"right_is\":0}");
    EXPECT_SUBJECTS("doc:1#open", "user", "a");
    EXPECT_SUBJECTS("doc:2#less", "user", "");
    EXPECT_SUBJECTS("doc:3#less", "user", "*{}");
    EXPECT_SUBJECTS("doc:4#less", "user", "*{}");
    AGREED();
}

Test(eval_conditions, unions_of_wildcards)
{
    /* the wildcard without `a`, and `a` again: for certain, and under a condition */
    GIVEN(PUBLIC, "doc:1#open@user:*", "doc:1#shut@user:a", "doc:1#more@user:a",
          "doc:2#open@user:*", "doc:2#shut@user:a", "doc:2#more@user:a[if_other]",
          "doc:3#open@user:*", "doc:3#shut@user:a[if_right]", "doc:3#more@user:a[if_other]",
          "doc:4#open@user:*", "doc:4#shut@user:a", "doc:4#shut@user:b", "doc:4#more@user:b",
          "doc:4#more@user:c", "doc:5#open@user:*", "doc:5#shut@user:a", "doc:5#shut@user:b",
          "doc:5#more@user:b[if_other]");
    EXPECT_SUBJECTS("doc:1#sum", "user", "*{} a");
    EXPECT("doc:2#sum@user:a", "conditional on other_is");
    EXPECT_SUBJECTS("doc:2#sum", "user", "*{a[...]} a[...]");
    EXPECT("doc:3#sum@user:a", "conditional on other_is, right_is");
    EXPECT_SUBJECTS("doc:3#sum", "user", "*{a[...]} a[...]");
    /* of two wildcards only who is excluded from both is excluded */
    EXPECT_SUBJECTS("doc:4#again", "user", "*{b}");
    EXPECT_SUBJECTS("doc:5#again", "user", "*{b[...]}");
    EXPECT_RESOURCES("doc#sum@user:a", "1 2[...] 3[...]");
    AGREED();
}

Test(eval_conditions, intersections_and_differences_of_wildcards)
{
    GIVEN(PUBLIC, "doc:1#open@user:*", "doc:1#shut@user:a[if_right]", "doc:1#more@user:a",
          "doc:1#more@user:b", "doc:2#open@user:*[if_left]", "doc:2#shut@user:a",
          "doc:2#more@user:a", "doc:2#more@user:b[if_other]", "doc:3#open@user:*",
          "doc:3#shut@user:a", "doc:3#shut@user:b[if_right]", "doc:3#more@user:c",
          "doc:4#open@user:*[if_left]", "doc:4#shut@user:*[if_right]", "doc:4#shut@user:a",
          "doc:5#open@user:*", "doc:5#shut@user:a[if_right]", "doc:5#shut@user:b");
    EXPECT("doc:1#two@user:a", "conditional on right_is");
    EXPECT_SUBJECTS("doc:1#two", "user", "a[...] b");
    EXPECT("doc:2#two@user:b", "conditional on left_is, other_is");
    EXPECT_SUBJECTS("doc:2#two", "user", "b[...]");
    /* who is excluded from one is excluded from both */
    EXPECT_SUBJECTS("doc:3#neither", "user", "*{a b[...] c}");
    EXPECT("doc:4#both@user:z", "conditional on left_is, right_is");
    EXPECT("doc:4#both@user:a", "conditional on left_is");
    EXPECT_SUBJECTS("doc:4#both", "user", "*[...]{} a[...]");
    /* a wildcard less a wildcard: its exclusions are what is left, each under its condition */
    EXPECT("doc:5#rest@user:a", "conditional on right_is");
    EXPECT("doc:5#rest@user:b", "allow");
    EXPECT("doc:5#rest@user:z", "deny");
    EXPECT_SUBJECTS("doc:5#rest", "user", "a[...] b");
    EXPECT_RESOURCES("doc#rest@user:b", "2[...] 3[...] 4[...] 5");
    EXPECT_RESOURCES("doc#two@user:b", "1 2[...]");
    AGREED();
}

Test(eval_conditions, a_wildcard_and_a_name_of_different_worth)
{
    GIVEN(PUBLIC, "doc:1#open@user:*[if_left]", "doc:1#open@user:a[if_left:{\"left_is\":0}]",
          "doc:2#open@user:*[if_left:{\"left_is\":0}]", "doc:2#open@user:a[if_left]",
          "doc:3#open@user:*", "doc:3#open@user:a[if_left]", "doc:3#shut@user:a");
    EXPECT("doc:1#open@user:a", "conditional on left_is");
    EXPECT("doc:2#open@user:a", "conditional on left_is");
    EXPECT("doc:2#open@user:z", "deny");
    EXPECT_SUBJECTS("doc:2#open", "user", "a[...]");
    EXPECT("doc:3#open@user:a", "allow");
    EXPECT("doc:3#less@user:a", "deny");
    EXPECT_SUBJECTS("doc:3#less", "user", "*{a}");
    AGREED();
}

/* A wildcard that hangs on a condition stands for no subject that hangs on others. */
Test(eval_conditions, a_subject_missing_other_names_than_the_wildcard)
{
    GIVEN(PUBLIC, "doc:1#open@user:*[if_left]", "doc:1#shut@user:a[if_right]",
          "doc:2#open@user:*[if_left]", "doc:2#shut@user:a", "doc:2#more@user:*[if_other]");
    EXPECT("doc:1#less@user:z", "conditional on left_is");
    EXPECT("doc:1#less@user:a", "conditional on left_is, right_is");
    EXPECT("doc:2#sum@user:z", "conditional on left_is, other_is");
    EXPECT("doc:2#sum@user:a", "conditional on other_is");
    AGREED();
}

/* --- the variants that a relation allows --- */

/* One relation for each variant, and on each of them relationships of all variants, as an older
 * schema may have left them. What the relation does not allow is not seen, from no side. */
static const struct {
    const char *name;  /* of relations and objects */
    const char *trait; /* in the schema */
    const char *text;  /* on a relationship */
} variants[] = {
    {"bare", "", ""},
    {"left", " with if_left", "[if_left:{\"left_is\":1}]"},
    {"right", " with if_right", "[if_right:{\"right_is\":1}]"},
    {"timed", " with expiration", "[expiration:2200-01-01T00:00:00Z]"},
    {"leftt", " with if_left and expiration",
     "[if_left:{\"left_is\":1}][expiration:2200-01-01T00:00:00Z]"},
    {"rightt", " with if_right and expiration",
     "[if_right:{\"right_is\":1}][expiration:2200-01-01T00:00:00Z]"},
};

#define VARIANTS (sizeof variants / sizeof *variants)

static void
add_relations(struct buffer *schema)
{
    for (size_t i = 0; i < VARIANTS; i++)
        buffer_add_format(
            schema,
            "relation by_name_%s: user%s relation by_star_%s: user:*%s "
            "relation by_set_%s: part#held%s relation by_arrow_%s: part%s "
            "permission arrow_%s = by_arrow_%s->held permission every_%s = by_arrow_%s.all(held) ",
            variants[i].name, variants[i].trait, variants[i].name, variants[i].trait,
            variants[i].name, variants[i].trait, variants[i].name, variants[i].trait,
            variants[i].name, variants[i].name, variants[i].name, variants[i].name);
}

static struct relationship rows[VARIANTS * VARIANTS * 5];
static size_t row_count;

/* A relationship to be put past the engine, which refuses it unless it is allowed. */
static void
add_row(const char *resource, const char *const kind[2], size_t allowed, size_t stored)
{
    struct error error;
    char text[192];

    snprintf(text, sizeof text, "doc:%s#%s_%s@%s%s", resource, kind[0], variants[allowed].name,
             kind[1], variants[stored].text);
    cr_assert_eq(relationship_parse(arena_copy(&scenario.arena, slice_of(text)), &scenario.arena,
                                    &rows[row_count++], &error),
                 BEHALF_OK, "%s", text);
    if (stored != allowed)
        cr_assert_eq(harness_touch(&scenario, text), BEHALF_INVALID_SUBJECT_TYPE);
}

static void
given_variants(void)
{
    static const char *const kinds[][2] = {{"by_name", "user:u"},
                                           {"by_star", "user:*"},
                                           {"by_set", "part:p#held"},
                                           {"by_arrow", "part:p"},
                                           {"by_arrow", "part:empty"}};
    struct buffer schema = {0};

    buffer_init(&schema);
    buffer_add_text(&schema, "use expiration " FOUR_CAVEATS "definition user {} definition part { "
                             "relation held: user } definition doc { ");
    add_relations(&schema);
    buffer_add_text(&schema, "}");
    GIVEN(schema.data, "part:p#held@user:u");
    buffer_release(&schema);
    for (size_t allowed = 0; allowed < VARIANTS; allowed++) {
        for (size_t stored = 0; stored < VARIANTS; stored++)
            for (size_t kind = 0; kind < 4; kind++)
                add_row(variants[stored].name, kinds[kind], allowed, stored);
        /* on .all: what is not allowed beside what is */
        add_row(variants[allowed].name, kinds[4], allowed, (allowed + 1) % VARIANTS);
    }
    for (int side = 0; side < 2; side++)
        harness_put(&scenario.sides[side], rows, row_count);
}

static void
expect_variant(const char *member, size_t allowed, const char *subject, const char *subjects)
{
    char question[96];

    for (size_t stored = 0; stored < VARIANTS; stored++) {
        snprintf(question, sizeof question, "doc:%s#%s_%s@%s", variants[stored].name, member,
                 variants[allowed].name, subject);
        EXPECT(question, stored == allowed ? "allow" : "deny");
        *strchr(question, '@') = '\0';
        EXPECT_SUBJECTS(question, "user", stored == allowed ? subjects : "");
    }
    snprintf(question, sizeof question, "doc#%s_%s@%s", member, variants[allowed].name, subject);
    EXPECT_RESOURCES(question, variants[allowed].name);
}

Test(eval_conditions, an_edge_of_a_variant_that_is_not_allowed_is_not_seen)
{
    given_variants();
    for (size_t allowed = 0; allowed < VARIANTS; allowed++) {
        expect_variant("by_name", allowed, "user:u", "u");
        expect_variant("by_star", allowed, "user:u", "*{}");
        expect_variant("by_set", allowed, "user:u", "u");
        expect_variant("by_set", allowed, "part:p#held", "u");
        expect_variant("arrow", allowed, "user:u", "u");
        expect_variant("every", allowed, "user:u", "u");
    }
    AGREED();
}

/* Several variants on one relation are one kind of edge, met once, each by its own condition. */
Test(eval_conditions, a_relation_of_several_variants_sees_each_of_them)
{
    GIVEN("use expiration " FOUR_CAVEATS
          "definition user {} definition part { relation held: user | "
          "user with if_left | user with if_right and expiration } definition doc { relation via: "
          "part#held | part#held with if_other relation near: part with if_other | part "
          "permission some = near->held permission every = near.all(held) }",
          "part:1#held@user:a", "part:1#held@user:b[if_left]",
          "part:1#held@user:c[if_right][expiration:2200-01-01T00:00:00Z]", "part:2#held@user:a",
          "doc:1#via@part:1#held", "doc:1#near@part:1", "doc:2#via@part:1#held[if_other]",
          "doc:2#near@part:1[if_other]", "doc:3#near@part:1", "doc:3#near@part:2[if_other]");
    EXPECT_SUBJECTS("doc:1#via", "user", "a b[...] c[...]");
    EXPECT_SUBJECTS("doc:1#some", "user", "a b[...] c[...]");
    EXPECT_SUBJECTS("doc:2#via", "user", "a[...] b[...] c[...]");
    EXPECT_SUBJECTS("doc:3#every", "user", "a[...]");
    EXPECT("doc:2#via@user:c", "conditional on other_is, right_is");
    EXPECT("doc:2#every@user:b", "conditional on left_is, other_is");
    EXPECT("doc:3#every@user:b", "deny");
    EXPECT("doc:3#some@user:b", "conditional on left_is");
    EXPECT_RESOURCES("doc#via@user:a", "1 2[...]");
    EXPECT_RESOURCES("doc#every@user:a", "1 2[...] 3[...]");
    EXPECT_RESOURCES("doc#via@part:1#held", "1 2[...]");
    AGREED();
}
