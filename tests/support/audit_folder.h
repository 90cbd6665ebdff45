/* audit_folder.h - an audit log in a folder of its own, for tests.
 * Always true: what fails ends the program with a message. Threads: one. */
#ifndef BEHALF_TESTS_SUPPORT_AUDIT_FOLDER_H
#define BEHALF_TESTS_SUPPORT_AUDIT_FOLDER_H

#include "audit/audit.h"

#define AUDIT_FOLDER_ORIGIN "example.com/test"

struct audit_folder {
    char top[64]; /* made by mkdtemp */
    char path[80];
};

void audit_folder_make(struct audit_folder *folder);
void audit_folder_remove(struct audit_folder *folder);

/* With the origin above and no retention. */
struct audit *audit_folder_open(const struct audit_folder *folder);

/* The canonical bytes of {event: "test", number}. */
void audit_folder_fields(uint64_t number, struct buffer *out);
/* Puts that many, each with its number from `first` on, and waits until they are on the disk. */
void audit_folder_put(struct audit *audit, uint64_t first, uint64_t count);

/* A file of the log; `out` is cleared first. */
void audit_folder_load(const struct audit_folder *folder, const char *name, struct buffer *out);
void audit_folder_write(const struct audit_folder *folder, const char *name, struct slice bytes);
bool audit_folder_has(const struct audit_folder *folder, const char *name);

/* All files into another folder, which is made. */
void audit_folder_copy(const struct audit_folder *from, struct audit_folder *to);

#endif
