/* kv_rocksdb_error.c - classifies the error texts of RocksDB.
 * The class decides what happens next: only STORAGE_CORRUPT makes open.c try a salvage, and answers
 * DATA_LOSS on the wire. */
#include <string.h>

#include "storage/kv_adapter.h"

enum status
kv_rocksdb_classify(const char *text, const char **why)
{
    *why = text;
    /* First: a text about corruption may contain any of the words below ("block checksum mismatch"
     * contains "lock"). */
    if (strncmp(text, "Corruption", 10) == 0)
        return BEHALF_STORAGE_CORRUPT;
    if (strstr(text, "No space left on device") != NULL) {
        *why = "the disk is full";
    } else if (strstr(text, "lock hold by current process") != NULL ||
               strstr(text, "While lock file") != NULL) {
        *why = "used by another process";
    } else if (strncmp(text, "Invalid argument: Column famil", 30) == 0) {
        *why = "its parts are those of another format";
    } else if (strstr(text, "No such file or directory") != NULL) {
        /* A file that another file names, such as the manifest named by CURRENT, is gone. */
        return BEHALF_STORAGE_CORRUPT;
    }
    return BEHALF_STORAGE_FAILED;
}
