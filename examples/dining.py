"""Dining philosophers: each takes the left fork, then the right one, and keeps what it has."""

from cowpath import Design, If, Index, Maybe, System, nobody

Philosopher, Fork = Index("Philosopher", ordered=False), Index("Fork", ordered=False)
dining = System("dining")
dining.parameter("left", Philosopher, sort=Fork)
dining.parameter("right", Philosopher, sort=Fork)
dining.variable("holder", Fork, sort=Maybe(Philosopher))
dining.program(Philosopher, start="thinking", places=("hungry", "eating"), ends=("fed",))
dining.terminal(Philosopher)
forks = dining.list("the forks", held="a fork", member=lambda s, q: s.is_at(q, "hungry", "eating"))
for side, before, after in (("left", "thinking", "hungry"), ("right", "hungry", "eating")):

    @dining.action(f"take-{side}", says="takes {f}", p=Philosopher, f=Fork)
    def take(s, p, f, side=side, before=before, after=after):
        s.require_at(p, before)
        s.require(s[side][p] == f, f"it is the {side} fork", location=True)
        s.wait_on(forks, Philosopher, lambda q: s.holder[f] == q)
        s.holder[f] = p
        s.go(p, after)


@dining.action("put-back", says="puts both forks back", p=Philosopher)
def put_back(s, p):
    s.require_at(p, "eating")
    for f in s.each(Fork):
        s.holder[f] = If(s.holder[f] == p, nobody(Philosopher), s.holder[f])
    s.go(p, "fed")


DESIGN = Design("dining", build=lambda: dining)
