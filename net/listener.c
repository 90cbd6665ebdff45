/* listener.c - binding, accepting, refusing. */
#include "net/listener.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "net/binding.h"
#include "net/connection.h"

#define BACKLOG 1024
#define ACCEPTS_PER_WAKE 64
#define RETRY_MS 100 /* without descriptors: do not spin */
#define COMPLAIN_NS INT64_C(1000000000)

/* --- TCP --- */

static void
listener_init(struct listener *listener, bool is_tcp)
{
    *listener = (struct listener){.fd = -1, .reserve_fd = -1, .is_tcp = is_tcp};
    listener->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

enum status
listener_open_tcp(struct listener *listener, const struct server_options *options,
                  struct error *error)
{
    const struct binding_guards guards = {.keys = options->keys != NULL,
                                          .tls = options->tls != NULL,
                                          .insecure_plaintext = options->insecure_plaintext};
    enum status status = binding_check(options->listen_address, &guards, error);

    listener_init(listener, true);
    listener->tls = options->tls;
    if (status == BEHALF_OK)
        status = tcp_listen(options->listen_address, &listener->fd, listener->address, error);
    if (status != BEHALF_OK)
        listener_close(listener);
    return status;
}

/* --- Unix socket --- */

#define SOCKET_PATH_MAX sizeof(((struct sockaddr_un *)NULL)->sun_path)

/* Who may connect. */
struct socket_access {
    const char *path;
    gid_t group;
    mode_t mode;
};

static enum status
find_group(const char *name, gid_t *group, struct error *error)
{
    char text[4096];
    struct group entry;
    struct group *found = NULL;

    *group = getegid();
    if (name == NULL)
        return BEHALF_OK;
    if (getgrnam_r(name, &entry, text, sizeof text, &found) != 0 || found == NULL)
        return error_set(error, BEHALF_MALFORMED_REQUEST, "there is no group '%.100s'", name);
    *group = found->gr_gid;
    return BEHALF_OK;
}

/* The directory of `path`: "." when it names none. */
static void
directory_of(const char *path, char directory[static SOCKET_PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    size_t size = slash == NULL ? 0 : slash == path ? 1 : (size_t)(slash - path);

    memcpy(directory, slash == NULL ? "." : path, slash == NULL ? 1 : size);
    directory[slash == NULL ? 1 : size] = '\0';
}

/* What those who may use the socket need of its directory: to pass through. */
static mode_t
directory_mode(const struct socket_access *access)
{
    return 0700 | ((access->mode & 060) != 0 ? 0010 : 0) | ((access->mode & 006) != 0 ? 0001 : 0);
}

static enum status
make_directory(const char *directory, const struct socket_access *access, struct error *error)
{
    if (mkdir(directory, 0700) != 0) {
        if (errno == EEXIST)
            return BEHALF_OK;
        return error_set(error, BEHALF_OVERLOADED, "cannot make the directory '%s': %s", directory,
                         strerror(errno));
    }
    if (chown(directory, (uid_t)-1, access->group) != 0 ||
        chmod(directory, directory_mode(access)) != 0)
        return error_set(error, BEHALF_OVERLOADED, "cannot open the directory '%s' to clients: %s",
                         directory, strerror(errno));
    return BEHALF_OK;
}

/* The directory must be ours, and only those may pass through it who may use the socket; it is made
 * when it does not exist. */
static enum status
check_directory(const struct socket_access *access, struct error *error)
{
    char directory[SOCKET_PATH_MAX];
    mode_t wanted = directory_mode(access);
    struct stat info;
    enum status status;

    directory_of(access->path, directory);
    status = make_directory(directory, access, error);
    if (status != BEHALF_OK)
        return status;
    if (stat(directory, &info) != 0)
        return error_set(error, BEHALF_OVERLOADED, "cannot look at the directory '%s': %s",
                         directory, strerror(errno));
    if (info.st_uid != geteuid() || (info.st_mode & 077 & ~(wanted | (wanted & 011) << 2)) != 0) {
        error_set(error, BEHALF_MALFORMED_REQUEST,
                  "cannot listen on '%s': its directory must belong to the server's user and be "
                  "closed to all who may not use the socket",
                  access->path);
        error_hint(error, "chmod %o %.200s, or choose a directory of its own", (unsigned)wanted,
                   directory);
        return BEHALF_MALFORMED_REQUEST;
    }
    if ((info.st_mode & wanted) != wanted ||
        ((wanted & 0010) != 0 && info.st_gid != access->group)) {
        error_set(error, BEHALF_MALFORMED_REQUEST,
                  "cannot listen on '%s': those who may use the socket cannot pass through its "
                  "directory",
                  access->path);
        error_hint(error, "chgrp %u %.200s; chmod %o %.200s", (unsigned)access->group, directory,
                   (unsigned)wanted, directory);
        return BEHALF_MALFORMED_REQUEST;
    }
    return BEHALF_OK;
}

/* A socket that nobody listens on is left from a server that died. */
static enum status
remove_stale(const struct sockaddr_un *address, struct error *error)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct stat info;
    bool used = fd >= 0 &&
                connect(fd, (const struct sockaddr *)(const void *)address, sizeof *address) == 0;

    if (fd >= 0)
        (void)close(fd);
    if (used) {
        error_set(error, BEHALF_OVERLOADED, "cannot listen on '%s': another server does",
                  address->sun_path);
        error_hint(error, "stop it or choose another path");
        return BEHALF_OVERLOADED;
    }
    if (lstat(address->sun_path, &info) == 0) {
        if (!S_ISSOCK(info.st_mode))
            return error_set(error, BEHALF_MALFORMED_REQUEST,
                             "cannot listen on '%s': a file that is no socket has that name",
                             address->sun_path);
        (void)unlink(address->sun_path);
    }
    return BEHALF_OK;
}

/* The group is set before the mode: nobody else's group ever has the permissions of the mode. */
static bool
bind_unix(int fd, const struct sockaddr_un *address, const struct socket_access *access)
{
    return fd >= 0 &&
           bind(fd, (const struct sockaddr *)(const void *)address, sizeof *address) == 0 &&
           chown(access->path, (uid_t)-1, access->group) == 0 &&
           chmod(access->path, access->mode) == 0 && listen(fd, BACKLOG) == 0;
}

enum status
listener_open_unix(struct listener *listener, const struct server_options *options,
                   struct error *error)
{
    const char *path = options->unix_path;
    struct socket_access access = {.path = path, .mode = options->unix_mode};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    enum status status;

    listener_init(listener, false);
    if (path[0] == '\0' || strlen(path) >= SOCKET_PATH_MAX) {
        status = error_set(error, BEHALF_MALFORMED_REQUEST,
                           "cannot listen on '%.200s': a path must have 1 to %zu bytes", path,
                           SOCKET_PATH_MAX - 1);
        goto done;
    }
    memcpy(address.sun_path, path, strlen(path));
    status = find_group(options->unix_group, &access.group, error);
    if (status == BEHALF_OK)
        status = check_directory(&access, error);
    if (status == BEHALF_OK)
        status = remove_stale(&address, error);
    if (status != BEHALF_OK)
        goto done;
    listener->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (!bind_unix(listener->fd, &address, &access)) {
        status =
            error_set(error, BEHALF_OVERLOADED, "cannot listen on '%s': %s", path, strerror(errno));
        goto done;
    }
    listener->unix_path = memory_copy(path, strlen(path) + 1);
done:
    if (status != BEHALF_OK)
        listener_close(listener);
    return status;
}

/* --- accepting --- */

static void
complain(struct listener *listener, const char *why, enum net_event event)
{
    int64_t now_ns = loop_read_clock(&listener->loops[0]);

    listener->refused++;
    net_count(&listener->loops[0].counts, event);
    if (listener->complained_ns != 0 && now_ns - listener->complained_ns < COMPLAIN_NS)
        return;
    listener->complained_ns = now_ns;
    log_line(LOG_WARN, "connection refused", "reason=\"%s\" refused=%llu", why,
             (unsigned long long)listener->refused);
}

/* Without descriptors accept fails and the client would wait in the queue while the loop spins:
 * give up the reserve, take the client, close it, and rest for a while. */
static void
refuse_without_descriptor(struct listener *listener)
{
    struct timeval rest = {.tv_usec = RETRY_MS * 1000};
    int fd;

    complain(listener, "no file descriptors left", NET_REFUSED_DESCRIPTORS);
    if (listener->reserve_fd >= 0) {
        (void)close(listener->reserve_fd);
        fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0)
            (void)close(fd);
        listener->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    }
    (void)event_del(listener->acceptable);
    (void)event_add(listener->retry, &rest);
}

