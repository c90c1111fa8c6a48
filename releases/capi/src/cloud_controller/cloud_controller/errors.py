"""The API's errors: what callers see, with the original codes and titles (cloud_controller_ng: errors/v2.yml)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One entry of an error body's ``errors``."""

    code: int
    title: str
    detail: str


class ApiError(Exception):
    """A request that is answered with an error body."""

    def __init__(self, status: int, *problems: Problem) -> None:
        super().__init__("; ".join(problem.detail for problem in problems))
        self.status = status
        self.problems = problems

    def body(self) -> dict[str, object]:
        """The JSON body: every problem with code, title and detail."""
        return {"errors": [{"detail": p.detail, "title": p.title, "code": p.code} for p in self.problems]}


def _error(status: int, code: int, title: str, detail: str) -> ApiError:
    return ApiError(status, Problem(code, f"CF-{title}", detail))


def not_found(what: str) -> ApiError:
    """A resource that is missing or hidden: clients compare the text ``App not found`` exactly."""
    return _error(404, 10010, "ResourceNotFound", f"{what} not found")


def unknown_request() -> ApiError:
    """No such path."""
    return _error(404, 10000, "NotFound", "Unknown request")


def unprocessable(*details: str) -> ApiError:
    """A well-formed request that cannot be done; several reasons become one text."""
    return _error(422, 10008, "UnprocessableEntity", ", ".join(details))


def uniqueness(detail: str) -> ApiError:
    """A name that is taken (cloud_controller_ng: UniquenessError)."""
    return _error(422, 10016, "UniquenessError", detail)


def unprocessable_each(details: list[str]) -> ApiError:
    """Like :func:`unprocessable`, each reason as its own entry (manifests)."""
    return ApiError(422, *(Problem(10008, "CF-UnprocessableEntity", detail) for detail in details))


def bad_query(detail: str) -> ApiError:
    """A query parameter that is not understood."""
    return _error(400, 10005, "BadQueryParameter", f"The query parameter is invalid: {detail}")


def parse_error(detail: str = "invalid request body") -> ApiError:
    """A body that is not JSON or YAML."""
    return _error(400, 1001, "MessageParseError", f"Request invalid due to parse error: {detail}")


def bad_request(detail: str) -> ApiError:
    """A request whose body breaks the rules of its kind."""
    return _error(400, 1002, "InvalidRelation", f"Bad request: {detail}")


def not_authenticated() -> ApiError:
    """No token."""
    return _error(401, 10002, "NotAuthenticated", "Authentication error")


def invalid_token() -> ApiError:
    """A token that does not hold; makes clients refresh and try again."""
    return _error(401, 1000, "InvalidAuthToken", "Invalid Auth Token")


def not_authorized() -> ApiError:
    """A visible resource that the caller may not change."""
    return _error(403, 10003, "NotAuthorized", "You are not authorized to perform the requested action")


def insufficient_scope() -> ApiError:
    """A token without cloud_controller.read or .write."""
    return _error(403, 10007, "InsufficientScope", "Your token lacks the necessary scopes to access this resource.")


def org_suspended() -> ApiError:
    """A change inside a suspended organization."""
    return _error(403, 10017, "OrgSuspended", "The organization is suspended")


def feature_disabled(name: str) -> ApiError:
    """A feature flag says no; ``name`` is the flag or the operator's own text."""
    return _error(403, 330002, "FeatureDisabled", f"Feature Disabled: {name}")


def staging_in_progress() -> ApiError:
    """A second build of a package while one is under way."""
    return unprocessable("Only one build can be STAGING at a time per package.")


def bits_invalid(detail: str) -> ApiError:
    """An upload that cannot be used."""
    return _error(422, 160001, "AppBitsUploadInvalid", f"The app upload is invalid: {detail}")


def blob_missing(detail: str) -> ApiError:
    """A download of something that was never kept."""
    return _error(404, 10010, "ResourceNotFound", detail)


def unavailable(detail: str) -> ApiError:
    """A peer that does not answer."""
    return _error(503, 10015, "ServiceUnavailable", detail)


def uaa_unavailable() -> ApiError:
    """UAA does not answer: neither keys nor names are to be had."""
    return _error(503, 20004, "UaaUnavailable", "The UAA service is currently unavailable")


def task_workers_unavailable(detail: str) -> ApiError:
    """The scheduler cannot be reached to run a task."""
    return _error(503, 170020, "TaskWorkersUnavailable", f"Task workers are unavailable: {detail}")


def instances_unavailable(detail: str) -> ApiError:
    """The scheduler cannot be asked for instances."""
    return _error(503, 220002, "InstancesUnavailable", f"Instances information unavailable: {detail}")


def server_error(detail: str = "An unknown error occurred.") -> ApiError:
    """A defect on our side."""
    return ApiError(500, Problem(10001, "UnknownError", detail))
