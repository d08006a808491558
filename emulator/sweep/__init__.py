"""Sweeps: the cross product of scenario settings, run in parallel; one row per run."""
