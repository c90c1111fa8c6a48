"""What planning refuses, with the numbers of the original (bosh: director/errors.rb)."""

from __future__ import annotations

from bosh.wire.errors import BoshError


class PackageCycle(BoshError):
    """A package depends on itself."""

    code = 30012


class PackageMissingSourceCode(BoshError):
    code = 60001


class PackageMissingExportedFrom(BoshError):
    """A release must be used as exported, and some package was not exported for that stemcell."""

    code = 60003


class StemcellNotPresentInExportedFrom(BoshError):
    code = 60004


class PackageDependencyMissing(BoshError):
    """A job or a package names a package that its release does not have."""

    code = 80003


class PackageCollision(BoshError):
    """Two jobs of one group bring different packages of one name."""

    code = 80011


class ReservedAddress(BoshError):
    code = 130013


class AddressesCannotBeMatched(BoshError):
    code = 130010


class NotTheBaseAddress(BoshError):
    """A static address on a network that gives prefixes is inside one, not its first."""

    code = 16015


class VipMisconfigured(BoshError):
    code = 130014


class JobInstanceIgnored(BoshError):
    code = 140021


class InvalidAvailabilityZone(BoshError):
    code = 140016


class StaticAddressCountMismatch(BoshError):
    code = 150002


class StaticAddressInWrongZone(BoshError):
    code = 150007


class StaticAddressesNotSupported(BoshError):
    """Static addresses on a dynamic network."""

    code = 150008


class InvalidStaticAddresses(BoshError):
    code = 150009


class SubnetWithoutZone(BoshError):
    """No subnet of a network serves the instance's availability zone."""

    code = 160009


class InvalidMigration(BoshError):
    code = 190018


class IgnoredInstancesModification(BoshError):
    code = 190020


class IgnoredInstancesDeletion(BoshError):
    code = 190021


class InvalidCanonicalName(BoshError):
    code = 420001
