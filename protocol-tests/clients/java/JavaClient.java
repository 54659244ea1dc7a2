// Kafka's own Java client in the scenario of ../README.md: admin, idempotent producer, cooperative
// consumer (VerifiableConsumer in tools.sh is an eager one).
// It knows nothing of the broker's inside.

import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.CooperativeStickyAssignor;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.Future;
import java.util.function.BooleanSupplier;

public class JavaClient {
    static final int PARTITIONS = 3;
    static final int PER_CODEC = 30;
    static final long DAY_MS = 86_400_000;
    static final long TIMESTAMP =
            Long.parseLong(
                    System.getenv()
                            .getOrDefault(
                                    "CLIENTS_TIMESTAMP",
                                    Long.toString(System.currentTimeMillis() / DAY_MS * DAY_MS)));
    static final long WAIT_MS = 40_000;
    static final List<Integer> EVERYTHING = List.of(0, 1, 2);
    static final String[] CODECS = {"none", "gzip", "snappy", "lz4", "zstd"};

    static String bootstrap;
    static int checks = 0;

    static class Violation extends RuntimeException {
        Violation(String message) {
            super(message);
        }
    }

    static void check(boolean condition, String message) {
        if (!condition) throw new Violation(message);
        checks++;
        System.out.println("  ok " + message);
    }

    static void equal(Object actual, Object wanted, String message) {
        boolean same = actual.equals(wanted);
        check(same, same ? message : message + ": " + actual + ", not " + wanted);
    }

    // ---- the records

    static ProducerRecord<byte[], byte[]> record(String topic, String codec, int place, int i) {
        String text = i == 1 ? "x".repeat(100_000) : codec + " value " + i;
        List<Header> headers = new ArrayList<>();
        if (i % 2 == 0) {
            headers.add(new RecordHeader("trace", "a".getBytes()));
            headers.add(new RecordHeader("trace", "b".getBytes()));
            headers.add(new RecordHeader("empty", new byte[0]));
            headers.add(new RecordHeader("number", Integer.toString(i).getBytes()));
        }
        return new ProducerRecord<>(
                topic,
                i % PARTITIONS,
                TIMESTAMP + 1000L * place + i,
                i % 10 == 3 ? null : (codec + "-" + i).getBytes(),
                i % 10 == 6 ? null : text.getBytes(),
                headers);
    }

    static List<ProducerRecord<byte[], byte[]>> records(String topic, String codec, int place) {
        List<ProducerRecord<byte[], byte[]>> out = new ArrayList<>();
        for (int i = 0; i < PER_CODEC; i++) out.add(record(topic, codec, place, i));
        return out;
    }

    /** `count` records a partition, numbered from `first` in each partition. */
    static List<ProducerRecord<byte[], byte[]>> plainRecords(String topic, int first, int count) {
        List<ProducerRecord<byte[], byte[]>> out = new ArrayList<>();
        for (int number = first; number < first + count; number++)
            for (int p : EVERYTHING)
                out.add(
                        new ProducerRecord<>(
                                topic, p, "k".getBytes(), (p + "/" + number).getBytes()));
        return out;
    }

    // ---- the library

