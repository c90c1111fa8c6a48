"""Errors as they cross every edge: numeric code, HTTP status, and three sentences for a person.

The numeric codes and statuses are those of the original director (`src/bosh-director/lib/bosh/director/errors.rb`);
clients match on them. Each layer raises with its own context and chains the cause (`raise … from error`); the edge joins once.
"""

from __future__ import annotations

from collections.abc import Iterator


class BoshError(Exception):
    """A failure that a person will read.

    Args:
        brief: one line, lower case, beginning with "cannot …" where something was attempted, unless the original's
            exact text is matched by clients.
        details: what the cloud, the process or the file said; may have several lines.
        resolution: what the person can do next, a sentence.
        code: the number BOSH clients expect (JSON ``code``).
        status: the HTTP status of the reply.
        ok_to_retry: whether repeating the same call may succeed (CPI contract).
    """

    code: int = 500000
    status: int = 400

    def __init__(
        self,
        brief: str,
        *,
        details: str = "",
        resolution: str = "",
        code: int | None = None,
        status: int | None = None,
        ok_to_retry: bool = False,
    ) -> None:
        super().__init__(brief)
        self.brief = brief
        self.details = details
        self.resolution = resolution
        if code is not None:
            self.code = code
        if status is not None:
            self.status = status
        self.ok_to_retry = ok_to_retry

    def __str__(self) -> str:
        return "\n".join(part for part in (self.brief, self.details, self.resolution) if part)


class TaskNotFound(BoshError):
    code, status = 10000, 404


class TaskCancelled(BoshError):
    code, status = 10001, 200


class TaskUnexpectedState(BoshError):
    code = 10002


class ReleaseAlreadyExists(BoshError):
    code = 30000


class ReleaseInvalidArchive(BoshError):
    code = 30002


class ReleaseManifestNotFound(BoshError):
    code = 30003


class ReleaseNotFound(BoshError):
    code, status = 30005, 404


class ReleaseVersionNotFound(BoshError):
    code, status = 30006, 404


class ReleaseInUse(BoshError):
    code = 30007


class ReleaseVersionInUse(BoshError):
    code = 30008


class ReleaseVersionInvalid(BoshError):
    code = 30010


class ReleaseInvalidPackage(BoshError):
    code = 30012


class ReleaseExistingJobFingerprintMismatch(BoshError):
    code = 30013


class ReleaseVersionCommitHashMismatch(BoshError):
    code = 30014


class ReleaseSha1DoesNotMatch(BoshError):
    code = 30015


class ReleasePackageDependencyKeyMismatch(BoshError):
    code = 30016


class ValidationInvalidType(BoshError):
    code = 40000


class ValidationMissingField(BoshError):
    code = 40001


class ValidationExtraField(BoshError):
    code = 40004


class ValidationInvalidValue(BoshError):
    code = 40005


class StemcellInvalidArchive(BoshError):
    code = 50000


class StemcellImageNotFound(BoshError):
    code = 50001


class StemcellAlreadyExists(BoshError):
    code = 50002


class StemcellNotFound(BoshError):
    code, status = 50003, 404


class StemcellInUse(BoshError):
    code = 50004


class StemcellAliasAlreadyExists(BoshError):
    code = 50005


class StemcellSha1DoesNotMatch(BoshError):
    code = 50007


class StemcellNotSupported(BoshError):
    code = 50008


class PackageInvalidArchive(BoshError):
    code = 60000


class PackageMissingSourceCode(BoshError):
    code = 60001


class DeploymentNotFound(BoshError):
    code, status = 70000, 404


class InstanceNotFound(BoshError):
    code, status = 70001, 404


class VmCloudIdMissing(BoshError):
    code = 70006


class JobNotFound(BoshError):
    code, status = 70009, 404


class JobInvalidArchive(BoshError):
    code = 80000


class JobMissingManifest(BoshError):
    code = 80001


class JobMissingTemplateFile(BoshError):
    code = 80002


class JobMissingPackage(BoshError):
    code = 80003


class JobMissingMonit(BoshError):
    code = 80004


class JobInvalidLogSpec(BoshError):
    code = 80005


class JobTemplateBindingFailed(BoshError):
    code = 80006


class JobInvalidPropertySpec(BoshError):
    code = 80008


class JobInvalidPackageSpec(BoshError):
    code = 80012


class JobInvalidLinkSpec(BoshError):
    code = 80013


class JobDuplicateLinkName(BoshError):
    code = 80014


class JobInvalidName(BoshError):
    code = 80016


class ResourceNotFound(BoshError):
    code, status = 100002, 404


class NetworkReservationAlreadyInUse(BoshError):
    code = 130008


class NetworkReservationNotEnoughCapacity(BoshError):
    code = 130011


class NetworkReservationIpOutsideSubnet(BoshError):
    code = 130012


class DeploymentInvalidProperty(BoshError):
    code = 190014


class DeploymentInvalidLink(BoshError):
    code = 190016


class CloudError(BoshError):
    """A CPI call failed. ``kind`` is the CPI's error type, for example ``Bosh::Clouds::VMNotFound``."""

    code, status = 390000, 500

    def __init__(self, brief: str, *, kind: str = "Bosh::Clouds::CloudError", **rest: object) -> None:
        super().__init__(brief, **rest)  # type: ignore[arg-type]
        self.kind = kind


class AgentJobNotRunning(BoshError):
    code = 400007


class AgentJobNotStopped(BoshError):
    code = 400008


class BadManifest(BoshError):
    code = 440001


class BadConfigRequest(BoshError):
    code = 440010


class BadConfig(BoshError):
    code = 440011


class ConfigNotFound(BoshError):
    code, status = 440012, 404


class BadExpectedConfigID(BoshError):
    code, status = 440013, 412


class RpcRemoteException(BoshError):
    """The agent answered with an exception."""

    code = 450001


class RpcTimeout(BoshError):
    """The agent did not answer in time."""

    code = 450002


class SystemFailure(BoshError):
    code, status = 500000, 500


class NotEnoughDiskSpace(BoshError):
    code, status = 500001, 500


class RunErrandError(BoshError):
    code = 510000


class DeletingPersistentDiskError(BoshError):
    code = 520000


class ConfigServerMissingName(BoshError):
    code = 540002


class ConfigServerGenerationError(BoshError):
    code = 540005


class CpiNotFound(BoshError):
    code = 550001


class UnauthorizedToAccessDeployment(BoshError):
    code, status = 600000, 401


class InvalidYamlError(BoshError):
    code = 710000


class LockTimeout(BoshError):
    """Another task holds the lock. The original raises an untyped error, whose code is 100."""

    code = 100


def causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what led to it, outermost first."""
    current: BaseException | None = error
    while current is not None:
        yield current
        current = current.__cause__


def joined(error: BaseException) -> str:
    """One text for the edge: every layer's sentence once, outermost first, separated by ``: ``."""
    parts: list[str] = []
    for layer in causes(error):
        text = str(layer) or type(layer).__name__
        if not any(text in earlier for earlier in parts):
            parts.append(text)
    return ": ".join(parts)
