"""Invented product reviews with their labels, for tunings: made of parts that none of the shipped cases has."""

from __future__ import annotations

import random

_THINGS = (
    "lamp", "backpack", "blender", "tent", "office chair", "toaster", "watch", "raincoat", "drill", "printer", "kettle",
    "pillow", "bicycle pump", "frying pan", "headset", "umbrella", "scale", "vacuum cleaner", "scarf", "alarm clock",
)  # fmt: skip
_PRAISE = (
    "The {} does exactly what it promises", "I am very happy with this {}", "This {} is sturdy and well made",
    "I would recommend the {} to anyone", "The {} looks lovely in our home", "Such a comfortable {}",
    "The {} arrived early and works perfectly", "I have never owned a better {}", "Everyone admires the {}",
    "The {} was easy to set up", "This {} saves me time every day", "For that price the {} is a bargain",
)  # fmt: skip
_BLAME = (
    "The {} broke within a week", "This {} is far too noisy", "I sent the {} back", "The {} is a waste of money",
    "The {} arrived dirty and dented", "The seams of the {} came apart", "Customer service would not replace the {}",
    "The {} never worked properly", "This {} feels flimsy", "The {} is smaller than in the picture",
    "I regret buying the {}", "The {} gets hot and smells burnt",
)  # fmt: skip
_AND = (". {}", ", and {}", "; {}")
_BUT = (", but {}", ". {}", "; {}", ", although {}", ". Still, {}", ", yet {}")


_PARTS = ("strap", "zip", "motor", "cover", "switch", "lens", "cable", "stitching", "app", "stand", "lining", "lock")
_GOOD = ("solid", "soft", "bright", "clever", "strong", "handy", "generous", "elegant")
_BAD = ("weak", "wobbly", "dull", "useless", "crooked", "stiff", "ugly", "unreliable")
_SHORT = 0.5  # the share of reviews of a few words


def reviews(count: int, seed: int = 1) -> list[tuple[str, str]]:
    """Returns so many different reviews, each with its label: positive, negative and mixed in turn."""
    chance = random.Random(seed)
    labels = ("positive", "negative", "mixed")
    made: dict[str, str] = {}
    while len(made) < count:
        label = labels[len(made) % len(labels)]
        made.setdefault((_short if chance.random() < _SHORT else _long)(chance, label), label)
    return list(made.items())


def _short(chance: random.Random, label: str) -> str:
    one, other = chance.sample(_PARTS, 2)
    good, bad = chance.sample(_GOOD, 2), chance.sample(_BAD, 2)
    if label == "mixed":
        first, second = chance.sample([good[0], bad[0]], 2)
        joint = chance.choice((", ", ", but ", ", though the "))
    else:
        first, second = good if label == "positive" else bad
        joint = chance.choice((", ", " and ", ", and a "))
    if joint.endswith("the "):
        return f"{first.capitalize()} {one}{joint}{other} is {second}."
    return f"{first.capitalize()} {one}{joint}{second} {other}."


def _long(chance: random.Random, label: str) -> str:
    thing = chance.choice(_THINGS)
    good, bad = chance.sample(_PRAISE, 2), chance.sample(_BLAME, 2)
    if label == "mixed":
        joint, pair = chance.choice(_BUT), chance.sample([good[0], bad[0]], 2)
    else:
        joint, pair = chance.choice((*_AND, "")), good if label == "positive" else bad
    second = pair[1].format(thing)
    if not joint.startswith((".", "!")) and not second.startswith("I "):
        second = second[0].lower() + second[1:]
    return pair[0].format(thing) + joint.format(second) + "."
