"""Packs: manifests, gates, where they are found, and what a gate may look at."""
