"""From the operator's texts to a plan: what the manifest room says is what this room understands."""

from __future__ import annotations

from bosh.manifest.configs import ConfigText
from bosh.manifest.model import Catalog, Package, Release, StemcellImage
from bosh.manifest.parse import parse
from bosh.manifest.uploads import job_spec
from bosh.plan.check import check
from bosh.plan.decide import decide
from bosh.plan.layout import lay_out
from bosh.plan.model import Options
from bosh.testing import builders as b

CLOUD = """\
azs:
- {name: z1, cloud_properties: {zone: one}}
- {name: z2}
vm_types:
- {name: small, cloud_properties: {cpu: 1}}
vm_extensions:
- {name: wide, cloud_properties: {cpu: 4}}
disk_types:
- {name: big, disk_size: 10240, cloud_properties: {kind: ssd}}
networks:
- name: private
  subnets:
  - {range: 10.0.0.0/24, gateway: 10.0.0.1, azs: [z1, z2], dns: [8.8.8.8], reserved: [10.0.0.2-10.0.0.9], static: [10.0.0.20-10.0.0.30]}
- name: pods
  subnets:
  - {range: 10.1.0.0/24, gateway: 10.1.0.1, azs: [z1, z2], prefix: 28}
- {name: outside, type: vip}
compilation: {workers: 2, network: private, az: z1, vm_type: small}
"""

MANIFEST = """\
name: shop
releases: [{name: web, version: latest}]
stemcells: [{alias: default, os: ubuntu-noble, version: latest}]
update: {canaries: 1, max_in_flight: 50%, canary_watch_time: 1000-30000, update_watch_time: 5000}
features: {use_dns_addresses: true}
tags: {team: shop}
instance_groups:
- name: db
  instances: 1
  azs: [z2]
  vm_type: small
  vm_extensions: [wide]
  stemcell: default
  persistent_disk_type: big
  networks: [{name: private, static_ips: [10.0.0.20]}]
  jobs: [{name: postgres, release: web, provides: {db: {as: main}}}]
- name: web
  instances: 3
  azs: [z1, z2]
  vm_type: small
  stemcell: default
  networks:
  - {name: private, default: [dns, gateway]}
  - {name: pods}
  jobs: [{name: app, release: web, consumes: {db: {from: main}}, properties: {app: {port: 80}}}]
"""

POSTGRES = {
    "name": "postgres",
    "provides": [{"name": "db", "type": "database", "properties": ["port"]}],
    "properties": {"port": {"default": 5432}},
    "packages": ["pg"],
}
APP = {"name": "app", "consumes": [{"name": "db", "type": "database"}], "properties": {"app.port": {"default": 8080}}}


def catalog() -> Catalog:
    specs = [job_spec("web", "1", f"f-{one['name']}", "sha1", "blob", one) for one in (POSTGRES, APP)]
    packages = {"pg": Package("pg", "web", "1", "f-pg", "sha1", "blob")}
    release = Release("web", "1", {spec.name: spec for spec in specs}, packages)
    return Catalog((release,), (StemcellImage("bosh-fake-noble", "ubuntu-noble", "1.2", "cid"),))


def test_texts_become_a_sound_plan() -> None:
    known = catalog()
    desired = parse(MANIFEST, cloud_configs=[ConfigText("default", CLOUD)], catalog=known, director_name="bosh")
    world = b.nothing(catalog=known)
    layout = lay_out(desired, world, options=Options(), ids=b.CountingIds())
    plan = decide(desired, world, layout, b.rendered(layout), options=Options())
    assert check(plan, layout, world) == []
    db, *web = layout.instances
    assert (db.az, db.ip, db.cloud_properties, db.tags) == ("z2", "10.0.0.20", {"cpu": 4}, {"team": "shop"})
    assert [(disk.size_mb, disk.cloud_properties) for disk in db.disks] == [(10240, {"kind": "ssd"})]
    assert [[held.ip for held in one.reservations] for one in web] == [
        ["10.0.0.10", "10.1.0.16/28"],
        ["10.0.0.11", "10.1.0.32/28"],
        ["10.0.0.12", "10.1.0.48/28"],
    ]
    assert [one.cloud_properties for one in web] == [{"zone": "one", "cpu": 1}, {"cpu": 1}, {"zone": "one", "cpu": 1}]
    (app,) = web[0].jobs
    assert app.properties == {"app": {"port": 80}}
    assert app.links["db"]["properties"] == {"port": 5432}
    assert app.links["db"]["instances"][0]["address"] == f"{db.id}.db.private.shop.bosh"
    assert [step.package.name for step in plan.compilations] == ["pg"]
    after = b.carried_out(plan, layout, world)
    again = lay_out(desired, after, options=Options(), ids=b.CountingIds(50))
    assert decide(desired, after, again, b.rendered(again), options=Options()).empty
