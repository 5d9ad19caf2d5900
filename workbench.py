"""Home: the next steps, recent runs, prompts, and the state of the endpoints.

`streamlit run workbench.py` imports this file for `app`, and each visit of the home page runs it as `__main__`.
"""

import streamlit as st

from promptgrid.ui.shell import serving

if __name__ == "__main__":
    # Imported for a visit only: the server answers before the modules of the page are there.
    from promptgrid.ui import home
    from promptgrid.ui.shell import page

    page.open_page("Home")
    home.draw()
else:
    app = st.App(__file__, **serving.guarded())
