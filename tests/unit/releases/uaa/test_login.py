"""Browsers and command lines: prompts, the form, sessions, one-time codes, ``/oauth/authorize``."""

from __future__ import annotations

from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from .conftest import URL, Answer, Maker, World, claims

HTML = {"accept": "text/html"}


def browser(cookies: dict[str, str]) -> dict[str, str]:
    return {**HTML, "cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}


def sign_in(
    world: World, name: str = "marissa", password: str = "koala", target: str = ""
) -> tuple[Answer, dict[str, str]]:
    """As a browser does: the form first, then what it asks for."""
    query = f"?{urlencode({'form_redirect_uri': target})}" if target else ""
    form = world.call("GET", f"/login{query}", headers=HTML)
    cookies = form.cookies()
    sent = {"username": name, "password": password, "X-Uaa-Csrf": cookies["X-Uaa-Csrf"], "form_redirect_uri": target}
    answer = world.call("POST", "/login.do", form=sent, headers=browser(cookies))
    return answer, cookies | answer.cookies()


def location(answer: Answer) -> tuple[str, dict[str, str]]:
    parts = urlsplit(answer.header("location"))
    return parts._replace(query="").geturl(), {key: values[0] for key, values in parse_qs(parts.query).items()}


# --- prompts -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/login", "/info"])
def test_command_lines_learn_what_to_ask(world: World, path: str) -> None:
    said = world.call("GET", path).json
    assert said["prompts"] == {
        "username": ["text", "Email"],
        "password": ["password", "Password"],
        "passcode": [
            "password",
            "Temporary Authentication Code ( Get one at https://login.sys.example.com/passcode )",
        ],
    }
    assert said["links"] == {"uaa": URL, "login": "https://login.sys.example.com"}
    assert tuple(map(int, said["app"]["version"].split("."))) >= (4, 26, 0)
    assert said["zone_name"] == "uaa"


def test_people_get_a_page(world: World) -> None:
    page = world.call("GET", "/login", headers=HTML)
    assert 'name="password"' in page.text
    assert "frame-ancestors 'none'" in page.header("content-security-policy")


# --- sessions ----------------------------------------------------------------------------------------------------------------------


def test_a_browser_signs_in_and_out(world: World) -> None:
    answer, cookies = sign_in(world)
    assert (answer.status, answer.header("location")) == (302, "/home")
    cookie = next(value for key, value in answer.reply.headers if key == "set-cookie")
    assert "HttpOnly" in cookie
    assert "Secure" in cookie
    assert "SameSite=Lax" in cookie
    assert "marissa" in world.call("GET", "/home", headers=browser(cookies)).text
    assert world.call("GET", "/login", headers=browser(cookies)).header("location") == "/home"
    assert world.call("GET", "/logout.do", headers=browser(cookies)).header("location") == "/login"
    assert world.call("GET", "/home", headers=browser(cookies)).header("location") == "/login"


def test_a_wrong_password_shows_the_form_again(world: World) -> None:
    answer, cookies = sign_in(world, password="<no>")
    assert answer.status == 401
    assert "Unable to verify email or password" in answer.text
    assert "<no>" not in answer.text
    assert "uaa-session" not in cookies
    for _ in range(5):
        sign_in(world, password="no")
    assert "has been locked" in sign_in(world)[0].text


def test_a_form_of_another_site_is_refused(world: World) -> None:
    form = {"username": "marissa", "password": "koala", "X-Uaa-Csrf": "x"}
    for cookies in ({}, {"X-Uaa-Csrf": "y"}):
        assert world.call("POST", "/login.do", form=form, headers=browser(cookies)).status == 403


def test_after_signing_in_the_browser_stays_on_this_server(world: World) -> None:
    assert sign_in(world, target="/passcode")[0].header("location") == "/passcode"
    assert sign_in(world, target="https://evil.example.com")[0].header("location") == "/home"
    assert sign_in(world, target="//evil.example.com")[0].header("location") == "/home"


def test_a_session_ends_when_nothing_happens_and_lasts_while_it_is_used(world: World) -> None:
    _, cookies = sign_in(world)
    for _ in range(3):
        world.later(1000)
        assert world.call("GET", "/home", headers=browser(cookies)).status == 200
    world.later(1801)
    assert world.call("GET", "/home", headers=browser(cookies)).status == 302


def test_any_instance_knows_the_session(maker: Maker) -> None:
    _, cookies = sign_in(maker())
    assert maker().call("GET", "/home", headers=browser(cookies)).status == 200


def test_leaving_goes_only_to_addresses_of_the_client(world: World) -> None:
    there = {"client_id": "dashboard", "redirect": "https://dash.example.com/bye"}
    assert world.call("GET", f"/logout.do?{urlencode(there)}").header("location") == "https://dash.example.com/bye"
    for other in ({"redirect": "https://evil.com"}, {"client_id": "dashboard", "redirect": "https://evil.com"}):
        assert world.call("GET", f"/logout.do?{urlencode(other)}").header("location") == "/login"


# --- passcodes ---------------------------------------------------------------------------------------------------------------------


def passcode(world: World, cookies: dict[str, str]) -> str:
    return world.call("GET", "/passcode", headers=browser(cookies)).text.partition("<code>")[2].partition("</code>")[0]


def test_a_one_time_code_logs_in_once(world: World) -> None:
    """``cf login --sso``: the code travels as a form field of the password grant."""
    _, cookies = sign_in(world)
    code = passcode(world, cookies)
    answer = world.token(grant_type="password", passcode=code)
    assert claims(answer.json["access_token"])["user_name"] == "marissa"
    again = world.token(grant_type="password", passcode=code)
    assert (again.status, again.json) == (401, {"error": "unauthorized", "error_description": "Invalid passcode"})


def test_a_new_code_voids_the_one_before_and_each_lives_five_minutes(world: World) -> None:
    _, cookies = sign_in(world)
    first, second = passcode(world, cookies), passcode(world, cookies)
    assert world.token(grant_type="password", passcode=first).status == 401
    world.later(301)
    assert world.token(grant_type="password", passcode=second).status == 401


def test_a_code_needs_a_user(world: World) -> None:
    assert world.call("GET", "/passcode", headers=HTML).header("location") == "/login?form_redirect_uri=/passcode"
    assert world.call("GET", "/passcode").status == 401
    assert isinstance(world.call("GET", "/passcode", token=world.user_token()).json, str)


# --- authorize ---------------------------------------------------------------------------------------------------------------------


def test_ssh_gets_a_code_with_the_users_token(world: World) -> None:
    """``cf ssh`` (cf CLI: api/uaa/ssh.go): no redirect is followed, the code is read from Location."""
    path = "/oauth/authorize?client_id=ssh-proxy&grant_type=authorization_code&response_type=code"
    answer = world.call("GET", path, token=world.user_token())
    where, said = location(answer)
    assert (answer.status, where, set(said)) == (302, f"{URL}/login", {"code"})


def test_a_token_that_may_not_act_for_the_user_gets_no_code(world: World) -> None:
    path = "/oauth/authorize?client_id=ssh-proxy&response_type=code"
    weak = world.login(scope="openid").json["access_token"]
    for token in (weak, world.client_token()):
        refused = world.call("GET", path, token=token)
        assert (refused.status, refused.json["error"]) == (403, "insufficient_scope")
    assert world.call("GET", path, token="rubbish").status == 401


def test_a_browser_signs_in_first_and_comes_back(world: World) -> None:
    query = urlencode({"client_id": "ssh-proxy", "response_type": "code", "state": "a&b"})
    answer = world.call("GET", f"/oauth/authorize?{query}", headers=HTML)
    where, said = location(answer)
    assert where == "/login"
    back, cookies = sign_in(world, target=said["form_redirect_uri"])
    final = world.call("GET", back.header("location"), headers=browser(cookies))
    assert location(final)[0] == f"{URL}/login"
    assert location(final)[1]["state"] == "a&b"


def test_a_program_without_a_token_hears_so(world: World) -> None:
    assert world.call("GET", "/oauth/authorize?client_id=ssh-proxy&response_type=code").status == 401
    silent = world.call("GET", "/oauth/authorize?client_id=ssh-proxy&response_type=code&prompt=none", headers=HTML)
    assert location(silent)[1] == {"error": "login_required"}


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("client_id=nobody&response_type=code", 401),
        ("response_type=code", 401),
        ("client_id=gorouter&response_type=code", 400),
        ("client_id=ssh-proxy&response_type=code&redirect_uri=https://evil.com", 400),
    ],
)
def test_a_browser_is_sent_nowhere_it_was_not_registered_for(world: World, query: str, status: int) -> None:
    _, cookies = sign_in(world)
    answer = world.call("GET", f"/oauth/authorize?{query}", headers=browser(cookies))
    assert answer.status == status
    assert "location" not in dict(answer.reply.headers)


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code", "scope": "scim.write"}, "invalid_scope"),
        ({"response_type": "code", "code_challenge": "short"}, "invalid_request"),
        ({"response_type": "code", "code_challenge": "x" * 43, "code_challenge_method": "md5"}, "invalid_request"),
    ],
)
def test_the_client_hears_what_was_wrong(world: World, more: dict[str, str], error: str) -> None:
    _, cookies = sign_in(world)
    query = urlencode({"client_id": "dashboard", "state": "s", **more})
    where, said = location(world.call("GET", f"/oauth/authorize?{query}", headers=browser(cookies)))
    assert (where, said["error"], said["state"]) == ("https://dash.example.com", error, "s")


