/* file.h - files as programs write them, and the standard descriptors.
 * Always true: file_replace leaves the old text when it fails, unless the file cannot be replaced
 * and is written in place; it never changes what kind of file a path names.
 * Threads: one, before or without others (file_replace reads the process's umask by setting it). */
#ifndef BEHALF_BASE_FILE_H
#define BEHALF_BASE_FILE_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/check.h"
#include "base/slice.h"

/* To be called first of all. Descriptors 0 to 2 that are closed would become sockets or files of
 * the program's own, which it would then print into. They are opened so that reading and writing
 * fail as on closed ones. */
void file_occupy_standard(void);

/* Whether all that was printed reached standard output: asked at the end, since what is not whole
 * is no success. False with errno, which is 0 where the reason is no longer known. */
bool file_flush_output(void) BEHALF_MUST_USE;

#define FILE_SIZE_MAX ((size_t)64 << 20) /* what never ends is refused before memory does */

/* Appends the whole file at `path` to `out`; "-" is standard input. False with the errno of the
 * failure as `problem`: EFBIG means more than FILE_SIZE_MAX. */
bool file_load(const char *path, struct buffer *out, int *problem) BEHALF_MUST_USE;

/* Makes `text` the whole text of the file. A symbolic link is followed. A plain file is replaced
 * at one moment by another of the same mode and owner; where that cannot be (a second hard link, a
 * folder without write permission, a mount point, an owner that cannot be kept) it is written in
 * place. A device, a pipe, and whatever this process has open for writing (/dev/stdout into a
 * file) is written to. False with errno. */
bool file_replace(const char *path, struct slice text) BEHALF_MUST_USE;

#endif
