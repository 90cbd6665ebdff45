/* method_lookup.c - expand and the reverse questions. They run on the pool. The engine ends pages
 * of lookups where a reply is full (LIMIT_PAGE_BYTES), and trees of expand (LIMIT_EXPAND_BYTES);
 * dispatch.c checks LIMIT_MESSAGE_SIZE at the end. */
#include "net/caller.h"
#include "net/contexts.h"
#include "net/methods.h"
#include "net/results.h"
#include "net/shapes_agents.h"

/* --- expand --- */

struct expand_arguments {
    struct read_arguments read;
    struct expand expand;
};

static const char *
expand_op_name(enum expand_op op)
{
    switch (op) {
    case EXPAND_UNION:
        return "union";
    case EXPAND_INTERSECTION:
        return "intersection";
    case EXPAND_EXCLUSION:
        return "exclusion";
    case EXPAND_ARROW:
        return "arrow";
    case EXPAND_ALL:
        return "all";
    case EXPAND_LEAF:
        return "leaf";
    case EXPAND_TRUNCATED:
        return "truncated";
    }
    BEHALF_UNREACHABLE();
}

/* What it takes to write a tree. */
struct expand_writer {
    struct buffer *out;
    struct buffer scratch;
    struct arena *arena;
    struct error *error;
};

/* Text, or a map when it has a condition. */
static enum status
put_expand_subject(struct expand_writer *writer, const struct expand_subject *subject)
{
    size_t pairs = result_condition_pairs(&subject->condition);

    if (pairs > 0) {
        codec_put_map(writer->out, 1 + pairs);
        codec_put_literal(writer->out, "subject");
    }
    result_put_object(writer->out, &subject->object, &writer->scratch);
    return result_put_condition(writer->out, &subject->condition, writer->error);
}

static enum status
put_expand_node(struct expand_writer *writer, const struct expand_node *node)
{
    const struct object object = {.type = node->object.type, .id = node->object.id};
    size_t pairs = result_condition_pairs(&node->condition);
    struct buffer *out = writer->out;
    enum status status = BEHALF_OK;

    codec_put_map(out, 3 + (size_t)(pairs > 0) + (size_t)(node->cursor.size > 0) +
                           (size_t)(node->op != EXPAND_TRUNCATED));
    codec_put_literal(out, "object");
    result_put_object(out, &object, &writer->scratch);
    codec_put_literal(out, "relation");
    codec_put_text(out, node->relation);
    codec_put_literal(out, "op");
    codec_put_literal(out, expand_op_name(node->op));
    if (pairs > 0) {
        codec_put_literal(out, "condition");
        codec_put_map(out, pairs);
        status = result_put_condition(out, &node->condition, writer->error);
    }
    if (node->cursor.size > 0) {
        codec_put_literal(out, "cursor");
        codec_put_text(out, node->cursor);
    }
    if (node->op == EXPAND_TRUNCATED)
        return status;
    if (node->op != EXPAND_LEAF) {
        codec_put_literal(out, "children");
        codec_put_array(out, node->child_count);
        return status;
    }
    codec_put_literal(out, "subjects");
    codec_put_array(out, node->subject_count);
    for (size_t index = 0; status == BEHALF_OK && index < node->subject_count; index++)
        status = put_expand_subject(writer, &node->subjects[index]);
    return status;
}

struct expand_level {
    const struct expand_node *node;
    size_t next; /* child to write */
};

/* Children follow their parent's header, so the tree is written in pre-order, with a stack of our
 * own: groups in groups may be as deep as the data. */
static enum status
put_expand_tree(struct expand_writer *writer, const struct expand_node *root)
{
    size_t capacity = 32;
    size_t depth = 1;
    struct expand_level *stack = arena_take_array(writer->arena, capacity, sizeof *stack);
    enum status status;

    if (stack == NULL)
        goto no_memory;
    stack[0].node = root;
    status = put_expand_node(writer, root);
    while (status == BEHALF_OK && depth > 0 && writer->out->size <= LIMIT_MESSAGE_SIZE) {
        struct expand_level *level = &stack[depth - 1];
        const struct expand_node *child;

        if (level->next == level->node->child_count) {
            depth--;
            continue;
        }
        child = level->node->children[level->next++];
        status = put_expand_node(writer, child);
        if (depth == capacity) {
            struct expand_level *larger =
                arena_take_array(writer->arena, capacity * 2, sizeof *larger);

            if (larger == NULL)
                goto no_memory;
            memcpy(larger, stack, capacity * sizeof *stack);
            stack = larger;
            capacity *= 2;
        }
        stack[depth++] = (struct expand_level){child, 0};
    }
    return status;
no_memory:
    return error_set(writer->error, BEHALF_BUDGET_EXHAUSTED,
                     "the tree needs more memory than allowed");
}

