"""Library: which prompts are there?"""

import streamlit as st

from promptgrid.ui import links
from promptgrid.ui.compose.opened import create
from promptgrid.ui.history.scores import prompt_scores
from promptgrid.ui.library import actions, listing, tables
from promptgrid.ui.library.versions import versions
from promptgrid.ui.server import database, library
from promptgrid.ui.shell import page
from promptgrid.ui.widgets import feedback

page.open_page("Library")
entries = library().entries()

with st.container(horizontal=True, vertical_alignment="center", key="library_header"):
    words = st.text_input(
        "Find",
        key="library_find",
        placeholder="Find by name, description, tag or text",
        label_visibility="collapsed",
        live=True,
        width=380,
    )
    matching = listing.matching(entries, words or "")
    part = f"{len(matching)} of " if len(matching) < len(entries) else ""
    st.caption(f"{part}{len(entries)} prompts", width="stretch")
    new = actions.new_popover()
    actions.import_popover()
actions.notices()
listing.unknown_prompt(entries)

if not entries:
    detail = f"They are files in {library().folder}."
    if feedback.empty_state("There are no prompts yet.", "Write the first one", "library_first", detail=detail):
        new = "untitled"
elif not matching:
    st.caption("No prompt has all these words.")
else:
    place = st.container()
    selected = listing.table(matching)
    with place:
        actions.actions(selected)
    if selected is not None:
        listing.details(selected)
        with st.expander("Versions", key="library_versions_open", on_change="rerun") as opened:
            if opened.open:
                versions(selected.name)
        with st.expander("Scores over time", key="library_scores_open", on_change="rerun") as opened:
            if opened.open:
                prompt_scores(database(), selected.name)
tables.case_tables()
actions.deleted_prompts()
if new:
    create(new)
    st.switch_page(links.COMPOSE, query_params={"prompt": new})
