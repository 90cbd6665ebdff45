/* syscall_filter.c - the lists of calls, for libseccomp, which knows their numbers on each
 * architecture and makes a binary search of them.
 * To find what a new dependency needs: strace -f -qq -o calls, and the kernel's audit log. */
#include "server/syscall_filter.h"

#ifdef BEHALF_SYSCALL_FILTER

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "base/check.h"

#ifndef PR_SET_VMA /* names of memory, by newer C libraries */
#define PR_SET_VMA 0x53564d41
#endif

static const char *const allowed[] = {
    /* files, by RocksDB, keys and certificates that are read again, the log */
    "read",
    "write",
    "readv",
    "writev",
    "pread64",
    "pwrite64",
    "preadv",
    "pwritev",
    "lseek",
    "open",
    "openat",
    "close",
    "stat",
    "fstat",
    "lstat",
    "newfstatat",
    "statx",
    "statfs",
    "fstatfs",
    "access",
    "faccessat",
    "faccessat2",
    "readlink",
    "readlinkat",
    "getdents",
    "getdents64",
    "getcwd",
    "mkdir",
    "mkdirat",
    "rmdir",
    "unlink",
    "unlinkat",
    "rename",
    "renameat",
    "renameat2",
    "link",
    "linkat",
    "truncate",
    "ftruncate",
    "fallocate",
    "fsync",
    "fdatasync",
    "sync_file_range",
    "fadvise64",
    "readahead",
    "flock",
    "fcntl",
    "dup",
    "dup2",
    "dup3",
    "pipe2",
    "umask",
    "chmod",
    "fchmod",
    "fchmodat",
    "utimensat",
    /* memory; mmap and mprotect below */
    "munmap",
    "mremap",
    "madvise",
    "msync",
    "brk",
    "mincore",
    /* threads; clone below */
    "futex",
    "futex_waitv",
    "set_robust_list",
    "get_robust_list",
    "rseq",
    "membarrier",
    "exit",
    "exit_group",
    "gettid",
    "getpid",
    "getppid",
    "getuid",
    "geteuid",
    "getgid",
    "getegid",
    "tgkill",
    "sched_yield",
    "sched_getaffinity",
    "sched_setaffinity",
    "sched_getparam",
    "sched_getscheduler",
    "sched_setscheduler",
    "sched_get_priority_max",
    "sched_get_priority_min",
    "getpriority",
    "setpriority",
    "ioprio_get",
    "ioprio_set",
    /* signals */
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "rt_sigtimedwait",
    "rt_sigpending",
    "rt_sigsuspend",
    "sigaltstack",
    "restart_syscall",
    /* sockets; socket below. No connect: the server calls nobody. */
    "bind",
    "listen",
    "accept",
    "accept4",
    "getsockname",
    "getpeername",
    "getsockopt",
    "setsockopt",
    "sendto",
    "recvfrom",
    "sendmsg",
    "recvmsg",
    "shutdown",
    /* events and time */
    "epoll_create1",
    "epoll_ctl",
    "epoll_wait",
    "epoll_pwait",
    "epoll_pwait2",
    "eventfd2",
    "timerfd_create",
    "timerfd_settime",
    "poll",
    "ppoll",
    "select",
    "pselect6",
    "clock_gettime",
    "clock_getres",
    "clock_nanosleep",
    "nanosleep",
    "gettimeofday",
    "time",
    "times",
    /* what there is */
    "getrandom",
    "getrusage",
    "getcpu",
    "uname",
    "sysinfo",
    "prlimit64",
    "getrlimit",
};

static const char *const deadly[] = {
    /* other programs */
    "execve",
    "execveat",
    "fork",
    "vfork",
    /* other processes */
    "ptrace",
    "process_vm_readv",
    "process_vm_writev",
    "pidfd_getfd",
    "kcmp",
    "kill",
    /* other hosts */
    "connect",
    /* who it is, and where */
    "setuid",
    "setgid",
    "setreuid",
    "setregid",
    "setresuid",
    "setresgid",
    "setfsuid",
    "setfsgid",
    "setgroups",
    "capset",
    "unshare",
    "setns",
    "chroot",
    "pivot_root",
    "mount",
    "umount2",
    "move_mount",
    "open_tree",
    "fsopen",
    "fsmount",
    "mknod",
    "mknodat",
    "open_by_handle_at",
    /* the kernel */
    "bpf",
    "perf_event_open",
    "userfaultfd",
    "io_uring_setup",
    "keyctl",
    "add_key",
    "request_key",
    "init_module",
    "finit_module",
    "delete_module",
    "kexec_load",
    "kexec_file_load",
    "reboot",
    "swapon",
    "swapoff",
    "iopl",
    "ioperm",
    "modify_ldt",
    "acct",
    "syslog",
    "settimeofday",
    "clock_settime",
    "clock_adjtime",
    "adjtimex",
};

