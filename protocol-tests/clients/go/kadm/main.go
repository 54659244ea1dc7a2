// One command at a time of franz-go's admin client: what the tool kcl, which is made of the same
// packages, asks of a broker. The answers are printed for a transcript to compare.
//
//	kadm BOOTSTRAP COMMAND ARGUMENT…
//
// `raw KEY` sends the request whose fields standard input holds as JSON.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"felice.invalid/clients/answers"
)

// What it takes to answer: the longest wait of a command but `member`, which waits to be ended.
const patience = 15 * time.Second

type shell struct {
	ctx       context.Context
	bootstrap string
	kafka     *kgo.Client
	*kadm.Client
}

// A command and the number of arguments that it needs at least.
type command struct {
	needs int
	run   func(shell, []string)
}

var commands = map[string]command{
	"metadata":       {0, shell.metadata},
	"api-versions":   {1, shell.apiVersions},
	"coordinators":   {1, shell.coordinators},
	"topics":         {0, shell.topics},
	"topic-create":   {3, shell.topicCreate},
	"topic-validate": {3, shell.topicValidate},
	"topic-delete":   {1, func(s shell, a []string) { show(s.DeleteTopics(s.ctx, a...)) }},
	"partitions-add": {2, func(s shell, a []string) {
		show(s.CreatePartitions(s.ctx, number(a[0]), a[1:]...))
	}},
	"partitions-set": {2, func(s shell, a []string) {
		show(s.UpdatePartitions(s.ctx, number(a[0]), a[1:]...))
	}},
	"config-topic":        {1, shell.configTopic},
	"config-broker":       {1, shell.configBroker},
	"config-alter":        {2, shell.configAlter},
	"config-replace":      {1, shell.configReplace},
	"config-broker-alter": {2, shell.configBrokerAlter},
	"config-resources":    {0, shell.configResources},
	"groups":              {0, func(s shell, a []string) { show(s.ListGroups(s.ctx, a...)) }},
	"groups-typed":        {1, func(s shell, a []string) { show(s.ListGroupsByType(s.ctx, a)) }},
	"group-describe":      {1, shell.groupDescribe},
	"group-delete":        {1, func(s shell, a []string) { show(s.DeleteGroups(s.ctx, a...)) }},
	"group-lag":           {1, shell.groupLag},
	"group-offsets":       {1, func(s shell, a []string) { show(s.FetchOffsets(s.ctx, a[0])) }},
	"groups-offsets":      {1, shell.groupsOffsets},
	"group-commit": {4, func(s shell, a []string) {
		show(s.CommitOffsets(s.ctx, a[0], offsets(a[1:])))
	}},
	"group-forget": {3, func(s shell, a []string) {
		show(s.DeleteOffsets(s.ctx, a[0], set(a[1:])))
	}},
	"group-leave":     {2, shell.groupLeave},
	"offsets":         {2, shell.listOffsets},
	"offset-of-epoch": {3, shell.offsetOfEpoch},
	"delete-records": {3, func(s shell, a []string) {
		show(s.DeleteRecords(s.ctx, offsets(a)))
	}},
	"log-dirs":        {0, shell.logDirs},
	"log-dirs-alter":  {3, shell.logDirsAlter},
	"elect":           {2, shell.elect},
	"reassign":        {3, shell.reassign},
	"reassign-cancel": {2, shell.reassignCancel},
	"reassignments": {2, func(s shell, a []string) {
		show(s.ListPartitionReassignments(s.ctx, set(a)))
	}},
	"quotas":      {0, shell.quotas},
	"quota-alter": {2, shell.quotaAlter},
	"feature":     {2, shell.feature},
	"producers": {2, func(s shell, a []string) {
		show(s.DescribeProducers(s.ctx, set(a)))
	}},
	"produce": {1, shell.produce},
	"consume": {3, shell.consume},
	"member":  {2, shell.member},
	"raw":     {1, shell.raw},
}

