/*
 * The type assetset: a compressed set of asset ids, with its operators, casts
 * and aggregates. Its C functions are in src/assetset*.c.
 */

CREATE TYPE posture.assetset;

CREATE FUNCTION posture_internal.assetset_in(cstring) RETURNS assetset
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION posture_internal.assetset_out(assetset) RETURNS cstring
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION posture_internal.assetset_recv(internal) RETURNS assetset
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
CREATE FUNCTION posture_internal.assetset_send(assetset) RETURNS bytea
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

-- Storage is external because the Roaring format leaves nothing for pglz or
-- lz4 to compress.
CREATE TYPE posture.assetset (
    INPUT = assetset_in,
    OUTPUT = assetset_out,
    RECEIVE = assetset_recv,
    SEND = assetset_send,
    INTERNALLENGTH = VARIABLE,
    ALIGNMENT = int4,
    STORAGE = external
);
COMMENT ON TYPE posture.assetset IS 'compressed set of asset ids, 0 to 2147483647';
COMMENT ON FUNCTION posture_internal.assetset_in(cstring) IS
    'input function: ids and ranges in any order, as {1,5-9,70000}';
COMMENT ON FUNCTION posture_internal.assetset_out(assetset) IS
    'output function: ascending, with consecutive ids as a range';
COMMENT ON FUNCTION posture_internal.assetset_recv(internal) IS
    'binary input function: the portable Roaring format';
COMMENT ON FUNCTION posture_internal.assetset_send(assetset) IS
    'binary output function: the portable Roaring format';

-- set operators

CREATE FUNCTION posture_internal.assetset_union(assetset, assetset) RETURNS assetset
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION posture_internal.assetset_union(assetset, assetset) IS
    'implementation of | operator';
CREATE FUNCTION posture_internal.assetset_intersection(assetset, assetset) RETURNS assetset
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION posture_internal.assetset_intersection(assetset, assetset) IS
    'implementation of & operator';
CREATE FUNCTION posture_internal.assetset_difference(assetset, assetset) RETURNS assetset
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION posture_internal.assetset_difference(assetset, assetset) IS
    'implementation of - operator';
CREATE FUNCTION posture_internal.assetset_symmetric_difference(assetset, assetset) RETURNS assetset
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION posture_internal.assetset_symmetric_difference(assetset, assetset) IS
    'implementation of # operator';

CREATE OPERATOR posture.| (
    LEFTARG = assetset, RIGHTARG = assetset, FUNCTION = assetset_union,
    COMMUTATOR = OPERATOR(posture.|)
);
COMMENT ON OPERATOR posture.| (assetset, assetset) IS 'union: ids in either set';
CREATE OPERATOR posture.& (
    LEFTARG = assetset, RIGHTARG = assetset, FUNCTION = assetset_intersection,
    COMMUTATOR = OPERATOR(posture.&)
);
COMMENT ON OPERATOR posture.& (assetset, assetset) IS 'intersection: ids in both sets';
CREATE OPERATOR posture.- (
    LEFTARG = assetset, RIGHTARG = assetset, FUNCTION = assetset_difference
);
COMMENT ON OPERATOR posture.- (assetset, assetset) IS
    'difference: ids in the first set but not in the second';
CREATE OPERATOR posture.# (
    LEFTARG = assetset, RIGHTARG = assetset, FUNCTION = assetset_symmetric_difference,
    COMMUTATOR = OPERATOR(posture.#)
);
COMMENT ON OPERATOR posture.# (assetset, assetset) IS
    'symmetric difference: ids in exactly one of the sets';

-- containment and overlap

CREATE FUNCTION posture_internal.assetset_contains(assetset, assetset) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION posture_internal.assetset_contains(assetset, assetset) IS
    'implementation of @> operator';
CREATE FUNCTION posture_internal.assetset_contained(assetset, assetset) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION posture_internal.assetset_contained(assetset, assetset) IS
    'implementation of <@ operator';
CREATE FUNCTION posture_internal.assetset_overlaps(assetset, assetset) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION posture_internal.assetset_overlaps(assetset, assetset) IS
    'implementation of && operator';
CREATE FUNCTION posture_internal.assetset_contains_id(assetset, integer) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION posture_internal.assetset_contains_id(assetset, integer) IS
    'implementation of @> operator';
