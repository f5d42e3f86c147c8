-- The guard of one region: who may write a tenant's rows here, and which keys the mover has yet to carry on.
-- Applied by a superuser after schema.sql; safe to apply again at any time.
--
-- What it guarantees:
--   * a tenant's rows are written only where its fence is open, by a writer who was routed here by the epoch in force
--     (the transaction says it: set_config('bw.epoch', …, true)), and never its content while it is suspended;
--   * while the tenant is under a legal hold, nothing of its content is deleted or written over, by anybody but the
--     mover, who brings a copy to what its source is;
--   * while one of its people is being erased, nothing of that person is written;
--   * while capture is on, the keys of every changed row are in bw.dirty, committed with the change; or, where the fence
--     names a slot and its publication the table, in the server's own stream of changes, from which the mover brings
--     them there;
--   * both are switched by data (bw.fence). Creating a trigger would wait for every tenant's transactions, so the
--     triggers are always there; who changes the fence waits for the tenant's own writers only;
--   * no tenant's row disappears by TRUNCATE;
--   * tables are made, changed and dropped by the superuser alone; who provisions may take off the partition of a tenant
--     that is under no hold, and nothing else;
--   * a hold is placed and lifted by its own login alone.
-- Statement triggers with transition tables: a statement pays once, however many rows it changes, and the tenant is
-- read from the rows themselves, so that nobody's role or setting decides whose keys are kept.

DO $roles$
DECLARE
    wanted record;
BEGIN
    FOR wanted IN
        SELECT * FROM (VALUES
            ('bw_mover',    'LOGIN NOINHERIT BYPASSRLS'),  -- carries a tenant's rows from region to region
            ('bw_verifier', 'LOGIN NOINHERIT BYPASSRLS')   -- compares both sides; reads only
        ) AS w(name, attributes)
    LOOP
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = wanted.name) THEN
            EXECUTE format('CREATE ROLE %I %s', wanted.name, wanted.attributes);
        END IF;
    END LOOP;
    EXECUTE format('GRANT CONNECT, TEMPORARY ON DATABASE %I TO bw_mover', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO bw_verifier', current_database());
END
$roles$;
ALTER ROLE bw_verifier SET default_transaction_read_only = on;
-- A copy of a consistent snapshot satisfies its foreign keys as a whole, not row by row.
GRANT SET ON PARAMETER session_replication_role TO bw_mover;
-- Who reads a stream of changes needs REPLICATION, or what a hosted server has in its place. Where neither may be given,
-- moves capture by the triggers, and a plan for the other way says what is missing.
DO $stream$
BEGIN
    IF NOT (SELECT rolreplication FROM pg_roles WHERE rolname = 'bw_mover') THEN
        ALTER ROLE bw_mover REPLICATION;
    END IF;
EXCEPTION WHEN insufficient_privilege THEN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'rds_replication') THEN
        GRANT rds_replication TO bw_mover WITH INHERIT TRUE;
    END IF;
END
$stream$;
DO $grants$
BEGIN
    EXECUTE format('GRANT CREATE ON DATABASE %I TO rag_owner', current_database());  -- of publications
    IF to_regprocedure('pg_log_standby_snapshot()') IS NOT NULL THEN
        GRANT EXECUTE ON FUNCTION pg_log_standby_snapshot() TO bw_mover;  -- so that a stream is not read from far back
    END IF;
END
$grants$;
GRANT USAGE ON SCHEMA rag, bw TO bw_mover, bw_verifier;

-- --------------------------------------------------------------------------------------------------- control rows
SET ROLE bw_guard;

-- A tenant begins at epoch 1 of its first region. `generation` tells one unbroken time of capture from the next.
ALTER TABLE bw.fence ADD COLUMN IF NOT EXISTS generation bigint NOT NULL DEFAULT 0;
ALTER TABLE bw.fence ADD COLUMN IF NOT EXISTS changed_at timestamptz NOT NULL DEFAULT now();
ALTER TABLE bw.fence ALTER COLUMN epoch SET DEFAULT 1;
UPDATE bw.fence SET epoch = 1 WHERE epoch = 0;
-- The slot that captures in place of the triggers, and where in its stream the tenant's own writes begin; NULL: the
-- triggers do.
ALTER TABLE bw.fence ADD COLUMN IF NOT EXISTS slot name;
ALTER TABLE bw.fence ADD COLUMN IF NOT EXISTS slot_since pg_lsn;

