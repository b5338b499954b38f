"""What a benchmark has found: a table, figures to keep, and a picture."""

import statistics
from dataclasses import dataclass, field

from matplotlib.axes import Axes

from benchmarks.timing import Seconds, ratios


@dataclass
class Comparison:
    """Ways to do one thing. `pairs` are (slow, fast), of which the ratios are told."""

    title: str
    seconds: Seconds
    pairs: list[tuple[str, str]]
    facts: dict = field(default_factory=dict)  # settings, and figures beside the times

    def table(self) -> str:
        lines = [f"**{self.title}**", "", "| | ms, median | least to most |", "|---|---|---|"]
        for name, values in self.seconds.items():
            lines.append(f"| {name} | {1e3 * statistics.median(values):.4g} | "
                         f"{1e3 * min(values):.4g} to {1e3 * max(values):.4g} |")
        for slow, fast in self.pairs:
            middle, least, most = ratios(self.seconds, slow, fast)
            lines.append(f"\n{fast} against {slow}: **{middle:.3g} times as fast** ({least:.3g} to {most:.3g} over "
                         f"{len(self.seconds[slow])} rounds)")
        return "\n".join([*lines, *_facts(self.facts)])

    def data(self) -> dict:
        found = [{"slow": slow, "fast": fast, "ratio": ratios(self.seconds, slow, fast)} for slow, fast in self.pairs]
        return {"title": self.title, "seconds": self.seconds, "ratios": found, "facts": self.facts}

    def draw(self, axes: Axes) -> None:
        names = list(self.seconds)[::-1]
        middles = [1e3 * statistics.median(self.seconds[name]) for name in names]
        spread = [[middle - 1e3 * min(self.seconds[name]) for name, middle in zip(names, middles)],
                  [1e3 * max(self.seconds[name]) - middle for name, middle in zip(names, middles)]]
        axes.barh(names, middles, xerr=spread, height=0.6, color="#0072b2", ecolor="#888888", capsize=3)
        for place, (middle, above) in enumerate(zip(middles, spread[1])):
            axes.text(middle + above, place, f" {middle:.4g}", va="center", fontsize=8)
        axes.margins(x=0.1)
        axes.set_xlabel("ms")


@dataclass
class Timelines:
    """What one thing's parts take, one after the other, in each of several ways."""

    title: str
    parts: dict[str, dict[str, float]]  # seconds, by way and part
    facts: dict = field(default_factory=dict)

    def table(self) -> str:
        names = list(dict.fromkeys(name for parts in self.parts.values() for name in parts))
        lines = [f"**{self.title}**", "", f"| ms | {' | '.join(names)} | all |", "|---|" + "---|" * (len(names) + 1)]
        for way, parts in self.parts.items():
            cells = [f"{1e3 * parts.get(name, 0):.4g}" for name in names]
            lines.append(f"| {way} | {' | '.join(cells)} | {1e3 * sum(parts.values()):.4g} |")
        return "\n".join([*lines, *_facts(self.facts)])

    def data(self) -> dict:
        return {"title": self.title, "seconds": self.parts, "facts": self.facts}

    def draw(self, axes: Axes) -> None:
        ways = list(self.parts)[::-1]
        left = [0.0] * len(ways)
        for name in dict.fromkeys(name for parts in self.parts.values() for name in parts):
            widths = [1e3 * self.parts[way].get(name, 0) for way in ways]
            axes.barh(ways, widths, left=left, height=0.6, label=name)
            left = [start + width for start, width in zip(left, widths)]
        axes.set_xlabel("ms")
        axes.legend(ncols=len(axes.containers), loc="lower center", bbox_to_anchor=(0.5, 1), frameon=False, fontsize=8)


@dataclass
class Curves:
    """How figures grow with another."""

    title: str
    x: str
    y: str
    lines: dict[str, dict[float, float]]
    facts: dict = field(default_factory=dict)

    def table(self) -> str:
        places = sorted({place for line in self.lines.values() for place in line})
        out = [f"**{self.title}**", "", f"| {self.y}, {self.x}: | {' | '.join(f'{place:g}' for place in places)} |",
               "|---|" + "---|" * len(places)]
        for name, line in self.lines.items():
            out.append(f"| {name} | {' | '.join(f'{line[p]:.4g}' if p in line else '' for p in places)} |")
        return "\n".join([*out, *_facts(self.facts)])

    def data(self) -> dict:
        return {"title": self.title, "x": self.x, "y": self.y, "facts": self.facts,
                "lines": {name: {f"{place:g}": value for place, value in line.items()}
                          for name, line in self.lines.items()}}

    def draw(self, axes: Axes) -> None:
        for name, line in self.lines.items():
            axes.plot(list(line), list(line.values()), marker="o", markersize=3, label=name)
        axes.set_xlabel(self.x)
        axes.set_ylabel(self.y)
        axes.set_ylim(bottom=0)
        if len(self.lines) > 1:
            axes.legend(frameon=False, fontsize=8)


Result = Comparison | Timelines | Curves


def _facts(facts: dict) -> list[str]:
    return ["", "; ".join(f"{name} {value}" for name, value in facts.items())] if facts else []
