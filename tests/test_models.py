"""Facts, prices and what becomes of a temperature."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from promptgrid.errors import PromptgridError
from promptgrid.models import LongPrice, ModelFacts, cost_usd, facts, spellings, temperature_sent, token_parameter

OPENAI = "https://api.openai.com/v1"


@pytest.fixture
def users(home: Path) -> Path:
    (home / "config").mkdir(parents=True)
    return home / "config" / "models.toml"


def test_a_listed_model_has_price_context_and_encoding() -> None:
    found = facts("gpt-4o-mini", OPENAI)
    assert found.known
    assert not found.free
    assert (found.context, found.max_output, found.encoding) == (128_000, 16_384, "o200k_base")
    assert found.input_price is not None
    assert found.output_price is not None
    assert found.input_price < found.output_price
    assert "genai-prices" in found.source
    assert found.price_date >= "2026"


@pytest.mark.parametrize(
    ("name", "same_as"),
    [
        ("gpt-4o-2024-08-06", "gpt-4o"),
        ("openai/gpt-4o", "gpt-4o"),
        ("ft:gpt-4o-2024-08-06:mine::abc", "gpt-4o"),
        ("GPT-4o", "gpt-4o"),
        ("gpt-3.5-turbo-0125", "gpt-3.5-turbo"),
        ("gpt-5-chat-latest", "gpt-5-chat"),
        ("o3-2025-04-16", "o3"),
    ],
)
def test_other_spellings_find_the_same_row(name: str, same_as: str) -> None:
    found, expected = facts(name), facts(same_as)
    assert expected.known
    assert (found.context, found.encoding, found.temperature) == (
        expected.context,
        expected.encoding,
        expected.temperature,
    )
    assert found.model == name


@pytest.mark.parametrize(
    ("name", "encoding"),
    [
        ("gpt-6.5-nova", "o200k_base"),
        ("gpt-4o-strange", "o200k_base"),
        ("gpt-4-strange", "cl100k_base"),
        ("gpt-oss:20b", "o200k_harmony"),
        ("o4-maxi", "o200k_base"),
        ("oyster", ""),
        ("llama3.2:3b", ""),
    ],
)
def test_a_new_name_gets_its_familys_encoding_at_most(name: str, encoding: str) -> None:
    assert facts(name).encoding == encoding
    assert facts(name).context is None or name.startswith("gpt-oss")


def test_an_unknown_model_is_no_error_and_its_price_is_not_zero() -> None:
    found = facts("mystery", "https://gateway.example/v1")
    assert found == ModelFacts("mystery")
    assert cost_usd(found, 1000, 1000) is None


def test_an_openai_name_elsewhere_does_not_get_openais_price() -> None:
    assert facts("gpt-4o", "https://gateway.example/v1").input_price is None
    assert facts("gpt-4o").input_price is None


def test_loopback_is_free_whatever_the_name() -> None:
    found = facts("gpt-4o", "http://localhost:4000/v1")
    assert found.free
    assert found.input_price is None
    assert cost_usd(found, 10**6, 10**6) == 0.0
    assert not facts("gpt-4o", "http://localhost:4000/v1", free=False).free


def test_a_fine_tuned_model_does_not_get_the_price_of_its_base() -> None:
    assert facts("ft:gpt-4.1-mini:mine::abc", OPENAI).input_price is None
    tuned, base = facts("ft:gpt-4o-2024-08-06:mine::abc", OPENAI), facts("gpt-4o", OPENAI)
    assert tuned.input_price is not None
    assert base.input_price is not None
    assert tuned.input_price > base.input_price


def test_the_cost_is_per_million_and_cached_tokens_are_cheaper() -> None:
    priced = ModelFacts("m", input_price=Decimal(2), output_price=Decimal(10), cached_price=Decimal("0.5"))
    assert cost_usd(priced, 1_000_000, 100_000) == 3.0
    assert cost_usd(priced, 1_000_000, 0, cached_tokens=400_000) == 1.4
    assert cost_usd(priced, 100, 0, cached_tokens=10**9) == cost_usd(priced, 100, 0, cached_tokens=100)
    assert cost_usd(ModelFacts("m", input_price=Decimal(2), output_price=Decimal(10)), 10**6, 0, 10**6) == 2.0


def test_a_long_prompt_pays_its_own_price_for_all_tokens() -> None:
    longer = LongPrice(1000, Decimal(4), Decimal(20))
    priced = ModelFacts("m", input_price=Decimal(2), output_price=Decimal(10), long_prices=(longer,))
    assert cost_usd(priced, 1000, 100) == 0.003
    assert cost_usd(priced, 1001, 100) == 0.006004


def test_the_cost_agrees_with_genai_prices() -> None:
    genai_prices = pytest.importorskip("genai_prices")
    for name in ("gpt-4o-mini", "gpt-5.4", "o3"):
        for tokens in (10_000, 300_000):
            usage = genai_prices.Usage(input_tokens=tokens, output_tokens=500, cache_read_tokens=100)
            expected = genai_prices.calc_price(usage, name, provider_api_url=OPENAI).total_price
            assert cost_usd(facts(name, OPENAI), tokens, 500, 100) == pytest.approx(float(expected))


@pytest.mark.parametrize(
    ("model", "effort", "sent"),
    [
        ("gpt-4o", None, 0.3),
        ("mystery", None, 0.3),
        ("gpt-5", None, None),
        ("o3-mini", "low", None),
        ("gpt-6-astra", "none", None),
        ("gpt-5.2", None, 0.3),
        ("gpt-5.2", "none", 0.3),
        ("gpt-5.2", "high", None),
        ("gpt-6-sol", None, None),
        ("gpt-6-sol", "none", 0.3),
        ("gpt-5-chat-latest", None, 0.3),
    ],
)
def test_a_temperature_goes_out_only_where_it_is_taken(model: str, effort: str | None, sent: float | None) -> None:
    value, note = temperature_sent(facts(model), 0.3, effort)
    assert value == sent
    assert bool(note) is (sent is None)
    if note:
        assert "0.3" in note
        assert model in note


def test_no_temperature_stays_none_and_zero_stays_zero() -> None:
    assert temperature_sent(facts("gpt-5"), None, None) == (None, "")
    assert temperature_sent(facts("gpt-4o"), 0.0, None) == (0.0, "")
    assert temperature_sent(facts("gpt-5"), 0.9, None, parameter="top_p")[1].startswith("top_p 0.9")


def test_reasoning_models_want_another_token_parameter() -> None:
    assert token_parameter("o3") == token_parameter("openai/gpt-5-mini") == "max_completion_tokens"
    assert token_parameter("gpt-4o") == token_parameter("llama3") == "max_tokens"


def test_the_users_file_wins_field_by_field(users: Path) -> None:
    users.write_text(
        'as_of = "2027-01-01"\nsource = "my contract"\n'
        '[models."gpt-4o"]\ninput_price = 1.25\noutput_price = 5\n'
        '[models."my-model"]\ncontext = 4096\ntemperature = "only_default"\n'
    )
    found = facts("gpt-4o", OPENAI)
    assert (found.input_price, found.output_price, found.context) == (Decimal("1.25"), Decimal(5), 128_000)
    assert found.source.endswith("my contract, as of 2027-01-01")
    mine = facts("my-model", "http://localhost:1/v1")
    assert (mine.known, mine.context, mine.temperature) == (True, 4096, "only_default")


def test_the_users_price_holds_on_loopback_too(users: Path) -> None:
    users.write_text('[models."big"]\ninput_price = 1\noutput_price = 2\n')
    assert cost_usd(facts("big", "http://localhost:4000/v1"), 10**6, 0) == 1.0


def test_a_changed_file_is_read_again(users: Path) -> None:
    users.write_text('[models."m"]\ncontext = 1000\n')
    assert facts("m").context == 1000
    users.write_text('[models."m"]\ncontext = 20000\n# longer\n')
    assert facts("m").context == 20000


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[models.", "not valid TOML"),
        ('[models."m"]\nprice = 3\n', "price = 3"),
        ('[models."m"]\ncontext = "8k"\n', "context = 8k"),
        ('[models."m"]\ninput_price = -1\n', "input_price = -1"),
        ('[models."m"]\ntemperature = "hot"\n', "temperature = hot"),
        ('[models]\nm = "x"\n', "m is no table"),
        ("models = 3\n", "models is no table"),
    ],
)
def test_a_wrong_fact_is_named(users: Path, text: str, says: str) -> None:
    users.write_text(text)
    with pytest.raises(PromptgridError) as caught:
        facts("m")
    assert str(users) in caught.value.message
    assert says in caught.value.message


def test_spellings_go_from_exact_to_general() -> None:
    assert spellings("openai/gpt-4o-2024-08-06") == ["openai/gpt-4o-2024-08-06", "gpt-4o-2024-08-06", "gpt-4o"]
    assert spellings("gpt-4-0125-preview") == ["gpt-4-0125-preview", "gpt-4"]
    assert spellings("llama3.2:3b") == ["llama3.2:3b"]
