-- Ways to read the ledger: what auditors look by. Lists stay quick at a million entries. Run as bw_ledger.

CREATE INDEX entry_request ON ledger.entry (request) WHERE request <> '';
CREATE INDEX entry_at ON ledger.entry USING brin (at);

-- The months the entries lie in, each with its end, and about how many entries it holds.
CREATE VIEW audit.partition AS
    SELECT c.relname::text AS name, c.reltuples::bigint AS entries,
           substring(pg_get_expr(c.relpartbound, c.oid) FROM 'TO \(''([^'']+)''\)')::timestamptz AS until
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'ledger.entry'::regclass;
GRANT SELECT ON audit.partition TO app, sealer, reader, bw_owner, migrator;
