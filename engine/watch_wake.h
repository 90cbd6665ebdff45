/* watch_wake.h - the writer tells those who listen that something was published.
 * Threads: the writer's (and open). */
#ifndef BEHALF_ENGINE_WATCH_WAKE_H
#define BEHALF_ENGINE_WATCH_WAKE_H

struct engine;

/* Calls the listeners that are armed. After the publication. */
void watch_published(struct engine *engine);

#endif