enum status
method_expand(const struct method_context *context, struct wire_reader arguments,
              struct buffer *out, struct error *error)
{
    static const struct field fields[] = {
        FIELD(expand_arguments, expand.resource, "resource", decode_resource, FIELD_REQUIRED),
        FIELD(expand_arguments, expand.permission, "permission", decode_relation_name,
              FIELD_REQUIRED),
        FIELD(expand_arguments, expand.depth, "depth", decode_u32, FIELD_OPTIONAL),
        FIELD(expand_arguments, expand.cursor, "cursor", decode_cursor, FIELD_OPTIONAL),
        READ_FIELDS(expand_arguments),
    };
    struct expand_arguments call = {.expand = {.depth = 1, .most_bytes = LIMIT_EXPAND_BYTES}};
    struct engine_request request;
    struct expand_result result;
    struct expand_writer writer = {.out = out, .arena = context->arena, .error = error};
    enum status status = METHOD_DECODE(context, arguments, fields, &call, error);

    if (status != BEHALF_OK)
        return status;
    request = method_request(context, &call.read, LIMIT_LOOKUP_DEADLINE_MS);
    status = engine_expand(context->worker, &request, &call.expand, &result, error);
    if (status != BEHALF_OK)
        return status;
    buffer_init(&writer.scratch);
    codec_put_map(out, 3);
    codec_put_literal(out, "expanded_at");
    result_put_token(out, &result.expanded_at);
    codec_put_literal(out, "valid_until");
    result_put_time(out, result.valid_until);
    codec_put_literal(out, "tree");
    status = put_expand_tree(&writer, result.tree);
    buffer_release(&writer.scratch);
    return status;
}

/* The pair `decision`, and `missing` behind a conditional one. */
static void
put_decision(struct buffer *out, enum decision decision, const struct missing_context *missing)
{
    codec_put_text(out, SLICE_LITERAL("decision"));
    result_put_decision(out, decision);
    if (decision == DECISION_CONDITIONAL)
        result_put_missing(out, missing);
}

/* --- lookup_resources --- */

struct lookup_resources_arguments {
    struct read_arguments read;
    struct lookup_resources lookup;
    struct actors actors;
    struct engine_delegation *delegation;
    struct slice request_id;
};

static void
put_lookup_resources(struct buffer *out, const struct lookup_resources_result *result)
{
    codec_put_map(out, 6 + result_delegated_pairs(result->reason, &result->decision_id));
    codec_put_literal(out, "resources");
    codec_put_array(out, result->resource_count);
    for (size_t index = 0; index < result->resource_count; index++) {
        const struct lookup_resource *row = &result->resources[index];

        codec_put_map(out, row->decision == DECISION_CONDITIONAL ? 3 : 2);
        codec_put_text(out, SLICE_LITERAL("id"));
        codec_put_text(out, row->id);
        put_decision(out, row->decision, &row->missing);
    }
    codec_put_literal(out, "undecided");
    codec_put_array(out, result->undecided_count);
    for (size_t index = 0; index < result->undecided_count; index++) {
        codec_put_map(out, 2);
        codec_put_literal(out, "id");
        codec_put_text(out, result->undecided[index].id);
        codec_put_literal(out, "error");
        result_put_error(out, &result->undecided[index].error);
    }
    result_put_delegated(out, result->reason, &result->decision_id);
    codec_put_literal(out, "complete");
    codec_put_bool(out, result->complete);
    codec_put_literal(out, "valid_until");
    result_put_time(out, result->valid_until);
    codec_put_literal(out, "cursor");
    result_put_cursor(out, &result->cursor);
    codec_put_literal(out, "looked_up_at");
    result_put_token(out, &result->looked_up_at);
}

