// Package scenario is the client scenario of ../../README.md, once for every Go library.
// It knows nothing of any library and nothing of the broker's inside.
package scenario

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"
)

const (
	Partitions = 3
	perCodec   = 30
	dayMs      = 86_400_000
	wait       = 40 * time.Second
)

type Header struct {
	Key   string
	Value []byte
}

type Record struct {
	Partition  int
	Key, Value []byte
	Headers    []Header
	Timestamp  int64 // milliseconds
}

type Got struct {
	Record
	Offset int64
}

// Member is one member of a consumer group; Poll waits at most a moment.
type Member interface {
	Assignment() []int
	Poll() []Got
	Commit(offsets map[int]int64)
	Close()
}

// Client is what a library's program provides; every method ends the program on an error.
type Client interface {
	Codecs() []string
	CreateTopic(topic string, partitions int)
	PartitionCount(topic string) int
	// Produce answers the offsets in the order of the records.
	Produce(topic, codec string, records []Record) []int64
	// Read reads from the beginning, without a group.
	Read(topic string, partition, count int) []Got
	Member(group, topic string) Member
	Committed(group, topic string) map[int]int64
}

var (
	checks int
	name   string
	phase  string
)

// Fail ends the program with a clear line.
func Fail(format string, arguments ...any) {
	fmt.Printf("%s FAILED in %s: %s\n", name, phase, fmt.Sprintf(format, arguments...))
	os.Exit(1)
}

// Must ends the program when a call of the library failed.
func Must(err error, what string) {
	if err != nil {
		Fail("%s: %v", what, err)
	}
}

// timestamp is where the timestamps of the records begin, in milliseconds.
var timestamp = sync.OnceValue(func() int64 {
	if text := os.Getenv("CLIENTS_TIMESTAMP"); text != "" {
		value, err := strconv.ParseInt(text, 10, 64)
		Must(err, "CLIENTS_TIMESTAMP")
		return value
	}
	return time.Now().UnixMilli() / dayMs * dayMs
})

func passed(format string, arguments ...any) {
	checks++
	fmt.Println("  ok", fmt.Sprintf(format, arguments...))
}

func equal(actual, wanted any, message string) {
	if fmt.Sprint(actual) != fmt.Sprint(wanted) {
		Fail("%s: %v, not %v", message, actual, wanted)
	}
	passed("%s", message)
}

func recordsOf(codec string, place int) []Record {
	var out []Record
	for i := range perCodec {
		r := Record{
			Partition: i % Partitions,
			Key:       []byte(codec + "-" + strconv.Itoa(i)),
			Value:     []byte(codec + " value " + strconv.Itoa(i)),
			Timestamp: timestamp() + int64(1000*place+i),
		}
		if i%10 == 3 {
			r.Key = nil
		}
		if i%10 == 6 {
			r.Value = nil
		}
		if i == 1 {
			r.Value = bytes.Repeat([]byte("x"), 100_000)
		}
		if i%2 == 0 {
			r.Headers = []Header{
				{"trace", []byte("a")}, {"trace", []byte("b")}, {"empty", []byte{}},
				{"number", []byte(strconv.Itoa(i))},
			}
		}
		out = append(out, r)
	}
	return out
}

// plainRecords are count records a partition, numbered from first in each.
func plainRecords(first, count int) []Record {
	var out []Record
	for number := first; number < first+count; number++ {
		for partition := range Partitions {
			out = append(out, Record{
				Partition: partition,
				Key:       []byte("k"),
				Value:     fmt.Appendf(nil, "%d/%d", partition, number),
				Timestamp: time.Now().UnixMilli(),
			})
		}
	}
	return out
}

// same tells the field that differs, a null from an empty value included.
func same(got, sent Record) string {
	switch {
	case !bytes.Equal(got.Key, sent.Key) || (got.Key == nil) != (sent.Key == nil):
		return fmt.Sprintf("key %q, not %q", got.Key, sent.Key)
	case !bytes.Equal(got.Value, sent.Value) || (got.Value == nil) != (sent.Value == nil):
		return fmt.Sprintf("value %.100q, not %.100q", got.Value, sent.Value)
	case fmt.Sprint(got.Headers) != fmt.Sprint(sent.Headers):
		return fmt.Sprintf("headers %v, not %v", got.Headers, sent.Headers)
	case got.Timestamp != sent.Timestamp:
		return fmt.Sprintf("timestamp %d, not %d", got.Timestamp, sent.Timestamp)
	}
	return ""
}

func verifyData(client Client, topic string) {
	for partition := range Partitions {
		var sent []Record
		for place, codec := range client.Codecs() {
			for _, r := range recordsOf(codec, place) {
				if r.Partition == partition {
					sent = append(sent, r)
				}
			}
		}
		got := client.Read(topic, partition, len(sent))
		if len(got) != len(sent) {
			Fail("%s/%d gave %d records, not %d", topic, partition, len(got), len(sent))
		}
		for n, g := range got {
			if g.Offset != int64(n) {
				Fail("offset %d, not %d in %s/%d", g.Offset, n, topic, partition)
			}
			if difference := same(g.Record, sent[n]); difference != "" {
				Fail("%s/%d@%d: %s", topic, partition, n, difference)
			}
		}
		passed("%d records of %s/%d are what was sent", len(sent), topic, partition)
	}
}

