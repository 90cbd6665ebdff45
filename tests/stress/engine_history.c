/* engine_history.c - the engine as a whole: writers and readers at once, then a naive replay.
 *
 * While it runs, every write leaves what it changed under its revision, and every reader leaves its
 * questions with the tokens and the answers. Afterwards the writes are replayed into one row of
 * booleans per revision, and each answer is computed again, by definition, from the row of the
 * revision that its token names. A reader also notes the newest revision that was acknowledged
 * before it asked: an answer with full consistency must not be older.
 *
 * The world is small, so that everything is written and asked all the time: a check passes usersets
 * two and more levels deep, cycles of groups, and an exclusion. Budgets: plenty, tiny, none. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "tests/support/harness.h"

#define USERS 6
#define GROUPS 3
#define DOCUMENTS 3
#define WRITERS 4
#define WRITES 300
#define READERS 3
#define ANSWERS 10000

/* Edges are numbered: which of the five kinds, then who. */
#define VIEWER_USER 0
#define VIEWER_GROUP (VIEWER_USER + DOCUMENTS * USERS)
#define BANNED_USER (VIEWER_GROUP + DOCUMENTS * GROUPS)
#define MEMBER_USER (BANNED_USER + DOCUMENTS * USERS)
#define MEMBER_GROUP (MEMBER_USER + GROUPS * USERS)
#define EDGES (MEMBER_GROUP + GROUPS * GROUPS)

#define CHANGES_MAX 3

static const char schema[] = "definition user {}\n"
                             "definition group { relation member: user | group#member }\n"
                             "definition document {\n"
                             "  relation viewer: user | group#member\n"
                             "  relation banned: user\n"
                             "  permission view = viewer - banned\n"
                             "}\n";

static const char *const ids[] = {"0", "1", "2", "3", "4", "5"};

struct change {
    uint32_t edge;
    bool present;
};

/* What the transaction of one revision did. */
struct event {
    struct change changes[CHANGES_MAX];
    size_t count;
    struct engine_token token;
};

enum question { QUESTION_CHECK, QUESTION_LOOKUP };

struct answer {
    enum question question;
    uint32_t document;
    uint32_t user;
    uint64_t not_before; /* 0 = any revision will do */
    struct engine_token token;
    uint32_t documents; /* the allowed ones, as bits; of a check only that of its document */
};

struct history {
    struct harness_engine side;
    struct event *events; /* by revision - first */
    uint64_t first;
    _Atomic uint64_t acknowledged;
    atomic_uint writers_left;
};

struct participant {
    struct history *history;
    pthread_t thread;
    uint64_t random;
    struct answer *answers;
    size_t answer_count;
};

static uint64_t
next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state >> 8;
}

static _Noreturn void
give_up(const char *what, enum status status, const struct error *error)
{
    fprintf(stderr, "engine_history: %s: %s: %s\n", what, status_name(status), error->message);
    abort();
}

/* --- writing --- */

static struct object
object_of(const char *type, uint32_t id, const char *relation)
{
    return (struct object){slice_of(type), slice_of(ids[id]), slice_of(relation), false};
}

static struct relationship
relationship_of(uint32_t edge)
{
    struct relationship result = {0};

    if (edge < VIEWER_GROUP) {
        result.resource = object_of("document", edge / USERS, "viewer");
        result.subject = object_of("user", edge % USERS, "");
    } else if (edge < BANNED_USER) {
        edge -= VIEWER_GROUP;
        result.resource = object_of("document", edge / GROUPS, "viewer");
        result.subject = object_of("group", edge % GROUPS, "member");
    } else if (edge < MEMBER_USER) {
        edge -= BANNED_USER;
        result.resource = object_of("document", edge / USERS, "banned");
        result.subject = object_of("user", edge % USERS, "");
    } else if (edge < MEMBER_GROUP) {
        edge -= MEMBER_USER;
        result.resource = object_of("group", edge / USERS, "member");
        result.subject = object_of("user", edge % USERS, "");
    } else {
        edge -= MEMBER_GROUP;
        result.resource = object_of("group", edge / GROUPS, "member");
        result.subject = object_of("group", edge % GROUPS, "member");
    }
    return result;
}

