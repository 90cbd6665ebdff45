/* Differences of schemas, imports, and what a text says of its members. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/schema_diff.h"
#include "validate/schema_file.h"

static struct arena arena;
static struct error error;

static void
set_up(void)
{
    arena_init(&arena, 64 << 20);
}

static void
tear_down(void)
{
    arena_release(&arena);
}

TestSuite(schema_diff, .init = set_up, .fini = tear_down);

static const char signs[] = "+-~";
static const char *const parts[] = {"definition", "relation",  "permission", "variant",
                                    "caveat",     "parameter", "flag"};

/* The changes as text, a line each. */
static struct slice
diff(const char *before, const char *after)
{
    struct schema_described old;
    struct schema_described new;
    struct schema_changes changes;
    struct buffer text;
    struct slice kept;

    cr_assert_eq(schema_describe(&arena, slice_of(before), &old, &error), BEHALF_OK, "%s",
                 error.message);
    cr_assert_eq(schema_describe(&arena, slice_of(after), &new, &error), BEHALF_OK, "%s",
                 error.message);
    cr_assert_eq(schema_diff(&arena, &old, &new, &changes, &error), BEHALF_OK);
    buffer_init(&text);
    for (uint32_t index = 0; index < changes.count; index++) {
        const struct schema_change *change = &changes.rows[index];

        buffer_add_format(&text, "%c%s %.*s#%.*s [%.*s] [%.*s]\n", signs[change->kind],
                          parts[change->part], SLICE_PRINTF(change->type),
                          SLICE_PRINTF(change->member), SLICE_PRINTF(change->before),
                          SLICE_PRINTF(change->after));
    }
    kept = arena_copy(&arena, buffer_slice(&text));
    buffer_release(&text);
    schema_unref(old.schema);
    schema_unref(new.schema);
    return kept;
}

static void
expect_diff(const char *before, const char *after, const char *want)
{
    struct slice got = diff(before, after);

    cr_expect(slice_equal(got, slice_of(want)), "%s", got.data);
}

#define USER "definition user {}\n"
#define DOC(body) USER "definition doc {\n relation one: user\n relation two: user\n" body "\n}\n"

Test(schema_diff, what_means_the_same_is_no_difference)
{
    expect_diff("", "", "");
    expect_diff(DOC("permission all_of = one + two"),
                "// a comment\n" DOC("permission all_of = (two + one)"), "");
    expect_diff(DOC("permission all_of = one + (two + one)"),
                DOC("permission all_of = (one + two) + one"), "");
    expect_diff(DOC("permission all_of = one & two"), DOC("permission all_of = two & one"), "");
    expect_diff("use partial\n" USER "partial base { relation one: user }\n"
                "definition doc { ...base }\n",
                "definition doc { relation one: user }\n" USER, "");
    expect_diff(USER "definition doc { relation one: user | user:* }\n",
                USER "definition doc { relation one: user:* | user }\n", "");
}

Test(schema_diff, flag_that_fills_caveats_is_a_difference)
{
    expect_diff(USER, "use attributes\n" USER, "+flag # [] [use attributes]\n");
    expect_diff("use request_attributes\nuse attributes\n" USER, USER,
                "-flag # [use request_attributes] []\n");
    expect_diff("use attributes\n" USER, "use request_attributes\n" USER,
                "~flag # [use attributes] [use request_attributes]\n");
    expect_diff("use attributes\nuse request_attributes\n" USER, "use request_attributes\n" USER,
                "");
    expect_diff("use attributes\n" USER "caveat c(subject map<any>) { has(subject.x) }\n",
                "use attributes\n" USER "caveat c(subject map<any>) { has(subject.y) }\n",
                "~caveat c# [(subject map<any>) { has(subject.x) }] "
                "[(subject map<any>) { has(subject.y) }]\n");
}

