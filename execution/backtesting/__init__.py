"""Recorded or stored history through the same detector, decision and paper execution."""
