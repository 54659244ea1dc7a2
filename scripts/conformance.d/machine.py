"""What the suites need of the machine: programs, folders that outlive a clone, bounded processes.

Whatever is missing is installed from a package registry in a pinned version and said aloud. Nothing
here knows a suite.
"""

import contextlib
import fcntl
import hashlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
CLIENTS = REPOSITORY / "protocol-tests" / "clients"
BASE = pathlib.Path(os.environ.get("FELICE_CACHE") or pathlib.Path.home() / ".cache" / "felice")
CACHE = BASE / "conformance"


class Missing(Exception):
    """Something a suite needs is not there and could not be installed."""


def say(text):
    """One line for the person who waits."""
    print(f"conformance: {text}", file=sys.stderr, flush=True)


def apt(why, program, *packages):
    """Installs Debian packages unless the program is there."""
    if shutil.which(program):
        return
    script = '. "$0/scripts/lib.sh"; apt_install "$@"'
    if subprocess.run(["bash", "-c", script, REPOSITORY, why, *packages]).returncode:
        raise Missing(f"{program}: apt-get install {' '.join(packages)}")


def clients_runtime(name):
    """What scripts/clients prepares for one of its clients: jars, Python environment, Go."""
    command = [REPOSITORY / "scripts" / "clients", "--prepare", name]
    done = subprocess.run(command, env=dict(os.environ, CI="true"), stdout=sys.stderr)
    if done.returncode:
        raise Missing(f"scripts/clients --prepare {name} failed")


def jars():
    """The folder of Kafka's own jars: broker, tools and newest client."""
    clients_runtime("java-tools")
    return BASE / "clients" / "java-lib"


def checksum(*parts):
    """Tells whether what something was built from has changed."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.read_bytes() if isinstance(part, pathlib.Path) else str(part).encode())
    return digest.hexdigest()


@contextlib.contextmanager
def built(name, *parts):
    """A folder of the cache: yields it with True if it has to be filled, and remembers that it was.

    Two runs at a time wait for one another.
    """
    CACHE.mkdir(parents=True, exist_ok=True)
    folder, stamp, wanted = CACHE / name, CACHE / f"{name}.stamp", checksum(*parts)
    with open(CACHE / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        fresh = stamp.exists() and stamp.read_text() == wanted and folder.exists()
        if not fresh:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
        yield folder, not fresh
        stamp.write_text(wanted)


def install(command, **options):
    """A step of an installation; its output is shown only when it fails."""
    done = subprocess.run(
        ["nice", *map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options
    )
    if done.returncode:
        tail = done.stdout.decode(errors="replace")[-2000:]
        raise Missing(f"{' '.join(map(str, command))} failed:\n{tail}")
    return done.stdout.decode(errors="replace")


def bounded(command, seconds_max, log, **options):
    """Runs a suite's program with its output in a file; returns the exit code, None if it was ended
    because its time was up. Its whole process group is ended with it."""
    with open(log, "ab") as out:
        process = subprocess.Popen(
            ["nice", *map(str, command)],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            **options,
        )
        try:
            return process.wait(timeout=seconds_max)
        except subprocess.TimeoutExpired:
            return None
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