/* A random transaction on edges that differ from each other. */
static size_t
make_changes(uint64_t *random, struct change *changes, struct update *updates)
{
    size_t count = 1 + (size_t)(next_random(random) % CHANGES_MAX);
    uint32_t edge = (uint32_t)(next_random(random) % EDGES);

    for (size_t at = 0; at < count; at++) {
        changes[at] = (struct change){edge, next_random(random) % 5 < 2};
        updates[at].op = changes[at].present ? UPDATE_TOUCH : UPDATE_DELETE;
        updates[at].relationship = relationship_of(edge);
        edge = (edge + 1 + (uint32_t)(next_random(random) % (EDGES / CHANGES_MAX))) % EDGES;
    }
    return count;
}

static void
raise_to(_Atomic uint64_t *value, uint64_t least)
{
    uint64_t seen = atomic_load(value);

    while (seen < least && !atomic_compare_exchange_weak(value, &seen, least))
        continue;
}

static void *
run_writer(void *argument)
{
    struct participant *writer = argument;
    struct history *history = writer->history;

    for (uint32_t at = 0; at < WRITES; at++) {
        struct update updates[CHANGES_MAX];
        struct change changes[CHANGES_MAX];
        struct engine_write write = {.kind = WRITE_RELATIONSHIPS, .updates = updates};
        struct event *event;
        enum status status;

        write.update_count = make_changes(&writer->random, changes, updates);
        status = harness_submit(&history->side, &write);
        if (status != BEHALF_OK)
            give_up("write", status, &write.error);
        /* A revision belongs to one write, so the place is this thread's own. */
        event = &history->events[write.revision - history->first];
        memcpy(event->changes, changes, sizeof changes);
        event->count = write.update_count;
        event->token = write.written_at;
        raise_to(&history->acknowledged, write.revision);
    }
    atomic_fetch_sub(&history->writers_left, 1);
    return NULL;
}

/* --- reading --- */

static enum status
ask_check(struct engine_worker *worker, const struct engine_request *request, struct answer *answer,
          struct error *error)
{
    struct check check = {.resource = object_of("document", answer->document, ""),
                          .permission = SLICE_LITERAL("view"),
                          .subject = object_of("user", answer->user, "")};
    struct check_result result;
    enum status status = engine_check(worker, request, &check, &result, error);

    if (status == BEHALF_OK) {
        answer->token = result.checked_at;
        answer->documents = result.decision == DECISION_ALLOW ? 1U << answer->document : 0;
    }
    return status;
}

static enum status
ask_lookup(struct engine_worker *worker, const struct engine_request *request,
           struct answer *answer, struct error *error)
{
    struct lookup_resources lookup = {.resource_type = SLICE_LITERAL("document"),
                                      .permission = SLICE_LITERAL("view"),
                                      .subject = object_of("user", answer->user, "")};
    struct lookup_resources_result result;
    enum status status = engine_lookup_resources(worker, request, &lookup, &result, error);

    if (status != BEHALF_OK)
        return status;
    answer->token = result.looked_up_at;
    answer->documents = 0;
    for (size_t at = 0; at < result.resource_count; at++)
        answer->documents |= 1U << (result.resources[at].id.data[0] - '0');
    BEHALF_ASSERT(result.undecided_count == 0);
    return BEHALF_OK;
}

/* At the newest state, at any, or exactly where an answer was given before. */
static void
choose_consistency(struct participant *reader, struct engine_request *request,
                   struct answer *answer)
{
    uint64_t choice = next_random(&reader->random) % 8;

    request->consistency = CONSISTENCY_MINIMIZE_LATENCY;
    if (choice < 3) {
        request->consistency = CONSISTENCY_FULL;
        answer->not_before = atomic_load(&reader->history->acknowledged);
    } else if (choice < 5 && reader->answer_count > 0) {
        uint64_t back = next_random(&reader->random) % 40 % reader->answer_count;
        const struct answer *earlier = &reader->answers[reader->answer_count - 1 - back];

        request->consistency = CONSISTENCY_AT_EXACT_SNAPSHOT;
        request->token = slice_of(earlier->token.text);
    }
}

