"""The parameter sets of a backfill: read from files, multiplied and labeled."""

import csv
import io
import json
import math
import re
from collections import Counter
from collections.abc import Sequence
from itertools import chain, product

from dbjobs.common.documents import DocumentError, read_document
from dbjobs.errors import UsageError
from dbjobs.jobfiles.parameters import as_parameter_strings

MAX_SETS = 10_000
"""The API starts no more runs in an hour."""

ParameterSet = dict[str, str]


def read_sets(text: str, name: str) -> list[ParameterSet]:
    """The sets in a file: CSV, JSON lines, or a list in YAML or JSON; the content tells which.

    `name` is the file's, for a UsageError, which names a line and quotes nothing.
    """
    text = text.removeprefix("\ufeff")
    start = text.lstrip()
    try:
        if start.startswith("{"):
            sets = _read_json_lines(text)
        elif re.match(r"\[|-\s|---|#", start):
            sets = _read_list(text)
        else:
            sets = _read_csv(text)
    except (DocumentError, csv.Error, UsageError) as error:
        raise UsageError(f"{name}: {error}", hint=getattr(error, "hint", None)) from None
    if not sets:
        raise UsageError(f"{name} holds no set of parameters")
    return sets


def _read_json_lines(text: str) -> list[ParameterSet]:
    sets = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                sets.append(_as_set(json.loads(line), number))
            except ValueError:
                raise DocumentError("each line must be a JSON object", number) from None
    return sets


def _read_list(text: str) -> list[ParameterSet]:
    if re.search(r"\n---\s*(\n|$)", text.lstrip()):
        raise DocumentError("it holds several YAML documents; put the sets into one list")
    document = read_document(text)
    if not isinstance(document.value, list):
        raise DocumentError("it must be a list with a set of parameters each", 1)
    return [
        _as_set(value, document.line_of([index]) or index + 1) for index, value in enumerate(document.value)
    ]


def _as_set(value: object, line: int) -> ParameterSet:
    if not isinstance(value, dict) or not value:
        raise DocumentError("a set of parameters is a mapping of names to values", line)
    return as_parameter_strings(value, f"line {line}")


def _read_csv(text: str) -> list[ParameterSet]:
    first_line = text.partition("\n")[0]
    delimiter = max(",;\t", key=first_line.count)  # a comma if none is more frequent
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    names = [name.strip() for name in next(reader, [])]
    if len(names) == 1 and re.match(r"[\w.-]+:(\s|$)", names[0]):
        raise DocumentError("this is a YAML mapping; put the sets into a list, each after a dash", 1)
    number_or_date = r"[-+]?[0-9.]+|[0-9]{4}-[0-9]{2}(-[0-9]{2}.*)?"
    if any(re.fullmatch(number_or_date, name) for name in names):
        raise DocumentError("the first line has to name the parameters, and it holds values", 1)
    if not all(names) or len(set(names)) != len(names):
        raise DocumentError("the first line has to name the parameters, each once", 1)
    sets = []
    for row in reader:
        if len(row) == len(names):
            sets.append(dict(zip(names, row, strict=True)))
        elif row:
            raise DocumentError(f"there are {len(row)} values for {len(names)} names", reader.line_num)
    return sets


def multiply_sets(groups: Sequence[Sequence[ParameterSet]]) -> list[ParameterSet]:
    """Every set of the first group with every set of the second, and so on."""
    if math.prod(map(len, groups)) > MAX_SETS:
        raise UsageError(f"there are more than {MAX_SETS:,} sets of parameters", hint="split them")
    names = Counter(name for group in groups for name in {name for one in group for name in one})
    if twice := [name for name, number in names.items() if number > 1]:
        raise UsageError(f"the parameter {twice[0]!r} is given by several of --each and the range of time")
    return [dict(chain.from_iterable(one.items() for one in sets)) for sets in product(*groups)]


def label_sets(sets: Sequence[ParameterSet]) -> list[str]:
    """For each set, the parameters in which it differs from others: `day=2026-01-01, n=1`."""
    differing = [
        name
        for name in dict.fromkeys(name for one in sets for name in one)
        if len({one.get(name) for one in sets}) > 1
    ]
    names = differing or list(sets[0])
    labels = [", ".join(f"{name}={one[name]}" for name in names if name in one) for one in sets]
    # values may contain commas, so different sets may have the same label
    counts = Counter(labels)
    return [f"{label} (set {n})" if counts[label] > 1 else label for n, label in enumerate(labels, 1)]
