"""The platform's own controllers: small programs, each with an account of its own."""
