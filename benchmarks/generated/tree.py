"""Changes one place of a tree of plain data and tensors, as a checkpoint or a YAML file holds one."""

import copy
import math
from collections.abc import Iterator
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor

from benchmarks.generated.fields import counts, numbers, texts

OTHERS = (None, True, 0, -1, 1, 2**31, 2**63 - 1, 0.5, math.nan, math.inf, "text", "", [], {}, {"a": 1}, [1.0], (1,))
TENSOR = ("nan", "inf", "shorter", "longer", "flat", "scalar", "integer", "double", "half", "flags", "negative", "huge")


@st.composite
def changed(draw: st.DrawFn, tree: dict[str, Any], *, tensors: bool = True) -> tuple[dict[str, Any], str]:
    """A copy of `tree` in which one entry is another, missing or too many, and the entry's path with what was done."""
    tree = copy.deepcopy(tree)
    keys = draw(st.sampled_from(list(places(tree))))
    parent = tree
    for key in keys[:-1]:
        parent = parent[key]
    last, old = keys[-1], parent[keys[-1]]
    path = ".".join(map(str, keys))
    how = draw(st.sampled_from(["value"] * 5 + ["other", "remove", "add", "null"]))
    if isinstance(parent, tuple) or (how == "remove" and not isinstance(parent, dict | list)):
        how = "value"
    if how == "remove":
        del parent[last]
        return tree, f"{path} removed"
    if how == "add" and isinstance(parent, dict):
        parent[f"{last}_more"] = old
        return tree, f"{path}_more added"
    if how == "add" and isinstance(parent, list):
        parent.append(old)
        return tree, f"{path} twice"
    if how == "null":
        new = None
    elif how == "other":
        new = draw(st.sampled_from(OTHERS) | (st.just(torch.zeros(3)) if tensors else st.nothing()))
    else:
        new = draw(values(old))
    if isinstance(parent, tuple):
        new, last = (*parent[:last], new, *parent[last + 1 :]), keys[-2]
        parent = tree
        for key in keys[:-2]:
            parent = parent[key]
        if isinstance(parent, tuple):  # in a tuple of tuples: leave it
            return tree, "nothing"
    parent[last] = new
    return tree, f"{path}: {_short(new)}"


def places(tree: Any) -> Iterator[tuple[Any, ...]]:
    """The paths of all entries; of long lists the first and the last."""
    if isinstance(tree, dict):
        keys: Any = list(tree)
    elif isinstance(tree, list | tuple):
        keys = range(len(tree)) if len(tree) < 40 else (0, len(tree) - 1)
    else:
        return
    for key in keys:
        yield (key,)
        yield from ((key, *deeper) for deeper in places(tree[key]))


def values(old: Any) -> st.SearchStrategy[Any]:
    """Values that might stand in the place of `old`."""
    if isinstance(old, Tensor):
        return st.sampled_from(TENSOR).map(lambda how: spoilt(old, how))
    if isinstance(old, bool):
        return st.just(not old)
    if isinstance(old, int):
        return counts(old)
    if isinstance(old, float):
        return numbers(old)
    if isinstance(old, str):
        return texts(old)
    if isinstance(old, list | tuple) and old:
        kind = type(old)
        return st.sampled_from([old[:-1], old[::-1], kind([*old, old[-1]]), kind(), kind([old[0]] * len(old))])
    return st.sampled_from(OTHERS)


def spoilt(tensor: Tensor, how: str) -> Tensor:
    """A tensor with a fault of the kind `how`; where it cannot have that, of another shape."""
    found = tensor.clone()
    if how in ("nan", "inf") and found.is_floating_point() and found.numel():
        found.view(-1)[-1] = float(how)
        return found
    if how in ("shorter", "longer") and found.dim():
        return found[:-1] if how == "shorter" else torch.cat([found, found[-1:]])
    if how == "negative" and found.dtype not in (torch.bool, torch.uint8):
        return -found - 1
    if how == "huge" and found.dtype not in (torch.bool, torch.uint8):
        return found * 10**9 + 10**9
    kinds = {"integer": torch.int64, "double": torch.float64, "half": torch.float16, "flags": torch.bool}
    if how in kinds:
        return found.to(kinds[how])
    return torch.zeros(()) if how == "scalar" else found.reshape(-1, 1)


def _short(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"tensor {tuple(value.shape)} of {value.dtype}"
    return repr(value)[:80]
