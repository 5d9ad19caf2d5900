"""A prompt that retrieves, on Run and on Compose."""

from __future__ import annotations

import pytest

from promptgrid.documents import samples
from promptgrid.library.folder import Library
from promptgrid.store import Database
from tests.ui import pages
from tests.ui.pages import press, ran, shown

pytestmark = pytest.mark.usefixtures("endpoint")
OF_RETRIEVAL = {"run_collections", "run_retrievers", "run_chunk_orders", "run_queries", "run_reranks"}


def test_compose_shows_what_is_retrieved_and_keeps_the_setting(library: Library) -> None:
    page = pages.opened("1_Compose.py", prompt="ask-brackwater")
    assert "brackwater-en has not been added yet" in shown(page)
    list(samples.add_sample(Database(), "brackwater-en"))
    ran(page)
    assert "Retrieved: " in shown(page)
    assert "The Brackwater ferry" in shown(page)
    next(area for area in page.text_area if (area.key or "").startswith("compose_text_")).set_value("Answer briefly.")
    press(ran(page), "compose_save")
    saved = library.load("ask-brackwater")[0]
    assert saved.messages[0].text == "Answer briefly."
    assert (saved.parameters.collection, saved.parameters.chunks) == ("brackwater-en", 3)


def test_run_offers_retrieval_for_prompts_that_retrieve(library: Library) -> None:
    list(samples.add_sample(Database(), "brackwater-en"))
    page = pages.opened("2_Run.py")
    assert OF_RETRIEVAL.isdisjoint(group.key for group in page.button_group)
    page.multiselect(key="run_prompts").set_value(["ask-brackwater"])
    ran(page)
    assert {group.key for group in page.button_group} >= OF_RETRIEVAL
    assert page.button_group(key="run_collections").options == ["brackwater-en"]
    page.multiselect(key="run_chunks").set_value(["2", "5"])
    page.multiselect(key="run_chunkers").set_value(["sentences:size=60,overlap=10"])
    ran(page)
    assert not page.exception
    assert page.multiselect(key="run_chunkers").value == ["sentences:size=60,overlap=10"]
