/* test_caveat_golden.c - expressions with what becomes of them: tests/golden/caveat/NAME.test.
 *
 *   expression | parameters | context | result
 *
 * A result is true, false, unknown:NAMES, error:TEXT (evaluating fails, with the text in its
 * message), type:TEXT (a value of the context has the wrong type) or compile:TEXT. Parameters `-`
 * stand for none: then the expression is put behind `zz && `, with zz true. Lines that begin with #
 * are comments.
 * Each line is also asked with every subset of its context: what is decided with less is decided
 * the same with all, and the rest of the expression, as caveat_residual says it, gives the same
 * with the values that were left out. */
#include "tests/unit/test_caveat_support.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#define FOLDER "tests/golden/caveat/"
#define SUBSET_FIELDS_MAX 6

struct line {
    const char *file;
    int number;
    struct slice expression, parameters, context, result;
    struct arena arena;
};

struct answer {
    enum status status;
    struct caveat_result result;
    struct error error;
};

static struct slice
trim(struct slice text)
{
    while (text.size > 0 && text.data[0] == ' ') {
        text.data++;
        text.size--;
    }
    while (text.size > 0 && text.data[text.size - 1] == ' ')
        text.size--;
    return text;
}

/* Cuts what stands before the next " | ". */
static struct slice
take_column(struct slice *rest)
{
    const char *bar = memmem(rest->data, rest->size, " | ", 3);
    size_t size = bar == NULL ? rest->size : (size_t)(bar - rest->data);
    struct slice column = {rest->data, size};
    size_t skip = bar == NULL ? size : size + 3;

    rest->data += skip;
    rest->size -= skip;
    return trim(column);
}

static const struct slice nothing = {NULL, 0};

/* The same, whether it is the request that has the context or the relationship. */
static struct answer
ask(struct line *line, const struct caveat *caveat, const struct datum *context)
{
    struct slice bytes = caveat_test_bytes(&line->arena, context);
    struct answer answer = {.status = BEHALF_OK};
    struct answer stored = {.status = BEHALF_OK};

    answer.status = caveat_evaluate(caveat, nothing, &(struct caveat_inputs){.context = context},
                                    CAVEAT_STEPS_MAX, &line->arena, &answer.result, &answer.error);
    stored.status = caveat_evaluate(caveat, bytes, &(struct caveat_inputs){.context = NULL},
                                    CAVEAT_STEPS_MAX, &line->arena, &stored.result, &stored.error);
    cr_expect_eq(stored.status, answer.status, "%s:%d: stored", line->file, line->number);
    if (answer.status == BEHALF_OK && stored.status == BEHALF_OK) {
        cr_expect_eq(stored.result.outcome, answer.result.outcome, "%s:%d: stored", line->file,
                     line->number);
        cr_expect_eq(stored.result.missing, answer.result.missing, "%s:%d: stored", line->file,
                     line->number);
    }
    return answer;
}

static void
print_answer(const struct caveat *caveat, const struct answer *answer, struct buffer *out)
{
    uint32_t missing = answer->result.missing;

    if (answer->status == BEHALF_CAVEAT_EVALUATION_ERROR)
        buffer_add_format(out, "error:%s", answer->error.message);
    else if (answer->status == BEHALF_CAVEAT_PARAMETER_TYPE_ERROR)
        buffer_add_format(out, "type:%s", answer->error.message);
    else if (answer->status != BEHALF_OK)
        buffer_add_format(out, "%s:%s", status_name(answer->status), answer->error.message);
    else if (answer->result.outcome != CAVEAT_UNKNOWN)
        buffer_add_text(out, answer->result.outcome == CAVEAT_TRUE ? "true" : "false");
    else
        buffer_add_text(out, "unknown:");
    for (size_t index = 0; answer->status == BEHALF_OK && missing != 0; index++, missing >>= 1) {
        if ((missing & 1) == 0)
            continue;
        buffer_add_slice(out, caveat_parameter_at(caveat, index)->name);
        if (missing > 1)
            buffer_add_byte(out, ',');
    }
}

