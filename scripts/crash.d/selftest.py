"""Shows that the checks bite: plants each kind of fault into the data of a faultless run and wants
exactly that kind reported. Needs neither a broker nor a client."""

import copy
import random

import check
from rows import ALL, COMMITTED, CREATED, DELETED, DELETING, IDEMPOTENT, LEADER, PARTITIONS, SEEN
from rows import checksum, topic_name, value


class Run:
    """The recorded data of a run in which nothing went wrong."""

    def __init__(self, seed, records=600):
        chance = random.Random(seed)
        self.logs = {partition: [] for partition in range(PARTITIONS)}
        self.acked = {IDEMPOTENT: [], ALL: [], LEADER: []}
        self.consumed = {"a": [], "b": []}
        self.sent = dict.fromkeys(range(PARTITIONS), 0)
        self.watermarks, self.commits = {}, {}
        for partition, log in self.logs.items():
            counts = dict.fromkeys(self.acked, 0)
            for offset in range(records):
                producer = chance.choice(list(counts))
                sequence = counts[producer]
                counts[producer] += 1
                log.append(row(offset, producer, partition, sequence))
                # Whatever is not idempotent may be written without being acknowledged.
                if producer == IDEMPOTENT or chance.random() < 0.9:
                    self.acked[producer].append((partition, offset, sequence))
            self.sent[partition] = counts[IDEMPOTENT]
            self.consume(partition, log)
            self.watermarks[partition] = records
            self.commits[partition] = records
        self.stored = dict(self.commits)
        self.now = dict(self.watermarks)
        # Topic 0 is deleted, 1 may be, 2 to 4 are there.
        self.changes = [(CREATED, number) for number in range(5)]
        self.changes += [(DELETING, 0), (DELETED, 0), (DELETING, 1)]
        self.names = {topic_name(number) for number in (2, 3, 4)}
        self.given, self.fresh = {1, 2, 3}, 4

    def consume(self, partition, log):
        """Half of a partition is read by one member, the rest by the other."""
        half = len(log) // 2
        for member, part in (("a", log[:half]), ("b", log[half:])):
            for entry in part:
                self.consumed[member].append((SEEN, partition, entry[0], entry[3]))
                if entry[0] % 50 == 49:
                    self.consumed[member].append((COMMITTED, partition, entry[0] + 1, 0))

    def faults(self):
        """What the checks say about this run."""
        faults = check.Faults()
        bounds = {partition: (0, end) for partition, end in self.watermarks.items()}
        check.check_all(faults, self.logs, bounds, self.acked, self.consumed, self.sent)
        check.check_watermarks(faults, {"seen": self.watermarks}, self.now)
        check.check_commits(faults, self.commits, self.stored)
        check.check_topics(faults, self.changes, self.names)
        check.check_producer_id(faults, set(self.given), self.fresh)
        return faults

    def find(self, producer, partition=1, skip=20):
        """Position in the partition's log of a record of `producer`, not at its very beginning."""
        at = [i for i, entry in enumerate(self.logs[partition]) if entry[1] == producer]
        return at[skip]

    def renumber(self, partition=1):
        """Makes the offsets dense again, as a broker that lost a record would."""
        log = self.logs[partition]
        log[:] = [(offset, *entry[1:]) for offset, entry in enumerate(log)]
        self.watermarks[partition] = self.now[partition] = len(log)
        self.commits[partition] = self.stored[partition] = len(log)


def row(offset, producer, partition, sequence):
    return (offset, producer, sequence, checksum(value(producer, partition, sequence)), True)


# Each plants one fault and names the kinds that must be reported, at least.


def drop_acked(producer):
    def plant(run):
        last = [entry for entry in run.acked[producer] if entry[0] == 1][20]
        run.logs[1][:] = [entry for entry in run.logs[1] if entry[0] != last[1]]
        run.renumber()
        return {"lost", "missing"} if producer == IDEMPOTENT else {"lost"}

    return plant


