/*
 * One asset, many keys: sources write the same key in several ways (the letter
 * case of an ARM id or a host name), and call one thing by several names.
 */

CREATE FUNCTION posture_internal.canonical_key(key text, kind text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE
        -- resource ids of Azure Resource Manager have no letter case
        WHEN key ~* '^/(subscriptions|providers)/' THEN lower(rtrim(key, '/'))
        -- Security Hub's way to write an account
        WHEN key ~ '^AWS::::Account:\d{12}$' THEN 'arn:aws:iam::' || right(key, 12) || ':root'
        -- nor have host names (RFC 4343)
        WHEN kind = 'host' AND key ~ '^[A-Za-z0-9_.-]+$' THEN lower(rtrim(key, '.'))
        ELSE key
    END;
COMMENT ON FUNCTION posture_internal.canonical_key(text, text) IS 'the one way to write a key that stands for all ways to write it';

-- an asset keeps the key that it was first called by
CREATE INDEX asset_canonical_key ON posture.asset (canonical_key(key, kind))
    WHERE key <> canonical_key(key, kind);

CREATE TABLE posture.asset_alias (
    alias object_key PRIMARY KEY,
    asset_id integer NOT NULL REFERENCES asset ON DELETE CASCADE,
    how text NOT NULL DEFAULT 'given' CHECK (how IN ('given', 'spelling', 'reported', 'merged')),
    added_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON posture.asset_alias (asset_id);
COMMENT ON TABLE posture.asset_alias IS 'further keys of an asset: what sources report by them is about this asset';
COMMENT ON COLUMN posture.asset_alias.alias IS 'the further key';
COMMENT ON COLUMN posture.asset_alias.asset_id IS 'the asset';
COMMENT ON COLUMN posture.asset_alias.how IS 'how it came to be known: given by a person, the key in another spelling, reported by a source, or merged: it was the key of an asset that was found to be this one';
COMMENT ON COLUMN posture.asset_alias.added_at IS 'since when it is known';

CREATE FUNCTION posture_internal.asset_of(key text, kind text DEFAULT NULL) RETURNS integer
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN coalesce(
        (SELECT l.asset_id FROM asset_alias l WHERE l.alias = asset_of.key),
        (SELECT a.asset_id FROM asset a WHERE a.key = asset_of.key),
        (SELECT l.asset_id FROM asset_alias l WHERE l.alias = canonical_key(asset_of.key, asset_of.kind)),
        (SELECT a.asset_id FROM asset a WHERE a.key = canonical_key(asset_of.key, asset_of.kind)),
        -- by the index of spellings, not by that of ids, which min() would take
        (SELECT min(s.asset_id)
         FROM (SELECT a.asset_id
               FROM asset a
               WHERE a.key <> canonical_key(a.key, a.kind)
                 AND canonical_key(a.key, a.kind) = canonical_key(asset_of.key, asset_of.kind)
               OFFSET 0) s));
COMMENT ON FUNCTION posture_internal.asset_of(text, text) IS 'the asset that a key means, by an alias, by its key, or in another spelling; NULL: none';

CREATE FUNCTION posture.merge_asset(asset text, into_asset text, OUT moved bigint, OUT dropped bigint)
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    old_id integer;
    new_id integer;
    missing text;
BEGIN
    -- above it, what others committed meanwhile would stay with an asset that no longer counts
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'merge_asset() needs isolation level READ COMMITTED' USING ERRCODE = 'feature_not_supported';
    END IF;
    -- not beside ingest(), which may be writing findings of either; before any
    -- other table, because who grants access locks the inbox first as well
    LOCK TABLE inbox IN SHARE UPDATE EXCLUSIVE MODE;
    old_id := asset_of(asset, NULL);
    new_id := asset_of(into_asset, NULL);
    missing := CASE WHEN old_id IS NULL THEN asset WHEN new_id IS NULL THEN into_asset END;
    IF old_id IS NULL OR new_id IS NULL THEN
        RAISE EXCEPTION 'asset "%" does not exist', missing USING ERRCODE = 'undefined_object';
    ELSIF old_id = new_id THEN
        RAISE EXCEPTION '"%" and "%" are already the same asset', asset, into_asset USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM FROM asset a WHERE a.asset_id IN (old_id, new_id) ORDER BY a.asset_id FOR UPDATE;

    -- of two findings the one that changed last is how things stand
    UPDATE finding f
    SET state = o.state, changed_at = o.changed_at, details = o.details
    FROM finding o
    WHERE f.asset_id = new_id AND o.asset_id = old_id AND o.recommendation_id = f.recommendation_id
      AND o.changed_at > f.changed_at;
    DELETE FROM finding o
    WHERE o.asset_id = old_id
      AND EXISTS (SELECT FROM finding f WHERE f.asset_id = new_id AND f.recommendation_id = o.recommendation_id);
    GET DIAGNOSTICS dropped = ROW_COUNT;
    UPDATE finding o SET asset_id = new_id WHERE o.asset_id = old_id;
    GET DIAGNOSTICS moved = ROW_COUNT;
    UPDATE exemption e SET asset_id = new_id WHERE e.asset_id = old_id;

    UPDATE asset n
    SET first_seen = least(n.first_seen, o.first_seen), last_seen = greatest(n.last_seen, o.last_seen),
        owner = coalesce(n.owner, o.owner), tags = o.tags || n.tags,
        kind = CASE n.kind WHEN 'unknown' THEN o.kind ELSE n.kind END,
        criticality = CASE WHEN criticality_rank(o.criticality) > criticality_rank(n.criticality)
                           THEN o.criticality ELSE n.criticality END
    FROM asset o
    WHERE n.asset_id = new_id AND o.asset_id = old_id;
    -- it stays, retired: the history of past days refers to it
    UPDATE asset o SET retired_at = coalesce(o.retired_at, now()) WHERE o.asset_id = old_id;
    UPDATE asset_alias l SET asset_id = new_id WHERE l.asset_id = old_id;
    INSERT INTO asset_alias (alias, asset_id, how)
    SELECT o.key, new_id, 'merged' FROM asset o WHERE o.asset_id = old_id
    ON CONFLICT (alias) DO UPDATE SET asset_id = EXCLUDED.asset_id, how = EXCLUDED.how;
END $$;
COMMENT ON FUNCTION posture.merge_asset(text, text) IS 'two assets were found to be one: moves findings and exemptions of the first to the second, where both have a finding keeps the one that changed last, and makes the first''s key an alias. Past days stay as they were known';
