/*
 * The install script of posture, joined from src/sql/ in the order of the
 * file names. Every object is named with its schema: nothing here depends on
 * the search_path, and bodies in BEGIN ATOMIC are bound when created.
 */
-- complain if the script is sourced in psql rather than by CREATE EXTENSION
\echo Use "CREATE EXTENSION posture" to load this file. \quit

COMMENT ON SCHEMA posture IS 'security posture: catalog, findings, scores, snapshots, events and the views that report them';
