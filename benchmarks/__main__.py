"""The comparison: `make bench` measures everything, `make bench-quick` what matters most.

The full run writes docs/performance.json and the tables and charts of docs/performance.md that are
made from it. The short one only looks whether a ratio got worse. A wrong answer fails both.
"""

import signal
import sys
import time

import click

from benchmarks import load, machine, report, results
from benchmarks.asks import Unexpected
from benchmarks.place import new_place
from benchmarks.runs import Measures, Plan, Run
from benchmarks.servers import NoServer

# Of the usual rounds and of their length.
QUICK_ROUNDS, QUICK_SHARE = 2, 0.5
ROUNDS = 3


def _say(text: str) -> None:
    click.echo(f"{time.strftime('%H:%M:%S')} {text}")


def _measure(plan: Plan) -> Measures:
    load.require_wrk()
    # Ended in whatever way, it stops what it has started.
    for reason in (signal.SIGINT, signal.SIGTERM):
        signal.signal(reason, signal.default_int_handler)
    with new_place(machine.choose_cores(), _say) as place:
        run = Run(place, plan)
        with run.servers(), machine.pinned(place.cores.load):
            run.measure()
        return run.measures


def _compare(measures: Measures) -> None:
    """End with an error where a ratio is worse than what is recorded."""
    for outcome in results.outcomes(measures):
        click.echo(f"{report.shown(outcome):>9}  {outcome.goal.text} ({outcome.goal.bound})")
    worse = list(results.worse(measures, results.read()["measures"]))
    if worse:
        click.echo("More than a fifth worse than docs/performance.json says:", err=True)
        for line in worse:
            click.echo(f"  {line}", err=True)
        sys.exit(1)
    click.echo("No ratio is more than a fifth worse than docs/performance.json says.")


@click.command()
@click.option("--quick", is_flag=True, help="Measure what matters most.")
@click.option("--rounds", default=0, help="How often; medians are taken.")
@click.option("--share", default=0.0, help="How long, 1 is usual.")
@click.option("--only", default="", help="One scenario, by how its name begins.")
@click.option("--write/--no-write", default=True, help="Write docs/performance.*.")
def main(*, quick: bool, rounds: int, share: float, only: str, write: bool) -> None:
    """Measure ours against bare routes and other frameworks."""
    rounds = rounds or (QUICK_ROUNDS if quick else ROUNDS)
    plan = Plan(rounds, share or (QUICK_SHARE if quick else 1), quick=quick, only=only)
    try:
        measures = _measure(plan)
    except (load.NoLoad, load.WrongAnswers, NoServer, Unexpected) as error:
        click.echo(str(error), err=True)
        sys.exit(1)
    if quick:
        _compare(measures)
        return
    found = results.make(measures, machine.choose_cores(), rounds=rounds)
    click.echo(report.tables(found))
    if write and not only:
        results.write(found)
        report.write(found)


if __name__ == "__main__":
    main()
