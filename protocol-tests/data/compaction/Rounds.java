import java.io.*;
import java.nio.file.*;
import java.util.*;
import org.apache.kafka.common.*;
import org.apache.kafka.common.record.internal.*;
import org.apache.kafka.common.utils.*;
import org.apache.kafka.server.util.*;
import org.apache.kafka.storage.internals.log.*;
import org.apache.kafka.storage.internals.utils.Throttler;
import org.apache.kafka.storage.log.metrics.BrokerTopicStats;

/** Cleans a partition's folder in rounds with Kafka's own cleaner: FOLDER OUT RETENTION ROUND...
 *  where ROUND is SEGMENTS:NOW, the number of segments from the oldest that may be cleaned. */
public class Rounds {
    public static void main(String[] args) throws Exception {
        File folder = new File(args[0]);
        Path out = Path.of(args[1]);
        Properties p = new Properties();
        p.put("cleanup.policy", "compact");
        p.put("internal.segment.bytes", "2000");
        p.put("index.interval.bytes", "500");
        p.put("delete.retention.ms", args[2]);
        LogConfig config = new LogConfig(p);
        Time time = Time.SYSTEM;
        var scheduler = new KafkaScheduler(1);
        scheduler.startup();
        UnifiedLog log = UnifiedLog.create(folder, config, 0L, 0L, scheduler, new BrokerTopicStats(), time,
            900000, new ProducerStateManagerConfig(Integer.MAX_VALUE, false), 600000,
            new LogDirFailureChannel(1), true, Optional.empty());
        System.out.println("start " + log.logStartOffset() + " end " + log.logEndOffset()
            + " hw " + log.highWatermark());
        log.updateHighWatermark(log.logEndOffset());
        System.out.println("lso " + log.lastStableOffset());
        List<Long> bases = new ArrayList<>();
        for (LogSegment s : log.logSegments()) bases.add(s.baseOffset());
        System.out.println("segments " + bases);
        long dirty = 0;
        try (PrintWriter told = new PrintWriter(out.resolve("rounds.txt").toFile())) {
            for (int n = 3; n < args.length; n++) {
                String[] round = args[n].split(":");
                int count = Integer.parseInt(round[0]);
                long now = Long.parseLong(round[1]);
                long to = bases.get(count);
                if (to > log.lastStableOffset()) throw new Error("undecided");
                Cleaner cleaner = new Cleaner(0, new SkimpyOffsetMap(1 << 20, "MD5"), 1 << 16, 1 << 20, 0.9,
                    new Throttler(Double.MAX_VALUE, Long.MAX_VALUE, "x", "x", time), time, tp -> { });
                long end = cleaner.doClean(new LogToClean(log, dirty, to, false), now).getKey();
                told.println(dirty + " " + to + " " + end + " " + now);
                dirty = end;
                try (OutputStream all = Files.newOutputStream(out.resolve("round-" + (n - 2) + ".log"))) {
                    for (LogSegment s : log.logSegments())
                        if (s.baseOffset() < to) Files.copy(s.log().file().toPath(), all);
                }
            }
        }
        log.close();
        scheduler.shutdown();
    }
}
