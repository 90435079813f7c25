// event.js: an event with its causes.
import {html} from "htl";
import * as f from "./format.js";
import * as p from "./parts.js";

const about = (c) => html`<span>${c.metric_name || c.metric ? p.link("metric", c.metric_slug, c.metric_name ?? c.metric) : ""}${
  c.metric && c.recommendation ? ": " : ""}${c.title ?? c.recommendation ?? ""}</span>`;

function parts(e) {
  const most = Math.max(...e.parts.map((c) => Math.abs(c.points)));
  const columns = [
    {label: "Points", right: true, value: (c) => c.points, cell: (c) => p.bar(c.points, most, f.change(c.points), c.points < 0), title: "change of the score: below 0 where points were lost"},
    {label: "Reason", value: (c) => c.message, wide: true},
    {label: "A change of", value: (c) => (c.is_posture ? "posture" : "what is measured"), title: "posture itself, or of what is measured"}
  ];
  // of a metric's drop all parts may be its own
  if (e.parts.some((c) => c.recommendation || c.metric !== e.object))
    columns.splice(1, 0, {label: "What", value: (c) => c.metric_name ?? c.title ?? "", cell: about, wide: true});
  return p.table(`Parts of the drop of ${e.name}`, columns, e.parts, {foot: html`<tfoot><tr><td class="right">${f.change(-e.drop)}</td>
    <td colspan=${columns.length - 1}>points in all: before they are rounded, the parts sum exactly to this</td></tr></tfoot>`});
}

// Whether a score dropped whatever the unassessed assets are, where there are any.
const certainty = (e) => (e.is_certain == null ? "" : e.is_certain ? ", certain whatever the unassessed assets are"
  : ", perhaps: that depends on the unassessed assets");

export function event(e, open = false) {
  const kind = e.object_kind;
  const ofCoverage = e.kind === "coverage_drop";
  return html`<article class="event">
    <header><h3>${p.link(kind, e.slug, e.name ?? e.object)}</h3>${p.chip(e.status, e.status === "open" ? "alert" : "")}<span class="muted">event ${e.event_id}, ${kind}, ${f.day(e.day)}</span></header>
    <p class="drop"><span class="worse">▼ ${f.points(e.drop)} points${ofCoverage ? " of coverage" : ""}</span> from ${f.score(e.previous_score)} to ${f.score(e.score)}${ofCoverage ? " %" : ""}${
      e.previous_day ? html` <span class="muted">compared with ${f.day(e.previous_day)}${certainty(e)}</span>` : ""}</p>
    <p>${e.cause}.</p>
    ${e.status === "recovered" ? html`<p class="muted">Back at the level of before on ${f.day(e.recovered_on)}.</p>` : ""}
    ${e.status === "superseded" ? html`<p class="muted">Superseded on ${f.day(e.superseded_on)}: ${e.superseded_meaning}.</p>` : ""}
    ${e.acknowledged_by ? html`<p class="muted">Taken in hand by ${e.acknowledged_by} on ${f.day(e.acknowledged_at?.slice(0, 10))}${e.note ? html`: “${e.note}”` : ""}</p>`
      : e.note ? html`<p class="muted">Note: “${e.note}”</p>` : ""}
    ${!ofCoverage && (e.parts.length || e.details.length) ? html`<details open=${open}><summary>Causes</summary>${parts(e)}${
      e.details.length ? html`<p>What the newly exposed assets fail:</p><ul>${e.details.map((c) => html`<li>${c.message}</li>`)}</ul>` : ""}${
      e.effects.length ? html`<p>How it changed the scores of initiatives:</p><ul>${e.effects.map((c) => html`<li>${
        p.link("initiative", c.initiative_slug, c.initiative_name ?? c.initiative)}: ${f.change(c.points)} points</li>`)}</ul>` : ""}</details>` : ""}
  </article>`;
}

// As a list in a card of another page.
export const events = (list) => (list.length ? list.map((e) => event(e)) : html`<p class="muted">Nothing dropped in the last 90 days.</p>`);
