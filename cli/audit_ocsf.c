/* audit_ocsf.c - records of the audit log as events of the Open Cybersecurity Schema Framework
 * 1.9: decisions, lookups and filters as API Activity (6003), sessions as Authorize Session (3003),
 * grants as User Access Management (3005), all else as Entity Management (3004).
 *
 * Always true: `raw_data` is the line of the log, and `attestation` its place in the chain: the
 * fingerprints are the leaf hashes of the log's Merkle tree, over the line and not over the event,
 * so that they can be checked against a checkpoint. */
#include <string.h>

#include "base/digest.h"
#include "base/relationship.h"
#include "cli/audit_print.h"

#define OCSF_VERSION "1.9.0"
#define OTHER 99 /* an activity that the class has no number for */

struct event {
    const struct datum *record;
    struct slice line;
    struct slice origin;
    struct slice name; /* of the record's event */
    struct buffer *out;
};

enum ocsf_class {
    CLASS_AUTHORIZE_SESSION = 3003,
    CLASS_ENTITY_MANAGEMENT = 3004,
    CLASS_USER_ACCESS = 3005,
    CLASS_API_ACTIVITY = 6003,
};

/* --- JSON ------------------------------------------------------------------------------------- */

/* Before each member: a comma, but for the first of its object or array. */
static void
separate(struct buffer *out)
{
    char last = out->size > 0 ? out->data[out->size - 1] : '{';

    if (last != '{' && last != '[')
        buffer_add_byte(out, ',');
}

static void
put_name(struct buffer *out, const char *name)
{
    separate(out);
    buffer_add_format(out, "\"%s\":", name);
}

static void
put_text(struct buffer *out, const char *name, struct slice text)
{
    if (text.size == 0)
        return;
    put_name(out, name);
    cli_json_string(out, text);
}

static void
put_number(struct buffer *out, const char *name, int64_t number)
{
    put_name(out, name);
    buffer_add_format(out, "%lld", (long long)number);
}

static void
open_object(struct buffer *out, const char *name)
{
    put_name(out, name);
    buffer_add_byte(out, '{');
}

static void
close_object(struct buffer *out)
{
    buffer_add_byte(out, '}');
}

/* Milliseconds, as OCSF counts; nothing for what is no time. */
static void
put_time(struct buffer *out, const char *name, struct slice text)
{
    int64_t time_ns;

    if (time_parse(text, &time_ns))
        put_number(out, name, time_ns / 1000000);
}

/* --- what all events have --------------------------------------------------------------------- */

static bool
is_of(const struct event *event, const char *family)
{
    return slice_starts_with(event->name, slice_of(family));
}

static bool
ends_in(const struct event *event, const char *word)
{
    size_t size = strlen(word);

    return event->name.size >= size &&
           memcmp(event->name.data + event->name.size - size, word, size) == 0;
}

static enum ocsf_class
class_of(const struct event *event)
{
    if (is_of(event, "decision") || is_of(event, "lookup") || is_of(event, "filter"))
        return CLASS_API_ACTIVITY;
    if (is_of(event, "session."))
        return CLASS_AUTHORIZE_SESSION;
    return is_of(event, "grant.") ? CLASS_USER_ACCESS : CLASS_ENTITY_MANAGEMENT;
}

static int
activity_of(const struct event *event, enum ocsf_class class)
{
    bool made = ends_in(event, ".created") || ends_in(event, ".delegated");

    switch (class) {
    case CLASS_API_ACTIVITY:
        return is_of(event, "decision") ? OTHER : 2; /* Read */
    case CLASS_AUTHORIZE_SESSION:
        return made ? 1 : OTHER; /* Assign Privileges */
    case CLASS_USER_ACCESS:
        return made ? 1 : 2; /* Assign, Revoke Privileges */
    case CLASS_ENTITY_MANAGEMENT:
        break;
    }
    if (made)
        return 1;                                  /* Create */
    return ends_in(event, ".written") ? 3 : OTHER; /* Update */
}

static void
put_fingerprint(struct buffer *out, struct slice hex)
{
    open_object(out, "fingerprint");
    put_text(out, "algorithm", SLICE_LITERAL("SHA-256"));
    put_number(out, "algorithm_id", 3);
    put_text(out, "value", hex);
    close_object(out);
}

static void
put_attestation(struct event *event)
{
    static const char digits[] = "0123456789abcdef";
    const struct slice parts[] = {{"", 1}, event->line};
    struct slice previous = audit_record_text(event->record, "prev");
    uint8_t leaf[DIGEST_SIZE];
    char hex[2 * DIGEST_SIZE];

    digest_sha256(parts, BEHALF_COUNT_OF(parts), leaf);
    for (size_t at = 0; at < sizeof leaf; at++) {
        hex[2 * at] = digits[leaf[at] >> 4];
        hex[2 * at + 1] = digits[leaf[at] & 15];
    }
    open_object(event->out, "attestation");
    put_text(event->out, "chain_uid", event->origin);
    put_fingerprint(event->out, (struct slice){hex, sizeof hex});
    if (audit_record_number(event->record, "seq") > 0) {
        open_object(event->out, "prev_event");
        put_fingerprint(event->out, previous);
        close_object(event->out);
    }
    close_object(event->out);
}

