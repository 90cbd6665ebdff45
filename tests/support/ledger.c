/* ledger.c - the rows of a small world, and decisions by definition. */
#include "tests/support/ledger.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"

/* Canonical bytes of {"level": ...}. */
#define LEVEL(last_byte) SLICE_LITERAL("\7\0\0\0\1\0\0\0\5level\3\0\0\0\0\0\0\0" last_byte)

#define ANY_USER "user | user with when | user with expiration"
#define ANY_GROUP "group#member | group#member with when | group#member with expiration"

const char ledger_schema[] = "use expiration\n"
                             "caveat when(level int) { level == 1 }\n"
                             "definition user {}\n"
                             "definition group { relation member: " ANY_USER " | " ANY_GROUP " }\n"
                             "definition document {\n"
                             "  relation viewer: " ANY_USER " | " ANY_GROUP "\n"
                             "  relation banned: " ANY_USER "\n"
                             "  permission view = viewer - banned\n"
                             "}\n";

/* --- windows --- */

void
ledger_open(struct ledger *ledger, size_t capacity)
{
    memset(ledger, 0, sizeof *ledger);
    ledger->capacity = capacity;
    ledger->events = memory_new_array(capacity + 1, sizeof *ledger->events);
    ledger->rows = memory_new_array(capacity + 1, sizeof *ledger->rows);
    for (uint32_t number = 0; number < LEDGER_USERS; number++)
        (void)snprintf(ledger->ids[number], sizeof ledger->ids[number], "%u", number);
}

void
ledger_close(struct ledger *ledger)
{
    memory_free(ledger->events);
    memory_free(ledger->rows);
}

void
ledger_put(struct ledger *ledger, struct ledger_change change)
{
    ledger->rows[0].states[change.edge] = change.state;
}

void
ledger_window(struct ledger *ledger, uint64_t first, int64_t expires_at)
{
    struct ledger_row *row = &ledger->rows[0];

    *row = ledger->rows[ledger->last - ledger->first];
    for (size_t edge = 0; edge < LEDGER_EDGES; edge++) {
        if (row->states[edge] == LEDGER_EXPIRING)
            row->states[edge] = LEDGER_ABSENT;
    }
    memset(ledger->events, 0, (ledger->capacity + 1) * sizeof *ledger->events);
    ledger->first = first;
    ledger->last = first;
    ledger->expires_at = expires_at;
}

bool
ledger_enter(struct ledger *ledger, uint64_t revision, const struct ledger_change *changes,
             size_t count)
{
    struct ledger_event *event;

    if (revision <= ledger->first || revision - ledger->first > ledger->capacity)
        return false;
    event = &ledger->events[revision - ledger->first];
    if (atomic_exchange_explicit(&event->entered, true, memory_order_relaxed))
        return false;
    memcpy(event->changes, changes, count * sizeof *changes);
    event->count = (uint8_t)count;
    return true;
}

bool
ledger_replay(struct ledger *ledger, uint64_t last)
{
    for (uint64_t at = 1; at <= last - ledger->first; at++) {
        const struct ledger_event *event = &ledger->events[at];

        if (!event->entered)
            return false;
        ledger->rows[at] = ledger->rows[at - 1];
        for (size_t index = 0; index < event->count; index++)
            ledger->rows[at].states[event->changes[index].edge] = event->changes[index].state;
    }
    ledger->last = last;
    return true;
}

/* --- edges in words --- */

struct object
ledger_object(const struct ledger *ledger, const char *type, uint32_t number)
{
    return (struct object){.type = slice_of(type), .id = slice_of(ledger->ids[number])};
}

uint32_t
ledger_number(struct slice id)
{
    uint32_t number = 0;

    for (size_t at = 0; at < id.size; at++)
        number = number * 10 + (uint32_t)(id.data[at] - '0');
    return number;
}

static struct relationship
make(struct object resource, const char *relation, struct object subject)
{
    resource.relation = slice_of(relation);
    if (slice_equal(subject.type, SLICE_LITERAL("group")))
        subject.relation = SLICE_LITERAL("member");
    return (struct relationship){.resource = resource, .subject = subject};
}

/* Edges from `first` on: one resource after the other, each with `width` subjects. */
static struct relationship
edge_of(const struct ledger *ledger, uint32_t place, uint32_t width, const char *resource,
        const char *relation, const char *subject)
{
    return make(ledger_object(ledger, resource, place / width), relation,
                ledger_object(ledger, subject, place % width));
}