/* Whether there is room among all, also in what is kept for administration: then `*on_trial` says
 * that the client has still to show that it is one. */
static bool
has_room(const struct listener *listener, int fd, bool *on_trial)
{
    const struct admission *admission = listener->admission;
    unsigned count = atomic_load(listener->loops[0].connection_count);

    *on_trial = false;
    if (count < admission->connections - admission->reserve)
        return true;
    if (count >= admission->connections)
        return false;
    if (!listener->is_tcp && caller_is_owner(fd))
        return true;
    /* Strangers on trial do not get the half of it that is left for the owner. */
    *on_trial = listener->has_keys && count < admission->connections - admission->reserve / 2;
    return *on_trial;
}

/* The address's seat; NULL also where it counts for nothing. */
static bool
take_seat(struct listener *listener, const union tcp_address *address, struct seat **seat)
{
    struct admission *admission = listener->loops[0].admission;
    char bytes[TCP_ORIGIN_SIZE];
    struct slice name;

    *seat = NULL;
    if (!listener->is_tcp)
        return true;
    name = admission_origin(admission, address, bytes);
    if (name.size == 0)
        return true;
    *seat = seats_take(&admission->addresses, name);
    return *seat != NULL;
}

static void
admit(struct listener *listener, int fd, const union tcp_address *address)
{
    struct loop *loop = &listener->loops[listener->next_loop];
    struct connection_admitted admitted = {.tls = listener->tls};

    if (!has_room(listener, fd, &admitted.on_trial)) {
        complain(listener, "too many connections", NET_REFUSED_TOTAL);
        (void)close(fd);
        return;
    }
    if (!take_seat(listener, address, &admitted.address)) {
        complain(listener, "too many connections of one address", NET_REFUSED_ADDRESS);
        (void)close(fd);
        return;
    }
    net_count(&listener->loops[0].counts, NET_ACCEPTED);
    if (listener->is_tcp)
        tcp_set_options(fd);
    listener->next_loop = (listener->next_loop + 1) % listener->loop_count;
    loop_send(loop, &connection_new(loop, fd, &admitted)->message);
}

