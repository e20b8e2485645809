"""A crawl of the source's list: each page compared with what is stored, and only what differs is written."""

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from chalicelib.core import log
from chalicelib.core.deadline import Deadline
from chalicelib.core.ids import timestamp
from chalicelib.external import ExternalServiceError, Reason
from chalicelib.jobs.sync import sync_records
from chalicelib.jobs.sync.customer import Customer, Rejected, parse_record, reject_duplicate
from chalicelib.jobs.sync.lanes import OutOfTimeError
from chalicelib.jobs.sync.models import Crawl, Kind, Tally
from chalicelib.jobs.sync.source import CursorRefusedError, Page, Source

# Makes writes, and gives the places of those that were refused, as their rows had changed since they were read.
MakeWrites = Callable[[list[dict[str, Any]]], list[int]]

# After so many pages without a new record, the list goes in a circle or never ends.
_STALE_PAGES = 10
# A crawl takes no more: no honest list is so long.
MOST_RECORDS = 2_000_000
# Batches of keys that are looked up at the same time.
_READERS = 4

# More vanished customers than this, and than half of the active ones, are taken for a fault of the source.
_FEW = 20
_ARCHIVED_AT_ONCE = 400


class UnbelievableListError(ExternalServiceError):
    """The source's list cannot be right. `message` says why; it names no host."""

    def __init__(self, cause: str, reason: Reason = Reason.SERVER_ERROR) -> None:
        super().__init__(cause, reason)
        self.message = cause


class EndlessListError(UnbelievableListError):
    """The source's list goes in a circle or on for ever: continuing this crawl is of no use."""


class TooManyVanishedError(UnbelievableListError):
    """Most customers are missing at the source, which is more likely a fault of it; nothing was archived."""


