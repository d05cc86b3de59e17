"""What tests/clients/guide.py is made of: documents with code in them, the server that they talk to, and how answers are shown."""
