/* test_schema_depend.c - cycles of permissions. Scenario R-32, the part of the schema. */
#include "tests/unit/test_schema_support.h"

Test(schema_depend, cycle_on_the_same_object_through_exclusion_is_refused)
{
    expect_doc_error("relation user1: user\npermission xxx = user1 - yyy\n"
                     "permission yyy = user1 - zzz\npermission zzz = user1 + xxx",
                     "SCHEMA_TYPE_ERROR 2:26 [yyy] permission 'xxx' of 'doc' depends on its own "
                     "negation through the right side of '-': xxx, yyy, zzz, xxx | subtract a "
                     "relation, or a permission that does not lead back");
    expect_doc_error("relation user1: user\npermission xxx = user1 - xxx",
                     "SCHEMA_TYPE_ERROR 2:26 [xxx] permission 'xxx' of 'doc' depends on its own "
                     "negation through the right side of '-': xxx, xxx | subtract a relation, or a "
                     "permission that does not lead back");
    expect_doc_error("relation user1: user\npermission xxx = user1 - (user1 & (user1 - xxx))",
                     "SCHEMA_TYPE_ERROR 2:44 [xxx] permission 'xxx' of 'doc' depends on its own "
                     "negation through the right side of '-': xxx, xxx | subtract a relation, or a "
                     "permission that does not lead back");
}

Test(schema_depend, cycle_on_the_same_object_without_exclusion_is_accepted)
{
    schema_unref(doc_given("relation user1: user\npermission xxx = user1 & yyy\n"
                           "permission yyy = user1 & zzz\npermission zzz = user1 + xxx"));
    schema_unref(doc_given("relation user1: user\npermission xxx = xxx - user1"));
}

Test(schema_depend, cycle_through_relationships_and_exclusion_is_accepted)
{
    schema_unref(doc_given("relation near: doc\nrelation viewer: user\n"
                           "permission view = viewer - near->view"));
    schema_unref(doc_given("relation viewer: user | doc#view\nrelation owner: user\n"
                           "permission view = owner - viewer"));
}

Test(schema_depend, what_is_subtracted_may_lead_elsewhere)
{
    schema_unref(doc_given("relation viewer: user\npermission aaa = viewer\n"
                           "permission bbb = viewer - aaa\npermission ccc = bbb - aaa"));
}
