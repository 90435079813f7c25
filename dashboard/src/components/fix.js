import {html} from "htl";
import {climbChart} from "./chart.js";
import * as f from "./format.js";
import * as p from "./parts.js";

const severity = (r) => ["low", "medium", "high", "critical"].indexOf(r.severity);

export const head = ({about, known}) => p.page("What to fix first",
  "What gains most comes first: done in this order, each step brings the initiative closest to its target.",
  about.initiatives === 0 ? p.emptyDatabase() : known === 0 ? p.card(null, p.nothing("There are initiatives, and no findings yet.",
    ["Load some, or assess this PostgreSQL server itself:", "SELECT * FROM posture.assess_cluster();"])) : "");

export function plan(of) {
  const goal = of.target_score == null ? `as far as it can get, ${f.score(of.achievable_score)}` : `its target of ${f.score(of.target_score)}`;
  if (!of.steps.length) return p.card(null, html`<p>${p.link("initiative", of.slug, of.name)}: ${
    of.score == null ? "nothing of it is assessed." : of.score >= (of.target_score ?? 100) ? `it stands at ${f.score(of.score)}, its target is reached.` : "nothing is left to do."}</p>`);
  const last = of.steps[of.steps.length - 1];
  const most = Math.max(...of.steps.map((s) => s.gain));
  return p.card(null, html`<h2>${p.link("initiative", of.slug, of.name)}</h2>`,
    html`<p>From ${f.score(of.score)} to ${goal}: ${f.counted(of.steps.length, "step")}${
      of.target_score != null && last.score < of.target_score ? `, which lead to ${f.score(last.score)} and not further` : ""}.</p>`,
    climbChart(`Score of ${of.name} after each step: from ${f.score(of.score)} to ${f.score(last.score)}`, of.score, of.steps, of.target_score),
    p.table(`Steps for ${of.name}`, [
      {label: "Step", right: true, value: (s) => s.rank},
      {label: "Recommendation", value: (s) => s.title, cell: (s) => s.title ?? s.recommendation, wide: true},
      {label: "Gain", title: "points that the initiative gains by it", right: true, value: (s) => s.gain, cell: (s) => p.bar(s.gain, most)},
      {label: "Score then", right: true, value: (s) => s.score, cell: (s) => f.score(s.score)},
      {label: "Assets", title: "assets to remediate", right: true, value: (s) => s.assets, cell: (s) => f.count(s.assets)},
      {label: "Severity", value: severity, cell: (s) => f.words(s.severity)},
      {label: "Assigned to, due", value: (s) => s.due_on ?? s.assigned_to, cell: p.due},
      {label: "Remediation", cell: p.remediation, wide: true}
    ], of.steps));
}

export const recommendations = (rows) => p.card("Everything that is open", p.table("Recommendations that something fails", [
  {label: "Recommendation", value: (r) => r.title, cell: (r) => r.title ?? r.recommendation, wide: true},
  {label: "Severity", value: severity, cell: (r) => f.words(r.severity)},
  {label: "Exposed", title: "assets that fail it, of those it applies to", right: true, value: (r) => r.exposed_assets,
    cell: (r) => html`<span class="nowrap">${f.count(r.exposed_assets)} of ${f.count(r.assessed_assets)}</span>`},
  {label: "Initiatives", title: "initiatives that it counts in", right: true, value: (r) => r.initiatives, cell: (r) => f.count(r.initiatives)},
  {label: "Source", value: (r) => r.source},
  {label: "Area", value: (r) => r.domain, cell: (r) => r.domain ?? ""},
  {label: "Assigned to, due", value: (r) => r.due_on ?? r.assigned_to, cell: p.due},
  {label: "Remediation", cell: p.remediation, wide: true}
], rows, {empty: "Nothing fails."}));

export const assignments = (rows) => p.card("Who has what to do", p.table("Recommendations by who has them to do", [
  {label: "Assigned to", value: (a) => a.assigned_to, cell: (a) => a.assigned_to ?? html`<span class="muted">nobody</span>`, wide: true},
  {label: "Overdue", right: true, value: (a) => a.overdue, cell: (a) => (a.overdue ? html`<span class="worse">${f.count(a.overdue)}</span>` : "0")},
  {label: "On time", right: true, value: (a) => a.on_time, cell: (a) => f.count(a.on_time)},
  {label: "Completed", right: true, value: (a) => a.completed, cell: (a) => f.count(a.completed)},
  {label: "Exposed assets", right: true, value: (a) => a.exposed_assets, cell: (a) => f.count(a.exposed_assets)},
  {label: "Next due", value: (a) => a.next_due, cell: (a) => html`<span class="nowrap">${f.day(a.next_due)}</span>`}
], rows, {empty: "Nothing is assigned, and nothing to assign."}));
