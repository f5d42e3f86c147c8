-- The ledger. Schema `ledger` holds it and grants nothing to the application; schema `audit` is the door: functions
-- that append as the owner, and views. Owned by the NOLOGIN role bw_ledger. Run as bw_ledger.

CREATE SCHEMA ledger;
CREATE SCHEMA audit;
GRANT USAGE ON SCHEMA ledger TO sealer;
GRANT USAGE ON SCHEMA audit TO PUBLIC;

-- Entries -------------------------------------------------------------------------------------------------------

-- `body` is the record; the other columns are an index into it and are compared with it by `audit.misfiled`.
CREATE TABLE ledger.entry (
    id          bigint NOT NULL,
    at          timestamptz NOT NULL,
    xid         bigint NOT NULL,
    op          text NOT NULL CHECK (op IN ('A', 'I', 'U', 'D')),
    verb        text NOT NULL,
    object_type text NOT NULL,
    object_id   text NOT NULL,
    tenant_id   uuid,
    actor       text NOT NULL CHECK (actor <> ''),
    request     text NOT NULL,
    body        text NOT NULL,
    PRIMARY KEY (id, at)
) PARTITION BY RANGE (at);
CREATE INDEX ON ledger.entry (xid);
CREATE INDEX ON ledger.entry (object_type, object_id, id);
CREATE INDEX ON ledger.entry (tenant_id, id) WHERE tenant_id IS NOT NULL;
CREATE SEQUENCE ledger.entry_id CACHE 1;

-- What is captured, per table. Written by `audit.govern` alone, in migrations.
CREATE TABLE ledger.governed (
    relation  text PRIMARY KEY,
    label     text NOT NULL,
    key       text NOT NULL,
    skip      text[] NOT NULL,
    secret    text[] NOT NULL,
    personal  text[] NOT NULL,
    subject   text NOT NULL,
    tenant    text NOT NULL,
    retention interval NOT NULL DEFAULT interval '2557 days'
);

-- Personal values live here and never in an entry. Destroying a subject's row makes its commitments unreadable.
CREATE TABLE ledger.subject (
    id           text PRIMARY KEY,
    salt         bytea CHECK (length(salt) = 32),
    destroyed_at timestamptz,
    CHECK ((salt IS NULL) = (destroyed_at IS NOT NULL))
);
CREATE TABLE ledger.personal (
    subject    text NOT NULL REFERENCES ledger.subject,
    commitment text NOT NULL,
    field      text NOT NULL,
    value      text NOT NULL,
    PRIMARY KEY (subject, commitment)
);

-- The tree --------------------------------------------------------------------------------------------------------

