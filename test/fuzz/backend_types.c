/*
 * backend_types.c: strings, messages, varlenas, arrays, rows and numerics of the
 * stand-in for the backend, as far as posture uses them.
 */
#include "backend.h"

#include "access/htup_details.h"
#include "funcapi.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "parser/scansup.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/expandeddatum.h"
#include "utils/numeric.h"

/* appendBinaryStringInfo() and heap_form_tuple() differ between versions */
#if PG_VERSION_NUM >= 160000
typedef const void *Bytes;
#else
typedef const char *Bytes;
#endif
#if PG_VERSION_NUM >= 170000
#define CONST_17 const
#else
#define CONST_17
#endif

/* ---- strings: the database is in UTF8 ---- */

bool
is_database_text(const char *string)
{
	int			length = strlen(string);

	return pg_encoding_verifymbstr(PG_UTF8, string, length) == length;
}

char *
text_input(const uint8 *data, size_t size)
{
	size_t		length = strnlen((const char *) data, size);
	char	   *text;

	length = pg_encoding_verifymbstr(PG_UTF8, (const char *) data, length);
	text = palloc(length + 1);
	memcpy(text, data, length);
	text[length] = '\0';
	return text;
}

int
pg_mblen(const char *mbstr)
{
	return pg_utf_mblen((const unsigned char *) mbstr);
}

int
pg_mbcliplen(const char *mbstr, int len, int limit)
{
	int			clipped = 0;

	while (clipped < len && mbstr[clipped] != '\0' &&
		   clipped + pg_mblen(mbstr + clipped) <= limit)
		clipped += pg_mblen(mbstr + clipped);
	return clipped;
}

bool
scanner_isspace(char ch)
{
	return ch != '\0' && strchr(" \t\n\r\f\v", ch) != NULL;
}

int
pg_ultoa_n(uint32 value, char *a)
{
	char		digits[sizeof("4294967295")];
	int			length = snprintf(digits, sizeof(digits), "%u", value);

	memcpy(a, digits, length);
	return length;
}

char *
pstrdup(const char *in)
{
	return strcpy(palloc(strlen(in) + 1), in);
}

void
initStringInfo(StringInfo str)
{
	memset(str, 0, sizeof(*str));
	str->maxlen = 1024;
	str->data = palloc(str->maxlen);
	str->data[0] = '\0';
}

void
enlargeStringInfo(StringInfo str, int needed)
{
	Size		space = (Size) str->len + needed + 1;

	CHECK(needed >= 0);
	if (space > MaxAllocSize)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("string buffer is full")));
	if (space <= (Size) str->maxlen)
		return;
	str->maxlen = Min(Max(space, 2 * (Size) str->maxlen), MaxAllocSize);
	str->data = repalloc(str->data, str->maxlen);
}

void
appendBinaryStringInfo(StringInfo str, Bytes data, int datalen)
{
	enlargeStringInfo(str, datalen);
	memcpy(str->data + str->len, data, datalen);
	str->len += datalen;
	str->data[str->len] = '\0';
}

void
appendStringInfoChar(StringInfo str, char ch)
{
	appendBinaryStringInfo(str, &ch, 1);
}

/* ---- messages ---- */

void
pq_begintypsend(StringInfo buf)
{
	initStringInfo(buf);
	appendBinaryStringInfo(buf, "\0\0\0\0", VARHDRSZ);
}

void
pq_sendbytes(StringInfo buf, Bytes data, int datalen)
{
	appendBinaryStringInfo(buf, data, datalen);
}

bytea *
pq_endtypsend(StringInfo buf)
{
	SET_VARSIZE(buf->data, buf->len);
	return (bytea *) buf->data;
}

const char *
pq_getmsgbytes(StringInfo msg, int datalen)
{
	if (datalen < 0 || datalen > msg->len - msg->cursor)
		ereport(ERROR,
				(errcode(ERRCODE_PROTOCOL_VIOLATION),
				 errmsg("insufficient data left in message")));
	msg->cursor += datalen;
	return msg->data + msg->cursor - datalen;
}

