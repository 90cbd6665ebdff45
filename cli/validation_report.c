/* validation_report.c - what came of validation files: for people, for programs, for build
 * servers. */
#include "cli/validation_report.h"

#include <stdio.h>

#include "base/lines.h"
#include "base/utf8.h"
#include "cli/cli.h"

static const char *
kind_name(enum validation_kind kind)
{
    switch (kind) {
    case VALIDATION_FILE:
        return "file";
    case VALIDATION_SCHEMA:
        return "schema";
    case VALIDATION_RELATIONSHIPS:
        return "relationship";
    case VALIDATION_ATTRIBUTES:
        return "attributes";
    case VALIDATION_GRANT:
        return "grant";
    case VALIDATION_ASSERTION:
        return "assertion";
    case VALIDATION_RELATION:
        return "expected_relation";
    case VALIDATION_LINT:
        return "lint";
    }
    return "";
}

static const char *
plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

/* --- for people ------------------------------------------------------------------------------- */

static void
print_case(const struct validation_case *one, bool color)
{
    bool failed = one->outcome == VALIDATION_FAILED;
    struct slice why = one->why;
    struct slice line;

    (void)printf("  %s%s%s ", cli_color(color, failed ? COLOR_BAD : COLOR_DOUBT),
                 failed ? "failed" : "warning", cli_color(color, COLOR_NONE));
    cli_put_safe(stdout, slice_of(one->path));
    if (one->line > 0)
        (void)printf(":%u", one->line);
    if (one->line > 0 && one->column > 0)
        (void)printf(":%u", one->column);
    (void)fputs(": ", stdout);
    cli_put_safe(stdout, one->name);
    (void)fputs("\n    ", stdout);
    cli_put_safe(stdout, one->message);
    (void)putchar('\n');
    while (line_next(&why, &line)) {
        (void)fputs("    ", stdout);
        cli_put_safe(stdout, line);
        (void)putchar('\n');
    }
}

static void
print_counts(const struct validation_result *total)
{
    (void)printf("%u relationship%s loaded, %u assertion%s run, %u expected relation%s validated",
                 total->relationship_count, plural(total->relationship_count),
                 total->assertion_count, plural(total->assertion_count), total->relation_count,
                 plural(total->relation_count));
    if (total->failed_count > 0)
        (void)printf(", %u failed", total->failed_count);
    if (total->warning_count > 0)
        (void)printf(", %u warning%s", total->warning_count, plural(total->warning_count));
    (void)putchar('\n');
}

void
validation_print(const struct validation_result *result, bool color)
{
    bool failed = result->failed_count > 0;

    (void)printf("%s%s%s ", cli_color(color, failed ? COLOR_BAD : COLOR_GOOD),
                 failed ? "FAILED" : "ok", cli_color(color, COLOR_NONE));
    cli_put_format(stdout, "%s: ", result->path);
    print_counts(result);
    for (uint32_t index = 0; index < result->case_count; index++)
        if (result->cases[index].outcome != VALIDATION_PASSED)
            print_case(&result->cases[index], color);
}

static struct validation_result
sum(const struct validation_result *results, size_t count)
{
    struct validation_result total = {.failed_count = 0};

    for (size_t index = 0; index < count; index++) {
        total.relationship_count += results[index].relationship_count;
        total.assertion_count += results[index].assertion_count;
        total.relation_count += results[index].relation_count;
        total.failed_count += results[index].failed_count;
        total.warning_count += results[index].warning_count;
        total.case_count += results[index].case_count;
    }
    return total;
}

void
validation_print_total(const struct validation_result *results, size_t count)
{
    struct validation_result total = sum(results, count);

    (void)printf("%zu file%s: ", count, plural(count));
    print_counts(&total);
}

/* --- for programs ----------------------------------------------------------------------------- */

static void
json_counts(struct buffer *out, const struct validation_result *total)
{
    buffer_add_format(out,
                      "\"relationships\":%u,\"assertions\":%u,\"expected_relations\":%u,"
                      "\"failed\":%u,\"warnings\":%u",
                      total->relationship_count, total->assertion_count, total->relation_count,
                      total->failed_count, total->warning_count);
}

static void
json_answer(struct buffer *out, const struct validation_case *one)
{
    buffer_add_format(out, ",\"expected\":\"%s\",\"answer\":\"%s\"", one->expected, one->answer);
    if (one->reason.size > 0) {
        buffer_add_text(out, ",\"reason\":");
        cli_json_string(out, one->reason);
    }
    for (size_t index = 0; index < one->missing.count; index++) {
        buffer_add_text(out, index == 0 ? ",\"missing\":[" : ",");
        cli_json_string(out, one->missing.names[index]);
    }
    if (one->missing.count > 0)
        buffer_add_byte(out, ']');
}

