"""Whether a deployment's lost instances get new VMs: meltdown protection and the operators' rules. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a ``resurrection`` config; an empty filter matches everything."""

    enabled: bool
    include: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """``deployments`` and ``instance_groups``; kinds combine with AND, names of a kind with OR."""
    exclude: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def applies(self, deployment: str, group: str) -> bool:
        return self._matches(self.include, deployment, group) and not (
            self.exclude and self._matches(self.exclude, deployment, group)
        )

    @staticmethod
    def _matches(names: Mapping[str, tuple[str, ...]], deployment: str, group: str) -> bool:
        return all(
            not names.get(kind) or value in names[kind]
            for kind, value in (("deployments", deployment), ("instance_groups", group))
        )


def rules_from(contents: Sequence[Mapping[str, Any]]) -> tuple[Rule, ...]:
    """Rules of parsed ``resurrection`` configs. Raises ValueError when one has another shape."""
    rules = []
    for content in contents:
        for item in content.get("rules") or []:
            if not isinstance(item, Mapping) or not isinstance(item.get("enabled"), bool):
                raise ValueError(f"a resurrection rule needs 'enabled: true' or 'false', got {item!r}")
            include, exclude = (
                {kind: tuple(names or ()) for kind, names in (item.get(key) or {}).items()}
                for key in ("include", "exclude")
            )
            rules.append(Rule(item["enabled"], include, exclude))
    return tuple(rules)


def allowed(rules: Sequence[Rule], deployment: str, group: str) -> bool:
    """Off only when a rule that applies says so (docs-bosh: content/resurrector.md)."""
    return all(rule.enabled for rule in rules if rule.applies(deployment, group))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do about a deployment. ``summary`` counts for the reader."""

    state: Literal["normal", "resurrect", "meltdown"]
    summary: str
    jobs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    disabled: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class Tracker:
    """Which instances were lost lately (bosh-monitor: plugins/resurrector_helper.rb)."""

    def __init__(self, *, minimum_down_jobs: int, percent_threshold: float, time_threshold_s: float) -> None:
        self._minimum, self._percent, self._window_s = minimum_down_jobs, percent_threshold, time_threshold_s
        self._lost: dict[tuple[str, str, str], float] = {}

    def judge(
        self, deployment: str, jobs: Mapping[str, tuple[str, ...]], *, total: int, rules: Sequence[Rule], now: float
    ) -> Verdict:
        """Remember these losses and decide. ``total`` is the number of the deployment's instances."""
        for job, ids in jobs.items():
            for instance_id in ids:
                self._lost[(deployment, job, instance_id)] = now
        self._lost = {key: at for key, at in self._lost.items() if now - at <= self._window_s}
        down = sum(1 for key in self._lost if key[0] == deployment)
        share = down / total if total else 0.0
        summary = f"deployment: '{deployment}'; {down} of {total} agents are unhealthy ({share:.1%})"
        if down >= self._minimum and share >= self._percent:
            return Verdict("meltdown", summary)
        enabled = {job: ids for job, ids in jobs.items() if allowed(rules, deployment, job)}
        disabled = {job: ids for job, ids in jobs.items() if job not in enabled}
        return Verdict("resurrect" if jobs else "normal", summary, enabled, disabled)
