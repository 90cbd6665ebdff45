/* recording.c - records of checks, from the pool to the log and back. */
#include "net/recording.h"

static void
refuse(struct recording *recording)
{
    struct error error;

    (void)error_set(&error, BEHALF_AUDIT_UNAVAILABLE,
                    "the record of the decision could not be written, so it is not answered");
    error_hint(&error, "see the server's log; nothing is allowed until it can record again");
    recording->ended(recording, &error);
}

/* Whoever comes second, after the other one is done with it. */
static void
go_on(struct recording *recording)
{
    struct error error;

    if (recording->status != BEHALF_OK) {
        refuse(recording);
        return;
    }
    if (atomic_load(recording->gone)) {
        recording->ended(recording, NULL);
        return;
    }
    recording->check.done = true;
    if (engine_submit(recording->engine, recording->class, recording->job, &error) != BEHALF_OK)
        recording->ended(recording, &error);
}

static void
on_recorded(struct engine_recording *check, enum status status)
{
    struct recording *recording = check->owner;

    recording->status = status;
    if (atomic_exchange(&recording->met, true))
        go_on(recording);
}

void
recording_init(struct recording *recording)
{
    *recording = (struct recording){.check = {.recorded = on_recorded, .owner = recording}};
}

void
recording_leave(struct recording *recording)
{
    if (atomic_exchange(&recording->met, true))
        go_on(recording);
}
