"""GET /images with filters: pages against a plain list, and how many rows a request reads."""

import random
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core import clients, ids
from chalicelib.core.aws import tables
from chalicelib.core.aws.expressions import writable
from chalicelib.core.http.operations import Caller
from chalicelib.images import IMAGES, Image, Status, list_images
from chalicelib.images.models import Tombstone
from tests.breadth import examples
from tests.journeys.gateway import call
from tests.journeys.user import User

Row = dict[str, Any]
TAGS, NAMES, TITLES = ("sea", "sand", "sea sand"), ("IMG_1.jpg", "img_2.jpg", "Ärger.png"), ("A day", "a Dog", None)
FIRST_DAY = datetime(2026, 11, 1, tzinfo=UTC)


def image_id(moment: datetime, number: int) -> str:
    return ids.first_id("img", moment)[:-4] + f"{number:04}"


def row(user: User, number: int, moment: datetime, **more: Any) -> Row:
    """The row of an image that was created a moment after its id was made."""
    image = Image(
        user_id=user.id,
        image_id=image_id(moment, number),
        **{"file_name": "photo.jpg", "status": Status.COMPLETED, **more},
        file_type="image/jpeg",
        s3_key="k",
        created_at=ids.timestamp(moment + timedelta(milliseconds=1)),
    )
    return image.to_item()


def tombstone(user: User, number: int, moment: datetime) -> Row:
    return Tombstone(user_id=user.id, image_id=image_id(moment, number), ttl=2_000_000_000).to_item()


def write(rows: Sequence[Row]) -> None:
    for start in range(0, len(rows), 25):
        writes = [{"PutRequest": {"Item": writable(each)}} for each in rows[start : start + 25]]
        clients.client("dynamodb").batch_write_item(RequestItems={IMAGES.name: writes})


@pytest.fixture
def reads(function: pytest.MonkeyPatch) -> list[int]:
    """How many rows each query of this process reads from now on."""
    counted: list[int] = []
    events = clients.client("dynamodb").meta.events
    events.register("after-call.dynamodb.Query", lambda parsed, **_: counted.append(parsed["ScannedCount"]))
    return counted


def page(user: User, query: Mapping[str, Any]) -> dict[str, Any]:
    answer = call("GET /images", user.headers, query={name: str(value) for name, value in query.items()})
    assert answer.status == 200, answer.body
    return answer.body


def ids_of(items: Sequence[Mapping[str, Any]]) -> list[str]:
    return [each["imageId"] for each in items]


# --- against a list ------------------------------------------------------------------------


def varied_rows(user: User) -> list[Row]:
    """Sixty rows over five days, newest first, a fifth of them tombstones; some at the very ends of a day."""
    draw = random.Random(7)
    rows = []
    for number in range(60):
        within = timedelta(milliseconds=draw.choice((0, 86_399_999, draw.randrange(86_400_000))))
        moment = FIRST_DAY + timedelta(days=draw.randrange(5)) + within
        if draw.random() < 0.2:
            rows.append(tombstone(user, number, moment))
            continue
        described = {
            "status": draw.choice([Status.COMPLETED, Status.FAILED, Status.PENDING]),
            "file_name": draw.choice(NAMES),
            "tags": tuple(draw.sample(TAGS, draw.randrange(3))),
        }
        title = draw.choice(TITLES)
        in_lists = {} if title is None else {"title": title, "caselessTitle": title.casefold()}
        rows.append({**row(user, number, moment, **described), **in_lists})
    return sorted(rows, key=lambda each: str(each["imageId"]), reverse=True)


def satisfies(item: Row, query: Mapping[str, str]) -> bool:
    names = [str(item[field]).lower() for field in ("title", "fileName") if field in item]
    is_there: bool = item["status"] != Status.DELETED
    return is_there and all(
        (
            query.get("status", item["status"]) == item["status"],
            "tag" not in query or query["tag"].lower() in item.get("tags", ()),
            "name" not in query or any(name.startswith(query["name"].lower()) for name in names),
            query.get("from", "") <= item["createdAt"][:10] <= query.get("to", "~"),
        )
    )


def may_be_read(item: Row, query: Mapping[str, Any]) -> bool:
    """Whether the id's time lies in the days that the query names, or less than a minute before."""
    lowest = ids.first_id("img", datetime.fromisoformat(query.get("from", "2000-01-01")) - timedelta(minutes=1))
    highest = ids.first_id("img", datetime.fromisoformat(query.get("to", "2100-01-01")) + timedelta(days=1))
    return lowest <= str(item["imageId"]) <= highest


def pages(caller: Caller, query: dict[str, Any]) -> Iterator[dict[str, Any]]:
    while True:
        answer = list_images(caller, query)
        yield answer
        if answer["nextCursor"] is None:
            return
        query = {**query, "cursor": answer["nextCursor"]}


DAYS = st.integers(-1, 5).map(lambda days: (FIRST_DAY + timedelta(days=days)).date().isoformat())
FILTERS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"limit": st.integers(2, 9)},
    optional={
        "status": st.sampled_from(["COMPLETED", "FAILED", "PENDING", "UPLOADED"]),
        "tag": st.sampled_from(["sea", "SAND", "sea sand", "se", "none"]),
        "name": st.sampled_from(["img", "IMG_2", "a", "ä", "A D", "g"]),
        "from": DAYS,
        "to": DAYS,
    },
)


