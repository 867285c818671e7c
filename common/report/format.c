/* How values are written for people. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "nightshift/base/clock.h"
#include "nightshift/base/utf8.h"
#include "nightshift/report/format.h"

void format_number(struct text *out, int64_t number) {
    char digits[24];
    uint64_t size = number < 0 ? -(uint64_t)number : (uint64_t)number;
    int length = snprintf(digits, sizeof digits, "%" PRIu64, size);
    if (number < 0)
        text_add(out, "-");
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            text_add(out, ",");
        text_append(out, digits + i, 1);
    }
}

void format_bytes(struct text *out, int64_t bytes) {
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    if (bytes > -1024 && bytes < 1024) {
        text_printf(out, "%" PRId64 " B", bytes);
        return;
    }
    double size = (double)bytes / 1024;
    size_t unit = 0;
    /* What would be shown as 1024.0 belongs to the next unit. */
    for (; (size >= 1023.95 || size <= -1023.95) && unit + 1 < LENGTH_OF(units); unit++)
        size /= 1024;
    text_printf(out, "%.1f %s", size, units[unit]);
}

void format_duration(struct text *out, int64_t microseconds) {
    if (microseconds > 0 && microseconds < 10000)
        text_printf(out, "%" PRId64 ".%d ms", microseconds / 1000, (int)(microseconds % 1000 / 100));
    else
        clock_add_span(out, microseconds / 1000);
}

void format_time(struct text *out, int64_t milliseconds) {
    struct text whole = {0};
    clock_add_local(&whole, milliseconds);
    const char *separator = strchr(text_string(&whole), 'T');
    if (separator != NULL && strlen(separator) > 6)
        text_printf(out, "%.*s %.5s", (int)(separator - whole.data), whole.data, separator + 1);
    text_free(&whole);
}

void format_count(struct text *out, int64_t count, const char *one, const char *many) {
    format_number(out, count);
    text_add(out, " ");
    text_add(out, count == 1 ? one : many);
}

void format_shortened(struct text *out, const char *string, size_t columns) {
    struct text whole = {0};
    text_append_printable(&whole, string, strlen(string));
    size_t used = 0;
    size_t fits = 0; /* bytes that leave room for the ellipsis */
    for (size_t at = 0; at < whole.length;) {
        unsigned code = 0;
        size_t length = utf8_decode(whole.data + at, whole.length - at, &code);
        char character[5] = "";
        memcpy(character, whole.data + at, length < 4 ? length : 4);
        used += utf8_columns(character);
        at += length > 0 ? length : 1;
        if (used < columns)
            fits = at;
    }
    if (used <= columns) {
        text_add(out, text_string(&whole));
    } else {
        text_append(out, whole.data, fits);
        text_add(out, "…");
    }
    text_free(&whole);
}

void format_bar(struct text *out, double share, int columns) {
    static const char *const parts[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    if (!(share > 0))
        return;
    int eighths = (int)((share < 1 ? share : 1) * 8 * columns + 0.5);
    eighths = eighths > 0 ? eighths : 1;
    for (int i = 0; i < eighths / 8; i++)
        text_add(out, "█");
    text_add(out, parts[eighths % 8]);
}