@dataclass
class Crawler:
    """Does one run's part of a crawl. `crawl` is how far it is, whole pages only; `now` is when the run began."""

    source: Source
    crawl: Crawl
    tally: Tally
    deadline: Deadline
    make_writes: MakeWrites
    now: datetime

    def crawl_all(self) -> None:
        """Reads the list to its end, and then archives what is no longer on it.

        Raises:
            OutOfTimeError: the rest is for the next run.
            EndlessListError, TooManyVanishedError: the crawl is of no further use.
            ExternalServiceError: the source failed.
            LeaseLostError: another run has taken over.
        """
        if not self.crawl.is_complete:
            self._crawl_list()
        if self.crawl.kind is Kind.COMPREHENSIVE:
            self._archive_vanished()

    def _crawl_list(self) -> None:
        stale = 0
        with ThreadPoolExecutor(_READERS) as readers, closing(self._pages()) as pages:
            for page in pages:
                stale = 0 if self._take(page, readers) else stale + 1
                count = self.crawl.record_count + len(page.records)
                cursor = page.next_cursor
                self.crawl = replace(self.crawl, cursor=cursor, record_count=count, is_complete=cursor is None)
                if stale >= _STALE_PAGES and not self.crawl.is_complete:
                    raise EndlessListError(f"{_STALE_PAGES} pages running brought nothing new", Reason.JUNK)
                if count > MOST_RECORDS:
                    raise EndlessListError(f"the list has more than {MOST_RECORDS} records", Reason.JUNK)

    def _pages(self) -> Generator[Page]:
        """Page after page, each asked for while the one before is dealt with."""
        since = self.crawl.since
        with ThreadPoolExecutor(1) as ahead:
            coming = ahead.submit(log.keep_context(self._first_page))
            while True:
                page = self._in_time(coming)
                following = page.next_cursor
                if following is not None:
                    coming = ahead.submit(log.keep_context(self.source.page), following, since)
                yield page
                if following is None:
                    return

    def _in_time(self, coming: Future[Page]) -> Page:
        try:
            page = coming.result()
        except ExternalServiceError:
            if self.deadline.is_over:
                raise OutOfTimeError from None
            raise
        if self.deadline.is_over:
            raise OutOfTimeError
        return page

    def _first_page(self) -> Page:
        try:
            return self.source.page(self.crawl.cursor, self.crawl.since)
        except CursorRefusedError:
            # The cursor is of another day: start again.
            self.crawl = Crawl(self.crawl.kind, timestamp(self.now), self.crawl.since)
            return self.source.page(None, self.crawl.since)

    # -------------------------------------------------------------------- one page

    def _take(self, page: Page, readers: Executor) -> bool:
        """Writes what is new or changed in a page; whether it held any record that the crawl had not found."""
        good, bad = self._sort_records(page)
        stored = sync_records.read_rows(sync_records.CUSTOMERS, good, readers)
        aside = sync_records.read_rows(sync_records.REJECTED, bad, readers)
        changes = {
            one.id: change for one in good.values() if (change := sync_records.change_to(one, stored.get(one.id)))
        }
        writes = [sync_records.write_of(good[each], stored.get(each), self.now) for each in changes]
        rejections = [one for one in bad.values() if not sync_records.is_known_rejection(one, aside.get(one.id))]
        refused = self.make_writes([*writes, *(sync_records.rejection_write(one, self.now) for one in rejections)])
        contested = {list(changes)[place] for place in refused if place < len(changes)}
        self._count(page, changes, contested, len(good))
        is_new = [self.crawl.found.add(each) for each in {**good, **bad}]
        newest = max([self.crawl.newest or "", *(one.updated_at for one in good.values())])
        has_unnamed = self.crawl.has_unnamed or any(not one.is_named for one in bad.values())
        self.crawl = replace(self.crawl, newest=newest or None, has_unnamed=has_unnamed)
        return any(is_new)

    def _sort_records(self, page: Page) -> tuple[dict[str, Customer], dict[str, Rejected]]:
        """The page's customers by their ids, each in its newest form, and what is rejected."""
        good: dict[str, Customer] = {}
        bad: dict[str, Rejected] = {}
        for raw in page.records:
            read = parse_record(raw, self.now)
            if isinstance(read, Customer) and read.id in good:
                older, newer = sorted((good[read.id], read), key=lambda each: each.updated_at)
                good[read.id], read = newer, reject_duplicate(older)
            if isinstance(read, Rejected):
                bad[read.id] = read
                self.tally.count("rejected")
                self.tally.add_error(read.reason, read.id)
            else:
                good[read.id] = read
        return good, bad

    def _count(self, page: Page, changes: dict[str, str], contested: set[str], good: int) -> None:
        self.tally.count("recordCount", len(page.records))
        self.tally.count("unchanged", good - len(changes))
        for record_id, change in changes.items():
            if record_id in contested:
                self.tally.count("contested")
                self.tally.add_error("its row was changed while it was compared", record_id)
            else:
                self.tally.count_change(change, record_id)

    # ------------------------------------------------------------- what has vanished

    def _archive_vanished(self) -> None:
        """Archives the customers that the crawl did not find; counts them before it archives any."""
        if self.crawl.has_unnamed:
            self.tally.add_error("nothing was archived: records without an id may be those that are missing")
            return
        active = vanished = 0
        for _, is_missing in self._active():
            active += 1
            vanished += is_missing
        if vanished > max(_FEW, active / 2):
            raise TooManyVanishedError(f"{vanished} of {active} customers are missing, which is not believed")
        if vanished:
            self._archive()

    def _archive(self) -> None:
        waiting: list[dict[str, Any]] = []
        for item, is_missing in self._active():
            if is_missing:
                waiting.append(sync_records.archive_write(item, sync_records.VANISHED, self.now))
            if len(waiting) == _ARCHIVED_AT_ONCE:
                self._write_archived(waiting)
                waiting = []
        self._write_archived(waiting)

    def _write_archived(self, writes: list[dict[str, Any]]) -> None:
        refused = self.make_writes(writes)
        for place, write in enumerate(writes):
            if place not in refused:
                self.tally.count_change("archived", write["Update"]["Key"]["recordId"])

    def _active(self) -> Iterator[tuple[dict[str, Any], bool]]:
        """Each active customer, and whether it is missing: not found, and older than the crawl."""
        for number, item in enumerate(sync_records.read_active()):
            if number % 1000 == 0 and self.deadline.is_over:
                raise OutOfTimeError
            yield item, item["processedAt"] < self.crawl.began and item["recordId"] not in self.crawl.found
