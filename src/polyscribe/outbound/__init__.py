"""The one door to the network for addresses that customers gave us."""

from polyscribe.outbound.addresses import Allowed
from polyscribe.outbound.door import Door
from polyscribe.outbound.patience import Limits

__all__ = ["Allowed", "Door", "Limits"]
