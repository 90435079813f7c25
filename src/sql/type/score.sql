/*
 * The type score: a number from 0 to 100 with exact arithmetic, with its casts,
 * operators and formulas and the aggregate weighted_score(). Its C functions are
 * in src/score*.c.
 */

CREATE TYPE posture.score;

CREATE FUNCTION posture_internal.score_in(cstring) RETURNS score
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION posture_internal.score_out(score) RETURNS cstring
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION posture_internal.score_recv(internal) RETURNS score
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION posture_internal.score_send(score) RETURNS bytea
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

CREATE TYPE posture.score (
    INPUT = score_in,
    OUTPUT = score_out,
    RECEIVE = score_recv,
    SEND = score_send,
    LIKE = pg_catalog.int4,
    CATEGORY = 'N'
);
COMMENT ON TYPE posture.score IS
    'score from 0 to 100, fixed point with six decimals, rounded half away from zero';
COMMENT ON FUNCTION posture_internal.score_in(cstring) IS 'input function';
COMMENT ON FUNCTION posture_internal.score_out(score) IS
    'output function: as many decimals as needed';
COMMENT ON FUNCTION posture_internal.score_recv(internal) IS
    'binary input function: millionths in four bytes';
COMMENT ON FUNCTION posture_internal.score_send(score) IS
    'binary output function: millionths in four bytes';

-- casts: the one to numeric is implicit, so that arithmetic with scores is exact

CREATE FUNCTION posture_internal.score_to_numeric(score) RETURNS numeric
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION posture_internal.score_to_numeric(score) IS 'score as numeric, exact';
CREATE FUNCTION posture_internal.score_to_float8(score) RETURNS double precision
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION posture_internal.score_to_float8(score) IS
    'score as the nearest double precision number';
CREATE FUNCTION posture_internal.score_from_numeric(numeric) RETURNS score
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION posture_internal.score_from_numeric(numeric) IS
    'number from 0 to 100 as a score, rounded half away from zero to six decimals';
CREATE FUNCTION posture_internal.score_from_int4(integer) RETURNS score
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION posture_internal.score_from_int4(integer) IS
    'whole number from 0 to 100 as a score';
-- Clients send numbers as smallint, integer, bigint, real or double precision,
-- depending on their language.
CREATE FUNCTION posture_internal.score_from_int2(smallint) RETURNS score
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN score_from_int4($1::integer);
COMMENT ON FUNCTION posture_internal.score_from_int2(smallint) IS
    'whole number from 0 to 100 as a score';
CREATE FUNCTION posture_internal.score_from_int8(bigint) RETURNS score
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN score_from_numeric($1::numeric);
COMMENT ON FUNCTION posture_internal.score_from_int8(bigint) IS
    'whole number from 0 to 100 as a score';
CREATE FUNCTION posture_internal.score_from_float4(real) RETURNS score
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN score_from_numeric($1::numeric);
COMMENT ON FUNCTION posture_internal.score_from_float4(real) IS
    'number from 0 to 100 as a score, rounded to six digits';
CREATE FUNCTION posture_internal.score_from_float8(double precision) RETURNS score
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN score_from_numeric($1::numeric);
COMMENT ON FUNCTION posture_internal.score_from_float8(double precision) IS
    'number from 0 to 100 as a score, rounded to six decimals';
CREATE FUNCTION posture_internal.score_to_int4(score) RETURNS integer
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN score_to_numeric($1)::integer;
COMMENT ON FUNCTION posture_internal.score_to_int4(score) IS
    'score as the nearest whole number, rounded half away from zero';

