/* notify.c - datagrams to the service manager. */
#include "server/notify.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

/* 0 for text that is no number, or for another process. */
static int64_t
read_watchdog(void)
{
    const char *text = getenv("WATCHDOG_USEC");
    const char *process = getenv("WATCHDOG_PID");
    char *end = NULL;
    unsigned long long period;

    if (text == NULL || (process != NULL && strtoll(process, NULL, 10) != (long long)getpid()))
        return 0;
    errno = 0;
    period = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || period > INT64_MAX / 1000)
        return 0;
    return (int64_t)period * 1000;
}

void
notify_open(struct notify *notify)
{
    const char *path = getenv("NOTIFY_SOCKET");
    size_t size = path != NULL ? strlen(path) : 0;

    *notify = (struct notify){.fd = -1, .address = {.sun_family = AF_UNIX}};
    if (size == 0)
        return;
    if ((path[0] != '/' && path[0] != '@') || size >= sizeof notify->address.sun_path) {
        log_line(LOG_WARN, "the service manager cannot be told", "socket=\"%s\"", path);
        return;
    }
    memcpy(notify->address.sun_path, path, size);
    if (path[0] == '@')
        notify->address.sun_path[0] = '\0';
    /* An abstract name is as long as it says; a path ends with a NUL. */
    notify->size =
        (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size + (path[0] == '/' ? 1 : 0));
    notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (notify->fd < 0)
        log_line(LOG_WARN, "the service manager cannot be told", "reason=\"%s\"", strerror(errno));
    else
        notify->watchdog_ns = read_watchdog();
}

void
notify_close(struct notify *notify)
{
    if (notify->fd >= 0)
        (void)close(notify->fd);
    notify->fd = -1;
}

void
notify_send(const struct notify *notify, const char *text)
{
    if (notify->fd >= 0)
        (void)sendto(notify->fd, text, strlen(text), MSG_NOSIGNAL,
                     (const struct sockaddr *)(const void *)&notify->address, notify->size);
}

void
notify_reloading(const struct notify *notify, int64_t monotonic_ns)
{
    char text[64];

    (void)snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%" PRId64, monotonic_ns / 1000);
    notify_send(notify, text);
}
