"""Fuzzing of everything that reads what strangers send: `python -m tests.fuzz --seconds 60 [--reader NAME]`.

Three ways, one after the other for every reader: inputs made on purpose to be slow or large (`hostile.py`), valid
files broken in places that matter to the format (`structured.py`, hypothesis), and bytes changed towards code that was
not reached yet (`coverage.py`, atheris, when it is installed: pip install efir[fuzz]). `properties.py` says what has to
hold. pytest does not collect any of it.
"""
