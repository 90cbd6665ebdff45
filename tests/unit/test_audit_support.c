/* test_audit_support.c - see test_audit_support.h. */
#include "tests/unit/test_audit_support.h"

#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "audit/audit.h"
#include "base/bytes.h"
#include "base/datum.h"
#include "engine/audit_log.h"

static char directory[] = "/tmp/behalf-audit-test.XXXXXX";
static struct engine_audit_options options;

void
audited_begin(void)
{
    cr_assert_not_null(mkdtemp(directory));
    options = (struct engine_audit_options){.mode = ENGINE_AUDIT_RELAXED, .directory = directory};
    harness_audit = &options;
}

static int
remove_one(const char *path, const struct stat *stat, int type, struct FTW *walk)
{
    (void)stat;
    (void)type;
    (void)walk;
    return remove(path);
}

void
audited_end(void)
{
    cr_assert_eq(nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

const char *
audited_directory(void)
{
    return directory;
}

void
audited_put(int64_t seconds, const char *json)
{
    const struct datum *record;
    struct audit *audit;
    struct arena arena;
    struct buffer fields;
    struct error error;

    arena_init(&arena, SIZE_MAX);
    buffer_init(&fields);
    cr_assert_eq(datum_parse_json(slice_of(json), &arena, &record, &error), BEHALF_OK, "%s: %s",
                 json, error.message);
    datum_encode(record, &fields);
    cr_assert_eq(audit_log_find(agents.engine, &audit, &error), BEHALF_OK, "%s", error.message);
    cr_assert_eq(audit_put(audit, AUDIT_PLACE_CHANGE, AGENTS_START + seconds * AGENTS_SECOND,
                           buffer_slice(&fields), NULL, &error),
                 BEHALF_OK, "%s", error.message);
    cr_assert_eq(audit_flush(audit, &error), BEHALF_OK, "%s", error.message);
    buffer_release(&fields);
    arena_release(&arena);
}

struct engine_request
audited_request(void)
{
    return harness_request(&agents, NULL);
}

static void
add_value(struct buffer *out, struct slice line, const char *field)
{
    const struct datum *record;
    const struct datum *value;
    struct arena arena;

    arena_init(&arena, SIZE_MAX);
    cr_assert_eq(datum_parse_json(line, &arena, &record, NULL), BEHALF_OK);
    value = datum_field(record, slice_of(field));
    buffer_add_text(out, out->size > 0 ? " " : "");
    if (value != NULL && value->kind == DATUM_STRING)
        buffer_add_slice(out, value->as.string);
    else if (value != NULL)
        datum_print_json(value, out);
    arena_release(&arena);
}

const char *
audited_values(const struct audit_read *read, const char *field)
{
    static char text[4096];
    const struct engine_request request = audited_request();
    struct audit_read_result result;
    struct buffer out;
    struct error error;

    cr_assert_eq(engine_audit_read(agents.worker, &request, read, &result, &error), BEHALF_OK, "%s",
                 error.message);
    buffer_init(&out);
    for (size_t at = 0; at < result.record_count; at++)
        add_value(&out, result.records[at], field);
    (void)snprintf(text, sizeof text, "%s", out.size > 0 ? out.data : "");
    buffer_release(&out);
    return text;
}

struct record_id_text
audited_decision_id(int64_t seconds)
{
    struct record_id_text text;
    struct record_id id = {{0}};

    bytes_put_u64((char *)id.bytes, (uint64_t)(AGENTS_START + seconds * AGENTS_SECOND));
    record_id_print(&id, RECORD_PREFIX_DECISION, &text);
    return text;
}
