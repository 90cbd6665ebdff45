/* files.h - the files of a log's folder, and how they are read and written.
 *
 * Always true: bytes are written at an offset that the caller knows, so whatever failed can be
 * written again. A count of leaves or roots is the size of its file over 32; a rest is a torn end.
 * Threads: any; a descriptor belongs to its caller.
 * Errors: STORAGE_FAILED with the name of the file and the system's reason. */
#ifndef BEHALF_AUDIT_FILES_H
#define BEHALF_AUDIT_FILES_H

#include <stdio.h>

#include "audit/audit.h"

#define FILES_NAME_SIZE 32 /* of a file's name, with its NUL */

enum files_kind { FILES_LINES, FILES_LEAVES };

/* "000000000007.jsonl". */
void files_name(enum files_kind kind, uint64_t segment, char name[FILES_NAME_SIZE]);

/* A folder: the descriptor, or -1. */
int files_open_folder(const char *path, struct error *error);

/* Appends a whole small file. BEHALF_DONE where it does not exist. */
enum status files_load(int folder, const char *name, size_t most, struct buffer *out,
                       struct error *error) BEHALF_MUST_USE;
/* Makes a file of these bytes at one moment, durably. */
enum status files_replace(int folder, const char *name, struct slice bytes,
                          struct error *error) BEHALF_MUST_USE;

/* The descriptor, or -1 with the error set; for writing it is made where it is missing. */
int files_open(int folder, const char *name, bool writable, struct error *error);
enum status files_write(int fd, const char *name, struct slice bytes, uint64_t offset,
                        struct error *error) BEHALF_MUST_USE;
/* Exactly `size` bytes: an end before is STORAGE_CORRUPT. */
enum status files_read(int fd, const char *name, void *bytes, size_t size, uint64_t offset,
                       struct error *error) BEHALF_MUST_USE;
/* fdatasync, but in tests of a disk that fails, which set it before they open a log. */
extern int (*files_sync_call)(int fd);
enum status files_sync(int fd, const char *name, struct error *error) BEHALF_MUST_USE;
enum status files_cut(int fd, const char *name, uint64_t size, struct error *error) BEHALF_MUST_USE;
enum status files_size(int fd, const char *name, uint64_t *size,
                       struct error *error) BEHALF_MUST_USE;

/* The numbers of the first and the last segment whose lines are in the folder. *found is false when
 * there is none. */
enum status files_segments(int folder, uint64_t *first, uint64_t *last, bool *found,
                           struct error *error) BEHALF_MUST_USE;

/* Removes a segment's two files; what is missing is no error. */
enum status files_remove_segment(int folder, uint64_t segment, struct error *error) BEHALF_MUST_USE;

/* The owner's note, behind a checksum. STORAGE_CORRUPT when it is damaged. */
enum status files_keep_note(int folder, struct slice bytes, struct error *error) BEHALF_MUST_USE;
enum status files_load_note(int folder, struct buffer *bytes, bool *found,
                            struct error *error) BEHALF_MUST_USE;

/* STORAGE_FAILED with errno's text. */
enum status files_error(const char *what, const char *name, struct error *error);

#endif
