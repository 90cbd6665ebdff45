/* audit.c - the queue and the thread of a log.
 *
 * Putting takes no lock: an entry is counted, and sent to the thread's inbox. The thread makes the
 * lines of what waits, writes them, and syncs at once where somebody waits for it, else half a
 * second after the first line. What nobody waits for it lets gather for a twentieth of a second, or
 * until an eighth of the queue is taken: the inbox wakes it when it was empty, so such puts make
 * next to no system calls. While the files cannot be written, what was put before stays in
 * memory and is tried again each second, nothing more is taken, and whoever waits is told. */
#include "audit/audit.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "audit/record.h"
#include "audit/writer.h"
#include "base/datum.h"
#include "base/inbox.h"
#include "base/log.h"
#include "base/memory.h"

#define SECOND_NS INT64_C(1000000000)
#define SYNC_AFTER_NS (SECOND_NS / 2)
#define SIGN_EVERY_NS (10 * SECOND_NS)
#define RETRY_AFTER_NS SECOND_NS
#define GATHER_MS 50
#define LOOK_AGAIN_NS 500000
#define BATCH_BYTES ((size_t)1024 * 1024) /* of lines that wait for one sync */

enum entry_kind { ENTRY_RECORD, ENTRY_FLUSH, ENTRY_SIGN };

/* One message to the thread. A flush and a sign have no fields. */
struct entry {
    struct inbox_message link; /* first: the thread casts back */
    enum entry_kind kind;
    struct audit_waiter *waiter;
    int64_t ts_ns;
    size_t size;
    char fields[];
};

struct audit {
    struct audit_options options;
    char *directory; /* owned; options point here */
    pthread_t thread;
    struct inbox inbox;
    atomic_size_t queued_records;
    atomic_size_t queued_bytes;
    atomic_bool broken;
    atomic_bool stopping;
    atomic_bool hurried; /* somebody waits, or the queue grows: nothing is left to gather */
    _Atomic uint64_t size;
    _Atomic uint64_t dropped;
    _Atomic uint64_t refused;
    _Atomic uint64_t syncs;

    /* The thread's. */
    struct writer writer;
    struct audit_waiter *waiting; /* for the next sync, in their order */
    struct audit_waiter **waiting_end;
    bool sign_now;
    int64_t sync_at_ns; /* monotonic; 0 = nothing waits for a sync */
    int64_t sign_at_ns;
    int64_t retry_at_ns; /* 0 = the last try succeeded */

    pthread_mutex_t note_lock; /* guards the next two */
    struct buffer note;        /* the newest checkpoint */
    struct error problem;      /* why it is broken */
};

/* --- the thread --- */

static int64_t
monotonic(const struct audit *audit)
{
    return env_monotonic_ns(audit->options.env);
}

static void
tell_waiters(struct audit *audit, enum status status)
{
    struct audit_waiter *waiter = audit->waiting;

    audit->waiting = NULL;
    audit->waiting_end = &audit->waiting;
    while (waiter != NULL) {
        struct audit_waiter *next = waiter->next;

        waiter->done(waiter, status);
        waiter = next;
    }
}

/* Those whose entries were not taken yet. The entries stay. */
static void
tell_queued(struct audit *audit, enum status status)
{
    inbox_take(&audit->inbox);
    for (struct inbox_message *at = audit->inbox.oldest; at != NULL; at = at->next) {
        struct entry *entry = (struct entry *)(void *)at;
        struct audit_waiter *waiter = entry->waiter;

        entry->waiter = NULL;
        if (waiter != NULL)
            waiter->done(waiter, status);
    }
}

static void
keep_newest(struct audit *audit)
{
    pthread_mutex_lock(&audit->note_lock);
    buffer_clear(&audit->note);
    buffer_add_slice(&audit->note, buffer_slice(&audit->writer.newest));
    pthread_mutex_unlock(&audit->note_lock);
}

static void
fail(struct audit *audit, const struct error *error)
{
    pthread_mutex_lock(&audit->note_lock);
    audit->problem = *error;
    pthread_mutex_unlock(&audit->note_lock);
    if (!atomic_exchange(&audit->broken, true))
        log_line(LOG_ERROR, "the audit log cannot be written",
                 "reason=\"%s\" hint=\"decisions by agents are refused until it can\"",
                 error->message);
    audit->retry_at_ns = monotonic(audit) + RETRY_AFTER_NS;
    tell_waiters(audit, BEHALF_AUDIT_UNAVAILABLE);
    tell_queued(audit, BEHALF_AUDIT_UNAVAILABLE);
}

