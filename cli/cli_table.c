/* cli_table.c - tables and trees drawn with box lines. */
#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"
#include "cli/cli.h"

size_t
cli_text_width(struct slice text)
{
    size_t width = 0;

    for (size_t at = 0; at < text.size; width++) {
        uint32_t point;
        size_t length = utf8_decode(text.data + at, text.size - at, &point);

        at += length > 0 ? length : 1;
    }
    return width;
}

void
cli_table_init(struct cli_table *table, size_t columns)
{
    *table = (struct cli_table){.columns = columns};
    buffer_init(&table->cells);
}

void
cli_table_release(struct cli_table *table)
{
    buffer_release(&table->cells);
    memory_free(table->ends);
}

void
cli_table_cell(struct cli_table *table, struct slice text)
{
    table->ends = memory_reserve(table->ends, table->end_count + 1, &table->end_capacity,
                                 sizeof *table->ends);
    buffer_add_slice(&table->cells, text);
    table->ends[table->end_count++] = table->cells.size;
    table->rows = (table->end_count + table->columns - 1) / table->columns;
}

static struct slice
cell_get(const struct cli_table *table, size_t index)
{
    size_t from = index > 0 ? table->ends[index - 1] : 0;

    if (index >= table->end_count)
        return (struct slice){"", 0};
    return (struct slice){table->cells.data + from, table->ends[index] - from};
}

/* A column that is empty below its head has no width and is not shown; the first always is. */
static size_t *
column_widths(const struct cli_table *table, FILE *out)
{
    size_t *widths = memory_new_array(table->columns, sizeof *widths);

    for (size_t index = table->columns; index < table->end_count; index++) {
        size_t width = cli_safe_width(out, cell_get(table, index));

        if (width > widths[index % table->columns])
            widths[index % table->columns] = width;
    }
    for (size_t column = 0; column < table->columns; column++) {
        size_t width = cli_safe_width(out, cell_get(table, column));

        if (width > widths[column] && (widths[column] > 0 || column == 0 || table->rows == 1))
            widths[column] = width;
    }
    return widths;
}

static void
print_rule(const size_t *widths, size_t columns, const char *const corners[3], FILE *out)
{
    for (size_t column = 0; column < columns; column++) {
        if (widths[column] == 0)
            continue;
        (void)fputs(corners[column == 0 ? 0 : 1], out);
        for (size_t at = 0; at < widths[column] + 2; at++)
            (void)fputs("─", out);
    }
    (void)fprintf(out, "%s\n", corners[2]);
}

void
cli_table_print(const struct cli_table *table, FILE *out)
{
    static const char *const top[3] = {"┌", "┬", "┐"};
    static const char *const middle[3] = {"├", "┼", "┤"};
    static const char *const bottom[3] = {"└", "┴", "┘"};
    size_t *widths = column_widths(table, out);

    print_rule(widths, table->columns, top, out);
    for (size_t row = 0; row < table->rows; row++) {
        for (size_t column = 0; column < table->columns; column++) {
            struct slice cell = cell_get(table, row * table->columns + column);

            if (widths[column] == 0)
                continue;
            (void)fputs("│ ", out);
            cli_put_safe(out, cell);
            (void)fprintf(out, "%*s", (int)(widths[column] - cli_safe_width(out, cell) + 1), "");
        }
        (void)fputs("│\n", out);
        if (row == 0)
            print_rule(widths, table->columns, middle, out);
    }
    print_rule(widths, table->columns, bottom, out);
    memory_free(widths);
}

void
cli_tree_prefix(const struct cli_tree *tree, FILE *out)
{
    static const char *const drawn[4] = {"├─ ", "└─ ", "│  ", "   "};
    static const char *const plain[4] = {"|- ", "`- ", "|  ", "   "};
    const char *const *pieces = tree->ascii ? plain : drawn;

    for (size_t level = 0; level < tree->depth; level++) {
        bool own = level + 1 == tree->depth;

        (void)fputs(pieces[(own ? 0 : 2) + (tree->last[level] ? 1 : 0)], out);
    }
}
