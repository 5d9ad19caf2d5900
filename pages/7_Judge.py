"""Judge: which of two replies is the better one, not knowing where they come from?"""

import streamlit as st

from promptgrid.ui.judge import page as arena_page
from promptgrid.ui.server import database
from promptgrid.ui.shell.page import open_page
from promptgrid.ui.widgets.judge_name import name_popover
from promptgrid.ui.widgets.run_select import choose_run

open_page("Judge", blind=True)
with st.container(horizontal=True, vertical_alignment="center", key="judge_top"):
    detail = "Two replies to the same case stand side by side here, and you say which is better."
    run = choose_run(database(), "judge", detail=detail, on_change=st.query_params.clear)
    name_popover(database(), "judge_name_field")

st.query_params["run"] = run.id
pairs = arena_page.read(database(), run)
if arena_page.revealed():
    arena_page.open_results(database(), run, pairs)
else:
    arena_page.blind(database(), run, pairs)
