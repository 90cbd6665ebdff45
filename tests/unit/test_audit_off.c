/* test_audit_off.c - an engine that records nothing says so. */
#include "engine/audit.h"
#include "tests/unit/test_agents_support.h"

Test(audit_off, every_function_says_so)
{
    struct engine_request request;
    const struct audit_read read = {.limit = 1};
    const struct audit_replay replay = {.then = true};
    const struct audit_proof_request proof = {.size = 1};
    const struct audit_append append = {.event = SLICE_LITERAL("gateway.x")};
    struct audit_explain_result explained;
    struct audit_replay_result replayed;
    struct audit_verify_result verified;
    struct audit_proof_result proved;
    struct audit_read_result page;
    struct error error;
    struct slice note;

    agents_open("definition user {}", NULL);
    request = harness_request(&agents, NULL);
    cr_expect_eq(engine_audit_read(agents.worker, &request, &read, &page, &error),
                 BEHALF_AUDIT_UNAVAILABLE);
    cr_expect_eq(engine_audit_checkpoint(agents.worker, &request, &note, &error),
                 BEHALF_AUDIT_UNAVAILABLE);
    cr_expect_eq(engine_audit_prove(agents.worker, &request, &proof, &proved, &error),
                 BEHALF_AUDIT_UNAVAILABLE);
    cr_expect_eq(
        engine_audit_verify(agents.worker, &request, (struct slice){NULL, 0}, &verified, &error),
        BEHALF_AUDIT_UNAVAILABLE);
    cr_expect_eq(engine_audit_explain(agents.worker, &request,
                                      SLICE_LITERAL("dec_00000000000000000000000000"), &explained,
                                      &error),
                 BEHALF_AUDIT_UNAVAILABLE);
    cr_expect_eq(engine_audit_replay(agents.worker, &request, &replay, &replayed, &error),
                 BEHALF_AUDIT_UNAVAILABLE);
    cr_expect_eq(engine_audit_append(agents.worker, &request, &append, &error),
                 BEHALF_AUDIT_UNAVAILABLE);
    agents_close();
}
