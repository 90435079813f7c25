\set ECHO none
-- Sources with recommendations, points and findings for the test pack.
INSERT INTO source (key, name, product)
    VALUES ('microsoft-secure-score', 'Microsoft Secure Score', 'Microsoft Secure Score'),
    ('prowler', 'Prowler', 'Prowler'), ('openscap', 'OpenSCAP', 'OpenSCAP');
INSERT INTO recommendation (source_id, key, title, domain, workload, severity) VALUES
    (1, 'mfa', 'MFA', 'identity', 'AzureAD', 'medium'),
    (1, 'admins', 'Admins', 'identity', 'AzureAD', 'medium'),
    (1, 'phishing', 'Phishing', 'apps', 'MDO', 'medium'),
    (1, 'edr', 'EDR', 'device', 'MDATP', 'medium'),
    (2, 'vm_backup_enabled', 'Backup', 'resilience', 'vm', 'high'),
    (2, 'nsg_open', 'Open', 'internet-exposed', 'network', 'critical'),
    (3, 'sshd', 'SSH', NULL, 'Linux STIG', 'low');
INSERT INTO measure
    VALUES (1, 5, 10, '2024-03-02 10:00'), (2, 8, 8, '2024-03-02 10:00'),
    (3, 3, 12, '2024-03-02 10:00');
INSERT INTO asset (key, name, kind) SELECT 'vm' || n, 'VM', 'host' FROM generate_series(1, 4) n;
INSERT INTO finding
SELECT 5, n, CASE WHEN n <= 1 THEN 'non_compliant' ELSE 'compliant' END::finding_state,
    '2024-03-02 10:00' FROM generate_series(1, 4) n;
INSERT INTO finding
SELECT 6, n, CASE WHEN n <= 2 THEN 'non_compliant' ELSE 'compliant' END::finding_state,
    '2024-03-02 10:00' FROM generate_series(1, 4) n;
INSERT INTO finding SELECT 7, n, 'non_compliant', '2024-03-02 10:00' FROM generate_series(1, 2) n;
\set ECHO all
