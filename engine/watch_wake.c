/* watch_wake.c - listeners of publications. A publication costs the writer a lock that
 * it seldom shares, whether or not anybody is armed.
 * Arming and publishing each come before a full fence, behind which the other side is looked at: so
 * either the writer sees that somebody waits, or who waits sees what was published. */
#include "engine/watch_wake.h"

#include "engine/state.h"
#include "engine/watch.h"

void
engine_listen(struct engine *engine, struct engine_listener *listener)
{
    (void)pthread_mutex_lock(&engine->listening);
    listener->next = engine->listeners;
    engine->listeners = listener;
    (void)pthread_mutex_unlock(&engine->listening);
}

void
engine_unlisten(struct engine *engine, struct engine_listener *listener)
{
    struct engine_listener **at = &engine->listeners;

    (void)pthread_mutex_lock(&engine->listening);
    while (*at != listener)
        at = &(*at)->next;
    *at = listener->next;
    (void)pthread_mutex_unlock(&engine->listening);
}

void
engine_listener_arm(struct engine_listener *listener)
{
    atomic_store(&listener->armed, true);
    atomic_thread_fence(memory_order_seq_cst);
}

void
watch_published(struct engine *engine)
{
    atomic_thread_fence(memory_order_seq_cst);
    (void)pthread_mutex_lock(&engine->listening);
    for (struct engine_listener *listener = engine->listeners; listener != NULL;
         listener = listener->next)
        if (atomic_load(&listener->armed) && atomic_exchange(&listener->armed, false))
            listener->published(listener);
    (void)pthread_mutex_unlock(&engine->listening);
}
