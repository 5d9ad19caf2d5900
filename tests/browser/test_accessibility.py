"""Every page in light and dark under axe-core, with the rule that names match labels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser import acting, axe
from tests.faults.server import HostileServer

if TYPE_CHECKING:
    from tests.browser.serving import Dashboard

SEED = """
from promptgrid import api, chat, compare
from promptgrid.prompt import AnswerRule, Message, Prompt
from promptgrid.store import Database, conversations, runs

prompt = Prompt("verdict", (Message("user", "Judge {{ text }}."),), answer=AnswerRule("label", labels=("good", "bad")))
rows = [{"text": f"case {i}", "expected": "good"} for i in range(4)]
for name in ("before", "after"):
    api.run(api.plan(prompt, rows, models="openai/ok", temperatures=(0, 0.7, 1), samples=2, name=name))
settings = chat.to_json(chat.Settings((chat.ChatVariant(1, "openai/ok"),)))
turns = [("user", "Hello?"), ("assistant", "Hello."), ("user", "Who is there?"), ("assistant", "A model.")]
talk = conversations.create(Database(), "talk", settings, turns)
after, before = [run.id for run in runs.list_runs(Database())]
print(after, before, compare.facts(Database(), after).variants[1].id, talk)
"""
MARKS = {"compose": ".segment.part", "cell": "td:is([data-state=right], [data-state=wrong], [data-state=failed])"}
# What is looked at: its address, and the part that is drawn last.
VIEWS = {
    "home": ("/", ".st-key-home_prompt_arithmetic"),
    "compose": ("/Compose?prompt=sentiment", ".st-key-compose_try"),
    "tools and chain": ("/Compose?prompt=travel-desk", ".st-key-compose_try"),
    "library": ("/Library?prompt=sentiment", ".prompts .selected"),
    "run": ("/Run", ".st-key-start"),
    "run done": ("/Run?run={run}", "[data-testid=stDataFrame]"),
    "compare": ("/Compare?run={run}", ".matrix"),
    "cell": ("/Compare?run={run}&case=1&variant={variant}", ".st-key-compare_detail"),
    "two runs": ("/Compare?run={run}&against={before}", ".st-key-compare_beside"),
    "curves": ("/Curves?run={run}", "[data-testid=stVegaLiteChart]"),
    "judge": ("/Judge?run={run}", ".arena"),
    "ranking": ("/Judge?run={run}&view=ranking", ".st-key-judge_back"),
    "history": ("/History", "[data-testid=stVegaLiteChart]"),
    "tokens": ("/Tokens", ".piece"),
    "chat": ("/Chat?chat={chat}", ".chat li"),
    "documents": ("/Documents", ".st-key-documents_empty"),
    "tune": ("/Tune", ".st-key-tuning_missing, .st-key-tuning_start"),
    "found": ("/History?find=good", "[class*=st-key-history_match_]"),
    "settings": ("/Settings", ".st-key-endpoints_check"),
}
# The heading of an expander passes slowly from the colours of one theme to those of the other.
COLOURS_CHANGED = """() => !document.getAnimations().some(one =>
  one instanceof CSSTransition && one.transitionProperty.includes('color') && one.playState === 'running')"""
# What is pressed before a view is looked at, in order, and what appears by that.
PRESSED = {
    "tools and chain": (
        (".st-key-compose_open_tools summary", ".st-key-compose_tool_choice"),
        (".st-key-compose_open_chain summary", ".st-key-compose_step_add"),
        (".st-key-compose_step_add button", "[class*=st-key-compose_step_output_]"),
    )
}


@pytest.fixture(scope="module", autouse=True)
def _answers(endpoint: HostileServer) -> None:
    endpoint.answer = lambda body: "good" if body.get("temperature") == 0 else "bad"


@pytest.fixture(scope="module")
def ids(bench: Dashboard, endpoint: HostileServer) -> dict[str, str]:
    values = bench.run(SEED, OPENAI_BASE_URL=endpoint.url).split()
    return dict(zip(("run", "before", "variant", "chat"), values, strict=True))


@pytest.fixture(scope="module")
def page(warm: BrowserContext, bench: Dashboard) -> Iterator[Page]:
    bench.let_in(warm)
    opened = warm.new_page()
    opened.set_viewport_size({"width": 1400, "height": 900})
    yield opened
    opened.close()


@pytest.mark.parametrize("view", VIEWS)
def test_axe_finds_nothing_and_marks_stand_out_in_light_and_in_dark(
    page: Page, bench: Dashboard, ids: dict[str, str], view: str
) -> None:
    path, last = VIEWS[view]
    page.goto(bench.url + path.format(**ids))
    expect(page.locator(last).first).to_be_visible()
    acting.settled(page)
    for button, appears in PRESSED.get(view, ()):
        page.locator(button).first.click()
        expect(page.locator(appears).first).to_be_visible()
        acting.settled(page)
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        expect(page.get_by_test_id("stApp")).to_have_css("color-scheme", theme)
        page.wait_for_function(COLOURS_CHANGED)
        assert axe.violations(page) == []
        if view in MARKS:
            expect(page.locator(MARKS[view]).first).to_be_visible()
            assert min(axe.contrasts(page, MARKS[view])) >= 3
