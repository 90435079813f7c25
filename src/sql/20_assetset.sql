/* The type assetset, its operators, casts and aggregates; the C side is src/assetset*.c. */

CREATE TYPE posture.assetset;

CREATE FUNCTION posture.assetset_in(cstring) RETURNS posture.assetset
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION posture.assetset_out(posture.assetset) RETURNS cstring
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION posture.assetset_recv(internal) RETURNS posture.assetset
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION posture.assetset_send(posture.assetset) RETURNS bytea
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

-- external: the format is compressed already, pglz and lz4 find nothing in it
CREATE TYPE posture.assetset (
    INPUT = posture.assetset_in,
    OUTPUT = posture.assetset_out,
    RECEIVE = posture.assetset_recv,
    SEND = posture.assetset_send,
    INTERNALLENGTH = VARIABLE,
    ALIGNMENT = int4,
    STORAGE = external
);
COMMENT ON TYPE posture.assetset IS 'a compressed set of asset ids, 0 to 2147483647';
COMMENT ON FUNCTION posture.assetset_in(cstring) IS 'reads an assetset: {1,5-9,70000} in any order';
COMMENT ON FUNCTION posture.assetset_out(posture.assetset) IS 'writes an assetset: ascending, two or more consecutive ids as a range';
COMMENT ON FUNCTION posture.assetset_recv(internal) IS 'reads a binary assetset: the portable Roaring format';
COMMENT ON FUNCTION posture.assetset_send(posture.assetset) IS 'writes a binary assetset: the portable Roaring format';

-- operators from two sets to a set

CREATE FUNCTION posture.assetset_union(posture.assetset, posture.assetset) RETURNS posture.assetset
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION posture.assetset_union(posture.assetset, posture.assetset) IS 'implementation of | operator';
CREATE FUNCTION posture.assetset_intersection(posture.assetset, posture.assetset) RETURNS posture.assetset
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION posture.assetset_intersection(posture.assetset, posture.assetset) IS 'implementation of & operator';
CREATE FUNCTION posture.assetset_difference(posture.assetset, posture.assetset) RETURNS posture.assetset
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION posture.assetset_difference(posture.assetset, posture.assetset) IS 'implementation of - operator';
CREATE FUNCTION posture.assetset_symmetric_difference(posture.assetset, posture.assetset) RETURNS posture.assetset
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION posture.assetset_symmetric_difference(posture.assetset, posture.assetset) IS 'implementation of # operator';

CREATE OPERATOR posture.| (
    LEFTARG = posture.assetset, RIGHTARG = posture.assetset, FUNCTION = posture.assetset_union,
    COMMUTATOR = OPERATOR(posture.|)
);
COMMENT ON OPERATOR posture.| (posture.assetset, posture.assetset) IS 'ids that either set has';
CREATE OPERATOR posture.& (
    LEFTARG = posture.assetset, RIGHTARG = posture.assetset, FUNCTION = posture.assetset_intersection,
    COMMUTATOR = OPERATOR(posture.&)
);
COMMENT ON OPERATOR posture.& (posture.assetset, posture.assetset) IS 'ids that both sets have';
CREATE OPERATOR posture.- (
    LEFTARG = posture.assetset, RIGHTARG = posture.assetset, FUNCTION = posture.assetset_difference
);
COMMENT ON OPERATOR posture.- (posture.assetset, posture.assetset) IS 'ids of the first set that the second has not';
CREATE OPERATOR posture.# (
    LEFTARG = posture.assetset, RIGHTARG = posture.assetset, FUNCTION = posture.assetset_symmetric_difference,
    COMMUTATOR = OPERATOR(posture.#)
);
COMMENT ON OPERATOR posture.# (posture.assetset, posture.assetset) IS 'ids that exactly one set has';

-- operators that tell whether

