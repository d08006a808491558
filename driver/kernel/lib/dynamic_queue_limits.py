"""Dynamic queue limits: how many bytes to let into a queue so that it just never runs dry.

The queue works in intervals, from one completion to the next. It was starved if it had been filled to the limit and
came out empty: then the limit grows at once. It is too long if something was always left over: then, once the least
that was left over is known for a second, the limit shrinks by that much (lib/dynamic_queue_limits.c).
"""

from __future__ import annotations

#: Bound of the limit: UINT_MAX / 2 less the largest object (include/linux/dynamic_queue_limits.h).
DQL_MAX_OBJECT = 0xFFFF_FFFF // 16
DQL_MAX_LIMIT = 0xFFFF_FFFF // 2 - DQL_MAX_OBJECT

_NO_SLACK_YET = 0xFFFF_FFFF


class Dql:
    """One queue's limit and counters, all in bytes (struct dql).

    Attributes:
        num_queued, num_completed: sums since the last reset.
        limit: how much may be under way.
        adj_limit: the sum up to which may be queued: the limit and all that is completed.
        min_limit, max_limit: bounds of the limit.
        lowest_slack: the least that was left over since ``slack_start_time``.
        slack_start_time, slack_hold_time: in jiffies.
    """

    __slots__ = (
        "adj_limit",
        "last_obj_cnt",
        "limit",
        "lowest_slack",
        "max_limit",
        "min_limit",
        "num_completed",
        "num_queued",
        "prev_last_obj_cnt",
        "prev_num_queued",
        "prev_ovlimit",
        "slack_hold_time",
        "slack_start_time",
    )

    def __init__(self, hold_time: int) -> None:
        self.max_limit = DQL_MAX_LIMIT
        self.min_limit = 0
        self.slack_hold_time = hold_time
        self.reset(0)

    def reset(self, jiffies: int) -> None:
        """dql_reset: the queue is empty and nothing is known of it."""
        self.limit = self.min_limit
        self.adj_limit = self.min_limit
        self.num_queued = self.num_completed = 0
        self.last_obj_cnt = self.prev_last_obj_cnt = 0
        self.prev_num_queued = self.prev_ovlimit = 0
        self.lowest_slack = _NO_SLACK_YET
        self.slack_start_time = jiffies

    def queued(self, count: int) -> None:
        """dql_queued: so many bytes go into the queue as one object."""
        self.last_obj_cnt = count
        self.num_queued += count

    @property
    def avail(self) -> int:
        """dql_avail: bytes that may still be queued; negative if there is too much already."""
        return self.adj_limit - self.num_queued

    def completed(self, count: int, jiffies: int) -> None:
        """dql_completed: so many bytes left the queue; an interval ends.

        Raises:
            RuntimeError: more than is in the queue (BUG_ON in Linux).
        """
        if count > self.num_queued - self.num_completed:
            raise RuntimeError(
                f"kernel BUG: dql_completed of {count} bytes, but {self.num_queued - self.num_completed} are queued; "
                "report the same bytes to netdev_tx_sent_queue and to netdev_tx_completed_queue"
            )
        completed = self.num_completed + count
        over = max(self.num_queued - self.num_completed - self.limit, 0)
        in_progress = self.num_queued - completed
        was_in_progress = self.prev_num_queued - self.num_completed
        all_of_before = completed >= self.prev_num_queued
        limit = self.limit
        if (over and not in_progress) or (self.prev_ovlimit and all_of_before):
            limit += max(completed - self.prev_num_queued, 0) + self.prev_ovlimit
            self._begin_slack(jiffies)
        elif in_progress and was_in_progress and not all_of_before:
            self.lowest_slack = min(self.lowest_slack, self._slack(count))
            if jiffies > self.slack_start_time + self.slack_hold_time:
                limit = max(limit - self.lowest_slack, 0)
                self._begin_slack(jiffies)
        limit = min(max(limit, self.min_limit), self.max_limit)
        if limit != self.limit:
            self.limit = limit
            over = 0
        self.adj_limit = limit + completed
        self.prev_ovlimit = over
        self.prev_last_obj_cnt = self.last_obj_cnt
        self.num_completed = completed
        self.prev_num_queued = self.num_queued

    def _slack(self, count: int) -> int:
        """What was left over in a busy interval in which so many bytes were completed.

        Twice that many is what the queue may need; the part of the last object that lay below the limit is slack too.
        """
        left_over = self.limit + self.prev_ovlimit - 2 * count
        last_object = self.prev_last_obj_cnt - self.prev_ovlimit if self.prev_ovlimit else 0
        return max(left_over, last_object, 0)

    def _begin_slack(self, jiffies: int) -> None:
        self.slack_start_time = jiffies
        self.lowest_slack = _NO_SLACK_YET
