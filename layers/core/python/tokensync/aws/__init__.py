"""The only package that speaks to AWS: it implements `tokensync.domain.ports`, and translates every foreign error."""
