"""The models of the built-in endpoint: the weights in use, and an adapter on them after a `+`."""

from __future__ import annotations

from promptgrid.builtin import weights
from promptgrid.builtin.adapters import Adapter, adapters, find
from promptgrid.errors import BuiltinError, PromptgridError, TuningError
from promptgrid.suggestions import closest

ENDPOINT = "builtin"


def names() -> tuple[str, ...]:
    """Returns the names that may follow `builtin/` in a model's name: those of the weights, and NAME+ADAPTER for each
    tuned model that was made for them."""
    bases = weights.names()
    return (*bases, *(f"{bases[-1]}+{adapter.name}" for adapter in adapters() if not mismatch(adapter)))


def mismatch(adapter: Adapter) -> str:
    """Returns why the adapter does not fit the weights in use, as a sentence; "" if it does."""
    try:
        digest = weights.identity().removeprefix("sha256:")
    except PromptgridError as error:
        return error.message
    if digest == adapter.base_sha256:
        return ""
    return (
        f"{adapter.name} was tuned from the GGUF file with sha256 {adapter.base_sha256[:12]}…; the file in use has "
        f"{digest[:12]}…: adapter and base belong together."
    )


def is_tuned(model: str) -> bool:
    """Tells whether the name is that of an adapter on the weights, which need not exist."""
    return model not in weights.names() and "+" in model


def adapter_of(model: str) -> Adapter | None:
    """Returns the adapter of the model `NAME+ADAPTER`; None for the weights themselves. Raises BuiltinError if there is
    no such model, or if its adapter was made for other weights."""
    if model in weights.names():
        return None
    base, plus, name = model.rpartition("+")
    if not plus or base not in weights.names():
        raise _unknown(model)
    try:
        adapter = find(name)
    except TuningError as error:
        raise BuiltinError(error.message, hint=error.hint or "`promptgrid models` lists the models.") from error
    if reason := mismatch(adapter):
        hint = f"Set {weights.OVERRIDE} to the file that it was tuned from, or unset it; or tune it again."
        raise BuiltinError(reason, hint=hint)
    return adapter


def _unknown(model: str) -> BuiltinError:
    near = closest(model, names(), cutoff=0.3) or names()[0]
    return BuiltinError(f"The built-in endpoint has no model {model!r}.", hint=f"Did you mean {ENDPOINT}/{near}?")
