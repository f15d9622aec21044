"""A run: the servers started, every scenario measured in interleaved rounds, medians of these.

Interleaved means: every server once, then all of them again. What else the machine does then meets
all alike.
"""

import statistics
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

from benchmarks import alone, crowd, load, machine, mixed, ours
from benchmarks.contestants import KINDS
from benchmarks.place import Place, keep_samples
from benchmarks.scenarios import MIXED, NEAR, SCENARIOS, Scenario
from benchmarks.servers import Contestant

Figures = dict[str, float]
Measures = dict[str, Figures]
STARTS = 5
# What a measurement takes besides its own seconds, for the estimate of what remains.
_BESIDES = 0.8


@dataclass(frozen=True)
class Plan:
    """How much is measured: rounds, seconds as a share of the usual, and whether only the most."""

    rounds: int = 3
    share: float = 1.0
    quick: bool = False
    only: str = ""

    @property
    def scenarios(self) -> list[Scenario]:
        return [one for one in SCENARIOS if one.name.startswith(self.only)]

    def seconds(self, scenario: Scenario) -> float:
        share = max(1.0, self.share) if scenario.is_slow else self.share
        return max(1.0, scenario.seconds * share)

    @property
    def mixed(self) -> list[str]:
        """Those who are asked while others log in."""
        if not "busy".startswith(self.only):
            return []
        return [entry for entry in MIXED if not self.quick or entry.partition(":")[0] in NEAR]

    @property
    def kinds(self) -> list[str]:
        """The servers that are needed. Ours is first, since others answer what it answers."""
        everybody = frozenset(KINDS)
        entries = [
            entry
            for one in self.scenarios
            for entry in one.chosen(quick=self.quick, servers=everybody)
        ]
        wanted = {entry.partition(":")[0] for entry in [*entries, *self.mixed]}
        return ["ours", *(name for name in KINDS if name in wanted and name != "ours")]


