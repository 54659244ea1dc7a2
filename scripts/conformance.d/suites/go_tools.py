"""Go programs of this repository, played from transcripts."""

import machine
from suites.transcripts import Programs

GO = machine.BASE / "clients" / "go"


class Program(Programs):
    """One program that takes the broker's address as its first argument."""

    programs = ["go"]

    def prepare(self):
        machine.clients_runtime("franz-go")

    def command(self, broker, call):
        return [GO / call[0], broker.address, *call[1:]]


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
