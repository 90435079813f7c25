/*
 * The inbox: sources COPY findings into it, and ingest() loads them. Rows that
 * cannot be loaded are moved to rejected.
 */

CREATE TABLE posture.inbox (
    source text,
    recommendation text,
    asset text,
    state text,
    observed_at timestamptz,
    asset_kind text,
    asset_name text,
    details jsonb
);
COMMENT ON TABLE posture.inbox IS 'findings to load: COPY them here, then call ingest()';
COMMENT ON COLUMN posture.inbox.source IS 'key of a source';
COMMENT ON COLUMN posture.inbox.recommendation IS
    'key of a recommendation in the source; a new key adds a recommendation';
COMMENT ON COLUMN posture.inbox.asset IS 'key of an asset; a new key adds an asset';
COMMENT ON COLUMN posture.inbox.state IS 'compliant, non_compliant or not_applicable';
COMMENT ON COLUMN posture.inbox.observed_at IS
    'time at which the source observed it, not later than now; NULL: now';
COMMENT ON COLUMN posture.inbox.asset_kind IS 'kind of the asset; NULL: unchanged';
COMMENT ON COLUMN posture.inbox.asset_name IS 'display name of the asset; NULL: unchanged';
COMMENT ON COLUMN posture.inbox.details IS 'further data of the source; NULL: unchanged';