def test_pages_are_those_of_a_plain_list(ann: User, reads: list[int], function: pytest.MonkeyPatch) -> None:
    rows, caller = varied_rows(ann), Caller(ann.id, ann.email)
    write(rows)

    @examples(100)
    @given(
        FILTERS.filter(lambda query: query.get("from", "") <= query.get("to", "~")),
        st.none() | st.sampled_from([each["imageId"] for each in rows]),
        st.integers(1, 40),
    )
    def check(query: dict[str, Any], after: str | None, most_read: int) -> None:
        # A cursor of a list without filters, as former versions gave it, is one of every list.
        begin = query if after is None else {**query, "cursor": ids.to_cursor(after)}
        function.setattr(tables, "MOST_READ", most_read)
        expected = [each["imageId"] for each in rows if satisfies(each, query) and each["imageId"] < (after or "~")]
        readable = sum(may_be_read(each, query) for each in rows)
        found = []
        reads.clear()
        for answer in pages(caller, begin):
            read, is_full = sum(reads), len(answer["items"]) == query["limit"]
            assert read <= min(readable, max(most_read, query["limit"] + 1))
            assert is_full or answer["nextCursor"] is None or read >= most_read
            found += ids_of(answer["items"])
            reads.clear()
        assert found == expected

    check()


# --- the bound of reads --------------------------------------------------------------------


def test_a_filter_reads_a_thousand_rows_and_hands_on_a_cursor(ann: User, reads: list[int]) -> None:
    user = User.new(ann.url)
    moments = [FIRST_DAY + timedelta(seconds=number) for number in range(1_020)]
    wanted = row(user, 0, moments[0], tags=("rare",), status=Status.FAILED, file_name="Rare.jpg")
    others = [(tombstone if number % 2 else row)(user, number, moments[number]) for number in range(1, 1_020)]
    write([wanted, *others])
    for query in ({"status": "FAILED"}, {"tag": "rare", "name": "rare", "from": "2026-11-01"}):
        reads.clear()
        first = page(user, query)
        assert (first["items"], sum(reads)) == ([], 1_000)
        assert len(reads) <= 5
        reads.clear()
        second = page(user, {**query, "cursor": first["nextCursor"]})
        assert (ids_of(second["items"]), second["nextCursor"]) == ([wanted["imageId"]], None)
        assert sum(reads) == 20
    reads.clear()
    assert page(user, {"tag": "rare", "from": "2026-11-02"}) == {"success": True, "items": [], "nextCursor": None}
    assert sum(reads) == 0, "what is outside of the days is not read"


def test_rows_of_more_than_a_megabyte_are_one_page(ann: User, reads: list[int]) -> None:
    user = User.new(ann.url)
    moments = [FIRST_DAY + timedelta(seconds=number) for number in range(30)]
    large = [row(user, number, moments[number], placeholder="x" * 60_000) for number in range(30)]
    large[0]["tags"] = ["oldest"]
    write(large)
    assert ids_of(page(user, {"tag": "oldest"})["items"]) == [large[0]["imageId"]]
    assert sum(reads) == 30


# --- what the filters mean -----------------------------------------------------------------


def test_case_does_not_count_in_names_and_tags(ann: User) -> None:
    user = User.new(ann.url)
    image = user.announce(b"", name="Straße 1.jpg")["imageId"]
    said = {"title": "  ÉTÉ à la mer", "tags": ["Été"]}
    assert user.request("PATCH", f"/images/{image}", json=said).status_code == 200
    for found in ({"name": "STRASSE"}, {"name": "straße 1.JPG"}, {"name": "e\u0301t"}, {"tag": "ÉTÉ"}):
        assert ids_of(user.get("/images", **found).json()["items"]) == [image], found
    for missed in ({"name": "ete"}, {"name": "à la mer"}, {"tag": "ét"}):
        assert user.get("/images", **missed).json()["items"] == [], missed
    assert user.request("PATCH", f"/images/{image}", json={"title": None}).status_code == 200
    assert user.get("/images", name="été").json()["items"] == []


@pytest.mark.usefixtures("function")
def test_rows_of_the_former_version_and_imported_ones_are_found(ann: User) -> None:
    user = User.new(ann.url)
    former = row(user, 1, FIRST_DAY, file_name="Old.jpg")
    del former["caselessName"]
    imported = {**row(user, 2, FIRST_DAY, file_name="Old too.jpg"), "imageId": "scan_0001"}
    write([former, imported])
    named = [imported["imageId"], former["imageId"]]
    assert ids_of(page(user, {"name": "Old"})["items"]) == named
    assert ids_of(page(user, {"name": "old"})["items"]) == named[:1], "the former version stored no other case"
    assert ids_of(page(user, {"from": "2026-11-01", "to": "2026-11-01"})["items"]) == [former["imageId"]]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"from": "2026-11-02", "to": "2026-11-01"}, "to"),
        ({"from": "2026-02-30"}, "from"),
        ({"to": "yesterday"}, "to"),
        ({"tag": " "}, "tag"),
        ({"name": ""}, "name"),
        ({"status": "DELETED"}, "status"),
    ],
)
@pytest.mark.usefixtures("function")
def test_a_filter_that_does_not_fit_is_named(ann: User, query: dict[str, str], field: str) -> None:
    answer = call("GET /images", ann.headers, query=query)
    assert (answer.status, [each["field"] for each in answer.body["error"]["details"]]) == (400, [field])


@pytest.mark.usefixtures("function")
def test_the_first_and_the_last_day_of_the_calendar_are_days(ann: User) -> None:
    whole = page(ann, {"limit": 100})
    assert page(ann, {"limit": 100, "from": "0001-01-01", "to": "9999-12-31"}) == whole


def test_agents_have_the_same_filters(ann: User) -> None:
    user = User.new(ann.url)
    image = user.announce(b"")["imageId"]
    today = datetime.now(UTC).date().isoformat()
    for query, found in (({"from": today}, [image]), ({"tag": "none"}, [])):
        answer = user.post("/agent/list_images", data=query)
        assert answer.status_code == 200, answer.text
        assert ids_of(answer.json()["items"]) == found