CREATE CAST (score AS numeric) WITH FUNCTION score_to_numeric(score) AS IMPLICIT;
COMMENT ON CAST (posture.score AS numeric) IS 'exact';
CREATE CAST (score AS double precision) WITH FUNCTION score_to_float8(score) AS ASSIGNMENT;
COMMENT ON CAST (posture.score AS double precision) IS 'nearest double precision number';
CREATE CAST (numeric AS score) WITH FUNCTION score_from_numeric(numeric) AS ASSIGNMENT;
COMMENT ON CAST (numeric AS posture.score) IS 'rounded half away from zero to six decimals';
CREATE CAST (integer AS score) WITH FUNCTION score_from_int4(integer) AS ASSIGNMENT;
COMMENT ON CAST (integer AS posture.score) IS 'whole numbers from 0 to 100';
CREATE CAST (smallint AS score) WITH FUNCTION score_from_int2(smallint) AS ASSIGNMENT;
COMMENT ON CAST (smallint AS posture.score) IS 'whole numbers from 0 to 100';
CREATE CAST (bigint AS score) WITH FUNCTION score_from_int8(bigint) AS ASSIGNMENT;
COMMENT ON CAST (bigint AS posture.score) IS 'whole numbers from 0 to 100';
CREATE CAST (real AS score) WITH FUNCTION score_from_float4(real) AS ASSIGNMENT;
COMMENT ON CAST (real AS posture.score) IS 'rounded to six digits';
CREATE CAST (double precision AS score) WITH FUNCTION score_from_float8(double precision)
    AS ASSIGNMENT;
COMMENT ON CAST (double precision AS posture.score) IS 'rounded to six decimals';
CREATE CAST (score AS integer) WITH FUNCTION score_to_int4(score) AS ASSIGNMENT;
COMMENT ON CAST (posture.score AS integer) IS 'rounded half away from zero';

-- comparison: a score is stored as an integer, so integer's functions apply

CREATE FUNCTION posture_internal.score_eq(score, score) RETURNS boolean
    AS 'int4eq' LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
CREATE FUNCTION posture_internal.score_ne(score, score) RETURNS boolean
    AS 'int4ne' LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
CREATE FUNCTION posture_internal.score_lt(score, score) RETURNS boolean
    AS 'int4lt' LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
CREATE FUNCTION posture_internal.score_le(score, score) RETURNS boolean
    AS 'int4le' LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
CREATE FUNCTION posture_internal.score_gt(score, score) RETURNS boolean
    AS 'int4gt' LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
CREATE FUNCTION posture_internal.score_ge(score, score) RETURNS boolean
    AS 'int4ge' LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
CREATE FUNCTION posture_internal.score_cmp(score, score) RETURNS integer
    AS 'btint4cmp' LANGUAGE internal IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE;
CREATE FUNCTION posture_internal.score_hash(score) RETURNS integer
    AS 'hashint4' LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION posture_internal.score_hash_extended(score, bigint) RETURNS bigint
    AS 'hashint4extended' LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION posture_internal.score_eq(score, score) IS 'implementation of = operator';
COMMENT ON FUNCTION posture_internal.score_ne(score, score) IS 'implementation of <> operator';
COMMENT ON FUNCTION posture_internal.score_lt(score, score) IS 'implementation of < operator';
COMMENT ON FUNCTION posture_internal.score_le(score, score) IS 'implementation of <= operator';
COMMENT ON FUNCTION posture_internal.score_gt(score, score) IS 'implementation of > operator';
COMMENT ON FUNCTION posture_internal.score_ge(score, score) IS 'implementation of >= operator';
COMMENT ON FUNCTION posture_internal.score_cmp(score, score) IS 'less-equal-greater';
COMMENT ON FUNCTION posture_internal.score_hash(score) IS 'hash';
COMMENT ON FUNCTION posture_internal.score_hash_extended(score, bigint) IS 'hash with a seed';

