// segmentio/kafka-go in the scenario of ../scenario. Its Reader hides who owns what, so the phase
// `before` uses ConsumerGroup, which shows generations, and the phase `after` uses the Reader.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"

	"felice.invalid/clients/scenario"
)

type client struct {
	bootstrap string
	kafka     *kafka.Client
}

func connect(bootstrap string) scenario.Client {
	return &client{bootstrap, &kafka.Client{Addr: kafka.TCP(bootstrap), Timeout: 30 * time.Second}}
}

func (c *client) Codecs() []string { return []string{"none", "gzip", "snappy", "lz4", "zstd"} }

func (c *client) CreateTopic(topic string, partitions int) {
	answer, err := c.kafka.CreateTopics(context.Background(), &kafka.CreateTopicsRequest{
		Topics: []kafka.TopicConfig{{Topic: topic, NumPartitions: partitions, ReplicationFactor: 1}},
	})
	scenario.Must(err, "create topics")
	scenario.Must(answer.Errors[topic], "create "+topic)
}

func (c *client) PartitionCount(topic string) int {
	request := &kafka.MetadataRequest{Topics: []string{topic}}
	answer, err := c.kafka.Metadata(context.Background(), request)
	scenario.Must(err, "metadata")
	return len(answer.Topics[0].Partitions)
}

func (c *client) Produce(topic, codec string, records []scenario.Record) []int64 {
	codecs := map[string]kafka.Compression{
		"gzip": kafka.Gzip, "snappy": kafka.Snappy, "lz4": kafka.Lz4, "zstd": kafka.Zstd,
	}
	// The messages reach the balancer in their order, so it can count.
	next := 0
	partition := func(kafka.Message, ...int) int { next++; return records[next-1].Partition }
	acknowledged := map[int][]int64{}
	var lock sync.Mutex
	writer := &kafka.Writer{
		Addr: kafka.TCP(c.bootstrap), Topic: topic, RequiredAcks: kafka.RequireAll,
		Compression: codecs[codec], BatchTimeout: 20 * time.Millisecond,
		Balancer: kafka.BalancerFunc(partition),
		Completion: func(messages []kafka.Message, err error) {
			lock.Lock()
			defer lock.Unlock()
			for _, m := range messages {
				acknowledged[m.Partition] = append(acknowledged[m.Partition], m.Offset)
			}
		},
	}
	var batch []kafka.Message
	for _, r := range records {
		message := kafka.Message{Key: r.Key, Value: r.Value, Time: time.UnixMilli(r.Timestamp)}
		for _, h := range r.Headers {
			message.Headers = append(message.Headers, kafka.Header{Key: h.Key, Value: h.Value})
		}
		batch = append(batch, message)
	}
	scenario.Must(writer.WriteMessages(context.Background(), batch...), "produce")
	scenario.Must(writer.Close(), "close the writer")
	var offsets []int64
	for _, r := range records {
		mine := acknowledged[r.Partition]
		if len(mine) == 0 {
			scenario.Fail("fewer acknowledgements than records in partition %d", r.Partition)
		}
		offsets = append(offsets, mine[0])
		acknowledged[r.Partition] = mine[1:]
	}
	return offsets
}

func got(m kafka.Message) scenario.Got {
	out := scenario.Got{Offset: m.Offset, Record: scenario.Record{
		Partition: m.Partition, Key: m.Key, Value: m.Value, Timestamp: m.Time.UnixMilli(),
	}}
	for _, h := range m.Headers {
		out.Headers = append(out.Headers, scenario.Header{Key: h.Key, Value: h.Value})
	}
	return out
}

func (c *client) reader(topic string, partition int) *kafka.Reader {
	return kafka.NewReader(kafka.ReaderConfig{
		Brokers: []string{c.bootstrap}, Topic: topic, Partition: partition,
		MinBytes: 1, MaxBytes: 10e6, MaxWait: 200 * time.Millisecond,
	})
}

func (c *client) Read(topic string, partition, count int) []scenario.Got {
	reader := c.reader(topic, partition)
	defer reader.Close()
	scenario.Must(reader.SetOffset(0), "set the offset")
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	var out []scenario.Got
	for len(out) < count {
		m, err := reader.ReadMessage(ctx)
		scenario.Must(err, fmt.Sprintf("read %s/%d after %d records", topic, partition, len(out)))
		out = append(out, got(m))
	}
	return out
}