-- Keys whose rows changed while capture was on. `key` is the row's key without the tenant, in ISO text. Under the name
-- `objects` the mover keeps those of objects that their silent store could not hand over with their rows.
CREATE TABLE IF NOT EXISTS bw.dirty (
    tenant_id   uuid NOT NULL,
    seq         bigint GENERATED ALWAYS AS IDENTITY,
    table_name  text NOT NULL,
    key         text[] NOT NULL,
    PRIMARY KEY (tenant_id, seq)
);
-- Of a key that came from a stream: the transaction that changed it. Its line goes when a round has shown that one.
ALTER TABLE bw.dirty ADD COLUMN IF NOT EXISTS xid xid8;

-- The mover's ledger, in the store it writes to: a chunk's row commits with the chunk.
CREATE TABLE IF NOT EXISTS bw.move_chunk (
    move_id     uuid NOT NULL,
    tenant_id   uuid NOT NULL,
    generation  bigint NOT NULL,
    number      integer NOT NULL,
    table_name  text NOT NULL,
    after_key   text[],
    upto_key    text[] NOT NULL,
    planned     bigint NOT NULL,
    rows        bigint,
    bytes       bigint,
    copied_at   timestamptz,
    PRIMARY KEY (move_id, number)
);
CREATE TABLE IF NOT EXISTS bw.move_round (
    move_id     uuid NOT NULL,
    tenant_id   uuid NOT NULL,
    number      integer NOT NULL,
    source      text NOT NULL,
    snapshot    text NOT NULL,
    upserted    bigint NOT NULL,
    deleted     bigint NOT NULL,
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (move_id, number)
);

GRANT SELECT ON bw.fence, bw.hold_fence, bw.job_epoch, bw.dirty, bw.move_chunk, bw.move_round TO bw_mover, bw_verifier;
GRANT SELECT ON bw.row_security TO bw_mover, bw_verifier;
GRANT SELECT ON bw.erasure_progress, bw.erasure_item, bw.subject_fence TO bw_verifier;
GRANT INSERT, DELETE ON bw.dirty TO bw_mover;
GRANT INSERT, DELETE, UPDATE ON bw.move_chunk, bw.move_round TO bw_mover;
-- suspended and status_version are others' to write.
GRANT UPDATE (state, epoch, capture, generation, changed_at, slot, slot_since) ON bw.fence TO bw_mover;
-- FOR SHARE asks for the right to change something; the epoch itself is only raised by the function.
GRANT UPDATE (tenant_id) ON bw.job_epoch TO bw_mover;
GRANT EXECUTE ON FUNCTION bw.raise_job_epoch(uuid, text, bigint), bw.fence_lock(uuid) TO bw_mover, bw_provisioner;
GRANT SELECT ON bw.dirty, bw.move_chunk, bw.move_round TO bw_observer;

-- Places or lifts the hold of a tenant if this version is newer than the store's; returns the version in force. Every
-- statement that was let through before has ended when this returns: the lock waits for them.
CREATE OR REPLACE FUNCTION bw.set_hold(p_tenant uuid, p_state text, p_version bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found  bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(bw.fence_lock(p_tenant));
    INSERT INTO bw.hold_fence AS h (tenant_id, state, hold_version) VALUES (p_tenant, p_state, p_version)
    ON CONFLICT (tenant_id) DO UPDATE SET state = excluded.state, hold_version = excluded.hold_version
    WHERE h.hold_version < excluded.hold_version;
    SELECT hold_version INTO found FROM bw.hold_fence WHERE tenant_id = p_tenant;
    RETURN found;
END
$$;
REVOKE EXECUTE ON FUNCTION bw.set_hold(uuid, text, bigint) FROM PUBLIC, bw_provisioner;
GRANT EXECUTE ON FUNCTION bw.set_hold(uuid, text, bigint) TO bw_keeper;

-- A hold is lifted by its function alone, and its row goes only with a tenant that is under none.
CREATE OR REPLACE FUNCTION bw.keep_hold() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF current_user <> 'bw_guard' AND OLD.state <> 'clear' THEN
        RAISE EXCEPTION 'the tenant is under a legal hold' USING ERRCODE = '55BWH';
    END IF;
    RETURN coalesce(NEW, OLD);
END
$$;
DO $once$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = 'bw.hold_fence'::regclass AND tgname = 'keep_hold') THEN
        CREATE TRIGGER keep_hold BEFORE UPDATE OR DELETE ON bw.hold_fence
            FOR EACH ROW EXECUTE FUNCTION bw.keep_hold();
    END IF;
