"""Drawn workloads as a strategy of Hypothesis: its examples are those of a campaign, and it shrinks them."""

from __future__ import annotations

from hypothesis import reject
from hypothesis import strategies as st

from cowpath.conformance.campaign.drawing import Bounds, draw_once
from cowpath.model.scenarios import Scenario, ScenarioError

_CALLED = "drawn"


@st.composite
def scenarios(draw: st.DrawFn, bounds: Bounds) -> Scenario:
    """Draw a workload within the bounds; of what no model takes there is no example.

    Hypothesis chooses where else chance does, so that a smaller example is one with fewer requests, on a
    shorter disk, with less that is out of the ordinary.
    """
    chance = draw(st.randoms(note_method_calls=False, use_true_random=False))
    try:
        return draw_once(chance, bounds, _CALLED)
    except ScenarioError:
        reject()
