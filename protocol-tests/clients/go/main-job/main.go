// The consuming side of scripts/main-job, with franz-go.
//
//	main-job create BOOTSTRAP TOPIC PARTITIONS
//	main-job member BOOTSTRAP TOPIC GROUP FILE
//
// A member writes a record to FILE (partition, offset, key|value, by tabs) only after the commit
// that covers it was acknowledged, so a record that is written twice, by whichever members, means
// that an acknowledged commit was forgotten. It prints the number written so far, and lines that
// begin with `assigned`, `revoked` and `lost`. SIGTERM makes it leave the group.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

func main() {
	log.SetFlags(log.Ltime)
	if len(os.Args) == 5 && os.Args[1] == "create" {
		create(os.Args[2], os.Args[3], os.Args[4])
	} else if len(os.Args) == 6 && os.Args[1] == "member" {
		member(os.Args[2], os.Args[3], os.Args[4], os.Args[5])
	} else {
		log.Fatal("usage: main-job create BOOTSTRAP TOPIC PARTITIONS | member BOOTSTRAP TOPIC GROUP FILE")
	}
}

func create(bootstrap, topic, partitions string) {
	count, err := strconv.Atoi(partitions)
	must(err, "partitions")
	client, err := kgo.NewClient(kgo.SeedBrokers(bootstrap))
	must(err, "connect")
	defer client.Close()
	_, err = kadm.NewClient(client).CreateTopic(context.Background(), int32(count), 1, nil, topic)
	must(err, "create "+topic)
}

func member(bootstrap, topic, group, path string) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	file, err := os.Create(path)
	must(err, "output")
	out := bufio.NewWriterSize(file, 1<<20)

	tell := func(what string) func(context.Context, *kgo.Client, map[string][]int32) {
		return func(_ context.Context, _ *kgo.Client, partitions map[string][]int32) {
			if len(partitions[topic]) > 0 {
				fmt.Println(what, partitions[topic])
			}
		}
	}
	// A rebalance waits until the polled records are committed and written.
	client, err := kgo.NewClient(kgo.SeedBrokers(bootstrap), kgo.ConsumerGroup(group),
		kgo.ConsumeTopics(topic), kgo.DisableAutoCommit(), kgo.BlockRebalanceOnPoll(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.HeartbeatInterval(500*time.Millisecond),
		kgo.OnPartitionsAssigned(tell("assigned")), kgo.OnPartitionsRevoked(tell("revoked")),
		kgo.OnPartitionsLost(tell("lost")))
	must(err, "join")

	written := 0
	for {
		fetches := client.PollRecords(ctx, 20_000)
		if ctx.Err() != nil {
			break
		}
		records := fetches.Records()
		for _, r := range commit(client, group, records) {
			fmt.Fprintf(out, "%d\t%d\t%s|%s\n", r.Partition, r.Offset, r.Key, r.Value)
			written++
		}
		must(out.Flush(), "write")
		client.AllowRebalance()
		if len(records) > 0 {
			fmt.Println(written)
		}
	}
	client.AllowRebalance()
	client.Close()
}

// commit answers the records that are surely committed. It tries until the commit is acknowledged,
// a broker that is away included. Only when the group has put this member out is it left undecided:
// then the group's offsets tell what was committed, and the next owner gets the rest.
func commit(client *kgo.Client, group string, records []*kgo.Record) []*kgo.Record {
	if len(records) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	for {
		failure := client.CommitRecords(ctx, records...)
		if failure == nil {
			return records
		}
		must(ctx.Err(), "commit")
		log.Printf("commit: %v", failure)
		if errors.Is(failure, kerr.IllegalGeneration) || errors.Is(failure, kerr.UnknownMemberID) {
			return covered(ctx, client, group, records)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// covered answers the records that lie before the group's committed offsets.
func covered(
	ctx context.Context, client *kgo.Client, group string, records []*kgo.Record,
) []*kgo.Record {
	offsets, err := kadm.NewClient(client).FetchOffsets(ctx, group)
	must(err, "committed offsets")
	var out []*kgo.Record
	for _, r := range records {
		if at, ok := offsets.Lookup(r.Topic, r.Partition); ok && at.At > r.Offset {
			out = append(out, r)
		}
	}
	log.Printf("put out of the group: %d of %d records were committed", len(out), len(records))
	return out
}

func must(err error, what string) {
	if err != nil {
		log.Fatalf("%s: %v", what, err)
	}
}
