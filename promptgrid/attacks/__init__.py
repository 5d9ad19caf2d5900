"""Attacks on a prompt by the text of an untrusted variable, defences as variants of the prompt, and what they held."""

from promptgrid.attacks.attack_plan import AttackPlan, attack_plan
from promptgrid.attacks.attacks import AIMS, ATTACKS, Attack
from promptgrid.attacks.defences import DEFENCES, defended
from promptgrid.attacks.held import DefenceResult, held, held_sentence

__all__ = [
    "AIMS",
    "ATTACKS",
    "DEFENCES",
    "Attack",
    "AttackPlan",
    "DefenceResult",
    "attack_plan",
    "defended",
    "held",
    "held_sentence",
]
