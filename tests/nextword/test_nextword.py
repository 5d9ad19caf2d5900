"""The next word: distributions and their reshaping, what endpoints tell of tokens, and the built-in model's own."""

from __future__ import annotations

import json
import math
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from promptgrid import connections, loop, nextword
from promptgrid.cli import main
from promptgrid.connections import DEFAULT_MODEL
from promptgrid.endpoint import Reply, Request, ScriptedEndpoint, llama_cpp, wire
from promptgrid.endpoint.base import TokenChance, TokenStep
from promptgrid.endpoint.logprobs import read_steps
from promptgrid.endpoint.replies import replies
from promptgrid.errors import EndpointError, PlanError
from promptgrid.models import learned
from promptgrid.nextword import Asker, Chances, Continuation, reshape
from promptgrid.nextword.asking import _apis
from promptgrid.prompt import Message
from promptgrid.store import Database, schema, stored_replies

SOME = Chances(tuple(TokenChance(f" w{i}".encode(), math.log(p), i) for i, p in enumerate((0.5, 0.2, 0.1))))
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(
        st.sampled_from(["content", "token", "bytes", "logprob", "top_logprobs", "tokens", "token_logprobs"]), inner
    ),
)  # fmt: skip


def chances(probabilities: Sequence[float]) -> Chances:
    return Chances(tuple(TokenChance(b"%d" % i, math.log(p), i) for i, p in enumerate(probabilities)))


class TestReshape:
    def test_at_temperature_1_everything_is_as_the_model_holds_it(self) -> None:
        shares = reshape(SOME, 1.0)
        assert [share.low for share in shares.tokens] == pytest.approx([0.5, 0.2, 0.1])
        assert [share.high for share in shares.tokens] == pytest.approx([0.5, 0.2, 0.1])
        assert shares.rest.middle == pytest.approx(SOME.rest) == pytest.approx(0.2)

    def test_at_temperature_0_the_likeliest_has_it_all(self) -> None:
        shares = reshape(SOME, 0.0)
        assert [share.low for share in shares.tokens] == [1.0, 0.0, 0.0]
        assert shares.rest.high == 0

    def test_the_formula_by_hand_where_nothing_is_hidden(self) -> None:
        weights = [math.sqrt(p) for p in (0.7, 0.2, 0.1)]
        shares = reshape(chances([0.7, 0.2, 0.1]), 2.0)
        assert [s.low for s in shares.tokens] == pytest.approx([w / sum(weights) for w in weights])
        assert [s.high for s in shares.tokens] == pytest.approx([w / sum(weights) for w in weights])

    def test_top_p_keeps_the_fewest_that_hold_it_after_the_temperature(self) -> None:
        assert [s.middle for s in reshape(chances([0.5, 0.3, 0.2]), 1.0, 0.5).tokens] == pytest.approx([1, 0, 0])
        assert [s.middle for s in reshape(chances([0.5, 0.3, 0.2]), 1.0, 0.51).tokens] == pytest.approx(
            [0.625, 0.375, 0]
        )
        # the square root leaves the first 0.416: it does not hold half any more
        assert [s.middle > 0 for s in reshape(chances([0.5, 0.3, 0.2]), 2.0, 0.5).tokens] == [True, True, False]

    def test_where_the_rest_decides_nothing_is_claimed(self) -> None:
        hot = reshape(SOME, 1.9, vocabulary=50_000)
        assert hot.tokens[0].low < 0.05 < hot.tokens[0].high
        assert hot.rest.low < hot.rest.high
        assert None in reshape(SOME, 1.9, 0.5, vocabulary=50_000).kept

    def test_nothing_shown_is_all_rest(self) -> None:
        assert reshape(Chances(()), 0.7).rest.low == 1

    @given(
        st.lists(st.floats(1e-6, 1.0), min_size=2, max_size=40),
        st.integers(1, 39),
        st.floats(0.05, 2.0),
        st.floats(0.05, 1.0),
    )
    def test_the_truth_lies_within_what_is_told(
        self, weights: list[float], count: int, temperature: float, top_p: float
    ) -> None:
        whole = sorted((weight / sum(weights) for weight in weights), reverse=True)
        truth = reshape(chances(whole), temperature, top_p, len(whole))
        told = reshape(chances(whole[:count]), temperature, top_p, len(whole))
        for true, share in zip(truth.tokens, told.tokens, strict=False):
            assert share.low - 1e-6 <= true.middle <= share.high + 1e-6
        for share in (*told.tokens, told.rest):
            assert 0 <= share.low <= share.high <= 1 + 1e-9