/* "error:zero" is met by "error:cannot evaluate ...: division by zero". */
static bool
is_expected(struct slice expected, struct slice found)
{
    const char *colon = memchr(expected.data, ':', expected.size);
    size_t head = colon == NULL ? expected.size : (size_t)(colon - expected.data) + 1;

    if (expected.size >= 8 && memcmp(expected.data, "unknown:", 8) == 0)
        return slice_equal(expected, found);
    return found.size >= head && memcmp(expected.data, found.data, head) == 0 &&
           (head == expected.size ? colon != NULL || found.size == head
                                  : memmem(found.data, found.size, expected.data + head,
                                           expected.size - head) != NULL);
}

/* The residual, compiled again, decides as the whole expression does. */
static void
check_residual(struct line *line, const struct caveat *caveat, const struct datum *part,
               const struct datum *context, const struct answer *full)
{
    uint32_t steps;
    struct caveat_parameter parameters[CAVEAT_PARAMETERS_MAX];
    const struct caveat *rest = NULL;
    struct answer again;
    struct buffer text;
    struct error error;
    size_t count = 0;
    enum status status;

    buffer_init(&text);
    buffer_add_byte(&text, '(');
    cr_assert_eq(caveat_residual(caveat, nothing, &(struct caveat_inputs){.context = part},
                                 &line->arena, &text, &steps, &error),
                 BEHALF_OK, "%s:%d: %s", line->file, line->number, error.message);
    buffer_add_byte(&text, ')');
    /* Every parameter must be used, so each stands behind something that is true anyhow. */
    for (size_t index = 0; index < caveat_parameter_count(caveat); index++) {
        parameters[count++] = *caveat_parameter_at(caveat, index);
        buffer_add_format(&text, " && (true || dyn(%.*s) == null)",
                          SLICE_PRINTF(parameters[index].name));
    }
    status = caveat_compile(SLICE_LITERAL("c"), parameters, count, false, buffer_slice(&text), 1, 1,
                            NULL, &line->arena, &rest, &error);
    cr_expect_eq(status, BEHALF_OK, "%s:%d: residual %s: %s %s", line->file, line->number,
                 text.data, error.message, error.hint);
    if (status == BEHALF_OK) {
        again = ask(line, rest, context);
        cr_expect_eq(again.status, full->status, "%s:%d: residual %s: %s", line->file, line->number,
                     text.data, again.error.message);
        if (full->status == BEHALF_OK && again.status == BEHALF_OK)
            cr_expect_eq(again.result.outcome, full->result.outcome, "%s:%d: residual %s",
                         line->file, line->number, text.data);
        caveat_release(rest);
    }
    buffer_release(&text);
}

/* Less context decides the same, or nothing. */
static void
check_subsets(struct line *line, const struct caveat *caveat, const struct datum *context,
              const struct answer *full)
{
    size_t count = context->as.map.count;

    if (count > SUBSET_FIELDS_MAX || full->status == BEHALF_CAVEAT_PARAMETER_TYPE_ERROR)
        return;
    for (uint32_t subset = 0; subset < UINT32_C(1) << count; subset++) {
        struct datum_field fields[SUBSET_FIELDS_MAX];
        struct datum part = {.kind = DATUM_MAP, .as.map = {fields, 0}};
        struct answer less;

        for (size_t index = 0; index < count; index++)
            if ((subset & UINT32_C(1) << index) != 0)
                fields[part.as.map.count++] = context->as.map.fields[index];
        less = ask(line, caveat, &part);
        if (less.status == BEHALF_OK && less.result.outcome == CAVEAT_UNKNOWN) {
            cr_expect_neq(less.result.missing, 0, "%s:%d", line->file, line->number);
            check_residual(line, caveat, &part, context, full);
            continue;
        }
        cr_expect_eq(less.status, full->status, "%s:%d: subset %u: %s, %s", line->file,
                     line->number, subset, status_name(less.status), status_name(full->status));
        if (less.status == BEHALF_OK && full->status == BEHALF_OK)
            cr_expect_eq(less.result.outcome, full->result.outcome, "%s:%d: subset %u", line->file,
                         line->number, subset);
    }
}