CREATE TABLE posture.rejected (
    source text,
    recommendation text,
    asset text,
    state text,
    observed_at timestamptz,
    asset_kind text,
    asset_name text,
    details jsonb,
    reason text NOT NULL,
    rejected_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX rejected_rejected_at ON posture.rejected (rejected_at);
COMMENT ON TABLE posture.rejected IS
    'rows of the inbox that could not be loaded, with the reason; to load one again, insert it '
    'into the inbox';
COMMENT ON COLUMN posture.rejected.source IS 'as in the inbox';
COMMENT ON COLUMN posture.rejected.recommendation IS 'as in the inbox';
COMMENT ON COLUMN posture.rejected.asset IS 'as in the inbox';
COMMENT ON COLUMN posture.rejected.state IS 'as in the inbox';
COMMENT ON COLUMN posture.rejected.observed_at IS 'as in the inbox';
COMMENT ON COLUMN posture.rejected.asset_kind IS 'as in the inbox';
COMMENT ON COLUMN posture.rejected.asset_name IS 'as in the inbox';
COMMENT ON COLUMN posture.rejected.details IS 'as in the inbox';
COMMENT ON COLUMN posture.rejected.reason IS 'reason for which it could not be loaded';
COMMENT ON COLUMN posture.rejected.rejected_at IS 'time at which it was rejected';

-- The schema of OCSF defines a warning as a check without a result, for want of
-- information.
CREATE FUNCTION posture_internal.result_state(result text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE lower(replace(left(result, 40), ' ', '_'))
        WHEN 'pass' THEN 'compliant' WHEN 'passed' THEN 'compliant'
        WHEN 'compliant' THEN 'compliant'
        WHEN 'fail' THEN 'non_compliant' WHEN 'failed' THEN 'non_compliant'
        WHEN 'non_compliant' THEN 'non_compliant' WHEN 'noncompliant' THEN 'non_compliant'
        WHEN 'warning' THEN 'not_applicable' WHEN 'manual' THEN 'not_applicable'
        WHEN 'muted' THEN 'not_applicable' WHEN 'info' THEN 'not_applicable'
        WHEN 'unknown' THEN 'not_applicable' WHEN 'other' THEN 'not_applicable'
        WHEN 'not_available' THEN 'not_applicable' WHEN 'not_applicable' THEN 'not_applicable'
    END;
COMMENT ON FUNCTION posture_internal.result_state(text) IS
    'returns the state that the name of a result stands for; NULL if the name is not known';

CREATE FUNCTION posture_internal.state_error(state text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE
        WHEN state IS NULL THEN 'missing state'
        WHEN state NOT IN ('compliant', 'non_compliant', 'not_applicable')
            THEN format('invalid state "%s": expected compliant, non_compliant or not_applicable',
                        left(state, 100))
                 || coalesce(', here perhaps ' || result_state(translate(btrim(state), '-', '_')), '')
    END;
COMMENT ON FUNCTION posture_internal.state_error(text) IS
    'error text for a state of a finding that is not one; NULL if it is';

CREATE FUNCTION posture_internal.inbox_error(item inbox, sources text[], arrived_at timestamptz)
    RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE
        WHEN item.source IS NULL OR item.source = '' THEN 'missing source'
        WHEN item.source <> ALL (sources)
            THEN format('source "%s" does not exist', left(item.source, 100))
                 -- of more the comparison takes long
                 || CASE WHEN cardinality(sources) <= 100
                         THEN coalesce(', here perhaps ' || similar_name(sources, item.source), '')
                         ELSE '' END
        WHEN key_error('recommendation', item.recommendation) IS NOT NULL
            THEN key_error('recommendation', item.recommendation)
        WHEN key_error('asset', item.asset) IS NOT NULL THEN key_error('asset', item.asset)
        WHEN kind_error(item.asset_kind) IS NOT NULL THEN kind_error(item.asset_kind)
        WHEN state_error(item.state) IS NOT NULL THEN state_error(item.state)
        WHEN item.observed_at > arrived_at
             AND item.observed_at > latest_observation(arrived_at)
            THEN format('observed_at is in the future: %s', item.observed_at)
        WHEN item.observed_at = '-infinity' THEN 'observed_at is -infinity'
        WHEN item.observed_at < '1900-01-01 00:00Z'
            THEN format('observed_at is before the year 1900: %s', item.observed_at)
    END;
COMMENT ON FUNCTION posture_internal.inbox_error(inbox, text[], timestamptz) IS
    'error text for a row of the inbox that cannot be loaded; NULL if it can';

CREATE FUNCTION posture_internal.report_rejected(rejected bigint, first_reason text) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    IF rejected > 0 THEN
        RAISE NOTICE '% of the elements could not be loaded', rejected
            USING DETAIL = format('First reason: %s.', left(first_reason, 300)),
                  HINT = CASE WHEN has_level(caller(), 'operator')
                              THEN 'The table posture.rejected has all of them.'
                              ELSE 'SELECT * FROM posture.rejections(source) returns them.' END;
    END IF;
END $$;
COMMENT ON FUNCTION posture_internal.report_rejected(bigint, text) IS
    'step of load() and ingest(): gives notice of what was rejected';

-- Rows are added by need, and never change. That of a source which is gone does no harm.
CREATE TABLE posture_internal.delivery (
    source_id integer PRIMARY KEY
);
COMMENT ON TABLE posture_internal.delivery IS
    'what deliveries lock: one of a source its row, another one the table';
COMMENT ON COLUMN posture_internal.delivery.source_id IS 'id of the source';

-- The inbox is locked before any other table, as in grant_access(), so that the two cannot
-- deadlock.
CREATE FUNCTION posture_internal.lock_delivery(only_sources text[] DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    IF only_sources IS NULL THEN
        LOCK TABLE inbox IN SHARE UPDATE EXCLUSIVE MODE;
        LOCK TABLE delivery IN EXCLUSIVE MODE;
        RETURN;
    END IF;
    LOCK TABLE inbox, delivery IN ROW EXCLUSIVE MODE;
    INSERT INTO delivery (source_id)
    SELECT s.source_id FROM source s WHERE s.key = ANY (only_sources) ORDER BY s.source_id
    ON CONFLICT DO NOTHING;
    PERFORM FROM delivery d JOIN source s USING (source_id)
    WHERE s.key = ANY (only_sources)
    ORDER BY d.source_id
    FOR UPDATE OF d;
END $$;
COMMENT ON FUNCTION posture_internal.lock_delivery(text[]) IS
    'waits for other deliveries until the transaction ends: for those of the same sources, or for '
    'all; COPY into the inbox does not wait';
