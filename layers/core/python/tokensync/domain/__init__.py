"""Records, names, secrets, errors, ports."""