func create(client Client, topic string) {
	client.CreateTopic(topic, Partitions)
	// Apache Kafka may show a topic a moment after it answered that it is there.
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); {
		if client.PartitionCount(topic) != 0 {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	equal(client.PartitionCount(topic), Partitions, topic+" has 3 partitions")
}

// until polls the members until the condition holds; a record on the way is a violation.
func until(condition func() bool, members []Member, message string) {
	for deadline := time.Now().Add(wait); !condition(); {
		if time.Now().After(deadline) {
			var owned [][]int
			for _, m := range members {
				owned = append(owned, m.Assignment())
			}
			Fail("not within %v: %s; owned: %v", wait, message, owned)
		}
		for _, m := range members {
			if extra := m.Poll(); len(extra) > 0 {
				Fail("unexpected records while waiting for: %s: %v", message, extra)
			}
		}
	}
	passed("%s", message)
}

// take polls until count records came and half a second more for what must not come.
func take(members []Member, count int) [][]Got {
	got := make([][]Got, len(members))
	total := 0
	deadline := time.Now().Add(wait)
	for time.Now().Before(deadline) {
		for n, m := range members {
			polled := m.Poll()
			if total < count && total+len(polled) >= count {
				deadline = time.Now().Add(500 * time.Millisecond)
			}
			total += len(polled)
			got[n] = append(got[n], polled...)
		}
	}
	return got
}

func exactly(got []Got, first, count int, message string) {
	for partition := range Partitions {
		var mine, wanted []string
		for _, g := range got {
			if g.Partition == partition {
				mine = append(mine, fmt.Sprintf("%d:%s", g.Offset, g.Value))
			}
		}
		for n := first; n < first+count; n++ {
			wanted = append(wanted, fmt.Sprintf("%d:%d/%d", n, partition, n))
		}
		equal(mine, wanted, fmt.Sprintf("%s: partition %d gave %d records from %d once each",
			message, partition, count, first))
	}
}

func offsetsFor(partitions []int, offset int64) map[int]int64 {
	out := map[int]int64{}
	for _, p := range partitions {
		out[p] = offset
	}
	return out
}

func ownersOf(got []Got) []int {
	var out []int
	for _, g := range got {
		out = append(out, g.Partition)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func before(client Client, prefix string) {
	data, group, everything := prefix+"-data", prefix+"-group", []int{0, 1, 2}
	create(client, data)
	for place, codec := range client.Codecs() {
		var wanted []int64
		for i := range perCodec {
			wanted = append(wanted, int64(place*perCodec/Partitions+i/Partitions))
		}
		offsets := client.Produce(data, codec, recordsOf(codec, place))
		equal(offsets, wanted, "offsets acknowledged for "+codec)
	}
	verifyData(client, data)

	create(client, group)
	a := client.Member(group, group)
	until(func() bool { return slices.Equal(a.Assignment(), everything) }, []Member{a},
		"A alone owns all partitions")
	b := client.Member(group, group)
	until(func() bool {
		ofA, ofB := a.Assignment(), b.Assignment()
		both := slices.Concat(ofA, ofB)
		slices.Sort(both)
		return len(ofA) > 0 && len(ofB) > 0 && slices.Equal(both, everything)
	}, []Member{a, b}, "A and B share the partitions, each owned once")
	client.Produce(group, "none", plainRecords(0, 10))
	got := take([]Member{a, b}, 30)
	exactly(slices.Concat(got[0], got[1]), 0, 10, "shared")
	equal(ownersOf(got[0]), a.Assignment(), "A got the records of its partitions")
	equal(ownersOf(got[1]), b.Assignment(), "B got the records of its partitions")
	a.Commit(offsetsFor(a.Assignment(), 10))
	b.Commit(offsetsFor(b.Assignment(), 10))
	b.Close()
	until(func() bool { return slices.Equal(a.Assignment(), everything) }, []Member{a},
		"A took over when B left")
	client.Produce(group, "none", plainRecords(10, 10))
	exactly(take([]Member{a}, 30)[0], 10, 10, "after the takeover")
	a.Commit(offsetsFor(everything, 15))
	a.Close()
}

func after(client Client, prefix string) {
	data, group, everything := prefix+"-data", prefix+"-group", []int{0, 1, 2}
	equal(client.PartitionCount(data), Partitions, data+" still has 3 partitions")
	verifyData(client, data)
	equal(client.Committed(group, group), offsetsFor(everything, 15), "committed offsets survived")
	c := client.Member(group, group)
	exactly(take([]Member{c}, 15)[0], 15, 5, "resumed")
	c.Commit(offsetsFor(everything, 20))
	c.Close()
	equal(client.Produce(group, "none", plainRecords(20, 1)), []int64{20, 20, 20},
		"the log goes on at offset 20")
	d := client.Member(group, group)
	exactly(take([]Member{d}, 3)[0], 20, 1, "resumed again")
	d.Close()
}

// Run reads the arguments, plays the phase and closes with the result line.
func Run(clientName string, connect func(bootstrap string) Client) {
	name = clientName
	if len(os.Args) != 4 || (os.Args[2] != "before" && os.Args[2] != "after") {
		Fail("usage: %s BOOTSTRAP before|after TOPIC_PREFIX", os.Args[0])
	}
	phase = os.Args[2]
	client := connect(os.Args[1])
	if phase == "before" {
		before(client, os.Args[3])
	} else {
		after(client, os.Args[3])
	}
	fmt.Printf("%s ok: %d checks\n", name, checks)
}
