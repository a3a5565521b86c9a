"""The RFC's question, asked of every workload of up to two requests on one small disk."""

from __future__ import annotations

from collections.abc import Sequence

from cowpath.model.bench import survey
from cowpath.model.bench.check import Result
from cowpath.model.bench.failing import Failing, judge
from cowpath.model.bench.survey import Plan
from cowpath.model.bench.surveyed import Survey
from cowpath.model.bench.workloads import Bound
from cowpath.model.scenarios.vocabulary import DEADLOCK

DESIGN = "rfc-2016"
BOUND = Bound(4, 4, 2, 2, ("nbd-write", "guest-read", "guest-write"))


def asked_of_all(results: Sequence[Result]) -> tuple[Survey, Failing] | None:
    """Return which of the workloads deadlock, if the results are an answer to the question at all.

    They are if they are of the RFC's design on more than one scenario, each explored completely.
    """
    designs = [result.case.design for result in results if result.design == DESIGN]
    if len(designs) < 2 or any(result.stopped is not None for result in results):
        return None
    (found,) = survey.run(Plan([(designs[0], BOUND)], (DEADLOCK,)), processes=1)
    return (found, judge(found, DEADLOCK)) if found.stopped is None else None
