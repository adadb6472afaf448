"""How a command reaches a stack: the target, its functions, registrations, the sandbox."""