CREATE FUNCTION posture.assetset_contains(posture.assetset, posture.assetset) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION posture.assetset_contains(posture.assetset, posture.assetset) IS 'implementation of @> operator';
CREATE FUNCTION posture.assetset_contained(posture.assetset, posture.assetset) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION posture.assetset_contained(posture.assetset, posture.assetset) IS 'implementation of <@ operator';
CREATE FUNCTION posture.assetset_overlaps(posture.assetset, posture.assetset) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION posture.assetset_overlaps(posture.assetset, posture.assetset) IS 'implementation of && operator';
CREATE FUNCTION posture.assetset_contains_id(posture.assetset, integer) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION posture.assetset_contains_id(posture.assetset, integer) IS 'implementation of @> operator';
CREATE FUNCTION posture.assetset_id_contained(integer, posture.assetset) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION posture.assetset_id_contained(integer, posture.assetset) IS 'implementation of <@ operator';

CREATE OPERATOR posture.@> (
    LEFTARG = posture.assetset, RIGHTARG = posture.assetset, FUNCTION = posture.assetset_contains,
    COMMUTATOR = OPERATOR(posture.<@), RESTRICT = contsel, JOIN = contjoinsel
);
COMMENT ON OPERATOR posture.@> (posture.assetset, posture.assetset) IS 'contains every id of';
CREATE OPERATOR posture.<@ (
    LEFTARG = posture.assetset, RIGHTARG = posture.assetset, FUNCTION = posture.assetset_contained,
    COMMUTATOR = OPERATOR(posture.@>), RESTRICT = contsel, JOIN = contjoinsel
);
COMMENT ON OPERATOR posture.<@ (posture.assetset, posture.assetset) IS 'every id is in';
CREATE OPERATOR posture.&& (
    LEFTARG = posture.assetset, RIGHTARG = posture.assetset, FUNCTION = posture.assetset_overlaps,
    COMMUTATOR = OPERATOR(posture.&&), RESTRICT = contsel, JOIN = contjoinsel
);
COMMENT ON OPERATOR posture.&& (posture.assetset, posture.assetset) IS 'have an id in common';
CREATE OPERATOR posture.@> (
    LEFTARG = posture.assetset, RIGHTARG = integer, FUNCTION = posture.assetset_contains_id,
    COMMUTATOR = OPERATOR(posture.<@), RESTRICT = contsel, JOIN = contjoinsel
);
COMMENT ON OPERATOR posture.@> (posture.assetset, integer) IS 'contains the id';
CREATE OPERATOR posture.<@ (
    LEFTARG = integer, RIGHTARG = posture.assetset, FUNCTION = posture.assetset_id_contained,
    COMMUTATOR = OPERATOR(posture.@>), RESTRICT = contsel, JOIN = contjoinsel
);
COMMENT ON OPERATOR posture.<@ (integer, posture.assetset) IS 'the id is in';

-- comparison: equal sets have equal bytes; the order is that of arrays of the ascending ids

CREATE FUNCTION posture.assetset_eq(posture.assetset, posture.assetset) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION posture.assetset_eq(posture.assetset, posture.assetset) IS 'implementation of = operator';
CREATE FUNCTION posture.assetset_ne(posture.assetset, posture.assetset) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION posture.assetset_ne(posture.assetset, posture.assetset) IS 'implementation of <> operator';
CREATE FUNCTION posture.assetset_lt(posture.assetset, posture.assetset) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION posture.assetset_lt(posture.assetset, posture.assetset) IS 'implementation of < operator';
CREATE FUNCTION posture.assetset_le(posture.assetset, posture.assetset) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION posture.assetset_le(posture.assetset, posture.assetset) IS 'implementation of <= operator';
CREATE FUNCTION posture.assetset_gt(posture.assetset, posture.assetset) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION posture.assetset_gt(posture.assetset, posture.assetset) IS 'implementation of > operator';
CREATE FUNCTION posture.assetset_ge(posture.assetset, posture.assetset) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION posture.assetset_ge(posture.assetset, posture.assetset) IS 'implementation of >= operator';
CREATE FUNCTION posture.assetset_cmp(posture.assetset, posture.assetset) RETURNS integer
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION posture.assetset_cmp(posture.assetset, posture.assetset) IS 'less-equal-greater';
CREATE FUNCTION posture.assetset_hash(posture.assetset) RETURNS integer
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION posture.assetset_hash(posture.assetset) IS 'hash';
CREATE FUNCTION posture.assetset_hash_extended(posture.assetset, bigint) RETURNS bigint
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION posture.assetset_hash_extended(posture.assetset, bigint) IS 'hash with a seed';

