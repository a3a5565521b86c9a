"""The reduced geometry loses nothing: the same verdicts, at the same depths, as the disk laid out whole."""

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from cowpath.conformance import Bounds, scenarios
from cowpath.model.bench.check import check
from cowpath.model.designs import DESIGNS, Case
from cowpath.model.explore.result import Limits
from cowpath.model.scenarios import Scenario
from cowpath.model.scenarios.geometry import reduce, unreduced
from cowpath.model.stack.properties import STANDARD
from tests.draws import some

PROPERTIES = (*STANDARD, "concurrency", "concurrency-done")


# Disks of up to nine sectors in clusters of up to four, and requests that mostly meet.
BOUNDS = Bounds(
    (*("nbd-write", "guest-read") * 5, "nbd-zero", "guest-write", "checkpoint", "stop"),
    requests=(3, 4),
    sectors=(1, 9),
    clusters=(1, 2, 3, 4),
    alignments=(1, 2, 4),
    protocol_alignments=(1, 1, 4),
    options=("quiesced_checkpoint", "drain_on_stop"),
    copies_on_read=True,
    crowded=7,
    streams=2,
)


@settings(max_examples=some(60, 6), deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(scenarios(BOUNDS), st.sampled_from(sorted(DESIGNS)))
def test_same_verdicts_and_depths(scenario: Scenario, name: str) -> None:
    if DESIGNS[name].unsupported(scenario) is not None:
        event("does not fit")
        return
    whole = check(
        Case(DESIGNS[name], scenario, reduced=False), properties=PROPERTIES, limits=Limits(max_states=60_000)
    )
    if not whole.exploration.complete:
        event("too large")
        return
    small = check(Case(DESIGNS[name], scenario), properties=PROPERTIES)
    verdicts = {p: (r.verdict, r.depth) for p, r in whole.properties.items()}
    assert verdicts == {p: (r.verdict, r.depth) for p, r in small.properties.items()}
    fewer = len(reduce(scenario).cells) < len(unreduced(scenario).cells)
    event(f"cells merged: {fewer}")
    for name in whole.violated:
        event(f"falls: {name}")
    # Merged sectors always hold the same data, so there are exactly as many states, unless whole clusters
    # that nobody writes were dropped or merged: they change no state either.
    assert small.exploration.states == whole.exploration.states
