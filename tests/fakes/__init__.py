"""Stand-ins for tests; each says that it is one."""
