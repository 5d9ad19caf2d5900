"""Everything a user can cause and mend, as one small tree.

    PromptgridError          what happened, and what to do next
    ├── PromptError          a prompt's text or front matter is wrong
    │   ├── MissingVariables     variables without a value, all of them at once
    │   └── TemplateLimit        a template that would run or grow without end
    ├── LibraryError         a prompt cannot be found, read, named or saved
    │   └── StaleSave            the file has been saved by others in the meantime
    ├── CasesError           a table of cases cannot be read
    ├── TextError            a file is not text
    ├── PlanError            a plan that cannot be carried out as asked
    ├── GateError            a gate that cannot be asked of this run
    ├── EndpointError        a call to a model brought no usable reply
    ├── BuiltinError         the built-in model cannot be fetched or started
    ├── StoreError           the data folder or the database cannot be used
    ├── CompareError         a comparison that cannot be made as asked
    └── ExportError          results cannot be written or read back

The engine raises these; the command line prints them and sets the exit code; a page shows them. Any other exception
is a bug of ours and keeps its traceback.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal


class PromptgridError(Exception):
    """What happened (`message`) and what to do next (`hint`, may be empty)."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class PromptError(PromptgridError):
    """A prompt's text or front matter is wrong; `line` counts from 1 in the file or text, 0 when it has no line."""

    def __init__(self, message: str, *, hint: str = "", line: int = 0) -> None:
        super().__init__(message, hint=hint)
        self.line = line


class MissingVariables(PromptError):
    """Variables without a value: `missing` maps each name to the lines that use it."""

    def __init__(self, missing: Mapping[str, Sequence[int]]) -> None:
        where = ", ".join(f"{name} (line {', '.join(map(str, lines))})" for name, lines in missing.items())
        first = min((min(lines) for lines in missing.values() if lines), default=0)
        super().__init__(f"No value for {where}.", hint="Fill it in, or add a column of that name.", line=first)
        self.missing = {name: list(lines) for name, lines in missing.items()}


class TemplateLimit(PromptError):
    """A template that would run or grow without end was stopped."""


class LibraryError(PromptgridError):
    """A prompt cannot be found, read, named or saved."""


class StaleSave(LibraryError):
    """The file changed on disk after it was loaded: saving would overwrite a version that the user has not seen."""


class CasesError(PromptgridError):
    """A table of cases cannot be read; the message names row and column."""


class TextError(PromptgridError):
    """A file is not text in UTF-8; the message names the place."""


class PlanError(PromptgridError):
    """A plan that cannot be carried out as asked."""


class GateError(PromptgridError):
    """A gate that cannot be asked of this run: no such check, nothing to compare with."""


ErrorKind = Literal[
    "auth",  # 401, 403: the key is wrong or may not do this
    "quota",  # insufficient_quota: no money left
    "unknown_model",
    "rate_limited",  # 429
    "server",  # 5xx
    "timeout",
    "connection",
    "refused_parameter",  # 400 that names a parameter which the model does not take
    "too_long",  # the prompt does not fit into the context
    "bad_request",  # any other 4xx
    "bad_reply",  # not what the protocol promises: HTML, no choices, null content, cut stream, bad JSON
]


class EndpointError(PromptgridError):
    """A call to a model brought no usable reply.

    `raw` keeps what the endpoint said (foreign text: show it as text only), `retry_after` is in seconds, `param` names
    the parameter of a `refused_parameter`, `limits` is the RateLimits (of the endpoint's own words) that
    the response's headers told of, or None.
    """

    RETRYABLE = frozenset({"rate_limited", "server", "timeout", "connection"})
    STOPS_ENDPOINT = frozenset({"auth", "quota", "unknown_model"})

    def __init__(
        self,
        kind: ErrorKind,
        message: str,
        *,
        hint: str = "",
        status: int | None = None,
        retry_after: float | None = None,
        param: str = "",
        raw: str = "",
        limits: Any = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.kind: ErrorKind = kind
        self.status = status
        self.retry_after = retry_after
        self.param = param
        self.raw = raw
        self.limits = limits

    @property
    def retryable(self) -> bool:
        """The same request may succeed a moment later."""
        return self.kind in self.RETRYABLE

    @property
    def stops_endpoint(self) -> bool:
        """No other request to this endpoint and model can succeed until the user mends something."""
        return self.kind in self.STOPS_ENDPOINT


class BuiltinError(PromptgridError):
    """The built-in model cannot be fetched or started."""


class StoreError(PromptgridError):
    """The data folder or the database cannot be used."""


class CompareError(PromptgridError):
    """A comparison that cannot be made as asked."""


class ExportError(PromptgridError):
    """Results cannot be written or read back."""