static void *
run_reader(void *argument)
{
    struct participant *reader = argument;
    struct history *history = reader->history;
    struct engine_worker *waits = engine_worker_new(history->side.engine, true);
    struct engine_worker *loop = engine_worker_new(history->side.engine, false);
    struct arena arena;

    arena_init(&arena, (size_t)16 * 1024 * 1024);
    while (reader->answer_count < ANSWERS && atomic_load(&history->writers_left) > 0) {
        struct answer *answer = &reader->answers[reader->answer_count];
        struct engine_request request = {.arena = &arena};
        enum status status = BEHALF_WOULD_BLOCK;
        struct error error;

        arena_reset(&arena, arena.cap_bytes);
        *answer = (struct answer){
            .question = next_random(&reader->random) % 8 == 0 ? QUESTION_LOOKUP : QUESTION_CHECK,
            .document = (uint32_t)(next_random(&reader->random) % DOCUMENTS),
            .user = (uint32_t)(next_random(&reader->random) % USERS)};
        choose_consistency(reader, &request, answer);
        if (answer->question == QUESTION_CHECK) {
            status = ask_check(loop, &request, answer, &error);
            if (status == BEHALF_WOULD_BLOCK)
                status = ask_check(waits, &request, answer, &error);
        } else {
            status = ask_lookup(waits, &request, answer, &error);
        }
        if (status != BEHALF_OK)
            give_up("read", status, &error);
        if (request.consistency == CONSISTENCY_AT_EXACT_SNAPSHOT &&
            !slice_equal(slice_of(answer->token.text), request.token))
            give_up("an exact snapshot moved", status, &error);
        reader->answer_count++;
    }
    arena_release(&arena);
    engine_worker_free(loop);
    engine_worker_free(waits);
    return NULL;
}

/* --- replaying --- */

static bool
is_member(const bool *row, uint32_t group, uint32_t user, uint32_t visited)
{
    if ((visited >> group & 1) != 0)
        return false;
    visited |= 1U << group;
    if (row[MEMBER_USER + group * USERS + user])
        return true;
    for (uint32_t inner = 0; inner < GROUPS; inner++) {
        if (row[MEMBER_GROUP + group * GROUPS + inner] && is_member(row, inner, user, visited))
            return true;
    }
    return false;
}

static bool
may_view(const bool *row, uint32_t document, uint32_t user)
{
    if (row[BANNED_USER + document * USERS + user])
        return false;
    if (row[VIEWER_USER + document * USERS + user])
        return true;
    for (uint32_t group = 0; group < GROUPS; group++) {
        if (row[VIEWER_GROUP + document * GROUPS + group] && is_member(row, group, user, 0))
            return true;
    }
    return false;
}

static uint64_t
revision_of(const struct history *history, uint64_t last, const struct engine_token *token)
{
    for (uint64_t revision = last; revision >= history->first; revision--) {
        if (strcmp(history->events[revision - history->first].token.text, token->text) == 0)
            return revision;
    }
    fprintf(stderr, "engine_history: a token of no write: %s\n", token->text);
    abort();
}

static void
verify_answer(const struct history *history, const bool (*rows)[EDGES], uint64_t last,
              const struct answer *answer)
{
    uint64_t revision = revision_of(history, last, &answer->token);
    const bool *row = rows[revision - history->first];
    uint32_t expected = 0;

    for (uint32_t document = 0; document < DOCUMENTS; document++) {
        bool asked = answer->question == QUESTION_LOOKUP || document == answer->document;

        if (asked && may_view(row, document, answer->user))
            expected |= 1U << document;
    }
    if (expected == answer->documents && revision >= answer->not_before)
        return;
    fprintf(stderr,
            "engine_history: question %d, document %u, user %u at revision %llu (not before "
            "%llu): documents %x, expected %x\n",
            (int)answer->question, answer->document, answer->user, (unsigned long long)revision,
            (unsigned long long)answer->not_before, answer->documents, expected);
    abort();
}

