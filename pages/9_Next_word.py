"""Next word: what would the model say next, and what do temperature and top_p change?"""

from promptgrid.ui.next_word import state, view
from promptgrid.ui.shell.page import open_page
from promptgrid.ui.widgets.explain import explain

open_page("Next word")
state.begin()
edge = view.header()
if view.ready():
    view.body(edge)
explain("next_word")
