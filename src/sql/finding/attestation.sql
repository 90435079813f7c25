/*
 * Manual controls: recommendations that no product checks. A person attests one, and
 * the attestation is its finding until the attestation expires.
 *
 * An attestation expires at the end of a day. The finding is closed when the snapshot
 * of that day or a later one is taken, as of the end of its last day, so that each
 * snapshot has what was in force on its day.
 */

CREATE TABLE posture.attestation (
    attestation_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    recommendation_id integer NOT NULL REFERENCES recommendation ON DELETE CASCADE,
    asset_id integer NOT NULL REFERENCES asset ON DELETE CASCADE,
    state finding_state NOT NULL
        CONSTRAINT "state is compliant or non_compliant"
        CHECK (state IN ('compliant', 'non_compliant')),
    evidence text,
    note text,
    attested_by text NOT NULL DEFAULT session_user
        CONSTRAINT "attested_by is not empty" CHECK (attested_by ~ '\S'),
    attested_at timestamptz NOT NULL DEFAULT now()
        CONSTRAINT "attested_at is in the years 1900 to 9999"
        CHECK (attested_at BETWEEN '1900-01-01 00:00Z' AND '9999-12-31 23:59:59.999999Z'),
    valid_until date
        CONSTRAINT "valid_until is in the years 1900 to 9999"
        CHECK (valid_until BETWEEN '1900-01-01' AND '9999-12-31')
);
CREATE INDEX attestation_latest
    ON posture.attestation (recommendation_id, asset_id, attested_at, attestation_id);
CREATE INDEX attestation_asset_id ON posture.attestation (asset_id);
COMMENT ON TABLE posture.attestation IS
    'what people attested of manual controls; attest() adds rows, and the latest one of a '
    'recommendation and an asset counts';
COMMENT ON COLUMN posture.attestation.attestation_id IS 'internal id';
COMMENT ON COLUMN posture.attestation.recommendation_id IS 'id of the recommendation, a manual one';
COMMENT ON COLUMN posture.attestation.asset_id IS
    'id of the asset that it was attested of, by default that of the organisation';
COMMENT ON COLUMN posture.attestation.state IS 'compliant or non_compliant';
COMMENT ON COLUMN posture.attestation.evidence IS
    'where the evidence is, such as a link; NULL: none';
COMMENT ON COLUMN posture.attestation.note IS 'remark of the person who attested; NULL: none';
COMMENT ON COLUMN posture.attestation.attested_by IS
    'person who attested: the user of the session; that of another database, where it was loaded '
    'from there';
COMMENT ON COLUMN posture.attestation.attested_at IS 'time of the attestation';
COMMENT ON COLUMN posture.attestation.valid_until IS
    'last day of posture.timezone on which it counts; NULL: it does not expire';

CREATE FUNCTION posture_internal.latest_attestation() RETURNS SETOF attestation
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1000
BEGIN ATOMIC
    SELECT DISTINCT ON (a.recommendation_id, a.asset_id) a.*
    FROM attestation a
    ORDER BY a.recommendation_id, a.asset_id, a.attested_at DESC, a.attestation_id DESC;
END;
COMMENT ON FUNCTION posture_internal.latest_attestation() IS
    'returns the latest attestation of each manual control and asset, which may have expired';

-- A finding that attest() is writing is left to it: it closes the finding itself before.
CREATE FUNCTION posture_internal.expire_attestations() RETURNS void
    LANGUAGE sql VOLATILE
BEGIN ATOMIC
    WITH expired AS (
        SELECT f.recommendation_id, f.asset_id, day_end(a.valid_until) AS expired_at
        FROM latest_attestation() a
        JOIN finding f ON f.recommendation_id = a.recommendation_id AND f.asset_id = a.asset_id
        WHERE a.valid_until < today() AND f.state <> 'not_applicable'
          -- else the state is of something later, such as a document
          AND f.changed_at < day_end(a.valid_until)
        ORDER BY f.recommendation_id, f.asset_id
        FOR UPDATE OF f SKIP LOCKED
    )
    UPDATE finding f SET state = 'not_applicable', changed_at = e.expired_at
    FROM expired e
    WHERE f.recommendation_id = e.recommendation_id AND f.asset_id = e.asset_id;
END;
COMMENT ON FUNCTION posture_internal.expire_attestations() IS
    'closes the findings whose latest attestation has expired, as of the end of its last day';

CREATE FUNCTION posture_internal.apply_attestations(recommendations integer[]) RETURNS void
    LANGUAGE sql VOLATILE
BEGIN ATOMIC
    INSERT INTO finding AS f (recommendation_id, asset_id, state, changed_at)
    SELECT a.recommendation_id, a.asset_id, a.state, a.attested_at
    FROM latest_attestation() a
    WHERE a.recommendation_id = ANY (recommendations)
      AND (a.valid_until IS NULL OR a.valid_until >= today())
    ORDER BY a.recommendation_id, a.asset_id
    ON CONFLICT (recommendation_id, asset_id) DO UPDATE
    SET state = EXCLUDED.state, changed_at = EXCLUDED.changed_at
    WHERE f.state <> EXCLUDED.state AND f.changed_at <= EXCLUDED.changed_at;
