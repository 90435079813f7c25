-- A fictitious organisation: thirty days of findings of a host scanner, a cloud
-- scanner and a directory audit, and its Secure Score. The last of these days ended
-- yesterday, and some findings changed today. The demo and the tests of clients use it.
-- Run it as the role that installed posture, in an empty database.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
SET search_path = posture, posture_internal, pg_catalog;

INSERT INTO source (key, name, product, stale_after) VALUES
    ('hosts', 'Host scanner', 'Host scanner', '14 days'),
    ('cloud', 'Cloud scanner', 'Cloud scanner', '14 days'),
    ('directory', 'Directory audit', 'Directory', NULL);

-- The recommendations: the kind of asset, the percentage that fails on the first and on
-- the last day, and an incident: its first day, its length and the percentage that fails.
CREATE TEMP TABLE ask (source text, recommendation text, title text, severity importance, kind text, workload text, domain text,
                       first_failing integer, last_failing integer, wrong_from integer, wrong_days integer, wrong_failing integer,
                       assigned_to text, due_in integer, remediation text);
INSERT INTO ask VALUES
    ('directory', 'mfa', 'Sign-in takes a second factor', 'critical', 'account', 'Directory', 'Identity', 42, 11, 24, 3, 38, 'Identity team', 9,
     'Turn on the policy that asks every account for a second factor, and register the accounts that lack one.'),
    ('directory', 'phishing-resistant', 'Administrators sign in by a method that can''t be phished', 'critical', 'account', 'Directory', 'Identity', 18, 9, 31, 1, 12, 'Identity team', 30,
     'Give administrators security keys or certificates, and allow nothing else for their roles.'),
    ('directory', 'legacy-protocols', 'Protocols without a second factor are off', 'high', 'account', 'Directory', 'Identity', 22, 4, NULL, NULL, NULL, NULL, NULL,
     'Block IMAP, POP and basic SMTP sign-in by policy; name the few accounts that need an exception.'),
    ('directory', 'dormant', 'No account is enabled that nobody has used for 90 days', 'medium', 'account', 'Directory', 'Identity', 17, 14, 12, 30, 21, NULL, NULL,
     'Disable accounts without a sign-in in 90 days; delete them after 180.'),
    ('directory', 'standing-admin', 'Administrators get their rights for hours, not for ever', 'high', 'account', 'Directory', 'Identity', 9, 6, NULL, NULL, NULL, 'Identity team', -4,
     'Make standing assignments of privileged roles eligible ones, which are asked for and expire.'),
    ('directory', 'password-age', 'Service accounts change their secret within a year', 'medium', 'account', 'Directory', 'Identity', 25, 20, NULL, NULL, NULL, NULL, NULL,
     'Rotate the secrets, and hand them out by a vault that rotates them from then on.'),
    ('hosts', 'patched', 'Security updates are not older than 14 days', 'critical', 'host', 'Servers', 'Vulnerabilities', 35, 15, 27, 4, 26, 'Platform team', 5,
     'Install the pending security updates and restart; let unattended upgrades do it from then on.'),
    ('hosts', 'edr', 'Endpoint protection runs and reports', 'critical', 'host', 'Servers', 'Endpoint', 21, 6, 16, 2, 31, 'Platform team', 12,
     'Install the agent by configuration management and alert when a host stops reporting.'),
    ('hosts', 'tamper', 'Endpoint protection can''t be switched off locally', 'high', 'host', 'Servers', 'Endpoint', 28, 12, NULL, NULL, NULL, NULL, NULL,
     'Turn on tamper protection in the policy of the endpoint agent.'),
    ('hosts', 'disk-encrypted', 'Disks are encrypted', 'medium', 'host', 'Servers', 'Data', 12, 8, NULL, NULL, NULL, NULL, NULL,
     'Encrypt the volumes, and keep the recovery keys in the vault.'),
    ('hosts', 'remote-desktop', 'Remote administration is not open to every network', 'high', 'host', 'Servers', 'Network', 19, 7, NULL, NULL, NULL, 'Platform team', 20,
     'Allow SSH and RDP from the administration network alone.'),
    ('hosts', 'smb1', 'SMB 1 is removed', 'high', 'host', 'Servers', 'Network', 11, 2, NULL, NULL, NULL, NULL, NULL,
     'Remove the SMB 1 feature; move what still needs it to SMB 3.'),
    ('hosts', 'local-admin', 'Passwords of local administrators differ', 'high', 'host', 'Servers', 'Identity', 31, 18, NULL, NULL, NULL, NULL, NULL,
     'Let a password manager for local administrators set and rotate them.'),
    ('hosts', 'backup-offline', 'A backup is kept that the host can''t delete', 'critical', 'host', 'Servers', 'Recovery', 33, 16, NULL, NULL, NULL, 'Platform team', 40,
     'Copy backups to storage with retention that no credential of the host can shorten.'),
    ('hosts', 'restore-tested', 'A restore was tried in the last 90 days', 'high', 'host', 'Servers', 'Recovery', 55, 37, NULL, NULL, NULL, NULL, NULL,
     'Restore to an isolated network, and keep a record of how long it took.'),
    ('cloud', 'bucket-public', 'Buckets are not public', 'critical', 'bucket', 'Storage', 'Data', 10, 4, 20, 4, 18, NULL, NULL,
     'Block public access for the account, then for each bucket that a site does not serve from.'),
    ('cloud', 'bucket-encrypted', 'Buckets are encrypted with a key of ours', 'medium', 'bucket', 'Storage', 'Data', 40, 22, NULL, NULL, NULL, NULL, NULL,
     'Set default encryption with a customer-managed key.'),
    ('cloud', 'bucket-logged', 'Access to buckets is logged', 'low', 'bucket', 'Storage', 'Logging', 48, 30, NULL, NULL, NULL, NULL, NULL,
     'Turn on data events for buckets in the audit trail.'),
    ('cloud', 'bucket-versioned', 'Buckets keep versions', 'medium', 'bucket', 'Storage', 'Recovery', 30, 20, NULL, NULL, NULL, NULL, NULL,
     'Turn on versioning, with a lifecycle rule that ends old versions.'),
    ('cloud', 'db-public', 'Databases are not reachable from the internet', 'critical', 'database', 'Databases', 'Network', 14, 5, 30, 30, 22, 'Platform team', 3,
     'Move the database to a private subnet and remove its public address.'),
    ('cloud', 'db-tls', 'Databases refuse connections without TLS', 'high', 'database', 'Databases', 'Data', 24, 10, NULL, NULL, NULL, NULL, NULL,
     'Require TLS in the parameter group; restart in the maintenance window.'),
    ('cloud', 'db-backup', 'Databases have backups of 14 days', 'high', 'database', 'Databases', 'Recovery', 19, 14, NULL, NULL, NULL, NULL, NULL,
     'Raise the retention of automated backups to 14 days.'),
    ('cloud', 'key-rotated', 'Access keys are younger than 90 days', 'high', 'account', 'Cloud account', 'Identity', 37, 23, NULL, NULL, NULL, NULL, NULL,
     'Replace keys by roles; rotate those that stay.');

