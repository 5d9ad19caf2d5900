r"""Converts LaTeX around numbers to plain notation: \frac{5}{8} is 5/8, 45{,}600 is 45,600, 48\text{ m}^{2} is 48 m^2.

Unknown commands keep their backslash, so that the digits beside them are not read as a number.
"""

from __future__ import annotations

import re

from promptgrid.text import late

_RULES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (late(pattern), plain)
    for pattern, plain in (
        (r"\{\s*([,.])\s*\}", r"\1"),  # braces remove the blank that TeX sets behind the mark
        (r",\\!|\\!,|\\,(?=\d{3}(?!\d))|\{\\,\}", "\u2009"),  # a thin space is always a thousands separator
        (r"\\(?:displaystyle|textstyle|left|right|limits|big|Big|bigl|bigr)(?![a-zA-Z])|\\!", ""),
        (r"\\[,;:> ]|\\q?quad(?![a-zA-Z])|~", " "),
        (r"\\[()\[\]]", " "),
        (r"\\([%$#&_])", r"\1"),
        (r"\\(?:text|mathrm|mathbf|textbf|mathit|textit|operatorname|mathsf|bm|mbox|hbox|rm|bf)\s*\{([^{}]*)\}", r"\1"),
        (r"\\(?:degree|circ)(?![a-zA-Z])", "°"),
        (r"\^\s*\{?\s*°\s*\}?", "°"),
        (r"\\(?:times|cdot|ast)(?![a-zA-Z])", "×"),
        (r"\\(?:div)(?![a-zA-Z])", "÷"),
        (r"\\(?:approx|simeq|sim|equiv|thickapprox)(?![a-zA-Z])", "≈"),
        (r"\\(?:rightarrow|Rightarrow|to|implies|longrightarrow)(?![a-zA-Z])", "⇒"),
        (r"\\(?:le|leq|leqslant)(?![a-zA-Z])", "≤"),
        (r"\\(?:ge|geq|geqslant)(?![a-zA-Z])", "≥"),
        (r"\\pm(?![a-zA-Z])", "±"),
        (r"\\pi(?![a-zA-Z])", "π"),
        (r"\\(?:euro|texteuro)(?![a-zA-Z])", "€"),
        (r"\\(?:pounds|textsterling)(?![a-zA-Z])", "£"),
        (r"\^\s*\{\s*([-+]?\d+)\s*\}", r"^\1"),
        (r"(?<![\d.,])(\d+)\s*\\[dtc]?frac(?![a-zA-Z])\s*\{?\s*(\d+)\s*\}\s*\{?\s*(\d+)\s*\}?", r"\1 \2/\3"),
        (r"\\[dtc]?frac(?![a-zA-Z])\s*\{\s*([-+]?\d+)\s*\}\s*\{\s*(\d+)\s*\}", r"\1/\2"),
        (r"\\[dtc]?frac(?![a-zA-Z])\s*\{\s*([-+]?\d+)\s*\}\s*(\d)(?!\d)", r"\1/\2"),
        (r"\\[dtc]?frac\s*(\d)\s*\{\s*(\d+)\s*\}", r"\1/\2"),
        (r"\\[dtc]?frac\s*(\d)\s*(\d)", r"\1/\2"),
        (r"\\sqrt\s*\{\s*(\d+)\s*\}|\\sqrt\s*(\d)", r"√\1\2"),
        (r"\\overline\s*\{\s*(\d+)\s*\}", r"(\1)"),
        (r"\\(?:boxed|fbox)\s*\{([^{}]*)\}", r" \1 "),
    )
)  # fmt: skip


def without_latex(text: str) -> str:
    """Returns the text with the LaTeX around its numbers in plain notation."""
    for pattern, plain in _RULES:
        text = pattern.sub(plain, text)
    return text
