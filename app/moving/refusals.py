"""Why nothing can be moved, in words for whoever typed the command."""

from collections.abc import Sequence


class CannotMove(Exception):
    """Nothing can be moved, or not to its end. `lines` has what is in the way, one by one."""

    def __init__(self, sentence: str, lines: Sequence[str] = ()) -> None:
        self.lines = tuple(lines)
        super().__init__(sentence)
