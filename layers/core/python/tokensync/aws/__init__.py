"""The only package that speaks to AWS: it implements `tokensync.ports`, and translates every foreign error."""
