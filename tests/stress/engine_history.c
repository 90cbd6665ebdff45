/* engine_history.c - the engine as a whole: writers and readers at once, then a naive replay.
 *
 * Every answer carries the revision that it was computed at, so that a history checks itself
 * (tests/support/ledger.h computes the answers again):
 *   revisions are dense, none is given twice, and a write sent after another was acknowledged has
 *   the later one;
 *   each answer, be it a check, a bulk of checks, or a lookup of several pages, is the one of its
 *   revision, which is one for all of it;
 *   its revision is the one asked for exactly, or not before any of: the newest acknowledged to
 *   anybody before a question with full consistency, the token of a question that asks for at
 *   least so much, the answers that the same reader had before.
 *
 * It goes in windows, some on one engine that lives on from window to window. In a window, writers
 * and readers keep pace with one another; at its end everybody stands still, the ledger is
 * replayed, and each reader computes its own answers again. So memory is bounded however long it
 * goes on. Between two windows the clock is moved on, and some relationships expire. What readers
 * share with writers beside the engine is kept small, and relaxed where it can be: it would order
 * accesses that the engine has to order.
 *
 * Budgets of memory: plenty, a tiny one for a tenth of it, none for a hundredth. Sizes come from
 * the environment: BEHALF_WRITES, BEHALF_CHECKS, BEHALF_SEED. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/memory.h"
#include "engine/token.h"
#include "tests/support/harness.h"
#include "tests/support/ledger.h"

#define WRITERS 6
#define READERS 3
#define WINDOW_WRITES 1020 /* a multiple of WRITERS */
#define WINDOWS_LEAST 2
#define HISTORY_WINDOWS 16 /* then an empty store: what is kept of the past makes it slower */
#define BULK_MAX 8
#define BOARD 128
#define TIME_BEGIN INT64_C(1790000000000000000)
#define TIME_STEP INT64_C(60000000000)
#define ARENA ((size_t)16 * 1024 * 1024)
#define REPORTED_MOST 10
#define PLENTY ((size_t)16 * 1024 * 1024)
#define TINY ((size_t)36 * 1024) /* room for the names, and for some sets */

enum kind { CHECK, BULK, RESOURCES, SUBJECTS, KINDS };

static const char *const kind_names[KINDS] = {"check", "bulk check", "lookup of resources",
                                              "lookup of subjects"};

/* What else there is to choose, follows from the seed. */
struct question {
    enum kind kind;
    uint32_t document;
    uint32_t user;
    uint64_t seed;
};

struct answer {
    struct question question;
    uint64_t revision;
    uint64_t not_before;
    uint64_t exactly; /* 0 = not asked for */
    uint64_t sum;     /* of what it says: mark() */
    bool torn;        /* pages of several revisions */
};

/* Where tokens are left for others. */
struct board {
    pthread_mutex_t lock;
    struct engine_token tokens[BOARD];
    size_t count;
};

struct history {
    struct harness_engine side;
    struct ledger ledger;
    struct board board;
    pthread_barrier_t begin; /* with `ended`, at the end of all windows */
    pthread_barrier_t done;  /* nobody writes or asks any more */
    pthread_barrier_t replayed;
    pthread_barrier_t verified;
    bool ended;
    size_t window_answers;         /* a multiple of READERS */
    _Atomic uint64_t written;      /* in the window, for the pace alone */
    _Atomic uint64_t asked;        /* likewise */
    _Atomic uint64_t acknowledged; /* the newest revision */
    atomic_size_t violations;
    atomic_size_t sent_away; /* from the event loop to those who may wait for storage */
};

