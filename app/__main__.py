"""`python -m app` serves, like `portfolio serve`; with words behind it, it is the command line."""

import sys

from app.cli import cli

cli(args=sys.argv[1:] or ["serve"], prog_name="portfolio")
