/*
 * A fleet of a chosen size (psql variables findings, assets): 5 kinds of asset,
 * 5 sources, and a catalog (catalog.sql). Nothing is random, so that two runs
 * measure the same.
 */
\set ON_ERROR_STOP on

CREATE EXTENSION posture;
CREATE SCHEMA bench;

INSERT INTO posture.source (key, name) SELECT 's' || i, 'Source ' || i FROM generate_series(0, 4) i;
\ir catalog.sql

\ir deliver.sql
