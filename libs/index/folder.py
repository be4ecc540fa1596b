"""The folder of the embedded index: a folder for each generation, and the link `live`, replaced atomically."""

import shutil
from pathlib import Path

LIVE = "live"
META = "meta.json"
"""tantivy's own list of what belongs to an index."""


class Folder:
    """The generations in the folder `root`. Every method raises OSError when the folder cannot be used."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def path(self, generation: str) -> Path:
        """Where a generation is."""
        return self._root / generation

    def live(self) -> str:
        """The generation that answers; the first is made here."""
        try:
            return (self._root / LIVE).readlink().name
        except FileNotFoundError:
            return self._first()

    def others(self) -> list[str]:
        """All generations but the live one."""
        live = self.live()
        return sorted(one.name for one in self._root.iterdir() if one.name.isdigit() and one.name != live)

    def new(self) -> str:
        """An empty generation; every other than the live one goes."""
        for other in self.others():
            shutil.rmtree(self.path(other))
        name = str(int(self.live()) + 1)
        self.path(name).mkdir()
        return name

    def swap(self, generation: str) -> None:
        """Make `generation` the live one, for every process at its next search."""
        link = self._root / f"{LIVE}.new"
        link.unlink(missing_ok=True)
        link.symlink_to(generation)
        link.replace(self._root / LIVE)

    def _first(self) -> str:
        """Generation 1, with the files of an index from before there were generations."""
        first = self.path("1")
        first.mkdir(parents=True, exist_ok=True)
        if (self._root / META).exists():
            for file in [one for one in self._root.iterdir() if one.is_file()]:
                file.replace(first / file.name)
        try:
            (self._root / LIVE).symlink_to("1")
        except FileExistsError:  # another process was faster
            return (self._root / LIVE).readlink().name
        return "1"