CREATE FUNCTION posture_internal.assetset_id_contained(integer, assetset) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION posture_internal.assetset_id_contained(integer, assetset) IS
    'implementation of <@ operator';

CREATE OPERATOR posture.@> (
    LEFTARG = assetset, RIGHTARG = assetset, FUNCTION = assetset_contains,
    COMMUTATOR = OPERATOR(posture.<@), RESTRICT = contsel, JOIN = contjoinsel
);
COMMENT ON OPERATOR posture.@> (assetset, assetset) IS 'contains';
CREATE OPERATOR posture.<@ (
    LEFTARG = assetset, RIGHTARG = assetset, FUNCTION = assetset_contained,
    COMMUTATOR = OPERATOR(posture.@>), RESTRICT = contsel, JOIN = contjoinsel
);
COMMENT ON OPERATOR posture.<@ (assetset, assetset) IS 'is contained by';
CREATE OPERATOR posture.&& (
    LEFTARG = assetset, RIGHTARG = assetset, FUNCTION = assetset_overlaps,
    COMMUTATOR = OPERATOR(posture.&&), RESTRICT = contsel, JOIN = contjoinsel
);
COMMENT ON OPERATOR posture.&& (assetset, assetset) IS 'overlaps: the sets have an id in common';
CREATE OPERATOR posture.@> (
    LEFTARG = assetset, RIGHTARG = integer, FUNCTION = assetset_contains_id,
    COMMUTATOR = OPERATOR(posture.<@), RESTRICT = contsel, JOIN = contjoinsel
);
COMMENT ON OPERATOR posture.@> (assetset, integer) IS 'contains id';
CREATE OPERATOR posture.<@ (
    LEFTARG = integer, RIGHTARG = assetset, FUNCTION = assetset_id_contained,
    COMMUTATOR = OPERATOR(posture.@>), RESTRICT = contsel, JOIN = contjoinsel
);
COMMENT ON OPERATOR posture.<@ (integer, assetset) IS 'id is contained by';

-- comparison: equal sets have equal bytes, and sets sort as the arrays of
-- their ascending ids do

CREATE FUNCTION posture_internal.assetset_eq(assetset, assetset) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION posture_internal.assetset_eq(assetset, assetset) IS
    'implementation of = operator';
CREATE FUNCTION posture_internal.assetset_ne(assetset, assetset) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION posture_internal.assetset_ne(assetset, assetset) IS
    'implementation of <> operator';
CREATE FUNCTION posture_internal.assetset_lt(assetset, assetset) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION posture_internal.assetset_lt(assetset, assetset) IS
    'implementation of < operator';
CREATE FUNCTION posture_internal.assetset_le(assetset, assetset) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION posture_internal.assetset_le(assetset, assetset) IS
    'implementation of <= operator';
CREATE FUNCTION posture_internal.assetset_gt(assetset, assetset) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION posture_internal.assetset_gt(assetset, assetset) IS
    'implementation of > operator';
CREATE FUNCTION posture_internal.assetset_ge(assetset, assetset) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION posture_internal.assetset_ge(assetset, assetset) IS
    'implementation of >= operator';
CREATE FUNCTION posture_internal.assetset_cmp(assetset, assetset) RETURNS integer
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION posture_internal.assetset_cmp(assetset, assetset) IS 'less-equal-greater';
CREATE FUNCTION posture_internal.assetset_hash(assetset) RETURNS integer
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION posture_internal.assetset_hash(assetset) IS 'hash';
CREATE FUNCTION posture_internal.assetset_hash_extended(assetset, bigint) RETURNS bigint
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION posture_internal.assetset_hash_extended(assetset, bigint) IS 'hash with a seed';