INSERT INTO recommendation (source_id, key, title, severity, workload, domain, assigned_to, due_on, remediation)
SELECT s.source_id, a.recommendation, a.title, a.severity, a.workload, a.domain, a.assigned_to, today() + a.due_in, a.remediation
FROM ask a JOIN source s ON s.key = a.source;

-- The inventory has three accounts and two hosts that no scanner assesses.
CREATE TEMP TABLE thing AS
SELECT k.kind, format('%s-%s', k.kind, to_char(n, 'FM000')) AS asset, format('%s %s', initcap(k.kind), to_char(n, 'FM000')) AS name,
       CASE WHEN n % 13 = 0 THEN 'critical' WHEN n % 5 = 0 THEN 'high' WHEN n % 3 = 0 THEN 'low' ELSE 'medium' END AS criticality,
       jsonb_build_object('environment', CASE WHEN n % 4 = 0 THEN 'test' ELSE 'production' END) AS tags, n <= k.scanned AS is_scanned
FROM (VALUES ('account', 93, 90), ('host', 72, 70), ('bucket', 40, 40), ('database', 25, 25)) k(kind, things, scanned) CROSS JOIN LATERAL generate_series(1, k.things) n;
INSERT INTO asset (key, kind, name, criticality, tags, first_seen, last_seen)
SELECT asset, kind, name, criticality, tags, day_end(today() - 31), day_end(today() - 31) FROM thing;
INSERT INTO asset_group (key, name, kinds, tags) VALUES
    ('production', 'Production', NULL, '{"environment": "production"}'), ('servers', 'Servers', '{host}', NULL),
    ('accounts', 'All accounts', '{account}', NULL);

INSERT INTO metric (key, name, description, importance, asset_kinds) VALUES
    ('account-takeover', 'Accounts that are easy to take over', 'Accounts that a guessed or stolen password is enough for', 'critical', '{account}'),
    ('privileged-access', 'Privileged access without limits', 'Accounts that keep strong rights for ever, or by secrets that do not change', 'high', '{account}'),
    ('dormant-accounts', 'Accounts that nobody uses', NULL, 'low', '{account}'),
    ('endpoint-protection', 'Hosts without working endpoint protection', 'Hosts where malware would run unseen', 'critical', '{host}'),
    ('vulnerable-hosts', 'Hosts with known vulnerabilities', NULL, 'critical', '{host}'),
    ('lateral-movement', 'Hosts that an intruder moves on from', NULL, 'high', '{host}'),
    ('recovery', 'What could not be restored', 'Hosts, buckets and databases without a backup that would help', 'critical', NULL),
    ('exposed-data', 'Data that is open to others', 'Buckets and databases that can be read from outside', 'critical', '{bucket,database}'),
    ('cloud-hygiene', 'Cloud resources without the basics', NULL, 'medium', '{bucket,database}');
