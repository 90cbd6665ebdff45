/* syscall_filter.h - what the process may still ask of the kernel once it serves.
 *
 * Always true: after syscall_filter_install every thread, of now and of later, is under the filter,
 * and nothing takes it away. What the server needs is allowed; what would let an intruder start
 * programs, look into other processes, reach other hosts or other kinds of sockets, change who it
 * is, or load code into the kernel ends the process (SIGSYS, in the kernel's audit log). A call
 * that is in neither list fails with ENOSYS, so that a newer C library finds its older way.
 * Threads: install one, once. */
#ifndef BEHALF_SERVER_SYSCALL_FILTER_H
#define BEHALF_SERVER_SYSCALL_FILTER_H

#include <stdbool.h>

#include "base/error.h"

/* False in builds for sanitizers, which need other calls, and for coverage. */
bool syscall_filter_is_built(void);

/* After everything is open that needs more than serving does: groups looked up, sockets bound. When
 * the kernel has no filters, OVERLOADED. */
enum status syscall_filter_install(struct error *error) BEHALF_MUST_USE;

#endif
