"""The configured endpoints: `openai` from the environment, the others from endpoints.toml in the config folder.

    [deepseek]
    base_url = "https://api.deepseek.com/v1"
    key_env = "DEEPSEEK_API_KEY"      # the *name* of the environment variable that holds the key
    models = ["deepseek-chat"]        # optional: the models to offer if the endpoint lists none
    concurrency = 8                   # optional, as are max_n, timeout_s, token_parameter, tokenizer, free, headers

The file never holds a key, because files are copied, shown and committed more easily than an environment.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from promptgrid.errors import PromptgridError
from promptgrid.models import is_loopback, is_openai
from promptgrid.models.addresses import normalised
from promptgrid.paths import config_folder, environment
from promptgrid.prompt import EMPTY
from promptgrid.suggestions import did_you_mean

OPENAI_URL = "https://api.openai.com/v1"
TOKEN_PARAMETERS = ("max_completion_tokens", "max_tokens")
SECRET_LENGTH = 8
WORD_LENGTH = 20  # a secret without a digit is longer than words are
PUBLIC_HEADERS = frozenset(
    {"accept", "accept-language", "content-type", "user-agent", "referer", "http-referer", "x-title", "api-version"}
    | {"anthropic-version", "anthropic-beta", "openai-beta", "openai-organization", "openai-project", "cache-control"}
)
CONNECT_S = 10.0
FILE = "endpoints.toml"  # the name of the file, and of its fault among those of the endpoints
RESERVED_NAMES = ("builtin",)


@dataclass(frozen=True, slots=True)
class EndpointSettings:
    """How to reach one endpoint.

    `key_env` names the environment variable of the key ("": the endpoint needs none). `token_parameter` is the name
    under which `max_tokens` is sent ("": the name that host and model need). `timeout_s` limits a whole call, and each
    wait for the next piece of a stream. If `concurrency` or `max_n` (the maximum samples per request) is None, the
    server's own value applies, else a default. If `free` is None, the endpoint is free on loopback, else priced by the
    price list. `headers` are sent with every request; `declared` are the headers as written in the file, with `$NAME`
    for a value from the environment. With `tokenizer`, the server may be sent texts to count their tokens; None: only
    if it runs on this machine.
    """

    name: str
    base_url: str
    api_key: str = field(default="", repr=False)
    key_env: str = ""
    token_parameter: str = ""
    concurrency: int | None = None
    max_n: int | None = None
    timeout_s: float = 120.0
    models: tuple[str, ...] = ()
    free: bool | None = None
    headers: Mapping[str, str] = field(default_factory=lambda: EMPTY, repr=False)
    declared: Mapping[str, str] = field(default_factory=lambda: EMPTY, repr=False)
    tokenizer: bool | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "declared", self.declared or self.headers)
        object.__setattr__(self, "base_url", normalised(self.base_url))

    @property
    def is_loopback(self) -> bool:
        """Whether the endpoint runs on this machine."""
        return is_loopback(self.base_url)

    @property
    def connect_s(self) -> float:
        """The maximum time to wait for a connection, in seconds."""
        return min(CONNECT_S, self.timeout_s)

    @property
    def is_direct(self) -> bool:
        """Whether requests bypass the proxy: on loopback, since a proxy cannot reach this machine and NO_PROXY is often
        not set."""
        return self.base_url.startswith("http:") and self.is_loopback

    @property
    def may_count(self) -> bool:
        """Whether the server may be sent texts only to count their tokens, even if no run is ever started."""
        return not self.is_openai and (self.is_loopback if self.tokenizer is None else self.tokenizer)

    @property
    def is_openai(self) -> bool:
        """Whether this is OpenAI's service, which rejects `max_tokens` for newer models and has no /tokenize."""
        return is_openai(self.base_url)

    @property
    def secrets(self) -> tuple[str, ...]:
        """The texts that may never be shown: the key and the values of headers, if they have 8 characters or more. Left
        out are plain words, such as the key "not-needed" of a local server, and the values of well-known headers."""
        values = [value for name, value in self.headers.items() if name.lower() not in PUBLIC_HEADERS]
        return tuple(dict.fromkeys(text for text in (self.api_key, *values) if _is_secret(text)))


