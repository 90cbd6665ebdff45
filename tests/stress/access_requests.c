/* access_requests.c - a request has one outcome, however many decide it at once.
 *
 * Threads approve, deny and cancel the same requests, each in an order of its own, as the
 * principal, as the keeper of the resource and as strangers; some repeat what they sent, as after a
 * lost reply. Meanwhile a thread makes and unmakes the keepers. Exactly one decision of each
 * request is done, the record says which, and the session has a grant for each approval and no
 * other.
 *
 * BEHALF_ROUNDS: sets of requests. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "engine/agents.h"
#include "tests/support/harness.h"

#define THREADS 64
#define PRINCIPALS 4
#define REQUESTS (PRINCIPALS * ENGINE_REQUESTS_PENDING)
#define HOUR (INT64_C(3600) * 1000000000)
#define TIME_BEGIN INT64_C(1790000000000000000)
#define NAME_SIZE 24
#define REPORTED_MOST 10

static const char schema[] = "definition user {}\n"
                             "definition agent { permission acts_on_behalf_of = nil }\n"
                             "definition vault {\n"
                             "  relation keeper: user\n"
                             "  permission open = keeper\n"
                             "  permission agent_approver = keeper\n"
                             "}\n";

static const char *const strangers[] = {"mallory", "trudy"};

struct asked {
    struct record_id id;
    struct record_id session;
    unsigned principal;
    atomic_uint decided;  /* decisions that were done */
    atomic_uint approved; /* of these: how many approvals */
    struct record_id grant;
};

struct crowd {
    struct harness_engine side;
    struct asked asked[REQUESTS];
    struct record_id sessions[PRINCIPALS];
    atomic_size_t wrong;
    atomic_size_t writes;
    atomic_bool over;
    pthread_barrier_t barrier;
};

struct decider {
    struct crowd *crowd;
    unsigned number;
    unsigned round;
    uint64_t random;
    pthread_t thread;
};

static void
must(enum status status, const char *what, const struct error *error)
{
    if (status == BEHALF_OK)
        return;
    fprintf(stderr, "access_requests: %s: %s: %s\n", what, status_name(status), error->message);
    abort();
}

static void
complain(struct crowd *crowd, const char *what, unsigned request)
{
    if (atomic_fetch_add(&crowd->wrong, 1) < REPORTED_MOST)
        fprintf(stderr, "access_requests: request %u: %s\n", request, what);
}

static struct object
user(const char *name)
{
    return (struct object){.type = slice_of("user"), .id = slice_of(name)};
}

static struct object
principal_of(unsigned number, char name[NAME_SIZE])
{
    (void)snprintf(name, NAME_SIZE, "u%u", number);
    return user(name);
}

static struct object
the_vault(void)
{
    return (struct object){.type = slice_of("vault"), .id = slice_of("v")};
}

static struct object
the_agent(void)
{
    return (struct object){.type = slice_of("agent"), .id = slice_of("bot")};
}

/* --- the requests --- */

static void
open_sessions(struct crowd *crowd)
{
    for (unsigned number = 0; number < PRINCIPALS; number++) {
        char name[NAME_SIZE];
        const struct engine_new_session new = {
            .principal = principal_of(number, name),
            .agent = the_agent(),
            .end.in_ns = 8 * HOUR,
        };
        struct engine_write write = {.kind = WRITE_SESSION_CREATE, .new_session = &new};

        must(harness_submit(&crowd->side, &write), "session", &write.error);
        crowd->sessions[number] = write.session;
    }
}

/* As many as a principal and an agent may have pending. */
static void
ask_all(struct crowd *crowd)
{
    for (unsigned number = 0; number < REQUESTS; number++) {
        struct asked *asked = &crowd->asked[number];
        char name[NAME_SIZE];
        const struct engine_new_access_request new = {
            .principal = principal_of(number % PRINCIPALS, name),
            .agent = the_agent(),
            .resource = the_vault(),
            .permission = SLICE_LITERAL("open"),
            .requested.uses = 1,
        };
        struct engine_write write = {.kind = WRITE_REQUEST_CREATE, .new_access_request = &new};

        must(harness_submit(&crowd->side, &write), "request", &write.error);
        asked->id = write.access_request;
        asked->principal = number % PRINCIPALS;
        asked->session = crowd->sessions[asked->principal];
        atomic_store(&asked->decided, 0);
        atomic_store(&asked->approved, 0);
    }
}

/* --- deciding --- */

