/* inbox.c - a list without locks, newest first, that is turned round when it is taken. */
#include "base/inbox.h"

#include <sched.h>
#include <sys/eventfd.h>
#include <unistd.h>

bool
inbox_open(struct inbox *inbox)
{
    *inbox = (struct inbox){.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
    inbox->end = &inbox->oldest;
    return inbox->fd >= 0;
}

void
inbox_await_senders(struct inbox *inbox)
{
    while (atomic_load(&inbox->senders) > 0)
        (void)sched_yield(); /* a few instructions from leaving */
}

void
inbox_close(struct inbox *inbox)
{
    BEHALF_ASSERT(atomic_load(&inbox->newest) == NULL && inbox->oldest == NULL);
    if (inbox->fd >= 0)
        (void)close(inbox->fd);
    inbox->fd = -1;
}

void
inbox_wake(struct inbox *inbox)
{
    uint64_t one = 1;

    /* It can only fail when the counter is full, and then the owner wakes anyway. */
    (void)!write(inbox->fd, &one, sizeof one);
}

void
inbox_send(struct inbox *inbox, struct inbox_message *message)
{
    struct inbox_message *newest;

    atomic_fetch_add(&inbox->senders, 1);
    newest = atomic_load(&inbox->newest);
    do {
        message->next = newest;
    } while (!atomic_compare_exchange_weak(&inbox->newest, &newest, message));
    if (newest == NULL)
        inbox_wake(inbox);
    atomic_fetch_sub(&inbox->senders, 1);
}

void
inbox_rest(struct inbox *inbox)
{
    uint64_t count;

    (void)!read(inbox->fd, &count, sizeof count);
}

void
inbox_take(struct inbox *inbox)
{
    struct inbox_message *message = atomic_exchange(&inbox->newest, NULL);
    struct inbox_message *newest = message;
    struct inbox_message *oldest = NULL;

    while (message != NULL) {
        struct inbox_message *next = message->next;

        message->next = oldest;
        oldest = message;
        message = next;
    }
    if (newest != NULL) {
        *inbox->end = oldest;
        inbox->end = &newest->next;
    }
}

struct inbox_message *
inbox_next(struct inbox *inbox)
{
    struct inbox_message *message = inbox->oldest;

    if (message == NULL)
        return NULL;
    inbox->oldest = message->next;
    if (inbox->oldest == NULL)
        inbox->end = &inbox->oldest;
    return message;
}
