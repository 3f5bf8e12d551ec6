"""What ``plugins new`` starts from: one small, complete plugin per type, copied as it stands."""
