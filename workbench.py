"""Home: the next steps, recent runs, prompts, and the state of the endpoints."""

import streamlit as st

from promptgrid.ui import home
from promptgrid.ui.shell import page
from promptgrid.ui.widgets.endpoints import weights_notice
from promptgrid.ui.widgets.run_list import recent_runs

page.open_page("Home")

run_id = home.newest_run_id()
if run_id is None and home.has_example():
    home.example()
else:
    weights_notice()
home.next_steps(run_id)
left, right = st.columns(2, gap="large")
with left:
    st.subheader("Recent runs")
    recent_runs(count=6, manage=False)
    st.subheader("Endpoints")
    home.endpoints()
with right:
    st.subheader("Prompts")
    home.prompts()
