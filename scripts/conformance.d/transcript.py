"""Transcripts: commands and what they print, compared with what they print now.

A transcript is a text file, recorded from Apache Kafka by `scripts/conformance --record`:

    # a comment
    @ FILE                  writes a file; its lines follow, each behind "< "
    $ TOOL ARGUMENTS        a step; lines for its standard input follow, each behind "< "
    $[FLAG,FLAG] TOOL …     a step with flags
    & NAME TOOL ARGUMENTS   starts a tool in the background
    ! NAME                  ends it (SIGTERM); a step, whose output is the tool's
    anything else           what the step above prints, masked; "[exit N]" if N is not 0

Flags: `sorted` sorts the lines that come; `eventually` repeats the step until it prints what it
should, for at most 6 s; `until TEXT` until a line contains TEXT, at
most 30 s; `numbers` masks all numbers; `long` gives it 60 s and not 20; `only TEXT`
keeps the lines that contain TEXT; `drop TEXT` drops them; `words` makes a
set of the lines' first words.

Masked are what differs from run to run: addresses, IDs, times, paths, the width of columns.
Each step is one test. The rules for what a tool is come from whoever plays the transcript.
"""

import dataclasses
import pathlib
import re
import shlex
import time

EVENTUALLY_S_MAX = 6
UNTIL_S_MAX = 30
STEP_S_MAX = 20
LONG_S_MAX = 60


@dataclasses.dataclass
class Step:
    """A line of a transcript with what belongs to it."""

    kind: str  # "$", "&", "!" or "@"
    text: str
    flags: list
    head: list  # the lines as they stand in the file, for writing it again
    stdin: list = dataclasses.field(default_factory=list)
    wanted: list = dataclasses.field(default_factory=list)
    test: str = ""


def read(path):
    """The steps of a transcript; comments belong to the step that follows."""
    steps, pending, seen = [], [], {}
    for line in pathlib.Path(path).read_text().splitlines():
        found = re.match(r"([$&!@])(?:\[([^\]]*)\])? (.*)$", line)
        if found:
            flags = [flag.strip() for flag in (found[2] or "").split(",") if flag.strip()]
            steps.append(Step(found[1], found[3], flags, pending + [line]))
            pending = []
            if found[1] in "$!":
                seen[found[3]] = seen.get(found[3], 0) + 1
                again = f" ({seen[found[3]]})" if seen[found[3]] > 1 else ""
                steps[-1].test = f"{pathlib.Path(path).stem}: {line}{again}"
        elif line.startswith("#") or (not line and (not steps or pending)):
            pending.append(line)
        elif line.startswith("< ") or line == "<":
            steps[-1].stdin.append(line[2:])
            steps[-1].head.append(line)
        elif line or (steps and steps[-1].wanted):
            steps[-1].wanted.append(line)
    for step in steps:
        while step.wanted and not step.wanted[-1]:
            step.wanted.pop()
    return steps


def write(path, steps, outputs):
    """The transcript again, with other outputs."""
    lines = []
    for index, step in enumerate(steps):
        first = step.head[0]
        follows = index and steps[index - 1].kind != "&"
        if follows and step.kind != "@" and not first.startswith("#"):
            lines.append("")
        elif index and first.startswith("#"):
            lines.append("")
        lines += [line for line in step.head if line]
        lines += outputs.get(index, step.wanted)
    pathlib.Path(path).write_text("\n".join(lines) + "\n")


MASKS = [
    (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "UUID"),
    (r"\b(topic ?id:? ?)[A-Za-z0-9_-]{22}(?![A-Za-z0-9_-])", r"\1ID"),
    (r"(?<![.\d])\d{13}\b", "TIME"),
    (r"\b20\d\d-\d\d-\d\d[T ]\d\d:\d\d:\d\d([.,:]\d+)?Z?", "DATE"),
    (r"\d+(\.\d+)? (ms|seconds)\b", r"N \2"),
    (r"\bconsole-consumer-\d+", "console-consumer-N"),
    (r"\bDATA/data(/log)?\b", "DIR"),
    (r'"endpoints": \[[^\]]*\]', '"endpoints": [ENDPOINTS]'),
    (r"(ClusterId:\s+|cluster ID: )[A-Za-z0-9_-]{22}(?![A-Za-z0-9_-])", r"\1ID"),
]
# Lines that say nothing about the broker: of the shell, of loggers, advertising, stack traces.
NOISE = r"at |\.\.\.|%\d\||the tool left|ToolShell\$Left|.*KIP-848|.*will be removed in"


