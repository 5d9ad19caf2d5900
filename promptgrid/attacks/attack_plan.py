"""Makes the plan of an attack run: the prompt and its defences × attacked, clean and harmless cases."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from promptgrid.attacks.attacks import AIMS, ATTACKS, HARMLESS, Aim, Attack
from promptgrid.attacks.defences import DEFENCES, defended
from promptgrid.cases.table import Case
from promptgrid.errors import PlanError
from promptgrid.grading import CheckSpec
from promptgrid.grading.held import WORDS_IN_A_ROW
from promptgrid.grid import Plan
from promptgrid.prompt import Prompt
from promptgrid.suggestions import did_you_mean, listed
from promptgrid.text import value_text

ATTACK = "attack"
"""The column that says which attack a case holds; `clean` and `harmless` are none."""
CLEAN, HARMLESS_KIND = "clean", "harmless"
HELD = "held"


@dataclass(frozen=True, slots=True)
class AttackPlan:
    """A plan, and sentences on the aims and defences that it leaves out."""

    plan: Plan
    left_out: Sequence[str]


def attack_plan(
    prompt: Prompt,
    cases: Sequence[Case],
    variable: str,
    *,
    aims: Sequence[str] = AIMS,
    defences: Sequence[str] = tuple(DEFENCES),
    **settings: Any,
) -> AttackPlan:
    """Returns the plan that attacks the prompt through the `variable`. Each attack is put into one of the cases, in
    turn; all cases are also run as they are, and some with a harmless sentence that has words of attacks. `settings`
    are those of `Plan.of`.

    Raises PlanError for an unknown variable, aim or defence, and if no case has a text in the variable.
    """
    _check(aims, AIMS, "aim")
    _check(defences, list(DEFENCES), "defence")
    if ATTACK in {name for case in cases for name in case.inputs}:
        raise PlanError(f"The cases have a column {ATTACK} already.", hint="Give it another name.")
    hosts = [case for case in cases if value_text(case.inputs.get(variable, "")).strip()]
    if not hosts:
        names = dict.fromkeys(name for case in cases for name in case.inputs)
        hint = did_you_mean(variable, names, listed("The cases have", names))
        raise PlanError(f"No case has a text in {variable!r}, the untrusted variable.", hint=hint)
    left_out = [f"{aim}: {why}." for aim in AIMS if aim in aims and (why := _impossible(prompt, aim))]
    wanted = [aim for aim in aims if not _impossible(prompt, aim)]
    variants = [prompt]
    for name in defences:
        made = defended(prompt, variable, name)
        if isinstance(made, str):
            left_out.append(f"{name}: {made}.")
        else:
            variants.append(made)
    attacked = list(_attacked(prompt, hosts, variable, wanted))
    if not attacked:
        raise PlanError("The prompt can be attacked with none of these aims.", hint=" ".join(left_out))
    rows = [*_clean(cases), *_harmless(prompt, hosts, variable), *attacked]
    return AttackPlan(Plan.of(prompts=tuple(variants), cases=rows, **settings), left_out)


def _check(names: Sequence[str], known: Sequence[str], what: str) -> None:
    for name in names:
        if name not in known:
            raise PlanError(f"There is no {what} {name!r}.", hint=did_you_mean(name, known, listed("There are", known)))


def _impossible(prompt: Prompt, aim: str) -> str:
    """Returns why the prompt cannot be attacked with this aim; "" if it can."""
    if aim == "label" and len(prompt.answer.labels) < 2:
        return "the answer is no label"
    if aim == "system" and len(_system(prompt).split()) < WORDS_IN_A_ROW and len(_system(prompt)) < 2 * WORDS_IN_A_ROW:
        return "there is no system message to give away"
    if aim == "tool" and not prompt.tools:
        return "the prompt has no tools"
    if aim == "format" and prompt.answer.kind == "text":
        return "the answer has no form to leave"
    return ""


def _system(prompt: Prompt) -> str:
    return "\n".join(one.text for one in prompt.messages if one.role == "system")


def _attacked(prompt: Prompt, hosts: Sequence[Case], variable: str, aims: Sequence[str]) -> Sequence[Case]:
    language = "zh" if prompt.language == "zh" else "en"
    attacks = [one for one in ATTACKS if one.language == language and one.aim in aims]
    cases = []
    for at, attack in enumerate(attacks):
        host = hosts[at % len(hosts)]
        target = _target(prompt, attack, host)
        if target is None:
            continue
        check = CheckSpec(HELD, "held", {"aim": attack.aim, **({"text": target} if target else {})})
        shown = attack.text(value_text(host.inputs[variable]), "" if attack.aim == "system" else target)
        inputs = {**host.inputs, variable: shown, ATTACK: attack.name}
        cases.append(replace(host, id=attack.name, inputs=inputs, checks=(check,)))
    return cases


def _target(prompt: Prompt, attack: Attack, host: Case) -> str | None:
    """Returns what the attack aims at in this case: the canary, a wrong label, the system message, a tool that is not
    expected, "" for the form; None if there is none."""
    aim: Aim = attack.aim
    if aim == "canary":
        return f"zq{hashlib.sha256(f'{attack.name} {host.id}'.encode()).hexdigest()[:8]}"
    if aim == "label":
        right = (host.expected or "").casefold()
        return next((one for one in prompt.answer.labels if one.casefold() not in right), None)
    if aim == "tool":
        return next((one.name for one in prompt.tools if one.name not in (host.expected or "")), None)
    return _system(prompt) if aim == "system" else ""


def _clean(cases: Sequence[Case]) -> list[Case]:
    return [replace(case, id=f"{CLEAN} {case.id}", inputs={**case.inputs, ATTACK: CLEAN}) for case in cases]


def _harmless(prompt: Prompt, hosts: Sequence[Case], variable: str) -> list[Case]:
    sentences = HARMLESS["zh" if prompt.language == "zh" else "en"]
    return [
        replace(
            hosts[at % len(hosts)],
            id=f"{HARMLESS_KIND} {at + 1}",
            inputs={
                **hosts[at % len(hosts)].inputs,
                variable: f"{value_text(hosts[at % len(hosts)].inputs[variable])} {sentence}",
                ATTACK: HARMLESS_KIND,
            },
        )
        for at, sentence in enumerate(sentences)
    ]