Test(schema_diff, what_means_something_else_is)
{
    expect_diff(DOC("permission all_of = one - two"), DOC("permission all_of = two - one"),
                "~permission doc#all_of [one - two] [two - one]\n");
    expect_diff(DOC("permission all_of = one + two"), DOC("permission all_of = one & two"),
                "~permission doc#all_of [one + two] [one & two]\n");
    expect_diff(DOC("permission all_of = one"), DOC(""), "-permission doc#all_of [one] []\n");
    expect_diff(DOC(""), DOC("permission all_of = one"), "+permission doc#all_of [] [one]\n");
    expect_diff(USER "definition doc { relation one: user }\n",
                USER "definition doc { relation one: user:* | doc#one }\n",
                "-variant doc#one [user] []\n+variant doc#one [] [user:*]\n"
                "+variant doc#one [] [doc#one]\n");
    expect_diff(USER "definition doc { relation one: user }\n",
                USER "definition doc {\n relation two: user\n permission one = two\n}\n",
                "-relation doc#one [user] []\n+permission doc#one [] [two]\n"
                "+relation doc#two [] [user]\n");
    expect_diff(USER, DOC(""),
                "+definition doc# [] []\n+relation doc#one [] [user]\n"
                "+relation doc#two [] [user]\n");
    expect_diff(DOC(""), USER,
                "-definition doc# [] []\n-relation doc#one [user] []\n"
                "-relation doc#two [user] []\n");
}

#define ARROW(expression)                                                                          \
    USER "definition org { relation admin: user }\n"                                               \
         "definition doc {\n relation org: org\n permission edit = " expression "\n}\n"

Test(schema_diff, arrows_are_compared_by_kind_and_target)
{
    expect_diff(ARROW("org->admin"), ARROW("org.any(admin)"), "");
    expect_diff(ARROW("org->admin"), ARROW("org.all(admin)"),
                "~permission doc#edit [org->admin] [org.all(admin)]\n");
}

#define LIMIT "caveat limit(count int, most int) { count < most }\n"

Test(schema_diff, conditions_of_variants_are_part_of_them)
{
    expect_diff(USER LIMIT "definition doc { relation one: user | user with limit }\n",
                USER LIMIT "definition doc { relation one: user with limit | user }\n", "");
    expect_diff("use expiration\n" USER LIMIT
                "definition doc { relation one: user with limit and expiration | user }\n",
                "use expiration\n" USER LIMIT
                "definition doc { relation one: user with limit | user with expiration }\n",
                "-variant doc#one [user with limit and expiration] []\n-variant doc#one [user] []\n"
                "+variant doc#one [] [user with limit]\n"
                "+variant doc#one [] [user with expiration]\n");
}

Test(schema_diff, caveats_are_compared_by_meaning)
{
    expect_diff(LIMIT, "caveat limit(most int, count int) {\n  count<most // fewer\n}\n", "");
    expect_diff("", LIMIT, "+caveat limit# [] [(count int, most int) { count < most }]\n");
    expect_diff(LIMIT USER, USER, "-caveat limit# [(count int, most int) { count < most }] []\n");
    expect_diff(LIMIT, "caveat limit(count int, most int) { count <= most }\n",
                "~caveat limit# [(count int, most int) { count < most }] "
                "[(count int, most int) { count <= most }]\n");
    expect_diff(LIMIT, "caveat limit(count int, most double) { double(count) < most }\n",
                "~caveat limit# [(count int, most int) { count < most }] "
                "[(count int, most double) { double(count) < most }]\n"
                "-parameter limit#most [int] []\n+parameter limit#most [] [double]\n");
    expect_diff("caveat limit(names list<int>) { names.size() < 4 }\n",
                "caveat limit(names list<string>) { names.size() < 4 }\n",
                "~caveat limit# [(names list<int>) { names.size() < 4 }] "
                "[(names list<string>) { names.size() < 4 }]\n"
                "-parameter limit#names [list<int>] []\n"
                "+parameter limit#names [] [list<string>]\n");
}

/* --- imports ---------------------------------------------------------------------------------- */

static char folder[64];

static void
put(const char *name, const char *text)
{
    char path[256];
    FILE *file;

    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    file = fopen(path, "w");
    cr_assert(file != NULL);
    (void)fputs(text, file);
    (void)fclose(file);
}

