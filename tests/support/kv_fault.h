/* kv_fault.h - an adapter that hands every call to another one and fails where a test says.
 * Always true: operations are counted from 1 in the order they come (snapshot_open, get, scan_open,
 * scan_next, write, sync, complete, and each get of a batch; closing and statistics never fail);
 * the one whose number is `fail_at` fails with `status` and does nothing below, unless
 * `write_anyway` lets a failing write happen, as a disk may. Closing it leaves the adapter below
 * open, so that a test can open the store again.
 * Threads: one, and others as long as `home` tells them apart: they fail and are not counted.
 * Memory: the control and the adapter below outlive the handle. */
#ifndef BEHALF_TESTS_KV_FAULT_H
#define BEHALF_TESTS_KV_FAULT_H

#include <pthread.h>

#include "storage/kv.h"

struct kv_fault {
    uint64_t operations; /* counted so far */
    uint64_t fail_at;    /* 0 = never */
    bool for_ever;       /* that one and all behind it */
    bool write_anyway;
    enum status status;
    const pthread_t *home; /* NULL, or every operation of another thread fails */
    bool fail_writes;      /* every write and sync, whatever its number */
    bool fail_syncs;
    bool incomplete;               /* keyspaces seem to be missing until they are made */
    void (*before_scan)(void);     /* happens while a scan is opened; NULL = nothing */
    uint64_t free_bytes;           /* reported instead of the truth when not 0 */
    uint64_t reserve_bytes;        /* likewise */
    void (*before)(void *context); /* NULL, or called at every operation, by any thread: nothing is
                                      counted and nothing fails */
    void *context;
    unsigned compactions[KV_KEYSPACE_COUNT]; /* asked for */
    /* Called once, on the thread of operation `hook_at`: before it, or after it if it is a get and
     * `hook_after` is set; then NULL again. It may use the store. */
    void (*hook)(void *context);
    void *hook_context;
    uint64_t hook_at;
    bool hook_after;
};

struct kv *kv_fault_open(struct kv *below, struct kv_fault *control);

#endif
