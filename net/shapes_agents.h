/* shapes_agents.h - the shapes of sessions, grants, access requests and stops, and of
 * decisions by a grant.
 * As in shapes.h; ids are canonical text only. */
#ifndef BEHALF_NET_SHAPES_AGENTS_H
#define BEHALF_NET_SHAPES_AGENTS_H

#include "net/shapes.h"

/* --- decisions --- */

/* struct engine_delegation *: each fills its part of one that the first of them makes. */
field_decode decode_shown_grant;
field_decode decode_shown_binding;
field_decode decode_shown_tool;
field_decode decode_shown_key;

field_decode decode_request_id; /* struct slice: 1 to 256 visible ASCII characters */

/* The same two shapes where they come as text alone. */
bool shape_is_request_id(struct slice text) BEHALF_MUST_USE;
bool shape_read_digest(struct slice text, uint8_t digest[32]) BEHALF_MUST_USE; /* 64 hex digits */

/* What every decision and lookup of a grant takes, for a struct with the members `delegation` (a
 * pointer, NULL at first) and `request_id`. */
#define DELEGATION_FIELDS(holder)                                                                  \
    FIELD(holder, delegation, "grant", decode_shown_grant, FIELD_OPTIONAL),                        \
        FIELD(holder, request_id, "request_id", decode_request_id, FIELD_OPTIONAL)

/* What is besides said of the call that is decided. Without a grant it would be passed over: then
 * it is refused with this message. */
#define CALL_FIELDS(holder)                                                                        \
    FIELD(holder, delegation, "binding", decode_shown_binding, FIELD_OPTIONAL),                    \
        FIELD(holder, delegation, "tool", decode_shown_tool, FIELD_OPTIONAL),                      \
        FIELD(holder, delegation, "idempotency_key", decode_shown_key, FIELD_OPTIONAL)
#define MESSAGE_NO_GRANT "'binding', 'tool' and 'idempotency_key' need the argument 'grant'"

/* --- records --- */

field_decode decode_session_id;        /* struct record_id */
field_decode decode_grant_id;          /* struct record_id */
field_decode decode_access_request_id; /* struct record_id */
field_decode decode_client;            /* struct slice */
field_decode decode_name;              /* struct slice: of a tool, a method, a channel */
field_decode decode_reason;            /* struct slice */
field_decode decode_evidence;          /* struct slice: canonical bytes */
field_decode decode_approval;          /* struct engine_approval */
field_decode decode_true;              /* bool: true or left out */

/* struct engine_end: one of the two fields, or none. */
field_decode decode_end_at;
field_decode decode_end_in;
#define MESSAGE_NO_END "the argument 'expires_at' (or 'expires_in_s') is missing"

static inline bool
end_is_given(const struct engine_end *end)
{
    return end->at != 0 || end->in_ns != 0;
}

#define END_FIELDS(holder, end)                                                                    \
    FIELD(holder, end, "expires_at", decode_end_at, FIELD_OPTIONAL),                               \
        FIELD(holder, end, "expires_in_s", decode_end_in, FIELD_OPTIONAL)

/* struct engine_grant_terms: each fills its part. */
field_decode decode_scope;
field_decode decode_constraints;
field_decode decode_tools;

field_decode decode_max_depth; /* uint32_t */
field_decode decode_uses;      /* uint64_t */
field_decode decode_binding;   /* struct engine_binding */
field_decode decode_purpose;   /* struct slice */

field_decode decode_requested;     /* struct engine_requested_terms */
field_decode decode_justification; /* struct slice */

/* `terms` is the member of `holder` that is a struct engine_grant_terms. */
#define TERMS_FIELDS(holder, terms, scope_need)                                                    \
    FIELD(holder, terms, "scope", decode_scope, scope_need), END_FIELDS(holder, terms.end),        \
        FIELD(holder, terms.not_before, "not_before", decode_time, FIELD_OPTIONAL),                \
        FIELD(holder, terms.max_depth, "max_depth", decode_max_depth, FIELD_OPTIONAL),             \
        FIELD(holder, terms.uses, "uses", decode_uses, FIELD_OPTIONAL),                            \
        FIELD(holder, terms, "constraints", decode_constraints, FIELD_OPTIONAL),                   \
        FIELD(holder, terms.binding, "bind", decode_binding, FIELD_OPTIONAL),                      \
        FIELD(holder, terms, "tools", decode_tools, FIELD_OPTIONAL),                               \
        FIELD(holder, terms.purpose, "purpose", decode_purpose, FIELD_OPTIONAL)

/* struct engine_root_grant *, made here: the grant of a new session, which has no `session`. */
field_decode decode_new_grant;

struct type_names {
    const struct slice *items;
    size_t count;
};

field_decode decode_type_names; /* struct type_names; at least one */

#endif