def chat(*tokens: dict[str, Any]) -> dict[str, Any]:
    return {"content": list(tokens)}


class TestRead:
    def test_the_form_of_chat_completions(self) -> None:
        told = {
            "token": "�",
            "bytes": [230, 151],
            "logprob": -0.5,
            "top_logprobs": [{"token": "b", "bytes": None, "logprob": -3.0}, {"token": "a", "logprob": -1.0, "id": 7}],
        }
        likely = (TokenChance(b"a", -1.0, 7), TokenChance(b"b", -3.0))
        assert read_steps(chat(told)) == (TokenStep(b"\xe6\x97", -0.5, None, likely),)

    def test_the_lists_of_legacy_completions(self) -> None:
        told = {
            "tokens": ["bytes:\\xe6\\x97", " is"],
            "token_logprobs": [None, -1.5],
            "top_logprobs": [None, {" is": -1.5, "<0xE6>": -2.5}],
        }
        likely = (TokenChance(b" is", -1.5), TokenChance(b"\xe6", -2.5))
        assert read_steps(told) == (TokenStep(b"\xe6\x97", None), TokenStep(b" is", -1.5, None, likely))

    @pytest.mark.parametrize("value", [math.nan, "x", True, None, 3.0])
    def test_what_is_no_probability_is_none(self, value: object) -> None:
        (step,) = read_steps(chat({"token": "a", "logprob": value, "top_logprobs": [{"token": "b", "logprob": value}]}))
        assert (step.logprob, step.likely) == (None, ())

    @given(ANY_JSON)
    def test_whatever_comes_is_steps(self, told: Any) -> None:
        for step in read_steps(told):
            assert isinstance(step.data, bytes)
            assert step.logprob is None or step.logprob <= 0

    def test_a_reply_carries_its_steps(self) -> None:
        choice = {"text": "a", "finish_reason": "length", "logprobs": chat({"token": "a", "logprob": -1})}
        (reply,) = replies(json.dumps({"choices": [choice]}), 1)
        assert reply.steps == (TokenStep(b"a", -1.0),)

    def test_the_request_is_written_in_the_words_of_either_api(self) -> None:
        text = (Message("user", "Hi"),)
        asked = wire.body(Request("m", text, logprobs=5), "max_tokens")
        assert (asked["logprobs"], asked["top_logprobs"]) == (True, 5)
        asked = wire.body(Request("m", text, "completion", logprobs=5), "max_tokens")
        assert asked["logprobs"] == 5
        assert "top_logprobs" not in asked
        assert "logprobs" not in wire.body(Request("m", text), "max_tokens")


class TestLlamaCpp:
    """By what its server says; the real one answers below."""

    def entry(self, number: int, data: bytes, *likely: tuple[int, bytes]) -> dict[str, Any]:
        others = [{"id": i, "token": "", "bytes": list(d), "logprob": -1.0} for i, d in likely]
        return {"id": number, "token": "", "bytes": list(data), "logprob": -0.5, "top_logprobs": others}

    def steps(self, tokens: list[int], *told: dict[str, Any], text: str = "x") -> list[tuple[int | None, bytes, Any]]:
        answer = {"content": text, "tokens": tokens, "completion_probabilities": list(told), "stop_type": "limit"}
        (reply,) = llama_cpp.replies(json.dumps(answer), 1)
        return [(step.id, step.data, step.logprob) for step in reply.steps]

    def test_the_parts_of_a_character_are_there_though_untold(self) -> None:
        told = self.entry(115, "日".encode(), (115, b"\xa5"))
        assert self.steps([23, 115], told) == [(23, b"", None), (115, b"\xa5", -0.5)]

    def test_of_two_alike_the_later_one_completes_the_character(self) -> None:
        told = self.entry(98, "😘".encode(), (98, b"\x98"))
        assert self.steps([10, 98, 98], told) == [(10, b"", None), (98, b"", None), (98, b"\x98", -0.5)]

    def test_a_reply_cut_inside_a_character(self) -> None:
        told = self.entry(7, b"a", (7, b"a"))
        assert self.steps([7, 10], told, text="a�") == [(7, b"a", -0.5), (10, b"", None)]

    def test_an_answer_without_text_is_told(self) -> None:
        for text in ("{}", "nonsense", "[1]", '{"content": 1}'):
            with pytest.raises(EndpointError, match="no text"):
                llama_cpp.replies(text, 1)


