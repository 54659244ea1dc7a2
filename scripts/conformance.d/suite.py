"""What a suite is, and what it answers. The suites themselves are in suites/."""

import dataclasses

PASS, FAIL, SKIP = "pass", "fail", "skip"


@dataclasses.dataclass
class Result:
    """How one test ended."""

    outcome: str
    detail: str = ""


class Suite:
    """One published suite (or a set of transcripts of published tools).

    `prepare` installs and builds, and may raise machine.Missing. `run` plays it against a broker
    with an empty data directory and returns {test: Result}; tests it does not name did not run.
    """

    name = ""
    version = ""
    about = ""
    settings = ["num.partitions=1", "group.initial.rebalance.delay.ms=0"]
    seconds_max = 600
    port = 0  # a port the suite insists on; then it runs in a network namespace of its own
    programs = []  # what must be on PATH already for the short form to run without CI=true
    known = None  # the known reasons, for a suite that can save time by them
    short = False  # whether a part of it belongs to the short form

    def prepare(self):
        """Leaves everything ready that the suite needs."""

    def run(self, broker, folder, only=None):
        """Plays the suite; `only` names the tests that are wanted, if not all are."""
        raise NotImplementedError
