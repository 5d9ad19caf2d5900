"""Parameters that endpoints have refused, stored in learned.json in the data folder.

A refusal expires after 30 days, because models change. A damaged file, or one of another format, counts as empty
and is replaced. In `models.facts` the refusals override the tables.
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

EXPIRES_AFTER = timedelta(days=30)
AGAIN_AFTER = timedelta(days=1)
SENTENCE_LIMIT = 300  # characters of a server's sentence, as in EndpointError
VALUES_STORED = 20
LOCK_S = 5.0

_REASON_KEY = "said"  # of Refusal.reason in the file
ParameterValue = str | int | float | bool | None

# Several servers' wordings for "only the default is accepted". "Must be 1 or less" does not match.
_ONLY_DEFAULT = re.compile(
    r"only (the )?default|(only|must) (be )?(set to )?1(\.0)?\b(?!\.\d| or\b| and\b| to\b)", re.IGNORECASE
)
# Other values may be accepted: the sentence names a bound or a list.
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
    """A value of a parameter that a model has refused; `reason` is the server's sentence (foreign text, one line).

    `identity` is the endpoint's base URL, `effort` the reasoning effort in the same request ("": none), `at` the time
    of the refusal.
    """

    identity: str
    model: str
    parameter: str
    value: ParameterValue
    reason: str
    at: datetime
    effort: str = ""

    @property
    def sentence(self) -> str:
        """The refusal in words: `gpt-x refused temperature 0.7 on 2026-11-22: Unsupported value.`"""
        value = "" if self.value is None else f" {value_text(self.value)}"
        return f"{self.model} refused {self.parameter}{value} on {self.at:%Y-%m-%d}: {self.reason or 'no reason given'}"

    @property
    def together(self) -> bool:
        """Whether the server refused temperature and top_p because one request had both. It may accept each alone."""
        names = "temperature" in self.reason and "top_p" in self.reason
        return names and bool(re.search(r"\b(both|together|only one|simultaneously)\b", self.reason, re.IGNORECASE))

    @property
    def whole(self) -> bool:
        """Whether the server's sentence says that the model refuses the parameter with every value. False if it says
        nothing about other values: then only this value counts as refused."""
        if self.together or self._quotes_its_word():
            return False
        if _ONLY_DEFAULT.search(self.reason):
            return True
        return bool(_NOT_TAKEN.search(self.reason)) and not _OTHER_VALUES.search(self.reason)

    def _quotes_its_word(self) -> bool:
        """Whether the refused value is a word, such as 'none', and the server's sentence has this word in quotation
        marks: then only that word is refused. False for numbers: servers quote them whether they refuse one value or
        all."""
        return isinstance(self.value, str) and bool(re.search(rf"['\"`]{re.escape(self.value)}['\"`]", self.reason))


def value_text(value: ParameterValue) -> str:
    """The value as text for a sentence: 0.7, 1, none."""
    return f"{value:g}" if isinstance(value, float) else str(value)


def remember(
    identity: str, model: str, parameter: str, value: object, reason: str, *, effort: str | None = None
) -> None:
    """Stores that `model` at the endpoint `identity` (its base URL) refused `parameter` with this value, in a request
    with the reasoning effort `effort` (None: without one).

    `reason` is the server's sentence or an EndpointError's message, without keys. Returns at once if the refusal is
    known; otherwise waits up to 5 s for the file's lock. A file that cannot be written is ignored: the run continues.
    """
    identity = identity.partition("#")[0]  # what a model refuses does not depend on the key
    reason = _sentence(reason, parameter, model)
    new = Refusal(identity, model, parameter, _plain(value), reason, datetime.now(UTC), effort or "")
    if any(_same(old, new) and new.at - old.at < AGAIN_AFTER for old in refusals(identity, model)):
        return
    with suppress(StoreError), _locked() as path:
        _write(path, _with(_read_now(path), new))


def refusals(identity: str, model: str) -> tuple[Refusal, ...]:
    """The refusals of this model at this endpoint in the last 30 days, the oldest first."""
    return tuple(one for one in all_refusals() if one.identity == identity and one.model == model)


def all_refusals() -> tuple[Refusal, ...]:
    """The refusals of all models in the last 30 days, the oldest first."""
    try:
        path = _path()
        state = path.stat()
    except (OSError, StoreError):
        return ()
    return _live(_read(path, state.st_mtime_ns, state.st_size, state.st_ino))


def forget(identity: str = "", model: str = "") -> int:
    """Deletes the refusals of that endpoint and model ("" matches all) and returns how many were deleted.

    Raises StoreError if the file cannot be written.
    """
    with _locked() as path:
        known = _live(_read_now(path))
        others = [r for r in known if (identity and r.identity != identity) or (model and r.model != model)]
        _write(path, others)
    return len(known) - len(others)


def _path() -> Path:
    return data_folder() / "learned.json"


def _plain(value: object) -> ParameterValue:
    if value is None or isinstance(value, str | int | float):
        return value[:SENTENCE_LIMIT] if isinstance(value, str) else value
    return json.dumps(value, default=str)[:SENTENCE_LIMIT]


def _sentence(text: str, parameter: str, model: str) -> str:
    """Returns the server's sentence as one line. `text` may be an EndpointError's message, in which Promptgrid's own
    words `refuses PARAMETER for 'MODEL': ` precede the sentence; they are removed."""
    text = text.rpartition(f"refuses {parameter} for {model!r}: ")[2]
    return one_line(text, SENTENCE_LIMIT)


def _same(old: Refusal, new: Refusal) -> bool:
    """Whether the new refusal replaces the old one: both have the same endpoint, model, parameter and effort, and
    either the same value, or both hold for every value."""
    about = (old.identity, old.model, old.parameter, old.effort) == (new.identity, new.model, new.parameter, new.effort)
    return about and (old.value == new.value or (old.whole and new.whole))


def _with(known: Iterable[Refusal], new: Refusal) -> list[Refusal]:
    """Returns the refusals that have not expired, with the new one in place of an equal one. Keeps only the latest 20
    refusals of one parameter by one model at one endpoint."""
    others = [old for old in _live(known) if not _same(old, new)]
    about = (new.identity, new.model, new.parameter)
    alike = [old for old in others if (old.identity, old.model, old.parameter) == about]
    dropped = alike[: max(0, len(alike) - VALUES_STORED + 1)]
    return [*(old for old in others if old not in dropped), new]


def _live(known: Iterable[Refusal]) -> tuple[Refusal, ...]:
    now = datetime.now(UTC)
    return tuple(r for r in known if abs(now - r.at) < EXPIRES_AFTER)  # abs: the clock may have been wrong


@lru_cache(maxsize=4)
def _read(path: Path, changed: int, size: int, inode: int) -> tuple[Refusal, ...]:
    """Reads the refusals from the file. The result is cached; the arguments after `path` describe the file's state, so
    a changed file is read again."""
    return _read_now(path)


def _read_now(path: Path) -> tuple[Refusal, ...]:
    try:
        rows = json.loads(path.read_bytes())["refusals"]
        return tuple(sorted((_refusal(row) for row in rows), key=lambda refusal: refusal.at))
    except (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return ()


def _refusal(row: Any) -> Refusal:
    """Converts one JSON row of the file to a Refusal. Raises ValueError or TypeError for a row with other fields or
    types."""
    fields = {"reason" if key == _REASON_KEY else key: value for key, value in row.items()}
    refusal = Refusal(**{**fields, "at": datetime.fromisoformat(row["at"])})
    texts = (refusal.identity, refusal.model, refusal.parameter, refusal.reason, refusal.effort)
    if not all(isinstance(text, str) for text in texts) or refusal.at.tzinfo is None:
        raise ValueError("not a refusal")
    return replace(refusal, value=_plain(refusal.value))


def _row(refusal: Refusal) -> dict[str, object]:
    fields = {_REASON_KEY if name == "reason" else name: value for name, value in asdict(refusal).items()}
    return {**fields, "at": refusal.at.isoformat(timespec="seconds")}


@contextmanager
def _locked() -> Iterator[Path]:
    """Locks the file of refusals for writing and yields its path. Raises StoreError if another process holds the lock,
    or the file cannot be written."""
    from filelock import FileLock, Timeout

    path = _path()
    try:
        with FileLock(path.with_suffix(".lock"), timeout=LOCK_S, mode=0o600):
            yield path
    except Timeout as error:
        raise StoreError(f"Another process has locked {path} for {LOCK_S:g} seconds.", hint="Try again.") from error
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror or error}.", hint="Is the disk full?") from error


def _write(path: Path, known: Iterable[Refusal]) -> None:
    """Writes these refusals to the file in place of its content."""
    rows = [_row(refusal) for refusal in known]
    files.write(path, json.dumps({"refusals": rows}, indent=1).encode())
