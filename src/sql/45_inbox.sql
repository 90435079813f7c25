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
