"""The program: `portfolio …`, and `python -m app`, which serves where no words follow."""

import sys
from collections.abc import Sequence

from app.garbage import kept_for_good


def main(words: Sequence[str] | None = None) -> None:
    """Do what the command line says; the entry point of the package."""
    with kept_for_good():
        # Imported here, since that is most of what a start does.
        from app.cli import cli  # noqa: PLC0415
    cli(args=words, prog_name="portfolio")


if __name__ == "__main__":
    main(sys.argv[1:] or ["serve"])