CREATE OPERATOR posture.= (
    LEFTARG = posture.assetset, RIGHTARG = posture.assetset, FUNCTION = posture.assetset_eq,
    COMMUTATOR = OPERATOR(posture.=), NEGATOR = OPERATOR(posture.<>),
    RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES
);
COMMENT ON OPERATOR posture.= (posture.assetset, posture.assetset) IS 'equal';
CREATE OPERATOR posture.<> (
    LEFTARG = posture.assetset, RIGHTARG = posture.assetset, FUNCTION = posture.assetset_ne,
    COMMUTATOR = OPERATOR(posture.<>), NEGATOR = OPERATOR(posture.=),
    RESTRICT = neqsel, JOIN = neqjoinsel
);
COMMENT ON OPERATOR posture.<> (posture.assetset, posture.assetset) IS 'not equal';
CREATE OPERATOR posture.< (
    LEFTARG = posture.assetset, RIGHTARG = posture.assetset, FUNCTION = posture.assetset_lt,
    COMMUTATOR = OPERATOR(posture.>), NEGATOR = OPERATOR(posture.>=),
    RESTRICT = scalarltsel, JOIN = scalarltjoinsel
);
COMMENT ON OPERATOR posture.< (posture.assetset, posture.assetset) IS 'less than';
CREATE OPERATOR posture.<= (
    LEFTARG = posture.assetset, RIGHTARG = posture.assetset, FUNCTION = posture.assetset_le,
    COMMUTATOR = OPERATOR(posture.>=), NEGATOR = OPERATOR(posture.>),
    RESTRICT = scalarlesel, JOIN = scalarlejoinsel
);
COMMENT ON OPERATOR posture.<= (posture.assetset, posture.assetset) IS 'less than or equal';
CREATE OPERATOR posture.> (
    LEFTARG = posture.assetset, RIGHTARG = posture.assetset, FUNCTION = posture.assetset_gt,
    COMMUTATOR = OPERATOR(posture.<), NEGATOR = OPERATOR(posture.<=),
    RESTRICT = scalargtsel, JOIN = scalargtjoinsel
);
COMMENT ON OPERATOR posture.> (posture.assetset, posture.assetset) IS 'greater than';
CREATE OPERATOR posture.>= (
    LEFTARG = posture.assetset, RIGHTARG = posture.assetset, FUNCTION = posture.assetset_ge,
    COMMUTATOR = OPERATOR(posture.<=), NEGATOR = OPERATOR(posture.<),
    RESTRICT = scalargesel, JOIN = scalargejoinsel
);
COMMENT ON OPERATOR posture.>= (posture.assetset, posture.assetset) IS 'greater than or equal';

CREATE OPERATOR CLASS posture.assetset_ops DEFAULT FOR TYPE posture.assetset USING btree AS
    OPERATOR 1 posture.<, OPERATOR 2 posture.<=, OPERATOR 3 posture.=,
    OPERATOR 4 posture.>=, OPERATOR 5 posture.>,
    FUNCTION 1 posture.assetset_cmp(posture.assetset, posture.assetset);
COMMENT ON OPERATOR CLASS posture.assetset_ops USING btree IS 'order of assetsets, as of arrays of their ascending ids';
COMMENT ON OPERATOR FAMILY posture.assetset_ops USING btree IS 'order of assetsets, as of arrays of their ascending ids';
CREATE OPERATOR CLASS posture.assetset_ops DEFAULT FOR TYPE posture.assetset USING hash AS
    OPERATOR 1 posture.=,
    FUNCTION 1 posture.assetset_hash(posture.assetset),
    FUNCTION 2 posture.assetset_hash_extended(posture.assetset, bigint);
COMMENT ON OPERATOR CLASS posture.assetset_ops USING hash IS 'equality of assetsets';
COMMENT ON OPERATOR FAMILY posture.assetset_ops USING hash IS 'equality of assetsets';

-- one set to numbers, and back

CREATE FUNCTION posture.cardinality(posture.assetset) RETURNS bigint
    AS 'MODULE_PATHNAME', 'assetset_cardinality' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION posture.cardinality(posture.assetset) IS 'the number of ids';
