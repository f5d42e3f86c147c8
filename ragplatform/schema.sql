-- The data plane of one region. Applied by a superuser; safe to apply again at any time.
--
-- What it guarantees:
--   * every row of schema rag belongs to one tenant, and row security, enabled and forced, shows a role only the
--     tenant that bw.tenant_role gives it; partitions are no exception;
--   * a login that has not taken a tenant's role (SET LOCAL ROLE) sees and changes nothing;
--   * the login that erases sees and deletes one tenant's rows, while the erasure it names is unfinished here and no
--     later job has taken over, and otherwise none;
--   * control tables (schema bw) belong to bw_guard and are out of reach for tenant roles;
--   * no sequences and no ON DELETE/UPDATE actions: keys are (tenant_id, uuid), so a tenant can be moved row by row
--     and an action never runs with the owner's rights.
-- guard.sql follows it: who may write a tenant's rows here, and the capture of what changes while it moves.

-- ---------------------------------------------------------------------------------------------------------- roles
-- Login roles are created without a password: whoever runs the region sets one.
DO $roles$
DECLARE
    wanted record;
BEGIN
    FOR wanted IN
        SELECT * FROM (VALUES
            ('rag_owner',      'NOLOGIN'),               -- owns schema rag
            ('bw_guard',       'NOLOGIN'),               -- owns schema bw
            ('bw_counter',     'NOLOGIN'),               -- owns the counting function and nothing else
            ('rag_tenant',     'NOLOGIN'),               -- what every tenant role may do on rag tables
            ('bw_provisioner', 'LOGIN CREATEROLE'),      -- creates and removes tenants
            ('rag_platform',   'LOGIN NOINHERIT'),       -- the RAG platform: SET LOCAL ROLE to a tenant, nothing else
            ('bw_validator',   'LOGIN NOINHERIT'),       -- the validation suite, with the platform's rights
            ('bw_eraser',      'LOGIN NOINHERIT'),       -- erasure: the tenant of a job that is at work here, no other
            ('bw_keeper',      'LOGIN NOINHERIT'),       -- places and lifts legal holds, nothing else
            ('bw_observer',    'LOGIN')                  -- residue and drift sweeps: reads the catalogue and bw
        ) AS w(name, attributes)
    LOOP
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = wanted.name) THEN
            EXECUTE format('CREATE ROLE %I %s', wanted.name, wanted.attributes);
        END IF;
    END LOOP;
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO bw_provisioner, rag_platform, bw_validator, bw_observer, bw_eraser, '
                   'bw_keeper', current_database());
END
$roles$;

-- From PostgreSQL 16 a CREATEROLE user may grant only what it holds WITH ADMIN: it gets that by itself for the roles
-- it creates, and here for the group role.
GRANT rag_tenant TO bw_provisioner WITH ADMIN TRUE, INHERIT FALSE, SET FALSE;
-- DETACH PARTITION ... CONCURRENTLY cannot run inside a function, so the provisioner has the owner's rights itself: for
-- this and for maintenance, as guard.sql sees to. It cannot become the owner, as whom the functions below act.
GRANT rag_owner TO bw_provisioner WITH INHERIT TRUE, SET FALSE;

-- One idle writer must not hold back everyone else's horizon.
ALTER ROLE rag_platform SET idle_in_transaction_session_timeout = '5s';
ALTER ROLE rag_platform SET transaction_timeout = '5s';
ALTER ROLE bw_validator SET idle_in_transaction_session_timeout = '5s';
ALTER ROLE bw_validator SET transaction_timeout = '5s';
ALTER ROLE bw_eraser SET idle_in_transaction_session_timeout = '5s';
ALTER ROLE bw_eraser SET transaction_timeout = '10min';  -- a large tenant's ids are listed in one
-- Who asks whether a standby lags needs to see more of it than its own sessions.
GRANT pg_read_all_stats TO bw_guard;

-- -------------------------------------------------------------------------------------------------------- schemas
CREATE EXTENSION IF NOT EXISTS vector;
CREATE SCHEMA IF NOT EXISTS rag AUTHORIZATION rag_owner;
CREATE SCHEMA IF NOT EXISTS bw AUTHORIZATION bw_guard;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA rag TO rag_tenant, bw_provisioner, bw_observer, bw_counter, bw_eraser;
GRANT USAGE ON SCHEMA bw TO bw_provisioner, bw_observer, rag_owner, bw_counter, bw_eraser, bw_keeper;