def drop_tail(run):
    del run.logs[2][-1]
    return {"gap"}


def gap(run):
    at = run.find(LEADER)
    log = run.logs[1]
    log[at:] = [(entry[0] + 1, *entry[1:]) for entry in log[at:]]
    return {"gap"}


def twice(run):
    at = run.find(IDEMPOTENT)
    run.logs[1].insert(at + 3, run.logs[1][at])
    run.renumber()
    return {"duplicate"}


def swap(run):
    log = run.logs[1]
    first, second = run.find(IDEMPOTENT), run.find(IDEMPOTENT, skip=21)
    one, other = log[first], log[second]
    log[first], log[second] = (one[0], *other[1:]), (other[0], *one[1:])
    return {"order", "lost"}


def never_acknowledged(run):
    at = run.find(IDEMPOTENT)
    offset = run.logs[1].pop(at)[0]
    run.acked[IDEMPOTENT].remove(next(a for a in run.acked[IDEMPOTENT] if a[:2] == (1, offset)))
    run.renumber()
    return {"missing"}


def damage(run):
    run.logs[0][7] = (*run.logs[0][7][:4], False)
    return {"damaged"}


def change(run):
    at = next(i for i, entry in enumerate(run.consumed["b"]) if entry[0] == SEEN)
    entry = run.consumed["b"][at]
    run.consumed["b"][at] = (*entry[:3], entry[3] ^ 1)
    return {"changed"}


def unseen(run):
    run.consumed["a"].remove(next(e for e in run.consumed["a"] if e[:3] == (SEEN, 0, 5)))
    return {"unseen"}


def behind_commit(run):
    again = next(e for e in run.consumed["a"] if e[:3] == (SEEN, 0, 5))
    run.consumed["a"].append(again)
    return {"commit"}


def commit_lost(run):
    run.stored[2] -= 1
    return {"commit"}


def commit_gone(run):
    del run.stored[2]
    return {"commit"}


def watermark_back(run):
    run.now[0] -= 1
    return {"watermark"}


def topic_gone(run):
    run.names.remove(topic_name(3))
    return {"topic"}


def topic_back(run):
    run.names.add(topic_name(0))
    return {"topic"}


def producer_id_again(run):
    run.fresh = 2
    return {"producer-id"}


PLANTED = {
    "an acknowledged record dropped, idempotent": drop_acked(IDEMPOTENT),
    "an acknowledged record dropped, acks=all": drop_acked(ALL),
    "an acknowledged record dropped, acks=1": drop_acked(LEADER),
    "the last record of a partition dropped": drop_tail,
    "an offset skipped": gap,
    "a record of the idempotent producer twice": twice,
    "two records swapped": swap,
    "an unacknowledged idempotent record dropped": never_acknowledged,
    "a record with foreign bytes": damage,
    "another record than a consumer saw": change,
    "a record the group never got": unseen,
    "a record delivered again from behind a commit": behind_commit,
    "a committed offset one too low": commit_lost,
    "a committed offset gone": commit_gone,
    "a high watermark one too low": watermark_back,
    "a created topic gone": topic_gone,
    "a deleted topic back": topic_back,
    "a producer ID given twice": producer_id_again,
}


def main(seed):
    """Prints one line per planted fault; true if every one was found and nothing else was."""
    passed = failed = 0
    clean = Run(seed)
    verdicts = [("nothing planted", set(), set(clean.faults().counts))]
    for name, plant in PLANTED.items():
        run = copy.deepcopy(clean)
        wanted = plant(run)
        verdicts.append((name, wanted, set(run.faults().counts)))
    for name, wanted, found in verdicts:
        good = wanted <= found if wanted else not found
        passed, failed = passed + good, failed + (not good)
        verdict = "ok" if good else "NOT FOUND"
        print(f"  {verdict}: {name}: {', '.join(sorted(found)) or 'no fault'}")
    print(f"crash: {passed} passed, {failed} failed, 0 skipped (self-test, seed {seed})")
    return not failed
