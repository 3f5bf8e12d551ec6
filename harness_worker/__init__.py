"""The hands: takes deliveries, calls services, ticks the janitors. Holds no truth of its own."""