-- ---------------------------------------------------------------------------------------------------- control: bw
SET ROLE bw_guard;

CREATE TABLE IF NOT EXISTS bw.tenant_role (
    role_name    name PRIMARY KEY,
    tenant_id    uuid NOT NULL UNIQUE,
    tenant_name  text
);

-- state, epoch, capture are written by the mover and the watchdog; suspended, status_version by suspend and
-- reactivate, set-if-greater. Nobody copies or resets the other's columns.
CREATE TABLE IF NOT EXISTS bw.fence (
    tenant_id       uuid PRIMARY KEY,
    state           text NOT NULL DEFAULT 'closed' CHECK (state IN ('open', 'fenced', 'closed')),
    epoch           bigint NOT NULL DEFAULT 1 CHECK (epoch >= 0),
    capture         boolean NOT NULL DEFAULT false,
    suspended       boolean NOT NULL DEFAULT false,
    status_version  bigint NOT NULL DEFAULT 0 CHECK (status_version >= 0)
);

-- A missing row counts as held.
CREATE TABLE IF NOT EXISTS bw.hold_fence (
    tenant_id     uuid PRIMARY KEY,
    state         text NOT NULL CHECK (state IN ('clear', 'held')),
    hold_version  bigint NOT NULL DEFAULT 0 CHECK (hold_version >= 0)
);

CREATE TABLE IF NOT EXISTS bw.job_epoch (
    tenant_id       uuid NOT NULL,
    resource_class  text NOT NULL CHECK (resource_class <> ''),
    epoch           bigint NOT NULL CHECK (epoch >= 0),
    PRIMARY KEY (tenant_id, resource_class)
);

CREATE TABLE IF NOT EXISTS bw.resource_tag (
    resource   text PRIMARY KEY CHECK (resource <> ''),
    tenant_id  uuid NOT NULL,
    tags       jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(tags) = 'object')
);
CREATE INDEX IF NOT EXISTS resource_tag_tenant ON bw.resource_tag (tenant_id);

-- The tenant of a role, NULL when it has none. EXECUTE stays with PUBLIC: the policies call it as the querying role.
-- Nobody else can, for want of USAGE on schema bw.
CREATE OR REPLACE FUNCTION bw.tenant_of(role name) RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT t.tenant_id FROM bw.tenant_role t WHERE t.role_name = role $$;

-- Writers hold this lock shared until they commit; who changes the fence takes it exclusively, and so waits them out.
CREATE OR REPLACE FUNCTION bw.fence_lock(p_tenant uuid) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT hashtextextended('bw.fence:' || p_tenant, 0) $$;

-- Set-if-greater: returns the epoch now in force, which is higher than the one given when a later job has been here.
CREATE OR REPLACE FUNCTION bw.raise_job_epoch(p_tenant uuid, p_class text, p_epoch bigint) RETURNS bigint
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO bw.job_epoch AS e (tenant_id, resource_class, epoch) VALUES (p_tenant, p_class, p_epoch)
    ON CONFLICT (tenant_id, resource_class) DO UPDATE SET epoch = greatest(e.epoch, excluded.epoch)
    RETURNING e.epoch
$$;
REVOKE EXECUTE ON FUNCTION bw.raise_job_epoch(uuid, text, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION bw.raise_job_epoch(uuid, text, bigint) TO bw_provisioner;

-- How far an erasure is in one system. `listed` is NULL until the list of ids is whole; `passed` is the last id that
-- was dealt with, and `done` how many of those are gone: they commit with the batch.
CREATE TABLE IF NOT EXISTS bw.erasure_progress (
    request_id   uuid NOT NULL,
    system       text NOT NULL CHECK (system <> ''),
    tenant_id    uuid NOT NULL,
    listed       bigint CHECK (listed >= 0),
    passed       bigint NOT NULL DEFAULT 0 CHECK (passed >= 0),
    done         bigint NOT NULL DEFAULT 0 CHECK (done >= 0 AND done <= passed),
    begun_at     timestamptz NOT NULL DEFAULT now(),
    finished_at  timestamptz,
    PRIMARY KEY (request_id, system)
);
CREATE INDEX IF NOT EXISTS erasure_progress_tenant ON bw.erasure_progress (tenant_id);

-- What is to go, written before anything does and kept until the certificate. Of a row also its table, and its key
-- without the tenant, in ISO text.
CREATE TABLE IF NOT EXISTS bw.erasure_item (
    request_id  uuid NOT NULL,
    system      text NOT NULL,
    seq         bigint NOT NULL CHECK (seq > 0),
    id          text NOT NULL,
    table_name  text,
    key         text[],
    PRIMARY KEY (request_id, system, seq)
);

-- While it stands, nothing of this person is written.
CREATE TABLE IF NOT EXISTS bw.subject_fence (
    tenant_id   uuid NOT NULL,
    user_id     uuid NOT NULL,
    request_id  uuid NOT NULL,
    placed_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, user_id)
);

