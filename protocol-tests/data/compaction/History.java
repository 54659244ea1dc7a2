import java.util.*;
import java.util.concurrent.*;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.serialization.StringSerializer;

/** Writes a log with transactions: committed, aborted, interleaved, across segments, tombstones. */
public class History {
    static String bootstrap;
    static final String TOPIC = "t";

    static Producer<String, String> producer(String transactionalId, int lingerMs) {
        Properties p = new Properties();
        p.put("bootstrap.servers", bootstrap);
        p.put("linger.ms", lingerMs);
        p.put("batch.size", 400);
        p.put("transaction.timeout.ms", 600000);
        if (transactionalId != null) p.put("transactional.id", transactionalId);
        var made = new KafkaProducer<>(p, new StringSerializer(), new StringSerializer());
        if (transactionalId != null) made.initTransactions();
        return made;
    }

    static void put(Producer<String, String> p, String key, String value) throws Exception {
        p.send(new ProducerRecord<>(TOPIC, 0, key, value)).get();
    }

    static void many(Producer<String, String> p, String prefix, int from, int count, String value) throws Exception {
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        for (int n = from; n < from + count; n++)
            sent.add(p.send(new ProducerRecord<>(TOPIC, 0, prefix + n, value)));
        p.flush();
        for (var one : sent) one.get();
    }

    public static void main(String[] args) throws Exception {
        bootstrap = args[0];
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", (Object) bootstrap))) {
            var topic = new NewTopic(TOPIC, 1, (short) 1).configs(Map.of(
                "cleanup.policy", "compact", "internal.segment.bytes", "2000",
                "index.interval.bytes", "500",
                "min.compaction.lag.ms", "86400000", "delete.retention.ms", "10000"));
            admin.createTopics(List.of(topic)).all().get();
        }
        var a = producer("a", 20);
        var b = producer("b", 20);
        var c = producer(null, 20);
        var d = producer("d", 0);
        var e = producer("e", 0);
        // Seen first and never again.
        e.beginTransaction(); put(e, "k1", "e aborted"); e.abortTransaction();
        d.beginTransaction(); put(d, "d1", "d"); put(d, "k2", "d"); d.commitTransaction();
        a.beginTransaction(); many(a, "k", 1, 3, "first"); a.commitTransaction();
        b.beginTransaction(); many(b, "k", 1, 5, "aborted"); b.abortTransaction();
        // Interleaved.
        a.beginTransaction(); put(a, "k4", "a");
        b.beginTransaction(); put(b, "k5", "b"); put(b, "k1", "b");
        put(c, "k6", "c");
        put(a, "k4", "a again");
        b.abortTransaction();
        put(a, "k7", "a");
        a.commitTransaction();
        // Tombstones: one that counts, one that does not.
        a.beginTransaction(); put(a, "k2", null); a.commitTransaction();
        b.beginTransaction(); put(b, "k1", null); put(b, "k3", null); b.abortTransaction();
        put(c, "k6", null);
        // Across several segments, aborted inside committed.
        a.beginTransaction();
        for (int n = 0; n < 8; n++) {
            many(a, "s", 5 * n, 5, "a" + n);
            b.beginTransaction();
            many(b, "s", 5 * n, 5, "b" + n);
            put(c, "c" + n % 3, "c" + n);
            if (n % 3 == 0) b.commitTransaction(); else b.abortTransaction();
        }
        a.commitTransaction();
        b.beginTransaction();
        for (int n = 0; n < 8; n++) {
            many(b, "s", 5 * n, 5, "gone" + n);
            put(c, "c" + n % 3, "again" + n);
        }
        b.abortTransaction();
        // What was committed is overwritten, so that markers outlive their data.
        many(c, "s", 0, 30, "plain");
        many(c, "k", 1, 4, "plain");
        for (int n = 0; n < 40; n++) {
            a.beginTransaction(); put(a, "r" + n % 4, "a" + n);
            if (n % 4 == 3) a.abortTransaction(); else a.commitTransaction();
            put(c, "c" + n % 3, "round" + n);
        }
        put(c, "d1", "plain");
        for (int n = 0; n < 60; n++) put(c, "c" + n % 3, "end" + n);
        // Undecided.
        d.beginTransaction(); put(d, "k1", "open"); d.flush();
        for (int n = 0; n < 30; n++) put(c, "c" + n % 3, "behind" + n);
        Runtime.getRuntime().halt(0);
    }

}
