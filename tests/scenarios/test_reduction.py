"""The reduced geometry loses nothing: the same verdicts, at the same depths, as the disk laid out whole."""

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from cowpath.model.bench.check import check
from cowpath.model.designs import DESIGNS, Case
from cowpath.model.explore.result import Limits
from cowpath.model.scenarios import Scenario, loads
from cowpath.model.scenarios.geometry import reduce, unreduced
from cowpath.model.stack.properties import STANDARD
from tests.draws import some

PROPERTIES = (*STANDARD, "concurrency", "concurrency-done")


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    """Draw a disk of up to nine sectors in up to three clusters, and two or three requests."""
    cluster = draw(st.integers(1, 4))
    sectors = draw(st.integers(1, min(9, 3 * cluster)))
    text = f'name = "drawn"\nunit = "sectors"\nsectors = {sectors}\ncluster = {cluster}\n[secondary]\n'
    alignment, protocol = draw(st.sampled_from([1, 2, 4])), draw(st.sampled_from([1, 1, 4]))
    text += f"request_alignment = {alignment}\nprotocol_alignment = {protocol}\n"
    copies = draw(st.integers(0, 4)) == 4 and cluster % alignment == 0
    text += f"copy_on_read = {'true' if copies else 'false'}\n[options]\n"
    for option in ("quiesced_checkpoint", "drain_on_stop"):
        text += f"{option} = {'true' if draw(st.booleans()) else 'false'}\n"
    # The pieces of a zero-write are not modelled above a larger alignment.
    others = ["nbd-write", "nbd-zero", "guest-write", ""] if protocol <= alignment else ["guest-write", ""]
    for kind in filter(None, ["nbd-write", "guest-read", draw(st.sampled_from(others))]):
        first = draw(st.integers(0, sectors - 1))
        length = draw(st.integers(1, min(4, sectors - first)))
        stream = "true" if draw(st.integers(0, 3)) == 3 else "false"
        text += f'[[request]]\nkind = "{kind}"\nat = [{first}, {length}]\nstream = {stream}\n'
    last = draw(st.sampled_from(["", "", "checkpoint", "stop"]))
    if last:
        text += f'[[request]]\nkind = "{last}"\n'
    return loads(text, "drawn")


@settings(max_examples=some(60), deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(scenarios(), st.sampled_from(sorted(DESIGNS)))
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
