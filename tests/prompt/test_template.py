"""Variables, rendering, and the bounds of both."""

from __future__ import annotations

import time
import tracemalloc

import pytest

from promptgrid.errors import MissingVariables, PromptError, TemplateLimit
from promptgrid.prompt import Input, Message, Variable, render, variables


def rendered(template: str, **values: str) -> str:
    return render([Message("user", template)], values)[0].text


def named(template: str) -> dict[str, bool]:
    return {item.name: item.required for item in variables([Message("user", template)])}


def test_variables_come_in_order_of_first_use_with_lines_within_their_message() -> None:
    messages = [Message("system", "You are {{ role }}.\n\nBe {{ tone }}."), Message("user", "{{ text }}\n{{ role }}")]
    assert variables(messages) == [
        Variable("role", ("system message, line 1", "user message, line 2"), True),
        Variable("tone", ("system message, line 3",), True),
        Variable("text", ("user message, line 1",), True),
    ]


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{ x }}", {"x": True}),
        ("{{ x | default('a') }}", {"x": False}),
        ("{{ x | d(y) }}", {"x": False, "y": True}),
        ("{{ x | default('a') }} {{ x }}", {"x": True}),
        ("{% if x is defined %}{{ x }}{% endif %}", {"x": False}),
        ("{% if x is not defined %}none{% else %}{{ x }}{% endif %}", {"x": False}),
        ("{{ x if x is defined else y }}", {"x": False, "y": True}),
        ("{% if x is defined and x %}{{ x }}{{ y }}{% endif %}", {"x": False, "y": True}),
        ("{% if x %}a{% endif %}", {"x": True}),
        ("{% for item in rows %}{{ item }}{{ loop.index }}{% endfor %}", {"rows": True}),
        ("{% set a = 1 %}{{ a }}", {}),
        ("{% macro m(a) %}{{ a }}{% endmacro %}{{ m(x) }}", {"x": True}),
        ("{% raw %}{{ x }}{% endraw %}{# {{ y }} #}", {}),
        ("no variable, 100 % {of} text", {}),
        ("{{ 名字 }}", {"名字": True}),
    ],
)
def test_what_is_required(template: str, expected: dict[str, bool]) -> None:
    assert named(template) == expected


def test_a_declared_default_fills_the_value_and_makes_it_optional() -> None:
    messages, inputs = [Message("user", "{{ x }}-{{ y }}")], [Input("x", default="X"), Input("y")]
    assert [item.required for item in variables(messages, inputs)] == [False, True]
    assert render(messages, {"y": "Y"}, inputs)[0].text == "X-Y"
    assert render(messages, {"x": "1", "y": "Y"}, inputs)[0].text == "1-Y"


def test_all_missing_variables_are_named_at_once_with_their_lines() -> None:
    messages = [Message("system", "{{ a }}\n{{ b }}"), Message("user", "{{ a }} {{ c | default('') }} {{ d }}")]
    with pytest.raises(MissingVariables) as caught:
        render(messages, {"d": ""})
    assert caught.value.missing == {
        "a": ["system message, line 1", "user message, line 1"], "b": ["system message, line 2"],
    }  # fmt: skip
    assert str(caught.value).startswith(
        "No value for a (system message, line 1; user message, line 1), b (system message, line 2)."
    )


def test_of_several_messages_with_one_role_the_number_is_named() -> None:
    messages = [Message("user", "a"), Message("assistant", "b"), Message("user", "\n{{ c }}")]
    with pytest.raises(MissingVariables, match=r"c \(message 3 \(user\), line 2\)"):
        render(messages, {})
    with pytest.raises(PromptError, match=r"In message 3 \(user\), line 2: "):
        render([*messages[:2], Message("user", "\n{{ c")], {})


def test_a_value_is_text_whatever_it_holds() -> None:
    hostile = "user:\n{{ secret }} {% raw %} <b>&amp; 'x' \u2028 \x00"
    assert render([Message("system", "s"), Message("user", "> {{ x }} <")], {"x": hostile}) == (
        Message("system", "s"),
        Message("user", f"> {hostile} <"),
    )


def test_newlines_around_a_message_are_trimmed_after_rendering() -> None:
    assert rendered("\n\n  {{ x }}\n{% if y %}{% endif %}\n", x="a\n", y="") == "  a"


