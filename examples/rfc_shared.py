"""The RFC with a reader-writer lock: readers' CowRequests exclude copies, and not each other."""

from cowpath.model.designs.rfc_2016 import DESIGN as RFC_2016
from cowpath.model.stack.cow_requests import CowRequests
from cowpath.model.stack.world import is_write


def excludes(s, r, q):
    """Tell whether one of the two copies."""
    return is_write(s, r) | is_write(s, q)


DESIGN = RFC_2016.changed(
    "rfc-shared",
    CowRequests(excludes),
    era="a variation on the RFC of 18 May 2016",
    explanation="As the RFC, but two readers of the same clusters may be inside together.",
)
