/* The modes that go through librdkafka: produce (as fast as it goes, or at a fixed rate, with or
 * without a consumer at the log's end in the same process) and catch-up consume. */
#include "load.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rdkafka.h"

static struct histogram acks, tails;
static _Atomic int64_t acknowledged, failed, last_ack;
static int fixed_rate;

static void set(const char *name, const char *value, void *conf) {
    char error[512];
    if (rd_kafka_conf_set(conf, name, value, error, sizeof error) != RD_KAFKA_CONF_OK)
        die("%s", error);
}

/* Runs on librdkafka's broker thread as the acknowledgement arrives, so the measured time does not
 * wait for an application thread to wake up. Only that one thread writes the histogram. */
static rd_kafka_resp_err_t on_ack(rd_kafka_t *rk, rd_kafka_message_t *message, void *unused) {
    (void)rk, (void)unused;
    int64_t now = now_ns();
    if (message->err) {
        if (!failed++)
            fprintf(stderr, "load: first failed record: %s\n", rd_kafka_err2str(message->err));
    } else {
        acknowledged++;
        if (fixed_rate)
            histogram_add(&acks, now - (int64_t)(intptr_t)message->_private);
    }
    last_ack = now;
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t on_new(rd_kafka_t *rk, const rd_kafka_conf_t *conf, void *unused,
                                  char *error, size_t size) {
    (void)conf, (void)unused, (void)error, (void)size;
    return rd_kafka_interceptor_add_on_acknowledgement(rk, "load", on_ack, NULL);
}

static rd_kafka_t *open_client(rd_kafka_type_t type) {
    char error[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set("bootstrap.servers", text_option("broker", "127.0.0.1:9092"), conf);
    set("topic.metadata.refresh.interval.ms", "-1", conf);
    if (type == RD_KAFKA_PRODUCER) {
        /* Small enough that the client's own memory does not grow while it is measured. */
        set("queue.buffering.max.kbytes", "65536", conf);
        set("queue.buffering.max.messages", "500000", conf);
        set("message.timeout.ms", "60000", conf);
        rd_kafka_conf_interceptor_add_on_new(conf, "load", on_new, NULL);
        each_client_option(set, conf);
    } else {
        set("queued.min.messages", "1000000", conf);
        set("fetch.queue.backoff.ms", "1", conf);
        set("check.crcs", "false", conf);
    }
    rd_kafka_t *rk = rd_kafka_new(type, conf, error, sizeof error);
    if (!rk)
        die("%s", error);
    return rk;
}

/* ---- consuming ---- */

struct reading {
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue;
    int64_t wanted, records, bytes, errors, end;
    int latency;
};

static void on_record(rd_kafka_message_t *message, void *to) {
    struct reading *reading = to;
    if (message->err) {
        if (message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF && !reading->errors++)
            fprintf(stderr, "load: consume: %s\n", rd_kafka_message_errstr(message));
        return;
    }
    reading->records++;
    reading->bytes += (int64_t)message->len;
    if (reading->latency && message->len >= sizeof(int64_t)) {
        int64_t sent;
        memcpy(&sent, message->payload, sizeof sent);
        histogram_add(&tails, now_ns() - sent);
    }
}

static void start_reading(struct reading *reading) {
    reading->rk = open_client(RD_KAFKA_CONSUMER);
    reading->queue = rd_kafka_queue_new(reading->rk);
    rd_kafka_topic_t *topic = rd_kafka_topic_new(reading->rk, text_option("topic", "load"), NULL);
    int partitions = (int)number_option("partitions", 1);
    for (int32_t p = 0; p < partitions; p++)
        if (rd_kafka_consume_start_queue(topic, p, 0, reading->queue) != 0)
            die("consume: %s", rd_kafka_err2str(rd_kafka_last_error()));
}

static void *read_all(void *of) {
    struct reading *reading = of;
    int64_t seen = -1, seen_at = now_ns();
    while (reading->records < reading->wanted) {
        rd_kafka_consume_callback_queue(reading->queue, 100, on_record, reading);
        if (reading->records != seen)
            seen = reading->records, seen_at = now_ns();
        else if (now_ns() - seen_at > 30000000000LL)
            die("consume: nothing arrived for 30 s after %lld of %lld records", (long long)seen,
                (long long)reading->wanted);
    }
    reading->end = now_ns();
    return NULL;
}

void client_consume(void) {
    struct reading reading = {.wanted = number_option("count", 1)};
    int64_t start = now_ns();
    start_reading(&reading);
    read_all(&reading);
    print_result(reading.records, reading.bytes, reading.end - start, reading.errors, NULL, NULL);
    /* An orderly shutdown would only add to what the broker is charged with. */
    exit(reading.errors ? 1 : 0);
}

/* ---- producing ---- */

static void wait_until(int64_t due) {
    struct timespec t = {due / 1000000000LL, due % 1000000000LL};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

/* Sends `count` records, or as many as go until `stop`; returns how many. At a fixed rate every
 * record is stamped with the moment it was due, not the moment it was sent, so a stall of the
 * broker is counted for every record it held up. */
static int64_t send_all(rd_kafka_t *rk, int64_t count, int64_t stop, int64_t size, int64_t rate,
                        int64_t start) {
    rd_kafka_topic_conf_t *conf = rd_kafka_topic_conf_new();
    char error[512];
    if (rd_kafka_topic_conf_set(conf, "acks", text_option("acks", "1"), error, sizeof error) !=
        RD_KAFKA_CONF_OK)
        die("%s", error);
    rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, text_option("topic", "load"), conf);
    int32_t partitions = (int32_t)number_option("partitions", 1);
    int64_t keys = number_option("keys", 0);
    char key[24];
    char *payload = malloc((size_t)size);
    unsigned seed = 12345;
    for (int64_t i = 0; i < size; i++)
        payload[i] = (char)(rand_r(&seed) >> 7);
    int64_t i;
    for (i = 0; i < count; i++) {
        int64_t due = rate ? start + i * 1000000000LL / rate : 0;
        if (rate && now_ns() < due)
            wait_until(due);
        /* The stamp makes every record differ and lets a consumer in this process take its age. */
        int64_t stamp = rate ? due : now_ns();
        if (stamp > stop)
            break;
        memcpy(payload, &stamp, sizeof stamp);
        /* A stride that shares no factor with the number of keys visits them all, scattered. */
        int length = keys ? snprintf(key, sizeof key, "key-%lld", (long long)(i * 7919 % keys)) : 0;
        if (rd_kafka_produce(topic, (int32_t)(i % partitions),
                             RD_KAFKA_MSG_F_COPY | RD_KAFKA_MSG_F_BLOCK, payload, (size_t)size,
                             keys ? key : NULL, (size_t)length, (void *)(intptr_t)stamp) != 0)
            die("produce: %s", rd_kafka_err2str(rd_kafka_last_error()));
    }
    free(payload);
    return i;
}

void client_produce(void) {
    int64_t size = number_option("size", 100), rate = number_option("rate", 0);
    int64_t count = number_option("count", 0), tail = number_option("tail", 0);
    if (size < 8)
        die("size must be at least 8");
    fixed_rate = rate > 0;
    int64_t seconds = number_option("seconds", 5), stop = INT64_MAX;
    if (!count && !rate && tail)
        die("tail needs a count or a rate");
    int timed = !count && !rate;
    if (!count)
        count = rate ? rate * seconds : INT64_MAX;
    rd_kafka_t *rk = open_client(RD_KAFKA_PRODUCER);
    struct reading reading = {.wanted = count, .latency = 1};
    pthread_t reader;
    if (tail) {
        start_reading(&reading);
        if (pthread_create(&reader, NULL, read_all, &reading) != 0)
            die("no thread for the consumer");
    }
    /* Connect and learn the topic before the clock starts: a client's first connection is not the
     * broker's speed. */
    const struct rd_kafka_metadata *metadata;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, text_option("topic", "load"), NULL);
    rd_kafka_resp_err_t err = rd_kafka_metadata(rk, 0, topic, &metadata, 10000);
    if (err)
        die("metadata: %s", rd_kafka_err2str(err));
    rd_kafka_metadata_destroy(metadata);
    rd_kafka_topic_destroy(topic);
    int64_t start = now_ns() + (rate ? 200000000LL : 0);
    if (timed)
        stop = start + seconds * 1000000000LL;
    count = send_all(rk, count, stop, size, rate, start);
    rd_kafka_flush(rk, 120000);
    int64_t end = last_ack;
    if (tail) {
        pthread_join(reader, NULL);
        end = reading.end > end ? reading.end : end;
    }
    int64_t errors = failed + reading.errors + (count - acknowledged - failed);
    print_result(acknowledged, acknowledged * size, end - start, errors, &acks,
                 tail ? &tails : NULL);
    exit(errors ? 1 : 0);
}
