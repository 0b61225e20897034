"""The client without async. It is made of _async: see unasync.py. Do not edit."""
