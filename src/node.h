/*
 * node.h: whether this database is a head, which asks nodes, and what it asks them.
 */
#ifndef POSTURE_NODE_H
#define POSTURE_NODE_H

extern bool has_nodes(void);
extern int	begin_portable_text(void);

#endif							/* POSTURE_NODE_H */
