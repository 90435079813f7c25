\set a random(1, :assets)
UPDATE posture.finding
SET state = CASE state WHEN 'compliant' THEN 'non_compliant'
                       ELSE 'compliant' END::posture.finding_state,
    changed_at = now()
WHERE asset_id = :a;
