"""Java clients of four generations, each with its own jars and the same small program."""

import machine
from suite import FAIL, PASS, SKIP, Result, Suite

SOURCE = machine.CLIENTS / "java" / "JavaVersions.java"
VERSIONS = ["2.1.1", "2.8.2", "3.9.1", "4.3.1"]
SECONDS_MAX = 200
OUTCOMES = {"ok": PASS, "skip": SKIP, "FAIL": FAIL}

POM = """<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>felice</groupId><artifactId>java-client</artifactId><version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka-clients</artifactId>
      <version>{version}</version>
    </dependency>
    <dependency>
      <groupId>org.slf4j</groupId><artifactId>slf4j-nop</artifactId><version>1.7.36</version>
    </dependency>
  </dependencies>
</project>
"""


class Java(Suite):
    """One version of the Java client."""

    about = "the scenarios of protocol-tests/clients/java/JavaVersions.java with that client's jar"
    programs = ["javac", "mvn"]
    folder = None

    def __init__(self, version):
        self.name = f"Java client {version}"
        self.version = version
        self.short = version == VERSIONS[0]

    def prepare(self):
        machine.apt("Java clients are tested", "javac", "openjdk-17-jdk-headless")
        machine.apt("Java clients are fetched with Maven", "mvn", "maven")
        pom = POM.format(version=self.version)
        with machine.built(f"java-{self.version}", SOURCE, pom) as (folder, stale):
            self.folder = folder
            if stale:
                machine.say(f"fetching the Java client {self.version}")
                (folder / "pom.xml").write_text(pom)
                fetch = ["mvn", "-q", "-B", "-f", folder / "pom.xml"]
                fetch += ["dependency:copy-dependencies", f"-DoutputDirectory={folder / 'lib'}"]
                machine.install(fetch)
                machine.install(
                    ["javac", "-nowarn", "-cp", f"{folder / 'lib'}/*", "-d", folder, SOURCE]
                )

    def run(self, broker, folder, only=None):
        log = folder / "log"
        classpath = f"{self.folder}:{self.folder / 'lib'}/*"
        options = ["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", classpath]
        code = machine.bounded(
            ["java", *options, "JavaVersions", broker.address], SECONDS_MAX, log, cwd=folder
        )
        results = {}
        for line in log.read_text().splitlines():
            word, _, rest = line.partition(" ")
            if word in OUTCOMES:
                name = rest.partition("\t")[0]
                results[name] = Result(OUTCOMES[word], line)
        if code != 0:
            results["the program ends in time"] = Result(FAIL, log.read_text()[-1000:])
        return results
