"""The wall a guest puts up around itself before any plugin code is loaded, enforced by the system from then on, for good."""
