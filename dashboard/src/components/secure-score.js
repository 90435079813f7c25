import {html} from "htl";
import {scoreChart} from "./chart.js";
import * as f from "./format.js";
import * as p from "./parts.js";

export function secureScore({about, initiatives}) {
  const lead = "Initiatives that are scored by points, beside what others score.";
  if (about.initiatives === 0) return p.page("Secure Score", lead, p.emptyDatabase());
  if (!initiatives.length) return p.page("Secure Score", lead, p.card(null, p.nothing("No initiative is scored by points.",
    ["Load Microsoft Secure Score, which also brings what others score:", "SELECT * FROM posture.load('graph-secure-score-profiles', :'document');\nSELECT * FROM posture.load('graph-secure-scores', :'document');"])));
  return p.page("Secure Score", lead, initiatives.map(one));
}

function one({initiative: i, days, benchmarks, parts}) {
  const now = days[days.length - 1];
  const groups = [...new Set(benchmarks.map((b) => b.benchmark))].map((key) => benchmarks.filter((b) => b.benchmark === key));
  const latest = groups.map((rows) => rows[rows.length - 1]);
  const part = (kind, title) => {
    const rows = parts.filter((r) => r.part === kind);
    return p.card(title, p.table(`Points of ${i.name} by ${kind} today`, [
      {label: kind === "domain" ? "Domain" : "Workload", value: (r) => r.value, cell: (r) => r.value ?? html`<span class="muted">none</span>`},
      {label: "Achieved", title: "points", right: true, value: (r) => r.achieved, cell: (r) => f.count(r.achieved)},
      {label: "Possible", title: "points", right: true, value: (r) => r.possible, cell: (r) => f.count(r.possible)},
      {label: "Percentage", right: true, value: (r) => r.percentage, cell: (r) => f.score(r.percentage)},
      {label: "0 to 100", cell: (r) => p.scoreBar(r.percentage)}
    ], rows, {empty: "No points are possible today."}));
  };
  return html`<div><h2>${p.link("initiative", i.slug, i.name)}</h2>
    <div class="split">${p.card("Now", p.bigScore(now.percentage, now.zone), p.scoreBar(now.percentage, i.target_score),
      html`<p>${now.possible == null ? "No points are possible today." : html`<b>${f.count(now.achieved)}</b> of ${f.count(now.possible)} points`}</p>`,
      latest.length ? html`<dl>${latest.map((b) => html`<div><dt>${b.name ?? b.benchmark}, ${f.day(b.day)}</dt><dd>${f.score(b.score)}${
        b.difference == null ? "" : html` (own ${p.change(b.difference)})`}</dd></div>`)}</dl>` : html`<p class="muted">Nobody to compare with: no benchmark is loaded.</p>`)}
    ${p.card("Score by day", scoreChart(`Score of ${i.name} by day, with benchmarks`,
      [{name: i.name, rows: days.map((d) => ({day: d.day, score: d.percentage}))}, ...groups.map((rows) => ({name: rows[0].name ?? rows[0].benchmark, rows}))], {target: i.target_score}))}</div>
    <div class="halves">${part("domain", "By domain, today")}${part("workload", "By workload, today")}</div></div>`;
}
