"""Calls as code: what they send is the body itself, and no key is ever in them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from promptgrid import snippets
from tests.faults.server import HostileServer

BODY: dict[str, Any] = {
    "model": "ok",
    "messages": [
        {"role": "system", "content": 'It\'s "quoted" $HOME `date` \\n {braces}'},
        {"role": "user", "content": "很好\nzwei Zeilen\t!"},
    ],
    "temperature": 0.7,
    "max_tokens": 16,
    "stop": ["\n\n"],
    "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}},
    "top_k": 40,
    "cache_prompt": False,
}
LEGACY: dict[str, Any] = {"model": "ok", "prompt": "我今天真", "temperature": 1, "reasoning_effort": "low"}


@pytest.mark.parametrize("body", [BODY, LEGACY], ids=["chat", "legacy"])
def test_the_python_script_sends_the_body(body: dict[str, Any], hostile: HostileServer) -> None:
    script = snippets.python_call(body, hostile.url, "MY_KEY")
    ran = subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, "MY_KEY": "k-123456"}, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("You said: ")
    assert hostile.requests[-1].body == body
    assert hostile.requests[-1].headers["authorization"] == "Bearer k-123456"


@pytest.mark.parametrize("body", [BODY, LEGACY], ids=["chat", "legacy"])
def test_the_shell_command_sends_the_body(
    body: dict[str, Any], hostile: HostileServer, missing: Callable[[str], None]
) -> None:
    if shutil.which("curl") is None:
        missing("curl")
    command = snippets.curl_call(body, "", "")
    variables = {"OPENAI_BASE_URL": hostile.url, "OPENAI_API_KEY": "k-123456"}
    ran = subprocess.run(["sh", "-c", command], env={**os.environ, **variables}, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert hostile.requests[-1].body == body
    assert hostile.requests[-1].headers["authorization"] == "Bearer k-123456"


def test_a_long_message_stands_on_lines_of_its_own_and_a_short_one_does_not() -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "x" * 90}, {"role": "user", "content": "Hi"}]}
    assert snippets.python_call(body, "http://localhost:1/v1", "").splitlines() == [
        "from openai import OpenAI",
        "",
        'client = OpenAI(base_url="http://localhost:1/v1", api_key="no-key")',
        "reply = client.chat.completions.create(",
        '    model="m",',
        "    messages=[",
        "        {",
        '            "role": "user",',
        f'            "content": "{"x" * 90}",',
        "        },",
        '        {"role": "user", "content": "Hi"},',
        "    ],",
        ")",
        "print(reply.choices[0].message.content)",
    ]


def test_an_endpoint_without_a_key_gets_no_header() -> None:
    assert "Authorization" not in snippets.curl_call(BODY, "http://localhost:1/v1", "")
