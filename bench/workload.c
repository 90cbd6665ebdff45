/* workload.c - see workload.h: shapes by name, and directories. */
#include "bench/workload.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/complain.h"
#include "base/file.h"
#include "base/memory.h"
#include "bench/bench_zipf.h"
#include "bench/workload_block.h"
#include "bench/workload_private.h"

#define READ_SIZE ((size_t)1 << 20)
#define LINES_SIZE ((size_t)64 * 1024) /* of relationships taken at a time */

static const struct workload_shape *const shapes[] = {
    &shape_one_hop,
    &shape_drive,
    &shape_github,
    &shape_agents,
    &shape_delegated,
    &shape_wide_groups,
    &shape_deep_arrows,
    &shape_wide_direct,
    &shape_double_wide_arrow,
    &shape_lookup_intersection,
    &shape_share_with,
    &shape_grants,
};

static const struct {
    enum question_kind kind;
    const char *name;
} question_files[] = {
    {QUESTION_CHECK, "checks.txt"},
    {QUESTION_LOOKUP_RESOURCES, "lookups.txt"},
    {QUESTION_LOOKUP_SUBJECTS, "lookup_subjects.txt"},
};

/* --- lines and files -------------------------------------------------------------------------- */

struct slice
workload_take_until(struct slice *rest, char separator)
{
    const char *end = rest->size > 0 ? memchr(rest->data, separator, rest->size) : NULL;
    struct slice taken = {rest->data, end != NULL ? (size_t)(end - rest->data) : rest->size};
    size_t skipped = taken.size + (end != NULL ? 1 : 0);

    rest->data += skipped;
    rest->size -= skipped;
    return taken;
}

bool
workload_line_next(struct slice *rest, struct slice *line)
{
    if (rest->size == 0)
        return false;
    *line = workload_take_until(rest, '\n');
    if (line->size > 0 && line->data[line->size - 1] == '\r')
        line->size--;
    return true;
}

bool
workload_line_is_blank(struct slice line)
{
    return line.size == 0 || slice_starts_with(line, SLICE_LITERAL("//"));
}

static void
complain_of_file(const char *what, const char *path)
{
    complain(NULL, "cannot %s '%s': %s", what, path, strerror(errno));
}

bool
workload_file_read(const char *directory, const char *name, bool optional, struct buffer *out)
{
    struct buffer path;
    FILE *file;
    bool good;

    buffer_init(&path);
    buffer_add_format(&path, "%s/%s", directory, name);
    file = fopen(path.data, "rb");
    good = file != NULL;
    if (file == NULL && !optional)
        complain_of_file("read", path.data);
    while (file != NULL) {
        size_t count = fread(buffer_reserve(out, READ_SIZE), 1, READ_SIZE, file);

        buffer_added(out, count);
        if (count == 0)
            break;
    }
    if (file != NULL && ferror(file) != 0) {
        complain_of_file("read", path.data);
        good = false;
    }
    if (file != NULL)
        (void)fclose(file);
    buffer_release(&path);
    return good;
}

/* --- opening ---------------------------------------------------------------------------------- */

bool
workload_open(const char *name, uint64_t size, uint64_t seed, double zipf,
              struct workload *workload)
{
    struct stat facts;

    *workload = (struct workload){.name = name, .seed = seed, .zipf = zipf};
    for (size_t index = 0; index < BEHALF_COUNT_OF(shapes); index++)
        if (strcmp(shapes[index]->name, name) == 0)
            workload->shape = shapes[index];
    if (workload->shape != NULL) {
        uint32_t block_size = workload->shape->block_size;

        workload->block_count = (uint32_t)((size + block_size - 1) / block_size);
        workload->relationships = (uint64_t)workload->block_count * block_size;
        return true;
    }
    if (stat(name, &facts) == 0 && S_ISDIR(facts.st_mode))
        return true;
    complain("behalf-bench workloads lists those that are built in",
             "'%s' is no workload and no directory", name);
    return false;
}