func main() {
	if len(os.Args) < 3 {
		answers.Must(fmt.Errorf("usage: kadm BOOTSTRAP COMMAND ARGUMENT…"))
	}
	chosen, known := commands[os.Args[2]]
	if !known || len(os.Args)-3 < chosen.needs {
		answers.Must(fmt.Errorf("no command %s, or it needs more arguments", os.Args[2]))
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	kafka := connect(os.Args[1])
	defer kafka.Close()
	chosen.run(shell{ctx, os.Args[1], kafka, kadm.NewClient(kafka)}, os.Args[3:])
}

func connect(bootstrap string, options ...kgo.Opt) *kgo.Client {
	options = append(options, kgo.SeedBrokers(bootstrap), kgo.ClientID("kadm"))
	// An unknown topic is an answer here, and not a thing to wait for.
	options = append(options, kgo.UnknownTopicRetries(0), kgo.MetadataMinAge(10*time.Millisecond))
	kafka, err := kgo.NewClient(options...)
	answers.Must(err)
	return kafka
}

// show prints an answer that came whole; what failed in parts says so in its lines.
func show[T any](answer T, err error) {
	if err != nil {
		fmt.Println("error:", err)
	}
	answers.Print(answer)
}

func number(text string) int {
	value, err := strconv.Atoi(text)
	answers.Must(err)
	return value
}

// set reads TOPIC PARTITION….
func set(words []string) kadm.TopicsSet {
	topics := kadm.TopicsSet{}
	for _, partition := range words[1:] {
		topics.Add(words[0], int32(number(partition)))
	}
	return topics
}

// offsets reads TOPIC PARTITION OFFSET….
func offsets(words []string) kadm.Offsets {
	all := kadm.Offsets{}
	for pair := range slices.Chunk(words[1:], 2) {
		all.Add(kadm.Offset{
			Topic: words[0], Partition: int32(number(pair[0])), At: int64(number(pair[1])),
			LeaderEpoch: -1, Metadata: "by kadm",
		})
	}
	return all
}

func (s shell) metadata(topics []string) {
	answer, err := s.Metadata(s.ctx, topics...)
	answers.Must(err)
	fmt.Println("cluster of", len(answer.Cluster), "letters, controller", answer.Controller)
	fmt.Println("operations", answer.AuthorizedOperations)
	answers.Print(answer.Brokers)
	answers.Print(answer.Topics)
}

func (s shell) topics(names []string) {
	show(s.ListTopicsWithInternal(s.ctx, names...))
}

// apiVersions prints the versions of the keys that are named.
func (s shell) apiVersions(keys []string) {
	answer, err := s.ApiVersions(s.ctx)
	answers.Must(err)
	for node, broker := range answer {
		for _, text := range keys {
			key := int16(number(text))
			least, most, _ := broker.KeyVersions(key)
			fmt.Println(node, kmsg.NameForKey(key), least, most)
		}
	}
}

func (s shell) coordinators(groups []string) {
	answers.Print(s.FindGroupCoordinators(s.ctx, groups...))
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
	replicas := int16(number(a[2]))
	created(s.CreateTopics(s.ctx, int32(number(a[1])), replicas, pairs(a[3:]), a[0]))
}

func (s shell) topicValidate(a []string) {
	replicas := int16(number(a[2]))
	created(s.ValidateCreateTopics(s.ctx, int32(number(a[1])), replicas, pairs(a[3:]), a[0]))
}

// created leaves out the configurations that are defaults.
func created(answer kadm.CreateTopicResponses, err error) {
	for _, topic := range answer {
		maps.DeleteFunc(topic.Configs, func(_ string, config kadm.Config) bool {
			return config.Source == kmsg.ConfigSourceDefaultConfig
		})
	}
	show(answer, err)
}

// chosen prints the configurations that are named, or those that are not a default.
func chosen(answer kadm.ResourceConfigs, names []string) {
	for _, resource := range answer {
		if resource.Err != nil {
			fmt.Println(resource.Name, "error:", resource.Err)
		}
		answers.Print(slices.DeleteFunc(resource.Configs, func(config kadm.Config) bool {
			set := len(names) == 0 && config.Source != kmsg.ConfigSourceDefaultConfig
			return !set && !slices.Contains(names, config.Key)
		}))
	}
}

func (s shell) configTopic(a []string) {
	answer, err := s.DescribeTopicConfigs(s.ctx, a[0])
	answers.Must(err)
	chosen(answer, a[1:])
}

func (s shell) configBroker(a []string) {
	answer, err := s.DescribeBrokerConfigs(s.ctx, int32(number(a[0])))
	answers.Must(err)
	chosen(answer, a[1:])
}

// alterations reads KEY=VALUE, KEY+=VALUE, KEY-=VALUE, and KEY! to delete.
func alterations(words []string) []kadm.AlterConfig {
	var all []kadm.AlterConfig
	for _, word := range words {
		key, value, given := strings.Cut(word, "=")
		config := kadm.AlterConfig{Op: kadm.SetConfig, Name: key, Value: &value}
		switch {
		case !given:
			config = kadm.AlterConfig{Op: kadm.DeleteConfig, Name: strings.TrimSuffix(key, "!")}
		case strings.HasSuffix(key, "+"):
			config.Op, config.Name = kadm.AppendConfig, strings.TrimSuffix(key, "+")
		case strings.HasSuffix(key, "-"):
			config.Op, config.Name = kadm.SubtractConfig, strings.TrimSuffix(key, "-")
		}
		all = append(all, config)
	}
	return all
}

func (s shell) configAlter(a []string) {
	show(s.AlterTopicConfigs(s.ctx, alterations(a[1:]), a[0]))
}

func (s shell) configReplace(a []string) {
	show(s.AlterTopicConfigsState(s.ctx, alterations(a[1:]), a[0]))
}

func (s shell) configBrokerAlter(a []string) {
	show(s.AlterBrokerConfigs(s.ctx, alterations(a[1:]), int32(number(a[0]))))
}

func (s shell) configResources([]string) {
	answer, err := s.ListConfigResources(s.ctx)
	show(answer.Resources, err)
}

func (s shell) groupDescribe(groups []string) {
	answer, err := s.DescribeGroups(s.ctx, groups...)
	answers.Must(err)
	for _, group := range answer.Sorted() {
		members, assigned := group.Members, group.AssignedPartitions()
		group.Members = nil
		answers.Print(group)
		for _, member := range members {
			host := strings.TrimLeft(member.ClientHost, "/")
			fmt.Println("member", member.ClientID, host, member.MemberID != "")
		}
		answers.Print(assigned)
	}
}

func (s shell) groupLag(groups []string) {
	answer, err := s.Lag(s.ctx, groups...)
	answers.Must(err)
	for _, group := range answer.Sorted() {
		fmt.Println(group.Group, group.State, group.Error(), "total", group.Lag.Total())
		for _, each := range group.Lag.Sorted() {
			fmt.Println(each.Topic, each.Partition, "at", each.Commit.At, "of", each.End.Offset,
				"lag", each.Lag, "owned", each.Member != nil, each.Err)
		}
	}
}

func (s shell) groupsOffsets(groups []string) {
	answers.Print(s.FetchManyOffsets(s.ctx, groups...))
}

func (s shell) groupLeave(a []string) {
	show(s.LeaveGroup(s.ctx, kadm.LeaveGroup(a[0]).Reason("kadm").InstanceIDs(a[1:]...)))
}

func (s shell) listOffsets(a []string) {
	if since, timed := strings.CutPrefix(a[0], "since="); timed {
		show(s.ListOffsetsAfterMilli(s.ctx, int64(number(since)), a[1:]...))
		return
	}
	ask, known := map[string]func(context.Context, ...string) (kadm.ListedOffsets, error){
		"start": s.ListStartOffsets, "end": s.ListEndOffsets, "local": s.ListLocalLogStartOffsets,
		"max-timestamp": s.ListMaxTimestampOffsets, "committed": s.ListCommittedOffsets,
		"remote": s.ListLatestRemoteOffsets,
	}[a[0]]
	if !known {
		answers.Must(fmt.Errorf("no offsets %s", a[0]))
	}
	show(ask(s.ctx, a[1:]...))
}

func (s shell) offsetOfEpoch(a []string) {
	request := kadm.OffsetForLeaderEpochRequest{}
	request.Add(a[0], int32(number(a[1])), int32(number(a[2])))
	show(s.OffsetForLeaderEpoch(s.ctx, request))
}

func (s shell) logDirs(a []string) {
	var wanted kadm.TopicsSet
	if len(a) > 0 {
		wanted = set(a)
	}
	show(s.DescribeAllLogDirs(s.ctx, wanted))
}

func (s shell) logDirsAlter(a []string) {
	request := kadm.AlterReplicaLogDirsReq{}
	request.Add(a[0], set(a[1:]))
	show(s.AlterBrokerReplicaLogDirs(s.ctx, 1, request))
}

func (s shell) elect(a []string) {
	show(s.ElectLeaders(s.ctx, kadm.ElectPreferredReplica, set(a)))
}

func (s shell) reassign(a []string) {
	request := kadm.AlterPartitionAssignmentsReq{}
	var brokers []int32
	for _, broker := range a[2:] {
		brokers = append(brokers, int32(number(broker)))
	}
	request.Assign(a[0], int32(number(a[1])), brokers)
	show(s.AlterPartitionAssignments(s.ctx, request))
}

func (s shell) reassignCancel(a []string) {
	request := kadm.AlterPartitionAssignmentsReq{}
	request.CancelAssign(a[0], int32(number(a[1])))
	show(s.AlterPartitionAssignments(s.ctx, request))
}

func byType(a, b kadm.ClientQuotaEntityComponent) int { return strings.Compare(a.Type, b.Type) }

// quotas reads TYPE, TYPE=NAME or TYPE= (the default), of which all have to match.
func (s shell) quotas(a []string) {
	var wanted []kadm.DescribeClientQuotaComponent
	for _, word := range a {
		kind, name, named := strings.Cut(word, "=")
		component := kadm.DescribeClientQuotaComponent{Type: kind, MatchType: kmsg.QuotasMatchTypeAny}
		if named && name == "" {
			component.MatchType = kmsg.QuotasMatchTypeDefault
		} else if named {
			component.MatchType, component.MatchName = kmsg.QuotasMatchTypeExact, &name
		}
		wanted = append(wanted, component)
	}
	answer, err := s.DescribeClientQuotas(s.ctx, false, wanted)
	for _, quota := range answer {
		slices.SortFunc(quota.Entity, byType)
		slices.SortFunc(quota.Values, func(a, b kadm.ClientQuotaValue) int {
			return strings.Compare(a.Key, b.Key)
		})
	}
	show(answer, err)
}

// quotaAlter reads TYPE=NAME[,TYPE=NAME] and KEY=VALUE, or KEY! to remove.
func (s shell) quotaAlter(a []string) {
	entry := kadm.AlterClientQuotaEntry{}
	for _, word := range strings.Split(a[0], ",") {
		kind, name, _ := strings.Cut(word, "=")
		component := kadm.ClientQuotaEntityComponent{Type: kind, Name: &name}
		if name == "" {
			component.Name = nil
		}
		entry.Entity = append(entry.Entity, component)
	}
	for _, word := range a[1:] {
		key, value, given := strings.Cut(word, "=")
		if !given {
			entry.Ops = append(entry.Ops, kadm.AlterClientQuotaOp{
				Key: strings.TrimSuffix(key, "!"), Remove: true,
			})
			continue
		}
		rate, err := strconv.ParseFloat(value, 64)
		answers.Must(err)
		entry.Ops = append(entry.Ops, kadm.AlterClientQuotaOp{Key: key, Value: rate})
	}
	answer, err := s.AlterClientQuotas(s.ctx, []kadm.AlterClientQuotaEntry{entry})
	for _, quota := range answer {
		slices.SortFunc(quota.Entity, byType)
	}
	show(answer, err)
}

func (s shell) feature(a []string) {
	update := kadm.FeatureUpdate{Feature: a[0], MaxVersionLevel: int16(number(a[1])), UpgradeType: 1}
	show(s.UpdateFeatures(s.ctx, true, update))
}

// produce reads lines `KEY:VALUE` (an empty key is none), behind PARTITION, if that is an argument;
// the rest of the arguments are headers, KEY=VALUE, and codec=NAME.
func (s shell) produce(a []string) {
	options := []kgo.Opt{kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil))}
	partition := -1
	var headers []kgo.RecordHeader
	for _, word := range a[1:] {
		key, value, _ := strings.Cut(word, "=")
		switch key {
		case "partition":
			partition = number(value)
			options = append(options, kgo.RecordPartitioner(kgo.ManualPartitioner()))
		case "codec":
			options = append(options, kgo.ProducerBatchCompression(codec(value)))
		default:
			headers = append(headers, kgo.RecordHeader{Key: key, Value: []byte(value)})
		}
	}
	kafka := connect(s.bootstrap, options...)
	defer kafka.Close()
	stamp := time.Now()
	input := bufio.NewScanner(os.Stdin)
	for input.Scan() {
		key, value, _ := strings.Cut(input.Text(), ":")
		stamp = stamp.Add(time.Millisecond) // or two of a millisecond could both be the newest
		record := &kgo.Record{
			Topic: a[0], Value: []byte(value), Headers: headers, Timestamp: stamp,
		}
		if key != "" {
			record.Key = []byte(key)
		}
		if partition >= 0 {
			record.Partition = int32(partition)
		}
		record, err := kafka.ProduceSync(s.ctx, record).First()
		if err != nil {
			fmt.Println("error:", err)
			continue
		}
		fmt.Println(record.Topic, record.Partition, record.Offset)
	}
}

