/* revocation.c - what was revoked is denied by every answer that is asked for after the reply, and
 * a use is allowed once.
 *
 * pauses   One thread, deterministic. A question by a grant is stopped at each of its steps, that
 *          is whenever it looks at a clock or at the storage, and there the revocation is done,
 *          reply and all. From then on it has to deny, but for the last steps, behind the look
 *          that it takes again before an allow leaves: how many those are is counted, and few.
 *          Cold and warm: a record whose load is under way is a step of its own.
 * threads  Authors make sessions and chains, wait until readers were allowed, revoke in every way
 *          that there is, and wait again. Readers ask by every method, on loops and elsewhere. A
 *          question begun after the reply of a revocation that allows is wrong.
 * uses     Many threads spend the uses of a grant and lose replies: without keys at most as many
 *          allows as uses, with keys that are tried again exactly as many.
 *
 * What readers share with authors beside the engine is what clients of a server would share: the
 * reply. BEHALF_ROUNDS: of each author. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "engine/agents.h"
#include "tests/support/harness.h"
#include "tests/support/kv_fault.h"

#define ARENA ((size_t)16 * 1024 * 1024)
#define TIME_BEGIN INT64_C(1790000000000000000)
#define HOUR (INT64_C(3600) * 1000000000)
#define AUTHORS 3
#define READERS 4
#define DOCUMENTS 6
#define NAME_SIZE 24
#define CHAIN_MOST 3
#define REPORTED_MOST 10
#define PLENTY ((size_t)16 * 1024 * 1024)
#define PAUSED_PRINCIPALS 40
/* Behind the second look: ids of decisions, a cursor. A bulk looks for each of its items. */
#define LAST_STEPS 6
#define LAST_STEPS_OF_BULK (3 * DOCUMENTS)

static const char schema[] = "definition user {}\n"
                             "definition agent { permission acts_on_behalf_of = nil }\n"
                             "definition document {\n"
                             "  relation viewer: user\n"
                             "  permission view = viewer\n"
                             "}\n";

static const char *const document_names[DOCUMENTS] = {"d0", "d1", "d2", "d3", "d4", "d5"};

/* A session with its chain, as whoever asks by it knows it. */
struct target {
    struct record_id session;
    struct record_id grants[CHAIN_MOST];
    int length;
    unsigned principal;
    unsigned round;
};

enum way {
    REVOKE_LAST,
    REVOKE_ROOT,
    REVOKE_SESSION,
    SUSPEND,
    KILL_AGENT,
    KILL_CLIENT,
    KILL_PRINCIPAL,
    WAYS
};

enum method { CHECK, BULK, FILTER, RESOURCES, PERMISSIONS, METHODS };

static const char *const method_names[METHODS] = {"check", "check_bulk", "filter_resources",
                                                  "lookup_resources", "lookup_permissions"};

static _Noreturn void
give_up(const char *what, enum status status, const struct error *error)
{
    fprintf(stderr, "revocation: %s: %s: %s\n", what, status_name(status), error->message);
    abort();
}

static void
must(enum status status, const char *what, const struct error *error)
{
    if (status != BEHALF_OK)
        give_up(what, status, error);
}

static struct object
numbered(const char *type, const char *prefix, unsigned number, char name[NAME_SIZE])
{
    (void)snprintf(name, NAME_SIZE, "%s%u", prefix, number);
    return (struct object){.type = slice_of(type), .id = slice_of(name)};
}

static struct object
principal_of(unsigned number, char name[NAME_SIZE])
{
    return numbered("user", "u", number, name);
}

static struct object
agent_of(unsigned principal, int place, char name[NAME_SIZE])
{
    return numbered("agent", "a", principal * CHAIN_MOST + (unsigned)place, name);
}

static struct object
document_of(int number)
{
    return (struct object){.type = slice_of("document"), .id = slice_of(document_names[number])};
}

static void
submit(struct harness_engine *side, struct engine_write *write, const char *what)
{
    enum status status = harness_submit(side, write);

    must(status, what, &write->error);
}

static void
write_world(struct harness_engine *side, unsigned principals)
{
    struct update updates[DOCUMENTS];
    struct error error;

    must(harness_write_schema(side, slice_of(schema), &error), "schema", &error);
    for (unsigned principal = 0; principal < principals; principal++) {
        char name[NAME_SIZE];

        for (int i = 0; i < DOCUMENTS; i++) {
            struct object document = document_of(i);

            document.relation = slice_of("viewer");
            updates[i] = (struct update){
                UPDATE_TOUCH, {.resource = document, .subject = principal_of(principal, name)}};
        }
        must(harness_write_updates(side, updates, DOCUMENTS, NULL, &error), "viewers", &error);
    }
}

