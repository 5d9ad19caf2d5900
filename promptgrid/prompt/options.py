"""Reads and writes the parameters of a prompt file: `model.options` of prompty 2, `model.parameters` of prompty 0.1."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from promptgrid.errors import PromptError
from promptgrid.prompt.front_matter import Field
from promptgrid.prompt.parameters import RETRIEVAL_PARAMETERS, SPECS, Parameters

# prompty's name of an option -> (our name, reader). Options that only some endpoints accept go into `extra_body`.
_OPTIONS: Mapping[str, tuple[str, Callable[[Field], Any]]] = {
    "temperature": ("temperature", Field.number),
    "topP": ("top_p", Field.number),
    "maxOutputTokens": ("max_tokens", Field.whole),
    "seed": ("seed", Field.whole),
    "stopSequences": ("stop", lambda field: field.texts()),
    "reasoningEffort": ("reasoning_effort", Field.text),
    "allowMultipleToolCalls": ("parallel_tool_calls", lambda field: "yes" if field.flag() else "no"),
}
_EXTRA: Mapping[str, tuple[str, Callable[[Field], Any]]] = {
    "frequencyPenalty": ("frequency_penalty", Field.number),
    "presencePenalty": ("presence_penalty", Field.number),
    "topK": ("top_k", Field.whole),
}
_ADDED: Mapping[str, Callable[[Field], Any]] = {
    "beams": Field.whole,
    "length_penalty": Field.number,
    "early_stop": Field.flag,
    "tool_choice": Field.text,
}
_MORE = ("response_format", "extra_body", *_ADDED)

# prompty 0.1 sends its parameters unchanged: they have the names of the protocol, as ours do.
_READERS: Mapping[type, Callable[[Field], Any]] = {
    float: Field.number,
    int: Field.whole,
    str: Field.text,
    bool: Field.flag,
    tuple: lambda field: (field.text(),) if isinstance(field.node.value, str) else field.texts(),
    dict: lambda field: {name: part.value() for name, part in field.fields().items()},
}
_NEWER = "max_completion_tokens"
_SAMPLING = frozenset(
    {
        *("frequency_penalty", "presence_penalty", "repetition_penalty", "top_k", "min_p", "typical_p"),
        *("logit_bias", "user", "verbosity"),
    }
)


def read_options(options: Mapping[str, Field], notes: list[str]) -> Parameters:
    """Returns the parameters in the fields of `model.options` (prompty 2). An unknown option is left out and adds a
    sentence to `notes`. Raises PromptError for a value of a wrong type."""
    known = {ours: reader(options[theirs]) for theirs, (ours, reader) in _OPTIONS.items() if theirs in options}
    extra = {ours: reader(options[theirs]) for theirs, (ours, reader) in _EXTRA.items() if theirs in options}
    more = options["additionalProperties"].fields() if "additionalProperties" in options else {}
    if "extra_body" in more:
        extra |= _READERS[dict](more["extra_body"])
    if "response_format" in more:
        known["response_format"] = _READERS[dict](more["response_format"])
    known |= {name: reader(more[name]) for name, reader in _ADDED.items() if name in more}
    left = [field for name, field in options.items() if name not in (*_OPTIONS, *_EXTRA, "additionalProperties")]
    left += [field for name, field in more.items() if name not in _MORE]
    notes += [f"{field.path} is not taken over." for field in left]
    return Parameters(**known, extra_body=extra or None)


def write_options(parameters: Parameters) -> dict[str, Any]:
    """Returns the parameters that are set as fields for `model.options` (prompty 2)."""
    names = {ours: theirs for theirs, (ours, _) in _OPTIONS.items()}
    fields = {names[name]: value for name, value in parameters.given.items() if name in names}
    if "allowMultipleToolCalls" in fields:
        fields["allowMultipleToolCalls"] = fields["allowMultipleToolCalls"] == "yes"
    if "stopSequences" in fields:
        fields["stopSequences"] = list(fields["stopSequences"])
    extra = dict(parameters.extra_body or {})
    fields |= {theirs: extra.pop(ours) for theirs, (ours, _) in _EXTRA.items() if ours in extra}
    more = {"response_format": parameters.response_format, "extra_body": extra}
    more |= {name: getattr(parameters, name) for name in _ADDED}
    more = {name: value for name, value in more.items() if value not in (None, {})}
    return {**fields, "additionalProperties": more} if more else fields


def read_parameters(fields: Mapping[str, Field], notes: list[str]) -> Parameters:
    """Returns the parameters in the fields of `model.parameters` (prompty 0.1). An unknown name or a wrong type is left
    out and adds a sentence to `notes`."""
    specs = {spec.name: spec for spec in SPECS if spec.name not in RETRIEVAL_PARAMETERS}
    known: dict[str, Any] = {}
    extra: dict[str, Any] = {}
    for name, field in fields.items():
        ours = "max_tokens" if name == _NEWER and "max_tokens" not in fields else name
        if field.is_empty():
            continue
        if ours not in specs and name not in _SAMPLING:
            notes.append(f"{field.path} is not taken over.")
            continue
        try:
            if ours == "extra_body":
                extra |= _READERS[dict](field)
            elif ours in specs:
                known[ours] = _READERS[specs[ours].kind](field)
            else:
                extra[name] = field.value()
        except PromptError as error:
            notes.append(f"{field.path} is not taken over. {error}")
    return Parameters(**known, extra_body=extra or None)


def write_parameters(parameters: Parameters) -> dict[str, Any]:
    """Returns the parameters that are set as fields for `model.parameters` (prompty 0.1)."""
    fields = {name: value for name, value in parameters.as_json().items() if name not in RETRIEVAL_PARAMETERS}
    extra = dict(fields.pop("extra_body", {}))
    fields |= {name: extra.pop(name) for name in list(extra) if name in _SAMPLING}
    return {**fields, "extra_body": extra} if extra else fields
