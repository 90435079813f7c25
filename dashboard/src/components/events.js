import {html} from "htl";
import {event} from "./event.js";
import * as f from "./format.js";
import * as p from "./parts.js";

export function events({about, events: all}, status) {
  const shown = status === "all" ? all : all.filter((e) => e.status === status);
  return shown.length ? html`<div>${shown.map((e, i) => html`<div class="card">${event(e, i === 0)}</div>`)}</div>`
    : html`<p class="muted">${all.length ? "None." : "Nothing dropped in the last 90 days."}</p>`;
}

export const head = ({about, events: all}) => p.page("Events",
  "Scores and coverage that dropped, and why: what is open, and what dropped in the last 90 days.",
  about.initiatives === 0 ? p.emptyDatabase() : about.days === 0 ? p.card(null, p.noSnapshot())
    : all.some((e) => e.status === "open") ? p.note("An event recovers by itself when posture brings the score back. To take one in hand: ", html`<code>SELECT posture.acknowledge(event_id, 'note');</code>`) : "");

export const statuses = ({events: all}) => new Map([["all", "all"], ["open", "open"], ["acknowledged", "acknowledged"], ["recovered", "recovered"], ["superseded", "superseded"]]
  .map(([value, label]) => [`${label} (${f.count(value === "all" ? all.length : all.filter((e) => e.status === value).length)})`, value]));
