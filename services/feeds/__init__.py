"""Feeds: what is subscribed to, when it is polled, and what becomes of its entries.

`subscriptions.py` keeps each feed as one object in the store; `schedule.py` has due times and leases in the broker;
`rhythm.py` says how long to wait; `polling.py` is one poll of one feed; `poller.py` is the process that does many.
"""