func codec(name string) kgo.CompressionCodec {
	known := map[string]kgo.CompressionCodec{
		"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "zstd": kgo.ZstdCompression(),
		"snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(),
	}
	return known[name]
}

// consume reads COUNT records of TOPIC from a place: start, a number, or since=MILLISECONDS.
func (s shell) consume(a []string) {
	place := kgo.NewOffset().AtStart()
	if since, timed := strings.CutPrefix(a[1], "since="); timed {
		place = kgo.NewOffset().AfterMilli(int64(number(since)))
	} else if a[1] != "start" {
		place = kgo.NewOffset().At(int64(number(a[1])))
	}
	kafka := connect(s.bootstrap, kgo.ConsumeTopics(a[0]), kgo.ConsumeResetOffset(place))
	defer kafka.Close()
	read(s.ctx, kafka, number(a[2]))
}

func read(ctx context.Context, kafka *kgo.Client, wanted int) {
	var all []string
	for len(all) < wanted && ctx.Err() == nil {
		fetches := kafka.PollRecords(ctx, wanted-len(all))
		for _, failed := range fetches.Errors() {
			all = append(all, fmt.Sprint("error: ", failed.Err))
		}
		for record := range fetches.RecordsAll() {
			all = append(all, fmt.Sprintf("%d %d %q %q %s", record.Partition, record.Offset,
				record.Key, record.Value, record.Headers))
		}
	}
	slices.Sort(all)
	fmt.Println(strings.Join(all, "\n"))
}

