"""How instances of this deployment are addressed: by IP, by long DNS name or by short one (bosh: network_settings.rb)."""

from __future__ import annotations

from dataclasses import dataclass

from bosh.manifest.model import Desired, Json
from bosh.plan.dns import Numbers, long_query, record_name, short_query
from bosh.plan.model import Options
from bosh.plan.seats import Seat


@dataclass(frozen=True, slots=True)
class Naming:
    deployment: str
    domain: str
    local_dns: bool
    prefer_dns: bool
    short: bool
    by_link: bool
    numbers: Numbers

    @classmethod
    def of(cls, desired: Desired, options: Options, numbers: Numbers) -> Naming:
        """What the manifest's features and the director's defaults say."""
        features = desired.features
        asked = options.use_dns_addresses if features.use_dns_addresses is None else features.use_dns_addresses
        return cls(
            deployment=desired.deployment,
            domain=options.dns_domain,
            local_dns=options.local_dns_enabled,
            prefer_dns=asked or features.use_link_dns_names,
            short=features.use_short_dns_addresses or features.use_link_dns_names,
            by_link=features.use_link_dns_names,
            numbers=numbers,
        )

    def address(self, seat: Seat, network: str) -> str:
        """An instance's address for its own templates."""
        return self._address(seat, network, prefer_dns=self.prefer_dns, link_group="")

    def link_address(self, seat: Seat, network: str, *, link_group: str, prefer_dns: bool | None = None) -> str:
        """An instance's address for those who consume a link.

        Args:
            link_group: ``<provider name>-<type>``.
            prefer_dns: what to write where both are possible; None for what the deployment prefers.
        """
        prefer = self.prefer_dns if prefer_dns is None else prefer_dns
        return self._address(seat, network, prefer_dns=prefer, link_group=link_group if self.by_link else "")

    def group_name(self, group: str, network: str, *, link_group: str) -> str:
        """The name that stands for all healthy instances of a group."""
        if not self.short:
            return long_query(
                self.numbers, group=group, network=network, deployment=self.deployment, domain=self.domain
            )
        return short_query(
            self.numbers, group_number=self._number(group, link_group), domain=self.domain, network=network
        )

    def _number(self, group: str, link_group: str) -> int:
        if self.by_link and link_group:
            return self.numbers.group("link", link_group, self.deployment)
        return self.numbers.group("instance-group", group, self.deployment)

    def _address(self, seat: Seat, network: str, *, prefer_dns: bool, link_group: str) -> str:
        settings: dict[str, Json] = seat.networks[network]
        if settings["type"] == "dynamic" or (prefer_dns and self.local_dns):
            return self._name(seat, network, link_group)
        return str(settings.get("ip") or "")

    def _name(self, seat: Seat, network: str, link_group: str) -> str:
        if not (self.short or link_group):
            return record_name(seat.id, seat.group, network, self.deployment, self.domain)
        number = self._number(seat.group, link_group)
        return short_query(self.numbers, group_number=number, domain=self.domain, instance=seat.id, network=network)
