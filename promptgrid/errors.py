"""The errors that a user can cause and correct, as one tree.

    PromptgridError          what happened, and what to do next
    ├── PromptError          a prompt's text or front matter is wrong
    │   ├── MissingVariables     variables without a value, all of them at once
    │   └── TemplateLimit        a template runs too long or grows too large
    ├── LibraryError         a prompt cannot be found, read, named or saved
    │   └── StaleSave            the file on disk changed after it was loaded
    ├── CasesError           a table of cases cannot be read
    │   └── EncodingError        the table is not UTF-8; the user must name its encoding
    ├── TextError            a file is not text
    ├── DocumentsError       a document cannot be read, or documents cannot be searched
    ├── PlanError            a plan cannot be carried out
    ├── GateError            a gate does not apply to this run
    ├── EndpointError        a call to a model returned no usable reply
    ├── BuiltinError         the built-in model cannot be fetched or started
    ├── TuningError          a tuning cannot be carried out, or an adapter is missing
    ├── StoreError           the data folder or the database cannot be used
    ├── CompareError         a comparison cannot be made
    └── ExportError          results cannot be written or read back

The engine raises these; the command line prints them and sets the exit code; a page shows them. Any other exception
is a bug in promptgrid and keeps its traceback.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal


class PromptgridError(Exception):
    """The base of all errors that the user can correct: what happened (`message`) and what to do next (`hint`, may be
    empty)."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class PromptError(PromptgridError):
    """Raised when a prompt's text or front matter is wrong. `line` is the number of the faulty line in the file or
    message, from 1; 0 if there is none."""

    def __init__(self, message: str, *, hint: str = "", line: int = 0) -> None:
        super().__init__(message, hint=hint)
        self.line = line


class MissingVariables(PromptError):
    """Raised when variables of a prompt have no value: `missing` maps the name of each to the places that use it, such
    as `user message, line 2`."""

    def __init__(self, missing: Mapping[str, Sequence[str]], *, hint: str = "") -> None:
        where = ", ".join(f"{name} ({'; '.join(places)})" for name, places in missing.items())
        super().__init__(f"No value for {where}.", hint=hint or "Fill it in, or add a column of that name.")
        self.missing = {name: list(places) for name, places in missing.items()}


class TemplateLimit(PromptError):
    """Raised when a template runs too long or grows too large while it is rendered."""


class LibraryError(PromptgridError):
    """Raised when a prompt is not in the library, cannot be read or saved, or has a name that no file can have."""


class StaleSave(LibraryError):
    """Raised when a prompt is saved whose file changed on disk after it was loaded: saving would overwrite a version
    that the user has not seen."""


class CasesError(PromptgridError):
    """Raised when a table of cases cannot be read; the message names row and column."""


class EncodingError(CasesError):
    """Raised when a table is not UTF-8 and its encoding is not named; `texts` has (encoding, a row decoded by it) for
    each possible encoding."""

    def __init__(self, message: str, *, hint: str = "", texts: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(message, hint=hint)
        self.texts = texts


class TextError(PromptgridError):
    """Raised when a file is not valid UTF-8 text; the message names the place."""


class DocumentsError(PromptgridError):
    """Raised when a document has no text that can be read, and when a chunker, a retriever or gold is unknown, out of
    range or does not fit the documents."""


class PlanError(PromptgridError):
    """Raised for a plan, check, model, technique or budget that is unknown, out of range or does not fit the others, so
    that nothing can be sent."""


class GateError(PromptgridError):
    """Raised when a gate (what a run must reach for a CI job to pass) does not apply: it cannot be read, or the run
    lacks the check or has no results to compare with."""


ErrorKind = Literal[
    "auth",  # 401, 403: the key is wrong or lacks the right
    "quota",  # insufficient_quota: no money left
    "unknown_model",
    "rate_limited",  # 429
    "server",  # 5xx
    "timeout",
    "connection",
    "refused_parameter",  # 400 for a parameter that the model does not accept
    "too_long",  # the prompt does not fit into the context
    "bad_request",  # any other 4xx
    "bad_reply",  # violates the protocol: HTML, no choices, null content, cut body or stream, bad JSON
    "no_answer",  # a whole reply without an answer: withheld, all tokens spent on reasoning, a tool called
]


class EndpointError(PromptgridError):
    """Raised when a call to a model returns no usable reply.

    `kind` is one of ErrorKind. `raw` is the endpoint's text (untrusted: show it as plain text), `retry_after` is in
    seconds, `param` names the parameter of a `refused_parameter`, `limits` is the RateLimits of the response's headers,
    or None. `wrong_address` is true if the base URL seems wrong: the endpoint has never sent a readable answer, and now
    refused the path or sent a web page. `resent` holds the earlier refusals of this call, each of which was sent again
    in another form.
    """

    RETRYABLE = frozenset({"rate_limited", "server", "timeout", "connection", "bad_reply"})
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
        self.wrong_address = False
        self.resent: Sequence[Any] = ()

    @property
    def retryable(self) -> bool:
        """Whether the same request may succeed when it is sent again."""
        return self.kind in self.RETRYABLE

    @property
    def stops_endpoint(self) -> bool:
        """Whether no request to this endpoint and model can succeed until the user corrects something."""
        return self.kind in self.STOPS_ENDPOINT


class BuiltinError(PromptgridError):
    """Raised when the weights of the built-in model are missing or cannot be fetched, or its server does not start."""


class TuningError(PromptgridError):
    """Raised when a tuning cannot start or go on, and when an adapter is missing or its name is taken."""


class StoreError(PromptgridError):
    """Raised when the data folder or the database cannot be read or written, or when it has no such run."""


class CompareError(PromptgridError):
    """Raised when a comparison cannot be made, such as over cases or axes that the run does not have."""


class ExportError(PromptgridError):
    """Raised when results cannot be written to a file, or when a results file cannot be read back."""
