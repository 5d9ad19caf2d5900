"""Home: the next steps, recent runs, prompts, and the state of the endpoints.

`streamlit run workbench.py` imports this file for `app`, and each visit of the home page runs it as `__main__`.
"""

import streamlit as st

from promptgrid.ui import home
from promptgrid.ui.shell import page, serving
from promptgrid.ui.widgets.endpoints import weights_notice
from promptgrid.ui.widgets.run_list import recent_runs


def draw() -> None:
    """Draws the page."""
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


if __name__ == "__main__":
    draw()
else:
    app = st.App(__file__, **serving.guarded())
