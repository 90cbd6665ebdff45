/* authzen_admit.h - what is looked at before the body of an AuthZEN request: path, method, fields,
 * key.
 *
 * Always true: without a keys file Authorization is passed over, whatever it says; with one,
 * nothing but the metadata is answered without a key whose roles may ask.
 * Threads: any. Memory: texts point into the request. */
#ifndef BEHALF_NET_AUTHZEN_ADMIT_H
#define BEHALF_NET_AUTHZEN_ADMIT_H

#include "http/http.h"
#include "net/authzen_endpoint.h"
#include "net/authzen_reply.h"
#include "net/keys.h"

/* Whether a key was shown, and known. */
enum authzen_key { AUTHZEN_KEY_NONE, AUTHZEN_KEY_KNOWN, AUTHZEN_KEY_UNKNOWN };

struct authzen_admission {
    struct authzen_target target;
    struct slice request_id;      /* empty = none */
    struct slice idempotency_key; /* the same */
    enum authzen_key key;
    const struct key *caller; /* to be given back by key_release; NULL for the metadata */
};

/* `keys` NULL: nobody is asked for a key. False: the refusal stands in `reply`, and no key is
 * held. */
bool authzen_admit(const struct authzen_config *config, struct keys *keys,
                   const struct http_request *request, int64_t now_ns,
                   struct authzen_admission *admission,
                   struct authzen_reply *reply) BEHALF_MUST_USE;

#endif
