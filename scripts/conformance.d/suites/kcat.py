"""kcat in its modes, played from transcripts."""

import machine
from suites.transcripts import Programs


class Kcat(Programs):
    """Debian's kcat: produce, consume, list, query, group."""

    name = "kcat"
    version = "1.7.1 (Debian 12)"
    about = "scripted calls in every mode, outputs compared"
    prefix = "kcat"
    programs = ["kcat"]

    def prepare(self):
        machine.apt("kcat is one of the suites", "kcat", "kcat")

    def command(self, broker, call):
        return [call[0], "-b", broker.address, *call[1:]]
