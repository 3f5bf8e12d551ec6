"""Numerics that several plugins share: textbook methods, deterministic on any machine, free of the rest of the product."""
