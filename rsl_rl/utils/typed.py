"""Whether plain data, read from a file, is of the type that a hint says."""

import math
import types
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from torch import Tensor


def misfit(value: Any, hint: Any, where: str) -> str | None:
    """What is wrong with `value`, the entry `where` of a file, if it is not of the type `hint`; None if it is.

    An int passes for a float. Floats are finite. A hint that is a class wants an instance of it.
    """
    origin, args = get_origin(hint), get_args(hint)
    if hint is Any:
        return None
    if origin is Annotated:
        return misfit(value, args[0], where)
    if origin in (Union, types.UnionType):
        found = [misfit(value, arg, where) for arg in args]
        return None if None in found else found[0]
    if origin is Literal:
        known = any(type(value) is type(arg) and value == arg for arg in args)
        return None if known else f"{where} is {told(value)}: it is one of {', '.join(map(repr, args))}"
    if origin is dict or hint is dict:
        return _of_dict(value, args or (str, Any), where)
    if origin in (tuple, list) or hint in (tuple, list):
        return _of_sequence(value, origin or hint, args, where)
    if hint is float:
        good = type(value) in (int, float) and math.isfinite(value)
    elif hint in (int, bool, str) or hint is type(None):
        good = type(value) is (hint or type(None))
    else:
        good = not isinstance(hint, type) or isinstance(value, hint)
    name = {float: "a finite number", int: "a whole number", bool: "True or False", str: "a text", Tensor: "a tensor"}
    return None if good else f"{where} is {told(value)}, not {name.get(hint, getattr(hint, '__name__', hint))}"


def _of_dict(value: Any, args: tuple[Any, Any], where: str) -> str | None:
    if not isinstance(value, Mapping):
        return f"{where} is {told(value)}, not a table"
    for key, item in value.items():
        if not isinstance(key, str):
            return f"{where} has the key {told(key)}, which is no text"
        if wrong := misfit(item, args[1], f"{where}.{key}"):
            return wrong
    return None


def _of_sequence(value: Any, kind: type, args: tuple[Any, ...], where: str) -> str | None:
    if type(value) is not kind:
        return f"{where} is {told(value)}, not a {kind.__name__}"
    if not args:
        return None
    hints = args if kind is tuple and args[-1] is not Ellipsis else (args[0],) * len(value)
    if len(hints) != len(value):
        return f"{where} has {len(value)} values, not {len(hints)}"
    for k, (item, of_item) in enumerate(zip(value, hints, strict=True)):
        if wrong := misfit(item, of_item, f"{where}.{k}"):
            return wrong
    return None


def not_plain(value: Any, where: str) -> str | None:
    """What in `value`, the entry `where` of a file, is no number, text or None, nor made of such; None: nothing."""
    if isinstance(value, Mapping):
        deeper = {f"{where}.{key}": item for key, item in value.items()}
    elif isinstance(value, list | tuple):
        deeper = {f"{where}.{k}": item for k, item in enumerate(value)}
    elif value is None or isinstance(value, bool | int | float | str):
        return None
    else:
        return f"{where} is {told(value)}, which no setting is"
    return next(filter(None, (not_plain(item, key) for key, item in deeper.items())), None)


def told(value: Any) -> str:
    """A value in a message: short, and of a tensor only what it is."""
    if isinstance(value, Tensor):
        return f"a tensor {tuple(value.shape)} of {str(value.dtype).removeprefix('torch.')}"
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{text[:57]}..."
