-- The control database and its roles, for psql as a superuser; safe to run again:
--     psql -f deploy/roles.sql postgres
-- then give `migrator`, `app`, `sealer`, `reader` and `verifier` their passwords (ALTER ROLE … LOGIN PASSWORD …).
-- bw_owner owns the schema and bw_ledger the ledger; neither can log in, and only migrations act as them.

SELECT format('CREATE ROLE %I %s', role, attributes) FROM (VALUES
    ('bw_owner', 'NOLOGIN'), ('bw_ledger', 'NOLOGIN'), ('migrator', ''), ('app', ''), ('sealer', ''), ('reader', ''),
    ('verifier', '')
) AS wanted (role, attributes) WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) \gexec

GRANT bw_owner, bw_ledger TO migrator;
-- to name who holds the seal up
GRANT pg_read_all_stats TO sealer;
-- who looks whether an erasure left a name in the portal reads everything and changes nothing
GRANT pg_read_all_data TO verifier;
ALTER ROLE verifier SET default_transaction_read_only = on;
-- one idle writer must not hold the seal up for long (transaction_timeout: PostgreSQL 17 and later)
ALTER ROLE app SET idle_in_transaction_session_timeout = '5s';
SELECT 'ALTER ROLE app SET transaction_timeout = ''5s''' WHERE current_setting('server_version_num')::int >= 170000 \gexec

SELECT 'CREATE DATABASE bailiwick OWNER bw_owner'
    WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'bailiwick') \gexec
REVOKE ALL ON DATABASE bailiwick FROM PUBLIC;
GRANT CONNECT ON DATABASE bailiwick TO migrator, app, sealer, reader, verifier;
ALTER ROLE migrator IN DATABASE bailiwick SET role = 'bw_owner';

\connect bailiwick
ALTER DEFAULT PRIVILEGES FOR ROLE migrator, bw_owner GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO app;
ALTER DEFAULT PRIVILEGES FOR ROLE migrator, bw_owner GRANT USAGE, SELECT ON SEQUENCES TO app;
ALTER DEFAULT PRIVILEGES FOR ROLE migrator, bw_owner GRANT USAGE ON SCHEMAS TO app, sealer, reader;
