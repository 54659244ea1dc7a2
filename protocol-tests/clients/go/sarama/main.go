// One command at a time of sarama's clients: what the tools kaf and kafkactl, which are made of it,
// ask of a broker. The answers are printed for a transcript to compare.
//
//	sarama BOOTSTRAP VERSION COMMAND ARGUMENT…
//
// VERSION is the Kafka that sarama takes the broker for, which chooses the requests' versions.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/IBM/sarama"

	"felice.invalid/clients/answers"
)

// What it takes to answer: the longest wait of a command but a member's, which waits to be ended.
const patience = 15 * time.Second

type shell struct {
	config *sarama.Config
	client sarama.Client
	sarama.ClusterAdmin
}

// A command and the number of arguments that it needs at least.
type command struct {
	needs int
	run   func(shell, []string)
}

var commands = map[string]command{
	"cluster":        {0, shell.cluster},
	"topics":         {0, func(s shell, _ []string) { show(s.ListTopics()) }},
	"topic-describe": {1, func(s shell, a []string) { show(s.DescribeTopics(a)) }},
	"topic-create":   {3, shell.topicCreate},
	"topic-delete":   {1, func(s shell, a []string) { done(s.DeleteTopic(a[0])) }},
	"partitions":     {2, shell.partitions},
	"records-delete": {3, shell.recordsDelete},
	"config":         {2, shell.configOf},
	"config-alter":   {2, shell.configAlter},
	"config-replace": {2, shell.configReplace},
	"groups":         {0, func(s shell, _ []string) { show(s.ListConsumerGroups()) }},
	"group-describe": {1, shell.groupDescribe},
	"group-offsets":  {1, shell.groupOffsets},
	"group-reset":    {4, shell.groupReset},
	"group-forget":   {3, shell.groupForget},
	"group-delete":   {1, func(s shell, a []string) { done(s.DeleteConsumerGroup(a[0])) }},
	"group-kick":     {2, shell.groupKick},
	"offsets":        {3, shell.offsets},
	"log-dirs":       {0, shell.logDirs},
	"elect":          {2, shell.elect},
	"reassign":       {2, shell.reassign},
	"reassignments":  {2, shell.reassignments},
	"quotas":         {0, func(s shell, _ []string) { show(s.DescribeClientQuotas(nil, false)) }},
	"quota-alter":    {3, shell.quotaAlter},
	"produce":        {1, shell.produce},
	"consume":        {4, shell.consume},
	"member":         {3, shell.member},
}

func main() {
	if len(os.Args) < 4 {
		answers.Must(fmt.Errorf("usage: sarama BOOTSTRAP VERSION COMMAND ARGUMENT…"))
	}
	chosen, known := commands[os.Args[3]]
	if !known || len(os.Args)-4 < chosen.needs {
		answers.Must(fmt.Errorf("no command %s, or it needs more arguments", os.Args[3]))
	}
	version, err := sarama.ParseKafkaVersion(os.Args[2])
	answers.Must(err)
	config := sarama.NewConfig()
	config.Version = version
	config.ClientID = "sarama"
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	config.Producer.Return.Successes = true
	config.Producer.RequiredAcks = sarama.WaitForAll
	client, err := sarama.NewClient([]string{os.Args[1]}, config)
	answers.Must(err)
	defer client.Close()
	admin, err := sarama.NewClusterAdminFromClient(client)
	answers.Must(err)
	chosen.run(shell{config, client, admin}, os.Args[4:])
}

func show[T any](answer T, err error) {
	done(err)
	answers.Print(answer)
}

var message = regexp.MustCompile(`(kafka server: [^:\n]*?)(:| - )[^\n]*`)

// done tells an error without the message behind it, whose words are each broker's own.
func done(err error) {
	if err != nil {
		answers.Must(errors.New(message.ReplaceAllString(err.Error(), "$1")))
	}
}

// word is what a KError says, `ok` for none.
func word(code sarama.KError) string {
	if code == sarama.ErrNoError {
		return "ok"
	}
	return code.Error()
}

