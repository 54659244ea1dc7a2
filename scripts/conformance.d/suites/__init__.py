"""All suites, the quick ones first."""

from suites import console, crates, java, kafka_python, kcat, librdkafka, modules

ALL = [
    console.Console(),
    kcat.Kcat(),
    *(java.Java(version) for version in java.VERSIONS),
    kafka_python.KafkaPython(),
    crates.Rskafka(),
    modules.KafkaGo(),
    crates.RustRdkafka(),
    librdkafka.Librdkafka(),
]
