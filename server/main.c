/* main.c - behalfd: the only place that knows everybody.
 * Opens from below (storage, engine, net), waits for a signal, closes from above. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/complain.h"
#include "base/env.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/tls.h"
#include "engine/audit.h"
#include "net/http_side.h"
#include "net/keys.h"
#include "net/server.h"
#include "server/memory_limit.h"
#include "server/notify.h"
#include "server/offline.h"
#include "server/options.h"
#include "server/reload.h"
#include "server/syscall_filter.h"
#include "server/watch.h"
#include "storage/store.h"

/* Documented in docs/configuration.md and the manual page. */
enum exit_code {
    EXIT_STOPPED = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_STORE = 3,
    EXIT_DATA = 4,
    EXIT_LISTEN = 5,
};

static enum exit_code
code_of_store(enum status status)
{
    return status == BEHALF_STORAGE_CORRUPT ? EXIT_DATA : EXIT_STORE;
}

static void
complain_of(const struct error *error)
{
    complain(error->hint, "%s", error->message);
}

static void
print_version(void)
{
    char libraries[SERVER_LIBRARIES_SIZE];

    server_libraries(libraries);
    (void)printf("behalfd %s (%s)\nRocksDB %s, %s, compiler %s\n", BEHALF_VERSION, BEHALF_VARIANT,
                 BEHALF_ROCKSDB, libraries, __VERSION__);
}

/* Ids and schemas are nobody else's business: files closed to others, no core dump, no debugger of
 * the same user. */
static void
close_up(void)
{
    const struct rlimit none = {0, 0};

    (void)umask(077);
    (void)setrlimit(RLIMIT_CORE, &none);
#ifndef BEHALF_DEBUG /* which stays open to debuggers and to the leak checker of sanitizers */
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

/* Blocked here and so in every thread started later; main waits for them. */
static sigset_t
block_signals(void)
{
    sigset_t signals;

    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN);
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigaddset(&signals, SIGINT);
    (void)sigaddset(&signals, SIGHUP);
    (void)pthread_sigmask(SIG_BLOCK, &signals, NULL);
    return signals;
}

/* As many descriptors as the connections need, when the hard limit allows. */
static void
raise_descriptors(uint64_t connections)
{
    const uint64_t others = 1024; /* of the storage and the libraries */
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= connections + others)
        return;
    limit.rlim_cur =
        limit.rlim_max < connections + others ? limit.rlim_max : (rlim_t)(connections + others);
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

/* Asked before anything is opened: later the number may be a file of the store. */
static bool
ready_fd_is_open(const struct options *options)
{
    if (options->ready_fd == OPTIONS_UNSET || fcntl((int)options->ready_fd, F_GETFD) >= 0)
        return true;
    complain(NULL, "--ready-fd: descriptor %d is not open", (int)options->ready_fd);
    return false;
}

static void
announce(const struct options *options, const char *address)
{
    if (options->ready_fd != OPTIONS_UNSET) {
        int fd = (int)options->ready_fd;

        if (dprintf(fd, "%s\n", address) < 0)
            log_line(LOG_WARN, "cannot write to the ready descriptor", "fd=%d reason=\"%s\"", fd,
                     strerror(errno));
        else if (fd > STDERR_FILENO)
            (void)close(fd);
    }
    (void)printf("behalfd ready on %s\n", address);
    (void)fflush(stdout);
}

static void
log_start(struct engine *engine, const char *address)
{
    struct engine_info info;
    struct error error;

    if (engine_info_read(engine, &info, &error) != BEHALF_OK) {
        log_line(LOG_WARN, "server ready, its state cannot be read", "reason=\"%s\"",
                 error.message);
        return;
    }
    log_line(LOG_INFO, "server ready",
             "version=\"%s\" listen=\"%s\" revision=%llu schema_revision=%llu", BEHALF_VERSION,
             address, (unsigned long long)info.revision, (unsigned long long)info.schema_revision);
}

/* What serves, once it is open. */
struct serving {
    struct engine *engine;
    struct server *server;
    struct http_side *http; /* NULL = none */
    struct notify notify;
    struct reload reload; /* what SIGHUP reads again */
};