CREATE OPERATOR posture.= (
    LEFTARG = assetset, RIGHTARG = assetset, FUNCTION = assetset_eq,
    COMMUTATOR = OPERATOR(posture.=), NEGATOR = OPERATOR(posture.<>),
    RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES
);
COMMENT ON OPERATOR posture.= (assetset, assetset) IS 'equal';
CREATE OPERATOR posture.<> (
    LEFTARG = assetset, RIGHTARG = assetset, FUNCTION = assetset_ne,
    COMMUTATOR = OPERATOR(posture.<>), NEGATOR = OPERATOR(posture.=),
    RESTRICT = neqsel, JOIN = neqjoinsel
);
COMMENT ON OPERATOR posture.<> (assetset, assetset) IS 'not equal';
CREATE OPERATOR posture.< (
    LEFTARG = assetset, RIGHTARG = assetset, FUNCTION = assetset_lt,
    COMMUTATOR = OPERATOR(posture.>), NEGATOR = OPERATOR(posture.>=),
    RESTRICT = scalarltsel, JOIN = scalarltjoinsel
);
COMMENT ON OPERATOR posture.< (assetset, assetset) IS 'less than';
CREATE OPERATOR posture.<= (
    LEFTARG = assetset, RIGHTARG = assetset, FUNCTION = assetset_le,
    COMMUTATOR = OPERATOR(posture.>=), NEGATOR = OPERATOR(posture.>),
    RESTRICT = scalarlesel, JOIN = scalarlejoinsel
);
COMMENT ON OPERATOR posture.<= (assetset, assetset) IS 'less than or equal';
CREATE OPERATOR posture.> (
    LEFTARG = assetset, RIGHTARG = assetset, FUNCTION = assetset_gt,
    COMMUTATOR = OPERATOR(posture.<), NEGATOR = OPERATOR(posture.<=),
    RESTRICT = scalargtsel, JOIN = scalargtjoinsel
);
COMMENT ON OPERATOR posture.> (assetset, assetset) IS 'greater than';
CREATE OPERATOR posture.>= (
    LEFTARG = assetset, RIGHTARG = assetset, FUNCTION = assetset_ge,
    COMMUTATOR = OPERATOR(posture.<=), NEGATOR = OPERATOR(posture.<),
    RESTRICT = scalargesel, JOIN = scalargejoinsel
);
COMMENT ON OPERATOR posture.>= (assetset, assetset) IS 'greater than or equal';

CREATE OPERATOR CLASS posture.assetset_ops DEFAULT FOR TYPE assetset USING btree AS
    OPERATOR 1 posture.<, OPERATOR 2 posture.<=, OPERATOR 3 posture.=,
    OPERATOR 4 posture.>=, OPERATOR 5 posture.>,
    FUNCTION 1 assetset_cmp(assetset, assetset);
COMMENT ON OPERATOR CLASS posture.assetset_ops USING btree IS
    'order of assetsets, the same as that of arrays of their ascending ids';
COMMENT ON OPERATOR FAMILY posture.assetset_ops USING btree IS
    'order of assetsets, the same as that of arrays of their ascending ids';
CREATE OPERATOR CLASS posture.assetset_ops DEFAULT FOR TYPE assetset USING hash AS
    OPERATOR 1 posture.=,
    FUNCTION 1 assetset_hash(assetset),
    FUNCTION 2 assetset_hash_extended(assetset, bigint);
COMMENT ON OPERATOR CLASS posture.assetset_ops USING hash IS 'equality of assetsets';
COMMENT ON OPERATOR FAMILY posture.assetset_ops USING hash IS 'equality of assetsets';

-- conversion to and from ids

CREATE FUNCTION posture.cardinality(assetset) RETURNS bigint
    AS 'MODULE_PATHNAME', 'assetset_cardinality' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION posture.cardinality(assetset) IS 'returns the number of ids';
CREATE FUNCTION posture_internal.assetset_members_support(internal) RETURNS internal
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION posture_internal.assetset_members_support(internal) IS
    'planner support for members()';
CREATE FUNCTION posture.members(assetset) RETURNS SETOF integer
    AS 'MODULE_PATHNAME', 'assetset_members' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    ROWS 1000 SUPPORT assetset_members_support;
COMMENT ON FUNCTION posture.members(assetset) IS 'returns the ids as rows, ascending';
CREATE FUNCTION posture.chunks(assetset, OUT chunk integer, OUT assets assetset)
    RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'assetset_chunks' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 16;
COMMENT ON FUNCTION posture.chunks(assetset) IS
    'splits a set into chunks of 65536 ids: chunk 0 holds ids 0 to 65535';

CREATE FUNCTION posture_internal.assetset_to_array(assetset) RETURNS integer[]
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION posture_internal.assetset_to_array(assetset) IS 'ids as an array, ascending';
CREATE FUNCTION posture_internal.assetset_from_array(integer[]) RETURNS assetset
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION posture_internal.assetset_from_array(integer[]) IS
    'set of the elements of an array of any dimensions; a NULL or negative element is an error';
