// What Java clients of any version since 2.1 do, as small checks: `JavaVersions BOOTSTRAP` prints a
// line "ok NAME", "skip NAME" or "FAIL NAME<tab>REASON" for each. It is compiled and run once per
// version, with that version's jar alone, so it uses only what all of them have.

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.AdminClient;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.header.Header;

public class JavaVersions {
    private static final long WAIT_S = 30;
    private static final int COUNT = 50;
    private static String bootstrap;
    private static AdminClient admin;

    private interface Check {
        void run() throws Exception;
    }

    private static final class Skip extends Exception {}

    private static void check(String name, Check body) {
        try {
            body.run();
            System.out.println("ok " + name);
        } catch (Skip skip) {
            System.out.println("skip " + name);
        } catch (Throwable thrown) {
            Throwable cause = thrown instanceof ExecutionException ? thrown.getCause() : thrown;
            System.out.println("FAIL " + name + "\t" + String.valueOf(cause).replace('\n', ' '));
        }
    }

    private static void equal(Object came, Object wanted, String what) {
        if (!came.equals(wanted)) {
            throw new AssertionError(what + ": " + came + ", not " + wanted);
        }
    }

    private static KafkaProducer<byte[], byte[]> producer(String... settings) {
        Properties config = new Properties();
        config.put("bootstrap.servers", bootstrap);
        for (int i = 0; i < settings.length; i += 2) {
            config.put(settings[i], settings[i + 1]);
        }
        String serializer = "org.apache.kafka.common.serialization.ByteArraySerializer";
        config.put("key.serializer", serializer);
        config.put("value.serializer", serializer);
        return new KafkaProducer<>(config);
    }