unsigned int
pq_getmsgint(StringInfo msg, int b)
{
	uint32		value;

	CHECK(b == sizeof(value));
	memcpy(&value, pq_getmsgbytes(msg, b), sizeof(value));
	return pg_ntoh32(value);
}

/* ---- varlenas and expanded objects ---- */

static Datum
expanded_pointer(char *space, ExpandedObjectHeader *object, vartag_external tag)
{
	varatt_expanded expanded = {object};

	SET_VARTAG_EXTERNAL(space, tag);
	memcpy(VARDATA_EXTERNAL(space), &expanded, sizeof(expanded));
	return PointerGetDatum(space);
}

void
EOH_init_header(ExpandedObjectHeader *eohptr, const ExpandedObjectMethods *methods,
				MemoryContext obj_context)
{
	eohptr->vl_len_ = EOH_HEADER_MAGIC;
	eohptr->eoh_methods = methods;
	eohptr->eoh_context = obj_context;
	expanded_pointer(eohptr->eoh_rw_ptr, eohptr, VARTAG_EXPANDED_RW);
	expanded_pointer(eohptr->eoh_ro_ptr, eohptr, VARTAG_EXPANDED_RO);
}

ExpandedObjectHeader *
DatumGetEOHP(Datum d)
{
	varatt_expanded expanded;

	memcpy(&expanded, VARDATA_EXTERNAL(DatumGetPointer(d)), sizeof(expanded));
	CHECK(expanded.eohptr->vl_len_ == EOH_HEADER_MAGIC);
	return expanded.eohptr;
}

void
DeleteExpandedObject(Datum d)
{
	MemoryContextDelete(DatumGetEOHP(d)->eoh_context);
}

struct varlena *
pg_detoast_datum_copy(struct varlena *datum)
{
	Size		size;
	struct varlena *copy;

	if (VARATT_IS_EXTERNAL_EXPANDED(datum))
	{
		ExpandedObjectHeader *object = DatumGetEOHP(PointerGetDatum(datum));

		size = object->eoh_methods->get_flat_size(object);
		copy = palloc(size);
		object->eoh_methods->flatten_into(object, copy, size);
		return copy;
	}
	size = VARSIZE_ANY_EXHDR(datum);
	copy = palloc(VARHDRSZ + size);
	SET_VARSIZE(copy, VARHDRSZ + size);
	memcpy(VARDATA(copy), VARDATA_ANY(datum), size);
	return copy;
}

struct varlena *
pg_detoast_datum(struct varlena *datum)
{
	return VARATT_IS_EXTENDED(datum) ? pg_detoast_datum_copy(datum) : datum;
}

struct varlena *
pg_detoast_datum_packed(struct varlena *datum)
{
	return VARATT_IS_EXTERNAL(datum) ? pg_detoast_datum_copy(datum) : datum;
}

Datum
text_of(const char *string)
{
	Size		length = strlen(string);
	text	   *result = palloc(VARHDRSZ + length);

	SET_VARSIZE(result, VARHDRSZ + length);
	memcpy(VARDATA(result), string, length);
	return PointerGetDatum(result);
}

char *
text_to_cstring(const text *t)
{
	Size		length = VARSIZE_ANY_EXHDR(t);
	char	   *result = palloc(length + 1);

	memcpy(result, VARDATA_ANY(t), length);
	result[length] = '\0';
	return result;
}

/* ---- arrays, rows, sets ---- */

int
ArrayGetNItems(int ndim, const int *dims)
{
	int			count = ndim > 0 ? 1 : 0;

	for (int i = 0; i < ndim; i++)
		count *= dims[i];
	return count;
}

bool
array_contains_nulls(ArrayType *array)
{
	int			count = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));

	for (int i = 0; ARR_HASNULL(array) && i < count; i++)
		if ((ARR_NULLBITMAP(array)[i / 8] & (1 << i % 8)) == 0)
			return true;
	return false;
}

ArrayType *
construct_empty_array(Oid elmtype)
{
	ArrayType  *array = palloc0(sizeof(ArrayType));

	SET_VARSIZE(array, sizeof(ArrayType));
	array->elemtype = elmtype;
	return array;
}