-- This cast is explicit because an array can take thousands of times the space.
CREATE CAST (posture.assetset AS integer[]) WITH FUNCTION assetset_to_array(assetset);
COMMENT ON CAST (posture.assetset AS integer[]) IS 'ids, ascending';
CREATE CAST (integer[] AS assetset) WITH FUNCTION assetset_from_array(integer[]) AS ASSIGNMENT;
COMMENT ON CAST (integer[] AS posture.assetset) IS
    'all elements; a NULL or negative element is an error';

-- aggregates: the state is an expanded assetset, modified in place

CREATE FUNCTION posture_internal.assetset_agg_accum(state assetset, id integer) RETURNS assetset
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION posture_internal.assetset_agg_accum(assetset, integer) IS
    'transition function of assetset_agg(): adds an id';
CREATE FUNCTION posture_internal.union_agg_accum(state assetset, assets assetset) RETURNS assetset
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION posture_internal.union_agg_accum(assetset, assetset) IS
    'transition function of union_agg(): adds a set; also combines two states';
CREATE FUNCTION posture_internal.intersect_agg_accum(state assetset, assets assetset)
    RETURNS assetset
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION posture_internal.intersect_agg_accum(assetset, assetset) IS
    'transition function of intersect_agg(): intersects with a set; also combines two states';
CREATE FUNCTION posture_internal.xor_agg_accum(state assetset, assets assetset) RETURNS assetset
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION posture_internal.xor_agg_accum(assetset, assetset) IS
    'transition function of xor_agg(): XORs with a set; also combines two states';
CREATE FUNCTION posture_internal.repeated_agg_accum(state internal, assets assetset)
    RETURNS internal
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION posture_internal.repeated_agg_accum(internal, assetset) IS
    'transition function of repeated_agg(): notes the ids of a set that an earlier one had';
CREATE FUNCTION posture_internal.repeated_agg_final(state internal) RETURNS assetset
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION posture_internal.repeated_agg_final(internal) IS
    'final function of repeated_agg()';

CREATE AGGREGATE posture.assetset_agg(id integer) (
    SFUNC = assetset_agg_accum,
    STYPE = assetset,
    SSPACE = 4096,
    COMBINEFUNC = union_agg_accum,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE posture.assetset_agg(integer) IS
    'collects all non-null ids into a set; NULL if there are none';

CREATE AGGREGATE posture.union_agg(assets assetset) (
    SFUNC = union_agg_accum,
    STYPE = assetset,
    SSPACE = 4096,
    COMBINEFUNC = union_agg_accum,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE posture.union_agg(assetset) IS
    'computes the union, the ids in any of the sets; NULL if there are no sets';

CREATE AGGREGATE posture.intersect_agg(assets assetset) (
    SFUNC = intersect_agg_accum,
    STYPE = assetset,
    SSPACE = 4096,
    COMBINEFUNC = intersect_agg_accum,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE posture.intersect_agg(assetset) IS
    'computes the intersection, the ids in all of the sets; NULL if there are no sets';

CREATE AGGREGATE posture.xor_agg(assets assetset) (
    SFUNC = xor_agg_accum,
    STYPE = assetset,
    SSPACE = 4096,
    COMBINEFUNC = xor_agg_accum,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE posture.xor_agg(assetset) IS
    'computes the ids in an odd number of the sets; NULL if there are no sets';

CREATE AGGREGATE posture_internal.repeated_agg(assets assetset) (
    SFUNC = repeated_agg_accum,
    STYPE = internal,
    SSPACE = 8192,
    FINALFUNC = repeated_agg_final,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE posture_internal.repeated_agg(assetset) IS
    'computes the ids in more than one of the sets; NULL if there are no sets';

CREATE FUNCTION posture_internal.set_intersect(assets assetset, others assetset) RETURNS assetset
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN others IS NULL THEN assets ELSE assets & others END;
COMMENT ON FUNCTION posture_internal.set_intersect(assetset, assetset) IS
    'assets that are also in the other set; all of them if that is NULL';

CREATE FUNCTION posture_internal.set_difference(assets assetset, others assetset) RETURNS assetset
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN others IS NULL THEN assets ELSE assets - others END;
COMMENT ON FUNCTION posture_internal.set_difference(assetset, assetset) IS
    'assets that are not in the other set; all of them if that is NULL';
