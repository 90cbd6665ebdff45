/* notify.h - what the service manager is told: sd_notify(3), without its library.
 *
 * Always true: without NOTIFY_SOCKET nothing is sent and nothing fails; a manager that does not
 * read never stops the server (the socket does not block).
 * Threads: one. */
#ifndef BEHALF_SERVER_NOTIFY_H
#define BEHALF_SERVER_NOTIFY_H

#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

struct notify {
    int fd; /* -1 = there is nobody to tell */
    struct sockaddr_un address;
    socklen_t size;
    int64_t watchdog_ns; /* how often the manager wants to hear of us; 0 = it does not */
};

/* Reads NOTIFY_SOCKET (a path, or '@' and an abstract name), WATCHDOG_USEC and WATCHDOG_PID. What
 * cannot be used is logged. */
void notify_open(struct notify *notify);
void notify_close(struct notify *notify);

/* Assignments on lines of their own: "READY=1", "STOPPING=1", "WATCHDOG=1". */
void notify_send(const struct notify *notify, const char *text);

/* That something is read again, which READY=1 ends. */
void notify_reloading(const struct notify *notify, int64_t monotonic_ns);

#endif