func (c *client) Committed(group, topic string) map[int]int64 {
	answer, err := c.kafka.OffsetFetch(context.Background(), &kafka.OffsetFetchRequest{
		GroupID: group, Topics: map[string][]int{topic: {0, 1, 2}},
	})
	scenario.Must(err, "committed offsets")
	scenario.Must(answer.Error, "committed offsets")
	out := map[int]int64{}
	for _, p := range answer.Topics[topic] {
		scenario.Must(p.Error, "committed offset")
		out[p.Partition] = p.CommittedOffset
	}
	return out
}

func (c *client) Member(group, topic string) scenario.Member {
	if os.Args[2] == "after" {
		return &readerMember{topic: topic, reader: kafka.NewReader(kafka.ReaderConfig{
			Brokers: []string{c.bootstrap}, GroupID: group, Topic: topic, StartOffset: kafka.FirstOffset,
			MinBytes: 1, MaxBytes: 10e6, MaxWait: 200 * time.Millisecond,
		})}
	}
	consumer, err := kafka.NewConsumerGroup(kafka.ConsumerGroupConfig{
		ID: group, Brokers: []string{c.bootstrap}, Topics: []string{topic},
		HeartbeatInterval: 500 * time.Millisecond, RebalanceTimeout: 10 * time.Second,
		StartOffset: kafka.FirstOffset,
	})
	scenario.Must(err, "join")
	messages := make(chan kafka.Message, 1000)
	m := &groupMember{client: c, topic: topic, group: consumer, messages: messages}
	go m.generations()
	return m
}

// groupMember follows the generations of a ConsumerGroup and reads what each assigns.
type groupMember struct {
	client     *client
	topic      string
	group      *kafka.ConsumerGroup
	messages   chan kafka.Message
	lock       sync.Mutex
	generation *kafka.Generation
	owned      []int
}

func (m *groupMember) generations() {
	for {
		generation, err := m.group.Next(context.Background())
		if errors.Is(err, kafka.ErrGroupClosed) {
			return
		}
		if err != nil {
			continue // the library has waited already; the scenario's own limit ends this
		}
		var owned []int
		for _, a := range generation.Assignments[m.topic] {
			owned = append(owned, a.ID)
			generation.Start(func(ctx context.Context) { m.read(ctx, a) })
		}
		generation.Start(func(ctx context.Context) { <-ctx.Done(); m.set(nil, nil) })
		slices.Sort(owned)
		m.set(generation, owned)
	}
}

func (m *groupMember) set(generation *kafka.Generation, owned []int) {
	m.lock.Lock()
	defer m.lock.Unlock()
	m.generation, m.owned = generation, owned
}

func (m *groupMember) read(ctx context.Context, a kafka.PartitionAssignment) {
	reader := m.client.reader(m.topic, a.ID)
	defer reader.Close()
	if err := reader.SetOffset(a.Offset); err != nil {
		return
	}
	for {
		message, err := reader.ReadMessage(ctx)
		if err != nil {
			return
		}
		m.messages <- message
	}
}

func (m *groupMember) Assignment() []int {
	m.lock.Lock()
	defer m.lock.Unlock()
	return slices.Clone(m.owned)
}

func (m *groupMember) Poll() []scenario.Got {
	var out []scenario.Got
	for end := time.After(100 * time.Millisecond); ; {
		select {
		case message := <-m.messages:
			out = append(out, got(message))
		case <-end:
			return out
		}
	}
}

func (m *groupMember) Commit(offsets map[int]int64) {
	m.lock.Lock()
	generation := m.generation
	m.lock.Unlock()
	scenario.Must(generation.CommitOffsets(map[string]map[int]int64{m.topic: offsets}), "commit")
}

func (m *groupMember) Close() { scenario.Must(m.group.Close(), "leave") }

// readerMember is the library's usual way: it owns what it owns and tells nobody.
type readerMember struct {
	topic  string
	reader *kafka.Reader
}

func (m *readerMember) Assignment() []int { return nil }

func (m *readerMember) Poll() []scenario.Got {
	var out []scenario.Got
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	for {
		message, err := m.reader.FetchMessage(ctx)
		if err != nil {
			return out
		}
		out = append(out, got(message))
	}
}

func (m *readerMember) Commit(offsets map[int]int64) {
	var last []kafka.Message
	for partition, offset := range offsets {
		last = append(last, kafka.Message{Topic: m.topic, Partition: partition, Offset: offset - 1})
	}
	scenario.Must(m.reader.CommitMessages(context.Background(), last...), "commit")
}

func (m *readerMember) Close() { scenario.Must(m.reader.Close(), "leave") }

func main() { scenario.Run("kafka-go", connect) }
