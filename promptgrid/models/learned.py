"""What endpoints taught us: the parameters that they refused, remembered in learned.json in the data folder.

A refusal counts for 30 days: models change, and then it is asked again. A file that is broken, or not ours, is taken
for an empty one and replaced. This module reports nothing to the user; `models.facts` lays it over the tables.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from promptgrid import files
from promptgrid.errors import StoreError
from promptgrid.paths import data_folder
from promptgrid.text import one_line

FORGOTTEN_AFTER = timedelta(days=30)
AGAIN_AFTER = timedelta(days=1)
SAID_LIMIT = 300  # as long as what an EndpointError quotes
VALUES_KEPT = 20
LOCK_S = 5.0

ParameterValue = str | int | float | bool | None

# The default is named as the only value, in the words of several servers; "must be 1 or less" is no such sentence.
_ONLY_DEFAULT = re.compile(
    r"only (the )?default|(only|must) (be )?(set to )?1(\.0)?\b(?!\.\d| or\b| and\b| to\b)", re.IGNORECASE
)
# Another value may be taken: a bound or a list is named.
_OTHER_VALUES = re.compile(
    r"\b(between|range|less than|greater than|at (most|least)|above|below|maximum|minimum|up to|exceeds?|too \w+"
    r"|supported values|one of|must be|should be|expected)\b|[<>≤≥]=?",
    re.IGNORECASE,
)
_NOT_TAKEN = re.compile(
    r"(not|n't|no longer|never) (\w+ )?(support|accept|allow|permit|available)|un(support|recogni)|deprecated|removed"
    r"|\bunknown\b|cannot (be (used|set|specified)|find)|unexpected|extra (inputs|fields)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """One parameter that a model refused, with the value it had and what the server said (foreign text, one line).

    `identity` is the endpoint's (its base URL), `effort` the reasoning effort that went with it ("": none was sent).
    """

    identity: str
    model: str
    parameter: str
    value: ParameterValue
    said: str
    at: datetime
    effort: str = ""

    @property
    def sentence(self) -> str:
        """`gpt-x refused temperature 0.7 on 2026-11-22: Unsupported value.`"""
        value = "" if self.value is None else f" {shown(self.value)}"
        return f"{self.model} refused {self.parameter}{value} on {self.at:%Y-%m-%d}: {self.said or 'no reason given'}"

    @property
    def together(self) -> bool:
        """Only temperature and top_p at once are refused; each alone may be taken."""
        names = "temperature" in self.said and "top_p" in self.said
        return names and bool(re.search(r"\b(both|together|only one|simultaneously)\b", self.said, re.IGNORECASE))

    @property
    def whole(self) -> bool:
        """The parameter is refused, and not just this value of it. Where the server leaves that open: the value."""
        if self.together or self._quotes_its_word():
            return False
        if _ONLY_DEFAULT.search(self.said):
            return True
        return bool(_NOT_TAKEN.search(self.said)) and not _OTHER_VALUES.search(self.said)

    def _quotes_its_word(self) -> bool:
        """A word like 'none' that the server quotes is what it refuses; of a number that says nothing."""
        return isinstance(self.value, str) and bool(re.search(rf"['\"`]{re.escape(self.value)}['\"`]", self.said))


def shown(value: ParameterValue) -> str:
    """A value as it stands in a sentence: 0.7, 1, none."""
    return f"{value:g}" if isinstance(value, float) else str(value)


def remember(identity: str, model: str, parameter: str, value: object, said: str, *, effort: str | None = None) -> None:
    """Keeps that `model` at the endpoint `identity` refused `parameter`, sent as `value` with that reasoning effort.

    `said` is the server's sentence or an EndpointError's message, without keys. Cheap where it is known already, else
    it may wait for the file for 5 s. Where that cannot be written nothing is learned: no reason to lose a run.
    """
    said = _said(said, parameter, model)
    new = Refusal(identity, model, parameter, _plain(value), said, datetime.now(UTC), effort or "")
    if any(_same(old, new) and new.at - old.at < AGAIN_AFTER for old in refusals(identity, model)):
        return
    with suppress(StoreError), _changing() as path:
        _write(path, _with(_read_now(path), new))


def refusals(identity: str, model: str) -> tuple[Refusal, ...]:
    """What this model refused at this endpoint in the last 30 days, the oldest first."""
    return tuple(found for found in all_refusals() if found.identity == identity and found.model == model)


def all_refusals() -> tuple[Refusal, ...]:
    """What every model refused in the last 30 days, the oldest first."""
    try:
        path = _path()
        state = path.stat()
    except (OSError, StoreError):
        return ()
    return _live(_read(path, state.st_mtime_ns, state.st_size, state.st_ino))


def forget(identity: str = "", model: str = "") -> int:
    """Forgets what was learned of that endpoint and that model ("": of any); how many refusals it were.

    Raises StoreError where the file cannot be written.
    """
    with _changing() as path:
        known = _live(_read_now(path))
        kept = [r for r in known if (identity and r.identity != identity) or (model and r.model != model)]
        _write(path, kept)
    return len(known) - len(kept)


def _path() -> Path:
    return data_folder() / "learned.json"


def _plain(value: object) -> ParameterValue:
    if value is None or isinstance(value, str | int | float):
        return value[:SAID_LIMIT] if isinstance(value, str) else value
    return json.dumps(value, default=str)[:SAID_LIMIT]


def _said(text: str, parameter: str, model: str) -> str:
    """One line, cut; without the lead-in of an EndpointError, which says what the sentence says already."""
    text = text.rpartition(f"refuses {parameter} for {model!r}: ")[2]
    return one_line(text, SAID_LIMIT)


def _same(old: Refusal, new: Refusal) -> bool:
    """What the new one says is said by the old one."""
    about = (old.identity, old.model, old.parameter, old.effort) == (new.identity, new.model, new.parameter, new.effort)
    return about and (old.value == new.value or (old.whole and new.whole))


def _with(known: Iterable[Refusal], new: Refusal) -> list[Refusal]:
    """The live ones and the new one; of one parameter's values only the latest are kept."""
    kept = [old for old in _live(known) if not _same(old, new)]
    about = (new.identity, new.model, new.parameter)
    alike = [old for old in kept if (old.identity, old.model, old.parameter) == about]
    dropped = alike[: max(0, len(alike) - VALUES_KEPT + 1)]
    return [*(old for old in kept if old not in dropped), new]


