/*
 * Exemptions of assets from recommendations, and which are in force: from
 * created_at until expires_at.
 */

CREATE TYPE posture.exemption_kind AS ENUM ('mitigated', 'waived', 'risk_accepted');
COMMENT ON TYPE posture.exemption_kind IS
    'effect of an exemption: mitigated counts as compliant; waived does not count; risk_accepted '
    'counts as exposed, but not as work to do';

CREATE TABLE posture.exemption (
    exemption_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    recommendation_id integer NOT NULL REFERENCES recommendation ON DELETE CASCADE,
    asset_id integer REFERENCES asset ON DELETE CASCADE,
    asset_group_id integer REFERENCES asset_group ON DELETE CASCADE,
    kind exemption_kind NOT NULL,
    reason text NOT NULL CONSTRAINT "reason is not empty" CHECK (reason ~ '\S'),
    approved_by text NOT NULL DEFAULT current_user
        CONSTRAINT "approved_by is not empty" CHECK (approved_by ~ '\S'),
    created_at timestamptz NOT NULL DEFAULT now()
        CONSTRAINT "created_at is in the years 1900 to 9999"
        CHECK (created_at BETWEEN '1900-01-01 00:00Z' AND '9999-12-31 23:59:59.999999Z'),
    expires_at timestamptz
        CONSTRAINT "expires_at is in the years 1900 to 9999"
        CHECK (expires_at BETWEEN '1900-01-01 00:00Z' AND '9999-12-31 23:59:59.999999Z'),
    is_reported boolean NOT NULL DEFAULT false,
    CONSTRAINT "an exemption is for an asset or a group, not both"
        CHECK (num_nonnulls(asset_id, asset_group_id) <= 1),
    CONSTRAINT "expires_at is not before created_at" CHECK (expires_at >= created_at)
);
CREATE INDEX ON posture.exemption (recommendation_id);
CREATE INDEX ON posture.exemption (asset_id);
COMMENT ON TABLE posture.exemption IS
    'exemptions of an asset, a group or all assets from a recommendation; to end one, set '
    'expires_at, which preserves its history';
COMMENT ON COLUMN posture.exemption.exemption_id IS 'internal id';
COMMENT ON COLUMN posture.exemption.recommendation_id IS
    'id of the recommendation that it exempts from';
COMMENT ON COLUMN posture.exemption.asset_id IS
    'id of the exempt asset; NULL, as is asset_group_id: all assets';
COMMENT ON COLUMN posture.exemption.asset_group_id IS 'id of the exempt group of assets';
COMMENT ON COLUMN posture.exemption.kind IS
    'effect on the score; where exemptions overlap, waived takes precedence over mitigated, and '
    'mitigated over risk_accepted';
COMMENT ON COLUMN posture.exemption.reason IS 'reason for the exemption';
COMMENT ON COLUMN posture.exemption.approved_by IS 'person who approved it';
COMMENT ON COLUMN posture.exemption.created_at IS 'time from which it is in force';
COMMENT ON COLUMN posture.exemption.expires_at IS
    'time from which it is no longer in force; NULL: it does not expire';
COMMENT ON COLUMN posture.exemption.is_reported IS
    'whether a document of the source reported it; a later document without it ends it';

CREATE FUNCTION posture_internal.exemption_in_force(as_of timestamptz) RETURNS SETOF exemption
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT e.*
    FROM exemption e
    WHERE e.created_at < as_of AND e.created_at <= now()
      -- An exemption that expires at the end of a day is in force on that day.
      AND (e.expires_at IS NULL OR e.expires_at >= as_of OR e.expires_at > now());
END;
COMMENT ON FUNCTION posture_internal.exemption_in_force(timestamptz) IS
    'exemptions in force at the end of a day, or now if as_of is infinity';
