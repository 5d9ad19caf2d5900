"""The temperature curve: what is a point and what is only told, from real runs against an endpoint on loopback."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from promptgrid import api, stats
from promptgrid.budget import Cost
from promptgrid.cli import main
from promptgrid.compare.axes import AxisValue
from promptgrid.curves import charts, cost_chart
from promptgrid.curves.curve import Curve, curve
from promptgrid.curves.prices import CurvePoint, with_front
from promptgrid.grid import Plan
from promptgrid.prompt import AnswerRule, Message, Prompt
from promptgrid.runner import client
from promptgrid.store import Database, commits
from promptgrid.store.attempts import Attempt
from promptgrid.store.commits import Group
from promptgrid.store.schema import cells, replies
from tests.faults.answers import prompt_text
from tests.faults.books import Body
from tests.faults.server import HostileServer
from tests.running import a_run, carried_out

JUDGE = Prompt(
    name="judge",
    messages=(Message("user", "Judge {{ text }}."),),
    answer=AnswerRule(kind="label", labels=("good", "bad")),
)
VARIED = ("good", "bad", "good, all in all")


@pytest.fixture(autouse=True)
def _answers(endpoint: HostileServer) -> None:
    """At temperature 0 all samples of a case are "good"; above, the three samples are those of VARIED."""
    counts: dict[tuple[str, object], int] = {}

    def answer(body: Body) -> str:
        temperature = body.get("temperature")
        number = counts[prompt_text(body), temperature] = counts.get((prompt_text(body), temperature), -1) + 1
        return VARIED[number % 3] if temperature else "good"

    endpoint.answer = answer


def plan(cases: int = 4, **changes: Any) -> Plan:
    settings: dict[str, Any] = {
        "models": "openai/ok",
        "temperatures": (0, 0.5, 1),
        "samples": 3,
        "concurrency": 1,
    } | changes
    rows = [{"text": f"case {i}", "expected": "good"} for i in range(cases)]
    return api.plan(JUDGE, rows, doubts=False, **settings | changes)


def ran(database: Database, **changes: Any) -> str:
    return a_run(database, plan(**changes))


def by_temperature(this_curve: Curve) -> dict[AxisValue, CurvePoint]:
    return {point.value: point for point in this_curve.points}


def test_a_point_has_the_figures_of_its_cases(database: Database) -> None:
    temperature_curve = curve(database, ran(database))
    assert temperature_curve.lines == ["zero-shot · openai/ok"]
    assert temperature_curve.values == [0, 0.5, 1]
    assert temperature_curve.left_out == []
    cold, warm, _ = temperature_curve.points
    assert (cold.score, cold.distinct, cold.entropy_bits, cold.similarity) == (1, 1, 0, 1)
    assert warm.score == pytest.approx(2 / 3)
    assert warm.distinct == 2
    assert warm.entropy_bits == pytest.approx(stats.entropy([2, 1]))
    assert warm.similarity == pytest.approx(stats.mean_similarity(VARIED))
    assert warm.characters == pytest.approx(sum(map(len, VARIED)) / 3)
    assert (warm.cases, warm.samples, warm.similarity_cases) == (4, 3, 4)


def test_each_point_says_how_many_cases_it_rests_on(database: Database, endpoint: HostileServer) -> None:
    """Of four cases two have an expected answer, and the replies to one of these cannot be read."""
    endpoint.answer = lambda body: "no idea" if "case 0" in prompt_text(body) else "good"
    rows = [{"text": f"case {i}", **({"expected": "good"} if i < 2 else {})} for i in range(4)]
    run_id = a_run(database, api.plan(JUDGE, rows, doubts=False, models="openai/ok", temperatures=[0, 1], samples=2))
    of_run = curve(database, run_id)
    over = {
        measure.column: [row[measure.over] for row in charts.rows_of(of_run, measure)] for measure in charts.MEASURES
    }
    assert over == {
        "score": [1, 1],
        "distinct": [3, 3],
        "entropy_bits": [3, 3],
        "similarity": [4, 4],
        "characters": [4, 4],
    }
    assert [row["scored_cases"] for row in cost_chart.cost_rows(of_run)] == [1, 1]


def test_the_band_is_the_interval_over_cases(database: Database) -> None:
    cold = curve(database, ran(database)).points[0]
    interval = stats.wilson(4, 4)
    assert interval is not None
    assert (cold.score_low, cold.score_high) == (interval.low, interval.high)


def test_one_sample_has_no_variety(database: Database) -> None:
    for point in curve(database, ran(database, samples=1)).points:
        assert (point.distinct, point.entropy_bits, point.similarity) == (None, None, None)
        assert point.characters is not None


def test_a_refused_temperature_is_told_and_is_no_point(database: Database) -> None:
    temperature_curve = curve(database, ran(database, models="openai/refuses-temperature"))
    assert temperature_curve.values == [1]
    assert [point.drawn for point in temperature_curve.points] == [False, False, True]
    assert temperature_curve.left_out == ["openai/refuses-temperature at temperatures 0, 0.5: refused by the model."]
    assert all(row["temperature"] == 1 for row in charts.rows_of(temperature_curve, charts.MEASURES[0]))
    again = curve(database, ran(database, models="openai/refuses-temperature", fresh=True))
    assert again.values == []
    assert "were merged" in again.left_out[0]


def test_merged_temperatures_are_one_variant_on_no_line(database: Database) -> None:
    run_id = ran(database)
    merged = {"temperature_sent": None, "parameter_note": "temperature 0.5 not sent: ok takes only its default, 1"}
    with database.write() as connection:
        mine = (cells.c.run_id == run_id) & (cells.c.temperature == 0.5)
        connection.execute(sa.update(cells).where(mine).values(**merged))
    temperature_curve = curve(database, run_id)
    assert temperature_curve.values == [0, 1]
    assert temperature_curve.left_out == [
        "openai/ok at temperature 0.5: temperature 0.5 not sent: ok takes only its default, 1."
    ]
    assert by_temperature(temperature_curve)[0.5].score is not None  # it has its place among the costs


def test_a_default_temperature_is_no_number(database: Database) -> None:
    temperature_curve = curve(database, ran(database, temperatures=()))
    assert (temperature_curve.values, [point.value for point in temperature_curve.points]) == ([], [None])
    assert "its default temperature" in temperature_curve.left_out[0]


def test_self_consistency_is_scored_by_its_vote_and_paid_by_all_samples(database: Database) -> None:
    temperature_curve = curve(database, ran(database, techniques=("zero-shot", "self-consistency"), temperatures=(1,)))
    single, voted = temperature_curve.points
    assert single.score == pytest.approx(2 / 3)
    assert voted.score == 1
    with database.read() as connection:
        spent = connection.execute(
            sa.select(sa.func.sum(replies.c.prompt_tokens + replies.c.completion_tokens))
            .select_from(cells.join(replies, cells.c.reply_id == replies.c.id))
            .where(cells.c.technique == "self-consistency")
        ).scalar_one()
    assert voted.tokens == spent / 4


def test_what_brought_no_reply_is_missing_and_not_zero(database: Database) -> None:
    temperature_curve = curve(database, ran(database, models=("openai/ok", "openai/bad-json"), temperatures=(0,)))
    fine, broken = temperature_curve.points
    assert fine.score == 1
    assert (broken.cases, broken.score, broken.characters, broken.tokens) == (0, None, None, None)
    assert not broken.drawn
    assert curve(database, client.submit(database, plan(fresh=True))).values == []


def test_cases_without_expected_have_variety_and_no_score(database: Database) -> None:
    this_plan = api.plan(JUDGE, [{"text": "case"}], models="openai/ok", doubts=False, temperatures=(0, 1), samples=3)
    run_id = client.submit(database, this_plan)
    carried_out(database, run_id)
    temperature_curve = curve(database, run_id)
    assert [point.score for point in temperature_curve.points] == [None, None]
    assert temperature_curve.points[1].distinct is not None
    assert charts.curve_chart(temperature_curve, charts.MEASURES[0]) is None
    assert cost_chart.cost_chart(temperature_curve) is None


def point(score: float | None, cost: float | None, **changes: object) -> CurvePoint:
    names = dict.fromkeys(CurvePoint.__slots__)
    filled = names | {"line": "l", "drawn": True, "note": "", "cases": 3, "value": 0.0, "tokens": 5.0}
    return CurvePoint(**(filled | {"score": score, "cost_usd": cost, "pareto": False, "retrieval": {}} | changes))  # type: ignore[arg-type]


def test_the_front_is_what_nothing_beats() -> None:
    points = [point(0.5, 1.0), point(0.5, 2.0), point(0.9, 3.0), point(0.8, 3.0), point(None, 0.1), point(1.0, None)]
    assert [p.pareto for p in with_front(points, "cost_usd")] == [True, False, True, False, False, False]
    assert [p.pareto for p in with_front([point(0.5, 1.0)] * 2, "cost_usd")] == [True, True]


def test_the_front_is_that_of_the_selected_price(database: Database) -> None:
    of_steps = curve(database, ran(database, techniques=["zero-shot", "self-refine:rounds=1"], samples=1))
    shot, refine = (next(p for p in of_steps.points if p.technique.startswith(t)) for t in ("zero", "self"))
    assert (shot.calls, refine.calls) == (1, 3)
    assert refine.tokens is not None
    assert shot.tokens is not None
    assert refine.tokens > 3 * shot.tokens  # later steps hold the earlier replies
    assert cost_chart.known_prices(of_steps) == ["tokens", "calls", "seconds"]
    for price in ("tokens", "calls"):
        front = [row["line"] for row in cost_chart.cost_rows(of_steps, price=price) if row["pareto"]]
        assert set(front) == {"zero-shot"}
    chart = cost_chart.cost_chart(of_steps, price="calls")
    assert chart is not None
    assert "calls per answer" in json.dumps(chart.to_dict())


def test_lost_calls_are_in_the_tokens_of_an_answer(database: Database, endpoint: HostileServer) -> None:
    run_id = ran(database, temperatures=[0], samples=1, max_tokens=16)
    before = curve(database, run_id).points[0].tokens
    lost = Attempt(0, 1, 0.0, 5.0, "timeout", worst=Cost(0.0, 400))
    commits.commit(database, run_id, None, Group(attempts=[lost]))
    after = curve(database, run_id).points[0].tokens
    assert before is not None
    assert after == pytest.approx(before + 400 / 4)


def test_the_chart_has_a_line_of_its_own_for_each_and_no_more_than_the_points(database: Database) -> None:
    temperature_curve = curve(database, ran(database, models=("openai/ok", "openai/refuses-temperature")))
    chart = charts.curve_chart(temperature_curve, charts.MEASURES[0])
    assert chart is not None
    (image,) = chart.to_dict()["datasets"].values()
    assert {(row["line"], row["temperature"]) for row in image} == {
        ("openai/ok", 0), ("openai/ok", 0.5), ("openai/ok", 1), ("openai/refuses-temperature", 1)
    }  # fmt: skip
    only = charts.curve_chart(temperature_curve, charts.MEASURES[1], ["openai/ok"])
    assert only is not None
    assert "refuses" not in json.dumps(only.to_dict())


def test_a_chart_as_svg_stands_alone_and_holds_text_as_text(database: Database) -> None:
    temperature_curve = curve(database, ran(database))
    lines = ("<script>alert(1)</script>", "b & \x00\x1b\ud800\uffff")
    hostile = [CurvePoint(**{n: getattr(p, n) for n in CurvePoint.__slots__} | {"line": line})
               for p in temperature_curve.points for line in lines]  # fmt: skip
    named = Curve(hostile, [], "tokens")
    for chart in (charts.curve_chart(named, charts.MEASURES[0]), cost_chart.cost_chart(named)):
        assert chart is not None
        text = charts.svg(chart, width=500)
        assert text.startswith("<svg")
        assert "<script" not in text
        assert "&lt;script&gt;" in text
        assert "http" not in text.replace("http://www.w3.org/", "")
        assert "currentColor" in text


def test_a_temperature_is_written_at_the_axis_as_it_is() -> None:
    points = [point(0.5, 1.0, value=temperature) for temperature in (0.0, 0.7, 1.2)]
    chart = charts.curve_chart(Curve(points, [], "tokens"), charts.MEASURES[0])
    assert chart is not None
    text = charts.svg(chart)
    assert all(f">{label}</text>" in text for label in ("0", "0.7", "1.2"))


def test_the_frame_has_a_row_a_point(database: Database) -> None:
    frame = curve(database, ran(database)).frame()
    assert list(frame.columns) == ["temperature" if n == "value" else n for n in CurvePoint.__slots__][:-1]
    assert list(frame["temperature"]) == [0, 0.5, 1]


def test_the_command_shows_writes_and_hands_over(database: Database, tmp_path: Path) -> None:
    run_id = ran(database, models=("openai/ok", "openai/refuses-temperature"))
    output = CliRunner().invoke(main, ["curve", run_id], catch_exceptions=False).output
    assert "openai/refuses-temperature at temperatures 0, 0.5: refused by the model." in output
    assert "67 %" in output
    machine = json.loads(CliRunner().invoke(main, ["curve", "last", "--json"], catch_exceptions=False).stdout)
    assert len(machine["points"]) == 6
    out = tmp_path / "curve.csv"
    done = CliRunner().invoke(main, ["curve", run_id, "--csv", str(out)], catch_exceptions=False)
    assert done.exit_code == 0
    with out.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["drawn"] for row in rows] == ["true", "true", "true", "false", "false", "true"]
    assert CliRunner().invoke(main, ["curve", "nothing"]).exit_code == 2


def test_a_label_of_the_cost_chart_lies_on_no_other_point() -> None:
    wide, near, above, same, last = cost_chart.label_widths(
        [(10, 0.5, "0"), (50, 0.5, "0.7"), (51, 0.9, "1.2"), (60, 0.5, "1"), (60, 0.5, "1.5")]
    )
    assert wide < near < 1000  # the nearer the next point, the wider the plot must be
    assert above == 0  # nothing is on its height
    assert same == last == cost_chart.NEVER
    assert cost_chart.label_widths([(5, 0.1, "0")]) == [0]


def test_labels_that_would_overlap_are_not_drawn() -> None:
    import altair as alt

    point = CurvePoint(
        line="a", prompt="a", prompt_version="1", technique="zero-shot", model="m", value=0, drawn=True, note="",
        cases=3, samples=1, score=0.5, score_low=0.4, score_high=0.6, distinct=None, entropy_bits=None,
        similarity=None, similarity_cases=0, scored_cases=0, varied_cases=0, characters=1.0, cost_usd=None,
        tokens=100.0, reasoning_tokens=None, calls=1.0, seconds=None,
    )  # fmt: skip
    close = [replace(point, value=t, tokens=tokens) for t, tokens in ((0, 100), (0.375, 101), (1.625, 200))]
    chart = cost_chart.cost_chart(Curve(close, (), "tokens"))
    assert isinstance(chart, alt.LayerChart)
    image = charts.svg(chart, width=400)
    assert ">0.375<" in image
    assert ">1.625<" in image
    assert image.count(">0<") == 0