static size_t
verify(const struct history *history, const struct participant *readers)
{
    uint64_t count = WRITERS * WRITES + 1;
    bool(*rows)[EDGES] = memory_new_array(count, sizeof *rows);
    size_t answers = 0;

    for (uint64_t at = 1; at < count; at++) {
        const struct event *event = &history->events[at];

        BEHALF_ASSERT(event->count > 0); /* revisions are dense */
        memcpy(rows[at], rows[at - 1], sizeof rows[at]);
        for (size_t change = 0; change < event->count; change++)
            rows[at][event->changes[change].edge] = event->changes[change].present;
    }
    for (uint32_t reader = 0; reader < READERS; reader++) {
        for (size_t at = 0; at < readers[reader].answer_count; at++)
            verify_answer(history, (const bool(*)[EDGES])rows, history->first + count - 1,
                          &readers[reader].answers[at]);
        answers += readers[reader].answer_count;
    }
    memory_free(rows);
    return answers;
}

/* --- one run --- */

static void
history_open(struct history *history, size_t graph_memory_bytes)
{
    struct engine_info info;
    struct error error;
    enum status status;

    memset(history, 0, sizeof *history);
    harness_engine_open(&history->side, graph_memory_bytes);
    status = harness_write_schema(&history->side, slice_of(schema), &error);
    if (status != BEHALF_OK)
        give_up("schema", status, &error);
    status = engine_info_read(history->side.engine, &info, &error);
    if (status != BEHALF_OK)
        give_up("info", status, &error);
    history->first = info.revision;
    history->events = memory_new_array(WRITERS * WRITES + 1, sizeof *history->events);
    history->events[0].token = info.token;
    atomic_store(&history->acknowledged, info.revision);
    atomic_store(&history->writers_left, WRITERS);
}

static void
start(struct participant *participant, struct history *history, uint64_t seed, void *(*run)(void *))
{
    int failure;

    *participant = (struct participant){.history = history, .random = seed};
    participant->answers = memory_new_array(ANSWERS, sizeof *participant->answers);
    failure = pthread_create(&participant->thread, NULL, run, participant);
    BEHALF_ASSERT(failure == 0);
}

static void
run_history(size_t graph_memory_bytes, uint64_t seed)
{
    struct participant writers[WRITERS];
    struct participant readers[READERS];
    struct history history;

    history_open(&history, graph_memory_bytes);
    for (uint32_t at = 0; at < READERS; at++)
        start(&readers[at], &history, seed + 2 * at, run_reader);
    for (uint32_t at = 0; at < WRITERS; at++)
        start(&writers[at], &history, seed + 1000 + 2 * at, run_writer);
    for (uint32_t at = 0; at < WRITERS; at++)
        pthread_join(writers[at].thread, NULL);
    for (uint32_t at = 0; at < READERS; at++)
        pthread_join(readers[at].thread, NULL);
    printf("engine_history: budget %zu: %d writes, %zu answers right\n", graph_memory_bytes,
           WRITERS * WRITES, verify(&history, readers));
    for (uint32_t at = 0; at < WRITERS; at++)
        memory_free(writers[at].answers);
    for (uint32_t at = 0; at < READERS; at++)
        memory_free(readers[at].answers);
    memory_free(history.events);
    harness_engine_close(&history.side);
}

int
main(void)
{
    static const size_t budgets[] = {(size_t)16 * 1024 * 1024, (size_t)64 * 1024, 1};
    const char *text = getenv("BEHALF_SEED");
    uint64_t seed = text != NULL ? strtoull(text, NULL, 0) : 20261123;

    printf("engine_history: BEHALF_SEED=%llu\n", (unsigned long long)seed);
    for (size_t at = 0; at < BEHALF_COUNT_OF(budgets); at++)
        run_history(budgets[at], seed | 1);
    return 0;
}