static const struct slice actions[] = {{"view", 4}};
static const struct engine_scope_element scope[] = {{{"document:*", 10}, actions, 1}};

static struct engine_grant_terms
terms_of(int depth, uint64_t uses)
{
    return (struct engine_grant_terms){.scope = scope,
                                       .scope_count = 1,
                                       .end = {.in_ns = HOUR},
                                       .max_depth = (uint32_t)depth,
                                       .uses = uses};
}

/* A session and a chain of `length` grants; the last one has `uses`, if any. */
static struct target
make_target(struct harness_engine *side, unsigned principal, int length, uint64_t uses)
{
    struct target target = {.length = length, .principal = principal};
    char principal_name[NAME_SIZE];
    char agent_name[NAME_SIZE];
    char client[NAME_SIZE];
    struct engine_root_grant root = {.terms = terms_of(length - 1, length == 1 ? uses : 0)};
    struct engine_new_session session = {.end = {.in_ns = 2 * HOUR}, .grant = &root};
    struct engine_write write = {.kind = WRITE_SESSION_CREATE, .new_session = &session};

    (void)snprintf(client, sizeof client, "client%u", principal);
    session.principal = principal_of(principal, principal_name);
    session.agent = agent_of(principal, 0, agent_name);
    session.client = slice_of(client);
    root.approval.approver = session.principal;
    submit(side, &write, "session");
    target.session = write.session;
    target.grants[0] = write.grant;
    for (int i = 1; i < length; i++) {
        char next_name[NAME_SIZE];
        struct engine_delegated_grant grant = {
            .parent = target.grants[i - 1],
            .actor = agent_of(principal, i - 1, agent_name),
            .delegatee = agent_of(principal, i, next_name),
            .terms = terms_of(length - 1 - i, i == length - 1 ? uses : 0)};
        struct engine_write next = {.kind = WRITE_GRANT_DELEGATE, .delegated_grant = &grant};

        submit(side, &next, "delegate");
        target.grants[i] = next.grant;
    }
    return target;
}

static void
change_session(struct harness_engine *side, const struct target *target, enum session_change kind)
{
    struct engine_session_change change = {target->session, kind, slice_of("a test")};
    struct engine_write write = {.kind = WRITE_SESSION_CHANGE, .session_change = &change};

    submit(side, &write, "session");
}

static void
revoke_grant(struct harness_engine *side, const struct record_id *grant)
{
    struct engine_grant_revoke revoke = {*grant, slice_of("a test")};
    struct engine_write write = {.kind = WRITE_GRANT_REVOKE, .grant_revoke = &revoke};

    submit(side, &write, "revoke");
}

static void
order_stop(struct harness_engine *side, const struct target *target, enum way way, bool restore)
{
    char name[NAME_SIZE];
    struct engine_stop_order order = {.restore = restore, .reason = slice_of("a test")};
    struct engine_write write = {.kind = WRITE_STOP, .stop_order = &order};

    if (way == KILL_CLIENT) {
        (void)snprintf(name, sizeof name, "client%u", target->principal);
        order.scope = STOP_CLIENT;
        order.client = slice_of(name);
    } else if (way == KILL_AGENT) {
        order.scope = STOP_AGENT;
        order.object = agent_of(target->principal, target->length - 1, name);
    } else {
        order.scope = STOP_PRINCIPAL;
        order.object = principal_of(target->principal, name);
    }
    submit(side, &write, "stop");
}

static void
revoke(struct harness_engine *side, const struct target *target, enum way way)
{
    switch (way) {
    case REVOKE_LAST:
        revoke_grant(side, &target->grants[target->length - 1]);
        return;
    case REVOKE_ROOT:
        revoke_grant(side, &target->grants[0]);
        return;
    case REVOKE_SESSION:
        change_session(side, target, SESSION_REVOKE);
        return;
    case SUSPEND:
        change_session(side, target, SESSION_SUSPEND);
        return;
    case KILL_AGENT:
    case KILL_CLIENT:
    case KILL_PRINCIPAL:
    case WAYS:
        order_stop(side, target, way, false);
        return;
    }
}