CREATE OPERATOR posture.= (
    LEFTARG = score, RIGHTARG = score, FUNCTION = score_eq,
    COMMUTATOR = OPERATOR(posture.=), NEGATOR = OPERATOR(posture.<>),
    RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES
);
CREATE OPERATOR posture.<> (
    LEFTARG = score, RIGHTARG = score, FUNCTION = score_ne,
    COMMUTATOR = OPERATOR(posture.<>), NEGATOR = OPERATOR(posture.=),
    RESTRICT = neqsel, JOIN = neqjoinsel
);
CREATE OPERATOR posture.< (
    LEFTARG = score, RIGHTARG = score, FUNCTION = score_lt,
    COMMUTATOR = OPERATOR(posture.>), NEGATOR = OPERATOR(posture.>=),
    RESTRICT = scalarltsel, JOIN = scalarltjoinsel
);
CREATE OPERATOR posture.<= (
    LEFTARG = score, RIGHTARG = score, FUNCTION = score_le,
    COMMUTATOR = OPERATOR(posture.>=), NEGATOR = OPERATOR(posture.>),
    RESTRICT = scalarlesel, JOIN = scalarlejoinsel
);
CREATE OPERATOR posture.> (
    LEFTARG = score, RIGHTARG = score, FUNCTION = score_gt,
    COMMUTATOR = OPERATOR(posture.<), NEGATOR = OPERATOR(posture.<=),
    RESTRICT = scalargtsel, JOIN = scalargtjoinsel
);
CREATE OPERATOR posture.>= (
    LEFTARG = score, RIGHTARG = score, FUNCTION = score_ge,
    COMMUTATOR = OPERATOR(posture.<=), NEGATOR = OPERATOR(posture.<),
    RESTRICT = scalargesel, JOIN = scalargejoinsel
);
COMMENT ON OPERATOR posture.= (score, score) IS 'equal';
COMMENT ON OPERATOR posture.<> (score, score) IS 'not equal';
COMMENT ON OPERATOR posture.< (score, score) IS 'less than';
COMMENT ON OPERATOR posture.<= (score, score) IS 'less than or equal';
COMMENT ON OPERATOR posture.> (score, score) IS 'greater than';
COMMENT ON OPERATOR posture.>= (score, score) IS 'greater than or equal';

CREATE OPERATOR CLASS posture.score_ops DEFAULT FOR TYPE score USING btree AS
    OPERATOR 1 posture.<, OPERATOR 2 posture.<=, OPERATOR 3 posture.=,
    OPERATOR 4 posture.>=, OPERATOR 5 posture.>,
    FUNCTION 1 score_cmp(score, score);
COMMENT ON OPERATOR CLASS posture.score_ops USING btree IS 'order of scores';
COMMENT ON OPERATOR FAMILY posture.score_ops USING btree IS 'order of scores';
CREATE OPERATOR CLASS posture.score_ops DEFAULT FOR TYPE score USING hash AS
    OPERATOR 1 posture.=,
    FUNCTION 1 score_hash(score),
    FUNCTION 2 score_hash_extended(score, bigint);
COMMENT ON OPERATOR CLASS posture.score_ops USING hash IS 'equality of scores';
COMMENT ON OPERATOR FAMILY posture.score_ops USING hash IS 'equality of scores';

-- formulas: they take scores as numeric, which people write and which a score
-- becomes by itself

CREATE FUNCTION posture_internal.score_minus(score, score) RETURNS numeric
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION posture_internal.score_minus(score, score) IS 'implementation of - operator';
CREATE OPERATOR posture.- (
    LEFTARG = score, RIGHTARG = score, FUNCTION = score_minus
);
COMMENT ON OPERATOR posture.- (score, score) IS 'difference of two scores in points, exact';

CREATE FUNCTION posture.score(exposed numeric, assessed numeric) RETURNS score
    AS 'MODULE_PATHNAME', 'score_of_exposed' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION posture.score(numeric, numeric) IS
    'returns 100 * (assessed - exposed) / assessed; NULL if nothing is assessed';

CREATE FUNCTION posture_internal.drop_between(
    previous score, current score, basis text DEFAULT 'points')
    RETURNS numeric
    AS 'MODULE_PATHNAME', 'score_drop' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION posture_internal.drop_between(score, score, text) IS 'score_drop() of scores';
CREATE FUNCTION posture.score_drop(
    previous numeric, current numeric, basis text DEFAULT 'points')
    RETURNS numeric
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN drop_between(previous::score, current::score, basis);
COMMENT ON FUNCTION posture.score_drop(numeric, numeric, text) IS
    'returns the drop from one score to another, in points or, with basis relative, in percent of '
    'the previous score; negative if the score rose, NULL if relative to a score of 0';