static void
make_folder(void)
{
    char path[256];

    (void)snprintf(folder, sizeof folder, "/tmp/behalf-import.XXXXXX");
    cr_assert(mkdtemp(folder) != NULL);
    (void)snprintf(path, sizeof path, "%s/sub", folder);
    cr_assert_eq(mkdir(path, 0700), 0);
}

static void
remove_folder(void)
{
    static const char *const names[] = {"main.zed",     "left.zed", "right.zed",
                                        "sub/base.zed", "sub",      ""};
    char path[256];

    for (size_t index = 0; index < BEHALF_COUNT_OF(names); index++) {
        (void)snprintf(path, sizeof path, "%s/%s", folder, names[index]);
        (void)remove(path);
    }
}

static enum status
read_main(struct schema_file *file, struct schema_file_error *problem)
{
    char path[256];

    (void)snprintf(path, sizeof path, "%s/main.zed", folder);
    return schema_file_read(&arena, arena_copy(&arena, slice_of(path)).data, file, problem);
}

Test(schema_diff, imports_come_once_and_before_their_importer)
{
    struct schema_file file;
    struct schema_file_error problem;
    struct buffer text;
    uint32_t line;
    uint32_t column = 1;

    make_folder();
    put("main.zed", "use import\nimport \"left.zed\"\nimport \"right.zed\"\n"
                    "definition doc { relation one: left | right }\n");
    put("left.zed", "use self\nuse import\nimport \"./sub/base.zed\"\n"
                    "definition left { permission own = self }\n");
    put("right.zed",
        "use import\nimport 'sub/base.zed'\ndefinition right { relation one: user }\n");
    put("sub/base.zed", "definition user {}\n");
    cr_assert_eq(read_main(&file, &problem), BEHALF_OK, "%s", problem.error.message);
    cr_expect(file.composed);
    buffer_init(&text);
    cr_assert_eq(schema_format(file.text, &text, &error), BEHALF_OK, "%s", error.message);
    cr_expect_str_eq(text.data, "use self\n\ndefinition user {}\n\ndefinition left {\n"
                                "    permission own = self\n}\n\ndefinition right {\n"
                                "    relation one: user\n}\n\ndefinition doc {\n"
                                "    relation one: left | right\n}\n");
    buffer_release(&text);
    line = 1;
    for (const char *at = strstr(file.text.data, "definition doc"); at > file.text.data; at--)
        line += at[-1] == '\n';
    cr_expect(strstr(schema_file_place(&file, &line, &column), "main.zed") != NULL);
    cr_expect_eq(line, 4);
    remove_folder();
}

static void
expect_import_refused(const char *main_text, const char *other, uint32_t line, const char *message)
{
    struct schema_file file;
    struct schema_file_error problem;

    put("main.zed", main_text);
    put("left.zed", other);
    cr_expect_neq(read_main(&file, &problem), BEHALF_OK, "%s", main_text);
    cr_expect_eq(problem.error.line, line, "%s: line %u", main_text, problem.error.line);
    cr_expect(strstr(problem.error.message, message) != NULL, "%s: %s", main_text,
              problem.error.message);
}

Test(schema_diff, imports_that_lead_astray_are_refused)
{
    make_folder();
    expect_import_refused("use import\nimport \"../left.zed\"\n", "", 2, "relative path");
    expect_import_refused("use import\nimport \"/etc/passwd\"\n", "", 2, "relative path");
    expect_import_refused("use import\nimport \"sub/../left.zed\"\n", "", 2, "relative path");
    expect_import_refused("use import\nimport \"nothing.zed\"\n", "", 2, "cannot read");
    expect_import_refused("use import\nimport \"left.zed\"\n",
                          "use import\n\nimport \"main.zed\"\n", 3, "circle");
    expect_import_refused("use import\nimport \"main.zed\"\n", "", 2, "circle");
    expect_import_refused("use import\nimport \"left.zed\"\n", "definition user {\n\n) }\n", 3, "");
    remove_folder();
}