static bool
is_stop(enum way way)
{
    return way >= KILL_AGENT;
}

/* Who asks: a worker that may wait, and one that may not. */
struct asker {
    struct engine_worker *waits;
    struct engine_worker *loop;
    struct arena arena;
    char principal_name[NAME_SIZE];
    char agent_name[NAME_SIZE];
    struct object actor;
    struct engine_delegation delegation;
};

static void
asker_open(struct asker *asker, struct engine *engine)
{
    asker->waits = engine_worker_new(engine, true);
    asker->loop = engine_worker_new(engine, false);
    arena_init(&asker->arena, ARENA);
}

static void
asker_close(struct asker *asker)
{
    engine_worker_free(asker->waits);
    engine_worker_free(asker->loop);
    arena_release(&asker->arena);
}

static struct engine_request
request_of(struct asker *asker)
{
    arena_reset(&asker->arena, ARENA);
    return (struct engine_request){.arena = &asker->arena,
                                   .consistency = CONSISTENCY_MINIMIZE_LATENCY};
}

static struct check
check_of(struct asker *asker, const struct target *target, int document)
{
    asker->actor = agent_of(target->principal, target->length - 1, asker->agent_name);
    asker->delegation =
        (struct engine_delegation){.given = true, .grant = target->grants[target->length - 1]};
    return (struct check){.resource = document_of(document),
                          .permission = slice_of("view"),
                          .subject = principal_of(target->principal, asker->principal_name),
                          .actors = &asker->actor,
                          .actor_count = 1,
                          .delegation = &asker->delegation};
}

static enum status
ask_check(struct asker *asker, const struct target *target, bool on_loop, bool *allowed,
          struct error *error)
{
    struct engine_request request = request_of(asker);
    struct check check = check_of(asker, target, 0);
    struct check_result result = {.decision = DECISION_DENY};
    enum status status =
        engine_check(on_loop ? asker->loop : asker->waits, &request, &check, &result, error);

    *allowed = status == BEHALF_OK && result.decision != DECISION_DENY;
    return status;
}

static enum status
ask_bulk(struct asker *asker, const struct target *target, bool on_loop, bool *allowed,
         struct error *error)
{
    struct engine_request request = request_of(asker);
    struct check checks[DOCUMENTS];
    struct check_bulk_result result;
    enum status status;

    for (int i = 0; i < DOCUMENTS; i++)
        checks[i] = check_of(asker, target, i);
    status = engine_check_bulk(on_loop ? asker->loop : asker->waits, &request, checks, DOCUMENTS,
                               &result, error);
    for (int i = 0; status == BEHALF_OK && i < DOCUMENTS; i++)
        *allowed = *allowed || (result.items[i].status == BEHALF_OK &&
                                result.items[i].decision != DECISION_DENY);
    return status;
}

static enum status
ask_filter(struct asker *asker, const struct target *target, bool on_loop, bool *allowed,
           struct error *error)
{
    struct engine_request request = request_of(asker);
    struct check check = check_of(asker, target, 0);
    struct object resources[DOCUMENTS];
    struct filter_resources filter = {.resources = resources,
                                      .resource_count = DOCUMENTS,
                                      .permission = check.permission,
                                      .subject = check.subject,
                                      .actors = check.actors,
                                      .actor_count = 1,
                                      .delegation = check.delegation};
    struct filter_resources_result result;
    enum status status;

    for (int i = 0; i < DOCUMENTS; i++)
        resources[i] = document_of(i);
    status = engine_filter_resources(on_loop ? asker->loop : asker->waits, &request, &filter,
                                     &result, error);
    *allowed = status == BEHALF_OK && result.allowed_count + result.conditional_count > 0;
    return status;
}

/* The first page, or the one behind *cursor where that is not empty. */
static enum status
ask_page(struct asker *asker, const struct target *target, bool on_loop,
         struct engine_token *cursor, bool *allowed, struct error *error)
{
    struct engine_request request = request_of(asker);
    struct check check = check_of(asker, target, 0);
    struct lookup_resources lookup = {.resource_type = check.resource.type,
                                      .permission = check.permission,
                                      .subject = check.subject,
                                      .actors = check.actors,
                                      .actor_count = 1,
                                      .delegation = check.delegation,
                                      .limit = 2,
                                      .cursor = slice_of(cursor->text)};
    struct lookup_resources_result result;
    enum status status = engine_lookup_resources(on_loop ? asker->loop : asker->waits, &request,
                                                 &lookup, &result, error);

