"""Algorithms that know nothing of devices (lib/)."""