def _is_secret(text: str) -> bool:
    is_word = len(text) < WORD_LENGTH and re.fullmatch(r"[A-Za-z _-]*", text)
    return len(text) >= SECRET_LENGTH and not is_word


def read_settings(
    env: Mapping[str, str] | None = None,
    config: Path | None = None,
    faults: dict[str, PromptgridError] | None = None,
) -> dict[str, EndpointSettings]:
    """Returns the configured endpoints by name, without the built-in one. `env` is the environment, `config` the path
    of endpoints.toml; None takes the usual ones.

    Raises PromptgridError for a file that cannot be read or a setting that is not valid. With `faults`, puts these
    errors there, by the name of the endpoint or `endpoints.toml`, and returns the other endpoints.
    """
    env = environment() if env is None else env
    path = config_folder() / FILE if config is None else config
    readers: dict[str, Callable[[], EndpointSettings]] = {}
    if env.get("OPENAI_API_KEY") or env.get("OPENAI_BASE_URL"):
        readers["openai"] = lambda: _openai(env)
    with _collected(faults, FILE):
        readers |= {name: EndpointTable(path, name, table, env).settings for name, table in _tables(path).items()}
    settings: dict[str, EndpointSettings] = {}
    for name, read in readers.items():
        with _collected(faults, name):
            settings[name] = read()
    return settings


@contextmanager
def _collected(faults: dict[str, PromptgridError] | None, name: str) -> Iterator[None]:
    """Puts a PromptgridError of its block into `faults` under `name`; with None, the error goes on."""
    try:
        yield
    except PromptgridError as error:
        if faults is None:
            raise
        faults[name] = error


def _openai(env: Mapping[str, str]) -> EndpointSettings:
    """Returns the endpoint `openai` as OPENAI_API_KEY and OPENAI_BASE_URL define it. A key is required only for
    OpenAI's own address; a user's own server often needs none."""
    key = env.get("OPENAI_API_KEY", "").strip()
    base_url = env.get("OPENAI_BASE_URL", "").strip() or OPENAI_URL
    wants_key = bool(key) or is_openai(base_url)
    return EndpointSettings("openai", base_url, api_key=key, key_env="OPENAI_API_KEY" if wants_key else "")


