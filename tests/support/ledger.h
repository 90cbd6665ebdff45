/* ledger.h - a small world written down revision by revision, and what its answers have to be.
 *
 * Documents are viewed by users and groups, unless banned; groups hold users and one another, in
 * circles too; two of them hold a crowd, so that their edge sets stand in pieces. An edge is
 * absent, plain, under a condition that holds, fails or is open, or it expires.
 *
 * The ledger covers a window of revisions. Writers enter what each revision changed; once all is
 * entered it is replayed into one row of states per revision, from which any decision follows by
 * the definition of the schema. No line of it is shared with the engine. The last row opens the
 * next window, and what was to expire has expired by then.
 * Threads: ledger_enter from any; the others while nobody enters, and what only reads, from any.
 * Memory: the window's, from ledger_open to ledger_close. */
#ifndef BEHALF_TESTS_LEDGER_H
#define BEHALF_TESTS_LEDGER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "engine/engine.h"

#ifdef BEHALF_SHRUNK /* where three edges are a piece, and large sets are not kept at all */
#define LEDGER_CROWD 240
#define LEDGER_CROWD_FEWER 8
#else
#define LEDGER_CROWD 4000
#define LEDGER_CROWD_FEWER 2560 /* two of five are there: now below a piece's end, now above */
#endif

#define LEDGER_USERS_FEW 6
#define LEDGER_USERS (LEDGER_USERS_FEW + LEDGER_CROWD)
#define LEDGER_GROUPS 3
#define LEDGER_DOCUMENTS 3

/* Edges are numbered: which kind, then who. The crowd stands behind the others. */
#define LEDGER_VIEWER_USER 0
#define LEDGER_VIEWER_GROUP (LEDGER_VIEWER_USER + LEDGER_DOCUMENTS * LEDGER_USERS_FEW)
#define LEDGER_BANNED_USER (LEDGER_VIEWER_GROUP + LEDGER_DOCUMENTS * LEDGER_GROUPS)
#define LEDGER_MEMBER_USER (LEDGER_BANNED_USER + LEDGER_DOCUMENTS * LEDGER_USERS_FEW)
#define LEDGER_MEMBER_GROUP (LEDGER_MEMBER_USER + LEDGER_GROUPS * LEDGER_USERS_FEW)
#define LEDGER_CROWD_FIRST (LEDGER_MEMBER_GROUP + LEDGER_GROUPS * LEDGER_GROUPS)
#define LEDGER_CROWD_SECOND (LEDGER_CROWD_FIRST + LEDGER_CROWD)
#define LEDGER_EDGES (LEDGER_CROWD_SECOND + LEDGER_CROWD_FEWER)

#define LEDGER_CHANGES_MAX 3

enum ledger_state {
    LEDGER_ABSENT,
    LEDGER_PLAIN,
    LEDGER_HOLDS, /* under a condition */
    LEDGER_FAILS,
    LEDGER_OPEN,
    LEDGER_EXPIRING, /* when the next window begins */
    LEDGER_STATES
};

struct ledger_change {
    uint16_t edge;
    uint8_t state;
};

/* What the transaction of one revision did; a sweep changes nothing that an answer shows. */
struct ledger_event {
    struct ledger_change changes[LEDGER_CHANGES_MAX];
    uint8_t count;
    atomic_bool entered;
};

struct ledger_row {
    uint8_t states[LEDGER_EDGES];
};

struct ledger {
    uint64_t first; /* the revision that the window begins at */
    uint64_t last;  /* of those replayed */
    int64_t expires_at;
    size_t capacity;             /* revisions behind the first */
    struct ledger_event *events; /* by revision - first */
    struct ledger_row *rows;     /* likewise */
    char ids[LEDGER_USERS][8];   /* of users, groups and documents */
};

extern const char ledger_schema[];

void ledger_open(struct ledger *ledger, size_t capacity);
void ledger_close(struct ledger *ledger);

/* The world at the beginning of everything: put into the ledger edge by edge. */
void ledger_put(struct ledger *ledger, struct ledger_change change);

/* Goes on at `first`, which the last replay ended with; what expires does so at `expires_at`. */
void ledger_window(struct ledger *ledger, uint64_t first, int64_t expires_at);

/* False when the revision has been entered before, or lies outside of the window. */
bool ledger_enter(struct ledger *ledger, uint64_t revision, const struct ledger_change *changes,
                  size_t count);

/* Makes the rows up to `last`. False when a revision among them was not entered. */
bool ledger_replay(struct ledger *ledger, uint64_t last);

/* The change as the engine takes it; it borrows from the ledger. */
struct update ledger_update(const struct ledger *ledger, struct ledger_change change);

struct object ledger_object(const struct ledger *ledger, const char *type, uint32_t number);
/* The number of an id that the engine gave back. */
uint32_t ledger_number(struct slice id);

/* Of document#view for the user, at a revision that was replayed. */
enum decision ledger_decision(const struct ledger *ledger, uint64_t revision, uint32_t document,
                              uint32_t user);

#endif
