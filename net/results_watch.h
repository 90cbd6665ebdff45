/* results_watch.h - what a stream says, as the values of its notifications and events.
 * Threads: none; pure functions over a buffer. */
#ifndef BEHALF_NET_RESULTS_WATCH_H
#define BEHALF_NET_RESULTS_WATCH_H

#include "engine/watch.h"
#include "net/results.h"

/* `stream` 0: none is named, as over HTTP each has a connection of its own.
 * {stream?, revision, time, token, last, sweep?, caller?, metadata?, relationships?, schema?,
 * records?}. `scratch` is cleared and used. */
enum status result_put_changes(struct buffer *out, uint64_t stream,
                               const struct watch_message *message, struct buffer *scratch,
                               struct error *error) BEHALF_MUST_USE;
/* {stream?, revision, token}: nothing more passed up to there. */
void result_put_checkpoint(struct buffer *out, uint64_t stream, uint64_t revision,
                           const struct engine_token *token);
/* {stream?, token, error} */
void result_put_ended(struct buffer *out, uint64_t stream, const struct engine_token *token,
                      const struct error *error);

#endif
