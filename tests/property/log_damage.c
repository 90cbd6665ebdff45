/* log_damage.c - bytes of the end of a store's log flipped, and the log cut there.
 *
 *   BEHALF_STEP        every how many bytes (4,999; 1 = all, in hours)
 *   BEHALF_SILENCE_MS  how long the store is silent before it is killed (0)
 *
 * Always true: all transactions were acknowledged before the kill, so each damaged copy is refused
 * as corrupt or has every one of them. Ends with 1 at the first copy that is neither. */
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"
#include "storage/store.h"

#define TRANSACTIONS 1000
#define LOG_END (64 << 10)
#define STEP 4999
#define TICK_NS 20000000 /* as often as the writer settles the store while it is idle */
#define PATH_SIZE 512

#define MUST(call)                                                                                 \
    do {                                                                                           \
        if ((call) != BEHALF_OK)                                                                   \
            fail(#call, error.message);                                                            \
    } while (0)

struct file {
    char name[PATH_SIZE]; /* below the store's directory */
    char *bytes;
    size_t size;
};

/* What the kill left; small enough to be held. */
struct image {
    struct file files[32];
    size_t count;
    struct file *log;
};

static struct error error;

static void
fail(const char *what, const char *why)
{
    fprintf(stderr, "log_damage: %s: %s\n", what, why);
    exit(1);
}

static uint64_t
number_of(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text != NULL && *text != '\0' ? strtoull(text, NULL, 10) : otherwise;
}

static struct store *
open_store(const char *path)
{
    const struct store_options options = {.path = path, .env = env_system()};
    struct store *store = NULL;

    MUST(store_open(&options, &store, &error));
    return store;
}

/* --- the store that is killed --- */

static void
grant(struct store *store, unsigned number)
{
    struct store_transaction *transaction = NULL;
    struct edge edge = {.key = {.subject_relation = LABEL_NONE}, .caveat = LABEL_NONE};
    uint16_t document = 0;
    uint16_t user = 0;
    uint64_t revision = 0;
    struct store_previous previous = {.existed = false};
    char id[16];

    (void)snprintf(id, sizeof id, "%u", number);
    MUST(store_transaction_begin(store, &transaction, &error));
    MUST(store_transaction_label(transaction, LABEL_TYPE, slice_of("document"), &document, &error));
    MUST(store_transaction_label(transaction, LABEL_TYPE, slice_of("user"), &user, &error));
    MUST(store_transaction_label(transaction, LABEL_RELATION, slice_of("viewer"),
                                 &edge.key.relation, &error));
    MUST(store_transaction_node(transaction, document, slice_of("plan"), &edge.key.resource,
                                &error));
    MUST(store_transaction_node(transaction, user, slice_of(id), &edge.key.subject, &error));
    MUST(store_transaction_put(transaction, &edge, &previous, &error));
    MUST(store_transaction_commit(transaction, env_wall_ns(env_system()), &revision, &error));
}

static _Noreturn void
write_and_die(const char *path, uint64_t silence_ms)
{
    struct store *store = open_store(path);
    int64_t end;

    for (unsigned number = 1; number <= TRANSACTIONS; number++) {
        grant(store, number);
        MUST(store_sync(store, &error));
    }
    end = env_monotonic_ns(env_system()) + (int64_t)silence_ms * 1000000;
    while (env_monotonic_ns(env_system()) < end) {
        (void)nanosleep(&(struct timespec){.tv_nsec = TICK_NS}, NULL);
        store_settle(store);
    }
    (void)kill(getpid(), SIGKILL);
    exit(1);
}

static void
make_store(const char *path, uint64_t silence_ms)
{
    pid_t child = fork();
    int result = 0;

    if (child == 0)
        write_and_die(path, silence_ms);
    if (child < 0 || waitpid(child, &result, 0) != child || !WIFSIGNALED(result) ||
        WTERMSIG(result) != SIGKILL)
        fail("the store", "was not written and killed");
}

/* --- copies of what it left --- */

static void
read_file(const char *folder, const char *name, struct file *file)
{
    char path[2 * PATH_SIZE];
    struct stat about;
    FILE *stream;

    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    (void)snprintf(file->name, sizeof file->name, "%s", name);
    stream = fopen(path, "rbe");
    if (stream == NULL || fstat(fileno(stream), &about) != 0)
        fail(path, "cannot be read");
    file->size = (size_t)about.st_size;
    file->bytes = memory_new_array(file->size + 1, 1);
    if (fread(file->bytes, 1, file->size, stream) != file->size)
        fail(path, "cannot be read");
    (void)fclose(stream);
}

static void
read_folder(struct image *image, const char *root, const char *below)
{
    char path[PATH_SIZE];
    const struct dirent *entry;
    DIR *listing;

    (void)snprintf(path, sizeof path, "%s/%s", root, below);
    listing = opendir(path);
    if (listing == NULL)
        fail(path, "cannot be listed");
    while ((entry = readdir(listing)) != NULL) {
        struct file *file = &image->files[image->count];
        char name[PATH_SIZE];
        size_t length = strlen(entry->d_name);

        if (entry->d_type != DT_REG)
            continue;
        if (image->count == sizeof image->files / sizeof image->files[0])
            fail(path, "has too many files");
        (void)snprintf(name, sizeof name, "%s%.255s", below, entry->d_name);
        read_file(root, name, file);
        image->count++;
        if (length > 4 && strcmp(entry->d_name + length - 4, ".log") == 0 &&
            (image->log == NULL || file->size > image->log->size))
            image->log = file;
    }
    (void)closedir(listing);
}

static void
write_image(const struct image *image, const char *path)
{
    char name[2 * PATH_SIZE];

    (void)snprintf(name, sizeof name, "%s/db", path);
    if (mkdir(path, 0700) != 0 || mkdir(name, 0700) != 0)
        fail(path, "cannot be made");
    for (size_t at = 0; at < image->count; at++) {
        const struct file *file = &image->files[at];
        FILE *stream;

        (void)snprintf(name, sizeof name, "%s/%s", path, file->name);
        stream = fopen(name, "wbe");
        if (stream == NULL || fwrite(file->bytes, 1, file->size, stream) != file->size ||
            fclose(stream) != 0)
            fail(name, "cannot be written");
    }
}

static int
remove_one(const char *path, const struct stat *about, int type, struct FTW *walk)
{
    (void)about;
    (void)type;
    (void)walk;
    return remove(path);
}

/* --- trials --- */

/* True when the copy is refused. */
static bool
try_image(const struct image *image, const char *path, const char *what)
{
    const struct store_options options = {.path = path, .env = env_system()};
    struct store *store = NULL;
    enum status status;

    write_image(image, path);
    status = store_open(&options, &store, &error);
    if (status == BEHALF_OK && store_head_revision(store) != TRANSACTIONS) {
        fprintf(stderr, "log_damage: %" PRIu64 " of %d transactions are left\n",
                store_head_revision(store), TRANSACTIONS);
        fail(what, "acknowledged transactions are gone");
    }
    if (status == BEHALF_OK)
        MUST(store_verify(store, &error));
    else if (status != BEHALF_STORAGE_CORRUPT)
        fail(what, error.message);
    store_close(store);
    if (nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS) != 0)
        fail(path, "cannot be removed");
    return status != BEHALF_OK;
}

