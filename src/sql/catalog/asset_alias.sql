/*
 * Aliases: further keys of an asset. Sources write the same key in several ways,
 * such as an ARM id or a host name in another letter case, and use different
 * names for the same asset. merge_asset() makes two assets one.
 */

CREATE FUNCTION posture_internal.canonical_key(key text, kind text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE
        -- Resource ids of Azure Resource Manager are case-insensitive.
        WHEN key ~* '^/(subscriptions|providers)/' THEN lower(rtrim(key, '/'))
        -- This is how Security Hub writes an account.
        WHEN key ~ '^AWS::::Account:\d{12}$' THEN 'arn:aws:iam::' || right(key, 12) || ':root'
        -- Host names are case-insensitive (RFC 4343).
        WHEN kind = 'host' AND key ~ '^[A-Za-z0-9_.-]+$' THEN lower(rtrim(key, '.'))
        ELSE key
    END;
COMMENT ON FUNCTION posture_internal.canonical_key(text, text) IS
    'canonical spelling of a key, the same for all spellings';

CREATE FUNCTION posture_internal.is_spelling(canonical text, kind text, asset_kind text)
    RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN canonical LIKE '/%' OR canonical LIKE 'arn:aws:iam::%'
        OR (coalesce(kind, 'unknown') IN ('host', 'unknown') AND asset_kind IN ('host', 'unknown'));
COMMENT ON FUNCTION posture_internal.is_spelling(text, text, text) IS
    'whether keys with the same canonical spelling are of the same asset: other keys than ids of '
    'resources only if both are of hosts, or of an unknown kind';

-- The key of an asset keeps the spelling that was observed first.
CREATE INDEX asset_canonical_key ON posture.asset (canonical_key(key, kind))
    WHERE key <> canonical_key(key, kind);

CREATE TABLE posture.asset_alias (
    alias object_key PRIMARY KEY,
    asset_id integer NOT NULL REFERENCES asset ON DELETE CASCADE,
    how text NOT NULL DEFAULT 'given'
        CONSTRAINT "how is given, spelling, reported or merged"
        CHECK (how IN ('given', 'spelling', 'reported', 'merged')),
    added_at timestamptz NOT NULL DEFAULT now()
        CONSTRAINT "added_at is in the years 1900 to 9999"
        CHECK (added_at BETWEEN '1900-01-01 00:00Z' AND '9999-12-31 23:59:59.999999Z')
);
CREATE INDEX ON posture.asset_alias (asset_id);
COMMENT ON TABLE posture.asset_alias IS
    'further keys of assets; what sources report for an alias is about its asset';
COMMENT ON COLUMN posture.asset_alias.alias IS 'further key';
COMMENT ON COLUMN posture.asset_alias.asset_id IS 'id of the asset';
COMMENT ON COLUMN posture.asset_alias.how IS
    'origin of the alias: given by a user, spelling (the key spelled in another way), reported '
    'by a source, or merged (the key of an asset that was merged into this one)';
COMMENT ON COLUMN posture.asset_alias.added_at IS 'time at which the alias was added';

-- An update fills it, and documents empty it: see source/load_former.
CREATE TABLE posture_internal.former_key (
    asset_id integer PRIMARY KEY REFERENCES asset ON DELETE CASCADE,
    is_ended boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE posture_internal.former_key IS
    'assets that an earlier version gave their keys, and no document has reported since';
COMMENT ON COLUMN posture_internal.former_key.asset_id IS 'id of the asset';
COMMENT ON COLUMN posture_internal.former_key.is_ended IS
    'whether its findings were closed, because it may have stood for several assets';

CREATE FUNCTION posture_internal.asset_of(key text, kind text DEFAULT NULL) RETURNS integer
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN coalesce(
        (SELECT l.asset_id FROM asset_alias l WHERE l.alias = asset_of.key),
        (SELECT a.asset_id FROM asset a WHERE a.key = asset_of.key),
        (SELECT l.asset_id
         FROM asset_alias l JOIN asset a ON a.asset_id = l.asset_id
         WHERE l.alias = canonical_key(asset_of.key, asset_of.kind)
           AND is_spelling(l.alias, asset_of.kind, a.kind)),
        (SELECT a.asset_id
         FROM asset a
         WHERE a.key = canonical_key(asset_of.key, asset_of.kind)
           AND is_spelling(a.key, asset_of.kind, a.kind)),
        -- OFFSET 0 makes the planner use asset_canonical_key: for min() alone it
        -- would scan the primary key.
        (SELECT min(s.asset_id)
         FROM (SELECT a.asset_id
               FROM asset a
               WHERE a.key <> canonical_key(a.key, a.kind)
                 AND canonical_key(a.key, a.kind) = canonical_key(asset_of.key, asset_of.kind)
                 AND is_spelling(canonical_key(a.key, a.kind), asset_of.kind, a.kind)
               OFFSET 0) s));
COMMENT ON FUNCTION posture_internal.asset_of(text, text) IS
    'id of the asset with a key, which may be an alias or another spelling; NULL if there is none';

-- A day that has no snapshot yet counts the old asset, with the exemptions that it had then.
CREATE FUNCTION posture_internal.merge_exemption(old_id integer, new_id integer) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    day_start timestamptz := CASE WHEN closed_day() < today() - 1 THEN day_end(today() - 1)
                                  ELSE '-infinity' END;
BEGIN
    WITH ended AS (
        UPDATE exemption e
        SET expires_at = day_start
        FROM exemption o
        WHERE e.asset_id = old_id AND o.exemption_id = e.exemption_id
          AND e.created_at < day_start AND coalesce(e.expires_at > day_start, true)
        RETURNING o.*
    )
    INSERT INTO exemption (recommendation_id, asset_id, kind, reason, approved_by, created_at,
                           expires_at, is_reported)
    SELECT e.recommendation_id, new_id, e.kind, e.reason, e.approved_by, day_start,
           e.expires_at, e.is_reported
    FROM ended e
    ORDER BY e.exemption_id;
    UPDATE exemption e SET asset_id = new_id
    WHERE e.asset_id = old_id AND e.created_at >= day_start;
END $$;
COMMENT ON FUNCTION posture_internal.merge_exemption(integer, integer) IS
    'step of merge_asset(): moves exemptions to another asset; those in force on days without a '
    'snapshot end today and begin again for the other asset';

CREATE FUNCTION posture_internal.join_asset(
    old_id integer, new_id integer, OUT moved bigint, OUT dropped bigint)
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    replaced bigint;
BEGIN
    PERFORM FROM asset a WHERE a.asset_id IN (old_id, new_id) ORDER BY a.asset_id FOR UPDATE;

    -- If both have a finding, the one that changed last is current. Findings move by their key, so
    -- that they count for the other asset from now on: past days keep both assets as they were.
    PERFORM FROM finding f
    WHERE f.asset_id IN (old_id, new_id)
    ORDER BY f.recommendation_id, f.asset_id
    FOR UPDATE;
    WITH deleted AS (
        DELETE FROM finding f
        USING finding o
        WHERE (f.asset_id, o.asset_id) IN ((old_id, new_id), (new_id, old_id))
          AND o.recommendation_id = f.recommendation_id
          AND (f.changed_at < o.changed_at
               OR f.changed_at = o.changed_at AND f.asset_id = old_id)
        RETURNING f.asset_id
    )
    SELECT count(*), count(*) FILTER (WHERE d.asset_id = new_id) INTO dropped, replaced
    FROM deleted d;
    UPDATE finding o SET asset_id = new_id WHERE o.asset_id = old_id;
    GET DIAGNOSTICS moved = ROW_COUNT;
    moved := moved - replaced;
    PERFORM merge_exemption(old_id, new_id);
    UPDATE attestation t SET asset_id = new_id WHERE t.asset_id = old_id;

    UPDATE asset n
    SET first_seen = least(n.first_seen, o.first_seen),
        last_seen = greatest(n.last_seen, o.last_seen),
        owner = coalesce(n.owner, o.owner), tags = o.tags || n.tags,
        kind = CASE n.kind WHEN 'unknown' THEN o.kind ELSE n.kind END,
        criticality = CASE WHEN criticality_rank(o.criticality) > criticality_rank(n.criticality)
                           THEN o.criticality ELSE n.criticality END
    FROM asset o
    WHERE n.asset_id = new_id AND o.asset_id = old_id;
    INSERT INTO asset_source AS n (source_id, asset_id, first_seen, last_seen)
    SELECT o.source_id, new_id, o.first_seen, o.last_seen FROM asset_source o
    WHERE o.asset_id = old_id
    ON CONFLICT (source_id, asset_id) DO UPDATE
    SET first_seen = least(n.first_seen, EXCLUDED.first_seen),
        last_seen = greatest(n.last_seen, EXCLUDED.last_seen);
    DELETE FROM asset_source o WHERE o.asset_id = old_id;
    -- The old asset is not deleted, because the history of past days refers to it.
    UPDATE asset o SET retired_at = coalesce(o.retired_at, now()) WHERE o.asset_id = old_id;
    UPDATE asset_alias l SET asset_id = new_id WHERE l.asset_id = old_id;
    INSERT INTO asset_alias (alias, asset_id, how)
    SELECT o.key, new_id, 'merged' FROM asset o WHERE o.asset_id = old_id
    ON CONFLICT (alias) DO UPDATE SET asset_id = EXCLUDED.asset_id, how = EXCLUDED.how;
END $$;
COMMENT ON FUNCTION posture_internal.join_asset(integer, integer) IS
    'makes an asset another one, as merge_asset() does; returns the numbers of findings moved and '
    'dropped';

CREATE FUNCTION posture_internal.end_assets(ids integer[], sources text[]) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    UPDATE finding f SET state = 'not_applicable', changed_at = greatest(f.changed_at, now())
    FROM recommendation r JOIN source s USING (source_id)
    WHERE f.asset_id = ANY (ids) AND f.state <> 'not_applicable'
      AND r.recommendation_id = f.recommendation_id AND s.key = ANY (sources);
    UPDATE asset a SET retired_at = now()
    WHERE a.asset_id = ANY (ids) AND a.retired_at IS NULL
      AND NOT EXISTS (SELECT FROM finding f
                      WHERE f.asset_id = a.asset_id AND f.state <> 'not_applicable');
END $$;
COMMENT ON FUNCTION posture_internal.end_assets(integer[], text[]) IS
    'closes the findings of these sources on assets, and retires the assets that have no others; '
    'past days stay as they were';

CREATE FUNCTION posture_internal.merge_here(
    asset text, into_asset text, OUT moved bigint, OUT dropped bigint, OUT new_id integer)
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    old_id integer;
    missing text;
BEGIN
    -- Wait for ingest(), which may be writing findings of either asset.
    PERFORM lock_delivery();
    old_id := asset_of(asset, NULL);
    new_id := asset_of(into_asset, NULL);
    missing := CASE WHEN old_id IS NULL THEN asset WHEN new_id IS NULL THEN into_asset END;
    IF old_id IS NULL OR new_id IS NULL THEN
        RAISE EXCEPTION 'asset "%" does not exist', coalesce(missing, 'NULL')
            USING ERRCODE = 'undefined_object',
                  HINT = 'The view posture.asset_report lists the assets.';
    ELSIF old_id = new_id THEN
        RAISE EXCEPTION '"%" and "%" are already the same asset', asset, into_asset
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    SELECT j.moved, j.dropped INTO moved, dropped FROM join_asset(old_id, new_id) j;
END $$;
COMMENT ON FUNCTION posture_internal.merge_here(text, text) IS
    'merges two assets of this database, see posture.merge_asset()';

CREATE FUNCTION posture.merge_asset(
    asset text, into_asset text, OUT moved bigint, OUT dropped bigint)
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    -- At a higher isolation level, findings that other transactions commit
    -- meanwhile would stay with the old asset.
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'merge_asset() needs isolation level READ COMMITTED'
            USING ERRCODE = 'feature_not_supported';
    END IF;
    PERFORM require_level('curator');
    IF has_nodes() THEN
        SELECT m.moved, m.dropped INTO moved, dropped FROM merge_on_head(asset, into_asset) m;
    ELSE
        SELECT m.moved, m.dropped INTO moved, dropped FROM merge_here(asset, into_asset) m;
    END IF;
END $$;
COMMENT ON FUNCTION posture.merge_asset(text, text) IS
    'merges an asset into another one: moves its findings and exemptions, keeps the finding that '
    'changed last where both have one, and makes its key an alias; past days do not change, even '
    'if their snapshot is taken later';