-- Whose rows bw_eraser may see and delete: those of the erasure that the transaction names, while that is unfinished
-- and the job of which the transaction is has not been overtaken. Else NULL, which is nobody's.
CREATE OR REPLACE FUNCTION bw.erasing_tenant() RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT p.tenant_id FROM bw.erasure_progress p
    JOIN bw.job_epoch e ON e.tenant_id = p.tenant_id AND e.resource_class IN ('erasure', 'erasure:' || p.request_id)
    WHERE p.request_id = nullif(current_setting('bw.erasure', true), '')::uuid AND p.finished_at IS NULL
      AND e.epoch = nullif(current_setting('bw.erasure_epoch', true), '')::bigint
    LIMIT 1
$$;
REVOKE EXECUTE ON FUNCTION bw.erasing_tenant() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION bw.erasing_tenant() TO bw_eraser;

-- How many standbys have yet to replay up to here. One that only keeps the log replays nothing, and shows nothing.
CREATE OR REPLACE FUNCTION bw.standbys_behind(p_lsn pg_lsn) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$ SELECT count(*) FROM pg_stat_replication WHERE replay_lsn < p_lsn $$;
REVOKE EXECUTE ON FUNCTION bw.standbys_behind(pg_lsn) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION bw.standbys_behind(pg_lsn) TO bw_eraser;

-- The provisioner begins an erasure here. The eraser cannot: it goes on with what was begun.
GRANT SELECT ON bw.fence, bw.hold_fence, bw.job_epoch, bw.erasure_progress, bw.erasure_item TO bw_eraser;
GRANT UPDATE (listed, passed, done, finished_at) ON bw.erasure_progress TO bw_eraser;
GRANT INSERT, UPDATE (seq) ON bw.erasure_item TO bw_eraser;
-- FOR SHARE asks for the right to change something; the epoch itself is only raised by the function.
GRANT UPDATE (tenant_id) ON bw.job_epoch TO bw_eraser;

GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA bw TO bw_provisioner;
GRANT SELECT ON ALL TABLES IN SCHEMA bw TO bw_observer;

-- ------------------------------------------------------------------------------------------------ tenant data: rag
SET ROLE rag_owner;

CREATE TABLE IF NOT EXISTS rag.users (
    tenant_id      uuid NOT NULL,
    id             uuid NOT NULL,
    email          text NOT NULL CHECK (email <> ''),
    display_name   text NOT NULL DEFAULT '',
    object_prefix  text NOT NULL DEFAULT '',
    created_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, email)
);

CREATE TABLE IF NOT EXISTS rag.documents (
    tenant_id       uuid NOT NULL,
    id              uuid NOT NULL,
    title           text NOT NULL,
    source          text NOT NULL DEFAULT '',
    object_key      text NOT NULL DEFAULT '',
    content_sha256  text NOT NULL DEFAULT '',
    bytes           bigint NOT NULL DEFAULT 0 CHECK (bytes >= 0),
    media_type      text NOT NULL DEFAULT 'text/plain',
    owner_user_id   uuid,
    created_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, owner_user_id) REFERENCES rag.users (tenant_id, id)
);
CREATE INDEX IF NOT EXISTS documents_by_age ON rag.documents (tenant_id, created_at, id);
CREATE INDEX IF NOT EXISTS documents_by_owner ON rag.documents (tenant_id, owner_user_id);

