/* bench_serve.c - see bench_serve.h. */
#include "bench/bench_serve.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/complain.h"

/* --- cores ------------------------------------------------------------------------------------ */

/* With two cores: the server takes the first, the client the second. With more or fewer the kernel
 * decides. */
static void
take_core(bool server)
{
    cpu_set_t cores;
    bool first = true;

    if (sched_getaffinity(0, sizeof cores, &cores) != 0 || CPU_COUNT(&cores) != 2)
        return;
    for (size_t core = 0; core < CPU_SETSIZE; core++)
        if (CPU_ISSET(core, &cores)) {
            if (first != server)
                CPU_CLR(core, &cores);
            first = false;
        }
    (void)sched_setaffinity(0, sizeof cores, &cores);
}

/* --- the process ------------------------------------------------------------------------------ */

/* The server that was built or installed together with this program. */
static void
find_program(const struct bench_server *server, char *path, size_t size)
{
    ssize_t length = readlink("/proc/self/exe", path, size - 1);
    char *slash;

    path[length > 0 ? length : 0] = '\0';
    slash = strrchr(path, '/');
    if (server->program != NULL)
        (void)snprintf(path, size, "%s", server->program);
    else if (slash == NULL)
        (void)snprintf(path, size, "behalfd");
    else
        (void)snprintf(slash + 1, size - (size_t)(slash + 1 - path), "behalfd");
}

static _Noreturn void
become_server(const struct bench_server *server, int ready)
{
    char path[4096];
    char descriptor[16];
    const char *arguments[24] = {"behalfd",  "--data",      server->directory,
                                 "--listen", "127.0.0.1:0", "--log-level",
                                 "warn",     "--ready-fd",  descriptor};
    size_t count = 9;
    sigset_t none;
    int nothing;

    (void)snprintf(descriptor, sizeof descriptor, "%d", ready);
    if (server->graph_memory != NULL) {
        arguments[count++] = "--graph-memory";
        arguments[count++] = server->graph_memory;
    }
    if (server->more != NULL)
        for (const char *const *more = server->more->arguments; *more != NULL; more++)
            arguments[count++] = *more;
    find_program(server, path, sizeof path);
    /* Standard output is the report's. */
    nothing = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (nothing >= 0)
        (void)dup2(nothing, STDOUT_FILENO);
    /* It must not outlive a load tool that was killed. */
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)sched_setaffinity(0, sizeof server->cores, &server->cores);
    take_core(true);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    /* Exception: execv takes texts that it does not change as if it might. */
    (void)execv(path, (char **)(uintptr_t)arguments);
    complain(NULL, "cannot start '%s': %s", path, strerror(errno));
    _exit(127);
}

static bool
start(struct bench_server *server)
{
    char line[sizeof server->endpoint] = "";
    int ends[2];
    FILE *ready;

    (void)fflush(NULL);
    if (pipe(ends) != 0) {
        complain(NULL, "cannot make a pipe: %s", strerror(errno));
        return false;
    }
    server->process = fork();
    if (server->process == 0) {
        (void)close(ends[0]);
        become_server(server, ends[1]);
    }
    (void)close(ends[1]);
    ready = fdopen(ends[0], "r");
    if (ready != NULL && fgets(line, sizeof line, ready) == NULL)
        line[0] = '\0';
    if (ready != NULL)
        (void)fclose(ready);
    line[strcspn(line, "\n")] = '\0';
    memcpy(server->endpoint, line, sizeof line);
    if (line[0] == '\0')
        complain(NULL, "the server did not start");
    return line[0] != '\0';
}

static void
end(struct bench_server *server, int signal_number)
{
    if (server->process <= 0)
        return;
    (void)kill(server->process, signal_number);
    while (waitpid(server->process, NULL, 0) < 0 && errno == EINTR)
        continue;
    server->process = 0;
}

static void
remove_directory(const char *directory)
{
    char path[sizeof((struct bench_server *)NULL)->directory];
    char *paths[2] = {path, NULL};
    FTS *walk;
    FTSENT *entry;

    (void)snprintf(path, sizeof path, "%s", directory);
    walk = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    while (walk != NULL && (entry = fts_read(walk)) != NULL)
        if (entry->fts_info != FTS_D)
            (void)remove(entry->fts_path);
    if (walk != NULL)
        (void)fts_close(walk);
}

static void
remove_directories(const struct bench_server *server)
{
    if (server->directory[0] != '\0')
        remove_directory(server->directory);
    if (server->more != NULL)
        remove_directory(server->more->directory);
}

/* A hang-up that is ignored (nohup) stays so: blocked, it would be waited for all the same. */
static sigset_t
ending_signals(void)
{
    struct sigaction hang_up;
    sigset_t signals;

    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGINT);
    (void)sigaddset(&signals, SIGTERM);
    if (sigaction(SIGHUP, NULL, &hang_up) == 0 && hang_up.sa_handler != SIG_IGN)
        (void)sigaddset(&signals, SIGHUP);
    return signals;
}

/* Waits for the signals that ask the program to end, so that nothing is left behind then either. */
static void *
clean_up_on_signal(void *context)
{
    struct bench_server *server = context;
    sigset_t signals = ending_signals();
    int number;

    (void)sigwait(&signals, &number);
    if (server->process > 0)
        (void)kill(server->process, SIGKILL);
    remove_directories(server);
    _exit(128 + number);
}

