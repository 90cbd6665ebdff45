/* audit_scan.c - see audit_scan.h. */
#include "engine/audit_scan.h"

#include "engine/audit_log.h"
#include "engine/state.h"

#define LINES_PER_CLOCK 64
#define PARSED_BYTES ((size_t)16 * 1024 * 1024) /* of some lines of at most 1 MiB of JSON */

enum status
audit_scan_open(struct engine_worker *worker, const struct engine_request *request,
                struct audit_scan *scan, struct error *error)
{
    const char *directory;
    enum status status;

    if (!worker->may_block)
        return BEHALF_WOULD_BLOCK;
    status = audit_log_directory(worker->engine, &directory, error);
    *scan = (struct audit_scan){.env = worker->engine->env, .request = request};
    if (status == BEHALF_OK)
        status = audit_reader_open(directory, &scan->reader, error);
    if (status != BEHALF_OK)
        return status;
    arena_init_request(&scan->parsed, PARSED_BYTES);
    status = audit_reader_bounds(scan->reader, &scan->first, &scan->size, error);
    if (status != BEHALF_OK)
        audit_scan_close(scan);
    return status;
}

void
audit_scan_close(struct audit_scan *scan)
{
    audit_reader_close(scan->reader);
    arena_release(&scan->parsed);
}

enum status
audit_scan_seek(struct audit_scan *scan, uint64_t seq, struct error *error)
{
    if (seq < scan->first)
        seq = scan->first;
    return audit_reader_seek(scan->reader, seq < scan->size ? seq : scan->size, error);
}

static enum status
look_at_clock(struct audit_scan *scan, struct error *error)
{
    const struct engine_request *request = scan->request;

    scan->until_clock = LINES_PER_CLOCK;
    if ((request->cancelled != NULL && atomic_load(request->cancelled)) ||
        (request->deadline_ns != 0 && env_monotonic_ns(scan->env) >= request->deadline_ns))
        return error_set(error, BEHALF_DEADLINE,
                         "the deadline passed at record %llu of the audit log",
                         (unsigned long long)scan->seq);
    return BEHALF_OK;
}

enum status
audit_scan_next(struct audit_scan *scan, struct error *error)
{
    enum status status = BEHALF_OK;

    if (scan->until_clock == 0)
        status = look_at_clock(scan, error);
    scan->until_clock--;
    if (status == BEHALF_OK)
        status = audit_reader_next(scan->reader, &scan->seq, &scan->line, error);
    /* What was written since is for the next request. */
    return status == BEHALF_OK && scan->seq >= scan->size ? BEHALF_DONE : status;
}

enum status
audit_scan_parse(struct audit_scan *scan, const struct datum **record, struct error *error)
{
    struct error problem;
    enum status status = datum_parse_json(scan->line, &scan->parsed, record, &problem);

    if (status == BEHALF_OK && (*record)->kind == DATUM_MAP)
        return BEHALF_OK;
    if (status == BEHALF_BUDGET_EXHAUSTED) {
        *error = problem;
        return status;
    }
    error_set(error, BEHALF_STORAGE_CORRUPT, "record %llu of the audit log is not one: %s",
              (unsigned long long)scan->seq,
              status == BEHALF_OK ? "it is no map" : problem.message);
    error_hint(error, "audit.verify says what of the log still holds");
    return BEHALF_STORAGE_CORRUPT;
}

void
audit_scan_forget(struct audit_scan *scan)
{
    arena_reset(&scan->parsed, PARSED_BYTES);
}

/* --- fields --- */

struct slice
audit_field_text(const struct datum *map, const char *name)
{
    const struct datum *value = datum_field(map, slice_of(name));

    return value != NULL && value->kind == DATUM_STRING ? value->as.string
                                                        : (struct slice){NULL, 0};
}

bool
audit_field_integer(const struct datum *map, const char *name, int64_t *value)
{
    const struct datum *field = datum_field(map, slice_of(name));

    if (field == NULL || field->kind != DATUM_INT)
        return false;
    *value = field->as.integer;
    return true;
}

bool
audit_field_time(const struct datum *map, const char *name, int64_t *time_ns)
{
    return time_parse(audit_field_text(map, name), time_ns);
}

/* --- filters --- */

static bool
is_family(struct slice event)
{
    return event.size > 2 && memcmp(event.data + event.size - 2, ".*", 2) == 0;
}

