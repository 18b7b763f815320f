"""What builds images and runs compose files on this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import pytest

from tests.deploy.files import COMPOSE_FILE, ROOT

VARIABLE: Final = "CONTAINER_ENGINE"
BUILD_SECONDS: Final = 1500.0
"""The first build fetches TensorFlow; later ones find their layers."""

HEALTHY_SECONDS: Final = 60.0


@dataclass(frozen=True)
class Engine:
    """A way to build and to run: Docker's own commands, or a script that stands in for them.

    Attributes:
        build: command line that takes ``docker build`` arguments.
        compose: command line that takes ``docker compose`` arguments.
        runtime: ``docker`` or ``podman``, to look at one container.
        project: the compose project, which keeps our containers and volumes apart from others.
        environment: the variables of docker-compose.yml.
    """

    build: tuple[str, ...]
    compose: tuple[str, ...]
    runtime: str
    project: str
    environment: Mapping[str, str] = field(default_factory=dict)

    def build_image(self, target: str, tag: str) -> None:
        self._run(
            *self.build, "-f", "deploy/Dockerfile", "--target", target, "-t", tag, ".",
            seconds=BUILD_SECONDS,
        )  # fmt: skip

    def run_compose(self, *arguments: str, beside: str = "", seconds: float = 300) -> str:
        """Standard output; a failure raises with all that was said.

        ``beside`` is a compose file that is laid over docker-compose.yml.
        """
        files: list[str] = []
        if beside:
            # Docker's reads what its variable names only where no file is named.
            files += [] if self.runtime == "podman" else ["-f", COMPOSE_FILE.name]
            files += ["-f", beside]
        command = (*self.compose, *files, "-p", self.project, *arguments)
        return self._run(*command, seconds=seconds)

    def container(self, service: str) -> str:
        """The id of the service's container, running or ended."""
        found = self.run_runtime(
            "ps", "--all", "--quiet",
            "--filter", f"label=com.docker.compose.project={self.project}",
            "--filter", f"label=com.docker.compose.service={service}",
        ).split()  # fmt: skip
        assert len(found) == 1, f"expected one container of {service}, found {found}"
        return found[0]

    def inspect(self, service: str, template: str) -> str:
        """One fact about a container, by a Go template."""
        return self.run_runtime("inspect", "--format", template, self.container(service))

    def check_health(self, service: str) -> None:
        """Fail where the service's health check does."""
        container = self.container(service)
        if self.runtime == "podman":
            # podman runs health checks from systemd timers, which a container host may lack.
            assert self.run_runtime("healthcheck", "run", container) == ""
            return
        health = ("inspect", "--format", "{{.State.Health.Status}}", container)
        ends = time.monotonic() + HEALTHY_SECONDS
        while (said := self.run_runtime(*health)) != "healthy" and time.monotonic() < ends:
            time.sleep(0.5)
        assert said == "healthy"

    def logs(self, service: str) -> str:
        """What the container wrote, both streams."""
        command = [self.runtime, "logs", self.container(service)]
        run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        return run.stdout + run.stderr

    def inside(self, service: str, *command: str) -> tuple[int, str]:
        """The exit status and output of a command run in the service's container."""
        run = subprocess.run(
            [self.runtime, "exec", self.container(service), *command],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return run.returncode, run.stdout + run.stderr

    def run_runtime(self, *arguments: str) -> str:
        """``docker`` or ``podman`` itself; standard output."""
        return self._run(self.runtime, *arguments).strip()

    def _run(self, *command: str, seconds: float = 60) -> str:
        run = subprocess.run(
            command,
            cwd=ROOT,
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        if run.returncode != 0:
            words = " ".join(command)
            pytest.fail(f"{words}: exit status {run.returncode}\n{run.stdout}\n{run.stderr}")
        return run.stdout


def find_engine(project: str, environment: Mapping[str, str]) -> Engine:
    """The engine that the environment names, else Docker; without either the test is skipped."""
    named = os.environ.get(VARIABLE)
    if named:
        if shutil.which("podman") is None:
            pytest.skip(f"{named} is not set up: run `{named} setup` as root")
        # buildah keeps the layers of a build only when it is told to.
        return Engine(
            (named, "build", "--layers"), (named, "compose"), "podman", project, environment
        )
    if shutil.which("docker") is not None:
        answer = subprocess.run(["docker", "info"], capture_output=True, check=False)  # noqa: S607 - from the PATH
        if answer.returncode == 0:
            return Engine(
                ("docker", "build"), ("docker", "compose"), "docker", project, environment
            )
    pytest.skip(f"no container engine: no Docker daemon answers, and {VARIABLE} names no other")
