"""Fetches and builds what the benchmark needs, once, into the cache.

Kafka's jars come from Maven, librdkafka's sources from the npm package that carries them, and the
load generator is compiled from the C files beside this one. Nothing is measured here.
"""

import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

KAFKA_VERSION = "4.3.1"
LOG4J_VERSION = "2.25.2"
CLIENT_PACKAGE = "@confluentinc/kafka-javascript"
CLIENT_VERSION = "1.10.1"
HERE = pathlib.Path(__file__).resolve().parent
CACHE = (
    pathlib.Path(os.environ.get("FELICE_CACHE") or pathlib.Path.home() / ".cache" / "felice")
    / "bench"
)

POM = """<project xmlns="http://maven.apache.org/POM/4.0.0">
<modelVersion>4.0.0</modelVersion>
<groupId>bench</groupId><artifactId>kafka-jars</artifactId><version>1</version>
<packaging>pom</packaging>
<dependencies>%s</dependencies></project>
"""


class Missing(Exception):
    """Something the benchmark needs is not on this machine; the text says how to get it."""


def say(text):
    """Prints one line of progress on standard error, so that standard output holds the table."""
    print("bench: " + text, file=sys.stderr, flush=True)


def need(program, hint):
    """Stops with an install hint when a program is not on the path."""
    if shutil.which(program) is None:
        raise Missing(f"{program} is missing: {hint}")


def run(command, where, log):
    """Runs one build step; on failure the end of its output is part of the error."""
    with open(log, "ab") as out:
        done = subprocess.run(command, cwd=where, stdout=out, stderr=subprocess.STDOUT)
    if done.returncode != 0:
        tail = pathlib.Path(log).read_text(errors="replace")[-2000:]
        raise Missing(f"{' '.join(map(str, command))} failed in {where}:\n{tail}")


def kafka_jars():
    """The folder with the jars of real Kafka, downloaded by Maven when it is not there yet."""
    home = CACHE / f"kafka-{KAFKA_VERSION}"
    if (home / "lib").is_dir():
        return home / "lib"
    need("mvn", "apt-get install maven")
    need("java", "apt-get install openjdk-17-jre-headless")
    say(f"downloading Kafka {KAFKA_VERSION} with Maven (about 60 MB)")
    wanted = [
        ("org.apache.kafka", "kafka_2.13", KAFKA_VERSION),
        ("org.apache.kafka", "kafka-tools", KAFKA_VERSION),
        ("org.apache.logging.log4j", "log4j-core", LOG4J_VERSION),
        ("org.apache.logging.log4j", "log4j-slf4j-impl", LOG4J_VERSION),
    ]
    line = (
        "<dependency><groupId>%s</groupId><artifactId>%s</artifactId>"
        "<version>%s</version></dependency>"
    )
    home.mkdir(parents=True, exist_ok=True)
    (home / "pom.xml").write_text(POM % "".join(line % one for one in wanted))
    # The final name appears only when the download is complete, so an interrupted one starts anew.
    fresh = home / "lib.partial"
    shutil.rmtree(fresh, ignore_errors=True)
    copy = ["mvn", "-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={fresh}"]
    run(copy, home, home / "download.log")
    fresh.rename(home / "lib")
    return home / "lib"


def librdkafka():
    """The folder with librdkafka's header and static archive, built when it is not there yet."""
    home = CACHE / f"librdkafka-{CLIENT_VERSION}"
    if (home / "librdkafka.a").is_file():
        return home
    need("npm", "apt-get install npm")
    need("gcc", "apt-get install build-essential")
    need("make", "apt-get install build-essential")
    say("building librdkafka (about a minute)")
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="felice-librdkafka-") as scratch:
        log = home / "build.log"
        run(["npm", "pack", "--silent", f"{CLIENT_PACKAGE}@{CLIENT_VERSION}"], scratch, log)
        package = next(pathlib.Path(scratch).glob("*.tgz"))
        run(["tar", "xzf", package.name, "package/deps/librdkafka"], scratch, log)
        source = pathlib.Path(scratch) / "package" / "deps" / "librdkafka"
        # The package's archive may lose the executable bits of the configure scripts.
        for script in (
            list(source.glob("mklove/**/*"))
            + list(source.glob("configure*"))
            + list(source.glob("*.sh"))
        ):
            if script.is_file():
                script.chmod(0o755)
        # No --enable-devel: it switches optimisation off and costs four times the CPU.
        run(
            [
                "./configure",
                "--enable-static",
                "--disable-ssl",
                "--disable-gssapi",
                "--disable-curl",
                "--disable-zstd",
                "--disable-lz4-ext",
                "--disable-syslog",
            ],
            source,
            log,
        )
        run(["make", "-j2", "-C", "src", "librdkafka.a"], source, log)
        shutil.copy(source / "src" / "rdkafka.h", home / "rdkafka.h")
        shutil.copy(source / "src" / "librdkafka.a", home / "librdkafka.a.partial")
        configured = (source / "Makefile.config").read_text()
    libraries = [
        word
        for line in configured.splitlines()
        if line.startswith("LIBS")
        for word in line.split()
        if word.startswith("-l")
    ]
    (home / "libraries").write_text(" ".join(libraries))
    (home / "librdkafka.a.partial").rename(home / "librdkafka.a")
    return home


def load_generator():
    """The path of the compiled load generator, rebuilt whenever its sources change."""
    library = librdkafka()
    sources = sorted(HERE.glob("*.c"))
    text = b"".join(path.read_bytes() for path in sources + sorted(HERE.glob("*.h")))
    program = CACHE / f"load-{CLIENT_VERSION}-{hashlib.sha256(text).hexdigest()[:12]}"
    if program.is_file():
        return program
    need("gcc", "apt-get install build-essential")
    say("compiling the load generator")
    partial = program.with_suffix(".partial")
    links = (library / "libraries").read_text().split()
    run(
        [
            "gcc",
            "-O2",
            "-Wall",
            "-Wextra",
            "-o",
            partial,
            *sources,
            "-isystem",
            library,
            library / "librdkafka.a",
            *links,
            "-lpthread",
            "-lm",
            "-ldl",
            "-lrt",
        ],
        HERE,
        CACHE / "load.log",
    )
    partial.rename(program)
    return program