void
workload_list(FILE *out)
{
    for (size_t index = 0; index < BEHALF_COUNT_OF(shapes); index++)
        (void)fprintf(out, "%-20s %s\n", shapes[index]->name, shapes[index]->summary);
}

bool
workload_schema(const struct workload *workload, struct buffer *out)
{
    if (workload->shape == NULL)
        return workload_file_read(workload->name, "schema.zed", false, out);
    buffer_add_text(out, workload->shape->schema);
    return true;
}

/* --- questions -------------------------------------------------------------------------------- */

/* `count` of the lines of `text`, the first ones most often. */
static void
draw_lines(const struct workload *workload, struct slice text, size_t count, struct buffer *out)
{
    struct bench_random random = bench_random_of(workload->seed, UINT64_MAX);
    struct bench_zipf zipf;
    struct slice *lines = NULL;
    struct slice line;
    size_t capacity = 0;
    size_t found = 0;

    while (workload_line_next(&text, &line)) {
        if (workload_line_is_blank(line))
            continue;
        lines = memory_reserve(lines, found + 1, &capacity, sizeof *lines);
        lines[found++] = line;
    }
    if (found > 0) {
        bench_zipf_init(&zipf, found, workload->zipf);
        for (size_t drawn = 0; drawn < count; drawn++) {
            buffer_add_slice(out, lines[bench_zipf_next(&zipf, &random)]);
            buffer_add_byte(out, '\n');
        }
    }
    memory_free(lines);
}

static bool
read_questions(const struct workload *workload, enum question_kind kind, size_t count,
               struct buffer *out, bool *ready)
{
    struct buffer text;
    bool good = true;

    buffer_init(&text);
    if (kind == QUESTION_WRITE) {
        *ready = workload_file_read(workload->name, "writes.txt", true, out);
        good = *ready || workload_file_read(workload->name, "relationships.txt", false, out);
    } else {
        good = workload_file_read(workload->name, question_files[kind].name, false, &text);
        if (good && workload->zipf > 0)
            draw_lines(workload, buffer_slice(&text), count, out);
        else if (good)
            buffer_add_slice(out, buffer_slice(&text));
    }
    buffer_release(&text);
    return good;
}

bool
workload_questions(const struct workload *workload, enum question_kind kind, size_t count,
                   struct buffer *out, bool *ready)
{
    bool given = false;
    bool good = true;

    if (workload->shape != NULL)
        workload_generate_questions(workload, kind, count, out);
    else
        good = read_questions(workload, kind, count, out, &given);
    if (ready != NULL)
        *ready = given;
    return good;
}

/* --- relationships ---------------------------------------------------------------------------- */

bool
workload_reader_open(struct workload_reader *reader, const struct workload *workload)
{
    struct buffer path;
    struct stat facts;
    bool good = true;

    *reader = (struct workload_reader){.workload = workload, .mutex = PTHREAD_MUTEX_INITIALIZER};
    if (workload->shape != NULL)
        return true;
    buffer_init(&path);
    buffer_add_format(&path, "%s/relationships.txt", workload->name);
    reader->file = fopen(path.data, "rb");
    if (reader->file == NULL || fstat(fileno(reader->file), &facts) != 0) {
        complain_of_file("read", path.data);
        workload_reader_close(reader);
        good = false;
    } else {
        reader->size_bytes = (uint64_t)facts.st_size;
    }
    buffer_release(&path);
    return good;
}

void
workload_reader_close(struct workload_reader *reader)
{
    if (reader->file != NULL)
        (void)fclose(reader->file);
    reader->file = NULL;
}

