"""Operational events: what people have to know about the way of their mail, and how they are told.

Three steps, each in rows: *notes* are written in the transaction of what happened; they are
*gathered* into incidents, one for each endpoint and type, which count up while they wait; an
incident that is due is *told* in an event, together with the others of its domain, and the event is
sent by webhook and by mail. Nothing is told before `Pace.grace`, so that what mends itself in the
meantime alerts nobody, and nothing twice within `Pace.interval`.
"""