func number(text string) int64 {
	value, err := strconv.ParseInt(text, 10, 64)
	answers.Must(err)
	return value
}

func numbers(words []string) []int32 {
	var all []int32
	for _, word := range words {
		all = append(all, int32(number(word)))
	}
	return all
}

func (s shell) cluster([]string) {
	brokers, controller, err := s.DescribeCluster()
	answers.Must(err)
	for _, broker := range brokers {
		fmt.Println(broker.ID(), broker.Addr(), "controller", controller)
	}
}

func pairs(words []string) map[string]*string {
	configs := map[string]*string{}
	for _, word := range words {
		key, value, _ := strings.Cut(word, "=")
		configs[key] = &value
	}
	return configs
}

func (s shell) topicCreate(a []string) {
	done(s.CreateTopic(a[0], &sarama.TopicDetail{
		NumPartitions:     int32(number(a[1])),
		ReplicationFactor: int16(number(a[2])),
		ConfigEntries:     pairs(a[3:]),
	}, false))
}

func (s shell) partitions(a []string) {
	done(s.CreatePartitions(a[0], int32(number(a[1])), nil, false))
}

func (s shell) recordsDelete(a []string) {
	partition := int32(number(a[1]))
	done(s.DeleteRecords(a[0], map[int32]int64{partition: number(a[2])}))
}

var kinds = map[string]sarama.ConfigResourceType{
	"topic": sarama.TopicResource, "broker": sarama.BrokerResource,
}

// configOf prints those configurations of topic or broker NAME that are named or no default.
func (s shell) configOf(a []string) {
	entries, err := s.DescribeConfig(sarama.ConfigResource{Type: kinds[a[0]], Name: a[1]})
	done(err)
	for _, entry := range entries {
		set := len(a) == 2 && entry.Source != sarama.SourceDefault && !entry.Default
		if set || slices.Contains(a[2:], entry.Name) {
			fmt.Println(entry.Name, entry.Value, entry.Source, entry.ReadOnly, entry.Sensitive)
		}
	}
}

func (s shell) configAlter(a []string) {
	entries := map[string]sarama.IncrementalAlterConfigsEntry{}
	for key, value := range pairs(a[2:]) {
		entry := sarama.IncrementalAlterConfigsEntry{Value: value}
		if name, deleted := strings.CutSuffix(key, "!"); deleted {
			key, entry.Operation = name, sarama.IncrementalAlterConfigsOperationDelete
		}
		entries[key] = entry
	}
	done(s.IncrementalAlterConfig(kinds[a[0]], a[1], entries, false))
}

func (s shell) configReplace(a []string) {
	done(s.AlterConfig(kinds[a[0]], a[1], pairs(a[2:]), false))
}

func (s shell) groupDescribe(groups []string) {
	described, err := s.DescribeConsumerGroups(groups)
	done(err)
	for _, group := range described {
		fmt.Println(group.GroupId, word(group.Err), group.State, group.ProtocolType, group.Protocol)
		for _, member := range group.Members {
			assigned, err := member.GetMemberAssignment()
			done(err)
			fmt.Println("member", member.ClientId, member.ClientHost)
			answers.Print(assigned.Topics)
		}
	}
}

func (s shell) groupOffsets(a []string) {
	offsets, err := s.ListConsumerGroupOffsets(a[0], nil)
	done(err)
	answers.Print(offsets.Blocks)
}

func (s shell) groupReset(a []string) {
	offsets := map[int32]sarama.OffsetAndMetadata{}
	for pair := range slices.Chunk(a[2:], 2) {
		offsets[int32(number(pair[0]))] = sarama.OffsetAndMetadata{
			Offset: number(pair[1]), LeaderEpoch: -1, Metadata: "by hand",
		}
	}
	answer, err := s.AlterConsumerGroupOffsets(
		a[0], map[string]map[int32]sarama.OffsetAndMetadata{a[1]: offsets}, nil)
	done(err)
	answers.Print(answer.Errors)
}

func (s shell) groupForget(a []string) {
	done(s.DeleteConsumerGroupOffset(a[0], a[1], int32(number(a[2]))))
}