static void
recovered(struct audit *audit)
{
    audit->retry_at_ns = 0;
    if (atomic_exchange(&audit->broken, false))
        log_line(LOG_INFO, "the audit log can be written again", "records=%llu",
                 (unsigned long long)audit->writer.synced);
}

static void
take_entry(struct audit *audit, struct entry *entry)
{
    if (entry->waiter != NULL) {
        entry->waiter->next = NULL;
        *audit->waiting_end = entry->waiter;
        audit->waiting_end = &entry->waiter->next;
    }
    if (entry->kind == ENTRY_SIGN)
        audit->sign_now = true;
    if (entry->kind == ENTRY_RECORD) {
        writer_add(&audit->writer, entry->ts_ns, (struct slice){entry->fields, entry->size});
        atomic_fetch_sub(&audit->queued_records, 1);
        atomic_fetch_sub(&audit->queued_bytes, entry->size);
        if (audit->sync_at_ns == 0)
            audit->sync_at_ns = monotonic(audit) + SYNC_AFTER_NS;
    }
    memory_free(entry);
}

/* Whether more is to be taken before the lines are written. */
static bool
has_place(const struct audit *audit)
{
    return writer_has_room(&audit->writer) && audit->writer.lines.size < BATCH_BYTES;
}

static void
take_entries(struct audit *audit)
{
    inbox_take(&audit->inbox);
    while (has_place(audit)) {
        struct inbox_message *message = inbox_next(&audit->inbox);

        if (message == NULL)
            return;
        take_entry(audit, (struct entry *)(void *)message);
    }
}

/* What cannot be removed is no reason to record nothing: it is tried again with the next
 * checkpoint. */
static void
retain(struct audit *audit)
{
    struct error error;

    if (writer_retain(&audit->writer, env_wall_ns(audit->options.env), &error) != BEHALF_OK)
        log_line(LOG_WARN, "old segments of the audit log cannot be removed", "reason=\"%s\"",
                 error.message);
}

/* Everything that was taken is on the disk afterwards, and signed where it is time. */
static bool
commit(struct audit *audit, bool sign, struct error *error)
{
    enum status status = writer_commit(&audit->writer, error);

    if (status == BEHALF_OK && sign)
        status = writer_sign(&audit->writer, error);
    if (status != BEHALF_OK) {
        fail(audit, error);
        return false;
    }
    recovered(audit);
    if (sign)
        retain(audit);
    atomic_fetch_add(&audit->syncs, 1);
    atomic_store(&audit->size, audit->writer.synced);
    audit->sync_at_ns = 0;
    keep_newest(audit);
    tell_waiters(audit, BEHALF_OK);
    return true;
}

static bool
is_time(int64_t at_ns, int64_t now_ns)
{
    return at_ns != 0 && now_ns >= at_ns;
}

/* One step: what waits is taken and written, and synced where it must be. */
static void
step(struct audit *audit)
{
    int64_t now_ns = monotonic(audit);
    bool stopping = atomic_load(&audit->stopping);
    struct error error;
    bool sign;

    if (audit->retry_at_ns != 0 && now_ns < audit->retry_at_ns && !stopping)
        return;
    if (audit->retry_at_ns == 0)
        take_entries(audit);
    sign = audit->sign_now || stopping || is_time(audit->sign_at_ns, now_ns);
    if (audit->waiting != NULL || sign || !has_place(audit) || audit->retry_at_ns != 0 ||
        is_time(audit->sync_at_ns, now_ns)) {
        if (!commit(audit, sign, &error))
            return;
        audit->sign_now = false;
        if (sign)
            audit->sign_at_ns = now_ns + SIGN_EVERY_NS;
    } else if (writer_write(&audit->writer, &error) != BEHALF_OK) {
        fail(audit, &error);
    }
}

static int
milliseconds_until(int64_t at_ns, int64_t now_ns)
{
    return at_ns <= now_ns ? 0 : (int)((at_ns - now_ns) / 1000000 + 1);
}

