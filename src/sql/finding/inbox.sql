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
COMMENT ON COLUMN posture.inbox.observed_at IS 'time at which the source observed it; NULL: now';
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

CREATE FUNCTION posture_internal.inbox_error(item inbox, sources text[], arrived_at timestamptz)
    RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE
        WHEN item.source IS NULL OR item.source = '' THEN 'missing source'
        WHEN item.source <> ALL (sources)
            THEN format('source "%s" does not exist', left(item.source, 100))
        WHEN key_error('recommendation', item.recommendation) IS NOT NULL
            THEN key_error('recommendation', item.recommendation)
        WHEN key_error('asset', item.asset) IS NOT NULL THEN key_error('asset', item.asset)
        WHEN kind_error(item.asset_kind) IS NOT NULL THEN kind_error(item.asset_kind)
        WHEN item.state IS NULL THEN 'missing state'
        WHEN item.state NOT IN ('compliant', 'non_compliant', 'not_applicable')
            THEN format('invalid state "%s"', left(item.state, 100))
        WHEN item.observed_at > arrived_at
            THEN format('observed_at is in the future: %s', item.observed_at)
        WHEN item.observed_at = '-infinity' THEN 'observed_at is -infinity'
    END;
COMMENT ON FUNCTION posture_internal.inbox_error(inbox, text[], timestamptz) IS
    'error text for a row of the inbox that cannot be loaded; NULL if it can';
