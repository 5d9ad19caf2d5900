"""Next word: what would the model say next, and what do temperature and top_p make of it?"""

from promptgrid.ui import next_word_state, next_word_view, open_page
from promptgrid.ui.explain import explain

open_page("Next word")
next_word_state.begin()
edge = next_word_view.header()
if next_word_view.ready():
    next_word_view.body(edge)
explain("next_word")