    static KafkaConsumer<byte[], byte[]> consumer(String group) {
        Map<String, Object> config =
                new HashMap<>(
                        Map.of(
                                "bootstrap.servers",
                                bootstrap,
                                "enable.auto.commit",
                                false,
                                "auto.offset.reset",
                                "earliest",
                                "heartbeat.interval.ms",
                                500,
                                "partition.assignment.strategy",
                                CooperativeStickyAssignor.class.getName()));
        if (group != null) config.put("group.id", group);
        return new KafkaConsumer<>(
                config, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    static KafkaConsumer<byte[], byte[]> member(String group) {
        KafkaConsumer<byte[], byte[]> member = consumer(group);
        member.subscribe(List.of(group));
        return member;
    }

    static List<Long> produce(String codec, List<ProducerRecord<byte[], byte[]>> records)
            throws Exception {
        Map<String, Object> config =
                Map.of(
                        "bootstrap.servers",
                        bootstrap,
                        "compression.type",
                        codec,
                        "acks",
                        "all",
                        "linger.ms",
                        20);
        List<Long> offsets = new ArrayList<>();
        try (var producer =
                new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer())) {
            List<Future<RecordMetadata>> sent = new ArrayList<>();
            for (var record : records) sent.add(producer.send(record));
            for (var one : sent) offsets.add(one.get().offset());
        }
        return offsets;
    }

    static List<ConsumerRecord<byte[], byte[]>> read(String topic, int partition, int count) {
        List<ConsumerRecord<byte[], byte[]>> out = new ArrayList<>();
        try (var consumer = consumer(null)) {
            TopicPartition where = new TopicPartition(topic, partition);
            consumer.assign(List.of(where));
            consumer.seekToBeginning(List.of(where));
            while (out.size() < count) {
                var polled = consumer.poll(Duration.ofSeconds(10));
                if (polled.isEmpty()) break;
                polled.forEach(out::add);
            }
        }
        return out;
    }

    static void create(Admin admin, String topic) throws Exception {
        admin.createTopics(List.of(new NewTopic(topic, PARTITIONS, (short) 1))).all().get();
        // Apache Kafka may show a topic a moment after it answered that it is there.
        for (int tries = 0;
                tries < 50 && !admin.listTopics().names().get().contains(topic);
                tries++) Thread.sleep(100);
        equal(partitions(admin, topic), PARTITIONS, topic + " has 3 partitions");
    }

    static int partitions(Admin admin, String topic) throws Exception {
        return admin.describeTopics(List.of(topic))
                .allTopicNames()
                .get()
                .get(topic)
                .partitions()
                .size();
    }

    // ---- the scenario

    static void verifyData(String topic) {
        for (int partition : EVERYTHING) {
            List<ProducerRecord<byte[], byte[]>> sent = new ArrayList<>();
            for (int place = 0; place < CODECS.length; place++)
                for (var r : records(topic, CODECS[place], place))
                    if (r.partition() == partition) sent.add(r);
            var got = read(topic, partition, sent.size());
            equal(
                    got.size(),
                    sent.size(),
                    topic + "/" + partition + " has " + sent.size() + " records");
            for (int n = 0; n < sent.size(); n++) {
                var g = got.get(n);
                var s = sent.get(n);
                String at = topic + "/" + partition + "@" + n + ": ";
                if (g.offset() != n) throw new Violation(at + "offset " + g.offset());
                if (!Arrays.equals(g.key(), s.key())) throw new Violation(at + "key differs");
                if (!Arrays.equals(g.value(), s.value())) throw new Violation(at + "value differs");
                if (!Arrays.equals(g.headers().toArray(), s.headers().toArray()))
                    throw new Violation(at + "headers " + g.headers() + ", not " + s.headers());
                if (g.timestamp() != s.timestamp())
                    throw new Violation(at + "timestamp " + g.timestamp());
            }
            check(
                    true,
                    sent.size() + " records of " + topic + "/" + partition + " are what was sent");
        }
    }

    static TreeSet<Integer> owned(KafkaConsumer<byte[], byte[]> member) {
        TreeSet<Integer> out = new TreeSet<>();
        for (TopicPartition p : member.assignment()) out.add(p.partition());
        return out;
    }

    static boolean ownsAll(KafkaConsumer<byte[], byte[]> member) {
        return owned(member).equals(new TreeSet<>(EVERYTHING));
    }

    static boolean share(KafkaConsumer<byte[], byte[]> a, KafkaConsumer<byte[], byte[]> b) {
        TreeSet<Integer> both = owned(a);
        both.addAll(owned(b));
        int sizes = owned(a).size() + owned(b).size();
        return !owned(a).isEmpty()
                && !owned(b).isEmpty()
                && sizes == PARTITIONS
                && both.size() == PARTITIONS;
    }

    /** Polls the members until the condition holds; a record on the way is a violation. */
    static void until(
            BooleanSupplier condition,
            List<KafkaConsumer<byte[], byte[]>> members,
            String message) {
        long deadline = System.currentTimeMillis() + WAIT_MS;
        while (!condition.getAsBoolean()) {
            if (System.currentTimeMillis() > deadline) {
                List<TreeSet<Integer>> owned = members.stream().map(JavaClient::owned).toList();
                throw new Violation(
                        "not within " + WAIT_MS + " ms: " + message + "; owned: " + owned);
            }
            for (var member : members)
                if (!member.poll(Duration.ofMillis(100)).isEmpty())
                    throw new Violation("unexpected records while waiting for: " + message);
        }
        check(true, message);
    }

    /** Polls until `count` records came and half a second more for what must not come. */
    static List<List<ConsumerRecord<byte[], byte[]>>> take(
            List<KafkaConsumer<byte[], byte[]>> members, int count) {
        List<List<ConsumerRecord<byte[], byte[]>>> got = new ArrayList<>();
        for (var ignored : members) got.add(new ArrayList<>());
        long deadline = System.currentTimeMillis() + WAIT_MS;
        boolean complete = false;
        while (System.currentTimeMillis() < deadline) {
            for (int n = 0; n < members.size(); n++)
                members.get(n).poll(Duration.ofMillis(100)).forEach(got.get(n)::add);
            if (!complete && got.stream().mapToInt(List::size).sum() >= count) {
                complete = true;
                deadline = System.currentTimeMillis() + 500;
            }
        }
        return got;
    }

    static void exactly(
            Collection<ConsumerRecord<byte[], byte[]>> got, int first, int count, String message) {
        for (int partition : EVERYTHING) {
            List<String> mine = new ArrayList<>();
            for (var r : got)
                if (r.partition() == partition) mine.add(r.offset() + ":" + new String(r.value()));
            List<String> wanted = new ArrayList<>();
            for (int n = first; n < first + count; n++) wanted.add(n + ":" + partition + "/" + n);
            equal(
                    mine,
                    wanted,
                    message
                            + ": partition "
                            + partition
                            + " gave "
                            + count
                            + " records from "
                            + first
                            + " once each");
        }
    }

    static TreeSet<Integer> owners(List<ConsumerRecord<byte[], byte[]>> got) {
        TreeSet<Integer> out = new TreeSet<>();
        for (var r : got) out.add(r.partition());
        return out;
    }

    static Map<TopicPartition, OffsetAndMetadata> offsets(
            String topic, Collection<Integer> partitions, long offset) {
        Map<TopicPartition, OffsetAndMetadata> out = new HashMap<>();
        for (int p : partitions)
            out.put(new TopicPartition(topic, p), new OffsetAndMetadata(offset));
        return out;
    }

    static void before(Admin admin, String data, String group) throws Exception {
        create(admin, data);
        for (int place = 0; place < CODECS.length; place++) {
            List<Long> wanted = new ArrayList<>();
            for (int i = 0; i < PER_CODEC; i++)
                wanted.add((long) place * PER_CODEC / PARTITIONS + i / PARTITIONS);
            List<Long> offsets = produce(CODECS[place], records(data, CODECS[place], place));
            equal(offsets, wanted, "offsets acknowledged for " + CODECS[place]);
        }
        verifyData(data);

        create(admin, group);
        var a = member(group);
        until(() -> ownsAll(a), List.of(a), "A alone owns all partitions");
        var b = member(group);
        until(() -> share(a, b), List.of(a, b), "A and B share the partitions, each owned once");
        produce("none", plainRecords(group, 0, 10));
        var got = take(List.of(a, b), 30);
        List<ConsumerRecord<byte[], byte[]>> both = new ArrayList<>(got.get(0));
        both.addAll(got.get(1));
        exactly(both, 0, 10, "shared");
        equal(owners(got.get(0)), owned(a), "A got the records of its partitions");
        equal(owners(got.get(1)), owned(b), "B got the records of its partitions");
        a.commitSync(offsets(group, owned(a), 10));
        b.commitSync(offsets(group, owned(b), 10));
        b.close();
        until(() -> ownsAll(a), List.of(a), "A took over when B left");
        produce("none", plainRecords(group, 10, 10));
        exactly(take(List.of(a), 30).get(0), 10, 10, "after the takeover");
        a.commitSync(offsets(group, EVERYTHING, 15));
        a.close();
    }

    static void after(Admin admin, String data, String group) throws Exception {
        equal(partitions(admin, data), PARTITIONS, data + " still has 3 partitions");
        verifyData(data);
        var committed = admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get();
        Map<Integer, Long> survived = new HashMap<>();
        committed.forEach(
                (partition, offset) -> survived.put(partition.partition(), offset.offset()));
        equal(survived, Map.of(0, 15L, 1, 15L, 2, 15L), "committed offsets survived");
        try (var c = member(group)) {
            exactly(take(List.of(c), 15).get(0), 15, 5, "resumed");
            c.commitSync(offsets(group, EVERYTHING, 20));
        }
        equal(
                produce("none", plainRecords(group, 20, 1)),
                List.of(20L, 20L, 20L),
                "the log goes on at offset 20");
        try (var d = member(group)) {
            exactly(take(List.of(d), 3).get(0), 20, 1, "resumed again");
        }
    }

    public static void main(String[] arguments) {
        if (arguments.length != 3 || !List.of("before", "after").contains(arguments[1])) {
            System.err.println("usage: JavaClient BOOTSTRAP before|after TOPIC_PREFIX");
            System.exit(2);
        }
        bootstrap = arguments[0];
        String data = arguments[2] + "-data";
        String group = arguments[2] + "-group";
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
            if (arguments[1].equals("before")) before(admin, data, group);
            else after(admin, data, group);
        } catch (Exception | Error e) {
            System.out.println(
                    "java FAILED in "
                            + arguments[1]
                            + ": "
                            + (e instanceof Violation ? e.getMessage() : e));
            System.exit(1);
        }
        System.out.println("java ok: " + checks + " checks");
    }
}
