/* inbox.h - messages from any thread to the one that waits on a descriptor.
 *
 * Always true: a message that was sent is given once, in the order of sending, and the descriptor
 * is readable while one was not taken. Senders take no lock: they push on a list and wake the owner
 * only when it was empty.
 * Threads: inbox_send and inbox_wake any; the rest the owner's. Memory: messages are the sender's,
 * then the owner's. */
#ifndef BEHALF_BASE_INBOX_H
#define BEHALF_BASE_INBOX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"

/* A member of what is sent. */
struct inbox_message {
    struct inbox_message *next;
};

struct inbox {
    int fd; /* an eventfd, or -1 */
    _Atomic(struct inbox_message *) newest;
    atomic_uint senders;          /* inside inbox_send */
    struct inbox_message *oldest; /* taken, and not given yet */
    struct inbox_message **end;
};

/* False with errno; inbox_close may be called then too. */
bool inbox_open(struct inbox *inbox) BEHALF_MUST_USE;
/* Waits until nobody is inside inbox_send: for who will free the inbox and starts no more senders.
 * What they sent can be taken afterwards. */
void inbox_await_senders(struct inbox *inbox);
void inbox_close(struct inbox *inbox);

void inbox_send(struct inbox *inbox, struct inbox_message *message);
/* Makes the descriptor readable without a message. */
void inbox_wake(struct inbox *inbox);

/* The descriptor was readable: it is no more until the next wake-up. */
void inbox_rest(struct inbox *inbox);
/* Puts what was sent since behind what waits already. */
void inbox_take(struct inbox *inbox);
/* The oldest that was taken, or NULL. */
struct inbox_message *inbox_next(struct inbox *inbox);

/* Whether something that was taken waits to be given. */
static inline bool
inbox_has_more(const struct inbox *inbox)
{
    return inbox->oldest != NULL;
}

#endif
