"""Brings hardware and kernel together: engines, traffic, observation, reports, command line."""
