"""The table: figures with their bars, medians with their range, and whether each bar is met.

A figure is judged only when enough was measured for it; nothing is measured here.
"""

import dataclasses
import statistics

# Two equal brokers differ by this much from run to run, so it does not count as slower.
DRIFT = 0.05
BROKERS = ("Felice", "Kafka")


@dataclasses.dataclass(frozen=True)
class Figure:
    """One line of the table.

    `better` is "lower", "higher" or "" for a figure that is only told. `ratio` bars Felice ÷ Kafka
    from above and `times` from below, `most` bars Felice's own value; without any, "no worse than
    Kafka" is the bar.
    """

    load: str
    durability: str
    name: str
    unit: str
    better: str = ""
    ratio: float | None = None
    most: float | None = None
    times: float | None = None


def number(value):
    """Three significant digits, without exponents."""
    if value >= 100:
        return f"{value:,.0f}"
    if value >= 10:
        return f"{value:.1f}"
    if value >= 1:
        return f"{value:.2f}"
    return f"{value:.3f}" if value >= 0.01 or value <= 0 else f"{value:.4f}"


class Table:
    """Collects values by figure and broker in the order in which figures first appear."""

    def __init__(self):
        self.values, self.remarks = {}, []

    def expect(self, figure):
        """Gives a figure its place in the table before its first value."""
        self.values.setdefault(figure, {})

    def add(self, broker, figure, value):
        self.values.setdefault(figure, {}).setdefault(broker, []).append(value)

    def remark(self, text):
        """A line under the table; the same text is kept once."""
        if text not in self.remarks:
            self.remarks.append(text)

    def cell(self, figure, broker):
        values = self.values[figure].get(broker)
        if not values:
            return "–"
        middle = number(statistics.median(values))
        if len(values) == 1:
            return middle
        return f"{middle} ({number(min(values))}–{number(max(values))})"

    def ratio(self, figure):
        """Felice ÷ Kafka of the medians, or None."""
        both = [self.values[figure].get(broker) for broker in BROKERS]
        if not all(both):
            return None
        felice, kafka = map(statistics.median, both)
        return felice / kafka if kafka > 0 else None

    def verdict(self, figure):
        """(bar as text, True, False, or None where nothing can be said)."""
        felice = self.values[figure].get("Felice")
        if figure.most is not None:
            bar = f"≤ {number(figure.most)} {figure.unit}"
            return bar, statistics.median(felice) <= figure.most if felice else None
        ratio = self.ratio(figure)
        if figure.ratio is not None:
            return f"≤ {figure.ratio}", None if ratio is None else ratio <= figure.ratio
        if figure.times is not None:
            return f"≥ {figure.times}", None if ratio is None else ratio >= figure.times
        if figure.better == "lower":
            return "no worse", None if ratio is None else ratio <= 1 + DRIFT
        if figure.better == "higher":
            return "no worse", None if ratio is None else ratio >= 1 - DRIFT
        return "", None

    def markdown(self, kafka_version):
        """The whole table with its remarks."""
        lines = [
            "| load | durability | figure | Felice "
            f"| Kafka {kafka_version} | Felice ÷ Kafka | bar | |",
            "|---|---|---|--:|--:|--:|---|---|",
        ]
        for figure in self.values:
            bar, met = self.verdict(figure)
            ratio = self.ratio(figure)
            word = {True: "met", False: "**not met**", None: ""}[met]
            lines.append(
                f"| {figure.load} | {figure.durability} | {figure.name}, {figure.unit} | "
                f"{self.cell(figure, 'Felice')} | {self.cell(figure, 'Kafka')} | "
                f"{'–' if ratio is None else number(ratio)} | {bar} | {word} |"
            )
        return "\n".join(lines + [""] + ["- " + remark for remark in self.remarks])

    def count(self):
        """(bars met, bars judged)."""
        verdicts = [self.verdict(figure)[1] for figure in self.values]
        judged = [met for met in verdicts if met is not None]
        return sum(judged), len(judged)

    def raw(self):
        """Every single value, for a file another program reads."""
        return [
            {**dataclasses.asdict(figure), "values": values}
            for figure, values in self.values.items()
        ]
