"""The old wire: calls as the Flask servers' front ends make them, answers as they read them."""
