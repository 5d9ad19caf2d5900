"""Writes a call as code: Python with the openai package, or curl. The code has the key's variable, never the key.

    python_call(body, "https://api.openai.com/v1", "OPENAI_API_KEY")

`body` is the JSON body of `Endpoint.wire`: a chat completion if it has "messages", else a legacy completion. If
`base_url` is "" (a server without a fixed address), the code reads OPENAI_BASE_URL and OPENAI_API_KEY.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any

WIDTH = 100  # characters of a line, unless a text is longer
URL_VARIABLE, KEY_VARIABLE = "OPENAI_BASE_URL", "OPENAI_API_KEY"

# Arguments of the SDK's method; all others go through its extra_body.
_NAMED = frozenset(
    {"model", "messages", "prompt", "temperature", "top_p", "max_tokens", "max_completion_tokens", "seed", "stop"}
    | {"n", "reasoning_effort", "response_format"}
)
_CHAT_ONLY = frozenset({"reasoning_effort", "response_format", "max_completion_tokens"})


def python_call(body: Mapping[str, Any], base_url: str, key_env: str) -> str:
    """Returns a Python script that makes the call with this JSON body and prints the reply. `key_env` is the variable
    that holds the key; "" if the endpoint needs no key. If `base_url` is "", the script reads OPENAI_BASE_URL and
    OPENAI_API_KEY."""
    legacy = "messages" not in body
    named = {name: value for name, value in body.items() if name in _NAMED and not (legacy and name in _CHAT_ONLY)}
    if rest := {name: value for name, value in body.items() if name not in named}:
        named["extra_body"] = rest
    arguments = "".join(f"    {name}={_literal(value)},\n" for name, value in named.items())
    method, printed = ("completions", "text") if legacy else ("chat.completions", "message.content")
    imports = "import os\n\n" if key_env or not base_url else ""
    return (
        f"{imports}from openai import OpenAI\n\n"
        f"client = OpenAI(base_url={_url(base_url)}, api_key={_key(base_url, key_env)})\n"
        f"reply = client.{method}.create(\n{arguments})\nprint(reply.choices[0].{printed})\n"
    )


def curl_call(body: Mapping[str, Any], base_url: str, key_env: str) -> str:
    """Returns a curl command for a POSIX shell that makes the call with this JSON body. `key_env` is the variable that
    holds the key; "" if the endpoint needs no key. If `base_url` is "", the command reads OPENAI_BASE_URL and
    OPENAI_API_KEY."""
    path = "/chat/completions" if "messages" in body else "/completions"
    url = shlex.quote(base_url + path) if base_url else f'"${URL_VARIABLE}{path}"'
    lines = [f"curl {url}", "  -H 'Content-Type: application/json'"]
    if key := key_env or ("" if base_url else KEY_VARIABLE):
        lines.append(f'  -H "Authorization: Bearer ${key}"')
    lines.append(f"  -d {shlex.quote(json.dumps(body, ensure_ascii=False, indent=2))}")
    return " \\\n".join(lines) + "\n"


def _url(base_url: str) -> str:
    return _literal(base_url) if base_url else f'os.environ["{URL_VARIABLE}"]'


def _key(base_url: str, key_env: str) -> str:
    name = key_env or ("" if base_url else KEY_VARIABLE)
    return f'os.environ["{name}"]' if name else '"no-key"'


def _literal(value: Any, depth: int = 1) -> str:
    """Returns Python code for a JSON value; lines after the first are indented by `depth` levels of four blanks.
    Strings are written as JSON, which is valid Python."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    mapping = isinstance(value, Mapping)
    if not mapping and not isinstance(value, (list, tuple)):
        return repr(value)
    keys = [f"{_literal(key)}: " for key in value] if mapping else [""] * len(value)
    items = value.values() if mapping else value
    parts = [key + _literal(item, depth + 1) for key, item in zip(keys, items, strict=True)]
    opening, closing = "{}" if mapping else "[]"
    if 4 * depth + sum(map(len, parts)) + 2 * len(parts) < WIDTH and not any("\n" in part for part in parts):
        return f"{opening}{', '.join(parts)}{closing}"
    blanks = "    " * (depth + 1)
    return f"{opening}\n" + "".join(f"{blanks}{part},\n" for part in parts) + "    " * depth + closing
