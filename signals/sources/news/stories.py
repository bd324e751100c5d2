"""The stories of the last days, to find the one that a headline belongs to without comparing it with all. Plain Python.

Every word keeps the stories it occurs in. A headline asks its rarest words first and stops after `PROBES` entries; a story
that shares most words is compared. Exact word sets and addresses are looked up at once. Memory is bounded by `most`.
"""

from collections import Counter, OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from signals.sources.news import titles
from signals.sources.news.titles import Title

PROBES = 4_000  # entries of word lists that one search looks at
COMPARED = 40  # stories that one search compares
OVERLAP = 0.6  # share of the shorter title's words that a candidate must have
ADDRESS_RATIO = (
    40  # titles at one address that are less alike are two stories: some feeds link everything to one page
)
MOST_TITLES = 8  # kept of one story


@dataclass(slots=True)
class Story:
    """One story: every different headline it was carried under, and when it was first told."""

    at: datetime
    titles: list[Title] = field(default_factory=list)
    addresses: set[str] = field(default_factory=set)
    shortest: int = 0  # words of its shortest headline


class Stories:
    """The stories of a span of time. `ratio` and `span` are the settings NEWS_SAME_STORY_RATIO and _HOURS."""

    def __init__(self, *, ratio: int, span: timedelta, most: int = 50_000) -> None:
        self.ratio, self.span, self.most = ratio, span, most
        self._stories: OrderedDict[int, Story] = OrderedDict()
        self._words: dict[str, set[int]] = {}
        self._exact: dict[tuple[object, ...], set[int]] = {}
        self._addresses: dict[str, set[int]] = {}

    def __len__(self) -> int:
        return len(self._stories)

    def __contains__(self, story_id: int) -> bool:
        return story_id in self._stories

    def add(self, story_id: int, title: Title, address: str, at: datetime) -> None:
        """Remember that this story was told under this headline and address; the oldest give way."""
        story = self._stories.get(story_id)
        if story is None:
            story = self._stories[story_id] = Story(at)
            while len(self._stories) > self.most:
                self.forget(next(iter(self._stories)))
        story.at = min(story.at, at)
        if address:
            story.addresses.add(address)
            self._addresses.setdefault(address, set()).add(story_id)
        if self._tells_more(story_id, story, title, at):
            story.titles.append(title)
            story.shortest = min(story.shortest or len(title.tokens), len(title.tokens))
            self._exact.setdefault(title.exact, set()).add(story_id)
            for word in title.tokens:
                self._words.setdefault(word, set()).add(story_id)

    def _tells_more(self, story_id: int, story: Story, title: Title, at: datetime) -> bool:
        """Whether others may be found by this headline: not one that an address alone brought here, nor one cut so short
        that it fits several stories.
        """
        if story.titles:
            return (
                len(story.titles) < MOST_TITLES
                and all(title.text != known.text for known in story.titles)
                and any(titles.same(title, known, self.ratio) for known in story.titles)
            )
        return not title.cut or sum(self._fits(one, title) for one in self._candidates(title, at)) < 2

    def forget(self, story_id: int) -> None:
        """Drop one story."""
        story = self._stories.pop(story_id, None)
        if story is None:
            return
        for title in story.titles:
            _drop(self._exact, title.exact, story_id)
            for word in title.tokens:
                _drop(self._words, word, story_id)
        for address in story.addresses:
            _drop(self._addresses, address, story_id)

    def forget_before(self, moment: datetime) -> None:
        """Drop what was told before then."""
        for story_id in [one for one, story in self._stories.items() if story.at < moment]:
            self.forget(story_id)

    def find(self, title: Title, address: str, at: datetime) -> int | None:
        """The story that this headline belongs to; None where there is none.

        A cut-off headline may fit several: then its last, perhaps halved word decides, or else the nearest in time.
        It would be worse to make a story of it that claims everything once more.
        """
        for story_id in self._at(address, title, at):
            return story_id
        exact = [
            one for one in self._exact.get(title.exact, ()) if self._near(one, at) and self._fits(one, title)
        ]
        if exact:
            return min(exact, key=lambda one: abs(self._stories[one].at - at))
        found = [one for one in self._candidates(title, at) if self._fits(one, title)]
        if len(found) > 1:
            told = [
                one
                for one in found
                if any(titles.goes_on(title, whole) for whole in self._stories[one].titles)
            ]
            found = told or found
        return min(found, key=lambda one: abs(self._stories[one].at - at), default=None)

    def _at(self, address: str, title: Title, at: datetime) -> list[int]:
        """Stories at this address whose headline is not wholly another."""
        return [
            one
            for one in self._addresses.get(address, ())
            if address
            and self._near(one, at)
            and any(titles.likeness(title, known) >= ADDRESS_RATIO for known in self._stories[one].titles)
        ]

    def _fits(self, story_id: int, title: Title) -> bool:
        """Like one of its headlines, and not contrary to any: a cut one fits much that a whole one does not."""
        known = self._stories[story_id].titles
        return any(titles.same(title, one, self.ratio) for one in known) and not any(
            titles.contrary(title, one) for one in known
        )

    def _near(self, story_id: int, at: datetime) -> bool:
        return abs(self._stories[story_id].at - at) <= self.span

    def _candidates(self, title: Title, at: datetime) -> list[int]:
        """Stories that share most words, the likeliest first."""
        lists = sorted(
            (self._words[word] for word in title.tokens if word in self._words), key=len
        )  # the rarest word first
        shared: Counter[int] = Counter()
        looked, asked = 0, 0
        for holders in lists:
            if looked and looked + len(holders) > PROBES:
                break
            shared.update(holders)
            looked += len(holders)
            asked += 1
        found: list[int] = []
        for story_id, count in shared.most_common(COMPARED):
            shortest = min(len(title.tokens), self._stories[story_id].shortest)
            # Words that were not asked may be shared, too
            if count + len(lists) - asked >= OVERLAP * shortest and self._near(story_id, at):
                found.append(story_id)
        return found


def _drop(table: dict, key: object, story_id: int) -> None:
    holders = table.get(key)
    if holders is not None:
        holders.discard(story_id)
        if not holders:
            del table[key]