/* Woken, the thread takes what waits without gathering. */
static void
hurry(struct audit *audit)
{
    if (!atomic_exchange(&audit->hurried, true))
        inbox_wake(&audit->inbox);
}

static bool
is_eager(const struct audit *audit)
{
    return atomic_load(&audit->queued_records) >= AUDIT_QUEUE_RECORDS / 8 ||
           atomic_load(&audit->queued_bytes) >= AUDIT_QUEUE_BYTES / 8;
}

/* Until something is put, or it is time. */
static void
wait_for_work(struct audit *audit)
{
    struct pollfd ready = {.fd = audit->inbox.fd, .events = POLLIN};
    int64_t now_ns = monotonic(audit);
    int timeout = milliseconds_until(audit->sign_at_ns, now_ns);

    if (audit->retry_at_ns != 0) {
        timeout = milliseconds_until(audit->retry_at_ns, now_ns);
        ready.events = 0; /* nothing is taken until then */
    } else if (inbox_has_more(&audit->inbox)) {
        timeout = 0;
    } else if (audit->sync_at_ns != 0) {
        int until = milliseconds_until(audit->sync_at_ns, now_ns);

        timeout = until < timeout ? until : timeout;
    }
    if (poll(&ready, 1, timeout) > 0) {
        inbox_rest(&audit->inbox);
        /* What is not taken keeps the inbox full, and that wakes for those in a hurry alone. */
        if (!atomic_load(&audit->hurried) && poll(&ready, 1, GATHER_MS) > 0)
            inbox_rest(&audit->inbox);
    }
    atomic_store(&audit->hurried, false);
}

/* At the end one more try is made, and what cannot be written is said to be lost. */
static void *
run(void *context)
{
    struct audit *audit = context;

    audit->sign_at_ns = monotonic(audit) + SIGN_EVERY_NS;
    while (!atomic_load(&audit->stopping)) {
        wait_for_work(audit);
        step(audit);
    }
    do
        step(audit);
    while (audit->retry_at_ns == 0 && (inbox_take(&audit->inbox), inbox_has_more(&audit->inbox)));
    return NULL;
}

/* --- life --- */

static void
put_own(struct audit *audit, const struct writer_found *found)
{
    const struct slice cut = SLICE_LITERAL("cut_bytes");
    struct datum names[4];
    struct datum_field fields[4];
    struct datum map = {.kind = DATUM_MAP};
    struct buffer bytes;
    struct error error;
    size_t count = 0;

    names[0] = (struct datum){.kind = DATUM_INT, .as.integer = (int64_t)found->cut_bytes};
    names[1] = (struct datum){.kind = DATUM_INT, .as.integer = (int64_t)found->cut_leaves};
    names[2] =
        (struct datum){.kind = DATUM_STRING,
                       .as.string = slice_of(found->recovered ? "log.recovered" : "log.opened")};
    names[3] = (struct datum){.kind = DATUM_INT, .as.integer = (int64_t)audit->writer.tree.size};
    if (found->recovered) {
        fields[count++] = (struct datum_field){cut, &names[0]};
        fields[count++] = (struct datum_field){SLICE_LITERAL("cut_leaves"), &names[1]};
    }
    fields[count++] = (struct datum_field){SLICE_LITERAL("event"), &names[2]};
    fields[count++] = (struct datum_field){SLICE_LITERAL("records"), &names[3]};
    map.as.map.fields = fields;
    map.as.map.count = count;
    buffer_init(&bytes);
    datum_encode(&map, &bytes);
    if (audit_put(audit, AUDIT_PLACE_DECISION, env_wall_ns(audit->options.env),
                  buffer_slice(&bytes), NULL, &error) != BEHALF_OK)
        log_line(LOG_WARN, "the audit log does not say that it was opened", "reason=\"%s\"",
                 error.message);
    buffer_release(&bytes);
}

static void
release(struct audit *audit)
{
    writer_close(&audit->writer);
    inbox_close(&audit->inbox);
    pthread_mutex_destroy(&audit->note_lock);
    buffer_release(&audit->note);
    memory_free(audit->directory);
    memory_free(audit);
}

