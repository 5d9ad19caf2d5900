"""An endpoint that echoes the key, in whatever place and form: it reaches neither a reply nor an error."""

from __future__ import annotations

import base64
import json
import logging
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from promptgrid import paths
from promptgrid.endpoint import EndpointSettings
from promptgrid.endpoint.redaction import UnfinishedText, redacted
from promptgrid.errors import EndpointError
from promptgrid.export.runs import save_run
from promptgrid.runner import client
from promptgrid.store import Database
from promptgrid.store.runs import errors
from tests.endpoint.sockets import CHOICE, Way, Wire, answer, ask, both_ways, stream, with_endpoint
from tests.running import a_plan, carried_out

KEY = "sk-proj-Zq81xVtR0aWm77LpC3"
SECRETS = (KEY,)
BASIC = base64.b64encode(f"user:{KEY}".encode()).decode()
FORMS: dict[str, str] = {
    "bare": KEY,
    "header": f"Authorization: Bearer {KEY}",
    "split by a line end": f"{KEY[:9]}\n{KEY[9:]}",
    "split by quotes": '", "'.join([KEY[:5], KEY[5:14], KEY[14:]]),
    "blanks": " ".join(KEY),
    "base64": base64.b64encode(KEY.encode()).decode(),
    "basic": f"Authorization: Basic {BASIC}",
    "url-safe base64": base64.urlsafe_b64encode(f"x{KEY}".encode()).decode(),
    "hexadecimal": KEY.encode().hex(),
}


def letters(text: str) -> str:
    return "".join(filter(str.isalnum, text))


def leaks(text: str) -> bool:
    """Whether the key can be read in the text, in one of the forms."""
    encoded = base64.b64encode(KEY.encode()).decode()[4:24]
    return letters(KEY)[:16] in letters(text) or encoded in text or BASIC[10:30] in text or KEY.encode().hex() in text


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_the_key_is_cut_out(form: str) -> None:
    text = redacted(f"It was {FORMS[form]}, you said.", SECRETS)
    assert not leaks(text)
    assert "[key]" in text
    assert text.endswith(", you said.")


@pytest.mark.parametrize(
    "text", ["", "sk-proj", "a key is a key", "\\u0041", "naïve \\u00e9 \\\\u0073", "QWxhZGRpbjpvcGVu"]
)
def test_other_texts_are_left_as_they_are(text: str) -> None:
    assert redacted(text, SECRETS) == text


@given(st.dictionaries(st.text(), st.text() | st.integers() | st.lists(st.text())), st.booleans())
@example({"a": '\\u0073k\x7f"\\'}, True)
def test_json_means_the_same_afterwards(data: dict[str, Any], ascii_only: bool) -> None:
    assert json.loads(redacted(json.dumps(data, ensure_ascii=ascii_only), SECRETS)) == data


@given(st.lists(st.sampled_from([*KEY, KEY[:8], KEY[8:], "word ", "s", "-"]) | st.text(max_size=3)))
@example([KEY[:3], KEY[3:20], KEY[20:], " and more"])
def test_a_text_in_pieces_is_redacted_as_the_whole_text_is(pieces: list[str]) -> None:
    unfinished = UnfinishedText(SECRETS)
    parts = [*(unfinished.add(piece) for piece in pieces), unfinished.add("", last=True)]
    assert not leaks("".join(parts))
    if not leaks("".join(pieces)):
        assert "".join(parts) == "".join(pieces)


def escaped(text: str) -> str:
    """The JSON of the text with an escape for each character."""
    return "".join(f"\\u{ord(character):04x}" for character in text)


def reply_with(text: str) -> bytes:
    choice = {**CHOICE, "finish_reason": text, "message": {"content": f"I got {text}", "reasoning_content": text}}
    return answer({"model": text, "choices": [choice]})


@both_ways
@pytest.mark.parametrize("form", ["bare", "base64", "split by a line end"])
def test_a_reply_that_echoes_the_key_holds_it_nowhere(form: str, way: Way) -> None:
    with Wire(reply_with(FORMS[form])) as wire:
        reply = way(wire.url, ask("m"), api_key=KEY)
    assert reply
    assert not leaks(repr(reply))
    assert "[key]" in repr(reply)


