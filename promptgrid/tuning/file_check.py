"""Checks a training file line by line, before a trainer is paid to refuse it or to learn the wrong thing from it.

Memory holds some 60 bytes an example (hashes, to find duplicates), whatever the examples' size.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from promptgrid.compact import NumberMap, hash64
from promptgrid.export.csv_in import MAX_RECORD, opened
from promptgrid.text import late
from promptgrid.tokens import count_in
from promptgrid.tuning.dialects import Dialect, Method
from promptgrid.tuning.rules import Problem, TrainingRow, read_row

_BOM = b"\xef\xbb\xbf"
_LINES, _LABELS, _LABEL_CHARACTERS = 5, 50, 60
_UNEVEN = 0.8  # a label with at least this share of the examples
_REFUSAL = late(
    r"(?i)^\W*(?:I(?:'|’)?m sorry,? (?:but )?I can|I can(?:no|')t (?:help|assist|do)|as an ai\b|I am unable to"
    r"|(?:很|非常)?(?:抱歉|对不起)[，,]?(?:但)?我(?:不能|无法)|作为(?:一个)?(?:AI|人工智能))"
)
_SECRET = late(
    r"\b(?:sk-[\w-]{20,}|gh[pousr]_\w{30,}|github_pat_\w{30,}|AKIA[0-9A-Z]{16}|AIza[\w-]{35}|xox[abprs]-[\w-]{10,}"
    r"|hf_\w{30,}|glpat-[\w-]{20,}|eyJ[\w-]{15,}\.eyJ[\w-]{15,}\.[\w-]{10,})|-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----"
)


@dataclass(slots=True)
class FileFault:
    """A broken rule of a file: how many rows break it (`count`), the first of their `lines` (from 1; none if the rule
    is about the whole file), and the `detail` of the first."""

    rule: str
    grave: bool
    detail: str = ""
    count: int = 0
    lines: list[int] = field(default_factory=list)


@dataclass(slots=True)
class FileReport:
    """What a training file holds: the number of its `examples` and their `method`, the `findings`, worst first, the
    `tokens` of all examples together (≈: the trainer's own tokenizer may differ), the `longest` example in tokens, and
    `sizes`, the number of examples by the power of two that their tokens stay below.

    `labels` counts the replies, if there are at most 50 different ones of at most 60 characters; else it is empty.
    """

    dialect: str
    method: Method | None = None
    examples: int = 0
    findings: list[FileFault] = field(default_factory=list)
    tokens: int = 0
    longest: int = 0
    sizes: Counter[int] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)

    @property
    def grave(self) -> bool:
        """Whether a finding makes the trainer refuse the file, or learn something else than is meant."""
        return any(finding.grave for finding in self.findings)

    def cost_usd(self, epochs: int, usd_per_million: float) -> float:
        """The price of training on all tokens `epochs` times."""
        return self.tokens * epochs * usd_per_million / 1e6


def check_file(
    source: Path | BinaryIO,
    dialect: Dialect,
    *,
    longest: int | None = None,
    against: Sequence[Path] = (),
    encoding: str = "o200k_base",
    progress: Callable[[int], None] = lambda done: None,
) -> FileReport:
    """Checks a file of training examples by the rules of the dialect and by what spoils a training: duplicates, overlap
    with the files `against` (such as the validation file), uneven labels, refusals, keys and passwords, and examples
    over `longest` tokens, which trainers cut.

    `progress` is called with the number of bytes read. Raises ExportError if a file cannot be read.
    """
    check = _Check(dialect, longest, encoding, _prompts(against))
    with opened(source) as file:
        for line in iter(lambda: file.readline(MAX_RECORD + 1), b""):
            check.line(line, file)
            progress(check.bytes)
    return check.report()


class _Check:
    """The state of one check: what was counted so far, and hashes of the examples."""

    def __init__(self, dialect: Dialect, longest: int | None, encoding: str, others: NumberMap) -> None:
        self.dialect, self.limit, self.encoding, self.others = dialect, longest, encoding, others
        self.bytes = self.lines = 0
        self.found: dict[tuple[str, bool], FileFault] = {}
        self.seen, self.prompts = NumberMap(), NumberMap()
        self.methods: Counter[Method] = Counter()
        self.labels: Counter[str] | None = Counter()
        self.desirable: Counter[bool] = Counter()
        self.result = FileReport(dialect.name)

    def line(self, line: bytes, file: BinaryIO) -> None:
        self.lines += 1
        self.bytes += len(line)
        if len(line) > MAX_RECORD:
            while line and not line.endswith(b"\n"):
                line = file.readline(MAX_RECORD)
                self.bytes += len(line)
            self.note(Problem("a line that is too long to read", f"over {MAX_RECORD >> 20} MB"))
            return
        if self.lines == 1 and line.startswith(_BOM):
            line = line.removeprefix(_BOM)
            if self.dialect.name != "azure":
                self.note(Problem("a byte order mark (BOM) at its start", "most readers take it for a part of line 1"))
        if not line.strip():
            self.note(Problem("an empty line", grave=False))
        elif (row := self.row(line)) is not None:
            self.example(read_row(row, self.dialect))

    def row(self, line: bytes) -> dict[str, Any] | None:
        """Returns the object of a line; None, with a finding, if it holds none."""
        try:
            row = json.loads(line.decode(), parse_constant=_no_number)
        except UnicodeDecodeError as error:
            self.note(Problem("a line that is not UTF-8", f"byte {error.start + 1}"))
        except (ValueError, RecursionError) as error:
            self.note(Problem("a line that is not JSON", str(error)[:60]))
        else:
            if isinstance(row, dict):
                return row
            self.note(Problem("a line that is no JSON object", str(row)[:40]))
        return None

    def example(self, row: TrainingRow) -> None:
        for problem in row.problems:
            self.note(problem)
        if row.method is None:
            return
        self.result.examples += 1
        self.methods[row.method] += 1
        if row.method == "kto":
            self.desirable[row.label is True] += 1
        self.duplicates(row)
        self.texts(row)
        self.count_tokens(row)

    def duplicates(self, row: TrainingRow) -> None:
        prompt = _digest(row.messages)
        other = self.prompts.get(prompt) is not None
        new = self.seen.add(_digest([row.messages, row.reply, row.rejected, row.label]))
        if not new:
            self.note(Problem("the same example twice", grave=False))
        elif other and row.method == "sft":
            self.note(Problem("the same messages with another reply", row.reply[:40], grave=False))
        self.prompts.add(prompt)
        if self.others.get(prompt) is not None:
            self.note(Problem("messages that stand in the other file too", "what is trained on proves nothing there"))

    def texts(self, row: TrainingRow) -> None:
        if _REFUSAL.match(row.reply):
            self.note(Problem("≈ a refusal as the reply", row.reply[:60], grave=False))
        for text in (*(str(message.get("content") or "") for message in row.messages), row.reply, row.rejected or ""):
            if secret := _SECRET.search(text):
                self.note(Problem("what looks like a key or password", f"{secret[0][:6]}…"))
                break
        if self.labels is not None and row.method == "sft":
            self.labels[row.reply.strip()] += 1
            if len(row.reply) > _LABEL_CHARACTERS or len(self.labels) > _LABELS:
                self.labels = None

    def count_tokens(self, row: TrainingRow) -> None:
        texts = [str(message.get("content") or "") for message in row.messages]
        tools = [json.dumps(row.tools)] if row.tools else []
        tokens = sum(count_in(self.encoding, text).tokens for text in (*texts, *tools, row.reply, row.rejected or ""))
        self.result.tokens += tokens
        self.result.longest = max(self.result.longest, tokens)
        self.result.sizes[tokens.bit_length()] += 1
        if self.limit is not None and tokens > self.limit:
            self.note(Problem(f"≈ over {self.limit:,} tokens: its end is cut", f"{tokens:,} tokens", grave=False))

    def note(self, problem: Problem, *, of_line: bool = True) -> None:
        finding = self.found.setdefault(
            (problem.rule, problem.grave), FileFault(problem.rule, problem.grave, problem.detail)
        )
        finding.count += 1
        if of_line and len(finding.lines) < _LINES:
            finding.lines.append(self.lines)

    def report(self) -> FileReport:
        result = self.result
        result.method = self.methods.most_common(1)[0][0] if self.methods else None
        result.labels = self.labels or Counter()
        for problem in self.of_file():
            self.note(problem, of_line=False)
        result.findings = sorted(self.found.values(), key=lambda finding: (not finding.grave, -finding.count))
        return result

    def of_file(self) -> Iterator[Problem]:
        dialect, examples = self.dialect, self.result.examples
        if examples < dialect.least:
            yield Problem(f"fewer than {dialect.least} examples, which {dialect.name} demands", f"{examples} examples")
        elif examples < 50:
            yield Problem("fewer than 50 examples: little is learned", f"{examples} examples", grave=False)
        if dialect.most_bytes and self.bytes > dialect.most_bytes:
            yield Problem(f"larger than {dialect.most_bytes >> 20} MB, the most that {dialect.name} takes")
        if len(self.methods) > 1:
            yield Problem("rows for several methods", ", ".join(f"{n} {name}" for name, n in self.methods.items()))
        if len(self.desirable) == 1:
            yield Problem("all judgements are alike: nothing tells good from bad")
        if self.labels and len(self.labels) > 1:
            label, count = self.labels.most_common(1)[0]
            if count >= _UNEVEN * examples:
                yield Problem("≈ one reply in most examples", f"{label!r} in {count} of {examples}", grave=False)
        elif self.labels and examples > 1:
            yield Problem("every example has the same reply", grave=False)


def _prompts(paths: Sequence[Path]) -> NumberMap:
    """Returns the hashes of the messages in other training files; lines that cannot be read are skipped."""
    prompts = NumberMap()
    anything = Dialect("any", ("sft", "dpo", "kto"), least=0)
    for path in paths:
        with opened(path) as file:
            for line in iter(lambda: file.readline(MAX_RECORD + 1), b""):
                try:
                    row = json.loads(line.decode("utf-8-sig"))
                except (ValueError, RecursionError):
                    continue
                if isinstance(row, dict) and (read := read_row(row, anything)).messages:
                    prompts.add(_digest(read.messages))
    return prompts


def _digest(value: Any) -> int:
    """Returns a hash of a JSON value; letter case and blanks of its texts do not count."""
    return hash64(json.dumps(_plain(value), sort_keys=True).encode())


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return " ".join(value.casefold().split())
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, list | tuple) else value


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number of JSON")