enum status
audit_open(const struct audit_options *options, struct audit **audit, struct error *error)
{
    struct audit *opened = memory_new(sizeof *opened);
    struct writer_found found;
    enum status status;

    opened->options = *options;
    opened->directory = memory_copy(options->directory, strlen(options->directory) + 1);
    opened->options.directory = opened->directory;
    opened->waiting_end = &opened->waiting;
    pthread_mutex_init(&opened->note_lock, NULL);
    buffer_init(&opened->note);
    status = writer_open(&opened->options, &opened->writer, &found, error);
    if (!inbox_open(&opened->inbox) && status == BEHALF_OK)
        status = error_set(error, BEHALF_OVERLOADED, "cannot make an event descriptor: %s",
                           strerror(errno));
    if (status == BEHALF_OK) {
        atomic_store(&opened->size, opened->writer.synced);
        keep_newest(opened);
        put_own(opened, &found);
        if (pthread_create(&opened->thread, NULL, run, opened) != 0) {
            inbox_take(&opened->inbox);
            for (struct inbox_message *own; (own = inbox_next(&opened->inbox)) != NULL;)
                memory_free(own);
            status = error_set(error, BEHALF_OVERLOADED, "cannot start the audit log's thread");
        }
    }
    if (status != BEHALF_OK) {
        release(opened);
        return status;
    }
    *audit = opened;
    return BEHALF_OK;
}

void
audit_close(struct audit *audit)
{
    struct inbox_message *message;
    size_t lost = 0;

    if (audit == NULL)
        return;
    atomic_store(&audit->stopping, true);
    atomic_store(&audit->hurried, true);
    inbox_wake(&audit->inbox);
    (void)pthread_join(audit->thread, NULL);
    inbox_await_senders(&audit->inbox);
    inbox_take(&audit->inbox);
    while ((message = inbox_next(&audit->inbox)) != NULL) {
        struct entry *entry = (struct entry *)(void *)message;

        if (entry->waiter != NULL)
            entry->waiter->done(entry->waiter, BEHALF_AUDIT_UNAVAILABLE);
        lost += entry->kind == ENTRY_RECORD;
        memory_free(entry);
    }
    lost += audit->writer.tree.size - audit->writer.synced;
    if (lost > 0)
        log_line(LOG_ERROR, "the audit log ends without its last records", "records=%zu", lost);
    release(audit);
}

/* --- putting --- */

static size_t
share(size_t whole, enum audit_place place)
{
    if (place == AUDIT_PLACE_DECISION)
        return whole;
    if (place == AUDIT_PLACE_APPENDED)
        return whole / 4 * 3;
    return place == AUDIT_PLACE_CHANGE ? whole / 8 * 7 : whole / 2;
}

bool
audit_has_room(const struct audit *audit, enum audit_place place)
{
    return !atomic_load(&audit->broken) &&
           atomic_load(&audit->queued_records) < share(AUDIT_QUEUE_RECORDS, place) &&
           atomic_load(&audit->queued_bytes) < share(AUDIT_QUEUE_BYTES, place);
}

bool
audit_is_behind(const struct audit *audit)
{
    return atomic_load(&audit->queued_records) >= AUDIT_QUEUE_RECORDS / 4 ||
           atomic_load(&audit->queued_bytes) >= AUDIT_QUEUE_BYTES / 4;
}

void
audit_await_room(const struct audit *audit, int64_t most_ns)
{
    const struct timespec step = {.tv_nsec = LOOK_AGAIN_NS};

    for (; most_ns > 0 && audit_is_behind(audit) && !atomic_load(&audit->broken);
         most_ns -= LOOK_AGAIN_NS)
        (void)nanosleep(&step, NULL);
}

static enum status
is_broken(struct audit *audit, struct error *error)
{
    struct error problem;

    pthread_mutex_lock(&audit->note_lock);
    problem = audit->problem;
    pthread_mutex_unlock(&audit->note_lock);
    return error_set(error, BEHALF_AUDIT_UNAVAILABLE, "the audit log cannot be written: %s",
                     problem.message);
}

static enum status
unavailable(struct audit *audit, enum audit_place place, struct error *error)
{
    bool is_counted = place == AUDIT_PLACE_SAMPLE || place == AUDIT_PLACE_STRANGER;

    atomic_fetch_add(is_counted ? &audit->dropped : &audit->refused, 1);
    if (!atomic_load(&audit->broken))
        return error_set(error, BEHALF_AUDIT_UNAVAILABLE,
                         "the audit log's queue is full: its disk is too slow for what is asked");
    return is_broken(audit, error);
}

