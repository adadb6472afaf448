"""Faults on command: the script of them, spoiled bodies, and connections that are cut or drip."""
