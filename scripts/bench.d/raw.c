/* The modes that speak the protocol themselves: one-record batches, pipelined over several
 * connections, and a fetch loop. A client library spends more CPU on these than the broker does
 * and would hide the difference between brokers; here a frame is built once and sent again. */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_CONNECTIONS = 256, MAX_DEPTH = 64, READ_SIZE = 64 * 1024 };

/* ---- bytes ---- */

struct bytes {
    uint8_t *at;
    size_t length, capacity;
};

static void put(struct bytes *to, const void *from, size_t length) {
    if (to->length + length > to->capacity) {
        to->capacity = 2 * (to->length + length);
        to->at = realloc(to->at, to->capacity);
        if (!to->at)
            die("out of memory");
    }
    memcpy(to->at + to->length, from, length);
    to->length += length;
}

static void put_number(struct bytes *to, int64_t value, int width) {
    uint8_t text[8];
    for (int i = 0; i < width; i++)
        text[i] = (uint8_t)((uint64_t)value >> (8 * (width - 1 - i)));
    put(to, text, (size_t)width);
}

static void put_text(struct bytes *to, const char *text) {
    put_number(to, (int64_t)strlen(text), 2);
    put(to, text, strlen(text));
}

static void put_varint(struct bytes *to, int64_t value) {
    uint64_t zigzag = ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
    do {
        uint8_t byte = (uint8_t)(zigzag & 0x7f);
        zigzag >>= 7;
        if (zigzag)
            byte |= 0x80;
        put(to, &byte, 1);
    } while (zigzag);
}

static void set_number(struct bytes *in, size_t at, uint32_t value) {
    for (int i = 0; i < 4; i++)
        in->at[at + (size_t)i] = (uint8_t)(value >> (24 - 8 * i));
}

static int64_t get_number(const uint8_t *from, int width) {
    uint64_t value = 0;
    for (int i = 0; i < width; i++)
        value = value << 8 | from[i];
    if (width < 8 && value >> (8 * width - 1))
        value |= ~0ULL << (8 * width);
    return (int64_t)value;
}

