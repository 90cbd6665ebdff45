/* authzen_answer.h - AuthZEN requests and their answers, without sockets and threads of their own:
 * a request that was admitted (authzen_admit.h) is answered by a worker that may wait.
 *
 * Always true: `decision` is true only where the engine allowed. What is conditional, an error, or
 * names what the schema does not have, is no allow.
 * Threads: any; what is asked belongs to one request. Memory: answers in the reply's buffer. */
#ifndef BEHALF_NET_AUTHZEN_ANSWER_H
#define BEHALF_NET_AUTHZEN_ANSWER_H

#include <stdatomic.h>

#include "engine/agents.h"
#include "net/authzen_config.h"
#include "net/authzen_endpoint.h"
#include "net/authzen_graph.h"
#include "net/authzen_reply.h"
#include "net/json_out.h"
#include "net/keys.h"

/* What answers: the request of an engine, for one caller. */
struct authzen_asked {
    const struct authzen_config *config;
    enum authzen_endpoint endpoint;
    struct slice text;            /* the body of the request */
    struct slice idempotency_key; /* empty = none */
    const struct key *caller;
    struct engine *engine;
    struct engine_worker *worker;
    struct arena *arena;
    const atomic_bool *cancelled;
    struct slice task;                  /* of a request for access: the id in the path */
    struct engine_use *use;             /* of an evaluation whose chain of grants has uses */
    struct engine_write *write;         /* of a request for access: what makes or cancels it */
    bool written;                       /* the write is done */
    struct engine_recording *recording; /* of an evaluation that waits for its record; NULL on a
                                           loop */
    struct slice request_id;            /* empty = none */
    int64_t arrived_ns;
    bool gives_way; /* as in engine_request */
    bool on_loop;   /* the worker must not wait: BEHALF_WOULD_BLOCK where it would have to */
};

/* BEHALF_OK: the reply is whole, whatever it says. BEHALF_MUST_SPEND, BEHALF_MUST_RECORD and
 * BEHALF_WOULD_BLOCK as of engine_check: the body of the reply is empty, and the same is to be
 * asked again. So after BEHALF_MUST_WRITE, once `write`, which was filled, is done. */
enum status authzen_answer(const struct authzen_asked *asked,
                           struct authzen_reply *reply) BEHALF_MUST_USE;

/* --- between the parts --- */

/* Whether the caller's key may ask this; with the refusal in `reply` when not. */
bool authzen_may_ask(const struct authzen_asked *asked, const struct check *check,
                     struct authzen_reply *reply);

/* What carries a question to the engine. */
struct engine_request authzen_request(const struct authzen_asked *asked,
                                      const struct authzen_question *question);

/* Whether the error says that the schema lacks a type or action: no fault, but a deny. */
bool authzen_is_unknown(enum status status);

/* The token of what is published, where a reply has no snapshot of its own: not on a loop. */
void authzen_set_revision(const struct authzen_asked *asked, struct authzen_reply *reply);

/* Fills the reply with the refusal that belongs to an error: at the endpoints of access requests a
 * problem of the profile, where it has one. */
void authzen_refuse_asked(enum authzen_endpoint endpoint, const struct error *error,
                          struct authzen_reply *reply);

/* Begins the member `context` with `evaluation_id` (empty = none) and `evaluated_at`. */
void authzen_open_context(const struct authzen_asked *asked, struct json_out *json,
                          const struct record_id_text *decision_id);

/* Why a decision is no allow, in the words of an approval where one was shown; empty = none. */
struct slice authzen_reason(const struct authzen_question *question, const struct check_item *item);
/* The members `next_action` and `access_request`, where they apply. */
void authzen_put_next(const struct authzen_asked *asked, struct json_out *json,
                      const struct authzen_question *question, const struct check_item *item);

/* Each fills the reply, or gives one of the statuses of authzen_answer, or an error for all of the
 * request. */
enum status authzen_evaluate(const struct authzen_asked *asked, const struct datum *body,
                             struct authzen_reply *reply, struct error *error) BEHALF_MUST_USE;
enum status authzen_evaluate_many(const struct authzen_asked *asked, const struct datum *body,
                                  struct authzen_reply *reply, struct error *error) BEHALF_MUST_USE;
enum status authzen_request_create(const struct authzen_asked *asked, const struct datum *body,
                                   struct authzen_reply *reply,
                                   struct error *error) BEHALF_MUST_USE;
enum status authzen_request_show(const struct authzen_asked *asked, struct authzen_reply *reply,
                                 struct error *error) BEHALF_MUST_USE;
/* `body` NULL: there is none. */
enum status authzen_request_cancel(const struct authzen_asked *asked, const struct datum *body,
                                   struct authzen_reply *reply,
                                   struct error *error) BEHALF_MUST_USE;
enum status authzen_search(const struct authzen_asked *asked, const struct datum *body,
                           struct authzen_reply *reply, struct error *error) BEHALF_MUST_USE;

#endif
