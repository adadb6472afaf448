"""The commands, by what they are about. `main` lists them all."""
