/* recording.h - a check whose record must be on the disk before it is answered, between the pool
 * and the log's thread.
 *
 * A thread of the pool decides that it allows (BEHALF_MUST_RECORD), the log makes the record
 * durable, and a thread of the pool looks once more at what may have been withdrawn, which is the
 * answer. No thread is held in between.
 * Always true: after recording_leave the job is run again, or `ended` is called, exactly once. The
 * log may be faster than the thread that decided: whoever of the two comes second goes on.
 * Memory: embedded in whoever has the job; it and the memory of the request live until then.
 * Threads: `ended` runs on the log's thread or one of the pool, and must not block. */
#ifndef BEHALF_NET_RECORDING_H
#define BEHALF_NET_RECORDING_H

#include <stdatomic.h>

#include "engine/agents.h"
#include "engine/audit.h"

struct recording {
    struct engine_recording check; /* of the check */
    struct engine *engine;
    struct engine_job *job;
    enum engine_class class;
    const atomic_bool *gone; /* nobody wants the answer any more */
    /* `error` says why the job is not run again; NULL: nobody wants it. */
    void (*ended)(struct recording *recording, const struct error *error);
    atomic_bool met; /* one of the two was here */
    enum status status;
};

/* Before the check is decided first. */
void recording_init(struct recording *recording);

/* After BEHALF_MUST_RECORD: `engine`, `job`, `class`, `gone` and `ended` were set before the check
 * was decided. What holds the recording may be freed by now. */
void recording_leave(struct recording *recording);

#endif
