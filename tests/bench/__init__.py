"""Tests of the bench that measure nothing."""
