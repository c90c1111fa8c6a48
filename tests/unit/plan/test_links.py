from __future__ import annotations

import pytest

from bosh.manifest.model import Consume, CustomProvider, Features, LinkSpec, Provide, Variable
from bosh.plan.layout import lay_out
from bosh.plan.link_providers import remembered
from bosh.plan.model import Layout, Options, SharedProvider
from bosh.testing import builders as b
from bosh.wire.errors import DeploymentInvalidLink

DB = b.job_spec(
    "postgres",
    provides=[LinkSpec("db", "database", properties=("db.port", "db.name"))],
    properties={"db.port": 5432, "db.name": None, "db.secret": "x"},
)
WEB = b.job_spec("web", consumes=[LinkSpec("db", "database")])
MAYBE = b.job_spec("web", consumes=[LinkSpec("db", "database", optional=True)])


def laid(*groups, shared=(), options: Options | None = None, **rest) -> Layout:
    desired = b.desired(*groups, **rest)
    return lay_out(
        desired, b.nothing(shared_providers=tuple(shared)), options=options or Options(), ids=b.CountingIds()
    )


def provider(name: str = "db", instances: int = 1, **rest):
    return b.group(name, instances, jobs=[b.job(DB, **rest.pop("job", {}))], **rest)


def consumer(*consumes: Consume, spec=WEB, name: str = "web"):
    return b.group(name, jobs=[b.job(spec, consumes)])


def link(layout: Layout, group: str = "web"):
    (job,) = next(one.jobs for one in layout.instances if one.group == group)
    return job.links.get("db")


# --- content --------------------------------------------------------------------------------------------------------------------------


def test_content_has_the_form_of_the_links_api() -> None:
    layout = laid(provider(instances=2, azs=("z1", "z2")), consumer())
    ids = [one.id for one in layout.instances]
    assert layout.links[0]["content"] == {
        "deployment_name": "shop",
        "domain": "bosh",
        "default_network": "default",
        "networks": ["default"],
        "instance_group": "db",
        "properties": {"db": {"port": 5432, "name": None}},
        "use_short_dns_addresses": False,
        "use_dns_addresses": False,
        "use_link_dns_names": False,
        "instances": [
            {"name": "db", "id": ids[0], "index": 0, "bootstrap": True, "az": "z1", "address": "10.0.0.2"},
            {"name": "db", "id": ids[1], "index": 1, "bootstrap": False, "az": "z2", "address": "10.0.0.3"},
        ],
    }


def test_templates_see_the_group_name_too() -> None:
    assert link(laid(provider(), consumer()))["group_name"] == "db-database"


def test_only_named_properties_are_shared_with_the_manifests_values() -> None:
    given = {"db": {"port": 5433, "name": "shop", "secret": "no"}}
    assert link(laid(provider(job={"properties": given}), consumer()))["properties"] == {
        "db": {"port": 5433, "name": "shop"}
    }


@pytest.mark.parametrize(
    ("features", "options", "consume", "expected"),
    [
        pytest.param(Features(), Options(), {}, "10.0.0.2", id="addresses by default"),
        pytest.param(Features(use_dns_addresses=True), Options(), {}, "ID.db.default.shop.bosh", id="names when the manifest wants"),
        pytest.param(Features(), Options(use_dns_addresses=True), {}, "ID.db.default.shop.bosh", id="names when the director wants"),
        pytest.param(Features(use_dns_addresses=False), Options(use_dns_addresses=True), {}, "10.0.0.2", id="the manifest wins"),
        pytest.param(Features(use_dns_addresses=True), Options(local_dns_enabled=False), {}, "10.0.0.2", id="no names without a name service"),
        pytest.param(Features(use_dns_addresses=True), Options(), {"ip_addresses": True}, "10.0.0.2", id="the consumer asks for addresses"),
        pytest.param(Features(), Options(), {"ip_addresses": False}, "ID.db.default.shop.bosh", id="the consumer asks for names"),
        pytest.param(Features(use_dns_addresses=True, use_short_dns_addresses=True), Options(), {}, "q-m1n1s0.q-g1.bosh", id="short names"),
        pytest.param(Features(use_link_dns_names=True), Options(), {}, "q-m1n1s0.q-g1.bosh", id="names of the link"),
        pytest.param(Features(use_dns_addresses=True), Options(dns_domain="corp"), {}, "ID.db.default.shop.corp", id="another domain"),
    ],
)  # fmt: skip
def test_addresses(features: Features, options: Options, consume, expected: str) -> None:
    layout = laid(
        provider(), consumer(*([Consume("db", **consume)] if consume else [])), features=features, options=options
    )
    (instance,) = link(layout)["instances"]
    assert instance["address"] == expected.replace("ID", layout.instances[0].id)
    assert not {"addresses", "dns_addresses"} & set(instance)


