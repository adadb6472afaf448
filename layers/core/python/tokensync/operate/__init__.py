"""What an operator asks of one connection or app, one file a command."""
