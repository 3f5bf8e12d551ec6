"""The JSON API under /api/v1, and what monitors ask: each module is one resource."""
