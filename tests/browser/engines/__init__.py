"""Chromium, Firefox and WebKit behind one small interface, and sites for them to open.

`engine.py` says what a browser does for a test; `chromium.py`, `firefox.py` and `webkit.py` do it,
each in the tongue of its browser. `network.py` has the names and the certificate of the TLS rows.
"""
