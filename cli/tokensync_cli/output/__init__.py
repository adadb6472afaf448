"""What a run prints: results, failures, times."""
