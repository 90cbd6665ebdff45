/* results.h - the shapes of the protocol's results, written straight into the reply.
 * Threads: none; pure functions over a buffer. */
#ifndef BEHALF_NET_RESULTS_H
#define BEHALF_NET_RESULTS_H

#include "base/buffer.h"
#include "engine/agents.h"
#include "net/codec.h"

/* {code, reason, message, hint?, at?: {line, column, text}, index?, retry_after_ms?} */
void result_put_error(struct buffer *out, const struct error *error);

void result_put_decision(struct buffer *out, enum decision decision);
void result_put_token(struct buffer *out, const struct engine_token *token);

/* The token, or nil where there is none: the end of the pages. */
void result_put_cursor(struct buffer *out, const struct engine_token *cursor);

/* "type:id#relation"; `scratch` is cleared and used. */
void result_put_object(struct buffer *out, const struct object *object, struct buffer *scratch);

/* RFC 3339, or nil for 0. */
void result_put_time(struct buffer *out, int64_t time_ns);

/* The pair `missing`, which stands in conditional results only. */
void result_put_missing(struct buffer *out, const struct missing_context *missing);

/* The pairs of one item: `decision`, `reason` and `decision_id` where it has them, `missing` when
 * it is conditional, `valid_until`, `trace` when it was asked for; or `error`. */
size_t result_item_pairs(const struct check_item *item);
enum status result_put_item(struct buffer *out, const struct check_item *item, struct arena *arena,
                            struct error *error) BEHALF_MUST_USE;

/* `reason` and `decision_id` of a list, each if there is one. */
size_t result_delegated_pairs(enum engine_reason reason, const struct record_id_text *decision_id);
void result_put_delegated(struct buffer *out, enum engine_reason reason,
                          const struct record_id_text *decision_id);

/* A session or grant: its id under `name`, its fields with times in words, `state`, and what
 * stands beside it (`last_seen`; `uses_left`, `chain`). `more` pairs of the map follow. */
enum status result_put_record(struct buffer *out, const char *name, const char *prefix,
                              const struct engine_record *record, size_t more, struct arena *arena,
                              struct error *error) BEHALF_MUST_USE;

/* An access request: its id under `request`, its fields, and its status as of now. */
enum status result_put_access_request(struct buffer *out, const struct engine_record *record,
                                      size_t more, struct arena *arena,
                                      struct error *error) BEHALF_MUST_USE;

void result_put_id(struct buffer *out, const struct record_id *id, const char *prefix);

/* The pairs of a condition: `caveat` ({name, context?}) and `expires_at`, each if there is one. */
size_t result_condition_pairs(const struct expand_condition *condition);
enum status result_put_condition(struct buffer *out, const struct expand_condition *condition,
                                 struct error *error) BEHALF_MUST_USE;

/* A map in the stored JSON text of a context. */
enum status result_put_context(struct buffer *out, struct slice json,
                               struct error *error) BEHALF_MUST_USE;

/* Text when it has no condition, else {resource, relation, subject, caveat?, expires_at?}.
 * `scratch` is cleared and used. */
enum status result_put_relationship(struct buffer *out, const struct relationship *relationship,
                                    struct buffer *scratch, struct error *error) BEHALF_MUST_USE;

/* An explanation with all its branches; stops early when the reply is too large to be sent. */
enum status result_put_trace(struct buffer *out, const struct explanation *root,
                             struct arena *arena, struct error *error) BEHALF_MUST_USE;

#endif
