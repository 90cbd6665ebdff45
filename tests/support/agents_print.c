/* agents_print.c - worlds with agents and their steps, in words. */
#include <stdio.h>

#include "base/check.h"
#include "tests/support/agents_world.h"

static double
seconds(int64_t time)
{
    return time == 0 ? 0 : (double)(time - AGENTS_BEGIN) / 1e9;
}

static void
print_object(struct agents_object object, struct buffer *out)
{
    buffer_add_format(out, "%s:%s", object.type, object.id);
}

void
agents_world_print(const struct agents_world *world, struct buffer *out)
{
    buffer_add_text(out, world->schemas[0]);
    buffer_add_text(out, "--- the other schema\n");
    buffer_add_text(out, world->schemas[1]);
    buffer_add_text(out, "---\n");
    for (int i = 0; i < world->tuple_count; i++)
        buffer_add_format(out, "%2d %s\n", i, world->tuples[i]);
}

static void
print_element(const struct agents_element *element, struct buffer *out)
{
    switch (element->form) {
    case AGENTS_OBJECT:
        buffer_add_format(out, " %s:%s", element->type, element->id);
        break;
    case AGENTS_TYPE:
        buffer_add_format(out, " %s:*", element->type);
        break;
    case AGENTS_MEMBERS:
        buffer_add_format(out, " %s:*#%s@", element->type, element->member);
        if (element->is_principal)
            buffer_add_text(out, "$principal");
        else
            print_object(element->object, out);
        break;
    }
    for (int i = 0; i < element->action_count; i++)
        buffer_add_format(out, "%c%s", i == 0 ? '[' : ' ', element->actions[i]);
    buffer_add_byte(out, ']');
}

static void
print_terms(const struct agents_terms *terms, struct buffer *out)
{
    for (int i = 0; i < terms->element_count; i++)
        print_element(&terms->elements[i], out);
    for (int i = 0; i < terms->constraint_count; i++)
        buffer_add_format(out, " if %s(%s)", terms->constraints[i].caveat,
                          terms->constraints[i].context);
    for (int i = 0; i < terms->tool_count; i++)
        buffer_add_format(out, " tool %s=%d", terms->tools[i].name, terms->tools[i].hash);
    if (terms->method != NULL)
        buffer_add_format(out, " bound to %s=%d", terms->method, terms->digest);
    if (terms->uses > 0)
        buffer_add_format(out, " uses %d", terms->uses);
    if (terms->not_before != 0)
        buffer_add_format(out, " from %+.9f", seconds(terms->not_before));
    buffer_add_format(out, " until %+.9f depth %d", seconds(terms->expires_at), terms->max_depth);
}

static void
print_question(const struct agents_question *question, struct buffer *out)
{
    print_object(question->resource, out);
    buffer_add_format(out, "#%s@", question->permission);
    print_object(question->principal, out);
    for (int i = 0; i < question->actor_count; i++) {
        buffer_add_text(out, i == 0 ? " actors " : " ");
        print_object(question->actors[i], out);
    }
    if (question->grant >= 0)
        buffer_add_format(out, " grant %d", question->grant);
    else
        buffer_add_text(out, question->grant == AGENTS_NO_GRANT ? " no grant" : " unknown grant");
    if (question->method != NULL)
        buffer_add_format(out, " call %s=%d", question->method, question->digest);
    if (question->tool.name != NULL)
        buffer_add_format(out, " tool %s=%d", question->tool.name, question->tool.hash);
    buffer_add_format(out, " context %d", question->request);
}

static void
print_stop(const struct agents_step *step, struct buffer *out)
{
    buffer_add_text(out, step->restore ? "restore " : "kill ");
    switch (step->scope) {
    case AGENTS_STOP_AGENT:
        buffer_add_text(out, "agent ");
        print_object(step->a, out);
        return;
    case AGENTS_STOP_PRINCIPAL:
        buffer_add_text(out, "principal ");
        print_object(step->a, out);
        return;
    case AGENTS_STOP_CLIENT:
        buffer_add_format(out, "client %s", step->client);
        return;
    case AGENTS_STOP_ALL:
        buffer_add_text(out, "everything");
        return;
    }
}

static void
print_session(const struct agents_step *step, struct buffer *out)
{
    buffer_add_format(out, "session %d: ", step->slot);
    print_object(step->a, out);
    buffer_add_text(out, " to ");
    print_object(step->b, out);
    buffer_add_format(out, " by %s until %+.9f idle %lld s",
                      step->client != NULL ? step->client : "itself", seconds(step->time),
                      (long long)(step->idle_ns / AGENTS_SECOND));
}

static void
print_write(const struct agents_step *step, struct buffer *out)
{
    static const char *const changes[] = {"suspend", "resume", "revoke"};
    static const char *const requests[] = {[AGENTS_BY_REQUEST] = "asked for by",
                                           [AGENTS_AFTER_DENIAL] = "after a denied request for",
                                           [AGENTS_AFTER_CANCEL] = "after a cancelled request for"};
    static const char *const damages[] = {"depth 0 of grant", "loss of grant", "loss of session"};

    if (step->kind == AGENTS_STEP_SESSION) {
        print_session(step, out);
    } else if (step->kind == AGENTS_STEP_CHANGE) {
        buffer_add_format(out, "%s session %d", changes[step->change], step->slot);
    } else if (step->kind == AGENTS_STEP_GRANT) {
        buffer_add_format(out, "grant %d of session %d approved by ", step->slot, step->other);
        print_object(step->a, out);
        print_terms(&step->terms, out);
        if (step->request != AGENTS_UNASKED) {
            buffer_add_format(out, ", %s %s of ", requests[step->request], step->action);
            print_object(step->resource, out);
        }
    } else if (step->kind == AGENTS_STEP_DELEGATE) {
        buffer_add_format(out, "grant %d under %d by ", step->slot, step->other);
        print_object(step->a, out);
        buffer_add_text(out, " to ");
        print_object(step->b, out);
        print_terms(&step->terms, out);
    } else if (step->kind == AGENTS_STEP_DAMAGE) {
        buffer_add_format(out, "%s %d", damages[step->damage], step->slot);
    } else {
        buffer_add_format(out, "revoke grant %d", step->slot);
    }
}

void
agents_step_print(const struct agents_step *step, struct buffer *out)
{
    static const char *const methods[] = {"check", "bulk", "filter", "resources", "permissions"};

    switch (step->kind) {
    case AGENTS_STEP_TIME:
        buffer_add_format(out, "time %+.9f", seconds(step->time));
        return;
    case AGENTS_STEP_TUPLE:
        buffer_add_format(out, "tuple %d written or deleted", step->slot);
        return;
    case AGENTS_STEP_SCHEMA:
        buffer_add_text(out, "the other schema");
        return;
    case AGENTS_STEP_REOPEN:
        buffer_add_format(out, "the engine opened again, memory %d", step->limit);
        return;
    case AGENTS_STEP_STOP:
        print_stop(step, out);
        return;
    case AGENTS_STEP_ASK:
        buffer_add_format(out, "%s ", methods[step->method]);
        print_question(&step->question, out);
        return;
    case AGENTS_STEP_SESSION:
    case AGENTS_STEP_CHANGE:
    case AGENTS_STEP_GRANT:
    case AGENTS_STEP_DELEGATE:
    case AGENTS_STEP_REVOKE:
    case AGENTS_STEP_DAMAGE:
        print_write(step, out);
        return;
    }
    BEHALF_UNREACHABLE();
}