/* First the filter: no byte of a client is read without it. */
static enum status
start(struct serving *serving, const struct options *options, struct error *error)
{
    enum status status = options->no_seccomp ? BEHALF_OK : syscall_filter_install(error);

    if (status == BEHALF_OK)
        status = server_start(serving->server, error);
    if (status == BEHALF_OK && serving->http != NULL)
        status = http_side_start(serving->http, error);
    return status;
}

/* HTTP is last, so that whoever asks /readyz is told. Both have the same ten seconds: what is under
 * way by HTTP goes on while the other ends. */
static bool
drain(struct serving *serving)
{
    bool drained;

    if (serving->http != NULL)
        http_side_stopping(serving->http);
    drained = server_drain(serving->server);
    if (serving->http != NULL)
        drained = http_side_drain(serving->http) && drained;
    return drained;
}

static void
announce_http(const struct serving *serving)
{
    if (serving->http == NULL)
        return;
    log_line(LOG_INFO, "HTTP ready", "listen=\"%s\"", http_side_address(serving->http));
    (void)printf("behalfd HTTP on %s\n", http_side_address(serving->http));
    (void)fflush(stdout);
}

/* Until a signal comes that ends the server. */
static int
wait_for_end(const struct serving *serving, const sigset_t *signals)
{
    const struct env *env = env_system();
    const struct watch watch = {&serving->notify, env, serving->server, serving->engine};
    int which;

    while ((which = watch_wait(&watch, signals)) == SIGHUP) {
        notify_reloading(&serving->notify, env_monotonic_ns(env));
        server_reload(&serving->reload);
        notify_send(&serving->notify, "READY=1");
    }
    return which;
}

/* Serves until a signal comes; a second one does not wait for what is under way. */
static enum exit_code
serve(struct serving *serving, const struct options *options, const sigset_t *signals)
{
    const char *address = server_address(serving->server)[0] != '\0'
                              ? server_address(serving->server)
                              : options->unix_path;
    struct error error;
    bool drained;
    int which;

    if (start(serving, options, &error) != BEHALF_OK) {
        complain_of(&error);
        (void)drain(serving);
        return EXIT_FAILED;
    }
    log_start(serving->engine, address);
    announce(options, address);
    announce_http(serving);
    notify_send(&serving->notify, "READY=1");
    which = wait_for_end(serving, signals);
    (void)signal(SIGTERM, SIG_DFL);
    (void)signal(SIGINT, SIG_DFL);
    (void)pthread_sigmask(SIG_UNBLOCK, signals, NULL);
    notify_send(&serving->notify, "STOPPING=1");
    log_line(LOG_INFO, "stopping", "signal=%d", which);
    drained = drain(serving);
    log_line(drained ? LOG_INFO : LOG_WARN, "stopped serving", "all_answered=%s",
             drained ? "true" : "false");
    return EXIT_STOPPED;
}

static mode_t
unix_mode(const struct options *options)
{
    if (options->unix_mode != OPTIONS_UNSET)
        return (mode_t)options->unix_mode;
    return options->unix_group[0] != '\0' ? 0660 : 0600;
}

/* Gives each floor its part. */
static enum status
divide_memory(const struct options *options, struct store_options *store,
              struct engine_options *engine, struct server_options *server, struct error *error)
{
    const struct memory_wish wish = {
        .limit = options->memory_limit,
        .machine = memory_of_machine(""),
        .graph = options->graph_memory,
        .cache = options->storage_cache,
        .loops = server_loop_count(server),
        .workers = engine_worker_count(engine),
    };
    enum status status = memory_divide(&wish, &server->memory, error);

    if (status != BEHALF_OK)
        return status;
    store->memory_bytes = server->memory.storage;
    store->cache_bytes = memory_of_cache(&server->memory);
    engine->graph_memory_bytes = wish.graph > 0 ? wish.graph : memory_of_graph(&server->memory);
    arena_bound_requests(server->memory.requests);
    return BEHALF_OK;
}

