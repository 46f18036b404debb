"""How deep the queue is, told without reading it all."""

from delivery.models import Delivery, Lane, Message


def count_waiting(*, at_most: int) -> int:
    """Deliveries that will be tried by themselves, and messages that are not routed yet.

    Counting ends at `at_most`. What a disabled lane holds does not count: only people can make it
    less. It starts from the lanes that have something due, and reads no delivery but in the index
    `deliveries_due`. MariaDB alone passes over the finished ones of these lanes too; in the index,
    that is some millions a second.
    """
    unrouted = Message.objects.filter(route_due_at__isnull=False)
    count = unrouted.values("route_due_at")[:at_most].count()
    busy = Lane.objects.filter(due_at__isnull=False).exclude(state=Lane.State.DISABLED)
    waiting = Delivery.objects.filter(due_at__isnull=False, endpoint_id__in=busy.values("pk"))
    return count + waiting.values("endpoint_id")[: at_most - count].count()