func (s shell) groupKick(a []string) {
	answer, err := s.RemoveMemberFromConsumerGroup(a[0], a[1:])
	done(err)
	fmt.Println(word(answer.Err))
	for _, member := range answer.Members {
		fmt.Println(*member.GroupInstanceId, word(member.Err))
	}
}

// offsets asks for the newest, the oldest or those at a time: oldest|newest|MS TOPIC PARTITION….
func (s shell) offsets(a []string) {
	at := map[string]int64{"oldest": sarama.OffsetOldest, "newest": sarama.OffsetNewest}[a[0]]
	if at == 0 {
		at = number(a[0])
	}
	wanted := map[int32]int64{}
	for _, partition := range numbers(a[2:]) {
		wanted[partition] = at
	}
	show(s.ListOffsets(map[string]map[int32]int64{a[1]: wanted}, nil))
}

func (s shell) logDirs([]string) {
	dirs, err := s.DescribeLogDirs([]int32{1})
	done(err)
	for broker, dirs := range dirs {
		for _, dir := range dirs {
			slices.SortFunc(dir.Topics, func(a, b sarama.DescribeLogDirsResponseTopic) int {
				return strings.Compare(a.Topic, b.Topic)
			})
			fmt.Println(broker, dir.Path, word(dir.ErrorCode))
			for _, topic := range dir.Topics {
				if !strings.HasPrefix(topic.Topic, "__") {
					fmt.Println(topic.Topic, len(topic.Partitions))
				}
			}
		}
	}
}

func (s shell) elect(a []string) {
	wanted := map[string][]int32{a[0]: numbers(a[1:])}
	results, err := s.ElectLeaders(sarama.PreferredElection, wanted)
	done(err)
	for topic, partitions := range results {
		for partition, result := range partitions {
			fmt.Println(topic, partition, word(result.ErrorCode))
		}
	}
}

// reassign moves every partition of a topic to the brokers named.
func (s shell) reassign(a []string) {
	topics, err := s.DescribeTopics(a[:1])
	done(err)
	var all [][]int32
	for range topics[0].Partitions {
		all = append(all, numbers(a[1:]))
	}
	if err := s.AlterPartitionReassignments(a[0], all); err != nil {
		// It names the partitions in the order of a map: each on a line of its own can be sorted.
		done(errors.New(strings.Replace(err.Error(), ": [", ":\n[", 1)))
	}
}

func (s shell) reassignments(a []string) {
	show(s.ListPartitionReassignments(a[0], numbers(a[1:])))
}

// quotaAlter reads TYPE NAME KEY=VALUE, or KEY! to remove; NAME `-` is the default.
func (s shell) quotaAlter(a []string) {
	entity := sarama.QuotaEntityComponent{EntityType: sarama.QuotaEntityType(a[0]), Name: a[1]}
	if a[1] == "-" {
		entity.MatchType, entity.Name = sarama.QuotaMatchDefault, ""
	}
	key, value, given := strings.Cut(a[2], "=")
	change := sarama.ClientQuotasOp{Key: strings.TrimSuffix(key, "!"), Remove: !given}
	if given {
		change.Value = float64(number(value))
	}
	done(s.AlterClientQuotas([]sarama.QuotaEntityComponent{entity}, change, false))
}

var (
	codecs = map[string]sarama.CompressionCodec{
		"gzip": sarama.CompressionGZIP, "snappy": sarama.CompressionSnappy,
		"lz4": sarama.CompressionLZ4, "zstd": sarama.CompressionZSTD,
	}
	partitioners = map[string]sarama.PartitionerConstructor{
		"hash": sarama.NewHashPartitioner, "reference": sarama.NewReferenceHashPartitioner,
		"roundrobin": sarama.NewRoundRobinPartitioner, "manual": sarama.NewManualPartitioner,
	}
)