enum status
method_lookup_resources(const struct method_context *context, struct wire_reader arguments,
                        struct buffer *out, struct error *error)
{
    static const struct field fields[] = {
        FIELD(lookup_resources_arguments, lookup.resource_type, "resource_type", decode_type_name,
              FIELD_REQUIRED),
        FIELD(lookup_resources_arguments, lookup.permission, "permission", decode_relation_name,
              FIELD_REQUIRED),
        FIELD(lookup_resources_arguments, lookup.subject, "subject", decode_subject,
              FIELD_REQUIRED),
        FIELD(lookup_resources_arguments, actors, "actor", decode_actors, FIELD_OPTIONAL),
        FIELD(lookup_resources_arguments, lookup.context, "context", decode_context,
              FIELD_OPTIONAL),
        FIELD(lookup_resources_arguments, lookup.properties, "properties", decode_properties,
              FIELD_OPTIONAL),
        FIELD(lookup_resources_arguments, lookup.limit, "limit", decode_page_limit, FIELD_OPTIONAL),
        FIELD(lookup_resources_arguments, lookup.cursor, "cursor", decode_cursor, FIELD_OPTIONAL),
        READ_FIELDS(lookup_resources_arguments),
        DELEGATION_FIELDS(lookup_resources_arguments),
    };
    struct lookup_resources_arguments call = {.lookup.most_bytes = LIMIT_PAGE_BYTES};
    struct engine_request request;
    struct lookup_resources_result result;
    enum status status = METHOD_DECODE(context, arguments, fields, &call, error);

    if (status == BEHALF_OK)
        status = caller_check_actors(context->caller, ROLE_READ, call.actors.objects,
                                     call.actors.count, error);
    if (status != BEHALF_OK)
        return status;
    call.lookup.actors = call.actors.objects;
    call.lookup.actor_count = call.actors.count;
    call.lookup.delegation = call.delegation;
    request = method_request(context, &call.read, LIMIT_LOOKUP_DEADLINE_MS);
    request.request_id = call.request_id;
    status = engine_lookup_resources(context->worker, &request, &call.lookup, &result, error);
    if (status == BEHALF_OK)
        put_lookup_resources(out, &result);
    return status;
}

/* --- lookup_subjects --- */

struct lookup_subjects_arguments {
    struct read_arguments read;
    struct lookup_subjects lookup;
};

static void
put_lookup_subject(struct buffer *out, const struct lookup_subject *subject)
{
    codec_put_map(out, 2 + (size_t)subject->wildcard + (subject->decision == DECISION_CONDITIONAL) +
                           subject->more_excluded);
    if (subject->wildcard) {
        codec_put_literal(out, "wildcard");
        codec_put_bool(out, true);
    } else {
        codec_put_literal(out, "id");
        codec_put_text(out, subject->id);
    }
    put_decision(out, subject->decision, &subject->missing);
    if (!subject->wildcard)
        return;
    codec_put_literal(out, "excluded");
    codec_put_array(out, subject->excluded_count);
    for (size_t index = 0; index < subject->excluded_count; index++) {
        codec_put_map(out, 2);
        codec_put_literal(out, "id");
        codec_put_text(out, subject->excluded[index].id);
        codec_put_literal(out, "decision");
        result_put_decision(out, subject->excluded[index].decision);
    }
    if (subject->more_excluded) {
        codec_put_literal(out, "more_excluded");
        codec_put_bool(out, true);
    }
}

enum status
method_lookup_subjects(const struct method_context *context, struct wire_reader arguments,
                       struct buffer *out, struct error *error)
{
    static const struct field fields[] = {
        FIELD(lookup_subjects_arguments, lookup.resource, "resource", decode_resource,
              FIELD_REQUIRED),
        FIELD(lookup_subjects_arguments, lookup.permission, "permission", decode_relation_name,
              FIELD_REQUIRED),
        FIELD(lookup_subjects_arguments, lookup.subject_type, "subject_type", decode_type_name,
              FIELD_REQUIRED),
        FIELD(lookup_subjects_arguments, lookup.subject_relation, "subject_relation",
              decode_relation_name, FIELD_OPTIONAL),
        FIELD(lookup_subjects_arguments, lookup.context, "context", decode_context, FIELD_OPTIONAL),
        FIELD(lookup_subjects_arguments, lookup.properties, "properties", decode_properties,
              FIELD_OPTIONAL),
        FIELD(lookup_subjects_arguments, lookup.known, "known", decode_flag, FIELD_OPTIONAL),
        FIELD(lookup_subjects_arguments, lookup.limit, "limit", decode_page_limit, FIELD_OPTIONAL),
        FIELD(lookup_subjects_arguments, lookup.cursor, "cursor", decode_cursor, FIELD_OPTIONAL),
        READ_FIELDS(lookup_subjects_arguments),
    };
    struct lookup_subjects_arguments call = {.lookup.most_bytes = LIMIT_PAGE_BYTES};
    struct engine_request request;
    struct lookup_subjects_result result;
    enum status status = METHOD_DECODE(context, arguments, fields, &call, error);