def test_a_links_group_has_another_number_than_its_instance_group() -> None:
    layout = laid(provider(), consumer(), features=Features(use_link_dns_names=True))
    assert layout.dns_ids.groups[("link", "db-database", "shop")] == 1
    assert layout.dns_ids.groups[("instance-group", "db", "shop")] != 1


def test_the_network_asked_for_gives_the_addresses() -> None:
    from bosh.manifest.model import GroupNetwork

    nets = [b.network(), b.network("back", b.subnet("10.1.0.0/24"))]
    both = [GroupNetwork("default", default=("dns", "gateway")), GroupNetwork("back")]
    content = link(laid(provider(networks=both), consumer(Consume("db", network="back")), networks=nets))
    assert (content["default_network"], content["instances"][0]["address"]) == ("back", "10.1.0.2")
    with pytest.raises(DeploymentInvalidLink, match=r"does not belong to network 'front'\n.*it is on default, back"):
        laid(provider(networks=both), consumer(Consume("db", network="front")), networks=nets)


def test_a_dynamic_network_always_gives_names() -> None:
    from bosh.manifest.model import Network, Subnet

    layout = laid(provider(), consumer(), networks=[Network("default", "dynamic", (Subnet(),))])
    assert link(layout)["instances"][0]["address"] == f"{layout.instances[0].id}.db.default.shop.bosh"


# --- matching -------------------------------------------------------------------------------------------------------------------------


def test_an_optional_link_without_provider_stays_unset() -> None:
    assert link(laid(consumer(spec=MAYBE))) is None


def test_a_blocked_optional_link_stays_unset_though_there_is_a_provider() -> None:
    assert link(laid(provider(), consumer(Consume("db", blocked=True), spec=MAYBE))) is None


def test_from_chooses_by_the_name_the_provider_goes_under() -> None:
    renamed = {"provides": {"db": Provide("db", as_name="replica")}}
    layout = laid(provider(), provider("db2", job=renamed), consumer(Consume("db", source="replica")))
    assert link(layout)["instance_group"] == "db2"
    assert link(layout)["group_name"] == "replica-database"


def test_a_link_named_without_from_wants_its_own_name() -> None:
    renamed = {"provides": {"db": Provide("db", as_name="replica")}}
    layout = laid(provider(), provider("db2", job=renamed), consumer(Consume("db", ip_addresses=True)))
    assert link(layout)["instance_group"] == "db"


def test_a_provider_set_to_nil_offers_nothing() -> None:
    hidden = {"provides": {"db": Provide("db", blocked=True)}}
    assert link(laid(provider(), provider("db2", job=hidden), consumer()))["instance_group"] == "db"


def test_a_link_written_by_hand_is_taken_as_it_is() -> None:
    manual = {"instances": [{"address": "db.example.com"}], "properties": {"port": 1}}
    layout = laid(consumer(Consume("db", manual=manual)))
    assert layout.links[0]["content"] == {
        "instances": [{"address": "db.example.com"}],
        "properties": {"port": 1},
        "address": None,
        "deployment_name": "shop",
    }
    assert layout.links[0]["provider"] is None


def test_a_custom_provider_offers_what_the_spec_does_not_declare() -> None:
    plain = b.job_spec("plain", properties={"port": 1})
    group = b.group("plain", jobs=[b.job(plain, custom_providers=(CustomProvider("mine", "database", ("port",)),))])
    content = link(laid(group, consumer()))
    assert (content["instance_group"], content["properties"]) == ("plain", {"port": 1})


def test_named_disks_are_providers() -> None:
    spec = b.job_spec("web", consumes=[LinkSpec("db", "disk")])
    group = b.group(
        "web",
        jobs=[b.job(spec, [Consume("db", source="data")])],
        persistent_disks=(b.disk(10, "data"), b.disk(10, "log")),
    )
    layout = laid(group)
    assert layout.links[0]["content"] == {
        "deployment_name": "shop",
        "properties": {"name": "data"},
        "networks": [],
        "instances": [],
    }


# --- other deployments ----------------------------------------------------------------------------------------------------------------


def elsewhere() -> tuple[SharedProvider, ...]:
    there = laid(provider(job={"provides": {"db": Provide("db", as_name="main", shared=True)}}), deployment="data")
    return tuple(one for one in there.providers if one.shared)


def test_a_shared_link_of_another_deployment() -> None:
    content = link(laid(consumer(Consume("db", source="main", deployment="data")), shared=elsewhere()))
    assert (content["deployment_name"], content["instances"][0]["address"]) == ("data", "10.0.0.2")


def test_another_deployments_link_may_be_asked_for_by_name() -> None:
    content = link(
        laid(consumer(Consume("db", source="main", deployment="data", ip_addresses=False)), shared=elsewhere())
    )
    assert content["instances"][0]["address"].endswith(".db.default.data.bosh")


def test_providers_are_remembered_with_both_kinds_of_addresses() -> None:
    layout = laid(provider(), consumer())
    (one,) = layout.providers
    assert (one.name, one.shared, one.original_name, one.job) == ("db", False, "db", "postgres")
    (instance,) = one.content["instances"]
    assert instance["addresses"] == {"default": "10.0.0.2"}
    assert instance["dns_addresses"] == {"default": f"{layout.instances[0].id}.db.default.shop.bosh"}
    assert remembered([], shared_only=True) == ()


