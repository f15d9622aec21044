"""Whether this server is about to stop, so that whoever shares requests out asks another one."""


class Stopping:
    """Begins once and does not end: the process does."""

    def __init__(self) -> None:
        self.has_begun = False

    def begin(self) -> None:
        self.has_begun = True
