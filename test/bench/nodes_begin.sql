/* An empty head: the sources and the delivery of the fleet, and the way to its nodes. */
\set ON_ERROR_STOP on
CREATE EXTENSION posture;
CREATE EXTENSION dblink;
CREATE SCHEMA bench;
INSERT INTO posture.source (key, name) SELECT 's' || i, 'Source ' || i FROM generate_series(0, 4) i;
INSERT INTO posture.asset_group (key, name, kinds) VALUES ('g1', 'G', '{kind1}');
\ir deliver.sql
