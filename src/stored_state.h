/*
 * stored_state.h: whether assets are assessed and exposed, from the stored sets.
 */
#ifndef POSTURE_STORED_STATE_H
#define POSTURE_STORED_STATE_H

#include "posture.h"

typedef struct StoredStates StoredStates;

extern StoredStates *stored_states_make(MemoryContext parent, Size max_bytes);
extern void stored_state(StoredStates *states, int32 recommendation_id, int32 asset_id,
						 bool *is_assessed, bool *is_exposed);

#endif							/* POSTURE_STORED_STATE_H */
