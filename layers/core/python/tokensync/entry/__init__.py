"""The doors: seller pages, webhooks, queue batch, tick, command dispatch and its wording."""