// member takes part in GROUP on TOPIC until it is ended, as INSTANCE if that is an argument. Given
// a number in place of nothing it ends by itself after so many records, and commits them.
func (s shell) member(a []string) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	options := []kgo.Opt{
		kgo.ConsumerGroup(a[0]), kgo.ConsumeTopics(a[1]), kgo.DisableAutoCommit(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.Balancers(kgo.RangeBalancer()),
	}
	if len(a) > 3 {
		options = append(options, kgo.InstanceID(a[3]))
	}
	kafka := connect(s.bootstrap, options...)
	defer kafka.Close()
	if len(a) > 2 && a[2] != "-" {
		read(s.ctx, kafka, number(a[2]))
		answers.Must(kafka.CommitUncommittedOffsets(s.ctx))
		return
	}
	for ctx.Err() == nil {
		kafka.PollFetches(ctx)
	}
}

// raw sends a request as it stands and prints the answer, whatever it is.
func (s shell) raw(a []string) {
	request := kmsg.RequestForKey(int16(number(a[0])))
	if request == nil {
		answers.Must(fmt.Errorf("no request %s", a[0]))
	}
	if defaulted, can := request.(interface{ Default() }); can {
		defaulted.Default()
	}
	text, err := io.ReadAll(os.Stdin)
	answers.Must(err)
	answers.Must(json.Unmarshal(text, request))
	for _, shard := range s.kafka.RequestSharded(s.ctx, request) {
		if shard.Err != nil {
			fmt.Println("error:", shard.Err)
			continue
		}
		answers.Print(shard.Resp)
	}
}