static void
check_line(struct line *line)
{
    bool bare = slice_equal(line->parameters, SLICE_LITERAL("-"));
    struct caveat_parameter parameters[CAVEAT_PARAMETERS_MAX];
    const struct caveat *caveat = NULL;
    const struct datum *context;
    struct answer answer = {.status = BEHALF_OK};
    struct buffer text;
    struct buffer found;
    size_t count;

    buffer_init(&text);
    buffer_init(&found);
    if (bare)
        buffer_add_text(&text, "zz && (");
    buffer_add_slice(&text, line->expression);
    if (bare)
        buffer_add_text(&text, ")");
    count = caveat_test_parameters(&line->arena, bare ? SLICE_LITERAL("zz bool") : line->parameters,
                                   parameters);
    context = caveat_test_json(&line->arena, bare ? SLICE_LITERAL("{\"zz\":true}") : line->context);
    answer.status =
        caveat_compile(SLICE_LITERAL("c"), parameters, count, false, buffer_slice(&text), 1, 1,
                       NULL, &line->arena, &caveat, &answer.error);
    if (answer.status == BEHALF_OK) {
        answer = ask(line, caveat, context);
        print_answer(caveat, &answer, &found);
    } else {
        cr_expect_gt(answer.error.line, 0, "%s:%d", line->file, line->number);
        buffer_add_format(&found, "compile:%s", answer.error.message);
    }
    cr_expect(is_expected(line->result, buffer_slice(&found)),
              "%s:%d: %.*s\n    gives %s, not %.*s", line->file, line->number,
              SLICE_PRINTF(line->expression), found.data, SLICE_PRINTF(line->result));
    if (caveat != NULL)
        check_subsets(line, caveat, context, &answer);
    caveat_release(caveat);
    buffer_release(&text);
    buffer_release(&found);
}

static int
check_file(const char *name)
{
    char path[512];
    FILE *file;
    char *text = NULL;
    size_t room = 0;
    ssize_t size;
    int number = 0;
    int checked = 0;

    snprintf(path, sizeof path, FOLDER "%s", name);
    file = fopen(path, "rb");
    cr_assert_not_null(file, "%s", path);
    while ((size = getline(&text, &room, file)) >= 0) {
        struct slice rest = {text, (size_t)size};
        struct line line = {.file = name, .number = ++number};

        if (rest.size > 0 && rest.data[rest.size - 1] == '\n')
            rest.size--;
        if (rest.size == 0 || rest.data[0] == '#')
            continue;
        line.expression = take_column(&rest);
        line.parameters = take_column(&rest);
        line.context = take_column(&rest);
        line.result = take_column(&rest);
        cr_assert(line.result.size > 0 && rest.size == 0, "%s:%d: four columns", name, number);
        arena_init(&line.arena, CAVEAT_TEST_CAP);
        check_line(&line);
        arena_release(&line.arena);
        checked++;
    }
    free(text);
    fclose(file);
    return checked;
}

Test(caveat_golden, every_line_is_as_expected)
{
    DIR *folder = opendir(FOLDER);
    struct dirent *entry;
    int checked = 0;

    cr_assert_not_null(folder, "run from the root of the repository");
    while ((entry = readdir(folder)) != NULL) {
        size_t size = strlen(entry->d_name);

        if (size > 5 && strcmp(entry->d_name + size - 5, ".test") == 0)
            checked += check_file(entry->d_name);
    }
    closedir(folder);
    cr_expect_geq(checked, 600, "%d lines", checked);
}
