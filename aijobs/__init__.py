"""What an application installs to hand in jobs. It knows the API and nothing behind it."""
