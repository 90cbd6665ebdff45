/* write_wait.c - a write whose caller waits for it. */
#include <pthread.h>

#include "engine/engine.h"

struct write_waiter {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool done;
};

static void
write_done(struct engine_write *write)
{
    struct write_waiter *waiter = write->owner;

    pthread_mutex_lock(&waiter->lock);
    waiter->done = true;
    pthread_cond_signal(&waiter->changed);
    pthread_mutex_unlock(&waiter->lock);
}

enum status
engine_write_wait(struct engine *engine, struct engine_write *write, struct error *error)
{
    struct write_waiter waiter = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};
    enum status status;

    write->done = write_done;
    write->owner = &waiter;
    status = engine_write_submit(engine, write, error);
    if (status == BEHALF_OK) {
        pthread_mutex_lock(&waiter.lock);
        while (!waiter.done)
            pthread_cond_wait(&waiter.changed, &waiter.lock);
        pthread_mutex_unlock(&waiter.lock);
        status = write->status;
        if (status != BEHALF_OK && error != NULL)
            *error = write->error;
    }
    pthread_cond_destroy(&waiter.changed);
    pthread_mutex_destroy(&waiter.lock);
    return status;
}
