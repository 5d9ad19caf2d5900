"""Validates JSON by JSON Schema in limited time: patterns have a timeout, long lists are fast, nothing is fetched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from promptgrid import bounded
from promptgrid.answers import canonical_json
from promptgrid.answers.patterns import searched
from promptgrid.text import cut

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError
    from jsonschema.protocols import Validator

_EXPLAINED = 160  # characters of an explanation


def schema_problem(value: Any, schema: Mapping[str, Any]) -> tuple[bool | None, str]:
    """Validates a JSON value by a schema. Returns (passed, why): why names the path of the first mismatch; passed is
    None if the schema itself is invalid."""
    text = canonical_json(_plain(schema)) or "{}"
    try:
        passed, why = bounded.call(f"{__name__}:schema_problem_here", value, text, blame=text)
    except bounded.Exceeded as exceeded:
        return None, f"not scored: the schema {exceeded}"
    except RecursionError:
        return None, "not scored: the JSON is too deeply nested"
    return passed, why


def schema_problem_here(value: Any, schema_text: str) -> tuple[bool | None, str]:
    """Validates by the schema in the JSON text `schema_text`, and returns (passed, why) as `schema_problem` does. That
    function calls this one in a process with a limit on time and memory: a short schema may refer to itself so often
    that its check would never end."""
    from jsonschema.exceptions import SchemaError
    from referencing.exceptions import Unresolvable

    try:
        error = next(_validator(schema_text).iter_errors(value), None)
    except SchemaError as wrong:
        return None, f"not scored: the schema is wrong at {wrong.json_path}: {cut(wrong.message, _EXPLAINED)}"
    except Unresolvable as wrong:
        return None, f"not scored: the schema refers to {cut(str(wrong.ref), _EXPLAINED)}, which is not in it"
    except _SlowPattern as slow:
        return None, f"not scored: {slow}"
    except RecursionError:
        return None, "not scored: the schema or the JSON is too deeply nested"
    except ArithmeticError as wrong:  # multipleOf on a number of hundreds of digits
        return None, f"not scored: a number is too large to check ({wrong})"
    if error is None:
        return True, "fits the schema"
    return False, f"{error.json_path}: {cut(error.message, _EXPLAINED)}"


class _SlowPattern(Exception):
    """Raised for a pattern of the schema that is invalid or took too long."""


@lru_cache(maxsize=64)
def _validator(schema_text: str) -> Validator:
    import json

    from jsonschema.validators import Draft202012Validator, extend, validator_for
    from referencing import Registry

    schema = json.loads(schema_text)
    dialect = validator_for(schema, default=Draft202012Validator)
    dialect.check_schema(schema)
    bounded: Any = extend(dialect, _BOUNDED)  # type: ignore[no-untyped-call]
    registry: Registry[Any] = Registry()  # the default registry would fetch remote references
    validator: Validator = bounded(schema, registry=registry)
    return validator


def _matches(pattern: str, text: str) -> bool:
    match, problem = searched(pattern, text)
    if problem:
        raise _SlowPattern(problem)
    return match is not None


def _pattern(validator: Any, pattern: str, instance: Any, schema: Any) -> Iterator[ValidationError]:
    from jsonschema.exceptions import ValidationError

    if validator.is_type(instance, "string") and not _matches(pattern, instance):
        yield ValidationError(f"{cut(instance, _EXPLAINED)!r} does not match {pattern!r}")


def _pattern_properties(validator: Any, patterns: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if not validator.is_type(instance, "object"):
        return
    for pattern, subschema in patterns.items():
        for key, value in instance.items():
            if _matches(pattern, key):
                yield from validator.descend(value, subschema, path=key, schema_path=pattern)


def _additional_properties(validator: Any, allowed: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    from jsonschema.exceptions import ValidationError

    if not validator.is_type(instance, "object"):
        return
    patterns = schema.get("patternProperties", {})
    extra = [k for k in instance if k not in schema.get("properties", {}) and not any(_matches(p, k) for p in patterns)]
    if validator.is_type(allowed, "object"):
        for key in extra:
            yield from validator.descend(instance[key], allowed, path=key)
    elif not allowed and extra:
        yield ValidationError(f"{cut(', '.join(map(repr, extra)), _EXPLAINED)} is not in the schema")


def _unique_items(validator: Any, unique: bool, instance: Any, schema: Any) -> Iterator[ValidationError]:
    """Yields an error if `unique` is set and items of the list `instance` are equal as canonical JSON. The library's
    own rule compares every pair, which takes minutes for a long list."""
    from jsonschema.exceptions import ValidationError

    if not unique or not validator.is_type(instance, "array"):
        return
    spelled = {canonical_json(_same_numbers(item)) for item in instance}
    if len(spelled) < len(instance):
        yield ValidationError(f"{len(instance) - len(spelled)} of {len(instance)} items are repeated")


_BOUNDED = {
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
    "uniqueItems": _unique_items,
}


def _same_numbers(value: Any) -> Any:
    """Returns the JSON value with whole floats as ints (1.0 as 1), which JSON Schema treats as equal."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_same_numbers(item) for item in value]
    if isinstance(value, dict):
        return {key: _same_numbers(item) for key, item in value.items()}
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
