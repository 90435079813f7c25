/*
 * delivery.h: what a call of ingest() knows of the rows that it loads.
 */
#ifndef POSTURE_DELIVERY_H
#define POSTURE_DELIVERY_H

#include "assetset.h"
#include "day.h"
#include "known_object.h"
#include "row_set.h"
#include "stored_state.h"

/* the findings of a recommendation, as sets of assets; NULL: none */
typedef struct DeliveredFindings
{
	int32		recommendation_id;
	char		status;			/* of simplehash */
	FlatAssetset *toggled;		/* by deltas that are not folded yet */
	Assetset   *confirmed;
	Assetset   *loaded;
	Assetset   *repeated;		/* with several observations */
} DeliveredFindings;

struct observed_hash;
struct findings_hash;
struct seen_hash;

typedef struct Delivery
{
	MemoryContext context;		/* of all that follows */
	TimestampTz arrived_at;
	pg_tz	   *zone;
	KnownObjects *known_sources;
	KnownObjects *known_recommendations;
	KnownObjects *known_assets;
	StoredStates *states;		/* NULL: nothing is confirmed */
	struct findings_hash *findings;
	struct observed_hash *observed;
	struct seen_hash *sources;
	struct seen_hash *assets;	/* those not seen on that day before */
	Assetset   *disputed;		/* assets that get another kind or name */
	RowSet	   *confirmed_rows;
	RowSet	   *loaded_rows;
	RowSet	   *rejected_rows;
	bool		has_unknown;	/* rows name objects that are not there */
	bool		has_repeated;
	bool		is_full;		/* there is no memory for more confirmed rows */
} Delivery;

/* of the call of ingest() that is in progress; NULL: there is none */
extern Delivery *delivery;

/* delivery.c */
extern Delivery *require_delivery(void);
extern DeliveredFindings *findings_of(int32 recommendation_id);
extern void add_finding(DeliveredFindings *findings, Assetset **set, int32 asset_id,
						TimestampTz at);
extern void see_source(int32 source_id, TimestampTz at);
extern void see_asset(const KnownObject *asset, TimestampTz at);
extern void add_asset(Assetset **set, int32 asset_id);
extern bool has_asset(Assetset *set, int32 asset_id);

/* delivery_row.c */
extern bool is_said(FunctionCallInfo fcinfo, int argument, text *stored);

#endif							/* POSTURE_DELIVERY_H */
