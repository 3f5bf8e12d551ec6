"""The world: everything that touches files, databases, processes and clocks. Adapters do not know one another."""
