"""The erasure of an account and of everything that it owns."""

from chalicelib.erasure.service import erase, erase_data