static struct engine_options
engine_options_of(const struct options *options, const struct env *env)
{
    return (struct engine_options){
        .env = env,
        .workers = (unsigned)options->workers,
        .sweep_every_ns = options->sweep_interval == 0
                              ? ENGINE_SWEEP_NEVER
                              : (int64_t)options->sweep_interval * 1000000000,
        .history_ns = options->history_retention == 0
                          ? ENGINE_HISTORY_FOREVER
                          : (int64_t)options->history_retention * 1000000000,
        .history_bytes = options->history_size,
        .session_ttl_max_ns = (int64_t)options->session_ttl_max * 1000000000,
        .grant_ttl_max_ns = (int64_t)options->grant_ttl_max * 1000000000,
        .record_retention_ns = options->record_retention == 0
                                   ? ENGINE_RECORD_RETENTION_NONE
                                   : (int64_t)options->record_retention * 3600 * 1000000000,
        .warm = options->warm,
    };
}

/* Beside the store, in its directory. `path` holds the folder's name. */
static struct engine_audit_options
audit_options_of(const struct options *options, struct buffer *path)
{
    buffer_init(path);
    buffer_add_format(path, "%s/audit", options->data);
    return (struct engine_audit_options){
        .mode = options->audit,
        .directory = path->data,
        .origin = slice_of(options->audit_origin),
        .sample = (uint32_t)options->audit_sample,
        .full_context = options->audit_context,
        .keep_ns = (int64_t)options->audit_keep * 24 * 3600 * 1000000000,
    };
}

/* NULL for an option that was not given. */
static const char *
given(const char *text)
{
    return text[0] != '\0' ? text : NULL;
}

static enum status
open_tls(const struct options *options, struct tls_server **tls, struct error *error)
{
    const struct tls_server_files files = {.certificate = given(options->tls_certificate),
                                           .key = given(options->tls_key),
                                           .client_ca = given(options->tls_client_ca),
                                           .client_names = given(options->tls_client_names)};

    if (files.certificate != NULL && files.key != NULL)
        return tls_server_new(&files, tls, error);
    if (files.certificate == NULL && files.key == NULL && files.client_ca == NULL &&
        files.client_names == NULL)
        return BEHALF_OK;
    error_set(error, BEHALF_MALFORMED_REQUEST, "TLS needs a certificate and its key");
    error_hint(error, "give --tls-certificate and --tls-key, or none of the options of TLS");
    return BEHALF_MALFORMED_REQUEST;
}

/* What guards the ports: keys and TLS. */
static enum status
open_guards(const struct options *options, struct reload *guards, struct error *error)
{
    enum status status = BEHALF_OK;

    if (options->keys[0] != '\0')
        status = keys_open(options->keys, &guards->keys, error);
    return status == BEHALF_OK ? open_tls(options, &guards->tls, error) : status;
}

static enum status
open_http(const struct options *options, struct serving *serving, struct error *error)
{
    const struct http_side_options http = {
        .env = env_system(),
        .engine = serving->engine,
        .server = serving->server,
        .keys = serving->reload.keys,
        .tls = serving->reload.tls,
        .insecure_plaintext = options->insecure_plaintext,
        .address = options->http,
        .hosts = given(options->http_host),
        .authzen_path = given(options->authzen),
        .connections = (unsigned)options->http_connections,
    };

    if (options->http[0] == '\0')
        return BEHALF_OK;
    return http_side_open(&http, &serving->http, error);
}

