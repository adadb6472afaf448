"""What a provider is; requests, responses, the wire."""
