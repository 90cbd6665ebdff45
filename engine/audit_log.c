/* audit_log.c - the life of the engine's audit log, and what others report to it. */
#include "engine/audit_log.h"

#include "base/memory.h"
#include "engine/audit_fields.h"
#include "engine/state.h"

#define REPORTS_PER_SECOND 100
#define REPORT_TEXT_MAX ((size_t)256)
#define ORIGIN "behalf/"

/* --- life --- */

/* "behalf/" and the incarnation in hex: a log that nobody named is named by its store. */
static void
print_origin(const struct store *store, struct buffer *out)
{
    struct slice incarnation = store_incarnation(store);

    buffer_add_text(out, ORIGIN);
    for (size_t at = 0; at < incarnation.size; at++)
        buffer_add_format(out, "%02x", (unsigned)(unsigned char)incarnation.data[at]);
}

enum status
audit_log_open(struct engine *engine, const struct engine_audit_options *options,
               struct error *error)
{
    struct audit_options inner = {.env = engine->env};
    struct audit_log *log;
    struct buffer origin;
    enum status status;

    if (options == NULL || options->mode == ENGINE_AUDIT_OFF)
        return BEHALF_OK;
    log = memory_new(sizeof *log);
    log->directory = memory_copy(options->directory, strlen(options->directory) + 1);
    log->sample = options->sample;
    log->full_context = options->full_context;
    buffer_init(&origin);
    if (options->origin.size == 0)
        print_origin(engine->store, &origin);
    inner.directory = log->directory;
    inner.origin = options->origin.size > 0 ? options->origin : buffer_slice(&origin);
    inner.keep_ns = options->keep_ns;
    status = audit_open(&inner, &log->audit, error);
    buffer_release(&origin);
    if (status != BEHALF_OK) {
        memory_free(log->directory);
        memory_free(log);
        return status;
    }
    engine->audit = log;
    engine->audit_is_strict = options->mode == ENGINE_AUDIT_STRICT;
    return BEHALF_OK;
}

void
audit_log_close(struct engine *engine)
{
    struct audit_log *log = engine->audit;

    if (log == NULL)
        return;
    audit_close(log->audit);
    memory_free(log->directory);
    memory_free(log);
    engine->audit = NULL;
}

static enum status
is_off(struct error *error)
{
    (void)error_set(error, BEHALF_AUDIT_UNAVAILABLE, "this server records nothing");
    error_hint(error, "start behalfd with --audit relaxed or --audit strict");
    return BEHALF_AUDIT_UNAVAILABLE;
}

enum status
audit_log_find(struct engine *engine, struct audit **audit, struct error *error)
{
    if (engine->audit == NULL)
        return is_off(error);
    *audit = engine->audit->audit;
    return BEHALF_OK;
}

enum status
audit_log_directory(struct engine *engine, const char **directory, struct error *error)
{
    if (engine->audit == NULL)
        return is_off(error);
    *directory = engine->audit->directory;
    return BEHALF_OK;
}

void
audit_log_figures(const struct engine *engine, struct engine_audit_figures *figures)
{
    struct audit_stats stats;

    *figures = (struct engine_audit_figures){.on = engine->audit != NULL};
    if (!figures->on)
        return;
    audit_stats_read(engine->audit->audit, &stats);
    figures->records = stats.size;
    figures->queued = stats.queued;
    figures->dropped = stats.dropped + atomic_load(&engine->audit->unreported);
    figures->refused = stats.refused;
    figures->syncs = stats.syncs;
    figures->writable = stats.writable;
}

/* --- reports --- */

static struct slice
event_name(enum engine_audit_event event)
{
    switch (event) {
    case AUDIT_EVENT_KEY_REFUSED:
        return SLICE_LITERAL("key.refused");
    case AUDIT_EVENT_ROLE_REFUSED:
        return SLICE_LITERAL("role.refused");
    case AUDIT_EVENT_CLOCK_CONFIRMED:
        return SLICE_LITERAL("clock.confirmed");
    case AUDIT_EVENT_CLOCK_REJECTED:
        return SLICE_LITERAL("clock.rejected");
    }
    BEHALF_UNREACHABLE();
}

static struct slice
cut(struct slice text)
{
    return (struct slice){text.data, text.size < REPORT_TEXT_MAX ? text.size : REPORT_TEXT_MAX};
}

/* So many strangers in a second are recorded: they must not fill the disk. */
static bool
may_report(struct engine *engine)
{
    struct audit_log *log = engine->audit;
    int64_t second = env_monotonic_ns(engine->env) / INT64_C(1000000000);

    if (atomic_exchange(&log->report_second, second) != second)
        atomic_store(&log->reports, 0);
    if (atomic_fetch_add(&log->reports, 1) < REPORTS_PER_SECOND)
        return true;
    atomic_fetch_add(&log->unreported, 1);
    return false;
}

void
engine_audit_event(struct engine *engine, enum engine_audit_event event,
                   const struct engine_audit_report *report)
{
    /* Whoever confirms or rejects the clock has the role for it, and is no stranger. */
    bool stranger = event == AUDIT_EVENT_KEY_REFUSED || event == AUDIT_EVENT_ROLE_REFUSED;
    struct audit_fields fields;
    struct buffer bytes;
    struct error ignored;

    if (engine->audit == NULL || (stranger && !may_report(engine)))
        return;
    buffer_init(&bytes);
    fields = audit_open_map(&bytes);
    AUDIT_TEXT(&fields, "caller", cut(report->caller));
    AUDIT_TEXT(&fields, "event", event_name(event));
    AUDIT_TEXT(&fields, "method", cut(report->method));
    AUDIT_TEXT(&fields, "peer", cut(report->peer));
    AUDIT_TEXT(&fields, "request_id", cut(report->request_id));
    audit_close_fields(&fields);
    /* What finds no room is counted by the log. */
    (void)!audit_put(engine->audit->audit, stranger ? AUDIT_PLACE_STRANGER : AUDIT_PLACE_DECISION,
                     env_wall_ns(engine->env), buffer_slice(&bytes), NULL, &ignored);
    buffer_release(&bytes);
}