static enum exit_code
run(const struct options *options, const sigset_t *signals)
{
    const struct env *env = env_system();
    struct store_options store_options = {.path = options->data, .env = env};
    struct engine_options engine_options = engine_options_of(options, env);
    struct server_options server_options = {
        .env = env,
        .listen_address = strcmp(options->listen, "none") == 0 ? NULL : options->listen,
        .insecure_plaintext = options->insecure_plaintext,
        .unix_path = given(options->unix_path),
        .unix_group = given(options->unix_group),
        .unix_mode = unix_mode(options),
        .loops = (unsigned)options->loops,
        .connections = (unsigned)options->connections,
        .connections_per_key = (unsigned)options->connections_per_key,
        .connections_per_address = options->connections_per_address == OPTIONS_UNSET
                                       ? 0
                                       : (unsigned)options->connections_per_address,
        .idle_s = (unsigned)options->idle_timeout,
        .write_stall_s = (unsigned)options->write_timeout,
    };
    struct engine_audit_options audit_options;
    struct buffer audit_path;
    struct store *store = NULL;
    struct serving serving = {.engine = NULL};
    struct error error;
    enum exit_code code = EXIT_USAGE;
    enum status status =
        divide_memory(options, &store_options, &engine_options, &server_options, &error);

    audit_options = audit_options_of(options, &audit_path);
    engine_options.audit = &audit_options;
    if (status == BEHALF_OK)
        status = open_guards(options, &serving.reload, &error);
    if (status != BEHALF_OK)
        goto done;
    server_options.keys = serving.reload.keys;
    server_options.tls = serving.reload.tls;
    status = options->restored ? offline_open_renewed(&store_options, &store, &error)
                               : store_open(&store_options, &store, &error);
    if (status != BEHALF_OK) {
        code = code_of_store(status);
        goto done;
    }
    engine_options.store = store;
    status = engine_open(&engine_options, &serving.engine, &error);
    if (status != BEHALF_OK) {
        code = status == BEHALF_MALFORMED_REQUEST ? EXIT_USAGE : EXIT_DATA;
        goto done;
    }
    server_options.engine = serving.engine;
    status = server_open(&server_options, &serving.server, &error);
    if (status == BEHALF_OK)
        status = open_http(options, &serving, &error);
    if (status != BEHALF_OK) {
        code = status == BEHALF_MALFORMED_REQUEST ? EXIT_USAGE : EXIT_LISTEN;
        goto done;
    }
    notify_open(&serving.notify);
    code = serve(&serving, options, signals);
    notify_close(&serving.notify);
done:
    if (status != BEHALF_OK)
        complain_of(&error);
    http_side_close(serving.http);
    server_close(serving.server);
    keys_close(serving.reload.keys);
    tls_server_free(serving.reload.tls);
    engine_close(serving.engine);
    store_close(store);
    buffer_release(&audit_path);
    return code;
}

/* What ends by itself: its output is the result, so that it has to arrive. */
static enum exit_code
answer(const struct options *options)
{
    enum status status = BEHALF_OK;
    struct error error;

    if (options->help)
        options_print_help(stdout);
    else if (options->version)
        print_version();
    else
        status = options->verify ? offline_verify(options->data, &error)
                                 : offline_renew(options->data, &error);
    if (status != BEHALF_OK) {
        complain_of(&error);
        return code_of_store(status);
    }
    if (file_flush_output())
        return EXIT_STOPPED;
    complain(NULL, "cannot write the output%s%s", errno != 0 ? ": " : "",
             errno != 0 ? strerror(errno) : "");
    return EXIT_FAILED;
}

/* Also where the options end in an error before the one that says so was read. The --json of
 * clients is no option of the server, but who gives it reads JSON. */
static bool
wants_json(const struct options *options, int count, char *const *arguments)
{
    const char *variable = getenv("BEHALF_LOG_JSON");

    return options->log_json || (variable != NULL && strcmp(variable, "true") == 0) ||
           complain_asked(count, arguments, "--log-json") ||
           complain_asked(count, arguments, "--json");
}

int
main(int count, char **arguments)
{
    struct options options;
    struct error error;
    sigset_t signals;
    enum exit_code code;
    enum status status;

    file_occupy_standard();
    close_up();
    memory_tune();
    status = options_read(&options, count, arguments, environ, &error);
    complain_as("behalfd", wants_json(&options, count, arguments));
    if (status != BEHALF_OK) {
        complain_of(&error);
        return EXIT_USAGE;
    }
    if (options.help || options.version || options.verify || options.new_incarnation) {
        code = answer(&options);
        options_release(&options);
        return code;
    }
    if (!ready_fd_is_open(&options)) {
        options_release(&options);
        return EXIT_USAGE;
    }
    log_configure(&(struct log_options){.level = options.log_level, .json = options.log_json});
    raise_descriptors(options.connections);
    signals = block_signals();
    code = run(&options, &signals);
    log_line(LOG_INFO, "stopped", "exit=%d", (int)code);
    options_release(&options);
    return code;
}