UPDATE metric m SET population_group_id = g.asset_group_id, unassessed = v.unassessed
FROM (VALUES ('account-takeover', 'accounts', 'excluded'), ('endpoint-protection', 'servers', 'exposed'),
             ('vulnerable-hosts', 'servers', 'excluded')) v(metric, asset_group, unassessed)
JOIN asset_group g ON g.key = v.asset_group
WHERE m.key = v.metric;
INSERT INTO metric_recommendation
SELECT m.metric_id, r.recommendation_id
FROM (VALUES ('account-takeover', '{mfa,phishing-resistant,legacy-protocols}'::text[]), ('privileged-access', '{standing-admin,password-age,key-rotated}'),
             ('dormant-accounts', '{dormant}'), ('endpoint-protection', '{edr,tamper}'), ('vulnerable-hosts', '{patched}'),
             ('lateral-movement', '{remote-desktop,smb1,local-admin}'), ('recovery', '{backup-offline,restore-tested,bucket-versioned,db-backup}'),
             ('exposed-data', '{bucket-public,db-public,db-tls}'), ('cloud-hygiene', '{bucket-encrypted,bucket-logged,bucket-versioned,db-backup}')) v(metric, recommendations)
JOIN metric m ON m.key = v.metric
JOIN recommendation r ON r.key = ANY (v.recommendations);

INSERT INTO initiative (key, name, kind, description, method, is_pinned, target_score, target_on) VALUES
    ('identity', 'Identity', 'area', 'Who gets in, and with which rights', 'weighted', true, 85, today() + 60),
    ('ransomware', 'Ransomware', 'threat', 'What an extortionist would need to find', 'weighted', true, 80, today() + 30),
    ('cloud', 'Cloud', 'area', 'Storage and databases in the cloud account', 'population', false, 90, NULL);
INSERT INTO initiative_metric (initiative_id, metric_id, weight)
SELECT i.initiative_id, m.metric_id, v.weight
FROM (VALUES ('identity', 'account-takeover', NULL), ('identity', 'privileged-access', NULL), ('identity', 'dormant-accounts', NULL),
             ('ransomware', 'endpoint-protection', NULL), ('ransomware', 'vulnerable-hosts', NULL), ('ransomware', 'lateral-movement', NULL),
             ('ransomware', 'recovery', NULL), ('ransomware', 'account-takeover', 6), ('cloud', 'exposed-data', NULL), ('cloud', 'cloud-hygiene', NULL)) v(initiative, metric, weight)
JOIN initiative i ON i.key = v.initiative
JOIN metric m ON m.key = v.metric;

INSERT INTO exemption (recommendation_id, asset_group_id, kind, reason, approved_by, created_at, expires_at)
SELECT r.recommendation_id, g.asset_group_id, v.kind, v.reason, 'Risk board', day_end(today() - 32), day_end(today() + v.days)
FROM (VALUES ('restore-tested', NULL, 'risk_accepted'::exemption_kind, 'Restores are tried when the new site is ready', 25),
             ('disk-encrypted', 'servers', 'mitigated', 'The racks are in a locked room with an alarm', 200),
             ('bucket-logged', NULL, 'waived', 'Logging moves to the new trail', 12)) v(recommendation, asset_group, kind, reason, days)
JOIN recommendation r ON r.key = v.recommendation
LEFT JOIN asset_group g ON g.key = v.asset_group;

-- An asset fails a recommendation while a hash of both, from 0 to 99, is below the
-- percentage that fails on that day. So a repaired asset stays repaired outside of
-- incidents, and every run gives the same data. What the host scanner delivers is complete.
CREATE PROCEDURE pg_temp.live_through(day_number integer) LANGUAGE plpgsql AS $$
DECLARE
    day date := today() - 31 + day_number;
BEGIN
    INSERT INTO inbox (source, recommendation, asset, state, observed_at, asset_kind)
    SELECT a.source, a.recommendation, t.asset,
           CASE WHEN ('x' || substr(md5(a.recommendation || t.asset), 1, 6))::bit(24)::integer % 100 <
                     CASE WHEN day_number >= a.wrong_from AND day_number < a.wrong_from + a.wrong_days THEN a.wrong_failing
                          ELSE a.first_failing + (a.last_failing - a.first_failing) * day_number / 30 END
                THEN 'non_compliant' ELSE 'compliant' END,
           least(day_end(day - 1) + interval '6 hours', now()), t.kind
    FROM pg_temp.ask a JOIN pg_temp.thing t USING (kind)
    WHERE t.is_scanned;
    PERFORM FROM ingest('hosts');
    IF day < today() - 1 THEN
        PERFORM FROM take_snapshot(day);
    END IF;