    *allowed = status == BEHALF_OK && result.resource_count > 0;
    if (status == BEHALF_OK)
        *cursor = result.cursor;
    return status;
}

static enum status
ask_permissions(struct asker *asker, const struct target *target, bool on_loop, bool *allowed,
                struct error *error)
{
    struct engine_request request = request_of(asker);
    struct check check = check_of(asker, target, 0);
    struct lookup_permissions lookup = {.resource = check.resource,
                                        .subject = check.subject,
                                        .actors = check.actors,
                                        .actor_count = 1,
                                        .delegation = check.delegation};
    struct lookup_permissions_result result;
    enum status status = engine_lookup_permissions(on_loop ? asker->loop : asker->waits, &request,
                                                   &lookup, &result, error);

    for (size_t i = 0; status == BEHALF_OK && i < result.permission_count; i++)
        *allowed = *allowed || (result.permissions[i].item.status == BEHALF_OK &&
                                result.permissions[i].item.decision != DECISION_DENY);
    return status;
}

static enum status
ask_by(struct asker *asker, const struct target *target, enum method method, bool on_loop,
       struct engine_token *cursor, bool *allowed, struct error *error)
{
    *allowed = false;
    switch (method) {
    case CHECK:
        return ask_check(asker, target, on_loop, allowed, error);
    case BULK:
        return ask_bulk(asker, target, on_loop, allowed, error);
    case FILTER:
        return ask_filter(asker, target, on_loop, allowed, error);
    case RESOURCES:
        return ask_page(asker, target, on_loop, cursor, allowed, error);
    case PERMISSIONS:
        return ask_permissions(asker, target, on_loop, allowed, error);
    case METHODS:
        break;
    }
    BEHALF_UNREACHABLE();
}

/* At which step of this thread's question what is done. */
static _Thread_local unsigned steps_left; /* 0 = nothing is done */
static _Thread_local unsigned steps;
static _Thread_local bool inside;

struct paused {
    struct harness_engine side;
    struct kv_fault control;
    struct kv *memory;
    struct target target;
    enum way way;
    unsigned tries;
};

static void
take_step(void *context)
{
    struct paused *paused = context;

    if (inside)
        return;
    steps++;
    if (steps_left == 0 || --steps_left > 0)
        return;
    inside = true;
    revoke(&paused->side, &paused->target, paused->way);
    inside = false;
}

static void
paused_open(struct paused *paused, size_t graph_memory_bytes)
{
    struct error error;

    memset(paused, 0, sizeof *paused);
    inside = true;
    must(kv_open_memory(&paused->memory, &error), "memory", &error);
    paused->control.before = take_step;
    paused->control.context = paused;
    harness_engine_open_over(&paused->side, kv_fault_open(paused->memory, &paused->control),
                             graph_memory_bytes, TIME_BEGIN, take_step, paused);
    write_world(&paused->side, PAUSED_PRINCIPALS);
}

static void
paused_close(struct paused *paused)
{
    harness_engine_close(&paused->side);
    kv_close(paused->memory);
}

/* The number of steps of the question; with `at` the revocation is done at that one. */
static unsigned
ask_paused(struct paused *paused, struct asker *asker, enum method method,
           struct engine_token cursor, unsigned at, bool *allowed)
{
    struct error error;
    enum status status;

    steps = 0;
    steps_left = at;
    inside = false;
    status = ask_by(asker, &paused->target, method, false, &cursor, allowed, &error);
    inside = true;
    steps_left = 0;
    must(status, method_names[method], &error);
    return steps;
}

/* A new session for each try, since what was revoked stays so; cold where the engine is opened
 * again. Returns whether the answer denied. */
static bool
try_step(struct paused *paused, enum method method, bool cold, bool later_page, unsigned at,
         unsigned *taken)
{
    struct engine_token cursor = {.text = ""};
    struct asker asker;
    struct error error;
    bool allowed = false;

    /* A principal may have a thousand sessions. */
    paused->target = make_target(&paused->side, paused->tries++ / 900, CHAIN_MOST, 0);
    if (cold)
        harness_engine_reopen(&paused->side, PLENTY);
    asker_open(&asker, paused->side.engine);
    if (later_page)
        must(ask_page(&asker, &paused->target, false, &cursor, &allowed, &error), "page", &error);
    if (!cold && !later_page) /* the second time it is in memory */
        (void)ask_paused(paused, &asker, method, cursor, 0, &allowed);
    *taken = ask_paused(paused, &asker, method, cursor, at, &allowed);
    asker_close(&asker);
    if (at != 0 && is_stop(paused->way))
        order_stop(&paused->side, &paused->target, paused->way, true);
    return !allowed;
}

