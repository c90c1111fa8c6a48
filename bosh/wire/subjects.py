"""Names on the bus: NATS subjects and the certificate subjects that serve as user names (bosh: jobs/nats, nats-sync)."""

from __future__ import annotations

HEARTBEATS = "hm.agent.heartbeat.*"
ALERTS = "hm.agent.alert.*"
SHUTDOWNS = "hm.agent.shutdown.*"
DIRECTOR_ALERT = "hm.director.alert"

DIRECTOR_COMMON_NAME = "default.director.bosh-internal"
HEALTH_MONITOR_COMMON_NAME = "default.hm.bosh-internal"
NATS_SERVER_COMMON_NAME = "default.nats.bosh-internal"
ORGANISATION = "Cloud Foundry"
COUNTRY = "USA"


def agent(agent_id: str) -> str:
    """Where an agent listens."""
    return f"agent.{agent_id}"


def reply(director_uuid: str, agent_id: str, request_id: str) -> str:
    """Where the director waits for one reply."""
    return f"director.{director_uuid}.{agent_id}.{request_id}"


def replies(director_uuid: str) -> str:
    """All replies to one director."""
    return f"director.{director_uuid}.>"


def heartbeat(agent_id: str) -> str:
    return f"hm.agent.heartbeat.{agent_id}"


def alert(agent_id: str) -> str:
    return f"hm.agent.alert.{agent_id}"


def shutdown(agent_id: str) -> str:
    return f"hm.agent.shutdown.{agent_id}"


def agent_common_name(agent_id: str) -> str:
    return f"{agent_id}.agent.bosh-internal"


def bootstrap_common_name(agent_id: str) -> str:
    """The short-lived first certificate of an agent."""
    return f"{agent_id}.bootstrap.agent.bosh-internal"


def user(common_name: str) -> str:
    """User name that the bus derives from a client certificate (``verify_and_map``)."""
    return f"C={COUNTRY}, O={ORGANISATION}, CN={common_name}"