static uint32_t crc32c(const uint8_t *from, size_t length) {
    uint32_t crc = ~0u;
    for (size_t i = 0; i < length; i++) {
        crc ^= from[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
    }
    return ~crc;
}

/* ---- frames ---- */

static void open_frame(struct bytes *to, int api, int version) {
    put_number(to, 0, 4); /* length, set by close_frame */
    put_number(to, api, 2);
    put_number(to, version, 2);
    put_number(to, 7, 4); /* correlation */
    put_text(to, "bench");
}

static void close_frame(struct bytes *frame) {
    set_number(frame, 0, (uint32_t)(frame->length - 4));
}

/* A version 2 record batch with one record of `size` bytes of value and no key. */
static struct bytes one_record_batch(int64_t size) {
    struct bytes record = {0}, batch = {0};
    unsigned seed = 99;
    put_number(&record, 0, 1); /* attributes */
    put_varint(&record, 0);    /* timestamp delta */
    put_varint(&record, 0);    /* offset delta */
    put_varint(&record, -1);   /* no key */
    put_varint(&record, size);
    for (int64_t i = 0; i < size; i++)
        put_number(&record, rand_r(&seed) >> 7, 1);
    put_varint(&record, 0); /* no headers */
    put_number(&batch, 0, 8);
    put_number(&batch, 0, 4); /* length */
    put_number(&batch, -1, 4);
    put_number(&batch, 2, 1);
    put_number(&batch, 0, 4); /* crc */
    put_number(&batch, 0, 2);
    put_number(&batch, 0, 4);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    put_number(&batch, now.tv_sec * 1000, 8);
    put_number(&batch, now.tv_sec * 1000, 8);
    put_number(&batch, -1, 8); /* no producer */
    put_number(&batch, -1, 2);
    put_number(&batch, -1, 4);
    put_number(&batch, 1, 4);
    put_varint(&batch, (int64_t)record.length);
    put(&batch, record.at, record.length);
    set_number(&batch, 8, (uint32_t)(batch.length - 12));
    set_number(&batch, 17, crc32c(batch.at + 21, batch.length - 21));
    free(record.at);
    return batch;
}

static struct bytes produce_frame(int32_t partition, int64_t size, int acks) {
    struct bytes frame = {0}, batch = one_record_batch(size);
    open_frame(&frame, 0, 7);
    put_number(&frame, -1, 2); /* no transaction */
    put_number(&frame, acks, 2);
    put_number(&frame, 30000, 4);
    put_number(&frame, 1, 4);
    put_text(&frame, text_option("topic", "load"));
    put_number(&frame, 1, 4);
    put_number(&frame, partition, 4);
    put_number(&frame, (int64_t)batch.length, 4);
    put(&frame, batch.at, batch.length);
    close_frame(&frame);
    free(batch.at);
    return frame;
}

static int connect_broker(void) {
    char host[64] = "127.0.0.1";
    int port = 9092, on = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    sscanf(text_option("broker", "127.0.0.1:9092"), "%63[^:]:%d", host, &port);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    if (fd < 0 || inet_pton(AF_INET, host, &to.sin_addr) != 1)
        die("%s is not an IPv4 address", host);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0)
        die("%s:%d: %s", host, port, strerror(errno));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

static void send_bytes(int fd, const uint8_t *from, size_t length) {
    while (length) {
        ssize_t sent = send(fd, from, length, MSG_NOSIGNAL);
        if (sent <= 0)
            die("send: %s", strerror(errno));
        from += sent;
        length -= (size_t)sent;
    }
}

/* ---- one-record batches ---- */

struct connection {
    int fd, open;            /* open: requests without a reply */
    int64_t sent[MAX_DEPTH]; /* when each was sent, a ring */
    int next_sent, next_reply;
    struct bytes frames;       /* the same frame, `depth` times */
    size_t frame_length, held; /* held: bytes of replies not yet complete */
    uint8_t replies[READ_SIZE];
};

static struct connection connections[MAX_CONNECTIONS];
static struct histogram replies_us;

static void refill(struct connection *c, int depth) {
    int wanted = depth - c->open;
    int64_t now = now_ns();
    for (int i = 0; i < wanted; i++) {
        c->sent[c->next_sent] = now;
        c->next_sent = (c->next_sent + 1) % MAX_DEPTH;
    }
    c->open = depth;
    send_bytes(c->fd, c->frames.at, (size_t)wanted * c->frame_length);
}

/* Takes what has arrived; returns how many replies were complete. */
static int take_replies(struct connection *c, size_t error_at) {
    ssize_t got = recv(c->fd, c->replies + c->held, sizeof c->replies - c->held, 0);
    if (got <= 0)
        die("the broker closed a connection");
    c->held += (size_t)got;
    int64_t now = now_ns();
    size_t at = 0;
    int taken = 0;
    while (c->held - at >= 4) {
        int64_t length = get_number(c->replies + at, 4);
        if (length < (int64_t)error_at || length > READ_SIZE - 4)
            die("a produce reply of %lld bytes", (long long)length);
        if (c->held - at - 4 < (size_t)length)
            break;
        int64_t error = get_number(c->replies + at + 4 + error_at, 2);
        if (error)
            die("produce error code %lld", (long long)error);
        histogram_add(&replies_us, now - c->sent[c->next_reply]);
        c->next_reply = (c->next_reply + 1) % MAX_DEPTH;
        at += 4 + (size_t)length;
        taken++;
    }
    memmove(c->replies, c->replies + at, c->held - at);
    c->held -= at;
    c->open -= taken;
    return taken;
}

void raw_single(void) {
    int count = (int)number_option("connections", 10), depth = (int)number_option("depth", 5);
    int64_t size = number_option("size", 100), partitions = number_option("partitions", 1);
    if (count < 1 || count > MAX_CONNECTIONS || depth < 1 || depth > MAX_DEPTH)
        die("connections is 1 to %d, depth 1 to %d", MAX_CONNECTIONS, MAX_DEPTH);
    int poll = epoll_create1(0);
    for (int i = 0; i < count; i++) {
        struct connection *c = &connections[i];
        struct bytes frame =
            produce_frame((int32_t)(i % partitions), size, (int)number_option("acks", 1));
        c->frame_length = frame.length;
        for (int copy = 0; copy < depth; copy++)
            put(&c->frames, frame.at, frame.length);
        free(frame.at);
        c->fd = connect_broker();
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
        epoll_ctl(poll, EPOLL_CTL_ADD, c->fd, &event);
    }
    /* correlation, topics, name, partitions, index: then the error code. */
    size_t error_at = 4 + 4 + 2 + strlen(text_option("topic", "load")) + 4 + 4;
    int64_t records = 0, open = 0, start = now_ns(), now = start;
    int64_t stop = start + (int64_t)(atof(text_option("seconds", "5")) * 1e9);
    for (int i = 0; i < count; i++, open += depth)
        refill(&connections[i], depth);
    while (open > 0) {
        struct epoll_event events[MAX_CONNECTIONS];
        int ready = epoll_wait(poll, events, MAX_CONNECTIONS, 30000);
        if (ready <= 0)
            die("no reply for 30 s, %lld requests open", (long long)open);
        now = now_ns();
        for (int i = 0; i < ready; i++) {
            struct connection *c = events[i].data.ptr;
            int taken = take_replies(c, error_at);
            records += taken;
            open -= taken;
            if (now < stop && taken) {
                refill(c, depth);
                open += taken;
            }
        }
    }
    print_result(records, records * size, now_ns() - start, 0, &replies_us, NULL);
}

/* ---- fetch loop ---- */

static void receive(int fd, uint8_t *to, size_t length) {
    while (length) {
        ssize_t got = recv(fd, to, length, MSG_WAITALL);
        if (got <= 0)
            die("the broker closed the connection");
        to += got;
        length -= (size_t)got;
    }
}

static void send_fetch(int fd, int64_t partition, int64_t offset, int64_t max) {
    struct bytes frame = {0};
    open_frame(&frame, 1, 4);
    put_number(&frame, -1, 4); /* a client, not a replica */
    put_number(&frame, 500, 4);
    put_number(&frame, 1, 4);
    put_number(&frame, max, 4);
    put_number(&frame, 0, 1);
    put_number(&frame, 1, 4);
    put_text(&frame, text_option("topic", "load"));
    put_number(&frame, 1, 4);
    put_number(&frame, partition, 4);
    put_number(&frame, offset, 8);
    put_number(&frame, max, 4);
    close_frame(&frame);
    send_bytes(fd, frame.at, frame.length);
    free(frame.at);
}

/* The offset after the last whole batch; a batch cut off at the end counts for nothing. */
static int64_t next_offset(const uint8_t *records, int64_t length, int64_t offset) {
    for (int64_t at = 0; length - at >= 61;) {
        int64_t batch = 12 + get_number(records + at + 8, 4);
        if (batch < 61 || batch > length - at)
            break;
        offset = get_number(records + at, 8) + get_number(records + at + 23, 4) + 1;
        at += batch;
    }
    return offset;
}

void raw_fetch(void) {
    int64_t partitions = number_option("partitions", 1), count = number_option("count", 1);
    int64_t max = number_option("max", 1 << 20), bytes = 0, records = 0, capacity = 2 * max + 65536;
    uint8_t *reply = malloc((size_t)capacity), prefix[4];
    int fd = connect_broker();
    size_t error_at = 4 + 4 + 4 + 2 + strlen(text_option("topic", "load")) + 4 + 4;
    int64_t start = now_ns();
    for (int64_t partition = 0; partition < partitions; partition++) {
        /* Records are dealt to the partitions in turn, so each holds its share to within one. */
        int64_t end = count / partitions + (partition < count % partitions), offset = 0;
        while (offset < end) {
            send_fetch(fd, partition, offset, max);
            receive(fd, prefix, 4);
            int64_t length = get_number(prefix, 4);
            if (length < (int64_t)error_at + 26 || length > capacity)
                die("a fetch reply of %lld bytes", (long long)length);
            receive(fd, reply, (size_t)length);
            if (get_number(reply + error_at, 2))
                die("fetch error code %lld", (long long)get_number(reply + error_at, 2));
            /* error, high watermark, last stable offset, aborted transactions (none or null) */
            if (get_number(reply + error_at + 18, 4) > 0)
                die("aborted transactions in a topic without any");
            const uint8_t *at = reply + error_at + 22;
            int64_t size = get_number(at, 4), next = next_offset(at + 4, size, offset);
            if (next <= offset)
                die("fetch at %lld of partition %lld gave nothing", (long long)offset,
                    (long long)partition);
            records += next - offset;
            bytes += size;
            offset = next;
        }
    }
    print_result(records, bytes, now_ns() - start, 0, NULL, NULL);
}
