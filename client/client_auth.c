/* client_auth.c - the key of a client: read from its file, shown to the server, wiped. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/client_internal.h"

#define KEY_SIZE_MAX 256
#define MODE_REFUSED 037 /* all but its owner, and its group's reading */

static enum behalf_status
refuse(struct behalf_error *error, const char *path, const char *why, const char *hint)
{
    (void)client_error_set(error, BEHALF_FAILED_USAGE, "cannot use the key file '%.200s': %s", path,
                           why);
    if (error != NULL && hint != NULL)
        (void)snprintf(error->hint, sizeof error->hint, "%s", hint);
    return BEHALF_FAILED_USAGE;
}

/* One line, with or without its end, as any editor writes it. */
static enum behalf_status
read_key(int descriptor, const char *path, char *key, size_t *size, struct behalf_error *error)
{
    struct stat about;
    ssize_t count;

    if (fstat(descriptor, &about) != 0)
        return refuse(error, path, strerror(errno), NULL);
    if (!S_ISREG(about.st_mode))
        return refuse(error, path, "it is no regular file", NULL);
    if ((about.st_mode & MODE_REFUSED) != 0)
        return refuse(error, path, "its mode lets others read or change it", "chmod 600 its path");
    count = read(descriptor, key, KEY_SIZE_MAX + 3);
    if (count < 0)
        return refuse(error, path, strerror(errno), NULL);
    *size = (size_t)count;
    if (*size > 0 && key[*size - 1] == '\n')
        (*size)--;
    if (*size > 0 && key[*size - 1] == '\r')
        (*size)--;
    if (*size == 0 || *size > KEY_SIZE_MAX || memchr(key, '\n', *size) != NULL)
        return refuse(error, path, "it must hold one key of 1 to 256 bytes",
                      "behalf key new makes one");
    return BEHALF_SUCCESS;
}

static enum behalf_status
show_key(struct behalf_client *client, const char *key, size_t size, struct behalf_error *error)
{
    struct behalf_writer *writer = behalf_writer_new();
    struct behalf_reply *reply = NULL;
    enum behalf_status status;

    if (writer == NULL)
        return client_error_set(error, BEHALF_FAILED_MEMORY, "cannot log in: no memory");
    behalf_write_map(writer, 1);
    behalf_write_text(writer, "key");
    behalf_write_string(writer, key, size);
    status = behalf_call(client, "auth", writer, &reply, error);
    explicit_bzero(writer->bytes.data, writer->bytes.size);
    behalf_writer_free(writer);
    behalf_reply_free(reply);
    return status;
}

enum behalf_status
client_log_in(struct behalf_client *client, const char *key_file, struct behalf_error *error)
{
    char key[KEY_SIZE_MAX + 3];
    size_t size = 0;
    /* A pipe would be waited for without an end. */
    int descriptor = open(key_file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    enum behalf_status status;

    if (descriptor < 0)
        return refuse(error, key_file, strerror(errno), NULL);
    status = read_key(descriptor, key_file, key, &size, error);
    (void)close(descriptor);
    if (status == BEHALF_SUCCESS)
        status = show_key(client, key, size, error);
    explicit_bzero(key, sizeof key);
    return status;
}
