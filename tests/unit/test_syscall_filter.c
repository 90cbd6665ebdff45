/* test_syscall_filter.c - the filter that behalfd serves under, in a process that dies of it. */
#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/syscall_filter.h"
#include "server/watch.h"

/* What became of a child that does something under the filter, as wait(2) tells it. */
static int
fate_of(void (*action)(void))
{
    pid_t child = fork();
    int status = 0;

    if (child == 0) {
        struct error error;

        if (syscall_filter_install(&error) != BEHALF_OK)
            _exit(99);
        action();
        _exit(0);
    }
    cr_assert_gt(child, 0);
    cr_assert_eq(waitpid(child, &status, 0), child);
    return status;
}

static void
start_a_program(void)
{
    char *const nothing[] = {NULL};

    (void)execve("/bin/true", nothing, nothing);
}

static void
make_a_process(void)
{
    if (fork() == 0)
        _exit(0);
}

static void
trace(void)
{
    (void)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static void
look_at_packets(void)
{
    (void)socket(AF_PACKET, SOCK_RAW, 0);
}

static void
ask_the_kernel(void)
{
    (void)socket(AF_NETLINK, SOCK_RAW, 0);
}

static void
connect_to_others(void)
{
    struct sockaddr address = {.sa_family = AF_UNIX};

    (void)connect(0, &address, sizeof address);
}

static void
become_another(void)
{
    (void)syscall(SYS_setuid, 0);
}

static void *
start_a_program_here(void *ready)
{
    (void)pthread_barrier_wait(ready);
    (void)pthread_barrier_wait(ready);
    start_a_program();
    return NULL;
}

Test(syscall_filter, what_an_intruder_needs_ends_the_process)
{
    static void (*const actions[])(void) = {start_a_program, make_a_process, trace,
                                            look_at_packets, ask_the_kernel, connect_to_others,
                                            become_another};

    if (!syscall_filter_is_built())
        cr_skip("not in builds for sanitizers and coverage");
    for (size_t at = 0; at < BEHALF_COUNT_OF(actions); at++) {
        int status = fate_of(actions[at]);

        cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS, "action %zu: %d", at, status);
    }
}

static void *
do_nothing(void *context)
{
    return context;
}

/* Exits with what went wrong; 0 = nothing. */
static void
serve_as_usual(void)
{
    pthread_t thread;
    void *page;
    int sockets[3] = {socket(AF_INET, SOCK_STREAM, 0), socket(AF_INET6, SOCK_STREAM, 0),
                      socket(AF_UNIX, SOCK_STREAM, 0)};

    for (size_t at = 0; at < BEHALF_COUNT_OF(sockets); at++)
        if (sockets[at] < 0 && errno != EAFNOSUPPORT)
            _exit(1);
    if (pthread_create(&thread, NULL, do_nothing, NULL) != 0 || pthread_join(thread, NULL) != 0)
        _exit(2);
    page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        _exit(3);
    if (mprotect(page, 4096, PROT_READ | PROT_EXEC) == 0 || errno != EACCES)
        _exit(4);
    if (syscall(SYS_inotify_init1, 0) >= 0 || errno != ENOSYS)
        _exit(5);
}

Test(syscall_filter, what_serving_needs_goes_on_and_memory_never_becomes_code)
{
    int status;

    if (!syscall_filter_is_built())
        cr_skip("not in builds for sanitizers and coverage");
    status = fate_of(serve_as_usual);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%d", status);
}

Test(syscall_filter, threads_that_run_already_are_under_it)
{
    pid_t child;
    int status = 0;

    if (!syscall_filter_is_built())
        cr_skip("not in builds for sanitizers and coverage");
    child = fork();
    if (child == 0) {
        struct error error;
        pthread_barrier_t ready;
        pthread_t thread;

        (void)pthread_barrier_init(&ready, NULL, 2);
        (void)pthread_create(&thread, NULL, start_a_program_here, &ready);
        (void)pthread_barrier_wait(&ready);
        if (syscall_filter_install(&error) != BEHALF_OK)
            _exit(99);
        (void)pthread_barrier_wait(&ready);
        (void)pthread_join(thread, NULL);
        _exit(0);
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS, "%d", status);
}

Test(watch, what_had_no_turn_for_a_period_is_not_alive)
{
    cr_assert(watch_is_alive(1000, 1000, 10));
    cr_assert(watch_is_alive(1010, 1000, 10));
    cr_assert_not(watch_is_alive(1011, 1000, 10));
}
