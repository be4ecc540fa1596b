"""A progress bar on a terminal; silent when nobody watches."""

import sys

WIDTH = 40


class ProgressBar:
    """Shows how much of `total` is done."""

    def __init__(self, title: str, total: int) -> None:
        self._title = title
        self._total = max(1, total)
        self._shown = -1
        self._visible = sys.stderr.isatty()

    def at(self, done: int) -> None:
        """Show that `done` of the total are done."""
        percent = min(100, done * 100 // self._total)
        if not self._visible or percent == self._shown:
            return
        self._shown = percent
        full = WIDTH * percent // 100
        print(
            f"\r{self._title} [{'#' * full}{'.' * (WIDTH - full)}] {percent:3} %", end="", file=sys.stderr, flush=True
        )

    def end(self) -> None:
        """Leave the bar behind."""
        if self._visible:
            print("\r" + " " * (WIDTH + len(self._title) + 10) + "\r", end="", file=sys.stderr, flush=True)
