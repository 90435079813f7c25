/*
 * From 0.2 to 0.3, completed by upgrade.awk: definitions stand in the parts
 * alone. It runs as the install script does, as the bootstrap superuser for the
 * role that owns the extension.
 */
-- complain if the script is sourced in psql rather than by ALTER EXTENSION
\echo Use "ALTER EXTENSION posture UPDATE" to load this file. \quit
SET LOCAL search_path TO pg_catalog, posture, posture_internal, pg_temp;

--@ code