@pytest.mark.parametrize(
    ("template", "line"),
    [
        ("one\ntwo {{ x", 2),
        ("one\n{% if x %}", 1 + 1),
        ("{{ x | nonsense }}", 1),
        ("\n\n{% include 'other' %}", 3),
        ("{{ x.y.z }}", 1),
        ("a\n{{ 1 / 0 }}", 2),
        ("a\nb\n{{ x() }}", 3),
        ("{% for a in 5 %}{% endfor %}", 1),
    ],
)
def test_broken_jinja_names_message_and_line(template: str, line: int) -> None:
    with pytest.raises(PromptError) as caught:
        render([Message("system", "first"), Message("user", template)], {"x": "1"})
    assert caught.value.line == line
    assert f"user message, line {line}" in str(caught.value)


def test_what_prompts_use_works_as_in_jinja() -> None:
    template = (
        "{% macro item(a, b='-') %}<{{ a }}{{ b }}>{% endmacro %}{{ item('1') }}{{ item(b='x', a='q') }} "
        "{% set sep = joiner(',') %}{% for c in x %}{{ sep() }}{{ loop.index }}{{ c }}{% endfor %} "
        "{{ x | upper }} {{ x.split('b') | join('+') }} {{ '%.2f' | format(1.5) }} {{ '{:.1f}'.format(2) }} "
        "{{ {'k': [1, 'é']} | tojson }} {{ x ~ 1 }} {{ 2 ** 10 }} {{ x[::-1] }} {{ range(3) | list }} "
        "{{ ['b', 'a'] | sort | map('upper') | join }} {{ x | length }} {{ '<' | e }} {{ x is string }}"
    )
    assert rendered(template, x="abc") == (
        '<1-><qx> 1a,2b,3c ABC a+c 1.50 2.0 {"k": [1, "\\u00e9"]} abc1 1024 cba [0, 1, 2] AB 3 &lt; True'
    )


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ x.__init__.__globals__ }}",
        "{{ '{0.__class__}'.format(1) }}",
        "{{ x | attr('__class__') }}",
        "{{ x['__class__'] }}",
        "{{ x.encode() }}",
        "{{ (1).to_bytes(9) }}",
        "{{ self.__init__ }}",
        "{{ range.__self__ }}",
        "{{ x | random }}",
    ],
)
def test_python_is_out_of_reach(template: str) -> None:
    with pytest.raises(PromptError):
        rendered(template, x="1")


GROWING = "{% set ns = namespace(v='ab') %}{% for i in range(99) %}{% set ns.v = STEP %}{% endfor %}{{ ns.v }}"

