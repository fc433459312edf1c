"""Settings of `jaxlaws compare --setting`, spelled as text: `NAME: WORD=VALUE ...`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jaxlaws.cli._options import bounds, priors, values
from jaxlaws.errors import JaxlawsError, nearest

WORDS = {
    "where": "where=step > 1000",
    "objective": "objective=huber:1e-3",
    "weights": "weights=run",
    "by": "by=size",
    "share": "share=alpha,beta",
    "pool": "pool=alpha,beta",
    "fix": "fix=alpha=0.5",
    "free": "free=gamma",
    "bound": "bound=alpha=0.1:0.9",
    "prior": "prior=alpha=0.35:0.05",
    "starts": "starts=64",
}
SEVERAL = ("by", "share", "pool", "fix", "free", "bound", "prior")  # may be given again, or as a list with commas
PARAMETERS = ("fix", "free", "bounds", "priors", "share", "pool")

_WORD = re.compile(r"(?:^|(?<=\s))([^\W\d][\w-]*)=(?!=)")


@dataclass(frozen=True)
class Setting:
    """One way to fit laws: `told` are arguments of `validate.candidate`."""

    name: str = ""
    told: Mapping[str, Any] = field(default_factory=dict)

    @property
    def parameters(self) -> list[str]:
        """Parameters that it names."""
        return [name for option in PARAMETERS for name in self.told.get(option, ())]

    def over(self, command: Mapping[str, Any]) -> dict[str, Any]:
        """What the command says for all settings, and this one in its place."""
        told, base = dict(self.told), dict(command)
        if "share" in told or "pool" in told:
            base |= {"share": (), "pool": ()}
        for option in ("free", "bounds", "priors", "share", "pool"):
            base[option] = _without(base[option], told.get("fix", ()))
        base["fix"] = _without(base["fix"], told.get("free", ()))
        for option in ("fix", "bounds", "priors"):
            told[option] = base[option] | told.get(option, {})
        return base | told | {"free": [*base["free"], *told.get("free", ())]}


def _without(some: Any, names: Any) -> Any:
    """A dictionary or a list without these names."""
    if isinstance(some, Mapping):
        return {k: v for k, v in some.items() if k not in names}
    return [k for k in some if k not in names]


def settings(items: Sequence[str] | None) -> list[Setting]:
    """What each `--setting` says; one that says nothing where none is given."""
    out: dict[str, Setting] = {}
    for text in items or ():
        one = _setting(text)
        if one.name in out:
            raise JaxlawsError(f"`--setting {text}`: `{one.name}` is given twice; name settings apart.")
        out[one.name] = one
    return list(out.values()) or [Setting()]


def _setting(text: str) -> Setting:
    head = re.match(r"\s*([^=:]*):", text)
    name, body = (head[1].strip(), text[head.end() :]) if head else ("", text)
    found = list(_WORD.finditer(body))
    before = body[: found[0].start()] if found else body
    if before.strip() or not (name or found):
        raise JaxlawsError(
            f"`--setting {text}` must be NAME: WORD=VALUE ..., such as `late: where=step > 1000 weights=run`, or `plain:` for "
            "laws as they are."
        )
    given: dict[str, list[str]] = {}
    ends = [word.start() for word in found[1:]] + [len(body)] * bool(found)
    try:
        for word, end in zip(found, ends, strict=True):
            _take(given, word[1], _unquoted(body[word.end() : end].strip()))
        told = _arguments(given)
    except JaxlawsError as error:
        raise JaxlawsError(f"`--setting {text}`: {error}") from None
    return Setting(name or " ".join(text.split()), told)


def _take(given: dict[str, list[str]], word: str, value: str) -> None:
    if word not in WORDS:
        hint = " Equality in an expression is `==`." if "where" in given else ""
        raise JaxlawsError(f"{nearest(word, WORDS, what='word')}{hint}")
    if not value:
        raise JaxlawsError(f"`{word}=` says nothing; it is spelled as `{WORDS[word]}`.")
    if word in given and word not in SEVERAL:
        raise JaxlawsError(f"`{word}=` is given twice; make two settings of it.")
    parts = [part.strip() for part in value.split(",")] if word in SEVERAL else [value]
    given.setdefault(word, []).extend(parts)


def _unquoted(value: str) -> str:
    """Without quotes around all of it."""
    inside = value[1:-1]
    return inside if len(value) > 1 and value[0] == value[-1] in "'\"" and value[0] not in inside else value


def _arguments(given: Mapping[str, list[str]]) -> dict[str, Any]:
    """Arguments of `candidate` by what was said."""
    from jaxlaws.objectives import parse

    read = {
        "where": lambda said: ("where", said[0]),
        "objective": lambda said: ("objective", parse(said[0])),
        "weights": lambda said: ("weights", said[0]),
        "by": lambda said: ("by", said),
        "share": lambda said: ("share", said),
        "pool": lambda said: ("pool", said),
        "fix": lambda said: ("fix", values("--fix", said, "PARAMETER=NUMBER, such as alpha=0.5")),
        "free": lambda said: ("free", said),
        "bound": lambda said: ("bounds", bounds(said)),
        "prior": lambda said: ("priors", dict(priors(said))),
        "starts": lambda said: ("starts", _starts(said[0])),
    }
    return dict(read[word](said) for word, said in given.items())


def _starts(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise JaxlawsError(f"`starts={text}` must be a whole number of at least 1.")
    return int(text)