class Run:
    """Measures one thing after the other and keeps what it found."""

    def __init__(self, place: Place, plan: Plan) -> None:
        self._place = place
        self._plan = plan
        self._live: dict[str, Contestant] = {}
        self._found: defaultdict[str, list[Figures]] = defaultdict(list)
        self._left = 0.0

    @property
    def measures(self) -> Measures:
        """The medians over all rounds."""
        return {key: _medians(found) for key, found in self._found.items()}

    @contextmanager
    def servers(self) -> Iterator[None]:
        """Start all that are needed, and stop them afterwards."""
        kinds = self._plan.kinds
        try:
            for number, name in enumerate(kinds, 1):
                kind = KINDS[name]
                if kind.needs_postgres and self._place.postgres is None:
                    continue
                self._place.say(f"[{number}/{len(kinds)}] Filling and starting {kind.label}")
                self._live[name] = kind.start(self._place, name)
                if name == "ours":
                    keep_samples(self._place, self._live[name])
                self._note_memory(name)
            yield
        finally:
            for contestant in self._live.values():
                contestant.server.stop()

    def _note_memory(self, name: str) -> None:
        idle = self._live[name].server.idle
        if idle is not None and not self._plan.quick:
            self._found[f"start/{name}"].append({"rss": idle.rss, "pss": idle.pss})

    def measure(self) -> None:
        """Measure everything that the plan has."""
        there = frozenset({*self._live, "alone", "alone-two"})
        chosen = [
            (scenario, scenario.chosen(quick=self._plan.quick, servers=there))
            for scenario in self._plan.scenarios
        ]
        self._left = self._plan.rounds * (
            sum((self._plan.seconds(one) + _BESIDES) * len(entries) for one, entries in chosen)
            + len(self._plan.mixed) * self._mixed_seconds * 2.5
        )
        self._crowd()
        for scenario, entries in chosen:
            for round_number in range(1, self._plan.rounds + 1):
                self._round(scenario, entries, round_number)
        for _ in range(self._plan.rounds):
            for entry in self._plan.mixed:
                self._mix(entry)
        if not self._plan.quick and "start".startswith(self._plan.only):
            self._restart()

    def _round(self, scenario: Scenario, entries: tuple[str, ...], number: int) -> None:
        for entry in entries:
            seconds = self._plan.seconds(scenario)
            began = time.perf_counter()
            name, _, ask = entry.partition(":")
            try:
                if name.startswith("alone"):
                    figures = self._alone(name, ask, seconds)
                else:
                    figures = self._load(name, ask, scenario.connections, seconds)
            except load.WrongAnswers as error:
                raise load.WrongAnswers(f"{scenario.name}/{entry}: {error}") from error
            self._found[f"{scenario.name}/{entry}"].append(figures)
            self._left -= seconds + _BESIDES
            self._tell(
                f"{scenario.title}, round {number} of {self._plan.rounds}: {entry} "
                f"{figures['rps']:,.1f}/s in {time.perf_counter() - began:.1f} s"
            )

    def _tell(self, text: str) -> None:
        self._place.say(f"{text} (about {max(0.0, self._left) / 60:.1f} min left)")

    def _alone(self, name: str, what: str, seconds: float) -> Figures:
        cores = self._place.cores.both if name == "alone-two" else self._place.cores.server
        folder = self._place.folder
        return {"rps": alone.measure(what, seconds, folder=folder, cores=cores)}

    def _load(self, name: str, ask: str, connections: int, seconds: float) -> Figures:
        contestant = self._live[name]
        pid = contestant.server.pid
        machine.forget_peak(pid)
        before, used = machine.memory(pid), machine.cpu_seconds(pid)
        rate = load.run(
            contestant.server.port,
            contestant.asks[ask],
            connections=connections,
            seconds=seconds,
            cores=self._place.cores.load,
        )
        figures: Figures = asdict(rate)
        after, used_then = machine.memory(pid), machine.cpu_seconds(pid)
        if before is not None and after is not None:
            figures["grown"] = max(0.0, after.peak - before.rss)
        if used is not None and used_then is not None:
            figures["cpu"] = (used_then - used) / rate.requests * 1e6
        contestant.server.settle()
        return figures

    def _crowd(self) -> None:
        contestant = self._live["ours"]
        count, seconds = crowd.measure(contestant.server.port, contestant.logins)
        self._found["crowd/ours"].append(
            {"people": len(contestant.logins), "answers": count, "wrong": 0, "rps": count / seconds}
        )
        self._tell(f"{len(contestant.logins):,} people at once: {count:,} answers, 0 wrong")

    @property
    def _mixed_seconds(self) -> float:
        return max(2.0, 6 * self._plan.share)

    def _mix(self, entry: str) -> None:
        name, _, ask = entry.partition(":")
        quiet, busy, logins = mixed.measure(
            self._live[name], ask, seconds=self._mixed_seconds, cores=self._place.cores.load
        )
        for kind, times in (("quiet", quiet), ("busy", busy)):
            waits = {"p50": mixed.percentile(times, 0.5), "p99": mixed.percentile(times, 0.99)}
            self._found[f"{kind}/{entry}"].append(waits)
        self._found[f"busy/{name}:login"].append({"rps": logins})
        self._left -= self._mixed_seconds * 2.5
        p99 = self._found[f"busy/{entry}"][-1]["p99"]
        self._tell(f"While 8 log in: {entry} p99 {p99:.1f} ms, {logins:.1f} logins/s")

    def _restart(self) -> None:
        """Start ours anew, some times over, on the database that it has."""
        self._live["ours"].server.stop()
        for number in range(1, STARTS + 1):
            server = ours.serve(self._place.folder / "ours", cores=self._place.cores.both)
            server.stop()
            self._found["started/ours"].append({"seconds": server.seconds})
            self._tell(f"Start {number} of {STARTS}: first answer after {server.seconds:.2f} s")


def _medians(found: list[Figures]) -> Figures:
    return {
        name: statistics.median(figures[name] for figures in found if name in figures)
        for name in found[0]
    }
