"""Tests of the kernel model, one file per module."""
