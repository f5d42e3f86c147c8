"""The series of moves, by exactly their names."""

from datetime import timedelta

from lifecycle.migration.metrics import MigrationCollector
from lifecycle.migration.models import Migration, Passage
from portal.lib.clock import now

from .made import bank, migration


def test_the_series_of_moves(shipped: None) -> None:
    one = migration(bank(), "initial_sync")
    at = now()
    Migration.objects.filter(pk=one.pk).update(rows_total=200, rows_copied=50, started_at=at, switched_at=at)
    Migration.objects.filter(pk=one.pk).update(switched_at=at + timedelta(seconds=90))
    Passage.objects.create(migration=one, old="paused", new="rolled_back", actor="system:test")
    Passage.objects.create(migration=one, old="initiated", new="rolled_back", actor="system:test")
    found = {sample.name: sample for family in MigrationCollector().collect() for sample in family.samples}
    assert found["migration_duration_seconds_sum"].value == 90
    assert found["migration_current_step"].labels == {"migration": str(one), "step": "initial_sync"}
    assert found["migration_percentage_complete"].value == 25
    assert found["rollback_triggered_total"].value == 1, "one that had not begun was not taken back"