END $$;
SELECT FROM backfill(today() - 30) \g /dev/null
SELECT format('CALL pg_temp.live_through(%s)', n) FROM generate_series(1, 29) n \gexec

-- the Secure Score of a tenant, and what others score
SELECT FROM load('graph-secure-score-profiles', '[
    {"id": "AdminMFA", "title": "Administrators sign in with a second factor", "maxScore": 10, "service": "AzureAD", "controlCategory": "Identity", "rank": 1, "remediation": "Turn on the policy for administrators."},
    {"id": "UserMFA", "title": "Everybody signs in with a second factor", "maxScore": 9, "service": "AzureAD", "controlCategory": "Identity", "rank": 2, "remediation": "Turn on the policy for all users."},
    {"id": "LegacyAuth", "title": "Legacy authentication is blocked", "maxScore": 8, "service": "AzureAD", "controlCategory": "Identity", "rank": 3, "remediation": "Block it by policy."},
    {"id": "SafeLinks", "title": "Links in mail are checked when they are opened", "maxScore": 6, "service": "MDO", "controlCategory": "Apps", "rank": 4, "remediation": "Turn on the policy for links."},
    {"id": "Dlp", "title": "Confidential documents can''t be sent out", "maxScore": 5, "service": "MIP", "controlCategory": "Data", "rank": 5, "remediation": "Publish the policy."},
    {"id": "DeviceEncryption", "title": "Devices are encrypted", "maxScore": 9, "service": "MDATP", "controlCategory": "Device", "rank": 6, "remediation": "Turn on disk encryption by device policy."},
    {"id": "AttackSurface", "title": "Rules that reduce the attack surface are on", "maxScore": 13, "service": "MDATP", "controlCategory": "Device", "rank": 7, "remediation": "Start in audit mode, then block."}]'::jsonb) \g /dev/null
WITH control(name, category, points, first_pct, last_pct) AS (
    VALUES ('AdminMFA', 'Identity', 10, 60, 100), ('UserMFA', 'Identity', 9, 35, 80), ('LegacyAuth', 'Identity', 8, 100, 100),
           ('SafeLinks', 'Apps', 6, 50, 75), ('Dlp', 'Data', 5, 0, 20), ('DeviceEncryption', 'Device', 9, 70, 85), ('AttackSurface', 'Device', 13, 15, 40)
), share AS (
    SELECT n, today() - 31 + n AS day, c.*, c.first_pct + (c.last_pct - c.first_pct) * n / 30 - CASE WHEN c.name = 'UserMFA' AND n BETWEEN 18 AND 21 THEN 25 ELSE 0 END AS pct
    FROM control c CROSS JOIN generate_series(1, 30) n
), document AS (
    SELECT jsonb_build_object(
               'id', 'tenant_' || day, 'azureTenantId', 'tenant', 'createdDateTime', day || 'T03:00:00Z', 'maxScore', 60, 'currentScore', sum(points * pct / 100.0),
               'controlScores', jsonb_agg(jsonb_build_object('controlName', name, 'controlCategory', category, 'score', points * pct / 100.0, 'scoreInPercentage', pct)),
               'averageComparativeScores', jsonb_build_array(
                   jsonb_build_object('basis', 'AllTenants', 'averageScore', 46.5 + 0.05 * n),
                   jsonb_build_object('basis', 'TotalSeats', 'averageScore', 52 + 0.1 * n, 'SeatSizeRangeLowerValue', '101', 'SeatSizeRangeUpperValue', '500'))) AS document
    FROM share GROUP BY day, n
)
SELECT FROM load('graph-secure-scores', (SELECT jsonb_build_object('value', jsonb_agg(document)) FROM document)) \g /dev/null
UPDATE initiative SET is_pinned = true, target_score = 75 WHERE key = 'microsoft-secure-score';

-- the server itself, the last day that ended, and today; since that day the scanner does
-- not reach four hosts that lacked updates
SELECT FROM assess_cluster() \g /dev/null
UPDATE thing SET is_scanned = false
WHERE asset IN (SELECT asset FROM finding_report WHERE recommendation = 'patched' AND state = 'non_compliant' ORDER BY asset LIMIT 4);
CALL pg_temp.live_through(30);
CALL run_daily();
CALL pg_temp.live_through(31);

SELECT acknowledge(event_id, 'Accounts of the closed branch: they are deleted this month') FROM event_report
WHERE object = 'dormant-accounts' AND kind = 'metric_score_drop' \g /dev/null