END;
COMMENT ON FUNCTION posture_internal.apply_attestations(integer[]) IS
    'gives findings of some recommendations the state of their latest attestation, unless it has '
    'expired or the finding changed after it';

CREATE FUNCTION posture_internal.organisation() RETURNS integer
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
BEGIN
    INSERT INTO asset (key, kind, name)
    SELECT 'organisation', 'organisation', 'Organisation'
    WHERE asset_of('organisation', NULL) IS NULL
    ON CONFLICT (key) DO NOTHING;
    RETURN asset_of('organisation', NULL);
END $$;
COMMENT ON FUNCTION posture_internal.organisation() IS
    'returns the id of the asset that manual controls are attested of by default, and adds it if '
    'there is none';

CREATE FUNCTION posture_internal.manual_control(name text) RETURNS integer
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    control record;
BEGIN
    IF name IS NULL THEN
        RAISE EXCEPTION 'recommendation must not be null'
            USING ERRCODE = 'null_value_not_allowed',
                  HINT = 'The view posture.framework_report lists manual controls.';
    END IF;
    -- attestations of a control wait for each other
    SELECT r.recommendation_id, r.is_manual, s.key AS source INTO control
    FROM key_id('recommendation', ARRAY[name]) k
    JOIN recommendation r ON r.recommendation_id = k.id
    JOIN source s USING (source_id)
    FOR NO KEY UPDATE OF r;
    IF NOT control.is_manual THEN
        RAISE EXCEPTION 'recommendation "%" is not a manual control', name
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  DETAIL = format('Source "%s" assesses it.', control.source),
                  HINT = 'An exemption can say that a failure is mitigated. The view '
                         'posture.framework_report lists manual controls.';
    END IF;
    RETURN control.recommendation_id;
END $$;
COMMENT ON FUNCTION posture_internal.manual_control(text) IS
    'step of attest(): returns the id of a manual control and locks it; an error if it is none';

CREATE FUNCTION posture_internal.attest_asset(
    control integer, state text, evidence text, valid_until date, note text, asset text,
    by_user text) RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, posture, posture_internal, pg_temp
AS $$
DECLARE
    attested_asset integer := CASE WHEN asset IS NULL THEN organisation()
                                   ELSE (SELECT k.id FROM key_id('asset', ARRAY[asset]) k) END;
BEGIN
    PERFORM expire_attestations();
    INSERT INTO attestation (recommendation_id, asset_id, state, evidence, note, attested_by,
                             attested_at, valid_until)
    VALUES (control, attested_asset, state::finding_state, evidence, note, by_user,
            clock_timestamp(), valid_until);
    PERFORM apply_attestations(ARRAY[control]);
    RETURN 1;
END $$;
COMMENT ON FUNCTION posture_internal.attest_asset(
    integer, text, text, date, text, text, text) IS
    'step of attest(): writes an attestation of an asset of this database, and its finding; '
    'returns 1';

CREATE FUNCTION posture.attest(
    recommendation text, state text, evidence text DEFAULT NULL, valid_until date DEFAULT NULL,
    note text DEFAULT NULL, asset text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, posture, posture_internal, pg_temp
    SET datestyle = 'ISO, YMD' SET posture.partial_results = off
AS $$
DECLARE
    control integer;
    of_node integer;
BEGIN
    PERFORM require_level('curator');
    control := manual_control(recommendation);
    IF state IS NULL OR state NOT IN ('compliant', 'non_compliant') THEN
        RAISE EXCEPTION 'invalid state: "%"', coalesce(left(state, 100), 'NULL')
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'A person attests that a control is compliant or non_compliant.';
    ELSIF valid_until < today() THEN
        RAISE EXCEPTION 'valid_until % is before today', valid_until
            USING ERRCODE = 'invalid_parameter_value',
                  DETAIL = format('Today is %s in time zone %s.', today(), setting('timezone')),
                  HINT = 'It is the last day on which the attestation counts.';
    END IF;
    IF has_nodes() THEN
        of_node := (SELECT r.node_id FROM route_of(coalesce(asset, 'organisation')) r);
    END IF;
    IF of_node > 0 THEN
        PERFORM flush_catalog();
        PERFORM FROM tell_nodes(NULL::applied,
                                question('attest_asset(%L, %L, %L, %L, %L, %L, %L)', control, state,
                                         evidence, valid_until, note, asset, session_user),
                                ARRAY[of_node]);
    ELSE
        PERFORM attest_asset(control, state, evidence, valid_until, note, asset, session_user);
    END IF;
END $$;
COMMENT ON FUNCTION posture.attest(text, text, text, date, text, text) IS
    'attests in the name of the session''s user that a manual control is compliant or '
    'non_compliant, with a link to the evidence, until a last day (NULL: it does not expire), of '
    'an asset or of the organisation; the latest attestation counts';
