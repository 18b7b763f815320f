"""deploy/prometheus: valid by Prometheus' own tool, and about metrics that the server has."""

from __future__ import annotations

import re
import subprocess

import pytest
import yaml

from horngate.telemetry.metrics import Metrics
from tests.deploy.files import PROMETHEUS, compose, tool


def promtool(*arguments: str) -> str:
    """Run it; standard output and error."""
    command = [tool("promtool", "Debian's package prometheus"), *arguments]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout + run.stderr


@pytest.mark.parametrize("name", ["prometheus.yml", "prometheus.tls.yml"])
def test_promtool_accepts_the_configuration_and_the_rules(name: str) -> None:
    # The rules as well: the configuration names them.
    assert "rules found" in promtool("check", "config", str(PROMETHEUS / name))


def test_the_alerts_fire_when_they_must_and_only_then() -> None:
    assert "SUCCESS" in promtool("test", "rules", str(PROMETHEUS / "alerts_test.yml"))


def test_every_alert_is_tested() -> None:
    rules = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text(encoding="utf-8"))
    tests = yaml.safe_load((PROMETHEUS / "alerts_test.yml").read_text(encoding="utf-8"))
    alerts = {rule["alert"] for group in rules["groups"] for rule in group["rules"]}
    firing = {
        check["alertname"]
        for test in tests["tests"]
        for check in test["alert_rule_test"]
        if check["exp_alerts"]
    }
    assert alerts == firing


def test_the_alerts_name_metrics_of_the_catalogue() -> None:
    metrics = Metrics()
    metrics.attach([], list, list)
    names = {
        name
        for family in metrics.registry.collect()
        for name in (family.name, f"{family.name}_total", f"{family.name}_bucket")
    }
    used = set(re.findall(r"horngate_\w+", (PROMETHEUS / "alerts.yml").read_text(encoding="utf-8")))
    assert used
    assert used <= names


def test_the_target_is_the_servers_http_port() -> None:
    config = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text(encoding="utf-8"))
    (job,) = config["scrape_configs"]
    (target,) = job["static_configs"][0]["targets"]
    service, _, port = target.partition(":")
    assert job["job_name"] == "horngate"
    published = compose()["services"][service]["ports"]
    assert any(entry.endswith(f":{port}") for entry in published)