class TestPieces:
    @pytest.mark.parametrize(
        ("data", "shown"),
        [
            (b" with", "·with"),
            ("我".encode(), "我"),
            (b"\xe6\x97", "‹E6 97›"),
            (b"a\n", "a↵"),
            (b"", "(end or control)"),
            ("\u202e\x1b".encode(), "‹U+202E›‹U+001B›"),
        ],
    )
    def test_every_token_can_be_read(self, data: bytes, shown: str) -> None:
        assert nextword.shown(data) == shown

    @pytest.mark.parametrize(
        ("before", "data", "makes"),
        [
            (b"\xe6\x97", b"\xa5", "日"),
            (b"a\xf0\x9f", b"\x98\x98!", "😘"),
            (b"\xf0", b"\x9f", ""),
            ("日".encode(), b"\xa5", ""),
            (b"a", b"b", ""),
            (b"\xe6\x97", b"a", ""),
            (b"", b"", ""),
        ],
    )
    def test_what_completes_a_character_says_which(self, before: bytes, data: bytes, makes: str) -> None:
        assert nextword.completed(before, data) == makes

    def test_a_place_inside_a_character_is_no_text(self) -> None:
        inside = Continuation("我", (TokenStep(b"\xe6\x97", -1.0, 5),))
        with pytest.raises(PlanError, match="inside a character"):
            inside.whole_text()
        assert inside.after([TokenStep(b"\xa5", -1.0, 6)]).whole_text() == "我日"
        assert inside.back() == Continuation("我") == Continuation("我").back()


def test_surprise_and_perplexity() -> None:
    assert nextword.bits(math.log(0.25)) == pytest.approx(2)
    steps = [TokenStep(b"a", None), TokenStep(b"b", math.log(0.5)), TokenStep(b"c", math.log(0.125))]
    assert nextword.perplexity(steps) == pytest.approx(4)
    assert nextword.perplexity([TokenStep(b"a", None)]) is None
    assert nextword.perplexity([TokenStep(b"a", -9999.0)]) == math.inf


def test_samples_are_held_against_the_curve() -> None:
    times = {0: 30, 1: 9, 2: 25, 77: 10}
    drawn = [*(TokenStep(b"", None, token) for token, count in times.items() for _ in range(count)), None, None, None]
    found = nextword.tally(SOME, reshape(SOME, 1.0), drawn)
    assert (found.drawn, found.counts, found.others, found.untold) == (74, (30, 9, 25), 10, 3)
    assert found.within == (True, True, False)  # 25 of 74 for a token of 10 %
    assert found.others_within
    assert found.met == 2


Said = Callable[[Request], Any]


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Asker, ScriptedEndpoint]]:
    """An Asker over a scripted endpoint that is configured as `openai`."""
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    _apis.clear()

    def made(script: Said, database: Database | None = None) -> tuple[Asker, ScriptedEndpoint]:
        endpoint = ScriptedEndpoint(script, name="openai")
        monkeypatch.setattr(connections, "connect", lambda name: endpoint)
        return Asker("openai/ft-own", database), endpoint

    return made


def reply(*tokens: str, api: str = "chat") -> Reply:
    likely = (TokenChance(b" a", math.log(0.6)), TokenChance(b" b", math.log(0.3)))
    return Reply(
        "".join(tokens), steps=tuple(TokenStep(token.encode(), math.log(0.6), None, likely) for token in tokens)
    )


def run(coroutine: Any) -> Any:
    return loop.run_sync(coroutine)


async def all_of(items: AsyncIterator[Any]) -> list[Any]:
    return [item async for item in items]


