"""Everything a request needs beyond its own data."""

from __future__ import annotations

from dataclasses import dataclass, field

from cloud_controller.auth.tokens import Verifier
from cloud_controller.auth.uaa import UserDirectory
from cloud_controller.blobstore.contract import Blobstore
from cloud_controller.blobstore.signing import Signer
from cloud_controller.clock import Clock
from cloud_controller.config import Config
from cloud_controller.diego.contract import BbsClient
from cloud_controller.diego.usage import ContainerUsage
from cloud_controller.state.store import Database
from cloud_controller.web.metrics import Metrics


@dataclass(frozen=True)
class Services:
    """What the program was given; built once in ``main``, with fakes in tests."""

    config: Config
    database: Database
    clock: Clock
    verifier: Verifier
    users: UserDirectory
    blobs: Blobstore
    signer: Signer
    bbs: BbsClient
    usage: ContainerUsage
    metrics: Metrics = field(default_factory=Metrics)
