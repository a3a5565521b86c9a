"""A buffer of one place as a model, and how the code of `buffers` shows its steps."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from cowpath.conformance import Call, Watch, instance
from cowpath.model.finite.instance import Instance
from cowpath.model.language.expression import Expr, nobody
from cowpath.model.language.sorts import Index, Maybe
from cowpath.model.language.system import State, System
from tests.conformance.own.buffers import Right, Twice

Request = Index("Request", ordered=False)
Item = Index("Item", ordered=False)

SYSTEM = System("buffer")
SYSTEM.parameter("puts", Request, sort=Maybe(Item))
SYSTEM.program(Request, start="called", places=("waiting",), ends=("done",))
SYSTEM.variable("held", sort=Maybe(Item), unset="empty")
SYSTEM.variable("got", Request, sort=Maybe(Item))
SYSTEM.terminal(Request)


@SYSTEM.action("put.wait", r=Request)
def put_wait(s: State, r: Expr) -> None:
    """waits for room"""
    s.require_at(r, "called", "waiting")
    s.require(s.puts[r] != nobody(Item), "it puts", location=True)
    s.require(s.held != nobody(Item), "it is full")
    s.go(r, "waiting")


@SYSTEM.action("put", r=Request)
def put(s: State, r: Expr) -> None:
    """puts its item"""
    s.require_at(r, "called", "waiting")
    s.require(s.puts[r] != nobody(Item), "it puts", location=True)
    s.require(s.held == nobody(Item), "there is room")
    s.held = s.puts[r]
    s.go(r, "done")


@SYSTEM.action("get.wait", r=Request)
def get_wait(s: State, r: Expr) -> None:
    """waits for an item"""
    s.require_at(r, "called", "waiting")
    s.require(s.puts[r] == nobody(Item), "it gets", location=True)
    s.require(s.held == nobody(Item), "it is empty")
    s.go(r, "waiting")


@SYSTEM.action("get", r=Request)
def get(s: State, r: Expr) -> None:
    """takes the item"""
    s.require_at(r, "called", "waiting")
    s.require(s.puts[r] == nobody(Item), "it gets", location=True)
    s.require(s.held != nobody(Item), "there is an item")
    s.got[r] = s.held
    s.held = nobody(Item)
    s.go(r, "done")


def requests(puts: int, gets: int) -> Instance:
    return instance(
        SYSTEM,
        Request=[*(f"put {i}" for i in range(puts)), *(f"get {i}" for i in range(gets))],
        Item=[f"item {i}" for i in range(puts)],
        puts={f"put {i}": f"item {i}" for i in range(puts)},
    )


def held(self: Any) -> dict[str, object]:
    return {"held": f"item {self.items[0]}" if self.items else None}


def method(make: type[Right], name: str) -> Any:
    return next(vars(kind)[name] for kind in make.__mro__ if name in vars(kind))


def watch(
    make: type[Right], puts: int = 2, gets: int = 2, sight: str | Collection[str] = "white", **more: Any
) -> Watch:
    putting, getting = method(make, "put"), method(make, "get")
    takes = "self.items.clear()" if make is Twice else "item = self.items.pop(0)"
    said: dict[str, Any] = {
        "calls": [putting, Call(getting, says=lambda item: {"got": f"item {item}"})],
        "steps": {
            f"{putting.__qualname__}: self.items.append(item)": "put",
            f"{getting.__qualname__}: {takes}": "get",
        },
        "waits": {
            f"{putting.__qualname__}: self.changed.wait()": "put.wait",
            f"{getting.__qualname__}: self.changed.wait()": "get.wait",
        },
        "facts": {"put": held, "get": held},
    }
    return Watch(SYSTEM, requests(puts, gets), sight=sight, **{**said, **more})