static struct relationship
relationship_of(const struct ledger *ledger, uint32_t edge)
{
    if (edge < LEDGER_VIEWER_GROUP)
        return edge_of(ledger, edge, LEDGER_USERS_FEW, "document", "viewer", "user");
    if (edge < LEDGER_BANNED_USER)
        return edge_of(ledger, edge - LEDGER_VIEWER_GROUP, LEDGER_GROUPS, "document", "viewer",
                       "group");
    if (edge < LEDGER_MEMBER_USER)
        return edge_of(ledger, edge - LEDGER_BANNED_USER, LEDGER_USERS_FEW, "document", "banned",
                       "user");
    if (edge < LEDGER_MEMBER_GROUP)
        return edge_of(ledger, edge - LEDGER_MEMBER_USER, LEDGER_USERS_FEW, "group", "member",
                       "user");
    if (edge < LEDGER_CROWD_FIRST)
        return edge_of(ledger, edge - LEDGER_MEMBER_GROUP, LEDGER_GROUPS, "group", "member",
                       "group");
    edge -= LEDGER_CROWD_FIRST;
    return make(ledger_object(ledger, "group", edge / LEDGER_CROWD), "member",
                ledger_object(ledger, "user", LEDGER_USERS_FEW + edge % LEDGER_CROWD));
}

struct update
ledger_update(const struct ledger *ledger, struct ledger_change change)
{
    struct update update = {
        .op = change.state == LEDGER_ABSENT ? UPDATE_DELETE : UPDATE_TOUCH,
        .relationship = relationship_of(ledger, change.edge),
    };
    struct relationship *relationship = &update.relationship;

    if (change.state == LEDGER_HOLDS || change.state == LEDGER_FAILS || change.state == LEDGER_OPEN)
        relationship->caveat = SLICE_LITERAL("when");
    if (change.state == LEDGER_HOLDS)
        relationship->context = LEVEL("\1");
    if (change.state == LEDGER_FAILS)
        relationship->context = LEVEL("\2");
    if (change.state == LEDGER_EXPIRING)
        relationship->expires_at = ledger->expires_at;
    return update;
}

/* --- decisions --- */

/* What the edge is worth while nothing has expired. */
static enum decision
worth(const struct ledger_row *row, uint32_t edge)
{
    static const enum decision of_state[LEDGER_STATES] = {
        [LEDGER_ABSENT] = DECISION_DENY,      [LEDGER_PLAIN] = DECISION_ALLOW,
        [LEDGER_HOLDS] = DECISION_ALLOW,      [LEDGER_FAILS] = DECISION_DENY,
        [LEDGER_OPEN] = DECISION_CONDITIONAL, [LEDGER_EXPIRING] = DECISION_ALLOW,
    };

    return of_state[row->states[edge]];
}

static enum decision
either(enum decision a, enum decision b)
{
    return a > b ? a : b;
}

static enum decision
both(enum decision a, enum decision b)
{
    return a < b ? a : b;
}

static enum decision
stands_in(const struct ledger_row *row, uint32_t group, uint32_t user)
{
    if (user < LEDGER_USERS_FEW)
        return worth(row, LEDGER_MEMBER_USER + group * LEDGER_USERS_FEW + user);
    user -= LEDGER_USERS_FEW;
    if (group == 0)
        return worth(row, LEDGER_CROWD_FIRST + user);
    if (group == 1 && user < LEDGER_CROWD_FEWER)
        return worth(row, LEDGER_CROWD_SECOND + user);
    return DECISION_DENY;
}

/* The best of all ways that pass no group twice. */
static enum decision
member(const struct ledger_row *row, uint32_t group, uint32_t user, uint32_t passed)
{
    enum decision result = stands_in(row, group, user);

    passed |= 1U << group;
    for (uint32_t inner = 0; inner < LEDGER_GROUPS && result != DECISION_ALLOW; inner++) {
        enum decision step = worth(row, LEDGER_MEMBER_GROUP + group * LEDGER_GROUPS + inner);

        if (step != DECISION_DENY && (passed >> inner & 1) == 0)
            result = either(result, both(step, member(row, inner, user, passed)));
    }
    return result;
}

enum decision
ledger_decision(const struct ledger *ledger, uint64_t revision, uint32_t document, uint32_t user)
{
    const struct ledger_row *row = &ledger->rows[revision - ledger->first];
    enum decision viewer = DECISION_DENY;
    enum decision banned = DECISION_DENY;

    if (user < LEDGER_USERS_FEW) {
        viewer = worth(row, LEDGER_VIEWER_USER + document * LEDGER_USERS_FEW + user);
        banned = worth(row, LEDGER_BANNED_USER + document * LEDGER_USERS_FEW + user);
    }
    for (uint32_t group = 0; group < LEDGER_GROUPS; group++) {
        enum decision step = worth(row, LEDGER_VIEWER_GROUP + document * LEDGER_GROUPS + group);

        if (step != DECISION_DENY)
            viewer = either(viewer, both(step, member(row, group, user, 0)));
    }
    return both(viewer, (enum decision)(DECISION_ALLOW - banned));
}
