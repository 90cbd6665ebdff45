/* watch.h - CONTRACT of the engine floor, beside engine.h: what is committed, as a stream.
 *
 * A stream is a place in the changelog, kept by whoever reads it: engine_watch_next gives the
 * changes behind a place and the place behind them, and remembers nothing. A listener is woken when
 * there may be more.
 *
 * Always true: from a place on, each revision that has something for the filter is given once, in
 * order and whole: in one message or in parts, of which the last is marked. Only what is durable
 * and published is given. What expired is given when it is swept. A place that is no longer
 * retained is REVISION_EXPIRED, also when it becomes so between two calls: a gap is never passed
 * over. A token names a place between revisions: who goes on from the token of a part gets its
 * revision again from its start.
 * Threads, memory: as in engine.h; listeners as their functions say.
 * Errors: UNKNOWN_TOKEN, REVISION_UNKNOWN, REVISION_EXPIRED, INVALID_FILTER, UNKNOWN_DEFINITION,
 * UNKNOWN_RELATION_OR_PERMISSION, BUDGET_EXHAUSTED, STORAGE_FAILED, STORAGE_CORRUPT. */
#ifndef BEHALF_ENGINE_WATCH_H
#define BEHALF_ENGINE_WATCH_H

#include <stdatomic.h>

#include "engine/engine.h"

/* All up to `revision` was given, and of the one behind it so much. */
struct watch_place {
    uint64_t revision;
    uint64_t changes;
    uint64_t text; /* bytes of the schema that is the next change */
};

/* A filter lets pass the relationships that match it, and, where it has neither a relation nor a
 * subject part, the attributes of the objects that do; NULL everything. A name that no schema ever
 * had is UNKNOWN_DEFINITION or UNKNOWN_RELATION_OR_PERMISSION. `token` empty: behind what is
 * published now. Does not block. */
enum status engine_watch_begin(struct engine_worker *worker, struct slice token,
                               const struct relationship_filter *filter, struct watch_place *place,
                               struct error *error) BEHALF_MUST_USE;

struct watch_pull {
    const struct relationship_filter *filter; /* that engine_watch_begin took, or NULL */
    struct watch_place place;
    size_t most_bytes; /* of the messages in MessagePack, about; one has at least one change */
};

struct watch_relationship {
    bool removed; /* then without condition */
    struct relationship relationship;
};

/* What became of a record, without its body. */
struct watch_record {
    const char *kind; /* session, grant, uses, request, attributes, stop */
    struct slice id;  /* as text; of uses that of their grant, of attributes their object, of a stop
                         its party, empty where it is on everything */
    struct slice event; /* session: created, suspended, resumed, revoked; grant: created, delegated,
                           revoked; uses: written; request: its status; attributes: written; stop:
                           ordered, lifted; any: removed */
};

struct watch_message {
    uint64_t revision;
    int64_t time_ns;           /* of the commit */
    struct engine_token token; /* where to go on from */
    bool is_last;              /* part of its revision */
    bool is_sweep;             /* what is removed had ended, and nobody asked for it */
    struct slice caller;       /* the name of the key that asked; empty = none */
    struct slice metadata;     /* as it was written; empty = none */
    struct watch_relationship *relationships;
    uint32_t relationship_count;
    struct slice schema; /* a piece of the text, the parts' joined are the whole; empty = none */
    struct watch_record *records;
    uint32_t record_count;
};

struct watch_result {
    struct watch_message *messages;
    uint32_t message_count;
    struct watch_place place; /* behind them, and behind what did not pass the filter */
};

/* May block. Ends after most_bytes, or after some time's worth of what does not pass. */
enum status engine_watch_next(struct engine_worker *worker, const struct engine_request *request,
                              const struct watch_pull *pull, struct watch_result *result,
                              struct error *error) BEHALF_MUST_USE;

/* The token to go on from. */
void engine_watch_token(struct engine *engine, const struct watch_place *place,
                        struct engine_token *token);

/* Whether something is published behind a place. Does not block. */
bool engine_watch_has_more(struct engine_worker *worker, const struct watch_place *place);

/* --- the past of an object --- */

struct history {
    struct object object; /* type and id */
    uint32_t limit;       /* revisions on a page */
    size_t most_bytes;
    struct slice cursor;
};

struct history_result {
    struct watch_message
        *messages; /* newest first; a revision without `is_last` goes on on the next
                                       page */
    uint32_t message_count;
    uint64_t retained_from; /* older revisions are given up, and what they changed is not here */
    bool complete;
    struct engine_token cursor;
    struct engine_token read_at;
};

/* What changed for the object, up to the request's revision: relationships with it as the resource
 * or the subject, and its attributes. It costs what the versions of these are that are kept, and an
 * entry of the changelog for each revision given. INVALID_CURSOR, BUDGET_EXHAUSTED. */
enum status engine_history(struct engine_worker *worker, const struct engine_request *request,
                           const struct history *history, struct history_result *result,
                           struct error *error) BEHALF_MUST_USE;

/* --- being woken --- */

/* Armed, it is called once at the next publication, and is then no longer armed: whoever waits arms
 * it, asks engine_watch_has_more once more, and only then sleeps. */
struct engine_listener {
    atomic_bool armed;
    void (*published)(
        struct engine_listener *listener); /* on the writer's thread; must not block */
    struct engine_listener *next;          /* the engine's */
};

/* Any thread. After engine_unlisten it is called no more. */
void engine_listen(struct engine *engine, struct engine_listener *listener);
void engine_unlisten(struct engine *engine, struct engine_listener *listener);
void engine_listener_arm(struct engine_listener *listener); /* any thread */

#endif
