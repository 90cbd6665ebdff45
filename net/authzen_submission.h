/* authzen_submission.h - the body of an access request: the words that were denied, the denial, and
 * what is asked for.
 *
 * Always true: it names an agent, in the words of an evaluation or as `client.actor`, and where it
 * names one in several ways they agree. What it says of the denial is not believed: whether the
 * denial is one, and of these words, its seal tells (engine_denial_open).
 * Memory: in the arena; texts may point into the body. Threads: none. Errors: MALFORMED_REQUEST and
 * the like with the path of the member; DENIAL_INVALID where no denial can belong to the body. */
#ifndef BEHALF_NET_AUTHZEN_SUBMISSION_H
#define BEHALF_NET_AUTHZEN_SUBMISSION_H

#include "net/authzen_graph.h"

struct authzen_submission {
    struct authzen_question question; /* `check` has principal, agents, and the resource and
                                         permission that the words mean; `words` are as sent */
    struct slice binding_token;
    bool has_evaluation_id;
    struct slice evaluation_id;
    bool has_expires_at;
    int64_t expires_at;         /* of the denial, as it is repeated */
    int64_t requested_until;    /* 0 = none */
    struct slice justification; /* empty = none */
};

enum status authzen_read_submission(const struct authzen_config *config, const struct key *caller,
                                    const struct datum *body, struct arena *arena,
                                    struct authzen_submission *submission,
                                    struct error *error) BEHALF_MUST_USE;

#endif
