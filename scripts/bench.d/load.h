/* What the load generator's files share: options, a clock, a latency histogram, a result line.
 * It knows nothing about either broker; both get byte for byte the same requests. */
#ifndef LOAD_H
#define LOAD_H

#include <stdint.h>

/* The value of `name=VALUE` on the command line, or the fallback. */
const char *text_option(const char *name, const char *fallback);
int64_t number_option(const char *name, int64_t fallback);
/* Calls `each` for every `conf.NAME=VALUE`, with NAME and VALUE apart. */
void each_client_option(void (*each)(const char *name, const char *value, void *to), void *to);

/* Nanoseconds of the monotonic clock. */
int64_t now_ns(void);
/* Prints the message and ends the process with status 1. */
_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Latencies in nanoseconds, kept to within 1.6 %: 64 steps for each power of two. */
enum { STEPS = 64, BUCKETS = 64 * 64 };
struct histogram {
    uint64_t count, max;
    uint64_t bucket[BUCKETS];
};
void histogram_add(struct histogram *h, int64_t ns);

/* Prints the one JSON line of a run. A histogram that is null or empty is left out. */
void print_result(int64_t records, int64_t bytes, int64_t ns, int64_t errors,
                  const struct histogram *ack, const struct histogram *tail);

/* The modes; each prints its own result line. */
void client_produce(void);
void client_consume(void);
void raw_single(void);
void raw_fetch(void);

#endif