END
$once$;

-- Attempts that a hold refused. What is refused rolls back and keeps nothing, so there are two: the platform notes what
-- it met, in a transaction of its own, and a sequence, which no rollback takes back, counts every refusal. Who has met
-- it without a note, as raw SQL does, is in the server's log alone.
CREATE SEQUENCE IF NOT EXISTS bw.refusals;
CREATE SEQUENCE IF NOT EXISTS bw.refusals_noted;
CREATE TABLE IF NOT EXISTS bw.refused_attempt (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id     uuid NOT NULL,
    verb          text NOT NULL,
    actor         text NOT NULL,
    hold_version  bigint NOT NULL,
    times         bigint NOT NULL DEFAULT 1,
    at            timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_at       timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE UNIQUE INDEX IF NOT EXISTS refused_by_a_process ON bw.refused_attempt (tenant_id, verb, actor, hold_version)
    WHERE actor LIKE 'system:%';
CREATE INDEX IF NOT EXISTS refused_lately ON bw.refused_attempt (last_at);
GRANT SELECT ON bw.refusals, bw.refusals_noted TO bw_provisioner;
GRANT SELECT, DELETE ON bw.refused_attempt TO bw_provisioner;

-- Counts what was refused of all tenants' tables at once, if any of them is held here: whoever may reach this schema
-- may count, and has nothing of it but a number that says too much.
CREATE OR REPLACE FUNCTION bw.count_refusal() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF EXISTS (SELECT FROM bw.hold_fence WHERE state <> 'clear') THEN
        PERFORM nextval('bw.refusals');
    END IF;
END
$$;

-- Raises 55BWH where the tenant's content must be kept; a store without a word on it is held.
CREATE OR REPLACE FUNCTION bw.require_no_hold(p_tenant uuid) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    hold  text;
BEGIN
    IF current_setting('transaction_isolation') = 'read committed' THEN
        SELECT state INTO hold FROM bw.hold_fence WHERE tenant_id = p_tenant;
    ELSE
        SELECT state INTO hold FROM bw.hold_fence WHERE tenant_id = p_tenant FOR SHARE;
    END IF;
    IF hold IS DISTINCT FROM 'clear' THEN
        PERFORM nextval('bw.refusals');
        RAISE EXCEPTION 'the tenant''s content is retained under law: nothing of it is deleted or written over'
            USING ERRCODE = '55BWH';
    END IF;
END
$$;
REVOKE EXECUTE ON FUNCTION bw.require_no_hold(uuid) FROM PUBLIC;

-- Whether a slot tells what changes in a table, or in the one that it is a partition of: not of those that were made
-- since its publication was. A slot's publication has its name, and stays as it is for as long as a fence names it.
CREATE OR REPLACE FUNCTION bw.is_told(p_slot name, p_table oid) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (SELECT FROM pg_publication p JOIN pg_publication_rel r ON r.prpubid = p.oid
                   WHERE p.pubname = p_slot AND r.prrelid = coalesce(pg_partition_root(p_table), p_table))
$$;
REVOKE EXECUTE ON FUNCTION bw.is_told(name, oid) FROM PUBLIC;

-- Whether the tenant's keys in this table are to be kept, for a writer who may write; raises 55BWS, 55BWF or 55BWH for
-- one who may not. The answer holds until the transaction ends: a change of the fence waits for it, and a snapshot older
-- than the fence is an error. What ends or accounts for earlier use (`content` false) stays possible under suspension.
-- Removal by the provisioner checks its job epoch itself, and is captured like any other change; the validator, whose
-- writes do not last, comes without an epoch.
CREATE OR REPLACE FUNCTION bw.admit(p_tenant uuid, p_content boolean, p_destroys boolean, p_table oid) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    fence  bw.fence;
    said   constant text := nullif(current_setting('bw.epoch', true), '');
BEGIN
    PERFORM pg_advisory_xact_lock_shared(bw.fence_lock(p_tenant));
    IF current_setting('transaction_isolation') = 'read committed' THEN
        SELECT * INTO fence FROM bw.fence WHERE tenant_id = p_tenant;
    ELSE
        SELECT * INTO fence FROM bw.fence WHERE tenant_id = p_tenant FOR SHARE;
    END IF;
    IF p_destroys THEN
        PERFORM bw.require_no_hold(p_tenant);
    END IF;
    IF session_user IN ('bw_provisioner', 'bw_eraser') THEN
        RETURN coalesce(fence.capture, false) AND (fence.slot IS NULL OR NOT bw.is_told(fence.slot, p_table));
    ELSIF p_content AND fence.suspended THEN
        RAISE EXCEPTION 'the tenant is suspended: nothing of it is written' USING ERRCODE = '55BWS';
    ELSIF fence.state IS DISTINCT FROM 'open' THEN
        RAISE EXCEPTION 'the tenant is not written here: its fence is %', coalesce(fence.state, 'missing')
            USING ERRCODE = '55BWF', DETAIL = format('state=%s epoch=%s', fence.state, fence.epoch);
    ELSIF said IS NOT NULL OR session_user <> 'bw_validator' THEN
        IF said IS DISTINCT FROM fence.epoch::text THEN
            RAISE EXCEPTION 'the tenant is at routing epoch %, the writer at %', fence.epoch, coalesce(said, 'none')
                USING ERRCODE = '55BWF', DETAIL = format('state=%s epoch=%s', fence.state, fence.epoch);
        END IF;
    END IF;
    RETURN fence.capture AND (fence.slot IS NULL OR NOT bw.is_told(fence.slot, p_table));
END
$$;
REVOKE EXECUTE ON FUNCTION bw.admit(uuid, boolean, boolean, oid) FROM PUBLIC;

CREATE OR REPLACE FUNCTION bw.refuse_truncate() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM bw.count_refusal();
    RAISE EXCEPTION 'TRUNCATE takes every tenant''s rows and leaves no key: refused on %', TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END
$$;

-- The columns of a table's key after the tenant; NULL where the key does not begin with the tenant.
CREATE OR REPLACE FUNCTION bw.key_columns(p_table regclass) RETURNS text[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN names[1] = 'tenant_id' AND cardinality(names) > 1 THEN names[2:] END
    FROM (SELECT array_agg(a.attname::text ORDER BY k.position) AS names
          FROM pg_index i CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, position)
          JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
          WHERE i.indrelid = p_table AND i.indisprimary) AS found
$$;

-- The columns of a table that name a person: foreign keys to the users, and their own id.
CREATE OR REPLACE FUNCTION bw.person_columns(p_table regclass) RETURNS text[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(
        (SELECT array_agg(DISTINCT a.attname::text)
         FROM pg_constraint f JOIN pg_class u ON u.oid = f.confrelid
         JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = ANY (f.conkey)
         WHERE f.conrelid = p_table AND f.contype = 'f' AND u.relnamespace = 'rag'::regnamespace
           AND u.relname = 'users' AND a.attname <> 'tenant_id'),
        (SELECT ARRAY['id'] FROM pg_class
         WHERE oid = p_table AND relnamespace = 'rag'::regnamespace AND relname = 'users'),
        '{}')
$$;

-- What a guard asks of the rows in `p_rows` where a person may be named; the first question is all it costs while
-- nobody is being erased.
CREATE OR REPLACE FUNCTION bw.subject_guard(p_person text[], p_rows text) RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN cardinality(p_person) > 0 THEN format($code$
                    IF EXISTS (SELECT FROM bw.subject_fence WHERE tenant_id = tenant) THEN
                        IF EXISTS (SELECT FROM bw.subject_fence s JOIN %s r ON s.user_id IN (%s)
                                   WHERE s.tenant_id = tenant AND r.tenant_id = tenant) THEN
                            RAISE EXCEPTION 'this person is being erased: nothing of theirs is written'
                                USING ERRCODE = '55BWP';
                        END IF;
                    END IF;$code$, p_rows, (SELECT string_agg(format('r.%I', name), ', ') FROM unnest(p_person) AS name))
           ELSE '' END
$$;

-- Writes the guard of one table: its function is made of the table's key, of what a hold forbids there, and of the
-- columns that name a person.
DROP FUNCTION IF EXISTS bw.write_guard(text, text[]), bw.write_guard(text, text[], text[]);
CREATE OR REPLACE FUNCTION bw.write_guard(p_table text, p_key text[], p_kept text[], p_person text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    key    text;
    names  text;
BEGIN
    IF p_key IS NULL THEN
        RAISE EXCEPTION 'rag.% cannot be moved: its key does not begin with the tenant', p_table
            USING ERRCODE = 'invalid_table_definition';
    END IF;
    SELECT 'ARRAY[' || string_agg(format('%I::text', name), ', ') || ']', string_agg(quote_ident(name), ', ')
    INTO key, names FROM unnest(p_key) AS name;
    EXECUTE format($code$
        CREATE OR REPLACE FUNCTION bw.%1$I() RETURNS trigger
        LANGUAGE plpgsql SECURITY DEFINER
        SET search_path = pg_catalog, pg_temp SET datestyle = 'ISO'
        AS $guard$
        DECLARE
            content  constant boolean := TG_ARGV[0] = 'content';
            destroys constant boolean := TG_OP = ANY (%4$L::text[])
                OR TG_OP = 'DELETE' AND session_user IN ('bw_provisioner', 'bw_eraser');
            tenant   uuid;
        BEGIN
            IF TG_OP = 'INSERT' THEN
                FOR tenant IN SELECT DISTINCT tenant_id FROM new_rows LOOP
                    IF bw.admit(tenant, content, destroys, TG_RELID) THEN
                        INSERT INTO bw.dirty (tenant_id, table_name, key)
                            SELECT tenant, %2$L, %3$s FROM new_rows WHERE tenant_id = tenant;
                    END IF;%5$s
                END LOOP;
            ELSIF TG_OP = 'DELETE' THEN
                FOR tenant IN SELECT DISTINCT tenant_id FROM old_rows LOOP
                    IF bw.admit(tenant, content, destroys, TG_RELID) THEN
                        INSERT INTO bw.dirty (tenant_id, table_name, key)
                            SELECT tenant, %2$L, %3$s FROM old_rows WHERE tenant_id = tenant;
                    END IF;
                END LOOP;
            ELSE
                FOR tenant IN SELECT tenant_id FROM old_rows UNION SELECT tenant_id FROM new_rows LOOP
                    IF bw.admit(tenant, content, destroys, TG_RELID) THEN
                        INSERT INTO bw.dirty (tenant_id, table_name, key)
                            SELECT tenant, %2$L, %3$s FROM (SELECT %7$s FROM old_rows WHERE tenant_id = tenant
                            UNION SELECT %7$s FROM new_rows WHERE tenant_id = tenant) AS changed;
                    END IF;%6$s
                END LOOP;
            END IF;
            RETURN NULL;
        END
        $guard$ $code$, 'guard_' || p_table, p_table, key, p_kept, bw.subject_guard(p_person, 'new_rows'),
        bw.subject_guard(p_person, '(SELECT * FROM old_rows UNION ALL SELECT * FROM new_rows)'), names);
    EXECUTE format('GRANT EXECUTE ON FUNCTION bw.%I() TO rag_owner', 'guard_' || p_table);
END
$$;
REVOKE EXECUTE ON FUNCTION bw.write_guard(text, text[], text[], text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION bw.write_guard(text, text[], text[], text[]), bw.key_columns(regclass),
    bw.person_columns(regclass), bw.refuse_truncate() TO rag_owner;
RESET ROLE;

-- Puts a table under the guard, and takes away the older, weaker trigger. Existing triggers are left alone, which takes
-- no lock. `content` names the statements that a suspension forbids, `kept` those that a hold forbids.
DROP FUNCTION IF EXISTS bw.guard_table(text, text[]);
CREATE OR REPLACE FUNCTION bw.guard_table(p_table text, p_content text[], p_kept text[] DEFAULT '{}') RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
AS $$
DECLARE
    one  record;
BEGIN
    PERFORM bw.write_guard(p_table, bw.key_columns(format('rag.%I', p_table)::regclass), p_kept,
                           bw.person_columns(format('rag.%I', p_table)::regclass));
    IF EXISTS (SELECT FROM pg_trigger WHERE tgrelid = format('rag.%I', p_table)::regclass AND tgname = 'suspended') THEN
        EXECUTE format('DROP TRIGGER suspended ON rag.%I', p_table);
    END IF;
    FOR one IN
        SELECT * FROM (VALUES
            ('INSERT', 'NEW TABLE AS new_rows'),
            ('UPDATE', 'OLD TABLE AS old_rows NEW TABLE AS new_rows'),
            ('DELETE', 'OLD TABLE AS old_rows')
        ) AS e(event, transitions)
    LOOP
        CONTINUE WHEN EXISTS (SELECT FROM pg_trigger WHERE tgrelid = format('rag.%I', p_table)::regclass
                              AND tgname = 'guard_' || lower(one.event));
        EXECUTE format('CREATE TRIGGER %I AFTER %s ON rag.%I REFERENCING %s FOR EACH STATEMENT '
                       'WHEN (current_user <> ''bw_mover'') EXECUTE FUNCTION bw.%I(%L)',
                       'guard_' || lower(one.event), one.event, p_table, one.transitions, 'guard_' || p_table,
                       CASE WHEN one.event = ANY (p_content) THEN 'content' ELSE 'account' END);
    END LOOP;
    IF NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = format('rag.%I', p_table)::regclass
                   AND tgname = 'guard_truncate') THEN
        EXECUTE format('CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON rag.%I '
                       'FOR EACH STATEMENT EXECUTE FUNCTION bw.refuse_truncate()', p_table);
    END IF;
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON rag.%I TO bw_mover', p_table);
    EXECUTE format('GRANT SELECT ON rag.%I TO bw_verifier', p_table);
END
$$;
ALTER FUNCTION bw.guard_table(text, text[], text[]) OWNER TO rag_owner;
REVOKE EXECUTE ON FUNCTION bw.guard_table(text, text[], text[]) FROM PUBLIC;

-- What ends or accounts for earlier use stays possible while a tenant is suspended: keys are revoked, sessions closed,
-- noted work in other stores is settled, usage is counted and reported.
-- Under a hold documents come, and none goes or is written over; who has access to it may change, as may a team's budget.
-- A note in the outbox is updated by who is about to delete in a store that has no transactions.
SELECT bw.guard_table(name, content, kept) FROM (VALUES
    ('users',           '{INSERT,UPDATE,DELETE}'::text[], '{UPDATE,DELETE}'::text[]),
    ('documents',       '{INSERT,UPDATE,DELETE}', '{UPDATE,DELETE}'),
    ('chunks',          '{INSERT,UPDATE,DELETE}', '{UPDATE,DELETE}'),
    ('chunk_vectors',   '{INSERT,UPDATE,DELETE}', '{UPDATE,DELETE}'),
    ('query_history',   '{INSERT,UPDATE,DELETE}', '{UPDATE,DELETE}'),
    ('access_controls', '{INSERT,UPDATE,DELETE}', '{}'),
    ('budgets',         '{INSERT,UPDATE,DELETE}', '{DELETE}'),
    ('budget_transfers', '{INSERT,UPDATE,DELETE}', '{UPDATE,DELETE}'),
    ('sessions',        '{INSERT}', '{}'),
    ('api_keys',        '{INSERT}', '{}'),
    ('document_outbox', '{INSERT}', '{UPDATE}'),
    ('usage_counters',  '{}', '{}'),
    ('usage_reports',   '{}', '{}')
) AS g(name, content, kept);
DROP FUNCTION IF EXISTS bw.is_suspended(name), bw.refuse_suspended(), bw.admit(uuid, boolean),
    bw.admit(uuid, boolean, boolean);

-- A tenant's partition is reached through its parent, whose triggers guard it; these are for whoever names the partition
-- itself, attached or not.
CREATE OR REPLACE FUNCTION bw.guard_partition(p_part text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
AS $$
DECLARE
    one  record;
BEGIN
    FOR one IN
        SELECT event, 'guard_direct_' || lower(event) AS name, transitions FROM (VALUES
            ('INSERT', 'NEW TABLE AS new_rows'),
            ('UPDATE', 'OLD TABLE AS old_rows NEW TABLE AS new_rows'),
            ('DELETE', 'OLD TABLE AS old_rows'),
            ('TRUNCATE', NULL)
        ) AS e(event, transitions)
    LOOP
        CONTINUE WHEN EXISTS (SELECT FROM pg_trigger WHERE tgrelid = format('rag.%I', p_part)::regclass
                              AND tgname = one.name);
        IF one.transitions IS NULL THEN
            EXECUTE format('CREATE TRIGGER %I BEFORE TRUNCATE ON rag.%I FOR EACH STATEMENT '
                           'EXECUTE FUNCTION bw.refuse_truncate()', one.name, p_part);
        ELSE
            EXECUTE format('CREATE TRIGGER %I AFTER %s ON rag.%I REFERENCING %s FOR EACH STATEMENT '
                           'WHEN (current_user <> ''bw_mover'') EXECUTE FUNCTION bw.guard_chunk_vectors(''content'')',
                           one.name, one.event, p_part, one.transitions);
        END IF;
    END LOOP;
END
$$;
ALTER FUNCTION bw.guard_partition(text) OWNER TO rag_owner;
REVOKE EXECUTE ON FUNCTION bw.guard_partition(text) FROM PUBLIC;
SELECT bw.guard_partition(relname::text) FROM pg_class
WHERE relnamespace = 'rag'::regnamespace AND relkind = 'r' AND relname LIKE 'chunk\_vectors\_%';

-- ------------------------------------------------------------------------------------------- the stream of changes
-- Says which changes a move's slot tells: those of one tenant's rows, and of them the key. Never a TRUNCATE, which no row
-- filter holds back.
CREATE OR REPLACE FUNCTION bw.publish(p_name name, p_tenant uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
AS $$
BEGIN
    IF p_name !~ '^bw_[0-9a-f]{32}_' THEN
        RAISE EXCEPTION 'a move''s publication is named after it, not %', p_name USING ERRCODE = 'invalid_name';
    ELSIF EXISTS (SELECT FROM pg_publication WHERE pubname = p_name) THEN
        EXECUTE format('DROP PUBLICATION %I', p_name);
    END IF;
    EXECUTE (
        SELECT format('CREATE PUBLICATION %I FOR TABLE %s WITH (publish = ''insert, update, delete'', '
                      'publish_via_partition_root = true)', p_name, string_agg(format('rag.%I (tenant_id, %s) '
                      'WHERE (tenant_id = %L)', c.relname, (SELECT string_agg(format('%I', key), ', ')
                                                            FROM unnest(bw.key_columns(c.oid)) AS key), p_tenant), ', '))
        FROM pg_class c
        WHERE c.relnamespace = 'rag'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
          AND c.relname NOT LIKE 'chunk\_vectors\_%' AND bw.key_columns(c.oid) IS NOT NULL);
END
$$;
CREATE OR REPLACE FUNCTION bw.unpublish(p_name name) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
AS $$
BEGIN
    IF p_name !~ '^bw_[0-9a-f]{32}_' THEN
        RAISE EXCEPTION 'a move''s publication is named after it, not %', p_name USING ERRCODE = 'invalid_name';
    END IF;
    EXECUTE format('DROP PUBLICATION IF EXISTS %I', p_name);
END
$$;
ALTER FUNCTION bw.publish(name, uuid) OWNER TO rag_owner;
ALTER FUNCTION bw.unpublish(name) OWNER TO rag_owner;
REVOKE EXECUTE ON FUNCTION bw.publish(name, uuid), bw.unpublish(name) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION bw.publish(name, uuid), bw.unpublish(name) TO bw_mover;

-- --------------------------------------------------------------------------------------------- who changes the tables
-- Every statement that makes, changes or drops something comes here first, whoever owns what it is about. Let through
-- are the superuser; the functions of this schema that act as rag_owner, which nobody can become; the mover's temporary
-- table; and the removal of a tenant's partition, once no hold of that tenant stands: it is said in exactly these words,
-- because the trigger is not told more. What commits by itself, as CONCURRENTLY does, is the client's whole message, so
-- that nothing else can hide behind them. The lock has whoever places a hold wait for it, as the guard's does.
CREATE OR REPLACE FUNCTION bw.refuse_ddl() RETURNS event_trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    form    constant text := '^ALTER TABLE rag\.chunk_vectors DETACH PARTITION rag\."?chunk_vectors_([0-9a-f]{32})"?'
                             '(?: CONCURRENTLY| FINALIZE)?$';
    tenant  constant uuid := substring(btrim(current_query(), E' \n;') FROM form)::uuid;
BEGIN
    IF current_user IN ('rag_owner', 'bw_mover') OR EXISTS (SELECT FROM pg_event_trigger
            WHERE evtname = 'bw_refuse_ddl' AND pg_has_role(session_user, evtowner, 'MEMBER')) THEN
        RETURN;
    ELSIF tenant IS NULL OR tg_tag <> 'ALTER TABLE' OR current_setting('transaction_isolation') <> 'read committed' THEN
        -- Nobody who does not reach this schema has a right to any table of it.
        IF tg_tag ~ '^(ALTER|DROP) ' AND has_schema_privilege('bw', 'USAGE') THEN
            PERFORM bw.count_refusal();
        END IF;
        RAISE EXCEPTION 'tables here are changed by the superuser alone: % is refused', tg_tag
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    PERFORM pg_advisory_xact_lock_shared(bw.fence_lock(tenant));
    -- A store without a word on the tenant has let go of it under no hold; one that has its fence alone has lost one.
    IF coalesce((SELECT state <> 'clear' FROM bw.hold_fence WHERE tenant_id = tenant),
                EXISTS (SELECT FROM bw.fence WHERE tenant_id = tenant)) THEN
        PERFORM bw.count_refusal();
        RAISE EXCEPTION 'the tenant''s content is retained under law: nothing of it is deleted or written over'
            USING ERRCODE = '55BWH';
    END IF;
END
$$;
DO $once$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_event_trigger WHERE evtname = 'bw_refuse_ddl') THEN
        CREATE EVENT TRIGGER bw_refuse_ddl ON ddl_command_start EXECUTE FUNCTION bw.refuse_ddl();
    END IF;
END
$once$;
ALTER EVENT TRIGGER bw_refuse_ddl ENABLE ALWAYS;

-- ---------------------------------------------------------------------------------------------------------- reads
-- What a following store holds of a tenant: everything the owner's snapshot shows, taken at the owner's epoch. Written
-- by the mover with the round that made it so; `at` is when that snapshot was taken, by this store's clock.
SET ROLE bw_guard;
CREATE TABLE IF NOT EXISTS bw.applied (
    tenant_id  uuid PRIMARY KEY,
    move_id    uuid NOT NULL,
    epoch      bigint NOT NULL,
    snapshot   text NOT NULL,
    at         timestamptz NOT NULL
);
GRANT SELECT, INSERT, UPDATE, DELETE ON bw.applied TO bw_mover, bw_provisioner;
GRANT SELECT ON bw.applied TO bw_verifier, bw_observer;
RESET ROLE;

-- The platform asks before it has taken a tenant's role: no tenant's role reaches this schema.
CREATE SCHEMA IF NOT EXISTS reading AUTHORIZATION bw_guard;
GRANT USAGE ON SCHEMA reading TO rag_platform;
CREATE OR REPLACE FUNCTION reading.applied(p_tenant uuid, p_move uuid)
RETURNS TABLE (epoch bigint, snapshot text, age double precision)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT a.epoch, a.snapshot, extract(epoch FROM clock_timestamp() - a.at)::double precision
    FROM bw.applied a WHERE a.tenant_id = p_tenant AND a.move_id = p_move
$$;
ALTER FUNCTION reading.applied(uuid, uuid) OWNER TO bw_guard;
REVOKE EXECUTE ON FUNCTION reading.applied(uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION reading.applied(uuid, uuid) TO rag_platform;

-- Notes an attempt that the hold has refused to somebody of the platform. A process that comes back is counted, a caller
-- never is; nothing is noted of a tenant that is under no hold. No person is named: the platform says `person`.
CREATE OR REPLACE FUNCTION reading.note_refused(p_tenant uuid, p_verb text, p_actor text) RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    WITH noted AS (
        INSERT INTO bw.refused_attempt AS a (tenant_id, verb, actor, hold_version)
        SELECT tenant_id, left(p_verb, 64), left(p_actor, 64), hold_version FROM bw.hold_fence
        WHERE tenant_id = p_tenant AND state = 'held'
        ON CONFLICT (tenant_id, verb, actor, hold_version) WHERE actor LIKE 'system:%'
        DO UPDATE SET times = a.times + 1, last_at = clock_timestamp()
        RETURNING 1)
    SELECT nextval('bw.refusals_noted') FROM noted
$$;
ALTER FUNCTION reading.note_refused(uuid, text, text) OWNER TO bw_guard;
REVOKE EXECUTE ON FUNCTION reading.note_refused(uuid, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION reading.note_refused(uuid, text, text) TO rag_platform;
