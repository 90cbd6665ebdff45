/* spend.c - uses of grants, from the pool to the writer and back. */
#include "net/spend.h"

void
spend_init(struct spend *spend, struct engine_write *write)
{
    *spend = (struct spend){.use = {.write = write}, .write = write};
}

void
spend_hint(const struct spend *spend, struct error *error)
{
    if (spend->use.spent)
        error_hint(error, "a use of the grant was taken: repeat the call within 60 s with the same "
                          "idempotency key, or it takes another one");
}

/* On the writer's thread or that of its deadlines: the uses are taken, and the check is run again,
 * which answers it. A write that failed is the answer. Nothing is run for who is gone. */
static void
run_again(struct engine_write *write)
{
    struct spend *spend = write->owner;
    struct error error;

    if (write->status != BEHALF_OK) {
        spend->ended(spend, &write->error);
        return;
    }
    if (atomic_load(spend->gone)) {
        spend->ended(spend, NULL);
        return;
    }
    spend->use.spent = true;
    if (engine_submit(spend->engine, spend->class, spend->job, &error) == BEHALF_OK)
        return; /* it may be freed by now */
    spend_hint(spend, &error);
    spend->ended(spend, &error);
}

enum status
spend_begin(struct spend *spend, struct engine_flow *flow, struct error *error)
{
    BEHALF_ASSERT(!spend->use.spent && spend->use.chain_length > 0);
    *spend->write = (struct engine_write){
        .queued = {.flow = flow, .deadline_ns = spend->job->queued.deadline_ns},
        .kind = WRITE_USE,
        .use = &spend->use,
        .caller = spend->caller,
        .done = run_again,
        .owner = spend,
    };
    return engine_write_submit(spend->engine, spend->write, error);
}