CREATE FUNCTION posture.assetset_members_support(internal) RETURNS internal
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION posture.assetset_members_support(internal) IS 'planner support of members';
CREATE FUNCTION posture.members(posture.assetset) RETURNS SETOF integer
    AS 'MODULE_PATHNAME', 'assetset_members' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    ROWS 1000 SUPPORT posture.assetset_members_support;
COMMENT ON FUNCTION posture.members(posture.assetset) IS 'the ids, ascending';
CREATE FUNCTION posture.chunks(posture.assetset, OUT chunk integer, OUT assets posture.assetset) RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'assetset_chunks' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 16;
COMMENT ON FUNCTION posture.chunks(posture.assetset) IS 'the set in chunks of 65536 ids: chunk 0 has 0 to 65535';

CREATE FUNCTION posture.assetset_to_array(posture.assetset) RETURNS integer[]
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION posture.assetset_to_array(posture.assetset) IS 'the ids as an array, ascending';
CREATE FUNCTION posture.assetset_from_array(integer[]) RETURNS posture.assetset
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION posture.assetset_from_array(integer[]) IS 'the elements of an array of whatever dimensions as an assetset';
-- to an array explicitly only: it takes up to thousands of times the space
CREATE CAST (posture.assetset AS integer[]) WITH FUNCTION posture.assetset_to_array(posture.assetset);
COMMENT ON CAST (posture.assetset AS integer[]) IS 'the ids, ascending';
CREATE CAST (integer[] AS posture.assetset) WITH FUNCTION posture.assetset_from_array(integer[]) AS ASSIGNMENT;
COMMENT ON CAST (integer[] AS posture.assetset) IS 'all elements; NULL and negative ones are an error';

-- aggregates: the state is an assetset, expanded and changed in place

CREATE FUNCTION posture.assetset_agg_accum(state posture.assetset, id integer) RETURNS posture.assetset
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION posture.assetset_agg_accum(posture.assetset, integer) IS 'assetset_agg: takes an id in';
CREATE FUNCTION posture.union_agg_accum(state posture.assetset, assets posture.assetset) RETURNS posture.assetset
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION posture.union_agg_accum(posture.assetset, posture.assetset) IS 'union_agg: adds a set; also joins the states of two workers';
CREATE FUNCTION posture.intersect_agg_accum(state posture.assetset, assets posture.assetset) RETURNS posture.assetset
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION posture.intersect_agg_accum(posture.assetset, posture.assetset) IS 'intersect_agg: intersects with a set; also joins the states of two workers';
CREATE FUNCTION posture.xor_agg_accum(state posture.assetset, assets posture.assetset) RETURNS posture.assetset
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION posture.xor_agg_accum(posture.assetset, posture.assetset) IS 'xor_agg: leaves the ids that exactly one has; also joins the states of two workers';

CREATE AGGREGATE posture.assetset_agg(id integer) (
    SFUNC = posture.assetset_agg_accum,
    STYPE = posture.assetset,
    SSPACE = 4096,
    COMBINEFUNC = posture.union_agg_accum,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE posture.assetset_agg(integer) IS 'the set of all ids; NULL without any';

CREATE AGGREGATE posture.union_agg(assets posture.assetset) (
    SFUNC = posture.union_agg_accum,
    STYPE = posture.assetset,
    SSPACE = 4096,
    COMBINEFUNC = posture.union_agg_accum,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE posture.union_agg(posture.assetset) IS 'the ids that any of the sets has; NULL without sets';

CREATE AGGREGATE posture.intersect_agg(assets posture.assetset) (
    SFUNC = posture.intersect_agg_accum,
    STYPE = posture.assetset,
    SSPACE = 4096,
    COMBINEFUNC = posture.intersect_agg_accum,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE posture.intersect_agg(posture.assetset) IS 'the ids that all of the sets have; NULL without sets';

CREATE AGGREGATE posture.xor_agg(assets posture.assetset) (
    SFUNC = posture.xor_agg_accum,
    STYPE = posture.assetset,
    SSPACE = 4096,
    COMBINEFUNC = posture.xor_agg_accum,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE posture.xor_agg(posture.assetset) IS 'the ids that an odd number of the sets have; NULL without sets';
