"""Dining philosophers, repaired: each takes both forks at once, or waits and holds neither.

Who waits holds nothing, so nobody waits for one who waits: that is the proof, for any number of them.
"""

from cowpath import Design, If, Index, Level, Maybe, ProofOutline, System, claim, forall, nobody

Philosopher, Fork = Index("Philosopher", ordered=False), Index("Fork", ordered=False)
dining = System("dining-repaired")
dining.parameter("left", Philosopher, sort=Fork)
dining.parameter("right", Philosopher, sort=Fork)
dining.variable("holder", Fork, sort=Maybe(Philosopher))
dining.program(Philosopher, start="thinking", places=("hungry", "eating"), ends=("fed",))
dining.terminal(Philosopher)
dining.progress(Philosopher, lambda s, p: s.is_at(p, "hungry", "eating"))
forks = dining.list("the forks", held="its forks", member=lambda s, q: s.is_at(q, "eating"))
dining.always(
    "alone",
    lambda s: forall(
        Philosopher,
        lambda p: forall(
            Philosopher,
            lambda q: (p == q) | (s.left[p] != s.right[q]) | ~s.is_at(p, "eating") | ~s.is_at(q, "eating"),
        ),
    ),
    means="no two neighbours eat at the same time",
)


@dining.action("sit-down", says="sits down", p=Philosopher)
def sit_down(s, p):
    s.require_at(p, "thinking")
    s.go(p, "hungry")


@dining.action("take-both", says="takes both forks", p=Philosopher)
def take_both(s, p):
    s.require_at(p, "hungry")
    s.wait_on(forks, Philosopher, lambda q: (s.holder[s.left[p]] == q) | (s.holder[s.right[p]] == q))
    for f in s.each(Fork):
        s.holder[f] = If((s.left[p] == f) | (s.right[p] == f), p, s.holder[f])
    s.go(p, "eating")


@dining.action("put-back", says="puts both forks back", p=Philosopher)
def put_back(s, p):
    s.require_at(p, "eating")
    for f in s.each(Fork):
        s.holder[f] = If(s.holder[f] == p, nobody(Philosopher), s.holder[f])
    s.go(p, "fed")


PROOF = ProofOutline(
    given=(),
    scope=(),
    invariants=(
        claim("who holds a fork eats", Philosopher, Fork)(
            lambda s, p, f: (s.holder[f] == p).implies(s.is_at(p, "eating"))
        ),
        claim("who eats holds both forks", Philosopher)(
            lambda s, p: s.is_at(p, "eating").implies(
                (s.holder[s.left[p]] == p) & (s.holder[s.right[p]] == p)
            )
        ),
    ),
    levels=(Level("the forks", "a hungry one waits for one who eats", lambda s, p: s.is_at(p, "hungry")),),
    landmarks=(),
    theorems=("alone",),
)

DESIGN = Design("dining-repaired", build=lambda: dining, argument=PROOF)
