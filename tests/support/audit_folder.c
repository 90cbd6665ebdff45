/* audit_folder.c - see audit_folder.h. */
#include "tests/support/audit_folder.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/datum.h"
#include "base/file.h"

void
audit_folder_make(struct audit_folder *folder)
{
    (void)snprintf(folder->top, sizeof folder->top, "/tmp/behalf-audit-XXXXXX");
    BEHALF_ASSERT(mkdtemp(folder->top) != NULL);
    (void)snprintf(folder->path, sizeof folder->path, "%s/audit", folder->top);
}

static void
path_of(const struct audit_folder *folder, const char *name, char *path, size_t size)
{
    BEHALF_ASSERT(snprintf(path, size, "%s/%s", folder->path, name) < (int)size);
}

void
audit_folder_remove(struct audit_folder *folder)
{
    DIR *list = opendir(folder->path);
    char path[512];

    for (const struct dirent *entry = list == NULL ? NULL : readdir(list); entry != NULL;
         entry = readdir(list)) {
        path_of(folder, entry->d_name, path, sizeof path);
        (void)unlink(path);
    }
    if (list != NULL)
        (void)closedir(list);
    (void)rmdir(folder->path);
    (void)rmdir(folder->top);
}

struct audit *
audit_folder_open(const struct audit_folder *folder)
{
    const struct audit_options options = {.directory = folder->path,
                                          .origin = SLICE_LITERAL(AUDIT_FOLDER_ORIGIN),
                                          .env = env_system()};
    struct audit *audit = NULL;
    struct error error = {.status = BEHALF_OK};

    if (audit_open(&options, &audit, &error) != BEHALF_OK) {
        (void)fprintf(stderr, "audit_open: %s\n", error.message);
        abort();
    }
    return audit;
}

void
audit_folder_fields(uint64_t number, struct buffer *out)
{
    const struct datum event = {.kind = DATUM_STRING, .as.string = SLICE_LITERAL("test")};
    const struct datum value = {.kind = DATUM_INT, .as.integer = (int64_t)number};
    const struct datum_field fields[] = {{SLICE_LITERAL("event"), &event},
                                         {SLICE_LITERAL("number"), &value}};
    const struct datum map = {.kind = DATUM_MAP, .as.map = {fields, BEHALF_COUNT_OF(fields)}};

    datum_encode(&map, out);
}

void
audit_folder_put(struct audit *audit, uint64_t first, uint64_t count)
{
    struct buffer fields;
    struct error error;

    buffer_init(&fields);
    for (uint64_t number = first; number < first + count; number++) {
        buffer_clear(&fields);
        audit_folder_fields(number, &fields);
        BEHALF_ASSERT(audit_put(audit, AUDIT_PLACE_DECISION, INT64_C(1700000000000000000),
                                buffer_slice(&fields), NULL, &error) == BEHALF_OK);
    }
    BEHALF_ASSERT(audit_flush(audit, &error) == BEHALF_OK);
    buffer_release(&fields);
}

void
audit_folder_load(const struct audit_folder *folder, const char *name, struct buffer *out)
{
    char path[512];
    int problem;

    buffer_clear(out);
    path_of(folder, name, path, sizeof path);
    BEHALF_ASSERT(file_load(path, out, &problem));
}

void
audit_folder_write(const struct audit_folder *folder, const char *name, struct slice bytes)
{
    char path[512];
    FILE *file;

    path_of(folder, name, path, sizeof path);
    file = fopen(path, "wb");
    BEHALF_ASSERT(file != NULL && fwrite(bytes.data, 1, bytes.size, file) == bytes.size &&
                  fclose(file) == 0);
}

bool
audit_folder_has(const struct audit_folder *folder, const char *name)
{
    char path[512];

    path_of(folder, name, path, sizeof path);
    return access(path, F_OK) == 0;
}

void
audit_folder_copy(const struct audit_folder *from, struct audit_folder *to)
{
    DIR *list = opendir(from->path);
    struct buffer bytes;

    audit_folder_make(to);
    BEHALF_ASSERT(list != NULL && mkdir(to->path, 0700) == 0);
    buffer_init(&bytes);
    for (const struct dirent *entry = readdir(list); entry != NULL; entry = readdir(list)) {
        if (entry->d_name[0] == '.')
            continue;
        audit_folder_load(from, entry->d_name, &bytes);
        audit_folder_write(to, entry->d_name, buffer_slice(&bytes));
    }
    (void)closedir(list);
    buffer_release(&bytes);
}
