/* kv_rocksdb_drop.c - the compaction filter that drops entries up to the horizon.
 * Readers do not rely on it: they compare their revision with the horizon after they have read. */
#include "storage/kv_rocksdb_drop.h"

#include "base/bytes.h"

static const char *
rule_name(void *state)
{
    (void)state;
    return "behalf.drop-behind-horizon";
}

static void
rule_release(void *state)
{
    (void)state; /* part of struct rocks_kv */
}

/* Runs on compaction threads, several at once. Horizon 0 drops nothing, since no number in a key is
 * 0: revisions begin at 1, and times are stored with their sign bit flipped. */
static unsigned char
rule_drops(void *state, int level, const char *key, size_t key_size, const char *value,
           size_t value_size, char **new_value, size_t *new_value_size,
           unsigned char *value_changed)
{
    struct drop_rule *rule = state;

    (void)level;
    (void)value;
    (void)value_size;
    (void)new_value;
    (void)new_value_size;
    *value_changed = 0;
    return key_size >= 8 && bytes_get_u64(key + key_size - 8) <= atomic_load(&rule->horizon);
}

void
drop_rule_begin(struct drop_rule *rule)
{
    rule->filter = rocksdb_compactionfilter_create(rule, rule_release, rule_drops, rule_name);
    /* Snapshots are ignored: one long read would otherwise keep all history. This is why reads
     * check the horizon twice. */
    rocksdb_compactionfilter_set_ignore_snapshots(rule->filter, 1);
}
