"""The Next word page: what it asks, what it shows, and what it says where there is nothing to show."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from promptgrid import connections
from promptgrid.builtin import adapters
from promptgrid.connections import connect
from promptgrid.endpoint import Reply, Request, ScriptedEndpoint
from promptgrid.endpoint.base import Beam, TokenChance, TokenStep
from promptgrid.errors import EndpointError
from promptgrid.nextword.client import _apis
from promptgrid.ui.next_word import state as next_word_state
from promptgrid.ui.next_word.bars import label, percent
from tests.builtin.tuned import random_adapter
from tests.faults.disk import Disk
from tests.running import until
from tests.ui import pages
from tests.ui.pages import ran, shown

LIKELY = (TokenChance(b" a", math.log(0.6)), TokenChance(b"\xe6", math.log(0.3)))


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[AppTest, ScriptedEndpoint]]:
    """The page over a scripted endpoint that is configured as `openai`, on this machine unless a price is to be met."""
    _apis.clear()

    def page(
        replies: Any, *, url: str = "http://127.0.0.1:9/v1", model: str = "openai/own"
    ) -> tuple[AppTest, ScriptedEndpoint]:
        monkeypatch.setenv("OPENAI_BASE_URL", url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-none")
        endpoint = ScriptedEndpoint(replies, name="openai")
        monkeypatch.setattr(connections, "connect", lambda name: endpoint if name == "openai" else connect(name))
        at = pages.page("9_Next_word.py")
        at.session_state["next_model"] = model
        at.session_state["next_text"] = "Once"
        return ran(at), endpoint

    return page


def reply(*tokens: bytes) -> Reply:
    return Reply(
        b"".join(tokens).decode("utf-8", "replace"),
        steps=tuple(TokenStep(token, math.log(0.6), None, LIKELY) for token in tokens),
    )


def press(at: AppTest, key: str) -> AppTest:
    at.button(key=key).click()
    ran(at)
    names = [f"next_call_{name}" for name in next_word_state.CALLS]
    jobs = [at.session_state[name] for name in names if name in at.session_state]
    until(lambda: not any(job.running for job in jobs))
    return ran(at)


def test_what_costs_nothing_is_asked_at_once_and_written_on(opened: Any) -> None:
    at, endpoint = opened(lambda request: reply(*[b" a"] * (request.parameters.max_tokens or 1)))
    assert [request.messages[0].text for request in endpoint.history] == ["Once"]
    assert "fewer alternatives than requested" in shown(at)
    assert at.button(key="next_score").label == "Measure perplexity"
    press(at, "next_write")
    assert len(at.session_state["next_trail"]) == 20
    assert [request.parameters.max_tokens for request in endpoint.history] == [1, 20, 1]
    assert endpoint.history[-1].messages[0].text == "Once" + " a" * 20
    press(at, "next_back")
    assert len(at.session_state["next_trail"]) == 19
    press(at, "next_clear")
    assert at.session_state["next_trail"] == ()
    press(at, "next_word_undo")
    assert len(at.session_state["next_trail"]) == 19
    press(at, "next_example_0")
    assert at.session_state["next_text"] == "The quick brown fox"
    press(at, "next_word_undo")
    assert at.session_state["next_text"] == "Once"
    at.text_area(key="next_text_2").set_value("Twice")
    ran(at)
    assert endpoint.history[-1].messages[0].text == "Twice"


def test_a_call_that_costs_money_waits_for_a_press(opened: Any) -> None:
    at, endpoint = opened(lambda request: reply(b" a"), url="https://api.openai.com/v1", model="openai/gpt-4.1-mini")
    assert not endpoint.history
    assert at.button(key="next_predict").label == "Ask for the next word"
    assert at.button(key="next_score").label == "Measure perplexity · 1 call or more"
    press(at, "next_predict")
    assert len(endpoint.history) == 1
    assert at.button(key="next_write").disabled is False


def test_samples_and_texts_are_counted_at_the_sliders(opened: Any) -> None:
    at, endpoint = opened(lambda request: [reply(b" a")] * request.n)
    at.session_state["next_bars"] = {"sliders": [0.5, 0.9]}
    press(at, "next_sample")
    assert "50 drawn" in shown(at)
    assert {(r.parameters.temperature, r.parameters.top_p) for r in endpoint.history if r.n > 1} == {(0.5, 0.9)}
    press(at, "next_repeat")
    assert "10 sent at temperature 0.5, top_p 0.9: 1 different text" in shown(at)
    assert [code.value for code in at.code] == [" a"]


def test_an_endpoint_without_probabilities_says_why(opened: Any) -> None:
    at, endpoint = opened(lambda request: Reply("Hello ![x](http://127.0.0.1:9/x.png)"))
    assert "returns no probabilities for 'own'" in shown(at)
    assert at.button(key="next_predict").label == "Try again"
    assert at.button(key="next_write").disabled
    calls = len(endpoint.history)
    ran(at)
    assert len(endpoint.history) == calls  # not again by itself


def test_a_given_text_that_cannot_be_scored_says_so(opened: Any) -> None:
    at, _ = opened(lambda request: reply(b" a"))
    press(at, "next_score")
    assert "cannot score a given text" in shown(at)


def test_beams_are_refused_with_the_reason_before_anything_is_sent_and_else_shown(
    opened: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = (Beam(" a", -1.0, 1, -1.0), Beam(" b", -2.0, 1, -2.0))
    at, endpoint = opened(lambda request: Reply(" a", beams=found) if request.parameters.searches else reply(b" a"))
    assert at.button(key="next_beams").label == "Compare beams, greedy and 5 samples · 3 calls"
    sent = len(endpoint.history)
    press(at, "next_beams")
    assert "No beam search by openai/own" in shown(at)
    assert len(endpoint.history) == sent

    async def no_problem(request: Request) -> str:
        return ""

    monkeypatch.setattr(endpoint, "search_problem", no_problem)
    at.selectbox(key="next_beams_width").set_value(2)
    at.number_input(key="next_beams_penalty").set_value(0.5)
    press(at, "next_beams")
    assert len(endpoint.history) == sent + 3
    search = endpoint.history[sent].parameters
    assert (search.beams, search.length_penalty, search.early_stop, search.max_tokens) == (2, 0.5, False, 20)
    assert "steps of the search" in shown(at)


def test_a_chat_model_is_sent_a_message_and_the_page_says_so(opened: Any) -> None:
    def answer(request: Request) -> Any:
        chatty = EndpointError("bad_request", "This is a chat model.", status=404)
        return chatty if request.api == "completion" else reply(b" a")

    at, _ = opened(answer)
    assert "does not continue texts" in shown(at)


def test_no_such_endpoint_is_no_traceback(opened: Any) -> None:
    at, _ = opened(lambda request: reply(b" a"), model="nowhere/at-all")
    assert "No endpoint is named 'nowhere'" in shown(at)


def test_an_empty_text_says_what_to_do(opened: Any) -> None:
    at, endpoint = opened(lambda request: reply(b" a"))
    at.text_area(key="next_text_0").set_value("")
    ran(at)
    assert "There is no text yet" in shown(at)
    assert at.button(key="next_score").disabled
    assert len(endpoint.history) == 1


def test_the_text_is_there_on_the_next_visit(opened: Any) -> None:
    at, _ = opened(lambda request: reply(b" a"))
    at.text_area(key="next_text_0").set_value("Once more")
    ran(at)
    again = pages.page("9_Next_word.py")
    assert ran(again).text_area(key="next_text_0").value == "Once more"


def test_tokens_are_written_so_that_they_can_be_read() -> None:
    assert label(b"\xe6\x97") == {"label": "E6 97", "half": True}
    assert label(b" a") == {"label": "·a", "half": False}
    assert [percent(p) for p in (0.538, 0.0495, 0.00012, 1e-9)] == ["53.8 %", "5 %", "0.012 %", "< 0.0001 %"]


def test_a_text_that_finds_no_room_stays_on_the_screen_and_its_buttons_work(opened: Any, disk: Disk) -> None:
    at, _ = opened(lambda request: reply(b" a"))
    disk.full = True
    at.text_area(key="next_text_0").set_value("Twice")
    ran(at)
    assert "free some space" in at.toast[0].value
    assert at.text_area(key="next_text_0").value == "Twice"
    assert at.button(key="next_write")


def test_base_and_tuned_model_stand_side_by_side(
    builtin_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PROMPTGRID_BUILTIN_MODEL")
    random_adapter("tuned", tmp_path, seed=5)
    try:
        at = pages.page("9_Next_word.py")
        at.session_state["next_model"] = f"{connections.DEFAULT_MODEL}+tuned"
        at.session_state["next_text"] = "Once upon a"
        ran(at)
        until(lambda: "next_call_predict" in at.session_state and at.session_state["next_call_predict"].items)
        ran(at)
        until(lambda: at.session_state["next_call_beside"].items)
        ran(at)
        assert not at.error
        assert at.selectbox(key="next_beside").value == connections.DEFAULT_MODEL
        table = at.dataframe[0].value
        assert list(table.columns) == ["token", "smollm2-135m-instruct+tuned", "smollm2-135m-instruct"]
        assert (table.iloc[:, 1] != table.iloc[:, 2]).any()
        assert "time" in table["token"].str.strip("·␣ ").tolist()
    finally:
        adapters.delete("tuned")
        adapters.empty_bin()
