"""The same, where the callee relies on its caller's lock instead of taking it again: nobody hangs."""

from aio_context import build

from cowpath import Design

DESIGN = Design(
    name="aio-context-once",
    era="QEMU after 0abf258171 and eca0f3524a",
    explanation="The context is taken once, so polling sets it free.",
    build=lambda: build("aio-context-once", takes_it_twice=False),
)