// produce reads lines `KEY:VALUE` (an empty key is none); arguments behind the topic are codec=,
// partitioner=, partition= (for the manual one), idempotent=true, and headers.
func (s shell) produce(a []string) {
	partition := int64(0)
	var headers []sarama.RecordHeader
	for _, word := range a[1:] {
		key, value, _ := strings.Cut(word, "=")
		switch key {
		case "codec":
			s.config.Producer.Compression = codecs[value]
		case "partitioner":
			s.config.Producer.Partitioner = partitioners[value]
		case "partition":
			partition = number(value)
		case "idempotent":
			s.config.Producer.Idempotent, s.config.Net.MaxOpenRequests = true, 1
		default:
			header := sarama.RecordHeader{Key: []byte(key), Value: []byte(value)}
			headers = append(headers, header)
		}
	}
	producer, err := sarama.NewSyncProducerFromClient(s.client)
	answers.Must(err)
	defer producer.Close()
	input := bufio.NewScanner(os.Stdin)
	for input.Scan() {
		key, value, _ := strings.Cut(input.Text(), ":")
		message := &sarama.ProducerMessage{
			Topic: a[0], Value: sarama.StringEncoder(value), Headers: headers,
			Partition: int32(partition),
		}
		if key != "" {
			message.Key = sarama.StringEncoder(key)
		}
		at, offset, err := producer.SendMessage(message)
		if err != nil {
			fmt.Println("error:", err)
			continue
		}
		fmt.Println(a[0], at, offset)
	}
}

func line(message *sarama.ConsumerMessage) string {
	text := fmt.Sprint(message.Partition, message.Offset)
	text += fmt.Sprintf(" %q %q", message.Key, message.Value)
	for _, header := range message.Headers {
		text += fmt.Sprintf(" %s=%s", header.Key, header.Value)
	}
	return text
}

// consume reads COUNT records: TOPIC PARTITION oldest|OFFSET|since=MS COUNT.
func (s shell) consume(a []string) {
	partition, at := int32(number(a[1])), int64(sarama.OffsetOldest)
	if since, timed := strings.CutPrefix(a[2], "since="); timed {
		found, err := s.client.GetOffset(a[0], partition, number(since))
		done(err)
		at = found
	} else if a[2] != "oldest" {
		at = number(a[2])
	}
	consumer, err := sarama.NewConsumerFromClient(s.client)
	answers.Must(err)
	defer consumer.Close()
	reader, err := consumer.ConsumePartition(a[0], partition, at)
	done(err)
	defer reader.Close()
	for range number(a[3]) {
		select {
		case message := <-reader.Messages():
			fmt.Println(line(message))
		case <-time.After(patience):
			answers.Must(fmt.Errorf("no more records"))
		}
	}
	fmt.Println("high watermark", reader.HighWaterMarkOffset())
}

// A handler keeps what a member read until it has enough.
type handler struct {
	wanted int
	lines  chan string
}

func (handler) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (handler) Cleanup(sarama.ConsumerGroupSession) error { return nil }
func (h handler) ConsumeClaim(
	session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim,
) error {
	for message := range claim.Messages() {
		session.MarkMessage(message, "")
		h.lines <- line(message)
	}
	return nil
}

// member takes part in GROUP on TOPIC until it has read COUNT records, or until it is ended (`-`),
// as INSTANCE if that is an argument.
func (s shell) member(a []string) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if len(a) > 3 {
		s.config.Consumer.Group.InstanceId = a[3]
	}
	group, err := sarama.NewConsumerGroupFromClient(a[0], s.client)
	answers.Must(err)
	defer group.Close()
	mine := handler{lines: make(chan string, 1000)}
	ended := make(chan error, 1)
	go func() { ended <- group.Consume(ctx, []string{a[1]}, mine) }()
	if a[2] == "-" {
		<-ctx.Done()
	} else {
		var all []string
		for range number(a[2]) {
			select {
			case text := <-mine.lines:
				all = append(all, text)
			case <-time.After(patience):
				answers.Must(fmt.Errorf("no more records"))
			}
		}
		slices.Sort(all)
		fmt.Println(strings.Join(all, "\n"))
	}
	stop()
	<-ended
}