CREATE TABLE ledger.leaf (
    index    bigint PRIMARY KEY CHECK (index >= 0),
    entry_id bigint NOT NULL UNIQUE,
    hash     bytea NOT NULL CHECK (length(hash) = 32)
);
-- Hashes of complete subtrees of 256, 65,536, … leaves, so that a proof reads a few hundred rows and not all.
CREATE TABLE ledger.node (
    level smallint NOT NULL,
    index bigint NOT NULL,
    hash  bytea NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (level, index)
);
CREATE TABLE ledger.checkpoint (
    size      bigint PRIMARY KEY CHECK (size > 0),
    root      bytea NOT NULL CHECK (length(root) = 32),
    note      text NOT NULL,
    sealed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE ledger.anchor (
    size        bigint PRIMARY KEY REFERENCES ledger.checkpoint,
    place       text NOT NULL,
    version     text NOT NULL,
    cosignature text NOT NULL,
    at          timestamptz NOT NULL DEFAULT clock_timestamp()
);
-- One row, locked while sealing: how far, and the hashes that the next leaves join.
CREATE TABLE ledger.horizon (
    id          smallint PRIMARY KEY DEFAULT 1 CHECK (id = 1),
    below       bigint NOT NULL,
    size        bigint NOT NULL,
    frontier    bytea[] NOT NULL,
    cluster     bigint NOT NULL
);
INSERT INTO ledger.horizon (below, size, frontier, cluster)
    SELECT 0, 0, '{}', system_identifier FROM pg_control_system();
-- Leaves whose bodies were lawfully retired: the hashes stay for ever.
CREATE TABLE ledger.retired (
    first     bigint PRIMARY KEY,
    last      bigint NOT NULL CHECK (last >= first),
    partition text NOT NULL,
    approval  uuid NOT NULL,
    at        timestamptz NOT NULL DEFAULT clock_timestamp()
);
-- What the sealer found when it looked: replays, comparisons with the copies, and what is wrong now.
CREATE TABLE ledger.finding (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind    text NOT NULL,
    at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    ok      boolean NOT NULL,
    checked bigint NOT NULL,
    details jsonb NOT NULL
);
CREATE INDEX ON ledger.finding (kind, id DESC);

-- Refusing ----------------------------------------------------------------------------------------------------------

CREATE FUNCTION audit.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the record is append-only: % on % is refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE PROCEDURE ledger.protect(relation regclass) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON %s
                    FOR EACH ROW EXECUTE FUNCTION audit.refuse()', relation);
    EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER append_only', relation);
    CALL ledger.protect_from_truncate(relation);
END $$;

CREATE PROCEDURE ledger.protect_from_truncate(relation regclass) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON %s
                    FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse()', relation);
    EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER refuse_truncate', relation);
END $$;

CALL ledger.protect('ledger.entry');
CALL ledger.protect('ledger.leaf');
CALL ledger.protect('ledger.node');
CALL ledger.protect('ledger.checkpoint');
CALL ledger.protect('ledger.anchor');
CALL ledger.protect('ledger.finding');
CALL ledger.protect('ledger.retired');
CALL ledger.protect_from_truncate('ledger.governed');
CALL ledger.protect_from_truncate('ledger.subject');
CALL ledger.protect_from_truncate('ledger.personal');
CALL ledger.protect_from_truncate('ledger.horizon');

-- Partitions: one a month, made ahead by the sealer; what finds none falls into the rest.
CREATE TABLE ledger.entry_rest PARTITION OF ledger.entry DEFAULT;
CALL ledger.protect_from_truncate('ledger.entry_rest');

CREATE FUNCTION audit.make_partitions(months integer DEFAULT 3) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, ledger, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    first date;
    name text;
    made integer := 0;
BEGIN
    FOR n IN 0 .. months LOOP
        first := date_trunc('month', now())::date + make_interval(months => n);
        name := 'entry_' || to_char(first, 'YYYY_MM');
        CONTINUE WHEN to_regclass('ledger.' || name) IS NOT NULL;
        EXECUTE format('CREATE TABLE ledger.%I PARTITION OF ledger.entry FOR VALUES FROM (%L) TO (%L)',
                       name, first, (first + interval '1 month')::date);
        EXECUTE format('ALTER TABLE ledger.%I ENABLE ALWAYS TRIGGER append_only', name);
        CALL ledger.protect_from_truncate(('ledger.' || name)::regclass);
        made := made + 1;
    END LOOP;
    RETURN made;
END $$;
SELECT audit.make_partitions();

-- Appending ---------------------------------------------------------------------------------------------------------

-- A value of the transaction's context, set by the action with set_config(…, true); empty when there is none.
CREATE FUNCTION ledger.context(name text) RETURNS text LANGUAGE sql STABLE AS
    $$ SELECT coalesce(current_setting('bailiwick.' || name, true), '') $$;

CREATE FUNCTION ledger.append(
    op text, verb text, object_type text, object_id text, tenant uuid,
    actor text, via text, reason text, request text, more jsonb
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    number bigint := nextval('ledger.entry_id');
    xid bigint := pg_current_xact_id()::text::bigint;
    at timestamptz := clock_timestamp();
BEGIN
    INSERT INTO ledger.entry VALUES (
        number, at, xid, op, verb, object_type, object_id, tenant, actor, request,
        (more || jsonb_build_object(
            'at', to_char(at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), 'id', number, 'op', op, 'pk', object_id,
            'via', via, 'xid', xid, 'verb', verb, 'actor', actor, 'object', object_type,
            'reason', reason, 'tenant', tenant, 'request', request, 'session', session_user))::text
    );
    RETURN number;
END $$;

-- An act: what somebody did in the words of the product. Returns the entry's id.
CREATE FUNCTION audit.record(
    verb text, object_type text, object_id text, tenant uuid,
    actor text, via text, reason text, request text, data jsonb
) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, ledger, pg_temp SET timezone = 'UTC' AS $$
BEGIN
    IF coalesce(actor, '') = '' THEN
        RAISE EXCEPTION 'no actor: an act needs somebody who did it' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN ledger.append('A', verb, object_type, object_id, tenant, actor, via, reason, request,
                         jsonb_build_object('data', data));
END $$;

-- Commitment to a personal value: SHA-256(salt ‖ field ‖ 0x00 ‖ value), hex. bailiwick_proof.commitment is the same.
CREATE FUNCTION ledger.commitment(salt bytea, field text, value text) RETURNS text LANGUAGE sql IMMUTABLE AS
    $$ SELECT encode(sha256(salt || convert_to(field, 'UTF8') || '\x00' || convert_to(value, 'UTF8')), 'hex') $$;

CREATE FUNCTION ledger.salt_of(who text) RETURNS bytea LANGUAGE plpgsql AS $$
DECLARE
    found bytea;
BEGIN
    INSERT INTO ledger.subject (id, salt)
        VALUES (who, sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8')))
        ON CONFLICT DO NOTHING;
    SELECT salt INTO found FROM ledger.subject WHERE id = who;
    RETURN found;
END $$;

CREATE FUNCTION ledger.secret(value text) RETURNS jsonb LANGUAGE sql IMMUTABLE AS
    $$ SELECT jsonb_build_object('sha256', encode(sha256(convert_to(coalesce(value, ''), 'UTF8')), 'hex')) $$;

-- The row as an entry may hold it: skipped columns gone, secrets as their hash, personal values as commitments.
-- `salt` null (a destroyed subject) leaves personal columns out.
CREATE FUNCTION ledger.image(image jsonb, skip text[], secret text[], personal text[], salt bytea)
RETURNS jsonb LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    name text;
BEGIN
    image := image - skip;
    FOREACH name IN ARRAY secret LOOP
        IF image ? name THEN
            image := jsonb_set(image, ARRAY[name], ledger.secret(image ->> name));
        END IF;
    END LOOP;
    FOREACH name IN ARRAY personal LOOP
        IF salt IS NULL THEN
            image := image - name;
        ELSIF coalesce(image ->> name, '') <> '' THEN
            image := jsonb_set(image, ARRAY[name], jsonb_build_object(
                'commitment', ledger.commitment(salt, name, image ->> name)));
        END IF;
    END LOOP;
    RETURN image;
END $$;

-- Keeps a personal value beside the ledger and returns what the entry holds of it.
CREATE FUNCTION ledger.person(who text, salt bytea, field text, value text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    commitment text := ledger.commitment(salt, field, value);
BEGIN
    IF coalesce(value, '') = '' THEN
        RETURN to_jsonb(value);
    ELSIF commitment IS NULL THEN  -- the subject was forgotten: nothing is kept of it any more
        RETURN NULL;
    END IF;
    INSERT INTO ledger.personal (subject, commitment, field, value) VALUES (who, commitment, field, value)
        ON CONFLICT DO NOTHING;
    RETURN jsonb_build_object('commitment', commitment);
END $$;

CREATE FUNCTION ledger.keep_personal(who text, salt bytea, image jsonb, personal text[]) RETURNS void
LANGUAGE sql AS $$ SELECT ledger.person(who, salt, name, image ->> name) FROM unnest(personal) AS name $$;

-- The change of one row, by whom the transaction says. Nobody ⇒ no write.
CREATE FUNCTION ledger.change(op text, label text, id text, tenant uuid, before jsonb, after jsonb) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    who text := ledger.context('actor');
BEGIN
    IF who = '' THEN
        RAISE EXCEPTION 'no actor: nobody said who changes %', label
            USING ERRCODE = 'insufficient_privilege', HINT = 'write inside portal.audit.context.acting';
    END IF;
    RETURN ledger.append(left(op, 1), lower(op), label, id, tenant, who, ledger.context('via'),
                         ledger.context('reason'), ledger.context('request'),
                         jsonb_build_object('old', before, 'new', after));
END $$;

-- Writes the trigger function of one governed table. Its code is made of the table's columns, because a generic one,
-- which must turn both rows into JSON to compare them, takes three times as long; every change passes here.
CREATE FUNCTION audit.write_capture(of text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, ledger, pg_temp AS $$
DECLARE
    g ledger.governed := (SELECT row FROM ledger.governed AS row WHERE relation = of);
    is_personal boolean := g.personal <> '{}';
    lists text := format('%L, %L, %L, %s', g.skip, g.secret, g.personal, CASE WHEN is_personal THEN 'salt' ELSE 'NULL' END);
    -- what an entry holds of a column, given the row's name
    shown text;
    compare text := '';
    name text;
BEGIN
    FOR name IN
        SELECT attname FROM pg_attribute
        WHERE attrelid = to_regclass('public.' || quote_ident(of)) AND attnum > 0 AND NOT attisdropped
              AND attname <> ALL (g.skip) ORDER BY attnum
    LOOP
        shown := CASE WHEN name = ANY (g.secret) THEN format('ledger.secret(%%s.%I::text)', name)
                      WHEN name = ANY (g.personal) THEN format('ledger.person(who, salt, %L, %%s.%I::text)', name, name)
                      ELSE format('%%s.%I', name) END;
        compare := compare || format(
            'IF NEW.%1$I IS DISTINCT FROM OLD.%1$I THEN before := before || jsonb_build_object(%1$L, %2$s);'
            ' after := after || jsonb_build_object(%1$L, %3$s); END IF; ',
            name, format(shown, 'OLD'), format(shown, 'NEW'));
    END LOOP;
    EXECUTE format($code$
        CREATE OR REPLACE FUNCTION audit.%1$I() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
        SET search_path = pg_catalog, ledger, pg_temp SET timezone = 'UTC' AS $capture$
        DECLARE
            before jsonb := '{}';
            after jsonb := '{}';
            %2$s
        BEGIN
            IF TG_OP = 'UPDATE' THEN
                IF NEW.%3$I IS DISTINCT FROM OLD.%3$I THEN
                    RAISE EXCEPTION 'the key of a governed row never changes' USING ERRCODE = 'insufficient_privilege';
                END IF;
                %4$s
                IF after = '{}' THEN
                    RETURN NULL;
                END IF;
            ELSIF TG_OP = 'INSERT' THEN
                %5$s
                before := NULL;
                after := ledger.image(to_jsonb(NEW), %6$s);
            ELSE
                before := ledger.image(to_jsonb(OLD), %6$s);
                after := NULL;
            END IF;
            PERFORM ledger.change(TG_OP, %7$L, coalesce(NEW.%3$I, OLD.%3$I)::text, %8$s, before, after);
            RETURN NULL;
        END $capture$ $code$,
        'capture_' || of,
        CASE WHEN is_personal THEN format(
            'who text := coalesce(NEW.%1$I, OLD.%1$I)::text; salt bytea := ledger.salt_of(who);', g.subject) END,
        g.key, compare,
        CASE WHEN is_personal THEN format('PERFORM ledger.keep_personal(who, salt, to_jsonb(NEW), %L);', g.personal) END,
        lists, g.label,
        CASE WHEN g.tenant <> '' THEN format('coalesce(NEW.%1$I, OLD.%1$I)', g.tenant) ELSE 'NULL' END);
END $$;

-- Takes a table under the ledger. Called by the table's owner in a migration; calling it again takes new settings.
CREATE FUNCTION audit.note_governed(
    relation text, label text, key text, skip text[], secret text[], personal text[], subject text, tenant text
) RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, ledger, pg_temp AS $$
    INSERT INTO ledger.governed (relation, label, key, skip, secret, personal, subject, tenant)
    VALUES (relation, label, key, skip, secret, personal, subject, tenant)
    ON CONFLICT (relation) DO UPDATE SET label = excluded.label, key = excluded.key, skip = excluded.skip,
        secret = excluded.secret, personal = excluded.personal, subject = excluded.subject, tenant = excluded.tenant
$$;

-- A row that was there before its table was governed, or before the settings changed, enters as it stands.
CREATE FUNCTION audit.adopt(of text, present jsonb) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, ledger, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    g ledger.governed := (SELECT row FROM ledger.governed AS row WHERE relation = of);
    who text := CASE WHEN g.personal <> '{}' THEN present ->> g.subject END;
    salt bytea := CASE WHEN who IS NOT NULL THEN ledger.salt_of(who) END;
BEGIN
    PERFORM ledger.keep_personal(who, salt, present, g.personal);
    RETURN ledger.append('I', 'adopt', g.label, present ->> g.key,
        CASE WHEN g.tenant <> '' THEN (present ->> g.tenant)::uuid END, 'system:migrate', 'system', '', '',
        jsonb_build_object('old', NULL, 'new', ledger.image(present, g.skip, g.secret, g.personal, salt)));
END $$;

CREATE PROCEDURE audit.govern(
    relation text, label text, key text, skip text[], secret text[], personal text[], subject text, tenant text
) LANGUAGE plpgsql AS $$
DECLARE
    capture text := 'capture_' || relation;
    columns text := (
        SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
        WHERE attrelid = relation::regclass AND attnum > 0 AND NOT attisdropped AND attname <> ALL (skip));
BEGIN
    PERFORM audit.note_governed(relation, label, key, skip, secret, personal, subject, tenant);
    PERFORM audit.write_capture(relation);
    EXECUTE format('DROP TRIGGER IF EXISTS ledger_capture ON %1$I', relation);
    EXECUTE format('DROP TRIGGER IF EXISTS ledger_capture_update ON %1$I', relation);
    EXECUTE format('DROP TRIGGER IF EXISTS ledger_no_truncate ON %1$I', relation);
    EXECUTE format('CREATE TRIGGER ledger_capture AFTER INSERT OR DELETE ON %I
                    FOR EACH ROW EXECUTE FUNCTION audit.%I()', relation, capture);
    EXECUTE format('CREATE TRIGGER ledger_capture_update AFTER UPDATE OF %s ON %I
                    FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION audit.%I()',
                   columns, relation, capture);
    EXECUTE format('CREATE TRIGGER ledger_no_truncate BEFORE TRUNCATE ON %I
                    FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse()', relation);
    EXECUTE format('ALTER TABLE %1$I ENABLE ALWAYS TRIGGER ledger_capture', relation);
    EXECUTE format('ALTER TABLE %1$I ENABLE ALWAYS TRIGGER ledger_capture_update', relation);
    EXECUTE format('ALTER TABLE %1$I ENABLE ALWAYS TRIGGER ledger_no_truncate', relation);
    EXECUTE format('GRANT SELECT ON %I TO sealer, bw_ledger', relation);
    EXECUTE format('SELECT count(audit.adopt(%L, to_jsonb(present))) FROM %I AS present', relation, relation);
END $$;

-- Personal data of one subject leaves the ledger: values and salt, in one act that stays. The tree does not change.
CREATE FUNCTION audit.forget(who text, actor text, via text, reason text, request text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, ledger, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    gone bigint;
BEGIN
    DELETE FROM ledger.personal WHERE subject = who;
    GET DIAGNOSTICS gone = ROW_COUNT;
    UPDATE ledger.subject SET salt = NULL, destroyed_at = clock_timestamp() WHERE id = who AND salt IS NOT NULL;
    RETURN audit.record('subject.forgotten', 'access.user', who, NULL, actor, via, reason, request,
                        jsonb_build_object('values', gone));
END $$;

-- A month whose every entry is past its table's retention leaves, once an approval for exactly this partition has taken
-- effect. Only a migration's role may call it; whether a hold stands against it is the approval's guard to say.
CREATE PROCEDURE audit.retire(name text, approval uuid)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, ledger, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    young bigint;
    g ledger.governed;
BEGIN
    PERFORM FROM public.approvals_case WHERE id = approval AND kind = 'ledger.retire' AND subject_id = name
        AND state = 'approved';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no approval for retiring % has taken effect', name USING ERRCODE = 'insufficient_privilege';
    END IF;
    EXECUTE format(
        'SELECT count(*) FROM ledger.%I e LEFT JOIN ledger.governed g ON g.label = e.object_type
         WHERE e.at > now() - coalesce(g.retention, interval ''2557 days'') OR NOT audit.anchored(e.id)', name)
        INTO young;
    IF young > 0 THEN
        RAISE EXCEPTION '% entries of % are not past their retention, or not anchored', young, name
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    EXECUTE format(
        'INSERT INTO ledger.retired (first, last, partition, approval)
         SELECT min(l.index), max(l.index), %L, %L FROM (
             SELECT index, index - row_number() OVER (ORDER BY index) AS island
             FROM ledger.leaf WHERE entry_id IN (SELECT id FROM ledger.%I)) AS l GROUP BY l.island',
        name, approval, name);
    PERFORM audit.record('ledger.retired', 'audit.partition', name, NULL, 'system:retention', 'system', '', '',
                         jsonb_build_object('approval', approval));
    FOR g IN SELECT * FROM ledger.governed LOOP  -- rows that began in it begin anew, so that a replay still can
        EXECUTE format(
            'SELECT count(audit.adopt(%L, to_jsonb(t))) FROM public.%I t WHERE to_jsonb(t) ->> %L IN (
                 SELECT object_id FROM ledger.%I WHERE object_type = %L AND op <> ''A'')',
            g.relation, g.relation, g.key, name, g.label);
    END LOOP;
    EXECUTE format('ALTER TABLE ledger.entry DETACH PARTITION ledger.%I', name);
    EXECUTE format('DROP TABLE ledger.%I', name);
END $$;

-- Reading -----------------------------------------------------------------------------------------------------------

CREATE VIEW audit.entry AS
    SELECT id, at, op, verb, object_type, object_id, tenant_id, actor, xid, body,
           body::jsonb ->> 'via' AS via, body::jsonb ->> 'reason' AS reason, request AS request_id,
           coalesce(body::jsonb -> 'data', '{}') AS data, body::jsonb -> 'old' AS old, body::jsonb -> 'new' AS new
    FROM ledger.entry;
CREATE VIEW audit.checkpoint AS
    SELECT c.size, c.root, c.note, c.sealed_at, a.at AS anchored_at, a.place, a.version, a.cosignature
    FROM ledger.checkpoint c LEFT JOIN ledger.anchor a USING (size);
CREATE VIEW audit.finding AS SELECT * FROM ledger.finding;
CREATE VIEW audit.governed AS SELECT * FROM ledger.governed;
CREATE VIEW audit.leaf AS SELECT * FROM ledger.leaf;
CREATE VIEW audit.node AS SELECT * FROM ledger.node;
CREATE VIEW audit.retired AS SELECT * FROM ledger.retired;
CREATE VIEW audit.personal AS SELECT subject, commitment, field, value FROM ledger.personal;

-- True once the entry is in a checkpoint that lies in the object store: only then may what it announces take effect.
CREATE FUNCTION audit.anchored(entry bigint) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, ledger, pg_temp AS $$
    SELECT EXISTS (SELECT FROM ledger.leaf l WHERE l.entry_id = entry
                   AND l.index < (SELECT max(size) FROM ledger.anchor))
$$;

-- Seconds that the oldest entry waits for its seal and its anchor, and who holds the horizon.
CREATE FUNCTION audit.lag(OUT size bigint, OUT unsealed bigint, OUT seal_lag double precision,
                          OUT anchor_lag double precision)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, ledger, pg_temp AS $$
    WITH open AS (SELECT count(*) AS n, min(e.at) AS since FROM ledger.entry e, ledger.horizon h WHERE e.xid >= h.below
                  AND NOT EXISTS (SELECT FROM ledger.leaf l WHERE l.entry_id = e.id)),
         bare AS (SELECT min(c.sealed_at) AS since FROM ledger.checkpoint c
                  WHERE c.size > coalesce((SELECT max(a.size) FROM ledger.anchor a), 0))
    SELECT h.size, open.n, coalesce(extract(epoch FROM clock_timestamp() - open.since), 0),
           coalesce(extract(epoch FROM clock_timestamp() - bare.since), 0)
    FROM ledger.horizon h, open, bare
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA ledger, audit FROM PUBLIC;
REVOKE ALL ON ALL PROCEDURES IN SCHEMA ledger, audit FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit.record, audit.anchored, audit.lag TO app, sealer, reader, bw_owner, migrator;
GRANT EXECUTE ON FUNCTION audit.forget TO app;
GRANT EXECUTE ON FUNCTION audit.make_partitions, ledger.image, ledger.commitment, ledger.secret TO sealer;
GRANT EXECUTE ON FUNCTION audit.refuse, audit.note_governed, audit.write_capture, audit.adopt TO bw_owner, migrator;
GRANT EXECUTE ON PROCEDURE audit.govern, audit.retire TO bw_owner, migrator;
GRANT SELECT ON ALL TABLES IN SCHEMA audit TO app, sealer, reader, bw_owner, migrator;
GRANT SELECT ON ALL TABLES IN SCHEMA ledger TO sealer;
GRANT INSERT ON ledger.leaf, ledger.node, ledger.checkpoint, ledger.anchor, ledger.finding TO sealer;
GRANT UPDATE ON ledger.horizon TO sealer;
