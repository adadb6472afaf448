"""The operator's command line, the embedded stack and the sandbox. Never deployed."""
