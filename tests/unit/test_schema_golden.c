/* test_schema_golden.c - whole schemas, with what becomes of them beside.
 * Each tests/golden/schema/NAME.zed has a NAME.expected with its error or lints and its canonical
 * text. BEHALF_GOLDEN_UPDATE=1 writes the expected files anew; read the difference before it is
 * committed. Runs from the root of the repository. */
#include "tests/unit/test_schema_support.h"

#include <dirent.h>
#include <stdlib.h>

#include "base/memory.h"

#define FOLDER "tests/golden/schema/"

static bool
read_whole(const char *path, struct buffer *out)
{
    FILE *file = fopen(path, "rb");
    size_t count;

    if (file == NULL)
        return false;
    do {
        count = fread(buffer_reserve(out, 4096), 1, 4096, file);
        buffer_added(out, count);
    } while (count > 0);
    fclose(file);
    return true;
}

static void
add_error(const struct error *error, struct buffer *out)
{
    buffer_add_format(out, "%s %u:%u [%s]\n%s\n", status_name(error->status), error->line,
                      error->column, error->text, error->message);
    if (error->hint[0] != '\0')
        buffer_add_format(out, "hint: %s\n", error->hint);
}

static void
add_lints(struct slice text, struct buffer *out)
{
    struct schema_lint *lints = NULL;
    struct error error;
    size_t count = 0;

    if (schema_lint(text, &lints, &count, &error) != BEHALF_OK)
        add_error(&error, out);
    for (size_t index = 0; index < count; index++)
        buffer_add_format(out, "%u:%u %s\n    %s\n", lints[index].line, lints[index].column,
                          lints[index].name, lints[index].message);
    memory_free(lints);
}

static void
expect_same_conditions(const struct schema *a, const struct schema *b, const char *name)
{
    cr_assert_eq(a->caveat_count, b->caveat_count, "%s", name);
    cr_assert_eq(a->variant_count, b->variant_count, "%s", name);
    cr_assert_eq(a->context_name_count, b->context_name_count, "%s", name);
    cr_expect_eq(a->has_expirations, b->has_expirations, "%s", name);
    for (uint32_t index = 0; index < a->caveat_count; index++) {
        cr_expect(slice_equal(a->caveats[index].name, b->caveats[index].name), "%s", name);
        cr_expect(slice_equal(a->caveats[index].comment, b->caveats[index].comment), "%s", name);
    }
    for (uint32_t index = 0; index < a->variant_count; index++) {
        cr_expect_eq(a->variants[index].caveat, b->variants[index].caveat, "%s", name);
        cr_expect_eq(a->variants[index].expiring, b->variants[index].expiring, "%s", name);
    }
}

/* The canonical text means what the text means: the same names, rewrites and documentation. */
static void
expect_same_meaning(struct slice text, struct slice canonical, const char *name)
{
    struct schema *a = NULL;
    struct schema *b = NULL;

    if (schema_compile(text, &a, NULL) != BEHALF_OK)
        return;
    cr_assert_eq(schema_compile(canonical, &b, NULL), BEHALF_OK, "%s", name);
    expect_same_conditions(a, b, name);
    cr_assert_eq(a->member_count, b->member_count, "%s", name);
    cr_assert_eq(a->rewrite_count, b->rewrite_count, "%s", name);
    cr_assert_eq(a->entry_count, b->entry_count, "%s", name);
    cr_expect_eq(memcmp(a->rewrites, b->rewrites, a->rewrite_count * sizeof *a->rewrites), 0);
    cr_expect_eq(memcmp(a->operands, b->operands, a->operand_count * sizeof *a->operands), 0);
    for (uint32_t index = 0; index < a->member_count; index++) {
        if (a->members[index].kind == SCHEMA_HIDDEN)
            continue;
        cr_expect(slice_equal(a->members[index].name, b->members[index].name));
        cr_expect(slice_equal(a->members[index].comment, b->members[index].comment));
    }
    schema_unref(a);
    schema_unref(b);
}

static void
add_format(struct slice text, struct buffer *out, const char *name)
{
    struct buffer once;
    struct buffer twice;
    struct error error;

    buffer_init(&once);
    buffer_init(&twice);
    if (schema_format(text, &once, &error) == BEHALF_OK) {
        cr_expect_eq(schema_format(buffer_slice(&once), &twice, &error), BEHALF_OK, "%s", name);
        cr_expect_str_eq(twice.data, once.data);
        expect_same_meaning(text, buffer_slice(&once), name);
        buffer_add_slice(out, buffer_slice(&once));
    } else {
        add_error(&error, out);
    }
    buffer_release(&once);
    buffer_release(&twice);
}

static void
check_golden(const char *name)
{
    struct buffer text;
    struct buffer found;
    struct buffer expected;
    char path[512];

    buffer_init(&text);
    buffer_init(&found);
    buffer_init(&expected);
    snprintf(path, sizeof path, FOLDER "%s", name);
    cr_assert(read_whole(path, &text), "%s", path);
    add_lints(buffer_slice(&text), &found);
    buffer_add_text(&found, "--- format\n");
    add_format(buffer_slice(&text), &found, name);
    snprintf(path, sizeof path, FOLDER "%.*s.expected", (int)(strlen(name) - 4), name);
    if (getenv("BEHALF_GOLDEN_UPDATE") != NULL) {
        FILE *file = fopen(path, "wb");

        cr_assert_not_null(file);
        cr_assert_eq(fwrite(found.data, 1, found.size, file), found.size);
        fclose(file);
    }
    cr_expect(read_whole(path, &expected), "%s", path);
    cr_expect_str_eq(found.data, expected.data, "%s:\n%s", name, found.data);
    buffer_release(&text);
    buffer_release(&found);
    buffer_release(&expected);
}

Test(schema_golden, every_file_is_as_expected)
{
    DIR *folder = opendir(FOLDER);
    struct dirent *entry;
    int checked = 0;

    cr_assert_not_null(folder, "run from the root of the repository");
    while ((entry = readdir(folder)) != NULL) {
        size_t size = strlen(entry->d_name);

        if (size < 5 || strcmp(entry->d_name + size - 4, ".zed") != 0)
            continue;
        check_golden(entry->d_name);
        checked++;
    }
    closedir(folder);
    cr_expect_gt(checked, 10);
}
