"""What the suites made of transcripts have in common."""

import pathlib
import signal
import subprocess

from suite import FAIL, PASS, Result, Suite
from transcript import Player, read, write

FOLDER = pathlib.Path(__file__).resolve().parents[1] / "transcripts"
STOP_S_MAX = 15


def stdout_of(process, log):
    """Ends a background tool as a user would; gives its exit code and output."""

    def end():
        process.send_signal(signal.SIGTERM)
        try:
            code = process.wait(timeout=STOP_S_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
        # The JVM calls the signal that ended it 143, the rest of the world -15.
        return {143: 0, -15: 0}.get(code, code), log.read_text(errors="replace")

    return end


class Transcripts(Suite):
    """A suite whose tests are the steps of transcripts/PREFIX-*.txt."""

    prefix = ""
    short = True

    def tools(self, broker, folder):
        """`run`, `spawn` and `close` for a broker."""
        raise NotImplementedError

    def files(self):
        """The transcripts, in order."""
        return sorted(FOLDER.glob(f"{self.prefix}-*.txt"))

    def owns(self, names):
        """Whether one of the transcripts is this suite's."""
        return any(path.stem in names for path in self.files())

    def play(self, broker, folder, each):
        """Plays all transcripts; `each(path, steps, player)` does what is to be done with one."""
        run, spawn, close = self.tools(broker, folder)
        try:
            for path in self.files():
                each(path, read(path), Player(broker, folder, run, spawn))
        finally:
            close()

    def run(self, broker, folder, only=None):
        results = {}

        def each(path, steps, player):
            if only is not None and not any(step.test in only for step in steps):
                return
            if broker.name == "Felice" and self.known:
                player.hopeless = lambda test: self.known.lists(self.name, test)
            for index, lines in player.play(steps):
                step = steps[index]
                good = lines == step.wanted
                shown = "wanted:\n" + "\n".join(step.wanted) + "\ncame:\n" + "\n".join(lines)
                results[step.test] = Result(PASS) if good else Result(FAIL, shown)

        self.play(broker, folder, each)
        return results

    def record(self, broker, folder, names):
        """Writes the transcripts again with what this broker says."""

        def each(path, steps, player):
            if not names or path.stem in names:
                print(path.stem, flush=True)
                write(path, steps, dict(player.play(steps, record=True)))

        self.play(broker, folder, each)

    @staticmethod
    def background(command, folder, count=[0]):
        """Starts a program in the background with its output in a file."""
        count[0] += 1
        log = pathlib.Path(folder) / f"background-{count[0]}.log"
        with open(log, "wb") as out:
            process = subprocess.Popen(
                ["nice", *command], stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT
            )
        return stdout_of(process, log)


class Programs(Transcripts):
    """A suite whose steps are each one run of a program that is told the broker's address."""

    def command(self, broker, call):
        """The words that start the program for a call."""
        raise NotImplementedError

    def tools(self, broker, folder):
        def run(call, stdin, seconds):
            try:
                done = subprocess.run(
                    self.command(broker, call),
                    input=stdin.encode(),
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    timeout=seconds,
                    cwd=folder,
                )
            except subprocess.TimeoutExpired as late:
                return "timeout", (late.stdout or b"").decode(errors="replace")
            return done.returncode, done.stdout.decode(errors="replace")

        def spawn(call):
            return self.background(self.command(broker, call), folder)

        return run, spawn, lambda: None
