"""Facts and prices."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from promptgrid import connections
from promptgrid.budget import Cost
from promptgrid.errors import PromptgridError
from promptgrid.models import LongPrice, ModelFacts, cost_of, facts, learned, prices, spellings, tables, token_parameter

OPENAI = "https://api.openai.com/v1"


@pytest.fixture
def users(home: Path) -> Path:
    (home / "config").mkdir(parents=True)
    return home / "config" / "models.toml"


def test_a_listed_model_has_price_context_and_encoding() -> None:
    model_facts = facts("gpt-4o-mini", OPENAI)
    assert model_facts.known
    assert not model_facts.free
    assert (model_facts.context, model_facts.max_output, model_facts.encoding) == (128_000, 16_384, "o200k_base")
    assert model_facts.input_price is not None
    assert model_facts.output_price is not None
    assert model_facts.input_price < model_facts.output_price
    assert "genai-prices" in model_facts.source
    assert model_facts.price_date >= "2026"


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
        ("gpt-35-turbo", "gpt-3.5-turbo"),  # Azure's names have no dots
        ("azure/gpt-35-turbo-0125", "gpt-3.5-turbo"),
        ("gpt-35-turbo-instruct", "gpt-3.5-turbo-instruct"),
        ("openai/gpt-4o:free", "gpt-4o"),
        ("openai/gpt-4o-2024-08-06:nitro", "gpt-4o"),
    ],
)
def test_other_spellings_find_the_same_row(name: str, same_as: str) -> None:
    named, expected = facts(name), facts(same_as)
    assert expected.known
    assert (named.context, named.encoding, named.temperature) == (
        expected.context,
        expected.encoding,
        expected.temperature,
    )
    assert named.model == name


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
    model_facts = facts("mystery", "https://gateway.example/v1")
    assert model_facts == ModelFacts("mystery")
    assert cost_of(model_facts, 1000, 1000).usd is None


def test_an_openai_name_elsewhere_does_not_get_openais_price() -> None:
    assert facts("gpt-4o", "https://gateway.example/v1").input_price is None
    assert facts("gpt-4o").input_price is None


def test_loopback_is_free_whatever_the_name() -> None:
    model_facts = facts("gpt-4o", "http://localhost:4000/v1")
    assert model_facts.free
    assert model_facts.input_price is None
    assert cost_of(model_facts, 10**6, 10**6).usd == 0.0
    assert not facts("gpt-4o", "http://localhost:4000/v1", free=False).free


def test_a_fine_tuned_model_does_not_get_the_price_of_its_base() -> None:
    assert facts("ft:gpt-4.1-mini:mine::abc", OPENAI).input_price is None
    tuned, base = facts("ft:gpt-4o-2024-08-06:mine::abc", OPENAI), facts("gpt-4o", OPENAI)
    assert tuned.input_price is not None
    assert base.input_price is not None
    assert tuned.input_price > base.input_price


def test_the_cost_is_per_million_and_cached_tokens_are_cheaper() -> None:
    priced = ModelFacts("m", input_price=Decimal(2), output_price=Decimal(10), cached_price=Decimal("0.5"))
    assert cost_of(priced, 1_000_000, 100_000).usd == 3.0
    assert cost_of(priced, 1_000_000, 0, cached_tokens=400_000).usd == 1.4
    assert cost_of(priced, 100, 0, cached_tokens=10**9).usd == cost_of(priced, 100, 0, cached_tokens=100).usd
    assert cost_of(ModelFacts("m", input_price=Decimal(2), output_price=Decimal(10)), 10**6, 0, 10**6).usd == 2.0


def test_a_count_that_is_not_known_makes_no_cost_but_for_a_free_model() -> None:
    priced = ModelFacts("m", input_price=Decimal(2), output_price=Decimal(10))
    assert cost_of(priced, 10, 5) == Cost(0.00007, 15)
    assert cost_of(priced, None, 5) == cost_of(priced, 10, None) == Cost(None, None)
    assert cost_of(ModelFacts("m", free=True), 10, None) == Cost(0.0, None)


def test_a_long_prompt_pays_its_own_price_for_all_tokens() -> None:
    longer = LongPrice(1000, Decimal(4), Decimal(20))
    priced = ModelFacts("m", input_price=Decimal(2), output_price=Decimal(10), long_prices=(longer,))
    assert cost_of(priced, 1000, 100).usd == 0.003
    assert cost_of(priced, 1001, 100).usd == 0.006004


def test_the_cost_agrees_with_genai_prices() -> None:
    genai_prices = pytest.importorskip("genai_prices")
    for name in ("gpt-4o-mini", "gpt-5.4", "o3"):
        for tokens in (10_000, 300_000):
            usage = genai_prices.Usage(input_tokens=tokens, output_tokens=500, cache_read_tokens=100)
            expected = genai_prices.calc_price(usage, name, provider_api_url=OPENAI).total_price
            assert cost_of(facts(name, OPENAI), tokens, 500, 100).usd == pytest.approx(float(expected))


def test_reasoning_models_want_another_token_parameter() -> None:
    assert token_parameter("o3") == token_parameter("openai/gpt-5-mini") == "max_completion_tokens"
    assert token_parameter("gpt-4o") == token_parameter("llama3") == "max_tokens"


def test_the_users_file_wins_field_by_field(users: Path) -> None:
    users.write_text(
        'as_of = "2027-01-01"\nsource = "my contract"\n'
        '[models."gpt-4o"]\ninput_price = 1.25\noutput_price = 5\n'
        '[models."my-model"]\ncontext = 4096\ntemperature = "only_default"\n'
    )
    model_facts = facts("gpt-4o", OPENAI)
    assert (model_facts.input_price, model_facts.output_price, model_facts.context) == (
        Decimal("1.25"),
        Decimal(5),
        128_000,
    )
    assert model_facts.source.endswith("my contract, as of 2027-01-01")
    mine = facts("my-model", "http://localhost:1/v1")
    assert (mine.known, mine.context, mine.temperature) == (True, 4096, "only_default")


def test_the_users_price_holds_on_loopback_too(users: Path) -> None:
    users.write_text('[models."big"]\ninput_price = 1\noutput_price = 2\n')
    assert cost_of(facts("big", "http://localhost:4000/v1"), 10**6, 0).usd == 1.0


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
        ('[models."m"]\ntemperature = "not_with_temperature"\n', "temperature = not_with_temperature"),
        ('[models."m"]\ntop_p = "hot"\n', "top_p is one of any, only_default"),
        ('[models."m"]\nseed = "yes"\n', "seed is true or false"),
        ('[models."m"]\nn = 1\n', "n = 1"),
        ('[models]\nm = "x"\n', "m is not a table"),
        ("models = 3\n", "models is not a table"),
    ],
)
def test_a_wrong_fact_is_named(users: Path, text: str, says: str) -> None:
    users.write_text(text)
    with pytest.raises(PromptgridError) as caught:
        facts("m")
    assert str(users) in caught.value.message
    assert says in str(caught.value)


def test_spellings_go_from_exact_to_general() -> None:
    assert spellings("openai/gpt-4o-2024-08-06") == ["openai/gpt-4o-2024-08-06", "gpt-4o-2024-08-06", "gpt-4o"]
    assert spellings("gpt-4-0125-preview") == ["gpt-4-0125-preview", "gpt-4"]
    assert spellings("llama3.2:3b") == ["llama3.2:3b"]


REFUSED = (
    "Unsupported value: 'temperature' does not support 0.7 with this model. Only the default (1) value is supported."
)
HERE = "http://localhost:4000/v1"


def test_the_fields_of_models_toml_are_facts() -> None:
    stated = facts("gpt-4o-mini", HERE)
    assert all(hasattr(stated, name) for name in tables.FIELDS)


def test_a_listed_model_says_what_it_takes() -> None:
    model_facts = facts("gpt-4.1")
    assert (model_facts.temperature, model_facts.top_p, model_facts.logprobs, model_facts.seed, model_facts.n) == (
        "any",
        "any",
        True,
        True,
        True,
    )
    model_facts = facts("o3")
    assert (model_facts.temperature, model_facts.top_p, model_facts.logprobs, model_facts.seed) == (
        "only_default",
        "only_default",
        False,
        None,
    )
    assert facts("gpt-5.2").top_p == "only_without_reasoning"
    assert facts("anthropic/claude-sonnet-4-5-20250929").top_p == "not_with_temperature"
    assert facts("claude-opus-4-7").temperature == "only_default"
    model_facts = facts("mystery")
    assert (model_facts.temperature, model_facts.top_p, model_facts.logprobs, model_facts.seed, model_facts.n) == (
        *("unknown",) * 2,
        *(None,) * 3,
    )


def test_what_the_endpoint_refused_is_over_our_table_and_only_there() -> None:
    learned.remember(HERE, "gpt-4o", "temperature", 0.7, REFUSED)
    assert facts("gpt-4o", HERE).temperature == "only_default"
    assert facts("gpt-4o", HERE).top_p == "any"
    assert facts("gpt-4o", OPENAI).temperature == "any"
    assert facts("gpt-4o-mini", HERE).temperature == "any"
    assert facts("gpt-4o").temperature == "any"


def test_the_facts_say_where_a_lesson_came_from() -> None:
    learned.remember(HERE, "m", "temperature", 0.7, REFUSED)
    (note,) = facts("m", HERE).notes
    assert note.startswith("m refused temperature 0.7 on 20")
    assert note.endswith(REFUSED)
    assert not facts("m", HERE).known  # nobody stated anything


def test_the_users_file_is_over_what_was_learned(users: Path) -> None:
    users.write_text('[models."m"]\ntemperature = "any"\nseed = true\ntoken_parameter = "max_tokens"\n')
    learned.remember(HERE, "m", "temperature", 0.7, REFUSED)
    learned.remember(HERE, "m", "seed", 1, "Unrecognized request argument supplied: seed")
    learned.remember(HERE, "m", "max_tokens", 9, "Use 'max_completion_tokens' instead.")
    learned.remember(HERE, "m", "logprobs", True, "logprobs is not supported")
    model_facts = facts("m", HERE)
    assert (model_facts.temperature, model_facts.seed, model_facts.token_parameter, model_facts.logprobs) == (
        "any",
        True,
        "max_tokens",
        False,
    )
    assert [refusal.parameter for refusal in model_facts.learned] == ["logprobs"]
    assert token_parameter("m", HERE) == "max_tokens"


@pytest.mark.parametrize(
    ("model", "effort", "policy"),
    [
        ("mystery", None, "only_default"),
        ("mystery", "none", "only_default"),
        ("mystery", "high", "only_without_reasoning"),  # it may take one where it does not reason
        ("gpt-4o", None, "only_default"),
        ("gpt-5.2", None, "only_without_reasoning"),
        ("gpt-5.2", "none", "only_default"),
        ("o3", "high", "only_default"),
    ],
)
def test_a_refused_temperature_counts_for_the_effort_it_went_with(model: str, effort: str | None, policy: str) -> None:
    learned.remember(HERE, model, "temperature", 0.7, REFUSED, effort=effort)
    assert facts(model, HERE).temperature == policy


def test_a_bound_refuses_the_value_and_not_the_parameter() -> None:
    learned.remember(HERE, "m", "temperature", 1.2, "temperature: range: 0..1")
    learned.remember(HERE, "m", "seed", 2**40, "seed must be less than or equal to 2147483647")
    model_facts = facts("m", HERE)
    assert (model_facts.temperature, model_facts.seed) == ("unknown", None)
    assert model_facts.refusal("temperature", 1.2)
    assert not model_facts.refusal("temperature", 0.7)


def test_temperature_and_top_p_refused_together_are_each_taken_alone() -> None:
    sentence = "`temperature` and `top_p` cannot both be specified for this model. Please use only one."
    learned.remember(HERE, "m", "temperature", 0.7, sentence)
    model_facts = facts("m", HERE)
    assert (model_facts.temperature, model_facts.top_p) == ("unknown", "not_with_temperature")
    assert not model_facts.refusal("temperature", 0.7)
    learned.remember(HERE, "gpt-4o", "temperature", 0.7, sentence)
    assert facts("gpt-4o", HERE).top_p == "not_with_temperature"
    learned.remember(HERE, "o3", "temperature", 0.7, sentence)
    assert facts("o3", HERE).top_p == "only_default"


def test_the_latest_refusal_is_the_one_that_is_quoted() -> None:
    learned.remember(HERE, "m", "temperature", 0.7, "no")
    learned.remember(HERE, "m", "temperature", 0.2, REFUSED)
    refusal = facts("m", HERE).refusal("temperature", 0.7)
    assert refusal is not None
    assert refusal.reason == REFUSED


@pytest.mark.parametrize("sentence", ["n must be less than 4", "Only one completion choice is allowed", "no"])
def test_a_refused_n_is_not_asked_for_again(sentence: str) -> None:
    learned.remember(HERE, "gpt-4o", "n", 8, sentence)
    assert facts("gpt-4o", HERE).n is False


def test_the_other_token_parameter_is_learned_both_ways() -> None:
    sentence = (
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
    )
    learned.remember(HERE, "new", "max_tokens", 64, sentence)
    assert facts("new", HERE).token_parameter == token_parameter("new", HERE) == "max_completion_tokens"
    assert token_parameter("new") == "max_tokens"
    learned.remember(HERE, "o3", "max_completion_tokens", 64, "Unknown field; did you mean max_tokens?")
    assert token_parameter("o3", HERE) == "max_tokens"
    assert facts("new", HERE).refused == {}


def test_too_large_a_max_tokens_teaches_no_other_name() -> None:
    learned.remember(HERE, "m", "max_tokens", 10**6, "max_tokens is too large. This model supports at most 4096.")
    assert token_parameter("m", HERE) == "max_tokens"
    assert facts("m", HERE).refused == {}


def test_a_parameter_without_a_field_of_its_own_is_listed_as_refused() -> None:
    learned.remember(HERE, "m", "response_format", {"type": "json_object"}, "response_format is not supported")
    learned.remember(HERE, "m", "seed", 1, "seed is not supported")
    learned.remember(HERE, "m", "reasoning_effort", "none", "Supported values are: 'low', 'high'.")
    model_facts = facts("m", HERE)
    assert list(model_facts.refused) == ["response_format"]
    assert "response_format is not supported" in model_facts.refused["response_format"]
    assert model_facts.seed is False
    assert model_facts.refusal("reasoning_effort", "none")
    assert not model_facts.refusal("reasoning_effort", "low")


def test_a_changed_env_file_or_lesson_counts_at_once(home: Path) -> None:
    env = Path(".env")
    env.write_text("OPENAI_BASE_URL=http://localhost:1/v1\n")
    assert connections.model_facts("openai/m").free
    env.write_text("OPENAI_BASE_URL=http://gateway.example\n")
    assert not connections.model_facts("openai/m").free
    learned.remember("http://gateway.example", "m", "seed", 1, "seed is not supported")
    assert connections.model_facts("openai/m").seed is False
    learned.forget()
    assert connections.model_facts("openai/m").seed is None


def test_the_endpoints_are_understood_again_only_when_something_changed(
    home: Path, users: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = users.with_name("endpoints.toml")
    file.write_text('[one]\nbase_url = "http://localhost:1"\nkey_env = "K"\n')
    first = connections.settings()["one"]
    assert connections.settings()["one"] is first
    monkeypatch.setenv("K", "secret-of-the-test")
    assert connections.settings()["one"].api_key == "secret-of-the-test"
    file.write_text('[two]\nbase_url = "http://localhost:1"\nkey_env = "K"\n')
    assert list(connections.settings()) == ["two"]
    file.unlink()
    assert connections.settings() == {}


@pytest.mark.parametrize("model", ["gpt-4o", "gpt-4", "gpt-5", "o3"])
def test_the_date_of_a_price_is_a_day_on_which_it_was_checked(model: str) -> None:
    day = facts(model, OPENAI).price_date
    assert not day or day <= f"{date.today()}"


def test_only_dates_of_checks_are_dates_of_prices() -> None:
    comment = "Introductory rates apply through 2027-01-31. Retires on 2026-12-01. Rates verified on 2026-10-12 at x."
    assert prices.checked_on(comment) == "2026-10-12"
    assert prices.checked_on("Checked 2025-01-02; kept.") == "2025-01-02"
    assert prices.checked_on("Launched on 2026-05-05.") == ""


def test_a_price_date_that_is_no_day_is_an_error_with_its_line(users: Path) -> None:
    users.write_text('[models."m"]\ninput_price = 1\nprice_date = "spring"\n')
    with pytest.raises(PromptgridError, match="spring") as caught:
        facts("m", OPENAI)
    assert "in quotes" in caught.value.hint