/* A name that this architecture does not have is passed over. */
static int
add_all(scmp_filter_ctx filter, uint32_t action, const char *const *names, size_t count)
{
    for (size_t at = 0; at < count; at++) {
        int number = seccomp_syscall_resolve_name(names[at]);
        int failure = number < 0 ? 0 : seccomp_rule_add(filter, action, number, 0);

        if (failure != 0)
            return failure;
    }
    return 0;
}

static int
add_if(scmp_filter_ctx filter, uint32_t action, const char *name, struct scmp_arg_cmp condition)
{
    return seccomp_rule_add_array(filter, action, seccomp_syscall_resolve_name(name), 1,
                                  &condition);
}

/* The families of TCP and of Unix sockets, which the manager's socket is too. The conditions of all
 * rules exclude one another: a rule has one comparison of an argument. */
static int
add_sockets(scmp_filter_ctx filter)
{
    int failure = add_if(filter, SCMP_ACT_KILL_PROCESS, "socket", SCMP_A0(SCMP_CMP_GT, AF_INET6));

    for (int family = 0; failure == 0 && family <= AF_INET6; family++) {
        bool known = family == AF_UNIX || family == AF_INET || family == AF_INET6;

        failure = add_if(filter, known ? SCMP_ACT_ALLOW : SCMP_ACT_KILL_PROCESS, "socket",
                         SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)family));
    }
    return failure;
}

/* Threads, but no processes. clone3 hides its flags in memory: without it the C library uses
 * clone. */
static int
add_threads(scmp_filter_ctx filter)
{
    int failure = add_if(filter, SCMP_ACT_ALLOW, "clone",
                         SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));

    return failure != 0 ? failure
                        : add_if(filter, SCMP_ACT_KILL_PROCESS, "clone",
                                 SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
}

/* No memory becomes code. */
static int
add_memory(scmp_filter_ctx filter)
{
    static const char *const names[] = {"mmap", "mprotect"};
    int failure = 0;

    for (size_t at = 0; failure == 0 && at < BEHALF_COUNT_OF(names); at++) {
        failure =
            add_if(filter, SCMP_ACT_ALLOW, names[at], SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
        if (failure == 0)
            failure = add_if(filter, SCMP_ACT_ERRNO(EACCES), names[at],
                             SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, PROT_EXEC));
    }
    return failure;
}

static int
add_some(scmp_filter_ctx filter, const char *name, size_t argument, const unsigned long *values,
         size_t count)
{
    int failure = 0;

    for (size_t at = 0; failure == 0 && at < count; at++)
        failure = add_if(filter, SCMP_ACT_ALLOW, name,
                         SCMP_CMP((unsigned)argument, SCMP_CMP_EQ, values[at]));
    return failure;
}

static int
fill(scmp_filter_ctx filter)
{
    static const unsigned long controls[] = {PR_SET_NAME, PR_GET_NAME, PR_SET_VMA};
    static const unsigned long requests[] = {FIONBIO, FIONREAD, TCGETS};
    int failure = add_all(filter, SCMP_ACT_ALLOW, allowed, BEHALF_COUNT_OF(allowed));

    if (failure == 0)
        failure = add_all(filter, SCMP_ACT_KILL_PROCESS, deadly, BEHALF_COUNT_OF(deadly));
    if (failure == 0)
        failure = add_sockets(filter);
    if (failure == 0)
        failure = add_threads(filter);
    if (failure == 0)
        failure = add_memory(filter);
    if (failure == 0)
        failure = add_some(filter, "prctl", 0, controls, BEHALF_COUNT_OF(controls));
    if (failure == 0)
        failure = add_some(filter, "ioctl", 1, requests, BEHALF_COUNT_OF(requests));
    return failure;
}

/* For threads that run already too; by binary search; and without the kernel's protection against
 * speculative stores, which costs every call and is for processes that run the code of others. */
static int
configure(scmp_filter_ctx filter)
{
    int failure = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);

    if (failure == 0)
        failure = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    if (failure == 0)
        failure = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    if (failure == 0)
        (void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_SSB, 1); /* where the kernel has it */
    return failure;
}

bool
syscall_filter_is_built(void)
{
    return true;
}

enum status
syscall_filter_install(struct error *error)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
    int failure = filter == NULL ? -ENOMEM : configure(filter);

    if (failure == 0)
        failure = fill(filter);
    if (failure == 0)
        failure = seccomp_load(filter);
    seccomp_release(filter);
    if (failure == 0)
        return BEHALF_OK;
    (void)error_set(error, BEHALF_OVERLOADED, "cannot install the filter of system calls: %s",
                    strerror(-failure));
    error_hint(error, "run with --no-seccomp where the kernel or its container has no seccomp");
    return BEHALF_OVERLOADED;
}

#else

bool
syscall_filter_is_built(void)
{
    return false;
}

enum status
syscall_filter_install(struct error *error)
{
    (void)error;
    return BEHALF_OK;
}

#endif