TypeFuncClass
get_call_result_type(FunctionCallInfo fcinfo, Oid *resultTypeId, TupleDesc *resultTupleDesc)
{
	*resultTupleDesc = NULL;
	return TYPEFUNC_COMPOSITE;
}

HeapTuple
heap_form_tuple(TupleDesc tupleDescriptor, CONST_17 Datum *values, CONST_17 bool *isnull)
{
	HeapTuple	tuple = palloc0(sizeof(HeapTupleData));

	CHECK(!isnull[0] && !isnull[1]);
	tuple->t_data = palloc(2 * sizeof(Datum));
	memcpy(tuple->t_data, values, 2 * sizeof(Datum));
	return tuple;
}

Datum
HeapTupleHeaderGetDatum(HeapTupleHeader tuple)
{
	return PointerGetDatum(tuple);
}

Datum
row_column(Datum row, int column)
{
	return ((Datum *) DatumGetPointer(row))[column];
}

FuncCallContext *
init_MultiFuncCall(PG_FUNCTION_ARGS)
{
	MemoryContext context = AllocSetContextCreate(fcinfo->flinfo->fn_mcxt, "set",
												  ALLOCSET_SMALL_SIZES);
	FuncCallContext *call = MemoryContextAllocZero(context, sizeof(FuncCallContext));

	CHECK(fcinfo->flinfo->fn_extra == NULL);
	call->multi_call_memory_ctx = context;
	fcinfo->flinfo->fn_extra = call;
	return call;
}

FuncCallContext *
per_MultiFuncCall(PG_FUNCTION_ARGS)
{
	return fcinfo->flinfo->fn_extra;
}

void
end_MultiFuncCall(PG_FUNCTION_ARGS, FuncCallContext *funcctx)
{
	fcinfo->flinfo->fn_extra = NULL;
	MemoryContextDelete(funcctx->multi_call_memory_ctx);
}

/* ---- numerics ---- */

Datum
numeric_of(const char *text)
{
	return text_of(text);
}

Datum
numeric_out(PG_FUNCTION_ARGS)
{
	PG_RETURN_CSTRING(text_to_cstring((text *) PG_GETARG_NUMERIC(0)));
}

Numeric
int64_div_fast_to_numeric(int64 val1, int log10val2)
{
	uint64		magnitude = val1 < 0 ? -(uint64) val1 : (uint64) val1;

	CHECK(log10val2 == 6);
	return DatumGetNumeric(text_of(psprintf("%s%llu.%06llu", val1 < 0 ? "-" : "",
											(unsigned long long) magnitude / 1000000,
											(unsigned long long) magnitude % 1000000)));
}

Datum
numeric_trim_scale(PG_FUNCTION_ARGS)
{
	char	   *text = text_to_cstring((struct varlena *) PG_GETARG_NUMERIC(0));
	int			length = strlen(text);

	CHECK(strchr(text, '.') != NULL);
	while (text[length - 1] == '0')
		length--;
	if (text[length - 1] == '.')
		length--;
	text[length] = '\0';
	PG_RETURN_DATUM(text_of(text));
}

Datum
int4_numeric(PG_FUNCTION_ARGS)
{
	PG_RETURN_DATUM(text_of(psprintf("%d", PG_GETARG_INT32(0))));
}

Datum
float8_numeric(PG_FUNCTION_ARGS)
{
	PG_RETURN_DATUM(text_of(psprintf("%.6f", PG_GETARG_FLOAT8(0))));
}

/*
 * posture computes with numeric what 128 bits don't hold. The stand-in has no
 * such arithmetic.
 */
static Datum
report_unsupported(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("arithmetic of numerics is not supported")));
	return (Datum) 0;
}

#define UNSUPPORTED(function) Datum function(PG_FUNCTION_ARGS) { return report_unsupported(); }
UNSUPPORTED(numeric_add)
UNSUPPORTED(numeric_sub)
UNSUPPORTED(numeric_mul)
UNSUPPORTED(numeric_div_trunc)
UNSUPPORTED(numeric_int4)
UNSUPPORTED(numeric_le)
