"""The `necgs` command: each module here parses, calls the library, and prints."""
