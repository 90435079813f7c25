import {html} from "htl";
import * as f from "./format.js";
import * as p from "./parts.js";

const gap = (i) => (i.target_score == null ? "no target" : i.missing === 0 ? `target ${f.score(i.target_score)} reached`
  : i.missing == null ? `target ${f.score(i.target_score)}` : `${f.points(i.missing)} below the target of ${f.score(i.target_score)}`);

const exposed = (i) => (!i.metrics ? html`<span class="muted">by points</span>` : html`<span class="nowrap">${f.count(i.exposed_assets)}${i.critical_assets ? html`, <b>${f.count(i.critical_assets)} critical</b>` : ""}</span>`);

const pinned = (i) => html`<section class="card pinned"><h2>${p.link("initiative", i.slug, i.name)}</h2>
  ${p.bigScore(i.score)}${p.scoreBar(i.score, i.target_score, i)}${p.coverage(i)}
  <p>${p.chip(i.zone)} <span class="muted">${i.score == null ? "nothing of it is assessed" : gap(i)}</span></p>
  ${p.sparkline(i.trend_14d, i.target_score, 180, 48)}
  <p>${p.changed(i.change_14d, "in 14 days")}</p>
  <p>${i.open_events ? html`<a href=${p.href("events.html")}>${f.counted(i.open_events, "open event")}</a>` : "No open events"}<br>${
    i.metrics ? html`${f.counted(i.exposed_assets, "exposed asset")}${i.critical_assets ? html`, <b>${f.count(i.critical_assets)} critical</b>` : ""}` : "Scored by points"}</p></section>`;

export function overview({about, initiatives, status, days}) {
  if (!initiatives.length) return p.page("Overview", null, p.emptyDatabase(), health(status));
  const first = initiatives.filter((i) => i.is_pinned);
  return p.page("Overview", days[0] ? `${f.day(days[0].day)}: ${days[0].summary}` : null,
    first.length ? html`<div class="cards">${first.map(pinned)}</div>` : null,
    p.card(first.length ? "All initiatives" : "Initiatives", p.table("Initiatives, as they stand now", [
      {label: "Initiative", value: (i) => i.name, cell: (i) => p.link("initiative", i.slug, i.name), wide: true},
      {label: "Score", title: "0 to 100, with the target as a tick", right: true, value: (i) => i.score, cell: (i) => html`<div>${f.score(i.score)}${p.scoreBar(i.score, i.target_score, i)}${p.coverage(i)}</div>`},
      {label: "Zone", value: (i) => i.zone, cell: (i) => p.chip(i.zone)},
      {label: "Target", right: true, value: (i) => i.target_score, cell: (i) => (i.target_score == null ? html`<span class="muted">none</span>` : f.score(i.target_score))},
      {label: "1 day", title: "points since yesterday", right: true, value: (i) => i.change_1d, cell: (i) => p.change(i.change_1d)},
      {label: "14 days", title: "points in 14 days", right: true, value: (i) => i.change_14d, cell: (i) => p.change(i.change_14d)},
      {label: "14-day trend", title: "on a scale of 0 to 100", cell: (i) => p.sparkline(i.trend_14d, i.target_score, 100, 30)},
      {label: "Exposed", title: "exposed assets, and how many of them are critical", right: true, value: (i) => i.exposed_assets, cell: exposed},
      {label: "Open events", right: true, value: (i) => i.open_events, cell: (i) => f.count(i.open_events)}
    ], initiatives)),
    p.card("The last days", days.length ? p.table("What happened, by day", [
      {label: "Day", value: (d) => d.day, cell: (d) => html`<span class="nowrap">${f.day(d.day)}</span>`},
      {label: "What happened", cell: (d) => d.summary, wide: true}
    ], days) : p.noSnapshot()),
    health(status));
}

// What is wrong with posture itself, as far as the reader may see it.
const health = (status) => (status.length ? p.card("posture itself", p.table("Warnings of posture.status()", [
  {label: "What", cell: (s) => s.item},
  {label: "How it stands", cell: (s) => s.message, wide: true},
  {label: "What to do", cell: (s) => (s.hint ? html`<code>${s.hint}</code>` : ""), wide: true}
], status)) : "");
