import {html} from "htl";
import {criticalityChart, scoreChart} from "./chart.js";
import {events as eventList} from "./event.js";
import * as f from "./format.js";
import * as p from "./parts.js";

const assetColumns = (assets) => [
  {label: "Asset", value: (a) => a.name ?? a.asset, cell: (a) => a.name ?? a.asset, wide: true},
  {label: "Criticality", value: (a) => ["low", "medium", "high", "critical"].indexOf(a.criticality), cell: (a) => a.criticality},
  {label: "Kind", value: (a) => a.kind},
  ...(assets.some((a) => a.owner) ? [{label: "Owner", value: (a) => a.owner, cell: (a) => a.owner ?? ""}] : [])
];

export function metric({metric: m, initiatives, recommendations, counts, exposed, unassessed, history, events}) {
  const total = counts.reduce((sum, c) => sum + c.assets, 0);
  const most = Math.max(0, ...initiatives.map((i) => i.score_impact ?? 0));
  return p.page(m.name, m.description,
    html`<div class="split">${p.card("Now", p.bigScore(m.score), p.scoreBar(m.score, null, m), p.coverage(m),
      html`<p>${p.chip(m.state, m.state === "needs_attention" ? "alert" : "")} ${p.chip(`importance ${m.importance}`)}</p>`,
      html`<p>${m.score == null ? "Nothing of it is assessed." : html`<b>${f.count(m.exposed_assets)}</b> of ${f.count(m.assessed_assets)} exposed, ${f.percent(m.exposed_assets, m.assessed_assets)}`}</p>`,
      html`<p>${p.changed(m.change_1d, "since yesterday")}</p>`)}
    ${p.card("Score by day", history.length ? scoreChart(`Score of ${m.name} by day`, [{name: m.name, rows: history}], {events: events.filter((e) => e.kind === "metric_score_drop")}) : p.noSnapshot())}</div>`,
    p.card("Recommendations", p.note("An asset that fails several of them counts once in the metric."), p.table(`Recommendations of ${m.name}`, [
      {label: "Recommendation", value: (r) => r.title, cell: (r) => r.title ?? r.recommendation, wide: true},
      {label: "State", value: (r) => r.state, cell: (r) => p.chip(r.state, r.state === "non_compliant" ? "alert" : "")},
      {label: "Severity", value: (r) => ["low", "medium", "high", "critical"].indexOf(r.severity), cell: (r) => f.words(r.severity)},
      {label: "Exposed", title: "assets that fail it, of those it applies to", right: true, value: (r) => r.exposed_assets,
        cell: (r) => (r.state === "not_available" ? f.noData : html`<span class="nowrap">${f.count(r.exposed_assets)} of ${f.count(r.assessed_assets)}</span>`)},
      {label: "Assigned to, due", value: (r) => r.due_on ?? r.assigned_to, cell: p.due},
      {label: "Remediation", cell: p.remediation, wide: true}
    ], recommendations, {empty: "It has no recommendations."})),
    p.card("Exposed assets by criticality", total ? html`<div class="split">${criticalityChart(`Exposed assets of ${m.name}`, counts)}
      <div>${p.table(`Exposed assets of ${m.name}`, assetColumns(exposed), exposed)}${total > exposed.length ? p.note(`The ${exposed.length} most critical of ${f.count(total)}.`) : ""}</div></div>`
      : html`<p class="muted">${m.score == null ? "Nothing of it is assessed." : "No asset is exposed."}</p>`),
    m.unassessed_assets > 0 ? p.card("Unassessed assets", p.note("Members of its population that none of its recommendations assesses."),
      p.table(`Unassessed assets of ${m.name}`, [
        ...assetColumns(unassessed),
        {label: "Last seen", value: (a) => a.last_seen, cell: (a) => html`<span class="nowrap">${f.day(a.last_seen)}</span>`}
      ], unassessed, {empty: "The role that these pages were read with does not see them."}),
      unassessed[0]?.total > unassessed.length ? p.note(`The ${unassessed.length} most critical of ${f.count(unassessed[0].total)}.`) : "") : null,
    p.card("Initiatives that it counts in", p.table(`Initiatives with ${m.name}`, [
      {label: "Initiative", value: (i) => i.name, cell: (i) => p.link("initiative", i.slug, i.name), wide: true},
      {label: "Its score", right: true, value: (i) => i.score, cell: (i) => f.score(i.score)},
      {label: "Weight there", right: true, value: (i) => i.weight, cell: (i) => f.count(i.weight)},
      {label: "Score impact", title: "points that the initiative would gain were the metric at 100", right: true, value: (i) => i.score_impact, cell: (i) => p.bar(i.score_impact, most)}
    ], initiatives)),
    p.card("Events", eventList(events)));
}