    private static KafkaConsumer<byte[], byte[]> consumer(String... settings) {
        Properties config = new Properties();
        config.put("bootstrap.servers", bootstrap);
        config.put("auto.offset.reset", "earliest");
        config.put("enable.auto.commit", "false");
        config.put("session.timeout.ms", "10000");
        config.put("heartbeat.interval.ms", "500");
        for (int i = 0; i < settings.length; i += 2) {
            config.put(settings[i], settings[i + 1]);
        }
        String deserializer = "org.apache.kafka.common.serialization.ByteArrayDeserializer";
        config.put("key.deserializer", deserializer);
        config.put("value.deserializer", deserializer);
        return new KafkaConsumer<>(config);
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static void create(String topic, int partitions) throws Exception {
        NewTopic wanted = new NewTopic(topic, partitions, (short) 1);
        admin.createTopics(Collections.singleton(wanted)).all().get(WAIT_S, TimeUnit.SECONDS);
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(WAIT_S);
        while (!admin.listTopics().names().get(WAIT_S, TimeUnit.SECONDS).contains(topic)) {
            if (System.nanoTime() > deadline) {
                throw new AssertionError(topic + " does not appear");
            }
            Thread.sleep(50);
        }
    }

    private static void fill(String topic, int partition, int count, String... settings)
            throws Exception {
        try (KafkaProducer<byte[], byte[]> producer = producer(settings)) {
            List<java.util.concurrent.Future<?>> sent = new ArrayList<>();
            for (int i = 0; i < count; i++) {
                byte[] value = i % 10 == 6 ? null : bytes("value " + i);
                ProducerRecord<byte[], byte[]> record = new ProducerRecord<>(
                        topic, partition, 1_700_000_000_000L + i, bytes("key " + i), value);
                record.headers().add("twice", bytes("a")).add("twice", bytes("b"));
                sent.add(producer.send(record));
            }
            for (java.util.concurrent.Future<?> each : sent) {
                each.get(WAIT_S, TimeUnit.SECONDS);
            }
        }
    }

    private static List<ConsumerRecord<byte[], byte[]>> poll(
            KafkaConsumer<byte[], byte[]> consumer, int count) {
        List<ConsumerRecord<byte[], byte[]>> records = new ArrayList<>();
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(WAIT_S);
        while (records.size() < count) {
            consumer.poll(Duration.ofMillis(200)).forEach(records::add);
            if (System.nanoTime() > deadline) {
                throw new AssertionError("only " + records.size() + " of " + count + " records");
            }
        }
        equal(records.size(), count, "records");
        return records;
    }

    private static void producesAndReads(String name, String... settings) throws Exception {
        create(name, 1);
        fill(name, 0, COUNT, settings);
        try (KafkaConsumer<byte[], byte[]> consumer = consumer()) {
            TopicPartition partition = new TopicPartition(name, 0);
            consumer.assign(Collections.singleton(partition));
            consumer.seekToBeginning(consumer.assignment());
            int i = 0;
            for (ConsumerRecord<byte[], byte[]> record : poll(consumer, COUNT)) {
                equal(record.offset(), (long) i, "offset");
                equal(new String(record.key(), StandardCharsets.UTF_8), "key " + i, "key");
                equal(record.value() == null, i % 10 == 6, "null value of " + i);
                equal(record.timestamp(), 1_700_000_000_000L + i, "timestamp");
                List<String> headers = new ArrayList<>();
                for (Header header : record.headers()) {
                    headers.add(header.key() + new String(header.value()));
                }
                equal(headers, Arrays.asList("twicea", "twiceb"), "headers");
                i++;
            }
        }
    }

    private static void offsets() throws Exception {
        create("offsets", 2);
        fill("offsets", 1, COUNT);
        TopicPartition partition = new TopicPartition("offsets", 1);
        Set<TopicPartition> both =
                new HashSet<>(Arrays.asList(partition, new TopicPartition("offsets", 0)));
        try (KafkaConsumer<byte[], byte[]> consumer = consumer()) {
            equal(consumer.beginningOffsets(both).get(partition), 0L, "beginning");
            equal(consumer.endOffsets(both).get(partition), (long) COUNT, "end");
            Map<TopicPartition, OffsetAndTimestamp> found = consumer.offsetsForTimes(
                    Collections.singletonMap(partition, 1_700_000_000_007L));
            equal(found.get(partition).offset(), 7L, "offset for a time");
            consumer.assign(both);
            consumer.seek(partition, 45);
            equal(poll(consumer, 5).get(0).offset(), 45L, "first after seek");
            equal(consumer.partitionsFor("offsets").size(), 2, "partitions");
        }
    }

    private static void group(String topic, String... settings) throws Exception {
        create(topic, 4);
        for (int partition = 0; partition < 4; partition++) {
            fill(topic, partition, 10);
        }
        String[] all = Arrays.copyOf(settings, settings.length + 2);
        all[settings.length] = "group.id";
        all[settings.length + 1] = topic;
        try (KafkaConsumer<byte[], byte[]> consumer = consumer(all)) {
            consumer.subscribe(Collections.singleton(topic));
            poll(consumer, 40);
            Map<TopicPartition, OffsetAndMetadata> commit = new HashMap<>();
            for (TopicPartition each : consumer.assignment()) {
                commit.put(each, new OffsetAndMetadata(6, "note"));
            }
            consumer.commitSync(commit);
        }
        try (KafkaConsumer<byte[], byte[]> consumer = consumer(all)) {
            consumer.subscribe(Collections.singleton(topic));
            for (ConsumerRecord<byte[], byte[]> record : poll(consumer, 16)) {
                equal(record.offset() >= 6, true, "resumed at " + record.offset());
            }
            consumer.commitSync();
        }
    }

    private static void rebalance() throws Exception {
        create("rebalance", 4);
        try (KafkaConsumer<byte[], byte[]> a = consumer("group.id", "rebalance");
                KafkaConsumer<byte[], byte[]> b = consumer("group.id", "rebalance")) {
            a.subscribe(Collections.singleton("rebalance"));
            b.subscribe(Collections.singleton("rebalance"));
            long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(WAIT_S);
            while (a.assignment().size() != 2 || b.assignment().size() != 2) {
                a.poll(Duration.ofMillis(100));
                b.poll(Duration.ofMillis(100));
                if (System.nanoTime() > deadline) {
                    throw new AssertionError("shared " + a.assignment() + " " + b.assignment());
                }
            }
            Set<TopicPartition> owned = new HashSet<>(a.assignment());
            owned.addAll(b.assignment());
            equal(owned.size(), 4, "partitions owned");
        }
    }

    private static void tooLarge() throws Exception {
        create("large", 1);
        try (KafkaProducer<byte[], byte[]> producer =
                producer("max.request.size", "5000000", "buffer.memory", "33554432")) {
            producer.send(new ProducerRecord<>("large", new byte[1_000_000])).get();
            try {
                producer.send(new ProducerRecord<>("large", new byte[2_000_000])).get();
                throw new AssertionError("2 MB were accepted");
            } catch (ExecutionException refused) {
                equal(refused.getCause().getClass().getSimpleName(), "RecordTooLargeException",
                        "error");
            }
        }
    }

    private static void admin() throws Exception {
        check("admin: describe cluster", () -> {
            equal(admin.describeCluster().nodes().get().size(), 1, "nodes");
            equal(admin.describeCluster().controller().get() != null, true, "controller");
            equal(admin.describeCluster().clusterId().get().length(), 22, "cluster id's length");
        });
        check("admin: describe configs of a topic", () -> {
            ConfigResource topic = new ConfigResource(ConfigResource.Type.TOPIC, "offsets");
            ConfigEntry entry = admin.describeConfigs(Collections.singleton(topic)).all().get()
                    .get(topic).get("cleanup.policy");
            equal(entry.value(), "delete", "cleanup.policy");
            equal(entry.isDefault(), true, "is default");
        });
        check("admin: describe configs of the broker", () -> {
            ConfigResource broker = new ConfigResource(ConfigResource.Type.BROKER, "1");
            equal(admin.describeConfigs(Collections.singleton(broker)).all().get()
                    .get(broker).get("node.id").value(), "1", "node.id");
        });
        check("admin: more partitions", () -> {
            admin.createPartitions(Collections.singletonMap("offsets", NewPartitions.increaseTo(5)))
                    .all().get();
        });
        check("admin: delete records", () -> {
            TopicPartition partition = new TopicPartition("offsets", 1);
            equal(admin.deleteRecords(Collections.singletonMap(
                    partition, RecordsToDelete.beforeOffset(10))).lowWatermarks().get(partition)
                    .get().lowWatermark(), 10L, "low watermark");
        });
        check("admin: list and describe groups", () -> {
            equal(admin.listConsumerGroups().all().get().stream()
                    .anyMatch(group -> group.groupId().equals("group")), true, "group is listed");
            equal(admin.describeConsumerGroups(Collections.singleton("group")).all().get()
                    .get("group").members().size(), 0, "members");
        });
        check("admin: committed offsets of a group", () -> {
            Map<String, Long> offsets = new TreeMap<>();
            admin.listConsumerGroupOffsets("group").partitionsToOffsetAndMetadata().get()
                    .forEach((partition, each) -> offsets.put(partition.toString(), each.offset()));
            equal(offsets.toString(), "{group-0=10, group-1=10, group-2=10, group-3=10}",
                    "offsets");
        });
        check("admin: delete a group", () ->
                admin.deleteConsumerGroups(Collections.singleton("group")).all().get());
        check("admin: create a topic twice", () -> {
            try {
                create("offsets", 1);
                throw new AssertionError("it was created twice");
            } catch (ExecutionException refused) {
                equal(refused.getCause().getClass().getSimpleName(), "TopicExistsException",
                        "error");
            }
        });
        check("admin: delete a topic", () -> {
            Collection<String> topic = Collections.singleton("large");
            admin.deleteTopics(topic).all().get();
        });
    }

    private static void needs(String name) throws Skip {
        try {
            Class.forName(name);
        } catch (ClassNotFoundException missing) {
            throw new Skip();
        }
    }

    public static void main(String[] arguments) throws Exception {
        bootstrap = arguments[0];
        Properties config = new Properties();
        config.put("bootstrap.servers", bootstrap);
        config.put("request.timeout.ms", "15000");
        config.put("default.api.timeout.ms", "20000");
        admin = AdminClient.create(config);
        check("produce and read", () -> producesAndReads("plain"));
        for (String codec : Arrays.asList("gzip", "snappy", "lz4", "zstd")) {
            check("produce and read " + codec,
                    () -> producesAndReads("codec-" + codec, "compression.type", codec));
        }
        check("idempotent producer", () -> producesAndReads("idempotent",
                "enable.idempotence", "true", "acks", "all"));
        check("acks 0", () -> {
            create("acks-0", 1);
            try (KafkaProducer<byte[], byte[]> producer = producer("acks", "0")) {
                producer.send(new ProducerRecord<>("acks-0", bytes("x"))).get();
            }
            try (KafkaConsumer<byte[], byte[]> consumer = consumer()) {
                consumer.assign(Collections.singleton(new TopicPartition("acks-0", 0)));
                poll(consumer, 1);
            }
        });
        check("offsets", JavaVersions::offsets);
        check("read committed", () -> {
            try (KafkaConsumer<byte[], byte[]> reader =
                    consumer("isolation.level", "read_committed")) {
                reader.assign(Collections.singleton(new TopicPartition("plain", 0)));
                poll(reader, COUNT);
            }
        });
        check("group", () -> group("group"));
        check("group, static member", () -> group("static", "group.instance.id", "one"));
        check("group, round robin", () -> group("robin", "partition.assignment.strategy",
                "org.apache.kafka.clients.consumer.RoundRobinAssignor"));
        check("group, cooperative", () -> {
            String assignor = "org.apache.kafka.clients.consumer.CooperativeStickyAssignor";
            needs(assignor);
            group("cooperative", "partition.assignment.strategy", assignor);
        });
        check("group, rebalance", JavaVersions::rebalance);
        check("a record that is too large", JavaVersions::tooLarge);
        check("a topic that makes itself", () -> {
            try (KafkaProducer<byte[], byte[]> producer = producer()) {
                producer.send(new ProducerRecord<>("auto", bytes("x"))).get();
            }
        });
        admin();
        admin.close();
        System.exit(0);
    }
}