def mask(text, flags, broker, folder):
    """What is left of an output when all that differs from run to run is masked."""
    text = text.replace(str(broker.folder), "DATA").replace(str(folder), "FOLDER")
    text = text.replace(broker.address, "BROKER").replace(f":{broker.port}", ":PORT")
    text = re.sub(rf"\b{broker.port}\b", "PORT", text)
    for pattern, mark in MASKS:
        text = re.sub(pattern, mark, text, flags=re.IGNORECASE)
    if "numbers" in flags:
        text = re.sub(r"-?\d+([.,]\d+)*", "N", text)
    lines = [re.sub(r"[ \t]+", " ", line).strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not re.match(NOISE, line)]
    for flag in flags:
        verb, _, part = flag.partition(" ")
        if verb == "only":
            lines = [line for line in lines if part in line]
        elif verb == "drop":
            lines = [line for line in lines if part not in line]
    if "words" in flags:
        lines = sorted({line.split()[0] for line in lines})
    return sorted(lines) if "sorted" in flags else lines


class Player:
    """Plays transcripts against one broker. `run(words, stdin, seconds)` gives an exit code and an
    output; `spawn(words)` starts a tool and returns a function that ends it and gives its output.
    """

    def __init__(self, broker, folder, run, spawn):
        self.broker, self.folder = broker, pathlib.Path(folder)
        self.run, self.spawn = run, spawn
        self.running = {}
        self.hopeless = lambda test: False  # what need not be given time

    def words(self, text):
        """A command split as a shell does it, its $NAMES put in."""
        text = text.replace("$BROKER", self.broker.address)
        text = text.replace("$ACLS", "true" if self.broker.name == "Kafka" else "false")
        return shlex.split(text.replace("$FOLDER", str(self.folder)))

    def once(self, step):
        """The masked output of a step, run once."""
        stdin = "".join(line + "\n" for line in step.stdin)
        if step.kind == "!":
            code, output = self.running.pop(step.text)()
        else:
            seconds = LONG_S_MAX if "long" in step.flags else STEP_S_MAX
            code, output = self.run(self.words(step.text), stdin, seconds)
        lines = mask(output, step.flags, self.broker, self.folder)
        return lines + ([f"[exit {code}]"] if str(code) != "0" else [])

    def step(self, step, wanted):
        """The output of a step; `eventually` gives it time to become what is wanted. Without
        anything wanted it has to be the same twice."""
        lines = self.once(step)
        patience = 0 if self.hopeless(step.test) else EVENTUALLY_S_MAX
        deadline = time.monotonic() + patience
        for text in [flag[6:] for flag in step.flags if flag.startswith("until ")]:
            until = deadline + UNTIL_S_MAX
            while text not in "\n".join(lines) and time.monotonic() < until:
                time.sleep(0.2)
                lines = self.once(step)
        while "eventually" in step.flags and lines != wanted and time.monotonic() < deadline:
            time.sleep(1.0 if wanted is None else 0.2)
            before, lines = lines, self.once(step)
            if wanted is None and lines == before:
                break
        return lines

    def play(self, steps, record=False):
        """Yields the index and output of each step that is a test."""
        try:
            for index, step in enumerate(steps):
                if step.kind == "@":
                    (self.folder / step.text).write_text("".join(f"{x}\n" for x in step.stdin))
                elif step.kind == "&":
                    name, _, command = step.text.partition(" ")
                    self.running[name] = self.spawn(self.words(command))
                else:
                    yield index, self.step(step, None if record else step.wanted)
        finally:
            for end in self.running.values():
                end()
