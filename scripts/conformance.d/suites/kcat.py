"""kcat in its modes, played from transcripts."""

import subprocess

import machine
from suites.transcripts import Transcripts


class Kcat(Transcripts):
    """Debian's kcat: produce, consume, list, query, group."""

    name = "kcat"
    version = "1.7.1 (Debian 12)"
    about = "scripted calls in every mode, outputs compared"
    prefix = "kcat"
    programs = ["kcat"]

    def prepare(self):
        machine.apt("kcat is one of the suites", "kcat", "kcat")

    def tools(self, broker, folder):
        def command(call):
            return [call[0], "-b", broker.address, *call[1:]]

        def run(call, stdin, seconds):
            try:
                done = subprocess.run(
                    command(call),
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
            return self.background(command(call), folder)

        return run, spawn, lambda: None
