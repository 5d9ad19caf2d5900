"""Library: which prompts are there?"""

import streamlit as st

from promptgrid.ui import library as view
from promptgrid.ui import links
from promptgrid.ui.compose.opened import create
from promptgrid.ui.server import library
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
    matching = view.matching(entries, words or "")
    part = f"{len(matching)} of " if len(matching) < len(entries) else ""
    st.caption(f"{part}{len(entries)} prompts", width="stretch")
    view.import_popover()
view.notices()

if not entries:
    detail = f"They are files in {library().folder}."
    if feedback.empty_state("There are no prompts yet.", "Write the first one", "library_first", detail=detail):
        create("untitled")
        st.switch_page(links.COMPOSE, query_params={"prompt": "untitled"})
elif not matching:
    st.caption("No prompt has all these words.")
else:
    actions = st.container()
    selected = view.table(matching)
    with actions:
        view.actions(selected)
    if selected is not None:
        view.details(selected)
view.case_tables()
view.deleted_prompts()
