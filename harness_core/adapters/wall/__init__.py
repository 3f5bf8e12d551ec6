"""Containment of guests: the only place of the house that starts a process."""
