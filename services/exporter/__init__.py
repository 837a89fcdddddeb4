"""The exporter: what Prometheus is told of the installation, as a process of its own.

A hundred workers that each asked the broker for the queues would ask a hundred times, and Prometheus would add up a
hundred answers. So workers tell of themselves, and one exporter of what is nobody's: `broker_side.py` is asked at each
scrape, `store_side.py` from time to time, because the store has to be listed for the answer.
"""
