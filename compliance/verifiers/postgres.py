"""Every table of a region's database that holds tenants' rows, the vectors apart."""

from collections.abc import Sequence
from functools import partial

from .answering import answers
from .database import CREDENTIAL
from .looking import Answer, Question, Together
from .rows import counted


class Postgres(Together):
    """Counts rows in one snapshot, in every table that the catalogue lists."""

    name = "postgres"

    def look_together(self, questions: Sequence[Question]) -> list[Answer]:
        query = "every table with a tenant column, from the catalogue"
        look = partial(counted, questions, self.name, lambda table: not table.is_vectors)
        return answers(self.name, CREDENTIAL, query, len(questions), look)
