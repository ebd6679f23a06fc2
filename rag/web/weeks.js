// Papers a week, or a month where there are too many weeks to be told apart.

const DAY = 86_400_000;
const MOST_WEEKS = 160;

/** @param {string} date */
const time = (date) => Date.parse(`${date}T00:00:00Z`);

/** @param {number} at */
const iso = (at) => new Date(at).toISOString().slice(0, 10);

/**
 * The Monday of a day's week.
 * @param {string} date such as 2024-07-16
 */
export function monday(date) {
  const at = time(date);
  return iso(at - ((new Date(at).getUTCDay() + 6) % 7) * DAY);
}

/**
 * Counts of days by week, or by month, from the first to the last with none left out.
 * @param {string[]} dates of papers that were found
 * @param {string} [since] count from this day, if that is earlier
 * @param {string} [until] and to this one, if that is later
 * @returns {{unit: "week" | "month", bars: {since: string, until: string, count: number}[]}}
 */
export function timeline(dates, since, until) {
  const ends = [...dates, since, until].filter((one) => one !== undefined && one !== "").sort();
  const first = /** @type {string | undefined} */ (ends[0]);
  const last = /** @type {string | undefined} */ (ends.at(-1));
  if (!first || !last) return { unit: "week", bars: [] };
  const weeks = (time(monday(last)) - time(monday(first))) / (7 * DAY) + 1;
  const unit = weeks > MOST_WEEKS ? "month" : "week";
  const begin = unit === "week" ? monday : (/** @type {string} */ date) => `${date.slice(0, 7)}-01`;
  /** @param {number} at */
  const next = (at) => (unit === "week" ? at + 7 * DAY : new Date(at).setUTCMonth(new Date(at).getUTCMonth() + 1));
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const date of dates) counts.set(begin(date), (counts.get(begin(date)) ?? 0) + 1);
  const bars = [];
  for (let at = time(begin(first)); at <= time(last); at = next(at)) {
    bars.push({ since: iso(at), until: iso(next(at) - DAY), count: counts.get(iso(at)) ?? 0 });
  }
  return { unit, bars };
}
