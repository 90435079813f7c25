/*
 * The install script of posture, joined from src/sql/ in the order of the
 * file names. It runs as the bootstrap superuser, for whoever may create in the
 * database, in a schema that may be there already and be theirs. So nothing of
 * that schema is found without its name: an operator that somebody put there
 * for argument types that pg_catalog has only a cast for would otherwise be
 * taken, with the rights of the superuser. Bodies in BEGIN ATOMIC are bound
 * when created.
 */
-- complain if the script is sourced in psql rather than by CREATE EXTENSION
\echo Use "CREATE EXTENSION posture" to load this file. \quit
SET LOCAL search_path TO pg_catalog, pg_temp;

COMMENT ON SCHEMA posture IS 'security posture: catalog, findings, scores, snapshots, events and the views that report them';