static size_t
run_steps(struct paused *paused, enum method method, bool cold, bool later_page)
{
    unsigned count;
    unsigned taken;
    unsigned last = 0; /* step at which the answer still denied */
    unsigned behind = method == BULK ? LAST_STEPS_OF_BULK : LAST_STEPS;
    size_t wrong = 0;

    if (try_step(paused, method, cold, later_page, 0, &count)) {
        fprintf(stderr, "revocation: %s denies what nobody revoked\n", method_names[method]);
        return 1;
    }
    for (unsigned at = 1; at <= count; at++) {
        bool denied = try_step(paused, method, cold, later_page, at, &taken);

        if (denied)
            last = at;
        else if (at + behind <= count)
            wrong++;
    }
    printf("revocation: %s%s%s, way %d: %u steps, denies up to step %u, %zu wrong\n",
           method_names[method], cold ? ", cold" : "", later_page ? ", a later page" : "",
           (int)paused->way, count, last, wrong);
    return wrong;
}

static size_t
run_pauses(void)
{
    struct paused *paused = memory_new(sizeof *paused);
    size_t wrong = 0;

    paused_open(paused, PLENTY);
    for (int way = 0; way < WAYS; way++) {
        paused->way = (enum way)way;
        for (int method = 0; method < METHODS; method++) {
            wrong += run_steps(paused, (enum method)method, false, false);
            /* Hundreds of steps each, and they are steps of loading, whatever is revoked. */
            if (way == REVOKE_LAST || way == KILL_AGENT)
                wrong += run_steps(paused, (enum method)method, true, false);
        }
        wrong += run_steps(paused, RESOURCES, false, true);
    }
    paused_close(paused);
    memory_free(paused);
    return wrong;
}

/* --- threads --- */

/* What an author tells readers. */
struct board {
    pthread_mutex_t lock;
    struct target target;
    atomic_uint revoked;  /* the round whose revocation was replied to */
    atomic_uint allowed;  /* answers of the round */
    atomic_uint answered; /* and those begun behind its revocation */
};

struct crowd {
    struct harness_engine side;
    struct board boards[AUTHORS];
    atomic_bool over;
    atomic_size_t wrong;
    atomic_size_t asked;
    unsigned rounds;
};

struct author {
    struct crowd *crowd;
    unsigned number;
    pthread_t thread;
};

static void
wait_for(struct crowd *crowd, atomic_uint *count, unsigned wanted)
{
    while (atomic_load(count) < wanted && atomic_load(&crowd->wrong) == 0)
        sched_yield();
}

static void *
run_author(void *argument)
{
    struct author *author = argument;
    struct crowd *crowd = author->crowd;
    struct board *board = &crowd->boards[author->number];

    for (unsigned round = 1; round <= crowd->rounds; round++) {
        enum way way = (enum way)((round + author->number) % WAYS);
        struct target target =
            make_target(&crowd->side, author->number, 1 + (int)(round % CHAIN_MOST), 0);

        target.round = round;
        pthread_mutex_lock(&board->lock);
        board->target = target;
        atomic_store(&board->allowed, 0);
        atomic_store(&board->answered, 0);
        pthread_mutex_unlock(&board->lock);
        wait_for(crowd, &board->allowed, 4);
        revoke(&crowd->side, &target, way);
        atomic_store_explicit(&board->revoked, round, memory_order_release);
        wait_for(crowd, &board->answered, 12);
        if (is_stop(way))
            order_stop(&crowd->side, &target, way, true);
    }
    return NULL;
}

struct reader {
    struct crowd *crowd;
    unsigned number;
    pthread_t thread;
};

