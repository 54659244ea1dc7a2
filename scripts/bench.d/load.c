/* The load generator of scripts/bench: one process, one mode, one JSON line on standard output.
 *
 *   load produce broker=HOST:PORT topic=T partitions=N size=BYTES
 *                [count=N | seconds=N] [rate=PER_SECOND] [tail=1] [acks=N] [keys=N]
 *   load consume broker=… topic=T partitions=N count=N
 *   load single  broker=… topic=T partitions=N size=BYTES seconds=N connections=N depth=N acks=N
 *   load fetch   broker=… topic=T partitions=N count=N max=BYTES
 *
 * produce and consume go through librdkafka (conf.NAME=VALUE sets a client option); single and
 * fetch speak the protocol themselves, because there the client library would be what is measured.
 * This file holds what the modes share. */
#include "load.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

static int option_count;
static char **options;

const char *text_option(const char *name, const char *fallback) {
    size_t length = strlen(name);
    for (int i = 0; i < option_count; i++)
        if (!strncmp(options[i], name, length) && options[i][length] == '=')
            return options[i] + length + 1;
    return fallback;
}

int64_t number_option(const char *name, int64_t fallback) {
    const char *text = text_option(name, NULL);
    return text ? strtoll(text, NULL, 10) : fallback;
}

void each_client_option(void (*each)(const char *, const char *, void *), void *to) {
    for (int i = 0; i < option_count; i++) {
        char name[128];
        const char *equals = strchr(options[i], '=');
        if (strncmp(options[i], "conf.", 5) || !equals)
            continue;
        snprintf(name, sizeof name, "%.*s", (int)(equals - options[i] - 5), options[i] + 5);
        each(name, equals + 1, to);
    }
}

int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

void die(const char *format, ...) {
    va_list values;
    va_start(values, format);
    fputs("load: ", stderr);
    vfprintf(stderr, format, values);
    fputc('\n', stderr);
    va_end(values);
    exit(1);
}

void histogram_add(struct histogram *h, int64_t ns) {
    uint64_t value = ns < 0 ? 0 : (uint64_t)ns;
    int shift = 0;
    while ((value >> shift) >= 2 * STEPS)
        shift++;
    /* Below 128 a value is its own bucket; above, the top seven bits choose the step. */
    uint64_t at = (value >> shift) + (uint64_t)shift * STEPS;
    h->bucket[at < BUCKETS ? at : BUCKETS - 1]++;
    h->count++;
    if (value > h->max)
        h->max = value;
}

static double quantile_us(const struct histogram *h, double q) {
    uint64_t wanted = (uint64_t)(q * (double)h->count), seen = 0;
    for (int at = 0; at < BUCKETS; at++) {
        seen += h->bucket[at];
        if (seen > wanted) {
            int shift = at < 2 * STEPS ? 0 : at / STEPS - 1;
            double value = (double)((uint64_t)(at - shift * STEPS) << shift);
            return value / 1e3;
        }
    }
    return (double)h->max / 1e3;
}

static void print_histogram(const char *name, const struct histogram *h) {
    if (!h || !h->count)
        return;
    printf(", \"%s_us\": {\"count\": %llu, \"p50\": %.1f, \"p99\": %.1f, \"p999\": %.1f, \"max\": "
           "%.1f}",
           name, (unsigned long long)h->count, quantile_us(h, 0.5), quantile_us(h, 0.99),
           quantile_us(h, 0.999), (double)h->max / 1e3);
}

void print_result(int64_t records, int64_t bytes, int64_t ns, int64_t errors,
                  const struct histogram *ack, const struct histogram *tail) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    double cpu = (double)used.ru_utime.tv_sec + (double)used.ru_stime.tv_sec +
                 (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    printf("{\"records\": %lld, \"bytes\": %lld, \"seconds\": %.6f, \"errors\": %lld, "
           "\"client_cpu\": %.3f",
           (long long)records, (long long)bytes, (double)ns / 1e9, (long long)errors, cpu);
    print_histogram("ack", ack);
    print_histogram("tail", tail);
    printf("}\n");
    fflush(stdout);
}

int main(int count, char **words) {
    static const struct {
        const char *name;
        void (*run)(void);
    } modes[] = {{"produce", client_produce},
                 {"consume", client_consume},
                 {"single", raw_single},
                 {"fetch", raw_fetch}};
    option_count = count > 2 ? count - 2 : 0;
    options = words + 2;
    for (unsigned i = 0; count > 1 && i < sizeof modes / sizeof *modes; i++)
        if (!strcmp(words[1], modes[i].name)) {
            modes[i].run();
            return 0;
        }
    die("usage: load produce|consume|single|fetch broker=HOST:PORT topic=NAME KEY=VALUE…");
}
