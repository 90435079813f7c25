// format.js: how numbers, days and texts are written.
export const noData = "no data";

const figures = (digits) => new Intl.NumberFormat("en", {maximumFractionDigits: digits, minimumFractionDigits: digits});
const one = figures(1);
const upTo = (digits) => new Intl.NumberFormat("en", {maximumFractionDigits: digits});

// A score, or an amount of points, as posture's own sentences write it: what is
// below 100 must not read as 100, nor what is above 0 as 0.
export function score(x) {
  if (x == null) return noData;
  if (x > 0 && x < 0.05) return "<0.1";
  if (x >= 99.95 && x < 100) return ">99.9";
  return one.format(x);
}
export const points = score;

export const count = (x) => (x == null ? noData : upTo(2).format(x));

// With its sign: a change says whether it is better or worse.
export const change = (x) => (x == null ? noData : `${x > 0 ? "+" : x < 0 ? "−" : ""}${score(Math.abs(x))}`);

export const percent = (part, whole) => (part == null || !whole ? noData : `${score((100 * part) / whole)} %`);

// The scores that are possible, whatever the unassessed assets are.
export const range = (x) => (x.score_low == null ? noData : `${score(x.score_low)} to ${score(x.score_high)}`);

// A day is text, YYYY-MM-DD; as a moment it is that day's midnight in UTC, and
// is shown in UTC, so that no time zone moves it.
export const moment = (day) => new Date(`${day}T00:00:00Z`);
const long = new Intl.DateTimeFormat("en-GB", {timeZone: "UTC", day: "numeric", month: "short", year: "numeric"});
const short = new Intl.DateTimeFormat("en-GB", {timeZone: "UTC", day: "numeric", month: "short"});
export function day(text) {
  if (text == null) return "";
  return isNaN(moment(text)) ? text : long.format(moment(text));
}
export const dayShort = (date) => short.format(date);

// 2 assets, 1 asset
export const counted = (n, noun) => `${count(n)} ${noun}${n === 1 ? "" : "s"}`;

export const words = (text) => (text ?? "").replaceAll("_", " ");

// Remediation as plain text, whatever a source wrote it in. The parser makes a
// document that is never shown: nothing in it runs or loads.
export function plain(text, markup) {
  if (!text || markup !== "html") return text ?? "";
  const {body} = new DOMParser().parseFromString(text, "text/html");
  for (const br of body.querySelectorAll("br, p, li, div")) br.append("\n");
  for (const script of body.querySelectorAll("script, style")) script.remove();
  return body.textContent.replace(/\n\s*\n+/g, "\n").trim();
}
