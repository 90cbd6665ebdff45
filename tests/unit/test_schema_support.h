/* test_schema_support.h - what the tests of the schema floor share.
 * Expressions and entries are written as text, so that a test states all that it expects. */
#ifndef BEHALF_TESTS_UNIT_TEST_SCHEMA_SUPPORT_H
#define BEHALF_TESTS_UNIT_TEST_SCHEMA_SUPPORT_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "schema/schema.h"

/* A schema that must compile and keep its promises. */
struct schema *schema_given(const char *text);

/* `body` goes into `definition doc { }`, beside definitions of user, group and folder:
 *   group: relation member: user | group#member
 *   folder: relation parent: folder; relation viewer: user | group#member;
 *           permission view = viewer + parent->view */
struct schema *doc_given(const char *body);

/* The rewrite of "type#member": COMPUTED as the name, STORED as [name], operators as (+ a b),
 * arrows as name->{type:member type:-}, .all as name=>{...}. */
void expect_rewrite(const struct schema *schema, const char *member, const char *expected);

/* Entries of "type" or "type#member", one line each: "stored doc#viewer", with "?" behind it where
 * it is not certain, "*" where it is of a wildcard, and "via NAME" behind an arrow. */
void expect_entries(const struct schema *schema, const char *source, const char *expected);

/* Subjects that reach "type#member", in order of types: "user group#". */
void expect_reaches(const struct schema *schema, const char *member, const char *expected);

/* "SCHEMA_TYPE_ERROR 3:7 [text] message | hint" */
void expect_error(const char *text, const char *expected);

/* As expect_error, for a body of doc_given; lines count from that of `definition doc {`, which is
 * 0. An empty `expected` means that it compiles. */
void expect_doc_error(const char *body, const char *expected);

uint32_t member_of(const struct schema *schema, const char *member);

#endif
