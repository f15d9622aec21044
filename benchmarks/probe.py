"""How long a server takes to answer while something else goes on: `python -m benchmarks.probe`.

Takes its address and an access token, asks for the session that it belongs to fifty times a second
until it is stopped, and writes down how many milliseconds each answer took. A process of its own,
so that what it measures is not how busy the load's process is.
"""

import http.client
import sys
import time
from urllib.parse import urlsplit

import click

A_SECOND = 50
DONE = 200


@click.command()
@click.argument("url")
@click.argument("token")
def ask(url: str, token: str) -> None:
    """Ask over and over."""
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=60)
    headers = {"Authorization": f"Bearer {token}"}
    due = time.perf_counter()
    while True:
        started = time.perf_counter()
        connection.request("GET", "/api/v1/auth/session", headers=headers)
        answer = connection.getresponse()
        answer.read()
        if answer.status != DONE:
            sys.exit(f"The server answered {answer.status}.")
        click.echo(round((time.perf_counter() - started) * 1000, 2))
        due += 1 / A_SECOND
        # At an even pace, however long an answer took.
        time.sleep(max(0.0, due - time.perf_counter()))


if __name__ == "__main__":
    ask()
