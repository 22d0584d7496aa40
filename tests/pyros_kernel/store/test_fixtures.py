"""Fixtures: what is dumped comes back the same, and a bad file changes nothing."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from pyros_kernel.settings import ROOT
from pyros_kernel.store import (
    AgentLog,
    Device,
    FixtureError,
    Plan,
    Request,
    Sequence,
    SequenceStatus,
    Site,
    Store,
    Strategy,
    User,
    dump,
    load,
    load_missing,
)

INITIAL = ROOT / "fixtures" / "initial_fixture.json"
SITE = {"name": "A", "latitude_deg": 1, "longitude_deg": 2, "elevation_m": 3}


def _site(pk: int = 1, **fields: Any) -> dict[str, Any]:
    return {"model": "common.site", "pk": pk, "fields": SITE | fields}


def _device(pk: int, site: int = 1, **fields: Any) -> dict[str, Any]:
    return {"model": "common.device", "pk": pk, "fields": {"name": f"d{pk}", "site": site} | fields}


def test_the_initial_fixture_comes_back_the_same(empty: Store, tmp_path: Path) -> None:
    load(empty, INITIAL)
    first = dump(empty, ["common", "auth.User"], indent=4)
    path = tmp_path / "copy.json"
    path.write_text(first, encoding="utf-8")
    load(empty, path)
    assert dump(empty, ["common", "auth.User"], indent=4) == first
    assert json.loads(first) == json.loads(INITIAL.read_text(encoding="utf-8"))


def test_a_filled_database_gets_the_fixtures_fields_back(store: Store) -> None:
    before = dump(store, [])
    with store.session() as session:
        session.scalars(select(Site)).one().elevation_m = 1.0
        session.scalars(select(Device).where(Device.name == "dome")).one().settings = {"wrecked": True}
        session.delete(session.scalars(select(Strategy).where(Strategy.is_default)).one())
        session.add(User(username="guest"))
    load(store, INITIAL)
    with store.session() as session:
        guest = session.scalars(select(User).where(User.username == "guest")).one()
        session.delete(guest)  # what the fixture doesn't know was left alone
    assert dump(store, []) == before


def test_fields_left_out_go_back_to_their_defaults(empty: Store) -> None:
    load(empty, json.dumps([_site(min_altitude_deg=35, code="X")]))
    load(empty, json.dumps([_site()]))
    with empty.session(read_only=True) as session:
        site = session.scalars(select(Site)).one()
    assert (site.min_altitude_deg, site.code, site.timezone) == (20.0, "", "UTC")


def test_selectors_choose_groups_and_single_models(store: Store) -> None:
    with store.session() as session:
        session.add(AgentLog(time=datetime.now(UTC), agent="a", level="INFO", message="m"))

    def labels(*selectors: str) -> set[str]:
        return {item["model"] for item in json.loads(dump(store, selectors))}

    assert labels("auth.User") == labels("AUTH.user") == labels("auth") == {"auth.user"}
    assert labels("history") == {"history.agentlog"}
    assert labels("common.Site", "auth.User") == {"common.site", "auth.user"}
    assert "auth.user" not in labels("common")
    assert labels() == labels("common", "auth", "history")


def test_dump_is_in_order_of_dependence_then_key(store: Store) -> None:
    seen: set[tuple[str, int]] = set()
    for item in json.loads(dump(store, [])):
        for field, model in (("site", "site"), ("device", "device"), ("investigator", "user")):
            if item["fields"].get(field) is not None:
                assert (model, item["fields"][field]) in seen
        seen.add((item["model"].split(".")[1], item["pk"]))
    keys = [item["pk"] for item in json.loads(dump(store, ["common.filter"]))]
    assert keys == sorted(keys) and len(keys) == 7


def test_indent_and_unknown_selector(store: Store) -> None:
    assert '\n    {\n        "model"' in dump(store, ["auth"], indent=4)
    assert dump(store, ["auth"]).count("\n") == 1
    with pytest.raises(FixtureError, match=r"'commun'.*common.*common\.site"):
        dump(store, ["commun"])


def test_a_value_json_cannot_hold_is_named(empty: Store) -> None:
    load(empty, json.dumps([_site(7)]))
    with empty.session() as session:
        session.get_one(Site, 7).elevation_m = float("inf")
    with pytest.raises(FixtureError, match=r"common\.site 7: elevation_m .*not finite"):
        dump(empty, [])


def test_any_order_forward_and_self_references(empty: Store) -> None:
    objects = [_device(3, parent=1), _device(1, parent=2), _device(2, parent=3), _device(4, parent=4), _site()]
    assert load(empty, json.dumps(objects)) == 5
    with empty.session(read_only=True) as session:
        parents = {d.id: d.parent_id for d in session.scalars(select(Device))}
    assert parents == {1: 2, 2: 3, 3: 1, 4: 4}
    load(empty, json.dumps([_device(1), _device(4, parent=1)]))  # and they can be changed, and cleared
    with empty.session(read_only=True) as session:
        parents = {d.id: d.parent_id for d in session.scalars(select(Device))}
    assert parents == {1: None, 2: 3, 3: 1, 4: 1}


def test_a_reference_may_point_into_the_store(empty: Store) -> None:
    load(empty, json.dumps([_site()]))
    load(empty, json.dumps([_device(1)]))
    load(empty, json.dumps([_device(2, parent=1)]))
    with empty.session(read_only=True) as session:
        assert session.get_one(Device, 2).parent_id == 1


def test_objects_may_swap_unique_names(empty: Store) -> None:
    load(empty, json.dumps([_site(1, name="A"), _site(2, name="B")]))
    load(empty, json.dumps([_site(1, name="B"), _site(2, name="A")]))
    with empty.session(read_only=True) as session:
        assert {s.id: s.name for s in session.scalars(select(Site))} == {1: "B", 2: "A"}


def test_new_objects_are_numbered_after_the_loaded_ones(empty: Store) -> None:
    load(empty, json.dumps([_site(41, name="B"), _site(7)]))
    load(empty, json.dumps([_site(7)]))
    with empty.session() as session:
        new = Site(name="C", latitude_deg=0.0, longitude_deg=0.0, elevation_m=0.0)
        session.add(new)
        session.flush()
        assert new.id == 42


def test_statuses_are_loaded_as_they_stand(store: Store) -> None:
    objects: list[dict[str, Any]] = [
        {"model": "common.request", "pk": 1, "fields": {"name": "r", "user": 3, "programme": 2, "status": "draft"}},
        {
            "model": "common.sequence",
            "pk": 1,
            "fields": {
                "name": "s", "target": "M31", "ra_deg": 10.7, "dec_deg": 41.3, "request": 1, "status": "executed"
            },
        },
    ]  # fmt: skip
    load(store, json.dumps(objects))
    with store.session(read_only=True) as session:
        assert session.get_one(Sequence, 1).status is SequenceStatus.EXECUTED
    objects[1]["fields"]["status"] = "observable"  # back to where it may not go by itself
    load(store, json.dumps(objects))
    with store.session(read_only=True) as session:
        assert session.get_one(Sequence, 1).status is SequenceStatus.OBSERVABLE


BAD = {
    "not JSON": ("[{", "not JSON"),
    "no list": ('{"model": "common.site"}', "a fixture is a list"),
    "nothing": ("[1]", "object 0: must be an object"),
    "unknown key": ('[{"model": "common.site", "pk": 1, "fields": {}, "note": 1}]', "object 0: note: unknown"),
    "no model": ('[{"pk": 1, "fields": {}}]', "object 0: model: None is unknown"),
    "unknown model": ('[{"model": "common.moon", "pk": 1, "fields": {}}]', "'common.moon' is unknown; known are"),
    "no pk": ('[{"model": "common.site", "fields": {}}]', r"common.site None\): pk: must be a whole number"),
    "text pk": ('[{"model": "common.site", "pk": "1", "fields": {}}]', "pk: must be a whole number"),
    "zero pk": ('[{"model": "common.site", "pk": 0, "fields": {}}]', "pk: must be 1 or more"),
    "huge pk": ('[{"model": "common.site", "pk": 2147483648, "fields": {}}]', "pk: must be a whole number up to"),
    "no fields": ('[{"model": "common.site", "pk": 1}]', "fields: must be an object"),
    "unknown field": ([_site(colour="red")], "common.site 1.: colour: unknown field; known are name, code"),
    "column name": ([_site(), _device(1, site_id=1)], "common.device 1.: site_id: unknown field"),
    "missing field": ('[{"model": "common.site", "pk": 1, "fields": {"name": "A"}}]', "latitude_deg: is missing"),
    "null": ([_site(name=None)], "name: may not be null"),
    "number for text": ([_site(name=5)], "name: must be a text"),
    "text for number": ([_site(latitude_deg="31")], "latitude_deg: must be a number, not '31'"),
    "bool for number": ([_site(latitude_deg=True)], "latitude_deg: must be a number"),
    "not finite": ('[{"model": "common.site", "pk": 1, "fields": {"latitude_deg": NaN}}]', "NaN is not a number"),
    "overflow": ('[{"model": "common.site", "pk": 1, "fields": {"name": "A", "latitude_deg": 1e999}}]', "finite"),
    "number for bool": ([_site(), _device(1, enabled=1)], "enabled: must be true or false"),
    "bad word": ([_site(), _device(1, kind="teapot")], "kind: must be one of telescope, camera_vis"),
    "unhashable word": ([_site(), _device(1, kind=[])], "kind: must be one of"),
    "list for object": ([_site(), _device(1, settings=[])], "settings: must be an object"),
    "too long": ([_site(name="x" * 65)], "name: must be at most 64 characters long, not 65"),
    "NUL": ([_site(name="a\0b")], "name: must not hold a NUL"),
    "half a character": ('[{"model": "common.site", "pk": 1, "fields": {"name": "\\ud800"}}]', "valid Unicode"),
    "given twice": ('[{"model": "common.site", "model": "common.site"}]', "'model' is given twice"),
    "same key": ([_site(), _site()], "object 1 .common.site 1.: pk: already used by object 0"),
    "same name": ([_site(1), _site(2)], "object 1 .common.site 2.: clashes with another object"),
    "dangling": ([_site(), _device(1, site=9)], "object 1 .common.device 1.: site: refers to common.site 9"),
    "dangling self": ([_site(), _device(1, parent=99)], "parent: refers to common.device 99"),
    "text reference": ([_site(), _device(1, site="A")], "site: must be a whole number"),
    "time without zone": (
        [{"model": "history.agentlog", "pk": 1, "fields": {"time": "2022-09-30T01:00:00"}}],
        "time: must be a time with its zone",
    ),
    "no time": ([{"model": "history.agentlog", "pk": 1, "fields": {"time": "noon"}}], "time: must be a time such as"),
    "deep": ("[" * 100_000, "not"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_bad_fixture_is_refused_and_changes_nothing(name: str, store: Store, tmp_path: Path) -> None:
    content, why = BAD[name]
    text = content if isinstance(content, str) else json.dumps([_site(11, name="good"), *content])
    why = why if isinstance(content, str) else why.replace("object 1", "object 2").replace("object 0", "object 1")
    path = tmp_path / "bad.json"
    path.write_text(text, encoding="utf-8")
    before = dump(store, [])
    with pytest.raises(FixtureError, match=why) as caught:
        load(store, path)
    assert str(caught.value).startswith(str(path))
    assert dump(store, []) == before


def test_a_clash_in_postgresql_is_refused_too(empty: Store) -> None:
    with pytest.raises(FixtureError, match="clashes with another object"):
        load(empty, json.dumps([_site(1), _site(2)]))
    assert json.loads(dump(empty, [])) == []


def test_a_clash_with_an_object_of_the_store_is_refused(store: Store) -> None:
    before = dump(store, [])
    clash = {"model": "auth.user", "pk": 77, "fields": {"username": "admin"}}
    with pytest.raises(FixtureError, match=r"auth\.user 77\): clashes"):
        load(store, json.dumps([clash]))
    assert dump(store, []) == before


def test_a_missing_or_binary_file_is_named(store: Store, tmp_path: Path) -> None:
    with pytest.raises(FixtureError, match=r"nowhere\.json: can't be read"):
        load(store, tmp_path / "nowhere.json")
    (tmp_path / "image.fits").write_bytes(b"\xff\xfe\xfd")
    with pytest.raises(FixtureError, match=r"image\.fits: not UTF-8"):
        load(store, tmp_path / "image.fits")


def test_the_night_loads_on_top_of_the_initial_fixture(store: Store) -> None:
    night = ROOT / "fixtures" / "night_2022-09-29.json"
    load(store, night)
    once = dump(store, [])
    load(store, night)
    assert dump(store, []) == once
    with store.session(read_only=True) as session:
        requests = session.scalars(select(Request)).all()
        filters = {f"{a.channel}:{p.filter}" for r in requests for s in r.sequences for a in s.albums for p in a.plans}
        asked_s = [
            max(sum(p.exposure_time_s * p.number_of_images for p in a.plans) for a in s.albums)
            for r in requests
            for s in r.sequences
        ]
        programmes = {r.programme.name for r in requests}
    assert len(requests) == 46
    assert len(programmes) == 3
    assert filters <= {"VIS:g", "VIS:r", "VIS:i", "VIS:z", "VIS:y", "NIR:J", "NIR:H"}
    assert 1.3 < sum(s for s in asked_s if s < 3600) / (565 * 60) < 1.6  # dark from 02:49 to 12:14 UTC


def test_what_is_missing_is_added_and_what_is_there_stays(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    night = json.loads((ROOT / "fixtures" / "night_2022-09-29.json").read_text(encoding="utf-8"))
    plans = [o for o in night if o["model"] == "common.plan"]
    assert load_missing(store, json.dumps([o for o in night if o not in plans[-3:]])) == len(night) - 3
    with store.session() as session:
        dropped = session.scalars(select(Sequence)).first()
        assert dropped is not None
        dropped.become(SequenceStatus.CANCELLED, "no longer wanted")
        dropped_id = dropped.id
    assert load_missing(store, json.dumps(night)) == 3
    assert load_missing(store, json.dumps(night)) == 0
    with store.session(read_only=True) as session:
        assert session.get_one(Sequence, dropped_id).status == SequenceStatus.CANCELLED
        assert len(session.scalars(select(Plan)).all()) == len(plans)
    assert not caplog.records


def test_a_fixture_does_not_take_the_place_of_another_object(store: Store) -> None:
    before = dump(store, [])
    with pytest.raises(FixtureError, match=r"object 1 \(common.site 1\).*another one of that primary key.*loaddata"):
        load_missing(store, json.dumps([_device(99), _site(name="B")]))
    assert dump(store, []) == before


def test_another_setting_of_a_device_is_kept_and_told(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    fixture = json.loads(INITIAL.read_text(encoding="utf-8"))
    dome = next(o for o in fixture if o["fields"].get("name") == "dome")
    dome["fields"]["address"] = "pyros://192.0.2.1:1/DOME"
    before = dump(store, [])
    assert load_missing(store, json.dumps(fixture)) == 0
    assert dump(store, []) == before
    (told,) = [r.getMessage() for r in caplog.records]
    assert f"(common.device {dome['pk']}): the store keeps another address" in told
    assert "loaddata" in told