def _tables(path: Path) -> dict[str, Any]:
    """Returns the tables of endpoints.toml by name, unchecked; empty if there is no file. Raises PromptgridError if it
    cannot be read."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except tomllib.TOMLDecodeError as error:
        raise PromptgridError(f"{path} is not valid TOML: {error}.", hint="Correct that line.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise PromptgridError(f"{path} cannot be read: {error}.", hint="Correct or remove the file.") from error


@dataclass(frozen=True, slots=True)
class EndpointTable:
    """One table [name] of endpoints.toml, to be checked and turned into EndpointSettings; errors name lines of the
    file at `path` (None: the table is not in a file yet)."""

    path: Path | None
    name: str
    table: Any
    env: Mapping[str, str] = field(repr=False)

    FIELDS = (
        "base_url", "key_env", "token_parameter", "concurrency", "max_n", "timeout_s", "models", "free", "headers",
        "tokenizer",
    )  # fmt: skip
    LITERAL_KEYS = ("api_key", "apikey", "key", "token", "secret", "password")

    def settings(self) -> EndpointSettings:
        """Returns the table as EndpointSettings. Raises PromptgridError for a field that is unknown, missing or of the
        wrong type."""
        self._check_names()
        key_env = self._key_env()
        try:
            base_url = normalised(self._take("base_url", str, ""))
        except PromptgridError as error:
            raise self._error("base_url", error.message, error.hint) from error
        return EndpointSettings(
            self.name,
            base_url,
            api_key=self.env.get(key_env, "").strip() if key_env else "",
            key_env=key_env,
            token_parameter=self._token_parameter(),
            concurrency=self._whole("concurrency"),
            max_n=self._whole("max_n"),
            timeout_s=self._timeout_s(),
            models=self._models(),
            free=self._take("free", bool, None),
            tokenizer=self._take("tokenizer", bool, None),
            headers=self._headers(),
            declared=self._take("headers", dict, {}),
        )

    def _check_names(self) -> None:
        if not isinstance(self.table, dict):
            raise self._error(self.name, f"{self.name} stands outside of a table.", "Write it below a line [NAME].")
        if self.name in RESERVED_NAMES or not re.fullmatch(r"[A-Za-z0-9][\w.-]*", self.name, re.ASCII):
            raise self._error("", f"{self.name!r} cannot be an endpoint's name.", "Use letters, digits, - and _.")
        for key in self.table:
            if key.lower() in self.LITERAL_KEYS:
                raise self._error(
                    key,
                    f"{key} would hold a secret in a plain file.",
                    'Put the key into an environment variable and name that: key_env = "MY_API_KEY".',
                )
            if key not in self.FIELDS:
                raise self._error(key, f"{key} is not a setting of an endpoint.", did_you_mean(key, self.FIELDS))

    def _key_env(self) -> str:
        """Returns the name of the environment variable with the key. An invalid name is not quoted in the error, since
        it may be the key itself."""
        name: str = self._take("key_env", str, "")
        if name and not re.fullmatch(r"[A-Z_][A-Z0-9_]*", name):
            raise self._error(
                "key_env",
                "The name of the environment variable that holds the key must consist of capitals, digits and _.",
                'Write the name, not the key: key_env = "MY_API_KEY".',
            )
        return name

    def _token_parameter(self) -> str:
        value: str = self._take("token_parameter", str, "")
        if value and value not in TOKEN_PARAMETERS:
            raise self._error("token_parameter", f"{value!r} is unknown.", f"Use {' or '.join(TOKEN_PARAMETERS)}.")
        return value

    def _timeout_s(self) -> float:
        value: float = self._take("timeout_s", (int, float), 120)
        if isinstance(value, bool) or not 0 < value < 1e6:
            raise self._error("timeout_s", f"timeout_s must be a number above 0, not {value!r}.")
        return float(value)

    def _whole(self, key: str) -> int | None:
        value: int | None = self._take(key, int, None)
        if isinstance(value, bool) or (value is not None and not 0 < value < 1e6):
            raise self._error(key, f"{key} must be a whole number above 0, not {value!r}.")
        return value

    def _models(self) -> tuple[str, ...]:
        names = self._take("models", list, [])
        if not all(isinstance(name, str) and name for name in names):
            raise self._error("models", "models must be a list of names.", 'Write models = ["name", "other"].')
        return tuple(names)

    def _headers(self) -> dict[str, str]:
        """Returns the headers of the table. A value `$NAME` stands for that environment variable, so that the file need
        not hold a secret."""
        headers = {}
        for header, value in self._take("headers", dict, {}).items():
            if not isinstance(value, str):
                raise self._error("headers", f"The header {header} must be a text.")
            if header.lower() in ("authorization", "api-key", "x-api-key") and not value.startswith("$"):
                hint = f'Write {header} = "$NAME", where NAME is the environment variable that holds it.'
                raise self._error("headers", f"{header} would hold a secret in a plain file.", hint)
            if value.startswith("$") and value[1:] not in self.env:
                raise self._error("headers", f"The variable {value[1:]} for the header {header} is not set.")
            headers[header] = self.env[value[1:]].strip() if value.startswith("$") else value
        return headers

    def _take(self, key: str, kind: type | tuple[type, ...], default: Any) -> Any:
        value = self.table.get(key, default)
        if key in self.table and not isinstance(value, kind):
            raise self._error(key, f"{key} is of the wrong kind: {type(value).__name__}.")
        return value

    def _error(self, key: str, message: str, hint: str = "") -> PromptgridError:
        where = f"{self.path}, line {self._line(key, self.path)}: [{self.name}] " if self.path else ""
        return PromptgridError(where + message, hint=hint)

    def _line(self, key: str, path: Path) -> int:
        """Returns the line number of `key` in this table, else of the table's header; the TOML parser does not report
        lines."""
        lines = path.read_text(encoding="utf-8").splitlines()
        header = re.compile(rf"""\s*\[\s*["']?{re.escape(self.name)}["']?\s*[\].]""")
        start = next((i for i, line in enumerate(lines) if header.match(line)), 0)
        assigned = re.compile(rf"""\s*(\[.*\.)?["']?{re.escape(key)}["']?\s*[=.\]]""")
        for i, line in enumerate(lines[start + 1 :] if key else [], start + 2):
            if assigned.match(line):
                return i
        return start + 1
