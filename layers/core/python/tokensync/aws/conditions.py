"""Conditions on connections' records, as DynamoDB's expressions."""

from __future__ import annotations

# Something is presented for it some day, and since `:since` it was not answered last that its app is at fault.
IS_PRESENTED = (
    "attribute_not_exists(#removed_at) AND attribute_not_exists(#handed_over_at) AND #status IN (:active, :held)"
    " AND (attribute_exists(#renew_at) OR attribute_exists(#verify_at))"
    " AND (attribute_not_exists(#last_error) OR #last_error.#failure <> :fault OR #last_error.#at < :since)"
)


def gives_way(*, over: int | None, floor: int) -> str:
    """Return the condition under which the record of an account, if there is one, gives way to a new grant."""
    later = "(#authorized_at <= :at AND #authorized_by <> :by)"
    removed_before = "(#authorized_at < :at AND attribute_exists(#removed_at))"
    conditions = [
        "(attribute_not_exists(#schema) OR #schema <= :ours)",
        f"(attribute_not_exists(#authorized_at) OR {later} OR {removed_before})",
    ]
    if over is not None:
        conditions.append("#fence = :over" if over else "attribute_not_exists(#fence)")
    if floor:
        conditions.append("(attribute_not_exists(#fence) OR (#fence < :floor AND #allocated < :floor))")
    return " AND ".join(conditions)
