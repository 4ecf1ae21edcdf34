"""Medians, ratios and the table.  It states goals; it never enforces them."""
import json
from dataclasses import asdict, dataclass, field
from statistics import median


@dataclass
class Row:
    """One compared number.  `ours` and `peer` hold one value per round, in
    the order measured; a side that was not measured is empty."""

    section: str
    what: str
    unit: str
    ours: list = field(default_factory=list)
    peer: list = field(default_factory=list)
    less_is_better: bool = False
    goal: str = ""
    note: str = ""

    def ratios(self):
        """How many times better ours is, round by round: the machine drifts,
        so only neighbours in time are divided by one another."""
        pairs = list(zip(self.ours, self.peer))
        if len(self.ours) != len(self.peer):
            if not self.ours or not self.peer:
                return []
            pairs = [(median(self.ours), median(self.peer))]
        if self.less_is_better:
            pairs = [(p, o) for o, p in pairs]
        return [a / b for a, b in pairs if b > 0]

    def cells(self):
        ratios = self.ratios()
        ratio = spread = ""
        if ratios:
            ratio = f"{_figure(median(ratios))}x"
            if len(ratios) > 1:
                spread = f"{_figure(min(ratios))}-{_figure(max(ratios))}"
        return [self.what,
                _figure(median(self.ours)) if self.ours else "-",
                _figure(median(self.peer)) if self.peer else "-",
                self.unit, ratio, spread, self.goal, self.note]


class Report:
    """Prints each row when it is known and the whole table at the end."""

    HEAD = ["", "sheaf", "peer", "unit", "ratio", "rounds", "goal", ""]

    def __init__(self):
        self.rows = []
        self.facts = []
        self.checks = []

    def fact(self, name, value):
        """What the numbers were measured on."""
        self.facts.append((name, value))
        print(f"{name:<14} {value}", flush=True)

    def add(self, row):
        self.rows.append(row)
        print("  " + "  ".join(c for c in row.cells() if c), flush=True)

    def check(self, text, ok):
        """An exactness check; its outcome is part of the report."""
        self.checks.append((text, ok))
        print(f"  {'ok     ' if ok else 'DIFFERS'} {text}", flush=True)

    def print_table(self):
        for section in dict.fromkeys(row.section for row in self.rows):
            lines = [self.HEAD] + [row.cells() for row in self.rows
                                   if row.section == section]
            widths = [max(len(line[i]) for line in lines)
                      for i in range(len(self.HEAD))]
            print(f"\n{section}")
            for line in lines:
                cells = [line[0].ljust(widths[0])]
                cells += [line[i].rjust(widths[i]) for i in (1, 2)]
                cells += [line[3].ljust(widths[3])]
                cells += [line[i].rjust(widths[i]) for i in (4, 5, 6)]
                print(("  " + "  ".join(cells) + "  " + line[7]).rstrip())
        bad = [text for text, ok in self.checks if not ok]
        if self.checks:
            print(f"\nexactness: {len(self.checks) - len(bad)} of "
                  f"{len(self.checks)} checks hold")
        for text in bad:
            print(f"  DIFFERS {text}")

    def write_json(self, path):
        with open(path, "w", encoding="utf-8") as out:
            json.dump({"facts": dict(self.facts),
                       "rows": [asdict(row) for row in self.rows],
                       "checks": self.checks}, out, indent=1)


def _figure(x):
    """Three significant figures, thousands grouped."""
    if x >= 100:
        return f"{x:,.0f}"
    return f"{x:.1f}" if x >= 10 else f"{x:.2f}"


def interleave(contestants, rounds):
    """Call the contestants in turn, `rounds` times: A B A B.
    {name: callable of the round} -> {name: [value per round]}"""
    values = {name: [] for name in contestants}
    for n in range(rounds):
        for name, measure in contestants.items():
            values[name].append(measure(n))
    return values