class TestOtherEndpoints:
    def test_a_text_is_continued_where_that_brings_probabilities(self, scripted: Any) -> None:
        asker, endpoint = scripted(lambda request: reply(" a"))
        seen = run(nextword.look(asker, Continuation("Once")))
        assert [token.data for token in seen.chances.tokens] == [b" a", b" b"]
        assert seen.chances.rest == pytest.approx(0.1)
        assert (seen.api, seen.fewer) == ("completion", True)
        assert endpoint.history[0].temperature == 1.0  # so that what is told is the model's own, whoever tells it

    def test_else_as_a_message_and_that_is_known_from_then_on(self, scripted: Any) -> None:
        def said(request: Request) -> Any:
            chatty = EndpointError("bad_request", "This is a chat model.", status=404)
            return chatty if request.api == "completion" else reply(" a")

        asker, endpoint = scripted(said)
        assert run(nextword.look(asker, Continuation("Once"))).api == "chat"
        run(nextword.look(asker, Continuation("Once").after([TokenStep(b" upon", -1.0)])))
        assert [(r.api, r.messages[0].text) for r in endpoint.history] == [
            ("completion", "Once"), ("chat", "Once"), ("chat", "Once upon"),
        ]  # fmt: skip

    def test_fewer_are_asked_for_where_so_many_are_refused(self, scripted: Any) -> None:
        def said(request: Request) -> Any:
            many = EndpointError("refused_parameter", "top_logprobs must be at most 5.", param="top_logprobs")
            return many if request.logprobs == 20 else reply(" a")

        asker, endpoint = scripted(said)
        assert run(nextword.look(asker, Continuation("Once"))).chances.tokens
        assert [request.logprobs for request in endpoint.history] == [20, 5]

    def test_an_endpoint_that_ignores_them_is_named(self, scripted: Any) -> None:
        asker, _ = scripted(lambda request: Reply("Hello"))
        with pytest.raises(EndpointError, match=r"openai tells no probabilities for 'ft-own'.*ignores|without them"):
            run(nextword.look(asker, Continuation("Once")))

    def test_a_refusal_is_learned_and_told_without_another_call(self, scripted: Any) -> None:
        refused = EndpointError("refused_parameter", "logprobs is not supported with this model.", param="logprobs")
        asker, _ = scripted(lambda request: refused)
        with pytest.raises(EndpointError, match="not supported"):
            run(nextword.look(asker, Continuation("Once")))
        assert [r.parameter for r in learned.all_refusals()] == ["logprobs"]

    @pytest.mark.parametrize("kind", ["auth", "connection", "rate_limited"])
    def test_what_has_nothing_to_do_with_it_is_told_as_it_is(self, scripted: Any, kind: Any) -> None:
        asker, endpoint = scripted(lambda request: EndpointError(kind, "No."))
        with pytest.raises(EndpointError, match=r"^No\.$"):
            run(nextword.look(asker, Continuation("Once")))
        assert len(endpoint.history) == 1

    def test_half_a_character_cannot_be_sent_as_text(self, scripted: Any) -> None:
        asker, endpoint = scripted(lambda request: reply(" a"))
        with pytest.raises(PlanError, match="takes text only"):
            run(nextword.look(asker, Continuation("Once").after([TokenStep(b"\xe6", -1.0)])))
        assert not endpoint.history

    def test_a_text_is_scored_by_its_echo_or_not_at_all(self, scripted: Any) -> None:
        asker, _ = scripted(lambda request: reply("Once", " upon", " a") if request.extra_body else reply(" a"))
        told = run(all_of(nextword.scored(asker, "Once upon")))
        assert [(step.data, count) for step, count in told] == [(b"Once", 2), (b" upon", 2)]
        asker, _ = scripted(lambda request: reply(" a"))  # ignores echo, as many do
        with pytest.raises(EndpointError, match="cannot say how likely a given text is"):
            run(all_of(nextword.scored(asker, "Once upon")))

    def test_samples_come_as_many_a_call_as_the_endpoint_allows(self, scripted: Any, home: Any) -> None:
        database = Database()
        asker, endpoint = scripted(lambda request: [reply(" a")] * request.n, database)
        told = run(
            all_of(nextword.sampled(asker, Continuation("Once"), 20, temperature=0.7, top_p=0.9, api="completion"))
        )
        assert [len(some) for some in told] == [8, 8, 4] == [request.n for request in endpoint.history]
        assert {(r.temperature, r.top_p, r.max_tokens) for r in endpoint.history} == {(0.7, 0.9, 1)}
        with database.read() as connection:
            assert connection.scalar(sa.select(sa.func.count()).select_from(schema.replies)) == 20
        assert (
            stored_replies.seconds_per_reply(database, "openai", "ft-own") is None
        )  # says nothing of how long a reply takes
        database.close()


