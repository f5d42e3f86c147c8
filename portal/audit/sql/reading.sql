-- Ways to read the ledger: what auditors look by. Lists stay quick at a million entries. Run as bw_ledger.

CREATE INDEX entry_acts ON ledger.entry (id) WHERE op = 'A';
CREATE INDEX entry_actor ON ledger.entry (actor, id);
CREATE INDEX entry_request ON ledger.entry ((body::jsonb ->> 'request')) WHERE body::jsonb ->> 'request' <> '';
CREATE INDEX entry_at ON ledger.entry USING brin (at);

-- As before, with `xid` as it is stored, so that its index finds what a transaction did.
DROP VIEW audit.entry;
CREATE VIEW audit.entry AS
    SELECT id, at, op, verb, object_type, object_id, tenant_id, actor, xid, body,
           body::jsonb ->> 'via' AS via, body::jsonb ->> 'reason' AS reason, body::jsonb ->> 'request' AS request_id,
           coalesce(body::jsonb -> 'data', '{}') AS data, body::jsonb -> 'old' AS old, body::jsonb -> 'new' AS new
    FROM ledger.entry;
GRANT SELECT ON audit.entry TO app, sealer, reader, bw_owner, migrator;

-- The months the entries lie in, and about how many each holds.
CREATE VIEW audit.partition AS
    SELECT c.relname::text AS name, pg_get_expr(c.relpartbound, c.oid) AS bound, c.reltuples::bigint AS entries
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'ledger.entry'::regclass;
GRANT SELECT ON audit.partition TO app, sealer, reader, bw_owner, migrator;
