/*
 * foreign_key.h: the foreign keys of finding, checked once for each statement.
 */
#ifndef POSTURE_FOREIGN_KEY_H
#define POSTURE_FOREIGN_KEY_H

#include "posture.h"

#include "utils/rel.h"

/* What a statement on finding refers to: ids of recommendations and assets. */
typedef struct References
{
	Relation	finding;		/* NULL: the references are not checked */
	struct Assetset *recommendations;
	struct Assetset *assets;
	int32		recommendation; /* the last id that was added, or -1 */
	int32		asset;
} References;

extern void references_open(References *references, Relation finding);
extern void references_add(References *references, int32 recommendation, int32 asset);
extern void references_check(References *references);

#endif							/* POSTURE_FOREIGN_KEY_H */