/* The text as it stands in a line, within quotes. */
static enum status
add_needle(struct audit_matcher *matcher, struct slice text, struct arena *arena,
           struct error *error)
{
    const struct datum datum = {.kind = DATUM_STRING, .as.string = text};
    struct buffer printed;
    struct slice needle;

    if (text.size == 0)
        return BEHALF_OK;
    buffer_init(&printed);
    datum_print_json(&datum, &printed);
    needle = arena_copy(arena, buffer_slice(&printed));
    buffer_release(&printed);
    if (needle.data == NULL)
        return budget_memory_spent(error);
    matcher->needles[matcher->needle_count++] = needle;
    return BEHALF_OK;
}

enum status
audit_matcher_init(const struct audit_filter *filter, struct arena *arena,
                   struct audit_matcher *matcher, struct error *error)
{
    const struct slice texts[] = {
        is_family(filter->event) ? (struct slice){NULL, 0} : filter->event,
        filter->session,
        filter->grant,
        filter->agent,
        filter->principal,
        filter->decision,
    };
    enum status status = BEHALF_OK;

    *matcher = (struct audit_matcher){.filter = filter};
    for (size_t at = 0; status == BEHALF_OK && at < BEHALF_COUNT_OF(texts); at++)
        status = add_needle(matcher, texts[at], arena, error);
    return status;
}

static bool
fits_event(struct slice wanted, struct slice event)
{
    if (is_family(wanted))
        return slice_starts_with(event, (struct slice){wanted.data, wanted.size - 1});
    return slice_equal(wanted, event);
}

static bool
is_text(const struct datum *value, struct slice text)
{
    return value != NULL && value->kind == DATUM_STRING && slice_equal(value->as.string, text);
}

/* Whether a field of the record, or of the changed record inside of it, is this text. */
static bool
has_field(const struct datum *record, const char *name, struct slice text)
{
    const struct datum *changed = datum_field(record, SLICE_LITERAL("record"));

    return is_text(datum_field(record, slice_of(name)), text) ||
           (changed != NULL && changed->kind == DATUM_MAP &&
            is_text(datum_field(changed, slice_of(name)), text));
}

/* Whether the list `name` has the text: itself, or under `key` of one of its maps. */
static bool
list_has(const struct datum *record, const char *name, const char *key, struct slice text)
{
    const struct datum *list = datum_field(record, slice_of(name));

    if (list == NULL || list->kind != DATUM_LIST)
        return false;
    for (size_t at = 0; at < list->as.list.count; at++) {
        const struct datum *item = list->as.list.items[at];

        if (item->kind == DATUM_MAP ? is_text(datum_field(item, slice_of(key)), text)
                                    : is_text(item, text))
            return true;
    }
    return false;
}

static bool
fits(const struct audit_filter *filter, const struct datum *record)
{
    if (filter->event.size > 0 && !fits_event(filter->event, audit_field_text(record, "event")))
        return false;
    if (filter->decision.size > 0 &&
        !is_text(datum_field(record, SLICE_LITERAL("decision_id")), filter->decision))
        return false;
    if (filter->session.size > 0 && !has_field(record, "session", filter->session))
        return false;
    if (filter->grant.size > 0 && !has_field(record, "grant", filter->grant) &&
        !list_has(record, "chain", "grant", filter->grant))
        return false;
    if (filter->principal.size > 0 && !has_field(record, "principal", filter->principal))
        return false;
    return filter->agent.size == 0 || has_field(record, "agent", filter->agent) ||
           has_field(record, "delegatee", filter->agent) ||
           list_has(record, "actors", "agent", filter->agent) ||
           list_has(record, "chain", "agent", filter->agent);
}

static bool
has_bytes(struct slice line, struct slice needle)
{
    return memmem(line.data, line.size, needle.data, needle.size) != NULL;
}

enum status
audit_matcher_fits(const struct audit_matcher *matcher, struct audit_scan *scan, bool *matches,
                   struct error *error)
{
    const struct datum *record;
    enum status status;

    *matches = matcher->needle_count == 0 && matcher->filter->event.size == 0;
    if (*matches)
        return BEHALF_OK;
    for (size_t at = 0; at < matcher->needle_count; at++) {
        if (!has_bytes(scan->line, matcher->needles[at]))
            return BEHALF_OK;
    }
    status = audit_scan_parse(scan, &record, error);
    if (status == BEHALF_OK)
        *matches = fits(matcher->filter, record);
    audit_scan_forget(scan);
    return status;
}
