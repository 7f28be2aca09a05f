"""What the runtime knows about an operation. The instances are generated."""

from __future__ import annotations

from typing import Any, Dict, FrozenSet, Mapping, NamedTuple, Sequence, Tuple

from .error import ParameterRequiredError, ParameterValueNotAllowedError


class Rule(NamedTuple):
    """What a value has to look like."""

    required: bool
    allowed: Tuple[str, ...]  # empty means anything
    fold_case: bool
    shape: str  # name of the rules of what is inside, or ""


class Operation:
    """One call of the API."""

    __slots__ = (
        "answer",
        "body",
        "checked",
        "extensions",
        "idempotent",
        "level",
        "md5",
        "method",
        "name",
        "query",
        "required",
        "rules",
        "success",
        "variants",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        method: str,
        level: str,
        flags: Sequence[str],
        idempotent: bool,
        success: FrozenSet[int],
        answer: str,
        body: str,
        md5: bool,
        rules: Mapping[str, Rule],
        extensions: Tuple[str, ...],
    ) -> None:
        self.name = name
        self.method = method
        self.level = level
        self.query = tuple(flags)  # parameters without a value
        self.idempotent = idempotent  # it may be carried out twice
        self.success = success
        self.answer = answer  # of a success: "json", "stream" or ""
        self.body = body  # of a request: "json", "stream", "form" or ""
        self.md5 = md5  # the request needs Content-MD5, which the SDK computes
        self.rules = rules
        self.extensions = extensions  # headers that not every service obeys
        self.variants: Tuple[Tuple[str, Operation], ...] = ()
        self.required = tuple(n for n, r in rules.items() if r.required and not (md5 and n == "content-md5"))
        self.checked = {n: r for n, r in rules.items() if r.allowed or r.shape}

    def __repr__(self) -> str:
        return f"<Operation {self.name}>"

    def check(self, given: Mapping[str, Any], rules: Mapping[str, Mapping[str, Rule]]) -> None:
        """Raise if arguments, by lower-case name, are missing or not allowed."""
        for name in self.required:
            if given.get(name) is None:
                raise ParameterRequiredError(name, self.name + "Input")
        for name, rule in self.checked.items():
            value = given.get(name)
            if value is not None and value != "":
                check_value(name, value, rule, rules)


def check_value(name: str, value: Any, rule: Rule, rules: Mapping[str, Mapping[str, Rule]]) -> None:
    """Raise if the value, or what is inside of it, is not what the rule says."""
    if rule.allowed and not isinstance(value, (list, tuple, dict)):
        text = str(value)
        if text not in rule.allowed and not (rule.fold_case and text.upper() in rule.allowed):
            raise ParameterValueNotAllowedError(name, value, rule.allowed)
    if not rule.shape:
        return
    if isinstance(value, (list, tuple)):
        for item in value:
            check_value(name, item, rule, rules)
    elif isinstance(value, dict):
        _check_dict(name, value, rules[rule.shape], rules)


def _check_dict(
    parent: str, value: Dict[str, Any], fields: Mapping[str, Rule], rules: Mapping[str, Mapping[str, Rule]]
) -> None:
    for name, rule in fields.items():
        inner = value.get(name)
        if inner is None:
            if rule.required:
                raise ParameterRequiredError(name, parent)
        else:
            check_value(name, inner, rule, rules)
