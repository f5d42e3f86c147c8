"""What a check collects while it looks: what held, what did not, what it could not see."""

from typing import Any

from lifecycle.provisioning.validation.result import Category, Outcome

SUMMARY_LENGTH = 500
KEPT = 60
ORDER: tuple[Category, ...] = ("security", "compliance", "performance")


class CouldNotRun(Exception):
    """The check cannot go on; nothing was found wrong and nothing was proved."""


class Findings:
    """The evidence of one check. A check that proves nothing has not passed."""

    def __init__(self, category: Category) -> None:
        self._category = category
        self._held: list[str] = []
        self._wrong: list[tuple[Category, str]] = []
        self._unseen: list[str] = []
        self._missed: list[str] = []
        self.measured: dict[str, Any] = {}
        self.headline = ""

    def held(self, what: str) -> None:
        """A refusal or a state that is as it should be."""
        self._held.append(what)

    def wrong(self, what: str, category: Category | None = None) -> None:
        """Something that must not be; `category` where it is not the check's own."""
        self._wrong.append((category or self._category, what))

    def unseen(self, what: str) -> None:
        """Something that could not be looked at: never a pass."""
        self._unseen.append(what)

    def missed(self, what: str) -> None:
        """A target missed, which is a warning."""
        self._missed.append(what)

    def expect(self, condition: bool, right: str, wrong: str, category: Category | None = None) -> None:
        """Note `right` where the condition holds, else `wrong`."""
        if condition:
            self.held(right)
        else:
            self.wrong(wrong, category)

    @property
    def outcome(self) -> Outcome:
        if self._wrong:
            return "fail"
        if self._unseen or not self._held:
            return "could_not_run"
        return "warn" if self._missed else "pass"

    @property
    def category(self) -> Category:
        """That of the worst thing found wrong, else the check's own."""
        found = {category for category, _ in self._wrong}
        return next((category for category in ORDER if category in found), self._category)

    @property
    def summary(self) -> str:
        said = [what for _, what in self._wrong] or self._unseen or self._missed
        if not said:
            return (self.headline or f"{len(self._held)} things tried, all as they should be")[:SUMMARY_LENGTH]
        more = f" (and {len(said) - 1} more)" if len(said) > 1 else ""
        return said[0][: SUMMARY_LENGTH - len(more)] + more

    @property
    def evidence(self) -> dict[str, Any]:
        """Lists are cut at KEPT entries and say how many there were."""
        lists = {
            "failed": [what for _, what in self._wrong],
            "not_seen": self._unseen,
            "missed": self._missed,
            "held": self._held,
        }
        told = {name: said[:KEPT] for name, said in lists.items() if said}
        counts = {name: len(said) for name, said in lists.items() if said}
        return {**self.measured, **told, "counts": counts}
