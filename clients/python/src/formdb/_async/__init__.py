"""The client for async and await. The one without is made of it: see unasync.py."""