static unsigned
draw(struct decider *decider, unsigned below)
{
    decider->random = decider->random * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (unsigned)(decider->random >> 33) % below;
}

enum who { PRINCIPAL, KEEPER, STRANGER, WHO_COUNT };

static struct object
approver_of(struct decider *decider, const struct asked *asked, enum who who, char name[NAME_SIZE])
{
    if (who == PRINCIPAL)
        return principal_of(asked->principal, name);
    return user(who == KEEPER ? "keeper" : strangers[draw(decider, 2)]);
}

static enum status
send_write(struct crowd *crowd, struct engine_worker *worker, struct engine_write *write)
{
    enum status status = engine_write_prepare(worker, write);
    struct error error;

    if (status == BEHALF_OK)
        status = engine_write_wait(crowd->side.engine, write, &error);
    atomic_fetch_add(&crowd->writes, 1);
    return status;
}

/* A decision that was done, by whom it must not be, or once more. */
static void
note_done(struct crowd *crowd, unsigned number, const struct engine_write *write, enum who who)
{
    struct asked *asked = &crowd->asked[number];

    if (who == STRANGER)
        complain(crowd, "a stranger decided", number);
    if (write->repeated) { /* this thread's own, counted when it was done */
        if (write->has_grant && !record_id_equal(&write->grant, &asked->grant))
            complain(crowd, "a repeat gave another grant", number);
        return;
    }
    if (atomic_fetch_add(&asked->decided, 1) > 0)
        complain(crowd, "decided twice", number);
    if (write->kind != WRITE_REQUEST_APPROVE)
        return;
    if (!write->has_grant)
        complain(crowd, "approved without a grant", number);
    atomic_fetch_add(&asked->approved, 1);
    asked->grant = write->grant; /* of one thread: the only one whose approval was done */
}

static void
decide(struct decider *decider, struct engine_worker *worker, unsigned number)
{
    struct crowd *crowd = decider->crowd;
    const struct asked *asked = &crowd->asked[number];
    enum who who = (enum who)draw(decider, WHO_COUNT);
    char name[NAME_SIZE];
    char key[3 * NAME_SIZE];
    struct engine_access_approval approval = {
        .request = asked->id,
        .grant = {.session = asked->session,
                  .terms.end.in_ns = HOUR,
                  .approval.approver = approver_of(decider, asked, who, name)},
    };
    struct engine_access_refusal refusal = {
        .request = asked->id,
        .close = draw(decider, 2) == 0 ? ACCESS_REQUEST_DENY : ACCESS_REQUEST_CANCEL,
        .approver = approval.grant.approval.approver,
        .reason = SLICE_LITERAL("no"),
    };
    bool approves = draw(decider, 2) == 0;
    unsigned times = 1 + draw(decider, 3);

    (void)snprintf(key, sizeof key, "%u.%u.%u", decider->round, decider->number, number);
    for (unsigned time = 0; time < times; time++) {
        struct engine_write write = {
            .kind = approves ? WRITE_REQUEST_APPROVE : WRITE_REQUEST_CLOSE,
            .caller = SLICE_LITERAL("stress"),
            .idempotency_key = slice_of(key),
        };
        enum status status;

        if (approves)
            write.access_approval = &approval;
        else
            write.access_refusal = &refusal;
        memcpy(write.request_digest, &asked->id, sizeof asked->id);
        status = send_write(crowd, worker, &write);
        if (status == BEHALF_OK)
            note_done(crowd, number, &write, who);
        else if (status != BEHALF_RECORD_NOT_ACTIVE && status != BEHALF_APPROVER_REFUSED)
            must(status, "decide", &write.error);
    }
}

static void *
run_decider(void *argument)
{
    struct decider *decider = argument;
    struct crowd *crowd = decider->crowd;
    struct engine_worker *worker = engine_worker_new(crowd->side.engine, true);
    unsigned first = draw(decider, REQUESTS);

    pthread_barrier_wait(&crowd->barrier);
    for (unsigned at = 0; at < REQUESTS; at++)
        decide(decider, worker, (first + at) % REQUESTS);
    engine_worker_free(worker);
    return NULL;
}

/* Who may approve changes all the while. */
static void *
run_keepers(void *argument)
{
    struct crowd *crowd = argument;
    struct update update = {.relationship = {.resource = the_vault(), .subject = user("keeper")}};

    update.relationship.resource.relation = slice_of("keeper");
    pthread_barrier_wait(&crowd->barrier);
    for (unsigned turn = 0; !atomic_load(&crowd->over); turn++) {
        struct engine_write write = {
            .kind = WRITE_RELATIONSHIPS, .updates = &update, .update_count = 1};
        struct error error;

        update.op = turn % 2 == 0 ? UPDATE_TOUCH : UPDATE_DELETE;
        must(engine_write_wait(crowd->side.engine, &write, &error), "keeper", &error);
    }
    return NULL;
}

