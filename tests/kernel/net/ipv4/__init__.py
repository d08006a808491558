"""Tests of IPv4, one file per module."""
