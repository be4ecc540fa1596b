"""The folder that backups are kept in: one folder a backup, and the pool of objects that they share."""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from letterbox.backups.pool import Pool
from letterbox.local.failure import CannotStart

TIME = "%Y-%m-%dT%H-%M-%SZ"
DRAFT = ".draft-"
ERASED = "erased.jsonl"
PERIODS: tuple[Callable[[datetime], str], ...] = (
    lambda day: day.strftime("%Y-%m-%d"),
    lambda day: day.strftime("%G-W%V"),
    lambda day: day.strftime("%Y-%m"),
)


@dataclass(frozen=True, slots=True)
class Keep:
    """How many days, weeks and months keep their newest backup."""

    daily: int = 7
    weekly: int = 4
    monthly: int = 6


class Place:
    """All backups of one installation."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.pool = Pool(self.folder / "objects")

    @property
    def erased(self) -> Path:
        """The newest list of erased ids, of whichever backup."""
        return self.folder / ERASED

    def backups(self) -> list[Path]:
        """The folders of all complete backups, the oldest first."""
        if not self.folder.is_dir():
            return []
        return sorted(one for one in self.folder.iterdir() if one.is_dir() and _time_of(one) is not None)

    @contextmanager
    def draft(self) -> Iterator[tuple[Path, Path]]:
        """A folder to write a backup to, and the name it gets when all went well; otherwise it is removed.

        Only one backup is made at a time. Raises CannotStart when another is being made or the place is not writable.
        """
        with self.locked():
            for left in self.folder.glob(f"{DRAFT}*"):  # of one that was interrupted
                shutil.rmtree(left)
            final = self.folder / datetime.now(UTC).strftime(TIME)
            draft = self.folder / f"{DRAFT}{final.name}"
            draft.mkdir(mode=0o700)
            try:
                yield draft, final
                _sync(draft)
                draft.rename(final)
            finally:
                shutil.rmtree(draft, ignore_errors=True)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep others from changing the place meanwhile."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(self.folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise CannotStart(f"{self.folder} cannot be written: {error.strerror}.") from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError:
            raise CannotStart(f"Another backup is being made in {self.folder}.") from None
        finally:
            os.close(lock)

    def expire(self, keep: Keep) -> list[str]:
        """Remove the backups that are not kept, and objects that no backup names; returns the backups' names."""
        with self.locked():
            backups = self.backups()
            kept = _kept(backups, keep)
            gone = [one for one in backups if one not in kept]
            for one in gone:
                shutil.rmtree(one)
            self.pool.expire(kept)
            return [one.name for one in gone]


def _kept(backups: Sequence[Path], keep: Keep) -> list[Path]:
    """The newest of all, and the newest of each of the last days, weeks and months that have one."""
    kept = set(backups[-1:])
    for period, count in zip(PERIODS, (keep.daily, keep.weekly, keep.monthly), strict=True):
        newest = {period(time): one for one in backups if (time := _time_of(one)) is not None}
        kept.update([newest[name] for name in sorted(newest)][-count:] if count else ())
    return sorted(kept)


def _time_of(folder: Path) -> datetime | None:
    try:
        return datetime.strptime(folder.name, TIME).replace(tzinfo=UTC)
    except ValueError:
        return None


def _sync(folder: Path) -> None:
    """Have everything on the disk before it gets its name."""
    for path in (*folder.rglob("*"), folder):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
