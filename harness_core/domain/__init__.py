"""Values and rules, nothing else: no file, no clock, no process."""
