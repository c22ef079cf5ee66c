"""What people read, in their language: one file a language, `en.toml`, `zh.toml`, and whichever else lies here."""