static void
put_metadata(struct event *event, enum ocsf_class class)
{
    struct buffer *out = event->out;
    struct slice uid = audit_record_text(event->record, "decision_id");

    open_object(out, "metadata");
    put_text(out, "version", SLICE_LITERAL(OCSF_VERSION));
    open_object(out, "product");
    put_text(out, "name", SLICE_LITERAL("Behalf"));
    put_text(out, "vendor_name", SLICE_LITERAL("Behalf"));
    close_object(out);
    put_name(out, "profiles");
    buffer_add_text(out, class == CLASS_API_ACTIVITY
                             ? "[\"security_control\",\"ai_operation\",\"record_integrity\"]"
                             : "[\"record_integrity\"]");
    put_text(out, "uid", uid);
    put_text(out, "correlation_uid", audit_record_text(event->record, "request_id"));
    put_text(out, "event_code", event->name);
    put_number(out, "sequence", audit_record_number(event->record, "seq"));
    close_object(out);
}

static void
put_head(struct event *event, enum ocsf_class class)
{
    struct buffer *out = event->out;
    int activity = activity_of(event, class);

    put_number(out, "category_uid", class / 1000);
    put_number(out, "class_uid", class);
    put_number(out, "activity_id", activity);
    if (activity == OTHER)
        put_text(out, "activity_name", event->name);
    put_number(out, "type_uid", (int64_t) class * 100 + activity);
    put_number(out, "severity_id", 1); /* Informational */
    put_time(out, "time", audit_record_text(event->record, "ts"));
    put_metadata(event, class);
}

/* The object `name`, of an id alone. */
static void
put_entity(struct buffer *out, const char *name, struct slice uid)
{
    if (uid.size == 0)
        return;
    open_object(out, name);
    put_text(out, "uid", uid);
    close_object(out);
}

/* --- decisions -------------------------------------------------------------------------------- */

/* The agent that acted: the last actor. */
static struct slice
last_actor(const struct datum *record)
{
    struct slice last = {NULL, 0};
    const struct datum *actor;

    for (size_t at = 0; (actor = audit_record_item(record, "actors", at)) != NULL; at++)
        if (actor->kind == DATUM_STRING)
            last = actor->as.string;
    return last;
}

static void
put_delegation(struct event *event)
{
    struct slice grant = audit_record_text(event->record, "grant");
    const struct datum *parent = NULL;
    const struct datum *link;
    struct slice ends = {NULL, 0};

    if (grant.size == 0)
        return;
    for (size_t at = 0; (link = audit_record_item(event->record, "chain", at)) != NULL; at++) {
        if (slice_equal(audit_record_text(link, "grant"), grant)) {
            ends = audit_record_text(link, "expires_at");
            parent = at > 0 ? audit_record_item(event->record, "chain", at - 1) : NULL;
        }
    }
    open_object(event->out, "delegation");
    put_text(event->out, "uid", grant);
    put_text(event->out, "parent_uid", audit_record_text(parent, "grant"));
    put_text(event->out, "issuer_uid", event->origin);
    put_time(event->out, "expiration_time", ends);
    close_object(event->out);
}

static void
put_control(struct event *event)
{
    struct slice decision = audit_record_text(event->record, "decision");
    bool allowed = slice_equal(decision, SLICE_LITERAL("allow"));

    if (decision.size == 0)
        return;
    /* What is conditional is not let through either. */
    put_number(event->out, "action_id", allowed ? 1 : 2);
    put_text(event->out, "action", allowed ? SLICE_LITERAL("Allowed") : SLICE_LITERAL("Denied"));
    put_number(event->out, "disposition_id", allowed ? 1 : 2);
    put_text(event->out, "disposition",
             allowed ? SLICE_LITERAL("Allowed") : SLICE_LITERAL("Blocked"));
    put_text(event->out, "status", decision);
    put_text(event->out, "status_detail", audit_record_text(event->record, "reason"));
}

static void
put_resource(struct buffer *out, struct slice object)
{
    const char *colon = object.size > 0 ? memchr(object.data, ':', object.size) : NULL;

    if (object.size == 0)
        return;
    put_name(out, "resources");
    buffer_add_text(out, "[{");
    put_text(out, "uid", object);
    if (colon != NULL)
        put_text(out, "type", (struct slice){object.data, (size_t)(colon - object.data)});
    buffer_add_text(out, "}]");
}

