"""Where everything lies in the 512 bytes that a series costs. Read by the kernel and by the codec; it computes nothing.

One row of a (series, 512) byte array holds one series, aligned to cache lines. What every point needs fills the first
three lines and a bit of the fourth, so a point touches these, its hour of the profile, and once a letter the patterns.
The row is seen through three views of the same memory: float64 for times and the newest value, float32 for statistics,
uint8 for the patterns. Changing anything here changes the stored format: raise `LAYOUT_VERSION`.
"""

from __future__ import annotations

LAYOUT_VERSION = 3

BYTES_PER_SERIES = 512
CACHE_LINE = 64

# float64, at the beginning of the row
LAST_AT = 0
ORIGIN = 1  # the first value: statistics are kept relative to it, so float32 is enough for 1e12 ± 1
LAST_VALUE = 2
DEBT = 3  # how far the alarm level has moved away from its start, as a share of it
WATCHED = 4  # seconds of judged history; these two add up tiny steps for years, which float32 cannot

# float32, behind them; what a change of nature forgets begins at POINTS
ALARMS = 10
SINCE_ALARM = 11  # points since the last alarm
POINTS = 12
INTERVAL = 13  # usual seconds between two points
MEAN = 14  # slow mean, clipped updates
LAST_SEEN = 15  # the newest value, or rate of a counter, relative to ORIGIN
MEANS = 16  # four means, over about 8, 64, 32 and 500 points: FAST, MIDDLE, SLOW, SLOWEST
BLOCK_SUM = 20  # the block of points that becomes one letter of the pattern
BLOCK_POINTS = 21
PATTERN_SURPRISE = 22  # surprise at the newest pattern, held until the next one
LAST_RAW = 23  # the newest raw score; its own tail learns it with the next point
SCALES = 24  # eight usual distances, in the order of `lanes.py`
TAIL_START = 32  # eight tails, of the lanes and of the raw score: log of the statistic's 98 % quantile
TAIL_SCALE = 40  # eight tails: mean excess over it, in logs
RUN = 48  # equal values in a row, now ...
LONGEST_RUN = 49  # ... and at most before, slowly forgotten
RISES = 50  # rises without a fall, which make a counter; -1 = it is one
LETTERS = 51  # letters seen so far
PROFILE = 52  # 48 bins: hour of the day on workdays, then at weekends; NaN = never seen
PROFILE_BINS = 48

# uint8, the end of the row
PATTERN_LETTERS = 8
PATTERNS = 11
WORD = 400  # the last eight letters, oldest first
PATTERN_USE = 408  # how often each pattern was met, halved when one is full; 0 = free
PATTERN = 420  # 11 patterns of 8 letters; four bytes are free behind them