CREATE TABLE IF NOT EXISTS rag.chunks (
    tenant_id    uuid NOT NULL,
    document_id  uuid NOT NULL,
    ordinal      integer NOT NULL CHECK (ordinal >= 0),
    body         text NOT NULL,
    PRIMARY KEY (tenant_id, document_id, ordinal),
    FOREIGN KEY (tenant_id, document_id) REFERENCES rag.documents (tenant_id, id)
);

-- No foreign key here: attaching a partition would then lock rag.chunks for every tenant. No default partition: a
-- vector of an unknown tenant has nowhere to go.
CREATE TABLE IF NOT EXISTS rag.chunk_vectors (
    tenant_id    uuid NOT NULL,
    document_id  uuid NOT NULL,
    ordinal      integer NOT NULL CHECK (ordinal >= 0),
    embedding    public.vector(256) NOT NULL,
    PRIMARY KEY (tenant_id, document_id, ordinal)
) PARTITION BY LIST (tenant_id);

CREATE TABLE IF NOT EXISTS rag.sessions (
    tenant_id     uuid NOT NULL,
    id            uuid NOT NULL,
    user_id       uuid NOT NULL,
    token_sha256  text NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    expires_at    timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, token_sha256),
    FOREIGN KEY (tenant_id, user_id) REFERENCES rag.users (tenant_id, id)
);
CREATE INDEX IF NOT EXISTS sessions_by_user ON rag.sessions (tenant_id, user_id);

CREATE TABLE IF NOT EXISTS rag.query_history (
    tenant_id   uuid NOT NULL,
    id          uuid NOT NULL,
    user_id     uuid,
    q           text NOT NULL,
    k           integer NOT NULL,
    hits        jsonb NOT NULL DEFAULT '[]',
    from_cache  boolean NOT NULL DEFAULT false,
    took_ms     double precision NOT NULL DEFAULT 0,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES rag.users (tenant_id, id)
);
CREATE INDEX IF NOT EXISTS query_history_by_age ON rag.query_history (tenant_id, created_at);
CREATE INDEX IF NOT EXISTS query_history_by_user ON rag.query_history (tenant_id, user_id);

-- Who may read a document: one row per user; a row without a user means everyone of the tenant. No row: nobody.
CREATE TABLE IF NOT EXISTS rag.access_controls (
    tenant_id    uuid NOT NULL,
    id           uuid NOT NULL,
    document_id  uuid NOT NULL,
    user_id      uuid,
    PRIMARY KEY (tenant_id, id),
    UNIQUE NULLS NOT DISTINCT (tenant_id, document_id, user_id),
    FOREIGN KEY (tenant_id, document_id) REFERENCES rag.documents (tenant_id, id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES rag.users (tenant_id, id)
);
CREATE INDEX IF NOT EXISTS access_controls_by_user ON rag.access_controls (tenant_id, user_id);

CREATE TABLE IF NOT EXISTS rag.api_keys (
    tenant_id   uuid NOT NULL,
    id          uuid NOT NULL,
    name        text NOT NULL,
    key_sha256  text NOT NULL,
    scopes      text[] NOT NULL DEFAULT '{}',
    created_at  timestamptz NOT NULL DEFAULT now(),
    revoked_at  timestamptz,
    issued_by   text NOT NULL DEFAULT '',
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, key_sha256)
);
ALTER TABLE rag.api_keys ADD COLUMN IF NOT EXISTS issued_by text NOT NULL DEFAULT '';

-- Deltas per day; slot spreads busy counters over several rows. A level (documents, bytes, users) is the sum of all.
CREATE TABLE IF NOT EXISTS rag.usage_counters (
    tenant_id  uuid NOT NULL,
    metric     text NOT NULL,
    day        date NOT NULL,
    slot       smallint NOT NULL DEFAULT 0,
    amount     bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant_id, metric, day, slot)
);

-- What the portal is told of a day's usage, in numbered differences: their sum is what it knows or will know.
CREATE TABLE IF NOT EXISTS rag.usage_reports (
    tenant_id  uuid NOT NULL,
    metric     text NOT NULL,
    day        date NOT NULL,
    number     integer NOT NULL,
    amount     numeric(26, 12) NOT NULL,
    taken_at   timestamptz,
    PRIMARY KEY (tenant_id, metric, day, number)
);
CREATE INDEX IF NOT EXISTS usage_reports_waiting ON rag.usage_reports (tenant_id) WHERE taken_at IS NULL;

