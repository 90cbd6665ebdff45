/* write.h - what the writer's files tell each other: how one transaction is decided.
 *
 * Always true: a decider reads the state its transaction is decided against, puts its changes into
 * the transaction and touches nothing else; when it fails it has described why in write->error, and
 * the writer aborts the transaction, so that nothing of it is left.
 * Threads: the writer thread. */
#ifndef BEHALF_ENGINE_WRITE_H
#define BEHALF_ENGINE_WRITE_H

#include "eval/binding.h"
#include "graph/budget.h"
#include "engine/clock.h"
#include "engine/engine.h"
#include "engine/filter.h"
#include "engine/write_counts.h"

#define WRITE_METADATA_SIZE_MAX 4096

/* One group of transactions on their way to one sync, and the one of them being decided. */
struct write_group {
    struct engine *engine;
    struct binding *binding;   /* the newest schema, perhaps of this group; NULL before the first */
    struct schema *compiled;   /* what the transaction being decided makes the schema; else NULL */
    struct arena arena;        /* of the transaction being decided */
    struct clock_reading time; /* at which it is decided, read once for it */
    struct budget budget;      /* what its filters may visit: the writer serves everybody */
    struct stops *stops;       /* as the group leaves them so far; one reference */
    struct write_counts *counts;
    struct buffer record; /* bytes of the record that was read last */
    struct buffer block;  /* and what it was decoded to */
};

/* What filters of this transaction look through. */
struct filter_view write_filter_view(const struct write_group *group,
                                     const struct store_transaction *transaction);

enum status write_relationships(struct write_group *group, struct store_transaction *transaction,
                                struct engine_write *write) BEHALF_MUST_USE;
enum status write_delete(struct write_group *group, struct store_transaction *transaction,
                         struct engine_write *write) BEHALF_MUST_USE;
/* BEHALF_DONE: nothing has expired, or nothing may be swept; there is nothing to commit. */
enum status write_sweep(struct write_group *group, struct store_transaction *transaction,
                        struct engine_write *write) BEHALF_MUST_USE;
enum status write_schema(struct write_group *group, struct store_transaction *transaction,
                         struct engine_write *write) BEHALF_MUST_USE;

/* Compiles the schema of a WRITE_SCHEMA into write->compiled. */
enum status write_compile(struct engine_write *write) BEHALF_MUST_USE;

enum status write_session_create(struct write_group *group, struct store_transaction *transaction,
                                 struct engine_write *write) BEHALF_MUST_USE;
enum status write_session_change(struct write_group *group, struct store_transaction *transaction,
                                 struct engine_write *write) BEHALF_MUST_USE;
enum status write_grant_create(struct write_group *group, struct store_transaction *transaction,
                               struct engine_write *write) BEHALF_MUST_USE;
enum status write_grant_delegate(struct write_group *group, struct store_transaction *transaction,
                                 struct engine_write *write) BEHALF_MUST_USE;
enum status write_grant_revoke(struct write_group *group, struct store_transaction *transaction,
                               struct engine_write *write) BEHALF_MUST_USE;
enum status write_request_create(struct write_group *group, struct store_transaction *transaction,
                                 struct engine_write *write) BEHALF_MUST_USE;
enum status write_request_approve(struct write_group *group, struct store_transaction *transaction,
                                  struct engine_write *write) BEHALF_MUST_USE;
enum status write_request_close(struct write_group *group, struct store_transaction *transaction,
                                struct engine_write *write) BEHALF_MUST_USE;
enum status write_stop(struct write_group *group, struct store_transaction *transaction,
                       struct engine_write *write) BEHALF_MUST_USE;
enum status write_use(struct write_group *group, struct store_transaction *transaction,
                      struct engine_write *write) BEHALF_MUST_USE;

/* BEHALF_DONE: the objects have these attributes already. */
enum status write_attributes(struct write_group *group, struct store_transaction *transaction,
                             struct engine_write *write) BEHALF_MUST_USE;

/* A context to be stored with a caveat: MAX_RELATIONSHIP_CONTEXT_SIZE, and those of
 * caveat_check_context. */
enum status write_check_context(const struct caveat *caveat, struct slice bytes,
                                struct error *error) BEHALF_MUST_USE;

/* EMPTY_PRECONDITION and WRITE_OR_DELETE_PRECONDITION_FAILURE, whose index is that of the
 * precondition, and those of filter.h, whose message names it. */
enum status write_check_preconditions(struct write_group *group,
                                      const struct store_transaction *transaction,
                                      struct engine_write *write) BEHALF_MUST_USE;

/* BEHALF_OK, or NO_SCHEMA before the first schema. */
enum status write_needs_schema(const struct write_group *group,
                               struct error *error) BEHALF_MUST_USE;

#endif