static void
json_case(struct buffer *out, const struct validation_case *one)
{
    buffer_add_format(out, "{\"kind\":\"%s\",\"outcome\":\"%s\",\"path\":", kind_name(one->kind),
                      one->outcome == VALIDATION_FAILED ? "failed" : "warning");
    cli_json_string(out, slice_of(one->path));
    if (one->line > 0)
        buffer_add_format(out, ",\"line\":%u", one->line);
    if (one->column > 0)
        buffer_add_format(out, ",\"column\":%u", one->column);
    buffer_add_text(out, ",\"name\":");
    cli_json_string(out, one->name);
    buffer_add_text(out, ",\"message\":");
    cli_json_string(out, one->message);
    if (one->answer != NULL)
        json_answer(out, one);
    if (one->why.size > 0) {
        buffer_add_text(out, ",\"why\":");
        cli_json_string(out, one->why);
    }
    buffer_add_byte(out, '}');
}

static void
json_result(struct buffer *out, const struct validation_result *result)
{
    bool first = true;

    buffer_add_text(out, "{\"path\":");
    cli_json_string(out, slice_of(result->path));
    buffer_add_byte(out, ',');
    json_counts(out, result);
    buffer_add_text(out, ",\"problems\":[");
    for (uint32_t index = 0; index < result->case_count; index++) {
        if (result->cases[index].outcome == VALIDATION_PASSED)
            continue;
        if (!first)
            buffer_add_byte(out, ',');
        json_case(out, &result->cases[index]);
        first = false;
    }
    buffer_add_text(out, "]}");
}

void
validation_print_json(const struct validation_result *results, size_t count)
{
    struct validation_result total = sum(results, count);
    struct buffer line;

    buffer_init(&line);
    buffer_add_byte(&line, '{');
    json_counts(&line, &total);
    buffer_add_text(&line, ",\"files\":[");
    for (size_t index = 0; index < count; index++) {
        if (index > 0)
            buffer_add_byte(&line, ',');
        json_result(&line, &results[index]);
    }
    buffer_add_text(&line, "]}");
    cli_put_safe(stdout, buffer_slice(&line));
    (void)putchar('\n');
    buffer_release(&line);
}

/* --- for build servers ------------------------------------------------------------------------ */

/* Characters that XML has no way to say become '?'. */
static void
xml_text(struct buffer *out, struct slice text)
{
    size_t at = 0;

    while (at < text.size) {
        uint32_t point;
        size_t length = utf8_decode(text.data + at, text.size - at, &point);

        if (length == 0 || (point < 0x20 && point != '\n' && point != '\t') || point == 0xFFFE ||
            point == 0xFFFF)
            buffer_add_byte(out, '?');
        else if (point == '&')
            buffer_add_text(out, "&amp;");
        else if (point == '<')
            buffer_add_text(out, "&lt;");
        else if (point == '>')
            buffer_add_text(out, "&gt;");
        else if (point == '"')
            buffer_add_text(out, "&quot;");
        else if (point == '\n' || point == '\t')
            buffer_add_format(out, "&#%u;", point);
        else
            buffer_add(out, text.data + at, length);
        at += length > 0 ? length : 1;
    }
}

static void
xml_case(struct buffer *out, const struct validation_case *one)
{
    buffer_add_format(out, "    <testcase classname=\"%s\" name=\"", kind_name(one->kind));
    xml_text(out, one->name);
    buffer_add_text(out, "\" file=\"");
    xml_text(out, slice_of(one->path));
    buffer_add_format(out, "\" line=\"%u\"", one->line);
    if (one->outcome == VALIDATION_PASSED) {
        buffer_add_text(out, "/>\n");
        return;
    }
    buffer_add_format(out, ">\n      <%s",
                      one->outcome == VALIDATION_FAILED ? "failure message=\"" : "system-out>");
    xml_text(out, one->message);
    if (one->outcome == VALIDATION_FAILED) {
        buffer_add_text(out, "\">");
        xml_text(out, one->why);
    }
    buffer_add_format(out, "</%s>\n    </testcase>\n",
                      one->outcome == VALIDATION_FAILED ? "failure" : "system-out");
}

void
validation_junit(const char *command, const struct validation_result *results, size_t count,
                 struct buffer *out)
{
    struct validation_result total = sum(results, count);

    buffer_add_format(out,
                      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                      "<testsuites name=\"behalf %s\" tests=\"%u\" failures=\"%u\">\n",
                      command, total.case_count, total.failed_count);
    for (size_t index = 0; index < count; index++) {
        const struct validation_result *result = &results[index];

        buffer_add_text(out, "  <testsuite name=\"");
        xml_text(out, slice_of(result->path));
        buffer_add_format(out, "\" tests=\"%u\" failures=\"%u\">\n", result->case_count,
                          result->failed_count);
        for (uint32_t at = 0; at < result->case_count; at++)
            xml_case(out, &result->cases[at]);
        buffer_add_text(out, "  </testsuite>\n");
    }
    buffer_add_text(out, "</testsuites>\n");
}