static void
on_acceptable(evutil_socket_t listening, short what, void *context)
{
    struct listener *listener = context;

    (void)listening;
    (void)what;
    if (atomic_load(&listener->loops[0].stopping)) {
        listener_stop(listener);
        return;
    }
    for (int count = 0; count < ACCEPTS_PER_WAKE; count++) {
        union tcp_address address;
        socklen_t size = sizeof address;
        int fd = accept4(listener->fd, &address.any, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0) {
            admit(listener, fd, &address);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            refuse_without_descriptor(listener);
        if (errno != EINTR && errno != ECONNABORTED)
            return;
    }
}

static void
on_retry(evutil_socket_t fd, short what, void *context)
{
    struct listener *listener = context;

    (void)fd;
    (void)what;
    (void)event_add(listener->acceptable, NULL);
}

/* --- life --- */

enum status
listener_start(struct listener *listener, struct loop *loops, unsigned loop_count,
               const struct admission *admission, struct error *error)
{
    listener->loops = loops;
    listener->loop_count = loop_count;
    listener->admission = admission;
    listener->has_keys = loops[0].keys != NULL;
    listener->acceptable =
        event_new(loops[0].base, listener->fd, EV_READ | EV_PERSIST, on_acceptable, listener);
    listener->retry = event_new(loops[0].base, -1, 0, on_retry, listener);
    if (listener->acceptable == NULL || listener->retry == NULL ||
        event_add(listener->acceptable, NULL) != 0)
        return error_set(error, BEHALF_OVERLOADED, "cannot wait for connections");
    return BEHALF_OK;
}

void
listener_stop(struct listener *listener)
{
    if (listener->acceptable != NULL)
        event_free(listener->acceptable);
    if (listener->retry != NULL)
        event_free(listener->retry);
    listener->acceptable = NULL;
    listener->retry = NULL;
    if (listener->unix_path != NULL && listener->fd >= 0)
        (void)unlink(listener->unix_path);
    if (listener->fd >= 0)
        (void)close(listener->fd);
    listener->fd = -1;
}

void
listener_close(struct listener *listener)
{
    listener_stop(listener);
    if (listener->reserve_fd >= 0)
        (void)close(listener->reserve_fd);
    listener->reserve_fd = -1;
    memory_free(listener->unix_path);
    listener->unix_path = NULL;
}