CREATE FUNCTION posture_internal.is_drop_between(
    previous score, current score, threshold numeric DEFAULT NULL, basis text DEFAULT NULL)
    RETURNS boolean
    AS 'MODULE_PATHNAME', 'is_drop' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION posture_internal.is_drop_between(score, score, numeric, text) IS
    'is_drop() of scores';
CREATE FUNCTION posture.is_drop(previous numeric, current numeric,
                                threshold numeric DEFAULT NULL, basis text DEFAULT NULL)
    RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN is_drop_between(previous::score, current::score, threshold, basis);
COMMENT ON FUNCTION posture.is_drop(numeric, numeric, numeric, text) IS
    'returns whether a score dropped by the threshold or more; the defaults are '
    'posture.drop_threshold and posture.drop_basis; false if either score is NULL';

-- weighted_score(): exact for any order of rows, parallel safe, and usable over
-- a moving window

CREATE FUNCTION posture_internal.weighted_score_accum(state bigint[], score score, weight numeric)
    RETURNS bigint[]
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION posture_internal.weighted_score_accum(bigint[], score, numeric) IS
    'transition function of weighted_score()';
CREATE FUNCTION posture_internal.weighted_score_accum_inv(
    state bigint[], score score, weight numeric)
    RETURNS bigint[]
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION posture_internal.weighted_score_accum_inv(bigint[], score, numeric) IS
    'inverse transition function of weighted_score(), for moving windows';
CREATE FUNCTION posture_internal.weighted_score_combine(state bigint[], other bigint[])
    RETURNS bigint[]
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION posture_internal.weighted_score_combine(bigint[], bigint[]) IS
    'combine function of weighted_score()';
CREATE FUNCTION posture_internal.weighted_score_final(state bigint[]) RETURNS score
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION posture_internal.weighted_score_final(bigint[]) IS
    'final function of weighted_score()';

CREATE AGGREGATE posture.weighted_score(score score, weight numeric) (
    SFUNC = weighted_score_accum,
    STYPE = bigint[],
    INITCOND = '{0,0,0,0,0}',
    FINALFUNC = weighted_score_final,
    COMBINEFUNC = weighted_score_combine,
    MSFUNC = weighted_score_accum,
    MINVFUNC = weighted_score_accum_inv,
    MSTYPE = bigint[],
    MINITCOND = '{0,0,0,0,0}',
    MFINALFUNC = weighted_score_final,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE posture.weighted_score(score, numeric) IS
    'computes the weighted mean of scores, sum(weight * score) / sum(weight), exactly; ignores '
    'rows with a NULL; NULL if the weights sum to 0';

-- views have scores as numeric
CREATE FUNCTION posture_internal.weighted_number_accum(
    state bigint[], score numeric, weight numeric)
    RETURNS bigint[]
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION posture_internal.weighted_number_accum(bigint[], numeric, numeric) IS
    'transition function of weighted_score()';
CREATE FUNCTION posture_internal.weighted_number_accum_inv(
    state bigint[], score numeric, weight numeric)
    RETURNS bigint[]
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION posture_internal.weighted_number_accum_inv(bigint[], numeric, numeric) IS
    'inverse transition function of weighted_score(), for moving windows';
CREATE AGGREGATE posture.weighted_score(score numeric, weight numeric) (
    SFUNC = weighted_number_accum,
    STYPE = bigint[],
    INITCOND = '{0,0,0,0,0}',
    FINALFUNC = weighted_score_final,
    COMBINEFUNC = weighted_score_combine,
    MSFUNC = weighted_number_accum,
    MINVFUNC = weighted_number_accum_inv,
    MSTYPE = bigint[],
    MINITCOND = '{0,0,0,0,0}',
    MFINALFUNC = weighted_score_final,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE posture.weighted_score(numeric, numeric) IS
    'computes the weighted mean of scores that are given as numbers, as weighted_score(score, '
    'numeric) does';
