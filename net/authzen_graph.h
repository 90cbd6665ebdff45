/* authzen_graph.h - from the words of an AuthZEN request to the engine's structs.
 *
 * Always true: an agent or a grant that a request names in any way is asked for, or the request is
 * refused: what is present but cannot be used is never passed over. No two issuers share the id of
 * an agent.
 * Memory: in the arena and the question itself, which stays where it is. Threads: none.
 * Errors: MALFORMED_REQUEST and the like, with the path of the member; BUDGET_EXHAUSTED. */
#ifndef BEHALF_NET_AUTHZEN_GRAPH_H
#define BEHALF_NET_AUTHZEN_GRAPH_H

#include "engine/agents.h"
#include "net/authzen_body.h"
#include "net/authzen_config.h"
#include "net/keys.h"

struct authzen_question {
    struct check
        check; /* `delegation` and `properties` point into the question where there are any */
    struct check_properties properties;
    struct engine_delegation delegation;
    struct authzen_words words; /* that it was asked in */
    struct slice grant;         /* as it was sent; empty = none */
    struct slice at_least;      /* empty = none */
    bool has_behalf;            /* `context.behalf` is there */
    bool has_approval;          /* `context.approval` is, and access can be requested: the grant is
                                   shown as an approval */
};

/* Whether the words name an agent, or a grant, in whatever form. */
bool authzen_names_agent(const struct authzen_words *words);
bool authzen_names_grant(const struct authzen_words *words);

enum status authzen_ask(const struct authzen_config *config, const struct key *caller,
                        const struct authzen_words *words, struct arena *arena,
                        struct authzen_question *question, struct error *error) BEHALF_MUST_USE;

#endif