@pytest.mark.usefixtures("builtin_home")
class TestBuiltin:
    def test_looks_repeat_themselves_and_add_up(self) -> None:
        asker = Asker(DEFAULT_MODEL)
        first, again = (run(nextword.look(asker, Continuation("The quick brown fox"))) for _ in range(2))
        assert first.chances == again.chances
        assert not first.fewer
        assert len(first.chances.tokens) == 1000
        assert 0 < first.chances.rest < 0.1
        every = run(nextword.look(asker, Continuation("The quick brown fox"), every=True))
        assert len(every.chances.tokens) == 49_152
        assert every.chances.rest < 1e-3
        assert [t.id for t in every.chances.tokens[:20]] == [t.id for t in first.chances.tokens[:20]]

    def test_half_characters_are_chosen_written_and_gone_on_from(self) -> None:
        asker, place = Asker(DEFAULT_MODEL), Continuation("我今天真")
        seen = run(nextword.look(asker, place))
        half = next(token for token in seen.chances.tokens if not nextword.is_whole(token.data))
        inside = place.after([TokenStep(half.data, half.logprob, half.id)])
        following = run(nextword.look(asker, inside)).chances.tokens[0]
        assert not nextword.is_whole(following.data)  # the character's next part
        steps = run(nextword.written(asker, place, 8, temperature=0.0))
        assert len(steps) == 8
        assert all(step.logprob is not None and step.data and len(step.likely) == 10 for step in steps)
        assert any(not nextword.is_whole(step.data) for step in steps)
        assert steps[0].id == seen.chances.tokens[0].id  # at temperature 0 the likeliest

    def test_a_scored_text_says_of_each_token_what_a_look_says(self) -> None:
        asker = Asker(DEFAULT_MODEL)
        told = run(all_of(nextword.scored(asker, "The fox 我")))
        steps = [step for step, _ in told]
        assert steps[0].logprob is None
        assert {count for _, count in told} == {len(steps)}
        assert b"".join(step.data for step in steps) == "The fox 我".encode()
        for number in (1, 2, len(steps) - 1):
            chances = run(nextword.look(asker, Continuation("", tuple(steps[:number])), every=True)).chances
            looked = next(token.logprob for token in chances.tokens if token.id == steps[number].id)
            assert steps[number].logprob == pytest.approx(looked, abs=0.3)  # how a prefix was read shows a little
        assert (nextword.perplexity(steps) or 0) > 1

    def test_samples_meet_the_curve(self) -> None:
        asker, place = Asker(DEFAULT_MODEL), Continuation("The quick brown fox")
        chances = run(nextword.look(asker, place)).chances
        drawn: list[Any] = []
        for some in run(all_of(nextword.sampled(asker, place, 40, temperature=1.0, top_p=0.6, api="completion"))):
            drawn += some
        shares = reshape(chances, 1.0, 0.6)
        allowed = {token.id for token, kept in zip(chances.tokens, shares.kept, strict=True) if kept is not False}
        assert len(drawn) == 40
        assert {step.id for step in drawn} <= allowed
        drawn = run(all_of(nextword.sampled(asker, place, 3, temperature=0.0, top_p=1.0, api="completion")))[0]
        assert {step.id for step in drawn} == {chances.tokens[0].id}

    def test_the_same_prompt_many_times(self) -> None:
        told = run(
            all_of(
                nextword.repeated(
                    Asker(DEFAULT_MODEL), Continuation("Hi"), 3, temperature=0.0, top_p=1.0, api="completion"
                )
            )
        )
        texts = [text for some in told for text in some]
        assert len(texts) == 3
        assert len(set(texts)) == 1


class TestCommand:
    def test_next_lists_the_likeliest(self, scripted: Any) -> None:
        scripted(lambda request: reply(" a"))
        told = CliRunner().invoke(main, ["next", "Once", "--model", "openai/ft-own", "--json"])
        assert told.exit_code == 0, told.output
        found = json.loads(told.output)
        assert [(row["token"], round(row["low"], 3)) for row in found["tokens"]] == [(" a", 0.6), (" b", 0.3)]
        assert (found["sent_as"], round(found["not_told"]["low"], 3)) == ("completion", 0.1)
        told = CliRunner().invoke(main, ["next", "Once", "--model", "openai/ft-own", "--top", "1", "--top-p", "0.5"])
        assert told.output.split() == ["100.00", "%", "·a"]

    def test_a_range_says_what_it_comes_from(self, scripted: Any) -> None:
        scripted(lambda request: reply(" a"))
        told = CliRunner().invoke(main, ["next", "Once", "--model", "openai/ft-own", "--temperature", "1.5"])
        assert " to " in told.stdout
        assert "2 tokens told; they hold 90.0 % at temperature 1" in told.stderr

    def test_a_text_that_is_not_utf_8_is_refused_with_the_place(self, scripted: Any) -> None:
        told = CliRunner().invoke(main, ["next", b"abc\xff".decode("utf-8", "surrogateescape")])
        assert told.exit_code == 2
        assert "The text is not UTF-8: byte 4 (line 1) is 0xFF" in told.output

    def test_an_endpoint_without_probabilities_is_one_sentence(self, scripted: Any) -> None:
        scripted(lambda request: Reply("Hello"))
        told = CliRunner().invoke(main, ["next", "Once", "--model", "openai/ft-own"])
        assert told.exit_code == 2
        assert "tells no probabilities" in told.output