static bool
generate_lines(struct workload_reader *reader, struct buffer *out)
{
    const struct workload *workload = reader->workload;
    struct workload_block block;

    block_init(&block);
    while (out->size < LINES_SIZE) {
        uint32_t number;

        (void)pthread_mutex_lock(&reader->mutex);
        number = reader->next_block;
        if (number < workload->block_count)
            reader->next_block++;
        (void)pthread_mutex_unlock(&reader->mutex);
        if (number == workload->block_count)
            break;
        block_generate(&block, workload->shape, workload->seed, number, out);
    }
    block_release(&block);
    return out->size > 0;
}

bool
workload_reader_next(struct workload_reader *reader, struct buffer *out)
{
    char *line = NULL;
    size_t capacity = 0;

    buffer_clear(out);
    if (reader->workload->shape != NULL)
        return generate_lines(reader, out);
    (void)pthread_mutex_lock(&reader->mutex);
    while (out->size < LINES_SIZE) {
        ssize_t size = getline(&line, &capacity, reader->file);

        if (size < 0)
            break;
        buffer_add(out, line, (size_t)size);
    }
    (void)pthread_mutex_unlock(&reader->mutex);
    free(line);
    return out->size > 0;
}

bool
workload_reader_failed(const struct workload_reader *reader)
{
    return reader->file != NULL && ferror(reader->file) != 0;
}

/* --- saving ----------------------------------------------------------------------------------- */

static bool
save(const char *directory, const char *name, const struct buffer *text)
{
    struct buffer path;
    bool good;

    buffer_init(&path);
    buffer_add_format(&path, "%s/%s", directory, name);
    good = file_replace(path.data, buffer_slice(text));
    if (!good)
        complain_of_file("write", path.data);
    buffer_release(&path);
    return good;
}

/* False with errno when something of it does not reach the file. */
static bool
write_relationships(struct workload_reader *reader, const char *path)
{
    FILE *file = fopen(path, "wb");
    struct buffer lines;
    bool good = true;
    int problem;

    if (file == NULL)
        return false;
    buffer_init(&lines);
    while (good && workload_reader_next(reader, &lines))
        good = fwrite(lines.data, 1, lines.size, file) == lines.size;
    good = good && !workload_reader_failed(reader);
    buffer_release(&lines);
    problem = errno;
    if (fclose(file) != 0 && good)
        return false;
    errno = problem;
    return good;
}

/* Too many for memory: they come under their name when all of them are there. What is no plain file
 * is written to. */
static bool
save_relationships(const struct workload *workload, const char *directory)
{
    struct workload_reader reader;
    struct buffer path;
    struct buffer part;
    struct stat facts;
    bool good;

    if (!workload_reader_open(&reader, workload))
        return false;
    buffer_init(&path);
    buffer_init(&part);
    buffer_add_format(&path, "%s/relationships.txt", directory);
    buffer_add_format(&part, "%s.part", path.data);
    if (lstat(path.data, &facts) == 0 && !S_ISREG(facts.st_mode)) {
        good = write_relationships(&reader, path.data);
    } else {
        good = write_relationships(&reader, part.data) && rename(part.data, path.data) == 0;
        if (!good) {
            int problem = errno;

            (void)unlink(part.data);
            errno = problem;
        }
    }
    if (!good)
        complain_of_file("write", path.data);
    workload_reader_close(&reader);
    buffer_release(&path);
    buffer_release(&part);
    return good;
}

bool
workload_save(const struct workload *workload, const char *directory, size_t question_count)
{
    struct buffer text;
    bool good;

    if (mkdir(directory, 0777) != 0 && errno != EEXIST) {
        complain_of_file("make", directory);
        return false;
    }
    buffer_init(&text);
    good = workload_schema(workload, &text) && save(directory, "schema.zed", &text) &&
           save_relationships(workload, directory);
    for (size_t at = 0; good && at < BEHALF_COUNT_OF(question_files); at++) {
        buffer_clear(&text);
        good = workload_questions(workload, question_files[at].kind, question_count, &text, NULL) &&
               save(directory, question_files[at].name, &text);
    }
    buffer_release(&text);
    return good;
}
