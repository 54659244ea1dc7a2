// franz-go in the scenario of ../scenario: a cooperative member, an idempotent producer.
package main

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"felice.invalid/clients/scenario"
)

type client struct {
	bootstrap string
	kafka     *kgo.Client
	admin     *kadm.Client
}

func connect(bootstrap string) scenario.Client {
	kafka, err := kgo.NewClient(kgo.SeedBrokers(bootstrap))
	scenario.Must(err, "connect")
	return &client{bootstrap, kafka, kadm.NewClient(kafka)}
}

func (c *client) Codecs() []string { return []string{"none", "gzip", "snappy", "lz4", "zstd"} }

func (c *client) CreateTopic(topic string, partitions int) {
	_, err := c.admin.CreateTopic(context.Background(), int32(partitions), 1, nil, topic)
	scenario.Must(err, "create "+topic)
}

func (c *client) PartitionCount(topic string) int {
	topics, err := c.admin.ListTopics(context.Background(), topic)
	scenario.Must(err, "metadata of "+topic)
	return len(topics[topic].Partitions)
}

func (c *client) Produce(topic, codec string, records []scenario.Record) []int64 {
	codecs := map[string]kgo.CompressionCodec{
		"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
		"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	}
	producer, err := kgo.NewClient(kgo.SeedBrokers(c.bootstrap),
		kgo.ProducerLinger(20*time.Millisecond), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(codecs[codec]))
	scenario.Must(err, "producer")
	defer producer.Close()
	var batch []*kgo.Record
	for _, r := range records {
		record := &kgo.Record{
			Topic: topic, Partition: int32(r.Partition), Key: r.Key, Value: r.Value,
			Timestamp: time.UnixMilli(r.Timestamp),
		}
		for _, h := range r.Headers {
			record.Headers = append(record.Headers, kgo.RecordHeader{Key: h.Key, Value: h.Value})
		}
		batch = append(batch, record)
	}
	scenario.Must(producer.ProduceSync(context.Background(), batch...).FirstErr(), "produce")
	var offsets []int64
	for _, record := range batch {
		offsets = append(offsets, record.Offset)
	}
	return offsets
}

func poll(kafka *kgo.Client, most time.Duration) []scenario.Got {
	ctx, cancel := context.WithTimeout(context.Background(), most)
	defer cancel()
	fetches := kafka.PollFetches(ctx)
	fetches.EachError(func(topic string, partition int32, err error) {
		if ctx.Err() == nil {
			scenario.Fail("fetch %s/%d: %v", topic, partition, err)
		}
	})
	var out []scenario.Got
	fetches.EachRecord(func(r *kgo.Record) {
		got := scenario.Got{Offset: r.Offset, Record: scenario.Record{
			Partition: int(r.Partition), Key: r.Key, Value: r.Value, Timestamp: r.Timestamp.UnixMilli(),
		}}
		for _, h := range r.Headers {
			got.Headers = append(got.Headers, scenario.Header{Key: h.Key, Value: h.Value})
		}
		out = append(out, got)
	})
	return out
}

func (c *client) Read(topic string, partition, count int) []scenario.Got {
	from := map[string]map[int32]kgo.Offset{topic: {int32(partition): kgo.NewOffset().At(0)}}
	consumer, err := kgo.NewClient(kgo.SeedBrokers(c.bootstrap), kgo.ConsumePartitions(from))
	scenario.Must(err, "consumer")
	defer consumer.Close()
	var out []scenario.Got
	for len(out) < count {
		more := poll(consumer, 10*time.Second)
		if len(more) == 0 {
			break
		}
		out = append(out, more...)
	}
	return out
}

func (c *client) Committed(group, topic string) map[int]int64 {
	offsets, err := c.admin.FetchOffsets(context.Background(), group)
	scenario.Must(err, "committed offsets")
	out := map[int]int64{}
	for partition, offset := range offsets[topic] {
		scenario.Must(offset.Err, "committed offset")
		out[int(partition)] = offset.At
	}
	return out
}

type member struct {
	kafka *kgo.Client
	topic string
	lock  sync.Mutex
	owned []int
}

func (c *client) Member(group, topic string) scenario.Member {
	m := &member{topic: topic}
	gain := func(_ context.Context, _ *kgo.Client, partitions map[string][]int32) {
		m.lock.Lock()
		defer m.lock.Unlock()
		for _, p := range partitions[topic] {
			m.owned = append(m.owned, int(p))
		}
		slices.Sort(m.owned)
	}
	lose := func(_ context.Context, _ *kgo.Client, partitions map[string][]int32) {
		m.lock.Lock()
		defer m.lock.Unlock()
		m.owned = slices.DeleteFunc(m.owned, func(p int) bool {
			return slices.Contains(partitions[topic], int32(p))
		})
	}
	kafka, err := kgo.NewClient(kgo.SeedBrokers(c.bootstrap), kgo.ConsumerGroup(group),
		kgo.ConsumeTopics(topic), kgo.DisableAutoCommit(), kgo.HeartbeatInterval(500*time.Millisecond),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.OnPartitionsAssigned(gain), kgo.OnPartitionsRevoked(lose), kgo.OnPartitionsLost(lose))
	scenario.Must(err, "member")
	m.kafka = kafka
	return m
}

func (m *member) Assignment() []int {
	m.lock.Lock()
	defer m.lock.Unlock()
	return slices.Clone(m.owned)
}

func (m *member) Poll() []scenario.Got { return poll(m.kafka, 100*time.Millisecond) }

func (m *member) Commit(offsets map[int]int64) {
	var records []*kgo.Record
	for partition, offset := range offsets {
		last := &kgo.Record{Topic: m.topic, Partition: int32(partition), Offset: offset - 1}
		records = append(records, last)
	}
	scenario.Must(m.kafka.CommitRecords(context.Background(), records...), "commit")
}

func (m *member) Close() { m.kafka.Close() }

func main() { scenario.Run("franz-go", connect) }
