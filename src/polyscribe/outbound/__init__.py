"""The one door to the network for addresses that customers gave us."""
