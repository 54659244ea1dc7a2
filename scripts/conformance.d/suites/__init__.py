"""All suites, the quick ones first."""

from suites import console, crates, go_tools, java, kafka_python, kcat, librdkafka, modules

ALL = [
    console.Console(),
    kcat.Kcat(),
    go_tools.Kadm(),
    go_tools.Sarama(),
    *(java.Java(version) for version in java.VERSIONS),
    kafka_python.KafkaPython(),
    crates.Rskafka(),
    modules.KafkaGo(),
    modules.FranzGo(),
    modules.Sarama(),
    crates.RustRdkafka(),
    librdkafka.Librdkafka(),
]