# --- what is refused ------------------------------------------------------------------------------------------------------------------

TWICE = b.job_spec("web", consumes=[LinkSpec("db", "database"), LinkSpec("queue", "queue")])


@pytest.mark.parametrize(
    ("groups", "texts"),
    [
        pytest.param([consumer()], ["from job 'web' in instance group 'web'. Details below:", "No link providers found", "add a job that provides type 'database'"], id="nobody provides it"),
        pytest.param([provider(), consumer(Consume("db", source="main"))], ["with alias 'main' and type 'database'", "'from' must be one of 'db'"], id="nobody goes under that name"),
        pytest.param([provider(), provider("db2"), consumer()], ["Multiple link providers found:", "in instance group 'db2'", "as: db-db"], id="two go under the same name"),
        pytest.param([provider(), provider("db2", job={"provides": {"db": Provide("db", as_name="x")}}), consumer()], ["with alias 'x' from job 'postgres'", "consumes: {db: {from: db}}"], id="two go under different names"),
        pytest.param([consumer(Consume("db", blocked=True))], ["the link is not optional"], id="a link that is needed cannot be blocked"),
        pytest.param([consumer(Consume("db"), spec=MAYBE)], ["No link providers found"], id="an optional link that is named must be there"),
        pytest.param([consumer(Consume("db", source="db", deployment="data"))], ["deployment 'data' shares nothing"], id="another deployment shares nothing"),
        pytest.param([consumer(spec=TWICE), consumer(name="two")], ["link 'queue'", "instance group 'two'"], id="all faults are told at once"),
    ],
)  # fmt: skip
def test_unresolved(groups, texts: list[str]) -> None:
    with pytest.raises(DeploymentInvalidLink) as caught:
        laid(*groups)
    assert caught.value.code == 190016
    assert str(caught.value).startswith("Failed to resolve links from deployment 'shop'. See errors below:\n  - ")
    for text in texts:
        assert text in str(caught.value)


def test_a_disk_has_no_networks() -> None:
    spec = b.job_spec("web", consumes=[LinkSpec("db", "disk")])
    group = b.group(
        "web", jobs=[b.job(spec, [Consume("db", source="data", network="x")])], persistent_disks=(b.disk(10, "data"),)
    )
    with pytest.raises(
        DeploymentInvalidLink, match="Disk link provider 'data' from instance group 'web' does not contain any networks"
    ):
        laid(group)


@pytest.mark.parametrize(
    ("custom", "text"),
    [
        pytest.param(CustomProvider("db", "x"), "is already defined in release 'web'", id="a name the spec has"),
        pytest.param(
            CustomProvider("new", "x", ("nope",)),
            "Link property nope in template postgres is not defined",
            id="an unknown property",
        ),
    ],
)
def test_misdescribed_providers(custom: CustomProvider, text: str) -> None:
    with pytest.raises(
        DeploymentInvalidLink, match="Unable to process links for deployment. Errors are:\n  - .*" + text
    ):
        laid(provider(job={"custom_providers": (custom,)}))


# --- certificates ---------------------------------------------------------------------------------------------------------------------

ADDRESS = b.job_spec("api", provides=[LinkSpec("api", "address")])


def certificate(**consumes) -> Variable:
    return Variable("/bosh/shop/cert", "certificate", consumes=consumes)


@pytest.mark.parametrize(
    ("consumes", "features", "expected"),
    [
        pytest.param({"alternative_name": {"from": "api"}}, Features(), {"alternative_name": "q-s0.api.default.shop.bosh"}, id="a group's name"),
        pytest.param({"common_name": {"from": "api", "properties": {"wildcard": True}}}, Features(), {"common_name": "*.api.default.shop.bosh"}, id="all names below it"),
        pytest.param({"alternative_name": {"from": "api"}}, Features(use_short_dns_addresses=True), {"alternative_name": "q-n1s0.q-g1.bosh"}, id="short"),
    ],
)  # fmt: skip
def test_names_of_certificates(consumes, features: Features, expected) -> None:
    layout = laid(b.group("api", jobs=[b.job(ADDRESS)]), variables=(certificate(**consumes),), features=features)
    assert layout.variable_names == {"/bosh/shop/cert": expected}


def test_a_certificate_for_a_link_nobody_provides() -> None:
    with pytest.raises(
        DeploymentInvalidLink,
        match=r"type 'address' from variable '/bosh/shop/cert'\. Details below:\n    - No link providers found",
    ):
        laid(b.group("api"), variables=(certificate(alternative_name={"from": "api"}),))


def test_two_consumers_of_one_link_see_the_same_content() -> None:
    layout = laid(provider(), consumer(), consumer(name="api"))
    assert link(layout, "web") == link(layout, "api")