def _live(known: Iterable[Refusal]) -> tuple[Refusal, ...]:
    now = datetime.now(UTC)
    return tuple(r for r in known if abs(now - r.at) < FORGOTTEN_AFTER)  # abs: a clock may have been wrong


@lru_cache(maxsize=4)
def _read(path: Path, changed: int, size: int, inode: int) -> tuple[Refusal, ...]:
    """Read again only when the file has changed."""
    return _read_now(path)


def _read_now(path: Path) -> tuple[Refusal, ...]:
    try:
        rows = json.loads(path.read_bytes())["refusals"]
        return tuple(sorted((_refusal(row) for row in rows), key=lambda refusal: refusal.at))
    except (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return ()


def _refusal(row: Any) -> Refusal:
    """Raises ValueError or TypeError for what this module did not write."""
    found = Refusal(**{**row, "at": datetime.fromisoformat(row["at"])})
    texts = (found.identity, found.model, found.parameter, found.said, found.effort)
    if not all(isinstance(text, str) for text in texts) or found.at.tzinfo is None:
        raise ValueError("not a refusal")
    return replace(found, value=_plain(found.value))


@contextmanager
def _changing() -> Iterator[Path]:
    """The file's path, locked against changes by others. Raises StoreError."""
    from filelock import FileLock, Timeout

    path = _path()
    try:
        with FileLock(path.with_suffix(".lock"), timeout=LOCK_S, mode=0o600):
            yield path
    except Timeout as error:
        raise StoreError(f"Another process holds {path} for long.", hint="Try again.") from error
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror or error}.", hint="Is the disk full?") from error


def _write(path: Path, known: Iterable[Refusal]) -> None:
    """All at once, and readable by its owner only."""
    rows = [{**asdict(refusal), "at": refusal.at.isoformat(timespec="seconds")} for refusal in known]
    files.write(path, json.dumps({"refusals": rows}, indent=1).encode())
