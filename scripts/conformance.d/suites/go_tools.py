"""Go programs of this repository, played from transcripts."""

import subprocess

import machine
from suites.transcripts import Transcripts

GO = machine.BASE / "clients" / "go"


class Program(Transcripts):
    """One program that takes the broker's address as its first argument."""

    program = ""
    programs = ["go"]

    def prepare(self):
        machine.clients_runtime("franz-go")

    def tools(self, broker, folder):
        def command(call):
            return [GO / call[0], broker.address, *call[1:]]

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


class Kadm(Program):
    """franz-go's admin client, of which kcl is made."""

    name = "franz-go admin client"
    version = "kadm 1.19.0"
    about = "scripted calls of protocol-tests/clients/go/kadm, outputs compared"
    prefix = "kadm"


class Sarama(Program):
    """sarama's clients, of which kaf and kafkactl are made."""

    name = "sarama admin client"
    version = "1.61.1"
    about = "scripted calls of protocol-tests/clients/go/sarama, for five Kafkas, outputs compared"
    prefix = "sarama"