    if (status != BEHALF_OK)
        return status;
    request = method_request(context, &call.read, LIMIT_LOOKUP_DEADLINE_MS);
    status = engine_lookup_subjects(context->worker, &request, &call.lookup, &result, error);
    if (status != BEHALF_OK)
        return status;
    codec_put_map(out, 5);
    codec_put_literal(out, "subjects");
    codec_put_array(out, result.subject_count);
    for (size_t index = 0; index < result.subject_count; index++)
        put_lookup_subject(out, &result.subjects[index]);
    codec_put_literal(out, "complete");
    codec_put_bool(out, result.complete);
    codec_put_literal(out, "valid_until");
    result_put_time(out, result.valid_until);
    codec_put_literal(out, "cursor");
    result_put_cursor(out, &result.cursor);
    codec_put_literal(out, "looked_up_at");
    result_put_token(out, &result.looked_up_at);
    return BEHALF_OK;
}

/* --- lookup_permissions --- */

struct lookup_permissions_arguments {
    struct read_arguments read;
    struct lookup_permissions lookup;
    struct actors actors;
    struct engine_delegation *delegation;
    struct slice request_id;
};

enum status
method_lookup_permissions(const struct method_context *context, struct wire_reader arguments,
                          struct buffer *out, struct error *error)
{
    static const struct field fields[] = {
        FIELD(lookup_permissions_arguments, lookup.resource, "resource", decode_resource,
              FIELD_REQUIRED),
        FIELD(lookup_permissions_arguments, lookup.subject, "subject", decode_subject,
              FIELD_REQUIRED),
        FIELD(lookup_permissions_arguments, actors, "actor", decode_actors, FIELD_OPTIONAL),
        FIELD(lookup_permissions_arguments, lookup.context, "context", decode_context,
              FIELD_OPTIONAL),
        FIELD(lookup_permissions_arguments, lookup.properties, "properties", decode_properties,
              FIELD_OPTIONAL),
        READ_FIELDS(lookup_permissions_arguments),
        DELEGATION_FIELDS(lookup_permissions_arguments),
    };
    struct lookup_permissions_arguments call = {.read.deadline_ms = 0};
    struct engine_request request;
    struct lookup_permissions_result result;
    size_t mark = out->size;
    enum status status = METHOD_DECODE(context, arguments, fields, &call, error);

    if (status == BEHALF_OK)
        status = caller_check_actors(context->caller, ROLE_CHECK | ROLE_READ, call.actors.objects,
                                     call.actors.count, error);
    if (status != BEHALF_OK)
        return status;
    call.lookup.actors = call.actors.objects;
    call.lookup.actor_count = call.actors.count;
    call.lookup.delegation = call.delegation;
    request = method_request(context, &call.read, LIMIT_LOOKUP_DEADLINE_MS);
    request.request_id = call.request_id;
    status = engine_lookup_permissions(context->worker, &request, &call.lookup, &result, error);
    if (status != BEHALF_OK)
        return status;
    codec_put_map(out, 2 + result_delegated_pairs(result.reason, &result.decision_id));
    result_put_delegated(out, result.reason, &result.decision_id);
    codec_put_literal(out, "permissions");
    codec_put_array(out, result.permission_count);
    for (size_t index = 0; status == BEHALF_OK && index < result.permission_count; index++) {
        const struct lookup_permission *row = &result.permissions[index];

        if (out->size - mark > LIMIT_MESSAGE_SIZE)
            break; /* the caller refuses it */
        codec_put_map(out, 1 + result_item_pairs(&row->item));
        codec_put_literal(out, "permission");
        codec_put_text(out, row->permission);
        status = result_put_item(out, &row->item, context->arena, error);
    }
    codec_put_literal(out, "looked_up_at");
    result_put_token(out, &result.looked_up_at);
    return status;
}
