"""How much is tried: little and always the same by default, much and never the same by `make fuzz`.

Which of the two it is, Hypothesis is told: `--hypothesis-profile=fuzz`.
"""

import random
import sys

import hypothesis

SEED = 20261124


def is_long() -> bool:
    return hypothesis.settings.get_current_profile_name() == "fuzz"


def examples(*, ci: int, fuzz: int) -> int:
    return fuzz if is_long() else ci


def seed() -> int:
    """Return the seed of a run that Hypothesis does not see."""
    if not is_long():
        return SEED
    chosen = random.SystemRandom().getrandbits(32)
    sys.stderr.write(f"Seed: {chosen}\n")
    return chosen
