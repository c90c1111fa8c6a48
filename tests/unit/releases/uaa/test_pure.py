"""Scopes, signatures, redirects, passwords, seeds: values in, values out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from uaa import passwords, redirects, revocation, scopes, seeds
from uaa.claims import Grant, signatures
from uaa.config import PasswordPolicy
from uaa.errors import ConfigError, UaaError
from uaa.records import Client, User

# --- scopes ------------------------------------------------------------------------------------------------------------------------


def test_a_list_of_scopes_is_words_without_repetition() -> None:
    assert scopes.parse(" openid  cloud_controller.read openid ") == ("openid", "cloud_controller.read")
    assert scopes.parse(None) == ()


@pytest.mark.parametrize(
    ("wildcard", "scope", "covers"),
    [
        ("openid", "openid", True),
        ("zones.*.admin", "zones.uaa.admin", True),
        ("zones.*.admin", "zones.a.b.admin", False),
        ("space.*", "space.", False),
        ("a.b", "axb", False),
    ],
)
def test_a_star_stands_for_anything_without_a_dot(wildcard: str, scope: str, covers: bool) -> None:
    assert scopes.allows([wildcard], scope) is covers


def test_a_token_gets_what_user_and_client_have_and_was_asked_for() -> None:
    assert scopes.narrow(["a.*"], ["a.read", "b.read"], ["a.read", "a.write", "b.read"]) == {"a.read"}


def test_the_audience_is_the_client_and_each_scope_up_to_its_last_dot() -> None:
    found = scopes.audience(
        "cf", ["openid", "cloud_controller.read", "routing.router_groups.read", "uaa.none", "plain", "odd."]
    )
    assert found == ("cf", "cloud_controller", "openid", "routing.router_groups")


def test_a_scope_that_the_client_may_not_ask_for_is_refused() -> None:
    with pytest.raises(UaaError, match=r"x\.y is invalid\. Please use a valid scope name in the request"):
        scopes.refuse_unknown(["x.y"], ["x.z"])


def test_autoapproval_is_everything_nothing_or_a_list() -> None:
    assert scopes.approved_without_asking(["a", "b"], True) == {"a", "b"}
    assert scopes.approved_without_asking(["a", "b"], False) == set()
    assert scopes.approved_without_asking(["a", "b.c"], ["b.*"]) == {"b.c"}
    assert scopes.approved_without_asking(["a"], ["true"]) == {"a"}


# --- signatures --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "seed", "hashed"),
    [
        (b"", 0, 0),
        (b"", 1, 0x514E28B7),
        (b"\xff\xff\xff\xff", 0, 0x76293B50),
        (b"\x21\x43\x65", 0, 0x7E4A8634),
        (b"\x21\x43", 0, 0xA0F7B07A),
        (b"\x21", 0, 0x72661CF4),
        (b"aaaa", 0x9747B28C, 0x5A97808A),
        (b"Hello, world!", 0x9747B28C, 0x24884CBA),
    ],
)
def test_the_hash_is_murmur3(data: bytes, seed: int, hashed: int) -> None:
    """Vectors that implementations of MurmurHash3 compare themselves with."""
    assert revocation.murmur3_32(data, seed) == hashed


@given(st.lists(st.one_of(st.none(), st.text()), max_size=4))
def test_what_is_absent_does_not_count(salts: list[str | None]) -> None:
    assert revocation.signature(salts) == revocation.signature([salt for salt in salts if salt is not None])


def test_each_secret_of_a_client_has_a_signature_and_everything_counts() -> None:
    client, user = Client("c", ("one", "two")), User("u", "name", "e@x", password="p")
    first, second = signatures(client, user)
    assert first != second
    others = [
        signatures(Client("c", ("one",), salt="s"), user),
        signatures(client, User("u", "name", "e@x", password="q")),
        signatures(client, User("u", "name", "e@x", password="p", salt="s")),
        signatures(client, User("u", "other", "e@x", password="p")),
        signatures(client, User("u", "name", "f@x", password="p")),
        signatures(client, None),
    ]
    assert all(first not in other for other in others)


def test_an_empty_secret_is_called_none_in_tokens() -> None:
    assert Grant(Client("c"), "password", frozenset(), client_method="empty").said_method == "none"
    assert Grant(Client("c"), "password", frozenset()).said_method is None


# --- redirects ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("registered", "requested", "legacy", "exact"),
    [
        ("https://a.com/cb", "https://a.com/cb", True, True),
        ("https://a.com", "https://a.com/any/path?x=1", True, False),
        ("https://a.com", "https://sub.a.com/", True, False),
        ("https://a.com/cb", "https://a.com/cb/deeper", True, False),
        ("https://a.com/cb", "https://a.com/cbx", False, False),
        ("https://a.com/cb", "https://a.com/cb/../other", False, False),
        ("https://a.com/cb", "https://a.com/cb/%2e%2e/other", False, False),
        ("https://a.com", "http://a.com", False, False),
        ("https://a.com", "https://a.com:444/", False, False),
        ("https://a.com", "https://a.com:443/", True, False),
        ("https://a.com", "https://evila.com/", False, False),
        ("https://a.com", "https://a.com@evil.com/", False, False),
        ("https://a.com", "https://user@a.com/", False, False),
        ("https://a.com", "https://a.com\\@evil.com/", False, False),
        ("https://a.com", "https://a.com/#fragment", False, False),
        ("https://a.com", "//a.com/", False, False),
        ("https://a.com", "https://a.com:bad/", False, False),
        ("https://*.a.com/**", "https://x.a.com/b/c", True, False),
        ("https://*.a.com/**", "https://evil.com/.a.com/b", False, False),
        ("https://*.a.com/*", "https://x.a.com/b/c", False, False),
    ],
)
def test_where_a_browser_may_be_sent(registered: str, requested: str, legacy: bool, exact: bool) -> None:
    assert (redirects.resolve(requested, [registered], exact=False) == requested) is legacy
    assert (redirects.resolve(requested, [registered], exact=True) == requested) is exact


def test_the_only_registered_address_needs_no_naming() -> None:
    assert redirects.resolve(None, ["https://a.com"], exact=True) == "https://a.com"
    assert redirects.resolve(None, ["https://a.com", "https://b.com"], exact=True) is None
    assert redirects.resolve(None, ["https://*.a.com"], exact=False) is None


@pytest.mark.parametrize(
    ("path", "stays"),
    [
        ("/passcode", True),
        ("//evil.com", False),
        ("https://evil.com", False),
        ("/\\evil.com", False),
        ("/a\tb", False),
        ("", False),
    ],
)
def test_a_local_path_stays_on_this_server(path: str, stays: bool) -> None:
    assert (redirects.local(path) == path) is stays


def test_parameters_are_added_to_those_that_are_there() -> None:
    assert redirects.with_query("https://a.com/x?y=1", code="a b", state=None) == "https://a.com/x?y=1&code=a+b"


# --- passwords ---------------------------------------------------------------------------------------------------------------------


def test_a_hash_matches_its_password_alone() -> None:
    hasher = passwords.Hasher(4)
    hashed = hasher.hash("secret")
    assert hasher.matches("secret", hashed)
    assert hasher.matches("secret", "{bcrypt}" + hashed)
    assert not hasher.matches("Secret", hashed)
    assert not hasher.matches("secret", "no hash")


def test_long_passwords_are_cut_as_bcrypt_always_did() -> None:
    hasher = passwords.Hasher(4)
    assert hasher.matches("x" * 100, hasher.hash("x" * 72))


def test_a_remembered_secret_is_right_only_for_its_hash() -> None:
    hasher = passwords.Hasher(4)
    one, two = hasher.hash("one"), hasher.hash("two")
    for _ in range(2):
        assert hasher.matches_any("two", (one, two))
        assert not hasher.matches_any("two", (one,))
        assert not hasher.matches_any("three", (one, two))


def test_a_policy_says_everything_that_is_missing() -> None:
    policy = PasswordPolicy(min_length=8, require_digit=1, require_upper_case_character=1, require_special_character=1)
    assert len(passwords.faults("short", policy)) == 4
    assert passwords.faults("L0ng-enough", policy) == ()
    assert passwords.faults("x" * 9, PasswordPolicy(max_length=8)) == (
        "Password must be no more than 8 characters in length.",
    )


# --- seeds -------------------------------------------------------------------------------------------------------------------------


def test_a_client_reads_as_manifests_write_it() -> None:
    (seed,) = seeds.client_seeds(
        {
            "app": {
                "secret": ["a", "b"],
                "scope": "overridden",
                "scopes": ["x.read", "y.read"],
                "authorized-grant-types": "authorization_code",
                "authorities": "uaa.resource,z",
                "redirect-uri": "https://a.com,https://b.com",
                "autoapprove": "x.read",
                "access-token-validity": 60,
                "name": "App",
            }
        }
    )
    assert seed.secrets == ("a", "b")
    assert seed.scope == ("x.read", "y.read")
    assert seed.grant_types == ("authorization_code", "refresh_token")
    assert seed.redirect_uris == ("https://a.com", "https://b.com")
    assert seed.autoapprove == ("x.read",)
    assert (seed.access_token_validity_s, seed.refresh_token_validity_s) == (60, None)
    assert seed.more == {"name": "App"}


@pytest.mark.parametrize(
    ("about", "fault"),
    [
        ({"secret": "s"}, "authorized-grant-types"),
        ({"secret": "s", "authorized-grant-types": "magic"}, "not known: magic"),
        ({"secret": "s", "authorized-grant-types": "authorization_code"}, "redirect-uri"),
        ({"authorized-grant-types": "password"}, "secret"),
        ({"secret": "s", "authorized-grant-types": "password", "override": "yes"}, "override"),
        ({"secret": "s", "authorized-grant-types": "password", "access-token-validity": "1"}, "number of seconds"),
    ],
)
def test_a_client_that_cannot_work_is_a_fault(about: dict[str, object], fault: str) -> None:
    with pytest.raises(ConfigError, match=fault):
        seeds.client_seeds({"app": about})


def test_every_fault_is_said_at_once() -> None:
    with pytest.raises(ConfigError, match=r"clients\.a.*clients\.b"):
        seeds.client_seeds({"a": {}, "b": {}})
    with pytest.raises(ConfigError, match=r"users\[0\].*users\[1\]"):
        seeds.user_seeds([{"name": "x"}, "admin|secret"])


def test_a_user_without_an_address_gets_one() -> None:
    (seed,) = seeds.user_seeds([{"name": "admin", "password": "p", "groups": "a,b"}])
    assert (seed.email, seed.given_name, seed.family_name, seed.groups) == (
        "admin@test.org",
        "admin",
        "test.org",
        ("a", "b"),
    )
