/* kv_rocksdb_options.c - the settings of RocksDB, of the database and of each family. */
#include "storage/kv_rocksdb_options.h"

#define MEMTABLES_FULL 4 /* this many share the memory */
/* Leaves file descriptors to connections. */
#define OPEN_FILES_MAX 512
#define BLOOM_BITS_PER_KEY 10.0
#define REMOVED_WINDOW 4096      /* compact a file when half of a window are tombstones */
#define METADATA_BLOCK_SIZE 4096 /* of one partition of an index or a filter */
#define INFO_LOG_NOTHING 4       /* FATAL; at 3 a full disk ended the process */

/* Families that are scanned over ranges whose keys may all be tombstones. */
static bool
is_scanned(size_t family)
{
    return family == KV_FORWARD || family == KV_REVERSE || family == KV_EXPIRY ||
           family == KV_RECORD_INDEX;
}

/* Families that are asked for absent keys: a write looks for its names, edges and records, which
 * are mostly new. A filter for the others would take memory and save nothing. */
static bool
needs_filter(size_t family)
{
    return family == KV_NAMES || family == KV_FORWARD || family == KV_RECORDS;
}

static rocksdb_block_based_table_options_t *
table_options_new(rocksdb_cache_t *cache, bool filter)
{
    rocksdb_block_based_table_options_t *table = rocksdb_block_based_options_create();

    rocksdb_block_based_options_set_format_version(table, 5);
    rocksdb_block_based_options_set_block_cache(table, cache);
    rocksdb_block_based_options_set_block_size(table, 8 * 1024);
    if (filter)
        rocksdb_block_based_options_set_filter_policy(
            table, rocksdb_filterpolicy_create_bloom_full(BLOOM_BITS_PER_KEY));
    /* Indexes and filters count against the cache; otherwise memory grows with the data, unseen.
     * They are partitioned: whole, those of a large file fit into no shard of the cache, and every
     * get read and checksummed megabytes (80 us of CPU a relationship written at 4 M relationships,
     * 8 us with partitions). */
    rocksdb_block_based_options_set_index_type(
        table, rocksdb_block_based_table_index_type_two_level_index_search);
    rocksdb_block_based_options_set_partition_filters(table, 1);
    rocksdb_block_based_options_set_metadata_block_size(table, METADATA_BLOCK_SIZE);
    rocksdb_block_based_options_set_pin_top_level_index_and_filter(table, 1);
    rocksdb_block_based_options_set_cache_index_and_filter_blocks(table, 1);
    rocksdb_block_based_options_set_cache_index_and_filter_blocks_with_high_priority(table, 1);
    rocksdb_block_based_options_set_pin_l0_filter_and_index_blocks_in_cache(table, 1);
    return table;
}

void
family_options_set(rocksdb_options_t *options, rocksdb_cache_t *cache, size_t memtables,
                   size_t family)
{
    rocksdb_block_based_table_options_t *table = table_options_new(cache, needs_filter(family));

    rocksdb_options_set_block_based_table_factory(options, table);
    rocksdb_block_based_options_destroy(table);
    rocksdb_options_set_write_buffer_size(options, memtables / MEMTABLES_FULL);
    rocksdb_options_set_db_write_buffer_size(options, memtables);
    rocksdb_options_set_max_write_buffer_number(options, 3);
    /* A miss in the memtable (every new name, every new edge) costs a bloom probe instead of a
     * search. */
    rocksdb_options_set_memtable_prefix_bloom_size_ratio(options, 0.05);
    rocksdb_options_set_memtable_whole_key_filtering(options, 1);
    rocksdb_options_set_level_compaction_dynamic_level_bytes(options, 1);
    if (is_scanned(family))
        rocksdb_options_add_compact_on_deletion_collector_factory(options, REMOVED_WINDOW,
                                                                  REMOVED_WINDOW / 2);
    rocksdb_options_set_compression(options, rocksdb_lz4_compression);
    rocksdb_options_set_bottommost_compression(options, rocksdb_zstd_compression);
}

void
database_options_set(rocksdb_options_t *options, const struct kv_options *wanted)
{
    rocksdb_options_set_create_if_missing(options, wanted->create_if_missing);
    rocksdb_options_set_create_missing_column_families(options, wanted->create_if_missing);
    /* RocksDB stops at the first damage it meets, also in a compaction, instead of going on with
     * the rest. */
    rocksdb_options_set_paranoid_checks(options, 1);
    rocksdb_options_set_info_log_level(options, INFO_LOG_NOTHING);
    rocksdb_options_set_max_log_file_size(options, MEGABYTE);
    rocksdb_options_set_keep_log_file_num(options, 1);
    rocksdb_options_set_stats_dump_period_sec(options, 0);
    rocksdb_options_set_stats_persist_period_sec(options, 0);
    /* By default RocksDB silently drops everything after a damaged record. Here only a record cut
     * short at the end is dropped; any other damage refuses the open, and open.c decides by the
     * high-water mark whether a copy may go without the damaged tail. */
    rocksdb_options_set_wal_recovery_mode(
        options, wanted->drop_damaged_tail ? rocksdb_point_in_time_recovery
                                           : rocksdb_tolerate_corrupted_tail_records_recovery);
    /* Each write reaches the kernel before it returns, so a kill loses nothing committed; and no
     * log file is reused, whose old records would follow the new ones. */
    rocksdb_options_set_manual_wal_flush(options, 0);
    rocksdb_options_set_recycle_log_file_num(options, 0);
    rocksdb_options_set_max_total_wal_size(options, WAL_SIZE_MAX);
    /* All families reach the disk together: no sorted file is ahead of the log that other families
     * still need, and a lost log loses the newest revisions instead of half of each. */
    rocksdb_options_set_atomic_flush(options, 1);
    /* One writer: its insertions need no compare-and-swap. */
    rocksdb_options_set_allow_concurrent_memtable_write(options, 0);
    rocksdb_options_set_max_background_jobs(options, 2);
    rocksdb_options_set_max_open_files(options, OPEN_FILES_MAX);
    rocksdb_options_set_is_fd_close_on_exec(options, 1);
    /* Sorted files are written out steadily, so that the sync of a commit does not queue after a
     * burst. */
    rocksdb_options_set_bytes_per_sync(options, MEGABYTE);
}
