"""The prompts of a model that judges, and the reading of its marks. Pure: `promptgrid.judging` makes the calls.

As in Zheng et al. 2023, "Judging LLM-as-a-Judge with MT-Bench and Chatbot Arena", the judge gives reasons before the
mark, and pairs are judged in both orders.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal

from promptgrid.answers import last_numeral, read_answer
from promptgrid.errors import PlanError
from promptgrid.grading.spec import CheckSpec
from promptgrid.grading.subject import Verdict, short
from promptgrid.prompt import Prompt, loads, variables
from promptgrid.text import one_line

INPUTS = ("question", "conversation", "output", "answer", "expected", "rubric", "scale", "boundary")
PAIR_INPUTS = ("question", "conversation", "first", "second", "expected", "rubric", "boundary")
RUBRIC = "The reply does what was asked: it is correct, complete, clear, and says nothing that was not asked for."
USUAL_MIN = 0.5
_EXPLAINED = 600  # characters of a judge's reasons
_PASS = {"pass": True, "passed": True, "yes": True, "fail": False, "failed": False, "no": False}

Shipped = Literal["judge", "judge-pair"]


@cache
def shipped_prompt(name: Shipped) -> Prompt:
    """Returns the judge's prompt of this name that ships with promptgrid: one marks a single reply, the other compares
    two."""
    return loads(Path(__file__).with_name(f"{name}.prompty").read_text("utf-8"), name)


def check_prompt(prompt: Prompt, inputs: tuple[str, ...] = INPUTS) -> None:
    """Raises PlanError if a prompt cannot serve a judge: it needs a variable that is not among `inputs`, or has no
    variable for what is judged (`output` or `answer`; with PAIR_INPUTS both `first` and `second`)."""
    used = variables(prompt.messages, prompt.inputs)
    if unknown := [variable.name for variable in used if variable.required and variable.name not in inputs]:
        hint = f"A judge's prompt may use {', '.join(inputs)}."
        raise PlanError(f'The prompt "{prompt.name}" needs {unknown[0]!r}, which judges do not have.', hint=hint)
    required = ("output", "answer") if "output" in inputs else ("first", "second")
    names = {variable.name for variable in used}
    if names.isdisjoint(required) if "output" in inputs else not names.issuperset(required):
        hint = f"Put {' and '.join(f'{{{{ {name} }}}}' for name in required)} into it."
        raise PlanError(f'The prompt "{prompt.name}" does not show the judge the reply.', hint=hint)


def inputs_for(
    spec: CheckSpec, *, question: str, conversation: str, output: str, answer: str | None, expected: str | None
) -> Mapping[str, str]:
    """Returns the values of the variables in the judge's prompt for one reply, by the names in INPUTS: the arguments,
    the check's rubric and scale, and a `boundary`."""
    scale = "pass or fail" if spec.scale is None else "a whole number from {} (worst) to {} (best)".format(*spec.scale)
    return {
        "question": question,
        "conversation": conversation,
        "output": output,
        "answer": answer or "",
        "expected": expected or "",
        "rubric": spec.options.get("rubric") or RUBRIC,
        "scale": scale,
        "boundary": boundary(question, output, expected or ""),
    }


def boundary(*texts: str) -> str:
    """Returns a hash of these texts, to mark where they begin and end in a judge's prompt: a text cannot contain its
    own mark on purpose. The same texts get the same mark, so that a stored reply can be reused."""
    return hashlib.sha256("\0".join(texts).encode("utf-8", "surrogatepass")).hexdigest()[:12]


def read_mark(spec: CheckSpec, prompt: Prompt, text: str) -> Verdict:
    """Returns the verdict in a judge's reply `text`: its mark, read by the prompt's answer rule. A reply without a mark
    is not scored."""
    answer = None if _contradicts_itself(text) else read_answer(prompt.answer, text).answer
    value = None if answer is None else _mark(spec, answer)
    if value is None:
        scale = spec.options.get("scale", "1-5")
        return Verdict(None, f"the check failed: the judge gave no mark of {scale}, but: {short(text)}", failed=True)
    return Verdict(
        value >= spec.options.get("min", USUAL_MIN), f"{str(answer).strip()}: {one_line(text, _EXPLAINED)}", value
    )


def _mark(spec: CheckSpec, answer: str) -> float | None:
    if spec.scale is None:
        passed = _PASS.get(answer.strip(" .*_`\"'").casefold())
        return None if passed is None else float(passed)
    low, high = spec.scale
    number = last_numeral(answer.partition("/")[0])
    if number is None or number.value is None or not low <= number.value <= high:
        return None
    return float((number.value - low) / (high - low))


Preference = Literal["first", "second", "tie"]
_PREFERENCES: Mapping[str, Preference] = {"first": "first", "second": "second", "tie": "tie"}


def read_preference(prompt: Prompt, text: str) -> Preference | None:
    """Returns which of two replies the judge's reply `text` prefers ("first", "second", "tie"); None if it says none of
    these."""
    if _contradicts_itself(text):
        return None
    answer = (read_answer(prompt.answer, text).answer or "").strip(" .*_`\"'").casefold()
    return _PREFERENCES.get(answer)


_LINE_START = r"^[\s*_#]*(?:(?:the|my|final|overall)\s+){0,3}verdict\W{0,6}?\s*"
_VERDICT_LINE = re.compile(
    _LINE_START + r"([-−]?\d+(?:\.\d+)?|[a-z]+)(?:\s*(?:/|out of)\s*\d+)?[\s*_.`]*$", re.IGNORECASE | re.MULTILINE
)


def _contradicts_itself(text: str) -> bool:
    """Tells whether the judge's reply has two lines with different verdicts; one of them may be quoted from the judged
    reply."""
    return len({match.group(1).casefold() for match in _VERDICT_LINE.finditer(text)}) > 1
