"""Which tokens a text is made of: ids, bytes, places, lines, and where two tokenizers part."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptgrid import builtin, connections, loop, tokens
from promptgrid.cases.decoding import read_text
from promptgrid.endpoint import EndpointSettings, Token
from promptgrid.endpoint.counting import TokenCounter, spelt
from promptgrid.endpoint.pool import HttpResponse
from promptgrid.errors import PlanError, TextError
from promptgrid.tokens import count, pieces
from promptgrid.tokens.cache import CountCache
from tests.faults.server import HostileServer

BUILTIN = connections.DEFAULT_MODEL
BANANAS = "我喜欢香蕉"
TEXTS = ["", BANANAS, "👩‍👩‍👧 ok\n", "def f(x):\n\n    return '\\t'\n", " \n\t \n", "<|endoftext|> a", "é\u0301\x00"]


@pytest.fixture(autouse=True)
def _nothing_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(count, "_memory", CountCache(count.REMEMBERED))
    monkeypatch.setattr(count, "_silent", {})
    monkeypatch.setattr(pieces, "_latest", {})


def shown(text: str, ref: str) -> list[tuple[str | bytes, int, int]]:
    return [(piece.text or piece.data, piece.start, piece.end) for piece in tokens.tokenize(text, ref).pieces()]


@pytest.mark.parametrize(
    ("name", "text", "ids"),
    [
        ("o200k_base", BANANAS, [7522, 69681, 17745]),
        ("cl100k_base", "hello world", [15339, 1917]),
        ("cl100k_base", "rer", [38149]),
        ("cl100k_base", "'rer", [2351, 81]),
        ("cl100k_base", "today\n ", [31213, 198, 220]),
        ("cl100k_base", "today\n \n", [31213, 27907]),
        ("cl100k_base", "today\n  \n", [31213, 14211]),
        ("cl100k_base", " \x850", [220, 126, 227, 15]),
        ("cl100k_base", "👍", [9468, 239, 235]),
        ("r50k_base", "hello world", [31373, 995]),
        ("p50k_base", "hello world", [31373, 995]),
        ("gpt2", "hello world", [31373, 995]),
        *(("gpt2", "0" * n, ids) for n, ids in {1: [15], 2: [405], 3: [830], 4: [2388], 5: [20483]}.items()),
    ],
)
def test_published_vectors_come_out(name: str, text: str, ids: list[int]) -> None:
    if tokens.ENCODINGS[name] in ("r50k_base", "p50k_base") and tokens.encoding(name) is None:
        pytest.skip(f"The vocabulary of {name} is not on this machine")
    tokenization = tokens.tokenize(text, name)
    assert tokenization.ids.tolist() == ids
    assert tokenization.count == tokens.count_in(name, text) == tokens.Count(len(ids), True)


def test_half_characters_are_bytes_with_their_place() -> None:
    assert shown("我喜", "cl100k_base") == [("我", 0, 1), (b"\xe5\x96", 1, 2), (b"\x9c", 1, 2)]
    assert shown(BANANAS, "o200k_base") == [("我", 0, 1), ("喜欢", 1, 3), ("香蕉", 3, 5)]


def test_control_signs_in_a_text_are_text_for_openai() -> None:
    tokenization = tokens.tokenize("<|endoftext|>", "o200k_base")
    assert len(tokenization.ids) == 7
    assert not tokenization.signs


@pytest.mark.parametrize("name", ["o200k_base", "cl100k_base"])
@pytest.mark.parametrize("text", [*TEXTS, "我\n" * 3000 + "🍌x" * 2000])
def test_the_pieces_are_the_text(name: str, text: str) -> None:
    tokenization = tokens.tokenize(text, name)
    whole = tokens.encoding(name)
    assert whole is not None
    assert tokenization.ids.tolist() == whole.encode_ordinary(text)
    every = tokenization.pieces()
    assert b"".join(piece.data for piece in every).decode() == text
    assert [piece.data for piece in every] == whole.decode_tokens_bytes(tokenization.ids.tolist())
    assert all(text[piece.start : piece.end] == piece.text for piece in every if piece.text is not None)
    assert tokenization.located


@settings(max_examples=60, deadline=None)
@given(text=st.text(alphabet="a我🍌é\n ", max_size=40), first=st.integers(0, 30), most=st.integers(0, 9))
def test_a_window_has_the_same_pieces_as_the_whole(text: str, first: int, most: int) -> None:
    tokenization = tokens.tokenize(text, "cl100k_base")
    assert tokenization.pieces(first, most) == tokenization.pieces()[first : first + most]


def test_lone_surrogates_are_replaced_as_in_a_request() -> None:
    tokenization = tokens.tokenize("a\ud800b", "o200k_base")
    assert tokenization.text == "a\ufffdb"
    assert tokenization.located


@pytest.mark.parametrize("name", ["o200k_base", "cl100k_base"])
@pytest.mark.parametrize("text", TEXTS)
def test_lines_add_up_to_the_whole(name: str, text: str) -> None:
    tokenization = tokens.tokenize(text, name)
    lines = tokenization.by_line()
    assert len(lines) == text.count("\n") + 1
    assert sum(lines) == len(tokenization.ids)


def test_a_token_over_two_lines_counts_where_it_begins() -> None:
    assert shown("a\n\nb", "cl100k_base")[1] == ("\n\n", 1, 3)
    assert tokens.tokenize("a\n\nb", "cl100k_base").by_line() == [2, 0, 1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("the same", None),
        ("", None),
        ("hi 我喜欢", tokens.Difference(2, 1, 1)),
        ("我喜", tokens.Difference(1, 1, 1)),
    ],
)
def test_where_two_tokenizers_part(text: str, expected: tokens.Difference | None) -> None:
    one, other = (tokens.tokenize(text, name) for name in ("o200k_base", "cl100k_base"))
    assert tokens.first_difference(one, other) == expected
    assert tokens.first_difference(one, one) is None


def test_an_unknown_encoding_is_named() -> None:
    with pytest.raises(PlanError, match="o300k_base"):
        tokens.tokenize("x", "o300k_base")


def test_the_built_in_model_shows_its_own_tokens_and_signs(builtin_home: object) -> None:
    builtin.ensure()
    tokenization = tokens.tokenize(f"{BANANAS}<|im_end|><b>", BUILTIN)
    assert tokenization.count == tokens.count_text(f"{BANANAS}<|im_end|><b>", BUILTIN)
    assert b"".join(piece.data for piece in tokenization.pieces()).decode() == tokenization.text
    assert [piece.text for piece in tokenization.pieces() if piece.sign] == ["<|im_end|>"]
    beside = tokens.tokenize("a <|im_end|> b", BUILTIN)  # the blanks are cut otherwise in a plain text
    assert [piece.text for piece in beside.pieces() if piece.sign] == ["<|im_end|>"]


def test_a_built_in_model_that_is_not_running_is_not_started(weights: object) -> None:
    tokenization = tokens.tokenize("Hello there\n12345", BUILTIN)
    assert (len(tokenization.ids), tokenization.count.exact, tokenization.by_line()) == (0, False, [3, 2])
    assert not builtin.running()


@pytest.mark.parametrize("kind", ["llama.cpp", "vllm"])
def test_a_server_that_tells_its_tokens_is_asked_once(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with HostileServer(kind=kind) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        assert shown("two words", "openai/local") == [("two", 0, 3), (" words", 3, 9)]
        requests = len(server.requests)
        assert tokens.tokenize("two words", "openai/local").count == tokens.count_text("two words", "openai/local")
        assert len(server.requests) == requests


def test_a_server_without_a_tokenizer_leaves_the_estimate(
    hostile: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", hostile.url)
    tokenization = tokens.tokenize("two words", "openai/local")
    assert (tokenization.pieces(), tokenization.count.exact) == ([], False)
    guessed = tokens.tokenize("two words", "openai/gpt-4o")
    assert ([piece.text for piece in guessed.pieces()], guessed.count.exact) == (["two", " words"], False)


class Pool:
    """Answers /tokenize from a list."""

    def __init__(self, answer: Callable[[Mapping[str, Any]], Any]) -> None:
        self.answer = answer

    async def ask(self, url: str, body: bytes) -> HttpResponse:
        tokens_json = self.answer(json.loads(body))
        return HttpResponse(200 if tokens_json is not None else 400, {}, json.dumps(tokens_json or {}))


def cut(answer: Callable[[Mapping[str, Any]], Any], text: str = "ab") -> list[Token] | None:
    counter = TokenCounter(EndpointSettings("local", "http://127.0.0.1:1/v1"))
    return loop.run_sync(counter.tokens(Pool(answer), "m", text))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"tokens": "ab"},
        {"tokens": [{"id": "1", "piece": "ab"}]},
        {"tokens": [{"id": 1}]},
        {"tokens": [1, 2], "token_strs": ["ab"], "count": 2},
        {"tokens": [1, 2], "token_strs": ["a", "x"], "count": 2},
        {"tokens": [True], "token_strs": ["ab"], "count": 1},
        {"tokens": [1], "token_strs": [None], "count": 1},
    ],
)
def test_what_a_server_must_not_answer_is_no_tokenization(answer: Any) -> None:
    assert cut(lambda question: answer) is None


def test_what_looks_like_a_sign_and_is_a_word_stays_a_word() -> None:
    def answer(question: Mapping[str, Any]) -> Any:
        if not question.get("with_pieces"):
            return {"tokens": [7, 60, 115, 62]}
        return {"tokens": [{"id": 7, "piece": "<b>"}, {"id": 2, "piece": "<s>"}]}

    assert cut(answer, "<b><s>") == [Token(7, b"<b>"), Token(2, b"<s>", sign=True)]


@pytest.mark.parametrize(
    ("strings", "text", "data"),
    [
        (["<s>", "Hi", "Ġé", "Ċ"], "Hi \u0129", None),
        (["<|bos|>", "Hi", "ĠÃ©", "Ċ"], "Hi é\n", [b"<|bos|>", b"Hi", " é".encode(), b"\n"]),
        (["<s>", "▁Hi", "<0xE9>", "<0xA6>", "<0x99>"], "Hi香", [b"<s>", b" Hi", b"\xe9", b"\xa6", b"\x99"]),
    ],
)
def test_spellings_of_vocabularies_are_read_or_refused(
    strings: Sequence[str], text: str, data: list[bytes] | None
) -> None:
    assert spelt(strings, text) == data


def test_tokens_beside_the_text_have_no_place_in_it() -> None:
    server_tokens = [Token(1, b"<s>"), Token(5, b" Hi"), Token(6, b" there"), Token(2, b"</s>")]
    tokenization = pieces._locate("local/m", "Hi there", server_tokens)
    assert tokenization.located
    assert [(p.start, p.end, p.beside) for p in tokenization.pieces()] == [
        (0, 0, True),
        (0, 2, False),
        (2, 8, False),
        (8, 8, True),
    ]
    assert [p.data for p in tokenization.pieces(2)] == [b" there", b"</s>"]
    assert not pieces._locate("local/m", "ﬁ", [Token(1, b"fi")]).located


def test_a_file_that_is_not_utf8_is_refused_with_the_place() -> None:
    assert read_text("\ufeffäöü 我".encode(), "a.txt") == "äöü 我"
    with pytest.raises(TextError, match=r"a\.txt is not UTF-8: byte 8 \(line 2\) is 0xFF"):
        read_text(b"first\n \xff", "a.txt")
    with pytest.raises(TextError, match="looks like UTF-16"):
        read_text("text".encode("utf-16"), "a.txt")
    with pytest.raises(TextError, match=r"byte 2 .*0xE6"):
        read_text("a我".encode()[:3], "cut.txt")
