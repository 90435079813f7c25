import {html} from "htl";
import {scoreChart} from "./chart.js";
import {events as eventList} from "./event.js";
import * as f from "./format.js";
import * as p from "./parts.js";

const methods = {
  weighted: "The score is the mean of the metrics' scores by their weights.",
  population: "The score is the share of healthy assets over all metrics, by their weights.",
  points: "The score is the points achieved of those possible."
};

function facts(i) {
  const rows = [
    ["Target", i.target_score == null ? "none" : `${f.score(i.target_score)}${i.target_on ? ` by ${f.day(i.target_on)}` : ""}`],
    ["Still missing", i.missing == null ? "–" : i.missing === 0 ? "reached" : `${f.points(i.missing)} points`],
    ["Maturity", i.maturity ?? f.noData],
    ["Pace of 14 days", i.slope_14d == null ? f.noData : `${f.change(i.slope_14d)} points a day`],
    ["On track, at that pace", i.on_track_14d == null ? "can't be told" : i.on_track_14d ? "yes" : "no"],
    ["If all that is assigned were done", f.score(i.planned_score)],
    ["If everything were done", f.score(i.achievable_score)],
    ["Owner", i.owner ?? "none"]
  ];
  return html`<dl>${rows.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

export function initiative({initiative: i, metrics, history, benchmarks, events, steps}) {
  const others = [...new Set(benchmarks.map((b) => b.benchmark))].map((key) => benchmarks.filter((b) => b.benchmark === key))
    .map((rows) => ({name: rows[0].name ?? rows[0].benchmark, rows}));
  const most = Math.max(0, ...metrics.map((m) => m.score_impact ?? 0));
  const drops = events.filter((e) => e.object_kind === "initiative");
  return p.page(i.name, i.description,
    html`<div class="split">${p.card("Now", p.bigScore(i.score, i.zone), p.scoreBar(i.score, i.target_score, i), p.coverage(i),
      html`<p>${p.changed(i.change_1d, "since yesterday")}<br>${p.changed(i.change_14d, "in 14 days")}</p>`, facts(i))}
    ${p.card("Score by day", history.length ? scoreChart(`Score of ${i.name} by day`, [{name: i.name, rows: history}, ...others], {target: i.target_score, events: drops}) : p.noSnapshot())}</div>`,
    metrics.length ? p.card("Metrics", p.note(methods[i.method], " Score impact: what the initiative would gain were that metric at 100."),
      p.table(`Metrics of ${i.name}`, [
        {label: "Metric", value: (m) => m.name, cell: (m) => p.link("metric", m.slug, m.name), wide: true},
        {label: "State", value: (m) => m.state, cell: (m) => p.chip(m.state, m.state === "needs_attention" ? "alert" : "")},
        {label: "Score", title: "0 to 100", right: true, value: (m) => m.score, cell: (m) => html`${f.score(m.score)}${
          m.unassessed_assets > 0 ? html`<br><span class="muted nowrap">${f.range(m)}</span>` : ""}`},
        ...(metrics.some((m) => m.unassessed_assets > 0) ? [{label: "Coverage", title: "share of its population that is assessed; where it is below 100 %, the scores that are possible stand below the score",
          right: true, value: (m) => m.coverage_pct, cell: (m) => (m.coverage_pct == null ? f.noData : html`<span class="nowrap">${f.score(m.coverage_pct)} %</span>`)}] : []),
        {label: "Exposed", title: "distinct assets exposed, of those assessed, and how many of the exposed are critical", right: true, value: (m) => m.exposed_pct,
          cell: (m) => (m.score == null ? f.noData : html`<span class="nowrap">${f.count(m.exposed_assets)} of ${f.count(m.assessed_assets)}${
            m.critical_assets ? html`,<br><b>${f.count(m.critical_assets)} critical</b>` : ""}</span>`)},
        {label: "Weight", right: true, value: (m) => m.weight, cell: (m) => f.count(m.weight)},
        {label: "Score impact", title: "points", right: true, value: (m) => m.score_impact, cell: (m) => p.bar(m.score_impact, most)},
        {label: "1 day", title: "points since yesterday", right: true, value: (m) => m.change_1d, cell: (m) => p.change(m.change_1d)},
        {label: "14-day trend", title: "on a scale of 0 to 100", cell: (m) => p.sparkline(m.trend_14d, null, 100, 30)}
      ], metrics)) : p.card("Metrics", html`<p class="muted">It has no metrics: it is scored by the points of its recommendations.</p>`),
    p.card("What to fix first", steps.length ? html`<ol class="steps">${steps.slice(0, 5).map((s) => html`<li>${s.title ?? s.recommendation}
      <span class="muted">gains ${f.points(s.gain)} points, to ${f.score(s.score)}</span></li>`)}</ol>
      <p><a href=${p.href("fix.html")}>All steps, with how to do them</a></p>` : html`<p class="muted">${
        i.score == null ? "Nothing of it is assessed." : i.missing === 0 ? "The target is reached." : "Nothing is left to do."}</p>`),
    p.card("Events", eventList(events)));
}