/* --- what came of it --- */

static void
check_request(struct crowd *crowd, unsigned number)
{
    struct asked *asked = &crowd->asked[number];
    struct engine_request request = harness_request(&crowd->side, NULL);
    struct engine_record_result result;
    const struct engine_access_request *found = &result.record.access_request;
    bool approved = atomic_load(&asked->approved) == 1;
    struct error error;

    must(engine_access_request_read(crowd->side.worker, &request, &asked->id, &result, &error),
         "read", &error);
    if (atomic_load(&asked->decided) != 1)
        complain(crowd, "not decided exactly once", number);
    if (found->status == ACCESS_REQUEST_PENDING)
        complain(crowd, "still pending", number);
    if ((found->status == ACCESS_REQUEST_APPROVED) != approved || found->has_grant != approved)
        complain(crowd, "the record says something else than the replies", number);
    if (approved && !record_id_equal(&found->grant, &asked->grant))
        complain(crowd, "the record names another grant", number);
}

static size_t
count_grants(struct crowd *crowd)
{
    size_t count = 0;

    for (unsigned number = 0; number < PRINCIPALS; number++) {
        struct engine_request request = harness_request(&crowd->side, NULL);
        const struct engine_record_list list = {.by = LIST_GRANTS_OF_SESSION,
                                                .session = crowd->sessions[number],
                                                .limit = ENGINE_GRANTS_PER_SESSION,
                                                .most_bytes = SIZE_MAX};
        struct engine_record_list_result result;
        struct error error;

        must(engine_record_list(crowd->side.worker, &request, &list, &result, &error), "list",
             &error);
        count += result.record_count;
    }
    return count;
}

static size_t
run_round(struct crowd *crowd, unsigned round)
{
    static struct decider deciders[THREADS];
    size_t approved = 0;
    pthread_t keepers;

    open_sessions(crowd);
    ask_all(crowd);
    atomic_store(&crowd->over, false);
    pthread_barrier_init(&crowd->barrier, NULL, THREADS + 1);
    for (unsigned number = 0; number < THREADS; number++) {
        deciders[number] = (struct decider){
            .crowd = crowd, .number = number, .round = round, .random = round * THREADS + number};
        if (pthread_create(&deciders[number].thread, NULL, run_decider, &deciders[number]) != 0)
            abort();
    }
    if (pthread_create(&keepers, NULL, run_keepers, crowd) != 0)
        abort();
    for (unsigned number = 0; number < THREADS; number++)
        pthread_join(deciders[number].thread, NULL);
    atomic_store(&crowd->over, true);
    pthread_join(keepers, NULL);
    pthread_barrier_destroy(&crowd->barrier);
    for (unsigned number = 0; number < REQUESTS; number++) {
        check_request(crowd, number);
        approved += atomic_load(&crowd->asked[number].approved);
    }
    if (count_grants(crowd) != approved)
        complain(crowd, "the sessions have other grants than were approved", REQUESTS);
    return approved;
}

int
main(void)
{
    const char *text = getenv("BEHALF_ROUNDS");
    unsigned rounds = text != NULL ? (unsigned)strtoul(text, NULL, 10) : 2;
    struct crowd *crowd = memory_new(sizeof *crowd);
    struct error error;
    size_t approved = 0;
    size_t wrong;

    memset(crowd, 0, sizeof *crowd);
    harness_engine_open_at(&crowd->side, 0, TIME_BEGIN);
    must(harness_write_schema(&crowd->side, slice_of(schema), &error), "schema", &error);
    for (unsigned round = 1; round <= rounds; round++) {
        harness_set_time(&crowd->side, TIME_BEGIN + (int64_t)round * HOUR);
        approved += run_round(crowd, round);
    }
    wrong = atomic_load(&crowd->wrong);
    printf("access_requests: %u rounds, %u requests, %zu writes by %d threads: %zu approved, "
           "%zu wrong\n",
           rounds, rounds * REQUESTS, atomic_load(&crowd->writes), THREADS, approved, wrong);
    harness_engine_close(&crowd->side);
    memory_free(crowd);
    return wrong == 0 && approved > 0 && approved < (size_t)rounds * REQUESTS ? 0 : 1;
}
