"""The backend for portfolio sites. Start reading at app/main.py; docs/decisions says why."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("fastapi-portfolio")
except PackageNotFoundError:  # run from a source tree that nobody installed
    __version__ = "0.0.0+source"
