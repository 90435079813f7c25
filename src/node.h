/*
 * node.h: whether this database is a head, which asks nodes.
 */
#ifndef POSTURE_NODE_H
#define POSTURE_NODE_H

extern bool has_nodes(void);

#endif							/* POSTURE_NODE_H */
