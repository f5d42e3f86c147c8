"""Every table of a region's database that holds tenants' rows, the vectors apart."""

from .answering import answer
from .database import CREDENTIAL
from .looking import Answer, Question
from .rows import counted


class Postgres:
    """Counts rows in one snapshot, in every table that the catalogue lists."""

    name = "postgres"

    def look(self, question: Question) -> Answer:
        query = "every table with a tenant column, from the catalogue"
        return answer(
            self.name, CREDENTIAL, query, lambda: counted(question, self.name, lambda table: not table.is_vectors)
        )
