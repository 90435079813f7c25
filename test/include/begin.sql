\set ECHO none
-- The head of every test: the extension, and what makes output the same everywhere.
-- :rounds is how many times as many random rounds as usual a test tries; make torture
-- sets it.
CREATE EXTENSION posture;
-- a test drops the extension with its data
ALTER EVENT TRIGGER posture_check_drop DISABLE;
SET search_path = posture, posture_internal, public;
-- Tests take days of any year.
UPDATE history_start SET day = '2000-01-01';
SET posture.retention_days = 36500;
SET timezone = 'UTC';
SET posture.timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET jit = off;
\pset format unaligned
\pset fieldsep ' | '
\set SHOW_CONTEXT never
\getenv rounds POSTURE_ROUNDS
\if :{?rounds}
\else
\set rounds 1
\endif
\set ECHO all
