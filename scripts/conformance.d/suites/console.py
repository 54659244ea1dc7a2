"""Kafka's console tools, played from transcripts."""

import machine
from suites.transcripts import Transcripts
from toolshell import ToolShell

TOOLS = "org.apache.kafka.tools."
# The name of the script in Kafka's bin folder: its class, and how it takes the broker's address.
CLASSES = {
    "topics": (TOOLS + "TopicCommand", "--bootstrap-server"),
    "configs": ("kafka.admin.ConfigCommand", "--bootstrap-server"),
    "console-producer": (TOOLS + "ConsoleProducer", "--bootstrap-server"),
    "console-consumer": (TOOLS + "consumer.ConsoleConsumer", "--bootstrap-server"),
    "consumer-groups": (TOOLS + "consumer.group.ConsumerGroupCommand", "--bootstrap-server"),
    "groups": (TOOLS + "GroupsCommand", "--bootstrap-server"),
    "get-offsets": (TOOLS + "GetOffsetShell", "--bootstrap-server"),
    "delete-records": (TOOLS + "DeleteRecordsCommand", "--bootstrap-server"),
    "log-dirs": (TOOLS + "LogDirsCommand", "--bootstrap-server"),
    "broker-api-versions": (TOOLS + "BrokerApiVersionsCommand", "--bootstrap-server"),
    "features": (TOOLS + "FeatureCommand", "--bootstrap-server"),
    "metadata-quorum": (TOOLS + "MetadataQuorumCommand", "--bootstrap-server"),
    "leader-election": (TOOLS + "LeaderElectionCommand", "--bootstrap-server"),
    "reassign-partitions": (TOOLS + "reassign.ReassignPartitionsCommand", "--bootstrap-server"),
    "cluster": (TOOLS + "ClusterTool", None),
    "client-metrics": (TOOLS + "ClientMetricsCommand", "--bootstrap-server"),
    "producer-perf-test": (TOOLS + "ProducerPerformance", "--bootstrap-server"),
    "consumer-perf-test": (TOOLS + "ConsumerPerformance", "--bootstrap-server"),
    "verifiable-producer": (TOOLS + "VerifiableProducer", "--bootstrap-server"),
    "verifiable-consumer": (TOOLS + "VerifiableConsumer", "--bootstrap-server"),
    "client-compatibility": (TOOLS + "ClientCompatibilityTest", "--bootstrap-server"),
    "end-to-end-latency": (TOOLS + "EndToEndLatency", "--bootstrap-server"),
    "transactions": (TOOLS + "TransactionsCommand", "--bootstrap-server"),
}
# Tools whose last words come from a hook of the JVM.
OWN_JVM = ["verifiable-producer"]


class Console(Transcripts):
    """kafka-topics, kafka-configs and the others that need no security."""

    name = "kafka console tools"
    version = "4.3.1"
    about = "scripted calls of the command line tools, outputs compared"
    prefix = "tools"
    programs = ["javac", "mvn"]

    def prepare(self):
        machine.apt("the console tools are Java", "javac", "openjdk-17-jdk-headless", "maven")
        ToolShell("/")

    def tools(self, broker, folder):
        shell = ToolShell(folder)

        def words(call):
            tool, option = CLASSES[call[0]]
            # FeatureCommand and its like want the address before the subcommand.
            where = [option, broker.address] if option else []
            return tool, [*where, *call[1:]]

        def run(call, stdin, seconds):
            if call[0] in OWN_JVM:
                tool, arguments = words(call)
                log = folder / "own-jvm.log"
                log.unlink(missing_ok=True)
                code = machine.bounded(shell.command(tool, *arguments), seconds, log)
                return "timeout" if code is None else code, log.read_text(errors="replace")
            return shell.call(*words(call), stdin, seconds)

        def spawn(call):
            tool, arguments = words(call)
            return self.background(shell.command(tool, *arguments), folder)

        return run, spawn, shell.close
