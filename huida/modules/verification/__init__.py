"""Verification codes by SMS: register, recover, log in, bind a phone."""