/* One question; on a loop first, and where that would wait elsewhere, as a server does it. */
static void
read_once(struct crowd *crowd, struct asker *asker, struct board *board, enum method method,
          bool on_loop, struct engine_token *cursor)
{
    struct target target;
    struct error error;
    bool allowed = false;
    bool revoked;
    enum status status;

    pthread_mutex_lock(&board->lock);
    target = board->target;
    pthread_mutex_unlock(&board->lock);
    if (target.round == 0)
        return;
    revoked = atomic_load_explicit(&board->revoked, memory_order_acquire) >= target.round;
    status = ask_by(asker, &target, method, on_loop, cursor, &allowed, &error);
    if (status == BEHALF_WOULD_BLOCK)
        status = ask_by(asker, &target, method, false, cursor, &allowed, &error);
    /* A cursor of an earlier round is of another grant. */
    if (status == BEHALF_INVALID_CURSOR && method == RESOURCES && cursor->text[0] != '\0')
        cursor->text[0] = '\0';
    else
        must(status, method_names[method], &error);
    atomic_fetch_add_explicit(&crowd->asked, 1, memory_order_relaxed);
    if (allowed && revoked && atomic_fetch_add(&crowd->wrong, 1) < REPORTED_MOST)
        fprintf(stderr, "revocation: %s allows after the reply, round %u\n", method_names[method],
                target.round);
    atomic_fetch_add(revoked ? &board->answered : &board->allowed, revoked || allowed ? 1U : 0U);
}

static void *
run_reader(void *argument)
{
    struct reader *reader = argument;
    struct crowd *crowd = reader->crowd;
    struct engine_token cursors[AUTHORS] = {{.text = ""}};
    struct asker asker;

    asker_open(&asker, crowd->side.engine);
    for (unsigned turn = reader->number; !atomic_load(&crowd->over); turn++) {
        unsigned author = turn % AUTHORS;

        read_once(crowd, &asker, &crowd->boards[author], (enum method)(turn / AUTHORS % METHODS),
                  turn % 2 == 0, &cursors[author]);
    }
    asker_close(&asker);
    return NULL;
}

static void
start(pthread_t *thread, void *(*run)(void *argument), void *argument)
{
    int failure = pthread_create(thread, NULL, run, argument);

    BEHALF_ASSERT(failure == 0);
}

static size_t
run_crowd(size_t graph_memory_bytes, unsigned rounds)
{
    struct crowd *crowd = memory_new(sizeof *crowd);
    struct author authors[AUTHORS];
    struct reader readers[READERS];
    size_t wrong;

    harness_engine_open_at(&crowd->side, graph_memory_bytes, TIME_BEGIN);
    write_world(&crowd->side, AUTHORS);
    crowd->rounds = rounds;
    for (unsigned i = 0; i < AUTHORS; i++)
        pthread_mutex_init(&crowd->boards[i].lock, NULL);
    for (unsigned i = 0; i < READERS; i++) {
        readers[i] = (struct reader){.crowd = crowd, .number = i};
        start(&readers[i].thread, run_reader, &readers[i]);
    }
    for (unsigned i = 0; i < AUTHORS; i++) {
        authors[i] = (struct author){.crowd = crowd, .number = i};
        start(&authors[i].thread, run_author, &authors[i]);
    }
    for (unsigned i = 0; i < AUTHORS; i++)
        pthread_join(authors[i].thread, NULL);
    atomic_store(&crowd->over, true);
    for (unsigned i = 0; i < READERS; i++)
        pthread_join(readers[i].thread, NULL);
    for (unsigned i = 0; i < AUTHORS; i++)
        pthread_mutex_destroy(&crowd->boards[i].lock);
    wrong = atomic_load(&crowd->wrong);
    printf("revocation: budget %zu: %u rounds of each of %d authors, %zu answers, %zu wrong\n",
           graph_memory_bytes, rounds, AUTHORS, atomic_load(&crowd->asked), wrong);
    harness_engine_close(&crowd->side);
    memory_free(crowd);
    return wrong;
}

/* --- uses --- */

#define SPENDERS 6
#define USES 40

struct purse {
    struct harness_engine *side;
    struct target target;
    bool keyed;
    atomic_uint calls;   /* numbers of calls that were begun */
    atomic_uint allowed; /* calls that were let through */
    atomic_uint retried;
};

