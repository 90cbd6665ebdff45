/* harness.h - engines over in-memory stores, asked through every method at once.
 *
 * A harness holds the same data twice: one engine with its cache and one with as good as none. A
 * question goes to both, cold and warm, alone and in bulks of both orders, and to the lookups and
 * expand; whatever disagrees is reported through harness_fail and counted.
 * Objects and relationships are given as text, or taken apart where text cannot say it.
 * Threads: none of its own. Memory: harness_open, harness_close. */
#ifndef BEHALF_TESTS_HARNESS_H
#define BEHALF_TESTS_HARNESS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/env.h"
#include "engine/engine.h"
#include "storage/store.h"

struct kv;

/* One engine over one in-memory store, with a worker and an arena for its answers. It stays where
 * it was opened. */
struct harness_engine {
    struct store *store;
    struct engine *engine;
    struct engine_worker *worker;
    struct arena arena;
    struct env env;                /* of store and engine: the system's, but for the clocks */
    atomic_int_fast64_t now;       /* nanoseconds since 1970; 0 = the system's clocks */
    atomic_int_fast64_t monotonic; /* when `now` is not 0 */
    size_t graph_memory_bytes;
    void (*on_clock)(void *context); /* NULL, or called whenever a clock is read, by any thread */
    void *on_clock_context;
};

/* What the engines that are opened from now on record (engine/audit.h); NULL = nothing. */
extern const struct engine_audit_options *harness_audit;

/* Ends the program when it cannot be opened. */
void harness_engine_open(struct harness_engine *side, size_t graph_memory_bytes);
/* The same with the clock stopped at `now`. */
void harness_engine_open_at(struct harness_engine *side, size_t graph_memory_bytes, int64_t now);
/* The same over storage that the test made and closes, and a function that is called whenever a
 * clock is read, by any thread. */
void harness_engine_open_over(struct harness_engine *side, struct kv *kv, size_t graph_memory_bytes,
                              int64_t now, void (*on_clock)(void *context), void *on_clock_context);
void harness_engine_close(struct harness_engine *side);
/* Closes the engine and opens it again over the same store, with another budget for its caches. */
void harness_engine_reopen(struct harness_engine *side, size_t graph_memory_bytes);

/* Stops the clocks there: later times only. No deadline passes while they stand. */
void harness_set_time(struct harness_engine *side, int64_t now);

/* Puts relationships straight into the store, whatever the schema says of them: the engine is
 * closed for the moment. One transaction. */
void harness_put(struct harness_engine *side, const struct relationship *relationships,
                 size_t count);

/* The same for any change: the closed engine's store, and a transaction that is committed then. */
typedef void harness_change(void *context, struct store *store,
                            struct store_transaction *transaction);
void harness_past_engine(struct harness_engine *side, harness_change *change, void *context);
/* Submits and waits. The status of the submission, or of the write. */
enum status harness_submit(struct harness_engine *side, struct engine_write *write);
enum status harness_write_schema(struct harness_engine *side, struct slice text,
                                 struct error *error);
enum status harness_write_updates(struct harness_engine *side, const struct update *updates,
                                  size_t count, struct engine_token *written_at,
                                  struct error *error);

/* A request at the newest state, or exactly at a token; the arena is emptied first. */
struct engine_request harness_request(struct harness_engine *side, const struct engine_token *at);

/* --- values of trees --- */

/* Of the operators of trees: of a union, the first of allow, error, conditional, deny that there
 * is; of an intersection, of deny, error, conditional, allow. */
enum harness_value { HARNESS_DENY, HARNESS_ERROR, HARNESS_CONDITIONAL, HARNESS_ALLOW };

/* What a tree does not say itself. */
struct harness_tree_asker {
    enum harness_value (*userset)(void *context, const struct object *userset); /* in a leaf */
    enum harness_value (*condition)(void *context, const struct expand_condition *condition);
    void *context;
};

/* Evaluates a tree of expand for a plain subject. */
enum harness_value harness_tree_value(const struct expand_node *node, const struct object *subject,
                                      const struct harness_tree_asker *asker);

/* --- both engines, by text --- */

#define HARNESS_ASKED_MAX 24

struct harness_asked {
    struct check check;
    const char *answer;
};

struct harness {
    struct harness_engine sides[2];                /* with a cache, and without */
    struct harness_asked asked[HARNESS_ASKED_MAX]; /* since the last write, for the bulks */
    size_t asked_count;
    struct arena arena;          /* of `asked`, and of contexts and answers */
    struct arena question;       /* of the question being asked */
    const struct datum *context; /* asked with; NULL = none */
    const struct schema *schema; /* the last one that was taken; NULL = none */
    unsigned failures;
    char failure[1024]; /* the first one */
};

/* Relationships (texts) end with NULL. */
void harness_open(struct harness *harness, const char *schema, ...) __attribute__((sentinel));
void harness_close(struct harness *harness);

/* The schema in a transaction of its own, and single updates; both sides must agree
 * on the status. */
enum status harness_schema(struct harness *harness, const char *schema);
enum status harness_create(struct harness *harness, const char *relationship);
enum status harness_touch(struct harness *harness, const char *relationship);
enum status harness_delete(struct harness *harness, const char *relationship);
/* Many at once: "prefix" and "suffix" around the numbers from..to-1, in transactions of 1,000. */
void harness_touch_range(struct harness *harness, const char *prefix, unsigned from, unsigned to,
                         const char *suffix);

/* The context (JSON) of all questions from now on; NULL = none. */
void harness_context(struct harness *harness, const char *context);
/* The clocks of both sides stop there: RFC 3339. */
void harness_at(struct harness *harness, const char *time);

/* "allow", "deny", "conditional on a, b" or the name of the error, of
 * `resource#permission@subject`, through every method. Valid until harness_close. */
const char *harness_check(struct harness *harness, const char *question);
const char *harness_check_object(struct harness *harness, const struct object *resource,
                                 const char *permission, const struct object *subject);
/* With one or more actors, separated by blanks, the first acting for the subject. */
const char *harness_check_as(struct harness *harness, const char *question, const char *actors);

/* Ids, sorted by bytes, separated by blanks, of `type#permission@subject`; behind them those that
 * are undecided, each with a "?"; what is conditional is marked "[...]"; an error's name when the
 * lookup fails. Asked at page sizes 1, 2, 5 and all. Static storage. */
const char *harness_resources(struct harness *harness, const char *question);

/* Of `resource#permission` and `type` or `type#relation`: ids sorted, "*" in front with its
 * exclusions in braces: "*{eve mallory[...]} ann". Static storage. */
const char *harness_subjects(struct harness *harness, const char *resource,
                             const char *subject_type);
/* Number of resources by lookup at one page size; counts a failure when an id comes twice. */
size_t harness_count_resources(struct harness *harness, const char *question, uint32_t limit);

void harness_fail(struct harness *harness, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
