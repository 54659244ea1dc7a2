"""All suites, the quick ones first."""

from suites import console, java, kafka_python, kcat

ALL = [
    console.Console(),
    kcat.Kcat(),
    *(java.Java(version) for version in java.VERSIONS),
    kafka_python.KafkaPython(),
]
