/* fuzz_audit_record.c - a line of an audit log that nobody wrote: looked at by a filter, printed in
 * words and as an event of OCSF. What is printed as an event is JSON that has the line in it. */
#include <stdio.h>
#include <string.h>

#include "cli/audit_print.h"
#include "engine/audit_scan.h"

#define CAP ((size_t)4 * 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
filter(struct slice line)
{
    const struct audit_filter wanted = {.event = SLICE_LITERAL("grant.*"),
                                        .grant = SLICE_LITERAL("g"),
                                        .agent = SLICE_LITERAL("a")};
    struct audit_scan scan = {.line = line};
    struct audit_matcher matcher;
    struct arena arena;
    struct error error;
    bool fits = false;

    arena_init(&arena, CAP);
    arena_init(&scan.parsed, CAP);
    BEHALF_ASSERT(audit_matcher_init(&wanted, &arena, &matcher, &error) == BEHALF_OK);
    if (audit_matcher_fits(&matcher, &scan, &fits, &error) != BEHALF_OK)
        BEHALF_ASSERT(error.message[0] != '\0');
    arena_release(&scan.parsed);
    arena_release(&arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static FILE *nowhere;
    const struct slice line = {(const char *)data, size};
    const struct cli cli = {.json = false};
    const struct datum *event;
    struct buffer out;
    struct arena arena;

    if (size > 4096 || (size > 0 && memchr(data, '\n', size) != NULL))
        return 0;
    if (nowhere == NULL)
        nowhere = fopen("/dev/null", "w");
    filter(line);
    arena_init(&arena, CAP);
    buffer_init(&out);
    audit_record_print(&cli, line, &arena, nowhere);
    if (audit_ocsf_print(line, SLICE_LITERAL("origin"), &arena, &out)) {
        BEHALF_ASSERT(datum_parse_json(buffer_slice(&out), &arena, &event, NULL) == BEHALF_OK);
        BEHALF_ASSERT(slice_equal(audit_record_text(event, "raw_data"), line));
    }
    buffer_release(&out);
    arena_release(&arena);
    return 0;
}
