"""Kafka's command line tools, called one after another in one JVM (ToolShell.java)."""

import pathlib
import select
import subprocess

import machine

JAVA = machine.CLIENTS / "java"
OPTIONS = ["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
OPTIONS.append(f"-Dlog4j2.configurationFile={JAVA / 'log4j2.properties'}")
GRACE_S = 20  # for the shutdown of a tool that ran into its time


def classes():
    """Compiles the shell; returns its folder and that of the jars."""
    jars = machine.jars()
    source = JAVA / "ToolShell.java"
    with machine.built("toolshell", source, jars.name) as (folder, stale):
        if stale:
            machine.install(["javac", "-cp", f"{jars}/*", "-d", folder, source])
    return folder, jars


class ToolShell:
    """The JVM; started when it is first needed, and again after a tool that hung."""

    def __init__(self, folder):
        self.built, self.jars = classes()
        self.folder = pathlib.Path(folder)
        self.process = None

    def command(self, *arguments):
        """A JVM with the tools' classes."""
        return ["java", *OPTIONS, "-cp", f"{self.built}:{self.jars}/*", *arguments]

    def call(self, tool, arguments, stdin, seconds_max):
        """One tool: its exit code (or "timeout") and all that it printed."""
        if self.process is None:
            self.process = subprocess.Popen(
                ["nice", *self.command("ToolShell")],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=self.folder,
            )
        inward, outward = self.folder / "stdin", self.folder / "stdout"
        inward.write_text(stdin)
        outward.write_text("")
        fields = [str(seconds_max * 1000), str(inward), str(outward), tool, *arguments]
        self.process.stdin.write("\x1f".join(fields).encode() + b"\n")
        self.process.stdin.flush()
        answer = "timeout"
        if select.select([self.process.stdout], [], [], seconds_max + GRACE_S)[0]:
            answer = self.process.stdout.readline().decode().strip() or "the JVM ended"
        if not answer.isdigit():
            self.close()
        return answer, outward.read_text(errors="replace")

    def close(self):
        """Ends the JVM."""
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None