static struct entry *
entry_new(enum entry_kind kind, struct audit_waiter *waiter, struct slice fields)
{
    struct entry *entry = memory_new(sizeof *entry + fields.size);

    *entry = (struct entry){.kind = kind, .waiter = waiter, .size = fields.size};
    if (fields.size > 0)
        memcpy(entry->fields, fields.data, fields.size);
    return entry;
}

enum status
audit_put(struct audit *audit, enum audit_place place, int64_t ts_ns, struct slice fields,
          struct audit_waiter *waiter, struct error *error)
{
    enum status status = record_check(fields, error);
    struct entry *entry;

    if (status != BEHALF_OK)
        return status;
    if (!audit_has_room(audit, place))
        return unavailable(audit, place, error);
    /* Others may have taken the room since; the queue is then longer by one entry for each of them,
     * at most. */
    atomic_fetch_add(&audit->queued_records, 1);
    atomic_fetch_add(&audit->queued_bytes, fields.size);
    entry = entry_new(ENTRY_RECORD, waiter, fields);
    entry->ts_ns = ts_ns < 0 ? 0 : ts_ns;
    inbox_send(&audit->inbox, &entry->link);
    if (waiter != NULL || is_eager(audit))
        hurry(audit);
    return BEHALF_OK;
}

/* --- waiting --- */

struct pause {
    struct audit_waiter waiter; /* first: `end_pause` casts back */
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool done;
    enum status status;
};

static void
end_pause(struct audit_waiter *waiter, enum status status)
{
    struct pause *pause = (struct pause *)(void *)waiter;

    pthread_mutex_lock(&pause->lock);
    pause->done = true;
    pause->status = status;
    pthread_cond_signal(&pause->ended);
    pthread_mutex_unlock(&pause->lock);
}

static enum status
pause_until(struct audit *audit, enum entry_kind kind, struct error *error)
{
    struct pause pause = {.waiter.done = end_pause};

    if (atomic_load(&audit->broken))
        return is_broken(audit, error);
    pthread_mutex_init(&pause.lock, NULL);
    pthread_cond_init(&pause.ended, NULL);
    inbox_send(&audit->inbox, &entry_new(kind, &pause.waiter, (struct slice){NULL, 0})->link);
    hurry(audit);
    pthread_mutex_lock(&pause.lock);
    while (!pause.done)
        pthread_cond_wait(&pause.ended, &pause.lock);
    pthread_mutex_unlock(&pause.lock);
    pthread_cond_destroy(&pause.ended);
    pthread_mutex_destroy(&pause.lock);
    return pause.status == BEHALF_OK
               ? BEHALF_OK
               : error_set(error, pause.status, "the audit log cannot be written");
}

enum status
audit_flush(struct audit *audit, struct error *error)
{
    return pause_until(audit, ENTRY_FLUSH, error);
}

enum status
audit_checkpoint(struct audit *audit, struct buffer *note, struct error *error)
{
    enum status status = pause_until(audit, ENTRY_SIGN, error);

    if (status != BEHALF_OK)
        return status;
    pthread_mutex_lock(&audit->note_lock);
    buffer_add_slice(note, buffer_slice(&audit->note));
    pthread_mutex_unlock(&audit->note_lock);
    return BEHALF_OK;
}

/* --- the owner's note --- */

enum status
audit_keep_note(struct audit *audit, struct slice bytes, struct error *error)
{
    return files_keep_note(audit->writer.folder, bytes, error);
}

enum status
audit_read_note(struct audit *audit, struct buffer *bytes, bool *found, struct error *error)
{
    return files_load_note(audit->writer.folder, bytes, found, error);
}

void
audit_stats_read(const struct audit *audit, struct audit_stats *stats)
{
    *stats = (struct audit_stats){
        .size = atomic_load(&audit->size),
        .queued = atomic_load(&audit->queued_records),
        .dropped = atomic_load(&audit->dropped),
        .refused = atomic_load(&audit->refused),
        .syncs = atomic_load(&audit->syncs),
        .writable = !atomic_load(&audit->broken),
    };
}
