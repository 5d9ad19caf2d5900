"""Limits the work of a template: a budget per render, and the operators, methods and filters allowed, each with a
limit.

Every value in a template is plain data (texts, numbers, lists, mappings) of limited weight. So an operation is safe if
its result is limited by the weight of its operands, or if a `check_…` function has computed beforehand how large the
result will be.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from itertools import islice
from time import thread_time
from typing import Any

from jinja2 import Undefined

from promptgrid.errors import PromptError, TemplateLimit

MAX_SOURCE = 500_000  # characters of one message's template
MAX_TOKENS = 10_000  # Jinja tokens of one message: compile time grows faster than their number
MAX_BLOCKS = 90  # blocks inside one another
MAX_LOOPS = 20  # loops inside one another; Python takes no more
MAX_CHARS = 2_000_000  # characters of one value, and of what is rendered
MAX_TOTAL = 10_000_000  # characters of all values made during one render
MAX_ITEMS = 100_000  # items in one value, counted as they would be printed
MAX_STEPS = 200_000  # loop iterations, calls, operators and filters
MAX_SECONDS = 0.4  # of this thread's processor time, so that a busy machine does not cause a failure
MAX_BITS = 16_000  # bits of one integer
MAX_SLOW = 200_000  # characters of a text for a slow filter
MAX_NUMBER = 100_000  # largest width, count or precision of a filter

HINT = "Make the loop or the text smaller, or prepare it in the table of cases."

_TEXT = """capitalize casefold center count endswith expandtabs find format format_map index isalnum isalpha isascii
isdecimal isdigit isidentifier islower isnumeric isprintable isspace istitle isupper join ljust lower lstrip partition
removeprefix removesuffix replace rfind rindex rjust rpartition rsplit rstrip split splitlines startswith strip swapcase
title upper zfill"""

METHODS: Mapping[type, frozenset[str]] = {
    str: frozenset(_TEXT.split()),
    dict: frozenset({"get", "items", "keys", "values", "copy"}),
    list: frozenset({"count", "index", "copy"}),
    tuple: frozenset({"count", "index", "grouper", "list"}),
    int: frozenset(),
    float: frozenset({"is_integer"}),
    range: frozenset({"count", "index"}),
}

_FILTERS = """abs batch capitalize center count dictsort first float format groupby indent int items join last length
list lower map max min reject rejectattr replace reverse round select selectattr slice sort string sum title tojson trim
truncate unique upper urlencode wordcount wordwrap"""

_SERIES: tuple[type[Iterable[Any]], ...] = (list, tuple, type({}.keys()), type({}.values()), type({}.items()))


class RenderBudget:
    """What one rendering has used: `steps` and `chars` (characters produced), and the processor time at which it must
    end (`deadline`)."""

    __slots__ = ("chars", "deadline", "steps")

    def __init__(self) -> None:
        self.steps = 0
        self.chars = 0
        self.deadline = thread_time() + MAX_SECONDS


_budget: ContextVar[RenderBudget] = ContextVar("_budget")


@contextmanager
def budget() -> Iterator[None]:
    """Opens a new budget of steps, characters and processor time, from which all rendering inside the `with` block
    spends."""
    token = _budget.set(RenderBudget())
    try:
        yield
    finally:
        _budget.reset(token)


def spend(chars: int) -> None:
    """Charges one step and `chars`, the number of characters that it produced, to the open budget. Raises TemplateLimit
    if the steps, the characters or the time are used up."""
    purse = _budget.get()
    purse.steps += 1
    purse.chars += chars
    if purse.steps > MAX_STEPS:
        raise TemplateLimit(f"The template takes more than {MAX_STEPS:,} steps.", hint=HINT)
    _check_chars(chars)
    if purse.chars > MAX_TOTAL:
        raise TemplateLimit(f"The template makes more than {MAX_TOTAL:,} characters on its way.", hint=HINT)
    if thread_time() > purse.deadline:
        raise TemplateLimit(f"The template takes more than {MAX_SECONDS} seconds.", hint=HINT)


def weigh(value: Any) -> int:
    """Returns the weight of a value: roughly how many characters it has when printed. Raises TemplateLimit if it is too
    heavy, PromptError for an object that is not plain data."""
    chars = things = 0
    stack = [value]
    while stack:
        part = stack.pop()
        things += 1
        if isinstance(part, str):
            chars += len(part)
        elif isinstance(part, int):
            chars += _digits(part)
        elif isinstance(part, dict):
            stack.extend(part.keys())
            stack.extend(part.values())
        elif isinstance(part, _SERIES):
            stack.extend(part)
        elif part is None or isinstance(part, (float, range, Undefined)):
            chars += 8
        else:
            raise PromptError(f"A {type(part).__name__.lower()} cannot be used as a text or a value in a list.")
        if things > MAX_ITEMS:
            raise TemplateLimit(f"The template makes a list of more than {MAX_ITEMS:,} things.", hint=HINT)
        _check_chars(chars)
    return chars + things


def settled(value: Any) -> Any:
    """Spends the value's weight from the budget and returns it as plain data: an iterator becomes a list, marked-up
    text becomes text."""
    if isinstance(value, str):
        spend(len(value))
        return str(value)
    if isinstance(value, Iterator):
        value = list(islice(value, MAX_ITEMS + 1))
    if value is None or isinstance(value, (int, float, dict, range, *_SERIES)):
        spend(weigh(value))
    return value


def bounded_range(*numbers: int) -> range:
    """Returns `range(*numbers)` for a template. Raises TemplateLimit if it has too many items."""
    bounded = range(*numbers)
    if len(bounded[: MAX_ITEMS + 1]) > MAX_ITEMS:
        raise TemplateLimit(f"A range of {numbers} is longer than {MAX_ITEMS:,}.", hint=HINT)
    return bounded


def check_operator(operator: str, left: Any, right: Any) -> None:
    """Raises TemplateLimit before `left operator right` is computed, if the result would be too large. Checks `%`
    (formatting), `**` and `*`."""
    if operator == "%" and isinstance(left, str):
        _check_printf(left, right)
    elif operator == "**" and isinstance(left, int) and isinstance(right, int):
        _check_bits(left.bit_length() * abs(right))
    elif operator == "*":
        _check_product(left, right)


def _check_product(left: Any, right: Any) -> None:
    if isinstance(left, int) and isinstance(right, int):
        _check_bits(left.bit_length() + right.bit_length())
        return
    for repeated, times in ((left, right), (right, left)):
        if isinstance(repeated, (str, list, tuple)) and isinstance(times, int):
            _check_chars(weigh(repeated) * times)


def check_method(text: str, name: str, args: Sequence[Any]) -> None:
    """Raises TemplateLimit before `text.name(*args)` is called, if the result would be too long."""
    weigh(list(args))
    numbers = [arg for arg in args if isinstance(arg, int)]
    if name in ("center", "ljust", "rjust", "zfill"):
        _check_chars(max(numbers, default=0))
    elif name == "expandtabs":
        _check_chars(len(text) + text.count("\t") * max(numbers, default=8))
    elif name == "replace" and len(args) > 1:
        _check_replace(text, args[0], args[1])
    elif name == "join" and args:
        _check_join(args[0], text)


def _check_replace(text: Any, old: Any, new: Any) -> None:
    text, old, new = str(text), str(old), str(new)
    _check_chars(len(text) + text.count(old) * (len(new) - len(old)))


def _check_join(parts: Any, separator: Any) -> None:
    if hasattr(parts, "__len__"):
        _check_chars(weigh(parts) + len(parts) * len(str(separator)))


# Any bracket may end the name of a `%(name)s`, as names may hold brackets; texts are short so that this stays quick.
_WIDE = re.compile(r"%(?:\(.*\))?[-#0 +]*(?:\d{5,}|\*|\d*\.(?:\d{5,}|\*))", re.DOTALL)


def _check_printf(text: str, values: Any) -> None:
    if len(text) > 2_000:
        raise TemplateLimit(f"A format of {len(text):,} characters is too long for %.", hint=HINT)
    wide = _WIDE.search(text)
    if wide:
        raise TemplateLimit(f"The format {wide.group()[-40:]!r} asks for too many characters.", hint=HINT)
    _check_chars(len(text) + text.count("%") * weigh(values))


def _check_indent(text: Any, width: Any = 4, *_: Any, **__: Any) -> None:
    step = len(width) if isinstance(width, str) else int(width)
    _check_chars(len(str(text)) + (len(str(text).splitlines()) + 1) * step)


def _check_wordwrap(text: Any, width: int = 79, _long: Any = True, wrapstring: Any = None, *_: Any, **__: Any) -> None:
    _check_slow(text)
    _check_chars(len(str(text)) * len(wrapstring or "\n"))


def _check_slow(text: Any) -> None:
    if len(str(text)) > MAX_SLOW:
        raise TemplateLimit(f"A text of {len(str(text)):,} characters is too long for this filter.", hint=HINT)


def _check_tojson(value: Any, indent: Any = None) -> None:
    _check_chars(weigh(value) * (1 + (indent or 0)))


def _check_sum(_items: Any, attribute: Any = None, start: Any = 0) -> None:
    if not isinstance(start, (int, float)):
        raise PromptError(f"sum starts from a number, not from {str(start)[:40]!r}.")


_BEFORE: Mapping[str, Callable[..., None]] = {
    "format": lambda text, *args, **kwargs: _check_printf(str(text), [*args, *kwargs.values()]),
    "indent": _check_indent,
    "join": lambda parts, d="", attribute=None: _check_join(parts, d),
    "replace": lambda text, old, new, count=None: _check_replace(text, old, new),
    "sum": _check_sum,
    "title": _check_slow,
    "tojson": _check_tojson,
    "wordwrap": _check_wordwrap,
}


def filters(builtin: Mapping[str, Callable[..., Any]]) -> dict[str, Callable[..., Any]]:
    """Returns the filters that a prompt may use, by name: of Jinja's own filters (`builtin`) those whose work can be
    limited, with their limits."""
    bounded = {name: _bounded(builtin[name], _BEFORE.get(name)) for name in _FILTERS.split()}
    escape = _bounded(builtin["escape"], None)
    # Only `default` accepts undefined values; nothing is escaped, so `safe` does nothing.
    return {**bounded, "default": builtin["default"], "d": builtin["d"], "escape": escape, "e": escape, "safe": settled}


def _bounded(filter_: Callable[..., Any], before: Callable[..., None] | None) -> Callable[..., Any]:
    extra = 1 if hasattr(filter_, "jinja_pass_arg") else 0

    @wraps(filter_)
    def bounded(*args: Any, **kwargs: Any) -> Any:
        value, *options = args[extra:]
        _check_options([*options, *kwargs.values()])
        spend(weigh(value))
        if before is not None:
            before(value, *options, **kwargs)
        return settled(filter_(*args, **kwargs))

    return bounded


def _check_options(options: Sequence[Any]) -> None:
    weigh(options)
    for option in options:
        if isinstance(option, int) and abs(option) > MAX_NUMBER:
            raise TemplateLimit(f"The number {option} is too large for a filter, which takes up to {MAX_NUMBER:,}.")


def _check_chars(chars: int) -> None:
    if chars > MAX_CHARS:
        raise TemplateLimit(f"The template makes a text of more than {MAX_CHARS:,} characters.", hint=HINT)


def _check_bits(bits: int) -> None:
    if bits > MAX_BITS:
        raise TemplateLimit(f"A number of {bits:,} bits is too large for a template.", hint=HINT)


def _digits(number: int) -> int:
    _check_bits(number.bit_length())
    return number.bit_length() // 3 + 2
