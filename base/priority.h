/* priority.h - which threads a busy core runs first.
 * Always true: both are requests of the calling thread about itself. Where the system refuses one,
 * or knows none (slices: Linux before 6.12), it stays as it was and nobody is told: only how long
 * others wait depends on it. Neither is ever taken back. */
#ifndef BEHALF_BASE_PRIORITY_H
#define BEHALF_BASE_PRIORITY_H

/* Takes a third of the share of a thread of the process as it was started: for work that nobody
 * waits for by the microsecond, and that must still get on while all cores are busy. Threads that
 * this one starts take as much. */
void priority_lower(void);

/* Is run soon after it wakes, before threads with longer slices, and for a short slice: for work
 * that comes in microseconds. Its share stays. */
void priority_short_slice(void);

#endif
