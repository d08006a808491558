"""Tests of the engines that need no simulator."""