-- What a tenant's teams may spend, in tokens. A transfer moves some from one to another: the sum stays as it was opened.
CREATE TABLE IF NOT EXISTS rag.budgets (
    tenant_id  uuid NOT NULL,
    id         uuid NOT NULL,
    name       text NOT NULL CHECK (name <> ''),
    opening    bigint NOT NULL CHECK (opening >= 0),
    tokens     bigint NOT NULL CHECK (tokens >= 0),
    PRIMARY KEY (tenant_id, id)
);
CREATE TABLE IF NOT EXISTS rag.budget_transfers (
    tenant_id  uuid NOT NULL,
    id         uuid NOT NULL,
    payer_id   uuid NOT NULL,
    payee_id   uuid NOT NULL,
    tokens     bigint NOT NULL CHECK (tokens >= 0),
    made_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, payer_id) REFERENCES rag.budgets (tenant_id, id),
    FOREIGN KEY (tenant_id, payee_id) REFERENCES rag.budgets (tenant_id, id)
);
CREATE INDEX IF NOT EXISTS budget_transfers_by_payer ON rag.budget_transfers (tenant_id, payer_id);
CREATE INDEX IF NOT EXISTS budget_transfers_by_payee ON rag.budget_transfers (tenant_id, payee_id);

-- Work in stores that have no part in the row's transaction: done after commit, the row leaves when it has settled.
CREATE TABLE IF NOT EXISTS rag.document_outbox (
    tenant_id    uuid NOT NULL,
    id           uuid NOT NULL,
    document_id  uuid NOT NULL,
    action       text NOT NULL CHECK (action IN ('upsert_vectors', 'delete_vectors', 'delete_object')),
    detail       jsonb NOT NULL DEFAULT '{}',
    attempts     integer NOT NULL DEFAULT 0,
    last_error   text NOT NULL DEFAULT '',
    created_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX IF NOT EXISTS document_outbox_by_document ON rag.document_outbox (tenant_id, document_id);

RESET ROLE;

-- --------------------------------------------------------------------------------------------------- row security
-- What is in force on each table of rag, read from the catalogue: the drift check's one look.
CREATE OR REPLACE VIEW bw.row_security AS
SELECT c.relname::text AS table_name,
       c.relispartition AS is_partition,
       c.relrowsecurity AS enabled,
       c.relforcerowsecurity AS forced,
       coalesce(jsonb_agg(jsonb_build_object(
           'name', p.polname, 'permissive', p.polpermissive, 'command', p.polcmd,
           'roles', (SELECT jsonb_agg(CASE WHEN r.role = 0 THEN 'public' ELSE pg_get_userbyid(r.role)::text END)
                     FROM unnest(p.polroles) AS r(role)),
           'using', pg_get_expr(p.polqual, p.polrelid),
           'check', pg_get_expr(p.polwithcheck, p.polrelid)) ORDER BY p.polname)
           FILTER (WHERE p.oid IS NOT NULL), '[]') AS policies
FROM pg_catalog.pg_class c
LEFT JOIN pg_catalog.pg_policy p ON p.polrelid = c.oid
WHERE c.relnamespace = 'rag'::regnamespace AND c.relkind IN ('r', 'p')
GROUP BY c.oid, c.relname;
ALTER VIEW bw.row_security OWNER TO bw_guard;
GRANT SELECT ON bw.row_security TO bw_provisioner, bw_observer;

-- Leaves the table with row security enabled and forced and exactly our three policies: tenant_isolation for everyone;
-- residue_count, by which bw_counter (nobody's login, owner of one counting function) may read; and erasure, by which
-- bw_eraser reaches the tenant of a running job. Touches nothing, and so takes no lock, when that is already so.
-- Returns whether it had to change something.
CREATE OR REPLACE FUNCTION bw.secure_table(p_table text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
AS $$
DECLARE
    isolation constant text := '(tenant_id = ( SELECT bw.tenant_of(CURRENT_USER) AS tenant_of))';
    erasure   constant text := '(tenant_id = ( SELECT bw.erasing_tenant() AS erasing_tenant))';
    secured   record;
    policy    record;
    extra     name;
BEGIN
    SELECT c.oid, c.relrowsecurity AND c.relforcerowsecurity AS forced INTO secured
    FROM pg_class c
    WHERE c.relnamespace = 'rag'::regnamespace AND c.relname = p_table AND c.relkind IN ('r', 'p');
    IF NOT FOUND THEN
        RAISE EXCEPTION 'rag.% is not a table', p_table USING ERRCODE = 'undefined_table';
    END IF;
    SELECT count(*) FILTER (WHERE polname = 'tenant_isolation' AND polpermissive AND polcmd = '*'
                                  AND polroles = '{0}' AND pg_get_expr(polqual, polrelid) = isolation
                                  AND pg_get_expr(polwithcheck, polrelid) = isolation) AS isolating,
           count(*) FILTER (WHERE polname = 'residue_count' AND polpermissive AND polcmd = 'r'
                                  AND polroles = ARRAY['bw_counter'::regrole::oid]
                                  AND pg_get_expr(polqual, polrelid) = 'true') AS counting,
           count(*) FILTER (WHERE polname = 'erasure' AND polpermissive AND polcmd = '*'
                                  AND polroles = ARRAY['bw_eraser'::regrole::oid]
                                  AND pg_get_expr(polqual, polrelid) = erasure
                                  AND pg_get_expr(polwithcheck, polrelid) = erasure) AS erasing,
           count(*) AS policies
    INTO policy FROM pg_policy WHERE polrelid = secured.oid;
    IF secured.forced AND policy.isolating + policy.counting + policy.erasing = 3 AND policy.policies = 3 THEN
        RETURN false;
    END IF;
    EXECUTE format('ALTER TABLE rag.%I ENABLE ROW LEVEL SECURITY', p_table);
    EXECUTE format('ALTER TABLE rag.%I FORCE ROW LEVEL SECURITY', p_table);
    FOR extra IN SELECT polname FROM pg_policy WHERE polrelid = secured.oid LOOP
        EXECUTE format('DROP POLICY %I ON rag.%I', extra, p_table);
    END LOOP;
    EXECUTE format('CREATE POLICY tenant_isolation ON rag.%I AS PERMISSIVE FOR ALL TO PUBLIC USING %s WITH CHECK %s',
                   p_table, isolation, isolation);
    EXECUTE format('CREATE POLICY residue_count ON rag.%I AS PERMISSIVE FOR SELECT TO bw_counter USING (true)',
                   p_table);
    EXECUTE format('CREATE POLICY erasure ON rag.%I AS PERMISSIVE FOR ALL TO bw_eraser USING %s WITH CHECK %s',
                   p_table, erasure, erasure);
    EXECUTE format('GRANT SELECT ON rag.%I TO bw_counter', p_table);
    -- A partition is reached through its parent only: the guard's triggers are there.
    IF p_table NOT LIKE 'chunk\_vectors\_%' THEN
        EXECUTE format('GRANT SELECT, DELETE ON rag.%I TO bw_eraser', p_table);
    END IF;
    RETURN true;
END
$$;
ALTER FUNCTION bw.secure_table(text) OWNER TO rag_owner;
REVOKE EXECUTE ON FUNCTION bw.secure_table(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION bw.secure_table(text) TO bw_provisioner;

SELECT bw.secure_table(relname::text) FROM pg_catalog.pg_class
WHERE relnamespace = 'rag'::regnamespace AND relkind IN ('r', 'p');

-- Partitions get no grant: they are reached through their parent only.
GRANT SELECT, INSERT, UPDATE, DELETE ON
    rag.users, rag.documents, rag.chunks, rag.chunk_vectors, rag.sessions, rag.query_history, rag.access_controls,
    rag.api_keys, rag.usage_counters, rag.usage_reports, rag.document_outbox,
    rag.budgets, rag.budget_transfers
TO rag_tenant;
-- What a person's erasure takes away is taken off the tenant's levels.
GRANT INSERT, UPDATE ON rag.usage_counters TO bw_eraser;

-- -------------------------------------------------------------------------------------------------------- counting
-- The rows each table of rag holds of a tenant, its role dead or alive. Catalogue-driven, standalone partitions
-- included; a table without tenant_id comes back with NULL rows: not counted is not zero.
CREATE OR REPLACE FUNCTION bw.tenant_row_counts(p_tenant uuid) RETURNS TABLE (table_name text, row_count bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    counted record;
BEGIN
    FOR counted IN
        SELECT c.relname::text AS name, EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid
                   AND a.attname = 'tenant_id' AND NOT a.attisdropped) AS has_tenant
        FROM pg_class c
        WHERE c.relnamespace = 'rag'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
        ORDER BY 1
    LOOP
        table_name := counted.name;
        row_count := NULL;
        IF counted.has_tenant THEN
            BEGIN
                EXECUTE format('SELECT count(*) FROM rag.%I WHERE tenant_id = $1', counted.name)
                INTO row_count USING p_tenant;
            EXCEPTION WHEN undefined_table THEN
                CONTINUE;  -- another tenant's detached partition, dropped since the catalogue was read
            END;
        END IF;
        RETURN NEXT;
    END LOOP;
END
$$;
ALTER FUNCTION bw.tenant_row_counts(uuid) OWNER TO bw_counter;
REVOKE EXECUTE ON FUNCTION bw.tenant_row_counts(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION bw.tenant_row_counts(uuid) TO bw_observer, bw_provisioner, rag_owner;

-- ----------------------------------------------------------------------------------------- the tenant's partition
CREATE OR REPLACE FUNCTION bw.partition_name(p_tenant uuid) RETURNS text
LANGUAGE sql IMMUTABLE STRICT
SET search_path = pg_catalog, pg_temp
AS $$ SELECT 'chunk_vectors_' || replace(p_tenant::text, '-', '') $$;

-- Creates the tenant's vector partition standalone and secured, then attaches it; returns its name. Resumes where a
-- killed attempt stopped. Waits at most 2 s for a lock (55P03: try again) and never blocks other tenants' reads.
CREATE OR REPLACE FUNCTION bw.create_vector_partition(p_tenant uuid) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
AS $$
DECLARE
    part constant text := bw.partition_name(p_tenant);
BEGIN
    IF to_regclass(format('rag.%I', part)) IS NULL THEN
        -- The CHECK spares ATTACH its scan.
        EXECUTE format('CREATE TABLE rag.%I (LIKE rag.chunk_vectors INCLUDING ALL, '
                       'CONSTRAINT tenant_only CHECK (tenant_id = %L))', part, p_tenant);
    END IF;
    PERFORM bw.secure_table(part);
    PERFORM bw.guard_partition(part);
    IF NOT (SELECT relispartition FROM pg_class WHERE oid = to_regclass(format('rag.%I', part))) THEN
        EXECUTE format('ALTER TABLE rag.chunk_vectors ATTACH PARTITION rag.%I FOR VALUES IN (%L)', part, p_tenant);
    END IF;
    RETURN part;
END
$$;

-- Drops the tenant's partition once it is detached (ALTER TABLE rag.chunk_vectors DETACH PARTITION ... CONCURRENTLY,
-- its own statement outside a transaction) and empty; true when it was there. Refuses while either is not so.
CREATE OR REPLACE FUNCTION bw.drop_vector_partition(p_tenant uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
AS $$
DECLARE
    part  constant text := bw.partition_name(p_tenant);
    held  bigint;
BEGIN
    IF to_regclass(format('rag.%I', part)) IS NULL THEN
        RETURN false;
    END IF;
    IF (SELECT relispartition FROM pg_class WHERE oid = to_regclass(format('rag.%I', part))) THEN
        RAISE EXCEPTION 'rag.% is still attached: detach it concurrently first', part
            USING ERRCODE = 'object_in_use';
    END IF;
    EXECUTE format('LOCK TABLE rag.%I IN ACCESS EXCLUSIVE MODE', part);
    SELECT row_count INTO held FROM bw.tenant_row_counts(p_tenant) WHERE table_name = part;
    IF held IS DISTINCT FROM 0 THEN
        RAISE EXCEPTION 'rag.% still holds % vectors of its tenant', part, held USING ERRCODE = 'object_in_use';
    END IF;
    EXECUTE format('DROP TABLE rag.%I', part);
    RETURN true;
END
$$;
ALTER FUNCTION bw.partition_name(uuid) OWNER TO rag_owner;
ALTER FUNCTION bw.create_vector_partition(uuid) OWNER TO rag_owner;
ALTER FUNCTION bw.drop_vector_partition(uuid) OWNER TO rag_owner;
REVOKE EXECUTE ON FUNCTION bw.create_vector_partition(uuid), bw.drop_vector_partition(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION bw.create_vector_partition(uuid), bw.drop_vector_partition(uuid) TO bw_provisioner;