static bool
try_flip(struct image *image, size_t at, const char *path)
{
    char what[64];
    bool refused;

    (void)snprintf(what, sizeof what, "byte %zu of %zu flipped", at, image->log->size);
    image->log->bytes[at] = (char)~image->log->bytes[at];
    refused = try_image(image, path, what);
    image->log->bytes[at] = (char)~image->log->bytes[at];
    return refused;
}

static bool
try_cut(struct image *image, size_t at, const char *path)
{
    size_t size = image->log->size;
    char what[64];
    bool refused;

    (void)snprintf(what, sizeof what, "cut at byte %zu of %zu", at, size);
    image->log->size = at;
    refused = try_image(image, path, what);
    image->log->size = size;
    return refused;
}

int
main(void)
{
    static struct image image;
    const char *scratch = getenv("TMPDIR");
    uint64_t step = number_of("BEHALF_STEP", STEP);
    uint64_t silence_ms = number_of("BEHALF_SILENCE_MS", 0);
    char root[PATH_SIZE];
    char path[PATH_SIZE + 8];
    size_t trials = 0;
    size_t refused = 0;
    size_t first;

    (void)snprintf(root, sizeof root, "%s/behalf-log-XXXXXX", scratch != NULL ? scratch : "/tmp");
    if (step == 0 || mkdtemp(root) == NULL)
        fail(root, "cannot be made");
    (void)snprintf(path, sizeof path, "%s/store", root);
    make_store(path, silence_ms);
    read_folder(&image, path, "");
    read_folder(&image, path, "db/");
    if (nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS) != 0 || image.log == NULL ||
        image.log->size < LOG_END)
        fail(path, "left no log of 64 KiB");
    if (try_image(&image, path, "an undamaged copy"))
        fail("an undamaged copy", error.message);
    first = image.log->size - LOG_END;
    for (size_t at = first; at < image.log->size; at += step, trials += 2)
        refused += (size_t)try_flip(&image, at, path) + (size_t)try_cut(&image, at, path);
    for (size_t at = 0; at < image.count; at++)
        memory_free(image.files[at].bytes);
    (void)rmdir(root);
    printf("log_damage: %zu damaged copies after %" PRIu64
           " ms of silence: %zu refused as corrupt, %zu whole\n",
           trials, silence_ms, refused, trials - refused);
    return 0;
}
