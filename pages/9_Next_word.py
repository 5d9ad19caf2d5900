"""Next word: what would the model say next, and what do temperature and top_p make of it?"""

from promptgrid.ui.next_word import state as next_word_state
from promptgrid.ui.next_word import view as next_word_view
from promptgrid.ui.shell.page import open_page
from promptgrid.ui.widgets.explain import explain

open_page("Next word")
next_word_state.begin()
edge = next_word_view.header()
if next_word_view.ready():
    next_word_view.body(edge)
explain("next_word")
