"""Tests of sweeps, on the model engine."""