def test_an_escaped_key_in_json_is_found() -> None:
    body = b'{"model": "m", "choices": [{"index": 0, "finish_reason": "stop", "message": {"content": "%s"}}]}'
    with Wire(answer(body % escaped(KEY).encode())) as wire:
        (reply,) = with_endpoint(wire.url, lambda endpoint: endpoint.complete(ask("m")), api_key=KEY)
    assert reply.text == "[key]"


def test_an_escaped_key_in_events_that_were_not_asked_for_is_found() -> None:
    stream = (
        f'"model": "{escaped(KEY)}", "choices": [{{"index": 0, "delta": {{"content": "x"}}, "finish_reason": "stop"}}]'
    )
    with Wire(answer(f"data: {{{stream}}}\n\ndata: [DONE]\n\n".encode())) as wire:
        (reply,) = with_endpoint(wire.url, lambda endpoint: endpoint.complete(ask("m")), api_key=KEY)
    assert (reply.text, reply.model_returned) == ("x", "[key]")


def test_a_stream_that_echoes_the_key_in_pieces_shows_it_nowhere() -> None:
    parts = ["I got ", KEY[:4], KEY[4:15], KEY[15:], " from", " you"]
    events = [{"choices": [{"index": 0, "delta": {"content": part}}]} for part in parts]
    events.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    body = "".join(f"data: {json.dumps(event)}\n\n" for event in events).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: {len(body)}\r\n\r\n"
    with Wire(head.encode() + body) as wire:
        deltas = stream(wire.url, ask("m"), api_key=KEY)
    assert "".join(delta.text for delta in deltas) == "I got [key] from you"
    assert deltas[-1].reply is not None
    assert deltas[-1].reply.text == "I got [key] from you"


@both_ways
@pytest.mark.parametrize("form", FORMS)
def test_an_error_that_quotes_the_key_does_not_tell_it(form: str, way: Way) -> None:
    error = {"error": {"message": f"No {FORMS[form]}.", "code": FORMS[form], "param": FORMS[form]}}
    with Wire(answer(error, "400 Bad Request")) as wire, pytest.raises(EndpointError) as caught:
        way(wire.url, ask("m"), api_key=KEY)
    assert not leaks(f"{caught.value}{caught.value.raw}{caught.value.hint}{caught.value.param}")


def test_the_names_of_models_do_not_tell_it() -> None:
    with Wire(answer({"data": [{"id": f"model-{KEY}"}]})) as wire:
        assert with_endpoint(wire.url, lambda endpoint: endpoint.models(), api_key=KEY) == ["model-[key]"]


def test_words_and_well_known_headers_are_no_secrets() -> None:
    headers = {"anthropic-version": "2023-06-01", "X-Title": "Workbench 2026", "X-Gateway": "t0ken-9911"}
    assert EndpointSettings("x", "http://h/v1", api_key="not-needed", headers=headers).secrets == ("t0ken-9911",)


def test_what_was_echoed_is_in_no_log_database_export(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    def echoed(connection: int, request: int) -> bytes:
        error = answer({"error": {"message": f"{request}: {KEY}"}}, "400 Bad Request")
        return reply_with(f"Authorization: Bearer {KEY}") if request % 2 else error

    with Wire(echoed) as wire:
        monkeypatch.setenv("OPENAI_BASE_URL", wire.url)
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        database = Database()
        run_id = client.submit(database, replace(a_plan(words=6), concurrency=1))
        assert carried_out(database, run_id) == "finished"
        assert errors(database, run_id)
        for form in ("csv", "jsonl", "html", "markdown"):
            save_run(database, run_id, tmp_path / f"out.{form}", form)
    with sqlite3.connect(paths.data_folder() / "promptgrid.db") as connection:
        text = "\n".join(connection.iterdump())
    files = [*home.rglob("*"), *tmp_path.rglob("*")]
    text += "".join(path.read_bytes().decode("utf-8", "replace") for path in files if path.is_file()) + caplog.text
    assert "[key]" in text
    assert KEY not in text
    assert not leaks("".join(caplog.messages))
