"""Tests of the HDL's Python side: no simulator."""
