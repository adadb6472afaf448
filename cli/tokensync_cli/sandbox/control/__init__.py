"""The control plane: what a test or the command line can see and change of a running sandbox."""