struct participant {
    struct history *history;
    pthread_t thread;
    uint64_t random;
    struct answer *answers; /* of a reader, in the window */
    size_t decisions[3];    /* of its checks */
    uint64_t seen; /* by a reader: the newest revision of its answers that was not asked for */
    struct engine_worker *waits;
    struct engine_worker *loop;
    struct arena arena;
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

/* Counts a violation; true for the first ones, which are to be told. */
static bool
violated(struct history *history)
{
    return atomic_fetch_add(&history->violations, 1) < REPORTED_MOST;
}

/* Waits until the others have done about the same part of their share. */
static void
keep_pace(uint64_t mine, uint64_t of, const _Atomic uint64_t *theirs, uint64_t all)
{
    static const struct timespec moment = {.tv_nsec = 20000};

    while (mine * all > (atomic_load_explicit(theirs, memory_order_relaxed) + all / 16) * of)
        (void)nanosleep(&moment, NULL);
}

/* --- tokens --- */

static uint64_t
revision_of(struct history *history, const struct engine_token *token)
{
    uint64_t revision = 0;
    struct error error;
    enum status status = token_open(history->side.store, slice_of(token->text), &revision, &error);

    if (status != BEHALF_OK)
        give_up("token", status, &error);
    return revision;
}

static void
board_leave(struct board *board, const struct engine_token *token, uint64_t place)
{
    pthread_mutex_lock(&board->lock);
    place = board->count < BOARD ? board->count++ : place % BOARD;
    board->tokens[place] = *token;
    pthread_mutex_unlock(&board->lock);
}

static struct engine_token
board_take(struct board *board, uint64_t place)
{
    struct engine_token token;

    pthread_mutex_lock(&board->lock);
    token = board->tokens[place % board->count];
    pthread_mutex_unlock(&board->lock);
    return token;
}

/* --- writing --- */

static uint8_t
make_state(uint64_t *random, uint32_t special_in)
{
    if (next_random(random) % 5 >= 2)
        return LEDGER_ABSENT;
    if (next_random(random) % special_in != 0)
        return LEDGER_PLAIN;
    return (uint8_t)(LEDGER_HOLDS + next_random(random) % (LEDGER_STATES - LEDGER_HOLDS));
}

/* A random transaction on edges that differ from each other: now of the crowd, now of the few. */
static size_t
make_changes(uint64_t *random, struct ledger_change *changes)
{
    bool crowd = next_random(random) % 3 == 0;
    uint32_t first = crowd ? LEDGER_CROWD_FIRST : 0;
    uint32_t width = crowd ? LEDGER_EDGES - LEDGER_CROWD_FIRST : LEDGER_CROWD_FIRST;
    uint32_t place = (uint32_t)(next_random(random) % width);
    size_t count = 1 + (size_t)(next_random(random) % LEDGER_CHANGES_MAX);

    for (size_t at = 0; at < count; at++) {
        changes[at] =
            (struct ledger_change){(uint16_t)(first + place), make_state(random, crowd ? 32 : 4)};
        place =
            (place + 1 + (uint32_t)(next_random(random) % (width / LEDGER_CHANGES_MAX))) % width;
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

static void
submit(struct participant *writer, struct engine_write *write, const struct ledger_change *changes)
{
    struct history *history = writer->history;
    uint64_t before = atomic_load(&history->acknowledged);
    enum status status = harness_submit(&history->side, write);

    if (status != BEHALF_OK)
        give_up("write", status, &write->error);
    if (write->kind == WRITE_SWEEP && write->count == 0)
        return;
    if ((!ledger_enter(&history->ledger, write->revision, changes, write->update_count) ||
         write->revision <= before ||
         revision_of(history, &write->written_at) != write->revision) &&
        violated(history))
        fprintf(stderr,
                "engine_history: a write at revision %llu, of which %llu was acknowledged "
                "before, or that is another's or not its token's\n",
                (unsigned long long)write->revision, (unsigned long long)before);
    raise_to(&history->acknowledged, write->revision);
    board_leave(&history->board, &write->written_at, next_random(&writer->random));
}

/* Takes exactly one revision. */
static void
write_once(struct participant *writer)
{
    struct update updates[LEDGER_CHANGES_MAX];
    struct ledger_change changes[LEDGER_CHANGES_MAX] = {{0}}; /* a sweep has none */
    struct engine_write write = {.kind = WRITE_RELATIONSHIPS, .updates = updates};
    struct engine_write sweep = {.kind = WRITE_SWEEP, .limit = 5};

    if (next_random(&writer->random) % 64 == 0)
        submit(writer, &sweep, changes);
    if (sweep.count > 0)
        return;
    write.update_count = make_changes(&writer->random, changes);
    for (size_t at = 0; at < write.update_count; at++)
        updates[at] = ledger_update(&writer->history->ledger, changes[at]);
    submit(writer, &write, changes);
}

static void *
run_writer(void *argument)
{
    struct participant *writer = argument;
    struct history *history = writer->history;

    while (pthread_barrier_wait(&history->begin), !history->ended) {
        for (uint64_t at = 0; at < WINDOW_WRITES / WRITERS; at++) {
            keep_pace(at, WINDOW_WRITES / WRITERS, &history->asked, history->window_answers);
            write_once(writer);
            atomic_fetch_add_explicit(&history->written, 1, memory_order_relaxed);
        }
        pthread_barrier_wait(&history->done);
        pthread_barrier_wait(&history->replayed);
        pthread_barrier_wait(&history->verified);
    }
    return NULL;
}

/* --- asking --- */

/* Of a place in the answer and the decision there: sums of marks are equal when the answers are,
 * and otherwise by a chance of 2^-64. */
static uint64_t
mark(uint64_t place, enum decision decision)
{
    uint64_t mixed = (place * 3 + (uint64_t)decision) * UINT64_C(0x9e3779b97f4a7c15);

    mixed = (mixed ^ mixed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
    return decision == DECISION_DENY ? 0 : mixed ^ mixed >> 31;
}

static uint32_t
choose_user(uint64_t *random)
{
    return (uint32_t)(next_random(random) %
                      (next_random(random) % 4 == 0 ? LEDGER_USERS : LEDGER_USERS_FEW));
}

/* The questions of a bulk. */
static size_t
bulk_items(const struct question *question, struct question items[BULK_MAX])
{
    uint64_t random = question->seed | 1;
    size_t count = 1 + (size_t)(next_random(&random) % BULK_MAX);

    for (size_t at = 0; at < count; at++) {
        items[at].document = (uint32_t)(next_random(&random) % LEDGER_DOCUMENTS);
        items[at].user = choose_user(&random);
    }
    return count;
}

static struct check
check_of(const struct ledger *ledger, const struct question *question)
{
    return (struct check){.resource = ledger_object(ledger, "document", question->document),
                          .permission = SLICE_LITERAL("view"),
                          .subject = ledger_object(ledger, "user", question->user)};
}

static enum status
ask_check(struct participant *reader, struct engine_worker *worker,
          const struct engine_request *request, struct answer *answer, struct error *error)
{
    struct check check = check_of(&reader->history->ledger, &answer->question);
    struct check_result result;
    enum status status = engine_check(worker, request, &check, &result, error);

    if (status == BEHALF_OK) {
        answer->sum = mark(0, result.decision);
        answer->revision = revision_of(reader->history, &result.checked_at);
    }
    return status;
}

static enum status
ask_bulk(struct participant *reader, struct engine_worker *worker,
         const struct engine_request *request, struct answer *answer, struct error *error)
{
    struct question items[BULK_MAX];
    struct check checks[BULK_MAX];
    size_t count = bulk_items(&answer->question, items);
    struct check_bulk_result result;
    enum status status;

    for (size_t at = 0; at < count; at++)
        checks[at] = check_of(&reader->history->ledger, &items[at]);
    status = engine_check_bulk(worker, request, checks, count, &result, error);
    if (status != BEHALF_OK)
        return status;
    answer->revision = revision_of(reader->history, &result.checked_at);
    for (size_t at = 0; at < count; at++) {
        if (result.items[at].status != BEHALF_OK)
            give_up("item", result.items[at].status, result.items[at].error);
        answer->sum += mark(at, result.items[at].decision);
    }
    return BEHALF_OK;
}

/* A page's token. */
static void
note_page(struct participant *reader, const struct engine_token *token, struct answer *answer)
{
    uint64_t revision = revision_of(reader->history, token);

    answer->torn = answer->torn || (answer->revision != 0 && answer->revision != revision);
    answer->revision = revision;
}

static enum status
ask_resources(struct participant *reader, const struct engine_request *request,
              struct answer *answer, struct error *error)
{
    struct lookup_resources lookup = {
        .resource_type = SLICE_LITERAL("document"),
        .permission = SLICE_LITERAL("view"),
        .subject = ledger_object(&reader->history->ledger, "user", answer->question.user),
        .limit = answer->question.seed % 2 == 0 ? 2 : 0,
    };
    struct lookup_resources_result result;
    struct engine_token cursor;

    do {
        enum status status =
            engine_lookup_resources(reader->waits, request, &lookup, &result, error);

        if (status != BEHALF_OK)
            return status;
        BEHALF_ASSERT(result.undecided_count == 0);
        note_page(reader, &result.looked_up_at, answer);
        for (size_t at = 0; at < result.resource_count; at++)
            answer->sum +=
                mark(ledger_number(result.resources[at].id), result.resources[at].decision);
        cursor = result.cursor;
        lookup.cursor = slice_of(cursor.text);
    } while (lookup.cursor.size > 0);
    return BEHALF_OK;
}

static enum status
ask_subjects(struct participant *reader, const struct engine_request *request,
             struct answer *answer, struct error *error)
{
    struct lookup_subjects lookup = {
        .resource = ledger_object(&reader->history->ledger, "document", answer->question.document),
        .permission = SLICE_LITERAL("view"),
        .subject_type = SLICE_LITERAL("user"),
        .limit = answer->question.seed % 2 == 0 ? LEDGER_CROWD / 5 : 0,
    };
    struct lookup_subjects_result result;
    struct engine_token cursor;

    do {
        enum status status =
            engine_lookup_subjects(reader->waits, request, &lookup, &result, error);

        if (status != BEHALF_OK)
            return status;
        note_page(reader, &result.looked_up_at, answer);
        for (size_t at = 0; at < result.subject_count; at++) {
            BEHALF_ASSERT(!result.subjects[at].wildcard);
            answer->sum +=
                mark(ledger_number(result.subjects[at].id), result.subjects[at].decision);
        }
        cursor = result.cursor;
        lookup.cursor = slice_of(cursor.text);
    } while (lookup.cursor.size > 0);
    return BEHALF_OK;
}

/* As a server does: on the event loop first, and where storage has to be read, elsewhere. */
static enum status
ask(struct participant *reader, const struct engine_request *request, struct answer *answer,
    struct error *error)
{
    enum status (*ask_once)(struct participant *, struct engine_worker *,
                            const struct engine_request *, struct answer *, struct error *) =
        answer->question.kind == BULK ? ask_bulk : ask_check;
    enum status status;

    if (answer->question.kind == RESOURCES)
        return ask_resources(reader, request, answer, error);
    if (answer->question.kind == SUBJECTS)
        return ask_subjects(reader, request, answer, error);
    status = ask_once(reader, reader->loop, request, answer, error);
    if (status != BEHALF_WOULD_BLOCK)
        return status;
    atomic_fetch_add_explicit(&reader->history->sent_away, 1, memory_order_relaxed);
    return ask_once(reader, reader->waits, request, answer, error);
}

static struct question
choose_question(uint64_t *random)
{
    uint64_t choice = next_random(random) % 1024;
    struct question question = {
        .kind = choice < 128 ? BULK : CHECK,
        .document = (uint32_t)(next_random(random) % LEDGER_DOCUMENTS),
        .user = choose_user(random),
        .seed = next_random(random),
    };

    if (choice >= 128 && choice < 192)
        question.kind = RESOURCES;
    if (choice == 192)
        question.kind = SUBJECTS;
    return question;
}

/* At the newest state, at any, at what a token on the board says or later, or exactly there. */
static void
choose_consistency(struct participant *reader, struct engine_token *token,
                   struct engine_request *request, struct answer *answer)
{
    struct history *history = reader->history;
    uint64_t choice = next_random(&reader->random) % 8;
    uint64_t least = 0;

    request->consistency = CONSISTENCY_MINIMIZE_LATENCY;
    if (choice < 2) {
        request->consistency = CONSISTENCY_FULL;
        least = atomic_load(&history->acknowledged);
    } else if (choice < 5) {
        request->consistency =
            choice < 3 ? CONSISTENCY_AT_LEAST_AS_FRESH : CONSISTENCY_AT_EXACT_SNAPSHOT;
        *token = board_take(&history->board, next_random(&reader->random));
        request->token = slice_of(token->text);
        least = revision_of(history, token);
    }
    if (request->consistency == CONSISTENCY_AT_EXACT_SNAPSHOT)
        answer->exactly = least;
    else
        answer->not_before = least > reader->seen ? least : reader->seen;
}

static void
ask_one(struct participant *reader, struct answer *answer)
{
    struct engine_request request = {.arena = &reader->arena};
    struct engine_token token;
    struct error error;
    enum status status;

    arena_reset(&reader->arena, ARENA);
    *answer = (struct answer){.question = choose_question(&reader->random)};
    choose_consistency(reader, &token, &request, answer);
    status = ask(reader, &request, answer, &error);
    if (status != BEHALF_OK)
        give_up(kind_names[answer->question.kind], status, &error);
    if (answer->exactly == 0)
        reader->seen = answer->revision;
    for (int decision = DECISION_DENY; decision <= DECISION_ALLOW; decision++)
        reader->decisions[decision] +=
            answer->question.kind == CHECK && answer->sum == mark(0, (enum decision)decision);
}

/* --- computing again --- */

static uint64_t
expected_sum(const struct ledger *ledger, const struct answer *answer)
{
    const struct question *question = &answer->question;
    struct question items[BULK_MAX];
    size_t count = 0;
    uint64_t sum = 0;

    switch (question->kind) {
    case CHECK:
        return mark(0,
                    ledger_decision(ledger, answer->revision, question->document, question->user));
    case BULK:
        count = bulk_items(question, items);
        for (size_t at = 0; at < count; at++)
            sum += mark(
                at, ledger_decision(ledger, answer->revision, items[at].document, items[at].user));
        return sum;
    case RESOURCES:
        for (uint32_t document = 0; document < LEDGER_DOCUMENTS; document++)
            sum +=
                mark(document, ledger_decision(ledger, answer->revision, document, question->user));
        return sum;
    case SUBJECTS:
        for (uint32_t user = 0; user < LEDGER_USERS; user++)
            sum += mark(user, ledger_decision(ledger, answer->revision, question->document, user));
        return sum;
    case KINDS:
        break;
    }
    BEHALF_UNREACHABLE();
}

static void
verify(struct participant *reader, const struct answer *answer)
{
    struct history *history = reader->history;
    const struct ledger *ledger = &history->ledger;
    const struct question *question = &answer->question;
    const char *wrong = NULL;

    if (answer->torn)
        wrong = "pages of several revisions";
    else if (answer->revision < ledger->first || answer->revision > ledger->last)
        wrong = "a revision that nobody wrote";
    else if (answer->exactly != 0 && answer->revision != answer->exactly)
        wrong = "not the revision asked for";
    else if (answer->revision < answer->not_before)
        wrong = "too old";
    else if (answer->sum != expected_sum(ledger, answer))
        wrong = "not what was written";
    if (wrong != NULL && violated(history))
        fprintf(stderr,
                "engine_history: %s: document %u, user %u, seed %llu, at revision %llu (exactly "
                "%llu, not before %llu): %s\n",
                kind_names[question->kind], question->document, question->user,
                (unsigned long long)question->seed, (unsigned long long)answer->revision,
                (unsigned long long)answer->exactly, (unsigned long long)answer->not_before, wrong);
}

static void *
run_reader(void *argument)
{
    struct participant *reader = argument;
    struct history *history = reader->history;
    size_t share = history->window_answers / READERS;

    while (pthread_barrier_wait(&history->begin), !history->ended) {
        for (size_t at = 0; at < share; at++) {
            keep_pace(at, share, &history->written, WINDOW_WRITES);
            ask_one(reader, &reader->answers[at]);
            atomic_fetch_add_explicit(&history->asked, 1, memory_order_relaxed);
        }
        pthread_barrier_wait(&history->done);
        pthread_barrier_wait(&history->replayed);
        for (size_t at = 0; at < share; at++)
            verify(reader, &reader->answers[at]);
        pthread_barrier_wait(&history->verified);
    }
    return NULL;
}

/* --- windows --- */

static struct engine_info
info_of(struct history *history)
{
    struct engine_info info;
    struct error error;
    enum status status = engine_info_read(history->side.engine, &info, &error);

    if (status != BEHALF_OK)
        give_up("info", status, &error);
    return info;
}

/* Everybody stands still before and behind it. */
static void
run_window(struct history *history)
{
    struct engine_info info = info_of(history);

    harness_set_time(&history->side, atomic_load(&history->side.now) + TIME_STEP);
    ledger_window(&history->ledger, info.revision, atomic_load(&history->side.now) + TIME_STEP);
    history->board.count = 0;
    board_leave(&history->board, &info.token, 0);
    atomic_store(&history->acknowledged, info.revision);
    atomic_store(&history->written, 0);
    atomic_store(&history->asked, 0);
    pthread_barrier_wait(&history->begin);
    pthread_barrier_wait(&history->done);
    info = info_of(history);
    if (info.revision != history->ledger.first + WINDOW_WRITES && violated(history))
        fprintf(stderr, "engine_history: revision %llu behind %d writes on %llu\n",
                (unsigned long long)info.revision, WINDOW_WRITES,
                (unsigned long long)history->ledger.first);
    if (!ledger_replay(&history->ledger, info.revision) && violated(history))
        fprintf(stderr, "engine_history: a revision that nobody wrote before %llu\n",
                (unsigned long long)info.revision);
    pthread_barrier_wait(&history->replayed);
    pthread_barrier_wait(&history->verified);
}

/* --- one run --- */

/* The crowd is there from the start. */
static void
put_crowd(struct history *history)
{
    static struct update updates[ENGINE_UPDATES_MAX];
    size_t count = 0;

    for (uint32_t edge = LEDGER_CROWD_FIRST; edge < LEDGER_EDGES; edge++) {
        struct ledger_change change = {(uint16_t)edge, LEDGER_PLAIN};
        struct error error;
        enum status status = BEHALF_OK;

        if (edge % 5 < 2) {
            ledger_put(&history->ledger, change);
            updates[count++] = ledger_update(&history->ledger, change);
        }
        if (count == ENGINE_UPDATES_MAX || edge + 1 == LEDGER_EDGES) {
            status = harness_write_updates(&history->side, updates, count, NULL, &error);
            count = 0;
        }
        if (status != BEHALF_OK)
            give_up("crowd", status, &error);
    }
}

static void
history_open(struct history *history, size_t graph_memory_bytes, size_t window_answers)
{
    pthread_barrier_t *barriers[] = {&history->begin, &history->done, &history->replayed,
                                     &history->verified};
    struct error error;
    enum status status;

    harness_engine_open_at(&history->side, graph_memory_bytes, TIME_BEGIN);
    status = harness_write_schema(&history->side, slice_of(ledger_schema), &error);
    if (status != BEHALF_OK)
        give_up("schema", status, &error);
    ledger_open(&history->ledger, WINDOW_WRITES);
    put_crowd(history);
    pthread_mutex_init(&history->board.lock, NULL);
    for (size_t at = 0; at < BEHALF_COUNT_OF(barriers); at++)
        pthread_barrier_init(barriers[at], NULL, READERS + WRITERS + 1);
    history->window_answers = window_answers;
}

static void
history_close(struct history *history)
{
    pthread_barrier_t *barriers[] = {&history->begin, &history->done, &history->replayed,
                                     &history->verified};

    for (size_t at = 0; at < BEHALF_COUNT_OF(barriers); at++)
        pthread_barrier_destroy(barriers[at]);
    pthread_mutex_destroy(&history->board.lock);
    ledger_close(&history->ledger);
    harness_engine_close(&history->side);
}

static void
participant_start(struct participant *participant, struct history *history, uint64_t seed,
                  void *(*run)(void *))
{
    int failure;

    *participant = (struct participant){
        .history = history,
        .random = seed,
        .answers = memory_new_array(history->window_answers / READERS, sizeof(struct answer)),
        .waits = engine_worker_new(history->side.engine, true),
        .loop = engine_worker_new(history->side.engine, false),
    };
    arena_init(&participant->arena, ARENA);
    failure = pthread_create(&participant->thread, NULL, run, participant);
    BEHALF_ASSERT(failure == 0);
}

static void
participant_end(struct participant *participant)
{
    pthread_join(participant->thread, NULL);
    engine_worker_free(participant->waits);
    engine_worker_free(participant->loop);
    arena_release(&participant->arena);
    memory_free(participant->answers);
}

/* Of all histories of one budget. */
struct tally {
    uint64_t answers;
    uint64_t writes;
    size_t decisions[3];
    size_t from_storage;
    size_t violations;
};

static void
run_history(size_t graph_memory_bytes, uint64_t windows, size_t window_answers, uint64_t seed,
            struct tally *tally)
{
    struct history *history = memory_new(sizeof *history);
    struct participant participants[READERS + WRITERS];

    history_open(history, graph_memory_bytes, window_answers);
    for (uint32_t at = 0; at < READERS + WRITERS; at++)
        participant_start(&participants[at], history, seed + 2 * at,
                          at < READERS ? run_reader : run_writer);
    for (uint64_t window = 0; window < windows; window++)
        run_window(history);
    history->ended = true;
    pthread_barrier_wait(&history->begin);
    for (uint32_t at = 0; at < READERS + WRITERS; at++) {
        participant_end(&participants[at]);
        for (int decision = DECISION_DENY; decision <= DECISION_ALLOW; decision++)
            tally->decisions[decision] += participants[at].decisions[decision];
    }
    tally->answers += windows * window_answers;
    tally->writes += windows * WINDOW_WRITES;
    tally->from_storage += atomic_load(&history->sent_away);
    tally->violations += atomic_load(&history->violations);
    history_close(history);
    memory_free(history);
}

/* The number of violations. */
static size_t
run_budget(size_t graph_memory_bytes, uint64_t windows, size_t window_answers, uint64_t seed)
{
    int64_t started = env_monotonic_ns(env_system());
    struct tally tally = {.answers = 0};

    for (uint64_t done = 0; done < windows; done += HISTORY_WINDOWS)
        run_history(graph_memory_bytes,
                    windows - done < HISTORY_WINDOWS ? windows - done : HISTORY_WINDOWS,
                    window_answers, seed + 64 * done, &tally);
    printf("engine_history: budget %zu: %llu answers (%zu, %zu, %zu checks: allow, conditional, "
           "deny) against %llu writes, %zu answers from storage, %lld s: %zu violations\n",
           graph_memory_bytes, (unsigned long long)tally.answers, tally.decisions[DECISION_ALLOW],
           tally.decisions[DECISION_CONDITIONAL], tally.decisions[DECISION_DENY],
           (unsigned long long)tally.writes, tally.from_storage,
           (long long)((env_monotonic_ns(env_system()) - started) / 1000000000), tally.violations);
    (void)fflush(stdout);
    return tally.violations;
}

static uint64_t
number_from(const char *variable, uint64_t otherwise)
{
    const char *text = getenv(variable);

    return text != NULL ? strtoull(text, NULL, 0) : otherwise;
}

int
main(void)
{
    static const struct {
        size_t bytes;
        uint64_t part; /* of the whole */
    } budgets[] = {{PLENTY, 1}, {TINY, 10}, {1, 100}};
    uint64_t seed = number_from("BEHALF_SEED", 20261123);
    uint64_t writes = number_from("BEHALF_WRITES", 10000);
    uint64_t checks = number_from("BEHALF_CHECKS", 100000);
    size_t window_answers = (size_t)(checks / (writes / WINDOW_WRITES + 1) / READERS + 1) * READERS;
    size_t violations = 0;

    printf("engine_history: BEHALF_SEED=%llu\n", (unsigned long long)seed);
    for (size_t at = 0; at < BEHALF_COUNT_OF(budgets); at++) {
        uint64_t windows = writes / budgets[at].part / WINDOW_WRITES + 1;

        if (windows < WINDOWS_LEAST)
            windows = WINDOWS_LEAST;
        violations += run_budget(budgets[at].bytes, windows, window_answers, seed | 1);
    }
    return violations > 0;
}