def test_the_user_is_asked_once(world: World) -> None:
    _, cookies = sign_in(world)
    asked = {"client_id": "dashboard", "response_type": "code", "state": "s"}
    path = f"/oauth/authorize?{urlencode(asked)}"
    page = world.call("GET", path, headers=browser(cookies))
    assert "The &lt;Dashboard&gt;" in page.text
    assert 'name="approved.cloud_controller.read"' in page.text
    assert (
        location(world.call("GET", path + "&prompt=none", headers=browser(cookies)))[1]["error"]
        == "interaction_required"
    )
    form = asked | {"X-Uaa-Csrf": cookies["X-Uaa-Csrf"], "user_oauth_approval": "true", "approved.openid": "true"}
    given = world.call("POST", "/oauth/authorize", form=form, headers=browser(cookies))
    code = location(given)[1]["code"]
    token = world.token("dashboard", "dash", grant_type="authorization_code", code=code)
    assert token.json["scope"] == "openid"
    assert "code" in location(world.call("GET", path, headers=browser(cookies)))[1]


def test_the_user_may_say_no(world: World) -> None:
    _, cookies = sign_in(world)
    form = {"client_id": "dashboard", "response_type": "code", "user_oauth_approval": "false"}
    assert world.call("POST", "/oauth/authorize", form=form, headers=browser(cookies)).status == 403
    form["X-Uaa-Csrf"] = cookies["X-Uaa-Csrf"]
    assert (
        location(world.call("POST", "/oauth/authorize", form=form, headers=browser(cookies)))[1]["error"]
        == "access_denied"
    )


def test_approvals_can_be_read_changed_and_forgotten(world: World) -> None:
    """What people allowed is theirs; the scope is one that every user has and cf has not, so a client of its own asks."""
    world.uaa.config.clients["portal"] = {
        "secret": "p", "authorized-grant-types": "password", "scope": "oauth.approvals,openid",
    }  # fmt: skip
    world.restart()
    token = world.token("portal", "p", grant_type="password", username="marissa", password="koala").json["access_token"]
    body = [
        {"clientId": "dashboard", "scope": "openid", "status": "APPROVED"},
        {"clientId": "x", "scope": "y", "status": "DENIED"},
    ]
    assert len(world.call("PUT", "/approvals", token=token, body=body).json) == 2
    kept = world.call("PUT", "/approvals/x", token=token, body=[]).json
    assert [(item["clientId"], item["status"]) for item in kept] == [("dashboard", "APPROVED")]
    assert world.call("DELETE", "/approvals?clientId=dashboard", token=token).status == 200
    assert world.call("GET", "/approvals", token=token).json == []
    assert world.call("GET", "/approvals", token=world.user_token()).status == 403
