"""Where everything lies in the 512 bytes that a series costs. Read by the kernel and by the codec; it computes nothing.

One row of a (series, 512) byte array holds one series, so a point touches eight neighbouring cache lines and no others.
The row is seen through three views of the same memory: float64 for times and the newest value, float32 for statistics,
uint8 for the patterns. Changing anything here changes the stored format: raise `LAYOUT_VERSION`.
"""

from __future__ import annotations

LAYOUT_VERSION = 2

BYTES_PER_SERIES = 512

# float64, at the beginning of the row
LAST_AT = 0
ORIGIN = 1  # the first value: statistics are kept relative to it, so float32 is enough for 1e12 ± 1
LAST_VALUE = 2
DEBT = 12  # how far the alarm level has moved away from its start, as a share of it
WATCHED = 13  # seconds of judged history; these two add up tiny steps for years, which float32 cannot

# float32
POINTS = 6
INTERVAL = 7  # usual seconds between two points
MEAN = 8  # slow mean, clipped updates
DEVIATION = 9  # slow mean absolute deviation from MEAN
FAST = 10  # means over about 8, 64, 32 and 500 points
MIDDLE = 11
SLOW = 12
SLOWEST = 13
STEP_SCALE = 14  # usual distance of two neighbours
SHIFT_SCALE = 15  # usual |FAST - MIDDLE|
DRIFT_SCALE = 16  # usual |SLOW - SLOWEST|
# 17 is free
SPREAD = 18  # deviation from MIDDLE over about 20 points ...
USUAL_SPREAD = 19  # ... and over about 800
SEASON_SCALE = 20  # usual distance from the seasonal profile
PLAIN_SCALE = 21  # usual distance from MEAN, over the same points
RUN = 22  # equal values in a row, now ...
LONGEST_RUN = 23  # ... and at most before, slowly forgotten
# 24 to 27 are DEBT and WATCHED
BLOCK_SUM = 28  # the block of points that becomes one letter of the pattern
BLOCK_POINTS = 29
PATTERN_SURPRISE = 30  # surprise at the newest pattern, held until the next one
LETTERS = 31  # letters seen so far
RISES = 32  # rises without a fall, which make a counter; -1 = it is one
LAST_SEEN = 33  # the newest value, or rate of a counter, relative to ORIGIN

TAIL_START = 34  # eight tails, of the lanes and of the raw score: log of the statistic's 98 % quantile
TAIL_SCALE = 42  # eight tails: mean excess over it, in logs
PROFILE = 50  # 48 bins: hour of the day on workdays, then at weekends; NaN = never seen

# uint8, the end of the row
PROFILE_BINS = 48
PATTERN_LETTERS = 8
PATTERNS = 11
WORD = 392  # the last eight letters, oldest first
PATTERN_USE = 400  # how often each pattern was met, halved when one is full; 0 = free
PATTERN = 412  # 11 patterns of 8 letters

# float32 again, the last twelve bytes
ALARMS = 125
SINCE_ALARM = 126  # points since the last alarm
LAST_RAW = 127  # the newest raw score; its own tail learns it with the next point
