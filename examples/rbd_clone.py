"""Linux rbd: a read of a clone against a flatten, before 02c74fbad9d4.

A read that does not find its object in the clone asks the parent. Meanwhile the clone may be flattened, so
that it has no parent any more, and the object written; the parent's answer is returned all the same.
Source: drivers/block/rbd.c; rbd_clone_checks.py is the repair.
"""

from cowpath import Design, Enum, If, Index, Maybe, System, exists, forall

Request = Index("Request", ordered=False)
Kind = Enum("Kind", ("read", "write", "flatten"))


def build(name, *, checks_again):
    system = System(name)
    system.parameter("kind", Request, sort=Kind)
    system.variable("parent", initial=True)  # the clone has a parent behind it
    system.variable("present")  # the clone has the object
    system.variable("content", sort=Maybe(Request), unset="the parent's data")
    system.variable("wrong", Request)
    system.program(Request, places=("ask-parent", "answered", "copy-up"), ends=("done",))
    system.terminal(Request)

    def arrives(s, r, kind):
        s.require_at(r, "idle")
        s.require(s.kind[r] == kind, f"is a {kind}", location=True)

    @system.action("read.look", r=Request)
    def look(s, r):
        """Asks the clone for the object. Source: rbd_obj_handle_read"""
        arrives(s, r, "read")
        s.go(r, If(s.present, s.place(r, "done"), "ask-parent"))

    @system.action("read.parent", r=Request)
    def ask(s, r):
        """Is answered by the parent. Source: rbd_obj_read_from_parent"""
        s.require_at(r, "ask-parent")
        s.go(r, "answered")

    @system.action("read.return", r=Request)
    def answer(s, r):
        """Returns what the parent has. Source: rbd_img_parent_read_callback"""
        s.require_at(r, "answered")
        if checks_again:
            s.require(s.parent, "the clone still has a parent")
        s.wrong[r] = ~s.parent & exists(Request, lambda q: s.content == q)
        s.go(r, "done")

    if checks_again:

        @system.action("read.again", r=Request)
        def again(s, r):
            """Finds the parent gone, and begins anew. Source: 02c74fbad9d4"""
            s.require_at(r, "answered")
            s.require(~s.parent, "the parent is gone")
            s.go(r, "idle")

    @system.action("write.look", r=Request)
    def stat(s, r):
        """Asks whether the object is there. Source: rbd_obj_handle_write"""
        arrives(s, r, "write")
        s.go(r, "copy-up")

    @system.action("write.copy-up", r=Request)
    def copy_up(s, r):
        """Creates the object if it is still absent, and writes to it. Source: 0eefd470f034"""
        s.require_at(r, "copy-up")
        s.present = True
        s.content = r
        s.go(r, "done")

    @system.action("flatten", r=Request)
    def flatten(s, r):
        """Copies what is missing from the parent, and gives it up."""
        arrives(s, r, "flatten")
        s.present = True
        s.parent = False
        s.go(r, "done")

    system.always(
        "no-orphan",
        lambda s: forall(Request, lambda r: ~s.wrong[r]),
        means="when the clone has no parent any more, no read returns the parent's data for what was written",
    )
    return system


DESIGN = Design(
    "rbd-clone",
    era="Linux before 02c74fbad9d4",
    explanation="A read that has asked the parent returns its answer, whatever has become of the clone.",
    sources=("drivers/block/rbd.c",),
    build=lambda: build("rbd-clone", checks_again=False),
)
