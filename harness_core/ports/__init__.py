"""What the core needs from the world, as Protocols; adapters fulfil them, fakes in the tests too."""
