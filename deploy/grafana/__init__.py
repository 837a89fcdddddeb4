"""Dashboards as code, and the pictures of them."""