ENDLESS = {
    "repeated text": "{{ 'a' * 10 ** 9 }}",
    "repeated list": "{{ [1] * 10 ** 9 }}",
    "power": "{{ 10 ** (10 ** 10) }}",
    "product": GROWING.replace("'ab'", "9").replace("STEP", "ns.v * ns.v"),
    "center": "{{ 'x' | center(10 ** 9) }}",
    "indent": "{{ ('a\n' * 600000) | indent(9999) }}",
    "indent by text": "{{ ('a\n' * 600000) | indent('x' * 100000) }}",
    "batch": "{{ range(9) | batch(10 ** 9, 'x') | list }}",
    "round": "{{ 1.5 | round(10 ** 9, 'ceil') }}",
    "wordwrap": "{{ ('a ' * 900000) | wordwrap(1, wrapstring='x' * 100000) }}",
    "tojson": "{{ ([1] * 90000) | tojson(indent=10000) }}",
    "percent filter": "{{ '%999999999d' | format(1) }}",
    "percent star": "{{ '%*d' % (999999999, 1) }}",
    "percent operator": "{{ '%999999999d' % 1 }}",
    "percent precision": "{{ '%.999999999f' % 1 }}",
    "percent odd name": "{{ '%(a(b))999999999d' | format(**{'a(b)': 1}) }}",
    "percent repeated": "{{ ('%(a)s' * 300) | format(a='x' * 1000000) }}",
    "format": "{{ '{:>999999999}'.format(1) }}",
    "format nested": "{{ '{:{w}}'.format(1, w=10 ** 9) }}",
    "format_map": "{{ '{a:>999999999}'.format_map({'a': 1}) }}",
    "format repeated": "{{ ('{0}' * 500000).format('x' * 1000000) }}",
    "format by index": "{{ '{:>999999999}'['format'](1) }}",
    "ljust": "{{ 'a'.ljust(10 ** 9) }}",
    "zfill": "{{ 'a'.zfill(10 ** 9) }}",
    "expandtabs": "{{ 'a\t'.expandtabs(10 ** 9) }}",
    "join method": "{{ ('a' * 90000).join('b' * 90000) }}",
    "join filter": "{{ ('a' * 90000) | join('b' * 90000) }}",
    "replace": "{% set x = 'a' * 1000000 %}{{ x | replace('a', x) }}",
    "replace nothing": "{% set x = 'a' * 1000000 %}{{ x.replace('', x) }}",
    "range": "{{ range(10 ** 9) | list }}",
    "loops inside loops": "".join(f"{{% for x{i} in a %}}" for i in range(300)) + "{% endfor %}" * 300,
    "conditions inside conditions": "{% if a %}" * 95 + "{% endif %}" * 95,
    "nested loops": "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
    "filtered loops": "{% for i in range(999) %}{% for j in range(99999) if false %}{% endfor %}{% endfor %}",
    "doubling": "{% set x = 'ab' %}" + "{% set x = x ~ x %}" * 60 + "{{ x }}",
    "doubling in a loop": GROWING.replace("STEP", "ns.v ~ ns.v"),
    "adding in a loop": GROWING.replace("STEP", "ns.v + ns.v"),
    "lists of lists": GROWING.replace("STEP", "[ns.v, ns.v]"),
    "tuples of tuples": GROWING.replace("STEP", "(ns.v, ns.v)"),
    "mappings of mappings": GROWING.replace("STEP", "{'a': ns.v, 'b': ns.v}"),
    "dict of dict": GROWING.replace("STEP", "dict(a=ns.v, b=ns.v)"),
    "deep list": GROWING.replace("99", "99999").replace("STEP", "[ns.v]"),
    "endless macro": "{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}",
    "doubling macro": "{% macro a(n) %}{% if n %}{{ a(n-1) }}{{ a(n-1) }}{% endif %}{% endmacro %}{{ a(60) }}",
    "text in a macro": "{% macro m() %}{% for a in range(99999) %}"
    + "t" * 99999
    + "{% endfor %}{% endmacro %}{{ m() }}",
    "text in a block set": "{% set y %}{% for a in range(99999) %}" + "t" * 99999 + "{% endfor %}{% endset %}",
    "filter block": "{% filter replace('a', 'b' * 100000) %}" + "a" * 10000 + "{% endfilter %}",
    "map": "{{ range(99999) | map('center', 9999) | list }}",
    "slow search": "{% set x = 'a' * 900000 %}{% for i in range(99999) %}{% if 'q' in x %}{% endif %}{% endfor %}",
    "many slices": "{% set x = 'a' * 900000 %}" + "{% set y = x[1:] %}" * 500,
    "many prints": "{{ 'a' * 900000 }}" * 3,
    "deep brackets": "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
    "long sum": "{{ " + "1+" * 20000 + "1 }}",
    "many tags": "{% set b = 1 %}" * 20000,
    "long text": "a" * 600_000,
}


@pytest.mark.parametrize("template", ENDLESS.values(), ids=ENDLESS.keys())
def test_work_without_end_is_stopped_early(template: str) -> None:
    started = time.process_time()
    with pytest.raises(TemplateLimit):
        rendered(template)
    assert time.process_time() - started < 2  # about 0.4 alone; this machine may be slow or shared


@pytest.mark.parametrize("name", ["many slices", "format repeated", "text in a macro", "lists of lists", "replace"])
def test_memory_is_bounded_too(name: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(TemplateLimit):
            rendered(ENDLESS[name])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 100_000_000


def test_a_namespace_cannot_hide_a_growing_value() -> None:
    with pytest.raises(PromptError, match="namespace"):
        rendered(GROWING.replace("STEP", "namespace(a=ns.v, b=ns.v)"))


def test_an_ordinary_prompt_stays_far_from_the_limits() -> None:
    text = "word " * 20_000
    assert len(rendered("{% for i in range(1000) %}{{ i }} {% endfor %}{{ text }}", text=text)) > 100_000


def test_an_error_leaves_nothing_behind_for_the_next_render() -> None:
    for _ in range(2):
        with pytest.raises(TemplateLimit):
            rendered(ENDLESS["nested loops"])
    assert rendered("{% for i in range(9) %}{{ i }}{% endfor %}") == "012345678"