static bool
watch_signals(struct bench_server *server)
{
    sigset_t signals = ending_signals();

    server->watched = pthread_sigmask(SIG_BLOCK, &signals, NULL) == 0 &&
                      pthread_create(&server->watcher, NULL, clean_up_on_signal, server) == 0;
    return server->watched;
}

bool
bench_serve_start(struct bench_server *server, const char *program, const char *graph_memory,
                  const struct bench_serve_more *more)
{
    const char *temporary = getenv("TMPDIR");

    *server = (struct bench_server){.program = program, .graph_memory = graph_memory, .more = more};
    (void)snprintf(server->directory, sizeof server->directory, "%s/behalf-bench.XXXXXX",
                   temporary != NULL ? temporary : "/tmp");
    if (mkdtemp(server->directory) == NULL) {
        complain(NULL, "cannot make '%s': %s", server->directory, strerror(errno));
        server->directory[0] = '\0';
        return false;
    }
    (void)sched_getaffinity(0, sizeof server->cores, &server->cores);
    if (!watch_signals(server) || !start(server))
        return false;
    take_core(false);
    return true;
}

void
bench_serve_end(struct bench_server *server, int signal_number)
{
    end(server, signal_number);
}

bool
bench_serve_restart(struct bench_server *server)
{
    return start(server);
}

void
bench_serve_stop(struct bench_server *server)
{
    if (server->watched) {
        (void)pthread_cancel(server->watcher);
        (void)pthread_join(server->watcher, NULL);
        server->watched = false;
    }
    end(server, SIGTERM);
    remove_directories(server);
    server->directory[0] = '\0';
}

/* --- what it uses ----------------------------------------------------------------------------- */

uint64_t
bench_serve_resident_bytes(const struct bench_server *server)
{
    char path[64];
    char line[256];
    unsigned long long kib = 0;
    FILE *file;

    (void)snprintf(path, sizeof path, "/proc/%d/status", (int)server->process);
    file = fopen(path, "r");
    if (file == NULL)
        return 0;
    while (fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, "VmRSS:", 6) == 0)
            kib = strtoull(line + 6, NULL, 10);
    (void)fclose(file);
    return (uint64_t)kib * 1024;
}

enum measure { MEASURE_BLOCKS, MEASURE_CONTENT };

/* Of files whose names end so. */
static uint64_t
file_bytes(const struct bench_server *server, const char *ending, enum measure measure)
{
    char path[sizeof server->directory];
    char *paths[2] = {path, NULL};
    size_t size = strlen(ending);
    uint64_t bytes = 0;
    FTSENT *entry;
    FTS *walk;

    (void)snprintf(path, sizeof path, "%s", server->directory);
    walk = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    while (walk != NULL && (entry = fts_read(walk)) != NULL) {
        if (entry->fts_info != FTS_F || entry->fts_namelen < size ||
            strcmp(entry->fts_name + entry->fts_namelen - size, ending) != 0)
            continue;
        bytes += measure == MEASURE_BLOCKS ? (uint64_t)entry->fts_statp->st_blocks * 512
                                           : (uint64_t)entry->fts_statp->st_size;
    }
    if (walk != NULL)
        (void)fts_close(walk);
    return bytes;
}

uint64_t
bench_serve_disk_bytes(const struct bench_server *server)
{
    return file_bytes(server, "", MEASURE_BLOCKS);
}

/* The room that a log was given before it needs it is not replayed. */
uint64_t
bench_serve_log_bytes(const struct bench_server *server)
{
    return file_bytes(server, ".log", MEASURE_CONTENT);
}

/* 0 when unknown. */
static int64_t
thread_cpu_ns(const struct bench_server *server, pid_t thread)
{
    unsigned long long on_cpu_ns = 0;
    char path[64];
    FILE *file;

    (void)snprintf(path, sizeof path, "/proc/%d/task/%d/schedstat", (int)server->process,
                   (int)thread);
    file = fopen(path, "r");
    if (file == NULL)
        return 0;
    if (fscanf(file, "%llu", &on_cpu_ns) != 1)
        on_cpu_ns = 0;
    (void)fclose(file);
    return (int64_t)on_cpu_ns;
}

void
bench_serve_threads(const struct bench_server *server, struct bench_threads *threads)
{
    char path[64];
    struct dirent *entry;
    DIR *tasks;

    threads->count = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/task", (int)server->process);
    tasks = opendir(path);
    while (tasks != NULL && threads->count < BENCH_THREADS_MAX &&
           (entry = readdir(tasks)) != NULL) {
        pid_t thread = (pid_t)strtol(entry->d_name, NULL, 10);

        if (thread <= 0)
            continue;
        threads->threads[threads->count] = thread;
        threads->cpu_ns[threads->count++] = thread_cpu_ns(server, thread);
    }
    if (tasks != NULL)
        (void)closedir(tasks);
}

int64_t
bench_serve_busiest_ns(const struct bench_server *server, const struct bench_threads *since)
{
    int64_t most_ns = 0;

    for (size_t index = 0; index < since->count; index++) {
        int64_t used_ns = thread_cpu_ns(server, since->threads[index]) - since->cpu_ns[index];

        if (used_ns > most_ns)
            most_ns = used_ns;
    }
    return most_ns;
}