static void
put_api_activity(struct event *event)
{
    const struct datum *record = event->record;
    struct buffer *out = event->out;
    struct slice agent = last_actor(record);
    struct slice operation = audit_record_text(record, "permission");

    open_object(out, "actor");
    put_entity(out, "user", audit_record_text(record, "principal"));
    put_entity(out, "session", audit_record_text(record, "session"));
    close_object(out);
    if (agent.size > 0) {
        open_object(out, "ai_agent");
        put_text(out, "uid", agent);
        put_text(out, "instance_uid", audit_record_text(record, "session"));
        close_object(out);
    }
    put_delegation(event);
    open_object(out, "api");
    put_text(out, "operation", operation.size > 0 ? operation : event->name);
    put_entity(out, "request", audit_record_text(record, "request_id"));
    close_object(out);
    open_object(out, "src_endpoint");
    put_text(out, "svc_name", audit_record_text(record, "caller"));
    close_object(out);
    put_resource(out, audit_record_text(record, "resource"));
    put_control(event);
}

/* --- changes ---------------------------------------------------------------------------------- */

static void
put_caller(struct event *event)
{
    struct slice caller = audit_record_text(event->record, "caller");

    if (caller.size == 0)
        return;
    open_object(event->out, "actor");
    put_text(event->out, "app_name", caller);
    close_object(event->out);
}

static void
put_session(struct event *event)
{
    struct buffer *out = event->out;

    put_caller(event);
    put_entity(out, "user", audit_record_find(event->record, "principal"));
    open_object(out, "session");
    put_text(out, "uid", audit_record_find(event->record, "session"));
    put_time(out, "expiration_time", audit_record_find(event->record, "expires_at"));
    close_object(out);
    put_name(out, "privileges");
    buffer_add_byte(out, '[');
    cli_json_string(out, SLICE_LITERAL("acts_on_behalf_of"));
    buffer_add_byte(out, ']');
    put_text(out, "status_detail", audit_record_find(event->record, "reason"));
}

/* SELECTOR=ACTION for each action of each element of the scope. */
static void
put_privileges(struct buffer *out, const struct datum *changed)
{
    const struct datum *element;
    struct buffer text;

    buffer_init(&text);
    put_name(out, "privileges");
    buffer_add_byte(out, '[');
    for (size_t at = 0; (element = audit_record_item(changed, "scope", at)) != NULL; at++) {
        const struct datum *action;

        for (size_t each = 0; (action = audit_record_item(element, "actions", each)) != NULL;
             each++) {
            buffer_clear(&text);
            buffer_add_slice(&text, audit_record_text(element, "selector"));
            buffer_add_byte(&text, '=');
            if (action->kind == DATUM_STRING)
                buffer_add_slice(&text, action->as.string);
            separate(out);
            cli_json_string(out, buffer_slice(&text));
        }
    }
    buffer_add_byte(out, ']');
    buffer_release(&text);
}

static void
put_grant(struct event *event)
{
    const struct datum *changed = datum_field(event->record, SLICE_LITERAL("record"));

    put_caller(event);
    put_entity(event->out, "user", audit_record_find(event->record, "delegatee"));
    put_privileges(event->out, changed);
    put_text(event->out, "message", audit_record_find(event->record, "purpose"));
}

/* The type of what is managed: the event's name up to its dot. */
static struct slice
family_of(const struct event *event)
{
    const char *dot = memchr(event->name.data, '.', event->name.size);

    return (struct slice){event->name.data,
                          dot != NULL ? (size_t)(dot - event->name.data) : event->name.size};
}

static void
put_managed(struct event *event)
{
    static const char *const ids[] = {"request", "object",    "agent",  "client",
                                      "grant",   "principal", "session"};
    struct slice id = {NULL, 0};

    for (size_t at = 0; id.size == 0 && at < BEHALF_COUNT_OF(ids); at++)
        id = audit_record_find(event->record, ids[at]);
    put_caller(event);
    open_object(event->out, "entity");
    put_text(event->out, "type", family_of(event));
    put_text(event->out, "uid", id.size > 0 ? id : event->name);
    close_object(event->out);
    put_text(event->out, "comment", audit_record_find(event->record, "reason"));
}

bool
audit_ocsf_print(struct slice line, struct slice origin, struct arena *arena, struct buffer *out)
{
    struct event event = {
        .record = audit_record_parse(line, arena), .line = line, .origin = origin, .out = out};
    enum ocsf_class class;

    if (event.record == NULL)
        return false;
    event.name = audit_record_text(event.record, "event");
    if (event.name.size == 0)
        return false;
    class = class_of(&event);
    buffer_add_byte(out, '{');
    put_head(&event, class);
    switch (class) {
    case CLASS_API_ACTIVITY:
        put_api_activity(&event);
        break;
    case CLASS_AUTHORIZE_SESSION:
        put_session(&event);
        break;
    case CLASS_USER_ACCESS:
        put_grant(&event);
        break;
    case CLASS_ENTITY_MANAGEMENT:
        put_managed(&event);
        break;
    }
    put_attestation(&event);
    put_text(out, "raw_data", line);
    buffer_add_byte(out, '}');
    return true;
}
