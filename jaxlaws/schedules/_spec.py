"""Spec strings: `wsd(peak=3e-4, warmup=2160, hold=20000, total=24000, end=3e-5, decay=exp)` and back."""

from __future__ import annotations

import functools
import inspect
import re
from typing import Any

from jaxlaws.errors import ScheduleError, nearest
from jaxlaws.schedules._schedule import Schedule
from jaxlaws.schedules.constant import constant
from jaxlaws.schedules.cosine import cosine
from jaxlaws.schedules.join import join
from jaxlaws.schedules.knots import knots
from jaxlaws.schedules.linear import linear
from jaxlaws.schedules.multistep import eight_one_one, multistep
from jaxlaws.schedules.power import power
from jaxlaws.schedules.warmup import warmup
from jaxlaws.schedules.wsd import wsd

KINDS = {f.__name__: f for f in (constant, linear, cosine, wsd, power, multistep, eight_one_one, knots, warmup, join)}

_TOKEN = re.compile(r"\s*(?:(?P<word>[A-Za-z0-9_.+\-]+)|(?P<mark>[(),=\[\]]))")


def parse(spec: str) -> Schedule:
    """Schedule that a spec string describes. Raises `ScheduleError`, one sentence that shows the place."""
    if not isinstance(spec, str):
        raise ScheduleError(f"`parse(spec)` needs a string such as `cosine(peak=3e-4, total=24000)`; got {spec!r}.")
    return _parsed(spec)


@functools.lru_cache(maxsize=1024)  # tables repeat a spec in each row
def _parsed(spec: str) -> Schedule:
    reader = _Reader(spec)
    value = reader.value()
    reader.end()
    if not isinstance(value, Schedule):
        raise ScheduleError(f"`{spec}` is not a schedule; write for example `cosine(peak=3e-4, total=24000)`.")
    return value


class _Reader:
    """Recursive descent over the tokens of one spec."""

    def __init__(self, spec: str) -> None:
        self.spec = spec
        self.depth = 0
        self.tokens: list[tuple[str, int]] = []
        position = 0
        while spec[position:].strip():
            match = _TOKEN.match(spec, position)
            if match is None:
                raise self.error(f"unexpected {spec[position:].strip()[0]!r}", position)
            self.tokens.append((match.group("word") or match.group("mark"), match.end()))
            position = match.end()
        self.next = 0

    def error(self, what: str, position: int) -> ScheduleError:
        return ScheduleError(f"schedule `{self.spec}`: {what} at character {position + 1}.")

    def peek(self) -> str:
        return self.tokens[self.next][0] if self.next < len(self.tokens) else ""

    def take(self, expected: str = "") -> str:
        token = self.peek()
        position = self.tokens[self.next][1] - len(token) if token else len(self.spec)
        if not token or (expected and token != expected) or (not expected and token in "(),=[]"):
            raise self.error(f"expected {expected or 'a name or number'!r}, found {token or 'the end'!r}", position)
        self.next += 1
        return token

    def end(self) -> None:
        if self.peek():
            raise self.error(f"unexpected {self.peek()!r}", self.tokens[self.next][1] - len(self.peek()))

    def value(self) -> Any:
        self.depth += 1
        if self.depth > 50:
            raise ScheduleError(f"schedule `{self.spec[:60]}...`: it is nested more than 50 deep.")
        out = self._value()
        self.depth -= 1
        return out

    def _value(self) -> Any:
        if self.peek() == "[":
            return self.items()
        word = self.take()
        if self.peek() == "(":
            return self.call(word)
        return _number_or_word(word)

    def items(self) -> tuple[Any, ...]:
        self.take("[")
        out: list[Any] = []
        while self.peek() != "]":
            out.append(self.value())
            if self.peek() != "]":
                self.take(",")
        self.take("]")
        return tuple(out)

    def call(self, name: str) -> Schedule:
        if name not in KINDS:
            raise ScheduleError(f"schedule `{self.spec}`: {nearest(name, KINDS, what='schedule')}")
        parameters = inspect.signature(KINDS[name]).parameters
        args: dict[str, Any] = {}
        self.take("(")
        while self.peek() != ")":
            key = self.take()
            if key not in parameters:
                raise ScheduleError(f"schedule `{self.spec}`: {nearest(key, parameters, what=f'argument of {name}')}")
            if key in args:
                raise ScheduleError(f"schedule `{self.spec}`: `{key}` is given twice.")
            self.take("=")
            args[key] = self.value()
            if self.peek() != ")":
                self.take(",")
        self.take(")")
        missing = [k for k, p in parameters.items() if p.default is p.empty and k not in args]
        if missing:
            raise ScheduleError(f"schedule `{self.spec}`: `{name}` also needs {', '.join(missing)}.")
        try:
            return KINDS[name](**args)
        except ScheduleError as error:
            raise ScheduleError(f"schedule `{self.spec}`: {error}") from None
        except (TypeError, ValueError, AttributeError) as error:
            raise ScheduleError(
                f"schedule `{self.spec}`: an argument of `{name}` has the wrong kind ({error})."
            ) from None


def _number_or_word(word: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(word)
        except ValueError:
            continue
    return word