/* A reply is lost where `lose` says; then the result says nothing of the call. */
static bool
spend_once(struct purse *purse, struct asker *asker, unsigned call, bool lose)
{
    char key[NAME_SIZE];
    struct engine_request request = request_of(asker);
    struct check check = check_of(asker, &purse->target, 0);
    struct engine_write write = {.kind = WRITE_USE};
    struct engine_use use = {.write = &write};
    struct check_result result = {.decision = DECISION_DENY};
    struct error error;
    enum status status;

    if (purse->keyed) {
        /* Each call once: another grant is another request. */
        (void)snprintf(key, sizeof key, "call %u of %d", call, purse->target.length);
        asker->delegation.idempotency_key = slice_of(key);
        memcpy(asker->delegation.request_digest, key, strlen(key));
    }
    write.use = &use;
    check.use = &use;
    status = engine_check(asker->waits, &request, &check, &result, &error);
    if (status == BEHALF_MUST_SPEND) {
        must(engine_write_wait(purse->side->engine, &write, &error), "use", &error);
        if (lose)
            return false;
        use.spent = true;
        status = engine_check(asker->waits, &request, &check, &result, &error);
    }
    must(status, "check", &error);
    return !lose && result.decision == DECISION_ALLOW;
}

static void *
run_spender(void *argument)
{
    struct purse *purse = argument;
    struct asker asker;

    asker_open(&asker, purse->side->engine);
    for (;;) {
        unsigned call = atomic_fetch_add(&purse->calls, 1);
        bool lost = call % 3 == 0;
        bool allowed;

        if (call >= 4 * USES)
            break;
        allowed = spend_once(purse, &asker, call, lost);
        if (lost && purse->keyed) {
            atomic_fetch_add(&purse->retried, 1);
            allowed = spend_once(purse, &asker, call, false);
        }
        atomic_fetch_add(&purse->allowed, allowed ? 1U : 0U);
    }
    asker_close(&asker);
    return NULL;
}

static size_t
run_uses(struct harness_engine *side, bool keyed, int length)
{
    struct purse purse = {.side = side, .keyed = keyed};
    pthread_t threads[SPENDERS];
    unsigned allowed;
    bool right;

    purse.target = make_target(side, 0, length, USES);
    for (int i = 0; i < SPENDERS; i++)
        start(&threads[i], run_spender, &purse);
    for (int i = 0; i < SPENDERS; i++)
        pthread_join(threads[i], NULL);
    allowed = atomic_load(&purse.allowed);
    right = keyed ? allowed == USES : allowed <= USES && allowed > 0;
    printf("revocation: %d uses, %s keys, chain of %d: %u allowed, %u tried again%s\n", USES,
           keyed ? "with" : "without", length, allowed, atomic_load(&purse.retried),
           right ? "" : ": WRONG");
    return right ? 0 : 1;
}

/* A use that waits in the queue while its grant is revoked is spent, and denied. */
static size_t
run_queued_use(struct harness_engine *side)
{
    struct target target = make_target(side, 0, 2, 3);
    struct engine_write write = {.kind = WRITE_USE};
    struct engine_use use = {.write = &write};
    struct check_result result = {.decision = DECISION_ALLOW};
    struct engine_request request;
    struct asker asker;
    struct check check;
    struct error error;
    enum status status;

    asker_open(&asker, side->engine);
    request = request_of(&asker);
    check = check_of(&asker, &target, 0);
    write.use = &use;
    check.use = &use;
    status = engine_check(asker.waits, &request, &check, &result, &error);
    BEHALF_ASSERT(status == BEHALF_MUST_SPEND);
    must(engine_write_wait(side->engine, &write, &error), "use", &error);
    revoke(side, &target, REVOKE_ROOT);
    use.spent = true;
    must(engine_check(asker.waits, &request, &check, &result, &error), "check", &error);
    asker_close(&asker);
    printf("revocation: a use taken before its grant was revoked: %s\n",
           result.decision == DECISION_DENY ? "denied" : "WRONG");
    return result.decision == DECISION_DENY ? 0 : 1;
}

static size_t
run_all_uses(void)
{
    struct harness_engine *side = memory_new(sizeof *side);
    size_t wrong = 0;

    harness_engine_open_at(side, PLENTY, TIME_BEGIN);
    write_world(side, 1);
    for (int length = 1; length <= CHAIN_MOST; length++) {
        wrong += run_uses(side, false, length);
        wrong += run_uses(side, true, length);
    }
    wrong += run_queued_use(side);
    harness_engine_close(side);
    memory_free(side);
    return wrong;
}

int
main(void)
{
    const char *text = getenv("BEHALF_ROUNDS");
    unsigned rounds = text != NULL ? (unsigned)strtoul(text, NULL, 0) : 70;
    size_t wrong = run_pauses();

    wrong += run_crowd(PLENTY, rounds);
    wrong += run_crowd(1, rounds / 5 + 1);
    wrong += run_all_uses();
    return wrong > 0;
}
