"""The protocol, and the state machine of a connection."""
