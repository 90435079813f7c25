/*
 * The door for findings: COPY into inbox, then ingest().
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
COMMENT ON TABLE posture.inbox IS 'COPY findings here, then call ingest()';
COMMENT ON COLUMN posture.inbox.source IS 'key of a source';
COMMENT ON COLUMN posture.inbox.recommendation IS 'the source''s key of a recommendation; a new one becomes a recommendation';
COMMENT ON COLUMN posture.inbox.asset IS 'key of an asset; a new one becomes an asset';
COMMENT ON COLUMN posture.inbox.state IS 'compliant, non_compliant or not_applicable';
COMMENT ON COLUMN posture.inbox.observed_at IS 'when the source saw it; NULL: now';
COMMENT ON COLUMN posture.inbox.asset_kind IS 'kind of the asset; NULL: no word on it';
COMMENT ON COLUMN posture.inbox.asset_name IS 'name of the asset; NULL: no word on it';
COMMENT ON COLUMN posture.inbox.details IS 'what else the source says; NULL: no word on it';

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
COMMENT ON TABLE posture.rejected IS 'what was in the inbox and could not be loaded, with the reason; to try again, put it back into the inbox';
COMMENT ON COLUMN posture.rejected.source IS 'as it was in the inbox';
COMMENT ON COLUMN posture.rejected.recommendation IS 'as it was in the inbox';
COMMENT ON COLUMN posture.rejected.asset IS 'as it was in the inbox';
COMMENT ON COLUMN posture.rejected.state IS 'as it was in the inbox';
COMMENT ON COLUMN posture.rejected.observed_at IS 'as it was in the inbox';
COMMENT ON COLUMN posture.rejected.asset_kind IS 'as it was in the inbox';
COMMENT ON COLUMN posture.rejected.asset_name IS 'as it was in the inbox';
COMMENT ON COLUMN posture.rejected.details IS 'as it was in the inbox';
COMMENT ON COLUMN posture.rejected.reason IS 'why it could not be loaded';
COMMENT ON COLUMN posture.rejected.rejected_at IS 'when';

CREATE FUNCTION posture_internal.inbox_error(item inbox, sources text[], arrived timestamptz) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE
        WHEN item.source IS NULL OR item.source = '' THEN 'missing source'
        WHEN item.source <> ALL (sources) THEN format('source "%s" does not exist', left(item.source, 100))
        WHEN key_error('recommendation', item.recommendation) IS NOT NULL
            THEN key_error('recommendation', item.recommendation)
        WHEN key_error('asset', item.asset) IS NOT NULL THEN key_error('asset', item.asset)
        WHEN kind_error(item.asset_kind) IS NOT NULL THEN kind_error(item.asset_kind)
        WHEN item.state IS NULL THEN 'missing state'
        WHEN item.state NOT IN ('compliant', 'non_compliant', 'not_applicable')
            THEN format('invalid state "%s"', left(item.state, 100))
        WHEN item.observed_at > arrived THEN format('observed_at is in the future: %s', item.observed_at)
        WHEN item.observed_at = '-infinity' THEN 'observed_at is -infinity'
    END;
COMMENT ON FUNCTION posture_internal.inbox_error(inbox, text[], timestamptz) IS 'why a row of the inbox can''t be loaded, naming the value; NULL: it can';
